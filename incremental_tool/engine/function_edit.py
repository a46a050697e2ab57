"""An edit of a unit's source: which functions it changes, and the thin unit to compile them by.

Rule kept: an edit is what its lines say only when the thin unit, preprocessed, is item by item
what the base is, but for the changed functions. A function whose text depends on the
line that it stands on is changed, too, when that line moves.

Knows nothing of objects.
"""

from __future__ import annotations

from incremental_tool.engine.function_base import functions_by_line, text_of
from incremental_tool.engine.function_rules import (
    changed_functions,
    judge,
    kept,
    mentioned,
    without_comments,
    without_keeper,
)
from incremental_tool.model.line_shift import shift_at
from incremental_tool.model.moved_regions import moved
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_edit import changed_lines
from incremental_tool.model.source_regions import thin

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NamedTuple, Union

    from incremental_tool.engine.function_base import Compiler, Unit
    from incremental_tool.model.line_shift import Window
    from incremental_tool.model.source_regions import Region
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Edit(NamedTuple):
    """One edit.

    `changed` are the texts of the changed functions, by item; `thin` is the thin unit; `windows`
    are the lines that differ from the base's, as `model.line_shift` has them; `regions` tell where
    the functions lie now, by item; `text` is the source.
    """

    changed: dict[int, bytes]
    thin: bytes
    windows: list[Window]
    regions: dict[int, Region]
    text: bytes

    def source_of(self, item: int) -> bytes:
        """Return the lines of a function as they are, with blanks for comments."""
        region = self.regions[item]
        return without_comments(self.text[region.start : region.stop])

    def without(self, items: Iterable[int]) -> Edit:
        """Return the edit without what it did to functions whose code stands where it stood."""
        places = [(self.regions[item].first - 1, self.regions[item].last) for item in items]
        windows = [
            window
            for window in self.windows
            if not any(first <= window[2] and window[3] <= last for first, last in places)
        ]
        return self._replace(windows=windows)

    def lines_of(self, items: Iterable[int]) -> list[tuple[int, int]]:
        """Return the first and the last line of functions, counted from 1."""
        return [(self.regions[item].first, self.regions[item].last) for item in items]


def edit_of(unit: Unit, text: bytes, compiler: Compiler) -> Union[Edit, Reason]:
    """Return what the source's text as it is changes of a unit. Raises OSError."""
    changes = changed_lines(unit.base.text, text, unit.regions)
    now = moved(unit.base.text, text, unit.regions, changes)
    if isinstance(now, Reason):
        return now
    windows = [
        (
            window.old_line - 1,
            window.old_line - 1 + window.old_lines,
            window.new_line - 1,
            window.new_line - 1 + window.new_lines,
        )
        for window in changes
    ]
    touched = set(now.touched)
    if any(end - first != new_end - new_first for first, end, new_first, new_end in windows):
        by_line = functions_by_line(unit, compiler)
        if isinstance(by_line, Reason):
            return by_line
        for region in unit.regions:
            if region.item in by_line and shift_at(windows, region.first - 1):
                touched.add(region.item)
    regions = {region.item: region for region in now.regions}
    hollow = mentioned(
        unit.text, touched, [text[regions[item].start : regions[item].stop] for item in touched]
    )
    thin_unit = kept(
        thin(text, now.regions, touched, hollow),
        [unit.text.items[number].name for number in sorted(touched)],
    )
    preprocessed = compiler.preprocessed(thin_unit)
    if isinstance(preprocessed, Reason):
        return preprocessed
    there = text_of(preprocessed, judged=False)
    if not isinstance(there, Reason):
        there = without_keeper(there)
    if isinstance(there, Reason):
        return there
    stands_for = {
        region.item: b"{}" if region.item in hollow else b";"
        for region in now.regions
        if region.opened >= 0 and region.item not in touched
    }
    changed = changed_functions(unit.text, there, stands_for, touched)
    if isinstance(changed, Reason):
        return changed
    why = judge(unit.text, changed)
    if why is not None:
        return why
    return Edit(changed, thin_unit, windows, regions, text)


def stretches_of(
    edit: Edit, windows: Sequence[Window], names: Sequence[tuple[int, int]]
) -> list[tuple[int, int, int]]:
    """Return where functions stood in a text that was compiled, and where they stand now.

    `windows` are between the base and that text; `names` are items with their first lines in the
    base. Lines are counted from 0.
    """
    found = []
    for item, first in names:
        region = edit.regions[item]
        then = first + shift_at(windows, first)
        found.append((then, then + region.last - region.first, region.first - 1))
    return found
