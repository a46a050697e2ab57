"""An edited C++ file is compiled with its preamble precompiled by real SCons processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from scons_project import Project, Run

HEAD = """\
#include <iostream>
#include <map>
#include <regex>
#include "shape.h"
"""
SHAPE = "#define SHAPE 5\n"
DIGITS = 32
"""Those of the name of a record, which is written last."""

BODY = 'env.Program("program", ["src/unit.cc", "src/small.cc"])\n'


def write(project: Project, turn: int, head: str = HEAD) -> None:
    """Write the program's large source after some edits."""
    project.write(
        "src/unit.cc",
        head
        + "#ifdef EXTRA\n#define SHOWN SHAPE\n#else\n#define SHOWN (SHAPE + 1)\n#endif\n"
        + "\n" * turn
        + "int small();\nstatic std::map<int, std::string> known;\n"
        + f'int main() {{ known[1] = "{turn}"; std::cout << known[1] << SHOWN << small(); }}\n',
    )


def edited(project: Project, compiler: str) -> None:
    """Build a program three times, after two edits: its preamble is precompiled then."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    project.write("src/shape.h", SHAPE)
    project.write("src/small.cc", "int small() { return 4; }\n")
    debug = ', "-g"' if compiler == "g++" else ""
    project.sconstruct(BODY, f'CXX="{compiler}", CXXFLAGS=["-O0"{debug}, "-MMD"], CPPPATH=["src"]')
    for turn in range(3):
        write(project, turn)
        run = project.build(INCREMENTAL_PREAMBLE="wait")
        assert run.count("by_preamble") == 0
    assert run.count("preambles_begun") == 1


def is_as_built_plainly(project: Project, folder: Path) -> None:
    """Check outputs against a clean build by plain SCons, and that it finds nothing to do."""
    objects = ("src/unit.o", "src/small.o", "src/unit.d", "program")
    made = {name: project.read(name) for name in objects}
    assert project.scons("-q", plain=True).status == 0
    there = project.folder.rename(folder)  # the clean build is in the very same place
    shutil.copytree(there, project.folder, symlinks=True)
    for name in objects:
        project.remove(name)
    project.plain()
    assert {name: project.read(name) for name in objects} == made
    shutil.rmtree(project.folder)
    there.rename(project.folder)


def explained(project: Project, target: str) -> str:
    """Return what `incremental-tool explain` says of a target."""
    return subprocess.run(
        [sys.executable, "-m", "incremental_tool", "explain", target],
        cwd=project.folder,
        env=project.full_environment(None),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def compiled(run: Run) -> list[str]:
    """Return the compiles that ran, of the user's own words."""
    return [text for text in run.ran() if "-o src/unit.o" in text]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_edits_are_compiled_with_the_preamble(
    project: Project, tmp_path: Path, compiler: str
) -> None:
    """The third edit and the next: all bytes are a plain build's; explained, and off at will."""
    edited(project, compiler)
    for turn in (3, 4):
        write(project, turn)
        run = project.build(INCREMENTAL_EXPLAIN="1")
        assert run.count("by_preamble") == 1
        assert compiled(run) == []
        assert run.reasons()["preamble.made"] == 1
        is_as_built_plainly(project, tmp_path / "aside")
    assert "made without its command" in explained(project, "src/unit.o")

    project.write("src/shape.h", "#define SHAPE 7\n")
    run = project.build()
    assert run.reasons()["preamble.refuse.input"] == 1
    assert len(compiled(run)) == 1
    write(project, 5, "#define EXTRA\n" + HEAD)
    run = project.build(INCREMENTAL_PREAMBLE="0")
    assert len(compiled(run)) == 1
    is_as_built_plainly(project, tmp_path / "aside")


def test_making_goes_on_behind_the_build(project: Project) -> None:
    """A build does not wait for what is precompiled; a later one uses it."""
    edited(project, "g++")
    shutil.rmtree(project.folder / ".incremental" / "preambles")
    write(project, 3)
    run = project.build(INCREMENTAL_BEHIND="1")
    assert run.count("preambles_begun") == 1
    folder = project.folder / ".incremental" / "preambles"
    write(project, 4)  # the next edit does not disturb it
    deadline = time.monotonic() + 60
    while not [path for path in folder.glob("*") if len(path.name) == DIGITS]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert project.build().count("by_preamble") == 1
