"""Our SPAWN: the last place before a command runs, where it meets the caches.

SCons hands a command's words to `env["SPAWN"]`. Ours finds out which targets
they belong to, describes them as a `Request` and lets `CommandCache` run them;
the SPAWN that was there before runs whatever cannot be cached. Signatures and
what is printed are SCons's alone, because neither depends on SPAWN.

Which targets a command belongs to comes from the executor that
`patches.watch_commands` notes, or, on an SCons where that place is not found,
from the public SHELL_ENV_GENERATORS hook (which is given no targets under -s).

Configure checks run through PSPAWN and never come here.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import SCons.Node
import SCons.Node.FS

from incremental_tool.base.digest import digest_of
from incremental_tool.engine.plan import Declared, Request
from incremental_tool.model.reason import Reason
from incremental_tool.model.switch import is_on
from incremental_tool.scons.decider import decides_by_content
from incremental_tool.scons.session import SESSION

Spawn = Callable[[str, Any, str, Sequence[str], dict[str, str]], int]


class _Context(threading.local):
    """What the present thread's command belongs to."""

    executor: Any = None
    env: Any = None
    targets: Sequence[Any] = ()
    shell_environment: Any = None


CONTEXT = _Context()


def note_context(
    env: Any,
    target: Sequence[Any],
    source: Sequence[Any],  # noqa: ARG001 - the hook's signature
    shell_environment: dict[str, str],
) -> dict[str, str]:
    """Note what the next command belongs to; a SHELL_ENV_GENERATORS function."""
    CONTEXT.env = env
    CONTEXT.targets = target
    CONTEXT.shell_environment = shell_environment
    return shell_environment


class CachingSpawn:
    """A SPAWN function around another."""

    def __init__(self, original: Spawn) -> None:
        self.original = original

    def __call__(
        self, sh: str, escape: Any, cmd: str, args: Sequence[str], env: dict[str, str]
    ) -> int:
        """Run a command through the caches; return its exit status."""

        def plain() -> int:
            return self.original(sh, escape, cmd, args, env)

        commands = request = None
        try:
            if CONTEXT.env is not None:
                commands = SESSION.commands(CONTEXT.env)
            if commands is not None:
                request = self._request(sh, args, env)
        except Exception as error:
            SESSION.failed("spawn", error)
        if commands is not None and request is not None:
            return commands.run(request, plain)
        try:
            remove_kept(CONTEXT.executor)
        except Exception as error:
            SESSION.failed("spawn", error)
        return plain()

    def _request(self, sh: str, args: Sequence[str], env: dict[str, str]) -> Request:
        build_env, executor = CONTEXT.env, CONTEXT.executor
        refusal: Optional[Reason] = None
        if executor is not None:
            targets = executor.get_all_targets()
        else:
            targets = list(CONTEXT.targets)
            if CONTEXT.shell_environment is not env or not targets:
                refusal = Reason("zir.refuse.no-context")
        if not getattr(self.original, "__module__", "").startswith("SCons.Platform."):
            refusal = Reason("zir.refuse.custom-spawn")
        files = [node for node in targets if isinstance(node, SCons.Node.FS.Base)]
        if len(files) != len(targets):
            refusal = Reason("zir.refuse.not-recognised", "a target is no file")
        paths = [_path(node) for node in files]
        removable = [path for path in paths if path in SESSION.kept]
        SESSION.kept.difference_update(removable)
        side_effects = [_path(node) for target in targets for node in target.side_effects]
        fresh = []
        if executor is not None:
            for child in executor.get_all_children():
                if type(child) is not SCons.Node.FS.File:
                    continue
                if child.state == SCons.Node.executed:
                    SESSION.note_built(child)
                    fresh.append(_path(child))
                elif child.linked:  # into a variant folder, which changes its status
                    fresh.append(_path(child))
        return Request(
            text=" ".join(args),
            shell=sh,
            environment=env,
            targets=paths,
            side_effects=side_effects,
            removable=removable,
            fresh_inputs=fresh,
            directory=os.fsencode(os.getcwd()),
            mode=mode_of(build_env),
            declared=lambda: _declared(executor),
            refusal=refusal,
            terminal=sys.stderr.isatty(),
            rewrite=not decides_by_content(build_env),
        )


def _path(node: Any) -> bytes:
    return os.fsencode(node.get_internal_path())


def mode_of(env: Any) -> str:
    """Return what INCREMENTAL_CACHE says: "auto", "declared" or "off"."""
    chosen = env.get("INCREMENTAL_CACHE", "auto")
    if isinstance(chosen, str) and chosen.lower() in ("auto", "declared"):
        return chosen.lower()
    return "auto" if is_on(chosen) else "off"


def _declared(executor: Any) -> Union[Declared, Reason]:
    """Return every declared dependency of a command: files by path, the rest by signature."""
    if executor is None:
        return Reason("zir.refuse.no-context")
    actions = executor.get_action_list()
    if len(actions) != 1 or hasattr(actions[0], "list"):
        return Reason("zir.refuse.several-commands")
    files: list[bytes] = []
    values: list[tuple[str, bytes]] = []
    for child in executor.get_all_children():
        if isinstance(child, SCons.Node.FS.File):
            node = child.rfile()
            if not node.exists():
                return Reason("zir.refuse.outside-input", str(child))
            files.append(_path(node))
        elif isinstance(child, SCons.Node.FS.Base):
            files += _files_below(_path(child))
        else:
            values.append((f"value {digest_of(str(child).encode()).hex()}", _csig(child)))
    return Declared(files, values)


def _files_below(folder: bytes) -> list[bytes]:
    """Return every file below a folder; SCons's own signature of it may leave its content out."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != b".incremental")
        found += [os.path.join(place, name) for name in sorted(names)]
    return [path for path in found if not os.path.basename(path).startswith(b".sconsign")]


def _csig(node: Any) -> bytes:
    return os.fsencode(str(node.get_csig()))


def remove_kept(executor: Any) -> None:
    """Remove targets that were left in place, as SCons would have before running a command."""
    if executor is None:
        return
    for node in executor.get_all_targets():
        path = _path(node) if isinstance(node, SCons.Node.FS.Base) else b""
        if path in SESSION.kept:
            SESSION.kept.discard(path)
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # nothing to remove
