"""Other include directives: the dependencies that SCons's scanner would find now.

Asked for when an edit has changed the directives of a file. For each action that depends
on the file all that its sources include is found anew, as the scanner finds it: every file
on the way is read, and each name looked for in the folders of the recorded search path.
What was looked for in vain is kept for the snapshot, so that a file that comes into being there
later is noticed.

Only plain files are found. Whatever might be found in another way, or might be more than
an input (a file that is made, a folder or a link, anything outside the top folder, a
variant folder), is a reason for SCons to run.

Knows nothing of what becomes of the lists.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Optional

from incremental_tool.base.digest import digest_of
from incremental_tool.engine.cone import folders_below
from incremental_tool.model.directives import digest_of_directives, find_directives
from incremental_tool.model.include_walk import Directive, find_includes, walk_includes
from incremental_tool.model.recipe import NEVER_SCANNED, NOBODY, OTHER_ROLE, SCANNED_OTHERWISE
from incremental_tool.model.searching import UNSCANNED
from incremental_tool.store.searching import unpack_searching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from incremental_tool.base.filesystem import Disk
    from incremental_tool.model.recipe import Recipe
    from incremental_tool.model.snapshot import Snapshot

_INCLUDES = "replay.refuse.includes"


class Unfound(Exception):  # noqa: N818 - it names a verdict
    """Why SCons must find the dependencies: a reason's id and detail."""


class Rescan:
    """Finds implicit dependencies anew; one for a replay."""

    def __init__(
        self,
        snapshot: Snapshot,
        recipe: Recipe,
        state: Sequence[bytes],
        disk: Disk,
        digest: Callable[[bytes], Optional[bytes]],
    ) -> None:
        """Take what is known; `digest` tells what a file's content was when it was signed.

        Nothing that lies in one of the folders `state` is found.
        """
        self._recipe = recipe
        self._disk = disk
        self._digest = digest
        self._searching = unpack_searching(recipe.searching)
        self._top = os.getcwdb()
        self.places = {path: at for at, path in enumerate(snapshot.files.paths)}
        makers = recipe.index.makers if recipe.index is not None else ()
        self._made = {path for path, maker in zip(snapshot.files.paths, makers) if maker != NOBODY}
        self._twins = {at for pair in recipe.duplicates for at in pair}
        self._twins.update(at for at, _, _ in recipe.places)
        self._commands = set(self._searching.commands)
        self._reserved = {*self._searching.reserved, *snapshot.present}
        self._reserved.update(path for path, _ in snapshot.links)
        self._folders = [*self._searching.folders, *recipe.folders, *state]
        self._changed: Collection[int] = ()
        self._directives: dict[bytes, list[Directive]] = {}
        self._found: dict[tuple[int, bytes, Directive], Optional[bytes]] = {}
        self.roles: dict[bytes, bytes] = {}
        """Path -> what the recipe is to say of the directives of a file that was read."""
        self.absent: dict[bytes, set[bytes]] = {}
        """Folder -> names that were looked for in it in vain."""
        self.missing: set[bytes] = set()
        """Folders that were to be searched, and are not there."""

    def dependencies(
        self,
        number: int,
        sources: Sequence[bytes],
        before: Sequence[bytes],
        changed: Collection[int],
    ) -> Optional[list[bytes]]:
        """Return an action's implicit dependencies; None where includes are not looked for.

        `before` are those that SCons's database has, `changed` the files whose directives
        are others. Raises Unfound or OSError.
        """
        searching = self._searching
        if number < len(searching.of) and searching.of[number] == UNSCANNED:
            return None
        path = searching.path_of(number)
        if path is None:
            what = next((os.fsdecode(p) for p, at in self.places.items() if at in changed), "")
            raise Unfound(_INCLUDES, f"{what} (it is not known where SCons looks)")
        self._changed = changed
        end = len(before)
        while end and before[end - 1] in self._commands:
            end -= 1
        known = set(before[:end])
        scanned = [source for source in sources if self._is_scanned_source(source)]

        def includes_of(file: bytes) -> list[bytes]:
            folder = os.path.dirname(file) or b"."
            return find_includes(
                self._read(file), lambda one: self._find(searching.of[number], path, folder, one)
            )

        found = walk_includes(scanned, includes_of)
        for file in found:
            if file not in known:
                self._check_new(file)
        for file in known.difference(found):
            if file in self._made:
                raise Unfound(_INCLUDES, f"{os.fsdecode(file)} (is made, and no longer needed)")
        if not self._commands.isdisjoint(found):
            raise Unfound(_INCLUDES, "a command is included")
        return [*found, *before[end:]]

    # --- files ------------------------------------------------------------------

    def _is_scanned_source(self, source: bytes) -> bool:
        suffix = _suffix(source)
        if suffix in self._searching.foreign:
            raise Unfound("replay.refuse.scanner", os.fsdecode(source))
        return suffix in self._searching.scanned

    def _role(self, at: int) -> bytes:
        return self._recipe.directives[8 * at : 8 * at + 8]

    def _read(self, file: bytes) -> list[Directive]:
        """Return a file's directives, the file being what it was when it was signed or recorded."""
        known = self._directives.get(file)
        if known is not None:
            return known
        name = os.fsdecode(file)
        if _suffix(file) in self._searching.foreign:
            raise Unfound("replay.refuse.scanner", name)
        at = self.places.get(file)
        if at is not None and at in self._twins:
            raise Unfound(_INCLUDES, f"{name} (is known by several names)")
        role = NEVER_SCANNED if at is None else self._role(at)
        if role == SCANNED_OTHERWISE:
            raise Unfound("replay.refuse.scanner", name)
        self._check_folder(file)
        content = self._disk.read(file)
        if (at is None or at in self._changed) and digest_of(content) != self._digest(file):
            raise Unfound("replay.refuse.moved", name)
        found = find_directives(content)
        if found is None:
            raise Unfound(_INCLUDES, name)
        own = digest_of_directives(found)
        if role not in (OTHER_ROLE, own):
            if role != NEVER_SCANNED and at not in self._changed:
                raise Unfound("replay.refuse.moved", name)
            self.roles[file] = own
        self._directives[file] = found
        return found

    def _check_folder(self, path: bytes) -> None:
        below = folders_below(self._folders, (path,))
        if below is not None:
            raise Unfound("replay.refuse.folder", os.fsdecode(below))

    def _check_new(self, file: bytes) -> None:
        """Raise unless a file that was no dependency of the action is a plain input."""
        at = self.places.get(file)
        why = ""
        if file in self._made or file in self._reserved:
            why = "is more than an input"
        elif file.startswith(b"/"):
            why = "is not in the project's folder"
        elif at is not None and self._role(at) == OTHER_ROLE:
            why = "is more than an input"
        if why:
            raise Unfound(_INCLUDES, f"{os.fsdecode(file)} ({why})")

    # --- the search ---------------------------------------------------------------

    def _find(
        self, number: int, path: Sequence[bytes], own: bytes, directive: Directive
    ) -> Optional[bytes]:
        """Return the file that a directive in a file of the folder `own` leads to."""
        key = (number, own, directive)
        try:
            return self._found[key]
        except KeyError:
            pass
        name = os.fsencode(directive[1])
        folders = [own, *path] if directive[0] == '"' else [*path, own]
        found = None
        for folder in folders:
            found = self._in_folder(folder, name)
            if found is not None:
                break
        self._found[key] = found
        return found

    def _in_folder(self, folder: bytes, name: bytes) -> Optional[bytes]:
        *above, last = name.split(b"/")
        if not all(above) or last in (b"", b".", b"..") or b"\0" in name:
            raise Unfound(_INCLUDES, os.fsdecode(name))
        for part in above:
            if part == b".":
                continue
            below = self._joined(folder, part)
            if part != b"..":
                status = self._status(folder, below, part)
                if status is None:
                    return None
                if not stat.S_ISDIR(status.st_mode):
                    raise Unfound(_INCLUDES, f"{os.fsdecode(below)} (is no folder)")
            folder = below
        file = self._joined(folder, last)
        if file in self._made or file in self._reserved or file in self.places:
            return file  # not all of these will do; what will not is told where it is used
        status = self._status(folder, file, last)
        if status is None:
            return None
        if not stat.S_ISREG(os.lstat(file).st_mode):
            raise Unfound(_INCLUDES, f"{os.fsdecode(file)} (is no plain file)")
        return file

    def _joined(self, folder: bytes, part: bytes) -> bytes:
        """Return the name that SCons has for an entry of a folder."""
        path = os.path.normpath(os.path.join(self._top, folder, part))
        if path == self._top:
            return b"."
        return path[len(self._top) + 1 :] if path.startswith(self._top + b"/") else path

    def _status(self, folder: bytes, path: bytes, name: bytes) -> Optional[os.stat_result]:
        """Return the status of an entry; None, and a note, where there is none."""
        try:
            return self._disk.stat(path)
        except FileNotFoundError:
            pass
        if os.path.lexists(path):
            raise Unfound(_INCLUDES, f"{os.fsdecode(path)} (leads nowhere)")
        if os.path.isdir(folder):
            self.absent.setdefault(folder, set()).add(name)
        else:
            self.missing.add(_highest_missing(folder))
        return None


def _suffix(path: bytes) -> bytes:
    """Return what SCons takes for a file's suffix."""
    name = os.path.basename(path)
    dot = name.rfind(b".")
    return b"" if dot < 0 or name[dot + 1 :].isdigit() else name[dot:]


def _highest_missing(folder: bytes) -> bytes:
    while True:
        above = os.path.dirname(folder)
        if above in (folder, b"") or os.path.isdir(above):
            return folder
        folder = above
