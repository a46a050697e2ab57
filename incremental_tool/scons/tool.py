"""`generate` and `exists`: what SCons calls to set the tool up in an environment.

May run any number of times, for any number of environments, before or after
other tools: everything it does is done once per environment, survives `Clone`,
and is left alone where the user has chosen otherwise.
"""

from __future__ import annotations

import os
from typing import Any

import SCons.Environment

from incremental_tool.model.switch import is_on, switched_off
from incremental_tool.scons import decider, door, patches, recorder
from incremental_tool.scons.combined import add_builders
from incremental_tool.scons.spawn import CachingSpawn, note_context


def exists(env: Any) -> bool:  # noqa: ARG001 - SCons's signature
    """Say that the tool can be used: it needs nothing but itself."""
    return True


def generate(env: Any, **kw: Any) -> None:
    """Route an environment's decisions and commands through the caches.

    Keyword arguments, as in `tools=[("incremental", {"INCREMENTAL_CACHE_SIZE": "2G"})]`, become
    construction variables.
    """
    env.Replace(**kw)
    add_builders(env)
    if switched_off(os.environ) or not is_on(env.get("INCREMENTAL", "1")):
        return
    door.in_first_script()
    recorder.begin()
    env.SetDefault(INCREMENTAL_CACHE="auto")
    patches.apply()
    _set_decider(env)
    _set_spawn(env)
    env.AddMethod(cached_command, "CachedCommand")


def _set_decider(env: Any) -> None:
    default = getattr(SCons.Environment, "default_decide_source", None)
    if default is not None and env.decide_source is default:
        env.Decider(decider.decide_unless_chosen)
    elif decider.is_content_decider(env.decide_source):
        env.Decider(decider.decide)
    # A later env.Decider("content") means the same decisions, and finds ours.
    env._changed_content = decider.decide  # noqa: SLF001 - the name that Decider("content") looks up


def _set_spawn(env: Any) -> None:
    spawn = env.get("SPAWN")
    if spawn is None or os.name != "posix":
        return
    if not isinstance(spawn, CachingSpawn):
        env["SPAWN"] = CachingSpawn(spawn)
    generators = env.get("SHELL_ENV_GENERATORS") or []
    if note_context not in generators:
        env["SHELL_ENV_GENERATORS"] = [*generators, note_context]


def cached_command(env: Any, target: Any, source: Any, action: Any, **kw: Any) -> Any:
    """Like `env.Command`, and its result is cached: the user vouches that the declared
    dependencies are all that the command reads and the targets all that it writes.
    """  # noqa: D205 - one sentence
    kw.setdefault("INCREMENTAL_CACHE", "declared")
    return env.Command(target, source, action, **kw)
