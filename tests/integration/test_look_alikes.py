"""Names that differ in nothing but the case of letters: each is a file of its own, or none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from recorded import GCC, project_of_its_own, script

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Recorded

SCRIPT = """
env.Append(CPPPATH=["first", "second"])
env.Object("main.c")
env.Command("list.txt", sorted(Glob("*.txt.in"), key=str), "cat $SOURCES > $TARGET")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return a new project, in an environment of its own."""
    return project_of_its_own(tmp_path, monkeypatch)


@pytest.fixture
def alike(project: Recorded) -> Recorded:
    """Return a project that was built and is fresh; its include paths hold one header."""
    project.write("second/part.h", "#define PART 1\n")
    project.write("first/other.h", "\n")
    project.write("main.c", '#include "part.h"\nint main(void) { return PART; }\n')
    project.write("a.txt.in", "a\n")
    project.write("A.txt.in", "A\n")
    project.write("SConstruct", script(SCRIPT, GCC))
    project.record()
    if project.ask() != "fresh":
        project.record()
    assert project.ask() == "fresh"
    return project


def test_a_file_that_was_renamed_to_a_look_alike_is_gone(alike: Recorded) -> None:
    """A rename in nothing but case is told as a file that is gone."""
    os.rename(alike.folder / "second/part.h", alike.folder / "second/Part.h")

    assert alike.ask().startswith("fresh.stale.file-gone second/part.h")


def test_a_look_alike_beside_a_source_is_another_file(alike: Recorded) -> None:
    """Each of two is known by its own name, and noticed alone."""
    alike.write("a.txt.in", "b\n")

    assert alike.ask() == "fresh.stale.file-changed a.txt.in (written)"

    alike.write("a.txt.in", "a\n")
    alike.record()
    assert alike.ask() == "fresh"
    alike.write("A.txt.in", "B\n")

    assert alike.ask() == "fresh.stale.file-changed A.txt.in (written)"


def test_look_alikes_that_were_exchanged_are_noticed(alike: Recorded) -> None:
    """Sizes and times of modification are the same; the files behind the names are not."""
    one, other, aside = (alike.folder / name for name in ("a.txt.in", "A.txt.in", "aside"))
    os.utime(one, ns=(0, 10**18))
    os.utime(other, ns=(0, 10**18))
    alike.record()
    assert alike.ask() == "fresh"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)

    assert alike.ask().startswith("fresh.stale.file-")


def test_a_look_alike_on_the_search_path_is_not_what_was_looked_for(alike: Recorded) -> None:
    """`Part.h` hides nothing here; `part.h`, in the folder that is searched first, does."""
    alike.write("first/Part.h", "#define PART 2\n")

    assert alike.ask() == "fresh"

    alike.write("first/part.h", "#define PART 2\n")

    assert alike.ask().startswith("fresh.stale.")
