"""Content-addressed store of outputs: verified on every read, written once.

An object's name is the xxh3-128 digest of its bytes, as 32 hex digits; it lies
in `objects/ab/cdef...`. Equal content is stored once. Whatever a read finds
that does not match its name is moved to `quarantine/` and counted: the caller
sees a miss, never wrong bytes.

Format of an object file (little-endian)::

    magic "IOBJ" · version u8 · codec u8 (0 plain, 1 zlib) · zero u16 · raw length u64
    content, plain or compressed; nothing may follow

The name guards the content, so no checksum stands inside. Objects are not
synced to disk: a power cut can leave an empty or partial one, which the next
read quarantines. Sharing one store between projects, users and concurrent
builds needs no locks: a name is only ever given to the same bytes. A later format
goes into a folder of another name, so that tools of different age can share a
store: what lies here in another version is foreign.

Knows nothing of who refers to an object.
"""

from __future__ import annotations

import os
import stat as stat_module
import struct
import time
import zlib

from incremental_tool.base.atomic import temporary_name, write_new
from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Callable, Optional

    Report = Callable[[Reason], None]


_HEAD = struct.Struct("<4sBBHQ")
MAGIC = b"IOBJ"
VERSION = 1
PLAIN, ZLIB = 0, 1

MAX_OBJECT = 1 << 30
"""Bytes of one output at most; a larger one is not cached (it is held in memory on the way)."""

COMPRESS_FROM = 4096
"""Bytes below which compressing saves no disk block (measured: 4 KiB blocks on ext4)."""

_MAX_RATIO = 1100
"""zlib cannot expand by more than 1032; a head that claims more is hostile."""

TOUCH_AFTER_SECONDS = 3600
"""An object read again is marked as used at most this often: a hit should cost no write."""


class ObjectStore:
    """Objects below one cache folder."""

    def __init__(self, folder: bytes, report: Report) -> None:
        self._folder = os.path.join(folder, b"objects")
        self._quarantine = os.path.join(folder, b"quarantine")
        self._report = report
        self._known: set[bytes] = set()
        self.bytes_written = 0
        self.bytes_read = 0

    def path_of(self, digest: bytes) -> bytes:
        """Return where the object of that digest lies, stored or not."""
        name = digest.hex().encode()
        return os.path.join(self._folder, name[:2], name[2:])

    def put(self, content: bytes) -> bytes:
        """Store `content` and return its digest. Raises OSError when it cannot be written."""
        digest = digest_of(content)
        if digest in self._known:
            return digest
        path = self.path_of(digest)
        if not os.path.exists(path):
            self._write(path, content)
        self._known.add(digest)
        return digest

    def _write(self, path: bytes, content: bytes) -> None:
        codec, body = PLAIN, content
        if len(content) >= COMPRESS_FROM:
            packed = zlib.compress(content, 1)
            if len(packed) < len(content) * 9 // 10:
                codec, body = ZLIB, packed
        head = _HEAD.pack(MAGIC, VERSION, codec, 0, len(content))
        publish(path, head + body)
        self.bytes_written += len(head) + len(body)

    def get(self, digest: bytes) -> Optional[bytes]:
        """Return the content of that digest, verified; None when it is absent or damaged."""
        path = self.path_of(digest)
        try:
            stored = read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            self._known.discard(digest)
            return None
        except OSError as error:
            self._report(Reason("store.unreadable", str(error)))
            return None
        except CorruptRecord as error:
            self._set_aside(digest, str(error))
            return None
        try:
            content = decode(stored)
        except CorruptRecord as error:
            self._set_aside(digest, str(error))
            return None
        if digest_of(content) != digest:
            self._set_aside(digest, "content does not match its name")
            return None
        self.bytes_read += len(stored)
        return content

    def touch(self, digest: bytes) -> None:
        """Mark the object as used now, for the least-recently-used trim."""
        touch(self.path_of(digest))

    def _set_aside(self, digest: bytes, why: str) -> None:
        self._known.discard(digest)
        quarantine(self.path_of(digest), self._quarantine)
        self._report(Reason("store.corrupt.object", f"{digest.hex()}: {why}"))


def decode(stored: bytes) -> bytes:
    """Return the content of an object file's bytes. Raises CorruptRecord."""
    if len(stored) < _HEAD.size:
        raise CorruptRecord("shorter than its head")
    magic, version, codec, zero, length = _HEAD.unpack_from(stored)
    if magic != MAGIC or version != VERSION or zero:
        raise CorruptRecord("not an object of this version")
    body = memoryview(stored)[_HEAD.size :]
    if codec == PLAIN:
        content = bytes(body)
    elif codec == ZLIB:
        if length > MAX_OBJECT or length > len(body) * _MAX_RATIO:
            raise CorruptRecord("claims an impossible length")
        inflater = zlib.decompressobj()
        try:
            content = inflater.decompress(body, length + 1)
        except zlib.error as error:
            raise CorruptRecord(str(error)) from error
        if not inflater.eof or inflater.unused_data:
            raise CorruptRecord("compressed content is cut off or lengthened")
    else:
        raise CorruptRecord("unknown codec")
    if len(content) != length:
        raise CorruptRecord("length does not match")
    return content


def is_digest_name(folder: bytes, name: bytes) -> bool:
    """Tell whether `folder/name` is how a digest is written."""
    text = folder + name
    return len(text) == 2 * DIGEST_SIZE and all(c in b"0123456789abcdef" for c in text)


def read_regular(path: bytes) -> bytes:
    """Return the bytes of a regular file that is no link.

    Raises OSError, and CorruptRecord when something else (a link, a FIFO, a folder) is there.
    """
    try:
        fd = os.open(
            path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)
        )
    except OSError as error:
        if os.path.islink(path):
            raise CorruptRecord("a link stands in its place") from error
        raise
    try:
        status = os.fstat(fd)
        if not stat_module.S_ISREG(status.st_mode):
            raise CorruptRecord("not a regular file")
        if status.st_size > MAX_OBJECT + _HEAD.size:
            raise CorruptRecord("too large")
        parts = []
        left = status.st_size
        while left > 0:
            part = os.read(fd, left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    finally:
        os.close(fd)


def publish(path: bytes, content: bytes) -> None:
    """Write a cache entry under a temporary name and rename it in place. Raises OSError."""
    folder = os.path.dirname(path)
    temporary = temporary_name(folder)
    try:
        write_new(temporary, content)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        write_new(temporary, content)
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def touch(path: bytes) -> None:
    """Move a cache entry's time to now unless that was done lately; failure is no matter."""
    try:
        if time.time() - os.stat(path).st_mtime > TOUCH_AFTER_SECONDS:
            os.utime(path)
    except OSError:
        pass  # a read-only or vanished entry: the trim judges by the older time


def quarantine(path: bytes, folder: bytes) -> None:
    """Move a bad cache entry out of the way, or remove it; failure is no matter."""
    name = os.path.basename(os.path.dirname(path)) + os.path.basename(path)
    try:
        os.makedirs(folder, exist_ok=True)
        os.replace(path, os.path.join(folder, name))
    except OSError:
        try:
            os.unlink(path)
        except OSError:
            pass  # a read-only cache: the entry stays, and is refused again at each read
