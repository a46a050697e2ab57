"""Sealed files and logs: any damage is noticed, and costs no more than it must."""

from __future__ import annotations

import struct
from typing import Optional

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.digest import checksum_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import (
    LOG_HEAD_SIZE,
    MAX_FRAME,
    frame,
    log_head,
    read_log,
    seal,
    unseal,
)

MAGIC = b"TEST"
PAYLOADS = [b"first", b"", b"third " * 20, b"\0" * 7, b"last"]


def log_of(payloads: list[bytes]) -> bytes:
    """Return a log's content."""
    content = log_head(MAGIC, 1)
    for payload in payloads:
        content += frame(payload, len(content))
    return content


def payloads_in(content: bytes) -> list[bytes]:
    """Return what a log's good part holds."""
    return [payload for payload, _ in read_log(MAGIC, 1, content)]


def fault(content: bytes, version: int = 1) -> Optional[str]:
    """Return why a sealed file is refused, or None when it is not."""
    try:
        unseal(MAGIC, version, content)
    except CorruptRecord as error:
        return str(error)
    return None


# --- sealed files ------------------------------------------------------------


@given(payload=st.binary(max_size=300), version=st.integers(0, 2**32 - 1))
def test_what_is_sealed_is_unsealed(payload: bytes, version: int) -> None:
    """A sealed payload comes back as it was."""
    assert bytes(unseal(MAGIC, version, seal(MAGIC, version, payload))) == payload


def test_a_sealed_file_has_these_bytes() -> None:
    """The format is what its description says, byte for byte."""
    content = seal(b"ABCD", 3, b"xyz")

    assert content[:16] == b"ABCD" + struct.pack("<IQ", 3, 3)
    assert content[24:] == b"xyz"
    assert content[16:24] == struct.pack("<Q", checksum_of(content[:16] + b"xyz"))


def test_a_log_has_these_bytes() -> None:
    """A log's format, too, is what its description says."""
    checksum = xxhash.xxh3_64_intdigest(b"\3\0\0\0xyz", seed=8)

    assert log_head(b"ABCD", 2) + frame(b"xyz", 8) == (
        b"ABCD\2\0\0\0" + struct.pack("<IQ", 3, checksum) + b"xyz"
    )


def test_every_flipped_bit_of_a_sealed_file_is_noticed() -> None:
    """No flip of any bit leaves a file that is taken for good."""
    content = seal(MAGIC, 1, b"some payload")
    for at in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[at] ^= 1 << bit
            assert fault(bytes(damaged)) is not None, (at, bit)


def test_every_truncation_of_a_sealed_file_is_noticed() -> None:
    """No first part of a file, and no file with bytes behind it, is taken for good."""
    content = seal(MAGIC, 1, b"some payload")

    assert None not in {fault(content[:size]) for size in range(len(content))}
    assert fault(content + b"\0") == "length does not match"
    assert fault(content + content) == "length does not match"


def test_foreign_and_other_versions_are_named() -> None:
    """The reason tells a foreign file from one of another version and from a damaged one."""
    assert fault(seal(b"ELSE", 1, b"x")) == "not a file of this kind"
    assert fault(seal(MAGIC, 2, b"x")) == "format version 2, expected 1"
    assert fault(seal(MAGIC, 1, b"x")[:-1] + b"y") == "checksum does not match"
    assert fault(b"") == "shorter than its head"


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40])
def test_an_impossible_length_of_a_sealed_file_is_refused(length: int) -> None:
    """A length beyond the file is refused before anything of that size is made."""
    content = struct.pack("<4sIQQ", MAGIC, 1, length, 0) + b"payload"

    assert fault(content) == "length does not match"


# --- logs --------------------------------------------------------------------


@given(payloads=st.lists(st.binary(max_size=60), max_size=8))
def test_what_is_logged_is_read(payloads: list[bytes]) -> None:
    """A log's payloads come back in order, each with the offset behind its frame."""
    content = log_of(payloads)
    read = list(read_log(MAGIC, 1, content))

    assert payloads == [payload for payload, _ in read]
    assert [len(log_of(payloads[:at])) for at in range(1, len(payloads) + 1)] == [
        end for _, end in read
    ]


def test_every_truncation_of_a_log_keeps_what_is_whole() -> None:
    """Cutting a log at any byte loses only the frames that are cut into."""
    content = log_of(PAYLOADS)
    ends = [end for _, end in read_log(MAGIC, 1, content)]

    for size in range(LOG_HEAD_SIZE, len(content)):
        whole = sum(end <= size for end in ends)
        assert PAYLOADS[:whole] == payloads_in(content[:size])


def test_every_flipped_byte_of_a_log_keeps_what_stands_before_it() -> None:
    """A flip in a frame drops that frame and those behind it; a flip in the head, all."""
    content = log_of(PAYLOADS)
    ends = [end for _, end in read_log(MAGIC, 1, content)]

    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        if at < LOG_HEAD_SIZE:
            with pytest.raises(CorruptRecord):
                read_log(MAGIC, 1, bytes(damaged))
        else:
            whole = sum(end <= at for end in ends)
            assert PAYLOADS[:whole] == payloads_in(bytes(damaged))


@pytest.mark.parametrize("tail", [b"\0" * 64, b"\xff" * 64, b"garbage", b"\0"])
def test_what_stands_behind_the_last_frame_is_dropped(tail: bytes) -> None:
    """Zeros of a lost disk block and any other tail do not hide the frames before it."""
    assert payloads_in(log_of(PAYLOADS) + tail) == PAYLOADS


def test_a_frame_counts_only_where_it_was_written() -> None:
    """A copy of a good frame at another offset is not taken for a frame."""
    first = log_of([b"old"])
    stray = first[LOG_HEAD_SIZE:]

    assert payloads_in(first + stray) == [b"old"]


def test_a_log_without_a_whole_head_is_refused() -> None:
    """An empty, cut off, foreign or other-version log raises before the first frame."""
    for content in (b"", log_head(MAGIC, 1)[:-1], log_head(b"ELSE", 1), log_head(MAGIC, 2)):
        with pytest.raises(CorruptRecord):
            read_log(MAGIC, 1, content)


@pytest.mark.parametrize("length", [2**32 - 1, MAX_FRAME + 1, 100])
def test_an_impossible_length_of_a_frame_ends_the_log(length: int) -> None:
    """A length beyond the file or beyond the limit ends the log there."""
    content = log_of([b"good"])

    assert payloads_in(content + struct.pack("<IQ", length, 0) + b"x" * 50) == [b"good"]


def test_a_frame_that_could_not_be_read_back_is_not_made() -> None:
    """A payload above the limit raises: it would hide every frame behind it."""
    with pytest.raises(ValueError, match="larger"):
        frame(bytes(MAX_FRAME + 1), LOG_HEAD_SIZE)

    content = log_of([bytes(MAX_FRAME), b"behind"])
    assert [len(payload) for payload in payloads_in(content)] == [MAX_FRAME, 6]
