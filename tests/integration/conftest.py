"""A project in a folder of its own, built by real SCons processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TOOL = """import incremental_tool
env = Environment(tools=["default", incremental_tool.generate]{more})
"""
PLAIN = """env = Environment(tools=["default"]{more})
"""

IGNORED = {".incremental", ".sconsign.dblite", "__pycache__", ".sconf_temp", "config.log"}


class Run(NamedTuple):
    """One SCons process: exit status, what it said, and the tool's figures."""

    status: int
    out: str
    err: str
    figures: dict

    def commands(self) -> list[str]:
        """Return the command lines that SCons printed, in order."""
        lines = self.out.splitlines()
        return [
            line for line in lines if line and not line.startswith(("scons:", "{", "incremental"))
        ]

    def count(self, name: str) -> int:
        """Return one of the tool's counts (0 when nothing was counted)."""
        return self.figures.get("counts", {}).get(name, 0)

    def reasons(self) -> dict:
        """Return how often each reason was counted."""
        return self.figures.get("reasons", {})

    @property
    def reads(self) -> int:
        """Return how many files the tool read to hash them."""
        return int(self.figures.get("files", {}).get("reads", 0))


class Project:
    """A folder with an SConstruct."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment: dict[str, str] = {}

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    def sconstruct(self, body: str, more: str = "") -> None:
        """Write the SConstruct: `env` is made with the tool, or plainly under PLAIN=1."""
        if more:
            more = ", " + more
        self.write(
            "SConstruct",
            'import os\nif os.environ.get("PLAIN"):\n    '
            + PLAIN.format(more=more)
            + "else:\n"
            + "".join("    " + line + "\n" for line in TOOL.format(more=more).splitlines())
            + body,
        )

    def scons(self, *arguments: str, plain: bool = False, **environment: str) -> Run:
        """Run SCons here; the tool's figures are asked for as JSON."""
        full = {**os.environ, **self.environment, **environment}
        for name in list(full):
            if name.startswith("INCREMENTAL") and name not in {**self.environment, **environment}:
                del full[name]
        full.pop("SCONSFLAGS", None)
        if plain:
            full["PLAIN"] = "1"
            full["INCREMENTAL"] = "0"
        full.setdefault("INCREMENTAL_STATS", "json")
        done = subprocess.run(
            [sys.executable, "-m", "SCons", *arguments],
            cwd=self.folder,
            env=full,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=300,
        )
        out = done.stdout.decode("utf-8", "surrogateescape")
        figures: dict = {}
        for line in out.splitlines():
            if line.startswith('{"counts"'):
                figures = json.loads(line)
        return Run(done.returncode, out, done.stderr.decode("utf-8", "surrogateescape"), figures)

    def build(self, *arguments: str, **environment: str) -> Run:
        """Run SCons with the tool and expect success."""
        run = self.scons("-Q", *arguments, **environment)
        assert run.status == 0, run.out + run.err
        return run

    def outputs(self) -> dict[str, bytes]:
        """Return every file below the folder but the state of SCons and of the tool."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if IGNORED.isdisjoint(path.relative_to(self.folder).parts) and path.is_file():
                found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found

    def clean_plain_outputs(self) -> dict[str, bytes]:
        """Return what a clean build by plain SCons leaves, made in this very folder.

        The folder is afterwards as it was.
        """
        aside = self.folder.with_name(self.folder.name + ".aside")
        shutil.rmtree(aside, ignore_errors=True)
        self.folder.rename(aside)
        shutil.copytree(aside, self.folder, symlinks=True)
        try:
            self.scons("-c", "-Q", plain=True)
            for name in (".incremental", ".sconsign.dblite", ".sconf_temp"):
                path = self.folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            run = self.scons("-Q", plain=True)
            assert run.status == 0, run.out + run.err
            return self.outputs()
        finally:
            shutil.rmtree(self.folder)
            aside.rename(self.folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a new project."""
    return Project(tmp_path / "project")
