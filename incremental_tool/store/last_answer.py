"""How the last run was answered, and recorded: two small files that `explain` reads.

Each holds NUL-joined fields: b"1" (the format), nanoseconds since 1970, a reason's id
(or b"fresh", b"recorded"), its detail, the snapshot's key (or nothing), then the
arguments of the run. Written in place, because each run writes one: what a kill
leaves half-written reads as none.

Knows nothing of what the reasons mean.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWERED, RECORDED = "last_answer", "last_recording"
"""The two files: how the run was answered; whether its build was recorded for the next."""

FRESH, KEPT = "fresh", "recorded"
"""What stands in place of a reason when all went well."""

_FORMAT = b"1"
_LIMIT = 1 << 20


class LastAnswer:
    """When the last run was, what it was answered, about what, with which arguments."""

    __slots__ = ("arguments", "detail", "key", "reason", "when_ns")

    def __init__(
        self, when_ns: int, reason: str, detail: str, key: str, arguments: list[str]
    ) -> None:
        self.when_ns = when_ns
        self.reason = reason
        self.detail = detail
        self.key = key
        self.arguments = arguments


def write(
    state: str, name: str, reason: str, detail: str, key: str, arguments: Sequence[str]
) -> None:
    """Note in ANSWERED or RECORDED what became of a run.

    A folder that is missing or not writable is passed over.
    """
    fields = [_FORMAT, b"%d" % time.time_ns()]
    fields += [os.fsencode(text) for text in (reason, detail, key, *arguments)]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(os.path.join(state, name), flags, 0o666)
    except OSError:
        return
    try:
        os.write(fd, b"\0".join(fields))
    except OSError:  # the disk is full: a memory is lost, no run fails
        pass
    finally:
        os.close(fd)


def read(state: str, name: str) -> LastAnswer | None:
    """Return what ANSWERED or RECORDED tells of the last run; None when that is not known."""
    try:
        with open(os.path.join(state, name), "rb") as file:
            fields = file.read(_LIMIT).split(b"\0")
    except OSError:
        return None
    if len(fields) < 5 or fields[0] != _FORMAT or not fields[1].isdigit():  # noqa: PLR2004 - the fields before the arguments
        return None
    reason, detail, key, *arguments = map(os.fsdecode, fields[2:])
    return LastAnswer(int(fields[1]), reason, detail, key, arguments)
