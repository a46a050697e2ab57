"""The index of `FileHashCache` on disk: whatever happens to it, answers stay right."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.digest import digest_of
from incremental_tool.base.records import seal
from incremental_tool.model.fingerprint import identity_of
from incremental_tool.model.imports import Imports
from incremental_tool.store import file_hash_cache
from incremental_tool.store.file_hash_cache import (
    FORGET_AFTER,
    HAS_IMPORTS,
    MAGIC,
    VERSION,
    FileHashCache,
)

if TYPE_CHECKING:
    from fake_disk import HashedProject

NAMES = [
    b"a.c",
    b"\xff\xfe",
    b"new\nline.h",
    b"with space",
    b"'\"\\",
    b"x" * 255,
    "\u00e9.h".encode(),
]


def filled(hashed: HashedProject) -> FileHashCache:
    """Save an index of files with every kind of name; return the next run's cache."""
    for at, name in enumerate(NAMES):
        hashed.disk.write(name, f'#include "{at}.h"\n')
    hashed.disk.tick(1000)
    cache = hashed.open(signer=hashed.sign, signature_name=b"md5")
    for name in NAMES:
        cache.observe(name, hashed.disk.stat(name))
    cache.save()
    return hashed.open(signer=hashed.sign, signature_name=b"md5")


def test_any_name_comes_back(hashed: HashedProject) -> None:
    """Digest, signature and imports of files with any bytes in their names survive the disk."""
    cache = filled(hashed)

    assert list(cache.paths()) == NAMES
    assert len(cache) == len(NAMES)
    for at, name in enumerate(NAMES):
        text = f'#include "{at}.h"\n'.encode()
        entry = cache.observe(name, hashed.disk.stat(name))
        assert entry is not None
        assert (entry.digest, entry.signature) == (
            digest_of(text),
            b"signed" + digest_of(text)[:10],
        )
        assert cache.imports(name) == Imports((b'"%d.h' % at,))
    assert hashed.disk.reads == []


def test_nothing_is_written_when_nothing_changed(hashed: HashedProject) -> None:
    """A run that only confirmed what was recorded leaves the index file alone."""
    cache = filled(hashed)
    before = hashed.index.stat()
    for name in NAMES:
        cache.digest(name)
    cache.settle()
    assert not cache.dirty
    cache.save()

    after = hashed.index.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_saving_twice_writes_once(hashed: HashedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved cache is clean until something changes."""
    cache = filled(hashed)
    written: list[bytes] = []
    monkeypatch.setattr(file_hash_cache, "replace_file", lambda *given: written.append(given[1]))
    hashed.disk.write("new.h", "")
    cache.digest(b"new.h")
    assert cache.dirty
    cache.save()
    cache.save()

    assert len(written) == 1
    assert len(cache) == len(list(cache.paths())) == len(NAMES) + 1


def test_an_index_that_cannot_be_written_is_still_to_be_written(hashed: HashedProject) -> None:
    """A failed save raises, and the next one tries again."""
    hashed.disk.write("a.c", "text")
    cache = hashed.open()
    cache.digest(b"a.c")
    hashed.index.mkdir()

    with pytest.raises(OSError, match="file_hashes"):
        cache.save()
    assert cache.dirty
    hashed.index.rmdir()
    cache.save()
    assert len(hashed.open()) == 1


def test_a_change_replaces_the_old_record(hashed: HashedProject) -> None:
    """The index holds one record a path, and the others stay as they were."""
    cache = filled(hashed)
    hashed.disk.tick()
    hashed.disk.write("a.c", "new")
    hashed.disk.tick(1000)
    cache.begin_run()
    cache.digest(b"a.c")
    cache.save()
    (count,) = struct.unpack_from("<I", hashed.index.read_bytes(), 24)
    cache = hashed.open(signer=hashed.sign, signature_name=b"md5")

    assert count == len(NAMES)
    assert sorted(cache.paths()) == sorted(NAMES)
    assert cache.digest(b"a.c") == digest_of(b"new")
    assert [cache.imports(name) for name in NAMES[1:]] == [
        Imports((b'"%d.h' % at,)) for at in range(1, len(NAMES))
    ]
    assert hashed.disk.reads == []


def test_records_nobody_asks_for_are_dropped_in_time(hashed: HashedProject) -> None:
    """A record that no run used is kept for a number of saves, and then goes; used ones stay."""
    for name in ("used.c", "unused.c"):
        hashed.disk.write(name, "text")
    hashed.settled("used.c", "unused.c")

    def saves_with_unused(limit: int) -> int:
        for saves in range(limit):
            cache = hashed.open()
            if b"unused.c" not in set(cache.paths()):
                return saves
            cache.digest(b"used.c")
            cache.dirty = True
            cache.save()
        return limit

    assert saves_with_unused(FORGET_AFTER + 5) == FORGET_AFTER + 1
    assert list(hashed.open().paths()) == [b"used.c"]


def test_using_a_record_keeps_it(hashed: HashedProject) -> None:
    """A record that was used once begins its time anew."""
    hashed.disk.write("a.c", "text")
    cache = hashed.settled("a.c")
    for _ in range(FORGET_AFTER):
        cache.dirty = True
        cache.save()
        cache = hashed.open()
    cache.digest(b"a.c")
    cache.dirty = True
    cache.save()
    for _ in range(FORGET_AFTER):
        cache = hashed.open()
        cache.dirty = True
        cache.save()

    assert list(hashed.open().paths()) == [b"a.c"]


def test_two_builds_at_once_leave_a_good_index(hashed: HashedProject) -> None:
    """The later save counts; what only the earlier one knew is read again, nothing is mixed."""
    for name in ("a.c", "b.c"):
        hashed.disk.write(name, name)
    hashed.disk.tick(1000)
    first, second = hashed.open(), hashed.open()
    first.digest(b"a.c")
    second.digest(b"b.c")
    first.save()
    second.save()
    cache = hashed.open()

    assert list(cache.paths()) == [b"b.c"]
    assert cache.digest(b"a.c") == digest_of(b"a.c")
    assert cache.digest(b"b.c") == digest_of(b"b.c")
    assert hashed.disk.reads == [b"a.c"]


# --- a damaged index ---------------------------------------------------------------

RIGHT = [digest_of(f'#include "{at}.h"\n'.encode()) for at in range(len(NAMES))]


def assert_empty_and_right(hashed: HashedProject) -> None:
    """Check that the index is taken for empty, with one report, and that every file is read."""
    hashed.reports.clear()
    cache = hashed.open(signature_name=b"md5")

    assert len(cache) == 0
    assert [cache.digest(name) for name in NAMES] == RIGHT
    assert hashed.disk.reads == NAMES
    assert [reason.id for reason in hashed.reports] == ["store.corrupt.index"]


def test_every_truncation_of_the_index_is_an_empty_index(hashed: HashedProject) -> None:
    """Cut off at any byte the index is empty, is reported once, and every answer is right."""
    filled(hashed)
    whole = hashed.index.read_bytes()
    for size in range(len(whole)):
        hashed.index.write_bytes(whole[:size])
        assert_empty_and_right(hashed)


def test_every_flipped_byte_of_the_index_is_an_empty_index(hashed: HashedProject) -> None:
    """A flip in any byte is noticed before any record is trusted."""
    filled(hashed)
    whole = bytearray(hashed.index.read_bytes())
    for at in range(len(whole)):
        flip = 1 << at % 8
        whole[at] ^= flip
        hashed.index.write_bytes(whole)
        whole[at] ^= flip
        assert_empty_and_right(hashed)


def test_damage_anywhere_in_a_large_index_is_noticed(hashed: HashedProject) -> None:
    """Flips and cuts at random places of an index of thousands of files leave it empty."""
    names = [f"source/{at}.c".encode() for at in range(3000)]
    for name in names:
        hashed.disk.write(name, b"#include " + name)
    hashed.disk.tick(1000)
    cache = hashed.open()
    for name in names:
        cache.digest(name)
    cache.save()
    assert len(hashed.open()) == 3000

    whole = hashed.index.read_bytes()
    chance = random.Random(20)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        hashed.index.write_bytes(damaged)
        assert len(hashed.open()) == 0
        hashed.index.write_bytes(whole[: chance.randrange(len(whole))])
        assert len(hashed.open()) == 0


def test_a_damaged_index_is_replaced_by_the_next_save(hashed: HashedProject) -> None:
    """One run after the damage everything is recorded again."""
    filled(hashed)
    hashed.index.write_bytes(b"IFHC" + b"\xff" * 100)
    assert_empty_and_right(hashed)
    cache = hashed.open()
    for name in NAMES:
        cache.digest(name)
    cache.save()
    cache = hashed.open()

    assert [cache.digest(name) for name in NAMES] == RIGHT
    assert hashed.disk.reads == []


def test_an_index_of_another_version_is_an_empty_index(hashed: HashedProject) -> None:
    """What an older or a newer version of the tool wrote is reported and not used."""
    filled(hashed)
    payload = hashed.index.read_bytes()[24:]
    for version in (VERSION + 1, 0):
        hashed.index.write_bytes(seal(MAGIC, version, payload))
        assert_empty_and_right(hashed)


HEAD = struct.Struct("<III16s")
HOSTILE = {
    "nothing": b"",
    "half a head": b"\1\0\0\0",
    "more records than any file holds": HEAD.pack(2**32 - 1, 0, 0, b""),
    "a name column beyond the end": HEAD.pack(0, 2**32 - 1, 0, b""),
    "an import column beyond the end": HEAD.pack(0, 0, 2**32 - 1, b""),
    "fewer names than records": HEAD.pack(1, 0, 0, b"") + bytes(108),
    "more names than records": HEAD.pack(0, 4, 0, b"") + b"a\0b\0",
    "a name without an end": HEAD.pack(1, 1, 0, b"") + b"a" + bytes(108),
    "bytes behind the columns": HEAD.pack(0, 0, 0, b"") + b"x",
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_hostile_index_is_an_empty_index(hashed: HashedProject, kind: str) -> None:
    """Columns that do not fit are refused, though the checksum over them is right."""
    hashed.index.write_bytes(seal(MAGIC, VERSION, HOSTILE[kind]))

    assert len(hashed.open()) == 0
    assert [reason.id for reason in hashed.reports] == ["store.corrupt.index"]


def plant(
    hashed: HashedProject, flags: int, offset: int, length: int, imports: bytes = b""
) -> None:
    """Write an index whose one record, of a.c as it is, holds these figures."""
    hashed.disk.write("a.c", "text")
    identity = identity_of(hashed.disk.stat(b"a.c"))
    record = struct.pack("<44sI16s32s", identity, flags, digest_of(b"text"), b"")
    record += struct.pack("<III", offset, length, 0)
    payload = HEAD.pack(1, 4, len(imports), b"") + b"a.c\0" + record + imports
    hashed.index.write_bytes(seal(MAGIC, VERSION, payload))


def test_a_planted_record_is_used(hashed: HashedProject) -> None:
    """With figures that fit, a record is trusted: so the next tests show what the others do."""
    plant(hashed, HAS_IMPORTS, 0, 5, b'\n"a.h')
    cache = hashed.open()

    assert cache.digest(b"a.c") == digest_of(b"text")
    assert cache.imports(b"a.c") == Imports((b'"a.h',))
    assert hashed.disk.reads == []


@pytest.mark.parametrize(
    ("flags", "offset", "length"),
    [
        (1 << 7, 0, 0),
        (33 << 8, 0, 0),
        (0xFFFFFFFF, 0, 0),
        (HAS_IMPORTS, 0, 1),
        (HAS_IMPORTS, 2**32 - 1, 2**32 - 1),
    ],
)
def test_a_hostile_record_is_no_record(
    hashed: HashedProject, flags: int, offset: int, length: int
) -> None:
    """A record with unknown flags, or with parts outside the file, is passed over and replaced."""
    plant(hashed, flags, offset, length)
    cache = hashed.open()
    assert cache.digest(b"a.c") == digest_of(b"text")
    assert hashed.disk.reads == [b"a.c"]
    hashed.disk.tick(1000)
    cache.settle()
    cache.save()

    assert hashed.open().imports(b"a.c") == Imports()
    assert hashed.disk.reads == []


def test_a_hostile_record_that_nobody_asks_for_is_copied_within_bounds(
    hashed: HashedProject,
) -> None:
    """Writing an index with parts outside the file in it neither fails nor reads beyond."""
    plant(hashed, HAS_IMPORTS, 5, 2**32 - 1)
    hashed.disk.write("b.c", "text")
    cache = hashed.open()
    cache.digest(b"b.c")
    cache.save()

    assert sorted(hashed.open().paths()) == [b"a.c", b"b.c"]


def test_imports_that_are_not_as_written_are_none(hashed: HashedProject) -> None:
    """A record with unreadable imports answers with its digest, and with no imports."""
    plant(hashed, HAS_IMPORTS, 0, 3, b"?!?")
    cache = hashed.open()

    assert cache.digest(b"a.c") == digest_of(b"text")
    assert cache.imports(b"a.c") is None
    assert hashed.disk.reads == []


def test_an_unreadable_index_is_reported(hashed: HashedProject) -> None:
    """A folder in the index's place is reported once; the cache works without it."""
    hashed.index.mkdir()
    hashed.disk.write("a.c", "text")

    assert hashed.open().digest(b"a.c") == digest_of(b"text")
    assert [reason.id for reason in hashed.reports] == ["store.unreadable"]


def test_a_first_run_is_not_reported(hashed: HashedProject) -> None:
    """That there is no index yet is no damage."""
    assert len(hashed.open()) == 0
    assert hashed.reports == []


def test_a_memory_that_waits_is_read_when_asked_to(hashed: HashedProject) -> None:
    """Without `load` nothing is read or written; what was learned by then counts more later."""
    filled(hashed)
    before = hashed.index.read_bytes()
    hashed.disk.write(NAMES[0], "changed")
    hashed.disk.tick(1000)

    cache = hashed.open(signer=hashed.sign, signature_name=b"md5", load=False)
    assert len(cache) == 0
    assert cache.digest(NAMES[0]) == digest_of(b"changed")
    cache.save()
    assert hashed.index.read_bytes() == before

    cache.load()
    hashed.disk.forget_work()
    assert cache.digest(NAMES[0]) == digest_of(b"changed")
    assert cache.digest(NAMES[3]) == digest_of(b'#include "3.h"\n')
    assert hashed.disk.reads == []
    cache.save()
    assert list(hashed.open(signature_name=b"md5").paths()) == [*NAMES[1:], NAMES[0]]


def test_a_run_that_asks_for_little_ages_nothing(hashed: HashedProject) -> None:
    """Without `aging` entries stay, however many runs do not ask for them."""
    filled(hashed)
    for turn in range(2 * FORGET_AFTER):
        hashed.disk.write(NAMES[0], f"{turn}")
        hashed.disk.tick(1000)
        cache = hashed.open(signature_name=b"md5")
        cache.aging = False
        cache.digest(NAMES[0])
        cache.save()

    assert set(hashed.open(signature_name=b"md5").paths()) == set(NAMES)
