"""The macros in force at a line are those that a compiler has there."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.macro_record import MacroRecord, changes_otherwise, macro_record

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
#define ONE 1
#include "in.h"
int a = ONE;
#undef ONE
#define ONE 2
int f(void)
{
#define INSIDE(x) \\
  (x + 1)
  return INSIDE(ONE);
}
#define AFTER JOIN(a, b)
int g(void) { return 0; }
"""
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def record(folder: Path, compiler: str, source: str = SOURCE, *words: str) -> MacroRecord | None:
    """Return the record of a source, made by a compiler."""
    (folder / "unit.c").write_text(source)
    (folder / "in.h").write_text("#define JOIN(a, b) a##b\n\n#define DEEP 3\n")
    made = [
        subprocess.run(
            [compiler, "-E", *words, option, "-x", "c", name],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for option, name in (("-dD", "unit.c"), ("-dM", os.devnull))
    ]
    return macro_record(made[0], b"unit.c", made[1])


@pytest.mark.parametrize("compiler", COMPILERS)
def test_definitions_are_found_with_their_lines(tmp_path: Path, compiler: str) -> None:
    """Each `#define` and `#undef` has its line, that in a header the line of the `#include`."""
    found = record(tmp_path, compiler)
    assert found is not None
    # Those of a header that the compiler includes by itself stand before the first line.
    assert [line for line in found.lines if line] == [1, 2, 2, 4, 5, 8, 12]
    defined = found.between(2, 5).replace(b", b", b",b").replace(b"a ##b", b"a##b")
    assert defined == b"#define JOIN(a,b) a##b\n#define DEEP 3\n#undef ONE\n"
    assert found.between(13, 99) == b""
    assert found.any_on(6, 11)
    assert not found.any_on(6, 7)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_names_and_pasting_macros_are_known(tmp_path: Path, compiler: str) -> None:
    """All names ever defined count, the compiler's and the command's own among them."""
    found = record(tmp_path, compiler, SOURCE, "-DGIVEN=1")
    assert found is not None
    assert {b"ONE", b"DEEP", b"JOIN", b"INSIDE", b"AFTER", b"__LINE__", b"linux"} <= set(
        found.names
    )
    assert set(found.pasting) >= {b"JOIN", b"AFTER"}
    assert not {b"ONE", b"INSIDE"} & set(found.pasting)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_commands_own_macros_are_left_to_the_command(tmp_path: Path, compiler: str) -> None:
    """What `-D` defines is not in the record's text: whoever uses it has the same options."""
    found = record(tmp_path, compiler, SOURCE, "-DGIVEN=1")
    assert found is not None
    assert b"GIVEN" not in found.text
    assert b"__x86_64__" not in found.text


@pytest.mark.parametrize(
    "what",
    [
        b'#pragma push_macro("ONE")',
        b'_Pragma("pop_macro(\\"ONE\\")")',
        b"#pragma GCC poison other",
        b"# assert machine(this)",
        b"#unassert machine",
    ],
)
def test_macros_changed_by_other_means_are_told(what: bytes) -> None:
    """Compilers say nothing of these in what they preprocess, so files are searched for them."""
    assert changes_otherwise(b"int a;\n" + what + b"\n")
    assert not changes_otherwise(b"assert(a);\n#define assert(a) 0\nint poison;\n")


def test_lines_that_go_back_give_no_record(tmp_path: Path) -> None:
    """A #line makes lines that mean nothing."""
    source = '#define A 1\nint a;\n#line 1 "unit.c"\n#define B 1\n'
    found = record(tmp_path, COMPILERS[0], "\n\n\n\n" + source)
    assert found is None
