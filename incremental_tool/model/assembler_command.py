"""Read one command of the GNU assembler: its source, output and dependency list.

The rule is that of `compile_command`: every file read or written is known, or
the command is refused by name.

What GNU as 2.40 does (the tests run it):

* `--MD` lists the source and every file read by .include and .incbin, and
  changes no byte of the object.
* A relative name in .include is looked for in the working directory, then in
  the -I folders; the folder of the including file is not searched.
* The working directory goes into the object with `-g`, and without it too as
  soon as the source holds a `.loc` of its own. So it always counts.

Knows nothing of `as` run by a compiler driver: that is a compile.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.option import absolute_paths
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


class AssembleCommand(NamedTuple):
    """One understood command of the assembler; paths are as the command writes them."""

    driver: str
    words: tuple[str, ...]
    source: str
    output: str
    include_dirs: tuple[str, ...]
    depfile: str  # the list that the user's own --MD writes, or ""
    extra_outputs: tuple[str, ...]
    probe_words: tuple[str, ...]
    names_directory: bool
    absolute_paths: tuple[str, ...]


# llvm-as reads another language; nasm and yasm have no dash before "as".
_DRIVER = lazily(r"(?:.*/)?(?!llvm-)(?:[\w.+-]+-)?g?as(?:-[0-9][0-9.]*)?", re.DOTALL)
_PLAIN = lazily(
    r"-g|--gen-debug|--g?stabs\+?|--gdwarf-(?:[2-5]|cie-version=\d|sections)|--gsframe|-J|-K|-L|-R|-W"
    r"|-Z|-X|-w|-k|-f|-nocpp|-Qy|-Qn|--alternate|--keep-locals|--(?:no)?execstack|--no-?warn|--warn"
    r"|--fatal-warnings|--(?:no)?compress-debug-sections(?:=[\w-]+)?|--size-check=\w+"
    r"|--elf-stt-common=\w+|--generate-missing-build-notes=\w+|--sectname-subst|-no-pad-sections"
    r"|--no-pad-sections|--reduce-memory-overheads|--strip-local-absolute|--traditional-format"
    r"|--hash-size=\d+|--multibyte-handling=[\w-]+",
)
_TARGET = lazily(r"--(?:32|64|x32|divide)|-m(?!ri)(?!.*native)[\w.+=,-]+|-E[BL]")


def is_assembler(word: str) -> bool:
    """Whether a program's name is one of the GNU assembler."""
    return "as" in word and _DRIVER.fullmatch(word) is not None


def parse_assemble(words: Sequence[str]) -> AssembleCommand | Reason:
    """Return what a command of the assembler reads and writes, or why it cannot be cached."""
    if not words or not is_assembler(words[0]):
        return Reason("zir.refuse.not-recognised", words[0] if words else "")
    found = {"source": "", "output": "", "depfile": ""}
    include_dirs: list[str] = []
    probe_words: list[str] = []
    absolute: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        field, value = "", ""
        if word[:1] == "@":
            return Reason("zir.refuse.response-file", word)
        if word in ("-", "--"):
            return Reason("zir.refuse.stdin", word)
        if word[:1] != "-":
            field, value = "source", word
        elif word in _FIELDS:
            field, value = _FIELDS[word], next(rest, "")
        elif word.startswith("--MD="):
            field, value = "depfile", word[5:]
        elif word.startswith("-I"):
            field, value = "include_dirs", word[2:]
        elif _TARGET.fullmatch(word):
            probe_words.append(word)
            continue
        elif _PLAIN.fullmatch(word) or re.fullmatch(r"--defsym=\w+=\w+", word):
            continue
        else:
            return Reason("zir.refuse.option", word)
        if not value or value[0] == "@":
            return Reason("zir.refuse.response-file" if value else "zir.refuse.option", word)
        if field != "symbol":
            absolute += absolute_paths(value)
        if field == "include_dirs":
            include_dirs.append(value)
        elif field == "source" and found["source"]:
            return Reason("zir.refuse.several-sources", value)
        elif found.get(field):
            return Reason("zir.refuse.option", f"{word} {value}")
        elif field != "symbol":
            found[field] = value
    if not found["source"]:
        return Reason("zir.refuse.stdin")
    if not found["output"]:
        return Reason("zir.refuse.no-output")
    for name in ("output", "depfile"):
        if found[name] == "-" or found[name].startswith("/dev/"):
            return Reason("zir.refuse.stdout", found[name])
    return AssembleCommand(
        driver=words[0],
        words=tuple(words),
        source=found["source"],
        output=found["output"],
        include_dirs=tuple(include_dirs),
        depfile=found["depfile"],
        extra_outputs=(found["depfile"],) if found["depfile"] else (),
        probe_words=tuple(probe_words),
        names_directory=True,
        absolute_paths=tuple(absolute),
    )


_FIELDS = {
    "-o": "output",
    "--MD": "depfile",
    "-I": "include_dirs",
    "--defsym": "symbol",
}


def assembler_dependency_words(command: AssembleCommand, depfile: str) -> tuple[str, ...]:
    """Return the words to append so that all inputs come to be listed in `depfile`."""
    return () if command.depfile else ("--MD", depfile)
