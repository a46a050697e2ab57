"""What debuggers read of a composed object: the base's sections, and behind them the pieces'.

In an object, these sections refer to code, to variables and to each other by relocations alone,
so a piece's go behind the base's as they are, and its relocations are told where that is. What
describes a function that was left or taken out refers to nothing: its addresses become 0, as
linkers make those of what they discard, and debuggers pass it over. In lists that end with two
zeros they become 1, an empty range.

Does not read what the sections say; `line_moves` does where lines have moved.
"""

from __future__ import annotations

from incremental_tool.model.elf_object import (
    ALIGNMENT,
    ALLOCATED,
    ENTRY,
    EXECUTABLE,
    FLAGS,
    KIND,
    OF_SECTION,
    RELOCATION,
    SIZE,
    TYPE,
    VALUE,
    RefusedObject,
)
from incremental_tool.model.line_moves import Moved

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import Optional

    from incremental_tool.model.elf_draft import Draft
    from incremental_tool.model.elf_object import ElfObject
    from incremental_tool.model.line_moves import Move
    from incremental_tool.model.piece_import import PieceImport

_PREFIX = b".debug_"
_KNOWN = frozenset(
    _PREFIX + name
    for name in (
        b"abbrev",
        b"addr",
        b"aranges",
        b"frame",
        b"info",
        b"line",
        b"line_str",
        b"loc",
        b"loclists",
        b"ranges",
        b"rnglists",
        b"str",
        b"str_offsets",
    )
)
"""Sections that may stand one behind the other; what is in indices and macros may not."""

_ENDED_BY_ZEROS = frozenset({b".debug_loc", b".debug_ranges"})


class DebugSplice:
    """The sections of a draft that debuggers read."""

    def __init__(self, draft: Draft, moves: Sequence[Move], gone: Container[int]) -> None:
        self.draft = draft
        self.present = _sections(draft.base)
        if moves and self.present:
            self._move_base(Moved(draft.base, moves, _All(gone)))

    def _move_base(self, moved: Moved) -> None:
        """Put the base's sections in place in which lines have moved."""
        draft = self.draft
        for name, content in moved.contents.items():
            index = draft.base.section_named(name)
            if index is None:
                continue
            draft.content_of(index)[:] = content
            table = draft.relocation_table(index) if name == b".debug_line" else None
            if table is not None:
                table[:] = b"".join(
                    RELOCATION.pack(moved.shift(name, row[0]), *row[1:])
                    for row in RELOCATION.iter_unpack(bytes(table))
                )

    def add(self, coming: PieceImport, moves: Sequence[Move]) -> None:
        """Put a piece's sections behind the draft's."""
        piece, draft = coming.piece, self.draft
        ours = _sections(piece)
        if bool(ours) != bool(self.present):
            raise RefusedObject("function.refuse.debug-section", "only one object has any")
        moved = Moved(piece, moves if ours else (), coming.parts)
        starts: dict[int, tuple[int, int]] = {}
        for index in ours:
            row = piece.sections[index]
            target = draft.section(piece.section_names[index], row[KIND], row[FLAGS], row[ENTRY])
            content = bytes(moved.contents.get(piece.section_names[index]) or piece.bytes_of(index))
            starts[index] = target, draft.append(target, content, row[SIZE], row[ALIGNMENT])
        targets = _Targets(coming, starts)
        pack = RELOCATION.pack
        for index in ours:
            target, start = starts[index]
            empty = piece.section_names[index] in _ENDED_BY_ZEROS
            content_ = draft.content_of(target)
            table: list[bytes] = []
            name = piece.section_names[index]
            for old, kind, symbol, addend in piece.relocations(index):
                offset = moved.shift(name, old)
                found = targets.of(symbol, addend)
                if found is not None:
                    table.append(pack(offset + start, kind, found[0], found[1]))
                elif empty:
                    content_[offset + start] = 1
            draft.relocate_packed(target, b"".join(table))

    def finish(self, entries: list[tuple[int, int]]) -> None:
        """Let relocations of the base refer to nothing."""
        draft = self.draft
        known = set(self.present)
        for owner, entry in entries:
            if owner not in known:
                raise RefusedObject("function.refuse.section", draft.names[owner])
            offset, _, _, _ = draft.relocation(owner, entry)
            draft.clear_relocation(owner, entry)
            if draft.names[owner] in _ENDED_BY_ZEROS:
                draft.content_of(owner)[offset] = 1


class _All:
    """All sections but some."""

    def __init__(self, gone: Container[int]) -> None:
        self.gone = gone

    def __contains__(self, section: object) -> bool:
        """Return whether a section is one of them."""
        return section not in self.gone


class _Targets:
    """What the symbols of a piece's debug sections are in the draft."""

    def __init__(self, coming: PieceImport, starts: dict[int, tuple[int, int]]) -> None:
        self.coming, self.starts = coming, starts
        self.known: dict[int, Optional[tuple[int, int]]] = {}

    def of(self, symbol: int, addend: int) -> Optional[tuple[int, int]]:
        """Return the code and the addend in the draft, or None for what is not there."""
        if symbol in self.known:
            found = self.known[symbol]
            return found if found is None else (found[0], found[1] + addend)
        piece = self.coming.piece
        section = piece.section_of(symbol)
        if section is not None and piece.symbols[symbol][TYPE] & 15 == OF_SECTION:
            shared = self._shared(section)
            if shared:
                return self._in_shared(shared, addend)
        found = self.known[symbol] = self._find(symbol, section)
        return found if found is None else (found[0], found[1] + addend)

    def _shared(self, section: int) -> list[int]:
        """Return the variables of a section that has several."""
        coming = self.coming
        code = coming.piece.sections[section][FLAGS] & EXECUTABLE
        if code or section in coming.parts or section in coming.homes:
            return []
        found = coming.residents.get(section, [])
        return found if len(found) > 1 else []

    def _in_shared(self, shared: list[int], addend: int) -> Optional[tuple[int, int]]:
        piece = self.coming.piece
        for symbol in shared:
            row = piece.symbols[symbol]
            if row[VALUE] <= addend < row[VALUE] + max(row[5], 1):
                found = self._named(symbol)
                return found if found is None else (found[0], addend - row[VALUE])
        return None

    def _find(self, symbol: int, section: Optional[int]) -> Optional[tuple[int, int]]:
        coming = self.coming
        piece, draft = coming.piece, coming.draft
        row = piece.symbols[symbol]
        if section is None:
            return self._named(symbol)
        if section in self.starts:
            target, start = self.starts[section]
            return draft.section_symbol(target), row[VALUE] + start
        if section in coming.parts:
            return draft.section_symbol(coming.parts[section]), row[VALUE]
        if section in coming.homes:
            target, start = coming.homes[section]
            return draft.section_symbol(target), row[VALUE] + start
        flags = piece.sections[section][FLAGS]
        if flags & EXECUTABLE or not flags & ALLOCATED:
            return None
        if row[TYPE] & 15 != OF_SECTION:
            return self._named(symbol)
        owners = coming.residents.get(section, [])
        found = self._named(owners[0]) if owners else None
        if found is None:
            return None
        return found[0], -piece.symbols[owners[0]][VALUE]

    def _named(self, symbol: int) -> Optional[tuple[int, int]]:
        coming = self.coming
        name = coming.piece.symbol_names[symbol]
        if not name or b"." in name or coming.names.get(name) is None:
            return None
        return coming.named(symbol), 0


def _sections(read: ElfObject) -> list[int]:
    """Return the debug sections of an object, all of which must be known."""
    found: list[int] = []
    for index, name in enumerate(read.section_names):
        if name.startswith((_PREFIX, b".zdebug_", b".gdb_index")) or name == b".stab":
            if name not in _KNOWN or read.section_names.count(name) > 1:
                raise RefusedObject("function.refuse.debug-section", name)
            found.append(index)
    return found
