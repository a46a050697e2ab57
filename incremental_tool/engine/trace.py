"""A run's commands as Chrome's trace events: what ran when, in which thread, and why.

`INCREMENTAL_TRACE=FILE` asks for it. Each command is one complete event ("X") in the array form
of the Trace Event Format, which Perfetto and chrome://tracing read: a restore lasts from the
lookup until its outputs are in place, any other from the command's start until its result is
stored. Without the variable there is no `Trace`, and nothing is measured.

One process has one trace for a file: SCons may go on where a replay has ended, and what
either has run is told.

Knows nothing of what runs commands.
"""

from __future__ import annotations

import json
import os
import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Optional

from incremental_tool.base.atomic import replace_file
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from typing import Union

    from incremental_tool.engine.plan import Request

_OUTCOMES = {"miss": "stored", "refuse": "refused"}
"""What a command came to, by the second part of its reason's id; "not_stored" for any other."""

_TRACES: dict[bytes, Trace] = {}


def trace_to(path: bytes) -> Optional[Trace]:
    """Return this process's trace for a file; None for no file."""
    return _TRACES.setdefault(path, Trace(path)) if path else None


class _Begun:
    """A command that is being looked up, or run, or that waits to be run."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.began = perf_counter_ns()
        self.kind = "other"
        self.outcome: Union[str, Reason] = ""


class _Current(threading.local):
    """What the present thread is at."""

    command: Optional[_Begun] = None


class Trace:
    """The events of one run; safe to use from several threads."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._origin = perf_counter_ns()
        self._mutex = threading.Lock()
        self._current = _Current()
        self._waiting: dict[int, _Begun] = {}
        self._threads: dict[int, int] = {}
        self._events: list[dict[str, Any]] = []

    def begin(self, request: Request) -> None:
        """Begin to look a command up, in the present thread."""
        self._current.command = _Begun(request)

    def note_kind(self, kind: str) -> None:
        """Note what kind of command the present thread is at."""
        if self._current.command is not None:
            self._current.command.kind = kind

    def note_outcome(self, outcome: Union[str, Reason]) -> None:
        """Note what became of the command that the present thread is at; the last note counts."""
        if self._current.command is not None:
            self._current.command.outcome = outcome

    def looked_up(self, missed: Optional[object]) -> None:
        """End the event if the command was restored; else it waits for `run` with that object."""
        command = self._current.command
        if command is None:
            return
        if missed is None:
            self.end(0)
            return
        self._current.command = None
        with self._mutex:
            self._waiting[id(missed)] = command

    def run(self, missed: object) -> None:
        """Begin to run a command that was looked up, in the present thread."""
        with self._mutex:
            command = self._waiting.pop(id(missed), None)
        if command is not None:
            command.began = perf_counter_ns()
        self._current.command = command

    def end(self, status: int) -> None:
        """Note the present thread's command as an event."""
        command, self._current.command = self._current.command, None
        if command is None:
            return
        ended = perf_counter_ns()
        told = command.outcome
        if isinstance(told, Reason):
            outcome = _OUTCOMES.get(told.id.split(".")[1], "not_stored")
            reason = f"{told.sentence} [{told.id}]"
        else:
            outcome, reason = told or "not_stored", ""
        request = command.request
        about: dict[str, Any] = {"command": request.text, "outcome": outcome, "reason": reason}
        if status:
            about["status"] = status
        with self._mutex:
            thread = self._threads.setdefault(threading.get_ident(), len(self._threads) + 1)
            self._events.append(
                {
                    "name": os.fsdecode(request.targets[0]) if request.targets else "(no target)",
                    "cat": command.kind,
                    "ph": "X",
                    "ts": (command.began - self._origin) / 1000,
                    "dur": (ended - command.began) / 1000,
                    "pid": os.getpid(),
                    "tid": thread,
                    "args": about,
                }
            )

    def write(self) -> None:
        """Write the file anew, whole. Raises OSError."""
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise OSError("not a regular file")
        with self._mutex:
            lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in self._events)
        # A byte that is no UTF-8 becomes an escape of JSON's own, as in `compile_commands.json`.
        replace_file(self._path, f"[\n{lines}\n]\n".encode("utf-8", "backslashreplace"))
