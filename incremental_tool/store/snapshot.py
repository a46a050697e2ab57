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
* A file is replaced whole; rows that a replay has renewed lie beside it (`store.renewed_rows`).
* At most KEPT are kept; the oldest goes.

Imports nothing that a start-up would feel: this module is on the way of every
`iscons`. Knows nothing of what makes a snapshot true.

History of the format: 1; 2: the actions have become a recipe; 3: its
actions are found by number.
"""

from __future__ import annotations

import os
from itertools import accumulate

from incremental_tool.base.digest import checksum_of, checksum_of_pieces
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
from incremental_tool.store.renewed_rows import MOST as MOST_ROWS
from incremental_tool.store.renewed_rows import path_of, read_rows, write_rows

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
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Union

    from incremental_tool.model.recipe import Recipe
    from incremental_tool.store.recipe_actions import EarlierActions, PackedActions, PathTable

    Pieces = Sequence[Union[bytes, memoryview]]
    """What is written, in pieces: joined, it would be another copy of all that was recorded."""

MAGIC = b"INCFRSH\x03"
KEPT = 16
"""Snapshots in one project: as many command lines as people alternate between, and more."""


_HEAD_SIZE = 48
_SIZE_LIMIT = 1 << 31
"""Bytes in a front or a recipe at most: a hundred times what 100,000 files need."""
_PIECE = 500
"""Paths that are joined at once."""
_SECTIONS = 14
"""Ten for single fields, the paths of files and of folders, the rows of files and of folders."""


def save(folder: bytes, key: str, snapshot: Snapshot, actions: PackedActions | None = None) -> None:
    """Write a snapshot as `folder`/`key`, whole or not at all, and remove the oldest over KEPT.

    `actions` stand in place of the recipe's own. Makes the folder. Raises OSError; ValueError for a
    snapshot larger than any reader takes. The caller goes on without a snapshot then.
    """
    from incremental_tool.store.recipe import pack_recipe

    os.makedirs(folder, exist_ok=True)
    _write(folder, key, _pack_front(snapshot), pack_recipe(snapshot.recipe, actions))
    _drop_oldest(folder)


def renew(folder: bytes, key: str, rows: Mapping[int, bytes]) -> None:
    """Replace rows of the snapshot for a key: packed, by place as in `store.renewed_rows`.

    Raises as `load` and `save`.
    """
    fd = os.open(os.path.join(folder, key.encode()), _READING)
    try:
        base = _head(fd)[2]
    finally:
        os.close(fd)
    path = path_of(folder, key)
    merged = {**read_rows(path, base), **rows}
    if len(merged) <= MOST_ROWS:
        write_rows(path, base, merged)
        return
    front, recipe = _read(folder, key, 0), _read(folder, key, 1)
    if front is None or recipe is None or front[1] != base:
        raise CorruptRecord("another snapshot has come in between")
    start = _ends_of_sections(front[0])[-3]
    _write(folder, key, [_with_rows(front[0], start, merged)], [recipe[0]])
    _remove(path)


def _with_rows(content: bytes | memoryview, start: int, rows: Mapping[int, bytes]) -> bytes:
    """Return the content with rows replaced; the row of place 0 lies at `start`."""
    patched = bytearray(content)
    last = (len(patched) - start) // ROW.size
    for place, row in rows.items():
        if place >= last:
            raise ValueError("rows")
        patched[start + place * ROW.size : start + (place + 1) * ROW.size] = row
    return bytes(patched)


def _write(folder: bytes, key: str, front: Pieces, recipe: Pieces) -> None:
    from incremental_tool.base.atomic import replace_file

    sizes = [sum(map(len, part)) for part in (front, recipe)]
    if max(sizes) >= _SIZE_LIMIT:
        raise ValueError("the snapshot is larger than one may be")
    head = MAGIC + integers("Q", [*sizes, *map(checksum_of_pieces, (front, recipe))])
    head += integers("Q", [checksum_of(head)])
    replace_file(os.path.join(folder, key.encode()), [head, *front, *recipe])


def load(folder: bytes, key: str) -> Snapshot | None:
    """Return the snapshot for a key, without its recipe; None if there is none.

    Raises CorruptRecord for a file that is not a whole snapshot of this version, OSError when it
    cannot be read.
    """
    found = _read(folder, key, 0)
    if found is None:
        return None
    front, base = found
    rows = read_rows(path_of(folder, key), base)
    snapshot: Snapshot = _checked(lambda content: _unpack_front(content, rows), front)
    return snapshot


def load_recipe(folder: bytes, key: str) -> Recipe | None:
    """Return the recipe of the snapshot for a key. Raises as `load`."""
    from incremental_tool.store.recipe import unpack_recipe

    found = _read(folder, key, 1)
    return None if found is None else _checked(unpack_recipe, found[0])


def load_files(folder: bytes, key: str) -> tuple[PathTable, memoryview] | None:
    """Return nothing of a snapshot but its files and their rows. Raises as `load`."""
    found = _read(folder, key, 0)
    if found is None:
        return None
    front, base = found
    rows = read_rows(path_of(folder, key), base)
    files: tuple[PathTable, memoryview] = _checked(lambda part: _unpack_files(part, rows), front)
    return files


def load_earlier(folder: bytes, key: str, paths: PathTable) -> tuple[Recipe, EarlierActions] | None:
    """Return the recipe for a key, its actions to be asked for one by one. Raises as `load`."""
    from incremental_tool.store.recipe import unpack_earlier

    found = _read(folder, key, 1)
    return None if found is None else _checked(lambda part: unpack_earlier(part, paths), found[0])


def remove(folder: bytes, key: str) -> None:
    """Remove the snapshot for a key, if there is one. Raises OSError."""
    _remove(os.path.join(folder, key.encode()))
    _remove(path_of(folder, key))


def _remove(path: bytes) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _drop_oldest(folder: bytes) -> None:
    found = []
    for entry in os.scandir(folder):
        if entry.name.endswith(b".rows"):
            continue
        try:
            found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
        except OSError:  # another build dropped it first
            pass
    for _, path in sorted(found, reverse=True)[KEPT:]:
        for dropped in (path, path + b".rows"):
            try:
                os.unlink(dropped)
            except OSError:
                pass


# --- the file


_READING = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


def _head(fd: int) -> list[int]:
    """Read the head: the sizes of front and recipe, their seals, and its own, which is checked."""
    head = os.read(fd, _HEAD_SIZE)
    if len(head) != _HEAD_SIZE or head[:8] != MAGIC:
        raise CorruptRecord("not a snapshot of this version")
    numbers = memoryview(head)[8:].cast("Q").tolist()
    if checksum_of(head[:-8]) != numbers[-1]:
        raise CorruptRecord("the head's checksum does not match")
    return numbers


def _read(folder: bytes, key: str, part: int) -> tuple[bytes, int] | None:
    """Return one of the two parts, and its seal, which was checked."""
    try:
        fd = os.open(os.path.join(folder, key.encode()), _READING)
    except FileNotFoundError:
        return None
    try:
        numbers = _head(fd)
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
    return content, numbers[2 + part]


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


def _marks(paths: bytes, rows: memoryview) -> Marks:
    marks = Marks(_paths(paths), rows)
    if len(rows) != ROW.size * len(marks.paths):
        raise ValueError("rows")
    return marks


def _joined(paths: Sequence[bytes]) -> list[bytes]:
    pieces = [b"\0".join(paths[at : at + _PIECE]) for at in range(0, len(paths), _PIECE)]
    return [piece + b"\0" for piece in pieces[:-1]] + pieces[-1:]


def _pack_front(snapshot: Snapshot) -> Pieces:
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
    ]
    files, folders = snapshot.files, snapshot.folders
    paths = _joined(files.paths), _joined(folders.paths)
    rows = memoryview(files.packed), memoryview(folders.packed)
    sizes = [*map(len, sections), *(sum(map(len, names)) for names in paths), *map(len, rows)]
    return [integers("Q", sizes), *sections, *paths[0], *paths[1], *rows]


def _ends_of_sections(front: bytes) -> list[int]:
    start = 8 * _SECTIONS
    sizes = memoryview(front)[:start].cast("Q").tolist()
    if len(sizes) != _SECTIONS or start + sum(sizes) != len(front):
        raise ValueError("sections")
    return list(accumulate(sizes, initial=start))


def _unpack_files(front: bytes, renewed: Mapping[int, bytes]) -> tuple[PathTable, memoryview]:
    from incremental_tool.store.recipe_actions import PathTable

    paths, folders, rows, end = _ends_of_sections(front)[-5:-1]
    table = PathTable(front, paths, folders)
    if end - rows != ROW.size * len(table):
        raise ValueError("rows")
    found = memoryview(front)[rows:]
    if renewed:
        found = memoryview(_with_rows(found, 0, renewed))
    return table, found[: end - rows]


def _unpack_front(front: bytes, renewed: Mapping[int, bytes]) -> Snapshot:
    ends = _ends_of_sections(front)
    # The rows are most of what there is: they stay where they are.
    sections = [front[at:end] for at, end in zip(ends, ends[1:-2])]
    rows = memoryview(front)[ends[-3] :]
    if renewed:
        rows = memoryview(_with_rows(rows, 0, renewed))
    files, folders = rows[: ends[-2] - ends[-3]], rows[ends[-2] - ends[-3] :]
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
