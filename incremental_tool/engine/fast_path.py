"""The fast path: answer a run before a script is read, or say why SCons must.

What every door does, in `iscons`, from `site_init.py` and from the first tool of
an SConstruct: read the command line, load the answer's snapshot, check it, note
how the run was answered, print what SCons would have printed.

Whatever goes wrong in here is a reason for a full run, never an error.

Knows nothing of how the process goes on.
"""

from __future__ import annotations

import os
import sys

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.engine.freshness import Fresh, RealLook, Stale, check, circumstances
from incremental_tool.model.answer import answer_for
from incremental_tool.model.snapshot import (
    HIDDEN_NO_PROGRESS,
    HIDDEN_QUESTION,
    HIDDEN_SILENT,
    READING,
    STARTING,
    STDERR,
)
from incremental_tool.model.switch import is_on
from incremental_tool.store import last_answer, snapshot

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incremental_tool.model.answer import Answer, CommandLine
    from incremental_tool.model.snapshot import Said

BEFORE_SCONS, BEFORE_SCRIPTS, IN_SCRIPT = 0, 1, 2
"""The doors: what has been done and printed when the question is asked."""


class Asked:
    """An answer that was asked for (None where that cannot be told), and the verdict on it."""

    __slots__ = ("answer", "verdict")

    def __init__(self, answer: Answer | None, verdict: Fresh | Stale) -> None:
        self.answer = answer
        self.verdict = verdict


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
) -> Asked:
    """Decide whether a run needs SCons; changes nothing but the note of how it was answered.

    Arguments as of `model.answer.answer_for`; `scons_folder` is where the package SCons lies.
    """
    try:
        answer = answer_for(arguments, environment, start, python_path, os.path.isfile)
    except (OSError, ValueError) as error:  # a NUL in a name, a folder that is gone
        return _told(Asked(None, Stale("fresh.unreadable", str(error))), environment)
    if isinstance(answer, tuple):
        return _told(Asked(None, Stale(*answer)), environment)
    try:
        verdict = _verdict(answer, scons_folder, door)
    except CorruptRecord as error:
        verdict = Stale("fresh.damaged", str(error))
    except (OSError, ValueError) as error:
        verdict = Stale("fresh.unreadable", str(error))
    asked = Asked(answer, verdict)
    if isinstance(verdict, Fresh):
        note = (last_answer.FRESH, "")
    else:
        note = (verdict.reason, verdict.detail)
    last_answer.write(answer.state, last_answer.ANSWERED, *note, answer.key, answer.arguments)
    return _told(asked, environment)


def _verdict(answer: Answer, scons_folder: str, door: int) -> Fresh | Stale:
    recorded = snapshot.load(answer.folder, answer.key)
    if recorded is None:
        return Stale("fresh.new")
    if door == IN_SCRIPT and any(said.when == READING for said in recorded.said):
        return Stale("fresh.printed")
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(answer.top)
        now = circumstances(os.fsencode(scons_folder))
        return check(answer, recorded, os.environb, now, RealLook())
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


def answer(
    arguments: Sequence[str], start: str, python_path: Sequence[str], scons_folder: str, door: int
) -> int | None:
    """Answer a run: print what SCons would and return the exit status, or None if SCons must run.

    With `INCREMENTAL_AUDIT=1` SCons is asked as well, and the status is its.
    """
    environment = os.environ
    asked = ask(arguments, environment, start, python_path, scons_folder, door)
    if not isinstance(asked.verdict, Fresh):
        return None
    if is_on(environment.get("INCREMENTAL_AUDIT", "0")):
        from incremental_tool.engine.audit import audit

        status = audit(asked, python_path)
        if status:
            return status
    say(asked, door)
    _show_figures(environment.get("INCREMENTAL_STATS", "0").strip().lower())
    return 0


def say(asked: Asked, door: int) -> None:
    """Print what SCons would have printed from here on; the verdict is Fresh."""
    answer, verdict = asked.answer, asked.verdict
    if answer is None or not isinstance(verdict, Fresh):
        return
    if door == BEFORE_SCONS:
        sys.stdout.write(entering(answer))
    for stream, text in texts(verdict.said, answer.line, door):
        if stream == STDERR:
            sys.stdout.flush()
            sys.stderr.write(text)
            sys.stderr.flush()
        else:
            sys.stdout.write(text)
    sys.stdout.flush()
