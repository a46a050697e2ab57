"""A project whose builds are recorded, and the question whether a recording is still true.

The question is asked in the test's own process, as `iscons` asks it in its: a
test needs one SCons process to record, and none to ask.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import SCons

from incremental_tool.engine import fast_path
from incremental_tool.engine.freshness import Fresh
from incremental_tool.store import last_answer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Project, Run

HEAD = """import incremental_tool
env = Environment(tools=[{tools}incremental_tool.generate])
"""
COPY = """env.Command("out", "in", "cp $SOURCE $TARGET")
"""


def python_path(folder: Path) -> list[str]:
    """Return sys.path as `python -m SCons` has it in a folder."""
    told = subprocess.run(
        [sys.executable, "-c", r"import sys; print('\0'.join(sys.path), end='')"],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    return [str(folder), *os.fsdecode(told.stdout).split("\0")[1:]]


def ask(project: Project, *arguments: str, below: str = "") -> str:
    """Return "fresh", or the reason and what it is about, as one text."""
    fast_path.ASKED.clear()
    asked = fast_path.ask(
        ("-Q", *arguments),
        os.environ,
        str(project.folder / below),
        python_path(project.folder / below),
        os.path.dirname(SCons.__file__),
        fast_path.BEFORE_SCONS,
    )
    verdict = asked.verdict
    return "fresh" if isinstance(verdict, Fresh) else f"{verdict.reason} {verdict.detail}"


def recorded(project: Project) -> str:
    """Return what became of recording the last build: "recorded", or the reason and its detail."""
    told = last_answer.read(str(project.folder / ".incremental"), last_answer.RECORDED)
    if told is None:
        return "nothing"
    return f"{told.reason} {told.detail}".strip()


def build(project: Project, *arguments: str) -> Run:
    """Run SCons with the tool and expect success."""
    run = project.scons("-Q", *arguments, INCREMENTAL_STATS="0", INCREMENTAL_EXPLAIN="1")
    assert run.status == 0, run.out + run.err
    return run


def script(body: str, tools: str = "") -> str:
    """Return an SConstruct: the tool is set up in its first lines."""
    return HEAD.format(tools=tools) + body


def iscons(project: Project, *arguments: str) -> tuple[int, str, str]:
    """Run `iscons` and return its status and both outputs."""
    ended = subprocess.run(
        [sys.executable, "-m", "incremental_tool.launcher", *arguments],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr
