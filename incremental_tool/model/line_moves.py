"""How lines of a text have moved since an object was compiled from it.

Knows nothing of objects.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    Move = tuple[int, int, int]
