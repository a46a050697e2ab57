"""What an edit makes of the functions that it touches, asked of the preprocessor for them alone.

An edit that is plain (`model.plain_edit`) is seen to be no more than that, and nothing is asked.

The text that is preprocessed is: the macros that are in force before a function
(`model.macro_record`), a line marker, and the function's own lines; the next function; and so on.
`model.moved_regions` has proved that outside these lines the source has the same tokens and
directives as the base's, and that within them it has the same directives. So if each function's
lines make that very function and nothing else, the rest of the unit is what it was.

Anything unexpected is no answer: the whole thin unit is then preprocessed and compared
(`engine.function_edit`), which takes longer and says why an edit is refused.

Knows nothing of objects.
"""

from __future__ import annotations

from incremental_tool.engine.function_base import text_of
from incremental_tool.engine.function_rules import (
    judge_function,
    kept,
    without_comments,
    without_keeper,
)
from incremental_tool.model.plain_edit import is_plain_edit
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Optional

    from incremental_tool.engine.function_base import Compiler, Unit
    from incremental_tool.model.source_regions import Region


def plain_texts(
    unit: Unit, regions: dict[int, Region], touched: Collection[int], text: bytes
) -> dict[int, bytes]:
    """Return texts that stand for those of the touched functions whose lines tell all.

    That of a function whose comments alone differ is the base's, that of another as it is written.
    The text of none may depend on the line that it stands on, if lines have moved.
    """
    macros = unit.macros
    if macros is None:
        return {}
    names, pasting = frozenset(macros.names), frozenset(macros.pasting)
    were = {region.item: region for region in unit.regions if region.item in touched}
    changed = {}
    for number in touched:
        item, now = unit.text.items[number], regions[number]
        if were[number].opened < 0 or item.inline or not item.plain:
            continue
        old, lines = unit.source_of(number), text[now.start : now.stop]
        new = without_comments(lines)
        if is_plain_edit(old, new, names, pasting, unit.names):
            changed[number] = unit.text.item(number) if new == old else lines
    return changed


def probed(
    unit: Unit,
    regions: dict[int, Region],
    touched: Collection[int],
    text: bytes,
    compiler: Compiler,
) -> Optional[dict[int, bytes]]:
    """Return the text of each touched function, preprocessed; None if that takes the whole unit.

    `regions` say where functions lie in the source as it is, which is `text`.
    Raises OSError.
    """
    macros = unit.macros
    if macros is None:
        return None
    if not touched:
        return {}
    were = {region.item: region for region in unit.regions if region.item in touched}
    parts: list[bytes] = []
    line = 0
    order = sorted(touched)
    for item in order:
        then, now = were[item], regions[item]
        # Its directives are as they were; a body that could not be left out may hold #include.
        if then.opened < 0 or then.first < line or _asks(unit.base.text, then):
            return None
        parts += [
            b'# 1 "" 3\n',
            macros.between(line, then.first),
            b'# %d "%s"\n' % (now.first, unit.base.source),
            text[now.start : now.stop],
        ]
        if not parts[-1].endswith(b"\n"):
            parts.append(b"\n")
        line = then.last + 1
    found = compiler.preprocessed(kept(b"".join(parts), ()), "-w")
    there = found if isinstance(found, Reason) else text_of(found, judged=False)
    if not isinstance(there, Reason):
        there = without_keeper(there)
    if isinstance(there, Reason) or len(there.items) != len(order):
        return None
    changed = {}
    for at, item in enumerate(order):
        if judge_function(unit.text, item, there, at) is not None:
            return None
        changed[item] = there.item(at)
    return changed


def _asks(text: bytes, region: Region) -> bool:
    """Whether a directive in a function asks for what no macro says, as `#if #machine(x)`."""
    return any(b"#" in text[start:end].lstrip()[1:] for start, end in region.directives)
