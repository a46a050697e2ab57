"""Objects made of functions are compared with full compiles after the build, in the background."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import many_functions
import msgpack
import pytest
from command_bench import Bench
from test_function_compile import Unit

from incremental_tool.cli import main
from incremental_tool.engine import function_check, function_compile, function_cutting
from incremental_tool.engine.function_check import (
    AS_EXPECTED,
    FAILED,
    MAX_WAITING,
    MOVED,
    WAITING,
    is_off,
    perform,
)
from incremental_tool.engine.settings import SAMPLE, settings_for

if TYPE_CHECKING:
    from pathlib import Path

EDITED = many_functions.source(plain="  return helper(a) * 9 - SHAPE;")
STATE = b".incremental"


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    """Return a unit with a base, all of whose objects are to be compared after the build."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("incremental_tool.engine.settings.SAMPLE", 1.0)
    monkeypatch.setattr(function_compile, "begin", lambda *_: None)
    monkeypatch.setattr(function_cutting, "begin", lambda *_, **__: None)
    made = Unit(Bench(tmp_path, INCREMENTAL_VERIFY="", INCREMENTAL_BEHIND="1"), "gcc", "-O0")
    made.based()
    return made


def waiting() -> list[str]:
    """Return what waits to be compared."""
    return os.listdir(os.path.join(os.fsdecode(STATE), os.fsdecode(WAITING)))


def test_the_default_is_a_small_share_after_the_build(tmp_path: Path) -> None:
    """Nobody waits for a comparison but those who ask for it."""
    default = settings_for(os.fspath(tmp_path), {}, {})
    assert (default.verify, default.verify_later) == (SAMPLE, True)
    chosen = settings_for(os.fspath(tmp_path), {"INCREMENTAL_VERIFY": "0.5"}, {})
    assert (chosen.verify, chosen.verify_later) == (0.5, False)
    off = settings_for(os.fspath(tmp_path), {}, {"INCREMENTAL_VERIFY": "0"})
    assert (off.verify, off.verify_later) == (0.0, False)
    alone = settings_for(os.fspath(tmp_path), {"INCREMENTAL_BEHIND": "0"}, {})
    assert (alone.verify, alone.verify_later) == (SAMPLE, False)


def test_a_right_object_is_found_right(unit: Unit) -> None:
    """What waits is compiled whole and compared, once; the level stays on."""
    unit.made(EDITED)
    assert len(waiting()) == 1
    (path,) = waiting()
    assert os.stat(os.path.join(STATE, WAITING, os.fsencode(path))).st_mode & 0o077 == 0
    assert perform(os.path.abspath(STATE), 0o022) == [("unit.o", AS_EXPECTED)]
    assert waiting() == []
    assert is_off(STATE) is None
    assert perform(os.path.abspath(STATE), 0o022) == []


def test_a_wrong_object_goes_and_turns_the_level_off(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both objects are kept, the wrong one is removed, and the next build makes it whole."""
    monkeypatch.setattr(function_compile, "compose", lambda base, *_, **__: base)
    unit.made(EDITED)
    unit.bench.cache.commit()
    unit.bench.cache.close()
    ((name, said),) = perform(os.path.abspath(STATE), 0o022)
    assert name == "unit.o"
    assert "plain" in said
    assert not os.path.exists("unit.o")
    assert len([each for each in os.listdir(STATE) if each.startswith(b"differs-")]) == 2
    assert is_off(STATE) == said
    assert unit.refused(EDITED + "/* again */\n") == "function.refuse.disabled"
    assert any(said in told for told in unit.bench.told)
    unit.runs_as_compiled_whole()


def test_an_object_that_was_made_again_is_left_alone(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies there by now may be right."""
    monkeypatch.setattr(function_compile, "compose", lambda base, *_, **__: base)
    unit.made(EDITED)
    unit.bench.cache.commit()
    unit.bench.cache.close()
    unit.bench.write("unit.o", "another")
    perform(os.path.abspath(STATE), 0o022)
    assert unit.bench.read("unit.o") == b"another"


def test_a_running_build_is_waited_for(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a build holds the project's state, no object is taken from under it."""
    monkeypatch.setattr(function_compile, "compose", lambda base, *_, **__: base)
    monkeypatch.setattr(function_check, "_PATIENCE", -1.0)
    unit.made(EDITED)
    perform(os.path.abspath(STATE), 0o022)  # the build of `unit` has not been closed
    assert os.path.exists("unit.o")
    assert is_off(STATE)


def test_an_edit_in_the_meantime_is_no_difference(unit: Unit) -> None:
    """The object is compared only with a compile of the very inputs that it was made from."""
    unit.made(EDITED)
    unit.bench.write("unit.c", EDITED + "int another;\n")
    assert perform(os.path.abspath(STATE), 0o022) == [("unit.o", MOVED)]
    assert is_off(STATE) is None


def test_a_compiler_that_fails_says_nothing_of_the_object(unit: Unit) -> None:
    """A full disk or a compiler that has gone is no difference."""
    unit.made(EDITED)
    (name,) = waiting()
    path = os.path.join(STATE, WAITING, os.fsencode(name))
    with open(path, "rb") as file:
        body = msgpack.unpackb(file.read())
    body[1][0] = "no-such-compiler"
    with open(path, "wb") as file:
        file.write(msgpack.packb(body))
    assert perform(os.path.abspath(STATE), 0o022) == [("unit.o", FAILED)]


@pytest.mark.parametrize("content", [b"", b"\xc1", msgpack.packb([1]), msgpack.packb([b""] * 6)])
def test_whatever_else_lies_there_is_removed(unit: Unit, content: bytes) -> None:
    """A damaged file is no check, and nothing runs because of it."""
    unit.made(EDITED)
    (name,) = waiting()
    with open(os.path.join(STATE, WAITING, os.fsencode(name)), "wb") as file:
        file.write(content)
    assert perform(os.path.abspath(STATE), 0o022) == []
    assert waiting() == []


def test_few_objects_wait(unit: Unit) -> None:
    """What is not compared soon is not compared: each costs a full compile."""
    os.makedirs(os.path.join(STATE, WAITING))
    for number in range(MAX_WAITING):
        with open(os.path.join(STATE, WAITING, b"%d" % number), "wb"):
            pass
    unit.made(EDITED)
    assert len(waiting()) == MAX_WAITING


def test_the_command_compares_what_waits(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    """`incremental-tool check` does what the process behind a build does, and says it."""
    unit.made(EDITED)
    assert main(["check"]) == 0
    assert f"unit.o: {AS_EXPECTED}" in capsys.readouterr().out


def test_a_build_starts_the_comparison_and_does_not_wait(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a build starts a process, which is quiet and takes what waits."""
    monkeypatch.setattr(function_compile, "begin", function_check.begin)
    unit.made(EDITED)
    unit.bench.cache.commit()
    unit.bench.cache.close()
    until = time.monotonic() + 60
    while waiting() and time.monotonic() < until:
        time.sleep(0.02)
    assert waiting() == []


def test_a_project_without_anything_to_compare_is_fine(tmp_path: Path) -> None:
    """The command finds nothing, says nothing, and makes nothing."""
    ran = subprocess.run(
        [sys.executable, "-m", "incremental_tool", "--top", os.fspath(tmp_path), "check"],
        check=False,
        capture_output=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert os.listdir(tmp_path) == []
