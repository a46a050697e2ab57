"""What an edit of a source did to its functions: which it touched, and where all lie now.

An edit is told as windows of whole lines: what stands between two windows is the same text
in both, byte for byte. Any such list is true of an edit; a short one is better. The
texts' beginnings and ends are compared at the speed of memory; in between, untouched
functions are looked for whole, and what is left is compared line by line.

Rules kept: a window that holds a directive, or may be part of one, is refused: macros could be
others behind it. So is one that begins or ends within a function's lines and outside them.
Whether the rest of the text still means the same is for the preprocessor to say.

Knows nothing of what lines mean but that.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Union

    from incremental_tool.model.line_moves import Window
    from incremental_tool.model.source_regions import Region
else:
    from incremental_tool.base.named_tuple import NamedTuple


class SourceEdit(NamedTuple):
    """An edit: its windows, the regions as they are now, and the items that it touched."""

    windows: list[Window]
    regions: list[Region]
    touched: list[int]


class _Span(NamedTuple):
    """Bytes that an edit replaced by others; both are whole lines."""

    start: int
    end: int
    new_start: int
    new_end: int


_DIRECTIVE = lazily(rb"(?m:^[ \t\f\v]*(?:#|%:|\?\?=)|\\[ \t]*\r?$|\*/[ \t]*(?:#|%:))")
_STEP = 1 << 16

_CLOSING = b"\n}\n"

MOST_LINES = 3_000
"""Lines between which a difference is looked for line by line; more are one window."""


def edit_between(old: bytes, new: bytes, regions: Sequence[Region]) -> Union[SourceEdit, Reason]:
    """Return what led from one text to the other; `regions` are those of the old one."""
    spans = _spans(old, new, regions)
    for span in spans:
        for text in (old[span.start : span.end], new[span.new_start : span.new_end]):
            if _DIRECTIVE.search(text):
                return Reason("function.refuse.directive")
        before = old[max(0, span.start - 200) : span.start].rstrip(b"\r\n \t")
        if before.endswith(b"\\"):
            return Reason("function.refuse.directive", "a line is joined with the one before it")
    windows, line, new_line, place, new_place = [], 0, 0, 0, 0
    for span in spans:
        line += old.count(b"\n", place, span.start)
        new_line += new.count(b"\n", new_place, span.new_start)
        last = line + _lines(old, span.start, span.end)
        new_last = new_line + _lines(new, span.new_start, span.new_end)
        windows.append((line, last, new_line, new_last))
        line, new_line, place, new_place = last, new_last, span.end, span.new_end
    return _moved(spans, windows, regions)


def _lines(text: bytes, start: int, end: int) -> int:
    """Return how many lines a stretch of whole lines has; the last may lack its line feed."""
    return text.count(b"\n", start, end) + (end > start and text[end - 1] != 0x0A)  # noqa: PLR2004


def _moved(
    spans: list[_Span], windows: list[Window], regions: Sequence[Region]
) -> Union[SourceEdit, Reason]:
    now: list[Region] = []
    touched: list[int] = []
    at = shift = line_shift = 0
    for region in regions:
        while at < len(spans) and spans[at].end <= region.start:
            shift = spans[at].new_end - spans[at].end
            line_shift = windows[at][3] - windows[at][1]
            at += 1
        grown, line_grown, inside = shift, line_shift, at
        while inside < len(spans) and spans[inside].start < region.stop:
            if spans[inside].start < region.start or spans[inside].end > region.stop:
                return Reason("function.refuse.outside", "the edit crosses a function's end")
            grown = spans[inside].new_end - spans[inside].end
            line_grown = windows[inside][3] - windows[inside][1]
            inside += 1
        new = region._replace(
            first=region.first + line_shift,
            last=region.last + line_grown,
            start=region.start + shift,
            stop=region.stop + grown,
        )
        if inside > at:
            touched.append(region.item)
            new = new._replace(opened=-1, closed=-1, directives=())
        elif region.opened >= 0:
            new = new._replace(
                opened=region.opened + shift,
                closed=region.closed + shift,
                directives=tuple((start + shift, end + shift) for start, end in region.directives),
            )
        now.append(new)
    return SourceEdit(windows, now, touched)


def _spans(old: bytes, new: bytes, regions: Sequence[Region]) -> list[_Span]:
    start = _line_start(old, new, _common_start(old, new))
    if start == len(old) == len(new):
        return []
    end, new_end = _common_end(old, new, start)
    spans: list[_Span] = []
    place, new_place = start, start
    for region in regions:
        if region.start < place or region.stop > end:
            continue
        found = _line_with(new, old[region.start : region.stop], new_place, new_end)
        stop = found + region.stop - region.start
        if found < 0:
            # Changed: its first line may be the same, and most functions end in the same way.
            head = old[region.start : old.find(b"\n", region.start) + 1]
            found = _line_with(new, head, new_place, new_end)
            stop = new.find(_CLOSING, max(found, 0), new_end)
            if min(found, stop) < 0 or not old.endswith(_CLOSING, region.start, region.stop):
                continue
            stop += len(_CLOSING)
            spans += _between(old, new, _Span(place, region.start, new_place, found))
            spans += _between(old, new, _Span(region.start, region.stop, found, stop))
        else:
            spans += _between(old, new, _Span(place, region.start, new_place, found))
        place, new_place = region.stop, stop
    return spans + _between(old, new, _Span(place, end, new_place, new_end))


def _line_with(text: bytes, lines: bytes, start: int, end: int) -> int:
    """Return where whole lines stand in a text, or -1."""
    found = text.find(lines, start, end) if lines else -1
    return found if found <= 0 or text[found - 1] == 0x0A else -1  # noqa: PLR2004 - a line feed


def _between(old: bytes, new: bytes, span: _Span) -> list[_Span]:
    """Return the lines that differ within two stretches."""
    one, other = old[span.start : span.end], new[span.new_start : span.new_end]
    if one == other:
        return []
    lines, new_lines = one.splitlines(keepends=True), other.splitlines(keepends=True)
    if not one or not other or len(lines) + len(new_lines) > MOST_LINES:
        return [span]
    from difflib import SequenceMatcher  # a dozen modules, for what few builds ask

    spans = []
    places, new_places = [span.start], [span.new_start]
    for line in lines:
        places.append(places[-1] + len(line))
    for line in new_lines:
        new_places.append(new_places[-1] + len(line))
    for kind, first, last, new_first, new_last in SequenceMatcher(
        None, lines, new_lines, autojunk=False
    ).get_opcodes():
        if kind != "equal":
            spans.append(
                _Span(places[first], places[last], new_places[new_first], new_places[new_last])
            )
    return spans


def _common_start(old: bytes, new: bytes) -> int:
    """Return how many bytes two texts have in common from the start."""
    length = min(len(old), len(new))
    at = 0
    while at < length and old[at : at + _STEP] == new[at : at + _STEP]:
        at = min(length, at + _STEP)
    step = _STEP
    while step and at < length:
        if at + step <= length and old[at : at + step] == new[at : at + step]:
            at += step
        else:
            step >>= 1
    return at


def _line_start(old: bytes, new: bytes, at: int) -> int:
    """Return where the line begins that the place of a first difference lies in."""
    if at == len(old) == len(new):
        return at
    return old.rfind(b"\n", 0, at) + 1


def _common_end(old: bytes, new: bytes, start: int) -> tuple[int, int]:
    """Return where whole lines begin that two texts end with, behind what they begin with."""
    length = min(len(old), len(new)) - start
    same, step = 0, _STEP
    while step and same < length:
        ends = len(old) - same, len(new) - same
        if same + step <= length and old[ends[0] - step : ends[0]] == new[ends[1] - step : ends[1]]:
            same += step
        else:
            step >>= 1
    end, new_end = len(old) - same, len(new) - same
    if _begins_line(old, end, start) and _begins_line(new, new_end, start):
        return end, new_end
    at = old.find(b"\n", end)
    end = at + 1 if at >= 0 else len(old)
    return end, end + len(new) - len(old)


def _begins_line(text: bytes, at: int, start: int) -> bool:
    return at == start or text[at - 1] == 0x0A  # noqa: PLR2004 - a line feed
