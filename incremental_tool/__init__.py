"""Incremental builds for existing SCons projects.

The public names of the package, each a door to the layer below. Every door
imports what it needs when it is first used, so that `import incremental_tool`
costs next to nothing: no SCons, no hashing library, not even `typing`.

Knows nothing of how a build is cached; `incremental_tool.scons` does.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "cheap", "decide", "enable_everywhere", "exists", "generate", "pure"]


def generate(env: Any, **kw: Any) -> None:
    """Set the tool up in a construction environment: `tools=["default", generate]`."""
    from incremental_tool.scons import tool

    tool.generate(env, **kw)


def exists(env: Any) -> bool:
    """Say whether the tool can work in this environment; SCons asks this of every tool."""
    from incremental_tool.scons import tool

    return tool.exists(env)


def enable_everywhere() -> None:
    """Set the tool up in every construction environment made from now on.

    Called from `site_scons/site_init.py`, before any SConscript is read. Calling
    it again changes nothing.
    """
    from incremental_tool.scons import everywhere

    everywhere.enable_everywhere()


def decide(dependency: Any, target: Any, prev_ni: Any, repo_node: Any = None) -> bool:
    """Say whether a dependency changed, by content: for `env.Decider(incremental_tool.decide)`."""
    from incremental_tool.scons import decider

    return decider.decide(dependency, target, prev_ni, repo_node)


def pure(*programs: str) -> None:
    """Declare that what these programs tell depends on nothing but themselves and their words.

    For processes that SConscripts run while they are read: they are not run again to find out
    whether anything is to be done.
    """
    from incremental_tool.engine import process_rules

    process_rules.pure(*programs)


def cheap(*programs: str) -> None:
    """Declare that these programs are quick, change nothing and may be run at any time.

    For processes that SConscripts run while they are read (`git`): they are run again to find
    out whether anything is to be done, and what they tell is compared.
    """
    from incremental_tool.engine import process_rules

    process_rules.cheap(*programs)


if getattr(sys.modules.get("SCons.Script"), "sconscript_reading", 0):
    # Imported by an SConstruct: what it reads from here on counts for the next run.
    from incremental_tool.scons import recorder

    recorder.begin()
    del recorder
