"""`FileHashCache.moved_since`: whether a file may have been written while a command ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.digest import digest_of

if TYPE_CHECKING:
    from fake_disk import HashedProject

SECOND = 1_000_000_000


def test_an_untouched_input_has_not_moved(hashed: HashedProject) -> None:
    """A file from before the moment has not moved, whether it was looked at or not."""
    for name in ("seen.h", "unseen.h"):
        hashed.disk.write(name, "text")
    cache = hashed.settled("seen.h")
    cache.digest(b"seen.h")
    hashed.disk.tick()
    moment = hashed.disk.now_ns()

    assert not cache.moved_since(b"seen.h", moment)
    assert not cache.moved_since(b"unseen.h", moment)
    assert cache.digest(b"unseen.h") == digest_of(b"text")
    assert hashed.disk.reads == [b"unseen.h"]


@pytest.mark.parametrize("ticks", [0, 1, 5])
def test_an_input_written_from_the_moment_on_has_moved(hashed: HashedProject, ticks: int) -> None:
    """A file written in the command's first tick or later has moved, seen before or not."""
    for name in ("seen.h", "unseen.h"):
        hashed.disk.write(name, "one")
    cache = hashed.settled("seen.h")
    cache.digest(b"seen.h")
    moment = hashed.disk.now_ns()
    hashed.disk.tick(ticks)
    for name in ("seen.h", "unseen.h"):
        hashed.disk.write(name, "two")

    assert cache.moved_since(b"seen.h", moment)
    assert cache.moved_since(b"unseen.h", moment)
    assert cache.digest(b"seen.h") == digest_of(b"two")  # the run's view follows


def test_a_vanished_input_has_moved(hashed: HashedProject) -> None:
    """A file that is gone has moved."""
    hashed.disk.write("a.h", "text")
    cache = hashed.settled("a.h")
    hashed.disk.remove("a.h")

    assert cache.moved_since(b"a.h", hashed.disk.now_ns())


def test_an_input_edited_between_the_look_and_the_command_has_moved(hashed: HashedProject) -> None:
    """What the decision was based on and what the command read differ: that is a move, too."""
    hashed.disk.write("a.h", "one")
    cache = hashed.settled("a.h")
    cache.digest(b"a.h")
    hashed.disk.tick()
    hashed.disk.write("a.h", "two")
    hashed.disk.tick()

    assert cache.moved_since(b"a.h", hashed.disk.now_ns())
    assert cache.digest(b"a.h") == digest_of(b"two")
    assert not cache.moved_since(b"a.h", hashed.disk.now_ns())


def test_an_edit_under_a_clock_set_back_is_a_move(hashed: HashedProject) -> None:
    """A file edited while a command ran, with the clock an hour back meanwhile, has moved."""
    hashed.disk.write("a.h", "one")
    cache = hashed.settled("a.h")
    cache.digest(b"a.h")
    moment = hashed.disk.now_ns()
    hashed.disk.clock_ns -= 3600 * SECOND
    hashed.disk.write("a.h", "two")

    assert cache.moved_since(b"a.h", moment)


def test_a_racy_input_is_read_again_before_it_is_vouched_for(hashed: HashedProject) -> None:
    """A file edited in the tick of its look, before the command, is known by its new bytes."""
    hashed.disk.write("a.h", "one")
    cache = hashed.open()
    assert cache.digest(b"a.h") == digest_of(b"one")
    hashed.disk.write("a.h", "two")  # its stat is as it was
    hashed.disk.tick()
    moment = hashed.disk.now_ns()  # the command begins, and reads "two"

    assert not cache.moved_since(b"a.h", moment)
    assert cache.digest(b"a.h") == digest_of(b"two")


def test_a_built_header_is_read_once_for_all_commands(hashed: HashedProject) -> None:
    """The first command that used a header settles it: for the others a stat is enough."""
    cache = hashed.open(signer=hashed.sign)
    hashed.disk.tick()
    hashed.disk.write("made.h", "text")
    cache.forget(b"made.h")
    cache.observe(b"made.h", hashed.disk.stat(b"made.h"))
    hashed.disk.tick()
    moment = hashed.disk.now_ns()
    for _ in range(5):
        assert not cache.moved_since(b"made.h", moment)
        assert cache.digest(b"made.h") == digest_of(b"text")

    assert hashed.disk.reads == [b"made.h"] * 2  # racy when it was decided on, then trusted
    cache.settle()
    cache.save()
    assert hashed.disk.reads == [b"made.h"] * 2
    assert hashed.signed == [b"text"]  # kept, because the bytes were the same
    assert hashed.disk.waits == 0


def test_a_coarse_disk_beside_a_fine_clock_is_not_trusted(hashed: HashedProject) -> None:
    """Times of whole seconds may hide a write during the command, so they count as moved."""
    hashed.disk.write("a.h", "one")
    start = hashed.disk.clock_ns // SECOND * SECOND
    hashed.disk.clock_ns = start + SECOND // 2
    cache = hashed.open()
    moment = hashed.disk.now_ns()
    hashed.disk.clock_ns += SECOND // 4
    hashed.disk.write("a.h", "two")
    hashed.disk.utime("a.h", start, start)

    assert cache.moved_since(b"a.h", moment)
