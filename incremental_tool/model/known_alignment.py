"""To what a variable of an object is aligned, as far as the object tells.

It does not say so: a section has an alignment, a variable in it has a place, which may be a
multiple of more than is asked for by chance. What tells is padding: where the variable before ends,
this one would begin if it were aligned to less. And what is aligned to n is a multiple of n long.

Knows nothing of what the variables hold.
"""

from __future__ import annotations

from bisect import bisect_right

from incremental_tool.model.elf_object import ALIGNMENT, EXTENT, FUNCTION, OF_SECTION, TYPE, VALUE

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.model.elf_object import ElfObject


class KnownAlignment:
    """The variables of one object, by where they end."""

    def __init__(self, read: ElfObject) -> None:
        self._read = read
        self._ends: dict[int, list[int]] = {}
        for symbol, row in enumerate(read.symbols):
            if row[TYPE] & 15 in (FUNCTION, OF_SECTION) or not row[EXTENT]:
                continue
            section = read.section_of(symbol)
            if section is not None:
                self._ends.setdefault(section, []).append(row[VALUE] + row[EXTENT])
        for ends in self._ends.values():
            ends.sort()

    def of(self, section: int, row: Sequence[int]) -> int:
        """Return what the symbol of this row is aligned to at least, in bytes."""
        place, size = row[VALUE], row[EXTENT] or 1
        most = min(self._read.sections[section][ALIGNMENT] or 1, size & -size)
        ends = self._ends.get(section, [])
        at = bisect_right(ends, place) - 1
        end = ends[at] if at >= 0 else 0
        if at < 0 and not place and len(ends) > 1:
            return 1  # the first of several: the section's alignment may be another's
        if at < 0 and not place:
            return most
        known = 1
        while known <= most and -(-end // known) * known != place:
            known *= 2
        return known if known <= most else 1  # something without a name lies between
