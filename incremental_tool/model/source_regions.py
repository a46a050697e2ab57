"""Where in a source, as written, its functions are, and the source with few of their bodies.

`regions_of` brings together what the preprocessed text tells (which functions
there are, on which lines) and what the source tells (which braces are code).
A body can be blanked only if both agree: on the line of its `{`, and on that of
its `}`, the source has the very braces that the preprocessed text has there. So
a brace that a macro makes or takes away is noticed.

Not blanked are, besides: functions that are inline or not plain, bodies with
`#include`, `#pragma` or other directives that do more than choose and define,
and bodies in which a `#` stands that cannot be told for certain.

`thin` writes `;` for each such body, and keeps of it the line breaks and the
directives. All that stays is on its line and in its column.

Knows nothing of disks, and not which functions have changed.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from incremental_tool.base.pattern import lazily
from incremental_tool.model.function_header import LEAD
from incremental_tool.model.line_map import LineMap
from incremental_tool.model.raw_source import Scan, directive_name, scan, trouble_of
from incremental_tool.model.reason import Reason
from incremental_tool.model.translation_unit import FUNCTION, Item

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import NamedTuple, Optional, Union

    _Spans = tuple[tuple[int, int], ...]
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Region(NamedTuple):
    """The lines of one function, whole, and its body if that can be blanked.

    They are more lines than the function's where its first or last is joined to others or holds
    a part of a longer comment. `item` counts in the cut of the preprocessed text. `first` and
    `last` are lines, counted from 1; `source[start:stop]` is their text. `source[opened:closed]`
    is the body with its braces; where it cannot be blanked `opened` is -1. `directives` are the
    places of those in the body.
    """

    item: int
    name: bytes
    first: int
    last: int
    start: int
    stop: int
    opened: int = -1
    closed: int = -1
    directives: tuple[tuple[int, int], ...] = ()


_HARMLESS = frozenset((b"",)).union(
    b"if ifdef ifndef elif elifdef elifndef else endif define undef error warning".split(),
)
"""Directives that may stand outside functions as well as in them."""

_MOST_PIECES = 32
"""In so many pieces a line may lie in preprocessed text: markers stand between (system macros)."""

_MAYBE_LINE = lazily(rb"(?:#|%:)[ \t\f\v\r]*(?:line|[0-9/\\])")
_LEAD = lazily(LEAD)
# A literal with more escapes than the matcher should remember leaves its quote alone.
_BRACE = lazily(
    rb"\"[^\"\\\n]*(?:\\.[^\"\\\n]*){0,500}\"|'[^'\\\n]*(?:\\.[^'\\\n]*){0,500}'|\{|\}|<%|%>|\"|'",
)
_BRACE_OF = dict(zip(b"{<}%", (1, 1, -1, -1)))
_PERCENT, _GREATER, _BACKSLASH, _LINE_FEED = b"%>\\\n"
_HIDING = (b'"', b"'", b"<%", b"%>")
_NOT_TAB = lazily(rb"[^\t]")


def regions_of(
    source: bytes, text: bytes, items: Sequence[Item], main: bytes
) -> Union[list[Region], Reason]:
    """Return where the functions of a preprocessed text are in its main source, in their order.

    `main` is the source's name as line markers have it.
    """
    trouble = trouble_of(source)
    if trouble:
        return Reason("function.refuse.source", trouble)
    scanned = scan(source)
    if scanned.trouble:
        return Reason("function.refuse.source", scanned.trouble)
    # Asking each of thousands of directives takes longer than looking whether one may be meant.
    if _MAYBE_LINE.search(source) and any(
        _renumbers(source, start) for start, _ in scanned.directives
    ):
        return Reason("function.refuse.source", "it holds a #line")
    functions = [at for at, item in enumerate(items) if item.kind == FUNCTION]
    offsets = []
    for at in functions:
        item = items[at]
        lead = _LEAD.match(text, item.start, item.header_end)
        offsets += [lead.end() if lead else item.start, item.header_end, item.end - 1]
    line_map = LineMap(text)
    places = line_map.places(offsets)
    lines = _Lines(source)
    found: list[Region] = []
    bodies = _Bodies(source, scanned, lines, text, line_map)
    last_start = 0
    for number, at in enumerate(functions):
        begins, opens, closes = places[3 * number : 3 * number + 3]
        if main not in (begins.file, closes.file):
            continue
        name = items[at].name
        if (
            begins.file != closes.file
            or not last_start <= begins.line <= closes.line <= lines.number
            or begins.line < 1
        ):
            return Reason("function.refuse.source", name.decode("utf-8", "replace"))
        last_start = begins.line
        item = items[at]
        body = None
        if (
            item.plain
            and not item.inline
            and opens.file == main
            and begins.line <= opens.line <= closes.line
            and text.find(b"\n#pragma", item.header_end, item.end) < 0
        ):
            body = bodies.find(item, opens.line, closes.line)
        first, last = lines.around(begins.line, closes.line, scanned, source)
        start, stop = lines.start(first), lines.start(last + 1)
        if body is None or body[0] < start or body[1] > stop:
            body = -1, -1, ()
        found.append(Region(at, name, first, last, start, stop, *body))
    return found


def thin(
    source: bytes,
    regions: Sequence[Region],
    keep: Collection[int],
    hollow: Optional[Mapping[int, bytes]] = None,
) -> bytes:
    """Return the source with `;` for each body that can be blanked, but those of some items.

    Of those that are `hollow` the body that it says stays instead.
    """
    hollow = hollow or {}
    parts = []
    at = 0
    for region in regions:
        if region.opened >= at and region.item not in keep:
            instead = hollow.get(region.item, b";")
            parts += [source[at : region.opened], instead]
            _blank(parts, source, region, len(instead))
            at = region.closed
    parts.append(source[at:])
    return b"".join(parts)


def _blank(parts: list[bytes], source: bytes, region: Region, taken: int) -> None:
    """Add what stays of a body: line breaks, directives, and blanks before what follows it.

    `taken` columns of it have been written.
    """
    at = region.opened + 1
    closed = region.closed
    for start, end in region.directives:
        parts += [b"\n" * source.count(b"\n", at, start), source[start:end]]
        at = end
    parts.append(b"\n" * source.count(b"\n", at, closed))
    end = source.find(b"\n", closed)
    if source[closed : end if end >= 0 else len(source)].strip():
        before = max(region.opened + taken, source.rfind(b"\n", at, closed) + 1)
        parts.append(_NOT_TAB.sub(b" ", source[before:closed]))


def _renumbers(source: bytes, start: int) -> bool:
    name = directive_name(source, start)
    return name == b"line" or name[:1].isdigit()


class _Lines:
    """Where the lines of a source begin."""

    def __init__(self, source: bytes) -> None:
        # Without the line feeds: adding them to each takes longer than all the rest.
        self._before = [0, *accumulate(map(len, source.split(b"\n")))]
        self._size = len(source)
        self.number = len(self._before) - 1

    def start(self, line: int) -> int:
        """Return the beginning of a line, or the source's end behind the last."""
        return min(self._before[line - 1] + line - 1, self._size)

    def around(self, first: int, last: int, scanned: Scan, source: bytes) -> tuple[int, int]:
        """Widen a range of lines until it neither begins nor ends within a comment or the like."""
        starts, ends = scanned.starts, scanned.ends
        start, stop = self.start(first), self.start(last + 1)
        at = bisect_left(starts, start) - 1
        while at >= 0 and _crosses(source, starts[at], ends[at], start):
            first -= source.count(b"\n", starts[at], start)
            start = self.start(first)
            at = bisect_left(starts, start) - 1
        at = bisect_left(starts, stop) - 1
        while at >= 0 and stop < self._size and _crosses(source, starts[at], ends[at], stop):
            last += 1 + source.count(b"\n", stop, ends[at])
            stop = self.start(last + 1)
            at = bisect_left(starts, stop) - 1
        return first, last


def _crosses(source: bytes, start: int, end: int, line: int) -> bool:
    """Whether what hides code reaches into a line that begins behind its start."""
    if source[start] == _LINE_FEED and start + 1 == line:
        return False  # a directive, told by the line feed before it
    return end > line or (end == line and source[start] == _BACKSLASH)


class _Bodies:
    """Finds bodies in a source that are certainly those in its preprocessed text."""

    def __init__(
        self, source: bytes, scanned: Scan, lines: _Lines, text: bytes, line_map: LineMap
    ) -> None:
        self._source = source
        self._scanned = scanned
        self._directives = [start for start, _ in scanned.directives]
        self._lines = lines
        self._text = text
        self._line_map = line_map

    def find(self, item: Item, first: int, last: int) -> Optional[tuple[int, int, _Spans]]:
        """Return where a function's body is that begins and ends on these lines."""
        source, text, scanned = self._source, self._text, self._scanned
        opened = self._matching(item.header_end, first)
        # The brace may be written %>.
        closed = self._matching(item.end - (2 if text[item.end - 1] == _GREATER else 1), last)
        if opened is None or closed is None or opened >= closed:
            return None
        # What stands before the brace must be what the preprocessed text has there.
        before = source[self._lines.start(first) : opened].rstrip()
        if before and not before.endswith(b"*/"):
            begin = max(item.start, item.header_end - 200)
            if text[begin : item.header_end].rstrip()[-1:] != before[-1:]:
                return None
        closed += 2 if source[closed] == _PERCENT else 1
        begin = bisect_left(self._directives, opened)
        inside = tuple(
            (start + (source[start] == _LINE_FEED), end)
            for start, end in scanned.directives[begin : bisect_left(self._directives, closed)]
        )
        if any(directive_name(source, start) not in _HARMLESS for start, _ in inside):
            return None
        if bisect_left(scanned.strays, opened) != bisect_left(scanned.strays, closed):
            return None
        return opened, closed, inside

    def _matching(self, offset: int, line: int) -> Optional[int]:
        """Return the place on a line of a brace of the preprocessed text, if it is certain."""
        source, text, braces = self._source, self._text, self._scanned.braces
        first = bisect_left(braces, self._lines.start(line))
        written = braces[first : bisect_left(braces, self._lines.start(line + 1))]
        if not written:
            return None
        made: list[int] = []
        pieces = _pieces(text, offset, self._line_map)
        if len(pieces) == len(written) == 1:
            line_text = text[pieces[0][0] : pieces[0][1]]
            # Most lines have one brace, and nothing that could hide it.
            if line_text.count(b"{") + line_text.count(b"}") == 1 and not any(
                mark in line_text for mark in _HIDING
            ):
                same = _BRACE_OF[source[written[0]]] == _BRACE_OF[text[offset]]
                return written[0] if same else None
        for start, end in pieces:
            for match in _BRACE.finditer(text, start, end):
                if text[match.start()] in _BRACE_OF:
                    made.append(match.start())
                elif match.end() == match.start() + 1:
                    return None
        if [_BRACE_OF[source[at]] for at in written] != [_BRACE_OF[text[at]] for at in made]:
            return None
        at = bisect_left(made, offset)
        return written[at] if at < len(made) and made[at] == offset else None


def _pieces(text: bytes, offset: int, line_map: LineMap) -> list[tuple[int, int]]:
    """Return the parts of preprocessed text that were on the same line as an offset, in order."""
    start = text.rfind(b"\n", 0, offset) + 1
    end = _line_end(text, offset)
    pieces = [(start, end)]
    above = text.rfind(b"\n", 0, max(0, start - 1)) + 1
    if text[end + 1 : end + 2] != b"#" and text[above : above + 1] != b"#":
        return pieces
    place = line_map.place(offset)
    at = start
    for _ in range(_MOST_PIECES):
        if at == 0:
            break
        before = text.rfind(b"\n", 0, at - 1) + 1
        if text[before : before + 1] != b"#":
            if at == pieces[0][0] or line_map.place(before) != place:
                break
            pieces.insert(0, (before, at - 1))
        at = before
    at = end
    for _ in range(_MOST_PIECES):
        if at >= len(text):
            break
        at += 1
        after = _line_end(text, at)
        if text[at : at + 1] != b"#":
            if at == pieces[-1][1] + 1 or line_map.place(at) != place:
                break
            pieces.append((at, after))
        at = after
    return pieces


def _line_end(text: bytes, at: int) -> int:
    end = text.find(b"\n", at)
    return end if end >= 0 else len(text)
