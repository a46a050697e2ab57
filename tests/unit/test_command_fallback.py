"""Whatever cannot be cached, or breaks here, is run once, as plain SCons would run it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from command_bench import StandIn

from incremental_tool.engine import command_cache
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from command_bench import Bench


# --- refusals ------------------------------------------------------------------------------------


def test_a_refused_command_runs_as_plain_scons_would(bench: Bench) -> None:
    """It runs once, behind the removal of its old targets, and the reason is logged."""
    bench.write("out", "old")
    bench.plain_status = 5
    request = bench.request("cmd", ["out"])._replace(removable=[b"out", b"missing"])
    planner = StandIn(lambda _: Reason("zir.refuse.pch", "a.h.gch"))

    assert bench.run(request, planner) == 5
    assert bench.plain_runs == 1
    assert not os.path.exists("out")
    assert bench.counts() == {"commands": 1, "refused": 1}
    assert bench.reasons() == {"zir.refuse.pch": 1}
    record = bench.last("out")
    assert record is not None
    assert (record.outcome, record.detail) == ("zir.refuse.pch", "a.h.gch")


def test_a_refused_commands_targets_are_looked_at_anew(bench: Bench) -> None:
    """What plain SCons built is not answered from an earlier look."""
    bench.write("out", "old")
    before = bench.cache.files.digest(b"out")

    def plain() -> int:
        bench.write("out", "new")
        return 0

    bench.plain = plain  # type: ignore[method-assign] # the test's own command
    bench.run(bench.request("cmd", ["out"]), StandIn(lambda _: Reason("zir.refuse.pch")))

    assert bench.cache.files.digest(b"out") != before


# --- failures of the tool itself --------------------------------------------------------------


def broken(*_: Any, **__: Any) -> Any:
    """Fail as a bug would."""
    raise RuntimeError("a bug")


def test_a_planner_that_breaks_leaves_the_command_to_scons(bench: Bench) -> None:
    """The command runs once, as plain SCons would; the failure is counted, and told once."""
    for _ in range(3):
        assert bench.run(bench.request("cmd", ["out"]), StandIn(broken)) == 0

    assert bench.plain_runs == 3
    assert bench.reasons() == {"hook.failed": 3}
    assert len(bench.told) == 1
    assert "RuntimeError: a bug" in bench.told[0]


@pytest.mark.parametrize("part", ["lookup", "manifest"])
def test_a_look_up_that_breaks_leaves_the_command_to_scons(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Whatever fails before the command runs, it runs once and by itself."""
    bench.copy()
    monkeypatch.setattr(bench.cache.zir, part, broken)
    bench.copy(fields=[("command", b"another")])

    assert bench.plain_runs == 1
    assert bench.reasons()["hook.failed"] == 1
    assert bench.lines("log") == 1


def test_an_output_that_cannot_be_restored_leaves_the_command_to_scons(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk on a hit is the command's own to tell."""
    bench.copy()
    bench.open()
    os.unlink("out")

    def no_room(*_: Any) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(command_cache, "put_in_place", no_room)
    bench.plain_status = 1

    assert bench.copy() == 1
    assert bench.plain_runs == 1
    assert bench.reasons() == {"hook.failed": 1}


@pytest.mark.parametrize("part", ["store", "log_outcome", "collect"])
def test_a_store_that_breaks_keeps_what_was_built(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Whatever fails behind the command: its status and its output are kept, and it ran once."""
    changed: dict[str, Any] = {}
    if part == "collect":
        changed["collect"] = broken
    else:
        monkeypatch.setattr(bench.cache.zir if part == "store" else bench.cache, part, broken)

    assert bench.copy(**changed) == 0
    assert bench.read("out") == b"one\n"
    assert bench.lines("log") == 1
    assert bench.plain_runs == 0
    assert bench.reasons()["hook.failed"] == 1


def test_a_failing_command_keeps_its_status_when_the_log_breaks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does a failure here turn a failed command into a good one."""
    monkeypatch.setattr(bench.cache, "log_outcome", broken)

    assert bench.script("echo x >>log; exit 4", outputs=["out"]) == 4
    assert bench.lines("log") == 1


def test_a_refused_command_runs_once_when_the_log_breaks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command is never run twice."""
    monkeypatch.setattr(bench.cache, "log_outcome", broken)
    bench.run(bench.request("cmd", ["out"]), StandIn(lambda _: Reason("zir.refuse.pch")))

    assert bench.plain_runs == 1


def test_an_error_of_scons_itself_is_scons_own(bench: Bench) -> None:
    """What the plain way raises is passed on, once."""

    def plain() -> int:
        bench.plain_runs += 1
        raise OSError(errno.E2BIG, "Argument list too long")

    bench.plain = plain  # type: ignore[method-assign] # the test's own command
    with pytest.raises(OSError, match="too long"):
        bench.run(bench.request("cmd", ["out"]), StandIn(lambda _: Reason("zir.refuse.pch")))

    assert bench.plain_runs == 1


def test_a_deleted_state_folder_does_not_fail_a_command(bench: Bench) -> None:
    """A command that lost the place for its list of inputs is run again, by plain SCons."""
    script = "rm -rf .incremental; exit 1"
    _ = bench.cache.scratch.folder

    assert bench.script(script, outputs=["out"]) == 0
    assert bench.plain_runs == 1


def test_a_read_only_store_fails_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run and their outputs stay; the reason is told once."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("incremental_tool.store.objects.publish", refuse)
    for number in range(3):
        assert bench.script(f"echo {number} >out", outputs=["out"]) == 0

    assert bench.counts() == {"commands": 3, "not_stored": 3}
    assert bench.reasons()["zir.skip.store-unwritable"] == 3
    assert bench.reasons()["store.unwritable"] == len(bench.told) == 1
