"""An edit of a unit's source: which functions it changes, and the thin unit to compile them by.

Rule kept: an edit is what its lines say only when each function that it touches, preprocessed,
is that one function; or else when the thin unit, preprocessed, is item by item what the base
is, but for the changed functions. A function whose text depends on the line that it stands on is
changed, too, when that line moves.

Knows nothing of objects.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.engine.function_addresses import addresses, static_variables
from incremental_tool.engine.function_base import (
    ASKS_LINE,
    functions_by_line,
    stands_for,
    text_of,
)
from incremental_tool.engine.function_outline import outlined
from incremental_tool.engine.function_probe import plain_texts, probed
from incremental_tool.engine.function_rules import (
    changed_functions,
    judge,
    kept,
    mentioned,
    without_comments,
    without_keeper,
)
from incremental_tool.model.elf_object import placed_functions
from incremental_tool.model.line_shift import shift_at
from incremental_tool.model.moved_regions import moved
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_edit import changed_lines
from incremental_tool.model.source_regions import thin

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.function_base import Compiler, Unit
    from incremental_tool.model.function_command import FunctionCommand
    from incremental_tool.model.line_shift import Window
    from incremental_tool.model.source_regions import Region
else:
    from incremental_tool.base.named_tuple import NamedTuple


_OPTIMISING = lazily(rb"#[ \t]*pragma[^\n]*\boptimize\b|\b(?:__)?optimize(?:__)?\s*\(")
"""How a source asks for optimisations itself, and undoes words of the command by that."""


class Edit(NamedTuple):
    """One edit.

    `changed` are the texts of the changed functions, by item, preprocessed or as written;
    `thin` makes the thin unit; `outline` is a text that does as well, if there is one, and has
    fewer declarations (`engine.function_outline`); `windows` are the lines that differ from the
    base's, as `model.line_shift` has them; `regions` tell where the functions lie now, by item;
    `text` is the source.
    """

    changed: dict[int, bytes]
    thin: Callable[[], bytes]
    outline: Optional[bytes]
    windows: list[Window]
    regions: dict[int, Region]
    text: bytes

    def lines(self, item: int) -> bytes:
        """Return the lines of a function as they are."""
        region = self.regions[item]
        return self.text[region.start : region.stop]

    def source_of(self, item: int) -> bytes:
        """Return the lines of a function, with blanks for comments."""
        return without_comments(self.lines(item))

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
    if compiler.command.contained and _OPTIMISING.search(unit.text.text) is not None:
        return Reason("function.refuse.optimised", "by an attribute or pragma of the source")
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
    regions = {region.item: region for region in now.regions}
    alone = True  # whether what the edit changes is within the functions that it touches
    by_place: set[int] = set()  # those that are touched because they stand on another line
    if any(end - first != new_end - new_first for first, end, new_first, new_end in windows):
        by_line = functions_by_line(unit, compiler)
        if isinstance(by_line, Reason):
            return by_line
        alone = by_line <= regions.keys()
        if any(ASKS_LINE in unit.text.item(item) for item in by_line - regions.keys()):
            return Reason("function.refuse.line", "declarations")
        for region in unit.regions:
            if region.item in by_line and shift_at(windows, region.first - 1):
                by_place.add(region.item)
        touched |= by_place
    found: Optional[dict[int, bytes]] = None
    plain: dict[int, bytes] = {}
    contained = compiler.command.contained
    if alone and not contained:
        plain = plain_texts(unit, regions, touched - by_place, text)
        found = probed(unit, regions, touched - plain.keys(), text, compiler)
    names = [unit.text.items[number].name for number in sorted(touched)]

    def hollowed() -> Union[dict[int, bytes], Reason]:
        texts = [text[regions[item].start : regions[item].stop] for item in touched]
        texts += [*(unit.text.item(item) for item in plain), *(found or {}).values()]
        return hollow_bodies(unit, mentioned(unit.text, touched, texts), compiler.command)

    if found is not None:
        changed = {**plain, **found}
        # A plain edit uses all that its function used; what it uses besides is not looked for.
        why = judge(unit.text, found) if found else None
        if why is not None:
            return why
        outline = outlined(unit, regions, text, changed, windows)

        def bare() -> bytes:
            hollow = hollowed()
            bodies = {} if isinstance(hollow, Reason) else hollow  # it is none of -O0
            return kept(thin(text, now.regions, touched, bodies), names)

        return Edit(changed, bare, outline, windows, regions, text)
    hollow = hollowed()
    if isinstance(hollow, Reason):
        return hollow
    bare_text = thin(text, now.regions, touched, hollow)
    statics = static_variables(unit.text) if contained else {}
    bodies = stands_for(now.regions, touched, hollow)
    compared = _compared(unit, bare_text, names, sorted(statics), bodies, touched, compiler)
    if isinstance(compared, Reason):
        return compared
    why = judge(unit.text, compared)
    if why is not None:
        return why
    taken = addresses(unit.text, statics, compared)
    if isinstance(taken, Reason):
        return taken
    whole = kept(bare_text, names, taken)
    return Edit(compared, lambda: whole, None, windows, regions, text)


def _compared(
    unit: Unit,
    bare: bytes,
    names: Sequence[bytes],
    variables: Sequence[bytes],
    bodies: dict[int, bytes],
    touched: set[int],
    compiler: Compiler,
) -> Union[dict[int, bytes], Reason]:
    """Return the text of each touched function, all others having been compared with the base.

    `bare` is the thin unit, in which `bodies` stand for those that are left out.
    """
    preprocessed = compiler.preprocessed(kept(bare, names, variables))
    if isinstance(preprocessed, Reason):
        return preprocessed
    there = text_of(preprocessed, judged=False)
    if not isinstance(there, Reason):
        there = without_keeper(there, variables)
    if isinstance(there, Reason):
        return there
    return changed_functions(unit.text, there, bodies, touched)


def hollow_bodies(
    unit: Unit, items: Collection[int], command: FunctionCommand
) -> Union[dict[int, bytes], Reason]:
    """Return what stands for the bodies of functions that changed ones mention.

    An optimised function that calls one which is seen never to return, or always to come to what
    is unlikely, is laid out by that: so each is like the one that it stands for.
    """
    if not command.contained:
        return dict.fromkeys(items, b"{}")
    placed = placed_functions(unit.base.content)
    found = {}
    for item in items:
        name = unit.text.items[item].name
        unlikely = placed.get(name)
        if unlikely is None and unit.text.items[item].plain:
            return Reason("function.refuse.shared-section", name.decode("utf-8", "replace"))
        found[item] = b"{__builtin_trap();}" if unlikely else b"{for(;;);}"
    return found


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
