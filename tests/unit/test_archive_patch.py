"""Libraries brought up to date by their changed members, against real `ar` and `ranlib`."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from archive_bench import LIBRARY, PATCHED, Library, archiving, data, plain_library
from archive_pool import assemble, families, names
from command_bench import Bench

from incremental_tool.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


# --- work ------------------------------------------------------------------------------


def test_a_member_of_its_old_length_costs_its_own_bytes(bench: Bench) -> None:
    """Of a hundred members one is read, its old bytes are compared, and its bytes are written."""
    library = plain_library(bench, 100, size=4000)
    object_size = len(bench.read("m050.o"))
    assert library.path.stat().st_size > 100 * object_size
    library.write("m050.o", assemble(bench.folder / "o", data("f050", "g050", 9, 4000)))
    inode = library.path.stat().st_ino
    bench.open()
    archives, planned = bench.cache.archives, archiving(library)
    with watched() as work:
        done = archives.patch(os.fsencode(LIBRARY), planned, [])

    assert done
    assert {name for name in work.opened if name.endswith(".o")} == {"m050.o"}
    # the member twice (once for its digest), its old bytes, and the record
    assert work.read < 3 * object_size + 100 * 60
    assert work.written < object_size + 200
    assert library.path.stat().st_ino == inode
    library.check()
    counts = bench.cache.statistics.counts
    assert counts["archive_bytes_written"] == 60 + object_size
    assert counts["archive_bytes_moved"] == 0


def test_a_member_of_another_length_moves_the_rest_within_the_kernel(bench: Bench) -> None:
    """One member is read; the index and that member are written, and the rest is moved."""
    library = plain_library(bench, 100, size=4000)
    library.write("m050.o", assemble(bench.folder / "o", data("f050", "new", 9, 5000)))
    size = len(bench.read("m050.o"))

    assert library.make() == PATCHED

    counts = bench.cache.statistics.counts
    assert counts["archive_bytes_read"] < 3 * size
    assert counts["archive_bytes_written"] < 2 * size + 100 * 20
    assert counts["archive_bytes_moved"] > 98 * 4000
    library.check()


def test_a_library_that_is_as_it_should_be_is_left_alone(bench: Bench) -> None:
    """Commands that are run again for nothing change nothing, not even a time."""
    library = plain_library(bench, 3)
    shutil.rmtree(bench.folder / ".incremental" / "cache")
    before = library.path.stat()

    assert library.make() == PATCHED

    assert library.path.stat() == before


def test_explain_tells_that_a_library_was_patched(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line tells that ar did not run; the stored result is an earlier library's."""
    library = plain_library(bench, 3)
    library.write("m001.o", assemble(bench.folder / "o", data("f001", "other", 1, 64)))
    library.make()
    bench.cache.commit()
    bench.cache.close()

    assert main(["explain", LIBRARY]) == 0
    out = capsys.readouterr().out
    assert "brought up to date by its changed members; its command did not run" in out
    assert "now:" not in out


# --- interruptions ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["in place", "anew"])
def test_a_kill_leaves_a_whole_library_or_none(bench: Bench, how: str) -> None:
    """Killed before, in or after any step, what lies there is the old library, the new, or none."""
    library = plain_library(bench, 5)
    old = library.path.read_bytes()
    member = bench.read("m003.o")
    steps = ["rename", "pwrite"] if how == "in place" else ["pwrite", "copy_file_range", "replace"]
    kills, found = 0, set()
    for call, number, before in itertools.product(steps, (1, 2), (True, False)):
        name = "f003" if how == "in place" else "other"
        library.write("m003.o", assemble(bench.folder / "o", data(name, "g003", 100 + kills, 64)))
        bench.open()
        process = os.fork()
        if not process:
            _die_at(call, number, before=before)
            bench.cache.archives.patch(os.fsencode(LIBRARY), archiving(library), [])
            os._exit(0)
        _, status = os.waitpid(process, 0)
        kills += status != 0
        if not library.path.exists():
            found.add("none")
        elif library.path.read_bytes() == old:
            found.add("old")
        else:
            found.add("new")
            library.check()
        library.make()
        library.check()
        library.write("m003.o", member)
        library.make()
    assert kills >= 2 * len(steps)
    assert found == ({"none", "old", "new"} if how == "in place" else {"old", "new"})


def _die_at(name: str, number: int, *, before: bool) -> None:
    original, left = getattr(os, name), [number]

    def counted(*arguments: Any) -> Any:
        left[0] -= 1
        if not left[0] and before:
            os.kill(os.getpid(), signal.SIGKILL)
        if not left[0] and name == "pwrite":
            arguments = (arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
        result = original(*arguments)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name, counted)


def test_without_copying_in_the_kernel_bytes_are_read_and_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that cannot copy ranges gets the same bytes."""

    def refuse(*_: Any) -> int:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    library = plain_library(bench, 5)
    library.write("m003.o", assemble(bench.folder / "o", data("f003", "other", 1, 999)))

    assert library.make() == PATCHED
    library.check()
