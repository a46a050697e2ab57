"""The searching of a recipe survives being packed, and damage to it is told."""

from __future__ import annotations

import zlib

import pytest

from incremental_tool.model.searching import FIRST, UNKNOWN, UNSCANNED, Searching
from incremental_tool.store.searching import pack_searching, unpack_searching


def searching() -> Searching:
    """Return one in which each field has a content of its own."""
    made = Searching()
    made.of = [UNKNOWN, FIRST + 1, UNSCANNED, FIRST]
    made.paths = [[b"include", b"."], []]
    made.commands = [b"/bin/cc"]
    made.scanned = [b".c", b".h"]
    made.foreign = [b".tex"]
    made.reserved = [b"made.h", b"other.h"]
    made.folders = [b"build"]
    return made


def fields(one: Searching) -> dict[str, object]:
    """Return all fields."""
    return {name: getattr(one, name) for name in Searching.__slots__}


def test_it_survives_being_packed() -> None:
    """What was packed is unpacked, and nothing at all is an empty one."""
    assert fields(unpack_searching(pack_searching(searching()))) == fields(searching())
    assert fields(unpack_searching(b"")) == fields(Searching())


def test_search_paths_of_actions() -> None:
    """An action has a path only where it is known and something is looked for."""
    one = searching()

    assert [one.path_of(n) for n in range(5)] == [None, [], None, [b"include", b"."], None]


def test_damage_is_told() -> None:
    """Whatever is changed in it raises what the store turns into a reason."""
    whole = pack_searching(searching())
    beyond = searching()
    beyond.of.append(FIRST + 2)
    for damaged in (whole[:-1], whole + b"x", b"x", zlib.compress(b""), pack_searching(beyond)):
        with pytest.raises((ValueError, TypeError, IndexError)):
            unpack_searching(damaged)
