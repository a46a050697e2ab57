"""Old times are put back on equal bytes alone, and never where a time means something."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest

from incremental_tool.base.filesystem import RealDisk
from incremental_tool.engine.cone import Job
from incremental_tool.engine.kept_times import KeptTimes
from incremental_tool.model.file_action import LITERAL
from incremental_tool.model.recipe import RUN, Action
from incremental_tool.store.sconsign import Sconsign, Signature

if TYPE_CHECKING:
    from pathlib import Path

OLD = 1_000_000_000


class Database:
    """A database that knows one file."""

    def __init__(self, csig: str, timestamp: int, size: int) -> None:
        self._signature = Signature(csig, timestamp, size)

    def signature(self, _path: bytes) -> Signature:
        """Return what is known of it."""
        return self._signature


@pytest.mark.parametrize(
    ("known", "step", "content", "kept"),
    [
        (("same", OLD, 4), RUN + b"cc", "text", True),
        (("other", OLD, 4), RUN + b"cc", "text", False),  # other bytes
        (("same", OLD + 1, 4), RUN + b"cc", "text", False),  # the time stood on something else
        (("same", OLD, 5), RUN + b"cc", "text", False),
        (("same", OLD, 0), RUN + b"touch", "", False),  # a stamp
        (("same", OLD, 4), LITERAL + b"[]", "text", False),  # Touch, perhaps
    ],
)
def test_times(
    tmp_path: Path, known: tuple[str, int, int], step: bytes, content: str, kept: bool
) -> None:
    """The database must vouch for the old time, and a command must have written something."""
    path = os.fsencode(tmp_path / "o")
    job = Job(0, Action(b"command", [step], [], [0], [1], []), set(), [], forced=False)
    times = KeptTimes(cast("Sconsign", Database(*known)), RealDisk(os.fsencode(tmp_path)))
    (tmp_path / "o").write_text(content)
    os.utime(path, (OLD, OLD))

    times.begin(job, [path])
    (tmp_path / "o").unlink()
    (tmp_path / "o").write_text(content)
    found = times.put_back(job, path, os.stat(path), "same")

    assert (found is not None) == kept
    assert (os.stat(path).st_mtime == OLD) == kept


def test_a_time_that_the_command_has_set_stays(tmp_path: Path) -> None:
    """What is older than the command was not written by it just so."""
    path = os.fsencode(tmp_path / "o")
    job = Job(0, Action(b"command", [RUN], [], [0], [1], []), set(), [], forced=False)
    times = KeptTimes(cast("Sconsign", Database("same", OLD, 4)), RealDisk(os.fsencode(tmp_path)))
    (tmp_path / "o").write_text("text")
    os.utime(path, (OLD, OLD))
    times.begin(job, [path])
    os.utime(path, (OLD + 9, OLD + 9))

    assert times.put_back(job, path, os.stat(path), "same") is None
    assert os.stat(path).st_mtime == OLD + 9
