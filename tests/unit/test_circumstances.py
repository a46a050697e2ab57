"""What freshness asks of the real disk and of this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from incremental_tool.engine.freshness import ALWAYS_READ, Fresh, RealLook, Stale, circumstances
from incremental_tool.model.environment_value import VOLATILE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_real_look_lists_kinds_of_entries(tmp_path: Path) -> None:
    """Folders, files, and links to both are told apart."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "to-nothing").symlink_to("nothing")

    assert sorted(RealLook.entries(os.fsencode(tmp_path))) == [
        (b"file", b"f"),
        (b"folder", b"d"),
        (b"to-folder", b"ld"),
        (b"to-nothing", b"lf"),
    ]


def test_circumstances_are_equal_until_something_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same process in the same folder has the same circumstances; another folder has not."""
    here = circumstances(b"/lib/SCons")
    assert here == circumstances(b"/lib/SCons")
    monkeypatch.chdir(tmp_path)
    there = circumstances(b"/lib/SCons")

    assert {name for name in here if here[name] != there[name]} == {b"folder"}


def test_variables_that_steer_python_and_this_tool_always_count() -> None:
    """What changes how scripts are read, or switches the tool off, is among them."""
    assert {b"LC_ALL", b"PYTHONUTF8", b"INCREMENTAL"} <= set(ALWAYS_READ)
    assert not set(ALWAYS_READ) & VOLATILE


def test_stale_is_never_mistaken_for_fresh() -> None:
    """The two verdicts share no class."""
    assert not isinstance(Stale("fresh.new"), Fresh)
