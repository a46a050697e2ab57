"""Write-and-replace, and the lock around a state file.

A file is written under a temporary name in the same folder and renamed over
the old one: a reader, or a build after `kill -9`, finds the old content or the
new one, never a part. Nothing is synced to the platter: after a power cut a
file may be empty or old, which every reader here detects and treats as absent.

Knows nothing of what is written.
"""

from __future__ import annotations

import os
import threading
from itertools import count

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional, Union

    Content = Union[bytes, Sequence[Union[bytes, memoryview]]]
    """What is written: bytes, or pieces of them in their order."""


try:
    import fcntl
except ImportError:  # Windows has no flock; one writer at a time is then the user's care
    fcntl = None  # type: ignore[assignment]  # stands for "no locks here"

_serial = count()


def temporary_name(folder: bytes) -> bytes:
    """Return a name in `folder` that no other thread or process uses now."""
    name = b".incremental-%d-%d-%d" % (os.getpid(), threading.get_ident(), next(_serial))
    return os.path.join(folder, name)


_AT_ONCE = 512
"""Pieces in one call; no system takes fewer than 1,024 (POSIX asks for 16)."""


def _write_all(fd: int, content: Content) -> None:
    if isinstance(content, bytes):
        content = [content]
    for start in range(0, len(content), _AT_ONCE):
        pieces = [memoryview(piece).cast("B") for piece in content[start : start + _AT_ONCE]]
        while pieces:
            written = _write_some(fd, pieces)
            while pieces and written >= len(pieces[0]):
                written -= len(pieces.pop(0))
            if pieces and written:
                pieces[0] = pieces[0][written:]


def _write_some(fd: int, pieces: Sequence[memoryview]) -> int:
    if len(pieces) > 1 and hasattr(os, "writev"):
        return os.writev(fd, pieces)
    return os.write(fd, pieces[0])


def write_new(path: bytes, content: Content, permissions: Optional[int] = None) -> None:
    """Create `path` (which must not exist) with `content`. Raises OSError; leaves nothing then.

    `content` is bytes, or pieces of bytes to be written behind one another. The mode is what any
    new file gets, or exactly `permissions`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    fd = os.open(path, flags, 0o666)
    try:
        try:
            if permissions is not None:
                os.chmod(fd, permissions)
            _write_all(fd, content)
        finally:
            os.close(fd)  # quotas and network disks may say only here that there was no room
    except BaseException:
        os.unlink(path)
        raise


def replace_file(
    path: bytes,
    content: Content,
    permissions: Optional[int] = None,
    scratch: Optional[bytes] = None,
) -> None:
    """Put `content` at `path`, whole or not at all; see `write_new`. Raises OSError.

    It is written under a temporary name in `scratch`, or beside `path`, first.
    """
    temporary = temporary_name(scratch or os.path.dirname(path) or b".")
    write_new(temporary, content, permissions)
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


MAX_NOTE = 256
"""Bytes of a lock's note."""


class FileLock:
    """An exclusive lock on a file: held until `release`, or until the process ends."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._fd = -1

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it; never waits. Raises OSError where no file can be made."""
        if self._fd >= 0:
            return True
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if fcntl is not None:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                return False
        self._fd = fd
        return True

    def noted(self) -> bytes:
        """Return what was last written with `note`, by whoever held the lock; it is ours now."""
        return os.pread(self._fd, MAX_NOTE, 0)

    def note(self, content: bytes) -> None:
        """Keep a few bytes in the lock's own file; nothing says that they arrive whole."""
        os.pwrite(self._fd, content.ljust(MAX_NOTE), 0)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
