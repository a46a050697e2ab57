r"""The file of a snapshot: flat, integer-indexed, loaded by one read.

The snapshot of an answer lies in `.incremental/fresh/<key>`. Layout, in the byte
order of the machine (a snapshot is never used on another)::

    magic      8 bytes   b"INCFRSH" and the format's version; then, each u64:
    front      size      all sections that the check reads
    actions    size      the section that only a replay reads
    seal       xxh3-64   of the front
    seal       xxh3-64   of the actions
    seal       xxh3-64   of the 40 bytes above
    front      a size (u64) for each section, then the sections behind one another
    actions    size (u64) of the numbers; u32 numbers: for each action, three times a
               count and as many files; a list of four texts for each, through zlib

A section is a *list* of byte strings (u32 count, then each u32 length, then the
strings), *paths* (joined by NUL, which no path can hold), or *rows* (six 64-bit
integers for each path), which are compared where they lie. A path is an index.

Properties kept:

* A cut, changed, lengthened or invented file raises CorruptRecord and nothing else; no
  length is believed before it was compared with what is there.
* A file of another user is not read: what it says to run again would be run.
* A file is replaced whole. At most KEPT are kept; the oldest goes.

Imports nothing that a start-up would feel: this module is on the way of every
`iscons`. Knows nothing of what makes a snapshot true.

History of the format: 1.
"""

from __future__ import annotations

import os
from itertools import accumulate

from incremental_tool.base.digest import checksum_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.snapshot import (
    AMONG,
    BUILDING,
    COLUMNS,
    ENTRIES,
    GLOB,
    HIDDEN_NO_PROGRESS,
    HIDDEN_QUESTION,
    HIDDEN_SILENT,
    NAMES,
    READING,
    ROW,
    STARTING,
    STDERR,
    STDOUT,
    Action,
    Marks,
    Process,
    Said,
    Snapshot,
    View,
    identity,
)

__all__ = [
    "AMONG",
    "BUILDING",
    "COLUMNS",
    "ENTRIES",
    "GLOB",
    "HIDDEN_NO_PROGRESS",
    "HIDDEN_QUESTION",
    "HIDDEN_SILENT",
    "KEPT",
    "NAMES",
    "READING",
    "STARTING",
    "STDERR",
    "STDOUT",
    "Action",
    "Marks",
    "Process",
    "Said",
    "Snapshot",
    "View",
    "identity",
    "load",
    "load_actions",
    "remove",
    "save",
]

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

MAGIC = b"INCFRSH\x01"
KEPT = 16
"""Snapshots in one project: as many command lines as people alternate between, and more."""


_HEAD_SIZE = 48
_SIZE_LIMIT = 1 << 31
"""Bytes in a front or an actions section at most: a hundred times what 100,000 files need."""
_TEXT_LIMIT = 1 << 28
"""Bytes of the actions' texts at most: 10,000 commands of 10 kB, and more than twice that."""
_SECTIONS = 14
"""Ten for single fields, the paths of files and of folders, the rows of files and of folders."""


def save(folder: bytes, key: str, snapshot: Snapshot) -> None:
    """Write a snapshot as `folder`/`key`, whole or not at all, and remove the oldest over KEPT.

    Makes the folder. Raises OSError; ValueError for a snapshot larger than any reader takes. The
    caller goes on without a snapshot then.
    """
    from incremental_tool.base.atomic import replace_file

    front, actions = _pack_front(snapshot), _pack_actions(snapshot.actions)
    if max(len(front), len(actions)) >= _SIZE_LIMIT:
        raise ValueError("the snapshot is larger than one may be")
    numbers = (len(front), len(actions), checksum_of(front), checksum_of(actions))
    head = MAGIC + _integers("Q", numbers)
    head += _integers("Q", [checksum_of(head)])
    os.makedirs(folder, exist_ok=True)
    replace_file(os.path.join(folder, key.encode()), head + front + actions)
    _drop_oldest(folder)


def load(folder: bytes, key: str) -> Snapshot | None:
    """Return the snapshot for a key, without its actions; None if there is none.

    Raises CorruptRecord for a file that is not a whole snapshot of this version, OSError when it
    cannot be read.
    """
    front = _read(folder, key, 0)
    return None if front is None else _checked(_unpack_front, front)


def load_actions(folder: bytes, key: str) -> list[Action] | None:
    """Return the actions of the snapshot for a key. Raises as `load`."""
    section = _read(folder, key, 1)
    return None if section is None else _checked(_unpack_actions, section)


def remove(folder: bytes, key: str) -> None:
    """Remove the snapshot for a key, if there is one. Raises OSError."""
    try:
        os.unlink(os.path.join(folder, key.encode()))
    except FileNotFoundError:
        pass


def _drop_oldest(folder: bytes) -> None:
    found = []
    for entry in os.scandir(folder):
        try:
            found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
        except OSError:  # another build dropped it first
            pass
    for _, path in sorted(found, reverse=True)[KEPT:]:
        try:
            os.unlink(path)
        except OSError:
            pass


# --- the file


def _read(folder: bytes, key: str, part: int) -> bytes | None:
    """Return one of the two parts, its seal checked."""
    flags = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(os.path.join(folder, key.encode()), flags)
    except FileNotFoundError:
        return None
    try:
        head = os.read(fd, _HEAD_SIZE)
        if len(head) != _HEAD_SIZE or head[:8] != MAGIC:
            raise CorruptRecord("not a snapshot of this version")
        numbers = memoryview(head)[8:].cast("Q").tolist()
        if checksum_of(head[:-8]) != numbers[-1]:
            raise CorruptRecord("the head's checksum does not match")
        sizes = numbers[:2]
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            raise CorruptRecord("written by another user")
        if max(sizes) >= _SIZE_LIMIT or status.st_size != _HEAD_SIZE + sum(sizes):
            raise CorruptRecord("length does not match")
        if part:
            os.lseek(fd, sizes[0], os.SEEK_CUR)
        content = os.read(fd, sizes[part])
        while len(content) < sizes[part]:  # one read gives 2 GB at most, and fewer after a signal
            more = os.read(fd, sizes[part] - len(content))
            if not more:
                raise CorruptRecord("cut off")
            content += more
    finally:
        os.close(fd)
    if checksum_of(content) != numbers[2 + part]:
        raise CorruptRecord("checksum does not match")
    return content


def _checked(unpack: Callable[[bytes], Any], content: bytes) -> Any:
    """Unpack a part whose seal is right: what is still wrong in it was made so on purpose."""
    try:
        return unpack(content)
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise CorruptRecord(f"not as its format says ({error})") from None


# --- sections


def _integers(code: str, values: Sequence[int]) -> bytes:
    from struct import pack

    return pack(f"={len(values)}{code}", *values)


def _list(strings: Sequence[bytes]) -> bytes:
    return _integers("I", [len(strings), *map(len, strings)]) + b"".join(strings)


def _strings(section: bytes) -> list[bytes]:
    view = memoryview(section)
    count = view[:4].cast("I")[0]
    start = 4 + 4 * count
    if start > len(section):
        raise ValueError("count")
    lengths = view[4:start].cast("I").tolist()
    if start + sum(lengths) != len(section):
        raise ValueError("lengths")
    found = []
    for length in lengths:
        found.append(section[start : start + length])
        start += length
    return found


def _paths(section: bytes) -> list[bytes]:
    return section.split(b"\0") if section else []


def _pairs(section: bytes) -> list[tuple[bytes, bytes]]:
    strings = _strings(section)
    if len(strings) % 2:
        raise ValueError("pairs")
    return list(zip(strings[::2], strings[1::2]))


def _flat(pairs: Sequence[tuple[bytes, ...]]) -> list[bytes]:
    return [field for pair in pairs for field in pair]


def _rows(marks: Marks) -> bytes:
    return b"".join([ROW.pack(*row) for row in marks.rows()])


def _marks(paths: bytes, rows: memoryview) -> Marks:
    marks = Marks(_paths(paths), packed=rows)
    if len(rows) != ROW.size * len(marks.paths):
        raise ValueError("rows")
    return marks


def _pack_front(snapshot: Snapshot) -> bytes:
    sections = [
        _list([snapshot.salt, *_flat(list(snapshot.circumstances.items()))]),
        b"\0".join(snapshot.present),
        b"\0".join(snapshot.absent),
        _list([f for path, to in snapshot.links for f in (path, b"" if to is None else b">" + to)]),
        _list(
            [
                field
                for index, views in enumerate(snapshot.views)
                for view in views
                for field in (b"%d" % index, view.kind, view.pattern, view.digest)
            ]
        ),
        _list(
            [
                b"whole" if snapshot.whole_environment else b"named",
                *_flat(list(snapshot.environment.items())),
            ]
        ),
        _list(_flat([(p.folder, p.outcome, b"\0".join(p.argv)) for p in snapshot.processes])),
        _list(_flat(snapshot.options)),
        _list([text.encode() for refusal in snapshot.refusals for text in refusal]),
        _list(
            _flat([(bytes((s.stream, s.when, s.hidden_by)), s.text) for s in snapshot.said]),
        ),
        b"\0".join(snapshot.files.paths),
        b"\0".join(snapshot.folders.paths),
        _rows(snapshot.files),
        _rows(snapshot.folders),
    ]
    return _integers("Q", [len(section) for section in sections]) + b"".join(sections)


def _unpack_front(front: bytes) -> Snapshot:
    start = 8 * _SECTIONS
    sizes = memoryview(front)[:start].cast("Q").tolist()
    if len(sizes) != _SECTIONS or start + sum(sizes) != len(front):
        raise ValueError("sections")
    ends = list(accumulate(sizes, initial=start))
    # The rows are most of what there is: they stay where they are.
    sections = [front[at:end] for at, end in zip(ends, ends[1:-2])]
    files, folders = (memoryview(front)[at:end] for at, end in zip(ends[-3:], ends[-2:]))
    snapshot = Snapshot()
    snapshot.salt, *rest = _strings(sections[0])
    snapshot.circumstances = dict(zip(rest[::2], rest[1::2]))
    snapshot.present = _paths(sections[1])
    snapshot.absent = _paths(sections[2])
    snapshot.links = [(path, to[1:] if to else None) for path, to in _pairs(sections[3])]
    _, *rest = environment = _strings(sections[5])
    snapshot.whole_environment = environment[0] == b"whole"
    snapshot.environment = dict(zip(rest[::2], rest[1::2]))
    fields = iter(_strings(sections[6]))
    snapshot.processes = [
        Process(argv.split(b"\0"), folder, outcome)
        for folder, outcome, argv in zip(fields, fields, fields)
    ]
    snapshot.options = _pairs(sections[7])
    snapshot.refusals = [(name.decode(), detail.decode()) for name, detail in _pairs(sections[8])]
    snapshot.said = [Said(code[0], code[1], code[2], text) for code, text in _pairs(sections[9])]
    snapshot.files = _marks(sections[10], files)
    snapshot.folders = _marks(sections[11], folders)
    snapshot.views = [[] for _ in snapshot.folders.paths]
    fields = iter(_strings(sections[4]))
    for index, kind, pattern, digest in zip(fields, fields, fields, fields):
        snapshot.views[int(index)].append(View(kind, pattern, digest))
    return snapshot


def _pack_actions(actions: Sequence[Action]) -> bytes:
    numbers: list[int] = []
    texts: list[bytes] = []
    for action in actions:
        texts += (action.kind, action.command, action.shown, b" ".join(action.flags))
        for files in (action.outputs, action.sources, action.implicit):
            numbers.append(len(files))
            numbers += files
    from zlib import compress

    packed, listed = _integers("I", numbers), _list(texts)
    if len(listed) >= _TEXT_LIMIT:
        raise ValueError("the snapshot's texts are larger than they may be")
    return _integers("Q", [len(packed)]) + packed + compress(listed, 1)


def _inflate(content: bytes) -> bytes:
    import zlib

    inflater = zlib.decompressobj()
    try:
        whole = inflater.decompress(content, _TEXT_LIMIT)
    except zlib.error as error:
        raise ValueError(error) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("texts")
    return whole


def _unpack_actions(section: bytes) -> list[Action]:
    size = memoryview(section)[:8].cast("Q")[0]
    if size > len(section) - 8:
        raise ValueError("numbers")
    numbers = memoryview(section)[8 : 8 + size].cast("I").tolist()
    texts = iter(_strings(_inflate(section[8 + size :])))
    actions, position = [], 0
    for kind, command, shown, flags in zip(texts, texts, texts, texts):
        files = []
        for _ in range(3):
            end = position + 1 + numbers[position]
            if end > len(numbers):
                raise ValueError("files")
            files.append(numbers[position + 1 : end])
            position = end
        actions.append(Action(kind, command, shown, flags.split(), *files))
    if position != len(numbers):
        raise ValueError("rest")
    return actions
