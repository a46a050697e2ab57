"""How much is preprocessed for an edit: nothing, the touched functions, or the thin unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import many_functions
import pytest
from command_bench import Bench
from test_function_compile import Unit

from incremental_tool.engine.function_base import Compiler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from incremental_tool.engine.function_base import Ran


class Runs(NamedTuple):
    """Of each text that was preprocessed or compiled, whether all of the unit was in it."""

    preprocessed: list[bool]
    compiled: list[bool]


@pytest.fixture(params=["gcc", "clang"])
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Unit:
    """Return a unit in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Unit(Bench(tmp_path), request.param, "-O0 -g")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Return what compilers of functions are given from now on."""
    found = Runs([], [])
    run = Compiler.run

    def noting(self: Compiler, argv: Sequence[str]) -> Ran:
        with open(argv[argv.index("-x") + 2], "rb") as file:
            whole = b"int main(void)" in file.read()
        (found.preprocessed if "-E" in argv else found.compiled).append(whole)
        return run(self, argv)

    monkeypatch.setattr(Compiler, "run", noting)
    return found


def ready(unit: Unit, runs: Runs, top: str = "", **bodies: str) -> None:
    """Build a unit until its base has been cut."""
    unit.based(many_functions.source(top=top))
    unit.made(many_functions.source(top=top, says="  return a + 99;", **bodies))
    runs.preprocessed.clear()
    runs.compiled.clear()


def test_a_plain_edit_is_compiled_and_nothing_is_preprocessed(unit: Unit, runs: Runs) -> None:
    """Words and values in place of others cost one run of the compiler, on a part of the unit."""
    ready(unit, runs)
    unit.made(many_functions.source(plain="  return helper(a) * 17 + SHAPE;"))
    assert runs.preprocessed == []
    assert runs.compiled == [unit.compiler == "clang"]  # gcc gets what the function names
    unit.runs_as_compiled_whole()


def test_an_edit_with_a_macro_preprocesses_its_function(unit: Unit, runs: Runs) -> None:
    """The function alone is preprocessed, behind the macros that are in force there."""
    ready(unit, runs)
    unit.made(many_functions.source(plain="  return helper(a) * SHAPE + SHAPE;"))
    assert runs.preprocessed == [False]
    unit.runs_as_compiled_whole()


def test_a_macro_defined_again_above_a_function_is_the_one_it_has(unit: Unit, runs: Runs) -> None:
    """What is in force at the function counts, not what is so at the end."""
    top = "#undef SHAPE\n#define SHAPE (8 - 1)\n"
    ready(unit, runs, top)
    unit.made(many_functions.source(top=top, plain="  return helper(a) - SHAPE * SHAPE;"))
    assert runs.preprocessed == [False]
    unit.runs_as_compiled_whole()


def test_a_macro_with_a_brace_takes_the_whole_unit(unit: Unit, runs: Runs) -> None:
    """Where lines make more than their function, all is compared, and the edit refused."""
    top = "#define ENDS return a; } int another(int a) {\n"
    ready(unit, runs, top)
    text = many_functions.source(top=top, plain="  ENDS return helper(a) + SHAPE;")
    assert unit.refused(text) == "function.refuse.outside"
    assert runs.preprocessed == [False, True]


def test_macros_changed_by_a_pragma_take_the_whole_unit(unit: Unit, runs: Runs) -> None:
    """`#pragma push_macro` leaves no trace, so no function can be preprocessed alone."""
    top = '#pragma push_macro("SHAPE")\n#undef SHAPE\n#define SHAPE 1\n#pragma pop_macro("SHAPE")\n'
    ready(unit, runs, top)
    unit.made(many_functions.source(top=top, plain="  return helper(a) * SHAPE + SHAPE + 1;"))
    assert runs.preprocessed == [True]
    unit.runs_as_compiled_whole()


def test_a_declaration_that_names_its_line_is_noticed(unit: Unit, runs: Runs) -> None:
    """Lines that move under a declaration with `__LINE__` change it: compiled whole."""
    end = "int line = __LINE__;\n"
    unit.based(many_functions.source(end=end))
    text = many_functions.source(end=end, plain="  return helper(a) * 17 + SHAPE;")
    unit.made(text)
    assert unit.refused(text.replace("* 17", "*\n 18")) == "function.refuse.outside"
    assert runs.preprocessed


def test_a_date_in_a_function_is_noticed(unit: Unit, runs: Runs) -> None:
    """What an edit makes the unit ask for is asked of the lines that it touches."""
    ready(unit, runs)
    assert unit.refused(many_functions.source(says="  puts(__DATE__);\n  return a;")) == (
        "function.refuse.source"
    )


def test_an_edit_of_comments_alone_compiles_nothing(unit: Unit, runs: Runs) -> None:
    """A comment in a function is blanks; the object is made of what is there."""
    ready(unit, runs)
    said = many_functions.source().replace("return helper(a)", "return /* why */ helper(a)")
    unit.build(said)
    assert runs.preprocessed == []
    unit.runs_as_compiled_whole()
