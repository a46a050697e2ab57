"""Runs of the fast path and of SCons, each a fork of one process that has imported both.

A job asks whether an answer is fresh, or runs SCons as `iscons` runs it when it
must: observed from the start. Both see the module path of the same process, so
that they ask for, and record, the same answers.

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
import time
from typing import Any, NoReturn

import incremental_tool

PACKAGE_FOLDER = os.path.dirname(os.path.dirname(incremental_tool.__file__))


class FastPathServer:
    """The process, seen from outside."""

    def __init__(self, scratch: str) -> None:
        self._out = os.path.join(scratch, "out")
        environment = {**os.environ, "PYTHONPATH": PACKAGE_FOLDER}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        # Under the name of SCons's own script: what this file reads, no project reads.
        text = (
            "import sys; path = sys.path[0] = sys.argv[1];"
            "exec(compile(open(path + '/fast_path_server.py').read(), 'scons', 'exec'))"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", text, os.path.dirname(os.path.abspath(__file__))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        arguments: list[str],
        folder: str,
        environment: dict[str, str],
        *,
        asking: bool = False,
        bytecode: bool = False,
    ) -> tuple[int, str]:
        """Run SCons, or ask whether that is needed; return the status and all that was printed.

        The text of a question is "fresh" and what would be printed, or the reason.
        """
        job = {
            "arguments": arguments,
            "folder": folder,
            "environment": environment,
            "out": self._out,
            "asking": asking,
            "bytecode": bytecode,
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
    for module in ("SCons.Script.Main", "incremental_tool.scons.tool"):
        importlib.import_module(module)
    gc.freeze()
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(job)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(job: dict[str, Any]) -> NoReturn:
    status: object = 1
    try:
        out = os.open(job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        empty = os.open(os.devnull, os.O_RDONLY)
        for fd, source in ((0, empty), (1, out), (2, out)):
            os.dup2(source, fd)
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        sys.argv = ["scons", *job["arguments"]]
        sys.dont_write_bytecode = not job["bytecode"]
        status = _ask() if job["asking"] else _run_scons()
    except SystemExit as leaving:
        status = leaving.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


def _asked() -> Any:
    import SCons

    from incremental_tool.engine import fast_path

    return fast_path.ask(
        sys.argv[1:],
        os.environ,
        os.getcwd(),
        sys.path,
        os.path.dirname(SCons.__file__),
        fast_path.BEFORE_SCONS,
    )


def _ask() -> int:
    from incremental_tool.engine import fast_path
    from incremental_tool.engine.freshness import Fresh

    asked = _asked()
    if not isinstance(asked.verdict, Fresh):
        print(asked.verdict.reason, asked.verdict.detail)
        return 1
    print("fresh")
    fast_path.say(asked, fast_path.BEFORE_SCONS)
    return 0


def _run_scons() -> int:
    import SCons.Script.Main

    from incremental_tool.model.switch import fast_path_off
    from incremental_tool.scons import recorder

    # What a process of its own would have found out when it imported SCons.
    SCons.Script._SConscript.launch_dir = os.getcwd()
    SCons.Script.start_time = time.time()
    if not fast_path_off(os.environ):
        _asked()
        recorder.be_ready()
    SCons.Script.Main.main()
    return 0


if __name__ == "__main__":
    serve()
