"""Commands of the GNU assembler are understood as it understands them, or refused."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.assembler_command import (
    AssembleCommand,
    assembler_dependency_words,
    is_assembler,
    parse_assemble,
)
from incremental_tool.model.depfile import parse_depfile
from incremental_tool.model.imports import find_imports
from incremental_tool.model.include_search import assembler_absent
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "src/a.s": '.include "one.inc"\n.incbin "data.bin"\nnop\n.include "src/two.inc"\n',
    "i1/one.inc": '.include "three.inc"\n',
    "i2/three.inc": "nop\n",
    "i2/data.bin": "data",
    "src/two.inc": '.macro read name\n.include "\\name"\n.endm\nread four.inc\n',
    "i1/four.inc": "nop\n",
}


def parse(line: str) -> AssembleCommand:
    """Return the command of a line that must be understood."""
    answer = parse_assemble(line.split())
    assert isinstance(answer, AssembleCommand), answer
    return answer


def lay_out(folder: Path) -> None:
    """Write the sources."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)


def test_a_command_is_read_in_full() -> None:
    """Every word lands in its field."""
    command = parse("x86_64-linux-gnu-as --64 -g -I inc -I/abs --MD a.d --defsym X=1 a.s -o a.o")

    assert command.source == "a.s"
    assert command.output == "a.o"
    assert command.include_dirs == ("inc", "/abs")
    assert command.depfile == "a.d"
    assert command.extra_outputs == ("a.d",)
    assert command.probe_words == ("--64",)
    assert command.absolute_paths == ("/abs",)
    assert command.names_directory
    assert assembler_dependency_words(command, "t.d") == ()
    assert assembler_dependency_words(parse("as a.s -o a.o"), "t.d") == ("--MD", "t.d")


@pytest.mark.parametrize("name", ["as", "/usr/bin/as", "gas", "arm-none-eabi-as", "as-2.40"])
def test_assemblers_are_known_by_name(name: str) -> None:
    """Prefixed, versioned and absolute names count."""
    assert is_assembler(name)


@pytest.mark.parametrize("name", ["llvm-as", "nasm", "yasm", "gcc", "ast", "", "as.py"])
def test_other_programs_are_no_assemblers(name: str) -> None:
    """Programs that only end alike do not count."""
    assert not is_assembler(name)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("as a.s b.s -o a.o", "several-sources"),
        ("as a.s", "no-output"),
        ("as -o a.o", "stdin"),
        ("as - -o a.o", "stdin"),
        ("as a.s -o -", "stdout"),
        ("as a.s -o /dev/null", "stdout"),
        ("as @x -o a.o", "response-file"),
        ("as a.s -o @x", "response-file"),
        ("as -al=list a.s -o a.o", "option"),
        ("as -a a.s -o a.o", "option"),
        ("as --statistics a.s -o a.o", "option"),
        ("as --debug-prefix-map a=b a.s -o a.o", "option"),
        ("as -mcpu=native a.s -o a.o", "option"),
        ("as -D a.s -o a.o", "option"),
        ("as --MD x --MD y a.s -o a.o", "option"),
        ("as a.s -o a.o -o b.o", "option"),
        ("as a.s -o", "option"),
        ("ld a.o -o a", "not-recognised"),
    ],
)
def test_what_is_not_followed_is_refused(line: str, reason: str) -> None:
    """Listings, streams, response files and unknown options have their reasons."""
    answer = parse_assemble(line.split())

    assert isinstance(answer, Reason)
    assert answer.id == f"zir.refuse.{reason}"
    assert answer.id in REASONS


def test_the_list_names_every_file_that_as_reads(tmp_path: Path) -> None:
    """--MD lists files of .include and .incbin, and the object stays the same."""
    lay_out(tmp_path)
    command = parse("as -I i1 -I i2 src/a.s -o a.o")
    subprocess.run(command.words, cwd=tmp_path, check=True)
    plain = (tmp_path / "a.o").read_bytes()

    words = [*command.words, *assembler_dependency_words(command, "list.d")]
    subprocess.run(words, cwd=tmp_path, check=True)

    listed = parse_depfile((tmp_path / "list.d").read_bytes())
    assert {os.path.normpath(os.fsdecode(name)) for name in listed} == set(FILES)
    assert plain == (tmp_path / "a.o").read_bytes()


def test_places_where_as_looked_in_vain_are_known(tmp_path: Path) -> None:
    """A file that would be read instead was reported, and no other place matters."""
    lay_out(tmp_path)
    words = ["as", "-I", "i1", "-I", "i2", "src/a.s", "-o", "a.o", "--MD", "list.d"]
    subprocess.run(words, cwd=tmp_path, check=True)
    before = (tmp_path / "a.o").read_bytes()
    dependencies = parse_depfile((tmp_path / "list.d").read_bytes())
    found = {
        path: find_imports((tmp_path / os.fsdecode(path)).read_bytes(), assembler=True)
        for path in dependencies
    }
    reported = assembler_absent([b"i1", b"i2"], b"src/a.s", dependencies, found)
    absent = {os.path.normpath(os.fsdecode(path)) for path in reported}
    mattered = set()

    for folder in (".", "src", "i1", "i2"):
        for name in ("one.inc", "two.inc", "three.inc", "four.inc", "data.bin"):
            place = tmp_path / folder / name
            if not place.exists():
                place.write_text(".byte 1,2,3,4,5,6,7,8\n")
                subprocess.run(words, cwd=tmp_path, check=True)
                if (tmp_path / "a.o").read_bytes() != before:
                    mattered.add(os.path.normpath(f"{folder}/{name}"))
                place.unlink()

    assert mattered <= absent
    assert {"one.inc", "three.inc", "i1/three.inc", "data.bin", "four.inc"} <= mattered
    assert not {"src/one.inc", "src/three.inc", "i2/one.inc"} & absent


def test_without_g_a_line_directive_names_the_directory(tmp_path: Path) -> None:
    """Objects of a source with .loc differ between directories, as `names_directory` says."""
    objects = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.s").write_text('.file 1 "x.c"\n.loc 1 1\nnop\n')
        command = parse("as a.s -o a.o")
        subprocess.run(command.words, cwd=tmp_path / name, check=True)
        objects.append((tmp_path / name / "a.o").read_bytes())

    assert command.names_directory
    assert objects[0] != objects[1]
