"""Builds that end early: killed at any moment, or interrupted. What was finished stays finished."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest
from many_files import COMMANDS, COUNT, write_many_files
from processes import stop
from sample import write_sample
from scons_project import Project, figures_in

if TYPE_CHECKING:
    from pathlib import Path

MOMENTS = range(8)
CAMPAIGN = range(100)

# Kills the build before, or after, the given call of a function of `os` for the nth time.
KILL_AT = """
import signal as _signal

_original = os.{name}
_left = [{number}]


def _counted(*arguments, **named):
    _left[0] -= 1
    if _left[0] == 0 and {before}:
        os.kill(os.getpid(), _signal.SIGKILL)
    result = _original(*arguments, **named)
    if _left[0] == 0:
        os.kill(os.getpid(), _signal.SIGKILL)
    return result


def _start(event, arguments):
    # Counting starts with the tool's first process: until then SCons sets itself up.
    if event in ("subprocess.Popen", "os.posix_spawn") and "-MD" in arguments[1]:
        os.{name} = _counted


if _path:
    sys.addaudithook(_start)
"""


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what plain SCons makes of the sixty files; no output names its folder."""
    project = Project(tmp_path_factory.mktemp("clean") / "project")
    write_many_files(project)
    project.plain("-j", "2")
    return project.outputs()


@pytest.fixture
def many(project: Project) -> Project:
    """Return the project of sixty files, not yet built."""
    write_many_files(project)
    return project


def finished(project: Project) -> int:
    """Return how many commands have been finished and stored."""
    return sum(1 for path in project.stored("zir") if not path.name.startswith("."))


def built(project: Project) -> int:
    """Return how many objects lie in the project."""
    return sum(1 for path in project.folder.glob("*.o") if not path.name.startswith("."))


def kill_while_building(project: Project, clean: dict[str, bytes], seed: int) -> None:
    """Kill a cold build at a random moment, and run it to the end."""
    moment = random.Random(seed).randrange(COUNT)
    process = project.start("-j", "2")
    stopped, _ = stop(process, lambda: finished(project) >= moment, signal.SIGKILL)
    before = finished(project)

    run = project.build("-j", "2")

    assert stopped or before == COMMANDS
    assert run.count("hits") >= before
    assert run.count("hits") + run.count("stored") == COMMANDS
    assert len(run.ran()) == run.count("stored") <= COMMANDS - before
    assert project.outputs() == clean


def kill_while_restoring(project: Project, clean: dict[str, bytes], seed: int) -> None:
    """Kill a build that restores at a random moment, and run it to the end."""
    moment = random.Random(seed).randrange(COUNT)
    project.build("-j", "2")
    project.build("-c")
    stop(project.start("-j", "2"), lambda: built(project) >= moment, signal.SIGKILL)
    there = {name: content for name, content in project.outputs().items() if name in clean}
    assert there == {name: clean[name] for name in there}  # whole, or not there at all

    run = project.build("-j", "2")

    assert run.ran() == []
    assert project.outputs() == clean


@pytest.mark.parametrize("seed", MOMENTS)
def test_what_was_finished_is_not_compiled_again(
    many: Project, clean: dict[str, bytes], seed: int
) -> None:
    """After `kill -9` at any moment of a cold build, the next restores all that was finished."""
    kill_while_building(many, clean, seed)


@pytest.mark.parametrize("seed", MOMENTS[:3])
def test_a_kill_while_restoring_leaves_whole_files(
    many: Project, clean: dict[str, bytes], seed: int
) -> None:
    """After `kill -9` at any moment of a restore every output is whole or absent."""
    kill_while_restoring(many, clean, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", CAMPAIGN)
def test_kills_while_building(many: Project, clean: dict[str, bytes], seed: int) -> None:
    """A hundred random moments of a cold build."""
    kill_while_building(many, clean, 1000 + seed)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", CAMPAIGN)
def test_kills_while_restoring(many: Project, clean: dict[str, bytes], seed: int) -> None:
    """A hundred random moments of a restore."""
    kill_while_restoring(many, clean, 2000 + seed)


def kill_at_call(project: Project, name: str, number: int, *, before: bool) -> None:
    """Kill a build at a call into the operating system, and run it to the end."""
    write_sample(project)
    project.injected = KILL_AT.format(name=name, number=number, before=before)
    killed = project.scons("-Q")
    done = finished(project)
    project.injected = ""
    (project.folder / ".sconsign.dblite").unlink(missing_ok=True)  # written, if the kill came late

    run = project.build()

    assert killed.status in (-signal.SIGKILL, 0)
    assert "corrupt" not in run.err
    assert run.count("hits") >= done
    assert project.run_program("build/main") == "6\n"
    assert project.differing() == []


@pytest.mark.parametrize("name", ["open", "write", "replace"])
@pytest.mark.parametrize("number", [1, 4, 9, 16])
def test_a_kill_at_any_write_is_survived(project: Project, name: str, number: int) -> None:
    """Killed between any two steps of storing a result, the next build finds nothing damaged."""
    kill_at_call(project, name, number, before=True)


@pytest.mark.campaign
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("name", ["open", "write", "replace", "close", "unlink", "ftruncate"])
@pytest.mark.parametrize("number", range(1, 40))
def test_kills_at_every_write(project: Project, name: str, number: int, before: bool) -> None:
    """Every one of the first forty calls of each kind."""
    kill_at_call(project, name, number, before=before)


def test_a_kill_leaves_no_litter_among_the_sources(project: Project) -> None:
    """What a build that was killed in the middle of a restore left behind goes with the next."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.build("-c")
    project.injected = KILL_AT.format(name="replace", number=2, before=True).replace(
        '"-MD" in arguments[1]', "True"
    )
    assert project.scons("-Q").status == -signal.SIGKILL
    project.injected = ""

    run = project.build()

    assert run.ran() == []
    assert project.outputs() == outputs
    assert not list((project.folder / ".incremental" / "tmp").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_ends_as_in_plain_scons(
    many: Project, clean: dict[str, bytes], tmp_path: Path, number: int
) -> None:
    """The exit status is plain SCons's, state is kept, and the next build does what is left."""
    twin = many.copy_to(tmp_path / "twin")
    ours = many.start("-j", "2")
    assert stop(ours, lambda: finished(many) >= 20, number)[0]
    done = finished(many)
    plain = twin.start("-j", "2", plain=True)
    assert stop(plain, lambda: built(twin) >= 20, number)[0]

    run = many.build("-j", "2")

    assert ours.returncode == plain.returncode
    assert len(run.ran()) <= COMMANDS - done
    assert many.outputs() == clean


def test_an_interrupted_build_tells_its_figures(many: Project) -> None:
    """A build that was interrupted commits what it has learned, as SCons does its signatures."""
    stopped, out = stop(many.start(), lambda: finished(many) >= 5, signal.SIGINT)

    assert stopped
    assert figures_in(out)["counts"]["stored"] >= 5
    assert many.exists(".incremental/file_hashes.bin")
