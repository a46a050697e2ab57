"""Dependency lists are read as the real compilers, assembler and linker write them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.depfile import parse_depfile

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
ODD_NAMES = [
    *("x y.h", "d$l.h", "d$$l.h", "h#h.h", "c:c.h", "e%.h", "a=b.h", "br(x).h", "*s.h", "é.h"),
    *("a  b.h", " lead.h", "sub/in x.h"),
]
# Names that clang writes otherwise than it opens them.
BACKSLASHES = ["b\\b.h", "bs\\ s.h", "two\\\\ s.h", "t\tab.h", "h\\#.h", "bs\\\\\\x.h"]


def written_list(words: list[str], names: list[str], folder: Path) -> list[bytes]:
    """Return the inputs that a program lists for a source including all the names."""
    (folder / "sub").mkdir()
    for name in names:
        (folder / name).write_text("")
    source = "m.s" if words[0] == "as" else "m.c"
    lines = [
        '.include "{}"'.format(name.replace("\\", "\\\\"))
        if source == "m.s"
        else f"#include <{name}>"
        for name in names
    ]
    (folder / source).write_text("\n".join(lines) + "\n")
    subprocess.run([*words, source], cwd=folder, check=True)
    return parse_depfile((folder / "list.d").read_bytes())


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("phony", [[], ["-MP"]])
def test_odd_names_come_back_from_compilers(
    compiler: str,
    phony: list[str],
    tmp_path: Path,
) -> None:
    """Blanks, dollars, hashes and colons survive the compiler's quoting."""
    words = [compiler, "-c", "-I.", "-MD", "-MF", "list.d", *phony, "-o", "m.o"]

    inputs = written_list(words, ODD_NAMES, tmp_path)

    assert inputs[0] == b"m.c"
    assert {os.fsencode(name) for name in ODD_NAMES} <= {
        name.removeprefix(b"./") for name in inputs
    }


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
def test_backslashes_come_back_from_gcc(tmp_path: Path) -> None:
    """Backslashes and tabs survive gcc's quoting."""
    words = ["gcc", "-c", "-I.", "-MD", "-MF", "list.d", "-o", "m.o"]

    inputs = written_list(words, BACKSLASHES, tmp_path)

    assert {os.fsencode(name) for name in BACKSLASHES} <= set(inputs)


def test_odd_names_come_back_from_the_assembler(tmp_path: Path) -> None:
    """Blanks, dollars and backslashes survive the quoting of as."""
    names = [*ODD_NAMES, "b\\b.h", "bs\\ s.h", "two\\\\ s.h"]

    inputs = written_list(["as", "--MD", "list.d", "-o", "m.o"], names, tmp_path)

    assert set(inputs) == {b"m.s", *map(os.fsencode, names)}


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
def test_the_list_of_the_linker_is_read(tmp_path: Path) -> None:
    """The list of ld names objects, archives and start files, its phony rules nothing new."""
    (tmp_path / "m.c").write_text("int main(void) { return 0; }\n")
    for words in (["-c", "m.c", "-o", "m.o"], ["m.o", "-o", "m", "-Wl,--dependency-file=list.d"]):
        subprocess.run(["gcc", *words], cwd=tmp_path, check=True)

    inputs = parse_depfile((tmp_path / "list.d").read_bytes())

    assert b"m.o" in inputs
    assert all(name == b"m.o" or os.path.exists(name) for name in inputs)
    assert len(inputs) == len(set(inputs))


@pytest.mark.parametrize(
    ("content", "inputs"),
    [
        (b"a.o: a.c b.h\n", [b"a.c", b"b.h"]),
        (b"a.o: a.c \\\n b.h \\\n  c.h\n", [b"a.c", b"b.h", b"c.h"]),
        (b"a.o: a.c \\\r\n b.h\r\n", [b"a.c", b"b.h"]),
        (b"a.o: a.c b.h b.h a.c\n", [b"a.c", b"b.h"]),
        (b"a.o: a.c b.h\nb.h:\n", [b"a.c", b"b.h"]),
        (b"a.o: a.c\n\nb.o c.d: b.c x.h a.c\n", [b"a.c", b"b.c", b"x.h"]),
        (b"a.o:\n", []),
        (b"a.o: \\\n  x.o \\\n  y.o\n\nx.o:\n\ny.o:\n", [b"x.o", b"y.o"]),
        (b"C:/x.o: a.c\n", [b"a.c"]),
        (b"a\\ b.o: c\\ d.h $$e \\\n f.h\n", [b"c d.h", b"$e", b"f.h"]),
        (b"a.o: b\\\\\\ c.h d\\\\e.h\n", [b"b\\ c.h", b"d\\\\e.h"]),
        (b"a.o:\ta.c\n", [b"a.c"]),
    ],
)
def test_rules_are_merged(content: bytes, inputs: list[bytes]) -> None:
    """All rules count, continued lines are one, targets and doubles are dropped."""
    assert parse_depfile(content) == inputs


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"a.o: a.c", b"a.o: a.c \\\n b", b"no rule\n", b"a.o: a.c\nrest\n", b"a.o: \0\n"],
)
def test_what_is_no_list_is_corrupt(content: bytes) -> None:
    """Empty, cut off and foreign content is not taken for an empty list."""
    with pytest.raises(CorruptRecord):
        parse_depfile(content)


@given(content=st.binary(max_size=60) | st.text("a: \\\n#$\t.", max_size=30).map(str.encode))
def test_any_bytes_are_read_or_corrupt(content: bytes) -> None:
    """Hostile bytes end in names without line ends or in `CorruptRecord`, nothing else."""
    try:
        inputs = parse_depfile(content)
    except CorruptRecord:
        return
    assert len(inputs) == len(set(inputs))
    assert all(name and b"\n" not in name for name in inputs)
