"""`incremental-tool compdb`: an entry for each source that is known to be compiled."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.model.answer import Answer, answer_for
from incremental_tool.model.recipe import Action
from incremental_tool.model.snapshot import Snapshot
from incremental_tool.store import last_answer
from incremental_tool.store.snapshot import save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "cd" * 16


class Recorded:
    """A project's folder whose snapshot names the actions that a test adds."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.snapshot = Snapshot()
        self.state = top / ".incremental"
        self.state.mkdir()

    def place(self, name: bytes) -> int:
        """Return a file's number in the snapshot."""
        paths = self.snapshot.files.paths
        return paths.index(name) if name in paths else self.snapshot.files.add(name, os.stat("/"))

    def action(
        self,
        output: bytes,
        sources: Sequence[bytes],
        *steps: bytes,
        kind: bytes = b"compile",
        flags: Sequence[bytes] = (),
    ) -> None:
        """Add an action."""
        places = [self.place(name) for name in sources]
        found = Action(kind, steps, flags, [self.place(output)], places, [])
        self.snapshot.recipe.actions = [*self.snapshot.recipe.actions, found]

    def save(self, key: str = KEY, *, last: bool = True) -> Path:
        """Write the snapshot, of the last run if so wished; returns its file."""
        self.snapshot.recipe.directives = b"\0" * 8 * len(self.snapshot.files.paths)
        save(os.fsencode(self.state / "fresh"), key, self.snapshot)
        if last:
            last_answer.write(str(self.state), last_answer.ANSWERED, "fresh", "", key, ["-Q"])
        return self.state / "fresh" / key

    def entries(self, name: str = "compile_commands.json") -> Any:
        """Return what was written."""
        return json.loads((self.top / name).read_bytes())


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """Return a project without actions."""
    return Recorded(tmp_path)


def test_each_source_of_a_compile_has_an_entry(recorded: Recorded, tool: Any) -> None:
    """Sorted by source; words where they can be told, or else the line; links have no entry."""
    top = str(recorded.top)
    recorded.action(b"o/b.o", [b"b.c"], b"scc b", b'rcc -o o/b.o -c "-DA=\\"x y\\"" b.c')
    recorded.action(b"o/a.o", [b"a.c"], b"rcc -o o/a.o -c `cat flags` a.c")
    recorded.action(b"prog", [b"o/a.o", b"o/b.o"], b"rcc -o prog o/a.o o/b.o", kind=b"link")
    recorded.save()

    ran = tool("--top", top, "compdb")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"{top}/compile_commands.json: 2 entries\n"
    line = "cc -o o/a.o -c `cat flags` a.c"
    words = ["cc", "-o", "o/b.o", "-c", '-DA="x y"', "b.c"]
    assert recorded.entries() == [
        {"directory": top, "file": "a.c", "output": "o/a.o", "command": line},
        {"directory": top, "file": "b.c", "output": "o/b.o", "arguments": words},
    ]


def test_an_equal_file_is_left_as_it_is(recorded: Recorded, tool: Any) -> None:
    """What watches the file sees nothing when nothing has changed; another content replaces it."""
    recorded.action(b"a.o", [b"a.c"], b"rcc -c a.c")
    recorded.save()
    path = recorded.top / "there.json"
    words = ("--top", str(recorded.top), "compdb", "--output", str(path))
    tool(*words)
    before = path.stat()
    tool(*words)
    assert path.stat() == before

    recorded.action(b"b.o", [b"b.c"], b"rcc -c b.c")
    recorded.save()
    tool(*words)
    assert [entry["file"] for entry in recorded.entries("there.json")] == ["a.c", "b.c"]
    assert sorted(os.listdir(recorded.top)) == [".incremental", "there.json"]


def test_bytes_that_are_no_text_come_back(recorded: Recorded, tool: Any) -> None:
    """The file is UTF-8; a byte that is none stands there as the escape that Python makes of it."""
    recorded.action("é.o".encode(), [b"\xff.c"], b"rcc -c \xff.c")
    recorded.save()

    assert tool("--top", str(recorded.top), "compdb").status == 0
    content = (recorded.top / "compile_commands.json").read_bytes()
    (entry,) = recorded.entries()
    assert b'"\\udcff.c"' in content
    assert "é.o" in content.decode()
    assert os.fsencode(entry["file"]) == b"\xff.c"
    assert [os.fsencode(word) for word in entry["arguments"]] == [b"cc", b"-c", b"\xff.c"]


def test_compiles_that_are_not_known_are_counted(recorded: Recorded, tool: Any) -> None:
    """Never seen to run, run in another folder, or from a file that is gone; a script is none."""
    recorded.action(b"a.o", [b"a.c"], b"rcc -c a.c")
    recorded.action(b"b.o", [b"b.cpp"], kind=b"command", flags=[b"unknown"])
    recorded.action(b"c.o", [b"c.c"], b"rcc -c c.c", flags=[b"folder"])
    recorded.action(b"d.o", [b"d.c"], b"rcc @/tmp/words", flags=[b"response-file"])
    recorded.action(b"e", [b"e.py"], kind=b"command", flags=[b"unknown"])
    recorded.save()

    ran = tool("--top", str(recorded.top), "compdb")

    assert ran.status == 0
    assert [entry["file"] for entry in recorded.entries()] == ["a.c"]
    assert "warning: 3 compiles are left out" in ran.err


def test_without_a_record_there_is_one_sentence(recorded: Recorded, tool: Any) -> None:
    """Nothing built, nothing kept, only a reason kept, and another format; nothing is written."""

    def sentence() -> str:
        ran = tool("--top", str(recorded.top), "compdb")
        assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
        assert os.listdir(recorded.top) == [".incremental"]
        return str(ran.err)

    assert "nothing is recorded here" in sentence()
    last_answer.write(str(recorded.state), last_answer.RECORDED, "fresh.new", "", KEY, [])
    assert "the last run was not recorded" in sentence()
    recorded.snapshot.refusals = [("fresh.refuse.clock", "SConstruct, line 3")]
    file = recorded.save()
    assert "SConstruct, line 3 [fresh.refuse.clock]" in sentence()
    file.write_bytes(b"INCFRSH\x01" + file.read_bytes()[8:])
    assert "of another version" in sentence()


def test_the_answer_of_other_arguments_can_be_asked_for(
    recorded: Recorded, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments behind `--` are SCons's, also where the module path is that of `python -m`."""
    monkeypatch.delenv("SCONSFLAGS", raising=False)
    top = str(recorded.top)
    (recorded.top / "SConstruct").touch()
    recorded.action(b"a.o", [b"a.c"], b"rcc -c a.c")
    path = [top, *sys.path[1:]]
    answer = answer_for(["-Q", "debug=1"], os.environ, top, path, os.path.isfile)
    assert isinstance(answer, Answer)
    recorded.save(answer.key, last=False)

    assert tool("--top", top, "compdb", "--", "-k", "debug=1").status == 0
    assert [entry["output"] for entry in recorded.entries()] == ["a.o"]
    assert tool("--top", top, "compdb", "--", "debug=2").status == 1
    assert tool("--top", top, "compdb").status == 1
