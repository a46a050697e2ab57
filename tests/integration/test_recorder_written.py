"""Scripts that write files: what of them counts, and which runs are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from recorded import COPY, project_of_its_own, script

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Recorded


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return a new project, in an environment of its own."""
    return project_of_its_own(tmp_path, monkeypatch)


def test_a_folder_that_a_script_makes_counts_from_the_next_run_on(project: Recorded) -> None:
    """The first run went by a folder that was missing, so only the second is kept."""
    project.write("in", "text\n")
    project.write("SConstruct", script("import os\nos.path.isdir('d') or os.mkdir('d')\n" + COPY))
    project.record()

    assert project.told().startswith("fresh.refuse.written")

    project.record()

    assert project.ask() == "fresh"

    (project.folder / "d").rmdir()

    assert project.ask().startswith("fresh.stale.file-gone")


def test_a_file_that_a_script_writes_each_time_must_stay(project: Recorded) -> None:
    """A file written without looking is as good as an output."""
    project.write("in", "text\n")
    project.write("SConstruct", script("open('written', 'w').write('x')\n" + COPY))
    project.record()

    assert project.ask() == "fresh"

    project.write("written", "changed")

    assert project.ask() == "fresh.stale.file-changed written (written)"


def test_a_script_that_counts_its_runs_is_never_kept(project: Recorded) -> None:
    """A file read and then written tells another number each time."""
    project.write("count", "1")
    project.write("in", "text\n")
    counting = "n = int(open('count').read())\nopen('count', 'w').write(str(n + 1))\n"
    project.write("SConstruct", script(counting + COPY))
    for _ in range(2):
        project.record()

        assert project.told().startswith("fresh.refuse.written")


def test_a_file_that_is_read_and_written_alike_each_time_must_stay(project: Recorded) -> None:
    """Scripts that make a configuration anew from itself find the same in each run."""
    project.write("config.h", "#define N 1\n")
    project.write("in", "text\n")
    again = "text = open('config.h').read()\nopen('config.h', 'w').write(text)\n"
    project.write("SConstruct", script(again + COPY))
    project.record()

    assert project.ask() == "fresh"

    project.write("config.h", "#define N 2\n")

    assert project.ask() == "fresh.stale.file-changed config.h (written)"


def test_a_source_that_a_script_writes_alike_each_time_is_kept_from_the_second_run_on(
    project: Recorded,
) -> None:
    """The first run cannot know that it is alike."""
    project.write("SConstruct", script("open('in', 'w').write('text')\n" + COPY))
    project.record()

    assert project.told().startswith("fresh.refuse.written")

    project.record()

    assert project.ask() == "fresh"


def test_a_file_of_which_the_age_is_asked_and_that_is_written_is_never_kept(
    project: Recorded,
) -> None:
    """Its content is the same in each run, and its time is not."""
    project.write("stamp", "x")
    project.write("in", "text\n")
    aging = "import os\nos.path.getmtime('stamp')\nopen('stamp', 'w').write('x')\n"
    project.write("SConstruct", script(aging + COPY))
    for _ in range(2):
        project.record()

        assert project.told().startswith("fresh.refuse.written")
