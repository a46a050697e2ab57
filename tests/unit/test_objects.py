"""The object store gives back what was put in, or nothing, whatever the disk does."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

import pytest
from stored_objects import COMPRESSED, HEAD, PLAIN, overwrite, set_aside, stored

from incremental_tool.base.digest import digest_of
from incremental_tool.store import objects
from incremental_tool.store.objects import (
    COMPRESS_FROM,
    TOUCH_AFTER_SECONDS,
    ObjectStore,
    is_digest_name,
)

if TYPE_CHECKING:
    from incremental_tool.model.reason import Reason


def again(store: ObjectStore, reports: list[Reason]) -> ObjectStore:
    """Return another process's view of a store."""
    return ObjectStore(os.path.dirname(store._folder), reports.append)


def files_below(folder: bytes) -> list[bytes]:
    """Return every file below a folder."""
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]


# --- putting and getting -------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"x", PLAIN, COMPRESSED, os.urandom(COMPRESS_FROM), b"\0" * 3_000_000],
    ids=["empty", "one byte", "plain", "compressed", "incompressible", "zeros"],
)
def test_what_is_put_is_got(store: ObjectStore, reports: list[Reason], content: bytes) -> None:
    """Any content comes back as it was, also in another process."""
    digest = store.put(content)

    assert digest == digest_of(content)
    assert store.get(digest) == content
    assert again(store, reports).get(digest) == content
    assert reports == []


def test_an_object_lies_under_its_name(store: ObjectStore) -> None:
    """The path is the digest in hex, its first two digits as a folder."""
    digest = store.put(PLAIN)
    name = digest.hex().encode()

    assert files_below(store._folder) == [os.path.join(store._folder, name[:2], name[2:])]
    assert is_digest_name(name[:2], name[2:])


def test_what_compresses_well_takes_less_room(store: ObjectStore) -> None:
    """Text is stored compressed, random bytes and small files as they are."""
    sizes = {
        content: os.path.getsize(store.path_of(store.put(content)))
        for content in (PLAIN, COMPRESSED, os.urandom(COMPRESS_FROM))
    }

    assert sizes[COMPRESSED] < len(COMPRESSED) // 2
    assert all(size == len(c) + HEAD.size for c, size in sizes.items() if c != COMPRESSED)
    assert store.bytes_written == sum(sizes.values())


def test_a_second_put_writes_nothing(
    store: ObjectStore, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal content is stored once, whoever puts it."""
    written: list[bytes] = []
    publish = objects.publish

    def count(path: bytes, content: bytes) -> None:
        written.append(path)
        publish(path, content)

    monkeypatch.setattr(objects, "publish", count)
    digest = store.put(PLAIN)
    other = again(store, reports)

    assert store.put(PLAIN) == other.put(PLAIN) == digest
    assert written == [store.path_of(digest)]
    assert other.bytes_written == 0
    monkeypatch.setattr(os.path, "exists", lambda _: pytest.fail("the disk was asked"))
    assert store.put(PLAIN) == digest


def test_what_was_never_put_is_not_got(store: ObjectStore, reports: list[Reason]) -> None:
    """A missing object is a miss, not damage."""
    assert store.get(digest_of(b"unknown")) is None
    assert reports == []


def test_an_object_trimmed_meanwhile_is_put_again(store: ObjectStore) -> None:
    """Once it was missed, an object that this process had written is written again."""
    digest = store.put(PLAIN)
    os.unlink(store.path_of(digest))

    assert store.get(digest) is None
    assert store.put(PLAIN) == digest
    assert store.get(digest) == PLAIN


def test_a_store_deleted_meanwhile_is_made_again(store: ObjectStore) -> None:
    """New objects go into a new folder when the old one was deleted during the build."""
    first = store.put(PLAIN)
    os.unlink(store.path_of(first))
    os.removedirs(os.path.dirname(store.path_of(first)))

    assert store.get(store.put(COMPRESSED)) == COMPRESSED


def test_threads_may_put_the_same_at_once(store: ObjectStore, reports: list[Reason]) -> None:
    """Many threads that put equal and other objects leave one good file for each."""
    contents = [bytes([number]) * 5000 for number in range(8)]
    failed: list[BaseException] = []

    def put_all(its_store: ObjectStore) -> None:
        try:
            for _ in range(5):
                for content in contents:
                    assert its_store.get(its_store.put(content)) == content
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=put_all, args=(each,))
        for each in (store, store, again(store, reports), again(store, reports))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == reports == []
    assert len(files_below(store._folder)) == len(contents)


# --- a disk that does not take part ----------------------------------------------


def refuse(code: int) -> Callable[..., Any]:
    """Return a system call that fails."""

    def call(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return call


def make_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every system call that writes fail, as on a read-only mount."""
    real = os.open

    def open_to_read(path: bytes, flags: int, *rest: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", open_to_read)
    for name in ("replace", "unlink", "utime", "mkdir"):
        monkeypatch.setattr(os, name, refuse(errno.EROFS))


def test_a_read_only_store_is_read(
    store: ObjectStore, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good objects are handed out, known ones need no write, new ones raise, bad ones stay."""
    good, bad = store.put(PLAIN), store.put(COMPRESSED)
    overwrite(store, bad, b"damaged")
    fresh = again(store, reports)
    make_read_only(monkeypatch)

    assert fresh.get(good) == PLAIN
    fresh.touch(good)
    assert fresh.put(PLAIN) == good
    with pytest.raises(OSError, match="Read-only"):
        fresh.put(b"new")
    for count in (1, 2):
        assert fresh.get(bad) is None
        assert [reason.id for reason in reports] == ["store.corrupt.object"] * count
    assert stored(fresh, bad) == b"damaged"


@pytest.mark.parametrize("call", ["write", "replace"])
def test_a_full_disk_leaves_no_part_of_an_object(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A put that fails raises and leaves neither an object nor a temporary file."""
    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            store.put(PLAIN)

    assert files_below(store._folder) == []
    assert store.bytes_written == 0
    assert store.get(store.put(PLAIN)) == PLAIN


def test_an_unreadable_object_is_a_miss_and_stays(
    store: ObjectStore, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's unreadable object is reported as such: it is not known to be damaged."""
    digest = store.put(PLAIN)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse(errno.EACCES))
        assert store.get(digest) is None

    assert [reason.id for reason in reports] == ["store.unreadable"]
    assert set_aside(store) == []
    assert store.get(digest) == PLAIN


# --- when an object was last used ---------------------------------------------------


def test_a_used_object_is_touched_at_most_once_an_hour(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old object's time moves to now; one touched lately, or from the future, is left alone."""
    digest = store.put(PLAIN)
    path = store.path_of(digest)
    now = time.time()
    for age in (TOUCH_AFTER_SECONDS + 60, TOUCH_AFTER_SECONDS - 60, -3600):
        os.utime(path, (now - age, now - age))
        store.touch(digest)
        moved = abs(os.stat(path).st_mtime - (now - age)) > 1
        assert moved == (age > TOUCH_AFTER_SECONDS)

    os.utime(path, (0, 0))
    monkeypatch.setattr(os, "utime", refuse(errno.EPERM))
    store.touch(digest)  # another user's: no matter
    store.touch(digest_of(b"missing"))
    assert os.stat(path).st_mtime == 0


@pytest.mark.parametrize(
    ("folder", "name", "is_one"),
    [
        (b"ab", b"c" * 30, True),
        (b"AB", b"c" * 30, False),
        (b"ab", b"c" * 29, False),
        (b"ab", b"c" * 31, False),
        (b"ag", b"c" * 30, False),
        (b"", b".incremental-1-2-3", False),
    ],
)
def test_names_of_objects_are_told_from_others(folder: bytes, name: bytes, is_one: bool) -> None:
    """Only 32 small hex digits are the name of an object."""
    assert is_digest_name(folder, name) == is_one
