"""Actions are written and read one at a time, in whatever order they are asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.model.recipe import Action, Recipe
from incremental_tool.model.snapshot import Snapshot
from incremental_tool.store import recipe_actions
from incremental_tool.store import snapshot as store
from incremental_tool.store.recipe import pack_recipe, packed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from incremental_tool.store.recipe_actions import EarlierActions

KEY = "0" * 32
COUNT = 2000
"""More than one piece of text."""


def earlier(folder: bytes) -> EarlierActions:
    """Return the actions of a snapshot that was written."""
    snapshot = Snapshot()
    actions = []
    for number in range(COUNT):
        at = snapshot.files.add(b"file%d" % number, os.stat(folder))
        flags = [b"unknown"] if number == 7 else [b"several"] if number == 8 else []
        outputs = [at, at - 1] if number == 8 else [at]
        steps = [b"sshown", b"rcommand %d" % number * 20]
        actions.append(Action(b"link", steps, flags, outputs, [at], [], number))
    store.save(folder, KEY, snapshot, packed(actions))
    found = store.load_files(folder, KEY)
    assert found is not None
    read = store.load_earlier(folder, KEY, found[0])
    assert read is not None
    return read[1]


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_each_action_is_found_once(tmp_path: Path, order: str) -> None:
    """All but the unknown one are found by their outputs, sorted."""
    actions = earlier(os.fsencode(tmp_path))
    numbers = range(COUNT) if order == "forward" else range(COUNT - 1, -1, -1)
    for number in numbers:
        names = (b"file7", b"file8") if number == 8 else (b"file%d" % number,)
        noted = actions.find(names)
        if number == 7:
            assert noted is None
        else:
            assert noted is not None
            assert noted.steps == b"sshown\0" + b"rcommand %d" % number * 20
            assert noted.setting == number
    assert actions.find((b"file1",)) is None


def test_all_that_is_left_can_be_had_at_once(tmp_path: Path) -> None:
    """What was asked for before is not among it."""
    actions = earlier(os.fsencode(tmp_path))
    actions.find((b"file3",))

    assert len(actions.all()) == COUNT - 2


def test_what_is_alike_is_taken_over_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 32 blocks, that with another command is packed anew; the index is taken over."""
    folder = os.fsencode(tmp_path)
    actions = earlier(folder)
    packings: list[int] = []
    indexes: list[int] = []

    def deflate(texts: Sequence[bytes]) -> bytes:
        packings.append(len(texts))
        return real_deflate(texts)

    def index_of(*columns: Any) -> Any:
        indexes.append(len(columns))
        return real_index_of(*columns)

    real_deflate, real_index_of = recipe_actions.deflate, recipe_actions.index_of
    monkeypatch.setattr(recipe_actions, "deflate", deflate)
    monkeypatch.setattr(recipe_actions, "index_of", index_of)
    again = recipe_actions.PackedActions(actions)
    for number in range(COUNT):
        names = (b"file7", b"file8") if number == 8 else (b"file%d" % number,)
        noted = actions.find(names) if number != 7 else None
        outputs = [number, number - 1] if number == 8 else [number]
        if noted is None:
            steps = b"sshown\0" + b"rcommand 7" * 20
            again.add(b"link", steps, b"unknown", (outputs, [number], []), number)
        else:
            steps = b"another" if number == 100 else noted.steps
            again.add(noted.kind, steps, noted.flags, (outputs, [number], []), noted.setting)
    blocks = again.blocks()
    assert packings == [3 * recipe_actions.BLOCK]
    assert len(blocks) == -(-COUNT // recipe_actions.BLOCK)
    again.index(COUNT)
    assert indexes == []
    again.index(COUNT + 1)
    assert len(indexes) == 1
    again.add(b"link", b"", b"", ([0], [], []), 0)
    again.index(COUNT)
    assert len(indexes) == 2


def test_what_is_taken_over_reads_as_what_is_packed_anew(tmp_path: Path) -> None:
    """The bytes of a recipe are the same, whether an earlier one was there or not."""
    folder = os.fsencode(tmp_path)
    packed_twice = []
    for before in (earlier(folder), None):
        again = recipe_actions.PackedActions(before)
        found = earlier(folder) if before is None else before
        for number in range(COUNT):
            if number in (7, 8):
                continue
            noted = found.find((b"file%d" % number,))
            assert noted is not None
            files = ([number], [number], [])
            again.add(noted.kind, noted.steps, noted.flags, files, noted.setting)
        packed_twice.append(b"".join(map(bytes, pack_recipe(Recipe(), again))))
    assert packed_twice[0] == packed_twice[1]
