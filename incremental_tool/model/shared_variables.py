"""Whether a base and a piece hold equal variables.

Both are made from one text, but for the bodies of functions, so every variable that both hold
is the same in both: its size, its sort of section, its content and what its pointers point to. If
one is not, the piece does not belong to the base.

Knows nothing of what functions refer to.
"""

from __future__ import annotations

from bisect import bisect_left

from incremental_tool.model.elf_object import (
    ALIGNMENT,
    COMMON,
    EXECUTABLE,
    EXTENT,
    FLAGS,
    FUNCTION,
    KIND,
    MERGED,
    OF_SECTION,
    PLACE,
    TYPE,
    UNDEFINED,
    VALUE,
    VISIBILITY,
    RefusedObject,
)
from incremental_tool.model.piece_import import sort_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from incremental_tool.model.elf_object import ElfObject, Relocation
    from incremental_tool.model.piece_import import Names, PieceImport

_SHOWN = 3  # the bits that say who sees a symbol


def check_variables(base: ElfObject, coming: PieceImport, names: Names) -> None:
    """Refuse a piece with a variable that differs from the base's of the same name."""
    _Check(base, coming, names).run()


def _sort(name: bytes) -> bytes:
    """Return what kind of section it is, whether or not its pointers stay in the object.

    They are thought not to in a piece, where the functions pointed to have no bodies.
    """
    return (sort_of(name) or name).removesuffix(b".local")


class _Check:
    def __init__(self, base: ElfObject, coming: PieceImport, names: Names) -> None:
        self.base, self.piece, self.names, self.coming = base, coming.piece, names, coming
        self.seen: set[tuple[int, int, int, int]] = set()
        self.pairs: list[tuple[int, int, int, int, int, bytes]] = []
        self.offsets: dict[int, tuple[list[int], list[Relocation]]] = {}

    def run(self) -> None:
        """Compare all variables, and then what they point to that has no name."""
        base, piece = self.base, self.piece
        for symbol, row in enumerate(piece.symbols):
            name = piece.symbol_names[symbol]
            if (
                row[PLACE] == UNDEFINED
                or row[TYPE] & 15 in (FUNCTION, OF_SECTION, 4, 10)
                or b"." in name
                or not name
                or name[:1] == b"$"
            ):
                continue
            known = self.names.get(name)
            if known is None or known >= len(base.symbols):
                continue
            there = base.symbols[known]
            if (there[TYPE], there[VISIBILITY] & _SHOWN, there[EXTENT]) != (
                row[TYPE],
                row[VISIBILITY] & _SHOWN,
                row[EXTENT],
            ):
                raise RefusedObject("function.refuse.variable-differs", name)
            ours, theirs = base.section_of(known), piece.section_of(symbol)
            if ours is None or theirs is None:
                if there[PLACE] != row[PLACE] or (
                    row[PLACE] == COMMON and there[VALUE] != row[VALUE]
                ):
                    raise RefusedObject("function.refuse.variable-differs", name)
                continue
            if piece.sections[theirs][FLAGS] & EXECUTABLE:
                continue
            self._check_sections(ours, theirs, there[VALUE], name)
            self._meet(theirs, row[VALUE], ours, there[VALUE], row[EXTENT], name)
        while self.pairs:
            self._compare(*self.pairs.pop())

    def _check_sections(self, ours: int, theirs: int, value: int, name: bytes) -> None:
        base, piece = self.base, self.piece
        old, new = base.section_names[ours], piece.section_names[theirs]
        row, other = base.sections[ours], piece.sections[theirs]
        if (
            _sort(old) != _sort(new)
            or (row[KIND], row[FLAGS]) != (other[KIND], other[FLAGS])
            or other[ALIGNMENT] > row[ALIGNMENT]
            or (old != new and value % max(other[ALIGNMENT], 1))
        ):
            raise RefusedObject("function.refuse.variable-differs", name)

    def _meet(self, theirs: int, there: int, ours: int, here: int, size: int, name: bytes) -> None:
        key = (theirs, there, ours, here)
        if key not in self.seen:
            self.seen.add(key)
            self.pairs.append((*key, size, name))

    def _compare(
        self, theirs: int, there: int, ours: int, here: int, size: int, name: bytes
    ) -> None:
        base, piece = self.base, self.piece
        if piece.bytes_of(theirs)[there : there + size] != base.bytes_of(ours)[here : here + size]:
            raise RefusedObject("function.refuse.variable-differs", name)
        new = self._within(piece, theirs, there, size)
        old = self._within(base, ours, here, size)
        if len(new) != len(old):
            raise RefusedObject("function.refuse.variable-differs", name)
        for a, b in zip(new, old):
            if a[0] - there != b[0] - here or a[1] != b[1] or not self._same(a, b, name):
                raise RefusedObject("function.refuse.variable-differs", name)

    def _within(self, read: ElfObject, section: int, start: int, size: int) -> list[Relocation]:
        rows = read.relocations(section)
        if not rows:
            return rows
        key = section if read is self.base else ~section
        found = self.offsets.get(key)
        if found is None:
            rows = sorted(rows)
            found = self.offsets[key] = [row[0] for row in rows], rows
        offsets, rows = found
        return rows[bisect_left(offsets, start) : bisect_left(offsets, start + size)]

    def _same(self, new: Relocation, old: Relocation, name: bytes) -> bool:
        base, piece = self.base, self.piece
        row, other = piece.symbols[new[2]], base.symbols[old[2]]
        ours, theirs = base.section_of(old[2]), piece.section_of(new[2])
        own = piece.symbol_names[new[2]]
        addend = new[3]
        if theirs is not None and row[TYPE] & 15 == OF_SECTION:
            owners = [
                each
                for each in self.coming.residents.get(theirs, ())
                if b"." not in piece.symbol_names[each]
            ]
            if len(owners) == 1:
                own = piece.symbol_names[owners[0]]
                addend -= piece.symbols[owners[0]][VALUE]
        if own and b"." not in own:
            known = self.names.get(own)
            if known is None or known >= len(base.symbols):
                return False
            there = base.section_of(known)
            if there is None or ours is None:
                return known == old[2] and addend == old[3]
            return (there, base.symbols[known][VALUE] + addend) == (ours, other[VALUE] + old[3])
        if ours is None or theirs is None:
            return False
        start, place = row[VALUE] + new[3], other[VALUE] + old[3]
        flags = piece.sections[theirs][FLAGS]
        if flags & EXECUTABLE or (flags & MERGED) != (base.sections[ours][FLAGS] & MERGED):
            return False
        owned = self.coming.residents.get(theirs)
        if owned and not flags & MERGED:  # what has a private name: a literal of several words
            self._meet(theirs, 0, ours, place - start, len(piece.bytes_of(theirs)), name)
            return place >= start
        content, known_content = piece.bytes_of(theirs), base.bytes_of(ours)
        end = content.find(b"\0", start) + 1
        return (
            start >= 0
            and end > 0
            and known_content[place : place + end - start] == content[start:end]
        )
