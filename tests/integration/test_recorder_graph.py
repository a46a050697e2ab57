"""What SCons's graph depends on: after a build all is fresh, and each change alone is noticed.

Each project is built once (or as often as it takes to be kept, which the test says),
then asked about as it is and after each of its changes.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest
from recorded import COPY, GCC, project_of_its_own, script
from test_recorder import Change, remove, write

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Recorded

MAIN = '#include "value.h"\nint main(void) { return VALUE; }\n'


class Case(NamedTuple):
    """A project, how often it must be built to be kept, and changes with what they tell."""

    files: dict[str, str]
    body: str
    changes: list[tuple[Change, str]]
    builds: int = 1
    tools: str = ""


def touch(name: str) -> Change:
    """Return a change: give a file another time."""
    return lambda project: os.utime(project.folder / name, (1, 1))


CASES = {
    "sources and outputs": Case(
        {"in": "1\n"},
        COPY,
        [
            (write("in", "2\n"), "file-changed in"),
            (remove("out"), "file-gone out"),
            (write("out", "edited\n"), "file-changed out"),
            (touch("out"), "file-changed out"),
            (remove(".sconsign.dblite"), "file-gone .sconsign.dblite"),
        ],
    ),
    "headers": Case(
        {"main.c": MAIN, "a/README": "", "b/value.h": "#define VALUE 0\n"},
        "env['CPPPATH'] = ['a', 'b']\nenv.Program('main.c')\n",
        [
            (write("b/value.h", "#define VALUE 00\n"), "file-changed b/value.h"),
            (write("a/value.h", "#define VALUE 0\n"), "folder-changed a"),
            (write("value.h", "#define VALUE 0\n"), "folder-changed"),
            (remove("main.o"), "file-gone main.o"),
        ],
        tools=GCC,
    ),
    "generated header": Case(
        {"main.c": MAIN, "value": "0\n"},
        "env['CPPPATH'] = ['gen']\n"
        "env.Command('gen/value.h', 'value', 'echo \"#define VALUE 0\" > $TARGET')\n"
        "env.Program('main.c')\n",
        [
            (write("value", "00\n"), "file-changed value"),
            (write("gen/value.h", "#define VALUE 1\n"), "file-changed gen/value.h"),
            (write("value.h", "#define VALUE 0\n"), "folder-changed"),
        ],
        tools=GCC,
    ),
    "Value": Case(
        {"value": "1\n"},
        "env.Command('out', Value(open('value').read()), 'echo hello > $TARGET')\n",
        [(write("value", "2\n"), "file-changed value")],
    ),
    "Python function": Case(
        {"in": "1\n"},
        "def copy(target, source, env):\n"
        "    open(str(target[0]), 'w').write(open(str(source[0])).read())\n"
        "env.Command('out', 'in', copy)\n",
        [(write("in", "2\n"), "file-changed in"), (remove("out"), "file-gone out")],
        builds=2,
    ),
    "custom scanner": Case(
        {"in.list": "a\n", "a": "1\n", "extra": "", "more/README": ""},
        "import os\n"
        "def scan(node, env, path):\n"
        "    os.path.exists('more/switch')\n"
        "    return [env.File(x) for x in node.get_text_contents().split()]\n"
        "env.Append(SCANNERS=Scanner(scan, skeys=['.list']))\n"
        "env.Command('out', 'in.list', 'cat `cat $SOURCE` > $TARGET')\n",
        [
            (write("a", "2\n"), "file-changed a"),
            (write("in.list", "a extra\n"), "file-changed in.list"),
            (write("more/switch", ""), "folder-changed more"),
        ],
    ),
    "VariantDir that duplicates": Case(
        {
            "src/main.c": MAIN,
            "src/value.h": "#define VALUE 0\n",
            "src/SConscript": "Import('env')\nenv.Program('main.c')\n",
        },
        "SConscript('src/SConscript', variant_dir='build', exports='env')\n",
        [
            (write("src/main.c", MAIN + "\n"), "file-changed"),
            (write("src/value.h", "#define VALUE 00\n"), "file-changed"),
            (write("src/SConscript", "Import('env')\n"), "file-changed"),
            (remove("build/main.o"), "file-gone build/main.o"),
        ],
        tools=GCC,
        builds=2,
    ),
    "VariantDir that does not": Case(
        {
            "src/main.c": MAIN,
            "src/value.h": "#define VALUE 0\n",
            "src/SConscript": "Import('env')\nenv.Program('main.c')\n",
        },
        "SConscript('src/SConscript', variant_dir='build', duplicate=0, exports='env')\n",
        [
            (write("src/main.c", MAIN + "\n"), "file-changed src/main.c"),
            (write("src/value.h", "#define VALUE 00\n"), "file-changed src/value.h"),
            (write("build/main.c", MAIN), "folder-changed build"),
            (remove("build/main"), "file-gone build/main"),
        ],
        tools=GCC,
    ),
    "Install": Case(
        {"in": "1\n"},
        COPY + "env.Install('place/deep', 'out')\n",
        [
            (remove("place/deep/out"), "file-gone place/deep/out"),
            (write("place/deep/out", "edited\n"), "file-changed place/deep/out"),
        ],
    ),
    "symbolic link": Case(
        {"a": "1\n", "b": "1\n", "in": "-> a"},
        COPY,
        [
            (write("a", "2\n"), "file-changed in"),
            (
                lambda project: (
                    (project.folder / "in").unlink(),
                    (project.folder / "in").symlink_to("b"),
                ),
                "file-changed in",
            ),
        ],
    ),
    "folder as a source": Case(
        {"data/a": "1\n", "data/b": "2\n"},
        "env.Command('out', Dir('data'), 'ls $SOURCE > $TARGET', source_scanner=DirScanner)\n",
        [
            (write("data/a", "3\n"), "file-changed data/a"),
            (write("data/c", "3\n"), "folder-changed data"),
        ],
    ),
    "side effect and several targets": Case(
        {"in": "1\n"},
        "two = env.Command(['one', 'two'], 'in', ['cp in one', 'cp in two', 'cp in log'])\n"
        "env.SideEffect('log', two)\n",
        [
            (remove("two"), "file-gone two"),
            (write("in", "2\n"), "file-changed in"),
        ],
    ),
    "Depends, Ignore, Requires": Case(
        {"in": "1\n", "more": "1\n", "first.in": "1\n"},
        "out = env.Command('out', 'in', 'cp $SOURCE $TARGET')\n"
        "env.Depends(out, 'more')\n"
        "env.Requires(out, env.Command('first', 'first.in', 'cp $SOURCE $TARGET'))\n",
        [
            (write("more", "2\n"), "file-changed more"),
            (write("first.in", "2\n"), "file-changed first.in"),
        ],
    ),
    "alias": Case(
        {"in": "1\n"},
        COPY + "Default(env.Alias('all', 'out'))\n",
        [(write("in", "2\n"), "file-changed in")],
    ),
    "SConsignFile": Case(
        {"in": "1\n"},
        "SConsignFile('signatures')\n" + COPY,
        [(remove("signatures.dblite"), "file-gone signatures.dblite")],
    ),
    "one .sconsign a folder": Case(
        {"in": "1\n"},
        # SCons signs a command's program, too, in a file in the program's folder.
        "SConsignFile(None)\nenv['IMPLICIT_COMMAND_DEPENDENCIES'] = 0\n" + COPY,
        [(remove(".sconsign"), "file-gone .sconsign"), (write("in", "2\n"), "file-changed in")],
    ),
    "other deciders": Case(
        {"in": "1\n"},
        "env.Decider('content-timestamp')\n" + COPY,
        [(write("in", "2\n"), "file-changed in")],
    ),
    "decider that compares times": Case(
        {"in": "1\n"},
        "env.Decider('timestamp-newer')\n" + COPY,
        [(write("in", "2\n"), "file-changed in")],
        builds=2,
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return a new project, in an environment of its own."""
    return project_of_its_own(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", CASES)
def test_a_change_of_what_the_graph_depends_on_is_noticed(
    project: Recorded, tmp_path: Path, name: str
) -> None:
    """Left alone the answer is fresh; each change alone is noticed and named."""
    case = CASES[name]
    project.lay_out(case.files)
    project.write("SConstruct", script(case.body, case.tools))
    for _ in range(case.builds):
        project.record()
    aside = tmp_path / "aside"
    shutil.copytree(project.folder, aside, symlinks=True)

    assert project.told() == "recorded"
    assert project.ask() == "fresh"

    for number, (change, told) in enumerate(case.changes):
        if number:
            shutil.rmtree(project.folder)
            shutil.copytree(aside, project.folder, symlinks=True)
            project.record()
            assert project.ask() == "fresh", f"before change {number}"
        change(project)

        assert f"fresh.stale.{told}" in project.ask()


def test_a_repository_is_watched(project: Recorded, tmp_path: Path) -> None:
    """A source found in a repository counts there, and one that comes up in front of it, too."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "in").write_text("1\n")
    project.write("SConstruct", script(f"Repository({str(repository)!r})\n" + COPY))
    project.record()

    assert project.ask() == "fresh"

    (repository / "in").write_text("22\n")

    assert project.ask() == f"fresh.stale.file-changed {repository}/in (written)"

    project.record()
    assert project.ask() == "fresh"
    project.write("in", "22\n")

    assert project.ask().startswith("fresh.stale.")


def test_a_target_outside_the_tree_is_watched(project: Recorded, tmp_path: Path) -> None:
    """An output may lie anywhere."""
    outside = tmp_path / "outside" / "out"
    project.write("in", "1\n")
    body = f"Default(env.Command({str(outside)!r}, 'in', 'cp $SOURCE $TARGET'))\n"
    project.write("SConstruct", script(body))
    project.record()

    assert project.ask() == "fresh"

    outside.unlink()

    assert project.ask() == f"fresh.stale.file-gone {outside}"


def test_a_tree_that_cannot_be_written_is_answered(project: Recorded) -> None:
    """Sources may be read-only: nothing is written beside them."""
    project.lay_out({"src/in": "1\n"})
    project.write("SConstruct", script("env.Command('out', 'src/in', 'cp $SOURCE $TARGET')\n"))
    (project.folder / "src/in").chmod(0o444)
    (project.folder / "src").chmod(0o555)
    try:
        project.record()

        assert project.ask() == "fresh"
    finally:
        (project.folder / "src").chmod(0o755)


def test_configure_checks_are_kept_once_all_are_remembered(project: Recorded) -> None:
    """The run that makes the checks is refused; the next finds them cached, and prints so."""
    project.write("in", "1\n")
    body = (
        "conf = Configure(env)\n"
        "if not conf.CheckCHeader('stdio.h'): Exit(1)\n"
        "conf.CheckCHeader('no_such_header.h')\n"
        "env = conf.Finish()\n"
    )
    project.write("SConstruct", script(body + COPY, GCC))
    project.record()

    assert project.ask().startswith("fresh.refuse.configure")

    run = project.run("SCons")

    assert "(cached)" in run.out
    assert project.ask() == "fresh"

    shutil.rmtree(project.folder / ".sconf_temp")

    assert project.ask().startswith("fresh.stale.")


def test_a_process_of_a_projects_own_check_is_told_as_one(project: Recorded) -> None:
    """It runs in every run, whatever SCons remembers, so it is for the project to declare."""
    project.write("in", "1\n")
    body = (
        "import subprocess\n"
        "def check(context):\n"
        "    context.Result(subprocess.check_output(['date']).decode())\n"
        "conf = Configure(env, custom_tests={'Check': check})\n"
        "conf.Check()\n"
        "env = conf.Finish()\n"
    )
    project.write("SConstruct", script(body + COPY, GCC))
    project.record()

    assert project.ask() == "fresh.refuse.process date (SConstruct:5)"


def test_arguments_and_targets_are_answers_of_their_own(project: Recorded) -> None:
    """Each command line has its snapshot, and alternating between them keeps both."""
    project.write("in", "1\n")
    body = "env.Command('out' + ARGUMENTS.get('N', ''), 'in', 'cp $SOURCE $TARGET')\n"
    project.write("SConstruct", script(body))
    project.record()

    assert project.ask("N=2").startswith("fresh.new")
    assert project.ask("out").startswith("fresh.new")

    project.record("N=2")
    project.record("N=2")
    project.record()

    assert project.ask("N=2") == "fresh"
    assert project.ask() == "fresh"


def test_an_option_of_the_project_is_part_of_the_answer(project: Recorded) -> None:
    """AddOption's options make answers of their own."""
    project.write("in", "1\n")
    body = "AddOption('--level', dest='level', default='0')\nGetOption('level')\n"
    project.write("SConstruct", script(body + COPY))
    project.record("--level=3")

    assert project.ask("--level=3") == "fresh"
    assert project.ask("--level=4").startswith("fresh.new")


HASHING = """def copy(target, source, env):
    open(str(target[0]), "w").write("x")
env.Command("out", "in", Action(copy, varlist=["NUMBER"]), NUMBER=hash("text"))
"""

REFUSED = {
    "AlwaysBuild": (COPY + "env.AlwaysBuild('out')\n", "always-build out"),
    "always built alias": (
        COPY + "Default(env.AlwaysBuild(env.Alias('test', 'out', 'true')))\n",
        "always-build test",
    ),
    "a target that no command makes": (
        "env.Command('phony', 'in', 'true')\n",
        "not-up-to-date phony",
    ),
    "a function whose signature changes": (
        HASHING,
        "function out (copy)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_runs_each_time_is_never_fresh(project: Recorded, name: str) -> None:
    """What SCons runs although nothing changed makes the answer one that is never fresh."""
    body, about = REFUSED[name]
    project.write("in", "1\n")
    project.write("SConstruct", script(body))
    for _ in range(2):
        project.record()

        assert project.ask().startswith(f"fresh.refuse.{about}"), project.told()


def test_an_alias_with_an_action_is_fresh_once_scons_leaves_it_alone(project: Recorded) -> None:
    """An action that ran because its source was built does not run again."""
    project.write("in", "1\n")
    project.write("SConstruct", script(COPY + "Default(env.Alias('test', 'out', 'true'))\n"))
    project.record()

    assert project.ask() == "fresh.refuse.alias-action test"

    project.record()

    assert project.ask() == "fresh"


def test_a_failed_build_leaves_nothing_to_go_by(project: Recorded) -> None:
    """A snapshot is never taken as fresh once its command line has failed."""
    project.write("in", "1\n")
    project.write(
        "SConstruct", script("env.Command('out', 'in', 'cp $SOURCE $TARGET && test ! -e bad')\n")
    )
    project.record()
    assert project.ask() == "fresh"
    project.write("bad", "")
    project.write("in", "2\n")

    run = project.run("SCons", "-Q", INCREMENTAL_REPLAY="0")

    assert run.status != 0
    assert project.ask().startswith("fresh.skip.failed")
    assert project.told() == "fresh.skip.failed"


def test_plain_scons_in_between_is_noticed(project: Recorded) -> None:
    """What plain SCons builds or cleans meanwhile makes the snapshot stale."""
    project.write("in", "1\n")
    project.write("SConstruct", script(COPY))
    project.record()
    assert project.ask() == "fresh"

    project.run("SCons", "-Q", "-c", INCREMENTAL="0")

    assert project.ask() == "fresh.stale.file-gone out"

    project.run("SCons", "-Q", INCREMENTAL="0")

    assert project.ask().startswith("fresh.stale.file-changed")


def test_a_source_changed_while_the_build_runs_is_not_kept(project: Recorded) -> None:
    """A command that edits another target's source leaves nothing to go by."""
    project.write("in", "1\n")
    project.write("other", "1\n")
    body = "env.Command('o2', 'other', 'cp $SOURCE $TARGET')\n"
    body += "env.Command('out', ['in', 'o2'], 'cp in $TARGET; echo 2 > other')\n"
    project.write("SConstruct", script(body))
    project.record()

    assert project.told().startswith("fresh.skip.input-moved")
    assert project.ask().startswith("fresh.skip.input-moved")


def test_what_is_printed_is_what_scons_would_print(project: Recorded) -> None:
    """Under every option the snapshot's text is that of a run that finds all up to date."""
    project.write("in", "1\n")
    body = "import sys\nprint('from the script')\nsys.stderr.write('warned\\n')\n"
    body += COPY + "Default('in', 'out')\n"
    project.write("SConstruct", script(body))
    project.record()
    for options in (["-Q"], [], ["-s"], ["-q"], ["-Q", "-q"], ["-k", "-j2"]):
        scons = project.run("SCons", *options, INCREMENTAL_FAST="0")
        fast = project.run("incremental_tool.launcher", *options)

        assert scons == fast


def test_the_tools_own_words_are_none_of_the_builds(project: Recorded) -> None:
    """A build that prints the tool's figures and reasons is kept like any other."""
    project.write("in", "1\n")
    project.write("SConstruct", script(COPY))
    ended = project.run("SCons", "-Q", INCREMENTAL_STATS="1", INCREMENTAL_EXPLAIN="1")

    assert "Build statistics" in ended.out
    assert project.told() == "recorded"
    assert project.ask() == "fresh"
