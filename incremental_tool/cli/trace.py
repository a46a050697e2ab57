"""`incremental-tool trace -- COMMAND...`: run a build, and write what it ran as a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from incremental_tool.base.errors import UserError

if TYPE_CHECKING:
    import argparse

    from incremental_tool.engine.settings import Settings

NAME = "trace.json"


def trace(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - one shape for all commands
    """Run a command with INCREMENTAL_TRACE set; return its status."""
    if not arguments.rest:
        raise UserError("say what to run: incremental-tool trace -- scons")
    path = os.path.abspath(arguments.output or NAME)
    if os.path.isfile(path):
        os.unlink(path)  # what is there afterwards is of this run
    try:
        status = _run(arguments.rest, path)
    except FileNotFoundError:
        raise UserError(f"there is no program {arguments.rest[0]}") from None
    try:
        with open(path, encoding="utf-8") as file:
            events = len(json.load(file))
    except (OSError, ValueError):
        print("incremental-tool: no trace was written: the tool was not in use", file=sys.stderr)
        return status or 1
    print(
        f"incremental-tool: {path}: {events} commands (for ui.perfetto.dev, chrome://tracing)",
        file=sys.stderr,
    )
    return status


def _run(words: list[str], path: str) -> int:
    """Run a command to its end, which it comes to by itself when it is interrupted."""
    process = subprocess.Popen(words, env={**os.environ, "INCREMENTAL_TRACE": path})
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue
        return 128 - status if status < 0 else status
