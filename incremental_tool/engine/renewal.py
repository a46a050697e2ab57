"""Renewal: after a replay, let the snapshot say what is there now.

Mostly only rows change: the status of changed inputs, of what was built, of SCons's
database, and of folders in which files were replaced, provided that what was seen
of these folders is still so. Anything that is not as the replay left it ends the
renewal: then the snapshot stays as it was, and the next run asks SCons.

Everything is looked at once more only after the clock of the file system has
passed the newest time: a later change cannot hide in the same tick.

Knows nothing of how a replay works.
"""

from __future__ import annotations

import os

from incremental_tool.engine.freshness import RealLook
from incremental_tool.model.folder_view import NAMES_ALONE, digest_of_view
from incremental_tool.model.snapshot import ROW, Marks, identity
from incremental_tool.store import snapshot as store

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Optional

    from incremental_tool.base.filesystem import Disk
    from incremental_tool.model.answer import Answer
    from incremental_tool.model.recipe import Recipe
    from incremental_tool.model.snapshot import Snapshot


def renew(
    answer: Answer,
    snapshot: Snapshot,
    statuses: Mapping[int, os.stat_result],
    databases: Sequence[bytes],
    disk: Disk,
    recipe: Optional[Recipe] = None,
) -> None:
    """Write the snapshot anew. Raises OSError or ValueError when it cannot be.

    With a `recipe`, that is written, too; files and folders may then be new at the end of theirs.
    `statuses` are those of inputs as they were hashed, and of outputs as they were taken in.
    """
    files = snapshot.files
    places = {files.paths[at]: at for at in statuses}
    missing = [path for path in databases if path not in places]
    for path in missing:
        places[path] = files.paths.index(path)
    folders = _folders(snapshot)
    looks = [disk.stat(path) for path in [*places, *(snapshot.folders.paths[at] for at in folders)]]
    newest = max((status.st_ctime_ns for status in looks), default=0)
    disk.wait_until_after(newest)
    if disk.now_ns() <= newest:
        raise ValueError("a time stamp lies in the future")
    rows: dict[int, bytes] = {}
    for path, at in places.items():
        now = identity(disk.stat(path))
        if at in statuses and now != identity(statuses[at]):
            raise ValueError("a file is not as the replay left it")
        rows[at] = ROW.pack(*now)
    for at in folders:
        rows[len(files.paths) + at] = ROW.pack(*_same_view(snapshot, at, disk))
    if recipe is None:
        store.renew(answer.folder, answer.key, rows)
    else:
        _rewrite(answer, snapshot, rows, recipe)


def _rewrite(answer: Answer, snapshot: Snapshot, rows: Mapping[int, bytes], recipe: Recipe) -> None:
    """Write the whole snapshot, with files and folders that are new at the end of theirs."""
    files, folders = snapshot.files, snapshot.folders
    whole = bytearray(files.packed)
    whole.extend(bytes(ROW.size * len(files.paths) - len(whole)))
    whole += folders.packed
    for place, row in rows.items():
        whole[place * ROW.size : (place + 1) * ROW.size] = row
    end = ROW.size * len(files.paths)
    snapshot.files = Marks(files.paths, whole[:end])
    snapshot.folders = Marks(folders.paths, whole[end:])
    snapshot.recipe = recipe
    store.save(answer.folder, answer.key, snapshot)


def _folders(snapshot: Snapshot) -> list[int]:
    """Return the folders whose status is another than recorded."""
    found = []
    for at, (path, row) in enumerate(zip(snapshot.folders.paths, snapshot.folders.rows())):
        if identity(os.stat(path)) != row:
            found.append(at)
    return found


def _same_view(snapshot: Snapshot, at: int, disk: Disk) -> tuple[int, ...]:
    """Return a folder's status, all that was seen of it being as it was."""
    path = snapshot.folders.paths[at]
    status = disk.stat(path)
    by_name = all(view.kind in NAMES_ALONE for view in snapshot.views[at])
    entries = [(name, b"") for name in os.listdir(path)] if by_name else RealLook.entries(path)
    for view in snapshot.views[at]:
        if digest_of_view(view.kind, view.pattern, entries) != view.digest:
            raise ValueError("a folder is not as it was")
    return identity(status)
