"""SCons's own actions on files are replayed: they do and say what they do and say in SCons."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = (
    HEAD
    + """
env.Command("copied", "in", [
    Mkdir("new folder/of ${SOURCE}"),
    Copy("$TARGET", "$SOURCE"),
    Copy("new folder", ["$SOURCE", "other"]),
    Touch(["new folder/touched", "$TARGET"]),
    Chmod("$TARGET", "u+x,go-w"),
    Chmod("new folder/in", 0o640),
    "cp $TARGET temporary",
    Move("${TARGET}.moved", "temporary"),
    Delete(["new folder/other", "nowhere"]),
])
env.Command("linked", "in", [Copy("$TARGET", "link"), Delete("folder"), Copy("folder", "tree")])
env.Tool("textfile")
env.Textfile("text", ["one", File("in"), Value("three @WORD@")],
             SUBST_DICT={"@WORD@": "$WORD", "@N@": 7}, WORD="w\\u00f6rd", LINESEPARATOR="|\\n")
env.Substfile("config.h.in", SUBST_DICT=[("@N@", 8)])
env.Command("after", "config.h", Copy("$TARGET", "$SOURCE"))
"""
)
FILES = {
    "SConstruct": SCRIPT,
    "in": "in @WORD@ @N@\n",
    "other": "other\n",
    "tree/leaf": "leaf\n",
    "config.h.in": "#define N @N@\n",
}


def modes(folder: Path) -> dict[str, int]:
    """Return the modes of all files, and what kind each is, by name."""
    return {
        str(path.relative_to(folder)): path.lstat().st_mode
        for path in folder.rglob("*")
        if ".incremental" not in path.parts
    }


def test_actions_on_files(tmp_path: Path) -> None:
    """Copies, links, modes, times, texts: all of it is as after SCons."""
    twins = Twins(tmp_path, FILES)
    for folder in (twins.plain, twins.ours):
        (folder / "link").symlink_to("other")
    twins.settle()
    twins.write("in", "other @WORD@ @N@\nmore")
    twins.write("config.h.in", "#define N @N@ + 1\n")
    told = twins.both()

    assert told.replayed, told.own
    assert "Creating 'text.txt'" in told.out
    assert 'Chmod("copied", "u+x,go-w")' in told.out
    assert modes(twins.plain) == modes(twins.ours)
    assert stat.S_IMODE(os.stat(twins.ours / "new folder/in").st_mode) == 0o640
    assert (twins.ours / "linked").is_symlink()
    assert "other w\u00f6rd 7\nmore" in (twins.ours / "text.txt").read_text()
    assert os.stat(twins.ours / "copied").st_mtime_ns % 1_000_000_000 == 0
    assert twins.both().fresh
    twins.write("in", "\ufeffwith a mark")
    plain, ours = twins.scons(), twins.iscons()
    assert ours.reason == "replay.refuse.function"
    assert (plain.status, ours.status) == (0, 0)
    twins.compare()
    twins.check_database()


def test_errors(tmp_path: Path) -> None:
    """What goes wrong is told as SCons tells it."""
    files = {
        "SConstruct": HEAD
        + 'env.Command(["one", "two"], "in", ["cp $SOURCES one", "cp $SOURCES two", '
        + 'Delete("other/x", must_exist=1)])\n'
        + 'env.Command("three", "in", [Mkdir("other/y"), Copy("$TARGET", "$SOURCE")])\n',
        "in": "1\n",
        "other/x": "2\n",
    }
    twins = Twins(tmp_path, files)
    twins.settle()
    twins.write("other/x", "2\n")
    twins.write("in", "3\n")
    told = twins.both()
    assert (told.replayed, told.status) == (True, 0), told.own
    twins.write("in", "4\n")
    for folder in (twins.plain, twins.ours):
        (folder / "other/y").rmdir()
        (folder / "other/y").write_text("no folder")
    told = twins.both("-k")

    assert (told.replayed, told.status) == (True, 2)
    assert "scons: *** [one] other/x: No such file or directory" in told.err
    assert "scons: *** [three] other/y: File exists" in told.err


@pytest.mark.parametrize(
    "line",
    [
        "env.Command('o', 'i', Action(lambda target, source, env: open('o', 'w').close(), 'x'))",
        "own = Touch.__class__(lambda a: os.mknod(a), str); env.Command('o', 'i', own('o'))",
        "env.Tool('textfile'); env.Textfile('o', File('i'), SUBST_DICT={'a': lambda: 'b'})",
    ],
)
def test_what_is_not_literal(tmp_path: Path, line: str) -> None:
    """Functions of the project, and arguments that are another each time, are for SCons."""
    twins = Twins(tmp_path, {"SConstruct": f"{HEAD}{line}\n", "i": "a\n"})
    for _ in range(4):
        twins.scons()
        if twins.iscons().fresh:
            break
    twins.write("i", "b\n")
    plain, ours = twins.scons(), twins.iscons()

    assert ours.reason in ("replay.refuse.function", "replay.refuse.action")
    assert plain.seen == ours.seen
    twins.compare()
