"""In what two objects differ for a debugger.

Of every function the rows of lines, and the tree of entries: names, types by structure, where
things were declared, where they are kept. Of every variable of the file the same. What several
units say of one variable must be the same.

Types are followed to a few steps' depth, and the members of structures by name and type's name.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.dwarf_lines import DebugSection, tables
from incremental_tool.model.dwarf_tree import Reader
from incremental_tool.model.elf_object import OF_SECTION, PLACE, TYPE, VALUE
from incremental_tool.model.piece_import import stem_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional

    from incremental_tool.model.dwarf_tree import Entry, Value
    from incremental_tool.model.object_view import View

    Rows = tuple[tuple[int, bytes, int, int, bool], ...]

_SUBPROGRAM, _VARIABLE, _LABEL_BLOCK = 0x2E, 0x34, 0x0B
_NAME, _LOW, _TYPE, _FILE, _LOCATION = 0x03, 0x11, 0x49, 0x3A, 0x02
_REFERENCES = frozenset({_TYPE, 0x18, 0x1D, 0x31, 0x47, 0x64})
_UNTOLD = frozenset({0x01, 0x55, 0x3A, 0x58, 0x10, 0x72, 0x73, 0x74, 0x8C})
"""Attributes that say where something is in these sections: siblings, ranges, files and bases."""

_LINE = 0x3B
_NUMBERED = lazily(rb"auto:[0-9]+")
"""What gcc calls a parameter of a lambda that has no type of its own: numbered in each compile."""

_BUILT_IN = frozenset(
    b"__builtin_va_list __va_list_tag gp_offset fp_offset overflow_arg_area reg_save_area"
    b" __va_list __stack __gr_top __vr_top __gr_offs __vr_offs".split()
)
"""Of types that no text declares: clang says that they are declared wherever it happens to be."""

_STEPS = 4

_NAMESPACE, _LANGUAGE = 0x39, 0x13
_CPP = frozenset({0x04, 0x1A, 0x21, 0x2B, 0x3A})
_NAMED_TYPES = frozenset({0x02, 0x04, 0x13, 0x17})
"""Classes, enumerations, structures and unions. A unit of C++ tells of their members what it has
needed of them; debuggers find by its name what another unit tells."""


def debug_differences(full: View, made: View) -> list[str]:
    """Return in what the second object's debug information differs from the first's."""
    told: list[str] = []
    ours, theirs = _rows(full), _rows(made)
    for name in sorted(ours.keys() | theirs.keys()):
        one, two = sorted(ours.get(name, [])), sorted(theirs.get(name, []))
        if one != two:
            told.append(f"{_text(name)} has other lines: {_first(one, two)}")
    entries, others = _Entries(full), _Entries(made)
    for what, here, there in (
        ("described", entries.functions, others.functions),
        ("said to be elsewhere or other", entries.variables, others.variables),
    ):
        for name in sorted(here.keys() | there.keys()):
            known, known_there = here.get(name, set()), there.get(name, set())
            if known != known_there:
                odd = _first(sorted(known, key=repr), sorted(known_there, key=repr))
                told.append(f"{_text(name)} is {what} differently: {odd}")
    return told


def _parents(unit: list[Entry]) -> list[int]:
    """Return the place of the entry that each is within; -1 for the first."""
    found: list[int] = []
    around: list[int] = []
    for at, entry in enumerate(unit):
        del around[entry.depth :]
        found.append(around[-1] if around else -1)
        around.append(at)
    return found


def _first(one: object, two: object) -> str:
    """Return where two values first differ, shortly."""
    while isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        for left, right in zip(one, two):
            if left != right:
                one, two = left, right
                break
        else:
            break
    return f"{one!r:.200} and {two!r:.200}"


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _rows(view: View) -> dict[bytes, list[Rows]]:
    """Return the rows of lines of every function that is there."""
    read = view.read
    lines = DebugSection(read, b".debug_line")
    found: dict[bytes, list[Rows]] = {}
    for table in tables(read):
        for sequence in table.sequences:
            target = lines.relocations.get(sequence.address_at)
            section = None if target is None else read.section_of(target[0])
            if target is None or section is None:
                continue
            item = view.item_at(section, target[1])
            if item is None:
                continue
            rows = tuple(
                (at, table.files.get(file, b""), line, column, statement)
                for at, file, line, column, statement, _ in sequence.rows
            )
            found.setdefault(view.name(item[2]), []).append(rows)
    return found


class _Entries:
    """What one object says of its functions and of the variables of its file."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.functions: dict[bytes, set[object]] = {}
        self.variables: dict[bytes, set[object]] = {}
        self.known: dict[tuple[int, int], object] = {}
        for unit in Reader(view.read).units():
            self.unit = {entry.at: at for at, entry in enumerate(unit)}
            self.entries = unit
            self.parents = _parents(unit)
            self.by_name = bool(unit) and unit[0].values.get(_LANGUAGE) in _CPP
            self.known.clear()
            for at, entry in enumerate(unit):
                if not self._is_outside(at):
                    continue
                if entry.tag == _SUBPROGRAM:
                    name = self._function(entry)
                    if name is not None:
                        self.functions.setdefault(name, set()).add(self._tree(at))
                elif entry.tag == _VARIABLE and _LOCATION in entry.values:
                    location = entry.values[_LOCATION]
                    if self._told(location) == (("nowhere",), b""):
                        continue  # one that a piece names, and that nothing was left of
                    self.variables.setdefault(self._name(entry), set()).add(self._said(entry, 0))

    def _is_outside(self, at: int) -> bool:
        """Whether nothing but namespaces is around an entry."""
        at = self.parents[at]
        while at > 0 and self.entries[at].tag == _NAMESPACE:
            at = self.parents[at]
        return at == 0

    def _qualified(self, at: int) -> tuple[object, ...]:
        """Return the names of an entry and of those around it."""
        names: list[object] = []
        while at > 0:
            names.append((self.entries[at].tag, self.entries[at].values.get(_NAME)))
            at = self.parents[at]
        return tuple(names)

    def _name(self, entry: Entry) -> bytes:
        """Return an entry's name, or that of the entry that it completes."""
        for _ in range(_STEPS):
            name = entry.values.get(_NAME)
            if isinstance(name, bytes):
                return name
            other = entry.values.get(0x47, entry.values.get(0x31))
            if not isinstance(other, int) or other not in self.unit:
                break
            entry = self.entries[self.unit[other]]
        return b"nameless"

    def _function(self, entry: Entry) -> Optional[bytes]:
        """Return the name of the function that is where an entry says, if one is there."""
        low = entry.values.get(_LOW)
        if not isinstance(low, tuple) or low[1] is None:
            return None
        place = self._place(low)
        return place[1] if len(place) > 1 and isinstance(place[1], bytes) else None

    def _tree(self, at: int) -> object:
        """Return a function's entries, in order, with how deep each is."""
        first = self.entries[at]
        found = [(0, self._said(first, 0))]
        for entry in self.entries[at + 1 :]:
            if entry.depth <= first.depth:
                break
            found.append((entry.depth - first.depth, self._said(entry, 0)))
        return tuple(found)

    def _said(self, entry: Entry, step: int) -> object:
        """Return what an entry says, with what it refers to for a few steps."""
        key = entry.at, step
        if key in self.known:
            return self.known[key]
        values: list[tuple[int, object]] = []
        for what, value in sorted(entry.values.items()):
            if what in _UNTOLD or (what == _LINE and entry.values.get(_NAME) in _BUILT_IN):
                continue
            if what in _REFERENCES:
                other = self.unit.get(value) if isinstance(value, int) else None
                if other is None:
                    values.append((what, "elsewhere"))
                elif self.by_name and self.entries[other].tag in _NAMED_TYPES:
                    values.append((what, self._qualified(other)))
                elif step >= _STEPS:
                    values.append((what, self.entries[other].values.get(_NAME)))
                else:
                    values.append((what, self._with_members(other, step + 1)))
            else:
                values.append((what, self._told(value)))
        found = self.known[key] = (entry.tag, tuple(values))
        return found

    def _with_members(self, at: int, step: int) -> object:
        entry = self.entries[at]
        members = []
        if entry.tag != _SUBPROGRAM and step < _STEPS:
            for each in self.entries[at + 1 :]:
                if each.depth <= entry.depth:
                    break
                members.append(self._said(each, _STEPS - 1))
        return self._said(entry, step), tuple(members)

    def _told(self, value: Value) -> object:
        if isinstance(value, tuple):
            if value and value[0] == "address":
                return self._place(value)
            return tuple(self._told(each) for each in value)  # type: ignore[arg-type]
        if isinstance(value, bytes) and _NUMBERED.fullmatch(value):
            return b"auto"
        return value

    def _place(self, value: tuple[object, ...]) -> tuple[object, ...]:
        """Return what an address is of: a name, and how far behind it."""
        view = self.view
        symbol, offset = value[1], value[2]
        if not isinstance(symbol, int) or not isinstance(offset, int):
            return ("nowhere",)
        row = view.read.symbols[symbol]
        section = view.read.section_of(symbol)
        if section is None:
            return ("outside", view.name(symbol), offset)
        if row[TYPE] & 15 != OF_SECTION and not row[PLACE]:
            offset -= row[VALUE]
        item = view.item_at(section, offset)
        if item is None:
            return ("somewhere",)
        return ("in", stem_of(view.name(item[2])), offset - item[0])
