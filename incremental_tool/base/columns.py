"""Columns of u32 as they lie on disk: little-endian, whatever the machine.

Knows nothing of what the numbers mean.
"""

from __future__ import annotations

import sys
from array import array


def packed(column: array[int]) -> bytes:
    """Return a column's bytes."""
    if sys.byteorder == "little":
        return column.tobytes()
    turned = array("I", column)
    turned.byteswap()
    return turned.tobytes()


def unpacked(content: memoryview) -> array[int]:
    """Return the column that these bytes are."""
    column = array("I", bytes(content))
    if sys.byteorder == "big":
        column.byteswap()
    return column
