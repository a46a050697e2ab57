"""Disks that are full, read-only or gone, and outputs that lie on another one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sample import BODY, COMMANDS, write_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scons_project import Project

ALL_RESTORED = (COMMANDS, 0, 0, 0)

# Makes every attempt to write below a folder fail.
READ_ONLY = """
import errno as _errno

_folder = {folder!r}


def _refusing(name, writes):
    original = getattr(os, name)

    def refusing(path, *arguments, **named):
        if writes(*arguments, **named) and os.fsdecode(path).startswith(_folder):
            raise OSError(_errno.EROFS, "Read-only file system", path)
        return original(path, *arguments, **named)

    setattr(os, name, refusing)


_refusing("open", lambda flags, *rest, **named: flags & (os.O_WRONLY | os.O_RDWR))
for _name in ("mkdir", "unlink", "utime", "replace", "rename", "truncate"):
    _refusing(_name, lambda *arguments, **named: True)
_access = os.access
os.access = lambda path, mode: _access(path, mode) and not (
    mode & os.W_OK and os.fsdecode(path).startswith(_folder)
)
"""

# Makes it impossible to put anything into a folder by renaming.
NO_PLACE = """
import errno as _errno

_replace = os.replace


def _refusing(source, target, **named):
    if os.fsdecode(target).startswith({folder!r}):
        raise OSError(_errno.ENOSPC, "No space left on device", source, target)
    return _replace(source, target, **named)


os.replace = _refusing
"""

# Makes every write below a folder write half of it and then fail.
FULL_DISK = """
import errno as _errno

_folder = {folder!r}
_open, _write = os.open, os.write
_full = set()


def _noting_open(path, flags, *arguments, **named):
    fd = _open(path, flags, *arguments, **named)
    if os.fsdecode(path).startswith(_folder):
        _full.add(fd)
    else:
        _full.discard(fd)
    return fd


def _failing_write(fd, content):
    if fd not in _full:
        return _write(fd, content)
    if len(content) > 1:
        return _write(fd, bytes(content)[: len(content) // 2])
    raise OSError(_errno.ENOSPC, "No space left on device")


os.open, os.write = _noting_open, _failing_write
"""


def test_a_read_only_store_is_read(project: Project, tmp_path: Path) -> None:
    """Hits work from a store that cannot be written; what is new is not stored, said once."""
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "store")
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.build("-c")
    project.injected = READ_ONLY.format(folder=str(tmp_path / "store"))

    run = project.build()

    assert run.work() == ALL_RESTORED
    assert run.err == ""
    assert project.outputs() == outputs

    project.replace("include/base.h", "3", "4")
    new = project.build()

    assert new.work() == (0, 0, 2, 0)
    assert new.reasons()["zir.skip.store-unwritable"] == 2
    assert new.err.count("\n") == 1
    assert "[store.unwritable]" in new.err
    assert project.differing() == []


def test_a_read_only_state_folder_is_read(project: Project, tmp_path: Path) -> None:
    """Without a writable state folder results are restored and stored; memory is not kept."""
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "store")
    write_sample(project)
    project.build()
    project.build("-c")
    project.replace("include/base.h", "3", "4")
    project.injected = READ_ONLY.format(folder=str(project.folder / ".incremental"))

    run = project.build()

    assert run.count("hits") == COMMANDS - 2
    assert run.count("stored") == 2
    assert run.err.count("\n") <= 1
    assert project.differing() == []


def test_a_read_only_project_folder_needs_a_state_elsewhere(
    project: Project, tmp_path: Path
) -> None:
    """With INCREMENTAL_DIR elsewhere nothing of the tool's is written to the project."""
    project.environment["INCREMENTAL_DIR"] = str(tmp_path / "state")
    write_sample(project)
    project.build()

    assert not project.exists(".incremental")
    assert (tmp_path / "state" / "file_hashes.bin").exists()


def test_a_full_disk_stores_nothing_wrong(project: Project, tmp_path: Path) -> None:
    """With a full disk under store and state the build succeeds; nothing half is found later."""
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "full" / "store")
    project.environment["INCREMENTAL_DIR"] = str(tmp_path / "full" / "state")
    (tmp_path / "full").mkdir()
    write_sample(project)
    project.injected = FULL_DISK.format(folder=str(tmp_path / "full"))

    run = project.build()

    assert run.count("stored") == run.count("hits") == 0
    assert len(run.ran()) == COMMANDS
    assert run.err.count("\n") <= 2
    assert "[store.unwritable]" in run.err
    project.injected = ""
    project.build("-c")
    after = project.build()
    assert after.err == ""
    assert after.work() == (0, COMMANDS, 0, 0)
    assert project.differing() == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 64 kB; without the right to mount one, the test is skipped."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount; a full disk is simulated in the test above")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up(project: Project, tiny_disk: Path) -> None:
    """When a real disk is full after some results, the build goes on, and later ones are right."""
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tiny_disk / "store")
    write_sample(project, BODY + "env.Object([f'more/m{i}.c' for i in range(12)], CCFLAGS='-g3')\n")
    for number in range(12):
        project.write(f"more/m{number}.c", f"#include <stdio.h>\nint m{number};\n")

    run = project.build()
    project.build("-c")
    again = project.build()

    assert 0 < run.count("stored") < COMMANDS + 12
    assert run.reasons()["zir.skip.store-unwritable"] == run.count("not_stored") > 0
    assert run.err.count("\n") <= 2
    assert again.count("hits") >= 1
    assert project.differing() == []


def test_a_full_disk_under_the_outputs_runs_the_command(project: Project) -> None:
    """An output that cannot be put in place is made by its command, as without the tool."""
    write_sample(project)
    project.build()
    project.build("-c")
    project.injected = NO_PLACE.format(folder="calc/")

    run = project.build()

    assert [name for name in run.made() if name.endswith(".o")] == ["calc/add.o", "calc/mul.o"]
    assert "[hook.failed]" in run.err
    assert project.differing() == []


@pytest.mark.parametrize("name", ["cache", "."])
def test_a_folder_deleted_during_the_build(project: Project, name: str) -> None:
    """The store, or the whole state folder, may vanish while a build is running."""
    write_sample(project)
    project.build()
    project.build("-c")
    project.replace("include/calc.h", "int add", "extern int add")
    folder = (project.folder / ".incremental" / name).resolve()
    project.sconstruct(
        BODY.replace(
            "env.Program",
            f"def vanish(target, source, env):\n    __import__('shutil').rmtree('{folder}')\n"
            "if not os.environ.get('PLAIN'): env.AddPreAction(calc, vanish)\nenv.Program",
        )
    )

    run = project.build()

    assert run.status == 0
    project.sconstruct(BODY)
    assert project.differing() == []
    project.build("-c")
    assert project.build().err == ""
    assert project.differing() == []


def test_outputs_on_another_file_system(project: Project) -> None:
    """A variant folder on another file system than the store is restored to."""
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == project.folder.stat().st_dev:
        pytest.skip("needs a second file system")
    folder = other / f"incremental-{os.getpid()}"
    folder.mkdir()
    try:
        (project.folder / "build").symlink_to(folder)
        write_sample(project)
        project.build()
        outputs = project.outputs()
        project.build("-c")

        run = project.build()

        assert run.work() == ALL_RESTORED
        assert project.outputs() == outputs
    finally:
        shutil.rmtree(folder)


def test_a_hard_linked_output_does_not_lead_into_the_store(project: Project) -> None:
    """A tool that changes an output in place changes neither the store nor other outputs."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.build("-c")
    project.build()
    for name in ("build/main", "main.o"):
        with open(project.folder / name, "r+b") as file:
            file.write(b"\0" * 16)
    project.build("-c")

    run = project.build()

    assert run.work() == ALL_RESTORED
    assert project.outputs() == outputs


def test_an_output_too_large_for_the_store(project: Project) -> None:
    """An output beyond the limit is built and not stored; the limit is lowered for the test."""
    write_sample(
        project, tool="import incremental_tool.engine.made as made\nmade.MAX_OBJECT = 8000"
    )

    run = project.build()

    assert run.reasons()["zir.skip.output-too-large"] == 1
    assert run.work() == (0, COMMANDS - 1, 1, 0)
    assert project.differing() == []
