"""Whether what this run has written can be recorded by its `stat`: a later write would show.

Knows nothing of records.
"""

from __future__ import annotations

import os

from incremental_tool.model.fingerprint import identity_of, is_racy, newest_ns

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from incremental_tool.base.filesystem import Disk


def is_settled(path: bytes, identity: bytes, disk: Disk) -> bool:
    """Tell whether a file still has this identity and keeps it only as long as its content.

    Waits for the file system's clock to move past the file's times, which takes milliseconds.
    """
    try:
        newest = newest_ns(os.lstat(path))
        if newest >= disk.now_ns():
            disk.wait_until_after(newest)
        clock = disk.now_ns()
        status = os.lstat(path)
    except OSError:
        return False  # somebody has removed it since
    return identity_of(status) == identity and not is_racy(status, clock)
