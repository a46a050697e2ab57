"""The disk and its clock, as one object that is passed in.

Everything that decides by time asks the *file system's* clock (the time that a
file touched now would get), not the computer's: on a network disk they differ,
and on a local one the file system's moves in ticks of up to 10 ms.

Paths are bytes as the operating system gives them, relative to the working
directory or absolute. Knows nothing of caches.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
import time

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


TICK_LIMIT_NS = 20_000_000
"""A local file system's clock moves at least this often (10 ms at HZ=100, doubled)."""


class Disk(Protocol):
    """What the stores ask of a disk; tests pass one of their own."""

    def stat(self, path: bytes) -> os.stat_result:
        """Return the status of what `path` leads to (links followed). Raises OSError."""

    def read(self, path: bytes) -> bytes:
        """Return the content of the regular file `path`. Raises OSError."""

    def exists(self, path: bytes) -> bool:
        """Tell whether anything, even a dangling link, is at `path`."""

    def is_file(self, path: bytes) -> bool:
        """Tell whether `path` leads to anything that is no folder (links followed)."""

    def now_ns(self) -> int:
        """Return the file system's time in ns: what a file written now would carry."""

    def wait_until_after(self, moment_ns: int) -> None:
        """Return when `now_ns()` is later than `moment_ns`, or after TICK_LIMIT_NS."""


_stat = os.stat
"""As it is before anybody observes it: what this tool looks at, it accounts for itself."""


class RealDisk:
    """The disk of this computer; its clock is read from a file in `folder`."""

    def __init__(self, folder: bytes) -> None:
        self._clock_path = os.path.join(folder, b"clock")
        self._clock_fd = -1
        self._clock_broken = False

    def stat(self, path: bytes) -> os.stat_result:
        """See `Disk.stat`."""
        return _stat(path)

    def read(self, path: bytes) -> bytes:
        """See `Disk.read`. A FIFO or device is an OSError: never a wait, never an endless read."""
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if not stat_module.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "Not a regular file", path)
            size = status.st_size
            content = os.read(fd, size + 1)
            if len(content) == size:
                return content
            parts = [content]  # a file that grows, is larger than one read, or has no size
            while True:
                part = os.read(fd, 1 << 20)
                if not part:
                    return b"".join(parts)
                parts.append(part)
        finally:
            os.close(fd)

    def exists(self, path: bytes) -> bool:
        """See `Disk.exists`."""
        try:
            os.lstat(path)
        except (OSError, ValueError):
            return False
        return True

    def is_file(self, path: bytes) -> bool:
        """See `Disk.is_file`."""
        try:
            return not stat_module.S_ISDIR(os.stat(path).st_mode)
        except (OSError, ValueError):
            return False

    def now_ns(self) -> int:
        """See `Disk.now_ns`. Without a writable folder: the computer's clock, a tick ago."""
        if not self._clock_broken:
            try:
                if self._clock_fd < 0:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
                    self._clock_fd = os.open(self._clock_path, flags, 0o666)
                os.utime(self._clock_fd)
                return os.fstat(self._clock_fd).st_mtime_ns
            except (OSError, TypeError, NotImplementedError):
                self._clock_broken = True
        return time.time_ns() - TICK_LIMIT_NS

    def wait_until_after(self, moment_ns: int) -> None:
        """See `Disk.wait_until_after`."""
        deadline = time.monotonic_ns() + TICK_LIMIT_NS
        while self.now_ns() <= moment_ns and time.monotonic_ns() < deadline:
            time.sleep(0.001)
