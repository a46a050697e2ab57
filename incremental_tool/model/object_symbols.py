"""Which symbols of an object file ar lists in a library's index.

GNU ar's rule, tested against ar itself: every global, weak or unique symbol that is defined,
common ones too, in the order of the symbol table. Where ar goes by more than that table (code
for link-time optimisation, which a plugin reads; places of the processor's own) it is not told:
such an object is refused.

ar lists nothing for a damaged object, so whatever is odd about its headers is refused, too.

Knows ELF, of 32 and 64 bits and either byte order, and no disks.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

_CLASSES = {1: 32, 2: 64}
_ORDERS = {1: "<", 2: ">"}
_RELOCATABLE = 1
_SYMBOL_TABLE = 2
_STRING_TABLE = 3
_NO_CONTENT = 8
_LAST_KNOWN = 19
_FIRST_OF_SYSTEMS = 0x60000000
"""Kinds of sections; those from the last on are systems', processors' and compilers' own."""

_ENTRIES = {32: {2: 16, 4: 12, 9: 8}, 64: {2: 24, 4: 24, 9: 16}}
"""Bytes of an entry in tables of symbols and of relocations, by the kind of section."""

_INFO_IS_SECTION = 0x40
_MOST_ALIGNED = 1 << 20

_GLOBAL, _WEAK, _UNIQUE = 1, 2, 10
_KNOWN_TYPES = frozenset({0, 1, 2, 5, 6, 10})
"""Nothing said, data, function, common, thread-local, indirect function."""

_ABSOLUTE, _COMMON = 0xFFF1, 0xFFF2
_FIRST_RESERVED = 0xFF00

_LATER = (b".gnu.lto_", b".gnu.debuglto_", b".llvm.lto", b".llvmbc")
"""How the names of sections begin that hold code for link-time optimisation."""


class Symbols(NamedTuple):
    """The symbols of one object: how many, and their names, each ended by a NUL.

    `machine` is what the file says of itself that must be the same in an object that takes this
    one's place.
    """

    number: int
    names: bytes
    machine: bytes


class _Sections(NamedTuple):
    """The section headers: for each its name, type, offset, size, link and info."""

    rows: list[tuple[int, int, int, int, int, int]]
    names: bytes


def symbols_of(content: bytes) -> Union[Symbols, str]:
    """Return the symbols that ar lists for an object, or why that cannot be told."""
    if content[:4] != b"\x7fELF" or len(content) < 64:  # noqa: PLR2004 - a header of 64 bits
        return "it is no ELF object"
    bits, order = _CLASSES.get(content[4]), _ORDERS.get(content[5])
    if bits is None or order is None or content[7] not in (0, 3):  # System V's or GNU's
        return "it is of an unknown kind"
    try:
        return _symbols(content, bits, order)
    except (struct.error, IndexError, ValueError):
        return "it is damaged"


def _symbols(content: bytes, bits: int, order: str) -> Union[Symbols, str]:
    kind, machine = struct.unpack_from(order + "HH", content, 16)
    if kind != _RELOCATABLE:
        return "it is no relocatable object"
    sections = _sections(content, bits, order)
    if isinstance(sections, str):
        return sections
    if any(mark in sections.names for mark in _LATER):
        return "it holds code for link-time optimisation"
    about = content[4:7] + content[8:16] + machine.to_bytes(2, "little")
    tables = [row for row in sections.rows if row[1] == _SYMBOL_TABLE]
    if not tables:
        return Symbols(0, b"", about)
    if len(tables) > 1:
        return "it has several symbol tables"
    _, _, start, size, link, first = tables[0]
    strings = _content(content, sections.rows[link], _STRING_TABLE)
    form = order + ("IIIBBH" if bits == 32 else "IBBHQQ")  # noqa: PLR2004 - bits
    each = struct.calcsize(form)
    table = content[start : start + size]
    if len(table) != size or size % each or first * each > size:
        return "its symbol table is odd"
    names = []
    for row in struct.iter_unpack(form, table[first * each :]):
        name, told, place = (row[0], row[3], row[5]) if bits == 32 else (row[0], row[1], row[3])  # noqa: PLR2004 - bits
        if not place:
            continue
        binding = told >> 4
        if (
            binding not in (_GLOBAL, _WEAK, _UNIQUE)
            or told & 15 not in _KNOWN_TYPES
            or (place >= _FIRST_RESERVED and place not in (_ABSOLUTE, _COMMON))
            or (place < _FIRST_RESERVED and place >= len(sections.rows))
        ):
            return "it has symbols of an unknown kind"
        end = strings.index(b"\0", name)
        if end == name or strings.startswith(b"__gnu_lto", name):
            return "it has symbols of an unknown kind"
        names.append(strings[name : end + 1])
    return Symbols(len(names), b"".join(names), about)


def _sections(content: bytes, bits: int, order: str) -> Union[_Sections, str]:
    head, form = ("IIII", "IIIIIIIIII") if bits == 32 else ("IQQQ", "IIQQQQIIQQ")  # noqa: PLR2004 - bits
    version, entry, programs, start = struct.unpack_from(order + head, content, 20)
    size = 20 + struct.calcsize(order + head)
    rest = struct.unpack_from(order + "IHHHHHH", content, size)
    _, own_size, program_size, program_count, each, count, names = rest
    if (version, content[6], entry, programs, program_count) != (1, 1, 0, 0, 0) or (
        own_size != size + 16 or program_size > own_size
    ):
        return "its header is odd"
    if each != struct.calcsize(order + form) or not 0 < count < _FIRST_RESERVED or names >= count:
        return "its sections are odd"
    table = content[start : start + each * count]
    if len(table) != each * count:
        return "its sections are odd"
    rows = []
    for row in struct.iter_unpack(order + form, table):
        rows.append((row[0], row[1], *row[4:8]))
        _, kind, flags, _, offset, size, link, told, alignment, entry_size = row
        if (
            link >= count
            or (flags & _INFO_IS_SECTION and told >= count)
            or alignment & (alignment - 1)
            or alignment > _MOST_ALIGNED
            or (kind > _LAST_KNOWN and kind < _FIRST_OF_SYSTEMS)
            or (kind == 0 and size)
            or entry_size != _ENTRIES[bits].get(kind, entry_size)
            or (kind not in (0, _NO_CONTENT) and offset + size > len(content))
        ):
            return "its sections are odd"
    texts = _content(content, rows[names], _STRING_TABLE)
    if any(row[0] >= len(texts) for row in rows):
        return "its sections are odd"
    return _Sections(rows, texts)


def _content(content: bytes, row: tuple[int, int, int, int, int, int], kind: int) -> bytes:
    _, told, offset, size, _, _ = row
    text = content[offset : offset + size]
    if told != kind or len(text) != size or text[-1:] != b"\0":
        raise ValueError("a table of texts is odd")
    return text
