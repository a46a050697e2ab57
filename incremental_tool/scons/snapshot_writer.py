"""Makes a snapshot of what a run observed, if the disk is still what the run went by.

For each path the answer that was observed is compared with what is there now.
Where they differ without SCons having made the difference itself, the run went
by something that is no more: `Moved` is raised and no snapshot made. Of what the
build made, of SCons's databases and of what scripts wrote without having looked
before, the state in the end counts.

Names looked for in vain along search paths would fill the snapshot with a stat
each; they are recorded as views of the folders they were looked for in, which
are one stat together as long as nothing in the folder changes.

Everything is looked at once more; what was written within the last tick of the
file system's clock again after the clock has passed it: a later change cannot
hide in the same tick. No status is held beyond its row.
"""

from __future__ import annotations

import os
import stat as stat_module
from typing import TYPE_CHECKING, Optional

from incremental_tool.model.environment_value import VOLATILE, digest_of_value, digests_of_all
from incremental_tool.model.fingerprint import is_racy
from incremental_tool.model.folder_view import STATE, digest_of_view
from incremental_tool.model.snapshot import AMONG, ENTRIES, ROW, Snapshot, View, packed_identity
from incremental_tool.scons.observations import (
    ABSENT,
    FOLDER,
    Observations,
    content_digest,
    entries_of,
    kind_in,
    kind_of,
    link_target,
    names_in,
    row_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental_tool.base.filesystem import RealDisk
    from incremental_tool.scons.graph_walk import Graph
    from incremental_tool.scons.observations import Row


class Moved(Exception):  # noqa: N818 - it names what was found
    """Something is not as the run saw it; the text says what."""


class Written(Exception):  # noqa: N818 - it names what was found
    """A script has changed what it, or another, looked at before."""


class Unreadable(Exception):  # noqa: N818 - it names what was found
    """A folder in which something was looked for cannot be listed."""


_CHANGED = ROW.size - 8
"""Where in a row the change time is; it is the last."""


class Writer:
    """Puts one run's observations into a snapshot."""

    def __init__(
        self,
        observed: Observations,
        graph: Graph,
        top: str,
        state: Iterable[str],
        begun_ns: int,
    ) -> None:
        self._observed = observed
        self._begun_ns = begun_ns
        self._graph = graph
        self._top = top + "/"
        self._ours = tuple(folder + "/" for folder in state)
        self._full: dict[str, Row] = {}
        """Path -> what was seen where the whole identity counts; None where nothing was."""
        self._kinds: dict[str, int] = {}
        self._rewritten_alike: dict[str, bool] = {}
        self._free: set[str] = set()
        """Paths of which the state in the end counts, beside those of the graph."""

    def fill(self, snapshot: Snapshot, disk: RealDisk) -> None:
        """Fill in files, folders and what is absent. Raises Moved or Written."""
        self._collect()
        clock_ns = disk.now_ns()
        recent: dict[str, int] = {}
        self._write_files(snapshot, clock_ns, recent)
        for folder in self._folders():
            self._note_recent(folder, self._observed.look(folder), clock_ns, recent)
        self._look_again(snapshot, disk, recent)
        absent = self._write_kinds(snapshot)
        self._write_links(snapshot)
        self._write_folders(snapshot, absent)

    def _note_recent(
        self, path: str, status: Optional[os.stat_result], clock_ns: int, recent: dict[str, int]
    ) -> None:
        if status is not None and is_racy(status, clock_ns):
            recent[path] = status.st_ctime_ns

    def _look_again(self, snapshot: Snapshot, disk: RealDisk, recent: dict[str, int]) -> None:
        """Look once more at what the clock had not passed, now that it has. Raises Moved."""
        if not recent:
            return
        disk.wait_until_after(max(recent.values()))
        clock_ns = disk.now_ns()
        places = {path: at for at, path in enumerate(snapshot.files.paths)}
        for path in recent:
            status = self._observed.look(path)
            if status is not None and is_racy(status, clock_ns):
                # From a clock that ran ahead, or on a disk that keeps whole seconds.
                raise Moved(f"{path} (its times are not behind the clock)")
            at = places.get(self._name(path)) if path in self._full else None
            if at is not None:
                start = at * ROW.size
                if row_of(status) != bytes(snapshot.files.packed[start : start + ROW.size]):
                    raise Moved(path)

    # --- what was observed ----------------------------------------------------

    def _is_ours(self, path: str) -> bool:
        return (path + "/").startswith(self._ours) or path in self._observed.ignored

    def _name(self, path: str) -> bytes:
        path = path.removeprefix(self._top)
        return os.fsencode(path) if path + "/" != self._top else b"."

    def _collect(self) -> None:
        observed, graph = self._observed, self._graph
        for path, written in observed.written.items():
            if written.by_scons:
                self._free.add(path)
        full = self._full
        reading = observed.nodes_while_reading
        everything, opened = observed.configured, observed.opened
        for number, (path, row) in enumerate(observed.nodes.items()):
            kind = kind_in(row)
            if kind == FOLDER:
                self._kinds.setdefault(path, FOLDER)
            elif number >= reading or everything or path in graph.files or path in opened:
                full[path] = row
            else:
                self._kinds.setdefault(path, kind)
        for path, row in observed.asked.items():
            if full.get(path) is None:
                full[path] = row
            elif row is not None and row != full[path]:
                self._differs(path)
        for path, made in graph.files.items():
            if made:
                full.setdefault(path, None)
            elif path not in full and path not in self._kinds:
                # Nobody was seen to look at it: it counts as it is, unless it has changed of late.
                full[path] = row_of(observed.look(path))
        for path in observed.signature_files:
            full.setdefault(path, None)
        for path, written in observed.written.items():
            if not written.by_scons and path not in full and path not in observed.kinds:
                self._free.add(path)
                full[path] = None
        for path, kind in observed.kinds.items():
            self._same_kind(path, kind, self._kinds.setdefault(path, kind))
        for path in [path for path in self._kinds if path in full]:
            self._same_kind(path, self._kinds.pop(path), kind_in(full[path]))

    def _is_free(self, path: str) -> bool:
        """Tell whether the state in the end counts, whatever was seen before."""
        graph = self._graph
        return (
            graph.files.get(path, False)
            or path in self._free
            or path in graph.side_effects
            or path in graph.duplicates
            or path in self._observed.signature_files
        )

    def _same_kind(self, path: str, one: int, other: int) -> None:
        if one != other:
            self._differs(path)

    def _differs(self, path: str) -> None:
        """Raise, unless SCons made the difference."""
        if self._is_free(path) or self._is_ours(path):
            return
        written = self._observed.written.get(path)
        if written is not None and not written.by_scons:
            if not self._is_rewritten_alike(path, written.content):
                raise Written(f"{path} ({written.site})")
            return
        raise Moved(path)

    def _is_rewritten_alike(self, path: str, before: bytes) -> bool:
        """Tell whether a file has the content that it had when a script began to write it."""
        known = self._rewritten_alike.get(path)
        if known is None:
            known = bool(before) and content_digest(path) == before
            self._rewritten_alike[path] = known
        return known

    # --- what is there --------------------------------------------------------

    def _write_files(self, snapshot: Snapshot, clock_ns: int, recent: dict[str, int]) -> None:
        built, look = self._graph.built, self._observed.look
        files = snapshot.files
        for path, seen in self._full.items():
            if self._is_ours(path):
                continue
            status = look(path)
            self._note_recent(path, status, clock_ns, recent)
            if status is None:
                if self._is_free(path):
                    self._check_made(path, None, built.get(path))
                elif seen is not None:
                    self._differs(path)
                self._kinds[path] = ABSENT
                continue
            row = packed_identity(status)
            if self._is_free(path):
                self._check_made(path, row, built.get(path))
            elif seen is None:
                self._differs(path)
            else:
                self._check_unmoved(path, row, seen, status.st_ctime_ns)
            if stat_module.S_ISDIR(status.st_mode) and path not in self._observed.asked:
                self._kinds[path] = FOLDER
            else:
                files.add_row(self._name(path), row)

    def _check_unmoved(self, path: str, row: bytes, seen: bytes, changed_ns: int) -> None:
        """Raise if a file is another than the run saw, or may have been written while it looked."""
        if path in self._graph.linked:
            # A hard link to it was made, as in every run: that alone moves the change time.
            if row[:_CHANGED] == seen[:_CHANGED]:
                return
            self._differs(path)
        elif row != seen or changed_ns >= self._begun_ns:
            self._differs(path)

    def _check_made(self, path: str, row: Row, built: Row) -> None:
        """Raise if a file is another than the one SCons took in after building it."""
        if built is not None and row != built:
            raise Moved(path)

    def _write_kinds(self, snapshot: Snapshot) -> list[str]:
        """Write what must exist; return what must not."""
        absent = []
        for path, seen in self._kinds.items():
            if self._is_ours(path):
                continue
            kind = kind_of(self._observed.look(path))
            if kind != seen:
                made_folder = seen == ABSENT and kind == FOLDER and path in self._observed.nodes
                if not made_folder or path in self._observed.kinds:
                    self._differs(path)
            name = self._name(path)
            if kind == ABSENT:
                absent.append(path)
            elif kind == FOLDER:
                snapshot.present.append(os.path.join(name, b"."))
            else:
                snapshot.present.append(name)
                snapshot.absent.append(os.path.join(name, b"."))
        return absent

    def _write_links(self, snapshot: Snapshot) -> None:
        reading, files = self._observed.links_while_reading, self._graph.files
        for number, (path, seen) in enumerate(self._observed.links.items()):
            # SCons looks for a link before it makes a file. What it made is compared anyhow, and
            # could not be moved to where a link in its place leads without another change time.
            if self._is_ours(path) or (0 <= reading <= number and files.get(path)):
                continue
            target = link_target(path)
            if target != seen:
                self._differs(path)
            content = None if target is None else os.fsencode(target)
            snapshot.links.append((self._name(path), content))

    # --- folders --------------------------------------------------------------

    def _folders(self) -> set[str]:
        absent = [path for path, kind in self._kinds.items() if kind == ABSENT]
        views = [folder for folder, _, _ in self._observed.views]
        return {*views, *self._observed.looked, *map(os.path.dirname, absent)}

    def _write_folders(self, snapshot: Snapshot, absent: Iterable[str]) -> None:
        wanted: dict[str, set[bytes]] = {}
        for path in absent:
            folder, name = os.path.split(path)
            wanted.setdefault(folder, set()).add(os.fsencode(name))
        views: dict[str, list[tuple[bytes, bytes, bytes]]] = {}
        for (folder, kind, pattern), digest in self._observed.views.items():
            views.setdefault(folder, []).append((kind, pattern, digest))
        missing: set[str] = set()
        for folder in sorted({*wanted, *views, *self._observed.looked}):
            if self._is_ours(folder):
                continue
            status = self._observed.look(folder)
            kinds = any(kind == ENTRIES for kind, _, _ in views.get(folder, ()))
            entries = entries_of(folder, kinds=kinds)
            if status is None:
                self._without_folder(folder, missing)
                continue
            if entries is None:
                self._without_entries(folder, status, wanted.get(folder, set()), snapshot)
                continue
            names = names_in(entries)
            among = wanted.get(folder, set())
            dangling = among & names
            for file in dangling:  # a link that leads nowhere is listed, and absent all the same
                snapshot.absent.append(self._name(os.path.join(folder, os.fsdecode(file))))
            among = among - dangling | self._looked_up(folder, names)
            recorded = [
                View(kind, pattern, self._view(folder, kind, pattern, entries, digest))
                for kind, pattern, digest in views.get(folder, ())
            ]
            among = {name for name in among if not name.startswith(STATE)}
            if among:
                pattern = b"\0".join(sorted(among))
                there = [(name, b"") for name in among & names]
                recorded.append(View(AMONG, pattern, digest_of_view(AMONG, pattern, there)))
            if recorded:
                snapshot.folders.add(self._name(folder), status)
                snapshot.views.append(recorded)
        snapshot.absent.extend(self._name(path) for path in sorted(missing))

    def _without_folder(self, folder: str, missing: set[str]) -> None:
        """Note the highest folder that is missing: none below can be there without it."""
        for key in self._observed.views:
            if key[0] == folder and self._observed.views[key] != digest_of_view(key[1], key[2], ()):
                self._differs(folder)
        if any(self._observed.looked.get(folder, {}).values()):
            self._differs(folder)
        while True:
            above = os.path.dirname(folder)
            if above == folder or os.path.isdir(above):
                break
            folder = above
        missing.add(folder)

    def _without_entries(
        self, folder: str, status: os.stat_result, absent: set[bytes], snapshot: Snapshot
    ) -> None:
        """Note names looked for in what is no folder, one by one. Raises Unreadable."""
        if stat_module.S_ISDIR(status.st_mode) and folder in self._observed.looked:
            raise Unreadable(folder)
        snapshot.absent.extend(self._name(os.path.join(folder, os.fsdecode(n))) for n in absent)

    def _looked_up(self, folder: str, names: set[bytes]) -> set[bytes]:
        """Return the names that were looked up in a folder's listing. Raises Moved."""
        among = set()
        for text, found in self._observed.looked.get(folder, {}).items():
            name = os.fsencode(text)
            if found != (name in names):
                self._differs(os.path.join(folder, text))
            if not found:
                among.add(name)
        return among

    def _view(
        self,
        folder: str,
        kind: bytes,
        pattern: bytes,
        entries: list[tuple[bytes, bytes]],
        seen: bytes,
    ) -> bytes:
        digest = digest_of_view(kind, pattern, entries)
        if digest != seen:
            raise Moved(f"{folder} ({os.fsdecode(pattern)})" if pattern else folder)
        return digest


def fill_environment(snapshot: Snapshot, observed: Observations, always: Iterable[bytes]) -> None:
    """Fill in the digests of the variables that were read."""
    salt = snapshot.salt = os.urandom(16)
    environment = observed.environment
    read = {*observed.variables, *always}
    if observed.whole_environment:
        snapshot.whole_environment = True
        snapshot.environment.update(digests_of_all(salt, environment))
        read -= VOLATILE  # copying the whole reads each by name
    for name in sorted(read):
        snapshot.environment[name] = digest_of_value(salt, name, environment.get(name))
