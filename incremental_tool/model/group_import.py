"""What a piece of C++ brings into an object: its functions, and whatever they need that it lacks.

In C++ a name tells what it is of, also that of a static inside a function or of a lambda. So
what a piece refers to by a name is the base's, if it has it; else it comes with the piece, in
the section or group of sections that the compiler has put it in, with what it refers to in turn.

* A group (an inline function, a template's instance, a table of virtual functions) comes whole.
* What has no name is private, as in C (`piece_import`).
* A name that no other unit can have and that neither the base nor the piece has is refused.

Knows nothing of debuggers' sections.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.cpp_regions import HOLLOW
from incremental_tool.model.elf_object import (
    ALLOCATED,
    EXECUTABLE,
    FLAGS,
    GROUP,
    GROUPED,
    KIND,
    PLACE,
    TOLD,
    UNDEFINED,
    VALUE,
    RefusedObject,
    words,
)
from incremental_tool.model.piece_import import PieceImport
from incremental_tool.model.relocation_kind import is_start

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Optional

    from incremental_tool.model.elf_draft import Draft
    from incremental_tool.model.elf_object import ElfObject, Relocation
    from incremental_tool.model.piece_import import Names

_OF_ONE_UNIT = lazily(rb"_GLOBAL__N_|L[0-9]+[A-Za-z_]")
"""How names are mangled that only one unit has; a few that others have look like that, too."""

_COMDAT = 1


def groups_of(read: ElfObject) -> dict[int, list[int]]:
    """Return the members of each group, without tables of relocations, by its section."""
    found: dict[int, list[int]] = {}
    for index, row in enumerate(read.sections):
        if row[KIND] != GROUP:
            continue
        told, *members = words(read.bytes_of(index))
        if told != _COMDAT or row[TOLD] >= len(read.symbols):
            raise RefusedObject("function.refuse.section", "a group of an unknown kind")
        if any(not 0 < each < len(read.sections) for each in members):
            raise RefusedObject("function.refuse.object", "a group is damaged")
        tables = set(read.relocated_by.values())
        found[index] = [each for each in members if each not in tables]
    return found


class GroupImport(PieceImport):
    """One piece of C++ on its way into a draft."""

    def __init__(
        self, draft: Draft, names: Names, piece: ElfObject, internal: Container[bytes]
    ) -> None:
        super().__init__(draft, names, piece, internal)
        self.groups = groups_of(piece)
        self._group_of = {each: at for at, members in self.groups.items() for each in members}

    def take_function(self, section: int, target: int, codes: dict[int, int]) -> None:
        """Let a function's section be a section of the draft; `codes` are its symbols'."""
        self.take(section, target, 0)
        self.codes.update(codes)

    def bring_whole(self, section: int) -> None:
        """Bring a section that the base lacks, with the others of its group."""
        if self.piece.section_names[section] == HOLLOW:
            names = [self.piece.symbol_names[each] for each in self.residents[section]]
            raise RefusedObject("function.refuse.not-in-base", b" or ".join(names[:3]))
        group = self._group_of.get(section)
        members = [section] if group is None else self.groups[group]
        places = {each: self._bring_apart(each) for each in members}
        if group is None:
            return
        signature = self.piece.sections[group][TOLD]
        row = self.piece.symbols[signature]
        made = self.draft.add_group(list(places.values()))
        if row[PLACE] == group:  # it names the group alone
            name = self.piece.symbol_names[signature]
            self.codes[signature] = self.draft.add_symbol(name, (*row[:3], made, *row[4:]))
        self.draft.sign_group(made, self.codes[signature])

    def _bring_apart(self, section: int) -> int:
        piece, draft = self.piece, self.draft
        row = piece.sections[section]
        if not row[FLAGS] & ALLOCATED or row[KIND] == GROUP:
            raise RefusedObject("function.refuse.section", piece.section_names[section])
        target = draft.section_apart(piece.section_names[section], row, piece.bytes_of(section))
        self.parts[section] = target
        for symbol in self.residents.get(section, ()):
            self._define(symbol, target)
        self._waiting.append(section)
        return target

    def _define(self, symbol: int, target: int) -> None:
        """Let a symbol of the piece be one of the draft's, in whose section it now is."""
        name, row = self.piece.symbol_names[symbol], self.piece.symbols[symbol]
        known = self.names.get(name)
        code = self.draft.add_symbol(name, (0, row[1], row[2], target, *row[4:]))
        if known is not None:
            base = self.draft.base
            if known >= len(base.symbols) or base.symbols[known][PLACE] != UNDEFINED:
                raise RefusedObject("function.refuse.ambiguous-name", name)
            self.draft.drop_symbol(known, code)
        self.names.codes[name] = code
        self.codes[symbol] = code

    def _has(self, symbol: int) -> bool:
        """Whether the draft defines what has this symbol's name."""
        code = self.names.get(self.piece.symbol_names[symbol])
        if code is None:
            return False
        base = self.draft.base
        return code >= len(base.symbols) or base.symbols[code][PLACE] != UNDEFINED

    def _owner(self, row: Relocation, section: int, short: int) -> Optional[int]:
        """Return the symbol with a name of its own that a relocation refers to, if it has one."""
        _, _, symbol, addend = row
        piece = self.piece
        if self._by_symbol(symbol):
            return None if b"." in piece.symbol_names[symbol] else symbol
        named = [
            each for each in self.residents.get(section, ()) if b"." not in piece.symbol_names[each]
        ]
        if not named:
            return None
        at = piece.symbols[symbol][VALUE] + addend + short
        for each in named:
            start = piece.symbols[each][VALUE]
            if start <= at < start + max(piece.symbols[each][5], 1):
                return each
        if len(named) == 1 == len(self.residents[section]):
            return named[0]
        raise RefusedObject("function.refuse.shared-section", piece.section_names[section])

    def _reach(self, row: Relocation, short: int) -> None:
        piece = self.piece
        section = piece.section_of(row[2])
        if section is None or section in self.parts or section in self.homes:
            return
        owner = self._owner(row, section, short)
        if owner is not None:
            if not self._has(owner):
                self.bring_whole(section)
            return
        if piece.sections[section][FLAGS] & (EXECUTABLE | GROUPED):
            raise RefusedObject("function.refuse.nested", piece.section_names[section])
        super()._reach(row, short)

    def resolve(self, row: Relocation, short: int) -> tuple[int, int]:
        """Return the code and the addend that a relocation of the piece has in the draft."""
        _, kind, symbol, addend = row
        piece, draft = self.piece, self.draft
        section = piece.section_of(symbol)
        if section is None:
            return super().resolve(row, short)
        if section in self.parts:
            if symbol in self.codes:
                return self.codes[symbol], addend
            value = piece.symbols[symbol][VALUE]
            return draft.section_symbol(self.parts[section]), value + addend
        owner = self._owner(row, section, short)
        if owner is None:
            return super().resolve(row, short)
        start = 0 if self._by_symbol(symbol) else piece.symbols[owner][VALUE]
        by_section = piece.sections[section][FLAGS] & EXECUTABLE and not self._by_symbol(symbol)
        if by_section and not is_start(piece.machine, kind, addend - start):
            raise RefusedObject("function.refuse.reference", piece.section_names[section])
        return self.named(owner), addend - start

    def _new_name(self, name: bytes, told: int, visibility: int, place: int) -> int:
        if place == UNDEFINED and _OF_ONE_UNIT.search(name):
            raise RefusedObject("function.refuse.not-in-base", name)
        return super()._new_name(name, told, visibility, place)
