"""Runs jobs in the order of what they depend on, several at once, as SCons does.

What needs no other process (a result that is in the cache) is done in the calling thread:
Python runs one thread at a time, and having several wait for one another costs four times the
work. A single job that is ready, with none at work beside it, runs there, too: most
edits set off a chain, which needs no threads at all. After a
failure nothing new is begun, unless the run is to keep going; what depends on a
failed job is never begun. A signal ends the run likewise: what is at work is
waited for, for it was told, too.

Deciding and finishing happen in the calling thread, one job at a time.
Knows nothing of what a job does.
"""

from __future__ import annotations

import signal
import threading
from heapq import heappop, heappush
from queue import SimpleQueue

from incremental_tool.engine.cone import BLOCKED, FAILED, RAN, RUNNING, SKIPPED, WAITING

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any, Optional, Protocol, Union

    from incremental_tool.engine.cone import Job

    Outcome = Union[int, Exception]
    """What came of a job: an exit status, or what went wrong before there was one."""
else:
    Protocol = object

_OVER = (RAN, SKIPPED, FAILED, BLOCKED)
_END = 1 << 62


class Work(Protocol):
    """What the schedule asks of whoever knows the jobs.

    `escalation` is set when nothing more is to be begun.
    """

    escalation: Optional[tuple[str, str]]

    def is_needed(self, job: Job) -> bool:
        """Tell whether a job, all of whose dependencies are done, has anything to do."""

    def begin(self, job: Job) -> Optional[int]:
        """Do what needs no other process; return an exit status, or None if there is more to do."""

    def perform(self, job: Job) -> int:
        """Do the rest, in any thread; return an exit status."""

    def finish(self, job: Job, outcome: Outcome, *, interrupted: bool) -> None:
        """Take note of the outcome."""

    def passed(self, number: int) -> None:
        """Take note that every job with a smaller number is over."""


class Interruption:
    """Signals that end a run, noted instead of raised, as SCons does; a context manager."""

    def __init__(self) -> None:
        self.happened = False
        self._before: list[tuple[int, Any]] = []

    def __enter__(self) -> Interruption:  # noqa: PYI034 - Self is younger than Python 3.9
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._before.append((number, signal.signal(number, self._note)))
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of handlers
        self.happened = True

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def run_jobs(
    jobs: Sequence[Job],
    work: Work,
    at_once: int,
    interruption: Interruption,
    *,
    keep_going: bool,
) -> bool:
    """Run the jobs, which come in the order of building; tell whether all went well."""
    results: SimpleQueue[tuple[Job, Outcome]] = SimpleQueue()
    workers = _Workers(work, results)
    queue = _Queue(jobs, work)
    running = 0
    well = True
    while True:
        going_on = (well or keep_going) and not interruption.happened and work.escalation is None
        if going_on:
            work.passed(queue.first_unfinished())
        ready = going_on and bool(queue.ready) and running < at_once
        if running and not (ready and results.empty()):
            job, outcome = results.get()
            running -= 1
        elif ready:
            job = queue.take()
            begun = _begun(work, job)
            if begun is None and at_once > 1 and (running or queue.ready):
                running += 1
                workers.perform(job, running)
                continue
            outcome = _performed(work, job) if begun is None else begun
        else:
            break
        job.state = RAN if outcome == 0 else FAILED
        well = well and outcome == 0
        work.finish(job, outcome, interrupted=interruption.happened)
        queue.settle(job)
    workers.end()
    return well and not interruption.happened and work.escalation is None


class _Queue:
    """The jobs that can begin, in the order of building; each job is asked about once."""

    def __init__(self, jobs: Sequence[Job], work: Work) -> None:
        self._jobs = jobs
        self._work = work
        self._users: dict[int, list[Job]] = {}
        self._waiting_for: dict[int, int] = {}
        self._over = 0
        self.ready: list[tuple[int, Job]] = []
        """A heap of numbers and jobs."""
        for job in jobs:
            self._waiting_for[job.number] = len(job.waits)
            for other in job.waits:
                self._users.setdefault(other.number, []).append(job)
        for job in jobs:
            if not job.waits:
                self._offer(job)

    def take(self) -> Job:
        """Return the first job that can begin; it is running from now on."""
        job = heappop(self.ready)[1]
        job.state = RUNNING
        return job

    def first_unfinished(self) -> int:
        """Return the number of the first job that is not over."""
        while self._over < len(self._jobs) and self._jobs[self._over].state in _OVER:
            self._over += 1
        return self._jobs[self._over].number if self._over < len(self._jobs) else _END

    def settle(self, job: Job) -> None:
        """Tell those that wait for a job that it is over; some of them may be over thereby."""
        over = [job]
        while over:
            done = over.pop()
            in_vain = done.state in (FAILED, BLOCKED)
            for user in self._users.get(done.number, ()):
                self._waiting_for[user.number] -= 1
                if user.state != WAITING:
                    continue
                if in_vain:
                    user.state = BLOCKED
                    over.append(user)
                elif not self._waiting_for[user.number] and not self._is_ready(user):
                    over.append(user)

    def _offer(self, job: Job) -> None:
        if job.state == WAITING and not self._is_ready(job):
            self.settle(job)

    def _is_ready(self, job: Job) -> bool:
        """Queue a job, all of whose dependencies are done, unless it has nothing to do."""
        if self._work.is_needed(job):
            heappush(self.ready, (job.number, job))
            return True
        job.state = SKIPPED
        return False


def _begun(work: Work, job: Job) -> Optional[Outcome]:
    try:
        return work.begin(job)
    except Exception as error:  # told as SCons tells what goes wrong in a target
        return error


def _performed(work: Work, job: Job) -> Outcome:
    try:
        return work.perform(job)
    except Exception as error:  # as above
        return error


class _Workers:
    """Threads that perform jobs: as many as there have been jobs at a time."""

    def __init__(self, work: Work, results: SimpleQueue[tuple[Job, Outcome]]) -> None:
        self._work = work
        self._results = results
        self._jobs: SimpleQueue[Optional[Job]] = SimpleQueue()
        self._threads = 0

    def perform(self, job: Job, at_once: int) -> None:
        """Perform a job in another thread; with it, so many are performed now."""
        self._jobs.put(job)
        if self._threads < at_once:
            self._threads += 1
            threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Let the threads go, when no job is performed any more."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._results.put((job, _performed(self._work, job)))
