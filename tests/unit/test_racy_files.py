"""`FileHashCache` and young files: no edit in the same tick is missed, and settling ends it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Optional

import pytest

from incremental_tool.base.digest import digest_of
from incremental_tool.store.file_hash_cache import RACY

if TYPE_CHECKING:
    from fake_disk import HashedProject

SECOND = 1_000_000_000


def test_a_same_size_edit_in_one_tick_is_seen(hashed: HashedProject) -> None:
    """A file rewritten with an equal stat, in the tick in which it was read, is read again."""
    hashed.disk.write("a.c", "one")
    cache = hashed.open()
    cache.digest(b"a.c")
    cache.save()

    hashed.disk.write("a.c", "two")  # no tick: its stat is the recorded one
    hashed.disk.tick(1000)

    assert hashed.open().digest(b"a.c") == digest_of(b"two")
    assert hashed.disk.reads == [b"a.c"]


def test_the_same_edit_is_seen_within_one_process(hashed: HashedProject) -> None:
    """The next run of a process that stays reads a racy file again, too."""
    hashed.disk.write("a.c", "one")
    cache = hashed.open()
    cache.digest(b"a.c")
    hashed.disk.write("a.c", "two")
    cache.begin_run()

    assert cache.digest(b"a.c") == digest_of(b"two")


def test_a_racy_file_is_trusted_after_settling(hashed: HashedProject) -> None:
    """`settle` lets the clock pass, reads once more, and the next run reads nothing."""
    hashed.disk.write("a.c", "one")
    cache = hashed.open()
    cache.digest(b"a.c")
    cache.settle()
    cache.save()

    assert hashed.disk.waits == 1
    assert hashed.disk.reads == [b"a.c"] * 2
    assert hashed.open().digest(b"a.c") == digest_of(b"one")
    assert hashed.disk.reads == []


def test_an_edit_while_settling_is_seen(hashed: HashedProject) -> None:
    """A file written between settling's stat and its read is not trusted with the older bytes."""
    hashed.disk.write("a.c", "one")
    cache = hashed.open()
    cache.digest(b"a.c")
    hashed.disk.before_read = lambda path: hashed.disk.write(path, "two")
    cache.settle()
    cache.save()
    hashed.disk.before_read = None
    hashed.disk.write("a.c", "six")  # in the same tick
    hashed.disk.tick(1000)

    assert hashed.open().digest(b"a.c") == digest_of(b"six")


def test_settling_reads_what_the_run_built(hashed: HashedProject) -> None:
    """A built file is digested and signed when the run ends, so that the next only stats it."""
    cache = hashed.open(signer=hashed.sign)
    hashed.disk.write("a.o", "object")
    cache.forget(b"a.o")
    cache.settle()
    cache.save()

    assert hashed.disk.reads == [b"a.o"]
    cache = hashed.open(signer=hashed.sign)
    entry = cache.observe(b"a.o", hashed.disk.stat(b"a.o"))
    assert entry is not None
    assert entry.signature == b"signed" + digest_of(b"object")[:10]
    assert hashed.disk.reads == hashed.signed == []


def test_settling_reads_what_the_run_built_anew(hashed: HashedProject) -> None:
    """A built file with a record from an earlier run is read, and trusted in the next."""
    hashed.disk.write("a.o", "old")
    cache = hashed.settled("a.o")
    cache.digest(b"a.o")
    hashed.disk.tick()
    hashed.disk.write("a.o", "new")
    cache.forget(b"a.o")
    cache.settle()
    cache.save()

    assert hashed.disk.reads == [b"a.o"]
    assert hashed.open().digest(b"a.o") == digest_of(b"new")
    assert hashed.disk.reads == []


def test_settling_signs_what_commands_vouched_for(hashed: HashedProject) -> None:
    """A built header that only commands looked at is signed: the next run's Decider will ask."""
    cache = hashed.open(signer=hashed.sign)
    hashed.disk.tick()
    hashed.disk.write("made.h", "text")
    cache.forget(b"made.h")
    hashed.disk.tick()
    assert not cache.moved_since(b"made.h", hashed.disk.now_ns())
    assert hashed.signed == []
    cache.settle()

    assert hashed.signed == [b"text"]


def test_settling_without_work_does_nothing(hashed: HashedProject) -> None:
    """A run that wrote nothing and saw no young file neither waits nor stats."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")
    cache.digest(b"a.c")
    hashed.disk.forget_work()
    cache.settle()

    assert (hashed.disk.stats, hashed.disk.reads, hashed.disk.waits) == ([], [], 0)
    assert not cache.dirty


def test_settling_copes_with_what_vanished_or_is_no_file(hashed: HashedProject) -> None:
    """Built files that are gone by now, or folders, are passed over."""
    cache = hashed.open()
    hashed.disk.place("folder", stat.S_IFDIR)
    for name in (b"gone", b"folder"):
        cache.forget(name)
    cache.settle()

    assert hashed.disk.reads == []
    assert len(cache) == 0


def test_times_in_the_future_stay_racy_and_right(hashed: HashedProject) -> None:
    """A file from the future is read in every run, is never waited for, and never stale."""
    hashed.disk.write("a.c", "one")
    hashed.disk.utime("a.c", hashed.disk.now_ns() + 3600 * SECOND)
    cache = hashed.open()
    cache.digest(b"a.c")
    cache.settle()
    cache.save()
    assert hashed.disk.waits == 0

    cache = hashed.open()
    assert cache.digest(b"a.c") == digest_of(b"one")
    assert hashed.disk.reads == [b"a.c"]
    mtime, ctime = (getattr(hashed.disk.stat(b"a.c"), f"st_{t}time_ns") for t in "mc")
    hashed.disk.write("a.c", "two")
    hashed.disk.utime("a.c", mtime, ctime)
    cache.begin_run()
    assert cache.digest(b"a.c") == digest_of(b"two")


def test_times_in_the_future_are_trusted_when_they_have_passed(hashed: HashedProject) -> None:
    """Once the clock has passed such a file's time, one more read makes it trusted."""
    hashed.disk.write("a.c", "one")
    hashed.disk.utime("a.c", hashed.disk.now_ns() + 3600 * SECOND)
    hashed.settled("a.c")
    hashed.disk.clock_ns += 7200 * SECOND
    cache = hashed.settled("a.c")

    assert cache.digest(b"a.c") == digest_of(b"one")
    assert hashed.disk.reads == []


@pytest.mark.parametrize("tick_ns", [SECOND, 2 * SECOND])
def test_a_disk_of_whole_seconds_is_not_trusted_too_early(
    hashed: HashedProject, tick_ns: int
) -> None:
    """Where times are whole seconds, an edit in the same second is seen; later, nothing is read."""
    disk = hashed.disk
    disk.tick_ns = tick_ns
    disk.clock_ns = disk.now_ns()
    disk.write("a.c", "one")
    disk.clock_ns += tick_ns // 2
    cache = hashed.open()
    cache.digest(b"a.c")
    cache.settle()
    cache.save()
    disk.write("a.c", "two")
    cache = hashed.open()
    assert cache.digest(b"a.c") == digest_of(b"two")

    disk.clock_ns += 10 * SECOND
    cache = hashed.settled("a.c")
    assert cache.digest(b"a.c") == digest_of(b"two")
    assert disk.reads == []


def test_a_run_that_outlasts_the_tick_distrusts_what_it_saw_made(hashed: HashedProject) -> None:
    """The clock is the run's first sample: what is written later in the run is racy."""
    hashed.disk.write("a.c", "one")
    hashed.disk.tick(1000)
    cache = hashed.open()
    cache.digest(b"a.c")
    hashed.disk.tick(10)
    hashed.disk.write("new.h", "text")
    hashed.disk.tick(10)
    cache.digest(b"new.h")

    def racy(name: bytes) -> Optional[int]:
        entry = cache.ensure_cached(name)
        return entry.flags & RACY if entry else None

    assert (racy(b"a.c"), racy(b"new.h")) == (0, RACY)
