"""A damaged object is never handed out: it is set aside and counted, and can be put again."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_objects import COMPRESSED, HEAD, PLAIN, overwrite, set_aside, stored

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.store.objects import MAX_OBJECT, ObjectStore, decode

if TYPE_CHECKING:
    from incremental_tool.model.reason import Reason


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
