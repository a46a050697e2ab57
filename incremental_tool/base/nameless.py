"""Files without names: what a program says is kept in one until it has ended.

Each program has its own: what a process that it left behind says later must not turn
up among the next one's messages. In memory where there are such files.

Knows nothing of programs.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence


def nameless_file() -> int:
    """Return a descriptor of an empty file. Raises OSError."""
    try:
        return os.memfd_create("incremental")
    except (AttributeError, OSError):
        pass  # not Linux, or an old one
    import tempfile

    with tempfile.TemporaryFile(prefix="incremental-") as file:
        return os.dup(file.fileno())


def content_of(descriptor: int) -> bytes:
    """Return all that has been written to such a file. Raises OSError."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0) if size else b""


def close_all(descriptors: Sequence[int]) -> None:
    """Close such files; what they held is gone."""
    for descriptor in descriptors:
        os.close(descriptor)
