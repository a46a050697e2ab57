"""From observations to a snapshot: what is written of each answer, and when none is made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.filesystem import RealDisk
from incremental_tool.model.snapshot import AMONG, GLOB, NAMES, Snapshot
from incremental_tool.scons.graph_walk import Graph
from incremental_tool.scons.observations import Observations, row_of
from incremental_tool.scons.snapshot_writer import (
    Moved,
    Unreadable,
    Writer,
    Written,
    fill_environment,
)

if TYPE_CHECKING:
    from pathlib import Path

FAR = 1 << 62
"""A moment after all that tests write."""


class Run:
    """A run in `folder` that is being observed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.observed = Observations({})
        self.graph = Graph()
        self.begun_ns = FAR

    def path(self, name: str) -> str:
        """Return the absolute path of a name in the folder."""
        return str(self.folder / name)

    def write(self, name: str, text: str = "x") -> str:
        """Write a file, with its folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def node(self, name: str) -> None:
        """Let SCons look at a file while it builds."""
        self.observed.nodes_while_reading = 0
        self.observed.nodes[self.path(name)] = row_of(self.observed.look(self.path(name)))

    def snapshot(self) -> Snapshot:
        """Make the snapshot."""
        snapshot = Snapshot()
        state = self.path(".incremental")
        writer = Writer(self.observed, self.graph, str(self.folder), [state], self.begun_ns)
        writer.fill(snapshot, RealDisk(os.fsencode(self.folder)))
        return snapshot


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run in a folder of its own."""
    (tmp_path / "project").mkdir()
    return Run(tmp_path / "project")


def test_files_are_named_from_the_top_folder_or_absolute(run: Run, tmp_path: Path) -> None:
    """As SCons names them."""
    outside = tmp_path / "outside"
    outside.write_text("x")
    run.observed.note_opened(run.write("src/a.c"))
    run.observed.note_opened(str(outside))

    assert run.snapshot().files.paths == [b"src/a.c", os.fsencode(outside)]


def test_a_file_that_was_only_probed_may_change(run: Run) -> None:
    """It must be there, and be no folder."""
    path = run.write("flag")
    run.observed.note_kind(path, run.observed.look(path))
    run.write("flag", "changed")

    snapshot = run.snapshot()

    assert snapshot.present == [b"flag"]
    assert snapshot.absent == [b"flag/."]
    assert snapshot.files.paths == []


def test_a_folder_that_was_probed_must_stay_one(run: Run) -> None:
    """Its entries may change."""
    (run.folder / "data").mkdir()
    run.observed.note_kind(run.path("data"), run.observed.look(run.path("data")))
    run.write("data/new")

    assert run.snapshot().present == [b"data/."]


def test_names_looked_for_in_vain_are_views_of_their_folder(run: Run) -> None:
    """One stat stands for all of them."""
    for name in ("a/one", "a/two", "one"):
        (run.folder / "a").mkdir(exist_ok=True)
        run.observed.note_kind(run.path(name), None)
    run.observed.note_looked_up(run.path("a"), "three", found=False)
    snapshot = run.snapshot()

    views = {
        path: [(view.kind, view.pattern) for view in views]
        for path, views in zip(snapshot.folders.paths, snapshot.views)
    }
    assert views == {b"a": [(AMONG, b"one\0three\0two")], b".": [(AMONG, b"one")]}
    assert snapshot.absent == []


def test_of_a_missing_folder_the_highest_is_noted(run: Run) -> None:
    """Nothing below can be there without it."""
    run.observed.note_kind(run.path("no/such/folder/file"), None)

    assert run.snapshot().absent == [b"no"]


def test_a_dangling_link_is_absent_by_its_own_name(run: Run) -> None:
    """It is among the folder's names, and leads nowhere."""
    (run.folder / "link").symlink_to("nowhere")
    run.observed.note_kind(run.path("link"), None)

    assert run.snapshot().absent == [b"link"]


def test_listings_are_kept_as_they_were_seen(run: Run) -> None:
    """A folder has one entry, with a view for each way it was looked at."""
    run.write("data/a.c")
    run.observed.note_listing(run.path("data"), NAMES)
    run.observed.note_listing(run.path("data"), GLOB, b"*.c")
    snapshot = run.snapshot()

    assert snapshot.folders.paths == [b"data"]
    assert [view.kind for view in snapshot.views[0]] == [NAMES, GLOB]


def test_a_listing_that_changed_makes_no_snapshot(run: Run) -> None:
    """The run went by names that are no longer all there is."""
    run.write("data/a.c")
    run.observed.note_listing(run.path("data"), GLOB, b"*.c")
    run.write("data/b.c")

    with pytest.raises(Moved, match="data"):
        run.snapshot()


def test_a_source_that_changed_makes_no_snapshot(run: Run) -> None:
    """What SCons decided by is no more."""
    run.write("a.c")
    run.node("a.c")
    run.write("a.c", "longer")

    with pytest.raises(Moved, match=r"a\.c"):
        run.snapshot()


def test_a_source_written_after_the_run_began_makes_no_snapshot(run: Run) -> None:
    """It may have been written again in the same tick, without another time."""
    run.write("a.c")
    run.begun_ns = (run.folder / "a.c").stat().st_ctime_ns
    run.node("a.c")

    with pytest.raises(Moved, match=r"a\.c"):
        run.snapshot()


def test_what_the_build_made_counts_as_it_is_in_the_end(run: Run) -> None:
    """It may have been another, or missing, when SCons looked first."""
    run.node("a.o")
    run.write("a.o")
    run.graph.files[run.path("a.o")] = True
    run.graph.built[run.path("a.o")] = row_of(run.observed.look(run.path("a.o")))
    run.begun_ns = 0

    assert run.snapshot().files.paths == [b"a.o"]


def test_an_output_changed_behind_scons_makes_no_snapshot(run: Run) -> None:
    """SCons has taken in another file than is there."""
    run.write("a.o")
    run.graph.files[run.path("a.o")] = True
    run.graph.built[run.path("a.o")] = row_of(run.observed.look(run.path("a.o")))
    run.write("a.o", "changed")

    with pytest.raises(Moved, match=r"a\.o"):
        run.snapshot()


def test_a_link_made_to_a_source_is_no_change_of_it(run: Run) -> None:
    """SCons makes hard links in variant directories, which moves the change time."""
    run.write("src/a.c")
    run.node("src/a.c")
    os.link(run.path("src/a.c"), run.path("copy"))
    run.graph.linked.add(run.path("src/a.c"))

    assert run.snapshot().files.paths == [b"src/a.c"]


def test_what_a_script_wrote_without_looking_is_an_output(run: Run) -> None:
    """Its state in the end counts."""
    run.observed.note_written(run.path("config.h"), by_scons=False, site="SConstruct:1")
    run.write("config.h")

    assert run.snapshot().files.paths == [b"config.h"]


def test_what_a_script_looked_at_and_then_wrote_makes_no_snapshot(run: Run) -> None:
    """The next run finds another answer; the script's line is told."""
    run.observed.note_kind(run.path("config.h"), None)
    run.observed.note_written(run.path("config.h"), by_scons=False, site="SConstruct:1")
    run.write("config.h")

    with pytest.raises(Written, match=r"config\.h \(SConstruct:1\)"):
        run.snapshot()


def test_two_answers_for_one_path_make_no_snapshot(run: Run) -> None:
    """A script saw it come or go."""
    path = run.write("flag")
    run.observed.note_kind(path, None)
    run.observed.note_asked(path, run.observed.look(path))

    with pytest.raises(Moved, match="flag"):
        run.snapshot()


def test_a_link_that_was_turned_makes_no_snapshot(run: Run) -> None:
    """It led elsewhere when it was read."""
    (run.folder / "link").symlink_to("a")
    run.observed.note_link(run.path("link"))
    (run.folder / "link").unlink()
    (run.folder / "link").symlink_to("b")

    with pytest.raises(Moved, match="link"):
        run.snapshot()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list any folder")
def test_a_folder_that_cannot_be_listed_makes_no_snapshot(run: Run) -> None:
    """What was looked for in it is not known to be missing."""
    (run.folder / "closed").mkdir(mode=0o300)
    run.observed.note_looked_up(run.path("closed"), "a.h", found=False)

    with pytest.raises(Unreadable):
        run.snapshot()


def test_names_looked_for_below_a_file_are_absent(run: Run) -> None:
    """Nothing can be there as long as it is a file."""
    run.write("file")
    run.observed.note_kind(run.path("file/below"), None)

    assert run.snapshot().absent == [b"file/below"]


def test_the_tools_own_state_is_left_out(run: Run) -> None:
    """Each run writes it."""
    run.observed.note_opened(run.write(".incremental/stats.json"))
    run.observed.note_kind(run.path(".incremental"), None)

    snapshot = run.snapshot()

    assert snapshot.files.paths == []
    assert snapshot.absent == []


def test_variables_are_kept_as_digests() -> None:
    """One that is unset has none; read as a whole, volatile ones do not count."""
    observed = Observations({b"ONE": b"secret", b"SHLVL": b"2"})
    observed.note_variable(b"ONE")
    observed.note_variable(b"TWO")
    observed.note_variable(b"SHLVL")
    named, whole = Snapshot(), Snapshot()
    fill_environment(named, observed, [b"LANG"])
    observed.whole_environment = True
    fill_environment(whole, observed, [])

    assert named.environment.keys() == {b"ONE", b"TWO", b"SHLVL", b"LANG"}
    assert named.environment[b"TWO"] == b""
    assert b"secret" not in named.environment[b"ONE"]
    assert named.salt != whole.salt
    assert whole.environment.keys() == {b"ONE", b"TWO"}


def test_that_an_output_is_no_link_is_noted_only_when_a_script_asked(run: Run) -> None:
    """SCons looks for links before it makes files; the file it made is compared anyhow."""
    for name in ("asked", "made"):
        run.graph.files[run.write(name)] = True
    run.observed.note_no_link(run.path("asked"))
    run.observed.links_while_reading = 1
    run.observed.note_no_link(run.path("made"))
    snapshot = run.snapshot()

    assert snapshot.links == [(b"asked", None)]
    assert sorted(snapshot.files.paths) == [b"asked", b"made"]


def test_a_file_of_the_graph_that_nobody_looked_at_counts_as_it_is(run: Run) -> None:
    """It does, unless it was written while the build ran."""
    run.graph.files[run.write("source")] = False

    assert run.snapshot().files.paths == [b"source"]

    run.begun_ns = 0
    with pytest.raises(Moved):
        run.snapshot()
