"""Trim: keep a cache folder within its limits, least recently used first.

How large the store is, is not counted at each build: a `usage` file holds the
bytes found at the last count, those written since, and when that count was.
When the sum passes the limit, or there is no usable sum, or there is an age limit
and the count is a day old, one process at a time (a lock that nobody waits for)
counts what is really there and removes the entries used longest ago until the
store is a tenth below its limit.

Removing is safe at any moment and may be interrupted anywhere: a manifest whose
object is gone is a miss, an object without a manifest is only unused. Entries
used while a trim runs are left alone (their time is looked at again before they
go). Left-over temporary files of killed builds go after a day.

Knows nothing of what entries contain.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from incremental_tool.base.atomic import FileLock, replace_file
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.reason import Reason
from incremental_tool.store.objects import is_digest_name, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

Report = Callable[[Reason], None]

_USAGE = struct.Struct("<4sQd")
_MAGIC = b"IUS2"

KEEP_SHARE = 0.9
"""A trim goes a tenth below the limit, so that it is not due again at once (ccache's figure)."""

SWEEP_AFTER_SECONDS = 86_400
AGE_CHECK_SECONDS = 86_400
"""With an age limit the store is gone through this often; ages are in days."""

QUARANTINE_SECONDS = 7 * 86_400


class StoredFile(NamedTuple):
    """One entry: when it was last used (seconds since 1970), its size on disk, its path."""

    used: float
    size: int
    path: bytes


class Trimmed(NamedTuple):
    """What a trim found and did, in bytes and files."""

    bytes_before: int
    bytes_after: int
    files_before: int
    files_removed: int


def entries(folder: bytes) -> Iterator[StoredFile]:
    """Yield every entry of a cache folder; what vanishes meanwhile is passed over.

    Only files that bear an entry's name, or a temporary one: the folder may have other uses, too.
    """
    for part in (b"objects", b"zir", b"air"):
        for shard in _scan(os.path.join(folder, part)):
            for entry in [] if shard.is_symlink() else _scan(shard.path):
                if not (is_digest_name(shard.name, entry.name) or _is_temporary(entry.path)):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                size = getattr(status, "st_blocks", 0) * 512 or status.st_size
                yield StoredFile(status.st_mtime, size, entry.path)


def _scan(folder: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def trim(folder: bytes, limit: int, max_age_days: float, now: float) -> Trimmed:
    """Remove entries older than `max_age_days` (0: no limit), then the oldest above `limit` bytes.

    `now` is in seconds since 1970.
    """
    found = sorted(entries(folder))
    before = total = sum(entry.size for entry in found)
    removed = 0
    goal = int(limit * KEEP_SHARE)
    oldest = now - max_age_days * 86_400 if max_age_days else float("-inf")
    over = total > limit
    for entry in found:
        stray = _is_temporary(entry.path)
        if stray and now - entry.used < SWEEP_AFTER_SECONDS:
            continue
        if not stray and entry.used >= oldest and not (over and total > goal):
            continue
        if _remove_unless_used(entry):
            removed += 1
            total -= entry.size
    _empty_quarantine(folder, now)
    return Trimmed(before, total, len(found), removed)


def _is_temporary(path: bytes) -> bool:
    return os.path.basename(path).startswith(b".incremental-")


def _remove_unless_used(entry: StoredFile) -> bool:
    try:
        if os.lstat(entry.path).st_mtime != entry.used:
            return False
        os.unlink(entry.path)
    except OSError:
        return False
    return True


def _empty_quarantine(folder: bytes, now: float) -> None:
    for entry in _scan(os.path.join(folder, b"quarantine")):
        if not is_digest_name(b"", entry.name):
            continue
        try:
            if now - entry.stat(follow_symlinks=False).st_mtime > QUARANTINE_SECONDS:
                os.unlink(entry.path)
        except OSError:
            continue  # another build removed it, or it is not ours to remove


def note_usage(
    folder: bytes, written: int, limit: int, max_age_days: float, report: Report
) -> None:
    """Add to the bytes written; trim when they pass the limit. Never raises OSError."""
    lock = FileLock(os.path.join(folder, b"trim.lock"))
    try:
        if not lock.try_acquire():
            return  # another build is at it; what we wrote is counted at the next trim
        path = os.path.join(folder, b"usage")
        known, counted = _read_usage(path)
        now = time.time()
        usage = written + known
        aged = max_age_days and not 0 <= now - counted < AGE_CHECK_SECONDS
        if not counted or usage > limit or aged:
            usage, counted = trim(folder, limit, max_age_days, now).bytes_after, now
        replace_file(path, _USAGE.pack(_MAGIC, min(usage, (1 << 64) - 1), counted))
    except FileNotFoundError:
        pass  # somebody deleted the store: nothing is left to trim
    except OSError as error:
        report(Reason("store.unwritable", error.strerror or str(error)))
    finally:
        lock.release()


def _read_usage(path: bytes) -> tuple[int, float]:
    """Return the sum kept in the `usage` file, and when it was counted.

    The time is in seconds since 1970; 0 where there is no sum that can be used.
    """
    try:
        magic, usage, counted = _USAGE.unpack(read_regular(path))
    except (OSError, CorruptRecord, struct.error):
        return 0, 0.0
    return (int(usage), float(counted)) if magic == _MAGIC else (0, 0.0)
