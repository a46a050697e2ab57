"""`incremental-tool explain` without a target: what is told of the last run and of the next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from incremental_tool import cli
from incremental_tool.store import last_answer, snapshot
from incremental_tool.store.last_answer import ANSWERED, FRESH, KEPT, RECORDED

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ab" * 16


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return a project's folder that has a state folder."""
    (tmp_path / ".incremental").mkdir()
    return tmp_path


def note(
    top: Path, file: str, reason: str, detail: str = "", arguments: tuple[str, ...] = ()
) -> None:
    """Write one of the two notes."""
    last_answer.write(str(top / ".incremental"), file, reason, detail, KEY, arguments)


def keep(top: Path, *refusals: tuple[str, str]) -> Path:
    """Save a snapshot; returns its file."""
    taken = snapshot.Snapshot()
    taken.refusals = list(refusals)
    folder = top / ".incremental" / "fresh"
    snapshot.save(os.fsencode(folder), KEY, taken)
    return folder / KEY


def explain(top: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Return the status, and the lines without the time."""
    status = cli.main(["--top", str(top), "explain"])
    lines = capsys.readouterr().out.splitlines()
    return status, [line.partition(": ")[2] or line for line in lines]


def test_before_the_first_run_there_is_nothing_to_tell(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status says so, too."""
    status, lines = explain(top, capsys)

    assert status == 1
    assert len(lines) == 1


def test_a_fresh_run_is_told(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The arguments of the run stand in front."""
    note(top, ANSWERED, FRESH, arguments=("-Q", "test"))
    cli.main(["--top", str(top), "explain"])

    assert capsys.readouterr().out.startswith("scons -Q test, at 20")
    assert explain(top, capsys)[1] == [
        "fresh; no script was read: everything that the answer depended on was as recorded."
    ]


def test_the_first_reason_is_told_with_what_it_is_about(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, with the file named, and the id to look up."""
    note(top, ANSWERED, "fresh.stale.file-changed", "a.c (written)")

    status, lines = explain(top, capsys)

    assert status == 0
    assert lines[0].startswith("SCons read its scripts: a file is not as it was: a.c (written)")
    assert lines[0].endswith(" [fresh.stale.file-changed]")


def test_a_reason_of_another_version_is_no_error(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id that this version does not know is told as it stands."""
    note(top, ANSWERED, "fresh.later.thing")

    assert explain(top, capsys)[1] == [
        "SCons read its scripts: a reason of another version of this tool [fresh.later.thing]"
    ]


def test_what_the_next_run_can_expect_is_told(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A snapshot that holds, one that refuses, one that is gone, and none."""
    note(top, ANSWERED, "fresh.new")
    note(top, RECORDED, KEPT)
    path = keep(top)
    assert "the next run with these arguments can be" in explain(top, capsys)[1][1]

    keep(top, ("fresh.refuse.clock", "SConstruct, line 3"))
    assert explain(top, capsys)[1][1].endswith("SConstruct, line 3 [fresh.refuse.clock]")

    os.truncate(path, 10)
    assert "gone or damaged" in explain(top, capsys)[1][1]

    note(top, RECORDED, "fresh.skip.failed")
    assert explain(top, capsys)[1][1].endswith("[fresh.skip.failed]")


def test_the_very_first_run_is_told(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer could not be noted, for there was no state folder yet; its recording was."""
    keep(top)
    note(top, RECORDED, KEPT)
    status, lines = explain(top, capsys)

    assert status == 0
    assert lines[0] == "SCons read its scripts: nothing had been recorded before."
    assert lines[1].startswith("the next run with these arguments can be answered")


def test_an_older_recording_is_not_taken_for_the_last_runs(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a run that recorded nothing, only its answer is told."""
    note(top, RECORDED, KEPT)
    note(top, ANSWERED, "fresh.option", "--tree=all")

    assert len(explain(top, capsys)[1]) == 1
