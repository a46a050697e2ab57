"""Where a replay finds in the middle that SCons must go on, it does as if it had begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins

if TYPE_CHECKING:
    from pathlib import Path


def test_a_generated_header_with_other_includes(tmp_path: Path) -> None:
    """When what was made includes other files than before, SCons goes on from there."""
    twins = Twins(
        tmp_path,
        {
            "SConstruct": HEAD
            + "env.Append(CPPPATH=['.'])\nenv.Command('made.h', 'made.in', 'cp $SOURCE $TARGET')\n"
            + "env.Program('p', ['a.c'])\nenv.Command('q', 'p', 'cp $SOURCE $TARGET')\n",
            "a.c": '#include "made.h"\nint main(void) { return NUMBER; }\n',
            "made.in": "#define NUMBER 0\n",
            "other.h": "#define NUMBER 5\n",
        },
    )
    twins.settle()
    twins.write("made.in", "#define NUMBER 1\n")
    assert twins.both().replayed
    twins.write("made.in", '#include "other.h"\n')
    plain, ours = twins.scons(), twins.iscons()

    assert ours.replayed
    assert ours.reason == "replay.refuse.includes"
    assert plain.seen == ours.seen
    twins.compare()
    twins.check_database()
    twins.write("other.h", "#define NUMBER 6\n")
    told = twins.both()
    assert told.replayed
    assert "gcc -o p" in told.out


@pytest.mark.parametrize("options", [["-Q"], ["-s"], ["-C", "../project"]])
def test_scons_goes_on_as_if_nothing_had_been_said(tmp_path: Path, options: list[str]) -> None:
    """What a replay has said before it ends is not said again; of what it made nothing is said."""
    twins = Twins(
        tmp_path,
        {
            "SConstruct": HEAD
            + "import sys\nprint('reading')\nsys.stderr.write('a warning\\n')\n"
            + "env.Append(CPPPATH=['.'])\nenv.Command('made.h', 'made.in', 'cp $SOURCE $TARGET')\n"
            + "env.Object('a.c')\nenv.Command('i', 'j', 'cp $SOURCE $TARGET')\n",
            "a.c": '#include "made.h"\nint number = NUMBER;\n',
            "made.in": "#define NUMBER 0\n",
            "other.h": "#define NUMBER 5\n",
            "j": "",
        },
    )
    targets = ["i", "made.in", "made.h", "a.o", "i"]
    for _ in range(3):
        plain, ours = twins.scons(*options, *targets), twins.iscons(*options, *targets)
        assert plain.seen == ours.seen
    assert ours.fresh
    twins.write("made.in", '#include "other.h"\n')
    plain, ours = twins.scons(*options, *targets), twins.iscons(*options, *targets)

    assert ours.reason == "replay.refuse.includes"
    assert plain.seen == ours.seen
    twins.compare()
    assert twins.run("SCons", twins.ours, "-q", *targets, PLAIN="1").status == 0


def test_scons_itself_goes_on(tmp_path: Path) -> None:
    """Where the replay was begun by an SConstruct that is being read, nothing is said twice."""
    lines = (
        "env.Command('made.h', 'made.in', 'cp $SOURCE $TARGET')\nenv.Object('a.c', CPPPATH='.')\n"
    )
    files = {"SConstruct": HEAD + lines, "a.c": '#include "made.h"\nint a;\n'}
    twins = Twins(tmp_path, {**files, "made.in": "\n", "other.h": "\n"})
    for _ in range(2):
        told = twins.run("SCons", twins.ours, INCREMENTAL_EXPLAIN="1")
    assert told.fresh
    twins.scons()
    twins.write("made.in", '#include "other.h"\n')
    plain, ours = twins.scons(), twins.run("SCons", twins.ours, INCREMENTAL_EXPLAIN="1")

    assert (ours.replayed, ours.reason) == (True, "replay.refuse.includes")
    assert plain.seen == ours.seen
