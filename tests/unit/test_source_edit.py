"""Edits of random texts, told as windows and as functions touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model.reason import Reason
from incremental_tool.model.source_edit import SourceEdit, edit_between
from incremental_tool.model.source_regions import Region

_LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"cc\n", b"}\n", b"x" * 70 + b"\n"]))


def regions(text: bytes) -> list[Region]:
    """Return a region for each pair of lines that begin with `f` and end with `}`."""
    found = []
    place = 0
    while True:
        start = text.find(b"f", place)
        stop = text.find(b"}\n", start) + 2
        if start < 0 or stop < 2:
            return found
        first, last = text.count(b"\n", 0, start) + 1, text.count(b"\n", 0, stop)
        found.append(Region(len(found), b"f", first, last, start, stop, start + 1, stop - 1, ()))
        place = stop


@given(_LINES, _LINES, _LINES, st.booleans())
def test_windows_lead_from_one_text_to_the_other(
    head: list[bytes], middle: list[bytes], new_middle: list[bytes], open_end: bool
) -> None:
    """With each window's lines put in the place of the old ones the old text becomes the new."""
    tail = b"tail" if open_end else b"tail\n"
    old, new = (b"".join([*head, *part, tail]) for part in (middle, new_middle))
    edit = edit_between(old, new, [])
    assert isinstance(edit, SourceEdit)
    lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    built: list[bytes] = []
    place = 0
    for first, end, new_first, new_end in edit.windows:
        built += lines[place:first]
        assert len(built) == new_first
        built += new_lines[new_first:new_end]
        place = end
    assert built + lines[place:] == new_lines


@given(st.lists(st.tuples(_LINES, st.integers(0, 5), st.integers(0, 5)), max_size=6))
def test_untouched_functions_are_where_they_are_said_to_be(
    parts: list[tuple[list[bytes], int, int]],
) -> None:
    """A function that no window touches has its old text, and its body's place moved with it."""
    old = b"".join(
        b"".join(gap) + b"f %d\n{%d\n}\n" % (n, one) for n, (gap, one, _) in enumerate(parts)
    )
    new = b"".join(
        b"".join(gap) + b"f %d\n{%d\n}\n" % (n, two) for n, (gap, _, two) in enumerate(parts)
    )
    before = regions(old)
    edit = edit_between(old, new, before)
    assert isinstance(edit, SourceEdit)
    differ = {number for number, (_, one, two) in enumerate(parts) if one != two}
    assert differ <= set(edit.touched)
    for region, now in zip(before, edit.regions):
        text = new[now.start : now.stop]
        assert new.count(b"\n", 0, now.start) + 1 == now.first
        if region.item not in edit.touched:
            assert text == old[region.start : region.stop]
            assert new[now.opened : now.closed] == old[region.opened : region.closed]


def test_an_edit_of_two_distant_functions_touches_two() -> None:
    """What lies between two edits is not touched, however long."""
    text = b"".join(b"f %d\n{\n  %d;\n}\n\n" % (number, number) for number in range(5000))
    new = text.replace(b"  7;", b"  8;").replace(b"  4990;", b"  1;\n\n")
    edit = edit_between(text, new, regions(text))
    assert isinstance(edit, SourceEdit)
    assert edit.touched == [7, 4990]
    assert edit.regions[4999].first == regions(text)[4999].first + 2


def test_a_directive_in_an_edit_is_refused() -> None:
    """Whether it is added, removed or continued, macros could be others behind it."""
    text = b"int a;\n#define X 1\nint b;\n"
    for new in (
        text.replace(b"X 1", b"X 2"),
        text.replace(b"#define X 1\n", b""),
        text.replace(b"int b", b"  #  undef X\nint b"),
        text.replace(b"X 1", b"X 1\\\n"),
    ):
        edit = edit_between(text, new, [])
        assert isinstance(edit, Reason)
        assert edit.id == "function.refuse.directive"


def test_the_same_text_is_no_edit() -> None:
    """Equal texts have no windows, and all functions lie where they lay."""
    text = b"f\n{\n}\n"
    assert edit_between(text, text, regions(text)) == SourceEdit([], regions(text), [])
