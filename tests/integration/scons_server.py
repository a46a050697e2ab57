"""SCons run many times over: each run is a fork of one process that has imported it.

Starting Python and importing SCons costs more than building a handful of tiny
files. What a run does is the same as in a process of its own: SCons and the tool
are imported before the fork, and nothing of them has run.

As a script, this is that process: it reads jobs from standard input, a line of
JSON each, and answers each with its exit status.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
from typing import NoReturn

IMPORTED = ["SCons.Script.Main", "incremental_tool.scons.session", "incremental_tool.scons.tool"]


class SConsServer:
    """The process that has imported SCons, seen from outside."""

    def __init__(self, scratch: str) -> None:
        self._out = os.path.join(scratch, "out")
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: list[str], folder: str, environment: dict[str, str]
    ) -> tuple[int, str]:
        """Run SCons; return its exit status and all that it printed."""
        job = {
            "arguments": arguments,
            "folder": folder,
            "environment": environment,
            "out": self._out,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        with open(self._out, encoding="utf-8", errors="surrogateescape") as file:
            return status, file.read()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve() -> None:
    """Run jobs until standard input ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(job)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(job: dict[str, str]) -> NoReturn:
    import SCons.Script.Main

    status: object = 1
    try:
        out = os.open(job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        empty = os.open(os.devnull, os.O_RDONLY)
        for fd, source in ((0, empty), (1, out), (2, out)):
            os.dup2(source, fd)
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        sys.argv = ["scons", *job["arguments"]]
        SCons.Script.Main.main()
    except SystemExit as leaving:
        status = leaving.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    serve()
