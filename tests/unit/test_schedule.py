"""The order in which jobs run, with work that only notes what it was asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Optional

import pytest

from incremental_tool.engine.cone import BLOCKED, FAILED, RAN, SKIPPED, WAITING, Job
from incremental_tool.engine.schedule import Interruption, run_jobs
from incremental_tool.model.recipe import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from incremental_tool.engine.schedule import Outcome


class Noted:
    """Work that says what it is told to say."""

    def __init__(self) -> None:
        self.escalation: Optional[tuple[str, str]] = None
        self.idle: set[int] = set()
        self.failing: dict[int, Outcome] = {}
        self.asked: list[int] = []
        self.known: set[int] = set()
        self.restored: list[tuple[int, threading.Thread]] = []
        self.begun: list[int] = []
        self.ended: list[tuple[int, Outcome, bool]] = []
        self.behind: list[int] = []
        self.when_begun: Callable[[int], None] = lambda number: None  # noqa: ARG005

    def is_needed(self, job: Job) -> bool:
        """See `Work`."""
        self.asked.append(job.number)
        return job.number not in self.idle

    def begin(self, job: Job) -> Optional[int]:
        """See `Work`."""
        if job.number in self.known:
            self.restored.append((job.number, threading.current_thread()))
            return 0
        return None

    def perform(self, job: Job) -> int:
        """See `Work`."""
        self.begun.append(job.number)
        self.when_begun(job.number)
        outcome = self.failing.get(job.number, 0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def finish(self, job: Job, outcome: Outcome, *, interrupted: bool) -> None:
        """See `Work`."""
        self.ended.append((job.number, outcome, interrupted))

    def passed(self, number: int) -> None:
        """See `Work`."""
        self.behind.append(number)


def jobs_of(*waits: list[int]) -> list[Job]:
    """Return jobs, each of which waits for those named by number."""
    jobs: list[Job] = []
    for number, before in enumerate(waits):
        action = Action(b"command", [], [], [], [], [])
        jobs.append(Job(number, action, set(), [jobs[at] for at in before], forced=False))
    return jobs


def run(jobs: list[Job], work: Noted, at_once: int = 1, *, keep_going: bool = False) -> bool:
    """Run jobs without a signal."""
    return run_jobs(jobs, work, at_once, Interruption(), keep_going=keep_going)


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_everything_runs_after_what_it_waits_for(at_once: int) -> None:
    """A diamond runs from its lower corner to its upper one."""
    jobs, work = jobs_of([], [0], [0], [1, 2]), Noted()

    assert run(jobs, work, at_once)
    assert sorted(work.begun) == [0, 1, 2, 3]
    assert (work.begun[0], work.begun[3]) == (0, 3)
    assert {job.state for job in jobs} == {RAN}


def test_what_has_nothing_to_do_lets_others_be_asked() -> None:
    """A skipped job counts as done: those behind it are asked themselves."""
    jobs, work = jobs_of([], [0], [1]), Noted()
    work.idle = {0, 1}

    assert run(jobs, work)
    assert work.begun == [2]
    assert [job.state for job in jobs] == [SKIPPED, SKIPPED, RAN]


def test_a_failure_ends_the_run() -> None:
    """Nothing is begun after a failure, whether it depends on it or not."""
    jobs, work = jobs_of([], [0], []), Noted()
    work.failing = {0: 3}

    assert not run(jobs, work)
    assert work.ended == [(0, 3, False)]
    assert [job.state for job in jobs] == [FAILED, BLOCKED, WAITING]


def test_going_on_after_a_failure() -> None:
    """With keep_going all that does not depend on the failure runs."""
    jobs, work = jobs_of([], [0], [1], []), Noted()
    work.failing = {0: 1}

    assert not run(jobs, work, keep_going=True)
    assert [job.state for job in jobs] == [FAILED, BLOCKED, BLOCKED, RAN]


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_exception_is_an_outcome(at_once: int) -> None:
    """What goes wrong before there is a status is told like one, in the calling thread."""
    error = PermissionError(13, "Permission denied", "out")
    jobs, work = jobs_of([], []), Noted()
    work.failing = {0: error}

    assert not run(jobs, work, at_once)
    assert (0, error, False) in work.ended


def test_as_many_at_once_as_asked_for() -> None:
    """Two jobs that wait for each other to begin both begin when two may run."""
    barrier = threading.Barrier(2, timeout=20)
    jobs, work = jobs_of([], []), Noted()
    work.when_begun = lambda number: barrier.wait() and None  # noqa: ARG005

    assert run(jobs, work, 2)


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_signal_ends_the_run(keep_going: bool) -> None:
    """What is at work when a signal comes is waited for; nothing else is begun."""
    interruption = Interruption()

    def interrupt(number: int) -> None:
        interruption.happened = number == 0

    jobs, work = jobs_of([], [], [0]), Noted()
    work.when_begun = interrupt

    assert not run_jobs(jobs, work, 1, interruption, keep_going=keep_going)
    assert work.begun == [0]
    assert work.ended == [(0, 0, True)]


def test_an_escalation_ends_the_run() -> None:
    """When SCons must go on nothing more is begun."""
    jobs, work = jobs_of([], [0]), Noted()

    def escalate(number: int) -> None:
        work.escalation = ("replay.refuse.includes", str(number))

    work.when_begun = escalate

    assert not run(jobs, work)
    assert work.begun == [0]


def test_what_is_behind_is_told_in_order() -> None:
    """It is told up to which number all jobs are over."""
    jobs, work = jobs_of([], [0], [1]), Noted()
    run(jobs, work)

    assert work.behind[:3] == [0, 1, 2]
    assert work.behind == sorted(work.behind)


@pytest.mark.parametrize("at_once", [1, 2])
def test_each_job_is_asked_about_once(at_once: int) -> None:
    """However many jobs wait for one another, none is asked about twice."""
    jobs, work = jobs_of([], *([number] for number in range(3000)), [5, 2000], []), Noted()
    work.idle = set(range(100, 3000))

    assert run_jobs(jobs, work, at_once, Interruption(), keep_going=False)
    assert sorted(work.asked) == list(range(len(jobs)))
    assert work.behind[-1] > len(jobs)
    assert {job.number for job in jobs if job.state == SKIPPED} == work.idle


def test_a_long_chain_behind_a_failure_is_blocked() -> None:
    """Every job that waits for a failed one, however far behind, is over."""
    jobs, work = jobs_of([], *([number] for number in range(3000)), []), Noted()
    work.failing = {0: 1}

    assert not run_jobs(jobs, work, 1, Interruption(), keep_going=True)
    assert [job.state for job in jobs] == [FAILED, *[BLOCKED] * 3000, RAN]


def test_known_results_need_no_thread() -> None:
    """What needs no other process is done in the calling thread, whatever runs beside it."""
    jobs, work = jobs_of([], *([] for _ in range(50)), [3, 4]), Noted()
    work.known = set(range(1, 52))
    restored_before = threading.Event()
    work.when_begun = lambda _: None if restored_before.wait(10) else pytest.fail("blocked")
    known = work.known
    take_note = work.finish

    def finish(job: Job, outcome: Outcome, *, interrupted: bool) -> None:
        take_note(job, outcome, interrupted=interrupted)
        if len(work.restored) == len(known):
            restored_before.set()

    work.finish = finish  # type: ignore[method-assign] # to see what was done meanwhile

    assert run_jobs(jobs, work, 2, Interruption(), keep_going=False)
    assert work.begun == [0]
    assert {thread for _, thread in work.restored} == {threading.current_thread()}
    assert len(work.ended) == len(jobs)


def test_no_more_threads_than_jobs_at_a_time() -> None:
    """Fifty jobs, two at a time, are performed by at most two threads, which end with the run."""
    threads = set()
    jobs, work = jobs_of(*([] for _ in range(50))), Noted()
    work.when_begun = lambda _: threads.add(threading.current_thread())

    assert run(jobs, work, 2)
    threads.discard(threading.current_thread())  # the last job needs no other
    for thread in threads:
        thread.join(10)
    assert 0 < len(threads) <= 2
    assert not any(thread.is_alive() for thread in threads)
