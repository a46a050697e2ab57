"""The inputs that a snapshot records, and what is to be seen of them.

A *look* is a mapping: the identity of each file that is no output, what stands where nothing stood,
whether that is there which was, and the digests of what was seen of folders. Two looks tell which
inputs changed in between, whether or not anybody was told.

Knows nothing of events.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.engine.freshness import RealLook
from incremental_tool.model.folder_view import STATE, digest_of_view
from incremental_tool.model.snapshot import identity
from incremental_tool.store import snapshot as snapshots

if TYPE_CHECKING:
    from incremental_tool.model.answer import Answer
    from incremental_tool.model.recipe import Recipe
    from incremental_tool.model.snapshot import Snapshot, View

    Look = dict[bytes, object]

_DATABASE = b".sconsign"


class Inputs:
    """What one snapshot records; names are absolute."""

    def __init__(self, top: bytes, snapshot: Snapshot, recipe: Recipe) -> None:
        self.outputs: set[bytes] = set()
        self.recorded: Look = {}
        self._files: list[bytes] = []
        self._absent = [_absolute(top, path) for path in snapshot.absent]
        self._present: list[bytes] = []
        self._views: dict[bytes, list[View]] = {}
        made = _made(recipe)
        database = os.path.basename(recipe.database) or _DATABASE
        for at, (path, row) in enumerate(zip(snapshot.files.paths, snapshot.files.rows())):
            name = _absolute(top, path)
            if at in made or is_own(name) or os.path.basename(name) == database:
                self.outputs.add(name)
            else:
                self._files.append(name)
                self.recorded[name] = row
        self.recorded.update(dict.fromkeys(self._absent))
        for path in snapshot.present:
            name = _absolute(top, path)
            if name not in self.recorded and name not in self.outputs:
                self._present.append(name)
                self.recorded[name] = True
        for path, views in zip(snapshot.folders.paths, snapshot.views):
            name = _absolute(top, path)
            self._views[name] = views
            self.recorded[name + b"/"] = [view.digest for view in views]
        self._top = top

    def look(self) -> Look:
        """Return what is there now."""
        found: Look = {name: _identity(name) for name in self._files}
        for name in self._absent:
            found[name] = _identity(name)
        for name in self._present:
            found[name] = os.path.exists(name)
        for name, views in self._views.items():
            found[name + b"/"] = _seen(name, views)
        return found

    def concerns(self, path: bytes) -> bool:
        """Tell whether a change of a path may be one of these inputs'."""
        return path in self.recorded or os.path.dirname(path) in self._views

    def elsewhere(self) -> set[bytes]:
        """Return the folders outside of the project in which something is recorded."""
        below = self._top + b"/"
        names = [
            *self._files,
            *self._absent,
            *self._present,
            *(folder + b"/" for folder in self._views),
        ]
        folders = {os.path.dirname(name) for name in names if not name.startswith(below)}
        return folders - {self._top}


def inputs_of(answer: Answer) -> Optional[Inputs]:
    """Return what the last recorded run of an answer depended on, if that is known."""
    try:
        snapshot = snapshots.load(answer.folder, answer.key)
        recipe = snapshots.load_recipe(answer.folder, answer.key)
    except (CorruptRecord, OSError):
        return None
    if snapshot is None or recipe is None or snapshot.refusals:
        return None
    return Inputs(os.fsencode(answer.top), snapshot, recipe)


def is_own(path: bytes) -> bool:
    """Tell whether a path is SCons's database, or a file that this tool is about to rename."""
    return os.path.basename(path).startswith((_DATABASE, STATE))


def _absolute(top: bytes, path: bytes) -> bytes:
    return os.path.normpath(os.path.join(top, path))


def _made(recipe: Recipe) -> set[int]:
    """Return the files that a build writes itself."""
    made = {at for action in recipe.actions for at in action.outputs}
    return made.union(copy for copy, _ in recipe.duplicates)


def _identity(path: bytes) -> Optional[tuple[int, ...]]:
    try:
        return identity(os.stat(path))
    except (OSError, ValueError):
        return None


def _seen(folder: bytes, views: list[View]) -> list[bytes]:
    try:
        entries = RealLook.entries(folder)
    except OSError:
        return []
    return [digest_of_view(view.kind, view.pattern, entries) for view in views]
