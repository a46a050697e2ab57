"""Under -n and -q a replay says what plain SCons says, ends as it does, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Told, Twins, contents

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "SConstruct": HEAD
    + """
env.Append(CPPPATH=["."])
env.StaticLibrary("f", ["a.c", "b.c"])
env.Program("p", "m.c", LIBS=["f"], LIBPATH=".")
env.Command("x.h", "x.in", "cp $SOURCE $TARGET")
env.Command("d/y", "x.h", ["@cp $SOURCE $TARGET", "echo >> $TARGET"])
env.Install("stage", "b.c")
""",
    "a.c": "int a(void) { return 1; }\n",
    "b.c": "int b(void) { return 2; }\n",
    "m.c": '#include "x.h"\nint a(void);\nint main(void) { return a(); }\n',
    "x.in": "#define NUMBER 0\n",
    "other.h": "#define OTHER 0\n",
}


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Return the two copies, built."""
    made = Twins(tmp_path, FILES)
    made.settle()
    return made


def both_say(twins: Twins, *arguments: str) -> Told:
    """Run both with options under which nothing is done; compare, and return what was told."""
    before = contents(twins.ours), (twins.ours / ".sconsign.dblite").read_bytes()
    plain, ours = twins.scons(*arguments), twins.iscons(*arguments)

    assert plain.seen == ours.seen, ours.own
    assert before == (contents(twins.ours), (twins.ours / ".sconsign.dblite").read_bytes())
    return ours


def test_what_would_be_run(twins: Twins) -> None:
    """Commands are told in SCons's order; what depends on them is judged by what is there."""
    twins.replace("b.c", "2", "3")
    twins.replace("x.in", "0", "1")
    told = both_say(twins, "-n")
    assert told.replayed
    assert "gcc -o b.o" in told.out
    assert "cp x.in x.h" in told.out
    assert "ar rc" not in told.out
    twins.remove("a.o")
    twins.remove("d/y")
    told = both_say(twins, "-Qn")
    assert told.replayed
    assert "ar rc libf.a a.o b.o" in told.out
    assert "cp x.h d/y" not in told.out  # SCons is to keep still about it
    assert "echo >> d/y" in told.out
    assert both_say(twins, "-n", "-s").replayed
    assert twins.both().replayed
    assert both_say(twins, "-n").fresh


def test_for_targets_asked_for(tmp_path: Path) -> None:
    """What is up to date, and what nothing is to be done for, is told in its place."""
    twins = Twins(tmp_path, FILES)
    twins.settle("p", "d/y", "m.c", "x.in")
    twins.remove("a.o")
    told = both_say(twins, "-n", "p", "d/y", "m.c", "x.in")

    assert told.replayed
    assert "ar rc libf.a" in told.out
    assert "`p' is up to date" in told.out


def test_whether_anything_would_be_run(twins: Twins) -> None:
    """The status is 1 if so, with the words that SCons has for it; a mere touch is nothing."""
    twins.touch("m.c")
    told = both_say(twins, "-q")
    assert (told.replayed, told.status) == (True, 0)
    twins.replace("b.c", "2", "3")
    for options in (["-q"], ["-q", "-k"], ["-n", "-q"], ["-Qq"]):
        told = both_say(twins, *options)
        assert (told.replayed, told.status) == (True, 1)
    twins.replace("b.c", "3", "2")
    twins.remove("x.h")
    told = both_say(twins, "-q")
    assert (told.replayed, told.status) == (True, 1)
    assert twins.both().replayed


def test_with_other_includes(twins: Twins) -> None:
    """Where include directives are others, what they bring in counts as in SCons."""
    twins.write("b.c", '#include "other.h"\nint b(void) { return OTHER; }\n')

    assert both_say(twins, "-n").replayed
    assert both_say(twins, "-q").status == 1
    assert twins.both().replayed
    assert twins.both().fresh


def test_files_that_are_linked(tmp_path: Path) -> None:
    """Where SCons would link a changed source anew it is asked itself."""
    script = "SConscript('src/SConscript', variant_dir='build', exports='env')\n"
    files = {
        "SConstruct": HEAD + script,
        "src/SConscript": "Import('env')\nenv.Object('a.c')\n",
        "src/a.c": "int a;\n",
    }
    twins = Twins(tmp_path, files)
    twins.settle()
    twins.remove("src/a.c")
    twins.write("src/a.c", "int a = 1;\n")
    plain, ours = twins.scons("-n"), twins.iscons("-n")

    assert ours.reason == "replay.refuse.option"
    assert plain.seen == ours.seen
