"""A project whose builds are recorded, and the question whether a recording is still true.

The question is asked in the test's own process, as `iscons` asks it in its: a
test needs one SCons process to record, and none to ask. Both see the same
environment, which the test may change.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import SCons
from scons_project import PACKAGE_FOLDER, Project

from incremental_tool.engine import fast_path
from incremental_tool.engine.freshness import Fresh
from incremental_tool.store import last_answer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HEAD = """import incremental_tool
env = Environment(tools=[{tools}incremental_tool.generate])
"""
COPY = """env.Command("out", "in", "cp $SOURCE $TARGET")
"""
GCC = "'gcc', 'gnulink', 'ar', "


class Ended(NamedTuple):
    """A process that ended: its status and what it printed."""

    status: int
    out: str
    err: str


class Recorded(Project):
    """A project that is built in the environment of the test itself."""

    def run(self, module: str, *arguments: str, **environment: str) -> Ended:
        """Run a Python module in the project."""
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def record(self, *arguments: str) -> Ended:
        """Build with SCons and the tool, and expect success."""
        ended = self.run("SCons", "-Q", *arguments)
        assert ended.status == 0, ended.out + ended.err
        return ended

    def ask(self, *arguments: str) -> str:
        """Return "fresh", or the reason and what it is about, as one text."""
        fast_path.ASKED.clear()
        told = subprocess.run(
            [sys.executable, "-c", r"import sys; print('\0'.join(sys.path), end='')"],
            cwd=self.folder,
            capture_output=True,
            check=True,
        )
        python_path = [str(self.folder), *os.fsdecode(told.stdout).split("\0")[1:]]
        asked = fast_path.ask(
            ("-Q", *arguments),
            os.environ,
            str(self.folder),
            python_path,
            os.path.dirname(SCons.__file__),
            fast_path.BEFORE_SCONS,
        )
        verdict = asked.verdict
        return "fresh" if isinstance(verdict, Fresh) else f"{verdict.reason} {verdict.detail}"

    def told(self) -> str:
        """Return what became of recording the last build: "recorded", or the reason and detail."""
        told = last_answer.read(str(self.folder / ".incremental"), last_answer.RECORDED)
        return "nothing" if told is None else f"{told.reason} {told.detail}".strip()

    def lay_out(self, files: dict[str, str]) -> None:
        """Write files; the text "-> a" makes a link, a name with a slash at its end a folder."""
        for name, text in files.items():
            if name.endswith("/"):
                (self.folder / name).mkdir(parents=True)
            elif text.startswith("-> "):
                (self.folder / name).symlink_to(text[3:])
            else:
                self.write(name, text)


def project_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return a new project, in an environment that the test may change as it likes."""
    for name in list(os.environ):
        if name.startswith(("INCREMENTAL", "SCONS")):
            monkeypatch.delenv(name)
    for name in ("BRAND_NEW", "UNSET"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    monkeypatch.setenv("KIND", "one")
    monkeypatch.setenv("PYTHONPATH", PACKAGE_FOLDER)
    return Recorded(tmp_path / "project")


def script(body: str, tools: str = "") -> str:
    """Return an SConstruct: the tool is set up in its first lines."""
    return HEAD.format(tools=tools) + body
