"""The doors, each as a process: fresh is answered in SCons's words, all else is left to SCons.

The snapshots here are made by hand: these tests are about asking and answering,
whatever the recorder makes of a build.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import pytest
import SCons

from incremental_tool.engine.freshness import circumstances
from incremental_tool.model.answer import Answer, answer_for
from incremental_tool.store.snapshot import (
    BUILDING,
    HIDDEN_NO_PROGRESS,
    HIDDEN_QUESTION,
    HIDDEN_SILENT,
    READING,
    STARTING,
    STDERR,
    STDOUT,
    Said,
    Snapshot,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SCONSTRUCT = """
{before}
env = {environment}
open("log", "a").write("read ")
env.Command("copy", "original", "cp $SOURCE $TARGET")
"""
PROGRESS = HIDDEN_NO_PROGRESS | HIDDEN_SILENT
SAID = [
    Said(STDOUT, STARTING, PROGRESS, b"scons: Reading SConscript files ...\n"),
    Said(STDOUT, BUILDING, PROGRESS, b"scons: done reading SConscript files.\n"),
    Said(STDOUT, BUILDING, PROGRESS, b"scons: Building targets ...\n"),
    Said(STDOUT, BUILDING, HIDDEN_SILENT | HIDDEN_QUESTION, b"scons: `.' is up to date.\n"),
    Said(STDOUT, BUILDING, PROGRESS, b"scons: done building targets.\n"),
]


class Ended(NamedTuple):
    """A run that has ended."""

    status: int
    output: str
    errors: str


class Project:
    """A built project of one copied file, with a door, asked about by one command."""

    def __init__(self, top: Path, door: str) -> None:
        self.top = top
        self.door = door
        self.module = "incremental_tool.launcher" if door == "iscons" else "SCons"
        top.mkdir()
        with_tool = "Environment(tools=['default', 'incremental'])"
        self.write_script(environment="Environment()" if door == "site_init" else with_tool)
        (top / "original").write_text("text\n")
        if door == "site_init":
            shutil.copytree(os.path.join(ROOT, "site_scons"), top / "site_scons")
        else:
            tools = top / "site_scons" / "site_tools"
            tools.mkdir(parents=True)
            shutil.copy(os.path.join(ROOT, "site_scons", "site_tools", "incremental.py"), tools)
        shutil.rmtree(top / "site_scons" / "__pycache__", ignore_errors=True)
        self.environment = {
            name: text for name, text in os.environ.items() if not name.startswith("INCREMENTAL")
        }
        self.environment.pop("SCONSFLAGS", None)
        self.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        self.environment["PYTHONPATH"] = ROOT  # also where the package is not installed
        assert self.run(INCREMENTAL="0").status == 0

    def write_script(self, environment: str, before: str = "") -> None:
        """Write the SConstruct."""
        (self.top / "SConstruct").write_text(
            SCONSTRUCT.format(environment=environment, before=before)
        )

    def run(self, *words: str, folder: Optional[Path] = None, **environment: str) -> Ended:
        """Run the command."""
        ended = subprocess.run(
            [sys.executable, "-m", self.module, *words],
            cwd=folder or self.top,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @property
    def times_read(self) -> int:
        """How often the SConstruct was read to its end."""
        return (self.top / "log").read_text().count("read")

    def answer(self, words: Sequence[str], start: Path, **environment: str) -> Answer:
        """Return the answer that a run of the command asks for."""
        told = subprocess.run(
            [sys.executable, "-c", "import sys; print('\\n'.join(sys.path[1:]))"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        path = [str(start), *told.stdout.split("\n")[:-1]]
        found = answer_for(words, environment, str(start), path, os.path.isfile)
        assert isinstance(found, Answer)
        return found

    def record(
        self,
        *words: str,
        start: Optional[Path] = None,
        said: Sequence[Said] = tuple(SAID),
        refusals: Sequence[tuple[str, str]] = (),
        **environment: str,
    ) -> str:
        """Save the snapshot of the project as it is; returns the path of its file."""
        taken = Snapshot()
        taken.salt = b"s" * 16
        home = os.getcwd()
        os.chdir(self.top)
        try:
            taken.circumstances = circumstances(os.fsencode(os.path.dirname(SCons.__file__)))
            for name in ("SConstruct", "original", "copy", ".sconsign.dblite"):
                taken.files.add(name.encode(), os.stat(name))
        finally:
            os.chdir(home)
        taken.said = list(said)
        taken.refusals = list(refusals)
        answer = self.answer(words, start or self.top, **environment)
        save(answer.folder, answer.key, taken)
        return os.path.join(os.fsdecode(answer.folder), answer.key)


DOORS = ["iscons", "site_init", "tool"]


@pytest.fixture(params=DOORS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """Return a built project with one of the doors, not recorded yet."""
    return Project(tmp_path / "project", request.param)


@pytest.fixture
def iscons(tmp_path: Path) -> Project:
    """Return a built project that is asked by `iscons`."""
    return Project(tmp_path / "project", "iscons")


# --- fresh


def test_fresh_is_said_in_the_words_of_scons(project: Project) -> None:
    """Under every neutral option output and status are SCons's, and no script is read."""
    for words in ([], ["-Q", "-kj2"], ["-s"], ["-q"], ["-nQ"]):
        expected = project.run(*words, INCREMENTAL="0")
        project.record(*words)
        times = project.times_read

        assert project.run(*words) == expected, words
        assert project.times_read == times, words
        assert expected.status == 0


def test_places_are_said_as_scons_says_them(project: Project) -> None:
    """With -C, and climbing from a folder below, SCons's line about the folder is there."""
    below = project.top / "below"
    below.mkdir()
    for words, start in (["-C", str(project.top)], below), (["-sD"], below):
        expected = project.run(*words, folder=start, INCREMENTAL="0")
        project.record(*words, start=start)
        times = project.times_read

        assert project.run(*words, folder=start) == expected
        assert project.times_read == times
        assert ("Entering" in expected.output) is (words != ["-sD"])


def test_sconsflags_are_heeded(project: Project) -> None:
    """Options from the environment are read as those of the line."""
    expected = project.run(INCREMENTAL="0", SCONSFLAGS="-Q -k")
    project.record()
    times = project.times_read

    assert project.run(SCONSFLAGS="-Q -k") == expected
    assert project.times_read == times


def test_the_verdict_is_told_when_asked_for(project: Project) -> None:
    """INCREMENTAL_EXPLAIN=1 adds one line to standard error, and `explain` tells it afterwards."""
    project.record()
    told = project.run(INCREMENTAL_EXPLAIN="1")
    project.module = "incremental_tool"
    explained = project.run("explain")

    assert told.errors == "incremental: everything that this answer depended on is as it was\n"
    assert explained.status == 0
    assert "fresh; no script was read" in explained.output


def test_figures_are_shown_when_asked_for(iscons: Project) -> None:
    """INCREMENTAL_STATS has its block and its line of JSON: nothing was done."""
    iscons.record()
    block = iscons.run("-s", INCREMENTAL_STATS="1").output
    line = iscons.run("-s", INCREMENTAL_STATS="json").output

    assert block.startswith("=== Build statistics (no script was read) ===\ncommands:   0 total")
    assert json.loads(line) == {"counts": {}, "reasons": {}}


# --- not fresh


def refused(project: Project, *words: str, **environment: str) -> str:
    """Run, expecting that SCons reads the scripts; returns the reason's id."""
    times = project.times_read
    ended = project.run(*words, INCREMENTAL_EXPLAIN="1", **environment)
    assert project.times_read == times + 1
    assert ended.status == 0, ended.errors
    line = next(line for line in ended.errors.splitlines() if "reads its scripts" in line)
    return line.rpartition("[")[2].rstrip("]")


def test_a_change_lets_scons_run(project: Project) -> None:
    """A changed source is built by SCons, once, and named."""
    project.record()
    (project.top / "original").write_text("another text\n")

    assert refused(project) == "fresh.stale.file-changed"
    assert (project.top / "copy").read_text() == "another text\n"


def test_a_removed_output_lets_scons_run(project: Project) -> None:
    """An output that is gone is made again."""
    project.record()
    (project.top / "copy").unlink()

    assert refused(project) == "fresh.stale.file-gone"
    assert (project.top / "copy").exists()


def test_other_arguments_are_another_answer(project: Project) -> None:
    """A target or a variable has no snapshot yet; asking for it leaves the others true."""
    project.record()

    assert refused(project, "copy") == "fresh.new"
    assert refused(project, "x=1") == "fresh.new"
    times = project.times_read
    assert project.run().status == 0
    assert project.times_read == times


def test_an_option_that_asks_for_more_goes_to_scons(project: Project) -> None:
    """--tree prints a tree, whatever is recorded."""
    project.record()

    assert refused(project, "--tree=all") == "fresh.option"


def test_a_refusal_is_told(project: Project) -> None:
    """What was recorded as never fresh is not taken as fresh."""
    project.record(refusals=[("fresh.refuse.clock", "SConstruct, line 1")])

    assert refused(project) == "fresh.refuse.clock"


def test_switches_turn_every_door_off(project: Project) -> None:
    """Under INCREMENTAL=0 and INCREMENTAL_FAST=0 nothing is asked."""
    project.record()
    times = project.times_read
    for name in ("INCREMENTAL", "INCREMENTAL_FAST"):
        assert "reads its scripts" not in project.run(INCREMENTAL_EXPLAIN="1", **{name: "0"}).errors

    assert project.times_read == times + 2


def test_damage_is_told_in_one_line(project: Project) -> None:
    """A damaged snapshot lets SCons run, and is told of without being asked for."""
    path = project.record()
    for size in (0, 8, 100, os.path.getsize(path) - 1):
        project.record()
        os.truncate(path, size)
        times = project.times_read
        ended = project.run()

        assert project.times_read == times + 1
        assert ended.status == 0
        assert ended.errors.count("\n") == 1
        assert "[fresh.damaged]" in ended.errors


def test_a_moved_project_is_noticed(iscons: Project) -> None:
    """After a move, all files have their old identity; the folder is told to be another."""
    iscons.record()
    iscons.top = iscons.top.rename(iscons.top.parent / "moved")

    assert refused(iscons) == "fresh.circumstances"


def test_a_copied_project_is_noticed(iscons: Project) -> None:
    """A copy that keeps all times has other inodes and change times, wherever it lies."""
    path = iscons.record()
    other = iscons.top.parent / "other"
    shutil.copytree(iscons.top, other)
    shutil.rmtree(iscons.top)
    other.rename(iscons.top)

    assert os.path.exists(path)
    assert refused(iscons) == "fresh.stale.file-changed"


def test_another_machines_snapshot_is_noticed(iscons: Project, tmp_path: Path) -> None:
    """A snapshot of a run elsewhere says so (here: by the name of the machine)."""
    iscons.record()
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nreal = os.uname()\n"
        "os.uname = lambda: os.uname_result(('Linux', 'elsewhere', *real[2:]))\n"
    )
    iscons.environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), ROOT])
    iscons.record()

    assert refused(iscons) == "fresh.circumstances"


def test_a_tool_set_up_late_does_not_print_twice(tmp_path: Path) -> None:
    """When the scripts print, and the tool is asked while they are read, SCons goes on."""
    project = Project(tmp_path / "project", "tool")
    said = [*SAID[:1], Said(STDOUT, READING, 0, b"hello\n"), *SAID[1:]]
    project.record(said=said)

    assert refused(project) == "fresh.printed"


def test_what_scripts_print_is_said_again(iscons: Project) -> None:
    """Both streams, in order, whatever the options."""
    said = [
        *SAID[:1],
        Said(STDOUT, READING, 0, "größe\n".encode()),
        Said(STDERR, READING, 0, b"warned\n"),
        *SAID[1:],
    ]
    iscons.record(said=said)
    ended = iscons.run("-s")

    assert ended == Ended(0, "größe\n", "warned\n")


# --- audit


def test_an_audit_that_agrees_changes_nothing(project: Project) -> None:
    """With INCREMENTAL_AUDIT=1 SCons is asked as well; what is printed is the same."""
    expected = project.run(INCREMENTAL="0")
    project.record()
    times = project.times_read

    assert project.run(INCREMENTAL_AUDIT="1") == expected
    assert project.times_read == times + 1


def test_an_audit_that_disagrees_is_loud(project: Project) -> None:
    """A snapshot that is wrong is told of, and the status is SCons's."""
    (project.top / "original").write_text("another text\n")
    project.record()
    ended = project.run(INCREMENTAL_AUDIT="1")

    assert ended.status == 1
    assert "AUDIT" in ended.errors


def test_an_audit_compares_what_is_printed(project: Project) -> None:
    """Another text than SCons's is a disagreement, too."""
    project.record(said=[*SAID[:-1], Said(STDOUT, BUILDING, 0, b"scons: finished.\n")])
    ended = project.run(INCREMENTAL_AUDIT="1")

    assert ended.status == 1
    assert "scons: finished." in ended.errors


# --- cost

PROBE = """
import os, sys
sys.path = {path!r}
sys.argv = ["iscons"]
def leave(status):
    names = ("SCons", "argparse", "enum", "json", "msgpack", "re", "subprocess", "typing")
    sys.stderr.write(repr((status, [name for name in names if name in sys.modules])))
    sys.stderr.flush()
    exit(status)
exit, os._exit = os._exit, leave
import incremental_tool.launcher
incremental_tool.launcher.main()
"""


def test_a_fresh_answer_imports_little(iscons: Project) -> None:
    """SCons, and modules that take long to import, stay out of a fresh run of `iscons`."""
    iscons.record()
    path: Any = iscons.answer([], iscons.top).fields[5][1].split("\0")
    ended = subprocess.run(
        [sys.executable, "-S", "-c", PROBE.format(path=[str(iscons.top), *path[1:]])],
        cwd=iscons.top,
        env=iscons.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stderr == "(0, [])"
    assert ended.stdout.endswith("scons: done building targets.\n")
