"""The action log: what became of each target, appended as it happens.

One record a finished command, one write each, so that `kill -9` loses nothing
that was finished. The latest record of a target counts; when more than half of
the log is out of date, a commit writes it anew. `explain` reads it, and a miss
is explained by comparing with it.

It is the path -> digest index of `ZirCache`: `has_matching_digest` answers from
memory. It is loaded when first asked for: a build in which nothing is compiled
never reads it.

Format (`zir_index.bin`, a log of frames; see `base.records`), each payload::

    action digest 16 · result digest 16 · msgpack [target, outcome, detail, milliseconds, when]

The lock's own file names the log as the last build left it: the file's identity, the number of
frames and that of targets. While the log is that file still, its end is where the last good frame
ends, and a build that only appends need not read it.

Version history: 1 first. One process writes at a time (a lock held by whoever
opens it for writing); others read. Knows nothing of what an outcome means.
"""

from __future__ import annotations

import os
import stat as stat_module
import threading

import msgpack

from incremental_tool.base.atomic import FileLock, replace_file
from incremental_tool.base.digest import DIGEST_SIZE
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import LOG_HEAD_SIZE, frame, log_head, read_log
from incremental_tool.model.reason import Reason
from incremental_tool.store.objects import read_regular

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Callable, NamedTuple, Optional

    Report = Callable[[Reason], None]
else:
    from incremental_tool.base.named_tuple import NamedTuple


MAGIC = b"IZIX"
VERSION = 1

COMPACT_FROM = 64 * 1024
"""Bytes below which an untidy log is not worth rewriting."""

_NOTED = 7
"""Numbers in the lock's note."""

MAX_DETAIL = 4096
"""Characters of a reason's detail at most: a command with 10,000 new words is told in part."""


class ActionRecord(NamedTuple):
    """What became of one target the last time its command was due.

    `outcome` is "hit", "stored", or the id of a reason; `when` is in seconds since 1970.
    """

    target: bytes
    action: bytes
    result: bytes
    outcome: str
    detail: str
    milliseconds: int
    when: int


class ActionLog:
    """The latest record of every target."""

    def __init__(self, path: bytes, report: Report) -> None:
        self._path = path
        self._report = report
        self._lock = FileLock(path + b".lock")
        self._mutex = threading.Lock()
        self._fd = -1
        self._offset = 0
        self._frames = 0
        self._loaded = False
        self._read_only = False
        self._size_seen = 0
        self._records: dict[bytes, bytes] = {}
        self._targets = 0
        """Of how many targets the log has records, while it has not been read."""

    # --- reading --------------------------------------------------------------

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        self._offset = self._frames = self._size_seen = 0
        self._records = {}
        try:
            content = read_regular(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, CorruptRecord) as error:
            self._report(Reason("store.unreadable", f"zir_index.bin: {error}"))
            return
        self._size_seen = len(content)
        good = LOG_HEAD_SIZE
        try:
            for payload, end in read_log(MAGIC, VERSION, content):
                record = _decode(payload)
                self._records[record.target] = payload
                self._frames += 1
                good = end
        except CorruptRecord as error:
            if good == LOG_HEAD_SIZE:
                self._report(Reason("store.corrupt.index", f"zir_index.bin: {error}"))
                if self._fd >= 0:  # it was taken for ours unread
                    os.close(self._fd)
                    self._fd = self._begin()
                return  # foreign from the start: it is replaced when something is written
        if good != len(content):
            self._report(Reason("store.corrupt.journal", f"{len(content) - good} bytes"))
            if self._fd >= 0:
                os.ftruncate(self._fd, good)
        self._offset = good

    def last(self, target: bytes) -> Optional[ActionRecord]:
        """Return the latest record of a target, or None."""
        with self._mutex:
            self._load()
            payload = self._records.get(target)
        return _decode(payload) if payload else None

    def has_matching_digest(self, target: bytes, action: bytes) -> bool:
        """Tell whether the target was last made by the action of that digest; touches no disk."""
        with self._mutex:
            self._load()
            payload = self._records.get(target)
        return payload is not None and payload[:DIGEST_SIZE] == action

    def targets(self) -> list[bytes]:
        """Return every target known, sorted."""
        with self._mutex:
            self._load()
            return sorted(self._records)

    # --- writing --------------------------------------------------------------

    def append(self, record: ActionRecord) -> None:
        """Note what became of a target, at once and for good. Raises OSError."""
        detail = record.detail[:MAX_DETAIL]
        body = [record.target, record.outcome, detail, record.milliseconds, record.when]
        packed = msgpack.packb(body, use_bin_type=True, unicode_errors="surrogateescape")
        payload = record.action + record.result + packed
        with self._mutex:
            if self._fd < 0 and not self._read_only:
                self._open()
            if self._loaded:
                self._records[record.target] = payload
            if self._read_only:
                return
            framed = frame(payload, self._offset)
            written = os.pwrite(self._fd, framed, self._offset)
            if written != len(framed):
                os.ftruncate(self._fd, self._offset)
                raise OSError("the action log was cut short: is the disk full?")
            self._offset += written
            self._frames += 1

    def _open(self) -> None:
        """Open the log at the end of its last good frame, or find that another build has it."""
        if not self._lock.try_acquire():
            self._load()
            self._read_only = True
            self._report(Reason("state.locked"))
            return
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = self._begin()
        status = os.fstat(fd)
        if not stat_module.S_ISREG(status.st_mode):
            os.close(fd)
            raise OSError("zir_index.bin is not a regular file")
        if not self._loaded and self._is_as_noted(status):
            self._fd = fd
            return
        if not self._loaded or status.st_size != self._size_seen:
            self._loaded = False  # another build wrote between our look and our lock
            self._load()
        if self._offset < LOG_HEAD_SIZE:
            os.close(fd)
            fd = self._begin()
        elif status.st_size != self._offset:
            # Whatever stands behind the last good frame goes, or nothing after it would be found.
            os.ftruncate(fd, self._offset)
        self._fd = fd

    def _is_as_noted(self, status: os.stat_result) -> bool:
        """Tell whether the log is as the last build left it; then its end is known."""
        noted = self._lock.noted().split()
        if len(noted) != _NOTED or not all(number.isdigit() for number in noted):
            return False
        *identity, self._frames, self._targets = map(int, noted)
        self._offset = status.st_size
        return tuple(identity) == _identity(status)

    def _note(self) -> None:
        targets = len(self._records) if self._loaded else self._targets
        numbers = (*_identity(os.fstat(self._fd)), self._frames, targets)
        self._lock.note(b" ".join(b"%d" % number for number in numbers))

    def _begin(self) -> int:
        """Put a log without records in place, whole: a kill must not leave half a head."""
        head = log_head(MAGIC, VERSION)
        replace_file(self._path, head)
        self._size_seen = self._offset = len(head)
        self._frames = 0
        self._records.clear()
        self._loaded = True
        return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)

    def commit(self) -> None:
        """Write the log anew when most of it is out of date. Raises OSError."""
        with self._mutex:
            if self._fd < 0:
                return
            targets = len(self._records) if self._loaded else self._targets
            if self._offset > COMPACT_FROM and self._frames > 2 * targets:
                self._load()
                parts = [log_head(MAGIC, VERSION)]
                offset = len(parts[0])
                for payload in self._records.values():
                    parts.append(frame(payload, offset))
                    offset += len(parts[-1])
                replace_file(self._path, b"".join(parts))
                old, self._fd = self._fd, os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                os.close(old)
                self._offset, self._frames = offset, len(self._records)
            self._note()

    def close(self) -> None:
        """Let another process write."""
        with self._mutex:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            self._lock.release()
            self._loaded = False
            self._frames = 0
            self._records = {}


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _decode(payload: bytes) -> ActionRecord:
    size = 2 * DIGEST_SIZE
    try:
        body = msgpack.unpackb(payload[size:], raw=False, unicode_errors="surrogateescape")
        target, outcome, detail, milliseconds, when = body
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise CorruptRecord(f"unreadable record: {error}") from error
    if not (
        type(target) is bytes
        and type(outcome) is str
        and type(detail) is str
        and type(milliseconds) is int
        and type(when) is int
    ):
        raise CorruptRecord("unreadable record: unexpected shape")
    return ActionRecord(
        target,
        payload[:DIGEST_SIZE],
        payload[DIGEST_SIZE:size],
        outcome,
        detail,
        milliseconds,
        when,
    )
