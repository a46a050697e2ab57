"""`iscons` against `scons`, each run as its users run it: as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SCONS = [sys.executable, "-m", "SCons"]
ISCONS = [sys.executable, "-m", "incremental_tool.launcher"]

SCONSTRUCT = """
import os, sys
print("argv[0]", os.path.basename(sys.argv[0]), "targets", COMMAND_LINE_TARGETS, ARGUMENTS)
Default(Command("copy", "original", "cp $SOURCE $TARGET"))
Command("broken", "original", "exit 7")
"""


def run(command: list[str], folder: Path, **environment: str) -> tuple[int, str, str]:
    """Run in a folder that holds only the project, and give status and both outputs."""
    folder.mkdir(exist_ok=True)
    (folder / "SConstruct").write_text(SCONSTRUCT)
    (folder / "original").write_text("text\n")
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout.replace("__main__.py", "scons"), ended.stderr


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 0),
        (["-Q", "copy", "debug=1"], 0),
        (["-c"], 0),
        (["--version"], 0),
        (["--help"], 0),
        (["-Q", "broken"], 2),
        (["-Q", "--no-such-option"], 2),
        (["-Q", "no-such-target"], 2),
        (["-q"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_iscons_cannot_be_told_from_scons(
    tmp_path: Path, arguments: list[str], status: int
) -> None:
    """Status, output and messages are those of scons, whatever the arguments."""
    expected = run([*SCONS, *arguments], tmp_path / "project")
    (tmp_path / "project").rename(tmp_path / "by-scons")
    actual = run([*ISCONS, *arguments], tmp_path / "project")

    assert expected == actual
    assert status == actual[0]
    assert sorted(os.listdir(tmp_path / "by-scons")) == sorted(os.listdir(tmp_path / "project"))


def test_iscons_reads_sconsflags(tmp_path: Path) -> None:
    """SCONSFLAGS is heeded: with -n nothing is built."""
    status, output, _ = run(ISCONS, tmp_path, SCONSFLAGS="-n -Q")

    assert status == 0
    assert "cp original copy" in output
    assert not (tmp_path / "copy").exists()


def test_scripts_see_the_name_scons(tmp_path: Path) -> None:
    """A SConstruct that looks at sys.argv[0] finds scons there."""
    _, output, _ = run(ISCONS, tmp_path)

    assert "argv[0] scons targets [] {}" in output
    assert (tmp_path / "copy").read_text() == "text\n"


def test_scons_is_imported_only_when_it_runs() -> None:
    """Loading the launcher imports neither SCons nor the tool's own libraries."""
    script = (
        "import sys, incremental_tool.launcher;"
        "print([m for m in ('SCons', 'xxhash', 'msgpack', 'typing') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}; {script}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "[]\n"
