"""An edit of a unit's source: which functions it changes, and the thin unit to compile them by.

Rule kept: an edit is what its lines say only when the thin unit, preprocessed, is item by item
what the base is, but for the changed functions. A function whose text depends on the
line that it stands on is changed, too, when that line moves.

Knows nothing of objects.
"""

from __future__ import annotations

from incremental_tool.engine.function_base import functions_by_line, text_of
from incremental_tool.engine.function_rules import changed_functions, judge, kept, without_keeper
from incremental_tool.model.line_moves import shift_at
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_edit import edit_between
from incremental_tool.model.source_regions import thin

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NamedTuple, Union

    from incremental_tool.engine.function_base import Compiler, Unit
    from incremental_tool.model.line_moves import Window
    from incremental_tool.model.source_regions import Region
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Edit(NamedTuple):
    """One edit.

    `changed` are the texts of the changed functions, by item; `thin` is the thin unit, and
    `preprocessed` the same preprocessed; `windows` are the lines that differ from the base's, as
    `model.line_moves` has them; `regions` tell where the functions lie now, by item.
    """

    changed: dict[int, bytes]
    thin: bytes
    preprocessed: bytes
    windows: list[Window]
    regions: dict[int, Region]
    text: bytes

    def source_of(self, item: int) -> bytes:
        """Return the lines of a function as they are."""
        region = self.regions[item]
        return self.text[region.start : region.stop]

    def lines_of(self, items: Iterable[int]) -> list[tuple[int, int]]:
        """Return the first and the last line of functions, counted from 1."""
        return [(self.regions[item].first, self.regions[item].last) for item in items]


def edit_of(unit: Unit, text: bytes, compiler: Compiler) -> Union[Edit, Reason]:
    """Return what the source's text as it is changes of a unit. Raises OSError."""
    edit = edit_between(unit.base.text, text, unit.regions)
    if isinstance(edit, Reason):
        return edit
    regions = {region.item: region for region in edit.regions}
    touched = set(edit.touched)
    if any(end - first != new_end - new_first for first, end, new_first, new_end in edit.windows):
        by_line = functions_by_line(unit, compiler)
        if isinstance(by_line, Reason):
            return by_line
        for region in unit.regions:
            if region.item in by_line and shift_at(edit.windows, region.first - 1):
                touched.add(region.item)
    thin_unit = kept(
        thin(text, edit.regions, touched),
        [unit.text.items[number].name for number in sorted(touched)],
    )
    preprocessed = compiler.preprocessed(thin_unit)
    if isinstance(preprocessed, Reason):
        return preprocessed
    now = text_of(preprocessed)
    if isinstance(now, Reason):
        return now
    now = without_keeper(now)
    if isinstance(now, Reason):
        return now
    left_out = frozenset(
        region.item for region in unit.regions if region.opened >= 0 and region.item not in touched
    )
    changed = changed_functions(unit.text, now, left_out, frozenset(touched))
    if isinstance(changed, Reason):
        return changed
    why = judge(unit.text, changed, strict=compiler.command.strict)
    if why is not None:
        return why
    return Edit(changed, thin_unit, preprocessed, edit.windows, regions, text)


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
