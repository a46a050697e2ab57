"""What was said is left out once, and as soon as something else is said all is shown."""

from __future__ import annotations

import io

from incremental_tool.engine.said_before import SaidBefore

OPENING = "reading\ndone reading\n"


def shown(*written: str, lines: tuple[str, ...] = ()) -> str:
    """Return what is shown of what is written."""
    stream = io.StringIO()
    SaidBefore(stream, OPENING, lines).writelines(written)
    return stream.getvalue()


def test_it_is_left_out_however_it_is_cut() -> None:
    """Pieces may be smaller or larger than those that were printed before."""
    assert shown("reading", "\n", "done reading\nbuilding\n", "gcc\n") == "building\ngcc\n"
    assert shown(OPENING, OPENING) == OPENING


def test_something_else_is_shown() -> None:
    """Where SCons says something else nothing is left out any more."""
    assert shown("reading\n", "a warning\n", "done reading\n") == "a warning\ndone reading\n"
    assert shown("other\n", "reading\n") == "other\nreading\n"


def test_lines_are_left_out_wherever_they_stand() -> None:
    """Also those that print() writes in two pieces; and the tool's own words pass by."""
    written = (OPENING, "one\n", "incremental: why\n", "told", "\n", "\n", "told\n", "two\n")

    assert shown(*written, lines=("told\n",)) == "one\nincremental: why\n\ntwo\n"
