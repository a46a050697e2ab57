"""What a piece brings into an object: its functions, and all that is theirs alone.

A piece is an object that holds the wanted functions, and around them much that the base holds,
too. What the wanted functions refer to is one of these:

* a name of the unit (a function, a variable): the base's, if it has exactly one of that name;
* something private (a static inside a function, a jump table): the piece's, put behind the
  base's section of that sort, with whatever it refers to in turn;
* something without a name (strings, constants): the piece's, too: from a section whose items are
  told apart by the linker, that item; from another, the stretch that the functions refer to.

Nothing is resolved by guess: what fits none of these is refused.

Knows nothing of debuggers' sections.
"""

from __future__ import annotations

from incremental_tool.model.elf_object import (
    ABSOLUTE,
    ALIGNMENT,
    ALLOCATED,
    COMMON,
    ENTRY,
    EXECUTABLE,
    EXTENT,
    FLAGS,
    FUNCTION,
    GROUPED,
    KIND,
    LOCAL,
    MERGED,
    NO_TYPE,
    OBJECT,
    OF_FILE,
    OF_SECTION,
    OF_STRINGS,
    PLACE,
    SIZE,
    TYPE,
    UNDEFINED,
    VALUE,
    RefusedObject,
)
from incremental_tool.model.relocation_kind import directly, is_relative, is_start, short_by

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Optional

    from incremental_tool.model.elf_draft import Draft
    from incremental_tool.model.elf_object import ElfObject, Relocation

_SORTS = (
    b".data.rel.ro.local",
    b".data.rel.ro",
    b".data.rel.local",
    b".data.rel",
    b".data",
    b".bss",
    b".rodata",
    b".tdata",
    b".tbss",
    b".ldata.rel.ro.local",
    b".ldata.rel.ro",
    b".ldata.rel.local",
    b".ldata.rel",
    b".ldata",
    b".lbss",
    b".lrodata",
)
"""The sections that a compiler gives suffixes with -fdata-sections, longer names first."""

_MADE_NAMES = (b"__func__.", b"__FUNCTION__.", b"__PRETTY_FUNCTION__.", b"C.", b"CSWTCH.")
"""Statics that hold the same whoever made them, so that another copy of one does no harm."""


def sort_of(name: bytes) -> Optional[bytes]:
    """Return the name that a section has without -fdata-sections, or None if it is another's."""
    for sort in _SORTS:
        if name == sort or name.startswith(sort + b"."):
            rest = name[len(sort) :].rsplit(b".", 2)
            for at in range(1, len(rest)):
                if rest[at][:3] in (b"str", b"cst") and rest[at][3:].isdigit():
                    return sort + b"." + b".".join(rest[at:])
            return sort
    return None


def stem_of(name: bytes) -> bytes:
    """Return a private name without the number that the compiler has put behind it."""
    head, dot, tail = name.rpartition(b".")
    return head if dot and head and tail.isdigit() else name


class Names:
    """The symbols of a base by name: those that are not private, or None for several of one."""

    def __init__(self, base: ElfObject) -> None:
        self.codes: dict[bytes, Optional[int]] = {}
        codes = self.codes
        for code, name in enumerate(base.symbol_names):
            if name and base.symbols[code][TYPE] & 15 not in (OF_SECTION, OF_FILE):
                codes[name] = None if name in codes else code

    def get(self, name: bytes) -> Optional[int]:
        """Return the code of a name, or None if there is no such name."""
        code = self.codes.get(name, -1)
        if code is None:
            raise RefusedObject("function.refuse.ambiguous-name", name)
        return None if code < 0 else code


class PieceImport:
    """One piece on its way into a draft."""

    def __init__(
        self, draft: Draft, names: Names, piece: ElfObject, internal: Container[bytes]
    ) -> None:
        self.draft, self.names, self.piece, self.internal = draft, names, piece, internal
        self.parts: dict[int, int] = {}
        """The sections of the piece that take the place of one of the base."""
        self.codes: dict[int, int] = {}
        """The codes of symbols of the piece."""
        self.used: set[int] = set()
        self.statics: list[bytes] = []
        self.homes: dict[int, tuple[int, int]] = {}
        """The sections of the piece that stand behind one of the draft, and where in it."""
        self.residents: dict[int, list[int]] = {}
        self._rows: list[tuple[int, int, Relocation, int]] = []
        self._loose: dict[int, list[int]] = {}
        self._items: dict[tuple[int, int], tuple[int, int]] = {}
        self._waiting: list[int] = []
        for symbol, row in enumerate(piece.symbols):
            if row[TYPE] & 15 in (OF_SECTION, OF_FILE) or not row[PLACE]:
                continue
            if piece.symbol_names[symbol][:1] != b"$":
                self.residents.setdefault(row[PLACE], []).append(symbol)

    def take(self, section: int, target: int, code: int) -> None:
        """Let a section of the piece be a section of the draft."""
        piece, draft = self.piece, self.draft
        self.parts[section] = target
        draft.replace(target, piece.bytes_of(section), piece.sections[section][ALIGNMENT])
        for symbol in self.residents.get(section, ()):
            self.codes[symbol] = code
        for symbol, row in enumerate(piece.symbols):
            if row[PLACE] == section and piece.symbol_names[symbol][:1] == b"$":
                draft.add_symbol(piece.symbol_names[symbol], (0, row[1], row[2], target, *row[4:]))
        self._waiting.append(section)

    def follow(self) -> None:
        """Bring what the taken sections refer to, and the statics that are named after them."""
        self._bring_own()
        while self._waiting:
            section = self._waiting.pop()
            home, start = self._place(section)
            code = self.piece.bytes_of(section)
            for row in self.piece.relocations(section):
                if row[0] >= max(len(code), 1):
                    raise RefusedObject("function.refuse.object", "its relocations are odd")
                short = short_by(self.piece.machine, row[1], code, row[0])
                self._rows.append((home, start, row, short))
                self._reach(row, short)
        for section, (low, high) in self._loose.items():
            self._bring_stretch(section, low, high)
        tables: dict[int, list[Relocation]] = {}
        for home, start, row, short in self._rows:
            code_, addend = self.resolve(row, short)
            if self._is_local(code_):
                kind = directly(
                    self.piece.machine, row[1], self.draft.content_of(home), row[0] + start
                )
                row = (row[0], kind, *row[2:])  # noqa: PLW2901 - it is another now
            tables.setdefault(home, []).append((row[0] + start, row[1], code_, addend))
        for home, rows in tables.items():
            self.draft.relocate(home, sorted(rows))

    def _bring_own(self) -> None:
        """Bring `f.x` for each function `f`: clang writes `x` even if only its value is used."""
        piece = self.piece
        names = piece.symbol_names
        own = tuple(
            names[each] + b"." for part in self.parts for each in self.residents.get(part, ())
        )
        if not own:
            return
        for symbol, row in enumerate(piece.symbols):
            if row[TYPE] == OBJECT and names[symbol].startswith(own):
                section = piece.section_of(symbol)
                if section is None or section in self.homes:
                    continue
                if piece.sections[section][FLAGS] & (ALLOCATED | EXECUTABLE | GROUPED) == ALLOCATED:
                    self._bring(section)

    def _is_local(self, code: int) -> bool:
        base = self.draft.base
        if code >= len(base.symbols):
            return False
        return base.symbols[code][TYPE] >> 4 == LOCAL and base.section_of(code) is not None

    def _place(self, section: int) -> tuple[int, int]:
        if section in self.parts:
            return self.parts[section], 0
        return self.homes[section]

    # --- first, what is reached

    def _reach(self, row: Relocation, short: int) -> None:  # noqa: ARG002 - for other sorts of pieces
        _, kind, symbol, addend = row
        piece = self.piece
        section = piece.section_of(symbol)
        if section is None or section in self.parts or section in self.homes:
            return
        flags = piece.sections[section][FLAGS]
        if flags & EXECUTABLE or self._is_named(symbol, section):
            return
        if not flags & ALLOCATED or flags & GROUPED:
            raise RefusedObject("function.refuse.section", piece.section_names[section])
        value = piece.symbols[symbol][VALUE]
        if flags & MERGED and flags & OF_STRINGS | self._by_symbol(symbol):
            return
        if self.residents.get(section) or self._is_private(section) or piece.relocations(section):
            self._bring(section)
            return
        low = high = value + addend
        if is_relative(piece.machine, kind):
            # From behind the field, and up to four more bytes of the instruction may follow it.
            low += 4
            high = max(low, min(low + 4, piece.sections[section][SIZE]))
        found = self._loose.setdefault(section, [low, high])
        found[0] = min(found[0], low)
        found[1] = max(found[1], high)

    def _by_symbol(self, symbol: int) -> bool:
        return self.piece.symbols[symbol][TYPE] & 15 != OF_SECTION

    def _is_named(self, symbol: int, section: int) -> bool:
        """Return whether a symbol is of a section with something that the unit has a name for."""
        names = self.piece.symbol_names
        if self._by_symbol(symbol):
            return b"." not in names[symbol]
        return any(b"." not in names[each] for each in self.residents.get(section, ()))

    def _is_private(self, section: int) -> bool:
        """Return whether a section is named after a taken function."""
        name = self.piece.section_names[section]
        return any(
            name.endswith(b"." + self.piece.symbol_names[symbol])
            for part in self.parts
            for symbol in self.residents.get(part, ())
        )

    def _bring(self, section: int) -> None:
        """Put a private section behind the draft's section of that sort."""
        piece, draft = self.piece, self.draft
        row = piece.sections[section]
        name = piece.section_names[section]
        target = None if self.residents.get(section) else self._emptied(name)
        if target is None:
            target = self._sort(section)
        start = draft.append(target, piece.bytes_of(section), row[SIZE], row[ALIGNMENT])
        self.homes[section] = target, start
        for symbol in self.residents.get(section, ()):
            each = piece.symbols[symbol]
            if each[TYPE] >> 4 != LOCAL or each[TYPE] & 15 == FUNCTION:
                raise RefusedObject("function.refuse.section", name)
            own = piece.symbol_names[symbol]
            if own[:2] != b".L" and not own.startswith(_MADE_NAMES):
                self.statics.append(stem_of(own))
            moved = (0, each[TYPE], each[2], target, each[VALUE] + start, each[EXTENT])
            self.codes[symbol] = draft.add_symbol(own, moved)
        self._waiting.append(section)

    def _emptied(self, name: bytes) -> Optional[int]:
        """Return the section of this very name that the old function has left behind."""
        found = self.draft.base.section_named(name)
        return found if found in self.draft.contents and found not in self.parts.values() else None

    def _sort(self, section: int) -> int:
        row = self.piece.sections[section]
        name = sort_of(self.piece.section_names[section])
        if name is None:
            raise RefusedObject("function.refuse.section", self.piece.section_names[section])
        return self.draft.section(name, row[KIND], row[FLAGS], row[ENTRY])

    def _bring_stretch(self, section: int, low: int, high: int) -> None:
        """Put as much of a section behind the draft's as lies between what others refer to."""
        piece = self.piece
        content = piece.bytes_of(section)
        row = piece.sections[section]
        alignment = max(row[ALIGNMENT], 1)
        end = row[SIZE]
        if not 0 <= low <= high <= end:
            raise RefusedObject("function.refuse.reference", piece.section_names[section])
        ours = {*self.parts, *self.homes}
        for owner in piece.relocated_by:
            if owner in ours:
                continue
            for _, kind, symbol, addend in piece.relocations(owner):
                if piece.symbols[symbol][PLACE] == section:
                    at = piece.symbols[symbol][VALUE] + addend
                    relative = is_relative(piece.machine, kind)
                    if at + (4 if relative else 0) > high:
                        end = min(end, at + (8 if relative else 0))
        low -= low % alignment
        target = self._sort(section)
        start = self.draft.append(target, content[low:end], end - low, alignment)
        self.homes[section] = target, start - low

    # --- then, what everything is in the draft

    def resolve(self, row: Relocation, short: int) -> tuple[int, int]:
        """Return the code and the addend that a relocation of the piece has in the draft."""
        _, kind, symbol, addend = row
        piece, draft = self.piece, self.draft
        section = piece.section_of(symbol)
        _, told, _, place, value, _ = piece.symbols[symbol]
        if section is None:
            if place not in (UNDEFINED, COMMON) or not symbol:
                raise RefusedObject(
                    "function.refuse.reference", "an absolute symbol" if place == ABSOLUTE else ""
                )
            return self.named(symbol), addend
        by_symbol = told & 15 != OF_SECTION
        if section in self.parts:
            if by_symbol and symbol in self.codes and told & 15 == FUNCTION:
                return self.codes[symbol], addend
            return draft.section_symbol(self.parts[section]), value + addend
        flags = piece.sections[section][FLAGS]
        if flags & EXECUTABLE:
            owners = self.residents.get(section, ())
            start = by_symbol or is_start(piece.machine, kind, addend)
            if len(owners) != 1 or not start or piece.symbols[owners[0]][VALUE]:
                raise RefusedObject("function.refuse.reference", piece.section_names[section])
            if b"." in piece.symbol_names[owners[0]]:
                raise RefusedObject("function.refuse.nested", piece.symbol_names[owners[0]])
            return self.named(owners[0]), addend
        if self._is_named(symbol, section):
            owner = symbol if by_symbol else self._holder(section, addend + short)
            return self.named(owner), addend - (0 if by_symbol else piece.symbols[owner][VALUE])
        if section in self.homes:
            if by_symbol and symbol in self.codes:
                return self.codes[symbol], addend
            target, start_ = self.homes[section]
            return draft.section_symbol(target), value + addend + start_
        return self._item(symbol, section, addend, kind)

    def _holder(self, section: int, offset: int) -> int:
        """Return the symbol of the one variable that has this offset in its section."""
        found = [
            symbol
            for symbol in self.residents[section]
            if 0 <= offset - self.piece.symbols[symbol][VALUE] < self.piece.symbols[symbol][EXTENT]
        ]
        if not found and len(self.residents[section]) == 1:
            found = self.residents[section]
        if len(found) != 1 or b"." in self.piece.symbol_names[found[0]]:
            raise RefusedObject("function.refuse.shared-section", self.piece.section_names[section])
        return found[0]

    def named(self, symbol: int) -> int:
        """Return the code of what has this symbol's name."""
        code = self.codes.get(symbol)
        if code is None:
            name = self.piece.symbol_names[symbol]
            row = self.piece.symbols[symbol]
            found = self.names.get(name)
            if found is None:
                found = self._new_name(name, row[TYPE], row[2], row[PLACE])
            elif found < len(self.draft.base.symbols) and row[PLACE] == UNDEFINED:
                known = self.draft.base.symbols[found]
                if known[PLACE] == UNDEFINED and (known[TYPE] >> 4, known[2]) != (
                    row[TYPE] >> 4,
                    row[2],
                ):
                    raise RefusedObject("function.refuse.linkage", name)
            code = self.codes[symbol] = found
        self.used.add(code)
        return code

    def _new_name(self, name: bytes, told: int, visibility: int, place: int) -> int:
        if place != UNDEFINED or name in self.internal or told >> 4 == LOCAL:
            raise RefusedObject("function.refuse.not-in-base", name)
        code = self.draft.add_symbol(name, (0, told, visibility, UNDEFINED, 0, 0))
        self.names.codes[name] = code
        return code

    def _item(self, symbol: int, section: int, addend: int, kind: int) -> tuple[int, int]:
        """Bring one string or constant of a section whose items the linker tells apart."""
        piece = self.piece
        row = piece.sections[section]
        by_symbol = self._by_symbol(symbol)
        if not by_symbol and is_relative(piece.machine, kind):
            raise RefusedObject("function.refuse.reference", piece.section_names[section])
        offset = piece.symbols[symbol][VALUE] + (0 if by_symbol else addend)
        content = piece.bytes_of(section)
        if not 0 <= offset < len(content) or piece.relocations(section):
            raise RefusedObject("function.refuse.reference", piece.section_names[section])
        width = max(row[ENTRY], 1)
        inside = 0
        if row[FLAGS] & OF_STRINGS:
            end = offset
            while end < len(content):
                end = content.find(bytes(width), end)
                if end < 0:
                    raise RefusedObject("function.refuse.reference", piece.section_names[section])
                if (end - offset) % width == 0:
                    break
                end += 1
            end += width
        else:
            inside = offset % width
            offset -= inside
            end = offset + width
        found = self._items.get((section, offset))
        if found is None:
            target = self._sort(section)
            place = self.draft.append(target, content[offset:end], 0, row[ALIGNMENT])
            found = self._items[section, offset] = target, place
        target, place = found
        if not by_symbol:
            return self.draft.section_symbol(target), place + inside
        code = self.codes.get(symbol)
        if code is None:
            moved = (0, LOCAL << 4 | NO_TYPE, 0, target, place + inside, 0)
            code = self.codes[symbol] = self.draft.add_symbol(piece.symbol_names[symbol], moved)
        return code, addend
