"""How lines of a text have moved since an object was compiled from it, and its debug information.

A move is a range of lines (first and last) and by how much it has moved; lines in no range have
not. In an object, lines of the main source file stand in two places:

* in the line tables: rows that move alike are moved by one operation before the first of them;
* in the entries that describe variables, types and functions (where they were declared, or called
  from): these numbers are overwritten. A number that needs more bytes than it has is refused,
  and so is one that several entries share through their abbreviation, unless they move alike.

Knows nothing of what is composed of the object.
"""

from __future__ import annotations

from bisect import bisect_right

from incremental_tool.model.dwarf_entries import line_fields
from incremental_tool.model.dwarf_lines import ADVANCE_LINE, DebugSection, tables, written
from incremental_tool.model.elf_object import RefusedObject

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from incremental_tool.model.dwarf_entries import Unit
    from incremental_tool.model.elf_object import ElfObject

    Move = tuple[int, int, int]

_REFUSED = "function.refuse.debug-lines"


class Moved:
    """The debug information of an object after its lines have moved."""

    def __init__(self, read: ElfObject, moves: Sequence[Move], live: Container[int]) -> None:
        """Move the lines of functions in these sections, and of all entries."""
        self.read = read
        self.moves = sorted(move for move in moves if move[2])
        self.starts = [move[0] for move in self.moves]
        self.contents: dict[bytes, bytearray] = {}
        self._inserted: list[int] = []
        self._grown: list[int] = []
        if self.moves:
            units = line_fields(read)
            self._move_rows(units, live)
            self._move_entries(units)

    def shift(self, name: bytes, offset: int) -> int:
        """Return where in a section an offset of the old one is."""
        if name != b".debug_line" or not self._inserted:
            return offset
        at = bisect_right(self._inserted, offset)
        return offset + (self._grown[at - 1] if at else 0)

    def _delta(self, line: int) -> int:
        at = bisect_right(self.starts, line) - 1
        if at < 0 or line > self.moves[at][1]:
            return 0
        return self.moves[at][2]

    def _move_rows(self, units: list[Unit], live: Container[int]) -> None:
        lines = DebugSection(self.read, b".debug_line")
        content = bytearray(lines.content)
        parts: list[bytes] = []
        sizes: dict[int, int] = {}
        done = grown = 0
        names = {unit.table: unit.name for unit in units}
        self.main: dict[int, set[int]] = {}
        for table in tables(self.read):
            before = grown
            name = table.files.get(0, names.get(table.start))
            main = {number for number, path in table.files.items() if path == name}
            self.main[table.start] = main
            if not main:
                raise RefusedObject(_REFUSED, "the main file is not in the table")
            for sequence in table.sequences:
                target = lines.relocations.get(sequence.address_at)
                if target is None or self.read.section_of(target[0]) not in live:
                    continue
                shift = 0
                for _, file, line, _, _, at in sequence.rows:
                    wanted = self._delta(line) if file in main and line else 0
                    if wanted != shift and file >= 0:
                        more = bytes([ADVANCE_LINE]) + written(wanted - shift)
                        shift = wanted
                        parts += (bytes(content[done:at]), more)
                        done = at
                        grown += len(more)
                        self._inserted.append(at)
                        self._grown.append(grown)
            if grown != before:
                size = int.from_bytes(content[table.start : table.start + 4], "little")
                sizes[table.start] = size + grown - before
        parts.append(bytes(content[done:]))
        moved = bytearray(b"".join(parts))
        for start, size in sizes.items():
            at = self.shift(b".debug_line", start)
            moved[at : at + 4] = size.to_bytes(4, "little")
        if grown:
            self.contents[b".debug_line"] = moved

    def _move_entries(self, units: list[Unit]) -> None:
        entries = bytearray(DebugSection(self.read, b".debug_info").content)
        abbreviations = bytearray(DebugSection(self.read, b".debug_abbrev").content)
        shared: dict[tuple[int, int], set[int]] = {}
        for unit in units:
            main = self.main.get(unit.table, set())
            for at, size, file, line in unit.fields:
                delta = self._delta(line) if file in main or file < 0 else 0
                if delta and file < 0:
                    raise RefusedObject(_REFUSED, "a line is of no file")
                if not size:
                    shared.setdefault((at, line), set()).add(delta)
                elif delta:
                    entries[at : at + size] = _fitting(line + delta, size)
        for (at, line), deltas in shared.items():
            if len(deltas) > 1:
                raise RefusedObject(_REFUSED, "entries share a line and move apart")
            size = len(written(line))
            value = bytearray(written(line + deltas.pop()))
            if len(value) > size:
                raise RefusedObject(_REFUSED, "a line is too large for its entry")
            while len(value) < size:
                sign = 127 if value[-1] & 64 else 0
                value[-1] |= 128
                value.append(sign)
            abbreviations[at : at + size] = value
        self.contents[b".debug_info"] = entries
        self.contents[b".debug_abbrev"] = abbreviations


def _fitting(line: int, size: int) -> bytes:
    if not 0 < line < 1 << 8 * size:
        raise RefusedObject(_REFUSED, "a line is too large for its entry")
    return line.to_bytes(size, "little")
