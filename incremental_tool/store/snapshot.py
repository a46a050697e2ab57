r"""The file of a snapshot: flat, integer-indexed, loaded by one read.

The snapshot of an answer lies in `.incremental/fresh/<key>`. Layout, in the byte
order of the machine (a snapshot is never used on another)::

    magic      8 bytes   b"INCFRSH" and the format's version; then, each u64:
    front      size      all sections that the check reads
    actions    size      the section that only a replay reads
    seal       xxh3-64   of the front
    seal       xxh3-64   of the actions
    seal       xxh3-64   of the 40 bytes above
    front      a size (u64) for each section, then the sections behind one another
    actions

A section is a *list* of byte strings (u32 count, then each u32 length, then the
strings), *paths* (joined by NUL, which no path can hold), or a *column* (one
64-bit integer per path). Columns are loaded by one cast; a path is an index.

Properties kept:

* A cut, changed, lengthened or invented file raises CorruptRecord and nothing else; no
  length is believed before it was compared with what is there.
* A file is replaced whole. At most KEPT are kept; the oldest goes.

Imports nothing that a start-up would feel: this module is on the way of every
`iscons`. Knows nothing of what makes a snapshot true.

History of the format: 1.
"""

from __future__ import annotations

from incremental_tool.model.snapshot import (
    AMONG,
    BUILDING,
    COLUMNS,
    ENTRIES,
    GLOB,
    HIDDEN_NO_PROGRESS,
    HIDDEN_QUESTION,
    HIDDEN_SILENT,
    NAMES,
    READING,
    STARTING,
    STDERR,
    STDOUT,
    Action,
    Marks,
    Process,
    Said,
    Snapshot,
    View,
    identity,
)

__all__ = [
    "AMONG",
    "BUILDING",
    "COLUMNS",
    "ENTRIES",
    "GLOB",
    "HIDDEN_NO_PROGRESS",
    "HIDDEN_QUESTION",
    "HIDDEN_SILENT",
    "KEPT",
    "NAMES",
    "READING",
    "STARTING",
    "STDERR",
    "STDOUT",
    "Action",
    "Marks",
    "Process",
    "Said",
    "Snapshot",
    "View",
    "identity",
    "load",
    "load_actions",
    "remove",
    "save",
]

MAGIC = b"INCFRSH\x01"
KEPT = 16
"""Snapshots in one project: as many command lines as people alternate between, and more."""


def save(folder: bytes, key: str, snapshot: Snapshot) -> None:
    """Write a snapshot as `folder`/`key`, whole or not at all, and remove the oldest over KEPT.

    Makes the folder. Raises OSError; the caller goes on without a snapshot then.
    """
    raise NotImplementedError


def load(folder: bytes, key: str) -> Snapshot | None:
    """Return the snapshot for a key, without its actions; None if there is none.

    Raises CorruptRecord for a file that is not a whole snapshot of this version, OSError when it
    cannot be read.
    """
    raise NotImplementedError


def load_actions(folder: bytes, key: str) -> list[Action] | None:
    """Return the actions of the snapshot for a key. Raises as `load`."""
    raise NotImplementedError


def remove(folder: bytes, key: str) -> None:
    """Remove the snapshot for a key, if there is one. Raises OSError."""
    raise NotImplementedError
