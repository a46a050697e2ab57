"""Plain commands that the user opted in, and what the tool tells of its work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sample import COMMANDS, write_sample

if TYPE_CHECKING:
    from scons_project import Project, Run

RESTORED = (1, 0, 0, 0)
STORED = (0, 1, 0, 0)

GENERATOR = """\
import os, sys
print("generating", sys.argv[1])
text = "".join(open(name).read() for name in sys.argv[2:])
open(sys.argv[1], "w").write(text.upper())
"""


def declare(
    project: Project, extra: str = "", keyword: str = 'INCREMENTAL_CACHE="declared"'
) -> None:
    """Write a project of one declared command."""
    project.write("gen.py", GENERATOR)
    project.write("a.txt", "a\n")
    project.write("b.txt", "b\n")
    project.sconstruct(
        "table = env.Command('out/table', ['a.txt', 'b.txt'], "
        f"'python3 gen.py $TARGET $SOURCES', {keyword})\n"
        f"env.Depends(table, 'gen.py')\n{extra}"
    )


def rebuilt(project: Project, *options: str) -> Run:
    """Clean and build."""
    project.build("-c")
    return project.build(*options)


def test_a_declared_command_is_restored(project: Project) -> None:
    """A command that was opted in runs once; what it printed is printed again, also under -s."""
    declare(project)
    first = project.build()
    assert first.work() == STORED

    again, silent = rebuilt(project), rebuilt(project, "-s")

    assert again.work() == silent.work() == RESTORED
    assert again.ran() == silent.ran() == []
    assert again.commands() == first.commands()
    assert silent.commands() == ["generating out/table"]
    assert project.read("out/table") == b"A\nB\n"
    assert project.differing() == []


def test_cached_command_is_a_command_that_was_opted_in(project: Project) -> None:
    """env.CachedCommand is env.Command with the promise given."""
    declare(project)
    project.replace("SConstruct", "env.Command(", "getattr(env, 'CachedCommand', env.Command)(")
    project.replace("SConstruct", ', INCREMENTAL_CACHE="declared"', "")
    project.build()

    run = rebuilt(project)

    assert run.work() == RESTORED
    assert project.differing() == []


def test_without_the_promise_a_command_is_not_cached(project: Project) -> None:
    """A plain env.Command runs each time."""
    declare(project, keyword="INCREMENTAL_CACHE='auto'")
    project.build()

    run = rebuilt(project)

    assert run.reasons() == {"zir.refuse.not-recognised": 1}
    assert len(run.ran()) == 1


def test_an_environment_can_make_the_promise(project: Project) -> None:
    """INCREMENTAL_CACHE="declared" in an environment holds for all its commands."""
    declare(project, keyword="INCREMENTAL_STATS='json'")
    project.replace("SConstruct", "table =", "env['INCREMENTAL_CACHE'] = 'declared'\ntable =")
    project.build()

    assert rebuilt(project).work() == RESTORED


@pytest.mark.parametrize("name", ["a.txt", "b.txt", "gen.py"])
def test_a_changed_file_runs_the_command(project: Project, name: str) -> None:
    """Sources and dependencies alike are inputs."""
    declare(project)
    project.build()
    project.write(name, project.read(name) + b"#\n")

    run = project.build()

    assert run.work() == STORED
    assert run.reasons() == {"zir.miss.input-changed": 1}
    assert project.differing() == []


def test_a_changed_value_runs_the_command(project: Project) -> None:
    """A Value that a command depends on is part of what it is."""
    declare(project, "env.Depends(table, Value(os.environ.get('WHAT', '1')))\n")
    project.build()

    changed = project.build(WHAT="2")
    back = project.build(WHAT="1")

    assert changed.work() == STORED
    assert back.work() == RESTORED


def test_a_changed_folder_runs_the_command(project: Project) -> None:
    """A folder that is a source counts with the names and the content below it."""
    declare(project)
    project.replace("SConstruct", "['a.txt', 'b.txt']", "[Dir('parts')]")
    project.replace("SConstruct", "gen.py $TARGET $SOURCES", "gen.py $TARGET parts/one")
    project.replace(
        "SConstruct", "INCREMENTAL_CACHE=", "source_scanner=DirScanner, INCREMENTAL_CACHE="
    )
    project.write("parts/one", "1\n")
    project.build()
    assert rebuilt(project).work() == RESTORED
    project.write("parts/one", "2\n")
    edited = project.build()
    project.write("parts/two", "2\n")
    added = project.build()
    project.remove("parts/two")
    back = project.build()

    assert edited.work() == added.work() == STORED
    assert back.work() == RESTORED


def test_a_folder_that_scons_does_not_look_into_counts_all_the_same(project: Project) -> None:
    """Without a scanner SCons keeps the target of a changed folder; a hit needs its content."""
    declare(project)
    project.replace("SConstruct", "['a.txt', 'b.txt']", "[Dir('parts')]")
    project.replace("SConstruct", "gen.py $TARGET $SOURCES", "gen.py $TARGET parts/one")
    project.write("parts/one", "1\n")
    project.build()
    project.write("parts/one", "2\n")
    project.build("-c")

    run = project.build()

    assert run.work() == STORED
    assert project.read("out/table") == b"2\n"


def test_a_changed_environment_runs_the_command(project: Project) -> None:
    """Nobody knows which variables such a program reads: all count, but those of a terminal."""
    declare(
        project,
        "for name in os.environ.get('PASSED', '').split(): env['ENV'][name] = os.environ[name]\n",
    )
    project.build()
    project.build("-c")

    terminal = project.build(PASSED="DISPLAY", DISPLAY=":1")
    project.build("-c")
    other = project.build(PASSED="MODE", MODE="fast")

    assert terminal.work() == RESTORED
    assert other.work() == STORED
    assert other.reasons() == {"zir.miss.environment-changed": 1}


def test_several_targets_are_restored_together(project: Project) -> None:
    """All targets of a command come back; one that is deleted brings them all back."""
    project.sconstruct(
        "env.Command(['one', 'two'], 'a.txt', 'cp $SOURCE one && cp $SOURCE two', "
        "INCREMENTAL_CACHE='declared')\n"
    )
    project.write("a.txt", "a\n")
    project.build()
    project.remove("two")

    run = project.build()

    assert run.work() == RESTORED
    assert project.read("one") == project.read("two") == b"a\n"


def test_a_target_that_was_not_written_is_not_stored(project: Project) -> None:
    """A command that leaves a target out is run each time."""
    project.sconstruct(
        "env.Command(['one', 'two'], 'a.txt', 'cp $SOURCE one', INCREMENTAL_CACHE='declared')\n"
    )
    project.write("a.txt", "a\n")

    run = project.build()

    assert run.work() == (0, 0, 1, 0)
    assert run.reasons() == {"zir.miss.new": 1, "zir.skip.output-missing": 1}
    assert project.build().ran() == run.ran()


def test_several_commands_in_one_action_are_refused(project: Project) -> None:
    """The outputs of a list of commands are known after the last one only."""
    project.sconstruct(
        "env.Command('one', 'a.txt', ['cp $SOURCE $TARGET', 'echo more >> $TARGET'], "
        "INCREMENTAL_CACHE='declared')\n"
    )
    project.write("a.txt", "a\n")
    for _ in range(2):
        run = project.build()
        assert run.reasons() == {"zir.refuse.several-commands": 2}
        assert project.read("one") == b"a\nmore\n"
        project.build("-c")


def test_a_failing_declared_command_ends_as_in_plain_scons(project: Project) -> None:
    """Its exit status and SCons's message are those of plain SCons; nothing is stored."""
    declare(project)
    project.write("gen.py", "import sys\nsys.exit(7)\n")

    run, plain = project.scons("-Q"), project.scons("-Q", plain=True)

    assert (run.status, run.err) == (plain.status, plain.err)
    assert "Error 7" in run.err
    assert run.count("stored") == 0


def test_a_declared_program_is_an_input(project: Project) -> None:
    """The program that a command runs counts by its content."""
    tool = project.write("tool", "#!/bin/sh\ncp $1 $2\n")
    tool.chmod(0o755)
    project.sconstruct(
        "env.Command('one', 'a.txt', './tool $SOURCE $TARGET', INCREMENTAL_CACHE='declared')\n"
    )
    project.write("a.txt", "a\n")
    project.build()
    assert rebuilt(project).work() == RESTORED
    project.write("tool", "#!/bin/sh\ntr a-z A-Z < $1 > $2\n")

    run = rebuilt(project)

    assert run.work() == STORED
    assert project.differing() == []


# --- what is told -------------------------------------------------------------------


def test_the_statistics_block_adds_up(project: Project) -> None:
    """INCREMENTAL_STATS=1 prints a block for people at the end of the build."""
    write_sample(project)
    project.build()
    project.build("-c")

    run = project.build(INCREMENTAL_STATS="1")

    lines = run.out.splitlines()
    block = lines[lines.index("=== Build statistics ===") :]
    assert (
        block[1].split()
        == (
            f"commands: {COMMANDS} total, {COMMANDS} restored, 0 run and stored, "
            "0 run and not stored, 0 not cacheable"
        ).split()
    )
    assert run.figures == {}


def test_figures_are_one_line_of_json_and_a_file(project: Project) -> None:
    """INCREMENTAL_STATS=json prints what stats.json keeps as the last build."""
    write_sample(project)
    project.build()

    run = project.build("-c") and project.build()

    kept = json.loads(project.read(".incremental/stats.json"))
    assert kept["last"]["counts"]["hits"] == run.count("hits") == COMMANDS
    assert kept["lifetime"]["counts"]["stored"] == COMMANDS
    assert kept["lifetime"]["builds"] == 2


def test_nothing_is_told_unless_asked(project: Project) -> None:
    """Without settings the tool prints nothing at all."""
    write_sample(project)
    twin = project.copy_to(project.folder.with_name("twin"))

    run, plain = project.build(INCREMENTAL_STATS="0"), twin.plain()

    assert (run.out, run.err) == (plain.out, plain.err)


def test_each_miss_and_refusal_is_explained(project: Project) -> None:
    """INCREMENTAL_EXPLAIN=1 prints one line each: the target, the sentence, the file, the id."""
    write_sample(project)
    project.build()
    project.replace("include/base.h", "3", "4")

    run = project.build(INCREMENTAL_EXPLAIN="1")

    lines = run.err.splitlines()
    assert len(lines) == 3
    why = lines.pop(0)  # why anything was done at all
    assert why == "incremental: no script is read: only inputs changed: include/base.h (written)"
    assert lines[0].startswith("incremental: main.o: an input changed: include/base.h (")
    assert lines[0].endswith(" [zir.miss.input-changed]")
    assert lines[1].startswith("incremental: build/main: an input changed: main.o (")


def test_a_changed_command_is_explained_by_its_words(project: Project) -> None:
    """The words that came and went are named."""
    write_sample(project)
    project.build()
    project.replace("SConstruct", "env.Append(", 'env.Append(CCFLAGS=["-O1"], ')

    run = project.build(INCREMENTAL_EXPLAIN="1")

    assert "main.o: the command is another than at the last build: with -O1" in run.err
