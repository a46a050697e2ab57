"""A damaged action log gives every whole record before the damage, and can be written again."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Callable

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged_actions import NAME, RECORDS, ends_of, everything, record, written

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import LOG_HEAD_SIZE, frame, log_head
from incremental_tool.store import action_log
from incremental_tool.store.action_log import MAGIC, VERSION, ActionLog, ActionRecord

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason


def test_every_truncation_loses_only_the_last_records(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason]
) -> None:
    """Cut at any byte, the whole records before it are known, and new ones can be appended."""
    path = tmp_path / NAME
    content = written(log, path)
    ends = ends_of(content)
    new = record(b"new.o", 9)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        reports.clear()
        whole = RECORDS[: sum(end <= size for end in ends)]
        cut = reopened()

        assert everything(cut) == whole
        ids = [reason.id for reason in reports]
        if size < LOG_HEAD_SIZE:
            assert ids == ["store.corrupt.index"]
        else:
            assert ids == ([] if size in (LOG_HEAD_SIZE, *ends) else ["store.corrupt.journal"])
        cut.append(new)
        cut.close()
        reports.clear()
        assert everything(reopened()) == [new, *whole]
        assert reports == []


def test_every_flipped_byte_loses_only_what_stands_behind_it(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason]
) -> None:
    """A flip drops the record it is in and those behind it, is counted, and is overwritten."""
    path = tmp_path / NAME
    content = written(log, path)
    ends = ends_of(content)
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        reports.clear()
        whole = [] if at < LOG_HEAD_SIZE else RECORDS[: sum(end <= at for end in ends)]
        flipped = reopened()

        assert everything(flipped) == whole
        assert len(reports) == 1
        flipped.append(RECORDS[-1])
        flipped.close()
        assert everything(reopened()) == [*whole, RECORDS[-1]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ELSE" + bytes(100),
        log_head(MAGIC, VERSION + 1) + frame(b"x" * 40, LOG_HEAD_SIZE),
        log_head(MAGIC, 0),
        b"\0" * 200,
    ],
    ids=["empty", "foreign", "newer", "older", "zeros"],
)
def test_what_is_no_log_is_an_empty_log(
    reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason], content: bytes
) -> None:
    """A foreign or other-version file is reported once and replaced by the first record."""
    (tmp_path / NAME).write_bytes(content)
    log = reopened()

    assert log.targets() == []
    assert [reason.id for reason in reports] == ["store.corrupt.index"]
    assert (tmp_path / NAME).read_bytes() == content  # asking changes nothing
    log.append(RECORDS[0])
    log.close()
    assert everything(reopened()) == RECORDS[:1]


GOOD = ["a", "hit", "", 1, 2]
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "only digests": b"x" * 32,
    "half a digest": b"x" * 9,
    "endless nesting": b"x" * 32 + b"\x91" * 5000,
    "a list longer than any file": b"x" * 32 + b"\xdd\xff\xff\xff\xff",
    "a reserved byte": b"x" * 32 + b"\xc1",
    **{
        name: b"x" * 32 + msgpack.packb(body, use_bin_type=True)
        for name, body in {
            "a number": 5,
            "text": "abcde",
            "a map": dict.fromkeys("abcde"),
            "too short": [b"a", "hit", "", 1],
            "too long": [b"a", "hit", "", 1, 2, 3],
            "a target that is text": ["a", "hit", "", 1, 2],
            "an outcome that is bytes": [b"a", b"hit", "", 1, 2],
            "a detail that is nothing": [b"a", "hit", None, 1, 2],
            "a time that is a fraction": [b"a", "hit", "", 1, 2.5],
            "milliseconds that are true": [b"a", "hit", "", True, 2],
            "a timestamp": [b"a", "hit", "", 1, msgpack.Timestamp(1)],
        }.items()
    },
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_record_ends_the_log(
    reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason], name: str
) -> None:
    """A record of another shape, though its checksum is right, is dropped like a damaged one."""
    content = log_head(MAGIC, VERSION)
    good = [b"good %d" % number for number in range(2)]
    for target in good:
        body = [target, "hit", "", 1, 2]
        payload = bytes(32) + msgpack.packb(body, use_bin_type=True)
        content += frame(payload, len(content))
    (tmp_path / NAME).write_bytes(content + frame(HOSTILE[name], len(content)))
    log = reopened()

    assert log.targets() == good
    assert [reason.id for reason in reports] == ["store.corrupt.journal"]
    log.append(RECORDS[0])
    log.close()
    assert reopened().targets() == [*good, RECORDS[0].target]


@given(content=st.binary(max_size=120))
def test_any_payload_is_a_record_or_refused(content: bytes) -> None:
    """Decoding hostile bytes gives a record or CorruptRecord, nothing else."""
    for payload in (content, bytes(32) + content, bytes(32) + b"\x95" + content):
        try:
            assert isinstance(action_log._decode(payload), ActionRecord)
        except CorruptRecord:
            continue


def test_an_impossible_length_ends_the_log(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path
) -> None:
    """A length beyond the file is neither believed nor allocated."""
    content = written(log, tmp_path / NAME)
    (tmp_path / NAME).write_bytes(content + struct.pack("<IQ", 2**32 - 1, 0) + b"x" * 30)

    assert everything(reopened()) == RECORDS


def test_an_unreadable_log_is_reported(
    reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason]
) -> None:
    """A folder in the log's place is reported; asking works, appending raises OSError."""
    (tmp_path / NAME).mkdir()
    log = reopened()

    assert log.targets() == []
    assert [reason.id for reason in reports] == ["store.unreadable"]
    with pytest.raises(OSError, match=NAME):
        log.append(RECORDS[0])
