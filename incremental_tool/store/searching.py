"""The bytes of a searching: a list through zlib.

A list (`store.snapshot.list_of`) of: the number of each action (u32 each); the search
paths, each joined by NUL, as a list; and, each joined by NUL, commands, suffixes scanned,
foreign suffixes, reserved files, folders. Knows nothing of files.
"""

from __future__ import annotations

from incremental_tool.model.searching import FIRST, Searching
from incremental_tool.store.snapshot import integers, list_of, strings_of

_LIMIT = 1 << 28
"""Bytes at most: a hundred times what 100,000 actions need."""


def pack_searching(searching: Searching) -> bytes:
    """Return a searching as bytes."""
    from zlib import compress

    fields = [
        integers("I", searching.of),
        list_of([b"\0".join(path) for path in searching.paths]),
        *map(b"\0".join, (searching.commands, searching.scanned, searching.foreign)),
        *map(b"\0".join, (searching.reserved, searching.folders)),
    ]
    return compress(list_of(fields), 1)


def unpack_searching(packed: bytes) -> Searching:
    """Return what `pack_searching` packed. Raises ValueError or TypeError; empty for nothing."""
    import zlib

    searching = Searching()
    if not packed:
        return searching
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(packed, _LIMIT)
    except zlib.error as error:
        raise ValueError(error) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("searching")
    numbers, paths, *lists = strings_of(content)
    searching.of = memoryview(numbers).cast("I").tolist()
    searching.paths = [_joined(path) for path in strings_of(paths)]
    (
        searching.commands,
        searching.scanned,
        searching.foreign,
        searching.reserved,
        searching.folders,
    ) = map(_joined, lists)
    if max(searching.of, default=0) >= FIRST + len(searching.paths):
        raise ValueError("search path")
    return searching


def _joined(text: bytes) -> list[bytes]:
    return text.split(b"\0") if text else []
