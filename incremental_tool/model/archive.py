r"""How GNU ar lays out a static library in deterministic mode: read it, and write its head.

A library is::

    magic      "!<arch>\n"
    index      header "/", number of symbols, for each the offset of the member that
               defines it, and the names, each ended by a NUL; zeros to an even length
    names      header "//", names of more than 15 bytes, each ended by "/\n"; only if any
    members    each a header of 60 bytes and its content, with "\n" to an even length

Numbers of the index are four bytes, the first the highest. Times, owners and groups are
0 and modes 644. The rule: a library is understood only if writing what was read
gives the same bytes; whatever else is in use (thin libraries, BSD's and 64-bit
indices, times, other modes) fails that and is not understood.

Knows nothing of what members hold, nor of disks.
"""

from __future__ import annotations

import sys
from array import array
from itertools import accumulate, repeat

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

MAGIC = b"!<arch>\n"
HEADER_SIZE = 60
MAX_SIZE = 0xFFFFFFFF
"""Bytes of a library at most: offsets in its index have four bytes."""

_SHORT_NAME = 15
"""Bytes of a name that stands in its member's header; a slash ends it there."""

_END = b"`\n"
_OWNERLESS = b"0           0     0     "  # time, owner, group
_INDEX = b"/".ljust(16) + _OWNERLESS + b"0       "
_NAMES = b"//".ljust(48)
_MODE = b"644     "


class Layout(NamedTuple):
    """Where everything lies in a library; its names are the caller's.

    `sizes` are the contents of the members without padding, `counts` how many symbols each
    defines, `lengths` how many bytes their names take in the index; `first` is where the first
    member's header begins.
    """

    first: int
    sizes: array[int]
    counts: array[int]
    lengths: array[int]

    def offset_of(self, number: int) -> int:
        """Return where a member's header begins."""
        before = self.sizes[:number]
        odd = sum(map((1).__and__, before))
        return self.first + number * HEADER_SIZE + sum(before) + odd

    def names_at(self, number: int) -> int:
        """Return where the names of a member's symbols begin."""
        start = len(MAGIC) + HEADER_SIZE + 4 + 4 * sum(self.counts)
        return start + sum(self.lengths[:number])


def even(size: int) -> int:
    """Return a length with its padding."""
    return size + (size & 1)


def odd_names(names: Sequence[bytes]) -> str:
    """Return why ar or ranlib do not take each of these file names as it is; empty if they do."""
    if len(set(names)) != len(names):
        return "two members have one name"
    for name in names:
        # ranlib takes a blank for the end of a name in some places, and not in others
        if not name or b"/" in name or len(name.split()) != 1 or name.strip() != name:
            return "the name of a member is odd"
    return ""


def header(field: bytes, size: int) -> bytes:
    """Return a member's header; `field` is what `name_fields` gives for its name."""
    return field + _OWNERLESS + _MODE + b"%-10d" % size + _END


def name_fields(names: Iterable[bytes]) -> tuple[list[bytes], bytes]:
    """Return what members' headers begin with, and the table of long names; empty if none is."""
    fields, table, length = [], [], 0
    for name in names:
        if len(name) <= _SHORT_NAME:
            fields.append((name + b"/").ljust(16))
        else:
            fields.append((b"/%d" % length).ljust(16))
            table.append(name)
            length += len(name) + 2
    text = b"".join([name + b"/\n" for name in table])
    return fields, text.ljust(even(length), b"\n")


def head(layout: Layout, symbols: bytes, table: bytes) -> bytes:
    """Return all that comes before the first member; `symbols` are the names of all symbols."""
    offsets = array("I")
    spans = [HEADER_SIZE + even(size) for size in layout.sizes]
    for start, count in zip(accumulate(spans, initial=layout.first), layout.counts):
        offsets.extend(repeat(start, count))
    if sys.byteorder == "little":
        offsets.byteswap()
    number = len(offsets).to_bytes(4, "big")
    size = even(len(number) + 4 * len(offsets) + len(symbols))
    index = b"".join([number, offsets.tobytes(), symbols]).ljust(size, b"\0")
    parts = [MAGIC, _INDEX, b"%-10d" % size, _END, index]
    if table:
        parts += [_NAMES, b"%-10d" % len(table), _END, table]
    return b"".join(parts)


def first_member(symbols: int, names_length: int, table: bytes) -> int:
    """Return where members begin behind an index of so many symbols, with names so long."""
    index = HEADER_SIZE + even(4 + 4 * symbols + names_length)
    return len(MAGIC) + index + (HEADER_SIZE + len(table) if table else 0)


def understand(content: bytes, names: Sequence[bytes]) -> Union[Layout, str]:
    """Return the layout of a library that consists of members of these names, or what is odd."""
    if content[: len(MAGIC)] != MAGIC or array("I").itemsize != 4:  # noqa: PLR2004 - see above
        return "it does not begin as a library does"
    if len(content) > MAX_SIZE:
        return "it is larger than four bytes can tell"
    if content[8:24] != b"/".ljust(16):
        return "it has no index"
    fields, table = name_fields(names)
    index_size = _number(content[56:66])
    if index_size < 4:  # noqa: PLR2004 - the number of symbols
        return "its index is odd"
    index = memoryview(content)[68 : 68 + index_size]
    symbols = int.from_bytes(index[:4], "big")
    names_start = 4 + 4 * symbols
    if names_start > len(index):
        return "its index is odd"
    first = len(MAGIC) + HEADER_SIZE + index_size + (HEADER_SIZE + len(table) if table else 0)
    sizes, starts, place = array("I"), [], first
    for field in fields:
        size = _number(content[place + 48 : place + 58])
        if size < 0 or content[place : place + HEADER_SIZE] != header(field, size):
            return f"the header at {place} is odd"
        starts.append(place)
        sizes.append(size)
        place += HEADER_SIZE + size
        if size & 1:
            if content[place : place + 1] != b"\n":
                return f"the padding at {place} is odd"
            place += 1
    if place != len(content):
        return "it has other members"
    listed = bytes(index[names_start:]).split(b"\0", symbols)
    if len(listed) != symbols + 1:
        return "its index is odd"
    texts = b"".join([name + b"\0" for name in listed[:-1]])
    counts, lengths = _shares(index[4:names_start], starts, listed)
    layout = Layout(first, sizes, counts, lengths)
    if head(layout, texts, table) != content[:first]:
        return "its index is odd"
    return layout


def _shares(
    offsets: memoryview, starts: list[int], listed: list[bytes]
) -> tuple[array[int], array[int]]:
    """Return how many symbols each member has, and how long their names are; 0 for strays."""
    owners = array("I", offsets.tobytes())
    if sys.byteorder == "little":
        owners.byteswap()
    numbers = dict(zip(starts, range(len(starts))))
    counts, lengths = array("I", bytes(4 * len(starts))), array("I", bytes(4 * len(starts)))
    for owner, name in zip(owners, listed):
        number = numbers.get(owner)
        if number is not None:
            counts[number] += 1
            lengths[number] += len(name) + 1
    return counts, lengths


def _number(text: bytes) -> int:
    """Return a number as headers hold it, or -1."""
    digits = text.rstrip(b" ")
    return int(digits) if digits.isdigit() else -1
