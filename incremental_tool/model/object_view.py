"""One object, with what lies where: what objects are compared by.

Knows nothing of another object.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from incremental_tool.model.elf_object import (
    ALLOCATED,
    EXTENT,
    FLAGS,
    KIND,
    OF_FILE,
    OF_SECTION,
    SIZE,
    TYPE,
    VALUE,
    ElfObject,
)
from incremental_tool.model.piece_import import sort_of
from incremental_tool.model.relocation_kind import short_by

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional

    from incremental_tool.model.elf_object import Relocation


class View:
    """One object, with what lies where."""

    def __init__(self, content: bytes) -> None:
        self.read = read = ElfObject(content)
        self.items: dict[int, list[tuple[int, int, int]]] = {}
        """Of each section what has a name: where it begins, how long it is, its symbol."""
        self.starts: dict[int, list[int]] = {}
        """Of each section, where anything begins that is referred to, or has a name."""
        self._sorted: dict[int, tuple[list[int], list[Relocation]]] = {}
        for symbol, row in enumerate(read.symbols):
            name = read.symbol_names[symbol]
            section = read.section_of(symbol)
            if section is None or row[TYPE] & 15 in (OF_SECTION, OF_FILE) or name[:1] == b"$":
                continue
            if name[:2] != b".L":
                self.items.setdefault(section, []).append((row[VALUE], row[EXTENT], symbol))
            self.starts.setdefault(section, []).append(row[VALUE])
        for owner in read.relocated_by:
            if not read.sections[owner][FLAGS] & ALLOCATED:
                continue
            content_ = read.bytes_of(owner)
            for offset, kind, symbol, addend in read.relocations(owner):
                section = read.section_of(symbol)
                if section is not None:
                    at = read.symbols[symbol][VALUE] + addend
                    at += short_by(read.machine, kind, content_, offset)
                    self.starts.setdefault(section, []).append(at)
        names = read.symbol_names
        for found in self.items.values():
            found.sort(key=lambda item: (item[0], item[1], names[item[2]]))
        for section, starts in self.starts.items():
            self.starts[section] = sorted(set(starts))

    def name(self, symbol: int) -> bytes:
        """Return a symbol's name."""
        return self.read.symbol_names[symbol]

    def is_private(self, symbol: int) -> bool:
        """Return whether a symbol's name is one that the compiler has made up."""
        return b"." in self.name(symbol)

    def item_at(self, section: int, offset: int) -> Optional[tuple[int, int, int]]:
        """Return what has a name and holds a place, or begins or ends there."""
        found = self.items.get(section)
        if not found:
            return None
        at = bisect_right(found, (offset, 1 << 64, 0)) - 1
        if at < 0:
            return None
        start, size, _ = found[at]
        return found[at] if offset < start + size or offset == start else None

    def within(self, section: int, start: int, size: int) -> list[Relocation]:
        """Return the relocations of a stretch of a section, in order; those of no kind are none."""
        found = self._sorted.get(section)
        if found is None:
            rows = sorted(row for row in self.read.relocations(section) if row[1])
            found = self._sorted[section] = [row[0] for row in rows], rows
        offsets, rows = found
        return rows[bisect_left(offsets, start) : bisect_left(offsets, start + size)]

    def end_of(self, section: int, start: int) -> int:
        """Return where something without a name ends: where the next thing begins."""
        starts = self.starts.get(section, [])
        at = bisect_right(starts, start)
        return starts[at] if at < len(starts) else self.read.sections[section][SIZE]

    def content(self, section: int, start: int, size: int) -> bytes:
        """Return what the file has of a stretch of a section."""
        return self.read.bytes_of(section)[start : start + size]

    def sort(self, section: int) -> tuple[bytes, int, int]:
        """Return what tells the sort of a section."""
        name = self.read.section_names[section]
        name = sort_of(name) or name
        name = name.removesuffix(b".local")
        return name, self.read.sections[section][KIND], self.read.sections[section][FLAGS]
