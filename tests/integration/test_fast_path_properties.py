"""Random projects under random edits: whenever the fast path says fresh, SCons agrees.

Each seed is one history: a project whose scripts read all kinds of things, then
steps of edits and of whatever else can happen between two runs. At each step the
fast path is asked, then SCons (`-q`, without the fast path), then SCons builds
and is recorded. `PROPERTY_SEEDS=5000 pytest -m campaign` runs as many as one
likes; a failure names its seed and tells what was done.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fast_path_server import FastPathServer
from reading_project import ReadingProject

from incremental_tool.store import last_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = 60
SEEDS_PER_TEST = 6
STEPS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastPathServer]:
    """Return a process that runs SCons and asks the fast path."""
    started = FastPathServer(str(tmp_path_factory.mktemp("server")))
    yield started
    started.close()


class PlainSConsFailed(Exception):  # noqa: N818 - it names an outcome
    """SCons cannot build this by itself: its database and a variant folder do not fit together."""


class History:
    """One seed's project, and how often the fast path said what."""

    def __init__(self, seed: int, folder: Path, server: FastPathServer) -> None:
        self.noise = random.Random(seed)
        self.folder = folder
        folder.mkdir()
        self.project = ReadingProject(self.noise)
        self.log: list[str] = [f"reads {self.project.model.ways}"]
        self.verdicts: Counter[str] = Counter()
        self._server = server
        self._bytecode = self.noise.random() < 0.5
        self._arguments = self.noise.choice([[], [], ["debug=1"], ["seen.txt"]])

    def run(self, *options: str, asking: bool = False, **more: str) -> tuple[int, str]:
        """Run SCons or ask the fast path, with this history's arguments."""
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        environment.update(self.project.model.environment, **more)
        arguments = [*options, *self._arguments]
        return self._server.run(
            arguments, str(self.folder), environment, asking=asking, bytecode=self._bytecode
        )

    def step(self, number: int) -> None:
        """Let something happen, ask the fast path and SCons, build."""
        if number:
            self._happen()
        else:
            self.project.write_changes(self.folder)
        asked, told = self.run(asking=True)
        judged, printed = self.run("-q", INCREMENTAL_FAST="0")
        self.log.append(f"asked: {told.splitlines()[0]}; scons -q: {judged}")
        if asked == 0:
            assert judged == 0, f"said fresh, wrongly\n{printed}"
        self.verdicts[
            "fresh" if asked == 0 else "needlessly stale" if judged == 0 else "stale"
        ] += 1
        for turn in range(2):  # the first may have had something to do that shows in the second
            status, printed = self.run(*self._harmless_options())
            if status:
                assert self.run(INCREMENTAL="0")[0], f"plain SCons does not fail\n{printed}"
                raise PlainSConsFailed
            asked, told = self.run(asking=True)
            if asked == 0:
                self.verdicts[f"fresh after {turn + 1}"] += 1
                self._compare_texts(told)
                return
            self.log.append(f"after a build: {told.strip()}; {self._recorded()}")
        self.verdicts["not fresh after 2"] += 1

    def _recorded(self) -> str:
        told = last_answer.read(str(self.folder / ".incremental"), last_answer.RECORDED)
        return "never recorded" if told is None else f"{told.reason} {told.detail}"

    def _compare_texts(self, told: str) -> None:
        status, printed = self.run(INCREMENTAL_FAST="0")
        assert (status, "fresh\n" + printed) == (0, told)
        if self.project.model.variant.endswith('"build"'):
            return  # SCons makes hard links anew in each run, which shows in the change time
        # That run may have written SCons's database anew, which is no change of what it says.
        asked, told = self.run(asking=True)
        assert asked == 0, f"stale after a run that did nothing: {told}"

    def _harmless_options(self) -> list[str]:
        return [option for option in ("-j2", "-k", "-Q") if self.noise.random() < 0.2]

    def _happen(self) -> None:
        chance = self.noise.random
        while True:
            if chance() < 0.35:
                self.log += self.project.change()
            if chance() < 0.45:
                self.log += self.project.change_what_is_read()
            if chance() < 0.1:
                self._other_run("-c")
            if chance() < 0.1:
                self._other_run(INCREMENTAL="0")
            if chance() < 0.1:
                self._other_run("-n", INCREMENTAL_FAST="0")
            if chance() < 0.15:
                self._touch_outputs()
            if chance() < 0.05:
                (self.folder / ".sconsign.dblite").unlink(missing_ok=True)
                self.log.append("lost .sconsign")
            if chance() < 0.05:
                shutil.rmtree(self.folder / ".incremental", ignore_errors=True)
                self.log.append("lost .incremental")
            if chance() < 0.1:
                self._damage()
            self.log += self.project.write_changes(self.folder)
            if chance() < 0.7:
                return

    def _other_run(self, *options: str, **environment: str) -> None:
        self.log += self.project.write_changes(self.folder)
        status, _ = self.run(*options, **environment)
        self.log.append(f"scons {' '.join(options)} {environment}: {status}")

    def _touch_outputs(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            if ".incremental" in path.parts or path.suffix not in {".o", ".a", ".txt"}:
                continue
            what = self.noise.choice(["", "", "removed", "touched", "edited"])
            if what == "removed":
                path.unlink()
            elif what == "touched":
                os.utime(path)
            elif what == "edited":
                path.write_bytes(path.read_bytes() + b"\n")
            if what:
                self.log.append(f"{what} {path.name}")

    def _damage(self) -> None:
        found = sorted((self.folder / ".incremental" / "fresh").glob("*"))
        for path in found:
            content = bytearray(path.read_bytes())
            content[self.noise.randrange(len(content))] ^= 1 << self.noise.randrange(8)
            path.write_bytes(content)
            self.log.append("damaged a snapshot")


def run_seed(seed: int, folder: Path, server: FastPathServer) -> Counter[str]:
    """Run one history; return how often the fast path said what."""
    history = History(seed, folder, server)
    try:
        for number in range(STEPS + 1):
            history.step(number)
    except PlainSConsFailed:
        history.verdicts["plain SCons failed"] += 1
    except AssertionError as error:
        told = "\n".join(history.log)
        raise AssertionError(f"seed {seed}: {error}\n{told}") from error
    shutil.rmtree(folder)
    return history.verdicts


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_fresh_is_never_said_wrongly(first: int, tmp_path: Path, server: FastPathServer) -> None:
    """Over some histories SCons agrees with each "fresh"; most builds lead to one."""
    verdicts: Counter[str] = Counter()
    for seed in range(first, first + SEEDS_PER_TEST):
        verdicts += run_seed(seed, tmp_path / str(seed), server)

    assert verdicts["fresh after 1"] + verdicts["fresh after 2"] > verdicts["not fresh after 2"]


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(20))
def test_thousands_of_histories(part: int, tmp_path: Path, server: FastPathServer) -> None:
    """As many histories as PROPERTY_SEEDS says, in twenty parts."""
    count = int(os.environ.get("PROPERTY_SEEDS", "2000"))
    verdicts: Counter[str] = Counter()
    for seed in range(1_000_000 + part, 1_000_000 + count, 20):
        verdicts += run_seed(seed, tmp_path / str(seed), server)
    print(dict(verdicts))
