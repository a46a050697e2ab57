"""Random projects under random edits: whatever `iscons` leaves is what a clean build makes.

Each seed is one history. At each step `iscons` answers, be it by a replay or by SCons,
and then every file that it made is compared with those of a clean build by plain
SCons, and plain SCons is asked, in a copy, whether anything is to be done.
`PROPERTY_SEEDS=500 pytest -m campaign` runs as many as one likes; a failure names its seed
and tells what was done.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fast_path_server import FastPathServer
from random_project import RandomProject
from replay_twins import contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = 8
STEPS = 9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastPathServer]:
    """Return a process that runs SCons, or answers in its place."""
    started = FastPathServer(str(tmp_path_factory.mktemp("server")))
    yield started
    started.close()


class EditedProject(RandomProject):
    """A project in which mostly contents change."""

    def edit(self) -> list[str]:
        """Make an edit; return its names."""
        if self._noise.random() < 0.2:
            return self.change()
        edits = [self._edit_source, self._edit_header, self._edit_made, self._swap_sources]
        chosen = self._noise.choices(edits, weights=[3, 3, 1, 1], k=self._noise.randrange(1, 3))
        for one in chosen:
            one()
        return [one.__name__.strip("_") for one in chosen]

    def write_broken(self, folder: Path) -> Path:
        """Make some source one that does not compile; return its path."""
        path = folder / "src" / self._some_source()
        path.write_text(path.read_text() + "int broken(void) { return }\n")
        return path


class History:
    """One seed's project, and how often it was answered how."""

    def __init__(self, seed: int, folder: Path, server: FastPathServer) -> None:
        self.noise = random.Random(seed)
        self.ours = folder / "ours"
        self._clean = folder / "clean"
        self._copy = folder / "copy"
        self.ours.mkdir(parents=True)
        self.project = EditedProject(self.noise)
        self.log: list[str] = []
        self.answers: Counter[str] = Counter()
        self._server = server

    def run(
        self, folder: Path, *options: str, answering: bool = False, **more: str
    ) -> tuple[int, str]:
        """Run SCons, or have it answered."""
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}
        return self._server.run(list(options), str(folder), environment, answering=answering)

    def step(self, number: int) -> None:
        """Let something happen, and compare."""
        if number:
            self.log += self.project.edit()
        self.log += self.project.write_changes(self.ours)
        if number and self.noise.random() < 0.15:
            self._fail()
        if number and self.noise.random() < 0.1:
            self._remove_output()
        self._build()
        self._compare()

    def _build(self) -> None:
        options = [option for option in ("-j2", "-k", "-Q") if self.noise.random() < 0.2]
        status, told = self.run(self.ours, *options, answering=True, INCREMENTAL_EXPLAIN="1")
        how = "replayed" if "no script is read" in told else "SCons"
        how = "fresh" if "is as it was" in told else how
        self.log.append(f"iscons {options}: {how} {status}")
        for line in told.splitlines():
            if "SCons reads its scripts" in line:
                self.log.append(line)
                self.answers[line.rpartition("[")[2].rstrip("]")] += 1
        self.answers[how] += 1
        assert status == 0, told

    def _fail(self) -> None:
        """Build something that does not compile, and mend it."""
        path = self.project.write_broken(self.ours)
        self.log.append(f"broke {path}")
        status, told = self.run(self.ours, "-k", answering=True, INCREMENTAL_EXPLAIN="1")
        assert status == 2, told
        assert "Error 1" in told
        self.answers["failed, replayed" if "no script is read" in told else "failed"] += 1
        path.write_text(self.project.model.texts()[str(path.relative_to(self.ours))])

    def _remove_output(self) -> None:
        found = [path for path in sorted(self.ours.rglob("*")) if path.suffix in (".o", ".a")]
        if found:
            path = self.noise.choice(found)
            path.unlink()
            self.log.append(f"removed {path}")

    def _compare(self) -> None:
        for folder in (self._clean, self._copy):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.ours, self._copy, ignore=shutil.ignore_patterns(".incremental"))
        status, told = self.run(self._copy, "-q", PLAIN="1")
        assert status == 0, f"plain SCons would do something\n{told}"
        status, told = self.run(self._copy, "-Q", PLAIN="1")
        assert (status, "up to date" in told, "gcc" in told) == (0, True, False), told
        self._clean.mkdir()
        self.project.write_new(self._clean)
        status, told = self.run(self._clean, PLAIN="1")
        assert status == 0, told
        clean, ours = contents(self._clean), contents(self.ours)
        different = [name for name, content in clean.items() if ours.get(name) != content]
        assert not different


def run_seed(seed: int, folder: Path, server: FastPathServer) -> Counter[str]:
    """Run one history; return how often it was answered how."""
    history = History(seed, folder, server)
    try:
        for number in range(STEPS + 1):
            history.step(number)
    except AssertionError as error:
        told = "\n".join(history.log)
        raise AssertionError(f"seed {seed}: {error}\n{told}") from error
    shutil.rmtree(folder)
    return history.answers


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_replay_is_as_good_as_a_clean_build(
    seed: int, tmp_path: Path, server: FastPathServer
) -> None:
    """Over some histories every answer leaves what a clean build makes, and plain SCons agrees."""
    answers = run_seed(seed, tmp_path / str(seed), server)

    assert answers["replayed"] or answers["SCons"]


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(20))
def test_hundreds_of_histories(part: int, tmp_path: Path, server: FastPathServer) -> None:
    """As many histories as PROPERTY_SEEDS says, in twenty parts."""
    count = int(os.environ.get("PROPERTY_SEEDS", "200"))
    answers: Counter[str] = Counter()
    for seed in range(2_000_000 + part, 2_000_000 + count, 20):
        answers += run_seed(seed, tmp_path / str(seed), server)
    print(dict(answers))
