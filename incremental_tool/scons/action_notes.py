"""The actions of SCons's graph, as a snapshot keeps them for a later replay.

What an action's command is after substitution SCons says only when it runs it,
and to substitute it once more for each target would cost as much as a sixth of
a run. So commands are noted as they run, and those that did not run in this
process are taken over from the snapshot before, provided that SCons's databases
are those of that snapshot: then no run in between has changed a command. Where neither
tells, the command is empty and the action has the flag `unknown`.

Knows nothing of how actions are replayed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

import SCons.Action
import SCons.Builder
import SCons.Node.FS

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.snapshot import Action, identity
from incremental_tool.scons.spawn import CONTEXT, CachingSpawn
from incremental_tool.store import snapshot as store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental_tool.model.answer import Answer
    from incremental_tool.model.snapshot import Snapshot
    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

_KINDS = {
    **dict.fromkeys(("CCCOM", "SHCCCOM", "CXXCOM", "SHCXXCOM", "ASCOM", "ASPPCOM"), b"compile"),
    **dict.fromkeys(("ARCOM", "RANLIBCOM"), b"archive"),
    **dict.fromkeys(("LINKCOM", "SHLINKCOM", "LDMODULECOM"), b"link"),
}

Chosen = dict[tuple[int, str], tuple[object, bytes]]
"""For builders that choose their action by the source's suffix: who chose, and what kind."""

_File = SCons.Node.FS.File


def kind_of(executor: Any, known: Chosen) -> bytes:
    """Return the kind of an executor's action, as `model.snapshot.Action` names them.

    `known` holds what builders that choose their action by the source's suffix have chosen.
    """
    kind = b""
    for action in executor.get_action_list():
        kind = _joined(kind, _kind_of_action(action, executor, known))
    return kind or b"command"


def _kind_of_action(action: Any, executor: Any, known: Chosen) -> bytes:
    generate = getattr(action, "generator", None)
    if isinstance(generate, SCons.Builder.DictCmdGenerator):
        sources = executor.get_all_sources()
        suffix = sources[0].get_suffix() if sources else ""
        key = (object.__hash__(generate), suffix)  # a dictionary has no hash of its own
        if key not in known:
            chosen = generate(executor.get_all_targets(), sources, executor.get_build_env(), 0)
            known[key] = (generate, _kind_of_action(chosen, executor, known))
        return known[key][1]
    if isinstance(action, SCons.Action.ListAction):
        kind = b""
        for one in action.list:
            kind = _joined(kind, _kind_of_action(one, executor, known))
        return kind
    if isinstance(action, SCons.Action.FunctionAction):
        return b"function"
    return _KINDS.get(getattr(action, "var", ""), b"command")


def _joined(one: bytes, other: bytes) -> bytes:
    """Return the kind of two actions in a row: a function is the hardest to replay."""
    if not one or one == other:
        return other
    return b"function" if b"function" in (one, other) else b"command"


class ActionNotes:
    """What was noted of actions while they ran."""

    def __init__(self, observed: Observations) -> None:
        self._observed = observed
        self._commands: dict[Any, list[str]] = {}
        self._shown: dict[Any, list[str]] = {}
        self._kinds: dict[Any, bytes] = {}
        self._chosen: Chosen = {}

    def observe(self, replacements: Replacements) -> None:
        """Note commands and what is printed for them, until `replacements` are restored."""

        def make_spawn(original: Any) -> Any:
            def spawn(spawner: Any, sh: str, escape: Any, cmd: str, args: Any, env: Any) -> Any:
                executor = CONTEXT.executor
                try:
                    if executor is not None:
                        first = executor.get_all_targets()[0]
                        self._commands.setdefault(first, []).append(" ".join(args))
                except Exception as error:
                    self._observed.failed("SPAWN", error)
                return original(spawner, sh, escape, cmd, args, env)

            return spawn

        def make_print(original: Any) -> Any:
            def print_cmd_line(action: Any, s: Any, target: Any, source: Any, env: Any) -> Any:
                if target:
                    self._shown.setdefault(target[0], []).append(str(s))
                return original(action, s, target, source, env)

            return print_cmd_line

        replacements.replace(CachingSpawn, "__call__", make_spawn)
        replacements.replace(SCons.Action._ActionAction, "print_cmd_line", make_print)  # noqa: SLF001 - it has no other name

    def note_running(self, target: Any) -> None:
        """Note the kind of a target's action, which SCons forgets once it is built."""
        executor = getattr(target, "executor", None)
        if executor is not None:
            self._kinds[target] = kind_of(executor, self._chosen)

    def fill(
        self, snapshot: Snapshot, answer: Answer, observed: Observations, nodes: Iterable[Any]
    ) -> None:
        """Fill in the actions that make `nodes`, which are in the order of building."""
        top = answer.top + "/"
        places = _Places(snapshot.files.paths, top)
        before = _before(answer, observed)
        seen: set[Any] = set()
        for node in nodes:
            if node in seen or not isinstance(node, _File) or not node.has_builder():
                continue
            targets = [node, *(p for p in getattr(node, "target_peers", None) or () if p != node)]
            seen.update(targets)
            names = [_name(target, top) for target in targets]
            outputs = [place for place in map(places.of, targets) if place is not None]
            flags = _flags(targets)
            sources = [places.of(source) for source in node.sources]
            implicit = [*(node.depends or ()), *(node.implicit or ()), *(node.prerequisites or ())]
            others = [places.of(other) for other in implicit]
            if None in sources or None in others:
                flags.add(b"other-inputs")
            first = next((target for target in targets if target in self._kinds), None)
            if first is not None:
                kind = self._kinds[first]
                command = _lines(self._commands.get(first))
                shown = _lines(self._shown.get(first))
            else:
                kind, command, shown = before.get(tuple(names), (b"command", b"", b""))
            if not command and kind != b"function":
                flags.add(b"unknown")
            inputs = [
                [place for place in found if place is not None] for found in (sources, others)
            ]
            action = Action(kind, command, shown, sorted(flags), outputs, *inputs)
            snapshot.actions.append(action)


def _lines(texts: Optional[list[str]]) -> bytes:
    return "\n".join(texts or ()).encode("utf-8", "surrogateescape")


def _before(
    answer: Answer, observed: Observations
) -> dict[tuple[bytes, ...], tuple[bytes, bytes, bytes]]:
    """Return what the last snapshot, if it can be believed, says of actions: by their outputs."""
    try:
        last = store.load(answer.folder, answer.key)
        actions = store.load_actions(answer.folder, answer.key) if last is not None else None
    except (CorruptRecord, OSError):
        return {}
    if last is None or actions is None or not observed.signature_files:
        return {}
    files = last.files
    rows = dict(zip(files.paths, files.rows()))
    top = answer.top + "/"
    for name, status in observed.signature_files.items():
        path = os.fsencode(name.removeprefix(top))
        if status is None or rows.get(path) != identity(status):
            return {}
    return {
        tuple(files.paths[index] for index in action.outputs): (
            action.kind,
            action.command,
            action.shown,
        )
        for action in actions
    }


def _name(node: Any, top: str) -> bytes:
    path = node.get_abspath()
    return os.fsencode(path.removeprefix(top))


class _Places:
    """Where the files of nodes stand in a snapshot."""

    def __init__(self, paths: list[bytes], top: str) -> None:
        self._top = top
        self._by_path = {path: index for index, path in enumerate(paths)}
        self._by_node: dict[Any, Optional[int]] = {}

    def of(self, node: Any) -> Optional[int]:
        """Return a node's place; None for one that is no file, or none of the snapshot's."""
        try:
            return self._by_node[node]
        except KeyError:
            place = None
            if isinstance(node, _File):
                place = self._by_path.get(_name(node, self._top))
                if place is None:
                    place = self._by_path.get(_name(node.rfile(), self._top))
            self._by_node[node] = place
            return place


def _known(places: list[Optional[int]]) -> list[int]:
    return [place for place in places if place is not None]


def _flags(targets: list[Any]) -> set[bytes]:
    flags = set()
    if len(targets) > 1:
        flags.add(b"several")
    for target in targets:
        if target.always_build:
            flags.add(b"always")
        if target.precious:
            flags.add(b"precious")
        if target.noclean:
            flags.add(b"no-clean")
        if target.side_effects:
            flags.add(b"side-effect")
    return flags
