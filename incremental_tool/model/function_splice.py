"""Compose an object from a base object and pieces that hold newer functions.

The base is an object of a whole unit, each function in a section of its own. A piece is an object
of the same unit in which most bodies are left out. The composed object is the base with the wanted
functions taken from the pieces, along with all that is theirs alone: constants, strings, jump
tables, statics inside them, unwind entries and what debuggers read.

Rules kept:

* Equal arguments give equal bytes, and whatever bytes are given, the answer is an object or a
  `Reason`.
* What else a piece and the base both hold must be equal, or they are of different texts.
* Nothing that stays may refer into a function that goes; its start is the new one's.
* A static inside a function is one object for all who use it: where it cannot be told whose one
  is (an inlined function's, used by several), there is no answer.

Does not know which functions changed: its caller compares texts.
"""

from __future__ import annotations

import struct
from collections import Counter

from incremental_tool.model import unwind_entries
from incremental_tool.model.alike_objects import check, check_alike
from incremental_tool.model.debug_splice import DebugSplice
from incremental_tool.model.elf_draft import Draft, marked
from incremental_tool.model.elf_object import (
    ALLOCATED,
    EXECUTABLE,
    FLAGS,
    FUNCTION,
    GROUPED,
    INDIRECT_FUNCTION,
    KIND,
    LOCAL,
    OF_SECTION,
    ORDERED,
    PLACE,
    RELOCATION,
    TYPE,
    UNDEFINED,
    VALUE,
    ElfObject,
    RefusedObject,
)
from incremental_tool.model.local_statics import Statics
from incremental_tool.model.piece_import import Names, PieceImport, stem_of
from incremental_tool.model.reason import Reason
from incremental_tool.model.relocation_kind import is_relative, is_start
from incremental_tool.model.shared_variables import check_variables

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.model.line_moves import Move
else:
    from incremental_tool.base.named_tuple import NamedTuple

_ON_ITS_OWN_ACCOUNT = (14, 15, 16)
"""Kinds of sections whose pointers are called before and after a program."""

_GONE, _LOST, _STATIC = 1, 2, 3
"""Marks of symbols: what goes, what the old functions referred to alone, statics in doubt."""


class Piece(NamedTuple):
    """An object, the functions to take from it, and how lines of its text have moved since."""

    content: bytes
    functions: Sequence[bytes]
    moves: Sequence[Move] = ()


def compose(
    base: bytes,
    pieces: Sequence[Piece],
    *,
    removed: Sequence[bytes] = (),
    internal: Container[bytes] = frozenset(),
    moves: Sequence[Move] = (),
    adding: bool = True,
) -> Union[bytes, Reason]:
    """Return the base with functions taken from pieces, or why that cannot be.

    `removed` are functions that the new text has no more; `internal` are the names of all that it
    defines, so that one which the base lacks is not taken for another unit's. `moves` are those of
    the lines of the base's text. Without `adding`, a function that the base has not is refused: it
    was left out because nobody refers to it, or it will be.
    """
    try:
        return Composition(base, pieces, internal, adding=adding).compose(removed, moves)
    except RefusedObject as refused:
        return refused.reason
    except (struct.error, LookupError, ValueError, OverflowError):
        return Reason("function.refuse.object", "it is damaged")


class Composition:
    """One object on its way."""

    importing: type[PieceImport] = PieceImport
    grouped = False

    def __init__(
        self, base: bytes, pieces: Sequence[Piece], internal: Container[bytes], *, adding: bool
    ) -> None:
        self.adding = adding
        self.defined = internal
        self.base = ElfObject(base)
        check(self.base, grouped=self.grouped)
        self.draft = Draft(self.base)
        self.names = Names(self.base)
        self.gone: set[int] = set()
        self.imports: list[PieceImport] = []
        self.asked = pieces
        for piece in pieces:
            read = ElfObject(piece.content)
            check(read, grouped=self.grouped)
            check_alike(self.base, read)
            self.imports.append(self.importing(self.draft, self.names, read, internal))
        self.residents: dict[int, list[int]] = {}
        for code, row in enumerate(self.base.symbols):
            if row[PLACE] and row[TYPE] & 15 != OF_SECTION:
                self.residents.setdefault(row[PLACE], []).append(code)

    def compose(self, removed: Sequence[bytes], moves: Sequence[Move]) -> bytes:
        """Return the object."""
        self.take_all()
        self.removed = [self._remove(name) for name in removed]
        for coming in self.imports:
            check_variables(self.base, coming, self.names)
        for coming in self.imports:
            coming.follow()
        self.part()
        self._unwind()
        debug = DebugSplice(self.draft, moves, self.gone)
        for piece, coming in zip(self.asked, self.imports):
            debug.add(coming, piece.moves)
        debug.finish(self.entries)
        return self.draft.finish()

    # --- functions that come and go

    def take_all(self) -> None:
        """Take the functions that are asked for."""
        for piece, coming in zip(self.asked, self.imports):
            for name in piece.functions:
                self._take(coming, name)

    def _take(self, coming: PieceImport, name: bytes) -> None:
        piece = coming.piece
        symbols = [
            symbol
            for symbol, each in enumerate(piece.symbol_names)
            if each == name and piece.section_of(symbol) is not None
        ]
        if len(symbols) != 1:
            raise RefusedObject("function.refuse.not-in-piece", name)
        section = _own_section(piece, symbols[0], coming.residents)
        row = piece.symbols[symbols[0]]
        code = self.names.get(name)
        if code is None or self.base.symbols[code][PLACE] == UNDEFINED:
            if not self.adding:
                raise RefusedObject("function.refuse.unreferenced", name)
            self._add(coming, name, symbols[0], section, code)
        else:
            target = _own_section(self.base, code, self.residents)
            known = self.base.symbols[code]
            if target in self.gone:
                raise RefusedObject("function.refuse.shared-section", name)
            if known[1:3] != row[1:3] or (
                self.base.section_names[target] != piece.section_names[section]
                or self.base.sections[target][1:3] != piece.sections[section][1:3]
            ):
                raise RefusedObject("function.refuse.linkage", name)
            self._clear(target, name)
            self.draft.change_symbol(code, (*known[:5], row[5]))
            coming.take(section, target, code)
        self._take_cold(coming, name + b".cold")

    def _add(
        self, coming: PieceImport, name: bytes, symbol: int, section: int, known: Optional[int]
    ) -> None:
        piece = coming.piece
        row = piece.symbols[symbol]
        if known is not None and row[TYPE] >> 4 != self.base.symbols[known][TYPE] >> 4:
            raise RefusedObject("function.refuse.linkage", name)
        head = piece.sections[section]
        if self.base.section_names.count(piece.section_names[section]):
            raise RefusedObject("function.refuse.shared-section", name)
        target = self.draft.section(piece.section_names[section], head[KIND], head[FLAGS], 0)
        code = self.draft.add_symbol(name, (0, row[1], row[2], target, 0, row[5]))
        if known is not None:
            self.draft.drop_symbol(known, code)
        self.names.codes[name] = code
        coming.take(section, target, code)

    def _take_cold(self, coming: PieceImport, name: bytes) -> None:
        """Take the part of a function that is expected not to run, if there is one."""
        piece = coming.piece
        known = self.names.get(name)
        if name not in piece.symbol_names:
            if known is not None:
                self._clear(_own_section(self.base, known, self.residents), None)
                self.draft.drop_symbol(known)
            return
        symbol = piece.symbol_names.index(name)
        section = _own_section(piece, symbol, coming.residents)
        row = piece.symbols[symbol]
        head = piece.sections[section]
        if known is not None:
            target = _own_section(self.base, known, self.residents)
            self._clear(target, None)
            self.draft.change_symbol(known, (*self.base.symbols[known][:5], row[5]))
        else:
            target = self.draft.section(piece.section_names[section], head[KIND], head[FLAGS], 0)
            known = self.draft.add_symbol(name, (0, row[1], row[2], target, 0, row[5]))
        coming.take(section, target, known)

    def _remove(self, name: bytes) -> int:
        code = self.names.get(name)
        if code is None or self.base.symbols[code][PLACE] == UNDEFINED:
            raise RefusedObject("function.refuse.not-in-base", name)
        target = _own_section(self.base, code, self.residents)
        self._clear(target, name)
        self.draft.drop_symbol(code)
        cold = self.names.get(name + b".cold")
        if cold is not None:
            self._clear(_own_section(self.base, cold, self.residents), None)
            self.draft.drop_symbol(cold)
        return target

    def _clear(self, section: int, name: Optional[bytes]) -> None:
        """Empty a function's section, and that of the tables that are named after it."""
        self.gone.add(section)
        self.draft.replace(section, b"")
        for symbol in self.residents.get(section, ()):
            if self.base.symbol_names[symbol][:1] == b"$":
                self.draft.drop_symbol(symbol)
        table = None if name is None else self.base.section_named(b".rodata." + name)
        if table is not None and all(
            self.base.symbol_names[each][:1] == b"$" for each in self.residents.get(table, ())
        ):
            self.gone.add(table)
            self.draft.replace(table, b"")

    # --- what stays, and what it refers to

    def part(self) -> None:
        """Part what stays from what goes, by all relocations of the base at once."""
        base = self.base
        marks = bytearray(len(base.symbols))
        lost = self._mark(marks)
        doubtful = self._mark_statics(marks)
        for symbol, each in enumerate(base.symbols):
            if each[PLACE] in self.gone:
                marks[symbol] = _GONE
        self.entries: list[tuple[int, int]] = []
        """Relocations that are not of code and refer to what goes."""
        self.unwound: list[tuple[int, int]] = []
        for mark, owner, entry in marked(base, marks):
            if owner in self.gone:
                if mark == _STATIC:
                    doubtful.refer(owner, self.draft.relocation(owner, entry), gone=True)
                continue
            row = self.draft.relocation(owner, entry)
            if mark == _GONE:
                self._refer(owner, entry, row)
            elif not base.sections[owner][FLAGS] & ALLOCATED or (
                base.section_names[owner] == unwind_entries.NAME
            ):
                continue
            elif mark == _LOST:
                if owner != base.symbols[row[2]][PLACE]:
                    lost.discard(base.symbols[row[2]][PLACE] or -row[2])
            else:
                doubtful.refer(owner, row, gone=False)
        for name in sorted(lost):
            if name > 0:
                raise RefusedObject("function.refuse.unreferenced", base.section_names[name])
            self.draft.drop_symbol(-name)
        doubtful.decide([coming.statics for coming in self.imports])
        self._check_called()

    def _mark(self, marks: bytearray) -> set[int]:
        """Mark what only the old functions may refer to: sections of functions, and -symbols."""
        base = self.base
        used: set[int] = set()
        for coming in self.imports:
            used |= coming.used
        kept = {base.symbols[code][PLACE] for code in used if code < len(base.symbols)}
        lost: set[int] = set()
        for owner in self.gone:
            for row in base.relocations(owner):
                place = base.symbols[row[2]][PLACE]
                if place == UNDEFINED:
                    if row[2] and row[2] not in used:
                        lost.add(-row[2])
                        marks[row[2]] = _LOST
                elif (
                    place not in self.gone
                    and place not in kept
                    and place < len(base.sections)
                    and base.sections[place][FLAGS] & EXECUTABLE
                    and all(
                        base.symbols[one][TYPE] >> 4 == LOCAL
                        for one in self.residents.get(place, ())
                    )
                ):
                    lost.add(place)
        for symbol, each in enumerate(base.symbols):
            if each[PLACE] in lost:
                marks[symbol] = _LOST
        return lost

    def _mark_statics(self, marks: bytearray) -> Statics:
        base = self.base
        stems = {stem for coming in self.imports for stem in coming.statics}
        found = Statics(base)
        if stems:
            for symbol, name in enumerate(base.symbol_names):
                if (
                    b"." in name
                    and stem_of(name) in stems
                    and base.symbols[symbol][TYPE] & 15 != FUNCTION
                ):
                    found.add(symbol)
            for symbol, row in enumerate(base.symbols):
                if row[PLACE] in found.sections and (
                    row[TYPE] & 15 == OF_SECTION or symbol in found.symbols
                ):
                    marks[symbol] = _STATIC
        return found

    def _refer(self, owner: int, entry: int, row: tuple[int, int, int, int]) -> None:
        """Judge a relocation of what stays that names what goes."""
        base = self.base
        name = base.section_names[owner]
        if name == unwind_entries.NAME:
            self.unwound.append((owner, entry))
            return
        section = base.symbols[row[2]][PLACE]
        flags = base.sections[owner][FLAGS]
        if not flags & ALLOCATED:
            self.entries.append((owner, entry))
            return
        by_symbol = base.symbols[row[2]][TYPE] & 15 == FUNCTION
        whole = by_symbol or is_start(base.machine, row[1], row[3])
        if not flags & EXECUTABLE and is_relative(base.machine, row[1]) and not by_symbol:
            whole = False
        if whole and section not in self.removed and base.sections[section][FLAGS] & EXECUTABLE:
            return
        if whole or flags & EXECUTABLE:
            raise RefusedObject("function.refuse.reference", base.section_names[section])
        self.draft.clear_relocation(owner, entry)

    def _check_called(self) -> None:
        """Check that what is called on its own account is so in the pieces, too."""
        ours = _called(self.base, self.gone)
        theirs: Counter[tuple[bytes, bytes]] = Counter()
        for coming in self.imports:
            theirs += _called(coming.piece, set(coming.parts))
        if ours != theirs:
            raise RefusedObject("function.refuse.linkage", "a constructor or destructor")

    # --- unwind entries

    def _unwind(self) -> None:
        base, draft = self.base, self.draft
        pieces = [c for c in self.imports if unwind_entries.NAME in c.piece.section_names]
        index = base.section_named(unwind_entries.NAME)
        if index is None:
            if pieces or unwind_entries.NAME in base.section_names:
                raise RefusedObject(
                    "function.refuse.unwind", "the base has none, or several of them"
                )
            return
        content = draft.content_of(index)
        known = unwind_entries.records(content)
        shared = {
            bytes(content[record.start : record.start + record.size]): record.start
            for record in known
            if record.shared is None
        }
        entries = sorted(entry for owner, entry in self.unwound if owner == index)
        starts = [
            draft.relocation(index, entry)[0] - unwind_entries.TO_FUNCTION for entry in entries
        ]
        table = draft.relocation_table(index)
        if table is not None:
            for entry in reversed(entries):
                del table[entry * RELOCATION.size : (entry + 1) * RELOCATION.size]
        unwind_entries.remove(content, known, starts)
        for coming in pieces:
            self._unwind_piece(coming, index, content, shared)

    def _unwind_piece(
        self, coming: PieceImport, index: int, content: bytearray, shared: dict[bytes, int]
    ) -> None:
        piece = coming.piece
        own = piece.section_named(unwind_entries.NAME)
        if own is None:
            raise RefusedObject("function.refuse.unwind", "there are several sections of them")
        entries = piece.bytes_of(own)
        found = {record.start: record for record in unwind_entries.records(entries)}
        seen: set[int] = set()
        for offset, kind, symbol, addend in piece.relocations(own):
            place = piece.symbols[symbol][PLACE]
            record = found.get(offset - unwind_entries.TO_FUNCTION)
            if record is None or record.shared is None:
                raise RefusedObject("function.refuse.unwind", "they are those of exceptions")
            if place not in coming.parts:
                continue
            seen.add(place)
            common = found.get(record.shared, record)
            if common.shared is not None:
                raise RefusedObject("function.refuse.unwind", "the records are odd")
            start = unwind_entries.append(
                content,
                entries[record.start : record.start + record.size],
                entries[common.start : common.start + common.size],
                shared,
            )
            code, moved = coming.resolve((offset, kind, symbol, addend), 0)
            self.draft.relocate(index, [(start + unwind_entries.TO_FUNCTION, kind, code, moved)])
        if seen != {each for each in coming.parts if piece.sections[each][FLAGS] & EXECUTABLE}:
            raise RefusedObject("function.refuse.unwind", "a function has none")


def _own_section(read: ElfObject, symbol: int, residents: dict[int, list[int]]) -> int:
    """Return the section of a function, which must be its alone."""
    name = read.symbol_names[symbol]
    section = read.section_of(symbol)
    row = read.symbols[symbol]
    if section is None or row[TYPE] & 15 in (INDIRECT_FUNCTION, OF_SECTION) or row[VALUE]:
        raise RefusedObject("function.refuse.shared-section", name)
    head = read.sections[section]
    plain = name.removesuffix(b".cold")
    if (
        row[TYPE] & 15 != FUNCTION
        or head[FLAGS] & (GROUPED | ORDERED)
        or not head[FLAGS] & EXECUTABLE
        or not read.section_names[section].startswith(b".text")
        or not read.section_names[section].endswith(b"." + plain)
        or read.section_names.count(read.section_names[section]) != 1
    ):
        raise RefusedObject("function.refuse.shared-section", name)
    if any(each != symbol and read.symbol_names[each][:1] != b"$" for each in residents[section]):
        raise RefusedObject("function.refuse.shared-section", name)
    return section


def _called(read: ElfObject, parts: set[int]) -> Counter[tuple[bytes, bytes]]:
    """Return how often functions are called on their own account: by list and by section."""
    found: Counter[tuple[bytes, bytes]] = Counter()
    for index, row in enumerate(read.sections):
        name = read.section_names[index]
        if row[KIND] in _ON_ITS_OWN_ACCOUNT or name.startswith((b".ctors", b".dtors")):
            for each in read.relocations(index):
                place = read.symbols[each[2]][PLACE]
                if place in parts:
                    found[name, read.section_names[place]] += 1
    return found
