"""Running a process again: the same outcome as when `subprocess` ran it first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from incremental_tool.engine import rerun
from incremental_tool.engine.rerun import outcome_of, outcome_of_run

if TYPE_CHECKING:
    from pathlib import Path

SH = os.fsencode(shutil.which("sh") or "/bin/sh")


@pytest.fixture(params=["memory", "subprocess"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test with files in memory, and as where the system has none."""
    if request.param == "subprocess":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif not hasattr(os, "memfd_create"):
        pytest.skip("no files in memory here")
    return str(request.param)


@pytest.mark.parametrize(
    "script",
    [
        "echo out; echo err >&2",
        "exit 7",
        "kill -9 $$",
        "cat; pwd; echo $HOME",
        "yes | head -c 300000; yes e | head -c 300000 >&2",
        "test -t 0 || test -t 1 || echo no terminal",
        "yes | true; echo ${PIPESTATUS:-}",
    ],
)
def test_the_outcome_is_that_of_subprocess(tmp_path: Path, script: str) -> None:
    """Status, signals, both outputs of any size, folder and environment are as there."""
    argv = [SH, b"-c", script.encode()]
    ended = subprocess.run(
        argv, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    expected = outcome_of(ended.returncode, ended.stdout, ended.stderr)

    assert outcome_of_run(argv, os.fsencode(tmp_path)) == expected


def test_each_part_counts() -> None:
    """Status and both outputs are told apart, also where their bytes are shifted."""
    outcomes = {
        outcome_of(0, b"a", b""),
        outcome_of(0, b"", b"a"),
        outcome_of(1, b"a", b""),
        outcome_of(-1, b"a", b""),
        outcome_of(0, b"", b""),
    }

    assert len(outcomes) == 5


def test_a_missing_program_or_folder_is_an_oserror(tmp_path: Path) -> None:
    """The check takes that for a change; the working directory and descriptors are as before."""
    before, opened = os.getcwd(), sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no-such"):
        outcome_of_run([b"/no-such-program"], b".")
    with pytest.raises(OSError, match="no-such"):
        outcome_of_run([SH, b"-c", b"true"], os.fsencode(tmp_path / "no-such-folder"))

    assert os.getcwd() == before
    assert sorted(os.listdir("/proc/self/fd")) == opened


def test_nothing_of_ours_is_left_open_for_the_process(tmp_path: Path) -> None:
    """Beside its three streams the process has no descriptor of a file in memory, or of ours."""
    ours = os.open(tmp_path, os.O_RDONLY)
    listing = (
        b"import os; fds = [f'/proc/self/fd/{fd}' for fd in range(3, 300)];"
        b"found = [os.readlink(fd) for fd in fds if os.path.lexists(fd)];"
        b"print([to for to in found if 'memfd' in to or to == os.getcwd()])"
    )
    argv = [os.fsencode(sys.executable), b"-c", listing]

    assert outcome_of_run(argv, os.fsencode(tmp_path)) == outcome_of(0, b"[]\n", b"")
    os.close(ours)


def test_the_imports_stay_small() -> None:
    """Neither `subprocess` nor `typing` is imported by loading the module."""
    script = "import sys, {name}; print([m for m in ('subprocess', 'typing') if m in sys.modules])"
    ended = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path = {sys.path!r}; " + script.format(name=rerun.__name__),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "[]\n"
