"""A file is replaced whole or not at all, and a state file has one writer."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.base.atomic import FileLock, replace_file, temporary_name, write_new

if TYPE_CHECKING:
    from pathlib import Path


def encoded(path: Path) -> bytes:
    """Return a path as the code under test takes it."""
    return os.fsencode(path)


def no_room(*_: Any) -> int:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_new_file_holds_the_content(tmp_path: Path) -> None:
    """`write_new` makes the file, with the mode that any new file gets."""
    mask = os.umask(0o027)
    try:
        write_new(encoded(tmp_path / "file"), b"content")
    finally:
        os.umask(mask)

    assert (tmp_path / "file").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o755, 0o444, 0o666])
def test_permissions_are_exact_whatever_the_umask(tmp_path: Path, permissions: int) -> None:
    """A mode that is asked for is the mode that the file gets."""
    mask = os.umask(0o077)
    try:
        write_new(encoded(tmp_path / "file"), b"", permissions)
    finally:
        os.umask(mask)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == permissions


def test_a_new_file_overwrites_nothing(tmp_path: Path) -> None:
    """`write_new` fails where a file or a link is, and leaves it alone."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("elsewhere")

    for name in ("file", "link"):
        with pytest.raises(FileExistsError):
            write_new(encoded(tmp_path / name), b"new")

    assert (tmp_path / "file").read_bytes() == b"old"
    assert not (tmp_path / "elsewhere").exists()


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that takes a few bytes at a time gets all of them."""
    write, calls = os.write, []

    def write_a_little(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        return write(fd, data[:3])

    monkeypatch.setattr(os, "write", write_a_little)
    write_new(encoded(tmp_path / "file"), b"0123456789")

    assert (tmp_path / "file").read_bytes() == b"0123456789"
    assert calls == [10, 7, 4, 1]


@pytest.mark.parametrize("call", ["write", "chmod", "close"])
def test_a_failed_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Where writing, the mode or closing fails, the half-made file is removed and closed."""
    fds = "/proc/self/fd"
    before = os.listdir(fds) if os.path.isdir(fds) else []
    real = os.close

    def fail(fd: int, *_: Any) -> int:
        if call == "close":
            real(fd)
        return no_room()

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space"):
            write_new(encoded(tmp_path / "file"), b"content", 0o644)

    assert os.listdir(tmp_path) == []
    assert before == (os.listdir(fds) if os.path.isdir(fds) else [])


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C in the middle of a write removes what was written."""

    def interrupt(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_new(encoded(tmp_path / "file"), b"content")

    assert os.listdir(tmp_path) == []


def test_replacing_gives_a_new_file_and_leaves_no_other(tmp_path: Path) -> None:
    """After `replace_file` the name leads to another inode, and nothing else lies there."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    old = path.stat().st_ino

    replace_file(encoded(path), b"new", 0o640)

    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != old
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_replacing_does_not_write_through_links(tmp_path: Path) -> None:
    """A hard-linked or symbolic target is replaced; what it led to keeps its content."""
    (tmp_path / "original").write_bytes(b"old")
    os.link(tmp_path / "original", tmp_path / "hard")
    (tmp_path / "symbolic").symlink_to("original")

    replace_file(encoded(tmp_path / "hard"), b"new")
    replace_file(encoded(tmp_path / "symbolic"), b"new")

    assert (tmp_path / "original").read_bytes() == b"old"
    assert (tmp_path / "hard").read_bytes() == b"new"
    assert not (tmp_path / "symbolic").is_symlink()


def test_a_replacement_that_cannot_be_written_keeps_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the old file stays, and no temporary one is left."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", no_room)
        with pytest.raises(OSError, match="No space"):
            replace_file(encoded(path), b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_way_is_an_error(tmp_path: Path) -> None:
    """A folder is not replaced; the temporary file is removed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_bytes(b"")

    with pytest.raises(OSError, match="folder"):
        replace_file(encoded(tmp_path / "folder"), b"new")

    assert os.listdir(tmp_path) == ["folder"]


def test_a_name_without_a_folder_is_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare name works as open() takes it."""
    monkeypatch.chdir(tmp_path)
    replace_file(b"file", b"content")

    assert os.listdir(tmp_path) == ["file"]


def test_temporary_names_are_unique(tmp_path: Path) -> None:
    """Threads that ask at once get different names, all in the folder."""
    names: list[bytes] = []

    def ask() -> None:
        names.extend(temporary_name(encoded(tmp_path)) for _ in range(500))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(names)) == 2000
    assert {os.path.dirname(name) for name in names} == {encoded(tmp_path)}


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    """While a file is replaced over and over, every read finds one whole content."""
    path = encoded(tmp_path / "file")
    contents = [bytes([letter]) * 50_000 for letter in b"abc"]
    replace_file(path, contents[0])
    done = threading.Event()

    def replace_often() -> None:
        for turn in range(150):
            replace_file(path, contents[turn % 3])
        done.set()

    writer = threading.Thread(target=replace_often)
    writer.start()
    seen = set()
    while not done.is_set():
        with open(path, "rb") as file:
            seen.add(file.read())
    writer.join()

    assert seen
    assert seen <= set(contents)


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """A second lock is refused until the first is released; asking twice is harmless."""
    first, second = (FileLock(encoded(tmp_path / "lock")) for _ in range(2))

    assert first.try_acquire()
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    first.release()
    assert second.try_acquire()
    assert not first.try_acquire()
    second.release()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """What a killed process held can be taken at once."""
    path = encoded(tmp_path / "lock")
    script = (
        "import os, signal, sys; from incremental_tool.base.atomic import FileLock;"
        "lock = FileLock(os.fsencode(sys.argv[1])); print(lock.try_acquire(), flush=True);"
        "os.kill(os.getpid(), signal.SIGSTOP)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, os.fsdecode(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        lock = FileLock(path)
        assert not lock.try_acquire()
        holder.kill()
        holder.wait()

    assert lock.try_acquire()
    lock.release()


def test_a_lock_is_not_inherited_by_commands(tmp_path: Path) -> None:
    """A command that outlives the build does not keep the lock."""
    lock, other = (FileLock(encoded(tmp_path / "lock")) for _ in range(2))
    assert lock.try_acquire()
    with subprocess.Popen(["sleep", "60"], close_fds=False) as command:
        lock.release()
        taken = other.try_acquire()
        command.kill()

    assert taken
    other.release()


def test_where_no_lock_file_can_be_made_an_error_says_why(tmp_path: Path) -> None:
    """A missing folder, or a folder in the lock's place, is not taken for another's lock."""
    with pytest.raises(FileNotFoundError):
        FileLock(encoded(tmp_path / "missing" / "lock")).try_acquire()
    with pytest.raises(IsADirectoryError):
        FileLock(encoded(tmp_path)).try_acquire()


def test_pieces_are_written_behind_one_another(tmp_path: Path) -> None:
    """Many pieces, empty ones among them, come out as their concatenation, in few calls."""
    path = os.fsencode(tmp_path / "file")
    pieces = [b"%d" % number if number % 3 else b"" for number in range(3000)]

    replace_file(path, [memoryview(piece) for piece in pieces])

    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_short_writes_of_pieces_are_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes seven bytes at a time gets all of them."""
    real = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, pieces: real(fd, [b"".join(pieces)[:7]]))

    replace_file(os.fsencode(tmp_path / "file"), [b"abc", b"defghij", b"", b"klmnopqrstuvwxyz"])

    assert (tmp_path / "file").read_bytes() == b"abcdefghijklmnopqrstuvwxyz"
