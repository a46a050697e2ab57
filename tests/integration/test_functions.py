"""An edited unit is made of functions by real SCons processes: what runs, and what comes of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import many_functions
import pytest
from processes import stop
from replay_twins import HEAD, Twins

if TYPE_CHECKING:
    from pathlib import Path

    from scons_project import Project, Run

SHAPE = "#define SHAPE 5\n"
BODY = 'env.Program("program", ["unit.c", "small.c"])\n'
MORE = 'CCFLAGS=["-O0", "-g"], CPPPATH=["."]'
EDITED = "  return helper(a) * 9 - SHAPE;"


def compilers(run: Run) -> tuple[int, int]:
    """Return how many compilers were run for whole units, and how many for functions.

    Preprocessing is left out, as the witness leaves out questions to compilers.
    """
    texts = [text for text in run.ran() if ".c" in text or "-x c" in text]
    thin = [text for text in texts if "-x c" in text and ".incremental" in text]
    return len([text for text in texts if text not in thin and "-c" in text.split()]), len(thin)


def write(project: Project, **edited: str) -> None:
    """Write the program's large source."""
    project.write("unit.c", many_functions.source(**edited))


@pytest.fixture
def based(project: Project) -> Project:
    """Return a program that was built twice, the second time after an edit: there is a base."""
    project.write("shape.h", SHAPE)
    project.write("small.c", "int small(void) { return 4; }\n")
    write(project)
    project.sconstruct(BODY, MORE)
    project.build()
    assert project.differing() == []
    write(project, end="/* edited */\n")
    run = project.build()
    assert compilers(run) == (1, 0)
    assert run.count("stored") >= 1
    return project


def prints_what_a_plain_build_prints(project: Project, folder: Path) -> None:
    """Check what the program prints against a clean build by plain SCons."""
    twin = project.copy_to(folder)
    for name in ("program", "unit.o", "small.o"):
        if twin.exists(name):
            twin.remove(name)
    twin.plain()
    assert project.run_program("program") == twin.run_program("program")
    assert project.scons("-q", plain=True).status == 0


def explained(project: Project, *arguments: str) -> str:
    """Return what `incremental-tool explain` says."""
    done = subprocess.run(
        [sys.executable, "-m", "incremental_tool", "explain", *arguments],
        cwd=project.folder,
        env=project.full_environment(None),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_one_function_is_compiled(based: Project, tmp_path: Path) -> None:
    """A thin compile and no full one; explained, and plain SCons agrees."""
    write(based, plain=EDITED)
    run = based.build(INCREMENTAL_EXPLAIN="1")

    assert compilers(run) == (0, 1)
    assert run.counts("by_function", "functions_compiled") == {
        "by_function": 1,
        "functions_compiled": 1,
    }
    assert f"unit.o: only the changed functions were compiled: plain, of {TOTAL}" in run.err
    prints_what_a_plain_build_prints(based, tmp_path / "twin")
    said = explained(based, "unit.o")
    assert said.startswith("unit.o: made of functions; its command did not run: ")
    assert "as they were when it was last compiled whole; it would be made of functions" in said
    write(based, plain=EDITED, says="  return 5;")
    again = based.build()
    assert compilers(again) == (0, 1)
    assert again.count("functions_compiled") == 2
    prints_what_a_plain_build_prints(based, tmp_path / "other")


TOTAL = many_functions.FILLERS + len(many_functions.BODIES) + 1


def test_an_optimised_unit_is_made_of_functions(project: Project, tmp_path: Path) -> None:
    """With the construction variable the first edit is a thin compile; the program is right."""
    asked = subprocess.run(["gcc", "-dumpfullversion"], check=False, stdout=subprocess.PIPE)
    if not asked.stdout.startswith(b"12."):
        pytest.skip("no gcc 12")
    project.write("shape.h", SHAPE)
    project.write("small.c", "int small(void) { return 4; }\n")
    write(project)
    project.sconstruct(BODY, OPTIMISED)
    project.build()
    write(project, plain=EDITED)
    run = project.build()

    assert compilers(run) == (0, 1)
    assert run.count("by_function") == 1
    prints_what_a_plain_build_prints(project, tmp_path / "twin")
    said = explained(project, "unit.o")
    assert said.startswith("unit.o: made of functions; its command did not run: ")


OPTIMISED = 'CCFLAGS=["-O2"], CPPPATH=["."], INCREMENTAL_FUNCTIONS_OPTIMISED=1'


def test_a_whole_compile_that_is_kept_apart_is_explained(based: Project) -> None:
    """Its inputs are told of, not those of the build before."""
    said = explained(based, "unit.o", "--inputs")

    assert said.startswith("unit.o: made by its command: an input changed: unit.c")
    assert "inputs are as they were when it was last compiled whole" in said
    assert said.rstrip().endswith(".h") or " unit.c" in said
    based.write("shape.h", SHAPE.replace("5", "6"))
    said = explained(based, "unit.o")
    assert "now: changed shape.h" in said
    assert "now: it would be compiled whole" in said


def test_a_header_is_compiled_whole(based: Project, tmp_path: Path) -> None:
    """An edited header is no edit of functions."""
    based.write("shape.h", SHAPE.replace("5", "6"))
    run = based.build()

    assert compilers(run) == (1, 0)
    assert run.count("by_function") == 0
    prints_what_a_plain_build_prints(based, tmp_path / "twin")


def test_turned_off_every_edit_is_plain(based: Project) -> None:
    """INCREMENTAL_FUNCTIONS=0 leaves what plain SCons leaves, byte for byte."""
    write(based, plain=EDITED)
    run = based.build(INCREMENTAL_FUNCTIONS="0")

    assert compilers(run) == (1, 0)
    assert based.differing() == []


def test_what_was_removed_is_made_of_functions_again(based: Project, tmp_path: Path) -> None:
    """After `scons -c` the object is put together of what is known; no compile of a function."""
    write(based, plain=EDITED)
    based.build()
    made = based.read("unit.o")
    based.build("-c")
    run = based.build()

    assert run.count("functions_compiled") == 0
    assert based.read("unit.o") == made
    prints_what_a_plain_build_prints(based, tmp_path / "twin")


def test_a_kill_while_a_function_is_compiled(project: Project, tmp_path: Path) -> None:
    """After `kill -9` in the middle of a thin compile the next build gives the right program."""
    real = shutil.which("gcc")
    assert real is not None
    project.write("shape.h", SHAPE)
    project.write("small.c", "int small(void) { return 4; }\n")
    write(project)
    project.sconstruct(BODY, MORE)
    project.build()
    write(project, end="/* edited */\n")
    project.build()
    write(project, plain=EDITED)
    seen = tmp_path / "compiling"
    project.injected = f"""
import time as _time


def _wait(event, arguments):
    words = arguments[1] if event in ("subprocess.Popen", "os.posix_spawn") else ()
    if "-x" in words and "-c" in words and "-fdata-sections" in words:
        open({str(seen)!r}, "w").close()
        _time.sleep(60)


sys.addaudithook(_wait)
"""
    stopped, _ = stop(project.start(), seen.exists, signal.SIGKILL)
    project.injected = ""

    assert stopped
    run = project.build()
    assert run.count("functions_compiled") == 1
    prints_what_a_plain_build_prints(project, tmp_path / "twin")
    assert not list((project.folder / ".incremental" / "tmp").iterdir())


def test_a_replay_compiles_one_function(tmp_path: Path) -> None:
    """Where no script is read an edit compiles one function, and plain SCons finds nothing to do.

    Of the two copies only what the programs print can be compared: objects of functions are
    others byte by byte.
    """
    files = {
        "SConstruct": HEAD + f'env.Append(CCFLAGS=["-O0"], CPPPATH=["."])\n{BODY}',
        "unit.c": many_functions.source(),
        "small.c": "int small(void) { return 4; }\n",
        "shape.h": SHAPE,
    }
    twins = Twins(tmp_path, files)
    twins.settle()
    twins.write("unit.c", many_functions.source(end="/* edited */\n"))
    assert twins.iscons().replayed
    twins.write("unit.c", many_functions.source(plain=EDITED))
    told = twins.iscons()
    twins.scons()

    assert told.replayed
    assert any("only the changed functions were compiled: plain" in line for line in told.own)
    said = [
        subprocess.run([folder / "program"], check=True, stdout=subprocess.PIPE).stdout
        for folder in (twins.ours, twins.plain)
    ]
    assert said[0] == said[1]
    twins.check_database()
    assert twins.iscons().fresh
    assert os.path.exists(twins.ours / "unit.o")
