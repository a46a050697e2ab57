"""What differs between two versions of a source is told line by line, and quickly."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model import source_edit
from incremental_tool.model.source_edit import Window, changed_lines
from incremental_tool.model.source_regions import Region


def windows_of(old: bytes, new: bytes, regions: list[Region]) -> list[Window]:
    """Return the windows; they turn the old version into the new, and their numbers are true."""
    windows = changed_lines(old, new, regions)
    parts, at = [], 0
    for window in windows:
        assert at <= window.old_start <= window.old_stop
        assert window.old_line == old.count(b"\n", 0, window.old_start) + 1
        assert window.new_line == new.count(b"\n", 0, window.new_start) + 1
        lines = old[window.old_start : window.old_stop].split(b"\n")
        assert window.old_lines == len(lines) - (lines[-1] == b"")
        lines = new[window.new_start : window.new_stop].split(b"\n")
        assert window.new_lines == len(lines) - (lines[-1] == b"")
        assert old[: window.old_start].endswith(b"\n") or window.old_start == 0
        parts += [old[at : window.old_start], new[window.new_start : window.new_stop]]
        at = window.old_stop
    assert b"".join([*parts, old[at:]]) == new
    return windows


def function(number: int) -> bytes:
    """Return the text of a function that no other function has."""
    return b"int f%d(int a)\n{\n  return a + %d;\n}\n" % (number, number)


def source_of(number: int, gap: bytes = b"\n") -> tuple[bytes, list[Region]]:
    """Return a source with so many functions, and where they are."""
    source, regions = b"", []
    for at in range(number):
        start = len(source)
        source += function(at)
        regions.append(Region(at, b"f%d" % at, 1 + 5 * at, 4 + 5 * at, start, len(source)))
        source += gap
    return source, regions


def test_equal_sources_have_no_windows() -> None:
    """Nothing differs where nothing was changed."""
    source, regions = source_of(3)

    assert windows_of(source, bytes(bytearray(source)), regions) == []


def test_one_line_is_one_window() -> None:
    """A changed line is told alone, with its number in both versions."""
    source, regions = source_of(100)

    (window,) = windows_of(source, source.replace(b"a + 50", b"a - 50"), regions)

    assert window[:4] == (253, 1, 253, 1)


def test_distant_edits_are_apart() -> None:
    """Changed, added and removed lines in three functions are three windows."""
    source, regions = source_of(1000)
    new = source.replace(b"a + 5;", b"a - 5;").replace(b"+ 500;\n", b"+ 500;\n\n\n")
    new = new.replace(b"  return a + 900;\n", b"")

    windows = windows_of(source, new, regions)

    assert [window[:4] for window in windows] == [
        (28, 1, 28, 1),
        (2504, 0, 2504, 2),
        (4503, 1, 4505, 0),
    ]


def test_neighbouring_edits_are_apart() -> None:
    """Edits of neighbouring functions are told from each other without a function between."""
    source, regions = source_of(4)
    new = source.replace(b"+ 1;", b"+ 1 ;\n").replace(b"+ 2;", b"+ 3;")

    windows = windows_of(source, new, regions)

    assert [window.old_line for window in windows] == [8, 13]


@pytest.mark.parametrize("change", [b"a", b"{", b"\n"])
def test_many_edits_take_no_longer_than_allowed(change: bytes) -> None:
    """Where every function was changed the answer is still true, and comes in time."""
    source, regions = source_of(8_000)
    started = time.process_time()

    windows = windows_of(source, source.replace(change, change + b" "), regions)

    assert windows
    assert time.process_time() - started < 10


def test_a_file_without_a_last_line_feed_is_compared() -> None:
    """The last line counts with and without its line feed."""
    for old, new in (
        (b"a\nb", b"a\nb\n"),
        (b"a\nb", b"a\nb\nc"),
        (b"", b"a"),
        (b"a", b""),
        (b"a\nb", b"b"),
    ):
        assert windows_of(old, new, [])


TEXTS = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"}\n", b"\n", b"c", b"d\n", function(1), function(2)]),
    max_size=25,
)


@given(TEXTS, TEXTS, st.sampled_from([1, 3, 1 << 16]))
def test_any_versions_are_compared(before: list[bytes], after: list[bytes], block: int) -> None:
    """Whatever two texts are, the windows turn one into the other."""
    old, new = b"".join(before), b"".join(after)
    regions, at = [], 0
    for number, part in enumerate(before):
        if (
            part.startswith(b"int")
            and old[:at].endswith((b"\n", b""))
            and (at == 0 or old[at - 1] == 10)
        ):
            regions.append(Region(number, b"f", 1, 1, at, at + len(part)))
        at += len(part)
    kept = source_edit._BLOCK
    source_edit._BLOCK = block
    try:
        windows = windows_of(old, new, regions)
    finally:
        source_edit._BLOCK = kept

    assert bool(windows) is (old != new)
