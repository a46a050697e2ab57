"""The real disk and its clock, and that the disk in memory keeps the same promises."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.filesystem import TICK_LIMIT_NS, RealDisk

if TYPE_CHECKING:
    from pathlib import Path

    from fake_disk import FakeDisk

    from incremental_tool.base.filesystem import Disk


def real_disk(folder: Path) -> RealDisk:
    """Return the real disk with its clock in `folder`."""
    return RealDisk(os.fsencode(folder))


@pytest.mark.parametrize("size", [0, 1, 4096, 3_000_000])
def test_read_returns_the_whole_file(tmp_path: Path, size: int) -> None:
    """Files of any size come back as they are."""
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)

    assert content == real_disk(tmp_path).read(os.fsencode(tmp_path / "file"))


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is appended between the look at the size and the read is read too."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    look = os.fstat

    def look_then_grow(fd: int) -> os.stat_result:
        status = look(fd)
        with open(path, "ab") as file:
            file.write(b"b" * 3_000_000)
        return status

    monkeypatch.setattr(os, "fstat", look_then_grow)
    content = real_disk(tmp_path).read(os.fsencode(path))

    assert content == b"a" * 100 + b"b" * 3_000_000


def test_a_file_that_shrinks_while_it_is_read_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file cut between the look at the size and the read gives what is left."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    look = os.fstat

    def look_then_cut(fd: int) -> os.stat_result:
        status = look(fd)
        os.truncate(path, 10)
        return status

    monkeypatch.setattr(os, "fstat", look_then_cut)

    assert real_disk(tmp_path).read(os.fsencode(path)) == b"a" * 10


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="needs /proc")
def test_a_file_without_a_size_is_read(tmp_path: Path) -> None:
    """Files of /proc tell no size and are read to their end."""
    assert b"Linux" in real_disk(tmp_path).read(b"/proc/version")


def test_a_fifo_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    """A FIFO nobody writes to raises at once instead of looking like an empty file."""
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(OSError, match="regular"):
        real_disk(tmp_path).read(os.fsencode(tmp_path / "fifo"))


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_an_error_and_not_read_for_ever(tmp_path: Path, device: str) -> None:
    """Devices, endless ones included, raise."""
    with pytest.raises(OSError, match="regular"):
        real_disk(tmp_path).read(os.fsencode(device))


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    """Reading a folder raises an OSError."""
    with pytest.raises(OSError, match=r"regular|directory"):
        real_disk(tmp_path).read(os.fsencode(tmp_path))


def test_reading_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """Neither a good read nor one that fails keeps a descriptor."""
    disk = real_disk(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    before = sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else []

    disk.read(os.fsencode(tmp_path / "file"))
    with pytest.raises(OSError, match="regular"):
        disk.read(os.fsencode(tmp_path))

    after = sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else []
    assert before == after


def test_whatever_is_no_folder_is_a_file(tmp_path: Path) -> None:
    """A file, a FIFO and links to them are files; a folder, a link to one and nothing are not."""
    disk = real_disk(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("file", "fifo", "folder", "nothing"):
        (tmp_path / f"to-{name}").symlink_to(name)

    names = [f"{prefix}{name}" for name in ("file", "fifo") for prefix in ("", "to-")]
    others = [f"{prefix}{name}" for name in ("folder", "nothing") for prefix in ("", "to-")]
    assert [disk.is_file(os.fsencode(tmp_path / name)) for name in names] == [True] * 4
    assert [disk.is_file(os.fsencode(tmp_path / name)) for name in others] == [False] * 4


def test_a_name_that_no_disk_can_hold_is_not_there(tmp_path: Path) -> None:
    """A NUL in a name, which only a damaged cache can ask for, is answered with no."""
    disk = real_disk(tmp_path)

    assert not disk.exists(b"a\0b")
    assert not disk.is_file(b"a\0b")


def test_stat_follows_links_and_exists_does_not(tmp_path: Path) -> None:
    """A dangling link exists and has no status; a good one has its target's."""
    disk = real_disk(tmp_path)
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "good").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")

    assert disk.stat(os.fsencode(tmp_path / "good")).st_size == 5
    assert disk.exists(os.fsencode(tmp_path / "dangling"))
    assert not disk.exists(os.fsencode(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError):
        disk.stat(os.fsencode(tmp_path / "dangling"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a name must be text")
def test_names_are_any_bytes(tmp_path: Path) -> None:
    """A name that is no text, with a newline in it, is read and stat-ed."""
    disk = real_disk(tmp_path)
    path = os.path.join(os.fsencode(tmp_path), b"\xff\n\x01 '\"")
    with open(path, "wb") as file:
        file.write(b"content")

    assert disk.read(path) == b"content"
    assert disk.stat(path).st_size == 7
    assert disk.exists(path)


def test_the_clock_is_what_a_file_written_now_carries(tmp_path: Path) -> None:
    """A file's time lies between the clock's before it was written and the clock's after."""
    disk = real_disk(tmp_path)
    before = disk.now_ns()
    (tmp_path / "file").write_bytes(b"")
    written = (tmp_path / "file").stat().st_mtime_ns
    after = disk.now_ns()

    assert before <= written <= after


def test_the_clock_follows_the_file_system_and_not_the_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the computer's clock an hour off, the time is still that of files."""
    disk = real_disk(tmp_path)
    right = disk.now_ns()
    monkeypatch.setattr(time, "time_ns", lambda: right - 3600 * 10**9)

    assert disk.now_ns() >= right


def test_without_a_folder_for_it_the_clock_lags_a_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the clock's file cannot be made, the computer's clock serves, set back on purpose."""
    disk = real_disk(tmp_path / "missing")
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)

    assert disk.now_ns() == 10**18 - TICK_LIMIT_NS
    (tmp_path / "missing").mkdir()
    assert disk.now_ns() == 10**18 - TICK_LIMIT_NS  # it stays with one clock


def test_waiting_ends_behind_the_moment(tmp_path: Path) -> None:
    """After the wait, a file written now is newer than the moment."""
    disk = real_disk(tmp_path)
    moment = disk.now_ns()

    disk.wait_until_after(moment)

    assert disk.now_ns() > moment


def test_waiting_for_the_far_future_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment that does not come is waited for until the limit, by the monotonic clock."""
    disk = real_disk(tmp_path)
    now, naps = [0], []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        now[0] += int(seconds * 10**9)

    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    monkeypatch.setattr(time, "sleep", nap)
    disk.wait_until_after(disk.now_ns() + 3600 * 10**9)

    assert TICK_LIMIT_NS <= sum(naps) * 10**9 <= 2 * TICK_LIMIT_NS


def test_the_clock_serves_several_threads(tmp_path: Path) -> None:
    """Threads that ask at once each get a time, and later calls never get an earlier one."""
    disk = real_disk(tmp_path)
    started = disk.now_ns()
    seen: list[int] = []

    def ask() -> None:
        mine = [disk.now_ns() for _ in range(200)]
        assert mine == sorted(mine)
        seen.extend(mine)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 800
    assert started <= min(seen)


def promises(disk: Disk, path: bytes) -> list[object]:
    """Return what a disk says of one file and of a missing one, errors as their types."""

    def answer(ask: str, of: bytes) -> object:
        try:
            given = getattr(disk, ask)(of)
        except OSError as error:
            return type(error)
        return given.st_size if ask == "stat" else given

    return [
        answer(ask, of)
        for ask in ("stat", "read", "exists", "is_file")
        for of in (path, path + b".missing")
    ]


def test_the_disk_in_memory_answers_as_the_real_one(tmp_path: Path, disk: FakeDisk) -> None:
    """Both disks give the same answers and errors; so tests on one speak for the other."""
    (tmp_path / "file").write_bytes(b"abc")
    disk.write("file", "abc")

    assert promises(real_disk(tmp_path), os.fsencode(tmp_path / "file")) == promises(disk, b"file")


def test_the_disk_in_memory_moves_times_by_ticks(disk: FakeDisk) -> None:
    """Two writes in one tick carry one time; a tick later it is another, and the clock agrees."""
    disk.write("file", "1")
    first = disk.stat(b"file")
    disk.write("file", "2")
    second = disk.stat(b"file")
    disk.tick()
    disk.write("file", "3")
    third = disk.stat(b"file")

    assert first == second
    assert first.st_mtime_ns == first.st_ctime_ns < third.st_mtime_ns == disk.now_ns()
    assert first.st_ino == third.st_ino
