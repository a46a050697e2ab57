"""What SCons keeps of a file, and what is raised where its database is not as it is known.

Knows nothing of how SCons keeps it.
"""

from __future__ import annotations


class Unexpected(Exception):  # noqa: N818 - it names what was found
    """The database is not as this tool knows it; the text says in what."""


class Signature:
    """What SCons keeps of a file: the hash of its content, its time in seconds, its size."""

    __slots__ = ("csig", "size", "timestamp")

    def __init__(self, csig: str, timestamp: int, size: int) -> None:
        self.csig = csig
        self.timestamp = timestamp
        self.size = size
