"""The entries of an object's debug information as trees, with values that can be compared.

Strings, files and addresses are what they stand for, not where that is: an address is a symbol and
an offset. References to other entries remain the place of the other entry.

Knows nothing of what is compared. Slow beside `dwarf_entries`, which only looks for lines.
"""

from __future__ import annotations

import struct

from incremental_tool.model.dwarf_entries import after, head_length, read_forms
from incremental_tool.model.dwarf_lines import DebugSection, signed, unsigned
from incremental_tool.model.elf_object import RefusedObject

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Union

    from incremental_tool.model.elf_object import ElfObject

    Value = Union[int, bytes, tuple[object, ...], None]
else:
    from incremental_tool.base.named_tuple import NamedTuple

_BASE_OF_TEXTS, _BASE_OF_ADDRESSES = 0x72, 0x73
_SIZES = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x17: 4, 0x0C: 1, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4}
_SIZES.update({0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4})
_REFERENCES = {0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8}
_TEXT_NUMBERS = frozenset({0x1A, 0x25, 0x26, 0x27, 0x28})
_ADDRESS_NUMBERS = frozenset({0x1B, 0x29, 0x2A, 0x2B, 0x2C})
_AN_ADDRESS, _A_NUMBERED_ADDRESS = 0x03, 0xA1
_MOST_DEEP = 200


class Entry(NamedTuple):
    """An entry: where it is, how deep, its tag and its values by attribute."""

    at: int
    depth: int
    tag: int
    values: dict[int, Value]


class Reader:
    """What the values of one object are read with."""

    def __init__(self, read: ElfObject) -> None:
        self.entries = DebugSection(read, b".debug_info")
        self.abbreviations = DebugSection(read, b".debug_abbrev")
        self.texts = DebugSection(read, b".debug_str")
        self.line_texts = DebugSection(read, b".debug_line_str")
        self.offsets = DebugSection(read, b".debug_str_offsets")
        self.addresses = DebugSection(read, b".debug_addr")
        self.text_base = self.address_base = 8

    def units(self) -> list[list[Entry]]:
        """Return the entries of every unit, in order."""
        content = self.entries.content
        found: list[list[Entry]] = []
        at = 0
        while at < len(content):
            length, version = struct.unpack_from("<IH", content, at)
            stop = at + 4 + length
            if length >= 0xFFFFFFF0 or stop > len(content):  # noqa: PLR2004
                raise RefusedObject("function.refuse.debug-section", "a unit is odd")
            table = self.entries.number(at + (8 if version > 4 else 6))  # noqa: PLR2004
            forms = read_forms(self.abbreviations.content, table)
            found.append(self._unit(at, at + head_length(version), stop, forms))
            at = stop
        return found

    def _unit(
        self,
        unit: int,
        at: int,
        end: int,
        forms: dict[int, tuple[int, bool, list[tuple[int, int, int, int]]]],
    ) -> list[Entry]:
        content = self.entries.content
        found: list[Entry] = []
        depth = 0
        while at < end:
            begin = at
            code, at = unsigned(content, at)
            if not code:
                depth -= 1
                continue
            tag, children, values = forms[code]
            if not found:
                self._find_bases(at, values)
            read: dict[int, Value] = {}
            for what, form, constant, _ in values:
                read[what] = self._value(unit, at, form, constant)
                at = after(content, at, form)
            found.append(Entry(begin, depth, tag, read))
            depth += children
            if depth > _MOST_DEEP:
                raise RefusedObject("function.refuse.debug-section", "entries are too deep")
        return found

    def _find_bases(self, at: int, values: list[tuple[int, int, int, int]]) -> None:
        for what, form, _, _ in values:
            if what == _BASE_OF_TEXTS:
                self.text_base = self.entries.number(at)
            elif what == _BASE_OF_ADDRESSES:
                self.address_base = self.entries.number(at)
            at = after(self.entries.content, at, form)

    def _value(self, unit: int, at: int, form: int, constant: int) -> Value:
        content = self.entries.content
        if form in _TEXT_NUMBERS or form in _ADDRESS_NUMBERS:
            number = self._number(at, form)
            if form in _TEXT_NUMBERS:
                return self.texts.text(self.offsets.number(self.text_base + 4 * number))
            return self._address(self.addresses, self.address_base + 8 * number)
        if form == 0x01:
            return self._address(self.entries, at)
        if form == 0x0E:  # noqa: PLR2004 - forms have numbers, here and below
            return self.texts.text(self.entries.number(at))
        if form == 0x1F:  # noqa: PLR2004
            return self.line_texts.text(self.entries.number(at))
        if form == 0x08:  # noqa: PLR2004
            return self.entries.text(at)
        if form in _REFERENCES:
            return unit + int.from_bytes(content[at : at + _REFERENCES[form]], "little")
        if form == 0x0D:  # noqa: PLR2004
            return signed(content, at)[0]
        if form == 0x21:  # noqa: PLR2004
            return constant
        if form == 0x18:  # noqa: PLR2004
            return self._expression(at)
        if form in _SIZES or form in (0x0F, 0x22, 0x23):
            return self._number(at, form)
        return content[at : after(content, at, form)]

    def _number(self, at: int, form: int) -> int:
        size = _SIZES.get(form)
        return self.entries.number(at, size) if size else unsigned(self.entries.content, at)[0]

    @staticmethod
    def _address(section: DebugSection, at: int) -> Value:
        return ("address", *section.relocations.get(at, (None, 0)))

    def _expression(self, at: int) -> Value:
        content = self.entries.content
        size, at = unsigned(content, at)
        if size and content[at] == _AN_ADDRESS:
            return self._address(self.entries, at + 1), content[at + 9 : at + size]
        if size and content[at] == _A_NUMBERED_ADDRESS:
            number, rest = unsigned(content, at + 1)
            address = self._address(self.addresses, self.address_base + 8 * number)
            return address, content[rest : at + size]
        relocated = tuple(
            self.entries.relocations[each]
            for each in range(at, at + size)
            if each in self.entries.relocations
        )
        return (content[at : at + size], *[("address", *each) for each in relocated])
