"""Who called: asked of frames, in the cheapest way that is right."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.scons import call_site

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "/project/SConstruct"
LIBRARY = call_site.SCONS_FOLDER + "Library.py"


def functions(file: str) -> dict[str, Any]:
    """Return functions that belong to a file: they call, or go on with, what they are given."""
    text = (
        "def call(f, *arguments):\n    return f(*arguments)\n"
        "def steps(f):\n    while True:\n        yield f()\n"
        "def go_on(g):\n    return next(g)\n"
    )
    names: dict[str, Any] = {"__file__": file, "__name__": "module"}
    exec(compile(text, file, "exec"), names)  # noqa: S102 - text of this test
    return names


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing but the made-up files count: this test would be the project's."""
    monkeypatch.setattr(call_site, "is_project", lambda name: name == PROJECT)
    known: dict[str, bool] = {}
    monkeypatch.setattr(call_site, "_known", known)
    return iter(())


def asked(callers: call_site.Callers) -> bool:
    """Ask who calls."""
    return callers.has_project(sys._getframe(1))


@pytest.mark.usefixtures("alone")
def test_the_project_is_found_however_often_others_ask_before() -> None:
    """Callers that are known not to be the project's do not hide one that is."""
    callers = call_site.Callers()
    project, library = functions(PROJECT)["call"], functions(LIBRARY)["call"]
    for _ in range(250):
        assert not library(library, asked, callers)
    assert library(project, library, asked, callers)
    assert project(library, asked, callers)
    assert not library(library, library, library, library, library, library, asked, callers)
    callers.forget()
    assert not library(asked, callers)


@pytest.mark.usefixtures("alone")
def test_a_generator_is_called_by_whoever_resumes_it() -> None:
    """That it was resumed by SCons before tells nothing of who resumes it now."""
    callers = call_site.Callers()
    project, library = functions(PROJECT), functions(LIBRARY)

    def ask_from_deep_inside() -> bool:
        call = library["call"]
        return bool(call(call, call, call, call, call, asked, callers))

    steps = library["steps"](ask_from_deep_inside)
    answers = []
    for number in range(1000):
        resume = (project if number % 7 == 3 else library)["go_on"]
        answers.append(resume(steps))
    assert answers == [number % 7 == 3 for number in range(1000)]


@pytest.mark.usefixtures("alone")
def test_known_callers_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hundred questions that follow a whole walk look at the nearest callers alone."""
    callers = call_site.Callers()
    looked: list[str] = []

    def is_project(name: str) -> bool:
        looked.append(name)
        return False

    monkeypatch.setattr(call_site, "is_project", is_project)
    call = functions(LIBRARY)["call"]

    def loop() -> int:
        call(call, call, call, call, call, call, asked, callers)
        looked.clear()
        for _ in range(100):
            call(call, asked, callers)
        return len(looked)

    assert call(call, call, loop) <= 100 * 5


def test_a_frame_without_a_file_has_that_of_its_code() -> None:
    """What was made from text, and given no module, is asked for its code's name."""
    names: dict[str, Any] = {"sys": sys}
    exec(compile("frame = sys._getframe()", "<made up>", "exec"), names)  # noqa: S102 - as above
    assert call_site.file_of(names["frame"]) == "<made up>"
    names["__file__"] = 7
    assert call_site.file_of(names["frame"]) == "<made up>"
    names["__file__"] = PROJECT
    assert call_site.file_of(names["frame"]) == PROJECT
