"""Precompiled preambles: the headers, and the record of what each was made from.

In the folder `preambles` of the state folder, named by the digest of a unit's action::

    NAME          the record
    NAME.h.gch    gcc's precompiled header
    NAME.h        the preamble's text, and
    NAME.h.pch    the precompiled header, of clang
    NAME.lock     held by the process that makes it
    NAME-...      what is on the way: a header, or a folder with a copy of a source

A record is sealed (`base.records`), "IPRE", msgpack::

    [action 16, refusal id, refusal detail, preamble's text, [input path, ...], digests,
     [absent path, ...], [[extra output, content], ...], [size, mtime, ctime, inode], digest,
     plain us, with us, slow]

of which a refusal (id not empty) has only the first three, the others empty. `inputs` are all that
a compile reads but the source itself. The four numbers are those of the precompiled header. `plain`
and `with` are microseconds of CPU that a compile took without and with it; `slow` how many
compiles since the last quick one were not worth it.

Rules kept: a record is handed out only whole and of this very action; what is damaged is removed.
A header is used only if it is, by size and times or else by content, what the record says.
No more than `MAX_KEPT` are kept, and no more than `MAX_BYTES`, the last used ones.

Knows nothing of compilers.
"""

from __future__ import annotations

import os
import time

import msgpack

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal
from incremental_tool.model.reason import REASONS, Reason
from incremental_tool.store.objects import read_regular, touch

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, NamedTuple, Optional

    from incremental_tool.base.filesystem import Disk
else:
    from incremental_tool.base.named_tuple import NamedTuple

MAGIC = b"IPRE"
VERSION = 1

MAX_KEPT = 64
"""Records: units that are being worked on, and those that are known not to gain."""

MAX_BYTES = 1 << 30
"""One header takes 5 MB (clang) to 70 MB (gcc)."""

STALE_SECONDS = 3600
"""Age at which what was being made goes; making takes seconds."""


class Record(NamedTuple):
    """What a precompiled preamble was made from and what it is worth, or why there is none."""

    action: bytes
    refusal: Optional[Reason] = None
    text: bytes = b""
    inputs: tuple[bytes, ...] = ()
    digests: bytes = b""
    absent: tuple[bytes, ...] = ()
    extra: tuple[tuple[bytes, bytes], ...] = ()
    stamp: tuple[int, ...] = (0, 0, 0, 0)
    digest: bytes = b""
    plain_us: int = 0
    with_us: int = 0
    slow: int = 0

    def known(self) -> list[tuple[bytes, bytes]]:
        """Return (path, digest) of every input but the source."""
        size = DIGEST_SIZE
        return [
            (path, self.digests[at * size : (at + 1) * size]) for at, path in enumerate(self.inputs)
        ]


class Preambles:
    """The folder of one project's precompiled preambles. Nothing here raises OSError."""

    def __init__(self, state: bytes) -> None:
        self.folder = os.path.join(state, b"preambles")

    def header(self, action: bytes) -> bytes:
        """Return where an action's header would lie; its precompiled form has a suffix more."""
        return os.path.join(self.folder, action.hex().encode() + b".h")

    def lock(self, action: bytes) -> bytes:
        """Return the file that is locked while an action's header is made."""
        return os.path.join(self.folder, action.hex().encode() + b".lock")

    def record(self, action: bytes) -> Optional[Record]:
        """Return what is recorded of an action; None without."""
        path = self._path(action)
        try:
            found = decode(read_regular(path))
        except OSError:
            return None
        except CorruptRecord:
            self.forget(action)
            return None
        if found.action != action:
            self.forget(action)
            return None
        return found

    def put(self, record: Record) -> bool:
        """Keep a record; returns whether that could be done."""
        try:
            os.makedirs(self.folder, exist_ok=True)
            replace_file(self._path(record.action), encode(record))
        except OSError:
            return False
        return True

    def forget(self, action: bytes) -> None:
        """Remove an action's record and header."""
        header = self.header(action)
        for path in (self._path(action), header, header + b".gch", header + b".pch"):
            discard(path)

    def used(self, action: bytes) -> None:
        """Note that an action's header was used just now."""
        touch(self._path(action))

    def trim(self) -> None:
        """Remove the headers that were used longest ago, and what nobody goes on making."""
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return
        sizes: dict[bytes, int] = {}
        used: list[tuple[int, bytes]] = []
        for entry in entries:
            name = entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            stem, making, _ = name.partition(b"-")
            if making:
                if time.time() - status.st_mtime > STALE_SECONDS:
                    discard(entry.path)
                continue
            stem = stem.partition(b".")[0]
            sizes[stem] = sizes.get(stem, 0) + status.st_size
            if name == stem:
                used.append((status.st_mtime_ns, stem))
        used.sort(reverse=True)
        total = 0
        for number, (_, stem) in enumerate(used):
            total += sizes[stem]
            if number >= MAX_KEPT or total > MAX_BYTES:
                try:
                    self.forget(bytes.fromhex(stem.decode("ascii")))
                except ValueError:
                    continue  # not a name of ours

    def _path(self, action: bytes) -> bytes:
        return os.path.join(self.folder, action.hex().encode())


def discard(path: bytes) -> None:
    """Remove a file, or a folder with files in it; failure is no matter."""
    try:
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
            return
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)
    except OSError:
        return  # there is none, or it is told when it is used


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file from what it was, without reading it."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def is_intact(record: Record, path: bytes, disk: Disk) -> bool:
    """Tell whether a precompiled header is still what the record says."""
    try:
        if stamp_of(os.stat(path)) == record.stamp:
            return True
        return digest_of(disk.read(path)) == record.digest
    except OSError:
        return False


def encode(record: Record) -> bytes:
    """Return a record's file content."""
    refusal = record.refusal or Reason("")
    body = [
        *(record.action, refusal.id, refusal.detail, record.text, list(record.inputs)),
        *(record.digests, list(record.absent), [list(each) for each in record.extra]),
        *(list(record.stamp), record.digest, record.plain_us, record.with_us, record.slow),
    ]
    packed = msgpack.packb(body, use_bin_type=True, unicode_errors="surrogateescape")
    return seal(MAGIC, VERSION, packed)


def decode(content: bytes) -> Record:
    """Return the record in a file's content. Raises CorruptRecord; never anything else."""
    payload = unseal(MAGIC, VERSION, content)
    try:
        return _record(
            *msgpack.unpackb(
                payload, raw=False, strict_map_key=True, unicode_errors="surrogateescape"
            )
        )
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise CorruptRecord(f"unexpected shape: {error}") from error


def _record(action: Any, refusal: Any, detail: Any, *rest: Any) -> Record:
    text, inputs, digests, absent, extra, stamp, digest, plain, used, slow = rest
    if len(_of(bytes, digests)) != len(_of(list, inputs)) * DIGEST_SIZE:
        raise ValueError("digests do not match inputs")
    if refusal and _of(str, refusal) not in REASONS:
        raise ValueError("a reason of another version")
    return Record(
        _of(bytes, action),
        Reason(_of(str, refusal), _of(str, detail)) if refusal else None,
        _of(bytes, text),
        tuple(_of(bytes, path) for path in inputs),
        digests,
        tuple(_of(bytes, path) for path in _of(list, absent)),
        tuple((_of(bytes, path), _of(bytes, content)) for path, content in _of(list, extra)),
        tuple(_of(int, number) for number in _of(list, stamp)),
        _of(bytes, digest),
        _of(int, plain),
        _of(int, used),
        _of(int, slow),
    )


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is expected")
    return value
