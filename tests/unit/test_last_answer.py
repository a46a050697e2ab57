"""The notes of how a run was answered: read as written, or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from incremental_tool.store import last_answer
from incremental_tool.store.last_answer import ANSWERED, RECORDED, read, write

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Reason, detail, key and arguments come back, from each of the two files."""
    state = str(tmp_path)
    write(state, ANSWERED, "fresh.stale.file-changed", "a\udcff.c", "k" * 32, ["-Q", "", "x=1"])
    write(state, RECORDED, last_answer.KEPT, "", "", [])
    answered, recorded = read(state, ANSWERED), read(state, RECORDED)

    assert answered is not None
    assert recorded is not None
    assert (answered.reason, answered.detail) == ("fresh.stale.file-changed", "a\udcff.c")
    assert (answered.key, answered.arguments) == ("k" * 32, ["-Q", "", "x=1"])
    assert (recorded.reason, recorded.arguments) == (last_answer.KEPT, [])
    assert recorded.when_ns >= answered.when_ns > 0


def test_a_note_without_a_folder_is_passed_over(tmp_path: Path) -> None:
    """Before the first build there is no state folder, and none is made."""
    write(str(tmp_path / "none"), ANSWERED, "fresh.new", "", "", [])

    assert os.listdir(tmp_path) == []
    assert read(str(tmp_path / "none"), ANSWERED) is None


def test_any_other_content_reads_as_none(tmp_path: Path) -> None:
    """Cut anywhere before the arguments, or of another format, a note is none."""
    write(str(tmp_path), ANSWERED, "fresh.new", "detail", "key", [])
    path = tmp_path / ANSWERED
    whole = path.read_bytes()
    for content in (b"", b"2" + whole[1:], b"1\0x\0a\0b\0c", *(whole[:n] for n in range(26))):
        path.write_bytes(content)

        assert read(str(tmp_path), ANSWERED) is None
