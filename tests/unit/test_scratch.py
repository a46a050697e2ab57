"""The scratch folder is there when it is needed, and keeps nothing of builds that are gone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from incremental_tool.store.scratch import STALE_SECONDS, Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason


@pytest.fixture
def scratch(tmp_path: Path, reports: list[Reason]) -> Scratch:
    """Return the scratch files of a project that has none yet."""
    return Scratch(os.fsencode(tmp_path / "state" / "tmp"), reports.append)


def test_the_folder_is_made_when_it_is_needed(
    scratch: Scratch, tmp_path: Path, reports: list[Reason]
) -> None:
    """It comes up at the first question, and again when somebody has deleted it."""
    folder = tmp_path / "state" / "tmp"
    assert scratch.intact()  # nobody needs it yet, so nothing is lost
    for _ in range(2):
        assert scratch.folder == os.fsencode(folder)
        assert folder.is_dir()
        assert scratch.intact()
        folder.rmdir()
        folder.parent.rmdir()
        assert not scratch.intact()

    assert reports == []


def test_where_it_cannot_be_made_another_serves(
    scratch: Scratch, tmp_path: Path, reports: list[Reason]
) -> None:
    """A file in the folder's place is reported; the system's temporary folder is used."""
    (tmp_path / "state").write_bytes(b"")

    assert scratch.folder == os.fsencode(tempfile.gettempdir())
    assert [reason.id for reason in reports] == ["store.unwritable"]


def test_where_it_cannot_be_written_another_serves(
    scratch: Scratch, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only folder is reported, too."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert scratch.folder == os.fsencode(tempfile.gettempdir())
    assert [reason.id for reason in reports] == ["store.unwritable"]


def test_every_command_has_a_path_of_its_own(scratch: Scratch) -> None:
    """Paths differ by command and by name, also where one thread begins several commands."""
    paths = [scratch.path("d"), scratch.path("ld"), scratch.path("d")]
    thread = threading.Thread(target=lambda: paths.append(scratch.path("d")))
    thread.start()
    thread.join()

    assert len(set(paths)) == 4
    assert {os.path.dirname(path) for path in paths} == {scratch.folder}


def test_what_killed_builds_left_is_removed(scratch: Scratch) -> None:
    """A file of a process that is gone goes, one of a running process when old; others stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    running = os.getpid()
    folder = os.fsdecode(scratch.folder)
    left = [f"{gone.pid}-1-d", f".incremental-{gone.pid}-1-2", "9" * 30 + "-1-d"]
    kept = [f"{running}-1-d", f".incremental-{running}-1-2", "notes", f"{running}", "1-notes"]
    old = [f"{running}-2-d", "old notes"]  # the first is ours
    kept.append(old[1])
    for name in [*left, *kept, *old]:
        with open(os.path.join(folder, name), "wb"):
            pass
    for name in old:
        then = time.time() - STALE_SECONDS - 60
        os.utime(os.path.join(folder, name), (then, then))
    os.mkdir(os.path.join(folder, f"{gone.pid}-folder"))
    scratch.sweep()

    assert sorted(os.listdir(folder)) == sorted([*kept, f"{gone.pid}-folder"])


def test_another_users_process_counts_as_running(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that may not be asked is there."""

    def deny(*_: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = scratch.path("d")
    with open(path, "wb"):
        pass
    monkeypatch.setattr(os, "kill", deny)
    scratch.sweep()

    assert os.path.exists(path)


def test_sweeping_nothing_is_no_matter(
    scratch: Scratch, tmp_path: Path, reports: list[Reason]
) -> None:
    """Before the folder exists there is nothing to remove, and nothing is made."""
    scratch.sweep()

    assert os.listdir(tmp_path) == reports == []
