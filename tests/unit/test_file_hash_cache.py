"""`FileHashCache` reads a file only when it may have changed, and never misses that it has."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Callable

import pytest

from incremental_tool.base.digest import digest_of
from incremental_tool.base.filesystem import RealDisk
from incremental_tool.model.imports import Imports
from incremental_tool.store.file_hash_cache import (
    READ_LIMIT,
    SCAN_LIMIT,
    FileHashCache,
)

if TYPE_CHECKING:
    from pathlib import Path

    from fake_disk import FakeDisk, HashedProject

    from incremental_tool.model.reason import Reason

INDEX = "file_hashes.bin"


# --- what is read ----------------------------------------------------------------


def test_an_unchanged_file_is_not_read(hashed: HashedProject) -> None:
    """A file with the recorded stat costs one stat in the next run, and no read."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")

    assert cache.digest(b"a.c") == digest_of(b"text")
    assert hashed.disk.stats == [b"a.c"]
    assert hashed.disk.reads == []


def test_what_was_released_is_loaded_again(hashed: HashedProject) -> None:
    """A cache that holds nothing knows all the same what was saved."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")
    cache.release()

    assert cache.digest(b"a.c") == digest_of(b"text")
    assert len(cache) == 1
    assert hashed.disk.reads == []  # of sources, that is


def test_what_is_not_saved_is_not_released(hashed: HashedProject) -> None:
    """It would be lost."""
    hashed.disk.write("a.c", "text")
    cache = hashed.open()
    cache.digest(b"a.c")
    cache.release()

    assert len(cache) == 1


def test_within_a_run_a_file_is_looked_at_once(hashed: HashedProject) -> None:
    """However often and for whatever a file is asked, there is one stat and one read."""
    hashed.disk.write("a.c", "text")
    cache = hashed.open()

    for _ in range(3):
        assert cache.digest(b"a.c") == digest_of(b"text")
        assert cache.imports(b"a.c") == Imports()

    assert hashed.disk.stats == [b"a.c"]
    assert hashed.disk.reads == [b"a.c"]
    assert cache.statistics.as_dict()["hits"] == 5
    assert cache.statistics.stats == cache.statistics.reads == 1
    assert cache.statistics.read_bytes == 4


def test_a_run_begun_anew_looks_anew(hashed: HashedProject) -> None:
    """After `begin_run` each file is stat-ed again, and read if it changed."""
    hashed.disk.write("a.c", "one")
    cache = hashed.settled("a.c")
    cache.digest(b"a.c")
    hashed.disk.tick()
    hashed.disk.write("a.c", "two")

    assert cache.digest(b"a.c") == digest_of(b"one")
    cache.begin_run()
    assert cache.digest(b"a.c") == digest_of(b"two")
    assert hashed.disk.reads == [b"a.c"]


def test_forgetting_looks_anew_at_one_file(hashed: HashedProject) -> None:
    """A file that the run itself wrote is looked at again, and no other is."""
    for name in ("a.o", "b.o"):
        hashed.disk.write(name, "one")
    cache = hashed.settled("a.o", "b.o")
    for name in (b"a.o", b"b.o"):
        cache.digest(name)
    hashed.disk.forget_work()
    hashed.disk.tick()
    hashed.disk.write("a.o", "two")
    cache.forget(b"a.o")

    assert cache.digest(b"a.o") == digest_of(b"two")
    assert cache.digest(b"b.o") == digest_of(b"one")
    assert hashed.disk.stats == hashed.disk.reads == [b"a.o"]


@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"x" * (SCAN_LIMIT + 1)])
def test_any_bytes_have_a_digest(hashed: HashedProject, content: bytes) -> None:
    """Empty, binary and large files have a digest; only text of moderate size has imports."""
    hashed.disk.write("file", content)
    cache = hashed.open()

    assert cache.digest(b"file") == digest_of(content)
    assert cache.imports(b"file") == (None if content else Imports())


def test_imports_come_from_the_same_read(hashed: HashedProject) -> None:
    """What a file includes is known after the one read, and in the next run without any."""
    text = '#include "a.h"\nstatic const char *built = __DATE__;\n'
    hashed.disk.write("a.c", text)
    wanted = Imports((b'"a.h',), time_macro=True)

    assert hashed.open().imports(b"a.c") == wanted
    assert hashed.settled("a.c").imports(b"a.c") == wanted
    assert hashed.disk.reads == []


def test_assembler_is_known_by_its_name(hashed: HashedProject) -> None:
    """A `.include` counts in a file that is named as assembler source."""
    for name in ("a.s", "a.c"):
        hashed.disk.write(name, '.include "x.inc"\n')
    cache = hashed.open()

    assert cache.imports(b"a.s") == Imports((b"ix.inc",), incbin=True)
    assert cache.imports(b"a.c") == Imports((), incbin=True)


# --- what is not there, and what is no file ----------------------------------------


def test_a_missing_file_has_no_digest(hashed: HashedProject) -> None:
    """A path where nothing is costs one stat a run, and leaves nothing to save."""
    cache = hashed.open()

    assert cache.digest(b"missing") is None
    assert cache.imports(b"missing") is None
    assert hashed.disk.stats == [b"missing"]
    assert not cache.dirty


def test_a_file_that_vanishes_has_no_digest(hashed: HashedProject) -> None:
    """A recorded file that is gone is not answered from the record."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")
    hashed.disk.remove("a.c")

    assert cache.digest(b"a.c") is None


def test_a_file_that_cannot_be_read_has_no_digest(hashed: HashedProject) -> None:
    """An unreadable file is as good as missing, until it is recorded with the very same stat."""
    hashed.disk.write("a.c", "text")
    hashed.disk.deny("a.c")
    cache = hashed.open()

    assert cache.digest(b"a.c") is None
    assert hashed.disk.reads == [b"a.c"]
    assert not cache.dirty


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFSOCK], ids=hex)
def test_what_is_no_file_is_not_opened(hashed: HashedProject, kind: int) -> None:
    """A FIFO, folder, device or socket has no digest and is never read."""
    hashed.disk.place("thing", kind)
    cache = hashed.open()

    assert cache.digest(b"thing") is None
    assert hashed.disk.reads == []


def test_a_file_replaced_by_a_folder_has_no_digest(hashed: HashedProject) -> None:
    """The record of a file is no answer for the folder that took its place."""
    hashed.disk.write("thing", "text")
    cache = hashed.settled("thing")
    hashed.disk.place("thing", stat.S_IFDIR)

    assert cache.digest(b"thing") is None


def test_a_path_that_no_disk_can_hold_has_no_digest(tmp_path: Path, reports: list[Reason]) -> None:
    """A name with a NUL in it, or one too long, is answered like a missing one."""
    cache = FileHashCache(RealDisk(os.fsencode(tmp_path)), b"none", reports.append)

    assert cache.digest(b"a\0b") is None
    assert cache.digest(b"a" * 5000) is None
    assert cache.digest(b"") is None


def test_a_huge_file_is_not_read(tmp_path: Path, reports: list[Reason]) -> None:
    """A file beyond the limit has no entry and is not taken into memory."""
    path = tmp_path / "huge"
    with open(path, "wb") as file:
        file.truncate(READ_LIMIT + 1)
    cache = FileHashCache(RealDisk(os.fsencode(tmp_path)), b"none", reports.append)

    assert cache.digest(os.fsencode(path)) is None
    cache.forget(os.fsencode(path))
    cache.settle()
    assert cache.statistics.reads == 0
    assert not cache.dirty


# --- what has changed ----------------------------------------------------------------

CHANGES: dict[str, Callable[[FakeDisk], None]] = {
    "edit": lambda disk: disk.write("a.c", "other text"),
    "edit of the same size": lambda disk: disk.write("a.c", "TEXT"),
    "older file moved over it": lambda disk: disk.replace("a.c", "TEXT", 10**18),
    "other file with the very same mtime": lambda disk: disk.replace(
        "a.c", "TEXT", disk.stat(b"a.c").st_mtime_ns
    ),
    "edit with the mtime put back": lambda disk: put_back(disk, "TEXT"),
}


def put_back(disk: FakeDisk, content: str) -> None:
    """Edit a file and restore its mtime, as some tools do; only its ctime tells."""
    before = disk.stat(b"a.c").st_mtime_ns
    disk.write("a.c", content)
    disk.utime("a.c", before)


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_change_is_seen(hashed: HashedProject, change: str) -> None:
    """Every way of giving a file other bytes leads to one read and the new digest."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")
    hashed.disk.tick()
    CHANGES[change](hashed.disk)
    hashed.disk.forget_work()

    assert cache.digest(b"a.c") == digest_of(hashed.disk.read(b"a.c"))
    assert hashed.disk.stats == [b"a.c"]
    assert hashed.disk.reads == [b"a.c"] * 2  # the cache's, and this test's own


@pytest.mark.parametrize("change", ["mode", "touch"])
def test_a_file_that_only_looks_changed_is_read_once(hashed: HashedProject, change: str) -> None:
    """Another mode or time means one read; the digest is the same, and then trusted again."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")
    hashed.disk.tick()
    if change == "mode":
        hashed.disk.chmod("a.c", 0o755)
    else:
        hashed.disk.utime("a.c", hashed.disk.now_ns())

    assert cache.digest(b"a.c") == digest_of(b"text")
    assert hashed.disk.reads == [b"a.c"]
    assert hashed.settled("a.c").digest(b"a.c") == digest_of(b"text")
    assert hashed.disk.reads == []


def test_a_retargeted_link_is_seen(tmp_path: Path, reports: list[Reason]) -> None:
    """A symbolic link, or a folder on the way, that leads elsewhere now gives the new file."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        os.utime(tmp_path / name / "file", ns=(10**18, 10**18))
    (tmp_path / "file").symlink_to("one/file")
    (tmp_path / "folder").symlink_to("one")
    paths = [os.fsencode(tmp_path / "file"), os.fsencode(tmp_path / "folder" / "file")]
    disk = RealDisk(os.fsencode(tmp_path))
    disk.wait_until_after(disk.now_ns())
    cache = FileHashCache(disk, os.fsencode(tmp_path / INDEX), reports.append)

    before = [cache.digest(path) for path in paths]
    (tmp_path / "file").unlink()
    (tmp_path / "file").symlink_to("two/file")
    (tmp_path / "folder").unlink()
    (tmp_path / "folder").symlink_to("two")
    cache.begin_run()

    assert before == [digest_of(b"one")] * 2
    assert [cache.digest(path) for path in paths] == [digest_of(b"two")] * 2


# --- signatures ------------------------------------------------------------------------


def test_a_signature_is_made_when_the_decider_looks_and_only_then(hashed: HashedProject) -> None:
    """A file that is only an input of a command is not signed, until the Decider asks for it."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c", signer=hashed.sign)
    cache.digest(b"a.c")
    assert hashed.signed == []

    entry = cache.observe(b"a.c", hashed.disk.stat(b"a.c"))
    assert entry is not None
    assert entry.signature == b"signed" + digest_of(b"text")[:10]
    assert hashed.signed == [b"text"]


def test_a_recorded_signature_needs_no_read(hashed: HashedProject) -> None:
    """The Decider's next look costs nothing but the stat that it has taken itself."""
    hashed.disk.write("a.c", "text")
    hashed.disk.tick(1000)
    cache = hashed.open(signer=hashed.sign)
    first = cache.observe(b"a.c", hashed.disk.stat(b"a.c"))
    cache.save()
    cache = hashed.open(signer=hashed.sign)

    assert cache.observe(b"a.c", hashed.disk.stat(b"a.c")) == first
    assert hashed.disk.reads == hashed.signed == []
    assert len(hashed.disk.stats) == 1  # the caller's


def test_observing_what_is_no_file_gives_nothing(hashed: HashedProject) -> None:
    """The Decider gets no entry for a folder."""
    hashed.disk.place("folder", stat.S_IFDIR)
    cache = hashed.open(signer=hashed.sign)

    assert cache.observe(b"folder", hashed.disk.stat(b"folder")) is None


def test_signatures_of_another_hash_format_are_not_used(hashed: HashedProject) -> None:
    """An index made under another of SCons's hash formats counts as empty, without a word."""
    hashed.disk.write("a.c", "text")
    hashed.settled("a.c", signer=hashed.sign, signature_name=b"md5")
    cache = hashed.open(signer=hashed.sign, signature_name=b"sha256")

    assert len(cache) == 0
    assert cache.digest(b"a.c") == digest_of(b"text")
    assert hashed.disk.reads == [b"a.c"]
    assert hashed.reports == []
