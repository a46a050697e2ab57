"""Scratch files: what commands and restores write on the way, out of the user's sight.

They lie in the state folder, on the same file system as most projects, so that
a restored output can be written there and renamed into place: a build that is
killed leaves nothing among the sources. When that folder has been deleted, it
is made anew; where it cannot be written, the system's temporary folder serves.

A name begins with its process's number; what killed builds left behind is
removed when the next build opens the folder.
"""

from __future__ import annotations

import os
import time
from itertools import count

from incremental_tool.base.pattern import lazily
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Callable

    Report = Callable[[Reason], None]


_OURS = lazily(rb"(?:\.incremental-)?(\d{1,30})-\d+-[a-z0-9]+")

STALE_SECONDS = 86_400
"""Age at which a left-over goes even if some process has its number again."""

_serial = count()


class Scratch:
    """The scratch folder of one project."""

    def __init__(self, folder: bytes, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._given = False

    @property
    def folder(self) -> bytes:
        """The folder to write to, made if need be; another one where it cannot be."""
        self._given = True
        if os.access(self._folder, os.W_OK):
            return self._folder
        try:
            os.makedirs(self._folder, exist_ok=True)
            if os.access(self._folder, os.W_OK):
                return self._folder
            why = "Permission denied"
        except OSError as error:
            why = error.strerror or str(error)
        self._report(Reason("store.unwritable", f"{os.fsdecode(self._folder)}: {why}"))
        import tempfile  # it brings a dozen modules along, for what hardly ever happens

        return os.fsencode(tempfile.gettempdir())

    def path(self, name: str) -> bytes:
        """Return a path for a file that no other command has, of this process or another."""
        mine = b"%d-%d-%s" % (os.getpid(), next(_serial), name.encode())
        return os.path.join(self.folder, mine)

    def intact(self) -> bool:
        """Tell whether the folder, if anybody was given it, is there and can be written."""
        return not self._given or os.access(self._folder, os.W_OK)

    def sweep(self) -> None:
        """Remove what killed builds left behind; failure is no matter."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in names:
            ours = _OURS.fullmatch(name)
            if ours is None:
                continue
            path = os.path.join(self._folder, name)
            try:
                old = time.time() - os.lstat(path).st_mtime > STALE_SECONDS
                if old or not _is_running(int(ours.group(1))):
                    os.unlink(path)
            except OSError:
                continue  # another build removed it, or it is not ours to remove


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True
