"""A trim removes what was used longest ago, may stop anywhere, and harms no build beside it."""

from __future__ import annotations

import errno
import os
import struct
import threading
from typing import TYPE_CHECKING, Any, Callable

import pytest

from incremental_tool.base.atomic import FileLock
from incremental_tool.base.digest import digest_of
from incremental_tool.model.action import action_digest
from incremental_tool.store import trim as trimming
from incremental_tool.store.manifest import KnownResult, Output
from incremental_tool.store.trim import StoredFile, entries, note_usage, trim
from incremental_tool.store.zir_cache import Hit, ZirCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from incremental_tool.model.reason import Reason

BLOCK = 4096
NOW = 1_700_000_000.0
DAY = 86_400
ENDLESS = 1 << 60


class Store:
    """A cache folder whose entries take one block each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = os.fsencode(folder)

    def add(self, name: str, days_ago: float, size: int = BLOCK) -> Path:
        """Make an entry that was used some days ago."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        os.utime(path, (NOW - days_ago * DAY,) * 2)
        return path

    def left(self) -> set[str]:
        """Return what is left, by the end of its name."""
        return {os.path.basename(entry.path).decode()[-4:] for entry in entries(self.name)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a cache folder with ten entries, used one to ten days ago, the oldest named first."""
    store = Store(tmp_path)
    for number in range(10):
        part = "zir" if number % 2 else "objects"
        store.add(f"{part}/{number:02}/{'0' * 26}de{number:02}", days_ago=10 - number)
    return store


def names(*numbers: int) -> set[str]:
    """Return the names of entries."""
    return {f"de{number:02}" for number in numbers}


# --- what goes ---------------------------------------------------------------------


def test_below_its_limits_nothing_goes(store: Store) -> None:
    """A store that fits is left as it is, and is counted in blocks of the disk."""
    done = trim(store.name, 10 * BLOCK, 0, NOW)

    assert done == (10 * BLOCK, 10 * BLOCK, 10, 0)
    assert store.left() == names(*range(10))


def test_above_the_limit_the_oldest_go(store: Store) -> None:
    """What was used longest ago goes first, until the store is a tenth below the limit."""
    done = trim(store.name, 9 * BLOCK, 0, NOW)

    assert store.left() == names(*range(2, 10))
    assert done == (10 * BLOCK, 8 * BLOCK, 10, 2)


def test_a_trim_that_is_done_is_not_due_again(store: Store) -> None:
    """A second trim right behind the first finds nothing to do."""
    trim(store.name, 5 * BLOCK, 0, NOW)
    left = store.left()

    assert left == names(*range(6, 10))
    assert trim(store.name, 5 * BLOCK, 0, NOW).files_removed == 0
    assert store.left() == left


def test_large_and_small_entries_count_by_size(store: Store) -> None:
    """One large old entry may be enough."""
    store.add("objects/aa/" + "0" * 26 + "feed", days_ago=11, size=50 * BLOCK)

    assert trim(store.name, 12 * BLOCK, 0, NOW).files_removed == 1
    assert store.left() == names(*range(10))


def test_what_is_too_old_goes_whatever_its_size(store: Store) -> None:
    """With an age limit, entries not used for longer go though there is room; 0 is no limit."""
    assert trim(store.name, ENDLESS, 0, NOW).files_removed == 0
    assert trim(store.name, ENDLESS, 3.5, NOW).files_removed == 7
    assert store.left() == names(7, 8, 9)


def test_both_limits_hold(store: Store) -> None:
    """Entries go by age first; by size only as many more as needed."""
    assert trim(store.name, 2 * BLOCK, 3.5, NOW).files_removed == 9
    assert store.left() == names(9)


def test_nothing_but_entries_goes(store: Store, tmp_path: Path) -> None:
    """Other files and folders in the cache folder are neither counted nor removed."""
    others = ["CACHEDIR.TAG", "usage", "objects/notes", "other/ab/file", "objects/ab/a.o"]
    others += ["objects/debug/" + "0" * 27, "zir/ab/" + "X" * 30, "quarantine/notes"]
    others += ["objects/ab/" + "0" * 30 + "/file"]  # a folder under an entry's name
    for name in others:
        store.add(name, days_ago=100)
    (tmp_path / "objects" / "cd").symlink_to(tmp_path / "other")
    store.add("other/" + "0" * 30, days_ago=100)
    before = trim(store.name, ENDLESS, 0, NOW).files_before
    trim(store.name, 0, 1, NOW)

    assert before == 11
    assert [name for name in others if not (tmp_path / name).exists()] == []
    assert (tmp_path / "other" / ("0" * 30)).exists()
    assert store.left() == {"0000"}


def test_a_link_goes_and_not_what_it_leads_to(store: Store, tmp_path: Path) -> None:
    """A symbolic link among the entries is removed itself."""
    (tmp_path / "precious").write_bytes(b"x")
    os.utime(tmp_path / "precious", (1000, 1000))
    (tmp_path / "objects" / "00" / ("0" * 30)).symlink_to(tmp_path / "precious")
    assert len(store.left()) == 11
    trim(store.name, 0, 0, NOW)

    assert store.left() == set()
    assert (tmp_path / "precious").exists()


def test_a_missing_store_is_trimmed_to_nothing(tmp_path: Path) -> None:
    """Where there is no store, there is nothing to do."""
    assert trim(os.fsencode(tmp_path / "missing"), 0, 1, NOW) == (0, 0, 0, 0)


# --- builds beside it ----------------------------------------------------------------


def test_what_is_used_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that a build uses after the count, before its turn, is left alone."""
    count = trimming.entries

    def count_then_use(folder: bytes) -> Iterator[StoredFile]:
        found = list(count(folder))
        used = next(entry.path for entry in found if entry.path.endswith(b"de00"))
        os.utime(used, (NOW, NOW))
        return iter(found)

    monkeypatch.setattr(trimming, "entries", count_then_use)
    done = trim(store.name, 5 * BLOCK, 0, NOW)

    assert done.files_removed == 6
    assert {"de00"} == {name for name in store.left() if name in names(*range(7))}


def test_what_vanishes_meanwhile_is_passed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that another process removes after the count is not counted as removed here."""
    count = trimming.entries

    def count_then_remove(folder: bytes) -> Iterator[StoredFile]:
        found = list(count(folder))
        os.unlink(next(entry.path for entry in found if entry.path.endswith(b"de00")))
        return iter(found)

    monkeypatch.setattr(trimming, "entries", count_then_remove)

    assert trim(store.name, 9 * BLOCK, 0, NOW).files_removed == 2
    assert names(0) & store.left() == set()


def test_what_cannot_be_removed_is_passed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's entry stays, and the next oldest go instead."""
    unlink = os.unlink

    def unlink_own(path: bytes) -> None:
        if path.endswith(b"de00"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path)

    monkeypatch.setattr(os, "unlink", unlink_own)
    trim(store.name, 9 * BLOCK, 0, NOW)

    assert store.left() == names(0, *range(3, 10))


def key(number: int) -> bytes:
    """Return the digest of an action."""
    return action_digest([("action", bytes([number]))])


def fill(cache: ZirCache, number: int) -> bytes:
    """Store a result whose output is 40 kB long; return its content."""
    fields = [("action", bytes([number]))]
    content = os.urandom(40_000)
    output = Output(b"out", 0o644, False, digest_of(content), len(content))
    result = KnownResult([b"a.c"], digest_of(b""), [], [output], b"", b"", False, 1)
    assert cache.store(key(number), fields, result, [content]) is None
    return content


def test_an_interrupted_trim_leaves_a_good_store(
    tmp_path: Path, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any number of removals every look-up is a hit or an honest miss, without damage."""
    folder = os.fsencode(tmp_path)
    cache = ZirCache(folder, reports.append)
    contents = {number: fill(cache, number) for number in range(4)}
    unlink = os.unlink
    for allowed in range(3):
        left = [allowed]

        def unlink_some(path: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            unlink(path)

        with monkeypatch.context() as patched:
            patched.setattr(os, "unlink", unlink_some)
            with pytest.raises(KeyboardInterrupt):
                trim(folder, 0, 0, NOW)
        fresh = ZirCache(folder, reports.append)
        for number, content in contents.items():
            found = fresh.lookup(bytes([number]) * 16, 1, lambda _: digest_of(b""), lambda _: False)
            if isinstance(found, Hit):
                assert found.contents == [content]
            else:
                assert found.reason.id in ("zir.miss.object-gone", "zir.miss.new")

    trim(folder, 0, 0, NOW)
    assert list(entries(folder)) == reports == []


def test_builds_go_on_while_a_trim_runs(tmp_path: Path, reports: list[Reason]) -> None:
    """Storing and looking up beside trims of everything gives hits and misses, never damage."""
    folder = os.fsencode(tmp_path)
    done = threading.Event()
    failed: list[BaseException] = []

    def build(worker: int) -> None:
        try:
            cache = ZirCache(folder, reports.append)
            for number in range(20):
                content = fill(cache, worker * 20 + number)
                action = key(worker * 20 + number)
                found = cache.lookup(action, 1, lambda _: digest_of(b""), lambda _: False)
                if isinstance(found, Hit):
                    assert found.contents == [content]
        except BaseException as error:
            failed.append(error)

    def trim_often() -> None:
        while not done.is_set():
            trim(folder, 0, 0, NOW)

    trimmer = threading.Thread(target=trim_often)
    builds = [threading.Thread(target=build, args=(worker,)) for worker in range(2)]
    for thread in (trimmer, *builds):
        thread.start()
    for thread in builds:
        thread.join()
    done.set()
    trimmer.join()

    assert failed == reports == []


# --- what killed builds leave ----------------------------------------------------------


def test_stray_temporary_files_go_after_a_day(store: Store) -> None:
    """A temporary file of a build that may still run stays, however full the store is."""
    store.add("objects/ab/.incremental-1-1-old1", days_ago=1.1)
    store.add("zir/ab/.incremental-1-1-old2", days_ago=30)
    store.add("objects/ab/.incremental-1-1-new1", days_ago=0.9)
    store.add("zir/ab/.incremental-1-1-new2", days_ago=-1)

    assert trim(store.name, ENDLESS, 0, NOW).files_removed == 2
    assert store.left() == names(*range(10)) | {"new1", "new2"}
    trim(store.name, 0, 0, NOW)
    assert store.left() == {"new1", "new2"}


def test_what_was_set_aside_goes_after_a_week(store: Store, tmp_path: Path) -> None:
    """Quarantined files can be looked at for a week; what cannot be removed does no harm."""
    old, new, folder = ("0" * 31 + last for last in "abc")
    store.add(f"quarantine/{old}", days_ago=8)
    store.add(f"quarantine/{new}", days_ago=6)
    store.add(f"quarantine/{folder}/file", days_ago=8)
    os.utime(tmp_path / "quarantine" / folder, (0, 0))
    trim(store.name, ENDLESS, 0, NOW)

    assert sorted(os.listdir(tmp_path / "quarantine")) == [new, folder]


# --- when a trim is due ------------------------------------------------------------------


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that fills with the limit of each trim that is made."""
    made: list[int] = []
    real = trimming.trim

    def note(folder: bytes, limit: int, max_age_days: float, now: float) -> trimming.Trimmed:
        made.append(limit)
        return real(folder, limit, max_age_days, now)

    monkeypatch.setattr(trimming, "trim", note)
    return made


def usage(store: Store) -> int:
    """Return the sum in the usage file."""
    magic, value, _ = struct.unpack("<4sQd", (store.folder / "usage").read_bytes())
    assert magic == b"IUS2"
    return int(value)


def usage_file(value: int, counted: float = 1.0, magic: bytes = b"IUS2") -> bytes:
    """Return the content of a usage file."""
    return struct.pack("<4sQd", magic, value, counted)


def test_the_store_is_counted_only_when_it_may_be_full(
    store: Store, reports: list[Reason], trims: list[int]
) -> None:
    """Builds add up what they wrote; when the sum passes the limit, what is there is counted."""
    limit = 20 * BLOCK
    note_usage(store.name, 1000, limit, 0, reports.append)
    assert usage(store) == 10 * BLOCK  # no sum yet: the first build counts
    for _ in range(9):
        note_usage(store.name, BLOCK, limit, 0, reports.append)
    assert (usage(store), len(trims)) == (19 * BLOCK, 1)

    note_usage(store.name, 2 * BLOCK, limit, 0, reports.append)
    assert (usage(store), len(trims)) == (10 * BLOCK, 2)
    assert store.left() == names(*range(10))
    note_usage(store.name, 0, 5 * BLOCK, 0, reports.append)
    assert usage(store) == 4 * BLOCK
    assert store.left() == names(6, 7, 8, 9)
    assert reports == []


def test_an_age_limit_is_looked_at_once_a_day(
    store: Store, reports: list[Reason], trims: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an age limit the first build that wrote in a day trims; or after the clock went back."""
    for hours, expected in [(0, 1), (1, 1), (23, 1), (24, 2), (40, 2), (-1, 3), (0, 3), (23, 4)]:
        monkeypatch.setattr(trimming.time, "time", lambda now=NOW + hours * 3600: now)
        note_usage(store.name, 1, ENDLESS, 5.5, reports.append)
        assert len(trims) == expected

    assert store.left() == names(6, 7, 8, 9)
    assert reports == []


@pytest.mark.parametrize(
    "content",
    [
        *[usage_file(5)[:size] for size in range(20)],
        usage_file(5, magic=b"ELSE"),
        struct.pack("<4sQ", b"IUSE", 5),
        usage_file(5) + b"x",
        b"\0" * 20,
        usage_file(2**64 - 1),
    ],
    ids=repr,
)
def test_a_damaged_sum_is_counted_anew(
    store: Store, reports: list[Reason], trims: list[int], content: bytes
) -> None:
    """A cut off, foreign or impossible sum costs one count; the store does not grow unseen."""
    (store.folder / "usage").write_bytes(content)
    note_usage(store.name, 1, 9 * BLOCK, 0, reports.append)

    assert len(trims) == 1
    assert usage(store) == 8 * BLOCK
    assert reports == []


def test_the_largest_sum_grows_no_further(store: Store, reports: list[Reason]) -> None:
    """With a limit beyond all numbers the sum stays what the file can hold."""
    (store.folder / "usage").write_bytes(usage_file(2**64 - 1))
    note_usage(store.name, 5, 1 << 70, 0, reports.append)

    assert usage(store) == 2**64 - 1
    assert reports == []


def test_only_one_process_counts(store: Store, reports: list[Reason], trims: list[int]) -> None:
    """While another build trims, this one neither waits nor counts; afterwards the lock is free."""
    lock = FileLock(os.path.join(store.name, b"trim.lock"))
    assert lock.try_acquire()
    note_usage(store.name, 1, 0, 0, reports.append)
    assert trims == reports == []
    assert not (store.folder / "usage").exists()

    lock.release()
    note_usage(store.name, 1, 0, 0, reports.append)
    assert len(trims) == 1
    assert lock.try_acquire()
    lock.release()


def failing(code: int) -> Callable[..., Any]:
    """Return a call that fails."""

    def call(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return call


def test_a_sum_that_cannot_be_written_is_reported(
    store: Store, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no error of the build: it is reported, and the lock is given back."""
    monkeypatch.setattr(trimming, "replace_file", failing(errno.ENOSPC))
    note_usage(store.name, 1, ENDLESS, 0, reports.append)

    assert reports == [("store.unwritable", "No space left on device")]
    lock = FileLock(os.path.join(store.name, b"trim.lock"))
    assert lock.try_acquire()
    lock.release()


def test_a_store_that_is_gone_is_no_matter(tmp_path: Path, reports: list[Reason]) -> None:
    """A cache folder deleted during the build is not made again for a sum."""
    note_usage(os.fsencode(tmp_path / "missing"), 1, 0, 0, reports.append)

    assert reports == []
    assert os.listdir(tmp_path) == []
