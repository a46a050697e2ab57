"""Two ways to change a few bytes of a large file, and never leave a half changed one in its place.

`overwrite` keeps the file and its length: the file is renamed out of its place, written to, and
renamed back. Whoever kills it in between leaves no file at all, as one does who kills a
command: the next build makes it, with this tool or without. What is written is what
changes, however large the file is.

`splice` makes a new file of new bytes and of stretches of the old one, which the kernel copies
(or shares, where the file system can), and renames it over the old.

Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import contextlib
import errno
import os

from incremental_tool.base.atomic import temporary_name

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

_CHUNK = 1 << 20
_OPEN = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class Stretch(NamedTuple):
    """Bytes of the old file, from `start` to before `end`."""

    start: int
    end: int


def open_checked(path: bytes, expected: os.stat_result) -> int:
    """Return a descriptor to read the file that had this status. Raises OSError for another."""
    fd = os.open(path, os.O_RDONLY | _OPEN | os.O_NONBLOCK)
    try:
        _check(fd, expected)
    except OSError:
        os.close(fd)
        raise
    return fd


def read_at(fd: int, start: int, length: int) -> bytes:
    """Return exactly these bytes. Raises OSError when there are fewer."""
    content = os.pread(fd, length, start)
    while len(content) < length:
        more = os.pread(fd, length - len(content), start + len(content))
        if not more:
            raise OSError(errno.EIO, "shorter than expected")
        content += more
    return content


def overwrite(
    path: bytes, expected: os.stat_result, pieces: Sequence[tuple[int, bytes]], scratch: bytes
) -> None:
    """Write each piece at its offset into the file that had this status. Raises OSError.

    `scratch` is a folder on the same file system. When it fails, the file is untouched or gone.
    """
    away = temporary_name(scratch)
    os.rename(path, away)
    with _gone_unless_done(away):
        fd = os.open(away, os.O_WRONLY | _OPEN)
        try:
            _check(fd, expected)
            for start, piece in pieces:
                _write_at(fd, start, piece)
        finally:
            os.close(fd)
        os.rename(away, path)


def splice(path: bytes, old: int, parts: Sequence[Union[bytes, Stretch]], scratch: bytes) -> None:
    """Put a file of these parts at `path`; stretches are of the file `old` is open on.

    `scratch` is a folder on the same file system. Raises OSError; then nothing has changed.
    """
    temporary = temporary_name(scratch)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o666)
    with _gone_unless_done(temporary):
        try:
            place = 0
            for part in parts:
                if isinstance(part, Stretch):
                    _copy(old, fd, part)
                    place += part.end - part.start
                else:
                    _write_at(fd, place, part)
                    place += len(part)
                    os.lseek(fd, place, os.SEEK_SET)
        finally:
            os.close(fd)
        os.replace(temporary, path)


@contextlib.contextmanager
def _gone_unless_done(path: bytes) -> Iterator[None]:
    """Remove a file when what is done with it fails, or is interrupted."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _check(fd: int, expected: os.stat_result) -> None:
    found = os.fstat(fd)
    for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_mode", "st_nlink"):
        if getattr(found, name) != getattr(expected, name):
            raise OSError(errno.ESTALE, "it is not the file that it was")


def _write_at(fd: int, start: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        written = os.pwrite(fd, left, start)
        left, start = left[written:], start + written


def _copy(old: int, new: int, stretch: Stretch) -> None:
    """Append a stretch of one file to another at its place. Raises OSError."""
    start, end = stretch
    while start < end:
        try:
            copied = os.copy_file_range(old, new, end - start, start)
        except (AttributeError, OSError):
            break  # not Linux, or a file system that cannot: below it is read and written
        if not copied:
            break
        start += copied
    while start < end:
        piece = read_at(old, start, min(_CHUNK, end - start))
        start += os.write(new, piece)
