"""What an action that did not run would print and run, where that can be told for certain.

A recorder notes commands as they run. Where no run of a target was seen (the state
folder was removed, or its format is an older one), a few commands in each full run are
substituted once more, as SCons would do it, and nothing is run.

Only plain command lines are substituted. Whatever is unusual stays unknown: functions
of the project's, in the action or in what its text expands to, for they may do more
than return a text; several targets, actions before and after, other folders. That
the action is the one that SCons has built the target with is told by its signature.

Knows nothing of recipes.
"""

from __future__ import annotations

import re
from collections import UserDict, UserList, UserString
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import SCons.Action
import SCons.Builder
import SCons.Node.FS
import SCons.Platform
import SCons.Subst
import SCons.Util

from incremental_tool.model.recipe import RUN, SHOW
from incremental_tool.scons.action_kind import Chosen, kind_of
from incremental_tool.scons.call_site import is_scons
from incremental_tool.scons.spawn import CachingSpawn, mode_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from incremental_tool.scons.action_notes import ActionNotes, Surroundings

AT_ONCE = 250
"""Commands substituted in one run at most: they cost a 25th of a full run with 10,000 files."""

_REFERENCE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_]\w*))")
_NAME = re.compile(r"[A-Za-z_]\w*")
_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\([^()]*\)\s*")
_IDLE = frozenset({"SharedFlagChecker", "LibSymlinksActionFunction"})
"""SCons's own functions that do nothing but for a library with links."""


class Unusual(Exception):  # noqa: N818 - it names what was found
    """The command cannot be told for certain."""


class Unseen(NamedTuple):
    """What an action would do."""

    kind: bytes
    steps: bytes
    surroundings: Surroundings


class Substitution:
    """Substitutes commands, so many in a run."""

    def __init__(self, notes: ActionNotes, at_once: int = AT_ONCE) -> None:
        self._notes = notes
        self._left = at_once
        self._chosen: Chosen = {}
        self._judged: dict[tuple[int, str], bool] = {}

    def of(self, node: Any) -> Optional[Unseen]:
        """Return what the action of a file would do; None where that is not told."""
        if self._left <= 0:
            return None
        before = getattr(node, "executor", None)
        try:
            if before is None:
                node.reset_executor()  # dropped when the target was found up to date: made anew
            return self._substituted(node, node.get_executor())
        except Exception:  # whatever SCons, or a project's class, raises: it stays unknown
            return None
        finally:
            node.executor = before

    def _substituted(self, node: Any, executor: Any) -> Unseen:
        env = executor.get_build_env()
        if executor.get_all_targets() != [node] or node in self._notes.extended:
            raise Unusual
        if not (self._notes.is_plain_environment(env) and is_wrapped_only_here(env)):
            raise Unusual
        actions = executor.get_action_list()
        commands = [one for action in actions for one in _commands(action, executor, env)]
        if not commands or not all(self._is_plain(command, executor, env) for command in commands):
            raise Unusual
        self._left -= 1  # what was refused until now cost little
        known = node.get_stored_info().binfo.bactsig
        if SCons.Util.hash_signature(executor.get_contents()) != known:
            raise Unusual
        steps = [step for command in commands for step in _steps(command, executor, env)]
        if getattr(executor, "_changed_sources_list", None) is not None:
            raise Unusual
        environment = env.get("ENV")
        if not all(type(text) is str for pair in environment.items() for text in pair):
            raise Unusual
        surroundings = (str(env["SHELL"]), mode_of(env), frozenset(environment.items()))
        return Unseen(kind_of(executor, self._chosen), b"\0".join(steps), surroundings)

    def _is_plain(self, action: Any, executor: Any, env: Any) -> bool:
        """Tell whether a command's texts run nothing but SCons's own code."""
        own = SCons.Action._null  # noqa: SLF001 - what stands for "no text of its own"
        texts = [text for text in (action.cmd_list, action.cmdstr) if text is not own]
        key = (id(env), str(texts))
        known = self._judged.get(key)
        if known is None:
            try:
                _require_plain(texts, env, set())
                known = True
            except Unusual:
                known = False
            if env is executor.env:  # nodes hold it; one with overrides ends with the executor
                self._judged[key] = known
        return known


def _commands(action: Any, executor: Any, env: Any) -> Iterator[Any]:
    """Yield the plain commands of an action. Raises Unusual for any other."""
    own = SCons.Action
    if type(action) is own.ListAction:
        for one in action.list:
            yield from _commands(one, executor, env)
        return
    if type(action) is own.FunctionAction:
        function = action.execfunction
        targets = executor.get_all_targets()
        if (
            getattr(function, "__name__", "") not in _IDLE
            or not _is_harmless(function)
            or any(getattr(target.attributes, "shliblinks", None) for target in targets)
        ):
            raise Unusual
        return
    if type(action) is own.CommandGeneratorAction:
        if type(action.generator) is not SCons.Builder.DictCmdGenerator:
            raise Unusual
        targets, sources = executor.get_all_targets(), executor.get_all_sources()
        yield from _commands(
            action._generate(targets, sources, env, 0, executor),  # noqa: SLF001 - what executing it calls
            executor,
            env,
        )
        return
    lazy = type(action) is own.LazyAction and action.get_parent_class(env) is own.CommandAction
    if not lazy and type(action) is not own.CommandAction:
        raise Unusual
    yield action


def _steps(action: Any, executor: Any, env: Any) -> list[bytes]:
    if (
        "strfunction" in vars(action)
        or action.chdir
        or action.exitstatfunc is not SCons.Action.default_exitstatfunc
    ):
        raise Unusual
    targets, sources = executor.get_all_targets(), executor.get_all_sources()
    own = SCons.Action.CommandAction
    lines, ignore, _ = own.process(action, targets, sources, env, executor)
    text = own.strfunction(action, targets, sources, env, executor)
    escape = env.get("ESCAPE", lambda word: word)
    prefix = env.get("TEMPFILEPREFIX") or "@"
    steps = [SHOW + _bytes(str(text))] if text else []
    for line in filter(len, lines):
        words = [str(word) for word in SCons.Subst.escape_list(line, escape)]
        if any(word.startswith((prefix, "@")) or "\0" in word for word in words):
            raise Unusual
        steps.append(RUN + _bytes(" ".join(words)))
    if ignore or not any(step[:1] == RUN for step in steps):
        raise Unusual
    return steps


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _require_plain(values: Iterable[Any], env: Any, seen: set[str]) -> None:
    """Raise Unusual where a value, or what it refers to, runs code that is not SCons's own."""
    for value in values:
        if isinstance(value, (str, UserString)):
            _require_plain_text(str(value), env, seen)
        elif isinstance(value, (list, tuple, UserList)):
            _require_plain(value, env, seen)
        elif isinstance(value, (dict, UserDict)):
            _require_plain([*value, *value.values()], env, seen)
        elif value is None or isinstance(value, (bool, int, SCons.Node.FS.Base)):
            pass
        elif callable(value):
            if not _is_harmless(value):
                raise Unusual
        else:
            raise Unusual


def _is_harmless(function: Any) -> bool:
    """Tell whether a function, or a class or an object that is called, is SCons's, and no more.

    The module's name does not tell: what an SConstruct defines has that of SCons.Script.
    """
    if isinstance(function, type):
        called = [getattr(function, name, None) for name in ("__init__", "__call__")]
    else:
        called = [function if hasattr(function, "__code__") else type(function).__call__]
    codes = [getattr(one, "__code__", None) for one in called]
    return function is not SCons.Platform.TempFileMunge and all(
        code is not None and is_scons(code.co_filename) for code in codes
    )


def _require_plain_text(text: str, env: Any, seen: set[str]) -> None:
    for expression, name in _REFERENCE.findall(text):
        if "(" in expression:
            call = _CALL.fullmatch(expression)
            if call is None or not callable(env.get(call[1])):
                raise Unusual
        for one in _NAME.findall(expression or name):
            if one not in seen:
                seen.add(one)
                if one in env:
                    _require_plain([env[one]], env, seen)


def is_wrapped_only_here(env: Any) -> bool:
    """Tell whether commands go to SCons's own spawn, in the environment that ENV says."""
    spawn = env.get("SPAWN")
    generators = env.get("SHELL_ENV_GENERATORS") or []
    return (
        isinstance(spawn, CachingSpawn)
        and getattr(spawn.original, "__module__", "").startswith("SCons.Platform.")
        and all(getattr(g, "__module__", "").startswith("incremental_tool.") for g in generators)
    )
