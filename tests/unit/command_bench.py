"""A project whose commands are run through the caches without SCons.

A stand-in planner hands out plans for any shell script, so that a test decides
what a command reads, writes and says, and when it misbehaves.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from incremental_tool.engine.command_cache import CommandCache
from incremental_tool.engine.multi_level_cache import MultiLevelCache
from incremental_tool.engine.plan import Found, Plan, Request
from incremental_tool.engine.planner import Planner
from incremental_tool.engine.settings import settings_for
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from incremental_tool.store.action_log import ActionRecord

COPY = "echo ran >>log; cat in >out"
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


class StandIn:
    """A planner that returns what a test has prepared."""

    def __init__(self, answer: Callable[[Request], Union[Plan, Reason]]) -> None:
        self.plan = answer


class Bench:
    """One project in the working directory; each `open` begins a build in a new process."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        # What goes on behind the build would outlive the test.
        quiet = {"INCREMENTAL_VERIFY": "0", "INCREMENTAL_BEHIND": "0"}
        self.variables = {**quiet, **variables}
        self.told: list[str] = []
        self.plain_runs = 0
        self.plain_status = 0
        self._planner = threading.local()
        self.cache = self.open()

    def open(self) -> MultiLevelCache:
        """Begin a build; the one before ends and lets go of its state."""
        if hasattr(self, "cache"):
            self.cache.commit()
            self.cache.close()
        settings = settings_for(os.fspath(self.folder), self.variables, {})
        self.cache = MultiLevelCache(settings, tell=self.told.append)
        self.cache.open_for_commands()
        self.commands = CommandCache(self.cache, self)  # type: ignore[arg-type] # plans for tests
        return self.cache

    def plan(self, request: Request) -> Union[Plan, Reason]:
        """Plan a request with the planner of the present thread's `run`."""
        planned: Union[Plan, Reason] = self._planner.present.plan(request)
        return planned

    def write(self, name: str, text: str) -> None:
        """Write a file that is old enough to be told from what is written while commands run."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.cache.disk.wait_until_after(path.stat().st_ctime_ns)

    def plain(self) -> int:
        """Stand for SCons's own way of running the command."""
        self.plain_runs += 1
        return self.plain_status

    # --- any script ------------------------------------------------------------

    def script(
        self,
        text: str,
        *,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        absent: Sequence[str] = (),
        **changed: Any,
    ) -> int:
        """Run a shell script through the caches, with a plan made from the arguments.

        Further arguments replace fields of the plan or of the request.
        """
        found = Found(
            [os.fsencode(name) for name in inputs], [os.fsencode(name) for name in absent]
        )
        plan = Plan(
            kind="stand-in",
            fields=[("kind", b"stand-in"), ("command", os.fsencode(text))],
            outputs=[os.fsencode(name) for name in outputs],
            argv=["sh", "-c", text],
            after=None,
            colored=False,
            collect=lambda _: found,
        )
        plan = plan._replace(**{k: v for k, v in changed.items() if k in Plan._fields})
        request = self.request(text, outputs)
        request = request._replace(**{k: v for k, v in changed.items() if k in Request._fields})
        return self.run(request, StandIn(lambda _: plan))

    def copy(self, **changed: Any) -> int:
        """Run the usual command: it copies its input and notes that it ran."""
        return self.script(COPY, **{"inputs": ["in"], "outputs": ["out"], **changed})

    def request(self, text: str, targets: Sequence[str]) -> Request:
        """Return a request as SCons's side makes it."""
        return Request(
            text,
            "sh",
            environment=ENVIRONMENT,
            targets=[os.fsencode(name) for name in targets],
            side_effects=[],
            removable=[],
            fresh_inputs=[],
            directory=os.fsencode(self.folder),
            mode="auto",
            declared=lambda: Reason("zir.refuse.no-context"),
            refusal=None,
            terminal=False,
        )

    def run(self, request: Request, planner: Any) -> int:
        """Run a request with a planner."""
        self._planner.present = planner
        return self.commands.run(request, self.plain)

    # --- commands that the tool itself plans ---------------------------------------

    def command(self, text: str, *targets: str, **changed: Any) -> int:
        """Run a command through the real planner."""
        planner = Planner(self.cache, os.fsencode(self.folder))
        return self.run(self.request(text, targets)._replace(**changed), planner)

    # --- what was done -----------------------------------------------------------------

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return (self.folder / name).read_bytes()

    def lines(self, name: str) -> int:
        """Return how many lines a file has; scripts note their runs in one."""
        path = self.folder / name
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    def counts(self) -> dict[str, int]:
        """Return how this build's commands ended, without what did not occur."""
        kinds = ("commands", "hits", "stored", "not_stored", "refused")
        counts = self.cache.statistics.counts
        return {kind: counts[kind] for kind in kinds if counts[kind]}

    def reasons(self) -> dict[str, int]:
        """Return every reason of this build with its count."""
        return dict(self.cache.statistics.reasons)

    def last(self, target: str) -> Optional[ActionRecord]:
        """Return what the log tells of a target."""
        return self.cache.log.last(os.fsencode(target))
