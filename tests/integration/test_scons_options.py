"""SCons's own options and features do with the tool what they do without it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from sample import BODY, COMMANDS, OUTPUTS, write_sample
from scons_project import Project, Run

if TYPE_CHECKING:
    from pathlib import Path

ALL_RESTORED = (COMMANDS, 0, 0, 0)


def said(run: Run) -> list[str]:
    """Return what SCons printed, without the tool's figures."""
    return [line for line in run.out.splitlines() if not line.startswith('{"counts"')]


@pytest.fixture
def twin(project: Project, tmp_path: Path) -> Project:
    """Return a copy of the sample, to be built by plain SCons; `project` is the sample."""
    write_sample(project)
    return project.copy_to(tmp_path / "twin")


def everything_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the inode and time of everything below a folder, state included."""
    found = {}
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            status = os.lstat(os.path.join(place, name))
            found[os.path.join(place, name)] = (status.st_ino, status.st_mtime_ns)
    return found


@pytest.mark.parametrize(
    "options",
    [
        ["--debug=explain"],
        ["--tree=status"],
        ["--tree=all,prune"],
        ["-k"],
        ["-s"],
        ["--implicit-cache"],
        ["--max-drift=0"],
        ["main.o"],
        ["build"],
        ["nothing-there"],
    ],
    ids=" ".join,
)
def test_what_is_printed_is_what_plain_scons_prints(
    project: Project, twin: Project, options: list[str]
) -> None:
    """A cold build, a build with nothing to do, and one after an edit say the same."""
    for edit in (None, None, ("include/base.h", "3", "4")):
        if edit:
            project.replace(*edit)
            twin.replace(*edit)
        run, plain = project.scons(*options), twin.scons(*options, plain=True)

        assert said(run) == plain.out.splitlines()
        assert run.err.replace(str(project.folder), "") == plain.err.replace(str(twin.folder), "")
        assert run.status == plain.status
        assert project.outputs() == twin.outputs()


def test_explanations_after_a_restore_are_plain_sconss(project: Project, twin: Project) -> None:
    """--debug=explain tells after `-c` what it tells without the tool."""
    for folder in (project, twin):
        plain = folder is twin
        folder.scons("-Q", plain=plain)
        folder.scons("-Q", "-c", plain=plain)

    run, plain_run = project.build("--debug=explain"), twin.plain("--debug=explain")

    assert run.work() == ALL_RESTORED
    assert said(run) == plain_run.out.splitlines()


def test_no_exec_writes_nothing(project: Project, twin: Project) -> None:
    """-n says what would be run; no file or folder is made or changed that plain SCons leaves."""
    before = everything_in(project.folder)

    run, plain = project.build("-n"), twin.plain("-n")

    assert said(run) == plain.out.splitlines()
    after = everything_in(project.folder)
    assert {name: after[name] for name in before} == before
    assert {os.path.relpath(name, project.folder) for name in after} == {
        os.path.relpath(name, twin.folder) for name in everything_in(twin.folder)
    }


def test_no_exec_leaves_state_as_it_is(project: Project, twin: Project) -> None:
    """-n after a build changes nothing of the tool's state, and outputs stay."""
    project.build()
    twin.plain()
    for folder in (project, twin):
        folder.replace("include/base.h", "3", "4")
    outputs = project.outputs()
    state = {
        name: content.read_bytes()
        for name in ("file_hashes.bin", "zir_index.bin", "stats.json")
        if (content := project.folder / ".incremental" / name).exists()
    }

    run, plain = project.build("-n"), twin.plain("-n")

    assert said(run) == plain.out.splitlines()
    assert project.outputs() == outputs
    for name, content in state.items():
        assert project.read(f".incremental/{name}") == content


def test_clean_removes_the_same_files(project: Project, twin: Project) -> None:
    """-c removes what plain SCons removes, says the same, and leaves the store alone."""
    project.build()
    twin.plain()
    stored = project.stored()

    run, plain = project.build("-c"), twin.plain("-c")

    assert said(run) == plain.out.splitlines()
    assert project.outputs() == twin.outputs()
    assert stored == project.stored()


def test_question_answers_with_its_exit_status(project: Project, twin: Project) -> None:
    """-q ends with 1 when something is out of date, with 0 when nothing is, and builds nothing."""
    assert project.scons("-q", "-Q").status == twin.scons("-q", "-Q", plain=True).status == 1
    assert not any(project.exists(name) for name in OUTPUTS)
    project.build()
    twin.plain()
    assert project.scons("-q", "-Q").status == twin.scons("-q", "-Q", plain=True).status == 0
    project.replace("include/base.h", "3", "4")
    twin.replace("include/base.h", "3", "4")
    assert project.scons("-q", "-Q").status == twin.scons("-q", "-Q", plain=True).status == 1


@pytest.mark.parametrize("options", [[], ["-k"], ["-i"], ["-k", "-j", "2"]], ids="_".join)
def test_a_failing_compile_ends_as_in_plain_scons(
    project: Project, twin: Project, options: list[str]
) -> None:
    """The exit status, the messages and what is left are plain SCons's; a failure is not stored."""
    for folder in (project, twin):
        folder.replace("calc/mul.c", "a * b", "a * b +")

    run, plain = project.scons("-Q", *options), twin.scons("-Q", *options, plain=True)

    assert run.status == plain.status
    assert sorted(run.err.splitlines()) == sorted(plain.err.splitlines())
    assert sorted(said(run)) == sorted(plain.out.splitlines())
    assert project.outputs().keys() == twin.outputs().keys()
    assert run.reasons()["zir.skip.failed"] == run.count("not_stored")

    for folder in (project, twin):
        folder.replace("calc/mul.c", "a * b +", "a * b")
    assert said(project.build()) == twin.plain().out.splitlines()
    assert project.outputs() == twin.outputs()


def test_a_failure_is_a_failure_again(project: Project, twin: Project) -> None:
    """A compile that fails runs, and fails, each time; the old object is gone as in plain SCons."""
    project.build()
    twin.plain()
    for folder in (project, twin):
        folder.replace("main.c", "return 0;", "return 0")
    for _ in range(2):
        run, plain = project.scons("-Q"), twin.scons("-Q", plain=True)

        assert (run.status, run.err) == (plain.status, plain.err)
        assert run.made() == ["main.o"]
        assert project.outputs().keys() == twin.outputs().keys()


@pytest.mark.parametrize("jobs", ["1", "2", "4"])
def test_parallel_builds_restore_everything(project: Project, jobs: str) -> None:
    """With -j, commands are stored and restored from several threads."""
    write_sample(project, BODY + "env.Object([f'more/m{i}.c' for i in range(12)])\n")
    for number in range(12):
        project.write(f"more/m{number}.c", f'#include "calc.h"\nint m{number};\n')
    cold = project.build("-j", jobs)
    outputs = project.outputs()
    project.build("-c")

    run = project.build("-j", jobs)

    assert cold.work() == (0, COMMANDS + 12, 0, 0)
    assert run.work() == (COMMANDS + 12, 0, 0, 0)
    assert run.ran() == []
    assert project.outputs() == outputs


def test_a_random_order_restores_everything(project: Project) -> None:
    """--random visits targets in another order; nothing depends on it."""
    write_sample(project)
    project.build("--random", "-j", "2")
    outputs = project.outputs()
    project.build("-c")

    run = project.build("--random")

    assert run.work() == ALL_RESTORED
    assert project.outputs() == outputs


def test_interactive_builds_see_edits_in_between(project: Project, twin: Project) -> None:
    """In --interactive, a build after an edit of equal size compiles what changed, as always."""
    text = "build\nshell cp include/other.h include/base.h\nbuild\nbuild\nexit\n"
    for folder in (project, twin):
        folder.write("include/other.h", "#define BASE 4\n")

    run = project.scons("--interactive", "-Q", text=text)
    plain = twin.scons("--interactive", "-Q", text=text, plain=True)

    # each prompt stands in front of what the tool prints at the end of a build
    shown = [line for line in run.out.splitlines() if '{"counts"' not in line]
    assert [line for line in shown if "gcc" in line] == [
        line for line in plain.out.splitlines() if "gcc" in line
    ]
    assert run.made().count("main.o") == 2
    assert run.made().count("calc/add.o") == 1
    assert project.run_program("build/main") == "8\n"
    assert project.outputs() == twin.outputs()
    assert project.build().ran() == []


def test_interactive_clean_and_build_restores(project: Project) -> None:
    """In --interactive, a `clean` and a `build` restore what the first `build` stored."""
    write_sample(project)

    run = project.scons("--interactive", "-Q", text="build\nclean\nbuild\nexit\n")

    assert len(run.ran()) == COMMANDS
    assert run.count("hits") == COMMANDS
    assert project.differing() == []


def test_a_cache_dir_works_beside_the_store(project: Project, tmp_path: Path) -> None:
    """SCons's CacheDir goes first; with --cache-disable the tool's store answers."""
    write_sample(project, f'CacheDir("{tmp_path}/scons-cache")\n' + BODY)
    project.build()
    outputs = project.outputs()
    project.build("-c")

    retrieved = project.build()
    assert retrieved.count("commands") == 0
    assert "Retrieved `main.o' from cache" in retrieved.out
    assert project.outputs() == outputs

    project.build("-c")
    run = project.build("--cache-disable")

    assert run.work() == ALL_RESTORED
    assert project.outputs() == outputs
    assert project.differing("--cache-disable") == []


def test_precious_outputs_stay_until_they_are_replaced(project: Project) -> None:
    """A Precious program is restored over itself."""
    write_sample(project, BODY.replace("env.Program(", "program = env.Program("))
    project.write(
        "SConstruct", project.read("SConstruct").decode() + "env.Precious(program, 'main.o')\n"
    )
    project.build()
    first = project.outputs()
    project.replace("include/base.h", "3", "5")
    project.build()
    project.replace("include/base.h", "5", "3")

    run = project.build()

    assert run.ran() == []
    assert project.outputs() == first


def test_always_build_restores_and_keeps(project: Project) -> None:
    """A target under AlwaysBuild is asked for each time: its command does not run for that."""
    project.sconstruct('env.AlwaysBuild(env.Object("main.c"))\n')
    project.write("main.c", "int n;\n")
    project.build()
    before = (project.folder / "main.o").stat()

    run = project.build()

    assert run.work() == (1, 0, 0, 0)
    assert run.counts("outputs_kept", "outputs_restored") == {
        "outputs_kept": 1,
        "outputs_restored": 0,
    }
    assert (project.folder / "main.o").stat().st_ino == before.st_ino


def test_a_build_from_a_folder_below_finds_the_same_state(project: Project) -> None:
    """-u and -C work on the project's one state, wherever SCons was started."""
    write_sample(project)
    project.build()
    project.build("-c")

    below = Project(project.folder / "calc")
    run = below.scons("-Q", "-u", ".")
    assert run.work() == (2, 0, 0, 0)
    above = Project(project.folder.parent)
    rest = above.scons("-Q", "-C", "project")

    assert run.status == rest.status == 0
    assert rest.work() == (COMMANDS - 2, 0, 0, 0)
    assert rest.ran() == []
    assert not below.exists(".incremental")
    assert not above.exists(".incremental")


def test_another_hash_format_is_another_database(project: Project) -> None:
    """Switching SCons's --hash-format keeps results correct, and results are still found."""
    write_sample(project)
    project.build()

    run = project.build("--hash-format=sha256")

    assert run.ran() == []
    assert project.build("--hash-format=sha256").count("commands") == 0
    assert project.differing() == []


def test_help_and_version_touch_nothing(project: Project) -> None:
    """-h and --version open no state."""
    write_sample(project)
    project.scons("-h")
    project.scons("--version")

    assert not project.exists(".incremental")


def test_a_target_that_two_actions_claim(project: Project) -> None:
    """SCons's own error, word for word."""
    project.sconstruct(
        'env.Object("one.o", "main.c")\nenv.Object("one.o", "main.c", CCFLAGS=["-O1"])\n'
    )
    project.write("main.c", "int n;\n")

    run, plain = project.scons("-Q"), project.scons("-Q", plain=True)

    assert (run.status, run.out, run.err) == (plain.status, plain.out, plain.err)
    assert run.status == 2
