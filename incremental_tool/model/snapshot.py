"""What one answer of SCons depended on: the picture that a snapshot file holds.

An *answer* is what SCons decided for one command line (`model.answer`). The
recorder fills a `Snapshot` after a successful build, `store.snapshot` keeps it,
`engine.freshness` asks whether it is still true.

All names are bytes as the operating system gives them. These are plain classes
with slots: named tuples and dataclasses would import a millisecond's worth of
modules on the way of every `iscons`. Knows nothing of disks.
"""

from __future__ import annotations

from struct import Struct

from incremental_tool.model.recipe import Recipe

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

COLUMNS = ("st_dev", "st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns")
"""The stat identity, as `model.fingerprint.identity_of`; in this order in the file."""

ROW = Struct("=QQQqqq")
"""One path's identity in the file: device, inode and mode unsigned, size and times signed."""

_MASK = (1 << 64) - 1

HIDDEN_NO_PROGRESS, HIDDEN_SILENT, HIDDEN_QUESTION = 1, 2, 4
"""Options under which a text is not printed: -Q, -s, -q."""

STARTING, READING, BUILDING = 0, 1, 2
"""When a text is printed; see `Said`."""

STDOUT, STDERR = 1, 2

NAMES, ENTRIES, GLOB, AMONG = b"names", b"entries", b"glob", b"among"
"""What was seen of a folder; see `model.folder_view`."""


class Marks:
    """Paths, each with its stat identity.

    `paths` are as SCons names them: from the top folder, or absolute. Links are followed: it is the
    status of what a path leads to. `packed` holds the rows of all paths as they stand in the file.
    """

    __slots__ = ("packed", "paths")

    def __init__(
        self,
        paths: list[bytes] | None = None,
        packed: bytearray | memoryview | None = None,
    ) -> None:
        self.paths: list[bytes] = [] if paths is None else paths
        self.packed: bytearray | memoryview = bytearray() if packed is None else packed

    def add(self, path: bytes, status: os.stat_result) -> int:
        """Append a path with the status that the build went by; returns its index."""
        return self.add_row(path, packed_identity(status))

    def add_row(self, path: bytes, row: bytes) -> int:
        """Append a path with its row, to marks that were not loaded; returns its index."""
        self.packed += row  # type: ignore[operator] # what was loaded is not added to
        self.paths.append(path)
        return len(self.paths) - 1

    def rows(self) -> Iterator[tuple[int, ...]]:
        """Return the identities, one for each path, in their order."""
        return ROW.iter_unpack(self.packed)

    def row(self, at: int) -> tuple[int, ...]:
        """Return the identity of one path."""
        return ROW.unpack_from(self.packed, at * ROW.size)


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what identifies a file's state, in the order of COLUMNS."""
    return (
        status.st_dev & _MASK,
        status.st_ino & _MASK,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def packed_identity(status: os.stat_result) -> bytes:
    """Return `identity` as a row: a twelfth of what a stat result takes, and compared at once."""
    return ROW.pack(*identity(status))


class View:
    """What was seen in a folder: `kind` NAMES, ENTRIES, GLOB or AMONG, `pattern` as it asks for.

    `digest` is `model.folder_view.digest_of_view(kind, pattern, entries)`.
    """

    __slots__ = ("digest", "kind", "pattern")

    def __init__(self, kind: bytes, pattern: bytes, digest: bytes) -> None:
        self.kind = kind
        self.pattern = pattern
        self.digest = digest


class Said:
    """A text that a run prints when nothing is to be done, in the order of printing.

    `stream` STDOUT or STDERR. `when` STARTING for SCons's own words before the first script,
    READING for what is printed while scripts are read, BUILDING for "done reading" and the rest.
    `hidden_by` any of HIDDEN_...: under one of those options it is not printed. `text` is UTF-8,
    with surrogate escapes, as written to the stream.
    """

    __slots__ = ("hidden_by", "stream", "text", "when")

    def __init__(self, stream: int, when: int, hidden_by: int, text: bytes) -> None:
        self.stream = stream
        self.when = when
        self.hidden_by = hidden_by
        self.text = text


class Process:
    """A process that reading the scripts ran, and that is run again and compared.

    `argv` with the program's path resolved in argv[0]; `folder` from the top folder; run with the
    environment of the run that asks (a process given another environment is a refusal); standard
    input empty. `outcome` is `outcome_of(status, stdout, stderr)`. Processes that are tied to the
    identity of their executable instead need no entry here: their executable is among the marks.
    """

    __slots__ = ("argv", "folder", "outcome")

    def __init__(self, argv: Sequence[bytes], folder: bytes, outcome: bytes) -> None:
        self.argv = list(argv)
        self.folder = folder
        self.outcome = outcome


class Snapshot:
    """Everything that one answer depended on. All fields start empty; fill what applies.

    circumstances
        name -> value, from `engine.freshness.circumstances`: versions and places of the tool, of
        SCons and of Python, machine, user, top folder, the tool's settings. All must be equal.
    salt
        16 random bytes, the key of the digests of environment values.
    files
        `Marks` of every file (or folder whose existence alone counts) that must be as it was:
        sources, implicit dependencies, outputs, SConscripts, imported modules, files opened or
        found present, programs. Each path once. What only exists and may change (a folder that
        was probed with `exists`) belongs to `present`.
    present
        Paths that must exist (links followed), whatever they are.
    absent
        Paths at which nothing may exist (links followed: a dangling link is absent).
    links
        (path, target): what `os.readlink` tells; None when it fails (no link there).
    folders
        `Marks` of the folders of which something was seen.
    views
        For each of `folders`, in the same order, the views recorded of it.
    environment
        name -> keyed digest of the value (`model.environment_value.digest_of_value`); b"" when
        it was unset.
    whole_environment
        True when the scripts read the environment as a whole: then `environment` names every
        variable that was set, and no other may be set now.
    processes
        What is run again and compared.
    options
        (name, value) of each neutral option (`model.answer.NEUTRAL`) that the scripts asked for,
        as `Answer.option_text` gives them.
    refusals
        (reason id, detail): why this answer may never be taken as fresh. Other fields may then be
        left empty.
    said
        `Said`, in the order of printing. "Entering directory" is not among them.
    recipe
        The `Recipe`: what a replay needs besides. Loaded by `load_recipe` only.
    """

    __slots__ = (
        "absent",
        "circumstances",
        "environment",
        "files",
        "folders",
        "links",
        "options",
        "present",
        "processes",
        "recipe",
        "refusals",
        "said",
        "salt",
        "views",
        "whole_environment",
    )

    def __init__(self) -> None:
        self.circumstances: dict[bytes, bytes] = {}
        self.salt = b""
        self.files = Marks()
        self.present: list[bytes] = []
        self.absent: list[bytes] = []
        self.links: list[tuple[bytes, bytes | None]] = []
        self.folders = Marks()
        self.views: list[list[View]] = []
        self.environment: dict[bytes, bytes] = {}
        self.whole_environment = False
        self.processes: list[Process] = []
        self.options: list[tuple[bytes, bytes]] = []
        self.refusals: list[tuple[str, str]] = []
        self.said: list[Said] = []
        self.recipe = Recipe()
