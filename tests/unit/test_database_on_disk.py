"""SCons's database is compared with its file folder by folder, whatever the pickle's shape."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.scons.database_on_disk import says_the_same

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = pickle.dumps({"a.c": ("text", 1), "b.c": ("text", 2)}, 4)
FOLDERS = {"src": ENTRIES, "lib/ä": ENTRIES + b"", "large": pickle.dumps({"x": "y" * 100_000}, 4)}


def database(folder: Path, stored: bytes, present: dict[str, bytes]) -> Any:
    """Return a database that holds `present`, and whose file holds `stored`."""
    file = folder / ".sconsign.dblite"
    file.write_bytes(stored)
    return SimpleNamespace(_dict=present, _file_name=str(file))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_equal_entries_are_the_same(tmp_path: Path, protocol: int) -> None:
    """So they are in any protocol, and where two folders share their bytes."""
    assert says_the_same(database(tmp_path, pickle.dumps(FOLDERS, protocol), dict(FOLDERS)))


def test_entries_that_say_the_same_in_other_bytes_are_the_same(tmp_path: Path) -> None:
    """A text that two entries share is written once, or twice."""
    text = b"text".decode()  # equal, and another object
    other = pickle.dumps({"b.c": ("text", 2), "a.c": (text, 1)}, 4)
    assert other != ENTRIES

    assert says_the_same(database(tmp_path, pickle.dumps({"src": ENTRIES}, 4), {"src": other}))


@pytest.mark.parametrize(
    "present",
    [
        {},
        {"src": ENTRIES},
        {**FOLDERS, "more": ENTRIES},
        {**FOLDERS, "src": pickle.dumps({"a.c": ("text", 3)}, 4)},
    ],
    ids=["nothing", "less", "more", "another signature"],
)
def test_other_entries_are_not(tmp_path: Path, present: dict[str, bytes]) -> None:
    """A folder that is missing, or new, or holds something else, is to be written."""
    assert not says_the_same(database(tmp_path, pickle.dumps(FOLDERS, 4), present))


def test_a_file_that_is_cut_off_raises(tmp_path: Path) -> None:
    """Then it is written anew."""
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        says_the_same(database(tmp_path, pickle.dumps(FOLDERS, 4)[:-20], dict(FOLDERS)))
