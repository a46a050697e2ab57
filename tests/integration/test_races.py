"""Two builds at once, edits while a command runs, clocks that ran ahead, compilers that die."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from processes import LIMIT_SECONDS, descendants, ended, until
from sample import BODY, COMMANDS, write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from scons_project import Project


@pytest.mark.parametrize("attempt", range(3))
def test_two_trees_share_a_store_at_once(project: Project, tmp_path: Path, attempt: int) -> None:
    """Two cold builds that start together on one store both end right, and so does a third."""
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "store")
    write_sample(project, BODY + "env.Object([f'more/m{i}.c' for i in range(8)])\n")
    for number in range(8):
        project.write(f"more/m{number}.c", f'#include "calc.h"\nint m{number} = {attempt};\n')
    other, third = project.copy_to(tmp_path / "other"), project.copy_to(tmp_path / "third")

    processes = [tree.start() for tree in (project, other)]
    outs = [ended(process) for process in processes]

    assert not any("incremental: " in out for out in outs)
    assert project.outputs() == other.outputs()
    run = third.build()
    assert run.work() == (COMMANDS + 8, 0, 0, 0)
    assert third.outputs() == project.outputs() == project.clean_plain_outputs()


def test_two_builds_in_one_tree(project: Project) -> None:
    """A second build of a project that is being built works, says so, and harms nothing."""
    write_sample(
        project,
        BODY
        + "env.Command('slow', 'main.c', 'cat gate $SOURCE > $TARGET',"
        + " INCREMENTAL_CACHE='declared')\n",
    )
    os.mkfifo(project.folder / "gate")
    first = project.start("build/main", "slow")
    until(lambda: project.exists("slow"))  # the shell has opened its output, and waits

    second = project.build("calc")

    assert "[state.locked]" in second.err
    assert second.err.count("\n") == 1
    (project.folder / "gate").write_text("opened\n")
    ended(first)
    project.remove("gate")
    project.write("gate", "opened\n")
    third = project.build()
    assert third.err == ""
    assert project.differing() == []


# Edits a header at a step of the first command that is run: `{step}` is wrapped.
EDIT_AT = """
import incremental_tool.engine.command_cache as cc
original = cc.CommandCache.{step}
static = isinstance(vars(cc.CommandCache)["{step}"], staticmethod)
left = [1]
def edit():
    if left.pop():
        left.append(0)
        with open("include/base.h", "w") as file:
            file.write("#define BASE 7\\n")
def stepping(*arguments):
    if {before}:
        edit()
    result = original(*arguments)
    if not {before}:
        edit()
    return result
cc.CommandCache.{step} = staticmethod(stepping) if static else stepping
"""


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", ["_lookup", "_begin", "_start", "_store"])
def test_an_edit_while_the_compiler_runs(project: Project, step: str, before: bool) -> None:
    """A header edited at any moment of a compile, at equal size, never meets an older object."""
    body = 'env.Append(CPPPATH=["include"])\nenv.Object("main.c")\n'
    objects = {}
    for value in (3, 7):
        write_sample(project, body)
        project.write("main.c", '#include "base.h"\nint base = BASE;\n')
        project.write("include/base.h", f"#define BASE {value}\n")
        project.plain()
        objects[value] = project.read("main.o")
    project.plain("-c")
    project.write("include/base.h", "#define BASE 3\n")
    project.sconstruct(body, tool=EDIT_AT.format(step=step, before=before))
    first = project.build()
    assert project.read("include/base.h") == b"#define BASE 7\n"
    project.sconstruct(body)

    project.build()

    assert project.read("main.o") == objects[7]
    if (step, before) == ("_store", True):
        assert first.reasons()["zir.skip.input-moved"] == 1
    for value in (3, 7):
        project.write("include/base.h", f"#define BASE {value}\n")
        project.build("-c")
        project.build()
        assert project.read("main.o") == objects[value]


def test_what_is_linked_into_a_variant_folder_is_stored(project: Project) -> None:
    """SCons links sources into a variant folder right before they are compiled: no race is seen.

    A hard link changes the status of the file that it leads to, just as an edit does.
    """
    project.sconstruct('Export("env")\nSConscript("src/SConscript", variant_dir="out")\n')
    project.write("src/SConscript", 'Import("env")\nenv.Object(Glob("*.c"))\n')
    for number in range(12):
        project.write(f"src/h{number}.h", f"enum {{ H{number} = {number} }};\n")
        text = f'#include "h{number}.h"\nint m{number}(void) {{ return H{number}; }}\n'
        project.write(f"src/m{number}.c", text)

    first = project.build("-j2")
    project.build("-c")
    again = project.build()

    assert first.work() == (0, 12, 0, 0)
    assert again.work() == (12, 0, 0, 0)
    assert project.differing() == []


def test_an_edit_while_a_declared_command_runs(project: Project) -> None:
    """An input edited while its command waits is not stored under its new content."""
    os.mkfifo(project.folder / "gate")
    project.write("in.txt", "old\n")
    project.sconstruct(
        "env.Command('out', 'in.txt', 'cat $SOURCE gate > $TARGET', INCREMENTAL_CACHE='declared')\n"
    )
    process = project.start(INCREMENTAL_EXPLAIN="1")
    until(lambda: project.exists("out") and project.read("out") == b"old\n")
    project.write("in.txt", "new\n")
    (project.folder / "gate").write_text("end\n")
    out = ended(process)
    project.remove("gate")
    project.write("gate", "end\n")

    run = project.build()

    assert "[zir.skip.input-moved]" in out
    assert run.work() == (0, 1, 0, 0)
    assert project.read("out") == b"new\nend\n"


def test_times_in_the_future_are_never_trusted(project: Project) -> None:
    """Files from a clock that ran ahead are read at each build: edits that keep times are seen."""
    write_sample(project)
    ahead = time.time() + 86_400
    for name in ("include/base.h", "main.c", "calc/add.c"):
        os.utime(project.folder / name, (ahead, ahead))
    project.build()
    project.write("include/base.h", "#define BASE 4\n")
    os.utime(project.folder / "include/base.h", (ahead, ahead))

    run = project.build()
    again = project.build()

    assert run.made() == ["build/main", "main.o"]
    assert again.ran() == []
    assert again.reads > 0
    assert project.differing() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_compiler_that_is_killed(project: Project, number: int) -> None:
    """A compiler that dies by a signal gives plain SCons's exit status, and nothing is stored."""
    project.sconstruct('env.Append(CCFLAGS=["-Igates"])\nenv.Object("main.c")\n')
    project.write("main.c", '#include "gate.h"\nint n;\n')
    (project.folder / "gates").mkdir()
    os.mkfifo(project.folder / "gates" / "gate.h")  # the compiler waits for what it includes
    results = []
    for plain in (False, True):
        process = project.start(plain=plain)
        killed = []

        def the_driver(pid: int = process.pid, found: list[int] = killed) -> bool:
            below = [(child, words) for child, words in descendants(pid) if "main.c" in words]
            found[:] = [child for child, words in below if words[0].endswith("gcc")]
            return any(words[0].endswith("/cc1") for _, words in below)

        until(the_driver)
        os.kill(killed[0], number)
        process.wait(timeout=LIMIT_SECONDS)
        try:
            os.killpg(process.pid, signal.SIGKILL)  # what the compiler had started still waits
        except ProcessLookupError:
            pass
        out, _ = process.communicate(timeout=LIMIT_SECONDS)
        results.append(
            (process.returncode, [line for line in out.decode().splitlines() if "scons:" in line])
        )

    assert results[0] == results[1]
    assert results[0][0] == 2
    assert project.stored("zir") == []
