"""What is noted of actions while they run, for a later replay.

What an action's command is after substitution SCons says only when it runs it,
and to substitute it once more for each target would cost as much as a sixth of
a run. So everything that an action does is noted as it happens: what is printed,
which command lines go to the shell and in what environment, which Python
functions run. What a replay could not do as well is noted as a flag
(`model.recipe.REFUSED`).

Environments are noted as they are, in memory alone; `recipe_writer` makes
digests of them. Knows nothing of how actions are replayed.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import SCons.Action
import SCons.Executor
import SCons.Tool.install

from incremental_tool.model.recipe import FUNCTION, INSTALL, RUN, SHOW
from incremental_tool.scons.action_kind import Chosen, kind_of
from incremental_tool.scons.call_site import is_scons
from incremental_tool.scons.decider import decide, decide_unless_chosen, is_content_decider
from incremental_tool.scons.file_action_notes import step_of
from incremental_tool.scons.search_notes import SearchNotes
from incremental_tool.scons.spawn import CONTEXT, CachingSpawn, mode_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

Surroundings = tuple[str, str, frozenset[tuple[str, str]]]
"""Shell, INCREMENTAL_CACHE, environment."""


_IDLE_FUNCTIONS = frozenset({"SharedFlagChecker", "LibSymlinksActionFunction"})
"""Functions of SCons's own that do nothing but for a library with links, and look at no content."""


class _Thread(threading.local):
    """Whether the command that is about to run in this thread may fail."""

    ignoring = False


def _first(executor: Any) -> Any:
    return executor.get_all_targets()[0]


def _text(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")


class ActionNotes:
    """What was noted, by an action's first target."""

    def __init__(self, observed: Observations) -> None:
        self._observed = observed
        self._top = os.getcwd()
        self._thread = _Thread()
        self._chosen: Chosen = {}
        self._shared: dict[Surroundings, Surroundings] = {}
        self.kinds: dict[Any, bytes] = {}
        self.steps: dict[Any, list[bytes]] = {}
        self.flags: dict[Any, set[bytes]] = {}
        self.surroundings: dict[Any, Surroundings] = {}
        self.extended: set[Any] = set()
        """Targets that were given actions to run before or after their own."""
        self.searches = SearchNotes(observed)

    def observe(self, replacements: Replacements) -> None:
        """Note what actions do, until `replacements` are restored."""
        replace, action = replacements.replace, SCons.Action
        replace(CachingSpawn, "__call__", self._make_spawn)
        replace(action._ActionAction, "print_cmd_line", self._make_print)  # noqa: SLF001 - it has no other name
        replace(action.CommandAction, "execute", self._make_execute)
        replace(action.CommandAction, "process", self._make_process)
        replace(action.FunctionAction, "execute", self._make_function)
        for name in ("add_pre_action", "add_post_action"):
            replace(SCons.Executor.Executor, name, self._make_extension)
            replace(SCons.Executor.Null, name, self._make_extension)
        self.searches.observe(replacements)

    def note_running(self, target: Any) -> None:
        """Note the kind of a target's action, which SCons forgets once it is built."""
        executor = getattr(target, "executor", None)
        if executor is not None:
            self.kinds[target] = kind_of(executor, self._chosen)
            self.steps.pop(_first(executor), None)  # --interactive, perhaps: it runs once more

    # --- what is put in place of SCons's functions ------------------------------

    def _make_spawn(self, original: Any) -> Any:
        def spawn(spawner: Any, sh: str, escape: Any, cmd: str, args: Any, env: Any) -> Any:
            try:
                if CONTEXT.executor is not None:
                    self._note_command(spawner, sh, args, env)
            except Exception as error:
                self._observed.failed("SPAWN", error)
            return original(spawner, sh, escape, cmd, args, env)

        return spawn

    def _make_print(self, original: Any) -> Any:
        def print_cmd_line(action: Any, s: Any, target: Any, source: Any, env: Any) -> Any:
            if target:
                self.steps.setdefault(target[0], []).append(SHOW + _text(str(s)))
            return original(action, s, target, source, env)

        return print_cmd_line

    def _make_execute(self, original: Any) -> Any:
        notes = self  # its own parameters must be called what SCons calls them

        def execute(self: Any, target: Any, source: Any, env: Any, executor: Any = None) -> Any:
            result: Any = 1
            try:
                result = original(self, target, source, env, executor=executor)
            finally:
                try:
                    if executor is not None:
                        notes._note_action(self, env, executor, failed=bool(result))
                except Exception as error:
                    notes._observed.failed("CommandAction.execute", error)
            return result

        return execute

    def _make_process(self, original: Any) -> Any:
        def process(action: Any, *arguments: Any, **more: Any) -> Any:
            result = original(action, *arguments, **more)
            self._thread.ignoring = bool(result[1])
            return result

        return process

    def _make_extension(self, original: Any) -> Any:
        def add(executor: Any, action: Any) -> Any:
            self.extended.update(executor.get_all_targets())
            return original(executor, action)

        return add

    def _make_function(self, original: Any) -> Any:
        def execute(action: Any, target: Any, source: Any, env: Any, executor: Any = None) -> Any:
            try:
                self._note_function(action, target, env, executor)
            except Exception as error:
                self._observed.failed("FunctionAction.execute", error)
            result = original(action, target, source, env, executor=executor)
            if result and executor is not None:
                self._flag(_first(executor), b"unknown")  # what would have come next is not known
            return result

        return execute

    # --- what is noted ----------------------------------------------------------

    def _flag(self, target: Any, *flags: bytes) -> None:
        self.flags.setdefault(target, set()).update(flags)

    def _note_command(self, spawner: Any, sh: str, args: Sequence[str], env: Any) -> None:
        first = _first(CONTEXT.executor)
        self.steps.setdefault(first, []).append(RUN + _text(" ".join(args)))
        surroundings = (str(sh), mode_of(CONTEXT.env), frozenset(env.items()))
        surroundings = self._shared.setdefault(surroundings, surroundings)
        if self.surroundings.setdefault(first, surroundings) != surroundings:
            self._flag(first, b"other-inputs")
        if self._thread.ignoring:
            self._flag(first, b"ignore-errors")
        if os.getcwd() != self._top:
            self._flag(first, b"folder")
        prefix = CONTEXT.env.get("TEMPFILEPREFIX") or "@"
        if any(word.startswith((prefix, "@")) for word in args):
            self._flag(first, b"response-file")
        if not getattr(spawner.original, "__module__", "").startswith("SCons.Platform."):
            self._flag(first, b"own-spawn")
        if any("\0" in word for word in args):
            self._flag(first, b"unknown")

    def _note_function(self, action: Any, target: Sequence[Any], env: Any, executor: Any) -> None:
        function = action.execfunction
        targets = executor.get_all_targets() if executor is not None else target
        name = str(getattr(function, "__name__", type(function).__name__))
        code = getattr(function, "__code__", None)
        own = code is not None and is_scons(code.co_filename)
        if own and name in _IDLE_FUNCTIONS:
            if any(getattr(target.attributes, "shliblinks", None) for target in targets):
                self._flag(targets[0], b"links")
            return
        if own and name == "installFunc" and env.get("INSTALL") is SCons.Tool.install.copyFunc:
            self.steps.setdefault(targets[0], []).append(INSTALL)
            self._note_environment(targets[0], env)
            return
        literal = None
        if executor is not None:
            sources = list(map(SCons.Action.rfile, executor.get_all_sources()))
            literal = step_of(action, targets, sources, env)
        if literal is not None:
            self.steps.setdefault(targets[0], []).append(literal)
            self._note_environment(targets[0], env)
            self._note_executor(targets[0], executor)
            if os.getcwd() != self._top:
                self._flag(targets[0], b"folder")
            return
        step = FUNCTION + _text(f"SCons.{name}" if own else name)
        self.steps.setdefault(targets[0], []).append(step)

    def is_plain_environment(self, env: Any) -> bool:
        """Tell whether none of the flags of an environment would be set."""
        return not env.get("PRINT_CMD_LINE_FUNC") and not (
            env.get_CacheDir().is_enabled() or not _decides_by_content(env)
        )

    def _note_environment(self, target: Any, env: Any) -> None:
        """Note what holds for every kind of action."""
        if env.get("PRINT_CMD_LINE_FUNC"):
            self._flag(target, b"own-printing")
        if not SCons.Action.print_actions:
            self._flag(target, b"unshown")
        if env.get_CacheDir().is_enabled():
            self._flag(target, b"cache-dir")
        if not _decides_by_content(env):
            self._flag(target, b"decider")

    def _note_action(self, action: Any, env: Any, executor: Any, *, failed: bool) -> None:
        first = _first(executor)
        if failed:
            self._flag(first, b"unknown")  # what would have come next is not known
        if action.exitstatfunc is not SCons.Action.default_exitstatfunc:
            self._flag(first, b"own-status")
        self._note_executor(first, executor)
        self._note_environment(first, env)

    def _note_executor(self, first: Any, executor: Any) -> None:
        """Note what an action asked for that is another in each run."""
        memo = getattr(executor, "_memo", {})
        if hasattr(executor, "_changed_sources_list") or "_get_changed_sources" in memo:
            self._flag(first, b"changed-only")


def _decides_by_content(env: Any) -> bool:
    return all(
        function in (decide, decide_unless_chosen) or is_content_decider(function)
        for function in (env.decide_source, env.decide_target)
    )
