"""A program is started as `subprocess.Popen` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base import process

if TYPE_CHECKING:
    from pathlib import Path

PATH = {"PATH": os.defpath}
COMMANDS = ["true", "exit 7", "kill -9 $$", "kill -15 $$"]


@pytest.fixture
def popen(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets what `Popen` is asked for."""
    asked: list[object] = []
    really = subprocess.Popen

    def noted(argv: list[str], **named: object) -> object:
        asked.append(argv)
        return really(argv, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", noted)
    return asked


@pytest.mark.parametrize("command", COMMANDS)
def test_the_status_is_that_of_popen(command: str, popen: list[object]) -> None:
    """An exit status, or the number of a signal, negated; `Popen` itself is not needed."""
    status = process.run(["sh", "-c", command], PATH)

    assert popen == []
    assert status == subprocess.Popen(["sh", "-c", command], env=PATH).wait()


def test_the_environment_is_the_one_given(tmp_path: Path) -> None:
    """Nothing of this process's own comes through, and the files are those given."""
    with open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "wb") as err:
        environment = {**PATH, "ONLY": "this"}
        started = process.start(
            ["sh", "-c", "env; echo ab >&2"], environment, out.fileno(), err.fileno()
        )
        assert started.wait() == 0
        assert started.wait() == 0

    lines = (tmp_path / "out").read_text().splitlines()
    assert {"ONLY=this", f"PATH={os.defpath}"} <= set(lines)
    assert not any(line.startswith("HOME=") for line in lines)
    assert (tmp_path / "err").read_text() == "ab\n"


def test_a_program_is_looked_for_in_its_own_path(tmp_path: Path) -> None:
    """`PATH` is that of the environment given, in its order."""
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "tool").write_text(f"#!/bin/sh\nexit {number}\n")
        (folder / "tool").chmod(0o755)
    path = os.pathsep.join(str(tmp_path / name) for name in ("0", "2", "1"))

    assert process.run(["tool"], {"PATH": path}) == 2


def test_what_cannot_be_started_is_told_as_ever(tmp_path: Path, popen: list[object]) -> None:
    """The error is that of `Popen`, with the name of the program."""
    (tmp_path / "plain").write_text("")
    for name, error in (("missing", FileNotFoundError), ("plain", PermissionError)):
        with pytest.raises(error) as told:
            process.run([str(tmp_path / name)], PATH)
        assert told.value.filename == str(tmp_path / name)
    assert len(popen) == 2


def test_a_file_that_this_process_was_given_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, popen: list[object]
) -> None:
    """A program gets three open files, whatever this process holds."""
    monkeypatch.setattr(process, "_inherited", None)
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        assert process.run(["sh", "-c", f"[ ! -e /dev/fd/{writing} ]"], PATH) == 0
        assert popen == []
    finally:
        os.close(reading)
        os.close(writing)


def test_signals_that_python_ignores_are_not_ignored() -> None:
    """A program that writes to nobody ends."""
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN
    assert process.run(["sh", "-c", "kill -PIPE $$"], PATH) == -signal.SIGPIPE


def test_the_cpu_time_of_a_program_is_its_own() -> None:
    """One that counts takes some, one that sleeps next to none."""
    spent = []
    for text in ("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", "sleep 0.1"):
        program = process.start(["sh", "-c", text], PATH)
        assert process.cpu_seconds_of(program) == 0
        assert program.wait() == 0
        spent.append(process.cpu_seconds_of(program))
    assert spent[0] > 0.02
    assert spent[1] < spent[0]
