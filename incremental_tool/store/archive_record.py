"""What is known of each static library that this tool has seen made, or has brought up to date.

A record says: the file with this stat identity holds these members, in this order, with
these contents; and where they lie. So one member can be replaced without looking at
the others. One file for each library, `archives/<digest of its path>` in the state folder,
a sealed record (magic "IARC"; little-endian)::

    identity 44 · tool 16 · indexed by 16 · members u32 · first u32 · length of the paths u32
    paths      of the members as the command names them, NULs between them
    digests    16 bytes for each member
    sizes, counts, lengths   columns of u32; see `model.archive.Layout`

A missing, damaged or foreign record is none: the library is made by its command.

Knows nothing of when a record holds.
"""

from __future__ import annotations

import os
import struct

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.columns import packed, unpacked
from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal
from incremental_tool.model.archive import Layout
from incremental_tool.model.fingerprint import IDENTITY_SIZE
from incremental_tool.store.objects import read_regular

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple

MAGIC = b"IARC"
VERSION = 1

NOT_INDEXED = bytes(DIGEST_SIZE)
"""In place of a command that left a library as it was: none is known."""

_HEAD = struct.Struct(f"<{IDENTITY_SIZE}s{DIGEST_SIZE}s{DIGEST_SIZE}sIII")


class ArchiveRecord(NamedTuple):
    """One library.

    `tool` is the digest of the program that made it, `indexed_by` that of the command of ranlib
    that left it as it was; `paths` are the members' with NULs between them, `digests` end to end.
    """

    identity: bytes
    tool: bytes
    indexed_by: bytes
    paths: bytes
    digests: bytes
    layout: Layout


def path_of(folder: bytes, library: bytes) -> bytes:
    """Return where a library's record lies."""
    return os.path.join(folder, digest_of(library).hex().encode())


def save(folder: bytes, library: bytes, record: ArchiveRecord) -> None:
    """Write a library's record. Raises OSError."""
    layout = record.layout
    head = _HEAD.pack(
        record.identity,
        record.tool,
        record.indexed_by,
        len(layout.sizes),
        layout.first,
        len(record.paths),
    )
    columns = [packed(column) for column in layout[1:]]
    content = seal(MAGIC, VERSION, b"".join([head, record.paths, record.digests, *columns]))
    path = path_of(folder, library)
    try:
        replace_file(path, content)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        replace_file(path, content)


def load(folder: bytes, library: bytes) -> Optional[ArchiveRecord]:
    """Return a library's record, or None when there is none that can be used."""
    try:
        return _decode(unseal(MAGIC, VERSION, read_regular(path_of(folder, library))))
    except (OSError, CorruptRecord):
        return None


def _decode(payload: memoryview) -> ArchiveRecord:
    if len(payload) < _HEAD.size:
        raise CorruptRecord("shorter than its head")
    identity, tool, index, count, first, length = _HEAD.unpack_from(payload)
    digests_at = _HEAD.size + length
    place = digests_at + DIGEST_SIZE * count
    if len(payload) != place + 3 * 4 * count:
        raise CorruptRecord("columns do not fill the file")
    columns = []
    for _ in range(3):
        columns.append(unpacked(payload[place : place + 4 * count]))
        place += 4 * count
    return ArchiveRecord(
        identity,
        tool,
        index,
        bytes(payload[_HEAD.size : digests_at]),
        bytes(payload[digests_at : digests_at + DIGEST_SIZE * count]),
        Layout(first, *columns),
    )
