"""Symbols that several sections of assembly define or declare are one in the program."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from combined_texts import (
    C_FIRST,
    C_SECOND,
    CXX,
    C,
    combined,
    compiled,
    head_of,
    needs_program,
    run,
)

from incremental_tool.model.combined_assembly import suffix_of
from incremental_tool.model.combined_form import FORMS, Clash

if TYPE_CHECKING:
    from pathlib import Path

ASSEMBLY = FORMS["assembly"]
LINES = "-gno-as-loc-support"


@pytest.mark.parametrize("assembler", ["gcc", "clang"])
@pytest.mark.parametrize(
    "options",
    ["-O0", "-O1", "-O2", "-O2 -fcommon -DCOMMON", "-O1 -fPIC", "-O2 -ffunction-sections"],
)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_runs_as_when_compiled_separately(
    tmp_path: Path, compiler: str, options: str, assembler: str
) -> None:
    """Weak and tentative definitions find each other; both assemblers read the file."""
    needs_program(compiler, assembler)
    _agrees(tmp_path, [compiler, "-w", *options.split()], C, assembler)


@pytest.mark.parametrize("assembler", ["gcc", "clang"])
@pytest.mark.parametrize("options", ["-O0 -g", "-O2 -g", "-O1 -g -gdwarf-4"])
def test_lines_for_debuggers(tmp_path: Path, options: str, assembler: str) -> None:
    """What gcc writes for debuggers with a table of its own stands in the one file, too."""
    needs_program("gcc", assembler)
    _agrees(tmp_path, ["gcc", "-w", *options.split(), LINES], C, assembler)


@pytest.mark.parametrize("options", ["-O0", "-O2", "-O1 -fPIC"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_cxx_runs_as_when_compiled_separately(tmp_path: Path, compiler: str, options: str) -> None:
    """Inline functions, templates and their statics stay one thing for all."""
    needs_program(compiler)
    _agrees(tmp_path, [compiler, "-std=c++17", "-w", *options.split()], CXX, compiler)


def _agrees(folder: Path, command: list[str], sources: dict[str, str], assembler: str) -> None:
    (folder / "app.s").write_bytes(combined("assembly", compiled(folder, command, sources)))
    run(assembler, "app.s", "-w", "-o", "one", folder=folder)
    run(*command, *sources, "-o", "separate", folder=folder)
    assert run("./separate", folder=folder) == run("./one", folder=folder)


@pytest.mark.parametrize(
    "compiler", [["aarch64-linux-gnu-gcc"], ["clang", "--target=aarch64-linux-gnu"]]
)
def test_aarch64_is_read_in_its_own_syntax(tmp_path: Path, compiler: list[str]) -> None:
    """There `#` begins a number within a line: names behind it are names."""
    needs_program(compiler[0], "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-nm")
    headers = "int printf(const char *, ...); int puts(const char *);"
    sources = {
        name: text.replace("#include <stdio.h>", headers)
        .replace("#include <setjmp.h>", "typedef long jmp_buf[99]; int setjmp(long *);")
        .replace("longjmp(p, 1)", "puts(p)")
        for name, text in (("first.c", C_FIRST), ("second.c", C_SECOND))
    }
    command = [*compiler, "-O0", "-w", "-fcommon", "-DCOMMON"]
    (tmp_path / "app.s").write_bytes(combined("assembly", compiled(tmp_path, command, sources)))
    run("aarch64-linux-gnu-gcc", "-c", "app.s", "-o", "app.o", folder=tmp_path)
    names = run("aarch64-linux-gnu-nm", "app.o", folder=tmp_path)
    assert f" d counter{suffix_of(b'first.c').decode()}\n" in names
    assert " U counter\n" not in names
    assert " t begin\n" not in names


def test_a_body_follows_from_its_own_text(tmp_path: Path) -> None:
    """Neither other sources nor the order of work change a section; an edit changes one."""
    needs_program("gcc")
    texts = compiled(tmp_path, ["gcc", "-O1", "-g", LINES, "-w"], C)
    edited = {**C, "second.c": C_SECOND.replace("return 990", "return 991")}
    changed = compiled(tmp_path, ["gcc", "-O1", "-g", LINES, "-w"], edited)
    once = {path: ASSEMBLY.prepare(path, text) for path, text in texts.items()}
    after = {path: ASSEMBLY.prepare(path, changed[path]) for path in reversed(changed)}
    assert once[b"first.c"] == after[b"first.c"]
    assert once[b"second.c"].body != after[b"second.c"].body
    assert head_of("assembly", texts) == head_of("assembly", changed)


WEAK = b"\t.weak\tf\n\t.type\tf, @function\nf:\n\tret\n\t.size\tf, .-f\n"
STRONG = b"\t.globl\tf\n\t.type\tf, @function\nf:\n\tret\n"


def test_the_first_weak_definition_stands_for_all() -> None:
    """Unless one is not weak: then that one does."""
    found = head_of("assembly", {b"a": WEAK, b"b": WEAK})
    end = suffix_of(b"a")
    assert found == b"\t.weak\tf\n\t.type\tf, @function\n\t.set\tf, f" + end + b"\n"
    assert head_of("assembly", {b"a": WEAK, b"b": STRONG}) == b""


def test_the_largest_tentative_definition_stands_for_all() -> None:
    """Unless a section has a definition."""
    small, large = b"\t.comm\tx,4,4\n", b"\t.comm\tx,24,16\n"
    assert head_of("assembly", {b"a": small, b"b": large}) == b"\t.comm\tx,24,16\n"
    define = b"\t.globl\tx\nx:\n\t.long\t1\n"
    assert head_of("assembly", {b"a": small, b"b": define}) == b""


def test_what_may_be_absent_is_weak_until_it_is_there() -> None:
    """A weak reference stays one where no section has the symbol."""
    absent = b"\t.weak\tf\n\t.quad\tf\n"
    assert head_of("assembly", {b"a": absent}) == b"\t.weak\tf\n"
    assert head_of("assembly", {b"a": absent, b"b": STRONG}) == b""


def test_one_executable_stack_is_all_sections() -> None:
    """As a linker has it."""
    note = b'\t.section\t.note.GNU-stack,"%s",@progbits\n'
    found = head_of("assembly", {b"a": note % b"", b"b": note % b"x"})
    assert found == b'\t.section\t.note.GNU-stack,"x"\n'


def test_one_suffix_is_a_clash() -> None:
    """The second of two equal paths is to be prepared under another."""
    needs = ASSEMBLY.prepare(b"a", WEAK).needs
    found = ASSEMBLY.head([needs, needs])
    assert isinstance(found, Clash)
    assert found.section == 1


def test_a_head_of_ten_thousand_sections_takes_a_moment() -> None:
    """Half a second is far above what it takes."""
    needs = []
    for each in range(10000):
        text = STRONG.replace(b"f", b"f%d" % each) + WEAK.replace(b"f", b"g")
        needs.append(ASSEMBLY.prepare(b"p%d" % each, text).needs)
    start = time.process_time()
    assert isinstance(ASSEMBLY.head(needs), bytes)
    assert time.process_time() - start < 0.5
