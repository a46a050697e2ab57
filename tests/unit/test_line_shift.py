"""Where lines have gone, against texts that are really edited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model.line_shift import moves_between, shift_at

_BASE = [f"base {number}" for number in range(12)]


def edited(name: str, cuts: list[tuple[int, int, int]]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Return the base with some stretches replaced by new lines, and the windows of that."""
    text: list[str] = []
    windows = []
    place = 0
    for start, length, added in cuts:
        first = max(start, place)
        end = min(first + length, len(_BASE))
        if first >= len(_BASE) or (first == place and windows) or not (added or end > first):
            continue
        text += _BASE[place:first]
        new = [f"{name} {first} {number}" for number in range(added)]
        windows.append((first, end, len(text), len(text) + len(new)))
        text += new
        place = end
    return text + _BASE[place:], windows


_CUTS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 4), st.integers(0, 4)), max_size=4
).map(sorted)


@given(_CUTS, _CUTS)
def test_every_line_that_both_texts_share_with_the_base_is_found_again(
    compiled: list[tuple[int, int, int]], now: list[tuple[int, int, int]]
) -> None:
    """A line of the base that two edits leave alone stands where the moves between them say."""
    then_text, then = edited("then", compiled)
    now_text, windows = edited("now", now)
    moves = moves_between(then, windows)
    delta = {
        line: shift for first, last, shift in moves for line in range(first, min(last, 99) + 1)
    }
    for number, line in enumerate(then_text, 1):
        if line.startswith("base") and line in now_text:
            assert now_text[number - 1 + delta.get(number, 0)] == line
    for (_, last, _), (first, _, _) in zip(moves, moves[1:]):
        assert last < first


def test_a_stretch_of_its_own_moves_as_told() -> None:
    """What both texts have and the base has not goes where the caller says that it stands now."""
    compiled, now = [(3, 4, 3, 9)], [(0, 0, 0, 2), (3, 4, 5, 11)]
    assert moves_between(compiled, now, [(3, 8, 5)]) == [(1, (1 << 40) + 5, 2)]


def test_nothing_moves_where_no_line_was_added_or_taken() -> None:
    """An edit that keeps the number of lines moves none."""
    assert moves_between([], [(3, 5, 3, 5)]) == []
    assert shift_at([(3, 5, 3, 9)], 7) == 4


def test_moves_of_a_stretch_and_around_it_do_not_overlap() -> None:
    """Where two comparisons disagree about lines within a stretch, the stretch's move holds."""
    compiled, now = [(2, 2, 2, 4)], [(5, 5, 5, 8)]
    assert moves_between(compiled, now) == [(5, 7, -2), (8, (1 << 40) + 2, 1)]
    moves = moves_between(compiled, now, [(3, 6, 6)])
    assert moves == [(4, 7, 3), (8, (1 << 40) + 2, 1)]
