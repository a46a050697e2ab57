"""Functions of optimised units: what one holds does not reach the code of another."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import leaking_programs
import many_functions
import pytest
from command_bench import ENVIRONMENT, Bench
from leaking_programs import PROGRAMS, version

from incremental_tool.engine import function_compile
from incremental_tool.model.elf_object import ElfObject, placed_functions
from incremental_tool.model.function_command import CONTAINED, SECTIONS
from incremental_tool.model.object_comparison import differences

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = {
    "address lost": "function.refuse.address",
    "addrtaken": "function.refuse.address",
    "cold": "function.refuse.linkage",
    "index": "function.refuse.address",
    "macro name": "function.refuse.outside",
    "optimize attribute": "function.refuse.optimised",
    "optimize pragma": "function.refuse.optimised",
    "shadow": "function.refuse.address",
    "unlikely": "function.refuse.linkage",
}
"""Programs whose edits are compiled whole; those of all others are not."""


def _gcc_is_measured() -> bool:
    if shutil.which("gcc") is None:
        return False
    machine, release = (
        subprocess.run(["gcc", asked], check=True, stdout=subprocess.PIPE, text=True).stdout
        for asked in ("-dumpmachine", "-dumpfullversion")
    )
    return machine.startswith("x86_64-") and release.startswith("12.")


pytestmark = pytest.mark.skipif(
    not _gcc_is_measured(), reason="gcc 12 for x86-64 alone is known well enough"
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a project in the working directory, with functions of optimised units."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(function_compile, "MIN_SOURCE", 1)
    return Bench(tmp_path, INCREMENTAL_FUNCTIONS_OPTIMISED="1")


def build(bench: Bench, text: str, words: str) -> dict[str, int]:
    """Build a text as a new build does; return what was counted."""
    bench.write("unit.c", text)
    bench.open()
    assert bench.command(words, "unit.o") == 0
    return bench.cache.statistics.counts


def compiled_whole(words: str, *more: str) -> bytes:
    """Compile the unit with further words; return its object."""
    argv = [*words.replace("-o unit.o", "-o whole.o").split(), *more]
    subprocess.run(argv, check=True, env=ENVIRONMENT)
    with open("whole.o", "rb") as file:
        return file.read()


def printed(name: str) -> bytes:
    """Link an object with the main program, and return what that prints."""
    subprocess.run(["gcc", "-o", "program", name, "main.o"], check=True, env=ENVIRONMENT)
    return subprocess.run(["./program"], check=True, stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, "-O2") for name in PROGRAMS),
        *((name, "-O3 -fPIC") for name in WHOLE),
        *((name, "-Os -fcf-protection=full") for name in WHOLE),
        ("vector align", "-O3 -mavx2"),
        ("inline", "-O1"),
    ],
)
def test_a_function_that_changes_reaches_no_other(bench: Bench, name: str, options: str) -> None:
    """After an edit the object is the one that a full compile makes, and so is the program."""
    words = f"gcc {options} -w -c -o unit.o unit.c"
    bench.write("main.c", leaking_programs.MAIN)
    subprocess.run(["gcc", "-c", "main.c"], check=True, env=ENVIRONMENT)
    build(bench, version(PROGRAMS[name], new=False), words)
    counts = build(bench, version(PROGRAMS[name], new=True), words)
    reasons = [reason for reason in bench.reasons() if reason.startswith("function.")]
    assert reasons == [WHOLE.get(name, "function.made")]
    assert bool(counts.get("by_function")) == (name not in WHOLE)
    whole = compiled_whole(words, SECTIONS, *CONTAINED)
    assert differences(whole, bench.read("unit.o")) == []
    made = printed("unit.o")
    compiled_whole(words)
    assert made == printed("whole.o")


def others(words: str, text: str, more: tuple[str, ...]) -> dict[bytes, bytes]:
    """Compile a text; return the code of each function but `F`."""
    with open("unit.c", "w", encoding="ascii") as file:
        file.write(text)
    read = ElfObject(compiled_whole(words, *more))
    return {
        name: read.bytes_of(index)
        for index, name in enumerate(read.section_names)
        if name.startswith(b".text.") and not name.endswith(b".F")
    }


def test_without_the_words_most_programs_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optimiser left alone lets `F` reach others in most programs, a contained one in few."""
    monkeypatch.chdir(tmp_path)
    words = "gcc -O2 -w -c -o unit.o unit.c"
    leaks = {}
    for more in ((SECTIONS,), (SECTIONS, *CONTAINED)):
        leaks[more] = [
            name
            for name, program in PROGRAMS.items()
            if others(words, version(program, new=False), more)
            != others(words, version(program, new=True), more)
        ]
    alone, contained = leaks.values()
    assert len(alone) > len(PROGRAMS) / 2
    assert set(contained) <= WHOLE.keys()
    assert contained


def test_a_first_build_is_what_the_words_make(bench: Bench) -> None:
    """Byte for byte the object is that of the user's command with the words, and is stored."""
    words = "gcc -O2 -c -o unit.o unit.c"
    bench.write("shape.h", "#define SHAPE 5\n")
    assert build(bench, many_functions.source(), words)["stored"] == 1
    assert bench.read("unit.o") == compiled_whole(words, SECTIONS, *CONTAINED)
    (bench.folder / "unit.o").unlink()
    assert build(bench, many_functions.source(), words)["hits"] == 1


def test_the_first_edit_is_made_of_functions(bench: Bench) -> None:
    """Each whole compile is a base, so that no edit has to come before the first quick one."""
    words = "gcc -O2 -c -o unit.o unit.c"
    bench.write("shape.h", "#define SHAPE 5\n")
    build(bench, many_functions.source(), words)
    counts = build(bench, many_functions.source(plain="  return helper(a) * 9;"), words)
    assert (counts["by_function"], counts["functions_compiled"]) == (1, 1)
    whole = compiled_whole(words, SECTIONS, *CONTAINED)
    assert differences(whole, bench.read("unit.o")) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("gcc -O2 -g -c -o unit.o unit.c", "function.refuse.optimised"),
        ("gcc -O2 -fexceptions -c -o unit.o unit.c", "function.refuse.exceptions"),
        ("gcc -O2 -fopenmp -c -o unit.o unit.c", "function.refuse.option"),
    ],
)
def test_what_cannot_be_contained_is_compiled_by_the_users_command(
    bench: Bench, words: str, told: str
) -> None:
    """Where functions cannot be replaced no word is added, and the object is the plain one."""
    bench.write("shape.h", "#define SHAPE 5\n")
    build(bench, many_functions.source(), words)
    assert told in bench.reasons()
    assert bench.read("unit.o") == compiled_whole(words)


def test_functions_that_are_placed_apart_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a function that runs first, last, often or hardly ever, gcc's section tells the name."""
    monkeypatch.chdir(tmp_path)
    text = (
        "int main(void) { return 0; }\nvoid abort(void);\n"
        "__attribute__((hot)) int often(void) { return 1; }\nint startup(void) { return 2; }\n"
        "void never(void) { abort(); }\n"
        "int partly(int a) { if (a) abort(); return a; }\n"
    )
    words = ["gcc", "-O2", SECTIONS, *CONTAINED, "-c", "-o", "placed.o", "-x", "c", "-"]
    subprocess.run(words, check=True, input=text.encode(), env=ENVIRONMENT)
    with open("placed.o", "rb") as file:
        placed = placed_functions(file.read())
    likely = {b"main", b"often", b"startup", b"partly"}
    assert placed == {**dict.fromkeys(likely, False), b"never": True}
    assert placed_functions(b"no object") == {}


def test_other_units_are_as_they_were(bench: Bench) -> None:
    """A unit that is not optimised is compiled without the words, also after an edit."""
    words = "gcc -O0 -c -o unit.o unit.c"
    bench.write("shape.h", "#define SHAPE 5\n")
    build(bench, many_functions.source(), words)
    assert bench.read("unit.o") == compiled_whole(words)
