"""The outer layer of SCons's database is read and written as `pickle` reads and writes it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.store.dblite import folders_of, pieces_of

FOLDERS = st.dictionaries(
    st.text(alphabet=st.characters(), max_size=300),
    st.binary(min_size=2, max_size=300) | st.integers(2, 70_000).map(bytes),
    max_size=8,
)


@given(FOLDERS, st.booleans())
def test_a_pickle_is_walked_over(folders: dict[str, bytes], in_python: bool) -> None:
    """What Python's picklers write, in C and in Python, is found as it was, in its order."""
    folders = {name: bytes(bytearray(entries)) for name, entries in folders.items()}  # no one twice
    packed = pickle._dumps(folders, 4) if in_python else pickle.dumps(folders, 4)  # type: ignore[attr-defined] # the one in Python

    found = folders_of(packed)

    assert found is not None
    assert [(name, bytes(entries)) for name, entries in found.items()] == list(folders.items())


@given(FOLDERS)
def test_what_is_written_is_a_pickle(folders: dict[str, bytes]) -> None:
    """Both of Python's unpicklers read it, and so does the walk."""
    written = b"".join(pieces_of(folders))

    assert pickle.loads(written, encoding="bytes") == folders
    assert pickle._loads(written, encoding="bytes") == folders  # type: ignore[attr-defined] # the one in Python
    assert folders_of(written) == folders


@pytest.mark.parametrize(
    "value",
    [[], {}, {"a": "text"}, {b"a": b"b"}, {"a": b"b", "c": 1}, {"a": {"b": b"c"}}, {"a": [b"b"]}],
)
def test_other_pickles_are_told(value: Any) -> None:
    """Anything else than texts and byte strings is not walked over; an empty dictionary is."""
    assert folders_of(pickle.dumps(value, 4)) == (None if value != {} else {})
    assert folders_of(pickle.dumps({"a": b"", "b": b""}, 4)) is None  # one object, named twice
    assert folders_of(pickle.dumps({"a": b"b"}, 2)) is None


def test_no_damage_is_believed() -> None:
    """A pickle that is cut off, or goes on, is not walked over, and no byte of it raises."""
    whole = pickle.dumps({"a": b"one", "b": b"two" * 100}, 4)

    assert all(folders_of(whole[:size]) is None for size in range(len(whole)))
    assert folders_of(whole + b".") is None
    for at in range(len(whole)):
        for value in (0, 0x2E, 0x95, 0xFF):
            folders_of(whole[:at] + bytes([value]) + whole[at + 1 :])
