"""What a replay learns where include directives are others: new lists of dependencies.

Found out before anything is done; written into SCons's database, and into snapshot and
recipe, when the commands are over. Files that were in no list before are added to the
snapshot's files; names that were looked for in vain become views of their folders.

Knows nothing of how dependencies are found, nor of how commands are run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from incremental_tool.engine.cone import RAN, SKIPPED
from incremental_tool.engine.rescan import Rescan, Unfound
from incremental_tool.model.folder_view import STATE, digest_of_view
from incremental_tool.model.snapshot import AMONG, ROW, Marks, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental_tool.engine.cone import Job
    from incremental_tool.engine.replay import Input, Replay
    from incremental_tool.store.sconsign import Sconsign, Signature


class Lessons:
    """The lists of one replay; made when its jobs are known. Raises Unfound or OSError."""

    def __init__(self, replay: Replay, changed: Mapping[int, bytes]) -> None:
        """Find the lists; `changed` are the files with other directives, and their digests."""
        self.changed = changed
        self._replay = replay
        self._paths = replay.snapshot.files.paths
        self.known = len(self._paths)
        """How many files the snapshot has without those that are new."""
        self._signed: dict[bytes, Input] = {}
        self._lists: dict[int, list[bytes]] = {}
        self._other: set[int] = set()
        settings = replay.cache.settings
        folders = [settings.state_dir, settings.cache_dir]
        self._rescan = Rescan(
            replay.snapshot,
            replay.recipe,
            [os.path.relpath(folder) for folder in folders],
            replay.cache.disk,
            self._digest,
        )
        for job in replay.jobs:
            if not changed.keys().isdisjoint(job.inputs):
                self._learn(job)

    # --- before -------------------------------------------------------------------

    def _digest(self, path: bytes) -> Optional[bytes]:
        """Return the digest of a file's content; one that is not known is signed first."""
        if path not in self._rescan.places and path not in self._signed:
            self._signed[path] = self._replay.signed(path)
        return self._replay.cache.files.digest(path)

    def _learn(self, job: Job) -> None:
        paths, database, action = self._paths, self._replay.database, job.action
        lists = [database.implicit_of(paths[at]) for at in action.outputs]
        names = self._rescan.dependencies(
            job.number, [paths[at] for at in action.sources], lists[0], self.changed
        )
        if names is None:
            return
        if any(one != lists[0] for one in lists):
            raise Unfound("replay.refuse.includes", os.fsdecode(paths[action.outputs[0]]))
        before = set(lists[0]).difference(database.depends_of(paths[action.outputs[0]]))
        others = [at for at in action.implicit if paths[at] not in before]
        found = [self._place(name, name in before) for name in names]
        self._lists[job.number] = names
        if names != lists[0]:
            self._other.add(job.number)
        action.implicit = list(dict.fromkeys([*others, *found]))
        job.inputs = [*action.sources, *action.implicit]
        job.changed &= set(job.inputs)
        job.changed |= self._replay.inputs.keys() & set(job.inputs)

    def _place(self, name: bytes, before: bool) -> int:
        """Return a file's index; one that is not known, or not signed, is added."""
        places, inputs = self._rescan.places, self._replay.inputs
        at = places.get(name)
        if at is None:
            if not self._replay.database.has_place_for(name):
                raise Unfound("replay.refuse.sconsign", f"there is none beside {os.fsdecode(name)}")
            self._paths.append(name)
            at = places[name] = len(self._paths) - 1
            inputs[at] = self._signed[name]
        elif not before and at not in inputs and self._replay.database.signature(name) is None:
            inputs[at] = self._replay.signed(name)
        return at

    def is_other(self, job: Job) -> bool:
        """Tell whether a job's outputs were built from another list."""
        return job.number in self._other

    # --- afterwards ---------------------------------------------------------------

    def write(self, database: Sconsign, signatures: Mapping[int, Signature]) -> None:
        """Write the lists of what was made into SCons's database. Raises Unexpected."""
        paths = self._paths
        for at in range(self.known, len(paths)):
            database.add(paths[at], signatures[at])
        for job in self._replay.jobs:
            names = self._lists.get(job.number)
            if names is not None and job.state in (RAN, SKIPPED):
                known = {paths[at]: signatures[at] for at in job.inputs if at in signatures}
                for output in job.action.outputs:
                    database.renew_implicit(paths[output], names, known)

    def forget(self, statuses: dict[int, os.stat_result]) -> None:
        """Leave the snapshot as it was about all that would have to be learnt."""
        for at in (*self.changed, *range(self.known, len(self._paths))):
            statuses.pop(at, None)
        del self._paths[self.known :]

    def teach(self) -> None:
        """Let snapshot and recipe know the lists, but for the status of files."""
        snapshot, recipe = self._replay.snapshot, self._replay.recipe
        learnt = {job.number: job.action for job in self._replay.jobs}
        recipe.actions = [learnt.get(at, action) for at, action in enumerate(recipe.actions)]
        roles = bytearray(recipe.directives)
        roles.extend(bytes(8 * (len(self._paths) - self.known)))
        for at, role in self.changed.items():
            roles[8 * at : 8 * at + 8] = role
        for path, role in self._rescan.roles.items():
            at = self._rescan.places[path]
            roles[8 * at : 8 * at + 8] = role
        recipe.directives = bytes(roles)
        there = set(snapshot.absent)
        snapshot.absent.extend(sorted(self._rescan.missing - there))
        places = {path: at for at, path in enumerate(snapshot.folders.paths)}
        added: list[bytes] = []
        for folder, names in sorted(self._rescan.absent.items()):
            at = places.get(folder, -1)
            views = snapshot.views[at] if at >= 0 else []
            seen = {n for view in views if view.kind == AMONG for n in view.pattern.split(b"\0")}
            new = sorted(name for name in names - seen if not name.startswith(STATE))
            if not new:
                continue
            if at < 0:
                added.append(folder)
                snapshot.views.append(views)
            pattern = b"\0".join(new)
            views.append(View(AMONG, pattern, digest_of_view(AMONG, pattern, ())))
        marks = snapshot.folders
        rows = bytearray(marks.packed)
        rows.extend(bytes(ROW.size * len(added)))
        snapshot.folders = Marks([*marks.paths, *added], rows)
