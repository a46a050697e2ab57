"""Where a source's functions are after an edit, if the edit lies within functions and comments.

A window of the edit is accepted

* within the lines of a function, if there are no directives on its lines, if
  the tokens of the header are as they were, and if behind it the function ends
  where it ended: comments and literals closed, braces in balance and the
  outermost closed where they were;
* between functions, if all that changes there are comments and white space.

The rest is refused: directives that are changed, touched, hidden or brought to
light, and declarations. So is a function that appears or vanishes.

What is accepted is where the text of functions lies, not what it means: that
all else means the same is proved by comparing the preprocessed texts.

Knows nothing of preprocessed text.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from incremental_tool.model.c_tokens import code_of
from incremental_tool.model.raw_source import Scan, scan, trouble_of
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.model.source_edit import Window
    from incremental_tool.model.source_regions import Region
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Moved(NamedTuple):
    """The regions of the new source, in the order of the old ones, and the items touched.

    The body of a touched function can be blanked later on only if neither of its braces'
    lines was touched.
    """

    regions: list[Region]
    touched: frozenset[int]


def moved(
    old: bytes, new: bytes, regions: Sequence[Region], windows: Sequence[Window]
) -> Union[Moved, Reason]:
    """Return where the regions are after an edit, or why that cannot be told."""
    edit = _Edit(old, new, windows)
    touched: set[int] = set()
    found = []
    # Regions that share lines are one block. What lies between blocks is a gap.
    at = gap = 0
    while at < len(regions):
        first = at
        start, stop = regions[at].start, regions[at].stop
        at += 1
        while at < len(regions) and regions[at].start < stop:
            stop = max(stop, regions[at].stop)
            at += 1
        refused = edit.check_gap(gap, start) or edit.check_block(start, stop)
        if refused is not None:
            return refused
        gap = stop
        for region in regions[first:at]:
            if edit.touches(start, stop):
                touched.add(region.item)
                found.append(edit.touched(region, alone=at == first + 1))
            else:
                found.append(edit.untouched(region))
    refused = edit.check_gap(gap, len(old), last=True)
    if refused is not None:
        return refused
    return Moved(found, frozenset(touched))


class _Edit:
    """The windows of an edit, and what they do to parts of the old source."""

    def __init__(self, old: bytes, new: bytes, windows: Sequence[Window]) -> None:
        self._old = old
        self._new = new
        self._windows = windows
        self._stops = [window.old_stop for window in windows]
        self._bytes = [0, *accumulate(_growth(window) for window in windows)]
        self._lines = [0, *accumulate(window.new_lines - window.old_lines for window in windows)]
        self._scan: Optional[Scan] = None  # of the block that was checked last, in the new source

    def touches(self, start: int, stop: int) -> bool:
        """Whether there is a window in a block."""
        first, behind = self._of_block(start, stop)
        return first < behind

    def check_gap(self, start: int, stop: int, last: bool = False) -> Optional[Reason]:
        """Return why the windows in a gap are refused."""
        first = bisect_left(self._stops, start)
        while first < len(self._windows) and self._windows[first].old_start < start:
            first += 1  # it ends with the block before
        behind = first
        while behind < len(self._windows) and (
            self._windows[behind].old_start < stop or self._windows[behind].old_stop <= stop or last
        ):
            behind += 1
        if first == behind:
            return None
        windows = self._windows[first:behind]
        if windows[-1].old_stop > stop:
            return _refused("declaration", windows[-1], "a function's beginning")
        scans = self._scans(start, stop, first, behind)
        if isinstance(scans, Reason):
            return scans
        before, after = scans
        new_start = start + self._bytes[first]
        new_stop = stop + self._bytes[behind]
        if _code(self._old, before, start, stop) != _code(self._new, after, new_start, new_stop):
            return _refused("declaration", windows[0], "more than comments")
        return None

    def check_block(self, start: int, stop: int) -> Optional[Reason]:
        """Return why the windows in a block are refused."""
        first, behind = self._of_block(start, stop)
        if first == behind:
            return None
        window = self._windows[behind - 1]
        if window.old_stop > stop:
            return _refused("declaration", window, "a function's end")
        scans = self._scans(start, stop, first, behind)
        if isinstance(scans, Reason):
            return scans
        before, after = scans
        self._scan = after
        old, new = self._old, self._new
        if _nesting(old, before) != _nesting(new, after):
            return _refused("declaration", window, "braces")
        if not before.braces or not after.braces:
            return None  # a macro makes the function
        new_start, new_stop = start + self._bytes[first], stop + self._bytes[behind]
        if _code(old, before, start, before.braces[0]) != (
            _code(new, after, new_start, after.braces[0])
        ):
            return _refused("declaration", window, "what stands before a function's body")
        if _code(old, before, before.braces[-1], stop) != (
            _code(new, after, after.braces[-1], new_stop)
        ):
            return _refused("declaration", window, "what stands behind a function's body")
        return None

    def untouched(self, region: Region) -> Region:
        """Return a region that moves as a whole."""
        at = bisect_left(self._stops, region.start)
        while at < len(self._windows) and self._windows[at].old_stop <= region.start:
            at += 1
        by, lines = self._bytes[at], self._lines[at]
        if not by and not lines:
            return region
        inside = region.opened >= 0
        return region._replace(
            first=region.first + lines,
            last=region.last + lines,
            start=region.start + by,
            stop=region.stop + by,
            opened=region.opened + by if inside else -1,
            closed=region.closed + by if inside else -1,
            directives=tuple((start + by, end + by) for start, end in region.directives),
        )

    def touched(self, region: Region, alone: bool) -> Region:
        """Return a region with windows in it; a body's braces stay certain if they are apart."""
        first, behind = self._of_block(region.start, region.stop)
        by, lines = self._bytes[first], self._lines[first]
        by_end, lines_end = self._bytes[behind], self._lines[behind]
        opened = closed = -1
        directives: tuple[tuple[int, int], ...] = ()
        windows = self._windows[first:behind]
        line = self._old.rfind(b"\n", 0, max(region.closed, 0)) + 1
        if (
            alone
            and region.opened >= 0
            and self._scan is not None
            and all(region.opened < one.old_start and one.old_stop <= line for one in windows)
        ):
            opened, closed = region.opened + by, region.closed + by_end
            directives = tuple(
                (start + (self._new[start] == _LINE_FEED), end)
                for start, end in self._scan.directives
                if opened < start < closed
            )
        return region._replace(
            first=region.first + lines,
            last=region.last + lines_end,
            start=region.start + by,
            stop=region.stop + by_end,
            opened=opened,
            closed=closed,
            directives=directives,
        )

    def _of_block(self, start: int, stop: int) -> tuple[int, int]:
        """Return which windows change lines of a block or are put between two of them."""
        windows = self._windows
        first = bisect_left(self._stops, start)
        while first < len(windows) and windows[first].old_stop <= start:
            first += 1
        behind = first
        while behind < len(windows) and windows[behind].old_start < stop:
            behind += 1
        return first, behind

    def _scans(
        self, start: int, stop: int, first: int, behind: int
    ) -> Union[tuple[Scan, Scan], Reason]:
        """Scan a part before and after, and compare what directives there are and where."""
        old, new, windows = self._old, self._new, self._windows[first:behind]
        new_start, new_stop = start + self._bytes[first], stop + self._bytes[behind]
        for window in windows:
            trouble = trouble_of(new[window.new_start : window.new_stop])
            if trouble:
                return _refused("source", window, trouble)
        before, after = scan(old, start, stop), scan(new, new_start, new_stop)
        if before.trouble or before.past > stop:
            return _refused("source", windows[0], before.trouble)
        if after.trouble:
            return _refused("source", windows[0], after.trouble)
        joined = after.past == new_stop and new[max(0, new_stop - 1) : new_stop] == b"\n"
        if after.past > new_stop or joined:
            return _refused("declaration", windows[0], "the edit reaches further than it seems")
        kept = []
        for place, end, certain in _lines_with_directives(old, before):
            at = 0
            while at < len(windows) and windows[at].old_stop <= place:
                at += 1
            if at < len(windows) and windows[at].old_start <= end:
                return _refused("directive", windows[at], "")
            by = self._bytes[first + at]
            kept.append((place + by, end + by, certain))
        if kept != _lines_with_directives(new, after):
            return _refused("directive", windows[0], "")
        return before, after


def _growth(window: Window) -> int:
    return (window.new_stop - window.new_start) - (window.old_stop - window.old_start)


def _refused(what: str, window: Window, detail: str) -> Reason:
    where = f"line {window.new_line}"
    names = {
        "declaration": "function.refuse.declaration",
        "directive": "function.refuse.directive",
        "source": "function.refuse.source",
    }
    return Reason(names[what], f"{where}, {detail}" if detail else where)


def _lines_with_directives(source: bytes, found: Scan) -> list[tuple[int, int, bool]]:
    """Return where the lines of directives begin and end, in order; strays may be directives.

    A stray is told from a directive: the one becomes the other if the line before is joined.
    """
    lines = [(start + (source[start] == _LINE_FEED), end, True) for start, end in found.directives]
    for stray in found.strays:
        end = source.find(b"\n", stray)
        end = end if end >= 0 else len(source)
        lines.append((source.rfind(b"\n", 0, stray) + 1, end, False))
    return sorted(lines)


def _code(source: bytes, found: Scan, start: int, stop: int) -> bytes:
    """Return the tokens of a part, its comments left out."""
    parts = []
    at = start
    for begin, end in zip(found.starts, found.ends):
        if begin >= stop:
            break
        if source[begin] == _SLASH and begin >= start:
            parts += [source[at:begin], b" "]
            at = end
    parts.append(source[at:stop])
    return code_of(b"".join(parts))


def _nesting(source: bytes, found: Scan) -> Union[int, list[int]]:
    """Return how many outermost pairs of braces there are, or the braces if they do not match.

    They need not match where directives choose between them.
    """
    kinds = [1 if source[place] in b"{<" else -1 for place in found.braces]
    depth = pairs = 0
    for kind in kinds:
        depth += kind
        if depth < 0:
            return kinds
        pairs += depth == 0
    return kinds if depth else pairs


_SLASH, _LINE_FEED = b"/\n"
