"""Stat identity, and the one predicate that holds the race rule.

A `stat` that equals the recorded one is a hint that a file is unchanged. It
lies in one case::

    tick 7   the file is written           mtime = ctime = 7
    tick 7   we stat and read it           recorded: 7, digest of the first content
    tick 7   the file is written again     mtime = ctime = 7, the size may be equal

An entry whose times are not older than the file system's clock *at the moment
of the stat before the read* is therefore racy: it is recorded, but at the next
look the file is read again. Git calls this "racily clean"
(Documentation/technical/racy-git.txt).

Times in the future (a clock set back, an archive unpacked with its times) stay
racy until the clock passes them: slower, never wrong.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import os


_IDENTITY = struct.Struct("<QQQqqI")
IDENTITY_SIZE = _IDENTITY.size
_pack = _IDENTITY.pack
_MASK = (1 << 64) - 1


def identity_of(st: os.stat_result) -> bytes:
    """Return device, inode, size, mtime_ns, ctime_ns and mode as 44 bytes to compare."""
    return _pack(
        st.st_dev & _MASK,
        st.st_ino & _MASK,
        st.st_size,
        st.st_mtime_ns,
        st.st_ctime_ns,
        st.st_mode & 0xFFFFFFFF,
    )


_SECOND = 1_000_000_000
_COARSE = 2 * _SECOND  # FAT keeps even seconds
_MILLISECOND = 1_000_000
_TICK = 10 * _MILLISECOND  # exFAT keeps hundredths, as does a kernel of 100 Hz


def is_racy(st: os.stat_result, clock_ns: int) -> bool:
    """Tell whether a file with this stat could be written again without its stat changing.

    `clock_ns` is the file system's time sampled no later than the stat. The clock's disk may be a
    finer one than the file's: a change time without a fraction of a second is taken for a file
    system that keeps none, and given two seconds; one of whole milliseconds is given ten.
    """
    changed = st.st_ctime_ns
    if changed % _MILLISECOND == 0:
        clock_ns -= _TICK if changed % _SECOND else _COARSE
    return st.st_mtime_ns >= clock_ns or changed >= clock_ns


def newest_ns(st: os.stat_result) -> int:
    """Return the later of the modification and the change time, in ns."""
    return max(st.st_mtime_ns, st.st_ctime_ns)
