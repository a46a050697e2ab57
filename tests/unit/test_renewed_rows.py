"""Rows that a replay renews are part of the snapshot they belong to, and of no other."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.snapshot import ROW, Marks, Snapshot, View
from incremental_tool.store import renewed_rows
from incremental_tool.store.renewed_rows import MOST, path_of
from incremental_tool.store.snapshot import KEPT, load, load_recipe, remove, renew, save

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789abcdef"
NEW = ROW.pack(*range(100, 106))


def numbered(count: int) -> bytearray:
    """Return rows, each of which holds its place."""
    return bytearray(b"".join(ROW.pack(*[at] * 6) for at in range(count)))


def made(files: int = 3, folders: int = 2) -> Snapshot:
    """Return a snapshot of files and folders whose rows hold their places."""
    snapshot = Snapshot()
    snapshot.files = Marks([b"f%d" % at for at in range(files)], numbered(files))
    snapshot.folders = Marks([b"d%d" % at for at in range(folders)], numbered(folders))
    snapshot.views = [[View(b"names", b"", b"v" * 16)] for _ in range(folders)]
    return snapshot


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    """Return a folder with a snapshot."""
    folder = os.fsencode(tmp_path / "fresh")
    save(folder, KEY, made())
    return folder


def rows(folder: bytes) -> list[int]:
    """Return the first number of each row, files before folders."""
    snapshot = load(folder, KEY)
    assert snapshot is not None
    return [row[0] for marks in (snapshot.files, snapshot.folders) for row in marks.rows()]


def test_renewed_rows_take_the_place_of_old_ones(folder: bytes) -> None:
    """Files and folders are renewed, one renewal adds to another, and little is written."""
    whole = os.stat(os.path.join(folder, KEY.encode()))

    renew(folder, KEY, {1: NEW})
    assert rows(folder) == [0, 100, 2, 0, 1]
    renew(folder, KEY, {0: ROW.pack(*[7] * 6), 4: NEW})

    assert rows(folder) == [7, 100, 2, 0, 100]
    assert os.stat(os.path.join(folder, KEY.encode())) == whole
    assert load_recipe(folder, KEY) is not None


def test_rows_of_another_snapshot_are_ignored(folder: bytes) -> None:
    """A snapshot that is written anew begins without them."""
    renew(folder, KEY, {1: NEW})
    other = made()
    other.present = [b"more"]
    save(folder, KEY, other)

    assert rows(folder) == [0, 1, 2, 0, 1]


def test_damaged_rows_are_ignored(folder: bytes) -> None:
    """A file that was cut off, changed, lengthened or is none shows the old rows, and no error."""
    renew(folder, KEY, {1: NEW, 2: NEW})
    path = os.fsdecode(path_of(folder, KEY))
    with open(path, "rb") as file:
        whole = file.read()
    damaged = [whole[:size] for size in range(len(whole))] + [whole + b"\0"]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))
    ]
    for content in damaged:
        with open(path, "wb") as file:
            file.write(content)
        assert rows(folder) == [0, 1, 2, 0, 1]
    os.unlink(path)
    os.mkfifo(path)
    assert rows(folder) == [0, 1, 2, 0, 1]


def test_a_place_that_is_none_is_damage(folder: bytes) -> None:
    """Behind a right seal, a row of no file is told as damage."""
    renew(folder, KEY, {5: NEW})

    with pytest.raises(CorruptRecord):
        load(folder, KEY)


def test_a_size_beyond_all_bounds_is_ignored(folder: bytes) -> None:
    """A count that does not fit what is there allocates nothing."""
    renew(folder, KEY, {1: NEW})
    path = os.fsdecode(path_of(folder, KEY))
    with open(path, "r+b") as file:
        file.seek(16)
        file.write(struct.pack("=Q", 2**60))

    assert rows(folder) == [0, 1, 2, 0, 1]


def test_many_rows_are_put_into_the_snapshot(
    folder: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than are kept beside it are written into the snapshot itself."""
    assert renewed_rows.MOST == MOST
    monkeypatch.setattr("incremental_tool.store.snapshot.MOST_ROWS", 2)
    renew(folder, KEY, {0: NEW, 1: NEW})
    assert os.path.exists(path_of(folder, KEY))

    renew(folder, KEY, {3: NEW})

    assert not os.path.exists(path_of(folder, KEY))
    assert rows(folder) == [100, 100, 2, 100, 1]
    assert load_recipe(folder, KEY) is not None


def test_rows_go_with_their_snapshot(folder: bytes) -> None:
    """Removing a snapshot, or keeping others instead, leaves no rows, and rows push out nothing."""
    renew(folder, KEY, {1: NEW})
    os.utime(os.path.join(folder, KEY.encode()), ns=(1, 1))
    for number in range(KEPT):
        save(folder, f"other{number}", made())
        renew(folder, f"other{number}", {0: NEW})

    assert not os.path.exists(path_of(folder, KEY))
    assert load(folder, KEY) is None
    assert len(os.listdir(folder)) == 2 * KEPT
    remove(folder, "other3")
    assert len(os.listdir(folder)) == 2 * KEPT - 2
