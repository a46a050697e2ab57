"""Whose the statics inside functions are.

A static of a function that is inlined into several others is one object for all of them. Its
name does not tell whose it is (gcc numbers such names anew in every compile), so what a piece
brings is only taken where no static of that name in the base can be meant.

Knows nothing of how a static is brought.
"""

from __future__ import annotations

from collections import Counter

from incremental_tool.model.elf_object import EXTENT, PLACE, VALUE, RefusedObject
from incremental_tool.model.piece_import import stem_of
from incremental_tool.model.relocation_kind import short_by

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from incremental_tool.model.elf_object import ElfObject, Relocation


class Statics:
    """Statics inside functions of the base: which of them only go with what goes."""

    def __init__(self, base: ElfObject) -> None:
        self.base = base
        self.symbols: dict[int, set[bool]] = {}
        self.sections: dict[int, list[int]] = {}

    def add(self, symbol: int) -> None:
        """Watch a symbol."""
        self.symbols[symbol] = set()
        self.sections.setdefault(self.base.symbols[symbol][PLACE], []).append(symbol)

    def refer(self, owner: int, row: Relocation, *, gone: bool) -> None:
        """Note what refers to one of them."""
        base = self.base
        if row[2] in self.symbols:
            self.symbols[row[2]].add(gone)
            return
        offset = row[3] + short_by(base.machine, row[1], base.bytes_of(owner), row[0])
        for symbol in self.sections.get(base.symbols[row[2]][PLACE], ()):
            if 0 <= offset - base.symbols[symbol][VALUE] < max(base.symbols[symbol][EXTENT], 1):
                self.symbols[symbol].add(gone)

    def decide(self, brought: list[list[bytes]]) -> None:
        """Refuse if a static that a piece brings may be one that others in the base use."""
        own: Counter[bytes] = Counter()
        others: set[bytes] = set()
        for symbol, seen in self.symbols.items():
            stem = stem_of(self.base.symbol_names[symbol])
            if seen == {True}:
                own[stem] += 1
            elif seen:
                others.add(stem)
        coming = Counter(stem for each in brought for stem in each)
        several = Counter(stem for each in brought for stem in set(each))
        for stem, count in coming.items():
            if count > own[stem] and (stem in others or own[stem] or several[stem] > 1):
                raise RefusedObject("function.refuse.local-static", stem)
