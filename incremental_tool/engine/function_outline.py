"""Compile changed functions with the few declarations that they need, where that is certain.

Reading a unit's headers takes most of the time that is spent on one function. So the unit's
*outline* (`model.outline`) is made along with its cut, proved then to be the unit, and for an edit
that lies within functions an excerpt of it is compiled: macros and declarations that the
functions name, and all that these name, each on its line and in its column.

Rule kept: an excerpt that does not compile, or of which a compiler says anything, says nothing: the
whole thin unit is compiled then. A function that is used undeclared is an error here (`STRICT`),
whatever the standard or the command says.

gcc only: clang has no `-fdirectives-only`. Knows nothing of objects.
"""

from __future__ import annotations

import re

from incremental_tool.engine.function_rules import kept, without_comments
from incremental_tool.model.c_tokens import words_of
from incremental_tool.model.function_header import LEAD
from incremental_tool.model.line_map import LineMap
from incremental_tool.model.line_shift import shift_at
from incremental_tool.model.outline import SOURCE, Outline, excerpt
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_regions import thin
from incremental_tool.model.translation_unit import BLANK

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Optional

    from incremental_tool.engine.function_base import Compiler, Unit
    from incremental_tool.model.line_shift import Window
    from incremental_tool.model.source_regions import Region
    from incremental_tool.model.translation_unit import Item

STRICT = ("-Werror=implicit-function-declaration",)
"""Words behind which a function that nobody declares is an error."""

_SILENT = frozenset(("-w", "-fpermissive"))


def make_outline(
    unit: Unit, full: bytes, items: Sequence[Item], compiler: Compiler
) -> Optional[Outline]:
    """Return the outline of a unit, proved; None where there is none. Raises OSError.

    `full` is the unit preprocessed, with line markers; `items` are what it was cut into. The proof
    is one, too, that without bodies all declarations are what they are with them.
    """
    from incremental_tool.model.outline_making import outline_of, proof, proved

    command = compiler.command
    if command.family != "gcc" or command.contained or not _SILENT.isdisjoint(command.words):
        return None
    if any(b"\\" in word or not word.isascii() for word in _odd_words(unit.text.text)):
        return None  # gcc writes such names otherwise than they are written
    hollow = {region.item: b"{}" for region in unit.regions if region.opened >= 0}
    stream = compiler.preprocessed(
        thin(unit.base.text, unit.regions, (), hollow), "-fdirectives-only"
    )
    if isinstance(stream, Reason):
        return None
    lead = re.compile(LEAD)
    offsets = []
    for item in items:
        if item.kind != BLANK:
            match = lead.match(full, item.start, item.end)
            offsets += [match.end() if match else item.start, item.end - 1]
    found = LineMap(full).places(offsets[: 2 * len(unit.text.items)])
    places = list(zip(found[::2], found[1::2]))
    texts = _texts(unit, hollow)
    outline = outline_of(stream, unit.base.source, unit.text.items, places, texts)
    if outline is None:
        return None
    preprocessed = compiler.preprocessed(proof(outline))
    if isinstance(preprocessed, Reason):
        return None
    from incremental_tool.engine.function_base import without_markers

    return outline if proved(outline, without_markers(preprocessed), texts) else None


def _odd_words(text: bytes) -> Collection[bytes]:
    """Return all words of a text that may hold letters of other alphabets."""
    return words_of(text) if b"\\u" in text or b"\\U" in text or not text.isascii() else ()


def outlined(
    unit: Unit,
    regions: Mapping[int, Region],
    text: bytes,
    changed: Mapping[int, bytes],
    windows: Sequence[Window],
) -> Optional[bytes]:
    """Return a text to compile changed functions from; None where the thin unit is needed.

    `changed` are the functions' texts, preprocessed or as written; `regions` say where functions
    lie in the source as it is, which is `text`.
    """
    outline = unit.outline
    if outline is None:
        return None
    were = {region.item: region for region in unit.regions if region.item in changed}
    outside = [window for window in windows if not _within(window, were.values())]
    if any(outline.source_between(first + 1, end) for first, end, *_ in outside):
        return None  # a declaration may stand in another column, or on more lines
    chunks = {
        items[0]: chunk
        for chunk, items in enumerate(outline.items)
        if len(items) == 1 and items[0] in changed
    }
    words: set[bytes] = set()
    instead: dict[int, bytes] = {}
    for item, made in changed.items():
        chunk, then, now = chunks.get(item), were[item], regions[item]
        if chunk is None or then.opened < 0 or not _lies_in(outline, chunk, then):
            return None
        lines = text[now.start : now.stop]
        words |= words_of(without_comments(lines)) | words_of(made) | words_of(unit.text.head(item))
        end = b"" if lines.endswith(b"\n") else b"\n"
        instead[chunk] = b'# %d "%s"\n%s%s' % (now.first, unit.base.source, lines, end)
    hollow = frozenset(region.item for region in unit.regions if region.opened >= 0)
    made = excerpt(
        outline,
        words,
        _texts(unit, hollow),
        instead,
        lambda line: shift_at(windows, line - 1),
    )
    return kept(made, [unit.text.items[item].name for item in sorted(changed)])


def _texts(unit: Unit, hollow: Collection[int]) -> Callable[[int], bytes]:
    """Return what tells the text of an item, its body left out if it is among `hollow`."""

    def text(number: int) -> bytes:
        return unit.text.head(number) + b"{}" if number in hollow else unit.text.item(number)

    return text


def _within(window: Window, regions: Collection[Region]) -> bool:
    """Whether lines that an edit changes are a function's."""
    first, end, *_ = window
    return any(region.first <= first + 1 and end <= region.last for region in regions)


def _lies_in(outline: Outline, chunk: int, region: Region) -> bool:
    """Whether a chunk is a function's lines and nothing else."""
    entries = outline.of_chunk(chunk)
    if not entries or outline.lines[entries[0]] != region.first:
        return False
    return all(
        outline.places[entry] == SOURCE
        and outline.lines[entry] + outline.entry(entry).count(b"\n") - 1 <= region.last
        for entry in entries
    )
