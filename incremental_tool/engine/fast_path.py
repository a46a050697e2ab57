"""The fast path: answer a run before a script is read, or say why SCons must.

What every door does, in `iscons`, from `site_init.py` and from the first tool of
an SConstruct: read the command line, load the answer's snapshot, check it, note
how the run was answered, print what SCons would have printed. Where only inputs
have changed, a replay (`engine.replay`) does what SCons would have done.

Whatever goes wrong in here is a reason for a full run, never an error.

Knows nothing of how the process goes on.
"""

from __future__ import annotations

import gc
import os
import sys

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.engine.freshness import Fresh, RealLook, Stale, check, circumstances
from incremental_tool.model.answer import answer_for
from incremental_tool.model.snapshot import (
    BUILDING,
    HIDDEN_NO_PROGRESS,
    HIDDEN_QUESTION,
    HIDDEN_SILENT,
    READING,
    STARTING,
    STDERR,
    STDOUT,
)
from incremental_tool.model.switch import is_on, replay_off
from incremental_tool.store import last_answer, snapshot

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incremental_tool.engine.replay import Replay
    from incremental_tool.model.answer import Answer, CommandLine
    from incremental_tool.model.snapshot import Said

BEFORE_SCONS, BEFORE_SCRIPTS, IN_SCRIPT = 0, 1, 2
"""The doors: what has been done and printed when the question is asked."""


class Asked:
    """An answer that was asked for (None where that cannot be told), and the verdict on it.

    `replay` is what can be done instead of a full run, where only inputs have changed.
    """

    __slots__ = ("answer", "replay", "verdict")

    def __init__(
        self, answer: Answer | None, verdict: Fresh | Stale, replay: Replay | None = None
    ) -> None:
        self.answer = answer
        self.verdict = verdict
        self.replay = replay


ASKED: list[Asked] = []
"""What this process has asked: it runs one command line, and asks once.

A build that is recorded is recorded for the answer asked for here, so that both have one key.
"""


def ask(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    start: str,
    python_path: Sequence[str],
    scons_folder: str,
    door: int,
    *,
    replaying: bool = False,
) -> Asked:
    """Decide whether a run needs SCons; changes nothing but the note of how it was answered.

    With `replaying` it is also found out whether a replay can take SCons's place.

    Arguments as of `model.answer.answer_for`; `scons_folder` is where the package SCons lies.
    """
    try:
        answer = answer_for(arguments, environment, start, python_path, os.path.isfile)
    except (OSError, ValueError) as error:  # a NUL in a name, a folder that is gone
        return _told(Asked(None, Stale("fresh.unreadable", str(error))), environment)
    if isinstance(answer, tuple):
        return _told(Asked(None, Stale(*answer)), environment)
    replay = None
    verdict: Fresh | Stale
    try:
        verdict, replay = _verdict(answer, scons_folder, door, replaying=replaying)
    except CorruptRecord as error:
        verdict = Stale("fresh.damaged", str(error))
    except (OSError, ValueError) as error:
        verdict = Stale("fresh.unreadable", str(error))
    asked = Asked(answer, verdict, replay)
    if isinstance(verdict, Fresh):
        note = (last_answer.FRESH, "")
    elif replay is not None:
        note = (last_answer.REPLAYED, verdict.detail)
    else:
        note = (verdict.reason, verdict.detail)
    last_answer.write(answer.state, last_answer.ANSWERED, *note, answer.key, answer.arguments)
    return _told(asked, environment)


def _verdict(
    answer: Answer, scons_folder: str, door: int, *, replaying: bool
) -> tuple[Fresh | Stale, Replay | None]:
    recorded = snapshot.load(answer.folder, answer.key)
    if recorded is None:
        return Stale("fresh.new"), None
    if door == IN_SCRIPT and any(said.when == READING for said in recorded.said):
        return Stale("fresh.printed"), None
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(answer.top)
        now = circumstances(os.fsencode(scons_folder))
        look = RealLook()
        verdict = check(answer, recorded, os.environb, now, look)
        if isinstance(verdict, Stale) and verdict.changed is not None and replaying:
            from incremental_tool.engine import replay

            found = replay.prepare(answer, recorded, verdict.changed, os.environb, look)
            return (found, None) if isinstance(found, Stale) else (verdict, found)
        return verdict, None
    finally:
        os.fchdir(home)
        os.close(home)


def _told(asked: Asked, environment: Mapping[str, str]) -> Asked:
    """Keep the verdict, and print it when that is asked for; damage always."""
    ASKED.append(asked)
    explain = is_on(environment.get("INCREMENTAL_EXPLAIN", "0"))
    verdict = asked.verdict
    if isinstance(verdict, Fresh):
        if explain:
            sys.stderr.write("incremental: everything that this answer depended on is as it was\n")
    elif asked.replay is not None:
        if explain:
            sys.stderr.write(
                f"incremental: no script is read: only inputs changed: {verdict.detail}\n"
            )
    elif explain or verdict.reason == "fresh.damaged":
        from incremental_tool.model.reason import Reason

        sentence = Reason(verdict.reason, verdict.detail).sentence
        sys.stderr.write(f"incremental: SCons reads its scripts: {sentence} [{verdict.reason}]\n")
    return asked


def texts(
    said: Sequence[Said], line: CommandLine, door: int, hidden: int = 0
) -> list[tuple[int, str]]:
    """Return what is printed from here on under the options given: (stream, text), in order.

    `hidden` adds options to those of the command line.
    """
    hidden |= HIDDEN_NO_PROGRESS if line.neutral.get("no_progress") else 0
    hidden |= HIDDEN_SILENT if line.neutral.get("silent") else 0
    hidden |= HIDDEN_QUESTION if line.neutral.get("question") else 0
    return [
        (one.stream, one.text.decode("utf-8", "surrogateescape"))
        for one in said
        if not one.hidden_by & hidden and not (door == IN_SCRIPT and one.when == STARTING)
    ]


def entering(answer: Answer) -> str:
    """Return what SCons prints when it goes to another folder than the one it was started in."""
    if answer.top == answer.start or answer.line.neutral.get("silent"):
        return ""
    return f"scons: Entering directory `{answer.top}'\n"


def _show_figures(wish: str) -> None:
    """Print the figures of a run that did nothing, as a full run would print its own."""
    if wish != "json" and not is_on(wish):
        return
    from incremental_tool.engine import statistics

    figures = statistics.Statistics().snapshot()
    if wish == "json":
        import json

        sys.stdout.write(json.dumps(figures, sort_keys=True) + "\n")
    else:
        title = "Build statistics (no script was read)"
        sys.stdout.write(statistics.render(figures, title) + "\n")
    sys.stdout.flush()


def _trace_nothing(top: str, environment: Mapping[str, str]) -> None:
    """Write the trace of a run that did nothing: an older one would be taken for this run's."""
    from incremental_tool.engine.settings import trace_file
    from incremental_tool.engine.trace import Trace

    try:
        Trace(trace_file(top, environment)).write()
    except OSError as error:
        said = error.strerror or error
        sys.stderr.write(f"incremental: INCREMENTAL_TRACE cannot be written: {said}\n")


def answer(
    arguments: Sequence[str], start: str, python_path: Sequence[str], scons_folder: str, door: int
) -> int | None:
    """Answer a run: print what SCons would and return the exit status, or None if SCons must run.

    With `INCREMENTAL_AUDIT=1` SCons is asked as well, and the status is its.
    """
    collecting = gc.isenabled()
    gc.disable()  # what is loaded here is no garbage, and looking for some doubles a replay's work
    try:
        return _answer(arguments, start, python_path, scons_folder, door)
    finally:
        if collecting:
            gc.enable()


def _answer(
    arguments: Sequence[str], start: str, python_path: Sequence[str], scons_folder: str, door: int
) -> int | None:
    environment = os.environ
    replaying = not replay_off(environment)
    asked = ask(arguments, environment, start, python_path, scons_folder, door, replaying=replaying)
    if asked.replay is not None:
        return _replayed(asked.replay, door)
    if not isinstance(asked.verdict, Fresh):
        return None
    if is_on(environment.get("INCREMENTAL_AUDIT", "0")):
        from incremental_tool.engine.audit import audit

        status = audit(asked, python_path)
        if status:
            return status
    say(asked, door)
    if environment.get("INCREMENTAL_TRACE") and asked.answer is not None:
        _trace_nothing(asked.answer.top, environment)
    _show_figures(environment.get("INCREMENTAL_STATS", "0").strip().lower())
    return 0


def _replayed(replay: Replay, door: int) -> int | None:
    """Do what an edit made necessary; return the exit status, or None if SCons must go on."""
    answer = replay.answer
    before = [said for said in replay.snapshot.said if said.when != BUILDING]
    printed = texts(before, answer.line, door)
    if door == BEFORE_SCONS:
        printed.insert(0, (STDOUT, entering(answer)))
    _print(printed)
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(answer.top)
        status = replay.run()
    finally:
        os.fchdir(home)
        os.close(home)
    if replay.escalation is not None:
        _told(Asked(answer, Stale(*replay.escalation)), os.environ)
        from incremental_tool.engine.said_before import leave_out

        leave_out([*printed, (STDOUT, replay.opened)], replay.told)
    return status


def say(asked: Asked, door: int) -> None:
    """Print what SCons would have printed from here on; the verdict is Fresh."""
    answer, verdict = asked.answer, asked.verdict
    if answer is None or not isinstance(verdict, Fresh):
        return
    if door == BEFORE_SCONS:
        sys.stdout.write(entering(answer))
    _print(texts(verdict.said, answer.line, door))


def _print(printed: Sequence[tuple[int, str]]) -> None:
    for stream, text in printed:
        if stream == STDERR:
            sys.stdout.flush()
            sys.stderr.write(text)
            sys.stderr.flush()
        else:
            sys.stdout.write(text)
    sys.stdout.flush()
