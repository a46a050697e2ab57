"""`iscons --watch` builds when an input has changed, and for nothing else."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Callable, Optional

import pytest

from incremental_tool import launcher
from incremental_tool.engine import watch
from incremental_tool.engine.file_events import FileEvents
from incremental_tool.engine.recorded_inputs import Inputs, inputs_of
from incremental_tool.engine.watch import MOST_S, QUIET_S, Project, Watch
from incremental_tool.model.answer import Answer, answer_for
from incremental_tool.model.folder_view import digest_of_view
from incremental_tool.model.recipe import Action, index_of
from incremental_tool.model.snapshot import GLOB, Snapshot, View
from incremental_tool.store.snapshot import save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Bench:
    """A project of two sources, an output and a header that is not there, and what happens to it.

    The events and the clock are made up; the files are real. A step that waits for an event takes
    the next of `later`; what it returns has been told of. The last is Ctrl-C.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.later: list[Callable[[], list[str]]] = []
        self.soon: list[list[str]] = []
        self.lines: list[str] = []
        self.builds = 0
        self.statuses: dict[int, int] = {}
        self.during: dict[int, Callable[[], object]] = {}
        self.listened: list[set[bytes]] = []
        self.recording = True
        self.now = 0.0
        top.mkdir()
        (top.parent / "elsewhere").touch()
        for name in ("a.c", "b.c", "a.o"):
            self.save(name)

    def save(self, *names: str) -> list[str]:
        """Write files anew."""
        for name in names:
            path = self.top / name
            path.write_text(f"{path.read_text() if path.exists() else ''}more\n")
        return list(names)

    # --- the events

    def listen_to(self, folders: set[bytes], /) -> None:
        """See `Events`."""
        self.listened.append(folders)

    def wait(self, seconds: Optional[float], /) -> set[bytes]:
        """See `Events`."""
        if seconds is None:
            if not self.later:
                raise KeyboardInterrupt
            told = self.later.pop(0)()
        else:
            self.now += seconds
            told = self.soon.pop(0) if seconds == QUIET_S and self.soon else []
        return {os.fsencode(os.path.normpath(self.top / name)) for name in told}

    # --- the project

    def snapshot(self) -> Snapshot:
        """Return what a recorder would record now."""
        taken = Snapshot()
        for name in ("a.c", "b.c", "a.o"):
            taken.files.add(name.encode(), os.stat(self.top / name))
        taken.files.add(os.fsencode(sys.executable), os.stat(sys.executable))
        taken.absent = [b"a.h"]
        taken.present = [b"asked"] if (self.top / "asked").exists() else []
        taken.folders.add(b".", os.stat(self.top))
        names = [(os.fsencode(name), b"f") for name in os.listdir(self.top)]
        taken.views = [[View(GLOB, b"*.c", digest_of_view(GLOB, b"*.c", names))]]
        action = Action(b"compile", [b"rcc"], [], [2], [0, 1], [])
        taken.recipe.actions = [action]
        taken.recipe.index = index_of([1, 3, 3], [2, 0, 1], 4)
        taken.recipe.directives = b"\0" * 32
        return taken

    def inputs(self) -> Optional[Inputs]:
        """Return what was recorded."""
        taken = self.snapshot()
        return Inputs(os.fsencode(self.top), taken, taken.recipe) if self.recording else None

    def build(self) -> int:
        """Stand for a build: it writes its output."""
        self.builds += 1
        self.save("a.o")
        self.during.pop(self.builds, lambda: None)()
        return self.statuses.get(self.builds, 0)

    def run(self) -> int:
        """Watch until nothing happens any more; return the number of builds."""
        own = (os.fsencode(self.top / "state") + b"/",)
        project = Project(os.fsencode(self.top), own, self.inputs, self.build)
        with pytest.raises(KeyboardInterrupt):
            Watch(project, self, self.lines.append, lambda: self.now).run()
        return self.builds


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a project that is recorded."""
    return Bench(tmp_path / "project")


def test_a_saved_input_is_built(bench: Bench) -> None:
    """One line for each round; a file touched once more is another round."""
    bench.later = [lambda: bench.save("a.c"), lambda: bench.save("a.c", "b.c")]

    assert bench.run() == 3
    assert bench.lines == [
        "built in 0.00 s; waiting for changes, Ctrl-C ends",
        "1 file changed, built in 0.00 s",
        "2 files changed, built in 0.00 s",
    ]
    assert bench.listened[-1] == {os.path.dirname(os.fsencode(sys.executable))}


def test_what_is_no_input_starts_no_build(bench: Bench) -> None:
    """Outputs, an editor's own file in a folder that is searched, others, and mere events."""
    bench.later = [
        lambda: bench.save("a.o"),
        lambda: bench.save(".a.c.swp"),
        lambda: bench.save("notes"),
        lambda: ["a.c"],
    ]

    assert bench.run() == 1


def test_a_file_that_was_looked_for_starts_a_build(bench: Bench) -> None:
    """A name that a pattern finds, a header that was not there, and a source that is gone."""

    def gone() -> list[str]:
        (bench.top / "c.c").unlink()
        return ["c.c"]

    bench.later = [lambda: bench.save("c.c"), gone]
    assert bench.run() == 3

    bench.later = [lambda: bench.save("a.h")]
    assert bench.run() == 5


def test_a_file_saved_during_a_build_is_built(bench: Bench) -> None:
    """Nobody needs to be told of it."""
    bench.during = {1: lambda: bench.save("a.c")}
    snapshot = bench.inputs()
    bench.inputs = lambda: snapshot  # type: ignore[method-assign] # recorded before it was saved

    assert bench.run() == 2
    assert bench.lines[1] == "1 file changed, built in 0.00 s"


def test_what_a_build_adds_to_a_searched_folder_starts_none(bench: Bench) -> None:
    """It is recorded by the build that has added it."""
    bench.later = [lambda: bench.save("a.c")]
    bench.during = {2: lambda: bench.save("made.c")}

    assert bench.run() == 2


def test_a_folder_that_was_there_is_missed(bench: Bench) -> None:
    """Its being there was asked for, so its going is a change."""
    (bench.top / "asked").mkdir()

    def gone() -> list[str]:
        (bench.top / "asked").rmdir()
        return ["asked"]

    bench.later = [gone]
    assert bench.run() == 2


def test_a_build_that_writes_its_own_input_comes_to_rest(bench: Bench) -> None:
    """After some rounds what it writes is known for its own; the user's edits still count."""
    snapshot = bench.inputs()
    bench.inputs = lambda: snapshot  # type: ignore[method-assign] # it cannot be recorded anew
    bench.during = {number: lambda: bench.save("b.c") for number in range(1, 20)}
    bench.later = [lambda: bench.save("a.c")]

    assert 4 <= bench.run() <= 10
    assert not bench.later


def test_after_a_failure_any_file_counts(bench: Bench) -> None:
    """It may be the one that was wanted; but a failed build does not start itself again."""
    bench.statuses = {2: 2}
    bench.later = [
        lambda: bench.save("a.c"),
        lambda: bench.save("a.o", ".sconsign.dblite", ".incremental-1-2-3"),
        lambda: ["../elsewhere", ".a.c.swp"],
        lambda: bench.save("wanted"),
        lambda: bench.save("unwanted"),
    ]

    assert bench.run() == 3
    assert bench.lines[1] == "1 file changed, failed with status 2 after 0.00 s"
    assert bench.lines[2] == "1 file changed, built in 0.00 s"


def test_without_a_record_any_file_counts(bench: Bench) -> None:
    """But for SCons's database, the state and the store."""
    bench.recording = False
    (bench.top / "state").mkdir()
    bench.later = [
        lambda: bench.save(".sconsign.dblite", "state/journal.bin"),
        lambda: ["state"],
        lambda: bench.save("anything"),
    ]

    assert bench.run() == 2


def test_events_in_a_row_are_one_build(bench: Bench) -> None:
    """A build begins when it is quiet, or after two seconds of noise."""
    bench.later = [lambda: bench.save("a.c")]
    bench.soon = [bench.save("b.c"), ["a.c"]]
    assert bench.run() == 2
    assert bench.soon == []

    bench.soon = [["a.c"]] * 1000
    bench.later = [lambda: bench.save("a.c")]
    assert bench.run() == 4
    assert len(bench.soon) == 1000 - round(MOST_S / QUIET_S)


def test_the_record_is_read_from_the_state_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None that is missing, damaged or says why it holds nothing is used."""
    monkeypatch.delenv("SCONSFLAGS", raising=False)
    bench.save("SConstruct")
    answer = answer_for([], {}, str(bench.top), [], os.path.isfile)
    assert isinstance(answer, Answer)
    assert inputs_of(answer) is None
    taken = bench.snapshot()
    save(answer.folder, answer.key, taken)
    inputs = inputs_of(answer)
    assert inputs is not None
    assert inputs.recorded == inputs.look()
    assert inputs.outputs == {os.fsencode(bench.top / "a.o")}
    os.truncate(os.path.join(answer.folder, answer.key.encode()), 20)
    assert inputs_of(answer) is None
    taken.refusals = [("fresh.refuse.clock", "")]
    save(answer.folder, answer.key, taken)
    assert inputs_of(answer) is None


def test_without_the_library_one_sentence_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option is taken where it is the first word; status 2, and nothing is built."""
    monkeypatch.chdir(bench.top)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.setattr(sys, "argv", ["iscons", "--watch", "-Q"])
    with pytest.raises(SystemExit) as ended:
        launcher.main()

    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("incremental: --watch needs the library watchfiles: pip install ")
    assert told.count("\n") == 1


def test_a_build_ends_with_its_own_status() -> None:
    """A signal counts as a shell counts it."""
    assert watch.run([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert watch.run(["sh", "-c", "kill -9 $$"]) == 137


def test_a_library_that_fails_is_told_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence and status 2, after the build."""

    def failing(*_: object, **__: object) -> Iterator[set[tuple[int, str]]]:
        yield set()
        raise RuntimeError("no watches left")

    monkeypatch.chdir(bench.top)
    monkeypatch.setitem(sys.modules, "watchfiles", SimpleNamespace(watch=failing))

    assert watch.main(["-Q"], [sys.executable, "-c", "open('built', 'w')"]) == 2
    assert (bench.top / "built").exists()
    assert capsys.readouterr().err == "incremental: watchfiles has stopped: no watches left\n"


def test_the_library_tells_of_real_changes(tmp_path: Path) -> None:
    """Below the project's folder, and in a folder elsewhere, but not below that one."""
    pytest.importorskip("watchfiles", reason="the extra `watch` is not installed")
    top, elsewhere = tmp_path / "top", tmp_path / "elsewhere"
    (top / "below").mkdir(parents=True)
    (elsewhere / "below").mkdir(parents=True)
    events = FileEvents(str(top))
    try:
        events.listen_to({os.fsencode(elsewhere), os.fsencode(tmp_path / "missing")})
        told: set[bytes] = set()
        (elsewhere / "below" / "unheard").touch()
        for path in (top / "below" / "one", elsewhere / "two"):
            path.touch()
            while os.fsencode(path) not in told:
                more = events.wait(10)
                assert more, path
                told |= more
        assert os.fsencode(elsewhere / "below" / "unheard") not in told
    finally:
        events.close()
