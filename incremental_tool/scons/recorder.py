"""The recorder: notes what a run depends on, and keeps it for the next to be compared with.

It begins before the first script is read (or says why that is too late), and
ends when SCons has written its databases. Everything in between is observed, for
scanners, deciders and functions in construction variables run while the graph is
walked; what actions do while they run is not.

Only a run that was to build, and succeeded, is kept. What became of the recording is
noted for `incremental-tool explain`, and told at once under INCREMENTAL_EXPLAIN=1.

Nothing here may fail a build: whatever goes wrong ends the recording.

Knows nothing of how single things are observed.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Optional

import SCons
import SCons.SConsign
import SCons.Script
import SCons.Script.Main
import SCons.Taskmaster

from incremental_tool.base.filesystem import RealDisk
from incremental_tool.engine import fast_path
from incremental_tool.engine.freshness import ALWAYS_READ, circumstances
from incremental_tool.engine.settings import settings_for
from incremental_tool.model.answer import NEUTRAL
from incremental_tool.model.reason import Reason
from incremental_tool.model.snapshot import BUILDING, STDERR, Said, Snapshot
from incremental_tool.model.switch import fast_path_off, is_on, switched_off
from incremental_tool.scons import (
    action_notes,
    audit_observer,
    call_site,
    clock_observer,
    environment_observer,
    evaluation,
    file_observer,
    free_memory,
    graph_walk,
    late_start,
    module_files,
    node_observer,
    option_observer,
    output_observer,
    process_judgement,
    process_observer,
    recipe_memory,
    recipe_writer,
    snapshot_writer,
)
from incremental_tool.scons.observations import BUSY, Observations
from incremental_tool.scons.replacement import Replacements
from incremental_tool.store import last_answer
from incremental_tool.store import snapshot as store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from incremental_tool.model.answer import Answer
    from incremental_tool.store.recipe_actions import PackedActions


_REMEMBERED = frozenset({"fresh.skip.failed", "fresh.skip.input-moved"})
"""Why a run is not kept although the commands that it ran are worth remembering."""


class NotRecorded(Exception):  # noqa: N818 - it names an outcome
    """Why a run is not kept: a reason's id and detail."""


class Recorder:
    """One run's recording."""

    def __init__(self, before: late_start.Before) -> None:
        self._while_reading = Replacements()
        self._to_the_end = Replacements()
        self._observed = Observations(environment_observer.values())
        self._executed: list[graph_walk.Executed] = []
        self._tops: Optional[list[Any]] = None
        self._given_up: Optional[tuple[str, str]] = None
        self.wanted = False
        """Whether a script, or site_init.py, has set the tool up."""
        self._observed.variables |= before.variables
        self._observed.options |= before.options
        if before.unseen:
            self.give_up("fresh.skip.late", before.unseen)
        self._begun_ns = _clock_of_the_disk()
        self._output = output_observer.Output(self._observed)
        self._actions = action_notes.ActionNotes(self._observed)
        self._classes = clock_observer.Classes()

    def observe(self, *, reading: bool) -> None:
        """Begin to observe; `reading` if SCons has begun to read scripts."""
        output_observer.observe(self._output, self._to_the_end, reading=reading)
        node_observer.observe(self._observed, self._to_the_end)
        file_observer.observe(self._observed, self._to_the_end)
        self._actions.observe(self._to_the_end)
        self._observe_run()
        node_observer.observe_scripts(self._observed, self._while_reading)
        clock_observer.observe(self._observed, self._to_the_end, self._classes)
        process_observer.observe(self._observed, self._to_the_end)
        environment_observer.observe(self._observed)
        option_observer.observe(self._observed)
        evaluation.observe(self._to_the_end)
        audit_observer.observe(self._observed, self._to_the_end)

    # --- the course of the run ------------------------------------------------

    def _observe_run(self) -> None:
        """Observe what SCons itself is asked, and when it begins to build."""
        observed = self._observed

        def make_taskmaster(original: Any) -> Any:
            def init(
                taskmaster: Any,
                targets: Sequence[Any] = (),
                tasker: Any = None,
                *more: Any,
                **kw: Any,
            ) -> None:
                if isinstance(tasker, type) and observed.active:
                    try:
                        self._begin_building(tasker, list(targets))
                    except Exception as error:
                        observed.failed("Taskmaster", error)
                original(taskmaster, targets, tasker, *more, **kw)

            return init

        def make_execute(original: Any) -> Any:
            def execute(task: Any) -> Any:
                if observed.active:
                    self._note_execution(task.targets)
                with BUSY, self._classes:
                    return original(task)

            return execute

        def make_register(original: Any) -> Any:
            def register(function: Any, *arguments: Any, **kw: Any) -> Any:
                if observed.active and not BUSY.depth and call_site.asked_by_project():
                    observed.refuse("fresh.refuse.hook", f"atexit ({call_site.site()})")
                return original(function, *arguments, **kw)

            return register

        replace = self._to_the_end.replace
        replace(SCons.Taskmaster.Taskmaster, "__init__", make_taskmaster)
        replace(SCons.Taskmaster.Task, "execute", make_execute)
        replace(atexit, "register", make_register)
        observed.on_names[frozenset({"argv"})] = lambda: observed.options.add("argv")

    def _note_execution(self, targets: Sequence[Any]) -> None:
        try:
            self._executed.append(graph_walk.Executed(targets))
            self._actions.note_running(targets[0])
        except Exception as error:
            self._observed.failed("Task.execute", error)

    def _begin_building(self, tasker: type, targets: list[Any]) -> None:
        main = SCons.Script.Main
        if not self.wanted:
            self.stop()
        elif issubclass(tasker, main.BuildTask):
            if self._tops is not None:
                self.give_up("fresh.skip.not-built", "--interactive")
            self._tops = targets
            self._while_reading.restore()
            self._observed.nodes_while_reading = len(self._observed.nodes)
            self._observed.links_while_reading = len(self._observed.links)
        elif issubclass(tasker, (main.CleanTask, main.QuestionTask)):
            self.give_up("fresh.skip.not-built")
            self.stop()

    def give_up(self, reason: str, detail: str = "") -> None:
        """Do not keep this run."""
        if self._given_up is None:
            self._given_up = (reason, detail)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Observe nothing meanwhile, in any thread."""
        observed = self._observed
        active, observed.active = observed.active, False
        audit_observer.stop()
        try:
            with BUSY:
                yield
        finally:
            observed.active = active
            if active:
                audit_observer.resume(observed)

    def stop(self) -> None:
        """Observe nothing more."""
        self._observed.active = False
        audit_observer.stop()
        environment_observer.stop()
        option_observer.stop()
        self._classes.restore()
        self._while_reading.restore()
        self._to_the_end.restore()

    # --- the end --------------------------------------------------------------

    def finish(self, answer: Answer, folders: Optional[tuple[bytes, bytes]]) -> None:
        """Keep what was observed for the next run. Raises NotRecorded or OSError."""
        self.stop()
        collecting = gc.isenabled()
        gc.disable()  # SCons's graph is large, and nothing of ours is garbage
        try:
            with BUSY:
                self._keep(answer, folders)
        finally:
            if collecting:
                gc.enable()

    def _keep(self, answer: Answer, folders: Optional[tuple[bytes, bytes]]) -> None:
        if self._given_up is not None:
            raise NotRecorded(*self._given_up)
        if folders is None:
            settings = settings_for(answer.top, os.environ, {})
            folders = settings.state_dir, settings.cache_dir
        state_dir, cache_dir = folders
        if os.fsencode(answer.state) != os.path.normpath(state_dir):
            raise NotRecorded("fresh.skip.elsewhere", os.fsdecode(state_dir))
        if SCons.Script.Main.this_build_status or SCons.Script.Main.exit_status:
            raise NotRecorded("fresh.skip.failed", "")
        if self._tops is None:
            raise NotRecorded("fresh.skip.not-built", "")
        kept, actions = self._snapshot(answer, state_dir, cache_dir)
        try:
            store.save(answer.folder, answer.key, kept, actions)
        except OSError as error:
            raise NotRecorded("fresh.skip.unwritable", str(error)) from error
        except ValueError as error:
            raise NotRecorded("fresh.skip.too-large", str(error)) from error

    def remember(self, answer: Answer, reason: str, detail: str) -> bool:
        """Keep the commands that are known, in a snapshot that is never fresh."""
        observed = self._observed
        if observed.refusals:
            return False
        with BUSY:
            kept = recipe_memory.remembered(answer, observed, self._actions)
            if kept is None:
                return False
            kept.refusals = [(reason, detail)]
            store.save(answer.folder, answer.key, kept)
        return True

    def _snapshot(
        self, answer: Answer, state_dir: bytes, cache_dir: bytes
    ) -> tuple[Snapshot, Optional[PackedActions]]:
        observed = self._observed
        kept = Snapshot()
        if self._executed and self._classes.used:
            # While one action runs, what others have evaluated cannot be seen to read the clock.
            observed.refuse("fresh.refuse.clock", "datetime, perhaps")
        free_memory.give_back()
        graph = graph_walk.walk(self._tops or (), self._executed)
        if SCons.Script.Main.ProgressObject:  # SCons 4.5 has a false object where 4.11 has None
            observed.refuse("fresh.refuse.hook", "Progress()")
        kept.processes = process_judgement.judge(observed)
        kept.refusals = [
            (reason, os.fsencode(detail).decode("utf-8", "replace"))
            for reason, detail in (*observed.refusals, *graph.refusals)
        ]
        kept.circumstances = circumstances(os.fsencode(os.path.dirname(SCons.__file__)))
        if kept.refusals:
            return kept, None
        for script in answer.scripts:  # read before observing began, if that was in the script
            observed.note_opened(os.path.join(answer.top, script))
        module_files.note_modules(observed)
        module_files.note_site_folders(observed, answer.top, answer.line.site_dir)
        snapshot_writer.fill_environment(kept, observed, ALWAYS_READ)
        for name in sorted(observed.options & {*NEUTRAL, "argv"}):
            kept.options.append((name.encode(), answer.option_text(name)))
        kept.said = self._said(graph)
        folders = [os.fsdecode(state_dir), os.fsdecode(cache_dir)]
        writer = snapshot_writer.Writer(observed, graph, answer.top, folders, self._begun_ns)
        try:
            writer.fill(kept, RealDisk(state_dir))
        except snapshot_writer.Written as what:
            raise NotRecorded("fresh.refuse.written", str(what)) from what
        except snapshot_writer.Unreadable as what:
            raise NotRecorded("fresh.unreadable", str(what)) from what
        except snapshot_writer.Moved as what:
            raise NotRecorded("fresh.skip.input-moved", str(what)) from what
        # What follows is as large, and SCons's graph is still there.
        del writer
        observed.nodes.clear()
        graph.forget_files()
        recipe = recipe_writer.RecipeWriter(kept, answer, observed, self._actions)
        recipe.write(graph)
        return kept, recipe.actions

    def _said(self, graph: graph_walk.Graph) -> list[Said]:
        """Return what a run that finds all up to date prints."""
        texts = [text for text in self._output.texts if text.when != BUILDING]
        building = [text for text in self._output.texts if text.when == BUILDING]
        if self._executed:
            own = {output_observer.READING_ENDS, output_observer.BUILDING_BEGINS}
            for text in building:
                said_by_scons = (
                    text.text.startswith("scons: ") or text.text == "\n"
                )  # print() writes both
                if text.stream == STDERR or not said_by_scons:
                    raise NotRecorded("fresh.refuse.not-up-to-date", f"printed: {text.text[:80]!r}")
            first = [text for text in building if text.text.rstrip("\n") in own]
            last = [t for t in building if t.text.rstrip("\n") == output_observer.BUILDING_ENDS]
            targets = [
                output_observer.Text(stream, BUILDING, hidden, text)
                for stream, hidden, text in graph.texts
            ]
            building = [*first, *targets, *last]
        said: list[Said] = []
        for stream, when, hidden, words in (*texts, *building):
            content = words.encode("utf-8", "surrogateescape")
            last_said = said[-1] if said else None
            if last_said is not None and (stream, when, hidden) == (
                last_said.stream,
                last_said.when,
                last_said.hidden_by,
            ):
                last_said.text += content
            else:
                said.append(Said(stream, when, hidden, content))
        return said


def _clock_of_the_disk() -> int:
    """Return the file system's time, or less."""
    state = os.environ.get("INCREMENTAL_DIR") or ".incremental"
    with BUSY:
        return RealDisk(os.fsencode(os.path.abspath(os.path.expanduser(state)))).now_ns()


# --- the one recording of this process ----------------------------------------

_recorder: Optional[Recorder] = None
_over = False


def be_ready() -> None:
    """Observe from before SCons does anything, in case that a script sets the tool up."""
    _keep_duplicates()
    _start(late_start.Before)


def begin() -> None:
    """Begin to record, unless this run is not to be kept or it is too late to see all."""
    _keep_duplicates()
    _start(late_start.what_ran_before)
    if _recorder is not None:
        _recorder.wanted = True


def _keep_duplicates() -> None:
    """Patch SCons early: scripts may be linked before one of them sets the tool up."""
    if switched_off(os.environ):
        return
    try:
        from incremental_tool.scons import patches

        patches.keep_duplicates()
    except Exception as error:
        _tell("fresh.skip.unsupported", f"{type(error).__name__}: {error}")


def _asks_for_no_build() -> bool:
    """Tell whether the command line, if it has been read, asks for more or less than a build."""
    if not fast_path.ASKED:
        return False
    answer = fast_path.ASKED[-1].answer
    return answer is None or any(answer.line.neutral.get(n) for n in ("question", "no_exec"))


def _start(judge: Callable[[], late_start.Before]) -> None:
    global _recorder, _over  # noqa: PLW0603 - a process has one run
    if _recorder is not None or _over:
        return
    if os.name != "posix" or fast_path_off(os.environ):
        _over = True
        return
    try:
        if _asks_for_no_build():
            _over = True
            return
        _recorder = Recorder(judge())
        _recorder.observe(reading=bool(SCons.Script.sconscript_reading))
    except Exception as error:
        _over = True
        if _recorder is not None:
            _recorder.stop()
            _recorder = None
        _tell("fresh.skip.unsupported", f"{type(error).__name__}: {error}")


@contextmanager
def unobserved() -> Iterator[None]:
    """Do something of our own: the recording, if there is one, sees nothing of it."""
    if _recorder is None:
        yield
    else:
        with _recorder.paused():
            yield


def end(folders: Optional[tuple[bytes, bytes]]) -> None:
    """End the recording and keep it; called when SCons has written its databases.

    `folders` are those of the tool's state and store, if it has opened them.
    """
    global _recorder, _over
    recorder, _recorder, _over = _recorder, None, True
    if recorder is None:
        return
    answer = fast_path.ASKED[-1].answer if fast_path.ASKED else None
    if answer is None:
        recorder.stop()
        return
    try:
        recorder.finish(answer, folders)
    except NotRecorded as why:
        reason, detail = why.args
    except Exception as error:
        recorder.stop()
        reason, detail = "fresh.skip.unsupported", f"{type(error).__name__}: {error}"
    else:
        reason, detail = last_answer.KEPT, ""
    if reason != last_answer.KEPT:
        try:
            remembered = reason in _REMEMBERED and recorder.remember(answer, reason, detail)
            if not remembered:
                store.remove(answer.folder, answer.key)
        except (OSError, ValueError):
            pass  # it is checked against what is there anyhow
        _tell(reason, detail)
    last_answer.write(
        answer.state, last_answer.RECORDED, reason, detail, answer.key, answer.arguments
    )


def _tell(reason: str, detail: str) -> None:
    if is_on(os.environ.get("INCREMENTAL_EXPLAIN", "0")):
        sentence = Reason(reason, detail).sentence
        sys.stderr.write(f"incremental: not recorded for the next run: {sentence} [{reason}]\n")
