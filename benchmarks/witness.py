"""What a build really did, as the kernel saw it: compilers run and project files opened.

A tool's own statistics say what it believes. Here the build runs once more
under strace, unmeasured, and its system calls are counted.

Knows nothing of what the counts should be.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scons_lanes import Way

# A call that another thread interrupts is logged as "<unfinished ...>"; it
# counts. Only what is known to have failed does not.
_EXECUTED = re.compile(r'execve\("[^"]*/(?:cc1|cc1plus|clang|stand-in-cc)", (\[.*\]),')
_OPENED = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", ([A-Z_|]+)')
_FAILED = re.compile(r"= -1 E[A-Z]+ \(")
_SOURCE = re.compile(r'"[^"]*\.c"')


class Seen(NamedTuple):
    """Counts of one build."""

    compiles: int
    sources_opened: int
    outputs_opened: int


def available() -> bool:
    """Tell whether strace is installed."""
    return shutil.which("strace") is not None


def watch(way: Way, jobs: int) -> Seen:
    """Build once under strace and count.

    A compile is a compiler proper that was given a C file; the driver in front
    of it does not count, nor does asking a compiler for its version. Opening
    the same file twice counts twice: that is what a build pays for.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "calls")
        # -s: longer than any command line here, or strace would leave words out.
        options = ["-f", "--seccomp-bpf", "-qq", "-s", "65536", "-e", "trace=execve,open,openat"]
        subprocess.run(
            ["strace", *options, "-o", log, *way.argv(jobs)],
            cwd=way.folder,
            env=dict(way.environment),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(log, encoding="utf-8", errors="replace") as file:
            return _count(file, os.path.realpath(way.folder))


def _count(lines: Iterable[str], tree: str) -> Seen:
    compiles = sources = outputs = 0
    for line in lines:
        if _FAILED.search(line):
            continue
        executed = _EXECUTED.search(line)
        if executed and _SOURCE.search(executed.group(1)):
            compiles += 1
            continue
        opened = _OPENED.search(line)
        if opened is None or "O_RDONLY" not in opened.group(2):
            continue
        path = os.path.normpath(os.path.join(tree, opened.group(1)))
        if not path.startswith(tree + os.sep):
            continue
        if path.endswith((".c", ".h")):
            sources += 1
        elif path.endswith((".o", ".a")) or os.path.basename(path) == "program":
            outputs += 1
    return Seen(compiles, sources, outputs)
