"""Where SCons's scanner for C looks for what the sources of actions include.

The *searching* is a part of the recipe of its own, packed until an edit changes a
file's include directives: then a replay finds the dependencies as SCons would.

All names are bytes, as in `model.snapshot`. Knows nothing of disks.
"""

from __future__ import annotations

UNKNOWN, UNSCANNED = 0, 1
"""In place of a search path: how it was looked is not known, or nothing is looked for at all."""
FIRST = 2
"""The number of the first search path."""


class Searching:
    """How the implicit dependencies of each action are found. All fields start empty.

    of
        For each of the recipe's actions UNKNOWN, UNSCANNED, or FIRST and more: its search path.
    paths
        Lists of folders, in the order in which they are searched.
    commands
        Files that are dependencies because commands name them; last among the implicit ones.
    scanned
        Suffixes of files that SCons's scanner for C reads.
    foreign
        Suffixes of files that another scanner reads.
    reserved
        Files that are more to SCons than what lies on the disk, and none of the recipe's.
    folders
        Folders in which files are found in other ways, or made in ways that are not recorded.
    """

    __slots__ = ("commands", "folders", "foreign", "of", "paths", "reserved", "scanned")

    def __init__(self) -> None:
        self.of: list[int] = []
        self.paths: list[list[bytes]] = []
        self.commands: list[bytes] = []
        self.scanned: list[bytes] = []
        self.foreign: list[bytes] = []
        self.reserved: list[bytes] = []
        self.folders: list[bytes] = []

    def path_of(self, action: int) -> list[bytes] | None:
        """Return the search path of an action; None where it is not known, or there is none."""
        number = self.of[action] if action < len(self.of) else UNKNOWN
        return self.paths[number - FIRST] if number >= FIRST else None
