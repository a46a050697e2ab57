r"""The file of a snapshot: flat, integer-indexed, loaded by one read.

The snapshot of an answer lies in `.incremental/fresh/<key>`. Layout, in the byte
order of the machine (a snapshot is never used on another)::

    magic      8 bytes   b"INCFRSH" and the format's version; then, each u64:
    front      size      all sections that the check reads
    recipe     size      the section that only a replay reads
    seal       xxh3-64   of the front
    seal       xxh3-64   of the recipe
    seal       xxh3-64   of the 40 bytes above
    front      a size (u64) for each section, then the sections behind one another
    recipe     see `store.recipe`

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

History of the format: 1; 2: the actions have become a recipe; 3: and it tells
where included files are looked for.
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
    "Marks",
    "Process",
    "Said",
    "Snapshot",
    "View",
    "identity",
    "load",
    "load_recipe",
    "remove",
    "save",
]

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from incremental_tool.model.recipe import Recipe

MAGIC = b"INCFRSH\x03"
KEPT = 16
"""Snapshots in one project: as many command lines as people alternate between, and more."""


_HEAD_SIZE = 48
_SIZE_LIMIT = 1 << 31
"""Bytes in a front or a recipe at most: a hundred times what 100,000 files need."""
_SECTIONS = 14
"""Ten for single fields, the paths of files and of folders, the rows of files and of folders."""


def save(folder: bytes, key: str, snapshot: Snapshot) -> None:
    """Write a snapshot as `folder`/`key`, whole or not at all, and remove the oldest over KEPT.

    Makes the folder. Raises OSError; ValueError for a snapshot larger than any reader takes. The
    caller goes on without a snapshot then.
    """
    from incremental_tool.store.recipe import pack_recipe

    os.makedirs(folder, exist_ok=True)
    _write(folder, key, _pack_front(snapshot), pack_recipe(snapshot.recipe))
    _drop_oldest(folder)


def renew(folder: bytes, key: str, snapshot: Snapshot) -> None:
    """Write a snapshot that was loaded, and whose rows have changed, over the one there.

    The recipe stays as it is. Raises as `load` and `save`.
    """
    recipe = _read(folder, key, 1)
    if recipe is None:
        raise CorruptRecord("there is no snapshot to renew")
    _write(folder, key, _pack_front(snapshot), recipe)


def _write(folder: bytes, key: str, front: bytes, recipe: bytes) -> None:
    from incremental_tool.base.atomic import replace_file

    if max(len(front), len(recipe)) >= _SIZE_LIMIT:
        raise ValueError("the snapshot is larger than one may be")
    numbers = (len(front), len(recipe), checksum_of(front), checksum_of(recipe))
    head = MAGIC + integers("Q", numbers)
    head += integers("Q", [checksum_of(head)])
    replace_file(os.path.join(folder, key.encode()), head + front + recipe)


def load(folder: bytes, key: str) -> Snapshot | None:
    """Return the snapshot for a key, without its recipe; None if there is none.

    Raises CorruptRecord for a file that is not a whole snapshot of this version, OSError when it
    cannot be read.
    """
    front = _read(folder, key, 0)
    return None if front is None else _checked(_unpack_front, front)


def load_recipe(folder: bytes, key: str) -> Recipe | None:
    """Return the recipe of the snapshot for a key. Raises as `load`."""
    from incremental_tool.store.recipe import unpack_recipe

    section = _read(folder, key, 1)
    return None if section is None else _checked(unpack_recipe, section)


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


def integers(code: str, values: Sequence[int]) -> bytes:
    """Return integers as `struct` packs them."""
    from struct import pack

    return pack(f"={len(values)}{code}", *values)


def list_of(strings: Sequence[bytes]) -> bytes:
    """Return a list section."""
    return integers("I", [len(strings), *map(len, strings)]) + b"".join(strings)


def strings_of(section: bytes) -> list[bytes]:
    """Return what `list_of` packed. Raises ValueError or TypeError."""
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
    strings = strings_of(section)
    if len(strings) % 2:
        raise ValueError("pairs")
    return list(zip(strings[::2], strings[1::2]))


def _flat(pairs: Sequence[tuple[bytes, ...]]) -> list[bytes]:
    return [field for pair in pairs for field in pair]


def _rows(marks: Marks) -> bytes:
    if marks.packed is not None:
        return bytes(marks.packed)
    return b"".join([ROW.pack(*row) for row in marks.rows()])


def _marks(paths: bytes, rows: memoryview) -> Marks:
    marks = Marks(_paths(paths), packed=rows)
    if len(rows) != ROW.size * len(marks.paths):
        raise ValueError("rows")
    return marks


def _pack_front(snapshot: Snapshot) -> bytes:
    sections = [
        list_of([snapshot.salt, *_flat(list(snapshot.circumstances.items()))]),
        b"\0".join(snapshot.present),
        b"\0".join(snapshot.absent),
        list_of(
            [f for path, to in snapshot.links for f in (path, b"" if to is None else b">" + to)]
        ),
        list_of(
            [
                field
                for index, views in enumerate(snapshot.views)
                for view in views
                for field in (b"%d" % index, view.kind, view.pattern, view.digest)
            ]
        ),
        list_of(
            [
                b"whole" if snapshot.whole_environment else b"named",
                *_flat(list(snapshot.environment.items())),
            ]
        ),
        list_of(_flat([(p.folder, p.outcome, b"\0".join(p.argv)) for p in snapshot.processes])),
        list_of(_flat(snapshot.options)),
        list_of([text.encode() for refusal in snapshot.refusals for text in refusal]),
        list_of(
            _flat([(bytes((s.stream, s.when, s.hidden_by)), s.text) for s in snapshot.said]),
        ),
        b"\0".join(snapshot.files.paths),
        b"\0".join(snapshot.folders.paths),
        _rows(snapshot.files),
        _rows(snapshot.folders),
    ]
    return integers("Q", [len(section) for section in sections]) + b"".join(sections)


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
    snapshot.salt, *rest = strings_of(sections[0])
    snapshot.circumstances = dict(zip(rest[::2], rest[1::2]))
    snapshot.present = _paths(sections[1])
    snapshot.absent = _paths(sections[2])
    snapshot.links = [(path, to[1:] if to else None) for path, to in _pairs(sections[3])]
    _, *rest = environment = strings_of(sections[5])
    snapshot.whole_environment = environment[0] == b"whole"
    snapshot.environment = dict(zip(rest[::2], rest[1::2]))
    fields = iter(strings_of(sections[6]))
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
    fields = iter(strings_of(sections[4]))
    for index, kind, pattern, digest in zip(fields, fields, fields, fields):
        snapshot.views[int(index)].append(View(kind, pattern, digest))
    return snapshot
