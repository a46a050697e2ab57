"""A debugger finds its way in a program that was linked from a composed object."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from spliced_units import UNIT, Maker, edited, maker

from incremental_tool.model.function_splice import Piece, compose
from incremental_tool.model.object_comparison import differences
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from pathlib import Path

BODY = "{\n int deep = x * 3;\n static int seen = 40; seen++;\n return helper(deep) + seen; }"
WAYS = {
    "gcc": ("gcc", "-O0", "-g", "-fno-ipa-stack-alignment"),
    "gcc, DWARF 4": ("gcc", "-O0", "-gdwarf-4", "-fno-ipa-stack-alignment"),
    "gcc, no unwinding": (
        *("gcc", "-O0", "-g", "-fno-ipa-stack-alignment"),
        "-fno-asynchronous-unwind-tables",
    ),
    "clang": ("clang", "-O0", "-g"),
    "clang, DWARF 4": ("clang", "-O0", "-gdwarf-4"),
}


def spliced(make: Maker) -> tuple[bytes, bytes]:
    """Return the object of a whole compile, and the one that is composed."""
    new = edited(UNIT, "wanted", BODY)
    made = compose(make.compile(UNIT), [Piece(make.piece(new, "wanted"), [b"wanted"])])
    assert isinstance(made, bytes), made
    return make.compile(new), made


def debugged(make: Maker, content: bytes, *commands: str) -> str:
    """Return what gdb says of a program."""
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    make.run(content)
    words = [word for command in commands for word in ("-ex", command)]
    done = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", *words, "linked"],
        cwd=make.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_debug_information_is_as_if_compiled(tmp_path: Path, way: str) -> None:
    """Rows of lines and addresses of variables are what a whole compile says."""
    make = maker(tmp_path, *WAYS[way])
    full, made = spliced(make)

    assert differences(full, made) == []
    assert make.run(made) == make.run(full)


@pytest.mark.parametrize("way", WAYS)
def test_readers_have_no_complaints(tmp_path: Path, way: str) -> None:
    """Of the composed object, readelf complains of no more than of a whole compile's."""
    make = maker(tmp_path, *WAYS[way])
    said = []

    for content in spliced(make):
        (tmp_path / "read.o").write_bytes(content)
        done = subprocess.run(
            ["readelf", "-aW", "--debug-dump", "read.o"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
        assert b"wanted" in done.stdout
        said.append(done.stderr)

    assert said[1] == said[0]


@pytest.mark.parametrize("way", WAYS)
def test_a_debugger_stops_in_replaced_and_in_kept_functions(tmp_path: Path, way: str) -> None:
    """Breakpoints by name and by line, locals, statics and callers are those of the new text."""
    make = maker(tmp_path, *WAYS[way])
    full, made = spliced(make)
    line = UNIT[: UNIT.index("return wanted(local)")].count("\n") + 1
    commands = (
        *("break wanted", f"break unit.c:{line}", "run", "next", "next", "info locals"),
        *("backtrace", "print counter", "print shared", "delete 1", "continue", "info locals"),
        *("backtrace", "info line wanted", "ptype later"),
    )

    wanted = debugged(make, full, *commands)
    said = debugged(make, made, *commands)

    assert "deep" in said
    assert "seen" in said
    assert "1 location" not in said
    assert _without_addresses(said) == _without_addresses(wanted)


def _without_addresses(text: str) -> list[str]:
    return [
        " ".join("at" if word.startswith(("0x", "<")) else word for word in line.split())
        for line in text.splitlines()
        if "process" not in line
    ]


@pytest.mark.parametrize("flags", [["-g3"], ["-g", "-gsplit-dwarf"], ["-g", "-gz"]])
def test_other_debug_information_is_refused(tmp_path: Path, flags: list[str]) -> None:
    """Macros, split and compressed debug information is left to the compiler."""
    make = maker(tmp_path, "gcc", "-O0", *flags)

    made = make.composed("#define ONE 1\n" + UNIT, "#define ONE 1\n" + UNIT, "wanted")

    assert isinstance(made, Reason)
    assert made.id in ("function.refuse.debug-section", "function.refuse.section")


def test_debug_information_in_one_alone_is_refused(tmp_path: Path) -> None:
    """A base with debug information and a piece without do not go together."""
    make = maker(tmp_path, "gcc", "-O0")
    base = make.compile(UNIT, "-g")

    made = compose(base, [Piece(make.piece(UNIT, "wanted"), [b"wanted"])])

    assert made == Reason("function.refuse.debug-section", "only one object has any")


LONGER = (
    "{\n int deep = x * 3;\n\n\n\n static int seen = 40; seen++;\n\n return helper(deep) + seen; }"
)
LINE = UNIT[: UNIT.index("/*BODY wanted*/")].count("\n") + 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("above", [0, 300, 70000])
def test_lines_below_a_longer_function_move(tmp_path: Path, way: str, above: int) -> None:
    """Rows, declarations and breakpoints of functions below follow the text that has grown."""
    make = maker(tmp_path, *WAYS[way])
    old = "\n" * above + UNIT
    new = edited(old, "wanted", LONGER)
    moves = [(above + LINE + 3, 1 << 30, 4)]
    full = make.compile(new)

    made = compose(make.compile(old), [Piece(make.piece(new, "wanted"), [b"wanted"])], moves=moves)

    assert isinstance(made, bytes), made
    assert differences(full, made) == []
    line = new[: new.index("return wanted(local)")].count("\n") + 1
    commands = (f"break unit.c:{line}", "run", "info locals", "up", "info line later")
    commands += ("info scope later", "list later,+1")
    if above < 1000:
        said, wanted = debugged(make, made, *commands), debugged(make, full, *commands)
        assert "local" in said
        assert _without_addresses(said) == _without_addresses(wanted)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_lines_of_a_piece_move_too(tmp_path: Path, compiler: str) -> None:
    """A piece made before a later edit above it says the lines of the newest text."""
    make = maker(tmp_path, *WAYS[compiler])
    first = edited(UNIT, "later", "{ int other_local = 4; return wanted(x + other_local); }")
    early = Piece(make.piece(first, "later"), [b"later"], [(LINE + 3, 1 << 30, 4)])
    base = make.compile(first)
    last = edited(first, "wanted", LONGER)
    late = Piece(make.piece(last, "wanted"), [b"wanted"])

    made = compose(base, [early, late], moves=[(LINE + 3, 1 << 30, 4)])

    assert isinstance(made, bytes), made
    assert differences(make.compile(last), made) == []


def test_a_line_that_outgrows_its_entry_is_refused(tmp_path: Path) -> None:
    """A declaration in a line below 256 that would move beyond has no room for that."""
    make = maker(tmp_path, *WAYS["gcc"])
    old = "\n" * 200 + UNIT

    made = compose(make.compile(old), [], moves=[(205, 1 << 30, 40)])

    assert isinstance(made, Reason)
    assert made.id == "function.refuse.debug-lines"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_rows_that_stay_behind_are_seen(tmp_path: Path, compiler: str) -> None:
    """The comparison tells rows that are one line off."""
    make = maker(tmp_path, *WAYS[compiler])

    told = differences(make.compile("\n" + UNIT), make.compile(UNIT))

    assert any("has other lines" in each for each in told)


PLANTED = {
    "a type": ("static const char *const names", "static const signed char *const names", "names"),
    "a local's name": (" local", " other_name", "later"),
    "a local's type": ("int i, sum = 0", "int i; unsigned sum = 0", "main"),
    "a parameter": ("int later(int x)", "int later(int y)", "later"),
    "a column": ("    counter++;", "     counter++;", "wanted"),
    "a declaration's column": ("int shared = 3", "int  shared = 3", "shared"),
}


@pytest.mark.parametrize("way", ["gcc", "clang"])
@pytest.mark.parametrize("what", PLANTED)
def test_what_is_described_otherwise_is_seen(tmp_path: Path, way: str, what: str) -> None:
    """The comparison tells names, types and places that debuggers would be told differently."""
    make = maker(tmp_path, *WAYS[way])
    before, after, name = PLANTED[what]
    if what == "a declaration's column" and way == "clang":
        pytest.skip("clang does not say in which column something is declared")
    text = UNIT.replace(before, after)
    if what == "a local's name":
        text = text.replace("(local", "(other_name")
    if what == "a parameter":
        text = text.replace("x + 1", "y + 1").replace("switch (x)", "switch (y)")
    assert text != UNIT

    told = differences(make.compile(UNIT), make.compile(text))

    assert any(name in each for each in told), told


@pytest.mark.parametrize("way", ["gcc", "clang", "gcc, DWARF 4", "clang, DWARF 4"])
def test_entries_that_stay_behind_are_seen(tmp_path: Path, way: str) -> None:
    """Lines in entries and rows that should have moved, and did not, are told."""
    make = maker(tmp_path, *WAYS[way])
    new = edited(UNIT, "wanted", LONGER)

    made = compose(make.compile(UNIT), [Piece(make.piece(new, "wanted"), [b"wanted"])])

    assert isinstance(made, bytes), made
    told = differences(make.compile(new), made)
    assert any(each.startswith("later has other lines") for each in told)
    assert any(each.startswith("later is described") for each in told)
    assert any(each.startswith("pointers is said") for each in told)
