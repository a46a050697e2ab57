"""What is known of each combined file that this tool has written.

A record says: the file with this stat identity holds these sections, in this order, made of texts
with these digests; and where they lie. So some can be replaced without looking at the others. One
file for each combined file, `combined/<digest of its path>` in the state folder, a sealed record
(magic "ICMB"; little-endian)::

    identity 44 · way 16 · sections u32 · head u64 · length of the paths u64 · of the needs u64
    paths     of the sections, NULs between them
    digests   16 bytes for each section: of the text that it was made of
    sizes     u32 for each section: marker and body
    lengths   u32 for each section: of its needs
    needs     of each section, end to end; see `model.combined_form`

A missing, damaged or foreign record is none: the file is written whole.

Knows nothing of when a record holds.
"""

from __future__ import annotations

import os
import struct
from array import array

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.columns import packed, unpacked
from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal
from incremental_tool.model.fingerprint import IDENTITY_SIZE
from incremental_tool.store.objects import read_regular

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple

MAGIC = b"ICMB"
VERSION = 1
_HEAD = struct.Struct(f"<{IDENTITY_SIZE}s{DIGEST_SIZE}sIQQQ")


class CombinedRecord(NamedTuple):
    """One combined file.

    `way` is the digest of the form, its version and the leader; `head` is the length of what
    stands before the first section. `paths` have NULs between them, `digests` are end to end.
    """

    identity: bytes
    way: bytes
    head: int
    paths: bytes
    digests: bytes
    sizes: array[int]
    needs: Sequence[bytes]


def save(folder: bytes, output: bytes, record: CombinedRecord) -> None:
    """Write a combined file's record. Raises OSError."""
    needs = b"".join(record.needs)
    head = _HEAD.pack(
        record.identity,
        record.way,
        len(record.sizes),
        record.head,
        len(record.paths),
        len(needs),
    )
    lengths = array("I", map(len, record.needs))
    parts = [head, record.paths, record.digests, packed(record.sizes), packed(lengths), needs]
    content = seal(MAGIC, VERSION, b"".join(parts))
    path = _path_of(folder, output)
    try:
        replace_file(path, content)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        replace_file(path, content)


def load(folder: bytes, output: bytes) -> Optional[CombinedRecord]:
    """Return a combined file's record, or None when there is none that can be used."""
    try:
        return _decode(unseal(MAGIC, VERSION, read_regular(_path_of(folder, output))))
    except (OSError, CorruptRecord):
        return None


def _path_of(folder: bytes, output: bytes) -> bytes:
    return os.path.join(folder, digest_of(output).hex().encode())


def _decode(payload: memoryview) -> CombinedRecord:
    if len(payload) < _HEAD.size:
        raise CorruptRecord("shorter than its head")
    identity, way, count, head, paths, needed = _HEAD.unpack_from(payload)
    digests_at = _HEAD.size + paths
    sizes_at = digests_at + DIGEST_SIZE * count
    lengths_at = sizes_at + 4 * count
    place = lengths_at + 4 * count
    if len(payload) != place + needed:
        raise CorruptRecord("columns do not fill the file")
    lengths = unpacked(payload[lengths_at:place])
    if sum(lengths) != needed:
        raise CorruptRecord("needs do not fill the file")
    needs = [b""] * count
    if needed:
        for number, length in enumerate(lengths):
            needs[number] = bytes(payload[place : place + length])
            place += length
    return CombinedRecord(
        identity,
        way,
        head,
        bytes(payload[_HEAD.size : digests_at]),
        bytes(payload[digests_at:sizes_at]),
        unpacked(payload[sizes_at:lengths_at]),
        needs,
    )
