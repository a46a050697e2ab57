"""The action log keeps what was finished, whatever became of the process, the disk or the file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged_actions import NAME, RECORDS, ends_of, everything, frames, record, written

from incremental_tool.store import action_log
from incremental_tool.store.action_log import (
    COMPACT_FROM,
    MAX_DETAIL,
    ActionLog,
    ActionRecord,
)
from incremental_tool.store.objects import read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason


# --- appending and asking ------------------------------------------------------


def test_the_latest_record_of_a_target_counts(log: ActionLog) -> None:
    """What is appended is known at once; a later record replaces an earlier one."""
    log.append(record(b"a.o", 1))
    log.append(record(b"b.o", 2))
    log.append(record(b"a.o", 3))

    assert log.last(b"a.o") == record(b"a.o", 3)
    assert log.last(b"b.o") == record(b"b.o", 2)
    assert log.last(b"c.o") is None
    assert log.targets() == [b"a.o", b"b.o"]


def test_what_is_appended_is_there_without_closing(
    log: ActionLog, reopened: Callable[[], ActionLog]
) -> None:
    """A process that is killed after an append has lost nothing: no commit is needed."""
    for known in RECORDS:
        log.append(known)

    assert everything(reopened()) == RECORDS


def test_one_append_is_one_write(log: ActionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record goes to the file in a single call, so that a kill cannot cut it in two."""
    log.append(RECORDS[0])
    calls: list[int] = []
    write = os.pwrite

    def count(fd: int, content: bytes, offset: int) -> int:
        calls.append(len(content))
        return write(fd, content, offset)

    monkeypatch.setattr(os, "pwrite", count)
    for known in RECORDS[1:4]:
        log.append(known)

    assert len(calls) == 3


def test_matching_digests_are_told_from_memory(
    log: ActionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a target was last made by an action is answered without touching the disk."""
    log.append(record(b"a.o", 1))
    questions = [(b"a.o", 1), (b"a.o", 2), (b"b.o", 1)]
    asked: list[Any] = []
    with monkeypatch.context() as patched:
        for name in ("open", "pread", "stat", "lstat", "fstat", "read"):
            patched.setattr(os, name, lambda *given, **_: asked.append(given))
        patched.setattr(action_log, "open", lambda *given: asked.append(given), raising=False)
        answers = [
            log.has_matching_digest(target, bytes([action]) * 16) for target, action in questions
        ]

    assert answers == [True, False, False]
    assert asked == []


def test_nothing_is_read_until_something_is_asked(
    log: ActionLog, reopened: Callable[[], ActionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening, committing and closing a log costs no read; the first question costs one."""
    log.append(RECORDS[0])
    log.close()
    read: list[bytes] = []

    def count(path: bytes) -> bytes:
        read.append(path)
        return read_regular(path)

    monkeypatch.setattr(action_log, "read_regular", count)
    idle, asked = reopened(), reopened()
    idle.commit()
    idle.close()
    assert read == []

    assert asked.targets() == [RECORDS[0].target]
    assert asked.last(RECORDS[0].target) == RECORDS[0]
    assert len(read) == 1


def test_any_name_and_any_detail_come_back(
    log: ActionLog, reopened: Callable[[], ActionLog]
) -> None:
    """Targets and details with bytes that are no text, and newlines, survive the disk."""
    odd = record(b"\xff\n\0x", 1, os.fsdecode(b"\xff\xfe.h changed\n"))
    log.append(odd)

    assert reopened().last(odd.target) == odd


def test_an_endless_detail_is_cut(log: ActionLog, reopened: Callable[[], ActionLog]) -> None:
    """A detail of many megabytes is told in part, and hides no record behind it."""
    log.append(record(b"a.o", 1, "x" * 20_000_000))
    log.append(record(b"b.o"))

    assert reopened().last(b"a.o") == record(b"a.o", 1, "x" * MAX_DETAIL)
    assert reopened().last(b"b.o") == record(b"b.o")


@given(
    known=st.lists(
        st.builds(
            ActionRecord,
            st.binary(min_size=1, max_size=5),
            st.binary(min_size=16, max_size=16),
            st.binary(min_size=16, max_size=16),
            st.sampled_from(["hit", "zir.miss.new"]),
            st.text(max_size=9),
            st.integers(0, 2**40),
            st.integers(0, 2**40),
        ),
        max_size=10,
    )
)
def test_what_is_logged_is_told(
    tmp_path_factory: pytest.TempPathFactory, known: list[ActionRecord]
) -> None:
    """The next process knows the latest record of each target, as it was appended."""
    path = os.fsencode(tmp_path_factory.mktemp("log") / NAME)
    log = ActionLog(path, pytest.fail)
    for each in known:
        log.append(each)
    log.close()

    latest = {each.target: each for each in known}
    assert everything(ActionLog(path, pytest.fail)) == [latest[name] for name in sorted(latest)]


# --- a full disk ---------------------------------------------------------------------


def test_a_short_write_is_taken_back(
    log: ActionLog,
    reopened: Callable[[], ActionLog],
    monkeypatch: pytest.MonkeyPatch,
    reports: list[Reason],
) -> None:
    """A record that was written in part raises and leaves no part; later ones follow on."""
    log.append(RECORDS[0])
    write = os.pwrite
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda fd, data, at: write(fd, data[:10], at))
        with pytest.raises(OSError, match="full"):
            log.append(RECORDS[1])

    assert everything(reopened()) == RECORDS[:1]
    log.append(RECORDS[2])
    log.close()
    assert everything(reopened()) == [RECORDS[0], RECORDS[2]]
    assert reports == []


def test_a_failed_write_raises_and_harms_nothing(
    log: ActionLog, reopened: Callable[[], ActionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any room the append raises; with room again the log goes on."""

    def no_room(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    log.append(RECORDS[0])
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", no_room)
        with pytest.raises(OSError, match="No space"):
            log.append(RECORDS[1])
    log.append(RECORDS[2])
    log.close()

    assert everything(reopened()) == [RECORDS[0], RECORDS[2]]


# --- two builds at once ----------------------------------------------------------------


def test_the_second_writer_only_reads(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason]
) -> None:
    """While one build writes, another reads and remembers for itself, and says so once."""
    log.append(RECORDS[0])
    second = reopened()
    second.append(RECORDS[1])
    second.append(RECORDS[2])
    log.append(RECORDS[3])

    assert [reason.id for reason in reports] == ["state.locked"]
    assert everything(second) == RECORDS[:3]
    assert everything(reopened()) == [RECORDS[0], RECORDS[3]]
    assert frames(tmp_path / NAME) == 2
    second.commit()
    second.close()
    log.append(RECORDS[4])
    assert everything(reopened()) == [RECORDS[0], *RECORDS[3:5]]


def test_what_another_build_wrote_before_the_lock_is_kept(
    log: ActionLog, reopened: Callable[[], ActionLog]
) -> None:
    """A log read before another build appended is read again when it is opened for writing."""
    early = reopened()
    assert early.targets() == []
    log.append(RECORDS[0])
    log.close()
    early.append(RECORDS[1])
    early.close()

    assert everything(reopened()) == RECORDS[:2]


def test_what_another_build_rewrote_before_the_lock_is_kept(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path
) -> None:
    """The same holds when the other build wrote the log anew and shorter."""
    path = tmp_path / NAME
    content = written(log, path)
    early = reopened()
    assert len(early.targets()) == len(RECORDS)
    path.write_bytes(content[: ends_of(content)[1]])
    early.append(RECORDS[5])
    early.close()

    assert everything(reopened()) == [*RECORDS[:2], RECORDS[5]]


def test_a_closed_log_lets_another_write(
    log: ActionLog, reopened: Callable[[], ActionLog], reports: list[Reason]
) -> None:
    """Closing gives the lock back, and what others wrote since is read at the next question."""
    log.append(RECORDS[0])
    log.close()
    other = reopened()
    other.append(RECORDS[1])
    assert everything(log) == RECORDS[:2]
    other.close()
    log.append(RECORDS[2])

    assert reports == []
    assert everything(reopened()) == RECORDS[:3]


def test_where_no_lock_can_be_made_the_state_is_called_unwritable(
    log: ActionLog, tmp_path: Path, reports: list[Reason]
) -> None:
    """A state folder that takes no lock file is not taken for another build's lock."""
    (tmp_path / f"{NAME}.lock").mkdir()

    with pytest.raises(OSError, match="Is a directory"):
        log.append(RECORDS[0])

    assert reports == []
    assert not (tmp_path / NAME).exists()


def test_a_killed_writer_loses_nothing_it_had_appended(
    reopened: Callable[[], ActionLog], tmp_path: Path, reports: list[Reason]
) -> None:
    """After `kill -9` every appended record is there, and the next process may write."""
    script = (
        "import os, signal, sys\n"
        "from incremental_tool.store.action_log import ActionLog, ActionRecord\n"
        "log = ActionLog(os.fsencode(sys.argv[1]), print)\n"
        "for n in range(100):\n"
        "    log.append(ActionRecord(b'%03d' % n, bytes(16), bytes(16), 'hit', '', n, n))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, os.fspath(tmp_path / NAME)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    log = reopened()

    assert ended.returncode == -9
    assert log.targets() == [b"%03d" % number for number in range(100)]
    log.append(RECORDS[0])
    assert reports == []


# --- writing anew ------------------------------------------------------------------------


def append_often(log: ActionLog, times: int) -> None:
    """Append records of two targets until the log is as long as asked."""
    for number in range(times):
        log.append(record(b"target %d" % (number % 2), number % 200, "x" * 200))


def test_an_untidy_log_is_written_anew(
    log: ActionLog, reopened: Callable[[], ActionLog], tmp_path: Path
) -> None:
    """When most of a long log is out of date, a commit leaves one record a target."""
    append_often(log, 400)
    before = everything(log)
    assert (tmp_path / NAME).stat().st_size > COMPACT_FROM
    log.commit()

    assert frames(tmp_path / NAME) == 2
    assert everything(log) == everything(reopened()) == before
    log.append(RECORDS[5])  # and the log goes on
    assert frames(tmp_path / NAME) == 3
    log.commit()
    log.close()
    assert everything(reopened()) == [*before, RECORDS[5]]
    assert frames(tmp_path / NAME) == 3


def test_a_tidy_or_short_log_is_left_alone(log: ActionLog, tmp_path: Path) -> None:
    """A commit writes nothing while little is out of date, or the log is short."""
    append_often(log, 20)
    short = (tmp_path / NAME).stat()
    log.commit()
    assert (tmp_path / NAME).stat() == short

    for number in range(400):
        log.append(record(b"other %d" % number, 1, "x" * 200))
    long = (tmp_path / NAME).stat()
    assert long.st_size > COMPACT_FROM
    log.commit()
    assert (tmp_path / NAME).stat() == long


@pytest.mark.parametrize("flag", [os.O_WRONLY, os.O_RDWR], ids=["writing", "opening anew"])
def test_a_log_that_cannot_be_written_anew_is_kept(
    log: ActionLog, reopened: Callable[[], ActionLog], monkeypatch: pytest.MonkeyPatch, flag: int
) -> None:
    """A commit that fails raises, and neither loses records nor keeps a closed descriptor."""
    append_often(log, 400)
    before = everything(log)
    real = os.open

    def fail(path: bytes, flags: int, *rest: Any) -> int:
        if flags & flag:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(path, flags, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fail)
        with pytest.raises(OSError, match="Too many"):
            log.commit()

    assert everything(reopened()) == before
    os.fstat(log._fd)  # still open: nothing else can have come by its number
