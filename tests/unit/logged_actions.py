"""Made-up records of an action log, and what tells all that a log or its file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental_tool.base.records import read_log
from incremental_tool.store.action_log import MAGIC, VERSION, ActionRecord

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.store.action_log import ActionLog

NAME = "zir_index.bin"


def record(target: bytes, number: int = 1, detail: str = "") -> ActionRecord:
    """Return a record of a target."""
    return ActionRecord(
        target, bytes([number]) * 16, b"r" * 16, "zir.miss.new", detail, number, 1_700_000_000
    )


RECORDS = [record(b"target %d" % number, number) for number in range(8)]


def everything(log: ActionLog) -> list[Any]:
    """Return the latest record of every target."""
    return [log.last(target) for target in log.targets()]


def written(log: ActionLog, path: Path) -> bytes:
    """Append all records, close, and return the file's content."""
    for known in RECORDS:
        log.append(known)
    log.close()
    return path.read_bytes()


def ends_of(content: bytes) -> list[int]:
    """Return the offset behind each record."""
    return [end for _, end in read_log(MAGIC, VERSION, content)]


def frames(path: Path) -> int:
    """Return how many records a log's file holds."""
    return sum(1 for _ in read_log(MAGIC, VERSION, path.read_bytes()))
