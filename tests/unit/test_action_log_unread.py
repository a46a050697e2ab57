"""A build that only appends to the action log does not read it, and is right about its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

import pytest
from logged_actions import NAME, RECORDS, everything, frames, record

from incremental_tool.store import action_log
from incremental_tool.store.action_log import COMPACT_FROM, MAX_DETAIL, ActionLog
from incremental_tool.store.objects import read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list of the logs read from here on."""
    read: list[bytes] = []

    def counting(path: bytes) -> bytes:
        read.append(path)
        return read_regular(path)

    monkeypatch.setattr(action_log, "read_regular", counting)
    return read


def committed(log: ActionLog) -> None:
    """Append all records and leave the log as a build does."""
    for known in RECORDS:
        log.append(known)
    log.commit()
    log.close()


def test_a_build_that_only_appends_does_not_read(
    log: ActionLog, reopened: Callable[[], ActionLog], reads: list[bytes]
) -> None:
    """The log is as the last build left it: its end is known, and nothing of it is read."""
    committed(log)
    reads.clear()

    again = reopened()
    again.append(record(b"target 0", 90))
    again.append(record(b"new", 91))
    again.commit()

    assert reads == []
    assert again.last(b"target 0") == record(b"target 0", 90)
    assert len(reads) == 1
    again.close()
    assert everything(reopened()) == sorted(
        [*RECORDS[1:], record(b"target 0", 90), record(b"new", 91)]
    )


@pytest.mark.parametrize("change", ["longer", "shorter", "rewritten", "gone", "note"])
def test_a_log_that_somebody_changed_is_read(
    log: ActionLog,
    reopened: Callable[[], ActionLog],
    reads: list[bytes],
    tmp_path: Path,
    change: str,
) -> None:
    """Nothing is appended behind what the last build did not leave."""
    committed(log)
    path = tmp_path / NAME
    content = path.read_bytes()
    if change == "longer":
        path.write_bytes(content + b"half a frame")
    elif change == "shorter":
        path.write_bytes(content[:-1])
    elif change == "rewritten":
        (tmp_path / "other").write_bytes(content)
        os.replace(tmp_path / "other", path)
    elif change == "gone":
        path.unlink()
    else:
        (tmp_path / f"{NAME}.lock").write_bytes(b"1 2 three")
    reads.clear()

    again = reopened()
    again.append(record(b"new", 91))
    again.close()

    assert reads or change == "gone"
    found = everything(reopened())
    assert record(b"new", 91) in found
    lost = {"shorter": 1, "gone": len(RECORDS)}.get(change, 0)
    assert len(found) == 1 + len(RECORDS) - lost


@pytest.mark.parametrize("start", [0, 30])
def test_damage_that_was_not_seen_when_appending(
    log: ActionLog,
    reopened: Callable[[], ActionLog],
    reports: list[Reason],
    tmp_path: Path,
    start: int,
) -> None:
    """Bytes that changed without a trace are found when the log is read, and what follows goes."""
    committed(log)
    path = tmp_path / NAME
    status = path.stat()
    again = reopened()
    again.append(record(b"new", 91))
    content = bytearray(path.read_bytes())
    content[start] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert again.last(b"new") is None
    assert len(reports) == 1
    again.append(record(b"late", 92))
    again.close()

    assert everything(reopened()) == [record(b"late", 92)]


def test_a_log_is_tidied_by_the_noted_count(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path
) -> None:
    """Builds that only append still see when most of the log is out of date."""
    detail = "x" * MAX_DETAIL
    rounds = 2 * COMPACT_FROM // MAX_DETAIL
    log.append(record(b"a.o", 1, detail))
    log.commit()
    log.close()
    for number in range(rounds):
        again = reopened()
        again.append(record(b"a.o", number, detail))
        again.commit()
        again.close()

    assert frames(tmp_path / NAME) < rounds
    assert reopened().last(b"a.o") == record(b"a.o", rounds - 1, detail)
