"""The cone of a change: which recorded actions it can reach, and in what order they run.

Pure: works on a recipe and on indices of files. Which of the actions really run
is decided when it is their turn, by the content of what they depend on: an
output that comes out equal ends the way upward.

Knows nothing of disks, nor of how an action is run.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from incremental_tool.model.file_action import LITERAL
from incremental_tool.model.recipe import FUNCTION, INSTALL, REFUSED

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from incremental_tool.model.recipe import Action, Recipe


WAITING, RUNNING, RAN, SKIPPED, FAILED, BLOCKED = range(6)
"""What became of a job: not yet its turn; at work; ran well; nothing to do; failed; in vain."""


class Job:
    """One action of the cone.

    `number` is its place in the recipe, `waits` are the jobs that make what it depends on, `inputs`
    all files that it depends on. `changed` are those of them that it has to be asked about. It is
    `forced` when one of its outputs is missing.
    """

    __slots__ = ("action", "changed", "forced", "inputs", "number", "state", "waits")

    def __init__(
        self, number: int, action: Action, changed: set[int], waits: list[Job], *, forced: bool
    ) -> None:
        self.number = number
        self.forced = forced
        self.action = action
        self.changed = changed
        self.waits = waits
        self.inputs = [*action.sources, *action.implicit]
        self.state = WAITING


def find_cone(recipe: Recipe, changed: Iterable[int], missing: set[int]) -> list[Job]:
    """Return a job for each action that the changed files can reach, in SCons's order.

    Actions that make one of the `missing` files are among them, and what these can reach.
    """
    index = recipe.index
    assert index is not None  # noqa: S101 - a recipe that is replayed has one
    reached = set(changed)
    forced = {index.makers[file] for file in missing}
    makers: dict[int, Job] = {}
    jobs = []
    # A user comes behind the maker: a number that has been taken out never comes in again.
    waiting = list({*forced, *(user for file in reached for user in index.users_of(file))})
    heapify(waiting)
    last = -1
    while waiting:
        number = heappop(waiting)
        if number == last:
            continue
        last = number
        action = recipe.actions[number]
        touched = reached.intersection(action.sources).union(reached.intersection(action.implicit))
        first = touched.union(action.after)
        waits = {makers[file].number: makers[file] for file in first if file in makers}
        before = [waits[number] for number in sorted(waits)]
        job = Job(number, action, touched, before, forced=number in forced)
        jobs.append(job)
        reached.update(action.outputs)
        for file in action.outputs:
            makers[file] = job
            for user in index.users_of(file):
                if user > number:
                    heappush(waiting, user)
    return jobs


def why_not(job: Job, *, silent: bool) -> tuple[str, str] | None:
    """Return why an action cannot be replayed: a reason's id, and what about it; or None."""
    for flag in job.action.flags:
        if flag in REFUSED:
            return "replay.refuse.action", REFUSED[flag]
    if b"unshown" in job.action.flags and not silent:
        return "replay.refuse.action", "what is printed for it is not known"
    for step in job.action.steps:
        paired = len(job.action.sources) == len(job.action.outputs)
        known = (step == INSTALL and paired) or step.startswith(LITERAL)
        if step[:1] == FUNCTION and not known:
            return "replay.refuse.function", step[1:].decode("utf-8", "replace")
    return None


def folders_below(folders: Sequence[bytes], paths: Iterable[bytes]) -> bytes | None:
    """Return a path that lies in one of the folders; None when there is none."""
    starts = tuple(b"" if folder == b"." else folder + b"/" for folder in folders)
    for path in paths:
        if path.startswith(starts) and not (b"" in starts and path.startswith(b"/")):
            return path
    return None
