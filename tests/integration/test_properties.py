"""Random projects under random edits: what is there is always what a clean plain build makes.

Each seed is one history: a project, then a few steps of edits and of whatever
else can happen between two builds. `PROPERTY_SEEDS=5000 pytest -m campaign` runs
as many as one likes; a failure names its seed and tells what was done.
"""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest
from random_project import RandomProject
from scons_project import Project
from scons_server import SConsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = 200
SEEDS_PER_TEST = 10
STEPS = 2
CAMPAIGN_STEPS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SConsServer]:
    """Return a process that runs SCons."""
    started = SConsServer(str(tmp_path_factory.mktemp("server")))
    yield started
    started.close()


class PlainFailsToo(Exception):  # noqa: N818 - it ends a history, and is no error of ours
    """Plain SCons stops at the same place with the same words."""


class History:
    """One seed's project, built with the tool in one folder and cleanly in another."""

    def __init__(self, seed: int, folder: Path, server: SConsServer) -> None:
        self.noise = random.Random(seed)
        self.project = RandomProject(self.noise)
        self.warm = Project(folder / "warm")
        self.cold = Project(folder / "cold")
        self.other = Project(folder / "other")
        self.log: list[str] = []
        self._server = server
        self._store = folder / "store"
        shared = self.noise.random() < 0.5
        if shared:
            for tree in (self.warm, self.other):
                tree.environment["INCREMENTAL_CACHE_DIR"] = str(self._store)

    def _scons(self, tree: Project, *options: str, plain: bool = False) -> tuple[int, str]:
        environment = tree.full_environment(None, plain=plain)
        environment["INCREMENTAL_STATS"] = "0"
        environment["INCREMENTAL_AUDIT"] = "1"  # whenever it answers "fresh", SCons is asked, too
        return self._server.run(["-Q", *options], str(tree.folder), environment)

    def _build(self, tree: Project, *options: str, plain: bool = False) -> None:
        status, out = self._scons(tree, *options, plain=plain)
        if status != 0 and not plain:
            # SCons has errors of its own (a generated header that moves between include folders
            # ends in one of its tracebacks): they are no matter where it fails without us, too.
            alone, said = self._scons(tree, *options, plain=True)
            if alone == status and _complaint(said) == _complaint(out):
                raise PlainFailsToo
        assert status == 0, f"{self.log}\n{out}"
        assert "incremental: " not in out or "corrupt" in out, f"{self.log}\n{out}"

    def step(self, number: int) -> None:
        """Edit, let something happen, build, and compare."""
        if number:
            self.log += self.project.change()
        self.log += self.project.write_changes(self.warm.folder)
        options = self._happen()
        self.log.append(f"build {options}")
        self._build(self.warm, *options)
        if self.noise.random() < 0.2:
            self.log.append("build again")
            self._build(self.warm)
        if number:
            self._compare(self.warm)
        if self.noise.random() < 0.1:
            self.log.append("another checkout")
            shutil.rmtree(self.other.folder)
            self.other.folder.mkdir()
            self.project.write_new(self.other.folder)
            self._build(self.other)
            self._compare(self.other, fresh=not number)

    def _happen(self) -> list[str]:
        """Do to the warm folder what may happen between builds; return options for the next."""
        chance = self.noise.random
        if chance() < 0.15:
            self.log.append("scons -c")
            self._scons(self.warm, "-c")
        if chance() < 0.2:
            for path in sorted(self.warm.folder.rglob("*.[oa]")):
                if ".incremental" not in path.parts and chance() < 0.5:
                    path.unlink()
                    self.log.append(f"removed {path.name}")
        if chance() < 0.1:
            (self.warm.folder / ".sconsign.dblite").unlink(missing_ok=True)
            self.log.append("lost .sconsign")
        if chance() < 0.05:
            shutil.rmtree(self.warm.folder / ".incremental", ignore_errors=True)
            self.log.append("lost .incremental")
        if chance() < 0.1:
            self._damage()
        if chance() < 0.1:
            self.log.append("plain build in between")
            self._build(self.warm, plain=True)
            self.log += self.project.change()
            self.log += self.project.write_changes(self.warm.folder)
        options = []
        if chance() < 0.4:
            options.append("-j2")
        if chance() < 0.1:
            options.append("--random")
        return options

    def _damage(self) -> None:
        entries = [*self.warm.stored(), *self.warm.stored("zir")]
        if entries:
            path = self.noise.choice(entries)
            content = bytearray(path.read_bytes())
            content[self.noise.randrange(len(content))] ^= 1 << self.noise.randrange(8)
            path.write_bytes(content)
            self.log.append(f"damaged {path.parent.parent.name}")

    def _compare(self, tree: Project, *, fresh: bool = True) -> None:
        """Compare every file that a clean plain build leaves with what is there."""
        if fresh:
            shutil.rmtree(self.cold.folder)
            self.cold.folder.mkdir()
            self.project.write_new(self.cold.folder)
            self._build(self.cold, plain=True)
        clean, found = self.cold.outputs(), tree.outputs()
        wrong = [name for name in clean if found.get(name) != clean[name]]
        assert not wrong, f"{wrong}\n{self.log}"


def _complaint(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("scons: ***")]


def run_seed(seed: int, folder: Path, server: SConsServer, steps: int = STEPS) -> bool:
    """Run one history; False when plain SCons itself cannot build one of its steps."""
    history = History(seed, folder, server)
    try:
        for number in range(steps + 1):
            history.step(number)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    except PlainFailsToo:
        return False
    finally:
        shutil.rmtree(folder)
    return True


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_a_warm_build_equals_a_clean_one(first: int, tmp_path: Path, server: SConsServer) -> None:
    """After every step of ten histories every output is what a clean plain build makes."""
    seeds = range(first, first + SEEDS_PER_TEST)
    ended = [run_seed(seed, tmp_path / str(seed), server) for seed in seeds]

    assert ended.count(True) >= SEEDS_PER_TEST * 6 // 10


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(20))
def test_thousands_of_histories(part: int, tmp_path: Path, server: SConsServer) -> None:
    """As many histories as PROPERTY_SEEDS says, in twenty parts."""
    count = int(os.environ.get("PROPERTY_SEEDS", "2000"))
    for seed in range(1_000_000 + part, 1_000_000 + count, 20):
        run_seed(seed, tmp_path / str(seed), server, CAMPAIGN_STEPS)
