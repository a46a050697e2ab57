"""Writes the recipe of a snapshot: SCons's graph after a build, as a replay needs it.

The actions that ran in this process were noted as they ran; those that did not
are taken over from the snapshot before, provided that SCons's databases are
those of that snapshot: then no run in between has changed a command. Where neither
tells, the action has the flag `unknown`.

A file is *nothing but an input* when no script, no code of the project and no
action did more than depend on it. What SCons's scanner found in it is noted as
a digest of its include directives.

Knows nothing of how actions are replayed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

import SCons.dblite
import SCons.Node.Alias
import SCons.Node.FS
import SCons.Node.Python
import SCons.SConsign
import SCons.Script.Main
import SCons.Tool
import SCons.Util

from incremental_tool.model.recipe import AFTER, Top
from incremental_tool.scons import recipe_memory
from incremental_tool.scons.decider import decides_all_by_content
from incremental_tool.scons.node_place import Folders, RealFiles, text_of
from incremental_tool.scons.role_writer import BY_CONTENT, RoleWriter
from incremental_tool.scons.search_writer import SearchWriter
from incremental_tool.scons.session import SESSION
from incremental_tool.scons.unseen_command import Substitution
from incremental_tool.store.recipe_actions import PackedActions
from incremental_tool.store.searching import pack_searching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.model.answer import Answer
    from incremental_tool.model.recipe import Recipe
    from incremental_tool.model.snapshot import Snapshot
    from incremental_tool.scons.action_notes import ActionNotes, Surroundings
    from incremental_tool.scons.graph_walk import Graph
    from incremental_tool.scons.observations import Observations
    from incremental_tool.store.recipe_actions import EarlierActions

_File = SCons.Node.FS.File
_Dir = SCons.Node.FS.Dir
_HARMLESS = frozenset(
    {
        *("num_jobs", "max_drift", "hash_format", "hash_chunksize", "md5_chunksize"),
        *("warn", "duplicate", "diskcheck", "stack_size", "help"),
    }
)
"""Options that a script may set without a replay having to know more of them than is recorded."""


class RecipeWriter:
    """Writes one snapshot's recipe; its files have been written."""

    def __init__(
        self, snapshot: Snapshot, answer: Answer, observed: Observations, notes: ActionNotes
    ) -> None:
        self._recipe = snapshot.recipe
        self._answer = answer
        self._observed = observed
        self._notes = notes
        self._top = answer.top + "/"
        self._paths = snapshot.files.paths
        self._by_path = {path: index for index, path in enumerate(self._paths)}
        self._by_node: dict[Any, Optional[int]] = {}
        self._real = RealFiles()
        self._substitution = Substitution(notes)
        self.actions = PackedActions()
        """The recipe's actions, as they are written."""
        self._settings: dict[Surroundings, int] = {}
        self._taken_over: dict[int, int] = {}
        self._last: Optional[Recipe] = None
        self._folders_of_nodes = Folders(answer.top)
        self._by_environment: dict[int, bool] = {}
        self._folders: set[bytes] = set()
        self._searches = SearchWriter(notes.searches, self._name)

    def write(self, graph: Graph) -> None:
        """Fill the recipe in from the graph."""
        recipe = self._recipe
        self._write_options()
        made_before = self._write_actions(graph)
        roles = RoleWriter(recipe, self._paths, self._answer.top, self._observed, self._place)
        roles.write(graph, self._folders_of_nodes)
        for place, hidden_by, text, node in graph.tops:
            files: list[int] = []
            folders: list[bytes] = []
            self._expand(node, files, folders, set())
            recipe.tops.append(Top(made_before[place], hidden_by, text.encode(), files, folders))
        recipe.folders = sorted(self._folders)
        recipe.searching = pack_searching(self._searches.finish(set(graph.nodes)))

    def _write_options(self) -> None:
        recipe = self._recipe
        values = getattr(SCons.Script.Main.OptionsParser, "values", None)
        chosen = getattr(values, "__dict__", {}).get("__SConscript_settings__", {})
        other = sorted(name for name in chosen if name not in _HARMLESS)
        if chosen.get("max_drift") == 0:
            other.append("max_drift")
        variables = SESSION.chosen.items()
        recipe.variables = [(name, str(value)) for name, value in variables if value is not None]
        recipe.jobs = max(1, int(chosen.get("num_jobs") or 1))
        recipe.algorithm = SCons.Util.hashes.get_current_hash_algorithm_used().encode()
        if other:
            recipe.refusal = ("replay.refuse.option", ", ".join(other))
        database = _database()
        if database is None:
            recipe.refusal = ("replay.refuse.sconsign", "it is not SCons's own kind of database")
        else:
            recipe.database = os.fsencode(database)

    # --- actions --------------------------------------------------------------

    def _write_actions(self, graph: Graph) -> list[int]:
        """Write the actions; return how many are made before each of the graph's nodes."""
        last = recipe_memory.load(self._answer, self._observed)
        before = last.actions if last is not None else None
        self._last = last.recipe if last is not None else None
        actions = self.actions = PackedActions(before)
        seen: set[Any] = set()
        made_before = []
        for node in graph.nodes:
            made_before.append(len(actions))
            if node in seen or not node.has_builder():
                continue
            if not isinstance(node, _File):
                self._add_action_without_file(node)
                self._searches.add(())
                continue
            targets = [node, *(p for p in getattr(node, "target_peers", None) or () if p != node)]
            seen.update(targets)
            self._add_action(targets, before)
            self._searches.add(targets)
        made_before.append(len(actions))
        return made_before

    def _add_action_without_file(self, node: Any) -> None:
        """Add the action of a folder, an alias or another name: SCons must run it if need be."""
        flags = {b"no-file"}
        others = [*(node.depends or ()), *(node.implicit or ()), *(node.prerequisites or ())]
        implicit = self._places([*node.sources, *others], flags)
        self.actions.add(b"command", b"", b" ".join(sorted(flags)), ((), (), implicit), 0)

    def _add_action(self, targets: list[Any], before: Optional[EarlierActions]) -> None:
        node, notes = targets[0], self._notes
        names = tuple(self._name(target) for target in targets)
        outputs = [place for place in map(self._place, targets) if place is not None]
        flags = self._flags(targets)
        ordinary = self._folders_of_nodes.is_ordinary
        if len(outputs) != len(targets) or not all(
            ordinary(target.dir) or os.fsencode(text_of(target)) == name
            for target, name in zip(targets, names)
        ):
            flags.add(b"repository")
        ignored = node.ignore_set
        declared, others = node.sources, node.implicit or ()
        if node.depends:
            others = [*node.depends, *others]
        if ignored:
            declared = [one for one in declared if one not in ignored]
            others = [one for one in others if one not in ignored]
        sources, implicit = self._places(declared, flags), self._places(others, flags)
        files = outputs, sources, implicit
        for place in self._places(node.prerequisites or (), flags):
            flags.add(AFTER + b"%d" % place)
        ran = next((target for target in targets if target in notes.kinds), None)
        if ran is None:
            known_by = tuple(sorted(names)) if len(names) > 1 else names
            taken = before.find(known_by) if before is not None else None
            if taken is None and len(targets) == 1:
                unseen = self._substitution.of(node)
                if unseen is not None:
                    setting = self._setting(unseen.surroundings)
                    text = b" ".join(sorted(flags))
                    self.actions.add(unseen.kind, unseen.steps, text, files, setting)
                    return
            if taken is None:
                flags.add(b"unknown")
                self.actions.add(b"command", b"", b" ".join(sorted(flags)), files, 0)
                return
            text = taken.flags
            if flags or AFTER in text:
                flags.update(flag for flag in text.split() if not flag.startswith(AFTER))
                text = b" ".join(sorted(flags))
            setting = self._take_over(taken.setting)
            self.actions.add(taken.kind, taken.steps, text, files, setting)
            return
        noted = next((target for target in targets if target in notes.steps), ran)
        steps = notes.steps.get(noted, [])
        flags |= notes.flags.get(noted, set())
        if not steps:
            flags.add(b"unknown")
        setting = self._setting(notes.surroundings.get(noted))
        text = b"\0".join(steps)
        self.actions.add(notes.kinds[ran], text, b" ".join(sorted(flags)), files, setting)

    def _flags(self, targets: list[Any]) -> set[bytes]:
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
            if target.side_effects or target.side_effect:
                flags.add(b"side-effect")
            if target.changed_since_last_build not in BY_CONTENT:
                flags.add(b"decider")
            if not self._decides_by_content(target.get_env()):
                flags.add(b"decider")
        return flags

    def _decides_by_content(self, env: Any) -> bool:
        known = self._by_environment.get(id(env))  # nodes and builders hold it
        if known is None:
            known = self._by_environment[id(env)] = decides_all_by_content(env)
        return known

    def _places(self, nodes: Sequence[Any], flags: set[bytes]) -> list[int]:
        found: list[int] = []
        known = self._by_node
        try:
            # For every edge of the graph, 170,000 times for 10,000 files: the usual case first.
            found = [known[node] for node in nodes]  # type: ignore[misc] # None is looked for next
        except KeyError:
            pass
        else:
            if None not in found:
                return found
        found = []
        for node in nodes:
            place = self._place(node)
            if place is not None:
                found.append(place)
            elif isinstance(node, _Dir):
                self._folders.add(self._name(node))
                flags.add(b"more-inputs")
            elif isinstance(node, SCons.Node.Python.Value):
                flags.add(b"more-inputs")
            else:
                flags.add(b"other-inputs")
        return found

    # --- settings -------------------------------------------------------------

    def _take_over(self, number: int) -> int:
        """Return the number that a setting of the last snapshot has in this one."""
        known = self._taken_over.get(number)
        if known is None:
            assert self._last is not None  # noqa: S101 - what is taken over comes from there
            known = self._taken_over[number] = len(self._recipe.settings)
            self._recipe.settings.append(self._last.settings[number])
        return known

    def _setting(self, surroundings: Optional[Surroundings]) -> int:
        if surroundings is None:
            surroundings = ("", "", frozenset())
        known = self._settings.get(surroundings)
        if known is None:
            known = self._settings[surroundings] = len(self._recipe.settings)
            self._recipe.settings.append(
                recipe_memory.setting_of(surroundings, self._observed.environment)
            )
        return known

    # --- nodes ----------------------------------------------------------------

    def _expand(self, node: Any, files: list[int], folders: list[bytes], seen: set[Any]) -> None:
        """Collect what tells whether anything was done for a target asked for."""
        if node in seen:
            return
        seen.add(node)
        if isinstance(node, _Dir):
            folders.append(self._name(node))
        elif isinstance(node, _File):
            place = self._place(node)
            if place is not None and (node.has_builder() or node.side_effect):
                files.append(place)
        elif isinstance(node, SCons.Node.Alias.Alias):
            for child in node.children():
                self._expand(child, files, folders, seen)

    def _name(self, node: Any) -> bytes:
        path = node.get_abspath()
        return os.fsencode(path.removeprefix(self._top)) if path + "/" != self._top else b"."

    def _place(self, node: Any) -> Optional[int]:
        """Return a node's place; None for one that is no file, or none of the snapshot's."""
        try:
            return self._by_node[node]
        except KeyError:
            place = None
            if isinstance(node, _File):
                place = self._by_path.get(self._name(node))
                if place is None and (file := self._real.of(node)) is not node:
                    place = self._by_path.get(self._name(file))
            self._by_node[node] = place
            return place


def _database() -> Optional[str]:
    """Return the path of SCons's database, with `*` for "each folder"; None if of another kind."""
    sconsign = SCons.SConsign
    if sconsign.ForDirectory is sconsign.DirFile:
        return "*/" + str(sconsign.current_sconsign_filename())
    databases = list(sconsign.DB_sync_list)
    if len(databases) != 1 or type(databases[0]).__module__ != SCons.dblite.__name__:
        return None
    return str(databases[0]._file_name)  # noqa: SLF001 - SCons's own attribute
