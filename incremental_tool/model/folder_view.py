"""What was seen of a folder: a digest for each way of looking.

=========  ===================  =================================================
kind       pattern              seen
=========  ===================  =================================================
`names`    empty                all names
`entries`  empty                all names, each with its kind (`os.scandir`, `walk`)
`glob`     a pattern            the names that match, as `fnmatch` has it; hidden
                                ones only when the pattern starts with a dot
`among`    names, NUL-joined    which of these names are there
=========  ===================  =================================================

The tool's state folder, and the names of its and of SCons's temporary files,
are never part of a view. Knows nothing of disks.
"""

from __future__ import annotations

from incremental_tool.base.digest import digest_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable

STATE = b".incremental"
"""Also the beginning of the names under which files are first written (`base.atomic`)."""


NAMES_ALONE = frozenset((b"among", b"glob", b"names"))
"""Kinds for which it does not matter what an entry is."""


def digest_of_view(kind: bytes, pattern: bytes, entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the digest of what a look at a folder's entries (name, kind of file) tells.

    The kind of file is b"d" for a folder (links followed), b"f" for anything else, with b"l" in
    front for a link. Raises ValueError for a kind of view that is not known.
    """
    if kind == b"among":  # most of all views: folders that were searched for an included file
        there = set(pattern.split(b"\0")).intersection(name for name, _ in entries)
        return digest_of(b"\0".join(sorted(n for n in there if not n.startswith(STATE))))
    listed = sorted(entry for entry in entries if not entry[0].startswith(STATE))
    names = [name for name, _ in listed]
    if kind == b"entries":
        seen = [name + b"/" + what for name, what in listed]
    elif kind == b"names":
        seen = names
    elif kind == b"glob":
        from fnmatch import filter as matching

        hidden = pattern.startswith(b".")
        seen = [n for n in matching(names, pattern) if hidden or not n.startswith(b".")]
    else:
        raise ValueError(kind)
    return digest_of(b"\0".join(seen))
