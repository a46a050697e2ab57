"""The unwind entries of an object: how a debugger, or an exception, finds a function's caller.

The section `.eh_frame` is a row of records: a length of 4 bytes (without themselves), a number of 4
and the rest. The number is 0 in a record that others share; else it is how far back from itself
the shared record begins, and a relocation 8 bytes into the record names the function.

A record is taken out by making the one before it longer: the bytes that this one gains are zeros,
which there mean to do nothing. So all others stay where they are.

Knows nothing of symbols; entries with more than one relocation (those of exceptions) are refused.
"""

from __future__ import annotations

import struct

from incremental_tool.model.elf_object import RefusedObject

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple, Optional, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

NAME = b".eh_frame"
TO_FUNCTION = 8
"""Where in a record the function is named."""

_LONG = 0xFFFFFFFF
_HEAD = struct.Struct("<II")


class Record(NamedTuple):
    """One record: where it is, how long with its length, and where the one that it shares is."""

    start: int
    size: int
    shared: Optional[int]


def records(content: Union[bytes, bytearray]) -> list[Record]:
    """Return all records, in order."""
    found: list[Record] = []
    at, end = 0, len(content)
    while at < end:
        length, back = _HEAD.unpack_from(content, at)
        if length == _LONG or length < 4 or at + 4 + length > end or back > at + 4:  # noqa: PLR2004 - its own head
            raise RefusedObject("function.refuse.unwind", "the records are odd")
        found.append(Record(at, length + 4, at + 4 - back if back else None))
        at += length + 4
    return found


def remove(content: bytearray, known: list[Record], starts: Iterable[int]) -> None:
    """Take records out that begin at these places."""
    gone = set(starts)
    before: Optional[int] = None
    for record in known:
        if record.start in gone:
            gone.discard(record.start)
            if before is None or record.shared is None:
                raise RefusedObject("function.refuse.unwind", "the records are odd")
            (length,) = struct.unpack_from("<I", content, before)
            struct.pack_into("<I", content, before, length + record.size)
            content[record.start : record.start + record.size] = bytes(record.size)
        else:
            before = record.start
    if gone:
        raise RefusedObject("function.refuse.unwind", "the records are odd")


def append(content: bytearray, entry: bytes, shared: bytes, known: dict[bytes, int]) -> int:
    """Put a record behind the others, with what it shares, and return where it begins.

    `known` are the shared records that there are, as they were at first.
    """
    place = known.get(shared)
    if place is None:
        place = known[shared] = len(content)
        content += shared
    start = len(content)
    content += entry[:4] + struct.pack("<I", start + 4 - place) + entry[8:]
    return start
