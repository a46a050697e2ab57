r"""Framed binary records: what every state file of this tool is made of.

Two shapes, both little-endian:

* a *sealed* file, written whole and replaced whole::

      magic     4 bytes   which file this is
      version   u32       of that file's own format
      length    u64       of the payload
      checksum  u64       xxh3-64 of magic, version, length and payload
      payload   length bytes; nothing may follow

* a *log* of frames, appended one write each::

      magic     4 bytes, version u32               (once, at the start)
      length    u32                                (per frame)
      checksum  u64       xxh3-64 of length and payload, seeded with the frame's offset
      payload   length bytes

A log is read up to the first frame that is cut off or damaged; what stands
before it is good, what stands behind it is dropped (as ninja's deps log does).
The offset in the checksum's seed keeps a stray copy of an old frame from being
taken for a frame at another place.

Lengths are checked against what is there before anything is allocated. Knows
nothing of what a payload means.
"""

from __future__ import annotations

import struct

import xxhash

from incremental_tool.base.digest import checksum_of
from incremental_tool.base.errors import CorruptRecord

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator


_SEAL = struct.Struct("<4sIQQ")
_SEAL_HEAD = struct.Struct("<4sIQ")
_LOG_HEAD = struct.Struct("<4sI")
_FRAME = struct.Struct("<IQ")
_LENGTH = struct.Struct("<I")

LOG_HEAD_SIZE = _LOG_HEAD.size
MAX_FRAME = 16 * 1024 * 1024
"""Bytes in one frame at most: a record is a command's outcome, not its output."""


def seal(magic: bytes, version: int, payload: bytes) -> bytes:
    """Return the bytes of a sealed file."""
    head = _SEAL_HEAD.pack(magic, version, len(payload))
    return head + struct.pack("<Q", checksum_of(head + payload)) + payload


def unseal(magic: bytes, version: int, content: bytes) -> memoryview:
    """Return the payload of a sealed file.

    Raises CorruptRecord for a foreign, damaged, cut off, lengthened or other-version file.
    """
    if len(content) < _SEAL.size:
        raise CorruptRecord("shorter than its head")
    found_magic, found_version, length, checksum = _SEAL.unpack_from(content)
    if found_magic != magic:
        raise CorruptRecord("not a file of this kind")
    if found_version != version:
        raise CorruptRecord(f"format version {found_version}, expected {version}")
    if length != len(content) - _SEAL.size:
        raise CorruptRecord("length does not match")
    payload = memoryview(content)[_SEAL.size :]
    state = xxhash.xxh3_64(content[: _SEAL_HEAD.size])
    state.update(payload)
    if state.intdigest() != checksum:
        raise CorruptRecord("checksum does not match")
    return payload


def log_head(magic: bytes, version: int) -> bytes:
    """Return the first bytes of a log."""
    return _LOG_HEAD.pack(magic, version)


def frame(payload: bytes, offset: int) -> bytes:
    """Return `payload` framed for a log in which the frame will start at `offset`.

    Raises ValueError for a payload that no reader would take, and that would end the log for it.
    """
    if len(payload) > MAX_FRAME:
        raise ValueError("payload larger than a frame may be")
    length = _LENGTH.pack(len(payload))
    checksum = xxhash.xxh3_64_intdigest(length + payload, seed=offset)
    return _FRAME.pack(len(payload), checksum) + payload


def read_log(magic: bytes, version: int, content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each good frame's payload and the offset behind it; stop at the first bad one.

    Raises CorruptRecord (before the first frame) for a foreign or other-version log.
    """
    if len(content) < LOG_HEAD_SIZE:
        raise CorruptRecord("shorter than its head")
    found_magic, found_version = _LOG_HEAD.unpack_from(content)
    if found_magic != magic:
        raise CorruptRecord("not a file of this kind")
    if found_version != version:
        raise CorruptRecord(f"format version {found_version}, expected {version}")
    return _frames(content)


def _frames(content: bytes) -> Iterator[tuple[bytes, int]]:
    offset, size = LOG_HEAD_SIZE, len(content)
    while size - offset >= _FRAME.size:
        length, checksum = _FRAME.unpack_from(content, offset)
        end = offset + _FRAME.size + length
        if length > MAX_FRAME or end > size:
            return
        payload = content[offset + _FRAME.size : end]
        if xxhash.xxh3_64_intdigest(_LENGTH.pack(length) + payload, seed=offset) != checksum:
            return
        yield payload, end
        offset = end
