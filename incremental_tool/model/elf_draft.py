"""An object in the making: a base object whose sections grow, are emptied or replaced.

What stays is taken from the base as it lies there, in long runs; only the sections that change
are laid out anew. Symbols are named by codes while the object is made: those of the base by their
place in its table, new ones by the numbers after that. When it is written, the local ones are
moved before the others, as the format demands, and one pass renumbers all relocations.

Knows nothing of functions, pieces or what debuggers read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from incremental_tool.model.elf_object import (
    ADDRESSES_TAKEN,
    ALIGNMENT,
    CONTENT,
    ENTRY,
    FIRST_RESERVED,
    FLAGS,
    GROUP,
    GROUPED,
    HEADER,
    KIND,
    LINK,
    LOCAL,
    NAME,
    NO_CONTENT,
    NO_SECTION,
    OF_SECTION,
    OFFSET,
    PLACE,
    RELOCATION,
    RELOCATIONS,
    SECTION,
    SIZE,
    SYMBOL,
    TOLD,
    TYPE,
    RefusedObject,
    packed,
    words,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Optional

    from incremental_tool.model.elf_object import ElfObject, SectionRow, SymbolRow

_LEAST = 16
"""What the start of a run of sections is aligned to at least: no section of code asks for more."""

_MOST = 1 << 12
"""No run is aligned to more; a section that asks for more is laid out by itself."""

_PER_ENTRY = RELOCATION.size // 4
_SYMBOL_AT = 3
"""In words: how long a relocation is, and where its symbol stands."""


class Draft:
    """An object in the making."""

    def __init__(self, base: ElfObject) -> None:
        self.base = base
        self.sections = [list(row) for row in base.sections]
        self.names = list(base.section_names)
        self.contents: dict[int, bytearray] = {}
        self.patched = bytearray(base.content)
        """The base's bytes, where those of sections are changed that stay as long as they are."""
        self._relocation_table = dict(base.relocated_by)
        self._symbols: list[tuple[bytes, SymbolRow]] = []
        self._replaced: dict[int, SymbolRow] = {}
        self._dropped: dict[int, int] = {}
        self._of_section: dict[int, int] = {}
        self._groups: dict[int, tuple[int, list[int]]] = {}
        for code, row in enumerate(base.symbols):
            if row[TYPE] & 15 == OF_SECTION and row[PLACE] not in self._of_section:
                self._of_section[row[PLACE]] = code
        self._by_name: dict[bytes, int] = {}

    # --- sections

    def content_of(self, index: int) -> bytearray:
        """Return the content of a section, to be changed; it is laid out anew."""
        found = self.contents.get(index)
        if found is None:
            found = self.contents[index] = bytearray(self.base.bytes_of(index))
        return found

    def replace(self, index: int, content: bytes, alignment: int = 1) -> None:
        """Give a section another content, without relocations."""
        row = self.sections[index]
        if row[KIND] == NO_CONTENT:
            raise RefusedObject("function.refuse.shared-section", self.names[index])
        self.contents[index] = bytearray(content)
        row[ALIGNMENT] = max(row[ALIGNMENT], alignment)
        table = self._relocation_table.get(index)
        if table is not None:
            self.contents[table] = bytearray()

    def append(self, index: int, content: bytes, size: int, alignment: int) -> int:
        """Put content, or `size` zeros that no file holds, behind a section, and say where."""
        row = self.sections[index]
        row[ALIGNMENT] = max(row[ALIGNMENT], alignment)
        step = max(alignment, 1)
        if row[KIND] == NO_CONTENT:
            start = -(-row[SIZE] // step) * step
            row[SIZE] = start + size
            return start
        held = self.content_of(index)
        held += bytes(-len(held) % step)
        start = len(held)
        held += content
        return start

    def section(self, name: bytes, kind: int, flags: int, entry: int) -> int:
        """Return the section of a name, made where there is none."""
        found = self._by_name
        if not found:
            for index, each in enumerate(self.names):
                found.setdefault(each, index)
        if name not in found:
            found[name] = self._new_section(name, kind, flags, entry)
        index = found[name]
        row = self.sections[index]
        if (row[KIND], row[FLAGS], row[-1]) != (kind, flags, entry):
            raise RefusedObject("function.refuse.section", name)
        return index

    def _new_section(self, name: bytes, kind: int, flags: int, entry: int) -> int:
        self.sections.append([0, kind, flags, 0, 0, 0, 0, 0, 1, entry])
        self.names.append(name)
        if kind != NO_CONTENT:
            self.contents[len(self.names) - 1] = bytearray()
        return len(self.names) - 1

    def section_apart(self, name: bytes, row: SectionRow, content: bytes) -> int:
        """Return a new section like that of another object, whatever else has its name."""
        index = self._new_section(name, row[KIND], row[FLAGS], row[ENTRY])
        self.sections[index][ALIGNMENT] = row[ALIGNMENT]
        if row[KIND] == NO_CONTENT:
            self.sections[index][SIZE] = row[SIZE]
        else:
            self.contents[index] = bytearray(content)
        return index

    def drop_section(self, index: int) -> None:
        """Take a section out, with its relocations; no other one's number changes."""
        for each in (index, self._relocation_table.pop(index, 0)):
            if each:
                self.sections[each] = [0] * 10
                self.names[each] = b""
                self.contents.pop(each, None)
        self._of_section.pop(index, None)

    def add_group(self, members: list[int]) -> int:
        """Add a group of sections, taken once or not at all by linkers; `sign_group` names it."""
        index = self._new_section(b".group", GROUP, 0, 4)
        self.sections[index][LINK] = self.base.symbol_table
        self.sections[index][ALIGNMENT] = 4
        self._groups[index] = 0, members
        return index

    def sign_group(self, index: int, signature: int) -> None:
        """Name a new group by a symbol's code."""
        self._groups[index] = signature, self._groups[index][1]

    # --- symbols and relocations

    def add_symbol(self, name: bytes, row: SymbolRow) -> int:
        """Add a symbol and return its code."""
        self._symbols.append((name, row))
        return len(self.base.symbols) + len(self._symbols) - 1

    def section_symbol(self, index: int) -> int:
        """Return the code of a section's own symbol, made where there is none."""
        found = self._of_section.get(index)
        if found is None:
            found = self.add_symbol(b"", (0, OF_SECTION, 0, index, 0, 0))
            self._of_section[index] = found
        return found

    def change_symbol(self, code: int, row: SymbolRow) -> None:
        """Give a symbol of the base another row, of the same binding."""
        self._replaced[code] = row

    def drop_symbol(self, code: int, instead: int = 0) -> None:
        """Take a symbol of the base out; what still names it names another in its place."""
        self._dropped[code] = instead

    def relocate(self, index: int, rows: Iterable[tuple[int, int, int, int]]) -> None:
        """Add relocations to a section; the symbols are codes."""
        self.relocate_packed(index, b"".join([RELOCATION.pack(*row) for row in rows]))

    def relocate_packed(self, index: int, table: bytes) -> None:
        """Add relocations that are written already, but for codes in place of symbols."""
        if not table:
            return
        found = self._relocation_table.get(index)
        if found is None:
            found = self._new_section(b".rela" + self.names[index], RELOCATIONS, 0x40, 24)
            self.sections[found][LINK] = self.base.symbol_table
            self.sections[found][TOLD] = index
            self.sections[found][ALIGNMENT] = 8
            self._relocation_table[index] = found
        self.content_of(found).extend(table)

    def relocation_table(self, index: int) -> Optional[bytearray]:
        """Return the relocations of a section, to be changed."""
        found = self._relocation_table.get(index)
        return None if found is None else self.content_of(found)

    def relocations_of(self, index: int) -> list[tuple[int, int, int, int]]:
        """Return the relocations of a section as they are now, with codes."""
        table = self.relocation_table(index)
        return [] if table is None else list(RELOCATION.iter_unpack(bytes(table)))

    def clear_relocation(self, index: int, entry: int) -> None:
        """Make a relocation of the base one that does nothing."""
        offset, _, _, _ = self.relocation(index, entry)
        table = self.base.relocated_by[index]
        content, start = self.contents.get(table), 0
        if content is None:
            content, start = self.patched, self.base.sections[table][OFFSET]
        RELOCATION.pack_into(content, start + entry * RELOCATION.size, offset, 0, 0, 0)

    def relocation(self, index: int, entry: int) -> tuple[int, int, int, int]:
        """Return a relocation of the base."""
        start = self.base.sections[self.base.relocated_by[index]][OFFSET]
        row: tuple[int, int, int, int] = RELOCATION.unpack_from(
            self.base.content, start + entry * RELOCATION.size
        )
        return row

    # --- writing

    def finish(self) -> bytes:
        """Return the object."""
        table = self._order_symbols()
        self._renumber(table)
        self._write_groups(table)
        for index, row in enumerate(self.sections):
            if row[KIND] == ADDRESSES_TAKEN:  # it counts symbols as they were; none is as safe
                self.sections[index] = [0] * 10
                self.names[index] = b""
                self.contents.pop(index, None)
        self._name_sections()
        return self._lay_out()

    def _order_symbols(self) -> list[int]:
        """Write the symbol table, and return the place in it of every code."""
        base, strings = self.base, bytearray(self.base.strings)
        first, total = base.first_global, len(base.symbols)
        row = base.sections[base.symbol_table]
        content = bytearray(base.content[row[OFFSET] : row[OFFSET] + row[SIZE]])
        for code, changed in self._replaced.items():
            SYMBOL.pack_into(content, code * SYMBOL.size, *changed)
        added: tuple[list[bytes], list[bytes]] = ([], [])
        codes: tuple[list[int], list[int]] = ([], [])
        for code, (name, symbol) in enumerate(self._symbols, total):
            at = len(strings) if name else 0
            if name:
                strings += name + b"\0"
            half = int(symbol[TYPE] >> 4 != LOCAL)
            added[half].append(SYMBOL.pack(at, *symbol[1:]))
            codes[half].append(code)
        parts: list[bytes] = []
        places = [0] * (total + len(self._symbols))
        number = 0
        dropped = sorted(self._dropped)
        for half, (begin, end) in enumerate(((0, first), (first, total))):
            for gap in [*[code for code in dropped if begin <= code < end], end]:
                places[begin:gap] = range(number, number + gap - begin)
                parts.append(bytes(content[begin * SYMBOL.size : gap * SYMBOL.size]))
                number += gap - begin
                begin = gap + 1  # noqa: PLW2901 - the next run begins behind the gap
            for code in codes[half]:
                places[code] = number
                number += 1
            parts += added[half]
            if not half:
                self.sections[base.symbol_table][TOLD] = number
        for code in dropped:
            places[code] = places[self._dropped[code]]
        self.contents[base.symbol_table] = bytearray(b"".join(parts))
        self.contents[row[LINK]] = strings
        return places

    def _renumber(self, table: list[int]) -> None:
        """Put the symbols' places into all relocations, in runs of tables that lie together."""
        last = table[-1] == len(table) - 1 and not self._dropped
        if last and table == list(range(len(table))):
            return
        place = table.__getitem__
        for start, end in relocation_runs(self.base, set(self.contents)):
            numbers = words(bytes(self.patched[start:end]))
            numbers[_SYMBOL_AT::_PER_ENTRY] = words_of(map(place, numbers[_SYMBOL_AT::_PER_ENTRY]))
            self.patched[start:end] = packed(numbers)
        for index, content in self.contents.items():
            if self.sections[index][KIND] == RELOCATIONS and content:
                numbers = words(bytes(content))
                numbers[_SYMBOL_AT::_PER_ENTRY] = words_of(
                    map(place, numbers[_SYMBOL_AT::_PER_ENTRY])
                )
                content[:] = packed(numbers)

    def _write_groups(self, table: list[int]) -> None:
        """Let groups name their symbols by their places, and the relocations of what is theirs."""
        for row in self.sections[: len(self.base.sections)]:
            if row[KIND] == GROUP:
                row[TOLD] = table[row[TOLD]]
        for index, (signature, members) in self._groups.items():
            self.sections[index][TOLD] = table[signature]
            numbers = [1]
            for member in members:
                relocated = self._relocation_table.get(member)
                numbers.append(member)
                if relocated is not None:
                    self.sections[relocated][FLAGS] |= GROUPED
                    numbers.append(relocated)
            self.contents[index] = bytearray(packed(words_of(numbers)))

    def _name_sections(self) -> None:
        if len(self.sections) == len(self.base.sections):
            return
        strings = self.content_of(self.base.names)  # with clang, the symbols' names stand there too
        for index in range(len(self.base.sections), len(self.sections)):
            self.sections[index][NAME] = len(strings)
            strings += self.names[index] + b"\0"

    def _lay_out(self) -> bytes:
        if len(self.sections) >= FIRST_RESERVED:
            raise RefusedObject("function.refuse.object", "its sections are too many")
        base, sections, contents = self.base, self.sections, self.contents
        parts: list[bytes] = [b""]
        length = HEADER.size
        kept = sorted(
            (row[OFFSET], row[OFFSET] + row[SIZE], index)
            for index, row in enumerate(base.sections)
            if index not in contents
            and self.sections[index][KIND] not in (NO_SECTION, NO_CONTENT)
            and row[SIZE]
        )
        at = 0
        while at < len(kept):
            start, end, _ = kept[at]
            first, most = at, _LEAST
            while at < len(kept) and kept[at][0] <= end + most:
                end = max(end, kept[at][1])
                most = max(most, min(_MOST, sections[kept[at][2]][ALIGNMENT]))
                at += 1
            gap = (start - length) % most
            parts += (bytes(gap), bytes(self.patched[start:end]))
            moved = length + gap - start
            length += gap + end - start
            for _, _, index in kept[first:at]:
                sections[index][OFFSET] += moved
        for index, content in contents.items():
            row = sections[index]
            gap = -length % max(row[ALIGNMENT], 1)
            parts += (bytes(gap), bytes(content))
            row[OFFSET], row[SIZE] = length + gap, len(content)
            length += gap + len(content)
        for row in sections:
            if row[KIND] == NO_CONTENT or (row[KIND] == CONTENT and not row[SIZE]):
                row[OFFSET] = HEADER.size
        gap = -length % 8
        parts.append(bytes(gap))
        parts += [SECTION.pack(*row) for row in sections]
        head = list(HEADER.unpack_from(base.content))
        head[6], head[12] = length + gap, len(sections)
        parts[0] = HEADER.pack(*head)
        return b"".join(parts)


def words_of(numbers: Iterable[int]) -> array[int]:
    """Return numbers as an array of 32 bits each."""
    return array("I", numbers)


def relocation_runs(base: ElfObject, without: Iterable[int] = ()) -> list[tuple[int, int]]:
    """Return the start and end in the file of runs of relocation tables that lie together."""
    runs: list[tuple[int, int]] = []
    found = sorted(
        (base.sections[index][OFFSET], base.sections[index][SIZE])
        for index in set(base.relocated_by.values()).difference(without)
    )
    for start, size in found:
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + size)
        elif size:
            runs.append((start, start + size))
    return runs


def tables_by_offset(base: ElfObject) -> tuple[list[int], list[int]]:
    """Return where in the file relocation tables begin, and the sections that they are of."""
    found = sorted(
        (base.sections[table][OFFSET], index)
        for index, table in base.relocated_by.items()
        if base.sections[table][SIZE]
    )
    return [start for start, _ in found], [index for _, index in found]


def marked(base: ElfObject, marks: bytearray) -> list[tuple[int, int, int]]:
    """Return the relocations whose symbol is marked: mark, section of the content, and entry."""
    starts, owners = tables_by_offset(base)
    found: list[tuple[int, int, int]] = []
    for start, end in relocation_runs(base):
        numbers = words(base.content[start:end])
        seen = bytes(map(marks.__getitem__, numbers[_SYMBOL_AT::_PER_ENTRY]))
        at = len(seen) - len(seen.lstrip(b"\0"))
        while at < len(seen):
            place = start + at * RELOCATION.size
            which = bisect_right(starts, place) - 1
            found.append((seen[at], owners[which], (place - starts[which]) // RELOCATION.size))
            at = _next(seen, at + 1)
    return found


def _next(seen: bytes, at: int) -> int:
    """Return where the next mark is, looking ahead in steps that grow."""
    step = 64
    while at < len(seen):
        part = seen[at : at + step]
        left = part.lstrip(b"\0")
        if left:
            return at + len(part) - len(left)
        at += len(part)
        step *= 2
    return at
