"""The entries of an object's debug information, as far as they name lines.

A unit is a header and a row of entries. An entry is the number of an abbreviation and then values,
whose forms the abbreviation tells. Nearly all forms have one length, so each abbreviation is
read once, into how long its entries are and where in them lines stand.

Knows versions 2 to 5 of DWARF of 32 bits; others are refused.
"""

from __future__ import annotations

import struct

from incremental_tool.model.dwarf_lines import DebugSection, signed, unsigned
from incremental_tool.model.elf_object import RefusedObject

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple

    from incremental_tool.model.elf_object import ElfObject

    Form = tuple[int, int, int, int]
    Mark = tuple[int, int, int, int]
    Plan = list[tuple[int, list[Mark], int]]
else:
    from incremental_tool.base.named_tuple import NamedTuple

_REFUSED = "function.refuse.debug-lines"
_LENGTHS = {
    0x01: 8,
    0x05: 2,
    0x06: 4,
    0x07: 8,
    0x0B: 1,
    0x0C: 1,
    0x0E: 4,
    0x10: 4,
    0x11: 1,
    0x12: 2,
    0x13: 4,
    0x14: 8,
    0x17: 4,
    0x19: 0,
    0x1C: 4,
    0x1D: 4,
    0x1E: 16,
    0x1F: 4,
    0x20: 8,
    0x21: 0,
    0x24: 8,
    0x25: 1,
    0x26: 2,
    0x27: 3,
    0x28: 4,
    0x29: 1,
    0x2A: 2,
    0x2B: 3,
    0x2C: 4,
    0x1F20: 4,
    0x1F21: 4,
}
"""Lengths of values by form, where a form has one."""

_NUMBERS = frozenset({0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02})
_BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}
_COUNTED = frozenset({0x09, 0x18})
_TEXT, _CONSTANT = 0x08, 0x21

_NAME, _TABLE = 0x03, 0x10
_FILES, _PLACES = (0x3A, 0x58), (0x3B, 0x59)
"""The attributes for the file and for the line of a declaration, and of a call."""

_COMPLETED = (0x47, 0x31)
"""The attributes for the entry that another completes, or is made from: its file is that one's."""

_REFERENCE = 0x13
_OF_LINE, _OF_FILE, _OF_ENTRY = 0, 1, 2

_LINES = (0x05, 0x06, 0x0B, _CONSTANT)
_STEPS = 4
_FULL_UNITS = (1, 3)
_LATEST = 5


class Unit(NamedTuple):
    """A unit: its name, where its line table begins, and the lines that its entries name.

    A line is its place in the section and its length there, its file's number (-1 if none is
    named before it), and itself. With a length of 0 it stands in the abbreviation, and the place is
    one there.
    """

    name: bytes
    table: int
    fields: list[tuple[int, int, int, int]]


def line_fields(read: ElfObject) -> list[Unit]:
    """Return the units of an object."""
    entries = DebugSection(read, b".debug_info")
    abbreviations = DebugSection(read, b".debug_abbrev")
    content = entries.content
    found: list[Unit] = []
    at, end = 0, len(content)
    while at < end:
        length, version = struct.unpack_from("<IH", content, at)
        stop = at + 4 + length
        if length >= 0xFFFFFFF0 or not 2 <= version <= _LATEST or stop > end:  # noqa: PLR2004
            raise RefusedObject(_REFUSED, "a unit is odd")
        first = at + head_length(version)
        if version >= _LATEST:
            if content[at + 6] not in _FULL_UNITS:
                raise RefusedObject(_REFUSED, "a unit is odd")
            table = entries.number(at + 8)
        else:
            table = entries.number(at + 6)
        read_all = read_forms(abbreviations.content, table)
        forms = {code: each for code, (_, _, each) in read_all.items()}
        name, lines = _head(read, entries, first, forms)
        plans = {code: _plan(each) for code, each in forms.items()}
        found.append(Unit(name, lines, _fields(content, at, first, stop, plans)))
        at = stop
    return found


def head_length(version: int) -> int:
    """Return how long a unit's header is."""
    return 12 if version >= _LATEST else 11


def read_forms(content: bytes, at: int) -> dict[int, tuple[int, bool, list[Form]]]:
    """Return abbreviations: the tag, whether entries hold others, and the values.

    Of each value its attribute and form, and, where all entries share it, it and its place.
    """
    found: dict[int, tuple[int, bool, list[Form]]] = {}
    while True:
        code, at = unsigned(content, at)
        if not code:
            return found
        tag, at = unsigned(content, at)
        children = bool(content[at])
        at += 1
        forms: list[Form] = []
        while True:
            what, at = unsigned(content, at)
            form, at = unsigned(content, at)
            constant, place = 0, at
            if form == _CONSTANT:
                constant, at = signed(content, at)
            if not what and not form:
                break
            forms.append((what, form, constant, place))
        found[code] = tag, children, forms


def _plan(forms: list[Form]) -> Plan:
    """Return stretches of fixed length: with where lines stand in each, and the form behind it."""
    found: Plan = []
    length = 0
    marks: list[Mark] = []
    for what, form, constant, place in forms:
        fixed = _LENGTHS.get(form)
        if what in _FILES or what in _PLACES:
            if form not in _LINES or fixed is None:
                raise RefusedObject(_REFUSED, "a line is in a form that cannot be overwritten")
            own = (place, 0, constant) if form == _CONSTANT else (length, fixed, 0)
            marks.append((_OF_FILE if what in _FILES else _OF_LINE, *own))
        elif what in _COMPLETED and form == _REFERENCE:
            marks.append((_OF_ENTRY, length, 4, 0))
        if fixed is None:
            found.append((length, marks, form))
            length, marks = 0, []
        else:
            length += fixed
    if length or marks:
        found.append((length, marks, 0))
    return found


def _fields(
    content: bytes, unit: int, at: int, end: int, plans: dict[int, Plan]
) -> list[tuple[int, int, int, int]]:
    found: list[tuple[int, int, int, int]] = []
    number = int.from_bytes
    files: dict[int, int] = {}
    completed: dict[int, int] = {}
    without: list[tuple[int, int]] = []
    while at < end:
        begin = at
        code = content[at]
        at += 1
        if not code:
            continue
        if code > 127:  # noqa: PLR2004 - it goes on
            code, at = unsigned(content, at - 1)
        file = -1
        for length, marks, form in plans[code]:
            for kind, place, size, value in marks:
                if size:
                    place += at  # noqa: PLW2901 - it was counted from here
                    value = number(content[place : place + size], "little")  # noqa: PLW2901
                if kind == _OF_LINE:
                    if file < 0:
                        without.append((len(found), begin))
                    found.append((place, size, file, value))
                elif kind == _OF_FILE:
                    file = files[begin] = value
                else:
                    completed[begin] = unit + value
            at += length
            if form == _TEXT:
                at = content.index(b"\0", at) + 1
            elif form:
                at = after(content, at, form)
    for which, begin in without:
        entry = begin
        for _ in range(_STEPS):
            entry = completed.get(entry, -1)
            if entry in files:
                break
        place, size, _, value = found[which]
        found[which] = place, size, files.get(entry, -1), value
    return found


def after(content: bytes, at: int, form: int) -> int:
    """Return where a value ends."""
    length = _LENGTHS.get(form)
    if length is not None:
        return at + length
    if form in _COUNTED:
        size, at = unsigned(content, at)
        return at + size
    if form in _NUMBERS:
        return unsigned(content, at)[1]
    if form in _BLOCKS:
        width = _BLOCKS[form]
        return at + width + int.from_bytes(content[at : at + width], "little")
    if form == _TEXT:
        return content.index(b"\0", at) + 1
    raise RefusedObject(_REFUSED, "a value is of an unknown form")


def _head(
    read: ElfObject, entries: DebugSection, at: int, forms: dict[int, list[Form]]
) -> tuple[bytes, int]:
    """Return a unit's name, where it is simply told, and where its line table begins."""
    code, at = unsigned(entries.content, at)
    name, table = b"", -1
    for what, form, _, _ in forms.get(code, ()):
        if what == _TABLE:
            table = entries.number(at)
        elif what == _NAME and form == _TEXT:
            name = entries.text(at)
        elif what == _NAME and form == 0x0E:  # noqa: PLR2004 - in the table of texts
            name = DebugSection(read, b".debug_str").text(entries.number(at))
        at = after(entries.content, at, form)
    return name, table
