"""An output that comes out byte-equal keeps its modification time.

What is restored from the cache keeps it anyway, for the file is left as it is. Where a
command has run, the old time is put back when its output is over, so that nobody who goes
by times (another build tool, a debugger, a copy) takes it for new.

Sound, because a time is never put on other bytes than it was on:

* SCons's database vouches for the old file, time and size and content, and the new file has
  the same signature. So whoever remembers content by time and size remembers the truth.
* The change time is new, and is part of every fingerprint of this tool: such a file is
  looked at again, and is "racy" as long as any file that was just written.

Left alone are times that mean something: of empty files (stamps), times that the command
itself has set, and those of Python functions (`Touch`, `Copy`, Install).

Knows nothing of deciders: an action that goes by times is not replayed at all.
"""

from __future__ import annotations

import os
import stat

from incremental_tool.model.recipe import FUNCTION

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

    from incremental_tool.base.filesystem import Disk
    from incremental_tool.engine.cone import Job
    from incremental_tool.store.sconsign import Sconsign


class KeptTimes:
    """The times of outputs before their commands ran."""

    def __init__(self, database: Sconsign, disk: Disk) -> None:
        self._database = database
        self._disk = disk
        self._before: dict[bytes, os.stat_result] = {}
        self._began: dict[int, int] = {}

    def begin(self, job: Job, outputs: Sequence[bytes]) -> None:
        """Note the times of a job's outputs, in any thread, before anything is removed."""
        if any(step[:1] == FUNCTION for step in job.action.steps):
            return
        self._began[job.number] = self._disk.now_ns()
        for path in outputs:
            try:
                self._before[path] = os.lstat(path)
            except OSError:
                pass  # it is missing

    def put_back(
        self, job: Job, path: bytes, status: os.stat_result, csig: str
    ) -> Optional[os.stat_result]:
        """Put an output's old time back, if its content is the old one; return its status then."""
        before = self._before.get(path)
        if before is None or not stat.S_ISREG(before.st_mode) or not status.st_size:
            return None
        known = self._database.signature(path)
        if (
            known is None
            or known.csig != csig
            or (known.timestamp, known.size) != (int(before.st_mtime), before.st_size)
            or before.st_mode != status.st_mode
            or status.st_mtime_ns == before.st_mtime_ns
            or status.st_mtime_ns < self._began[job.number]
        ):
            return None
        try:
            os.utime(path, ns=(status.st_atime_ns, before.st_mtime_ns), follow_symlinks=False)
            now = self._disk.stat(path)
        except (OSError, NotImplementedError):
            return None
        same = (now.st_ino, now.st_size, now.st_mtime_ns)
        return now if same == (status.st_ino, status.st_size, before.st_mtime_ns) else None
