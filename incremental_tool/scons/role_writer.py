"""Writes what each file of a snapshot is to its recipe: its role.

The role of a file that is nothing but an input of actions, or made by one, is what
SCons's scanner finds in it; for any other file it says why an edit of it asks for a
full run. A file that is several nodes has the strictest of their roles.

Knows nothing of actions.
"""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable, Optional

import SCons.Node.FS
import SCons.Tool

from incremental_tool.model.directives import PATTERN, digest_of_directives
from incremental_tool.model.recipe import NEVER_SCANNED, OTHER_ROLE, SCANNED_OTHERWISE
from incremental_tool.scons.node_place import Folders, RealFiles, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.model.recipe import Recipe
    from incremental_tool.scons.graph_walk import Graph
    from incremental_tool.scons.observations import Observations

BY_CONTENT = (4, 5)
"""Which decider a file has, as SCons numbers them: those of its environment."""


class RoleWriter:
    """Writes one recipe's roles; `place` tells where a node is among the snapshot's `paths`."""

    def __init__(
        self,
        recipe: Recipe,
        paths: Sequence[bytes],
        top: str,
        observed: Observations,
        place: Callable[[Any], Optional[int]],
    ) -> None:
        self._recipe = recipe
        self._paths = paths
        self._top = top + "/"
        self._observed = observed
        self._place = place
        self._real = RealFiles()
        self._roles = bytearray(OTHER_ROLE * len(paths))
        self._with_role = bytearray(len(paths))

    def write(self, graph: Graph, folders: Folders) -> None:
        """Write the roles of the graph's files."""
        c_scanner = getattr(SCons.Tool.CScanner, "cre", None)
        usual = getattr(c_scanner, "pattern", None) == PATTERN
        for node in chain(graph.inputs, graph.nodes):
            place = self._place(node)
            if place is None:
                continue
            if folders.is_ordinary(node.dir):
                path = node.get_abspath()
                plain = True
            else:
                path = self._real.of(node).get_abspath()
                plain = os.fsencode(text_of(node)) == self._paths[place]
                self._note_place(place, node)
            linked = path in graph.duplicates
            if not self._has_one_role(path, graph) or (
                linked and not self._note_duplicate(node, place)
            ):
                role = OTHER_ROLE
            else:
                role = self._role(node) if usual and plain else SCANNED_OTHERWISE
            self._set_role(place, role)
        self._recipe.directives = bytes(self._roles)

    def _role(self, node: Any) -> bytes:
        observed = self._observed
        if node in observed.scanned_otherwise:
            return SCANNED_OTHERWISE
        if node.changed_since_last_build not in BY_CONTENT and not (
            node.has_builder() or node.side_effect
        ):
            return SCANNED_OTHERWISE
        # What SCons's scanner found, perhaps in the file by another name.
        includes = node.includes if node.includes is not None else self._real.of(node).includes
        if includes is not None:
            return digest_of_directives(list(includes))
        return SCANNED_OTHERWISE if node in observed.scanned else NEVER_SCANNED

    def _set_role(self, place: int, role: bytes) -> None:
        start = 8 * place
        if self._with_role[place]:
            role = _stricter(bytes(self._roles[start : start + 8]), role)
        self._roles[start : start + 8] = role
        self._with_role[place] = 1

    def _note_duplicate(self, node: Any, place: int) -> bool:
        """Note that a file is a link to a source, made as a replay would make it."""
        ways = SCons.Node.FS.Link_Funcs
        if not node.linked or ways[:1] not in ([], [SCons.Node.FS._hardlink_func]):  # noqa: SLF001 - it has no other name
            return False
        source = self._place(node.srcnode())
        if source is None or source == place:
            return False
        self._recipe.duplicates.append((place, source))
        path = self._real.of(node.srcnode()).get_abspath()
        plain = path.startswith(self._top) and path not in self._observed.used_by_project
        role = NEVER_SCANNED if plain else OTHER_ROLE
        self._set_role(source, role)
        return True

    def _has_one_role(self, path: str, graph: Graph) -> bool:
        """Tell whether a file is nothing but an input of actions, or made by one."""
        observed = self._observed
        written = observed.written.get(path)
        return (
            path.startswith(self._top)
            and path not in observed.used_by_project
            and (written is None or written.by_scons)
            and path not in graph.side_effects
            and not observed.configured
        )

    def _note_place(self, place: int, node: Any) -> None:
        """Note where SCons's database keeps a file that is known by another name, too."""
        folder, name = node.dir.get_internal_path(), node.name
        known = os.fsencode(name if folder == "." else f"{folder}/{name}")
        if known != self._paths[place]:
            self._recipe.places.append((place, os.fsencode(folder), os.fsencode(name)))


def _stricter(one: bytes, other: bytes) -> bytes:
    """Return the role of a file that is several nodes."""
    if one == other:
        return one
    if OTHER_ROLE in (one, other):
        return OTHER_ROLE
    if one == NEVER_SCANNED:
        return other
    return one if other == NEVER_SCANNED else SCANNED_OTHERWISE
