"""Libraries brought up to date by their changed members, against real `ar` and `ranlib`."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from archive_pool import assemble, families, names, quoted
from command_bench import ENVIRONMENT, Bench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LIBRARY = "lib/libx.a"
AR, RANLIB = "ar rc", "ranlib"
PATCHED = {"commands": 2, "patched": 2}
SEEDS, STEPS = 35, 6

_opened: list[str] = []
"""Files opened while `watched` is active; an audit hook stays for the life of the process."""
_watching: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "open":
        _opened.append(os.fsdecode(arguments[0]))


sys.addaudithook(_hook)


class Work:
    """What was done between two moments: bytes read and written by this process, files opened."""

    read = written = 0

    def __init__(self) -> None:
        self.opened: list[str] = []


@contextmanager
def watched() -> Iterator[Work]:
    """Count the work of what is done inside, by the kernel's own figures."""
    work = Work()
    _opened.clear()
    before = _transferred()
    _watching.append(True)
    try:
        yield work
    finally:
        _watching.clear()
        after = _transferred()
        work.read, work.written = (after[at] - before[at] for at in (0, 1))
        work.opened = [name for name in _opened if not name.startswith("/proc")]


def _transferred() -> tuple[int, int]:
    with open("/proc/self/io", "rb") as file:
        lines = dict(line.split(b": ") for line in file.read().splitlines())
    return int(lines[b"rchar"]), int(lines[b"wchar"])


class Library:
    """A library in a project; each `make` is a build of its own."""

    def __init__(self, bench: Bench, members: Sequence[str], ar: str = AR) -> None:
        self.bench = bench
        self.members = list(members)
        self.ar = f"{ar} {LIBRARY} {quoted(members)}"
        self.ranlib = f"{RANLIB} {LIBRARY}"
        (bench.folder / "lib").mkdir(exist_ok=True)
        (bench.folder / "sub").mkdir(exist_ok=True)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.bench.folder / LIBRARY

    def write(self, member: str, content: bytes) -> None:
        """Write a member."""
        path = self.bench.folder / member
        path.write_bytes(content)
        self.bench.cache.disk.wait_until_after(path.stat().st_ctime_ns)

    def make(self) -> dict[str, int]:
        """Have it made, by whatever way, and return how the two commands ended."""
        self.bench.open()
        removable = [os.fsencode(LIBRARY)]
        assert self.bench.command(self.ar, LIBRARY, removable=removable) == 0
        assert self.bench.command(self.ranlib, LIBRARY) == 0
        counts = self.bench.cache.statistics.counts
        ends = ("commands", "patched", "hits", "stored", "not_stored", "refused")
        return {end: counts[end] for end in ends if counts[end]}

    def check(self) -> None:
        """Compare it, and its mode, with what ar and ranlib make of the members as they are."""
        other = "other.a"
        text = f"{self.ar} && {self.ranlib}".replace(LIBRARY, other)
        subprocess.run(text, shell=True, env=ENVIRONMENT, check=True, capture_output=True)  # noqa: S602 - as SCons runs it
        assert self.path.read_bytes() == (self.bench.folder / other).read_bytes()
        assert self.path.stat().st_mode == (self.bench.folder / other).stat().st_mode
        os.unlink(other)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return an empty project as the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = Bench(folder)
    yield made
    made.cache.close()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    """Return groups of objects."""
    return families(tmp_path_factory.mktemp("pool"), random.Random(7), 24)


def plain_library(bench: Bench, count: int, size: int = 64) -> Library:
    """Return a library of members with two symbols each, made twice so that all is settled."""
    content = assemble(bench.folder / "o", data("f000", "g000", 1, size))
    members = [f"m{number:03}.o" for number in range(count)]
    library = Library(bench, members)
    for number, member in enumerate(members):
        (bench.folder / member).write_bytes(renumbered(content, number))
    library.write(members[0], renumbered(content, 0))
    assert library.make() == {"commands": 2, "stored": 2}
    return library


def data(one: str, other: str, value: int, size: int) -> str:
    """Return assembler source with two symbols."""
    return f".data\n.globl {one}, {other}\n{one}: .byte {value}\n{other}: .skip {size}\n"


def renumbered(content: bytes, number: int) -> bytes:
    """Return an object whose symbols have another number."""
    return content.replace(b"f000", b"f%03d" % number).replace(b"g000", b"g%03d" % number)


# --- byte for byte ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_changes_give_what_ar_and_ranlib_give(
    bench: Bench, pool: list[list[bytes]], seed: int
) -> None:
    """Whatever members change into, the library is what both commands make of them."""
    noise = random.Random(seed)
    members = names(noise, noise.randrange(1, 12))
    library = Library(bench, members, noise.choice(("ar rc", "ar -rcs", "ar crD", "ar qc")))
    groups = [noise.randrange(len(pool)) for _ in members]
    for member, group in zip(members, groups):
        library.write(member, pool[group][0])
    assert library.make() == {"commands": 2, "stored": 2}
    library.check()
    for _ in range(STEPS):
        for number in noise.sample(range(len(members)), min(len(members), noise.choice((1, 1, 3)))):
            if noise.random() < 0.5:
                groups[number] = noise.randrange(len(pool))
            library.write(members[number], noise.choice(pool[groups[number]]))

        ended = library.make()

        library.check()
        assert ended in (PATCHED, {"commands": 2, "hits": 2}), bench.reasons()
