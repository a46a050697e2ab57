"""A replay in which nothing is done: `-n` tells what would be run, `-q` whether anything would.

SCons decides by what lies on the disk, and nothing on it changes: what depends on something
that would be made anew is told only if that is missing, or if something else it depends
on has changed. So does this. Neither SCons's database nor the snapshot is written.

Knows nothing of how commands are run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from incremental_tool.engine.replay_work import (
    CLOSING,
    FAILED_BUILD,
    FAILED_GOING_ON,
    OPENING,
    Replaying,
)
from incremental_tool.engine.schedule import Interruption, run_jobs
from incremental_tool.model.recipe import SHOW

if TYPE_CHECKING:
    from incremental_tool.engine.cone import Job
    from incremental_tool.engine.replay import Replay
    from incremental_tool.engine.schedule import Outcome


def rehearse(replay: Replay) -> int:
    """Tell what a replay would do; return the exit status."""
    neutral = replay.answer.line.neutral
    work = Rehearsal(replay)
    status = 0
    work.progress(OPENING)
    with Interruption() as interruption:
        if neutral.get("question"):
            status = int(any(map(work.is_needed, replay.jobs)))
        else:
            run_jobs(replay.jobs, work, 1, interruption, keep_going=False)
        if interruption.happened:
            status = 2
            work.tell_interrupted()
    if status == 0:
        work.progress(CLOSING)
    else:
        work.progress(FAILED_GOING_ON if neutral.get("keep_going") else FAILED_BUILD)
    if not neutral.get("no_exec"):
        replay.cache.commit(learned=False)
    return status


class Rehearsal(Replaying):
    """The work of one; see `engine.schedule.Work`."""

    def __init__(self, replay: Replay) -> None:
        super().__init__(replay, None)
        self._missing = replay.missing

    def is_needed(self, job: Job) -> bool:
        """See `Work.is_needed`: also, what is missing has not the content it had."""
        return not self._missing.isdisjoint(job.inputs) or super().is_needed(job)

    def begin(self, job: Job) -> Optional[int]:  # noqa: ARG002 - the signature of `Work`
        """See `Work.begin`: nothing is done."""
        return None

    def perform(self, job: Job) -> int:
        """See `Work.perform`: say what would be done."""
        for step in job.action.steps:
            if step[:1] == SHOW and not self._silent:
                self._print(step[1:] + b"\n")
        return 0

    def finish(self, job: Job, outcome: Outcome, *, interrupted: bool) -> None:
        """See `Work.finish`: nothing has come of it."""
