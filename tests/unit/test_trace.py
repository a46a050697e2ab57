"""INCREMENTAL_TRACE: an event for each command, with times, thread and what became of it."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from command_bench import Bench, StandIn

from incremental_tool.engine import trace
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = ["args", "cat", "dur", "name", "ph", "pid", "tid", "ts"]


@pytest.fixture
def traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return a project that traces its runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trace, "_TRACES", {})
    bench = Bench(tmp_path, INCREMENTAL_TRACE="trace.json")
    bench.write("in", "one\n")
    yield bench
    bench.cache.close()


def events(bench: Bench) -> list[Any]:
    """End the run; return its events."""
    bench.cache.commit()
    found: list[Any] = json.loads(bench.read("trace.json"))
    return found


def test_each_end_of_a_command_is_told(traced: Bench) -> None:
    """Stored, restored, failed and refused; one behind the other in one thread."""
    traced.copy()
    traced.copy()
    traced.script("exit 3", outputs=["broken"])
    traced.plain_status = 7
    request = traced.request("cat <in >out", ["out"])
    traced.run(request, StandIn(lambda _: Reason("zir.refuse.shell-syntax", "<")))

    found = events(traced)

    assert [sorted(event) for event in found] == [KEYS] * 4
    told = [(e["name"], e["cat"], e["args"]["outcome"], e["args"].get("status", 0)) for e in found]
    assert told == [
        ("out", "stand-in", "stored", 0),
        ("out", "stand-in", "hit", 0),
        ("broken", "stand-in", "not_stored", 3),
        ("out", "other", "refused", 7),
    ]
    reasons = [event["args"]["reason"].rpartition(" ")[2] for event in found]
    assert reasons == ["[zir.miss.new]", "", "[zir.skip.failed]", "[zir.refuse.shell-syntax]"]
    assert found[3]["args"]["command"] == "cat <in >out"
    assert {(e["ph"], e["pid"], e["tid"]) for e in found} == {("X", os.getpid(), 1)}
    for one, other in zip(found, found[1:]):
        assert 0 <= one["ts"] < one["ts"] + one["dur"] <= other["ts"]


def test_a_command_that_waits_is_told_where_it_runs(traced: Bench) -> None:
    """A replay looks commands up in one thread, and runs them in others: times are the run's."""
    taken = trace.Trace(b"trace.json")
    request = traced.request("echo", ["a"])
    first, second = object(), object()
    for missed, kind in ((first, "compile"), (second, "link")):
        taken.begin(request._replace(text=kind))
        taken.note_kind(kind)
        taken.looked_up(missed)
    taken.run(second)
    taken.end(0)

    def elsewhere() -> None:
        taken.run(first)
        taken.end(0)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    taken.write()

    found = json.loads(traced.read("trace.json"))
    assert [(e["cat"], e["args"]["command"], e["tid"]) for e in found] == [
        ("link", "link", 1),
        ("compile", "compile", 2),
    ]
    assert found[0]["ts"] + found[0]["dur"] <= found[1]["ts"]


def test_one_process_has_one_trace(traced: Bench) -> None:
    """SCons goes on where a replay has ended: what both have run is told."""
    traced.copy()
    traced.open()
    traced.copy()

    assert [event["args"]["outcome"] for event in events(traced)] == ["stored", "hit"]


def test_without_the_variable_nothing_is_measured(bench: Bench) -> None:
    """No trace, and no file."""
    bench.copy()
    bench.cache.commit()

    assert bench.cache.trace is None
    assert sorted(os.listdir(bench.folder)) == [".incremental", "in", "log", "out"]


def test_a_trace_that_cannot_be_written_fails_nothing(traced: Bench) -> None:
    """One line says so; a folder stays what it is."""
    (traced.folder / "trace.json").mkdir()
    assert traced.copy() == 0
    traced.cache.commit()

    assert traced.told == ["INCREMENTAL_TRACE cannot be written: not a regular file"]
    assert os.listdir(traced.folder / "trace.json") == []


def test_names_that_are_no_text_are_told(traced: Bench) -> None:
    """They are escaped as in the compilation database."""
    name = os.fsdecode(b"o\xff")
    traced.script(f"cat in >'{name}'", inputs=["in"], outputs=[name])

    assert os.fsencode(events(traced)[0]["name"]) == b"o\xff"


def test_the_command_sets_the_variable(tool: Any, tmp_path: Path) -> None:
    """The status is the build's; a trace that is there is not taken for this run's."""
    path = tmp_path / "t.json"
    path.write_text("[1, 2]")
    writing = "import os; open(os.environ['INCREMENTAL_TRACE'], 'w').write('[1, 2, 3]'); exit(4)"

    ran = tool("trace", "--output", str(path), "--", sys.executable, "-c", writing)
    assert ran.status == 4
    assert f"{path}: 3 commands" in ran.err

    ran = tool("trace", "--output", str(path), "--", sys.executable, "-c", "")
    assert ran.status == 1
    assert "the tool was not in use" in ran.err

    assert tool("trace", "--", "no-such-program-here").status == 2
    assert tool("trace").status == 2
