"""Actions are written and read one at a time, in whatever order they are asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.recipe import Action
from incremental_tool.model.snapshot import Snapshot
from incremental_tool.store import snapshot as store
from incremental_tool.store.recipe import packed

if TYPE_CHECKING:
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
