"""The object store gives back what was put in, or nothing; damage is set aside and counted."""

from __future__ import annotations

import errno
import os
import random
import struct
import threading
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.digest import digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.store import objects
from incremental_tool.store.objects import (
    COMPRESS_FROM,
    MAX_OBJECT,
    TOUCH_AFTER_SECONDS,
    ObjectStore,
    decode,
    is_digest_name,
)

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason

HEAD = struct.Struct("<4sBBHQ")
PLAIN = b"what a compiler made"
COMPRESSED = bytes(random.Random(1).choices([0] * 60 + [1, 2], k=COMPRESS_FROM))


@pytest.fixture
def store(tmp_path: Path, reports: list[Reason]) -> ObjectStore:
    """Return an empty store."""
    return ObjectStore(os.fsencode(tmp_path), reports.append)


def again(store: ObjectStore, reports: list[Reason]) -> ObjectStore:
    """Return another process's view of a store."""
    return ObjectStore(os.path.dirname(store._folder), reports.append)


def set_aside(store: ObjectStore) -> list[bytes]:
    """Return the names in quarantine."""
    return sorted(os.listdir(store._quarantine)) if os.path.isdir(store._quarantine) else []


def files_below(folder: bytes) -> list[bytes]:
    """Return every file below a folder."""
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]


def overwrite(store: ObjectStore, digest: bytes, content: bytes) -> None:
    """Put other bytes in an object's place."""
    with open(store.path_of(digest), "wb") as file:
        file.write(content)


def stored(store: ObjectStore, digest: bytes) -> bytes:
    """Return an object's file content."""
    with open(store.path_of(digest), "rb") as file:
        return file.read()


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


# --- damage --------------------------------------------------------------------


def assert_noticed(
    store: ObjectStore, reports: list[Reason], digest: bytes, content: bytes
) -> None:
    """Check that a damaged object is missed, set aside and counted, and can be put again."""
    reports.clear()
    before = len(set_aside(store))
    assert store.get(digest) is None
    assert [reason.id for reason in reports] == ["store.corrupt.object"]
    assert digest.hex() in reports[0].detail
    assert len(set_aside(store)) == max(before, 1)
    assert not os.path.lexists(store.path_of(digest))
    assert store.put(content) == digest
    assert store.get(digest) == content
    assert len(reports) == 1


@pytest.mark.parametrize("content", [PLAIN, COMPRESSED, b""], ids=["plain", "compressed", "empty"])
def test_every_flipped_byte_of_an_object_is_noticed(
    store: ObjectStore, reports: list[Reason], content: bytes
) -> None:
    """Whatever byte is flipped: a miss, never wrong bytes; the object can be put again.

    A compressed stream can say the same in other bits: then the right bytes are handed out.
    """
    digest = store.put(content)
    whole = stored(store, digest)
    harmless = 0
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        overwrite(store, digest, damaged)
        if content == COMPRESSED and store.get(digest) is not None:
            assert store.get(digest) == content
            harmless += 1
            continue
        overwrite(store, digest, damaged)
        assert_noticed(store, reports, digest, content)

    assert harmless <= len(whole) // 5


@pytest.mark.parametrize("content", [PLAIN, COMPRESSED, b""], ids=["plain", "compressed", "empty"])
def test_every_truncation_of_an_object_is_noticed(
    store: ObjectStore, reports: list[Reason], content: bytes
) -> None:
    """A power cut may leave any first part of an object, or nothing of it: all are misses."""
    digest = store.put(content)
    whole = stored(store, digest)
    for size in range(len(whole)):
        overwrite(store, digest, whole[:size])
        assert_noticed(store, reports, digest, content)


@pytest.mark.parametrize("content", [PLAIN, COMPRESSED, b""], ids=["plain", "compressed", "empty"])
@pytest.mark.parametrize("tail", [b"\0", b"garbage", b"\0" * 4096])
def test_bytes_behind_an_object_are_noticed(
    store: ObjectStore, reports: list[Reason], content: bytes, tail: bytes
) -> None:
    """Nothing may follow an object's content."""
    digest = store.put(content)
    overwrite(store, digest, stored(store, digest) + tail)

    assert_noticed(store, reports, digest, content)


def test_an_object_under_another_name_is_noticed(store: ObjectStore, reports: list[Reason]) -> None:
    """A good object in another's place is not handed out."""
    digest, other = store.put(PLAIN), store.put(COMPRESSED)
    overwrite(store, digest, stored(store, other))

    assert_noticed(store, reports, digest, PLAIN)
    assert store.get(other) == COMPRESSED


def link_to_copy(path: bytes) -> None:
    """Put a symbolic link to a copy of an object in its place."""
    with open(path + b".copy", "wb") as file:
        file.write(HEAD.pack(b"IOBJ", 1, 0, 0, len(PLAIN)) + PLAIN)
    os.symlink(path + b".copy", path)


INTRUDERS: dict[str, Callable[[bytes], None]] = {
    "a link to the right bytes": link_to_copy,
    "a dangling link": lambda path: os.symlink(b"nowhere", path),
    "a FIFO": os.mkfifo,
    "an empty folder": os.mkdir,
    "a full folder": lambda path: os.makedirs(os.path.join(path, b"inside")),
}


@pytest.mark.parametrize("kind", sorted(INTRUDERS))
def test_only_a_regular_file_is_an_object(
    store: ObjectStore, reports: list[Reason], kind: str
) -> None:
    """Links are not followed, FIFOs not waited for, folders not read: each is set aside."""
    digest = store.put(PLAIN)
    os.unlink(store.path_of(digest))
    INTRUDERS[kind](store.path_of(digest))

    assert_noticed(store, reports, digest, PLAIN)


def test_an_object_beyond_the_limit_is_not_read(
    store: ObjectStore, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is larger than any object is set aside by its size alone."""
    digest = store.put(PLAIN)
    os.truncate(store.path_of(digest), MAX_OBJECT + HEAD.size + 1)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))

    assert store.get(digest) is None
    assert "too large" in reports[0].detail


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, MAX_OBJECT + 1, 1_000_000])
def test_an_impossible_length_is_refused_before_unpacking(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """A head that claims more than its bytes can expand to is refused by arithmetic alone."""
    body = bytes(1_000_000) if length == MAX_OBJECT + 1 else zlib.compress(b"x" * 10_000)
    content = HEAD.pack(b"IOBJ", 1, 1, 0, length) + body
    monkeypatch.setattr(zlib, "decompressobj", lambda: pytest.fail("it was unpacked"))

    with pytest.raises(CorruptRecord, match="impossible length"):
        decode(content)


def test_a_bomb_is_unpacked_no_further_than_it_claims() -> None:
    """Content that expands beyond the length in its head is refused in bounded memory."""
    content = HEAD.pack(b"IOBJ", 1, 1, 0, 1000) + zlib.compress(b"\0" * 50_000_000, 9)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptRecord, match="cut off or lengthened"):
            decode(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize(
    "content",
    [
        HEAD.pack(b"ELSE", 1, 0, 0, 1) + b"x",
        HEAD.pack(b"IOBJ", 2, 0, 0, 1) + b"x",
        HEAD.pack(b"IOBJ", 1, 2, 0, 1) + b"x",
        HEAD.pack(b"IOBJ", 1, 0, 1, 1) + b"x",
        HEAD.pack(b"IOBJ", 1, 0, 0, 2) + b"x",
        HEAD.pack(b"IOBJ", 1, 1, 0, 1) + b"x",
        HEAD.pack(b"IOBJ", 1, 1, 0, 1) + zlib.compress(b"x") * 2,
        HEAD.pack(b"IOBJ", 1, 1, 0, 0) + zlib.compress(b"x"),
        HEAD.pack(b"IOBJ", 1, 1, 0, 2) + zlib.compress(b"x"),
    ],
    ids=[
        "foreign",
        "another version",
        "unknown codec",
        "a field that must be zero",
        "wrong length",
        "not compressed",
        "two streams",
        "more than it claims",
        "less than it claims",
    ],
)
def test_what_is_no_object_is_refused(content: bytes) -> None:
    """Every part of the head is checked."""
    with pytest.raises(CorruptRecord):
        decode(content)


@given(content=st.binary(max_size=200), packed=st.booleans())
def test_any_bytes_are_an_object_or_refused(content: bytes, packed: bool) -> None:
    """Decoding hostile bytes gives bytes or CorruptRecord, nothing else."""
    stem = HEAD.pack(b"IOBJ", 1, packed, 0, len(content) if len(content) % 2 else 7)
    for hostile in (content, stem + content, stem + zlib.compress(content)):
        try:
            assert isinstance(decode(hostile), bytes)
        except CorruptRecord:
            continue


def test_damage_that_was_set_aside_before_does_not_stop_the_next(
    store: ObjectStore, reports: list[Reason]
) -> None:
    """The same object, damaged twice, is set aside twice; the later one is kept."""
    digest = store.put(PLAIN)
    for damage in (b"first", b"second"):
        overwrite(store, digest, damage)
        assert_noticed(store, reports, digest, PLAIN)

    (name,) = set_aside(store)
    with open(os.path.join(store._quarantine, name), "rb") as file:
        assert file.read() == b"second"


def test_damage_that_cannot_be_set_aside_is_removed(
    store: ObjectStore, reports: list[Reason]
) -> None:
    """Where the quarantine cannot be made, the damaged object goes."""
    digest = store.put(PLAIN)
    overwrite(store, digest, b"damaged")
    with open(store._quarantine, "wb"):
        pass

    assert store.get(digest) is None
    assert [reason.id for reason in reports] == ["store.corrupt.object"]
    assert not os.path.lexists(store.path_of(digest))


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
