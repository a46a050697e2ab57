"""What is recorded is good for more: the compilation database and traces of real builds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from recorded import Ended, Recorded, project_of_its_own

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """import incremental_tool
env = Environment(tools=["gcc", "gnulink", "ar", incremental_tool.generate])
env["CPPDEFINES"] = {"TEXT": '\\\\"a b\\\\"'}
env.Program("prog", ["main.c", "part.c"])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return a program of two sources, not yet built."""
    project = project_of_its_own(tmp_path, monkeypatch)
    project.lay_out(
        {
            "SConstruct": SCRIPT,
            "main.c": "const char *text(void);\nint main(void) { return !text()[0]; }\n",
            "part.c": "const char *text(void) { return TEXT; }\n",
        }
    )
    return project


def iscons(project: Recorded) -> tuple[Ended, list[Any]]:
    """Run `iscons` with a trace; return its end and the events."""
    ended = project.run(
        "incremental_tool.launcher", "-Q", INCREMENTAL_TRACE="t.json", INCREMENTAL_EXPLAIN="1"
    )
    assert ended.status == 0, ended
    return ended, json.loads((project.folder / "t.json").read_bytes())


def test_a_build_a_replay_and_a_run_that_does_nothing_are_traced(project: Recorded) -> None:
    """Each command is an event, whoever runs it; asking for a trace keeps no answer from holding.

    The commands of the compilation database, which the replay has left in place, compile.
    """
    _, events = iscons(project)
    assert sorted((event["cat"], event["name"]) for event in events) == [
        ("compile", "main.o"),
        ("compile", "part.o"),
        ("link", "prog"),
    ]
    project.run("incremental_tool.launcher", "-Q")
    with open(project.folder / "part.c", "a", encoding="utf-8") as file:
        file.write("int more;\n")
    ended, events = iscons(project)
    assert "no script is read" in ended.err
    assert [(event["name"], event["args"]["outcome"]) for event in events] == [
        ("part.o", "stored"),
        ("prog", "stored"),
    ]
    assert "part.c" in events[0]["args"]["reason"]
    ended, events = iscons(project)
    assert "is as it was" in ended.err
    assert events == []

    ended = project.run("incremental_tool", "compdb")
    assert (ended.status, ended.err) == (0, "")
    entries = json.loads((project.folder / "compile_commands.json").read_bytes())
    assert [(entry["file"], entry["output"]) for entry in entries] == [
        ("main.c", "main.o"),
        ("part.c", "part.o"),
    ]
    for entry in entries:
        made = (project.folder / entry["output"]).read_bytes()
        os.unlink(project.folder / entry["output"])
        subprocess.run(entry["arguments"], cwd=entry["directory"], check=True)
        assert (project.folder / entry["output"]).read_bytes() == made
    words = [sys.executable, "-m", "incremental_tool", "compdb", "--", "-j2"]
    again = subprocess.run(words, cwd=project.folder, capture_output=True, text=True, check=True)
    assert again.stdout.endswith("compile_commands.json: 2 entries\n")


def test_a_save_is_built_while_watched(project: Recorded) -> None:
    """An edit is replayed, an error is told and mended, and Ctrl-C ends it all with status 0."""
    pytest.importorskip("watchfiles", reason="the extra `watch` is not installed")
    watching = subprocess.Popen(
        [sys.executable, "-m", "incremental_tool.launcher", "--watch", "-Q"],
        cwd=project.folder,
        env={**os.environ, "INCREMENTAL_EXPLAIN": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stderr is not None
    source = project.folder / "part.c"
    text = source.read_text()

    def until(end: str) -> str:
        """Return what is told up to a round's line, which must end so."""
        told = ""
        for line in watching.stderr or ():
            told += line
            if " built in " in line or " failed with " in line:
                assert end in line, told
                return told
        raise AssertionError(told)

    try:
        until("waiting for changes")
        source.write_text(text + "int more;\n")
        assert "no script is read" in until("1 file changed, built in")
        source.write_text("error\n")
        until("1 file changed, failed with status 2")
        source.write_text(text)
        until("1 file changed, built in")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
    finally:
        watching.kill()
        watching.communicate()
