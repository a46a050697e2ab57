"""What a replay needs besides the snapshot itself: actions, and what they run in.

The *recipe* is the second part of a snapshot's file, which the check whether all
is fresh never reads. The recorder fills it, `engine.cone` reads it.

All names are bytes; files are indices into the snapshot's `files.paths`. Plain
classes with slots, as in `model.snapshot`. Knows nothing of disks.
"""

from __future__ import annotations

from itertools import accumulate

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Protocol

    class Actions(Protocol):
        """Actions in their order: a list, or what unpacks them when they are asked for."""

        def __len__(self) -> int: ...

        def __iter__(self) -> Iterator[Action]: ...

        def __getitem__(self, number: int, /) -> Action: ...


SHOW, RUN, FUNCTION = b"s", b"r", b"f"
"""What a step is, by its first byte: a text printed, a command line, a Python function."""

INSTALL = FUNCTION + b"SCons.install"
"""The step of SCons's Install builders with SCons's own copying: each source to its target."""

AFTER = b"after:"
"""How the flag begins that names a file to be made before."""

OTHER_ROLE = b"\0" * 8
"""In place of a file's directives: it is more than an input of actions, or made by one."""
NEVER_SCANNED = b"\1" + b"\0" * 7
"""An input in which SCons looks for no includes."""
SCANNED_OTHERWISE = b"\2" + b"\0" * 7
"""An input in which something else than SCons's scanner for C was looking for dependencies."""


class Action:
    """One action of SCons's graph.

    `kind` is b"compile", b"archive", b"link", b"command" or b"function". `steps` are what it did,
    in order, each behind its letter: SHOW and a text that SCons prints, RUN and a command line as
    the shell gets it, FUNCTION and a function's name. Empty where it is not known (`unknown`).
    `flags` are words: always, precious, side-effect, no-clean, several, more-inputs (folders or
    values), other-inputs, unknown, those of `REFUSED`, and AFTER with a file's index for each file
    that must be made before, but whose content does not count. `setting` is the index of the
    `Setting` that its commands run in. `sources` are the declared sources, `implicit` all other
    dependencies.
    """

    __slots__ = ("flags", "implicit", "kind", "outputs", "setting", "sources", "steps")

    def __init__(
        self,
        kind: bytes,
        steps: Iterable[bytes],
        flags: Iterable[bytes],
        outputs: list[int],
        sources: list[int],
        implicit: list[int],
        setting: int = 0,
    ) -> None:
        self.kind = kind
        self.steps = list(steps)
        self.flags = list(flags)
        self.outputs = outputs
        self.sources = sources
        self.implicit = implicit
        self.setting = setting

    @property
    def after(self) -> list[int]:
        """Return the files that must be made before, although they do not count."""
        return [int(flag[len(AFTER) :]) for flag in self.flags if flag.startswith(AFTER)]

    @property
    def command(self) -> bytes:
        """Return the command lines, joined by newlines."""
        return b"\n".join(step[1:] for step in self.steps if step[:1] == RUN)

    @property
    def shown(self) -> bytes:
        """Return what is printed, joined by newlines."""
        return b"\n".join(step[1:] for step in self.steps if step[:1] == SHOW)


REFUSED = {
    b"always": "it is always built",
    b"cache-dir": "it is kept in a CacheDir",
    b"changed-only": "its command names what has changed",
    b"decider": "it is not decided on by content",
    b"folder": "its command runs in another folder",
    b"ignore-errors": "it ignores its command's status",
    b"links": "it makes symbolic links",
    b"no-file": "what it makes is no file",
    b"other-inputs": "it depends on what is no file",
    b"own-printing": "its command is printed by a function of the project",
    b"own-spawn": "its commands are run by a function of the project",
    b"own-status": "a function of the project judges its command's status",
    b"repository": "it comes from a repository, or its file has another name",
    b"response-file": "its command reads a file that was made for it",
    b"side-effect": "it has side effects",
    b"unknown": "its command is not known",
}
"""Flags for which an action is not replayed, and why."""


NOBODY = 0xFFFFFFFF
"""The maker of a file that no action makes."""


class Index:
    """Which actions depend on a file, and which one makes it: numbers in the order of actions.

    `users` holds those of one file behind those of another; those of file n begin at `starts[n]`,
    and `starts` has one number more than there are files. `makers` has one for each file.
    """

    __slots__ = ("makers", "starts", "users")

    def __init__(self, starts: Sequence[int], users: Sequence[int], makers: Sequence[int]) -> None:
        self.starts = starts
        self.users = users
        self.makers = makers

    def users_of(self, file: int) -> Sequence[int]:
        """Return the actions that depend on a file, in their order; one may be there twice."""
        return self.users[self.starts[file] : self.starts[file + 1]]

    def is_made(self, file: int) -> bool:
        """Tell whether an action makes a file."""
        return self.makers[file] != NOBODY


def index_of(ends: Sequence[int], lists: Sequence[int], files: int) -> Index:
    """Return the index over a number of files, in two passes over the columns of actions.

    `lists` holds files, those of one action behind those of another; `ends` says for each
    action where its outputs, its sources and its implicit dependencies end.
    """
    from array import array

    makers, count = array("I", [NOBODY]) * files, array("I", [0]) * (files + 1)
    uses = []
    start = 0
    for number, (outputs, end) in enumerate(zip(ends[0::3], ends[2::3])):
        for file in lists[start:outputs]:
            makers[file] = number
        uses.append((outputs, end))
        for file in lists[outputs:end]:
            count[file + 1] += 1
        start = end
    starts = array("I", accumulate(count))
    users, free = array("I", [0]) * starts[-1], array("I", starts)
    for number, (outputs, end) in enumerate(uses):
        for file in lists[outputs:end]:
            users[free[file]] = number
            free[file] += 1
    return Index(starts, users, makers)


class Setting:
    """What commands run in: the shell, INCREMENTAL_CACHE, and the environment.

    `variables` are (name, digest): `model.environment_value.digests_of_list` of the value, keyed
    with `salt`; b"" for one that shells set anew, and that was as in SCons's own environment.
    """

    __slots__ = ("mode", "salt", "shell", "variables")

    def __init__(
        self, shell: bytes, mode: bytes, salt: bytes, variables: list[tuple[bytes, bytes]]
    ) -> None:
        self.shell = shell
        self.mode = mode
        self.salt = salt
        self.variables = variables


class Top:
    """A target asked for, and what SCons says of it when nothing was done for it.

    `position` is the number of actions that come before. Something was done for it when one of
    the `files` was built, or any file in one of the `folders`.
    """

    __slots__ = ("files", "folders", "hidden_by", "position", "text")

    def __init__(
        self, position: int, hidden_by: int, text: bytes, files: list[int], folders: list[bytes]
    ) -> None:
        self.position = position
        self.hidden_by = hidden_by
        self.text = text
        self.files = files
        self.folders = folders


class Recipe:
    """The second part of a snapshot. All fields start empty; fill what applies.

    refusal
        Why nothing at all may be replayed: reason id and detail; or two empty texts.
    algorithm
        Name of the hash that SCons signs contents with.
    database
        Path of SCons's database; empty where each folder has one of its own.
    variables
        (name, value) of this tool's construction variables that the scripts have set.
    jobs
        How many commands run at once when the command line does not say.
    actions
        `Action`, in the order SCons would run them: each behind those that make what it depends on.
        Those of a recipe that was loaded are unpacked when they are asked for, each time anew.
    index
        The `Index` of the actions; None until it is made.
    settings
        `Setting`.
    tops
        `Top`, in the order asked for.
    directives
        Eight bytes for each of the snapshot's files: OTHER_ROLE, NEVER_SCANNED, SCANNED_OTHERWISE,
        or `model.directives.digest_of_directives` of the content of an input, or of what is made.
    folders
        Folders that are dependencies: a change in any file below counts in ways not recorded.
    duplicates
        (copy, source): files that SCons links into variant folders before it uses them.
    places
        (file, folder, name): where else SCons's database keeps a file's signature.
    searching
        A `model.searching.Searching` as `store.searching` packs it.
    """

    __slots__ = (
        "actions",
        "algorithm",
        "database",
        "directives",
        "duplicates",
        "folders",
        "index",
        "jobs",
        "places",
        "refusal",
        "searching",
        "settings",
        "tops",
        "variables",
    )

    def __init__(self) -> None:
        self.refusal = ("", "")
        self.algorithm = b""
        self.database = b""
        self.variables: list[tuple[str, str]] = []
        self.jobs = 1
        self.actions: Actions = []
        self.index: Index | None = None
        self.settings: list[Setting] = []
        self.tops: list[Top] = []
        self.directives = b""
        self.folders: list[bytes] = []
        self.duplicates: list[tuple[int, int]] = []
        self.places: list[tuple[int, bytes, bytes]] = []
        self.searching = b""
