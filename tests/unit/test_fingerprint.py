"""Stat identity, and the race rule: no second write stays unseen."""

from __future__ import annotations

import os
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model.fingerprint import IDENTITY_SIZE, identity_of, is_racy, newest_ns

SECOND = 1_000_000_000
USUAL = {
    "mode": 0o100644,
    "ino": 11,
    "dev": 7,
    "nlink": 1,
    "uid": 0,
    "gid": 0,
    "size": 5,
    "atime": 0,
    "mtime_ns": 100 * SECOND + 1,
    "ctime_ns": 100 * SECOND + 2,
}


def status(**changed: int) -> os.stat_result:
    """Return a stat that differs from the usual one in what is named."""
    of = {**USUAL, **changed}
    first = [of[name] for name in ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime")]
    return os.stat_result(
        (*first, of["mtime_ns"] // SECOND, of["ctime_ns"] // SECOND),
        {"st_mtime_ns": of["mtime_ns"], "st_ctime_ns": of["ctime_ns"]},
    )


@pytest.mark.parametrize("field", ["mode", "ino", "dev", "size", "mtime_ns", "ctime_ns"])
def test_every_part_of_the_identity_counts(field: str) -> None:
    """A file that differs in one of these is another file."""
    assert identity_of(status()) != identity_of(status(**{field: USUAL[field] + 1}))


@pytest.mark.parametrize("field", ["nlink", "uid", "gid", "atime"])
def test_reading_linking_and_owners_do_not_count(field: str) -> None:
    """Being read or owned by another does not make a file another file."""
    assert identity_of(status()) == identity_of(status(**{field: USUAL[field] + 1}))


@pytest.mark.parametrize(
    "extreme",
    [
        {"size": 2**63 - 1},
        {"ino": 2**64 - 1},
        {"dev": 2**64 - 1},
        {"mtime_ns": -(10**18), "ctime_ns": -1},
        {"mtime_ns": 2**63 - 1},
        {"mode": 0xFFFF},
    ],
    ids=str,
)
def test_extreme_files_have_an_identity(extreme: dict[str, int]) -> None:
    """Times before 1970 and the largest numbers fit into the same 44 bytes."""
    assert len(identity_of(status(**extreme))) == IDENTITY_SIZE == 44


@pytest.mark.parametrize(
    ("times", "racy"),
    [
        ({"mtime_ns": 99 * SECOND + 1, "ctime_ns": 99 * SECOND + 1}, False),
        ({"mtime_ns": 100 * SECOND + 3, "ctime_ns": 99 * SECOND + 1}, True),
        ({"mtime_ns": 99 * SECOND + 1, "ctime_ns": 100 * SECOND + 3}, True),
        ({"mtime_ns": 50 * SECOND + 1, "ctime_ns": 100 * SECOND + 2}, False),
        ({"mtime_ns": 500 * SECOND, "ctime_ns": 99 * SECOND + 1}, True),
    ],
    ids=["both older", "mtime now", "ctime now", "old mtime by cp -p", "mtime in the future"],
)
def test_both_times_must_be_older_than_the_clock(times: dict[str, int], racy: bool) -> None:
    """A file is racy while either time is not older than the clock."""
    assert is_racy(status(**times), 100 * SECOND + 3) == racy


@pytest.mark.parametrize(("age", "racy"), [(0, True), (1, True), (2, True), (3, False)])
def test_whole_seconds_are_given_two(age: int, racy: bool) -> None:
    """A change time without a fraction may come from a disk that keeps even seconds."""
    whole = status(mtime_ns=100 * SECOND, ctime_ns=100 * SECOND)

    assert is_racy(whole, (100 + age) * SECOND) == racy


def test_the_newest_of_both_times_counts() -> None:
    """Whichever of the modification and the change time is later is given."""
    assert newest_ns(status(mtime_ns=5, ctime_ns=3)) == 5
    assert newest_ns(status(mtime_ns=3, ctime_ns=5)) == 5


STEPS = [0, 1, 3_999_999, 4_000_000, 9_000_000, 999_999_999, SECOND, 1_999_999_999, 2 * SECOND]
MOMENTS = st.lists(st.sampled_from(STEPS), min_size=4, max_size=4).map(
    lambda steps: list(accumulate(steps))
)


@given(
    moments=MOMENTS,
    tick=st.sampled_from([1, 1_000_000, 4_000_000, 10_000_000, SECOND, 2 * SECOND]),
    clock_tick=st.sampled_from([1, 4_000_000, SECOND, 2 * SECOND, None]),
)
def test_a_second_write_is_seen_or_the_record_is_racy(
    moments: list[int], tick: int, clock_tick: Any
) -> None:
    """Whatever the ticks: if a later write leaves the stat equal, the record was racy.

    `tick` is that of the file's disk; the clock may be that disk's own or a finer one.
    """
    written, asked, looked, written_again = moments
    first, second = (
        status(mtime_ns=moment // tick * tick, ctime_ns=moment // tick * tick)
        for moment in (written, written_again)
    )
    grain = tick if clock_tick is None else min(clock_tick, tick)
    clock = asked // grain * grain
    assert written <= asked <= looked <= written_again

    if identity_of(first) == identity_of(second):
        assert is_racy(first, clock)


@given(moment=st.integers(0, 10 * SECOND), later=st.integers(1, 10))
def test_a_file_does_not_stay_racy(moment: int, later: int) -> None:
    """Once the clock has passed a file's time by a tick and two seconds, it is no longer racy."""
    tick = 4_000_000
    at = moment // tick * tick

    assert not is_racy(status(mtime_ns=at, ctime_ns=at), at + 2 * SECOND + later * tick)
