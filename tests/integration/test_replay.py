"""Replays do what plain SCons would have done: the same words, files, status and database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = {
    "SConstruct": HEAD
    + """
env.Append(CPPPATH=["#include"])
SConscript("src/SConscript", exports="env")
SConscript("lib/SConscript", variant_dir="build", duplicate=0, exports="env")
env.Command("copy.txt", "in.txt", "cp $SOURCE $TARGET")
""",
    "src/SConscript": """
Import("env")
library = env.StaticLibrary("f", ["a.c", "b.c"])
env.Program("p", ["m.c"], LIBS=[library])
""",
    "lib/SConscript": """
Import("env")
env.Object("v.c")
env.SharedLibrary("s", "w.c")
""",
    "src/a.c": '#include "h.h"\nint a(void) { return NUMBER; }\n',
    "src/b.c": "int b(void) { return 1; }\n",
    "src/m.c": '#include "h.h"\nint a(void); int b(void);\nint main(void) { return a() + b(); }\n',
    "include/h.h": "#define NUMBER 0\n",
    "lib/v.c": "int v;\n",
    "lib/w.c": "int w;\n",
    "in.txt": "text\n",
}


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Return the two copies, built."""
    made = Twins(tmp_path, PROJECT)
    made.settle()
    return made


def test_one_source(twins: Twins) -> None:
    """An edited source is compiled, archived, indexed and linked; the next run is fresh."""
    twins.replace("src/b.c", "1", "2")
    told = twins.both()

    assert told.replayed
    assert [line.split()[0] for line in told.out.splitlines()[3:-1]] == [
        "gcc",
        "ar",
        "ranlib",
        "gcc",
    ]
    assert twins.both().fresh


def test_a_header_and_the_way_up(twins: Twins) -> None:
    """All that includes an edited header is compiled, and what is made of that is made."""
    twins.replace("include/h.h", "0", "7")
    told = twins.both()

    assert told.replayed
    assert told.out.count("gcc -o") == 3


def test_a_comment_ends_the_way_up(twins: Twins) -> None:
    """When an object comes out equal nothing is made of it anew."""
    twins.write("src/b.c", "int b(void) { return 1; } /* one */\n")
    told = twins.both()

    assert told.replayed
    assert told.out.count("gcc") == 1
    assert "ar rc" not in told.out
    assert twins.both().fresh


def test_what_comes_out_equal_keeps_its_time(tmp_path: Path) -> None:
    """Old times stay on equal bytes, also where a command ran, but for stamps and other bytes."""
    commands = ("made", "grep -v ^# $SOURCE > $TARGET"), ("stamp", "touch $TARGET")
    commands += (("set", "grep -v ^# $SOURCE > $TARGET; touch -d 2001-01-01 $TARGET"),)
    lines = [f"env.Command({name!r}, 'in.txt', {command!r})\n" for name, command in commands]
    files = {**PROJECT, "SConstruct": PROJECT["SConstruct"] + "".join(lines)}
    twins = Twins(tmp_path, files)
    twins.settle()

    def times() -> dict[str, int]:
        names = ("src/b.o", "src/libf.a", "src/p", "made", "stamp", "set", "copy.txt")
        return {name: os.stat(twins.ours / name).st_mtime_ns for name in names}

    before = times()
    twins.write("src/b.c", "int b(void) { return 1; } /* one */\n")
    twins.write("in.txt", "text\n# comment\n")
    told = twins.both()
    after = times()

    assert told.replayed
    assert {name for name in before if before[name] != after[name]} == {"stamp", "copy.txt"}
    assert "gcc -o src/b.o" in told.out
    assert twins.both().fresh
    twins.write("src/b.c", "int b(void) { return 1; } /* two */\n")
    assert twins.both().replayed
    assert times()["src/b.o"] == before["src/b.o"]


def test_a_touch_runs_nothing(twins: Twins) -> None:
    """A file with a new time and its old content sets nothing off, and is known from then on."""
    twins.touch("src/a.c")
    twins.touch("include/h.h")
    told = twins.both()

    assert told.replayed
    assert "gcc" not in told.out
    assert twins.both().fresh


def test_a_plain_command(twins: Twins) -> None:
    """A command of no kind that the cache knows runs as it is."""
    twins.write("in.txt", "other text\n")
    told = twins.both()

    assert told.replayed
    assert (twins.ours / "copy.txt").read_text() == "other text\n"


def test_a_variant_folder_without_copies(twins: Twins) -> None:
    """Sources of a variant folder that has no copies of them are inputs like any other."""
    twins.write("lib/v.c", "int v = 3;\n")
    twins.write("lib/w.c", "int w = 4;\n")
    told = twins.both()

    assert told.replayed
    assert "-shared" in told.out
    assert twins.both().fresh


@pytest.mark.parametrize("way", ["in place", "renamed"])
def test_a_variant_folder_with_links(tmp_path: Path, way: str) -> None:
    """A source that SCons links into a variant folder is linked anew, and built there."""
    files = {
        "SConstruct": HEAD + "SConscript('src/SConscript', variant_dir='build', exports='env')\n",
        "src/SConscript": "Import('env')\nenv.Program('p', ['a.c'], CPPPATH=['.'])\n",
        "src/a.c": '#include "h.h"\nint main(void) { return NUMBER; }\n',
        "src/h.h": "#define NUMBER 0\n",
    }
    twins = Twins(tmp_path, files)
    twins.settle()
    for number in range(1, 4):
        for name, text in (
            ("src/h.h", f"#define NUMBER {number}\n"),
            ("src/a.c", f'#include "h.h"\nint main(void) {{ return NUMBER + {number}; }}\n'),
        ):
            if way == "renamed":
                twins.remove(name)
            twins.write(name, text)
            assert twins.both().replayed
            assert (twins.ours / name).samefile(twins.ours / name.replace("src", "build"))
    assert twins.both().fresh


def test_back_and_forth(twins: Twins) -> None:
    """Edits follow one another, without a script being read once."""
    for number in range(3):
        twins.write("src/b.c", f"int b(void) {{ return {number} + 5; }}\n")
        assert twins.both().replayed
        twins.write("include/h.h", f"#define NUMBER {number % 2}\n")
        assert twins.both().replayed
    twins.write("src/b.c", PROJECT["src/b.c"])
    assert twins.both().replayed


@pytest.mark.parametrize("options", [["-Q"], ["-s"], ["-j2"], ["-j2", "-k"], ["-k"]])
def test_options(twins: Twins, options: list[str]) -> None:
    """What is printed follows the options, as SCons prints it."""
    twins.replace("include/h.h", "0", "7")
    plain, ours = twins.scons(*options), twins.iscons(*options)

    assert ours.replayed
    assert plain.status == ours.status == 0
    assert sorted(plain.out.splitlines()) == sorted(ours.out.splitlines())
    twins.compare()
    twins.check_database()


def test_a_new_include(twins: Twins) -> None:
    """Where the include directives are other ones, the dependencies are found anew."""
    twins.write("include/new.h", "#define ONE 1\n")
    twins.write("src/b.c", '#include "new.h"\nint b(void) { return ONE; }\n')
    told = twins.both()

    assert told.replayed
    assert twins.both().fresh
    twins.write("include/new.h", "#define ONE 11\n")
    assert twins.both().replayed


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("src/SConscript", PROJECT["src/SConscript"] + "\n# more\n", "replay.refuse.file"),
        ("SConstruct", PROJECT["SConstruct"] + "\n# more\n", "fresh.stale.file-changed"),
        ("src/b.o", "damaged", "replay.refuse.file"),
    ],
)
def test_what_is_for_scons(twins: Twins, name: str, text: str, reason: str) -> None:
    """Scripts, and outputs that somebody has changed, are SCons's business."""
    twins.write("src/b.c", "int b(void) { return 12; }\n")
    twins.write(name, text)
    plain, ours = twins.scons(), twins.iscons()

    assert ours.reason == reason
    assert plain.seen == ours.seen


def test_a_compile_error(twins: Twins) -> None:
    """An error is told as SCons tells it, and the next run is right."""
    twins.write("src/b.c", "int b(void) { return }\n")
    told = twins.both()

    assert told.replayed
    assert told.status == 2
    assert "scons: *** [src/b.o] Error 1" in told.err
    assert "building terminated because of errors" in told.out
    assert twins.both().status == 2
    twins.write("src/b.c", "int b(void) { return 9; }\n")
    assert twins.both().status == 0
    assert twins.both().status == 0


def test_going_on_after_an_error(twins: Twins) -> None:
    """With -k all that does not depend on the failure is built."""
    twins.write("src/b.c", "int b(void) { return }\n")
    twins.write("in.txt", "other\n")
    twins.write("lib/v.c", "int v = 8;\n")
    told = twins.both("-k")

    assert told.replayed
    assert told.status == 2
    assert (twins.ours / "copy.txt").read_text() == "other\n"
    twins.write("src/b.c", "int b(void) { return 9; }\n")
    assert twins.both("-k").status == 0


@pytest.mark.parametrize(
    "line",
    [
        "SConsignFile(None)",
        "SConsignFile('.names/of/my own')",
        "SetOption('hash_format', 'sha1')",
        "SetOption('hash_format', 'sha256')",
        "SConsignFile(None); SetOption('hash_format', 'sha256')",
    ],
)
def test_databases(tmp_path: Path, line: str) -> None:
    """SCons's database is brought forward wherever it is, with whatever hash."""
    # Without the compiler as a dependency: its folder would get a database of its own.
    body = PROJECT["SConstruct"] + "env['IMPLICIT_COMMAND_DEPENDENCIES'] = 0\n"
    files = {**PROJECT, "SConstruct": f"{line}\n{body}"}
    twins = Twins(tmp_path, files)
    if "names" in line:
        for folder in (twins.plain, twins.ours):
            os.makedirs(folder / ".names/of")
    twins.settle()
    twins.replace("include/h.h", "0", "7")
    twins.write("src/b.c", "int b(void) { return 12; }\n")

    assert twins.both().replayed
    assert twins.both().fresh
    twins.touch("src/b.c")
    assert twins.both().replayed


def test_what_is_shown(tmp_path: Path) -> None:
    """Texts of the project's own are shown in place of commands, or nothing is."""
    head = HEAD.replace("tools=tools", "tools=tools, CCCOMSTR='CC $TARGET', ARCOMSTR='AR $TARGET'")
    twins = Twins(
        tmp_path,
        {
            "SConstruct": head
            + "env['RANLIBCOMSTR'] = ''\nenv.StaticLibrary('f', 'a.c')\n"
            + "env.Command('o', 'i', ['@cp $SOURCE $TARGET', 'echo done >> $TARGET'])\n",
            "a.c": "int a;\n",
            "i": "one\n",
        },
    )
    twins.settle()
    twins.write("a.c", "int a = 1;\n")
    twins.write("i", "two\n")
    told = twins.both()

    assert told.replayed
    assert "CC a.o\nAR libf.a\n" in told.out


@pytest.mark.parametrize(
    "line",
    [
        "env.Command(Dir('out'), made, [Mkdir('$TARGET'), 'cp $SOURCE $TARGET/x'])",
        "env.Command(Dir('out'), [made, 'in'], Mkdir('$TARGET'))",
        "Default(env.Alias('check', made, 'cp made checked'), made)",
        "env.Command('after', env.Command(Dir('out'), made, Mkdir('$TARGET')), 'cp made $TARGET')",
    ],
)
def test_what_is_made_and_is_no_file(tmp_path: Path, line: str) -> None:
    """Folders that are made, and aliases that do something, are SCons's."""
    script = f"{HEAD}made = env.Command('made', 'in', 'cp $SOURCE $TARGET')\n{line}\n"
    twins = Twins(tmp_path, {"SConstruct": script, "in": "1\n"})
    twins.settle()
    twins.write("in", "2\n")
    plain, ours = twins.scons(), twins.iscons()

    assert ours.reason == "replay.refuse.action"
    assert plain.seen == ours.seen
    twins.compare()
    twins.iscons()
    twins.touch("in")
    plain, ours = twins.scons(), twins.iscons()
    assert ours.replayed
    assert plain.seen == ours.seen


def test_installed_files(tmp_path: Path) -> None:
    """What SCons's own Install copies is copied, with its times and its mode."""
    twins = Twins(
        tmp_path,
        {
            "SConstruct": HEAD
            + "program = env.Program('p', 'a.c')\n"
            + "env.Install('#stage/bin', program)\nenv.InstallAs('stage/t', 'text')\n",
            "a.c": "int main(void) { return 0; }\n",
            "text": "one\n",
        },
    )
    twins.settle()
    twins.replace("a.c", "0", "1")
    twins.write("text", "two\n")
    told = twins.both()

    assert told.replayed
    assert 'Install file: "text" as "stage/t"' in told.out
    assert os.access(twins.ours / "stage/bin/p", os.X_OK)
    installed, source = (os.stat(twins.ours / name) for name in ("stage/t", "text"))
    assert installed.st_mtime_ns == source.st_mtime_ns
    assert twins.both().fresh


def test_targets_asked_for(tmp_path: Path) -> None:
    """For each target asked for it is told whether anything was done."""
    twins = Twins(
        tmp_path,
        {
            "SConstruct": HEAD
            + "one = env.Command('one', 'i', 'cp $SOURCE $TARGET')\n"
            + "two = env.Command('d/two', 'j', 'cp $SOURCE $TARGET')\n"
            + "three = env.Command('three', one, 'cut -c1 $SOURCE > $TARGET')\n"
            + "env.Alias('all', [one, two])\nenv.Alias('most', three)\n",
            "i": "1\n",
            "j": "2\n",
        },
    )
    words = ["one", "d", "all", "most", "three", "i"]
    twins.settle(*words)
    for name, text in (("i", "12\n"), ("j", "7\n"), ("i", "1\n")):
        twins.write(name, text)
        assert twins.both(*words).replayed


def test_what_is_ignored_or_only_made_before(tmp_path: Path) -> None:
    """SCons's database does not name what was given to Ignore or Requires, and a replay knows."""
    twins = Twins(
        tmp_path,
        {
            "SConstruct": HEAD
            + "one = env.Command('one', 'i', 'cp $SOURCE $TARGET')\n"
            + "two = env.Command('two', ['j', 'k'], 'cat $SOURCES > $TARGET')\n"
            + "env.Requires(two, one)\nenv.Ignore(two, 'k')\n",
            "i": "1\n",
            "j": "2\n",
            "k": "3\n",
        },
    )
    twins.settle()
    for name, ran in (("i", ["cp"]), ("j", ["cat"]), ("k", [])):
        twins.write(name, f"other {name}\n")
        told = twins.both()

        assert told.replayed or (name == "k" and told.fresh)
        assert [line.split()[0] for line in told.out.splitlines()[3:-1] if ran] == ran
    twins.write("i", "4\n")
    twins.write("j", "5\n")
    told = twins.both()
    assert told.replayed
    assert [line.split()[0] for line in told.out.splitlines()[3:-1]] == ["cp", "cat"]


def test_the_other_doors(twins: Twins) -> None:
    """Plain `scons` with the tool in its SConstruct replays, too."""
    twins.write("src/b.c", "int b(void) { return 12; }\n")
    plain = twins.scons()
    first = twins.run("SCons", twins.ours, INCREMENTAL_EXPLAIN="1")

    assert plain.seen[::2] == first.seen[::2]
    twins.compare()


def test_scons_itself_replays(tmp_path: Path) -> None:
    """A project built by `scons` with the tool in its SConstruct is replayed by `scons`."""
    twins = Twins(tmp_path, PROJECT)
    for _ in range(2):
        told = twins.run("SCons", twins.ours, INCREMENTAL_EXPLAIN="1")
    assert told.fresh
    twins.scons()
    twins.write("src/b.c", "int b(void) { return 12; }\n")
    plain = twins.scons()
    told = twins.run("SCons", twins.ours, INCREMENTAL_EXPLAIN="1")

    assert told.replayed
    assert plain.seen == told.seen
    twins.compare()
    twins.check_database()
