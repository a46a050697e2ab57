"""The one place where SCons itself is changed, because no public hook serves.

* `Action.CommandAction.execute`: which targets a command belongs to; the public hook is given none
  under `-s`. Without it: SHELL_ENV_GENERATORS, and opted-in commands are not cached under `-s`.
* `SConsign.write`: the end of a build, after SCons has written its signatures. Without it: nothing
  is kept but what is written as commands finish; the next build reads its files again.
* `Node.FS.File.prepare`: an output that comes back byte-equal must not be rewritten, and SCons
  removes it first. Without it: it is rewritten.
* `Scanner.Dir.skip_entry`: our state folder is no part of a folder that is a source. Without it:
  targets made from the project's top folder look changed.
* `Node.FS.File.do_duplicate`: a hard link in a variant directory that is there already is not made
  anew, which would move the change time of the source. Without it: such a source is read again by
  each run, and snapshots that name it are stale after each run that reads the scripts.
* `dblite._Dblite.sync`: signatures that are byte for byte those on disk are not written again, so
  that other command lines' snapshots, which depend on them, stay true. Without it: a run that
  reads the scripts makes the snapshots of other command lines stale.
* `Environment.Base.__init__`: the switch for every environment of an unmodified SConstruct.
  Without it: the one-line form.

Each is guarded: where SCons has no such place, or one of another shape, the
patch is left out and counted (`scons.unsupported`). Each wraps what was there
and calls it; none replaces behaviour. Applying twice changes nothing.
"""

from __future__ import annotations

import functools
import inspect
import os
import stat as stat_module
from typing import Any, Callable

import SCons.Action
import SCons.dblite
import SCons.Environment
import SCons.Node.FS
import SCons.Scanner.Dir
import SCons.SConsign

from incremental_tool.scons import observations, recorder
from incremental_tool.scons.database_on_disk import says_the_same
from incremental_tool.scons.decider import decides_by_content
from incremental_tool.scons.session import SESSION
from incremental_tool.scons.spawn import CONTEXT, CachingSpawn

_MARK = "_incremental_tool_original"

KEEPING_COMMANDS = frozenset(
    {"CCCOM", "SHCCCOM", "CXXCOM", "SHCXXCOM", "ASCOM", "ASPPCOM", "LINKCOM", "SHLINKCOM"}
    | {"COMBINEDIRCOM", "COMBINEDIRCXXCOM", "COMBINEDASCOM", "COMBINEDASCXXCOM"}
)
"""Single commands that write their target anew: leaving the old one in place until then is safe."""

KEEPING_LIBRARIES = (["ARCOM"], ["ARCOM", "RANLIBCOM"])
"""Commands that make a library, of which the first, where it runs, removes what was left."""

_SCONS = os.path.dirname(os.path.realpath(SCons.Action.__file__))
_SHOWN_AS = os.path.join(_SCONS, os.path.relpath(os.path.realpath(__file__), _SCONS))
"""This very file, by a path that leads through SCons's folder: when SCons reports an error or a
warning it names the deepest line outside of that folder as the user's, and ours are not."""

missing: list[str] = []
"""Places that this SCons does not have."""


def _wrap(owner: Any, name: str, parameters: list[str], make: Callable[[Any], Any]) -> bool:
    """Replace `owner.name` by `make(original)` if it takes exactly these parameters."""
    original = getattr(owner, name, None)
    if original is not None and hasattr(original, _MARK):
        return True
    try:
        found = list(inspect.signature(original).parameters) if original is not None else None
    except (TypeError, ValueError):
        found = None
    if original is None or found is None or found[: len(parameters)] != parameters:
        missing.append(f"{getattr(owner, '__name__', owner)}.{name}")
        return False
    wrapper: Any = functools.wraps(original)(make(original))
    wrapper.__code__ = wrapper.__code__.replace(co_filename=_SHOWN_AS)
    setattr(wrapper, _MARK, original)
    setattr(owner, name, wrapper)
    return True


def watch_commands() -> bool:
    """Note the executor of every command in the thread that runs it."""

    def make(original: Any) -> Any:
        def execute(self: Any, target: Any, source: Any, env: Any, executor: Any = None) -> Any:
            CONTEXT.executor, CONTEXT.env = executor, env
            try:
                return original(self, target, source, env, executor=executor)
            finally:
                CONTEXT.executor = CONTEXT.env = None

        return execute

    parameters = ["self", "target", "source", "env", "executor"]
    return _wrap(SCons.Action.CommandAction, "execute", parameters, make)


def commit_at_end() -> bool:
    """Commit our stores when SCons has written its signatures."""

    def make(original: Any) -> Any:
        def write(*args: Any, **kw: Any) -> Any:
            result = original(*args, **kw)
            try:
                SESSION.end_of_build()
                recorder.end(SESSION.folders())
            except Exception as error:
                SESSION.failed("commit", error)
            return result

        return write

    return _wrap(SCons.SConsign, "write", [], make)


def keep_outputs() -> bool:
    """Leave the old output of a compile in place until the new one is known."""

    def make(original: Any) -> Any:
        def prepare(self: Any) -> Any:
            try:
                keep = not self.precious and _keeps(self)
                path = os.fsencode(self.get_internal_path()) if keep else b""
            except Exception as error:
                SESSION.failed("prepare", error)
                keep = False
            if not keep:
                return original(self)
            self.precious = True
            try:
                result = original(self)
            finally:
                self.precious = False
            SESSION.kept.add(path)
            return result

        return prepare

    return _wrap(SCons.Node.FS.File, "prepare", ["self"], make)


def _keeps(node: Any) -> bool:
    if SESSION.off or node.executor is None or not os.path.isfile(node.get_internal_path()):
        return False
    env = node.get_build_env()
    if not _writes_anew(node.executor, env):
        return False
    return (
        isinstance(env.get("SPAWN"), CachingSpawn)
        and not env.get_CacheDir().is_enabled()
        # By time stamps, an output that is not rewritten would not set off what depends on it.
        and decides_by_content(env)
    )


def _writes_anew(executor: Any, env: Any) -> bool:
    """Tell whether an old target may stay until a command writes it, or makes it of the old."""
    actions = executor.get_action_list()
    if len(actions) == 1 and isinstance(actions[0], SCons.Action.ListAction):
        actions = actions[0].list
    variables = [_variable(action, executor, env) for action in actions]
    if len(variables) == 1 and variables[0] in KEEPING_COMMANDS:
        return True
    if variables not in KEEPING_LIBRARIES or not isinstance(env.get("ARCOM"), str):
        return False
    cache = SESSION.cache(env)
    return cache is not None and cache.settings.archives


def keep_duplicates() -> bool:
    """Leave a hard link in a variant directory alone when it is the one that would be made."""

    def make(original: Any) -> Any:
        def do_duplicate(self: Any, src: Any) -> Any:
            if not _is_duplicate(self, src):
                return original(self, src)
            self.linked = 1
            self.clear()  # as the original leaves it
            return None

        return do_duplicate

    return _wrap(SCons.Node.FS.File, "do_duplicate", ["self", "src"], make)


def _is_duplicate(node: Any, src: Any) -> bool:
    ways = SCons.Node.FS.Link_Funcs  # empty until SCons links for the first time, by default hard
    if SCons.Node.print_duplicate or ways[:1] not in ([], [SCons.Node.FS._hardlink_func]):  # noqa: SLF001 - it has no other name
        return False
    try:
        there, wanted = (observations.real_lstat(n.get_abspath()) for n in (node, src))
    except OSError:
        return False
    same = (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino)
    return same and stat_module.S_ISREG(there.st_mode)


def keep_database() -> bool:
    """Leave SCons's database alone when it would be written as it is."""

    def make(original: Any) -> Any:
        def sync(self: Any) -> Any:
            if _is_on_disk(self):
                self._needs_sync = False
                return None
            return original(self)

        return sync

    # What dbm's open makes has had two names.
    database = getattr(SCons.dblite, "_Dblite", None) or SCons.dblite.dblite
    return _wrap(database, "sync", ["self"], make)


def _is_on_disk(database: Any) -> bool:
    """Tell whether a database says what it says on disk; no, when that cannot be told."""
    try:
        return says_the_same(database)
    except Exception:  # sync fails, or succeeds, in its own way
        return False


def _variable(action: Any, executor: Any, env: Any) -> Any:
    """Return the construction variable that holds an action's command, or None."""
    if type(action) is SCons.Action.CommandGeneratorAction:
        # a builder that chooses its action by the source's suffix, as Object does
        targets, sources = executor.get_all_targets(), executor.get_all_sources()
        action = action._generate(targets, sources, env, 0, executor)  # noqa: SLF001 - what executing it calls
    return getattr(action, "var", None)


def hide_state() -> None:
    """Leave our state folder out of what a folder node contains."""
    skipped = getattr(SCons.Scanner.Dir, "skip_entry", None)
    if isinstance(skipped, dict):
        skipped[".incremental"] = 1
    else:
        missing.append("Scanner.Dir.skip_entry")


def call_for_every_environment(function: Callable[[Any], None]) -> bool:
    """Call `function(env)` for every construction environment once it is made."""

    def make(original: Any) -> Any:
        def init(self: Any, *args: Any, **kw: Any) -> None:
            original(self, *args, **kw)
            function(self)

        return init

    return _wrap(SCons.Environment.Base, "__init__", ["self"], make)


def apply() -> None:
    """Apply all but the switch for every environment."""
    watch_commands()
    commit_at_end()
    keep_outputs()
    keep_duplicates()
    keep_database()
    hide_state()
