"""Compose an object of C++ from a base object and pieces that hold newer functions.

As `function_splice` does for C, with what C++ adds. In a piece all functions have been left out
whose definitions can be, but for the changed ones: so each function that is in none of its groups
is taken from it. What the new functions need and the base lacks comes with them
(`group_import`). What nothing refers to any more goes, as a compiler would not have written it:
functions that no other unit sees, and groups.

Rules kept: those of `function_splice`. Unwind entries that tell of exceptions are refused, and so
is what is made before `main` from what a function brings (a static member of a template).

Does not know which functions changed.
"""

from __future__ import annotations

import struct
from bisect import bisect_right

from incremental_tool.base.pattern import lazily
from incremental_tool.model import unwind_entries
from incremental_tool.model.cpp_regions import HOLLOW
from incremental_tool.model.elf_draft import marked
from incremental_tool.model.elf_object import (
    ALLOCATED,
    EXECUTABLE,
    EXTENT,
    FLAGS,
    FUNCTION,
    GROUPED,
    KIND,
    LOCAL,
    OF_FILE,
    OF_SECTION,
    PLACE,
    TYPE,
    UNDEFINED,
    VALUE,
    X86_64,
    RefusedObject,
)
from incremental_tool.model.function_splice import Composition
from incremental_tool.model.group_import import GroupImport, groups_of
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Optional, Union

    from incremental_tool.model.elf_object import ElfObject
    from incremental_tool.model.function_splice import Piece
    from incremental_tool.model.line_moves import Move
    from incremental_tool.model.piece_import import PieceImport

    Node = tuple[int, int]

_INITIALISING = (b"_GLOBAL__", b"_Z41__static_initialization_and_destruction_0")
"""How the names of functions begin that make variables before `main`."""

_LISTS = (14, 15, 16)
"""Kinds of sections whose pointers are called before and after a program."""

_TAGGED = lazily(rb"B[0-9]+[A-Za-z_]")
_WITHIN = lazily(rb"_Z(?:T[A-Z]|G[A-Z])?Z")
"""How names are mangled of functions with tags, and of what is within functions."""

_WHOLE = -1
"""In a node, in the place of an offset: the section, and not one variable of it."""

_GONE, _UNSEEN = 1, 2


def compose_cpp(
    base: bytes,
    pieces: Sequence[Piece],
    moves: Sequence[Move] = (),
    defined: frozenset[bytes] = frozenset(),
) -> Union[bytes, Reason]:
    """Return the base with the functions of pieces in it, or why that cannot be.

    Those that are asked for must be among them. `defined` are the functions that the text defines,
    which are there whether or not anything refers to them.
    """
    try:
        return _CppComposition(base, pieces, defined, adding=True).compose((), moves)
    except RefusedObject as refused:
        return refused.reason
    except (struct.error, LookupError, ValueError, OverflowError):
        return Reason("function.refuse.object", "it is damaged")


def own_functions(read: ElfObject) -> dict[int, list[int]]:
    """Return the sections of functions that are in no group, with the functions' symbols."""
    found: dict[int, list[int]] = {}
    for symbol, row in enumerate(read.symbols):
        section = read.section_of(symbol)
        if section is None or row[TYPE] & 15 != FUNCTION or row[VALUE]:
            continue
        flags = read.sections[section][FLAGS]
        if flags & EXECUTABLE and not flags & GROUPED:
            found.setdefault(section, []).append(symbol)
    return {
        section: symbols
        for section, symbols in found.items()
        if read.section_names[section] != HOLLOW
        and not any(read.symbol_names[each].startswith(_INITIALISING) for each in symbols)
    }


class _CppComposition(Composition):
    importing: type[PieceImport] = GroupImport
    grouped = True

    def take_all(self) -> None:
        """Take each function of each piece that is in no group."""
        if self.base.machine != X86_64:
            raise RefusedObject("function.refuse.object", "it is for another processor")
        taken: set[frozenset[bytes]] = set()
        found: set[bytes] = set()
        ours = own_functions(self.base)
        for coming in self.imports:
            if not isinstance(coming, GroupImport):
                continue
            _check_initialised(self.base, coming.piece)
            for section, symbols in own_functions(coming.piece).items():
                names = frozenset(coming.piece.symbol_names[each] for each in symbols)
                if names not in taken:
                    taken.add(names)
                    found |= names
                    self._take_function(coming, section, symbols, ours)
        named = [name for asked in self.asked for name in asked.functions]
        _check_named([coming.piece for coming in self.imports], named)
        for asked in self.asked:
            for name in asked.functions:
                if name not in found:
                    raise RefusedObject("function.refuse.not-in-piece", name)

    def _take_function(
        self, coming: GroupImport, section: int, symbols: list[int], ours: dict[int, list[int]]
    ) -> None:
        piece, base = coming.piece, self.base
        names = {piece.symbol_names[each]: each for each in symbols}
        first = piece.symbol_names[symbols[0]]
        if len(names) != len(symbols) or len(coming.residents[section]) != len(symbols):
            raise RefusedObject("function.refuse.shared-section", first)
        known = self.names.get(first)
        if known is None or base.symbols[known][PLACE] == UNDEFINED:
            coming.bring_whole(section)
            return
        target = base.section_of(known)
        if target is None or target in self.gone:
            raise RefusedObject("function.refuse.shared-section", first)
        there = {base.symbol_names[each]: each for each in ours.get(target, ())}
        heads = base.sections[target], piece.sections[section]
        if (
            there.keys() != names.keys()
            or len(self.residents[target]) != len(there)
            or base.section_names[target] != piece.section_names[section]
            or heads[0][1:3] != heads[1][1:3]
        ):
            raise RefusedObject("function.refuse.linkage", first)
        codes = {}
        for name, symbol in names.items():
            row, old = piece.symbols[symbol], base.symbols[there[name]]
            if old[1:3] != row[1:3]:
                raise RefusedObject("function.refuse.linkage", name)
            self.draft.change_symbol(there[name], (*old[:5], row[EXTENT]))
            codes[symbol] = there[name]
        self.gone.add(target)
        self.draft.replace(target, b"")
        table = base.section_named(b".rodata." + first)
        if table is not None and not self.residents.get(table):
            self.gone.add(table)
            self.draft.replace(table, b"")
        coming.take_function(section, target, codes)

    # --- what stays, and what goes with the old functions

    def part(self) -> None:
        """Find what nothing needs any more, and part it from what stays."""
        base, draft = self.base, self.draft
        graph = _Graph(base)
        roots = [*graph.roots(), *self._defined()]
        before = graph.reached(roots, graph.edges(set()))
        edges = graph.edges(self.gone)
        added = self._added(graph, edges)
        after = graph.reached([*roots, *added], edges)
        lost = {
            node[0]
            for node in before - after
            if node[1] == _WHOLE and base.sections[node[0]][FLAGS] & (EXECUTABLE | GROUPED)
        }
        for section in lost & set(graph.group_of):
            lost.update(graph.groups[graph.group_of[section]])
        for section in lost & self.gone:
            raise RefusedObject("function.refuse.unreferenced", base.section_names[section])
        self.gone |= lost
        self.entries = []
        self.unwound = []
        self._judge_references(lost)
        self._drop_unseen(self._clear_unused(graph, before - after))
        dropped = lost | {graph.group_of[each] for each in lost if each in graph.group_of}
        for symbol, row in enumerate(base.symbols):
            if row[PLACE] in dropped:
                draft.drop_symbol(symbol)
        for section in dropped:
            draft.drop_section(section)
        self.gone -= lost  # they are no more; what is empty and taken stays

    def _defined(self) -> list[Node]:
        """Return the functions that are there on their own account: the text defines them."""
        base, found = self.base, []
        hollow = {
            coming.piece.symbol_names[symbol]
            for coming in self.imports
            for symbol, row in enumerate(coming.piece.symbols)
            if row[TYPE] & 15 == FUNCTION and not _is_instance(coming.piece.symbol_names[symbol])
        }
        for symbol, row in enumerate(base.symbols):
            section = base.section_of(symbol)
            if section is None or row[TYPE] & 15 != FUNCTION:
                continue
            name = base.symbol_names[symbol]
            plain = not base.sections[section][FLAGS] & GROUPED
            if name in self.defined or (plain and name in hollow):
                found.append((section, _WHOLE))
        return found

    def _added(self, graph: _Graph, edges: dict[Node, set[Node]]) -> list[Node]:
        """Add what the new functions refer to; return what new roots refer to."""
        draft, base = self.draft, self.base
        roots: list[Node] = []
        homes: set[int] = set()
        for coming in self.imports:
            homes.update(coming.parts.values())
            homes.update(target for target, _ in coming.homes.values())
        for home in homes:
            replaced = home in self.gone
            known = 0 if replaced or home >= len(base.sections) else len(base.relocations(home))
            for _, _, code, addend in draft.relocations_of(home)[known:]:
                node = graph.node_of(code, addend) if code < len(base.symbols) else None
                if node is not None and replaced:
                    edges.setdefault((home, _WHOLE), set()).add(node)
                elif node is not None:
                    roots.append(node)
        return roots

    def _judge_references(self, lost: set[int]) -> None:
        """Note what of the base refers to what is gone, and refuse what cannot be."""
        base = self.base
        marks = bytearray(len(base.symbols))
        for symbol, row in enumerate(base.symbols):
            if row[PLACE] in self.gone:
                marks[symbol] = _GONE
        for _, owner, entry in marked(base, marks):
            if owner in self.gone:
                continue
            relocation = self.draft.relocation(owner, entry)
            place = base.symbols[relocation[2]][PLACE]
            allocated = base.sections[owner][FLAGS] & ALLOCATED
            if base.section_names[owner] == unwind_entries.NAME:
                self.unwound.append((owner, entry))
            elif not allocated:
                # What tells of a function by its name is told by the piece.
                self.entries.append((owner, entry))
            elif place in lost:
                self.draft.clear_relocation(owner, entry)  # a variable that nobody needs either
            else:
                self._refer(owner, entry, relocation)

    def _clear_unused(self, graph: _Graph, unused: set[Node]) -> set[tuple[int, int]]:
        """Let variables that nobody needs any more refer to nothing; return their relocations."""
        base, cleared = self.base, set()
        for section in {node[0] for node in unused if node[1] != _WHOLE}:
            for entry, row in enumerate(base.relocations(section)):
                node = graph.at(section, row[0])
                if node[1] != _WHOLE and node in unused:
                    self.draft.clear_relocation(section, entry)
                    cleared.add((section, entry))
        return cleared

    def _drop_unseen(self, cleared: set[tuple[int, int]]) -> None:
        """Drop names of other units' that only what is gone or `cleared` has referred to."""
        base = self.base
        marks = bytearray(len(base.symbols))
        for section in self.gone:
            for row in base.relocations(section):
                if base.symbols[row[2]][PLACE] == UNDEFINED and row[2]:
                    marks[row[2]] = _UNSEEN
        for section, entry in cleared:
            symbol = base.relocations(section)[entry][2]
            if base.symbols[symbol][PLACE] == UNDEFINED and symbol:
                marks[symbol] = _UNSEEN
        for coming in self.imports:
            for code in coming.used:
                if code < len(marks):
                    marks[code] = 0
        for _, owner, entry in marked(base, marks):
            if (owner, entry) in cleared:
                continue
            if owner not in self.gone and base.sections[owner][FLAGS] & ALLOCATED:
                marks[self.draft.relocation(owner, entry)[2]] = 0
        for symbol, mark in enumerate(marks):
            if mark:
                self.draft.drop_symbol(symbol)


class _Graph:
    """What of an object refers to what: sections, and single variables of those that are shared."""

    def __init__(self, base: ElfObject) -> None:
        self.base = base
        self.groups = groups_of(base)
        self.group_of = {each: at for at, members in self.groups.items() for each in members}
        self.items: dict[int, list[tuple[int, int, int]]] = {}
        for symbol, row in enumerate(base.symbols):
            section = base.section_of(symbol)
            if section is None or row[TYPE] & 15 in (OF_SECTION, OF_FILE):
                continue
            if self._is_shared(section):
                self.items.setdefault(section, []).append((row[VALUE], row[EXTENT], symbol))
        for found in self.items.values():
            found.sort()

    def _is_shared(self, section: int) -> bool:
        flags = self.base.sections[section][FLAGS]
        return flags & (ALLOCATED | EXECUTABLE | GROUPED) == ALLOCATED

    def at(self, section: int, offset: int) -> Node:
        """Return what holds a place in a section."""
        if not self._is_shared(section):
            return section, _WHOLE
        found = self.items.get(section, ())
        at = bisect_right(found, (offset, 1 << 64, 0)) - 1
        if at >= 0 and offset < found[at][0] + max(found[at][1], 1):
            return section, found[at][0]
        return section, _WHOLE

    def node_of(self, symbol: int, addend: int) -> Optional[Node]:
        """Return what a relocation refers to; None for what is elsewhere."""
        base = self.base
        section = base.section_of(symbol)
        if section is None or not base.sections[section][FLAGS] & ALLOCATED:
            return None
        row = base.symbols[symbol]
        by_section = row[TYPE] & 15 == OF_SECTION
        return self.at(section, row[VALUE] + (addend if by_section else 0))

    def roots(self) -> list[Node]:
        """Return what is there for others, or on its own account."""
        base = self.base
        found: list[Node] = []
        for section, row in enumerate(base.sections):
            listed = base.section_names[section].startswith((b".ctors", b".dtors"))
            if listed or row[KIND] in _LISTS or self._is_shared(section):
                found.append((section, _WHOLE))
        for symbol, each in enumerate(base.symbols):
            place = base.section_of(symbol)
            if place is None or each[TYPE] >> 4 == LOCAL or each[TYPE] & 15 == OF_SECTION:
                continue
            if not base.sections[place][FLAGS] & GROUPED:
                found.append(self.at(place, each[VALUE]))
        return found

    def edges(self, gone: set[int]) -> dict[Node, set[Node]]:
        """Return what each refers to, but for what is gone; members of a group to each other."""
        base = self.base
        found: dict[Node, set[Node]] = {}
        for owner in base.relocated_by:
            flags = base.sections[owner][FLAGS]
            if not flags & ALLOCATED or owner in gone:
                continue
            if base.section_names[owner] == unwind_entries.NAME:
                continue
            shared = self._is_shared(owner)
            whole = found.setdefault((owner, _WHOLE), set())
            for offset, _, symbol, addend in base.relocations(owner):
                node = self.node_of(symbol, addend)
                if node is None:
                    continue
                if not shared:
                    whole.add(node)
                    continue
                holder = self.at(owner, offset)
                # A table of places in a function is that function's.
                if holder[1] != _WHOLE or addend == 0 or node[1] != _WHOLE:
                    found.setdefault(holder, set()).add(node)
        for members in self.groups.values():
            nodes = {(each, _WHOLE) for each in members}
            for node in nodes:
                found.setdefault(node, set()).update(nodes)
        return found

    @staticmethod
    def reached(roots: Iterable[Node], edges: dict[Node, set[Node]]) -> set[Node]:
        """Return what is reached from somewhere."""
        found = set(roots)
        waiting = list(found)
        while waiting:
            for node in edges.get(waiting.pop(), ()):
                if node not in found:
                    found.add(node)
                    waiting.append(node)
        return found


def _is_instance(name: bytes) -> bool:
    """Whether a function is made when it is needed: it is a lambda's, a template's or local."""
    return name[:3] == b"_ZZ" or b"I" in name


def _check_named(pieces: Iterable[ElfObject], taken: Iterable[bytes]) -> None:
    """Refuse what gcc names in two ways: things within a function whose name tells of its type.

    A function that returns a `std::string`, say, has `B5cxx11` in its name; that of a class
    within it has that or has not, as other functions of the unit will.
    """
    if any(map(_TAGGED.search, taken)):
        for piece in pieces:
            for name in piece.symbol_names:
                if _WITHIN.match(name):
                    raise RefusedObject("function.refuse.linkage", name)


def _check_initialised(base: ElfObject, piece: ElfObject) -> None:
    """Refuse what is made before `main` and is an instance that a function may have brought."""
    for read in (base, piece):
        for symbol, name in enumerate(read.symbol_names):
            section = read.section_of(symbol)
            if section is None or not name.startswith(_INITIALISING):
                continue
            for row in read.relocations(section):
                there = read.section_of(row[2])
                if there is None:
                    continue
                flags = read.sections[there][FLAGS]
                if flags & GROUPED and not flags & EXECUTABLE:
                    raise RefusedObject("function.refuse.linkage", name)
