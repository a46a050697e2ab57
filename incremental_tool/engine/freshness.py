"""Is the snapshot of an answer still true? Then a full run of SCons would do nothing.

`check` compares everything that the snapshot names with what is there now,
cheapest first: circumstances, options, variables, then one `stat` for each file,
then what must exist, must not exist or leads somewhere, then folders, and last
the processes that are run again. It stops at the first difference and names it;
but when a file is not as it was it goes on, and tells whether files are *all* that
is not as it was, and which: a replay may be able to deal with those.

Properties kept:

* Fresh is said only when nothing differs. Whatever cannot be compared differs.
* A folder whose stat differs is listed again, and only what was seen of it counts.
* Processes run last, and only when all else is as recorded (or a replay can deal with it) and the
  scripts are among the recorded files: a snapshot that was planted cannot know their inode and
  change time.

Imports only what Python has loaded anyway; the reasons' sentences are for those
who print them. The disk is an argument. Knows nothing of how snapshots are made.
"""

from __future__ import annotations

import os
import sys
from _operator import attrgetter, ne  # `operator` is a file around this
from itertools import compress, count

from incremental_tool.model.environment_value import VOLATILE, digest_of_value
from incremental_tool.model.folder_view import digest_of_view
from incremental_tool.model.snapshot import COLUMNS, Said, identity

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Protocol

    from incremental_tool.model.answer import Answer
    from incremental_tool.model.snapshot import Marks, Process, Snapshot

    class Look(Protocol):
        """What is asked of the disk and of other programs."""

        def stat(self, path: bytes) -> os.stat_result:
            """Return the status of what `path` leads to (links followed). Raises OSError."""

        def access(self, path: bytes, mode: int) -> bool:
            """Tell, for mode 0, whether `path` leads to anything."""

        def readlink(self, path: bytes) -> bytes:
            """Return where the link `path` leads. Raises OSError."""

        def entries(self, path: bytes) -> list[tuple[bytes, bytes]]:
            """Return a folder's entries as `digest_of_view` wants them. Raises OSError."""

        def outcome(self, process: Process) -> bytes:
            """Run a process and return its outcome. Raises OSError."""


# Not by an import: the package's front names the layers above this one.
_VERSION: str = sys.modules[__name__.partition(".")[0]].__version__

ALWAYS_READ = (
    *(b"LANG", b"LC_ALL", b"LC_CTYPE"),  # how Python decodes what scripts read
    *(b"PYTHONCASEOK", b"PYTHONIOENCODING", b"PYTHONOPTIMIZE", b"PYTHONUTF8", b"PYTHONWARNINGS"),
    *(b"INCREMENTAL", b"INCREMENTAL_DIR", b"INCREMENTAL_CACHE", b"INCREMENTAL_CACHE_DIR"),
)
"""Variables that count for every snapshot, whether a script reads them or not."""


_identity = attrgetter(*COLUMNS)
"""As `identity`, without a step of Python; device and inode as signed as Python gives them."""


class Fresh:
    """The answer: nothing is to be done; `said` is what SCons would print."""

    __slots__ = ("said",)

    def __init__(self, said: list[Said]) -> None:
        self.said = said


class Stale:
    """Why SCons must run: a reason's id from the catalogue, and what it is about.

    `changed` are the indices of the files that are not as they were, where nothing else is known to
    differ, and no script is among them; None otherwise.
    """

    __slots__ = ("changed", "detail", "reason")

    def __init__(self, reason: str, detail: str = "", changed: list[int] | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.changed = changed


class RealLook:
    """The disk and the programs of this computer."""

    stat = staticmethod(os.stat)
    access = staticmethod(os.access)
    readlink = staticmethod(os.readlink)

    @staticmethod
    def entries(path: bytes) -> list[tuple[bytes, bytes]]:
        """See `Look.entries`."""
        found = []
        with os.scandir(path) as entries:
            for entry in entries:
                link = b"l" if entry.is_symlink() else b""
                found.append((entry.name, link + (b"d" if entry.is_dir() else b"f")))
        return found

    @staticmethod
    def outcome(process: Process) -> bytes:
        """See `Look.outcome`."""
        from incremental_tool.engine.rerun import outcome_of_run

        return outcome_of_run(process.argv, process.folder)


def circumstances(scons_folder: bytes) -> dict[bytes, bytes]:
    """Return what must be equal for a snapshot to be of use at all; call in the top folder.

    `scons_folder` is where the package SCons lies (its files are among the snapshot's).
    """
    system, flags = os.uname(), sys.flags
    return {
        b"version of this tool": _VERSION.encode(),
        b"SCons": scons_folder,
        b"Python": os.fsencode(sys.executable or ""),
        b"version of Python": sys.version.encode(),
        b"flags of Python": b"%d%d%d" % (flags.optimize, flags.utf8_mode, flags.dev_mode),
        b"machine": os.fsencode(f"{system.nodename} {system.sysname} {system.machine}"),
        b"user": b"%d:%d" % (os.geteuid(), os.getegid()),
        b"folder": os.getcwdb(),
    }


def check(
    answer: Answer,
    snapshot: Snapshot,
    environment: Mapping[bytes, bytes],
    now: Mapping[bytes, bytes],
    look: Look,
) -> Fresh | Stale:
    """Compare a snapshot with what is there; the working directory is the answer's top folder.

    `environment` holds the variables as they are, `now` the `circumstances`.
    """
    if snapshot.refusals:
        return Stale(*snapshot.refusals[0])
    stale = (
        _other_circumstances(snapshot, now)
        or _other_options(snapshot, answer)
        or _other_environment(snapshot, environment)
    )
    if stale is not None:
        return stale
    scripts = {os.fsencode(script) for script in answer.scripts}
    changed, first = changed_files(snapshot.files, look, scripts)
    if first is not None:
        last = snapshot.files.paths[changed[-1]]
        if last not in scripts and _other_places(snapshot, look) is None:
            first.changed = changed
        return first
    return (
        _other_places(snapshot, look)
        or changed_process(snapshot, answer, look)
        or Fresh(snapshot.said)
    )


def _text(name: bytes) -> str:
    return os.fsdecode(name)


def _other_circumstances(snapshot: Snapshot, now: Mapping[bytes, bytes]) -> Stale | None:
    if snapshot.circumstances == now:
        return None
    for name, value in now.items():
        was = snapshot.circumstances.get(name, b"")
        if was != value:
            detail = f"{_text(name)} was {_text(was)}, is {_text(value)}"
            return Stale("fresh.circumstances", detail.replace("\n", " "))
    return Stale("fresh.circumstances", "a version of this tool that asked for more")


def _other_options(snapshot: Snapshot, answer: Answer) -> Stale | None:
    for name, value in snapshot.options:
        if answer.option_text(_text(name)) != value:
            return Stale("fresh.stale.option", _text(name))
    return None


def _other_environment(snapshot: Snapshot, environment: Mapping[bytes, bytes]) -> Stale | None:
    salt = snapshot.salt
    for name, digest in snapshot.environment.items():
        if digest_of_value(salt, name, environment.get(name)) != digest:
            return Stale("fresh.stale.environment", _text(name))
    if snapshot.whole_environment:
        for name in environment:
            if name not in snapshot.environment and name not in VOLATILE:
                return Stale("fresh.stale.environment", _text(name))
    return None


def _other_places(snapshot: Snapshot, look: Look) -> Stale | None:
    return _changed_presence(snapshot, look) or _changed_folder(snapshot, look)


def changed_files(
    files: Marks, look: Look, last: Collection[bytes]
) -> tuple[list[int], Stale | None]:
    """Return the files that are not as they were, and what is to be said of the first.

    Ends with the first of those named `last`.
    """
    # All in C, one file at a time: nothing is done in Python for a file that is as it was, and no
    # list of 20,000 stat results is ever held.
    found: list[int] = []
    told: Stale | None = None
    statuses, rows = map(look.stat, files.paths), files.rows()
    at = -1
    while True:
        position = count(at + 1)
        differs = compress(position, map(ne, map(_identity, statuses), rows))
        try:
            for at in differs:
                stale = _compare(files, at, look)
                if stale is not None:
                    told = told or stale
                    found.append(at)
                    if files.paths[at] in last:
                        return found, told
        except FileNotFoundError:
            reason = "fresh.stale.file-gone"
        except (OSError, ValueError):
            reason = "fresh.stale.file-changed"
        else:
            return found, told
        next(rows)  # the stat failed before its row was taken
        at = next(position) - 1
        told = told or Stale(reason, _text(files.paths[at]))
        found.append(at)
        if files.paths[at] in last:
            return found, told


def _compare(files: Marks, at: int, look: Look) -> Stale | None:
    """Look once more at a file that differed: numbers may differ by their sign alone."""
    path = files.paths[at]
    was = files.row(at)
    try:
        now = identity(look.stat(path))
    except (OSError, ValueError):
        return Stale("fresh.stale.file-gone", _text(path))
    if now == was:
        return None
    return Stale("fresh.stale.file-changed", f"{_text(path)} ({_difference(was, now)})")


def _difference(was: tuple[int, ...], now: tuple[int, ...]) -> str:
    """Say in a word what became of a file."""
    differ = {name for name, old, new in zip(COLUMNS, was, now) if old != new}
    if "st_size" in differ or "st_mtime_ns" in differ:
        return "replaced" if "st_ino" in differ else "written"
    return "replaced" if differ & {"st_ino", "st_dev"} else "its mode, owner or links changed"


def _changed_presence(snapshot: Snapshot, look: Look) -> Stale | None:
    access = look.access
    for path in snapshot.present:
        if not access(path, 0):
            return Stale("fresh.stale.file-gone", _text(path))
    for path in snapshot.absent:
        if access(path, 0):
            return Stale("fresh.stale.appeared", _text(path))
    for path, target in snapshot.links:
        try:
            found: bytes | None = look.readlink(path)
        except OSError:
            found = None
        if found != target:
            return Stale("fresh.stale.link-changed", _text(path))
    return None


def _changed_folder(snapshot: Snapshot, look: Look) -> Stale | None:
    folders = snapshot.folders
    for path, was, views in zip(folders.paths, folders.rows(), snapshot.views):
        try:
            if identity(look.stat(path)) == was:
                continue
            entries = look.entries(path)
            for view in views:
                if digest_of_view(view.kind, view.pattern, entries) != view.digest:
                    what = f" ({_text(view.pattern)})" if view.kind == b"glob" else ""
                    return Stale("fresh.stale.folder-changed", _text(path) + what)
        except FileNotFoundError:
            return Stale("fresh.stale.file-gone", _text(path))
        except (OSError, ValueError):
            return Stale("fresh.stale.folder-changed", _text(path))
    return None


def changed_process(snapshot: Snapshot, answer: Answer, look: Look) -> Stale | None:
    """Run the snapshot's processes again; call when all that may not differ is as it was."""
    for script in answer.scripts:
        if os.fsencode(script) not in snapshot.files.paths:
            return Stale("fresh.damaged", f"{script} is not in it")
    for process in snapshot.processes:
        words = " ".join(map(_text, process.argv))
        try:
            if look.outcome(process) != process.outcome:
                return Stale("fresh.stale.process", words)
        except (OSError, ValueError):
            return Stale("fresh.stale.process", words)
    return None
