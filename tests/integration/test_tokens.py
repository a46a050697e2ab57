"""A comment is edited: SCons compiles nothing, and all is as a clean build makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins

if TYPE_CHECKING:
    from pathlib import Path

    from scons_project import Project

UNITS = 10
HEADER = "/* shared */\n#define SHARED 3\nstatic inline int shared(int a) { return a * SHARED; }\n"
LONGER = HEADER.replace("/* shared */", "/* shared\n * by all units\n */\n")
BODY = 'env.Program("program", ["main.c"] + ["unit%d.c" % n for n in range(10)])\n'
PROJECT = {
    "shared.h": HEADER,
    "main.c": '#include <stdio.h>\n#include "shared.h"\nint unit3(int);\n'
    'int main(void) { printf("%d\\n", unit3(shared(2))); return 0; }\n',
    **{
        f"unit{number}.c": f'#include "shared.h"\nint unit{number}(int a)\n'
        f"{{\n  return shared(a) + {number};\n}}\n"
        for number in range(UNITS)
    },
}


@pytest.fixture
def built(project: Project) -> Project:
    """Return a program that was built."""
    for name, text in PROJECT.items():
        project.write(name, text)
    project.sconstruct(BODY, 'CCFLAGS=["-O0", "-Wall"], CPPPATH=["."]')
    assert project.build().count("stored") == UNITS + 2
    return project


def test_a_header_that_all_include(built: Project) -> None:
    """A longer comment in a header compiles nothing and links nothing."""
    built.write("shared.h", LONGER)
    run = built.build()

    assert run.ran() == []
    assert run.counts("commands", "hits") == {"commands": UNITS + 1, "hits": UNITS + 1}
    assert run.reasons()["zir.hit.tokens"] == UNITS + 1
    assert built.differing() == []
    assert built.scons("-q", plain=True).status == 0


def test_a_change_beside_a_comment(built: Project) -> None:
    """Another value in the header: all is compiled; a comment more in a source: nothing."""
    built.write("shared.h", LONGER.replace("SHARED 3", "SHARED 4"))
    run = built.build()
    assert run.count("stored") == UNITS + 2
    built.write("unit3.c", "// the third\n" + PROJECT["unit3.c"])
    run = built.build()
    assert run.ran() == []
    assert run.counts("commands", "hits") == {"commands": 1, "hits": 1}
    assert built.differing() == []


def test_what_was_taken_is_explained(built: Project) -> None:
    """`explain` names what had changed, and that it did not count."""

    def explained() -> str:
        return subprocess.run(
            [sys.executable, "-m", "incremental_tool", "explain", "unit3.o"],
            cwd=built.folder,
            env=built.full_environment(None),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    built.write("shared.h", LONGER)
    assert "now: only comments and blanks are others: it may be restored\n" in explained()
    built.build()
    said = explained()
    assert said.startswith("unit3.o: its command did not run: ")
    assert ": shared.h [zir.hit.tokens]\n" in said
    assert "inputs are as they were; it would be restored" in said


def test_another_checkout_takes_what_is_known(built: Project, tmp_path: Path) -> None:
    """A result stored elsewhere serves a text that was never compiled anywhere."""
    store = str(tmp_path / "store")
    built.scons("-c", plain=True)
    assert built.build(INCREMENTAL_CACHE_DIR=store).count("stored") == UNITS + 2
    other = built.copy_to(tmp_path / "other")
    other.scons("-c", plain=True)
    other.write("shared.h", LONGER)
    run = other.build(INCREMENTAL_CACHE_DIR=store)
    assert run.reasons().get("zir.hit.tokens") == UNITS + 1


def test_where_no_script_is_read(tmp_path: Path) -> None:
    """Replays and full runs agree: nothing runs, and the next run finds all fresh."""
    files = {
        "SConstruct": HEAD + f'env.Append(CCFLAGS=["-O0"], CPPPATH=["."])\n{BODY}',
        **PROJECT,
    }
    twins = Twins(tmp_path, files)
    twins.settle()
    before = os.stat(twins.ours / "unit3.o").st_mtime_ns
    twins.write("shared.h", LONGER)
    told = twins.both()
    assert told.replayed
    assert len([line for line in told.own if "[zir.hit.tokens]" in line]) == UNITS + 1
    assert os.stat(twins.ours / "unit3.o").st_mtime_ns == before
    assert twins.both().fresh
    twins.write("shared.h", HEADER)
    assert twins.both().replayed
    assert twins.both().fresh
