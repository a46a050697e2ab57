"""Ways of building one generated project with SCons, each in a tree of its own.

A way is a name and the arguments that put the project's SConstruct into it.
Each has its own copy of the project, its own caches and a cleaned environment,
so that ways can take turns without seeing each other.

Knows nothing of measuring nor of what is compared with what.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from generate_project import generate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STATE_FOLDER = ".incremental"
OUTPUT_ENDINGS = (".o", ".a")


class Way(NamedTuple):
    """One way of building, in its tree."""

    name: str
    folder: str
    arguments: Sequence[str]
    environment: Mapping[str, str]

    def argv(self, jobs: int, *more: str) -> list[str]:
        """Return the command that builds (or whatever `more` asks)."""
        return [sys.executable, "-m", "SCons", f"-j{jobs}", *self.arguments, *more]

    def run(self, jobs: int, *more: str) -> None:
        """Build once, unmeasured."""
        subprocess.run(
            self.argv(jobs, *more),
            cwd=self.folder,
            env=dict(self.environment),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def outputs(self) -> list[str]:
        """Return the path of every built file that is there."""
        found = [os.path.join(self.folder, "program")]
        for folder, _, names in os.walk(self.folder):
            if STATE_FOLDER not in folder.split(os.sep):
                found += [os.path.join(folder, n) for n in names if n.endswith(OUTPUT_ENDINGS)]
        return [path for path in found if os.path.exists(path)]

    def remove_outputs(self) -> None:
        """Remove what was built; SCons's own database and all caches stay."""
        for path in self.outputs():
            os.unlink(path)

    def forget_everything(self) -> None:
        """Make the tree as if nothing had ever been built in it."""
        self.remove_outputs()
        shutil.rmtree(os.path.join(self.folder, STATE_FOLDER), ignore_errors=True)
        for name in os.listdir(self.folder):
            if name.startswith(".sconsign"):
                os.unlink(os.path.join(self.folder, name))

    def age(self, days: float) -> None:
        """Make every file of the tree look as if it had been written `days` ago."""
        moment = time.time() - days * 86400
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if not name.startswith(".sconsign"):
                    os.utime(os.path.join(folder, name), (moment, moment))

    def tool_figures(self) -> dict[str, float]:
        """Return the counters of the tool's last build here; empty without the tool."""
        path = os.path.join(self.folder, STATE_FOLDER, "stats.json")
        try:
            with open(path, encoding="utf-8") as file:
                last = json.load(file)["last"]
        except FileNotFoundError:
            return {}
        counts, files = last.get("counts", {}), last.get("files", {})
        figures = {name: counts.get(name, 0) for name in ("hits", "stored", "not_stored")}
        figures["not cacheable"] = counts.get("refused", 0)
        figures["reads"] = files.get("reads", 0)
        return figures

    def forget_figures(self) -> None:
        """Remove the counters of earlier builds, so that none can be taken for the next."""
        path = os.path.join(self.folder, STATE_FOLDER, "stats.json")
        if os.path.exists(path):
            os.unlink(path)


def clean_environment(**more: str) -> dict[str, str]:
    """Return the caller's environment without anything that steers SCons, the tool or ccache.

    Nor do the ways compile their Python modules in each run, as under PYTHONDONTWRITEBYTECODE.
    """
    steering = ("INCREMENTAL", "SCONS", "CCACHE", "PYTHONDONTWRITEBYTECODE")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(steering)}
    return {**kept, **more}


def require_tool() -> None:
    """Leave with one sentence unless SCons and the tool can be used by this Python."""
    command = [sys.executable, "-c", "import SCons, incremental_tool"]
    told = subprocess.run(
        command, cwd=tempfile.gettempdir(), capture_output=True, text=True, check=False
    )
    if told.returncode:
        reason = told.stderr.strip().splitlines()[-1]
        sys.exit(f"this Python lacks what is measured ({reason}); run: python -m pip install .")


@contextmanager
def work_folder(*, keep: bool) -> Iterator[str]:
    """Give a temporary folder, removed at the end unless it is to be kept."""
    folder = tempfile.mkdtemp(prefix="incremental-benchmark-")
    # `timeout` and CI end a run by SIGTERM, which would leave the trees behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def make_ways(
    names: Sequence[str], folder: str, count: int, *, flags: Sequence[str], stand_in: bool
) -> list[Way]:
    """Generate a tree of the same project for each of the ways named."""
    ways = []
    for name in names:
        tree = os.path.join(folder, name)
        caches = os.path.join(folder, f"{name}-cache")
        generate(count, tree, flags=flags, stand_in=stand_in)
        arguments = {
            "plain": [],
            "tool": ["TOOL=1"],
            "fast": ["FAST=1"],
            "cachedir": [f"CACHEDIR={caches}"],
            "ccache": ["LAUNCHER=ccache"],
        }[name]
        more = {"CCACHE_DIR": caches} if name == "ccache" else {}
        ways.append(Way(name, tree, arguments, clean_environment(**more)))
    return ways
