"""Two copies of one project: plain SCons builds one, `iscons` the other.

Whatever is done to the files is done to both. What `iscons` prints, its exit
status and every file that it makes must be what plain SCons prints, ends with and
makes. Afterwards plain SCons must find nothing to do in a copy of what
`iscons` has left, database and all.

Knows nothing of whether a run should have been a replay: tests say so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from scons_project import PACKAGE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
import os
tools = ["default"]
if not os.environ.get("PLAIN"):
    import incremental_tool
    tools = ["default", incremental_tool.generate]
env = Environment(tools=tools)
"""
_OURS = (".incremental", ".sconsign", "__pycache__", ".sconf_temp", "config.log")


class Told(NamedTuple):
    """What a run printed and ended with; the tool's own lines apart."""

    status: int
    out: str
    err: str
    own: list[str]

    @property
    def seen(self) -> tuple[int, str, str]:
        """Return what plain SCons must agree with."""
        return self.status, self.out, self.err

    @property
    def replayed(self) -> bool:
        """Whether no script was read, and something was looked into."""
        return any("no script is read" in line for line in self.own)

    @property
    def fresh(self) -> bool:
        """Whether nothing at all was to be done."""
        return any("is as it was" in line for line in self.own)

    @property
    def reason(self) -> str:
        """Return why SCons read its scripts; empty when it did not."""
        told = [line for line in self.own if "SCons reads its scripts" in line]
        return told[0].rpartition("[")[2].rstrip("]") if told else ""


class Twins:
    """The two copies."""

    def __init__(self, folder: Path, files: dict[str, str], python: str = sys.executable) -> None:
        self.plain = folder / "plain" / "project"
        self.ours = folder / "ours" / "project"
        self._check = folder / "check" / "project"
        self._python = python
        self.environment: dict[str, str] = {}
        for name, text in files.items():
            self.write(name, text)

    # --- files, in both ---------------------------------------------------------

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        for folder in (self.plain, self.ours):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file."""
        text = (self.ours / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def touch(self, name: str) -> None:
        """Give a file a new time."""
        for folder in (self.plain, self.ours):
            os.utime(folder / name)

    def remove(self, name: str) -> None:
        """Remove a file."""
        for folder in (self.plain, self.ours):
            (folder / name).unlink()

    # --- runs -------------------------------------------------------------------

    def run(self, module: str, folder: Path, *arguments: str, **environment: str) -> Told:
        """Run SCons or `iscons` in a folder."""
        kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}
        done = subprocess.run(
            [self._python, "-m", module, *arguments],
            cwd=folder,
            env={**kept, "PYTHONPATH": PACKAGE_FOLDER, **self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=120,
        )
        lines = done.stderr.splitlines(keepends=True)
        own = [line.rstrip("\n") for line in lines if line.startswith("incremental: ")]
        err = "".join(line for line in lines if not line.startswith("incremental: "))
        return Told(done.returncode, done.stdout, err, own)

    def scons(self, *arguments: str) -> Told:
        """Build the plain copy."""
        return self.run("SCons", self.plain, *arguments, PLAIN="1")

    def iscons(self, *arguments: str, **environment: str) -> Told:
        """Build the other copy."""
        module = "incremental_tool.launcher"
        return self.run(module, self.ours, *arguments, INCREMENTAL_EXPLAIN="1", **environment)

    def both(self, *arguments: str) -> Told:
        """Build both, compare all that there is to compare, and return what `iscons` told."""
        plain, ours = self.scons(*arguments), self.iscons(*arguments)
        assert plain.seen == ours.seen, "\n".join(ours.own)
        self.compare()
        if ours.status == 0:
            self.check_database(*(a for a in arguments if not a.startswith("-")))
        return ours

    def settle(self, *arguments: str) -> None:
        """Build both until nothing is to be done."""
        self.both(*arguments)
        self.both(*arguments)
        told = self.both(*arguments)
        assert told.fresh, told

    def compare(self, ignored: str = "") -> None:
        """Compare every file; names that match the expression `ignored` are left out."""
        plain, ours = contents(self.plain), contents(self.ours)
        for found in (plain, ours):
            for name in [name for name in found if ignored and re.fullmatch(ignored, name)]:
                del found[name]
        differ = [name for name in plain.keys() | ours.keys() if plain.get(name) != ours.get(name)]
        assert not differ, sorted(differ)

    def check_database(self, *targets: str) -> None:
        """Ask plain SCons, in a copy, whether anything is to be done, and let it build."""
        shutil.rmtree(self._check, ignore_errors=True)
        shutil.copytree(self.ours, self._check, symlinks=True)
        asked = self.run("SCons", self._check, "-q", *targets, PLAIN="1")
        assert asked.status == 0, asked
        built = self.run("SCons", self._check, "-Q", *targets, PLAIN="1")
        assert built.status == 0, built
        assert all("up to date" in line or "Nothing" in line for line in built.out.splitlines()), (
            built
        )


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its name, but SCons's and the tool's own."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        own = any(part.startswith(_OURS) for part in path.relative_to(folder).parts)
        if path.is_file() and not own and not name.endswith(".dblite"):
            found[name] = path.read_bytes()
    return found
