"""A relocatable ELF object as tables: its sections, symbols and relocations.

Of 64 bits and little-endian, for x86-64 and AArch64: what functions are replaced in and objects
are compared by. Whatever is odd is refused, so that those who go by the tables need not look
again: every section lies inside the file, and every name inside its table.

The formats (the ELF specification's own), all little-endian:

* header: 16 bytes of identity, type, machine, version, entry, start of segments, start of sections,
  flags, own size, sizes and counts of segments and of sections, and the section with names;
* section: name, kind, flags, address, offset, size, link, told, alignment, size of an entry;
* symbol: name, binding and type, visibility, section, value, size;
* relocation: offset, type, symbol, addend.

Knows nothing of what the sections hold, nor of disks.
"""

from __future__ import annotations

import struct
import sys
from array import array

from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional, Union

    SectionRow = tuple[int, int, int, int, int, int, int, int, int, int]
    SymbolRow = tuple[int, int, int, int, int, int]
    Relocation = tuple[int, int, int, int]

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELOCATION = struct.Struct("<QIIq")

NAME, KIND, FLAGS, ADDRESS, OFFSET, SIZE, LINK, TOLD, ALIGNMENT, ENTRY = range(10)
"""The places in a section's row."""

TYPE, VISIBILITY, PLACE, VALUE, EXTENT = range(1, 6)
"""The places in a symbol's row, after its name."""

NO_SECTION, CONTENT, SYMBOLS, STRINGS, RELOCATIONS, NO_CONTENT = 0, 1, 2, 3, 4, 8
GROUP, SYMBOL_SECTIONS = 17, 18
ADDRESSES_TAKEN = 0x6FFF4C03
"""Kinds of sections; the last is clang's list of symbols whose address matters."""

WRITABLE, ALLOCATED, EXECUTABLE, MERGED, OF_STRINGS = 1, 2, 4, 0x10, 0x20
ORDERED, GROUPED, THREAD_LOCAL, COMPRESSED = 0x80, 0x200, 0x400, 0x800
"""Flags of sections."""

LOCAL, GLOBAL, WEAK = 0, 1, 2
NO_TYPE, OBJECT, FUNCTION, OF_SECTION, OF_FILE = 0, 1, 2, 3, 4
INDIRECT_FUNCTION = 10

UNDEFINED, FIRST_RESERVED, ABSOLUTE, COMMON = 0, 0xFF00, 0xFFF1, 0xFFF2
"""Where a symbol is, where that is no section."""

X86_64, AARCH64 = 62, 183
_IDENTITY = b"\x7fELF\x02\x01\x01"
_SYSTEMS = (0, 3)  # System V's and GNU's
_RELOCATABLE = 1
_MOST_ALIGNED = 1 << 20
_CODE, _UNLIKELY = b".text.", b".text.unlikely."
_APART = (b"startup.", b"exit.", b"hot.")
"""What stands before the names of functions that gcc expects to run then, or often."""


class RefusedObject(Exception):  # noqa: N818 - it is a refusal, and never leaves the model
    """Carries the reason up to the function that was asked."""

    def __init__(self, identity: str, detail: Union[bytes, str] = "") -> None:
        text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else detail
        super().__init__(identity)
        self.reason = Reason(identity, text)


class ElfObject:
    """The tables of one object."""

    __slots__ = (
        "_relocations",
        "content",
        "first_global",
        "flags",
        "machine",
        "names",
        "relocated_by",
        "section_names",
        "sections",
        "strings",
        "symbol_names",
        "symbol_table",
        "symbols",
    )

    def __init__(self, content: bytes) -> None:
        """Read the tables of an object, or raise `RefusedObject`."""
        try:
            self._read(content)
        except (struct.error, IndexError, ValueError, OverflowError):
            raise RefusedObject("function.refuse.object", "it is damaged") from None

    def _read(self, content: bytes) -> None:
        self.content = content
        head = HEADER.unpack_from(content)
        kind, self.machine, _, _, _, start, self.flags = head[1:8]
        if content[:7] != _IDENTITY or content[7] not in _SYSTEMS or kind != _RELOCATABLE:
            raise RefusedObject(
                "function.refuse.object", "it is no relocatable ELF object of 64 bits"
            )
        if self.machine not in (X86_64, AARCH64):
            raise RefusedObject("function.refuse.object", "it is for another processor")
        each, count, names = head[11:]
        table = content[start : start + SECTION.size * count]
        if each != SECTION.size or not 0 < count < FIRST_RESERVED or names >= count:
            raise RefusedObject("function.refuse.object", "its sections are odd or too many")
        self.sections: list[SectionRow] = list(SECTION.iter_unpack(table))
        if len(self.sections) != count:
            raise RefusedObject("function.refuse.object", "it is cut off")
        self.names = names
        self.relocated_by: dict[int, int] = {}
        self._relocations: dict[int, list[Relocation]] = {}
        texts = self.text(names)
        end = texts.index
        self.section_names = [texts[row[0] : end(b"\0", row[0])] for row in self.sections]
        self.symbol_table = 0
        for index, row in enumerate(self.sections):
            self._check(index, row)
        if not self.symbol_table:
            raise RefusedObject("function.refuse.object", "it has no symbols")
        self._read_symbols(self.sections[self.symbol_table])

    def _check(self, index: int, row: SectionRow) -> None:
        _, kind, _, _, offset, size, link, told, alignment, entry = row
        if kind in (NO_SECTION, NO_CONTENT):
            if not kind and size:
                raise RefusedObject("function.refuse.object", "its sections are odd")
        elif offset + size > len(self.content):
            raise RefusedObject("function.refuse.object", "it is cut off")
        if link >= len(self.sections) or alignment & (alignment - 1) or alignment > _MOST_ALIGNED:
            raise RefusedObject("function.refuse.object", "its sections are odd")
        if kind == RELOCATIONS:
            if size % RELOCATION.size or entry != RELOCATION.size or told in self.relocated_by:
                raise RefusedObject("function.refuse.object", "its relocations are odd")
            if not 0 < told < len(self.sections):
                raise RefusedObject("function.refuse.object", "its relocations are odd")
            self.relocated_by[told] = index
        elif kind == SYMBOLS:
            if self.symbol_table or size % SYMBOL.size or entry != SYMBOL.size:
                raise RefusedObject("function.refuse.object", "its symbols are odd")
            self.symbol_table = index
        elif kind == SYMBOL_SECTIONS or kind in (5, 6, 9, 11):  # what is dynamic, or has no addends
            raise RefusedObject("function.refuse.object", "it has sections of an unexpected kind")

    def _read_symbols(self, row: SectionRow) -> None:
        table = self.content[row[OFFSET] : row[OFFSET] + row[SIZE]]
        self.symbols: list[SymbolRow] = list(SYMBOL.iter_unpack(table))
        self.strings = self.text(row[LINK])
        self.first_global = row[TOLD]
        names, _, _, places, _, _ = zip(*self.symbols)
        strings, end = self.strings, self.strings.index
        known = {0, ABSOLUTE, COMMON}
        count = len(self.sections)
        if (
            max(names) >= len(strings)
            or self.first_global > len(self.symbols)
            or any(place >= count and place not in known for place in set(places))
            or any(self.symbols[0])
        ):
            raise RefusedObject("function.refuse.object", "its symbols are odd")
        self.symbol_names = [strings[name : end(b"\0", name)] for name in names]

    def text(self, index: int) -> bytes:
        """Return a table of names."""
        content = self.bytes_of(index)
        if content[-1:] != b"\0":
            raise RefusedObject("function.refuse.object", "a table of names is odd")
        return content

    def bytes_of(self, index: int) -> bytes:
        """Return what a section holds; nothing where the file has nothing of it."""
        row = self.sections[index]
        if row[KIND] in (NO_CONTENT, NO_SECTION):
            return b""
        return self.content[row[OFFSET] : row[OFFSET] + row[SIZE]]

    def relocations(self, index: int) -> list[Relocation]:
        """Return the relocations of a section's content, each with a symbol that there is."""
        found = self._relocations.get(index)
        if found is None:
            table = self.relocated_by.get(index)
            found = [] if table is None else list(RELOCATION.iter_unpack(self.bytes_of(table)))
            if found and max(row[2] for row in found) >= len(self.symbols):
                raise RefusedObject("function.refuse.object", "its relocations are odd")
            self._relocations[index] = found
        return found

    def section_of(self, symbol: int) -> Optional[int]:
        """Return the section that a symbol is in, or None where it is in no section."""
        place = self.symbols[symbol][PLACE]
        return place if 0 < place < FIRST_RESERVED else None

    def section_named(self, name: bytes) -> Optional[int]:
        """Return the one section of this name, or None where there is none or are several."""
        if self.section_names.count(name) != 1:
            return None
        return self.section_names.index(name)


def placed_functions(content: bytes) -> dict[bytes, bool]:
    """Return the functions that have sections of their own, and whether each is unlikely to run.

    gcc puts a function that always comes to something unlikely (a call of `abort`, say) among
    its like, and the parts of others that are unlikely, too. An object that cannot be read has
    no functions.
    """
    try:
        names = ElfObject(content).section_names
    except RefusedObject:
        return {}
    found = {name[len(_UNLIKELY) :]: True for name in names if name.startswith(_UNLIKELY)}
    for name in names:
        if name.startswith(_CODE) and not name.startswith(_UNLIKELY):
            name = name[len(_CODE) :]  # noqa: PLW2901 - it is shorter now
            found[name[name.startswith(_APART) and name.index(b".") + 1 :]] = False
    return found


def words(content: bytes) -> array[int]:
    """Return the 32-bit numbers that content is made of."""
    found = array("I")
    found.frombytes(content)
    if sys.byteorder != "little":
        found.byteswap()
    return found


def packed(numbers: array[int]) -> bytes:
    """Return the content that `words` was given."""
    if sys.byteorder != "little":
        numbers = array("I", numbers)
        numbers.byteswap()
    return numbers.tobytes()
