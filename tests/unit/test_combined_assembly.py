"""Assembly of several sources in one file makes the program that separate objects make."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from combined_programs import CXX, MAIN, PROGRAMS, SHARED

from incremental_tool.model.combined_assembly import head, prepare, suffix_of
from incremental_tool.model.combined_form import FORMS

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = ["-O0", "-O2 -fPIC", "-O1 -ffunction-sections -fdata-sections", "-O2 -g"]
WAYS = [
    *(("gcc", options) for options in OPTIONS),
    *(("clang", options) for options in OPTIONS if "-g" not in options),
]
LINES = "-gno-as-loc-support"


def require(program: str) -> None:
    """Skip a test without a compiler."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")


def run(*argv: str) -> str:
    """Run a command; return what it printed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def compiled(compiler: str, options: list[str], sources: list[Path]) -> list[bytes]:
    """Return what a compiler makes of sources."""
    texts = []
    for source in sources:
        made = source.with_suffix(".s")
        run(compiler, *options, "-S", "-o", str(made), str(source))
        texts.append(made.read_bytes())
    return texts


def combined(texts: list[bytes]) -> bytes:
    """Return the file that is made of texts, with markers between."""
    sections = []
    for number, text in enumerate(texts):
        made = prepare(b"src/%d.c" % number, text)
        assert not isinstance(made, str), made
        sections.append(made)
    start = head([one.needs for one in sections])
    assert isinstance(start, bytes), start
    marked = [b"# ==== FILE: %d ====\n" % at + one.body for at, one in enumerate(sections)]
    return start + b"".join(marked)


def check(folder: Path, compiler: str, options: list[str], sources: list[Path]) -> None:
    """Compare what the program prints with the one that is linked of objects."""
    one = folder / "all.s"
    one.write_bytes(combined(compiled(compiler, options, sources)))
    run(compiler, *options, "-c", "-o", str(folder / "all.o"), str(one))
    run(compiler, "-o", str(folder / "combined"), str(folder / "all.o"))
    plain = [option for option in options if option != LINES]
    run(compiler, *plain, "-o", str(folder / "separate"), *map(str, sources))
    assert run(str(folder / "combined")) == run(str(folder / "separate"))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("compiler", "options"), WAYS)
def test_programs_of_c(tmp_path: Path, compiler: str, name: str, options: str) -> None:
    """Whatever names collide, the program prints what it prints made of objects."""
    require(compiler)
    sources = []
    for number, text in enumerate([*PROGRAMS[name], MAIN]):
        sources.append(tmp_path / f"s{number}.c")
        sources[-1].write_text(text)
    words = [*options.split(), *([LINES] if "-g" in options else [])]
    check(tmp_path, compiler, words, sources)


@pytest.mark.parametrize(("compiler", "options"), WAYS)
def test_programs_of_cxx(tmp_path: Path, compiler: str, options: str) -> None:
    """Inline functions, templates, virtual tables, exceptions: each has one definition."""
    require(compiler)
    compiler = {"gcc": "g++", "clang": "clang++"}[compiler]
    (tmp_path / "shared.h").write_text(SHARED)
    sources = []
    for number, text in enumerate(CXX):
        sources.append(tmp_path / f"s{number}.cc")
        sources[-1].write_text(text)
    words = ["-std=c++17", *options.split(), *([LINES] if "-g" in options else [])]
    check(tmp_path, compiler, words, sources)


def test_what_clang_makes_for_debuggers_is_refused(tmp_path: Path) -> None:
    """It leaves the table of lines to the assembler, and cannot do otherwise."""
    require("clang")
    source = tmp_path / "a.c"
    source.write_text(MAIN)
    (text,) = compiled("clang", ["-g"], [source])
    made = prepare(b"a.c", text)
    assert isinstance(made, str)
    assert "number its lines" in made


def test_gdb_finds_lines_of_both(tmp_path: Path) -> None:
    """Each source's functions have their own file and line in the debugger."""
    require("gdb")
    sources = []
    for number, text in enumerate([*PROGRAMS["statics, strings, labels and types"], MAIN]):
        sources.append(tmp_path / f"s{number}.c")
        sources[-1].write_text(text)
    check(tmp_path, "gcc", ["-O0", "-g", LINES], sources)
    words = ["-batch", "-ex", "info line first", "-ex", "info line second"]
    told = run("gdb", *words, str(tmp_path / "combined"))
    assert 'Line 7 of "' in told
    assert "s0.c" in told
    assert "s1.c" in told


def test_a_section_is_a_function_of_its_path_and_text() -> None:
    """The same path and text make the same section; another path makes other names."""
    text = b"\t.text\nown:\n\tjmp\t.L2\n.L2:\n\tret\n"
    one, other = prepare(b"a.c", text), prepare(b"b.c", text)
    assert one == prepare(b"a.c", text)
    assert not isinstance(one, str)
    assert not isinstance(other, str)
    assert one.body.replace(suffix_of(b"a.c"), suffix_of(b"b.c")) == other.body


def test_only_names_are_renamed() -> None:
    """Registers, instructions, strings, comments, sections and global names stay."""
    text = (
        b'\t.file\t"a.c"\n\t.text\n\t.globl\tmain\nmain:\n\tcall\trax@PLT\n'
        b"\tmovl\t%rax, ret(%rip)\n"
        b'\tmovl\t$ret, %eax # ret\n\tret\n\t.section\tret,"aw"\nret:\n\t.string\t"ret \\" ret"\n'
        b"\t.local\trax\n\t.comm\trax,4,4\n\t.quad\tret+8-main\n"
    )
    made = prepare(b"a.c", text)
    assert not isinstance(made, str)
    end = suffix_of(b"a.c")
    expected = (
        b"\t.text\n\t.text\n\t.globl\tmain\nmain:\n\tcall\trax%s@PLT\n"
        b"\tmovl\t%%rax, ret%s(%%rip)\n\tmovl\t$ret%s, %%eax # ret\n\tret\n"
        b'\t.section\tret,"aw"\nret%s:\n\t.string\t"ret \\" ret"\n'
        b"\t.local\trax%s\n\t.comm\trax%s,4,4\n\t.quad\tret%s+8-main\n"
    ) % ((end,) * 7)
    assert made.body == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\t.intel_syntax noprefix\n", "Intel's syntax"),
        (b"\t.thumb\n", "neither for x86-64 nor for AArch64"),
        (b"#APP\n\t.macro a\n", "macros"),
        (b'\t.include "x"\n', "macros or includes"),
        (b"\t.symver a,a@V\n", "versions"),
        (b'\t.section\t.gnu.lto_x,"e"\n', "link-time"),
        (b'\t.section\t.x,"ao",@progbits,.text\n', "linked to others"),
        (b'\t.file 1 "a.c"\n', "number its lines"),
        (b"\t.loc 1 2 3\n", "number its lines"),
        (b"#APP\nnop; .macro x\n", "macros"),
        (
            b'\t.section\t.text.f,"axG",@progbits,f,comdat\n\t.weak\tf\nf:\n\t.previous\n',
            "goes back",
        ),
    ],
)
def test_what_is_refused(text: bytes, why: str) -> None:
    """Each refusal is a sentence."""
    made = prepare(b"a.c", text)
    assert isinstance(made, str)
    assert why in made


def _needs(path: bytes, text: bytes) -> bytes:
    made = prepare(path, text)
    assert not isinstance(made, str)
    return made.needs


def test_sections_that_cannot_stand_together() -> None:
    """Two definitions of one symbol, and different tables of frames, are told."""
    define = b"\t.globl\tf\nf:\n\tret\n"
    group = b'\t.section\t.text.f,"axG",@progbits,f,comdat\n\t.weak\tf\nf:\n\tret\n'
    for one, other, why in (
        (define, define, "f is defined by a.c and by b.c"),
        (b"\t.cfi_sections\t.debug_frame\n", b"\tret\n", ".cfi_sections"),
    ):
        found = head([_needs(b"a.c", one), _needs(b"b.c", other)])
        assert isinstance(found, str)
        assert why in found
    assert isinstance(head([_needs(b"a.c", group), _needs(b"b.c", group)]), bytes)
    assert head([_needs(b"a.c", define)] * 2) == "a.c and a.c have one suffix of names"


def test_the_form_is_known() -> None:
    """The combiner finds it by its name."""
    made = FORMS["assembly"].prepare(b"a.c", b"a:\n\tret\n")
    assert not isinstance(made, str)
    assert FORMS["assembly"].head([made.needs]) == b""
