"""Incremental builds for existing SCons projects.

The public names of the package, each a door to the layer below. Every door
imports what it needs when it is first used, so that `import incremental_tool`
costs next to nothing: no SCons, no hashing library, not even `typing`.

Knows nothing of how a build is cached; `incremental_tool.scons` does.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "decide", "enable_everywhere", "exists", "generate"]


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
