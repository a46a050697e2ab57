"""A folder in which a unit is compiled through the tool's caches, without SCons.

For what asks for many edits of one source: SCons's own time would hide the compiler's.

Knows nothing of what is measured.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from incremental_tool.engine.command_cache import CommandCache
from incremental_tool.engine.multi_level_cache import MultiLevelCache
from incremental_tool.engine.plan import Request
from incremental_tool.engine.planner import Planner
from incremental_tool.engine.settings import settings_for
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def cpu() -> float:
    """Return the CPU seconds of this process and of those that have ended, user and system."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def must(status: int) -> None:
    """Stop where a compile failed: nothing was measured then."""
    if status:
        sys.exit("a compile failed")


class Lab:
    """One unit in one folder, which becomes the working directory; `open` begins a build."""

    def __init__(self, folder: str, **variables: str) -> None:
        self.folder = os.path.abspath(folder)
        behind = {"INCREMENTAL_VERIFY": "0", "INCREMENTAL_BEHIND": "wait"}
        self.variables = {**behind, **variables}
        self.told: list[str] = []
        os.makedirs(self.folder, exist_ok=True)
        os.chdir(self.folder)
        self.cache: MultiLevelCache
        self._opened = False

    def open(self) -> None:
        """Begin a build, as a new process would."""
        self.close()
        settings = settings_for(self.folder, self.variables, {})
        self.cache = MultiLevelCache(settings, tell=self.told.append)
        self.cache.open_for_commands()
        self.commands = CommandCache(self.cache, Planner(self.cache, os.fsencode(self.folder)))
        self._opened = True

    def close(self) -> None:
        """End a build."""
        if self._opened:
            self.cache.commit()
            self.cache.close()
            self._opened = False

    def write(self, name: str, content: bytes) -> None:
        """Write a source, long enough before it is compiled to be told from later writing."""
        with open(name, "wb") as file:
            file.write(content)
        time.sleep(0.012)

    def compile(self, words: Sequence[str], target: str) -> int:
        """Compile through the caches, as one build; return the exit status."""
        self.open()
        text = " ".join(words)
        request = Request(
            text,
            "sh",
            environment=ENVIRONMENT,
            targets=[os.fsencode(target)],
            side_effects=[],
            removable=[],
            fresh_inputs=[],
            directory=os.fsencode(self.folder),
            mode="auto",
            declared=lambda: Reason("zir.refuse.no-context"),
            refusal=None,
            terminal=False,
        )
        status = self.commands.run(
            request, lambda: subprocess.run(words, check=False, env=ENVIRONMENT).returncode
        )
        self.counts = dict(self.cache.statistics.counts)
        self.reasons = dict(self.cache.statistics.reasons)
        self.close()
        return status

    @property
    def made(self) -> bool:
        """Whether the last build made its object of functions."""
        return bool(self.counts.get("by_function"))
