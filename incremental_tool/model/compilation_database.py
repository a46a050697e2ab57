r"""Clang's JSON Compilation Database, made of a recipe's actions.

One entry for each source of each compile whose command is known: `directory`, `file`, `output`,
and `arguments`, or `command` where only a shell can tell the words. Sorted by file and
output, so that equal recipes give equal bytes.

JSON is Unicode: bytes of a name that are no UTF-8 become what Python calls surrogate escapes,
byte 0xff for example the six characters `\udcff`, and `os.fsencode` gives the bytes back.

Knows nothing of disks.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from incremental_tool.model.command_line import split_words
from incremental_tool.model.recipe import RUN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from incremental_tool.model.recipe import Action

    class Paths(Protocol):
        """Paths by their index."""

        def __getitem__(self, index: int, /) -> bytes: ...


_LANGUAGES = frozenset(
    (
        *(b".c", b".C", b".cc", b".cpp", b".cxx", b".c++", b".C++", b".m", b".mm"),
        *(b".s", b".S", b".spp", b".SPP", b".sx", b".asm", b".ASM"),
    )
)
"""Suffixes by which SCons takes a source for one to compile: without its command, all that tells
an action's kind."""

_ELSEWHERE = frozenset((b"folder", b"response-file"))
"""Flags of commands that do not stand for themselves: run in a folder that is not recorded, or
reading a file that is gone."""


class CompilationDatabase(NamedTuple):
    """The entries, and how many compiles have none because their commands are not known."""

    entries: list[dict[str, Any]]
    unknown: int

    def as_json(self) -> bytes:
        """Return the file: an entry a line, in UTF-8."""
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in self.entries)
        # Backslash, u, four digits: what Python writes for a lone surrogate is JSON's way, too.
        return f"[\n{lines}\n]\n".encode("utf-8", "backslashreplace")


def database_of(actions: Iterable[Action], paths: Paths, top: str) -> CompilationDatabase:
    """Return the entries of all compiles; `paths` are the snapshot's, from the folder `top`.

    Raises IndexError for an action that names no file of the snapshot.
    """
    found = []
    unknown = 0
    for action in actions:
        if not action.sources or not action.outputs:
            continue
        known = bool(action.command) and _ELSEWHERE.isdisjoint(action.flags)
        if action.kind != b"compile":
            source = paths[action.sources[0]]
            unknown += not action.steps and os.path.splitext(source)[1] in _LANGUAGES
            continue
        if not known or b"unknown" in action.flags:
            unknown += 1
            continue
        output = os.fsdecode(paths[action.outputs[0]])
        for at in action.sources:
            words = _words(action, paths[at])
            entry = {"directory": top, "file": os.fsdecode(paths[at]), "output": output, **words}
            found.append(entry)
    found.sort(key=lambda entry: (str(entry["file"]), str(entry["output"])))
    return CompilationDatabase(found, unknown)


def _words(action: Action, source: bytes) -> dict[str, Any]:
    """Return the `arguments`, or the `command`, that compile a source."""
    lines = [step[1:] for step in action.steps if step[:1] == RUN]
    line = os.fsdecode(next((line for line in lines if source in line), lines[0]))
    words = split_words(line)
    return {"arguments": words} if isinstance(words, list) else {"command": line}
