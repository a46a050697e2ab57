"""What is kept of precompiled preambles: records, and how many."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.digest import digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.filesystem import RealDisk
from incremental_tool.model.reason import Reason
from incremental_tool.store import preambles
from incremental_tool.store.preambles import (
    Preambles,
    Record,
    decode,
    encode,
    is_intact,
    stamp_of,
)

if TYPE_CHECKING:
    from pathlib import Path

ACTION = digest_of(b"action")
FULL = Record(
    ACTION,
    None,
    b"#include <a>\n",
    (b"a", b"b/\xff.h"),
    digest_of(b"1") + digest_of(b"2"),
    (b"x.h.gch",),
    ((b"a.d", b"a.o: a.cc\n"),),
    (10, 20, 30, 40),
    digest_of(b"header"),
    900_000,
    400_000,
    1,
)
REFUSED = Record(ACTION, Reason("preamble.refuse.slow", "0.5 s \udcff"))


@pytest.fixture
def kept(tmp_path: Path) -> Preambles:
    """Return an empty folder of preambles."""
    return Preambles(os.fsencode(tmp_path))


def fill(kept: Preambles, name: bytes, size: int, age: int) -> bytes:
    """Keep a record with a header of some size, last used that many seconds ago."""
    action = digest_of(name)
    assert kept.put(Record(action))
    path = kept.header(action) + b".gch"
    with open(path, "wb") as file:
        file.truncate(size)
    os.utime(os.path.join(kept.folder, action.hex().encode()), (10**9 - age, 10**9 - age))
    return action


@pytest.mark.parametrize("record", [FULL, REFUSED])
def test_a_record_is_read_as_it_was_written(kept: Preambles, record: Record) -> None:
    """All of it, with names that are no text."""
    assert kept.put(record)
    assert kept.record(ACTION) == record
    assert kept.record(digest_of(b"other")) is None


def test_any_truncation_and_any_changed_byte_is_noticed() -> None:
    """A damaged record is none."""
    content = encode(FULL)
    for size in range(len(content)):
        with pytest.raises(CorruptRecord):
            decode(content[:size])
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x41
        with pytest.raises(CorruptRecord):
            decode(bytes(changed))


def test_a_damaged_or_foreign_record_is_removed_with_its_header(kept: Preambles) -> None:
    """What it told of can be told no more."""
    action = fill(kept, b"a", 5, 0)
    record = os.path.join(kept.folder, action.hex().encode())
    with open(record, "wb") as file:
        file.write(encode(FULL))
    assert kept.record(action) is None
    assert os.listdir(kept.folder) == []


def test_a_reason_of_another_version_is_no_record() -> None:
    """An id that nobody can explain is not handed on."""
    with pytest.raises(CorruptRecord):
        decode(encode(REFUSED._replace(refusal=Reason("preamble.refuse.not-yet"))))


def test_the_headers_used_last_stay(kept: Preambles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those used longest ago go when there is no room, and those that are too many."""
    monkeypatch.setattr(preambles, "MAX_BYTES", 10_000)
    actions = [fill(kept, b"%d" % age, 4000, age) for age in range(4)]
    kept.trim()
    left = [action for action in actions if kept.record(action) is not None]
    assert left == actions[:2]
    monkeypatch.setattr(preambles, "MAX_KEPT", 1)
    kept.trim()
    assert [kept.record(action) is not None for action in actions] == [True, False, False, False]
    assert len(os.listdir(kept.folder)) == 2


def test_what_was_left_on_the_way_goes_when_it_is_old(kept: Preambles) -> None:
    """Files and folders of a process that was killed; not those of one at work."""
    action = fill(kept, b"a", 5, 0)
    name = os.path.join(kept.folder, action.hex().encode() + b"-7-")
    os.mkdir(name + b"0")
    for path in (name + b"0/a.cc", name + b"1.h.gch", name + b"2.h"):
        with open(path, "wb"):
            pass
    for path in (name + b"0", name + b"1.h.gch"):
        os.utime(path, (1, 1))
    kept.trim()
    left = [each for each in os.listdir(kept.folder) if b"-" in each]
    assert left == [os.path.basename(name) + b"2.h"]
    assert kept.record(action) is not None


def test_a_header_is_intact_by_its_times_or_by_its_content(tmp_path: Path) -> None:
    """A touched one still is; a changed or shortened one is not."""
    path = os.fsencode(tmp_path / "header")
    disk = RealDisk(os.fsencode(tmp_path))
    with open(path, "wb") as file:
        file.write(b"content")
    record = Record(ACTION, stamp=stamp_of(os.stat(path)), digest=digest_of(b"content"))
    assert is_intact(record, path, disk)
    os.utime(path, (5, 5))
    assert is_intact(record, path, disk)
    with open(path, "r+b") as file:
        file.write(b"C")
    assert not is_intact(record, path, disk)
    with open(path, "r+b") as file:
        file.write(b"c")
        file.truncate(3)
    assert not is_intact(record, path, disk)
    os.unlink(path)
    assert not is_intact(record, path, disk)


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    """Failing to write costs a plain compile, no build."""
    (tmp_path / "preambles").write_bytes(b"")
    kept = Preambles(os.fsencode(tmp_path))
    assert not kept.put(FULL)
    assert kept.record(ACTION) is None
    kept.trim()
    kept.forget(ACTION)
