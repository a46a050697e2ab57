"""What SCons's graph says after a build: its files, and what would run again.

The walk goes from the targets asked for to all they depend on. It tells which
paths are files of the graph (their whole identity counts), which are made by
the build (their state in the end counts) and which SCons duplicates into
variant directories (each run links them anew).

A run in which nothing was executed is itself the proof that a further run would
do nothing. For what *was* executed that is to be concluded, and where it cannot
be the walk refuses: targets that are always built, names without a file, and
Python functions of the project whose signature has not yet been the same in two
runs. The next run that finds them up to date has no such refusals.

Knows nothing of what was observed otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import SCons.Action
import SCons.Defaults
import SCons.Environment
import SCons.Node
import SCons.Node.Alias
import SCons.Node.FS
import SCons.Node.Python

from incremental_tool.model.snapshot import HIDDEN_QUESTION, HIDDEN_SILENT, STDOUT
from incremental_tool.scons import decider
from incremental_tool.scons.call_site import is_scons
from incremental_tool.scons.combined import combine
from incremental_tool.scons.node_place import RealFiles, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from incremental_tool.scons.observations import Row

_EXECUTED = SCons.Node.executed
_FS = SCons.Node.FS
_NAMES = (SCons.Node.Alias.Alias, SCons.Node.Python.Value)
"""Nodes without a file that say all they are in the scripts."""


class Executed:
    """Targets that one task built, as they were when it began."""

    __slots__ = ("targets", "unproven")

    def __init__(self, targets: Sequence[Any]) -> None:
        self.targets = list(targets)
        self.unproven = _unproven_function(self.targets[0])


def _unproven_function(target: Any) -> str:
    """Return the name of a Python function of the project that SCons has not met twice; or ""."""
    executor = getattr(target, "executor", None)
    if executor is None:
        return ""
    for action in _flat(executor.get_action_list()):
        function = getattr(action, "execfunction", None)
        if function is None or not isinstance(action, SCons.Action.FunctionAction):
            continue
        if type(function) is SCons.Action.ActionCaller:
            function = function.parent.actfunc  # Copy, Delete and their like, with arguments
        code = getattr(function, "__code__", None)
        if function is combine or (code is not None and is_scons(code.co_filename)):
            continue
        stored = target._memo.get("get_stored_info")  # noqa: SLF001 - asking could read a database
        before = getattr(getattr(stored, "binfo", None), "bactsig", None)
        now = getattr(getattr(target, "binfo", None), "bactsig", None)
        if before is None or before != now:
            return str(getattr(function, "__name__", type(function).__name__))
    return ""


def _flat(actions: Any) -> Iterator[Any]:
    for action in actions:
        if isinstance(action, SCons.Action.ListAction):
            yield from _flat(action.list)
        else:
            yield action


class Graph:
    """What the walk found."""

    def __init__(self) -> None:
        # Dictionaries here and below where a set would do: that takes three times as much.
        self.files: dict[str, bool] = {}
        """Absolute paths of the graph's files, and whether the build makes them."""
        self.side_effects: set[str] = set()
        self.duplicates: set[str] = set()
        """Those that SCons makes in variant directories, from:"""
        self.linked: set[str] = set()
        self.built: dict[str, Row] = {}
        """Path -> the status that SCons took of a file after it was built in this run."""
        self.nodes: list[Any] = []
        """Everything that is made, after what it is made of."""
        self.inputs: list[Any] = []
        """Files that are not made."""
        self.tops: list[tuple[int, int, str, Any]] = []
        """(how many of `nodes` come before, hidden_by, text, node): the targets asked for."""
        self.refusals: list[tuple[str, str]] = []
        self.texts: list[tuple[int, int, str]] = []
        """(stream, hidden_by, text): what SCons says of the targets when all is up to date."""

    def forget_files(self) -> None:
        """Drop what only a comparison with the disk needs."""
        self.files.clear()
        self.built.clear()


def walk(tops: Sequence[Any], executed: Sequence[Executed]) -> Graph:
    """Walk the graph below the targets asked for."""
    graph = Graph()
    for task in executed:
        if task.unproven:
            detail = f"{task.targets[0]} ({task.unproven})"
            graph.refusals.append(("fresh.refuse.function", detail))
    asked = set(tops)
    real = RealFiles()
    for node in _after_children(tops):
        _take_in(graph, node, real)
        if node in asked:
            _say(graph, node)
    return graph


def _children(node: Any) -> Sequence[Any]:
    if not (node.sources or node.depends or node.implicit or node.prerequisites):
        return ()
    found = [*node.sources, *(node.depends or ()), *(node.implicit or ())]
    if node.ignore_set:
        found = [child for child in found if child not in node.ignore_set]
    if node.prerequisites:
        found.extend(node.prerequisites)
    return found


def _after_children(tops: Sequence[Any]) -> Iterator[Any]:
    """Yield each node once, after those it depends on, as SCons evaluates them."""
    seen: dict[Any, None] = {}
    for top in tops:
        if top in seen:
            continue
        seen[top] = None
        waiting = [(top, iter(_children(top)))]
        while waiting:
            node, children = waiting[-1]
            for child in children:
                if child not in seen:
                    seen[child] = None
                    below = _children(child)
                    if below:
                        waiting.append((child, iter(below)))
                        break
                    yield child
            else:
                waiting.pop()
                yield node
                for peer in getattr(node, "target_peers", None) or ():
                    if peer not in seen:
                        seen[peer] = None
                        yield peer


def _take_in(graph: Graph, node: Any, real: RealFiles) -> None:
    executed = node.state == _EXECUTED
    if isinstance(node, _FS.Dir):
        builder = getattr(node, "builder", None)  # there may be none before SCons asks
        if builder is not None and builder is not _FS.MkdirBuilder:
            graph.nodes.append(node)
            if executed:
                _judge_executed(graph, node)
    elif isinstance(node, _FS.Base):
        path = node.get_abspath()
        built = node.has_builder()
        if built or node.side_effect:
            graph.files[path] = True
            graph.nodes.append(node)
        else:
            graph.files.setdefault(path, False)
            graph.inputs.append(node)
        for side_effect in node.side_effects:
            graph.side_effects.add(side_effect.get_abspath())
        if node.linked:
            graph.duplicates.add(path)
            graph.linked.add(real.of(node.srcnode()).get_abspath())
        if executed and built:
            graph.built[path] = status_of(node)
            if graph.built[path] is None:
                graph.refusals.append(("fresh.refuse.not-up-to-date", f"{node} (is not there)"))
            _judge_executed(graph, node)
        elif (file := real.of(node)) is not node:
            graph.files.setdefault(file.get_abspath(), False)
    elif not isinstance(node, _NAMES):
        graph.refusals.append(("fresh.refuse.outside", f"{node} ({type(node).__name__})"))
    elif node.has_builder() and _has_action(node):
        graph.nodes.append(node)
        if not executed:
            return
        always = node.always_build
        reason = "fresh.refuse.always-build" if always else "fresh.refuse.alias-action"
        graph.refusals.append((reason, str(node)))


def _has_action(node: Any) -> bool:
    """Tell whether an alias, or another name without a file, does something when it is built."""
    if node.builder is not SCons.Environment.AliasBuilder:
        return True
    executor = getattr(node, "executor", None)
    return executor is None or bool(executor.pre_actions or executor.post_actions)


def _judge_executed(graph: Graph, node: Any) -> None:
    if node.always_build:
        graph.refusals.append(("fresh.refuse.always-build", str(node)))
    elif not _decides_steadily(node):
        graph.refusals.append(("fresh.refuse.not-up-to-date", f"{node} (by its decider)"))


def _decides_steadily(node: Any) -> bool:
    """Tell whether what was just built from what is there is up to date by its decider."""
    env = node.get_build_env()
    default = SCons.Defaults._default_env  # noqa: SLF001 - asking for it would create it
    for owner in (env, default):
        if owner is None:
            continue
        for function in (owner.decide_source, owner.decide_target):
            if function in (decider.decide, decider.decide_unless_chosen):
                continue
            # Of SCons's own deciders only one compares two files with each other, of which
            # the target may well be the older one for good.
            own = getattr(function, "__module__", "") == "SCons.Environment"
            if not own or function.__name__ == "_changed_timestamp_newer":
                return False
    return True


def _say(graph: Graph, node: Any) -> None:
    if node.has_builder():
        text = f"scons: `{node}' is up to date.\n"
        hidden = HIDDEN_SILENT | HIDDEN_QUESTION
    elif not node.side_effect:
        text = f"scons: Nothing to be done for `{node}'.\n"
        hidden = HIDDEN_QUESTION
    else:
        return
    graph.texts.append((STDOUT, hidden, text))
    graph.tops.append((len(graph.nodes), hidden, text, node))
