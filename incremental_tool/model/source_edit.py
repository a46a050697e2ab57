"""What lines differ between two versions of a source, found fast for few edits in a large one.

The common beginning and end are left out by comparing blocks. Between, functions
of the old version that stand unchanged in the new one are looked for, each by
its whole text; what differs between two such finds is compared line by line,
with lines that occur only once as anchors.

Any answer is a true one: outside the windows, which are in order and apart, both
versions have the same lines. That the windows are small is not promised: where
everything differs, looking ends after a fixed amount of work.

Knows nothing of C but where functions were.
"""

from __future__ import annotations

from bisect import bisect_left

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NamedTuple

    from incremental_tool.model.source_regions import Region

    _Span = tuple[int, int, int, int]
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Window(NamedTuple):
    """Lines of the old version and what stands in their place in the new one.

    `old[old_start:old_stop]` are whole lines (or none), the first of them number `old_line`.
    """

    old_line: int
    old_lines: int
    new_line: int
    new_lines: int
    old_start: int
    old_stop: int
    new_start: int
    new_stop: int


_BLOCK = 1 << 16
_SHORTEST_ANCHOR = 32
"""A shorter function may stand in a text by chance; a wrong find makes windows larger."""

_AHEAD = 1 << 18
"""So much further than where it was may an unchanged function be: longer insertions are rare."""

_MOST_SEARCHED = 1 << 26
"""Bytes that are searched in vain, together: some thirty milliseconds."""

_MOST_LINES = 5000
"""Longer windows are not compared line by line."""


def changed_lines(old: bytes, new: bytes, regions: Sequence[Region]) -> list[Window]:
    """Return the windows in which two versions of a source differ."""
    windows: list[Window] = []
    old_at = new_at = 0
    old_line = new_line = 1
    for span in _spans(old, new, regions):
        for old_start, old_stop, new_start, new_stop in _by_lines(old, new, *span):
            old_line += old.count(b"\n", old_at, old_start)
            new_line += new.count(b"\n", new_at, new_start)
            old_at, new_at = old_start, new_start
            windows.append(
                Window(
                    old_line,
                    _lines_in(old, old_start, old_stop),
                    new_line,
                    _lines_in(new, new_start, new_stop),
                    old_start,
                    old_stop,
                    new_start,
                    new_stop,
                ),
            )
    return windows


def _spans(old: bytes, new: bytes, regions: Sequence[Region]) -> Iterator[_Span]:
    """Yield what differs, apart by unchanged functions at least."""
    if old == new:
        return
    a = b = _common_lines(old, new, 0, 0, len(old), len(new))
    behind = _common_end(old, new, a, b, len(old), len(new))
    old_end, new_end = len(old) - behind, len(new) - behind
    at = _first_behind(regions, a)
    budget = _MOST_SEARCHED
    while at < len(regions) and regions[at].stop <= old_end and budget > 0:
        start, stop = regions[at].start, regions[at].stop
        at += 1
        if start < a or stop - start < _SHORTEST_ANCHOR:
            continue
        limit = min(new_end, b + (stop - a) + _AHEAD)
        found = new.find(old[start:stop], b, limit)
        if found < 0 or (found and new[found - 1] != _LINE_FEED):
            budget -= limit - b
            continue
        if start > a or found > b:
            shared = _common_end(old, new, a, b, start, found)
            yield a, start - shared, b, found - shared
        same = _common_lines(old, new, start, found, old_end, new_end)
        a, b = start + same, found + same
    if a < old_end or b < new_end:
        yield a, old_end, b, new_end


def _first_behind(regions: Sequence[Region], place: int) -> int:
    at, end = 0, len(regions)
    while at < end:
        middle = (at + end) // 2
        if regions[middle].start <= place:
            at = middle + 1
        else:
            end = middle
    return at


def _common_lines(old: bytes, new: bytes, a: int, b: int, old_end: int, new_end: int) -> int:
    """Return the length of the whole lines that two parts have in common at their beginning."""
    most = min(old_end - a, new_end - b)
    same = 0
    while same < most:
        size = min(_BLOCK, most - same)
        if old[a + same : a + same + size] == new[b + same : b + same + size]:
            same += size
            continue
        while size > 1:
            half = size // 2
            if old[a + same : a + same + half] == new[b + same : b + same + half]:
                same += half
                size -= half
            else:
                size = half
        break
    if a + same == old_end and b + same == new_end:
        return same
    return max(old.rfind(b"\n", a, a + same) + 1, a) - a


def _common_end(old: bytes, new: bytes, a: int, b: int, old_end: int, new_end: int) -> int:
    """Return the length of the whole lines that two parts have in common at their end."""
    most = min(old_end - a, new_end - b)
    same = 0
    while same < most:
        size = min(_BLOCK, most - same)
        old_at, new_at = old_end - same, new_end - same
        if old[old_at - size : old_at] == new[new_at - size : new_at]:
            same += size
            continue
        while size > 1:
            half = size // 2
            old_at, new_at = old_end - same, new_end - same
            if old[old_at - half : old_at] == new[new_at - half : new_at]:
                same += half
                size -= half
            else:
                size = half
        break
    old_at, new_at = old_end - same, new_end - same
    if _begins_line(old, old_at) and _begins_line(new, new_at):
        return same
    line = old.find(b"\n", old_at, old_end)
    return old_end - line - 1 if line >= 0 else 0


def _begins_line(source: bytes, place: int) -> bool:
    return place == 0 or source[place - 1] == _LINE_FEED


def _lines_in(source: bytes, start: int, stop: int) -> int:
    """Return how many lines a part is made of; the last may have no line feed."""
    open_end = stop > start and source[stop - 1] != _LINE_FEED
    return source.count(b"\n", start, stop) + open_end


def _by_lines(
    old: bytes, new: bytes, old_start: int, old_stop: int, new_start: int, new_stop: int
) -> Iterator[_Span]:
    """Yield a window's parts that differ, between lines that stand once in both versions."""
    before = _split(old, old_start, old_stop)
    after = _split(new, new_start, new_stop)
    if not before or not after or len(before) + len(after) > _MOST_LINES:
        yield old_start, old_stop, new_start, new_stop
        return
    a, b, old_at, new_at = 0, 0, old_start, new_start
    for i, j in [*_anchors(before, after), (len(before), len(after))]:
        if i < a or j < b:
            continue  # already taken with the lines before it
        old_to = old_at + sum(map(len, before[a:i]))
        new_to = new_at + sum(map(len, after[b:j]))
        same = _common_lines(old, new, old_at, new_at, old_to, new_to)
        old_at, new_at = old_at + same, new_at + same
        behind = _common_end(old, new, old_at, new_at, old_to, new_to)
        if old_at < old_to - behind or new_at < new_to - behind:
            yield from _each_line(old, new, old_at, old_to - behind, new_at, new_to - behind)
        old_at, new_at = old_to, new_to
        a, b = i, j


def _each_line(
    old: bytes, new: bytes, old_start: int, old_stop: int, new_start: int, new_stop: int
) -> Iterator[_Span]:
    """Yield a window, or if it has as many lines in both versions each line that differs."""
    before, after = _split(old, old_start, old_stop), _split(new, new_start, new_stop)
    if len(before) != len(after):
        yield old_start, old_stop, new_start, new_stop
        return
    for one, other in zip(before, after):
        if one != other:
            yield old_start, old_start + len(one), new_start, new_start + len(other)
        old_start += len(one)
        new_start += len(other)


def _split(source: bytes, start: int, stop: int) -> list[bytes]:
    lines = [line + b"\n" for line in source[start:stop].split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _anchors(before: list[bytes], after: list[bytes]) -> list[tuple[int, int]]:
    """Return the places of lines that stand once in either list, as many in order as can be."""
    once = {line: at for line, at in _once(before).items() if at >= 0}
    there = _once(after)
    pairs = [(at, there[line]) for line, at in once.items() if there.get(line, -1) >= 0]
    # The longest ascending chain: `ends` has the smallest end of a chain of each length.
    ends: list[int] = []
    last: list[int] = []
    previous = [-1] * len(pairs)
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        previous[number] = last[length - 1] if length else -1
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    chain = []
    number = last[-1] if last else -1
    while number >= 0:
        chain.append(pairs[number])
        number = previous[number]
    return chain[::-1]


def _once(lines: list[bytes]) -> dict[bytes, int]:
    """Return the place of each line that stands once in a list; of others a negative number."""
    places: dict[bytes, int] = {}
    for at, line in enumerate(lines):
        places[line] = -1 if line in places else at
    return places


_LINE_FEED = 0x0A
