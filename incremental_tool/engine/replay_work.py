"""One replay's jobs at work: what is removed, printed, run and looked at.

Everything is printed as SCons prints it: the recorded texts, errors with the name
of the target, "is up to date" for what was asked for and had nothing to do.

Signatures are taken in the calling thread when a job is over; the commands run in
whatever thread the schedule gives them.
"""

from __future__ import annotations

import os
import stat
import sys

from incremental_tool.engine.command_cache import clear
from incremental_tool.engine.cone import BLOCKED, FAILED, RAN
from incremental_tool.engine.kept_times import KeptTimes
from incremental_tool.engine.plan import Declared, Request
from incremental_tool.engine.without_shell import WithoutShell
from incremental_tool.model.directives import digest_of_directives, find_directives
from incremental_tool.model.file_action import COMBINE, LITERAL, FileAction
from incremental_tool.model.reason import Reason
from incremental_tool.model.recipe import (
    FUNCTION,
    INSTALL,
    NEVER_SCANNED,
    OTHER_ROLE,
    RUN,
    SCANNED_OTHERWISE,
    SHOW,
)
from incremental_tool.model.snapshot import HIDDEN_NO_PROGRESS, HIDDEN_SILENT
from incremental_tool.store.signature import Signature

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.command_cache import CommandCache, Missed
    from incremental_tool.engine.cone import Job
    from incremental_tool.engine.replay import Replay
    from incremental_tool.engine.schedule import Outcome
    from incremental_tool.model.recipe import Action
else:
    from incremental_tool.base.named_tuple import NamedTuple


OPENING = b"scons: done reading SConscript files.\nscons: Building targets ...\n"
CLOSING = b"scons: done building targets.\n"
FAILED_BUILD = b"scons: building terminated because of errors.\n"
FAILED_GOING_ON = b"scons: done building targets (errors occurred during build).\n"
"""What SCons says of its progress: before the first job, and at the end, as it went."""

_KEEPING = frozenset({b"compile", b"link"})
"""Kinds that write their target anew: the old one may stay in place until the new is known."""


class _Begun(NamedTuple):
    """A job at the first of its commands for which no result is known: that step's number.

    `literal` are its steps that are functions of SCons's.
    """

    number: int
    request: Request
    missed: Missed
    literal: dict[bytes, Callable[[], object]]


class NotReplayed(Exception):  # noqa: N818 - it names a verdict
    """Why SCons must do a job after all, of which nothing has been done: a reason and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Replaying:
    """The work of one replay; see `engine.schedule.Work`."""

    def __init__(self, replay: Replay, commands: Optional[CommandCache]) -> None:
        self._replay = replay
        self._commands = commands
        self._paths = replay.snapshot.files.paths
        neutral = replay.answer.line.neutral
        self._silent = bool(neutral.get("silent"))
        self._hidden = HIDDEN_SILENT if self._silent else 0
        self._hidden |= HIDDEN_NO_PROGRESS if neutral.get("no_progress") else 0
        self._directory = os.fsencode(replay.answer.top)
        self._without_shell = WithoutShell(self._directory)
        self._terminal = sys.stderr.isatty()
        self._begun: dict[int, _Begun] = {}
        self._said = 0
        self.signatures: dict[int, Signature] = {
            at: one.signature for at, one in replay.inputs.items()
        }
        self.statuses: dict[int, os.stat_result] = {}
        self._built: set[int] = set()
        self._times = KeptTimes(replay.database, replay.cache.disk)
        self.escalation: Optional[tuple[str, str]] = None

    # --- printing -----------------------------------------------------------------

    def progress(self, text: bytes) -> str:
        """Print one of SCons's messages about its progress; return what was printed."""
        if self._hidden:
            return ""
        self._print(text)
        return text.decode()

    @staticmethod
    def _print(text: bytes) -> None:
        sys.stdout.write(text.decode("utf-8", "surrogateescape"))
        sys.stdout.flush()

    def tell_interrupted(self) -> None:
        """Print what SCons says when a signal has ended the build."""
        if not self._hidden:
            sys.stderr.write("scons: Build interrupted.\n")
            sys.stderr.flush()

    def passed(self, number: int) -> None:
        """See `Work.passed`."""
        tops = self._replay.recipe.tops
        while self._said < len(tops) and tops[self._said].position <= number:
            top = tops[self._said]
            self._said += 1
            if not top.hidden_by & self._hidden and not self._is_done(top.files, top.folders):
                self._print(top.text)

    def told(self) -> set[str]:
        """Return what SCons is not to tell of targets: what was told, or has had work done."""
        return {
            top.text.decode("utf-8", "surrogateescape")
            for number, top in enumerate(self._replay.recipe.tops)
            if number < self._said or self._is_done(top.files, top.folders)
        }

    def _is_done(self, files: list[int], folders: list[bytes]) -> bool:
        starts = tuple(b"" if folder == b"." else folder + b"/" for folder in folders)
        for job in self._replay.jobs:
            if job.state not in (RAN, FAILED, BLOCKED):
                continue
            for at in job.action.outputs:
                if at in files or (starts and self._paths[at].startswith(starts)):
                    return True
        return False

    # --- the schedule's questions ---------------------------------------------------

    def is_needed(self, job: Job) -> bool:
        """See `Work.is_needed`: SCons's content decision."""
        if job.forced:
            return True
        lessons = self._replay.lessons
        if lessons is not None and lessons.is_other(job):
            return True
        recorded = self._replay.recorded[job.number]
        for at in job.changed:
            signature = self.signatures.get(at)
            if signature is not None and recorded.get(self._paths[at]) != signature.csig:
                return True
        return False

    def begin(self, job: Job) -> Optional[int]:
        """See `Work.begin`: as far as results are known."""
        action = job.action
        outputs = [self._paths[at] for at in action.outputs]
        removable = [] if b"precious" in action.flags else outputs
        literal = self._literal_steps(job, outputs[0])
        self._times.begin(job, outputs)
        runs = sum(step[:1] == RUN for step in action.steps)
        # Of the commands for a library the first, where it runs, removes what is there.
        keeps = runs > 0 if action.kind == b"archive" else runs == 1 and action.kind in _KEEPING
        if not keeps:
            clear(removable)
            removable = []
        for number, step in enumerate(action.steps):
            if step[:1] == RUN:
                request = self._request(job, step[1:], outputs, removable)
                missed = self._runner().begin(request)
                if missed is not None:
                    self._begun[job.number] = _Begun(number, request, missed, literal)
                    return None
                removable = []  # the next one goes on from what this one has made
            else:
                self._do(action, step, literal)
        return 0

    def perform(self, job: Job) -> int:
        """See `Work.perform`: the command for which no result is known, and those behind it."""
        begun = self._begun.pop(job.number)
        request = begun.request
        status = self._finish(job, request, begun.missed)
        for step in job.action.steps[begun.number + 1 :]:
            if status:
                break
            if step[:1] == RUN:
                request = self._request(job, step[1:], request.targets, [])
                missed = self._runner().begin(request)
                status = 0 if missed is None else self._finish(job, request, missed)
            else:
                self._do(job.action, step, begun.literal)
        return status

    def _runner(self) -> CommandCache:
        assert self._commands is not None  # noqa: S101 - only a rehearsal has none
        return self._commands

    def _literal_steps(self, job: Job, target: bytes) -> dict[bytes, Callable[[], object]]:
        """Return what does the steps that are functions of SCons's, before anything is done."""
        steps = [step for step in job.action.steps if step.startswith(LITERAL)]
        if not steps:
            return {}
        from incremental_tool.engine.file_actions import NotText, prepared

        try:
            return {
                step: self._combining(job, action, target)
                if (action := FileAction.of_step(step)).name == COMBINE
                else prepared(action, target)
                for step in steps
            }
        except NotText as why:
            raise NotReplayed("replay.refuse.function", str(why)) from None

    def _combining(self, job: Job, action: FileAction, target: bytes) -> Callable[[], object]:
        """Return what writes a combined file. Raises OSError or NotReplayed."""
        from incremental_tool.model.combination import Cannot, combination_of

        files = [self._paths[at] for at in job.action.sources]
        try:
            combination = combination_of(**action.keywords)
            if len(combination.paths) != len(files):
                raise NotReplayed("replay.refuse.function", "its sections are not its sources")
            return self._replay.cache.combining.prepare(target, combination, files)
        except Cannot as why:
            raise NotReplayed("replay.refuse.function", str(why)) from None

    def _do(self, action: Action, step: bytes, literal: dict[bytes, Callable[[], object]]) -> None:
        """Do a step that is no command."""
        if step[:1] == SHOW and not self._silent:
            self._print(step[1:] + b"\n")
        elif step == INSTALL:
            for at, output in zip(action.sources, action.outputs):
                _install(self._paths[at], self._paths[output])
        elif step in literal:
            literal[step]()

    def _finish(self, job: Job, request: Request, missed: Missed) -> int:
        def plain() -> int:
            environment = self._replay.environments[job.action.setting]
            return self._without_shell.run(request.shell, request.text, environment)

        return self._runner().finish(request, missed, plain)

    def _request(
        self, job: Job, line: bytes, outputs: list[bytes], removable: list[bytes]
    ) -> Request:
        setting = self._replay.recipe.settings[job.action.setting]
        return Request(
            text=line.decode("utf-8", "surrogateescape"),
            shell=os.fsdecode(setting.shell),
            environment=self._replay.environments[job.action.setting],
            targets=outputs,
            side_effects=[],
            removable=removable,
            fresh_inputs=[self._paths[at] for at in job.changed if at in self._built],
            directory=self._directory,
            mode=os.fsdecode(setting.mode),
            declared=lambda: self._declared(job),
            refusal=None,
            terminal=self._terminal,
        )

    def _declared(self, job: Job) -> Union[Declared, Reason]:
        """Return what a command reads by the user's word, as SCons's side would."""
        if sum(step[:1] in (RUN, FUNCTION) for step in job.action.steps) != 1:
            return Reason("zir.refuse.several-commands")
        return Declared([self._paths[at] for at in dict.fromkeys(job.inputs)], [])

    def finish(self, job: Job, outcome: Outcome, *, interrupted: bool) -> None:
        """See `Work.finish`."""
        if isinstance(outcome, NotReplayed):
            self.escalation = outcome.reason, outcome.detail
            return
        if outcome != 0:
            self._tell_failed(job, outcome, interrupted=interrupted)
            return
        cache = self._replay.cache
        for at in job.action.outputs:
            path = self._paths[at]
            cache.files.forget(path)
            self._built.add(at)
            try:
                status = cache.disk.stat(path)
            except OSError:
                continue  # SCons does not ask either; the database says what was there
            csig = cache.signature(path, status)
            if csig is not None:
                status = self._times.put_back(job, path, status, csig) or status
                self.signatures[at] = Signature(csig, int(status.st_mtime), status.st_size)
                self.statuses[at] = status
                self._check_directives(at, path)

    def _check_directives(self, at: int, path: bytes) -> None:
        """Let SCons go on, if it would find other dependencies in what has just been made."""
        known = self._replay.recipe.directives[8 * at : 8 * at + 8]
        if known in (NEVER_SCANNED, OTHER_ROLE):
            return
        found = find_directives(self._replay.cache.disk.read(path))
        if known == SCANNED_OTHERWISE or found is None or digest_of_directives(found) != known:
            self.escalation = ("replay.refuse.includes", os.fsdecode(path))

    def _tell_failed(self, job: Job, outcome: Outcome, *, interrupted: bool) -> None:
        name = os.fsdecode(self._paths[job.action.outputs[0]])
        if interrupted:
            why = "Build interrupted."
        elif isinstance(outcome, OSError):
            why = outcome.strerror or str(outcome)
            why = f"{os.fsdecode(outcome.filename)}: {why}" if outcome.filename else why
        else:
            why = f"Error {outcome}" if isinstance(outcome, int) else str(outcome)
        sys.stdout.flush()
        sys.stderr.write(f"scons: *** [{name}] {why}\n")
        sys.stderr.flush()


def _install(source: bytes, target: bytes) -> None:
    """Copy a file as SCons's Install does. Raises OSError."""
    import shutil

    shutil.copy2(source, target)
    os.chmod(target, stat.S_IMODE(os.stat(source).st_mode) | stat.S_IWRITE)
