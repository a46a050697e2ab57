"""Writes the searching of a recipe: how the implicit dependencies of actions are found.

A search path is written only where finding a file in it is nothing but looking into its
folders, and where an action's implicit dependencies are those that the scanner has found,
followed by what its commands name. Everything else is UNKNOWN.

Knows nothing of how files are found again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import SCons.Node.FS
import SCons.Tool
import SCons.Warnings

from incremental_tool.model.searching import FIRST, UNKNOWN, UNSCANNED, Searching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from incremental_tool.scons.search_notes import Folders, SearchNotes

_FS = SCons.Node.FS
_SCANNERS = (None, SCons.Tool.SourceFileScanner)
"""Scanners of builders with which SCons chooses by the suffix of each file."""


class SearchWriter:
    """Writes one recipe's searching; `name` gives the name of a node in the snapshot."""

    def __init__(self, notes: SearchNotes, name: Callable[[Any], bytes]) -> None:
        self._notes = notes
        self._name = name
        self._searching = Searching()
        self._numbers: dict[Folders, int] = {}
        self._plain: dict[Any, bool] = {}
        self._plain_paths: dict[Folders, bool] = {}
        self._off = bool(_FS.get_default_fs().Top.repositories) or _warns()

    def add(self, targets: Sequence[Any]) -> None:
        """Write how the dependencies of the next action are found."""
        self._searching.of.append(self._number(targets))

    def finish(self, known: Collection[Any]) -> Searching:
        """Write what holds for all actions; `known` are the nodes that the recipe makes."""
        searching = self._searching
        searching.commands = sorted(map(self._name, self._notes.commands))
        for suffix, scanner in SCons.Tool.SourceFileScanner.function.items():
            usual = scanner is SCons.Tool.CScanner
            (searching.scanned if usual else searching.foreign).append(os.fsencode(suffix))
        for root in set(_FS.get_default_fs().Root.values()):
            for node in list(root._lookupDict.values()):  # noqa: SLF001 - it has no other name
                if isinstance(node, _FS.Dir):
                    builder = getattr(node, "builder", None)
                    made = builder is not None and builder is not _FS.MkdirBuilder
                    if node.srcdir is not None or made:
                        searching.folders.append(self._name(node))
                elif _is_special(node) and node not in known:
                    searching.reserved.append(self._name(node))
        return searching

    def _number(self, targets: Sequence[Any]) -> int:
        if self._off or not targets:
            return UNKNOWN
        first = targets[0]
        if any(target.ignore_set for target in targets):
            return UNKNOWN
        if first not in self._notes.paths:
            return UNSCANNED
        path = self._notes.paths[first]
        builder = first.builder
        implicit = first.implicit or []
        if (
            path is None
            or builder.source_scanner not in _SCANNERS
            or builder.target_scanner is not None
            or any((target.implicit or []) != implicit for target in targets[1:])
            or not self._commands_are_last(implicit)
            or not self._all_plain(path)
            or not all(self._is_plain(source.dir) for source in first.sources)
        ):
            return UNKNOWN
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = FIRST + len(self._searching.paths)
            self._searching.paths.append(list(map(self._name, path)))
        return number

    def _commands_are_last(self, implicit: Sequence[Any]) -> bool:
        """Tell whether no file that a command names comes before one that was included."""
        commands = self._notes.commands
        end = len(implicit)
        while end and implicit[end - 1] in commands:
            end -= 1
        return commands.isdisjoint(implicit[:end])

    def _all_plain(self, path: Folders) -> bool:
        known = self._plain_paths.get(path)
        if known is None:
            known = self._plain_paths[path] = all(map(self._is_plain, path))
        return known

    def _is_plain(self, folder: Any) -> bool:
        """Tell whether a folder is no variant of another, nor in one."""
        known = self._plain.get(folder)
        if known is None:
            above = folder.up()
            known = folder.srcdir is None and (above is None or self._is_plain(above))
            self._plain[folder] = known
        return known


def _is_special(node: Any) -> bool:
    return bool(
        getattr(node, "builder", None) is not None  # there may be none before SCons asks
        or node.side_effect
        or node.depends
        or node.ignore
        or node.prerequisites
        or node.always_build
    )


def _warns() -> bool:
    """Tell whether SCons warns of files that are included and not found."""
    warning = SCons.Warnings.DependencyWarning
    for kind, enabled in SCons.Warnings._enabled:  # noqa: SLF001 - it has no other name
        if issubclass(warning, kind):
            return bool(enabled)
    return False
