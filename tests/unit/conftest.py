"""Fixtures of the unit tests: a disk in memory, and what stands on it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Callable, NamedTuple

import pytest
from command_bench import Bench
from fake_disk import FakeDisk, HashedProject
from hypothesis import HealthCheck, settings
from logged_actions import NAME as LOG_NAME
from made_up_compiler import Machine

from incremental_tool.cli import main
from incremental_tool.engine import toolchain
from incremental_tool.engine.settings import NAMES
from incremental_tool.store.action_log import ActionLog
from incremental_tool.store.objects import ObjectStore
from incremental_tool.store.zir_cache import ZirCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from incremental_tool.model.reason import Reason

# A shell has it ignored by what it starts in the background, and by all that that starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says what else the machine does, nothing about the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def stays_as_quick_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is run in this process from giving its turn to others for all later tests."""
    monkeypatch.setattr(os, "nice", lambda _: 0, raising=False)


@pytest.fixture
def disk(tmp_path: Path) -> FakeDisk:
    """Return an empty disk in memory; the test's own folder on it is real."""
    return FakeDisk(os.fsencode(tmp_path))


@pytest.fixture
def reports() -> list[Reason]:
    """Return a list whose `append` takes what a store reports."""
    return []


@pytest.fixture
def hashed(disk: FakeDisk, tmp_path: Path, reports: list[Reason]) -> HashedProject:
    """Return a project without files."""
    return HashedProject(disk, tmp_path, reports)


@pytest.fixture
def store(tmp_path: Path, reports: list[Reason]) -> ObjectStore:
    """Return an empty object store."""
    return ObjectStore(os.fsencode(tmp_path), reports.append)


@pytest.fixture
def cache(tmp_path: Path, reports: list[Reason]) -> ZirCache:
    """Return an empty cache of actions' results."""
    return ZirCache(os.fsencode(tmp_path), reports.append)


@pytest.fixture
def log(tmp_path: Path, reports: list[Reason]) -> ActionLog:
    """Return an empty action log; another `reopened` one stands for the next process."""
    return ActionLog(os.fsencode(tmp_path / LOG_NAME), reports.append)


@pytest.fixture
def reopened(tmp_path: Path, reports: list[Reason]) -> Callable[[], ActionLog]:
    """Return what opens the log as the next process would."""
    return lambda: ActionLog(os.fsencode(tmp_path / LOG_NAME), reports.append)


@pytest.fixture
def machine(tmp_path: Path, reports: list[Reason], monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine with one compiler."""
    machine = Machine(tmp_path, reports)
    monkeypatch.setattr(toolchain, "probe_driver", machine.probe)
    return machine


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return a project with one input, as the working directory."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path)
    bench.write("in", "one\n")
    yield bench
    bench.cache.close()


@pytest.fixture
def built(bench: Bench) -> Bench:
    """Return a project that was built twice: one command was stored, then a hit; one failed."""
    bench.copy()
    bench.script("exit 3", outputs=["broken"])
    bench.open()
    bench.copy()
    bench.cache.commit()
    bench.cache.close()
    return bench


class Ran(NamedTuple):
    """One run of `incremental-tool`: its status and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Return what runs `incremental-tool` with arguments, in this process."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        try:
            status = main(list(arguments))
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Ran(status, *capsys.readouterr())

    return run
