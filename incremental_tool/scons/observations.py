"""What was asked while scripts were read and the graph was walked, and what was answered.

Observers write here, `snapshot_writer` reads. For each path the *first* answer
is kept: it is the one that scripts and SCons went by, and if the file is
another in the end, no snapshot may be made of it.

How much of an answer counts depends on the question:

* `asked`: a whole stat identity, for files that were opened or whose size or
  times were asked for;
* `kinds`: what is there, a file, a folder or nothing (`os.path.exists`);
* `nodes`: SCons's own look at a file behind a node. Those of the reading phase
  tell the kind, unless the file turns out to be part of the graph;
* `links`, `looked` (names looked up in a folder's listing), `views` (listings).

Of a status the row is kept, 48 bytes instead of the 650 of a stat result: most
files of a project are looked at. Paths are absolute text, as `os.fsdecode` has it.
Knows nothing of SCons.
"""

from __future__ import annotations

import os
import stat as stat_module
import threading
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

from incremental_tool.base.digest import digest_of
from incremental_tool.model.folder_view import digest_of_view
from incremental_tool.model.snapshot import ENTRIES, ROW, packed_identity

if TYPE_CHECKING:
    from collections.abc import Iterable

ABSENT, FILE, FOLDER = 0, 1, 2
"""Kinds: nothing there (or a dangling link), anything but a folder, a folder."""

_LARGEST = 1 << 26
"""Bytes: scripts that write more than 64 MB each time have other worries than the fast path."""

real_stat = os.stat
real_lstat = os.lstat
real_access = os.access
real_readlink = os.readlink
real_listdir = os.listdir
real_scandir = os.scandir
"""What observers replace; ours and whoever must not be observed use these."""


class Busy(threading.local):
    """Whether the present thread does something that is not to be observed.

    That is: running an action (what it reads is no business of SCons's decisions), or our own work.
    """

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


BUSY = Busy()


class Written(NamedTuple):
    """A path that was written, made or removed while scripts were read."""

    by_scons: bool
    site: str
    content: bytes = b""
    """Digest of what was in it until then, if nothing else was seen, and nothing else counted.

    If the same is in it in the end, a further run will find what this one found.
    """


def kind_of(status: Optional[os.stat_result]) -> int:
    """Return FILE, FOLDER or ABSENT."""
    if status is None:
        return ABSENT
    return FOLDER if stat_module.S_ISDIR(status.st_mode) else FILE


Row = Optional[bytes]
"""A status as `model.snapshot.ROW` packs it; None where nothing was there."""


def row_of(status: Optional[os.stat_result]) -> Row:
    """Return what is kept of a status."""
    return None if status is None else packed_identity(status)


def mode_in(row: bytes) -> int:
    """Return the mode that a row holds."""
    return int(ROW.unpack(row)[2])


def kind_in(row: Row) -> int:
    """Return FILE, FOLDER or ABSENT, as `kind_of` does."""
    if row is None:
        return ABSENT
    return FOLDER if stat_module.S_ISDIR(mode_in(row)) else FILE


class Observations:
    """All that one run was told, up to now."""

    def __init__(self, environment: dict[bytes, bytes]) -> None:
        self.active = True
        self.environment = environment
        """The environment as it was before any script could change it."""
        self.nodes: dict[str, Row] = {}
        self.nodes_while_reading = -1
        """How many of `nodes` were looked at before building began; -1 while reading."""
        self.opened: dict[str, None] = {}
        """Those of `nodes` that were opened: all of their status counts."""
        self.used_by_project: set[str] = set()
        """Files opened, or asked about in full, by others than SCons for its graph."""
        self.scanned: dict[Any, None] = {}
        """Nodes in which SCons's scanner for C looked for includes."""
        self.scanned_otherwise: dict[Any, None] = {}
        """Nodes that were given to any other scanner."""
        self.asked: dict[str, Row] = {}
        self.kinds: dict[str, int] = {}
        self.links: dict[str, Optional[str]] = {}
        self.links_while_reading = -1
        """How many of `links` were looked at before building began; -1 while reading."""
        self.looked: dict[str, dict[str, bool]] = {}
        self.views: dict[tuple[str, bytes, bytes], bytes] = {}
        self.written: dict[str, Written] = {}
        self.measured: set[str] = set()
        """Files of which a status was asked for: not only their content counts."""
        self.signature_files: dict[str, Row] = {}
        """SCons's own databases, as SCons found them: what counts is how SCons leaves them."""
        self.ignored: set[str] = set()
        self.imported: dict[str, list[str]] = {}
        """Module name -> the folders that were to be searched."""
        self.variables: set[bytes] = set()
        self.whole_environment = False
        self.options: set[str] = set()
        self.processes: list[Any] = []
        self.refusals: dict[tuple[str, str], None] = {}
        self.on_names: dict[frozenset[str], Callable[[], None]] = {}
        """What to do, once, before code of the project runs that uses any of these names."""
        self.configured = False
        """Whether Configure checks looked at files: then all that reading saw counts in full."""

    # --- paths ----------------------------------------------------------------

    def absolute(self, path: Any) -> str:
        """Return any path as absolute text. Raises TypeError or OSError for what is no path."""
        if type(path) is not str:
            path = os.fsdecode(path)
        if path[:1] != "/":
            path = os.path.join(os.getcwd(), path)
        if ("/." in path or "//" in path) and "/.." not in path:
            path = os.path.normpath(path)
        return str(path)

    def note_asked(
        self, path: str, status: Optional[os.stat_result], *, for_graph: bool = False
    ) -> None:
        """Note that everything about a file's status counted, perhaps for SCons's graph alone."""
        self.measured.add(path)
        if path not in self.asked:
            self.asked[path] = row_of(status)
        if not for_graph:
            self.used_by_project.add(path)

    def note_kind(self, path: str, status: Optional[os.stat_result]) -> None:
        """Note that what is at a path counted, but not its content."""
        self.kinds.setdefault(path, kind_of(status))

    def look(self, path: str) -> Optional[os.stat_result]:
        """Return a path's status, or None, without being observed."""
        try:
            return real_stat(path)
        except (OSError, ValueError):
            return None

    def note_opened(self, path: str, *, for_graph: bool = False) -> None:
        """Note that a file is about to be opened for reading, perhaps by SCons for its graph."""
        if not for_graph:
            self.used_by_project.add(path)
        if path in self.asked:
            return
        if self.nodes.get(path) is not None:
            self.opened[path] = None  # SCons has taken its status, which is the one that counts
            return
        status = self.look(path)
        if status is not None and stat_module.S_ISDIR(status.st_mode):
            self.note_kind(path, status)  # opened to be listed, which is noted elsewhere
        else:
            self.asked[path] = row_of(status)

    def note_link(self, path: str) -> None:
        """Note where a link leads, or that there is none."""
        if path not in self.links:
            self.links[path] = link_target(path)

    def note_no_link(self, path: str) -> None:
        """Note that what is at a path, if anything, is no link."""
        self.links.setdefault(path)

    def note_looked_up(self, folder: str, name: str, *, found: bool) -> None:
        """Note that a name was looked up in a folder's listing."""
        names = self.looked.get(folder)
        if names is None:
            names = self.looked[folder] = {}
        names.setdefault(name, found)

    def note_listing(self, folder: str, kind: bytes, pattern: bytes = b"") -> None:
        """Note that a folder is about to be listed, and what of it is looked at."""
        key = (folder, kind, pattern)
        if key not in self.views:
            entries = entries_of(folder, kinds=kind == ENTRIES) or ()
            self.views[key] = digest_of_view(kind, pattern, entries)

    def note_written(self, path: str, *, by_scons: bool, site: str) -> None:
        """Note that a path is about to be written, made or removed."""
        if path not in self.written:
            content = b"" if by_scons else self._content_seen(path)
            self.written[path] = Written(by_scons, site, content)

    def _content_seen(self, path: str) -> bytes:
        """Return the digest of a file that is about to be written; b"" if not as it was seen."""
        if path in self.measured:
            return b""
        for seen in (self.asked, self.nodes):
            if path in seen and (seen[path] is None or row_of(self.look(path)) != seen[path]):
                return b""
        return content_digest(path)

    # --- everything else ------------------------------------------------------

    def note_variable(self, name: bytes) -> None:
        """Note that an environment variable was read."""
        self.variables.add(name)

    def failed(self, where: str, error: Exception) -> None:
        """Note that an observer failed: what it should have seen is not known."""
        self.refuse("fresh.skip.unsupported", f"{where}: {type(error).__name__}: {error}")

    def refuse(self, reason: str, detail: str) -> None:
        """Note why what is recorded may never be taken as fresh."""
        self.refusals.setdefault((reason, detail))


def content_digest(path: str) -> bytes:
    """Return the digest of a file's content; b"" for what is no file, very large or unreadable."""
    try:
        status = real_stat(path)
        if not stat_module.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return b""
        with open(path, "rb") as file:
            return digest_of(file.read(_LARGEST + 1))
    except OSError:
        return b""


def link_target(path: str) -> Optional[str]:
    """Return where a link leads; None where there is no link."""
    try:
        return os.fsdecode(real_readlink(path))
    except (OSError, ValueError):
        return None


def entries_of(folder: str, *, kinds: bool) -> Optional[list[tuple[bytes, bytes]]]:
    """Return (name, kind of file) for a folder, as `model.folder_view` wants them; None if none.

    Without `kinds` the kinds are left empty: most views do not ask for them.
    """
    try:
        if not kinds:
            return [(name, b"") for name in real_listdir(os.fsencode(folder))]
        with real_scandir(os.fsencode(folder)) as found:
            return [(entry.name, _letters(entry)) for entry in found]
    except (OSError, ValueError):
        return None


def _letters(entry: os.DirEntry[bytes]) -> bytes:
    try:
        kind = b"d" if entry.is_dir() else b"f"
        return b"l" + kind if entry.is_symlink() else kind
    except OSError:
        return b"f"


def names_in(entries: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """Return the names among a folder's entries."""
    return {name for name, _ in entries}
