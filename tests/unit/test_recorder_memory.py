"""What a recorder holds for each file of a project is bounded: it works beside SCons's graph."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import SCons.Node.FS

from incremental_tool.base.filesystem import RealDisk
from incremental_tool.model.recipe import RUN, SHOW
from incremental_tool.model.snapshot import Snapshot
from incremental_tool.scons import node_observer
from incremental_tool.scons.graph_walk import Graph
from incremental_tool.scons.observations import Observations
from incremental_tool.scons.replacement import Replacements
from incremental_tool.scons.snapshot_writer import Writer
from incremental_tool.store.recipe_actions import PackedActions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = 10_000
LONGEST_PATH = 100
"""Bytes of a path at most, which is held besides."""

STATUS = 600
"""Bytes that a stat result takes at least, with its numbers."""


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace what is allocated."""
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with one file that has many names."""
    (tmp_path / "0").write_text("x")
    for number in range(1, FILES):
        os.link(tmp_path / "0", tmp_path / str(number))
    return tmp_path


@pytest.mark.usefixtures("traced")
def test_a_look_at_a_file_is_held_as_a_row(project: Path) -> None:
    """Of what SCons was told of each file no stat result is left; nor when all is compared."""
    folder = f"{project}/"
    observed, replacements = Observations({}), Replacements()
    observed.nodes_while_reading = 0
    node_observer.observe(observed, replacements)
    disk = SCons.Node.FS.LocalFS()
    before = tracemalloc.get_traced_memory()[0]
    try:
        for number in range(FILES):
            disk.stat(folder + str(number))
    finally:
        replacements.restore()
    held = (tracemalloc.get_traced_memory()[0] - before) / FILES

    assert len(observed.nodes) == FILES
    assert held < LONGEST_PATH + len(folder) + 200

    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    snapshot = Snapshot()
    writer = Writer(observed, Graph(), str(project), [folder + ".incremental"], 1 << 62)
    writer.fill(snapshot, RealDisk(os.fsencode(project)))
    peak = (tracemalloc.get_traced_memory()[1] - before) / FILES

    assert len(snapshot.files.paths) == FILES
    assert peak < STATUS / 2


@pytest.mark.usefixtures("traced")
def test_an_action_is_held_as_numbers_and_compressed_text() -> None:
    """Its lists and its command lines take a fraction of what they would as objects."""
    before = tracemalloc.get_traced_memory()[0]
    actions = PackedActions()
    for number in range(FILES):
        line = b"gcc -o src/d%d.o -c -O2 -Wall -Iinclude -Isrc src/d%d.c" % (number, number)
        files = [number + FILES], [number], range(10)
        actions.add(b"compile", SHOW + line + b"\0" + RUN + line, b"", files, 0)
    held = (tracemalloc.get_traced_memory()[0] - before) / FILES

    assert len(actions) == FILES
    assert held < 150
