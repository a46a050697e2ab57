"""Where the lines of a text have gone since it was compiled.

Two texts are told by what separates them from a third, the base: a list of
windows `(first, end, new first, new end)`, in order, lines counted from 0, ends
excluded. Base lines `first` to `end` have become lines `new first` to `new end`;
between windows nothing has changed but the number of the line.

A move `(first, last, delta)` says that the lines `first` to `last`, both
included and counted from 1 as compilers count, now stand `delta` lines further
down. What stands in no move has stayed.

Knows nothing of what the lines hold.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

    Window = tuple[int, int, int, int]
    Move = tuple[int, int, int]

_END = 1 << 40
"""A line behind every text's last."""


def shift_at(windows: Sequence[Window], line: int) -> int:
    """Return how far down a base line that lies in no window has gone."""
    shift = 0
    for _, end, _, new_end in windows:
        if end > line:
            break
        shift = new_end - end
    return shift


def moves_between(
    compiled: Sequence[Window], now: Sequence[Window], own: Sequence[tuple[int, int, int]] = ()
) -> list[Move]:
    """Return the moves from a text that was compiled to the text as it is.

    `own` are stretches that both texts have and the base has not: first and last line in the
    compiled text, and first line now, counted from 0.
    """
    edges = {0, _END}
    for windows in (compiled, now):
        for first, end, *_ in windows:
            edges.update((first, end))
    places = sorted(edges)
    whole = sorted(own)
    found = [(first + 1, last + 1, to - first) for first, last, to in whole if to != first]
    for first, end in zip(places, places[1:]):
        if any(start <= first < stop for windows in (compiled, now) for start, stop, *_ in windows):
            continue
        shift = shift_at(compiled, first)
        delta = shift_at(now, first) - shift
        if delta:
            ends = _outside(first + shift, end + shift, whole)
            found += [(start + 1, stop, delta) for start, stop in ends]
    return _joined(sorted(found))


def _outside(
    start: int, end: int, stretches: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int]]:
    """Return what of the lines from `start` to before `end` lies in none of the stretches.

    Two comparisons with the base may see one stretch's lines in different ones of the base's, as
    where lines repeat: what is known of the stretch as a whole holds.
    """
    found = []
    for first, last, _ in stretches:
        if last < start or first >= end:
            continue
        if first > start:
            found.append((start, first))
        start = last + 1
    if start < end:
        found.append((start, end))
    return found


def _joined(moves: list[Move]) -> list[Move]:
    joined: list[Move] = []
    for first, last, delta in moves:
        if joined and joined[-1][2] == delta and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last, delta)
        else:
            joined.append((first, last, delta))
    return joined
