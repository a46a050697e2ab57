"""A session: this SCons process's one set of stores, opened when first needed.

One process builds one project, whatever number of construction environments it
has, so all of them share one `MultiLevelCache`. It is opened lazily: `scons -c`
and `scons -h` never touch it. The first environment that needs it says where
state and store lie, unless environment variables do.

When anything here fails, the session turns itself off for the rest of the run
and says so once; the build goes on as plain SCons.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Optional

import SCons.Node
import SCons.Node.FS
import SCons.Script
import SCons.Script.Main
import SCons.Util

from incremental_tool.base.errors import UserError
from incremental_tool.engine.multi_level_cache import MultiLevelCache, tell_stderr
from incremental_tool.engine.settings import NAMES, settings_for
from incremental_tool.scons.observations import BUSY

if TYPE_CHECKING:
    from incremental_tool.engine.command_cache import CommandCache


def _sign(content: bytes) -> bytes:
    """Return SCons's content signature of a file's bytes."""
    try:
        return bytes.fromhex(SCons.Util.hash_signature(content))
    except ValueError:
        return b""


class Session:
    """The stores of this process, or nothing once it is off."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._cache: Optional[MultiLevelCache] = None
        self._commands: Optional[CommandCache] = None
        self.off = False
        self.kept: set[bytes] = set()
        """Targets left in place that SCons would have removed before building them."""
        self._settled: set[Any] = set()
        self._told = False
        self.chosen: dict[str, Any] = {}
        """What the scripts have set of this tool's construction variables."""
        # A set would take three times as much.
        self.signed: dict[Any, None] = {}
        """Source nodes whose signature, as SCons holds it, was found by our Decider."""

    def cache(self, env: Any) -> Optional[MultiLevelCache]:
        """Return the stores, opened for `env`'s project if need be; None when off."""
        if self._cache is None and not self.off:
            with self._mutex:
                if self._cache is None and not self.off:
                    self._open(env)
        return None if self.off else self._cache

    def commands(self, env: Any) -> Optional[CommandCache]:
        """Return what runs commands through the stores; None when off."""
        if self._commands is None and self.cache(env) is not None:
            with self._mutex:
                if self._commands is None and self._cache is not None:
                    self._open_for_commands(self._cache)
        return None if self.off else self._commands

    def _open_for_commands(self, cache: MultiLevelCache) -> None:
        try:
            from incremental_tool.engine.command_cache import CommandCache
            from incremental_tool.engine.planner import Planner

            top = SCons.Node.FS.get_default_fs().Top.get_abspath()
            cache.open_for_commands()
            self._commands = CommandCache(cache, Planner(cache, os.fsencode(top)))
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.off = True
        tell_stderr(
            f"the caches cannot be opened ({type(error).__name__}: {error}); "
            "going on as plain SCons"
        )

    def _open(self, env: Any) -> None:
        try:
            # Not by GetOption: what the project asks for by that counts for what is recorded.
            if SCons.Script.Main.OptionsParser.values.no_exec:
                self.off = True  # -n writes nothing, and so do we
                return
            top = SCons.Node.FS.get_default_fs().Top.get_abspath()
            chosen = self.chosen = {name: env.get(name) for name in NAMES}
            settings = settings_for(top, os.environ, chosen)
            name = SCons.Util.hashes.get_current_hash_algorithm_used()
            self._cache = MultiLevelCache(settings, _sign, name.encode())
        except UserError as error:
            self.off = True
            tell_stderr(f"{error}; going on as plain SCons")
        except Exception as error:
            self._give_up(error)

    def folders(self) -> Optional[tuple[bytes, bytes]]:
        """Return the folders of state and store; None while no stores are open."""
        if self._cache is None:
            return None
        return self._cache.settings.state_dir, self._cache.settings.cache_dir

    def failed(self, where: str, error: Exception) -> None:
        """Count a failure of this tool's own; SCons's way is used instead. Never raises."""
        try:
            if self._cache is not None:
                self._cache.failed(where, error)
            elif not self._told:
                self._told = True
                tell_stderr(f"{where}: {type(error).__name__}: {error}")
        except Exception:
            self.off = True  # not even telling works: leave the build to SCons

    def note_built(self, node: Any) -> None:
        """Look anew, once, at a file that this run has built."""
        if node not in self._settled and self._cache is not None:
            self._settled.add(node)
            self._cache.files.forget(os.fsencode(node.get_internal_path()))

    def end_of_build(self) -> None:
        """Commit; called after SCons has written its own signatures."""
        cache = self._cache
        if cache is None or self.off:
            return
        try:
            with BUSY:  # the figures that are printed say nothing of what SCons had to do
                cache.commit()
            cache.begin_run()  # --interactive builds again in this process
            cache.files.release()  # what comes next is the recorder, and the end
        except Exception as error:
            self.failed("commit", error)
        self._settled.clear()
        self.signed.clear()
        self.kept.clear()


SESSION = Session()
"""The process's session. SCons itself keeps its nodes and signatures per process too."""
