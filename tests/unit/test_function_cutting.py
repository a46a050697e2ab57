"""Bases are cut behind the build that made them: when, when not, and what an edit then costs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import many_functions
import pytest
from command_bench import Bench
from test_function_compile import Unit
from test_function_probe import Runs, runs

from incremental_tool.engine import function_cutting
from incremental_tool.engine.function_cutting import MAX_CUT, Uncut, pack, perform, unpack
from incremental_tool.model.function_command import FunctionCommand

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["runs"]


class Begun:
    """What builds have begun to cut; each is cut at once if `now`."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[Uncut], bool]] = []
        self.now = True
        self.kept: list[bool] = []

    def begin(self, state: bytes, cache: bytes, uncut: Any, *, wait: bool) -> None:
        """Stand in for the process."""
        self.calls.append((list(uncut), wait))
        packed = unpack(pack(state, cache, uncut))
        assert packed == (state, cache, list(uncut))
        if self.now:
            self.kept += [
                perform(os.path.abspath(state), os.path.abspath(cache), each) for each in uncut
            ]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """Return what stands in for the processes behind builds."""
    found = Begun()
    monkeypatch.setattr(function_cutting, "begin", found.begin)
    return found


@pytest.fixture(params=["gcc -O0 -g", "clang -O0"])
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Unit:
    """Return a unit in the working directory."""
    monkeypatch.chdir(tmp_path)
    compiler, _, options = request.param.partition(" ")
    bench = Bench(tmp_path, INCREMENTAL_BEHIND="1", INCREMENTAL_TOKENS="0")
    return Unit(bench, compiler, options)


def ended(unit: Unit) -> None:
    """End the build."""
    unit.bench.open()


def test_a_first_edit_finds_its_unit_cut(unit: Unit, begun: Begun, runs: Runs) -> None:
    """It is compiled, and nothing is preprocessed."""
    unit.based()
    ended(unit)
    assert begun.kept == [True]
    assert [wait for _, wait in begun.calls] == [False]
    runs.preprocessed.clear()
    unit.made(many_functions.source(plain="  return helper(a) * 17 + SHAPE;"))
    assert runs.preprocessed == []
    unit.runs_as_compiled_whole()
    ended(unit)
    assert len(begun.calls) == 1


def test_a_unit_is_not_cut_when_a_header_has_changed(unit: Unit, begun: Begun) -> None:
    """What was compiled is what must be cut."""
    begun.now = False
    unit.based()
    ended(unit)
    ((uncut,), _) = begun.calls[0]
    unit.bench.write("shape.h", "#define SHAPE 6\n")
    state, cache = (os.path.abspath(unit.bench.cache.settings[at]) for at in (0, 1))
    assert not perform(state, cache, uncut)
    unit.bench.write("shape.h", "#define SHAPE 5\n")
    assert not perform(state, cache, uncut._replace(identity=b"another"))
    assert perform(state, cache, uncut)


def test_nothing_goes_on_behind_a_build_that_may_leave_nothing(unit: Unit, begun: Begun) -> None:
    """With `INCREMENTAL_BEHIND=0` the first edit cuts its unit; with `wait` the build waits."""
    unit.bench.variables["INCREMENTAL_BEHIND"] = "0"
    unit.based()
    ended(unit)
    assert begun.calls == []
    unit.made(many_functions.source(plain="  return helper(a) * 17 + SHAPE;"))
    unit.bench.variables["INCREMENTAL_BEHIND"] = "wait"
    unit.bench.write("shape.h", "#define SHAPE 6\n")
    unit.build(many_functions.source(plain="  return helper(a) * 18 + SHAPE;"))
    unit.build(many_functions.source(plain="  return helper(a) * 19 + SHAPE;"))
    ended(unit)
    assert [wait for _, wait in begun.calls] == [True]


def test_many_bases_at_once_are_not_cut(unit: Unit, begun: Begun) -> None:
    """Where more units have become bases than a person edits, each is cut when it is edited."""
    unit.bench.variables["INCREMENTAL_FUNCTIONS"] = "all"
    unit.bench.open()
    for number in range(MAX_CUT + 1):
        unit.bench.write(f"u{number}.c", many_functions.source())
        words = unit.words.replace("unit.", f"u{number}.")
        assert unit.bench.command(words, f"u{number}.o") == 0
    ended(unit)
    assert begun.calls == []


def test_the_process_cuts_what_it_is_told(unit: Unit, runs: Runs) -> None:
    """The real process, waited for: the edit behind it preprocesses nothing."""
    unit.bench.variables["INCREMENTAL_BEHIND"] = "wait"
    unit.based()
    ended(unit)
    unit.made(many_functions.source(plain="  return helper(a) * 17 + SHAPE;"))
    assert runs.preprocessed == []
    unit.runs_as_compiled_whole()


def test_what_has_gone_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base that nobody has kept is passed over."""
    monkeypatch.chdir(tmp_path)
    command = FunctionCommand("gcc", "u.c", ("gcc",), (), debug=False)
    uncut = Uncut(command, os.fsencode(tmp_path), {}, b"u.o", b"identity")
    assert not perform(os.fsencode(tmp_path / "state"), os.fsencode(tmp_path / "cache"), uncut)
