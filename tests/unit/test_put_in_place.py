"""Restored outputs are put in place whole, with their mode, and through no link."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.model.fingerprint import identity_of
from incremental_tool.store import zir_cache
from incremental_tool.store.zir_cache import put_in_place

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, content: bytes = b"content", permissions: int = 0o644) -> bool:
    """Put a content in place."""
    return put_in_place(os.fsencode(path), content, permissions)


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_an_absent_output_is_written(tmp_path: Path) -> None:
    """The file is made, with missing folders on the way."""
    path = tmp_path / "new" / "folder" / "out"

    assert put(path)
    assert path.read_bytes() == b"content"
    assert os.listdir(path.parent) == ["out"]


def test_an_output_in_the_working_directory_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare name is of the working directory."""
    monkeypatch.chdir(tmp_path)

    assert put_in_place(b"out", b"content", 0o644)
    assert (tmp_path / "out").read_bytes() == b"content"


@pytest.mark.parametrize("content", [b"content", b""])
def test_an_output_that_is_there_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file with the right bytes and mode keeps its inode and its time."""
    path = tmp_path / "out"
    put(path, content)
    os.utime(path, (1000, 1000))
    before = identity_of(path.stat())

    assert not put(path, content)
    assert identity_of(path.stat()) == before


@pytest.mark.parametrize("old", [b"CONTENT", b"longer content", b""])
def test_other_bytes_are_replaced(tmp_path: Path, old: bytes) -> None:
    """A file with other bytes, of equal size too, becomes another file."""
    path = tmp_path / "out"
    path.write_bytes(old)
    before = path.stat().st_ino

    assert put(path)
    assert path.read_bytes() == b"content"
    assert path.stat().st_ino != before


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o664, 0o755, 0o444, 0o777])
def test_the_mode_is_exact(tmp_path: Path, permissions: int) -> None:
    """Whatever the umask and whatever mode the old file had, the output gets the mode asked for."""
    path = tmp_path / "out"
    mask = os.umask(0o027)
    try:
        assert put(path, permissions=permissions)
        assert mode(path) == permissions
        assert not put(path, permissions=permissions)
        for old in (0o640, 0o4000 | permissions):
            path.chmod(old)
            assert put(path, permissions=permissions)
            assert mode(path) == permissions
    finally:
        os.umask(mask)


def test_a_hard_link_is_cut(tmp_path: Path) -> None:
    """A file with a second name is replaced, even by equal bytes: later edits of one stay one's."""
    other, path = tmp_path / "other", tmp_path / "out"
    for old in (b"content", b"old"):
        other.write_bytes(old)
        other.chmod(0o644)
        path.unlink(missing_ok=True)
        os.link(other, path)

        assert put(path)
        assert path.read_bytes() == b"content"
        assert other.read_bytes() == old
        assert path.stat().st_nlink == 1


@pytest.mark.parametrize("target", ["other", "nowhere", "out", "/etc/hostname"])
def test_a_symbolic_link_is_replaced(tmp_path: Path, target: str) -> None:
    """A link in the output's place is not followed, wherever it leads."""
    other, path = tmp_path / "other", tmp_path / "out"
    other.write_bytes(b"content")
    other.chmod(0o644)
    path.symlink_to(target)

    assert put(path)
    assert not path.is_symlink()
    assert path.read_bytes() == other.read_bytes() == b"content"
    assert sorted(os.listdir(tmp_path)) == ["other", "out"]


def test_a_fifo_is_replaced(tmp_path: Path) -> None:
    """A FIFO in the output's place is not waited for."""
    os.mkfifo(tmp_path / "out")

    assert put(tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content"


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    """A folder in the output's place raises, as the command itself would fail; nothing is left."""
    (tmp_path / "out").mkdir()

    with pytest.raises(OSError, match="out"):
        put(tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("call", ["write", "chmod", "replace"])
def test_a_full_disk_keeps_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Where the output cannot be written the old one stays whole, and no part of the new one."""
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def no_room(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, no_room)
        with pytest.raises(OSError, match="No space"):
            put(path)

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_unreadable_output_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be compared is written anew."""
    path = tmp_path / "out"
    put(path)
    before = path.stat().st_ino

    def deny(*_: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(zir_cache, "open", deny, raising=False)

    assert put(path)
    assert path.stat().st_ino != before


# --- by way of a scratch folder -----------------------------------------------------


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that fills with the folder of each temporary file that is renamed."""
    folders: list[bytes] = []
    replace = os.replace

    def note(source: bytes, target: bytes) -> None:
        folders.append(os.path.dirname(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", note)
    return folders


def test_an_output_is_written_out_of_sight(tmp_path: Path, moved: list[bytes]) -> None:
    """With a scratch folder nothing but the finished output ever lies beside it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    assert put_in_place(os.fsencode(tmp_path / "out"), b"content", 0o644, os.fsencode(scratch))
    assert moved == [os.fsencode(scratch)]
    assert os.listdir(scratch) == []
    assert (tmp_path / "out").read_bytes() == b"content"


def test_a_scratch_folder_on_another_disk_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file cannot be renamed across disks, it is written beside the output."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    replace = os.replace

    def replace_on_one_disk(source: bytes, target: bytes) -> None:
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_on_one_disk)

    assert put_in_place(os.fsencode(tmp_path / "out"), b"content", 0o755, os.fsencode(scratch))
    assert (tmp_path / "out").read_bytes() == b"content"
    assert mode(tmp_path / "out") == 0o755
    assert os.listdir(scratch) == []
    assert sorted(os.listdir(tmp_path)) == ["out", "scratch"]


@pytest.mark.parametrize("missing", ["scratch", "folder", "both"])
def test_missing_folders_are_no_matter(tmp_path: Path, missing: str) -> None:
    """A scratch folder deleted meanwhile, and an output's folder not yet made, do not fail."""
    scratch = tmp_path / "scratch"
    path = tmp_path / "folder" / "out"
    if missing != "both":
        (path.parent if missing == "scratch" else scratch).mkdir()

    assert put_in_place(os.fsencode(path), b"content", 0o644, os.fsencode(scratch))
    assert path.read_bytes() == b"content"
    assert os.listdir(path.parent) == ["out"]


def test_a_full_disk_is_an_error_by_way_of_the_scratch_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried beside the output, too; when that fails as well, nothing is left anywhere."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    tries: list[bytes] = []

    def no_room(source: bytes, _: bytes) -> None:
        tries.append(os.path.dirname(source))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", no_room)
    with pytest.raises(OSError, match="No space"):
        put_in_place(os.fsencode(tmp_path / "out"), b"content", 0o644, os.fsencode(scratch))

    assert tries == [os.fsencode(scratch), os.fsencode(tmp_path)]
    assert os.listdir(tmp_path) == ["scratch"]
    assert os.listdir(scratch) == []
