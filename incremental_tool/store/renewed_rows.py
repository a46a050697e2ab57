"""Rows of a snapshot that a replay has made out of date, kept beside it until it is written anew.

An edit changes a handful of a snapshot's rows, and the snapshot has megabytes. `<key>.rows`, in
the byte order of the machine, each number u64::

    magic      8 bytes   b"INCROWS" and the format's version
    base       xxh3-64   of the front that the rows belong to, as the snapshot's head has it
    count
    rows       count times a place and the six integers of `model.snapshot.ROW`
    seal       xxh3-64   of all that stands above

A place is an index among the files, or the number of files and an index among the folders.

Rows that are damaged, or belong to another front, are ignored: then the snapshot
shows the files as they were before, and the next run finds that they have changed.

Imports nothing that a start-up would feel. Knows nothing of how a row comes about.
"""

from __future__ import annotations

import os
from struct import Struct

from incremental_tool.base.digest import checksum_of
from incremental_tool.model.snapshot import ROW

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"INCROWS\x01"
MOST = 2000
"""Rows beyond which the snapshot is to be written anew."""

_HEAD = Struct("=8sQQ")
_PLACE = Struct("=Q")
_SIZE = _PLACE.size + ROW.size
_SEAL = Struct("=Q")


def path_of(folder: bytes, key: str) -> bytes:
    """Return where the rows of a snapshot lie."""
    return os.path.join(folder, key.encode() + b".rows")


def read_rows(path: bytes, base: int) -> dict[int, bytes]:
    """Return the rows of the front with the checksum `base`, packed, by place; often none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return {}
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            return {}
        content = os.read(fd, _HEAD.size + MOST * _SIZE + _SEAL.size + 1)
    except OSError:
        return {}
    finally:
        os.close(fd)
    if len(content) < _HEAD.size + _SEAL.size:
        return {}
    magic, belongs_to, count = _HEAD.unpack_from(content)
    end = _HEAD.size + count * _SIZE
    if magic != MAGIC or belongs_to != base or len(content) != end + _SEAL.size:
        return {}
    if _SEAL.unpack_from(content, end)[0] != checksum_of(content[:end]):
        return {}
    return {
        _PLACE.unpack_from(content, at)[0]: content[at + _PLACE.size : at + _SIZE]
        for at in range(_HEAD.size, end, _SIZE)
    }


def write_rows(path: bytes, base: int, rows: Mapping[int, bytes]) -> None:
    """Write the rows, whole or not at all. Raises OSError."""
    from incremental_tool.base.atomic import replace_file

    pieces = [_HEAD.pack(MAGIC, base, len(rows))]
    for place, row in rows.items():
        pieces += (_PLACE.pack(place), row)
    content = b"".join(pieces)
    replace_file(path, content + _SEAL.pack(checksum_of(content)))
