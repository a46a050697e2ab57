"""SCons's file actions, done by this tool and by SCons side by side: the same comes of both."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import SCons.Defaults
import SCons.Environment

from incremental_tool.engine.file_actions import NotText, operations_of, prepared
from incremental_tool.model.file_action import TEXTFILE, FileAction

if TYPE_CHECKING:
    from pathlib import Path

ACTIONS: list[tuple[str, list[Any]]] = [
    ("chmod_func", ["file", "u=rwx,go=rx"]),
    ("chmod_func", [["file", "other"], "a+x"]),
    ("chmod_func", ["file", "ugo-w, u+x"]),
    ("chmod_func", ["file", "+x"]),
    ("chmod_func", ["file", "0640"]),
    ("chmod_func", ["file", 0o604]),
    ("chmod_func", ["nowhere", "a+r"]),
    ("copy_func", ["new", "file"]),
    ("copy_func", ["folder", "file"]),
    ("copy_func", ["file", "file"]),
    ("copy_func", ["new", "link"]),
    ("copy_func", ["new", "link", False]),
    ("copy_func", ["folder", ["file", "other"]]),
    ("copy_func", ["new/deep", ["file", "other"]]),
    ("copy_func", ["file", ["other"]]),
    ("copy_func", ["new", "folder"]),
    ("copy_func", ["new", "nowhere"]),
    ("delete_func", ["folder"]),
    ("delete_func", [["file", "link", "nowhere", "dangling"]]),
    ("delete_func", ["nowhere", True]),
    ("mkdir_func", [["new/deep", "folder"]]),
    ("mkdir_func", ["file"]),
    ("move_func", ["new", "file"]),
    ("move_func", ["folder", "file"]),
    ("move_func", ["new", "nowhere"]),
    ("touch_func", [["file", "new"]]),
    ("touch_func", ["folder"]),
    ("touch_func", ["nowhere/new"]),
]


def fill(folder: Path) -> None:
    """Make what the actions work on."""
    folder.mkdir()
    (folder / "file").write_text("text")
    (folder / "other").write_text("other text")
    (folder / "link").symlink_to("other")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "folder").mkdir()
    (folder / "folder" / "leaf").write_text("leaf")
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1_000_000_000, 1_000_000_000))


def found(folder: Path) -> dict[str, object]:
    """Return all that is there: kinds, modes, contents, whether times are new."""
    told: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        old = status.st_mtime == 1_000_000_000
        link = os.readlink(path) if path.is_symlink() else ""
        told[str(path.relative_to(folder))] = (status.st_mode, content, old or path.is_dir(), link)
    return told


@pytest.mark.parametrize(("name", "arguments"), ACTIONS, ids=str)
def test_they_do_what_scons_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, arguments: list[Any]
) -> None:
    """Files, modes and errors are those that SCons's own function leaves."""
    outcomes = []
    for folder in ("scons", "ours"):
        fill(tmp_path / folder)
        monkeypatch.chdir(tmp_path / folder)
        error = ""
        try:
            if folder == "scons":
                getattr(SCons.Defaults, name)(*arguments)
            else:
                step = FileAction(name, arguments, {}).as_step()
                prepared(FileAction.of_step(step), b"target")()
        except SCons.Errors.BuildError as failure:
            error = failure.errstr
        except OSError as failure:
            error = failure.strerror or str(failure)
        outcomes.append((error, found(tmp_path / folder)))

    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("mode", ["u?x", "x", "u=r=w", "q+x", "u+q", ""])
def test_modes_that_scons_does_not_know(mode: str) -> None:
    """A mode that SCons would not understand is told beforehand."""
    with pytest.raises((ValueError, KeyError)):
        operations_of(mode)


@pytest.mark.parametrize("content", [b"plain", "w\u00f6rd".encode(), b"\xff\xfa latin", b""])
def test_texts_are_read_as_scons_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """A file among the parts is decoded as SCons decodes it, and replaced in as texts are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part").write_bytes(content)
    node = SCons.Environment.Environment(tools=[]).fs.File(str(tmp_path / "part"))
    keywords = {
        "separator": "|",
        "replaced": [("plain", "P"), ("P", "Q")],
        "encoding": "utf-8",
        "parts": [(True, "part"), (False, "plain")],
    }
    prepared(FileAction(TEXTFILE, [], keywords), b"target")()

    expected = node.get_text_contents().replace("plain", "Q") + "|Q"
    assert (tmp_path / "target").read_text(encoding="utf-8") == expected


def test_what_cannot_be_written_is_told_beforehand(tmp_path: Path) -> None:
    """Nothing is written where a mark or the target's encoding leaves doubts."""
    (tmp_path / "part").write_bytes(b"\xef\xbb\xbfmarked")
    target = os.fsencode(tmp_path / "target")
    common = {"separator": "", "replaced": []}
    for part, encoding in (((True, str(tmp_path / "part")), "utf-8"), ((False, "\u00f6"), "ascii")):
        keywords = {**common, "encoding": encoding, "parts": [part]}
        with pytest.raises(NotText):
            prepared(FileAction(TEXTFILE, [], keywords), target)
    assert not os.path.exists(target)
