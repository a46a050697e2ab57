"""A disk in memory with a clock of its own, and a project of hashed files on it."""

from __future__ import annotations

import errno
import os
import stat
from itertools import count
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from incremental_tool.base.digest import digest_of
from incremental_tool.base.filesystem import TICK_LIMIT_NS
from incremental_tool.store.file_hash_cache import FileHashCache

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason

Name = Union[str, bytes]


class Inode:
    """One file in memory."""

    def __init__(self, number: int, content: bytes, kind: int, now_ns: int) -> None:
        self.number = number
        self.content = content
        self.mode = kind | 0o644
        self.mtime_ns = self.ctime_ns = now_ns
        self.readable = True


class FakeDisk:
    """A `base.filesystem.Disk` in memory, whose clock moves by `tick()` alone.

    Every stat and read is noted by path. The folder `state` is the real disk's: there the stores
    keep files of their own; looking at those is not noted.
    """

    def __init__(self, state: bytes) -> None:
        self._state = os.path.join(state, b"")
        self._files: dict[bytes, Inode] = {}
        self._numbers = count(1000)
        self.clock_ns = 1_700_000_000_123_456_789
        self.tick_ns = 4_000_000  # Linux's at 250 Hz; they do not begin at whole milliseconds
        self.stats: list[bytes] = []
        self.reads: list[bytes] = []
        self.waits = 0
        self.before_read: Optional[Callable[[bytes], None]] = None

    # --- what happens to files -------------------------------------------------

    def tick(self, ticks: int = 1) -> None:
        """Let the clock move on."""
        self.clock_ns += ticks * self.tick_ns

    def write(self, name: Name, content: Name) -> None:
        """Write a file in place, as an editor that truncates does."""
        inode = self._files.get(os.fsencode(name))
        if inode is None:
            self.replace(name, content)
            return
        inode.content = os.fsencode(content)
        inode.mtime_ns = inode.ctime_ns = self.now_ns()

    def replace(self, name: Name, content: Name, mtime_ns: Optional[int] = None) -> None:
        """Put another file in a file's place, perhaps with an older mtime, as `mv` does."""
        inode = Inode(next(self._numbers), os.fsencode(content), stat.S_IFREG, self.now_ns())
        if mtime_ns is not None:
            inode.mtime_ns = mtime_ns
        self._files[os.fsencode(name)] = inode

    def place(self, name: Name, kind: int) -> None:
        """Put something that is no regular file there, such as stat.S_IFIFO."""
        self._files[os.fsencode(name)] = Inode(next(self._numbers), b"", kind, self.now_ns())

    def remove(self, name: Name) -> None:
        """Take a file away."""
        del self._files[os.fsencode(name)]

    def chmod(self, name: Name, mode: int) -> None:
        """Change a file's permissions."""
        inode = self._files[os.fsencode(name)]
        inode.mode = stat.S_IFMT(inode.mode) | mode
        inode.ctime_ns = self.now_ns()

    def utime(self, name: Name, mtime_ns: int, ctime_ns: Optional[int] = None) -> None:
        """Set a file's mtime; its ctime is now, unless a foreign clock is played."""
        inode = self._files[os.fsencode(name)]
        inode.mtime_ns = mtime_ns
        inode.ctime_ns = self.now_ns() if ctime_ns is None else ctime_ns

    def deny(self, name: Name) -> None:
        """Make a file unreadable; its stat stays."""
        self._files[os.fsencode(name)].readable = False

    def forget_work(self) -> None:
        """Begin to note stats and reads anew."""
        self.stats.clear()
        self.reads.clear()
        self.waits = 0

    # --- the Disk protocol -----------------------------------------------------

    def _find(self, path: bytes) -> Inode:
        try:
            return self._files[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file", path) from None

    def stat(self, path: bytes) -> os.stat_result:
        """See `Disk.stat`."""
        self.stats.append(path)
        inode = self._find(path)
        seconds = (0, inode.mtime_ns // 10**9, inode.ctime_ns // 10**9)
        return os.stat_result(
            (inode.mode, inode.number, 7, 1, 0, 0, len(inode.content), *seconds),
            {"st_mtime_ns": inode.mtime_ns, "st_ctime_ns": inode.ctime_ns},
        )

    def read(self, path: bytes) -> bytes:
        """See `Disk.read`."""
        if path.startswith(self._state):
            with open(path, "rb") as file:
                return file.read()
        self.reads.append(path)
        if self.before_read is not None:
            self.before_read(path)
        inode = self._find(path)
        if not inode.readable or not stat.S_ISREG(inode.mode):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return inode.content

    def exists(self, path: bytes) -> bool:
        """See `Disk.exists`."""
        return path in self._files

    def is_file(self, path: bytes) -> bool:
        """See `Disk.is_file`."""
        return path in self._files and not stat.S_ISDIR(self._files[path].mode)

    def now_ns(self) -> int:
        """See `Disk.now_ns`."""
        return self.clock_ns // self.tick_ns * self.tick_ns + 456_789 % self.tick_ns

    def wait_until_after(self, moment_ns: int) -> None:
        """See `Disk.wait_until_after`: what would be waiting moves the clock, and is counted."""
        if self.now_ns() > moment_ns:
            return
        self.waits += 1
        self.clock_ns = min(moment_ns + self.tick_ns, self.clock_ns + TICK_LIMIT_NS)


class HashedProject:
    """A disk in memory, an index on the real one, and one `FileHashCache` after the other."""

    def __init__(self, disk: FakeDisk, folder: Path, reports: list[Reason]) -> None:
        self.disk = disk
        self.index = folder / "file_hashes.bin"
        self.reports = reports
        self.signed: list[bytes] = []

    def sign(self, content: bytes) -> bytes:
        """Stand for SCons's content signature, and count."""
        self.signed.append(content)
        return b"signed" + digest_of(content)[:10]

    def open(self, **options: Any) -> FileHashCache:
        """Begin a run: a new process's cache over the index."""
        self.disk.forget_work()
        self.signed.clear()
        path = os.fsencode(self.index)
        return FileHashCache(self.disk, path, self.reports.append, **options)

    def settled(self, *names: str, **options: Any) -> FileHashCache:
        """Look at files in a run of their own, long after they were written; open the next run."""
        self.disk.tick(1000)
        cache = self.open(**options)
        for name in names:
            assert cache.ensure_cached(name.encode()) is not None
        cache.settle()
        cache.save()
        return self.open(**options)
