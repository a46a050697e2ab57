"""Libraries brought up to date by their changed members, against real `ar` and `ranlib`."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from archive_pool import assemble, families, names, quoted
from command_bench import ENVIRONMENT, Bench

from incremental_tool.engine import archive_patch
from incremental_tool.engine.plan import Archiving, Plan
from incremental_tool.engine.planner import Planner
from incremental_tool.store import archive_writing
from incremental_tool.store.manifest import KnownResult, Output

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
    bench.open()
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


def archiving(library: Library) -> Archiving:
    """Return what the planner tells of the library's command."""
    planner = Planner(library.bench.cache, os.fsencode(library.bench.folder))
    request = library.bench.request(library.ar, [LIBRARY])
    plan = planner.plan(request._replace(removable=[os.fsencode(LIBRARY)]))
    assert isinstance(plan, Plan)
    assert plan.archiving is not None
    return plan.archiving


def test_a_library_that_is_as_it_should_be_is_left_alone(bench: Bench) -> None:
    """Commands that are run again for nothing change nothing, not even a time."""
    library = plain_library(bench, 3)
    shutil.rmtree(bench.folder / ".incremental" / "cache")
    before = library.path.stat()

    assert library.make() == PATCHED

    assert library.path.stat() == before


# --- when the command runs -------------------------------------------------------------


def refused(library: Library) -> list[str]:
    """Have it made by its command, compare it, and return why."""
    ended = library.make()
    assert ended["commands"] == 2
    assert "patched" not in ended
    library.check()
    reasons = library.bench.reasons()
    return [name for name in reasons if name.startswith("archive.")]


def edit(library: Library, member: str = "m001.o") -> None:
    """Change a member within its length."""
    number = member[1:4]
    source = data(f"f{number}", f"g{number}", 77, 64)
    library.write(member, assemble(library.bench.folder / "o", source))


def test_a_library_that_somebody_has_changed_is_made_anew(bench: Bench) -> None:
    """The same length and other bytes: the file is not the one that was recorded."""
    library = plain_library(bench, 3)
    content = bytearray(library.path.read_bytes())
    content[-1] ^= 1
    library.path.write_bytes(content)
    edit(library)

    assert refused(library) == ["archive.patch.changed"]
    edit(library, "m002.o")
    assert library.make() == PATCHED


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "foreign"])
def test_a_damaged_record_is_none(bench: Bench, damage: str) -> None:
    """Whatever has become of the record, the library is what ar makes."""
    library = plain_library(bench, 3)
    (record,) = (bench.folder / ".incremental" / "archives").iterdir()
    content = bytearray(record.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"gone": b"", "cut": content[:-9], "flipped": content, "foreign": b"other" * 99}
    record.unlink() if damage == "gone" else record.write_bytes(damaged[damage])
    edit(library)

    assert refused(library) == ["archive.patch.unknown"]


def test_another_name_for_the_file_keeps_its_bytes(bench: Bench) -> None:
    """What a hard link leads to is not changed behind somebody's back."""
    library = plain_library(bench, 3)
    os.link(library.path, bench.folder / "kept.a")
    before = bench.read("kept.a")
    edit(library)

    assert refused(library) == ["archive.patch.changed"]  # a link is a change of the file, too
    assert bench.read("kept.a") == before


def test_permissions_that_a_new_file_would_not_have(bench: Bench) -> None:
    """A library is patched only where it would get the mode that it has."""
    library = plain_library(bench, 3)
    bench.cache.umask = 0o077
    edit(library)

    assert not bench.cache.archives.patch(os.fsencode(LIBRARY), archiving(library), [])
    assert bench.reasons() == {"archive.patch.place": 1}


def test_another_list_of_members_is_made_by_ar(bench: Bench) -> None:
    """A member more, one less, or another order."""
    plain_library(bench, 4)
    for members in (["m000.o", "m002.o", "m003.o"], ["m003.o", "m000.o"], ["m000.o", "m003.o"]):
        other = Library(bench, members)

        assert refused(other) == ["archive.patch.members"]


@pytest.mark.parametrize(
    ("ar", "reason"),
    [
        ("ar rcS", "option"),
        ("ar rcv", "option"),
        ("ar Pqc", "option"),
        ("env ar rc", None),
        pytest.param(
            "llvm-ar-14 rc",
            "program",
            marks=pytest.mark.skipif(not shutil.which("llvm-ar-14"), reason="there is none"),
        ),
    ],
)
def test_other_options_and_programs_run(bench: Bench, ar: str, reason: str | None) -> None:
    """What the bytes depend on, and is not known, is left to the command."""
    content = assemble(bench.folder / "o", data("f001", "g001", 1, 64))
    library = Library(bench, ["m001.o"], ar)
    library.write("m001.o", content)
    bench.open()
    bench.command(library.ar, LIBRARY, removable=[os.fsencode(LIBRARY)])
    edit(library)
    bench.open()

    bench.command(library.ar, LIBRARY, removable=[os.fsencode(LIBRARY)])

    assert "patched" not in bench.counts()
    told = [name for name in bench.reasons() if name.startswith("archive.")]
    assert told == ([f"archive.patch.{reason}"] if reason else [])


def test_another_ar_on_the_path_makes_the_library_anew(bench: Bench) -> None:
    """A record is good for the very program that made the library."""
    library = plain_library(bench, 3)
    edit(library)
    bench.open()
    other = archiving(library)._replace(tool=b"x" * 16)

    assert not bench.cache.archives.patch(os.fsencode(LIBRARY), other, [])
    assert bench.reasons() == {"archive.patch.program": 1}


@pytest.mark.parametrize(
    "members", [["a/x.o", "b/x.o"], ["with blank.o"], ["two  blanks.o", "y.o"], ["trailing.o "]]
)
def test_names_that_ar_or_ranlib_confuse_are_left_to_them(bench: Bench, members: list[str]) -> None:
    """Of two equal names ar keeps one; ranlib ends some names at a blank."""
    for folder in ("a", "b"):
        (bench.folder / folder).mkdir()
    library = Library(bench, members)
    for number, member in enumerate(members):
        source = data(f"f{number}", f"g{number}", 1, 64)
        library.write(member, assemble(bench.folder / "o", source))
    assert library.make() == {"commands": 2, "stored": 2}
    assert bench.reasons()["archive.patch.format"] == 1
    library.write(members[0], assemble(bench.folder / "o", data("f0", "g0", 2, 64)))

    assert "archive.patch.unknown" in refused(library)


@pytest.mark.parametrize("old", ["text", "object"])
def test_members_that_are_no_objects_are_left_to_ar(bench: Bench, old: str) -> None:
    """A text is a member like any other while it does not change."""
    library = plain_library(bench, 3)
    content = bench.read("m001.o")
    other = b"only a text\n"
    if old == "text":
        library.write("m001.o", other)
        assert refused(library) == ["archive.patch.object"]
        edit(library, "m002.o")
        assert library.make() == PATCHED
        library.check()
        content, other = other, content
    library.write("m001.o", other)

    assert refused(library) == ["archive.patch.object"]


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
@pytest.mark.parametrize("options", [["-flto"], ["-flto", "-ffat-lto-objects"]])
def test_code_for_link_time_optimisation_is_left_to_ar(bench: Bench, options: list[str]) -> None:
    """A plugin tells ar what such an object defines."""
    library = plain_library(bench, 3)
    (bench.folder / "l.c").write_text("int f001(void) { return 1; }\n")
    subprocess.run(["gcc", "-c", *options, "-o", "l.o", "l.c"], check=True)
    library.write("m001.o", bench.read("l.o"))

    assert refused(library) == ["archive.patch.object"]


def test_a_narrow_object_among_wide_ones_is_left_to_ar(bench: Bench) -> None:
    """An object for another machine may change how ar reads the rest."""
    library = plain_library(bench, 3)
    source = data("f001", "g001", 1, 64)
    library.write("m001.o", assemble(bench.folder / "o", source, "--32"))

    assert refused(library) == ["archive.patch.object"]


def test_narrow_objects_are_patched_among_themselves(bench: Bench) -> None:
    """Objects of 32 bits are read by their own tables."""
    library = Library(bench, ["a.o", "b.o"])
    for member in library.members:
        library.write(member, assemble(bench.folder / "o", data(member[0], "n", 1, 8), "--32"))
    library.make()
    library.write("b.o", assemble(bench.folder / "o", data("other", "name", 1, 8), "--32"))

    assert library.make() == PATCHED
    library.check()


def test_times_in_a_library_are_not_made_up(bench: Bench) -> None:
    """Where ar writes times and owners, it goes on to do so."""
    library = plain_library(bench, 3)
    subprocess.run(["ar", "rcU", LIBRARY, *library.members], check=True)
    bench.cache.archives.learn(
        os.fsencode(LIBRARY),
        archiving(library),
        KnownResult([], b"", [], [Output(b"", 0, False, b"", 0)], b"", b"", False, 0),
        library.path.read_bytes(),
    )

    assert bench.reasons()["archive.patch.format"] == 1


def test_a_library_of_more_than_four_gigabytes_is_left_to_ar(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets in the index have four bytes; the limit is drawn nearer for this test."""
    library = plain_library(bench, 3)
    monkeypatch.setattr(archive_patch, "MAX_SIZE", library.path.stat().st_size + 100)
    library.write("m001.o", assemble(bench.folder / "o", data("f001", "g001", 1, 4000)))

    assert refused(library) == ["archive.patch.large"]


def test_changed_members_are_held_in_memory_up_to_a_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much that has changed is better made anew."""
    library = plain_library(bench, 3)
    monkeypatch.setattr(archive_patch, "LIMIT", 100)
    edit(library)

    assert refused(library) == ["archive.patch.large"]


def test_it_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INCREMENTAL_ARCHIVES=0 leaves libraries to their commands, and records nothing."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, INCREMENTAL_ARCHIVES="0")
    library = plain_library(bench, 3)
    edit(library)

    assert refused(library) == []
    assert not (tmp_path / ".incremental" / "archives").exists()
    bench.cache.close()


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


def test_an_error_while_writing_lets_the_command_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails midway leaves no half written library: ar makes it."""
    library = plain_library(bench, 3)
    edit(library)

    def failing(fd: int, start: int, piece: bytes) -> None:
        os.pwrite(fd, piece[: len(piece) // 2], start)
        raise OSError(5, "the disk has failed")

    monkeypatch.setattr(archive_writing, "_write_at", failing)

    assert refused(library) == ["archive.patch.failed"]
    assert not list((bench.folder / ".incremental" / "tmp").glob(".incremental-*"))


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
