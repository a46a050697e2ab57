"""`incremental-tool`: ask about, check and tidy a project's caches.

    stats      what the last build, and all builds, did and did not do
    explain    why the last run needed SCons to read its scripts, or none did; with
               a target: why it was made again, and what would be different now
    verify     read every object and manifest, and compare each with its name
    check      compare objects made of functions that wait for it with full compiles
    trim       bring the store within its limits now
    clean      remove a project's state, and with --store the store too
    doctor     what this tool finds on this machine
    compdb     write compile_commands.json, for clangd and its like
    trace      run a build, and write what it ran when as a trace

Run it in the folder of the SConstruct (or give --top). Exit status: 0 fine, 1
something is wrong (verify found damage, the target is unknown), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import Optional

from incremental_tool.base.errors import UserError

_TAKING_MORE = frozenset({"compdb", "trace"})
"""Commands that are given somebody else's arguments behind `--`."""


def main(argv: Optional[list[str]] = None) -> int:
    """Run one command; returns the exit status."""
    words, rest = _parted(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(words)
    arguments.rest = rest
    from incremental_tool.cli import clean, compdb, explain, maintenance, trace
    from incremental_tool.engine.settings import settings_for

    commands = {
        "stats": maintenance.stats,
        "explain": explain.explain,
        "verify": maintenance.verify,
        "check": maintenance.check,
        "trim": maintenance.trim,
        "clean": clean.clean,
        "doctor": maintenance.doctor,
        "compdb": compdb.compdb,
        "trace": trace.trace,
    }
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may be no text
    try:
        top = os.path.abspath(arguments.top)
        settings = settings_for(top, os.environ, {})
        status = commands[arguments.command](arguments, settings)
        sys.stdout.flush()
    except UserError as error:
        print(f"incremental-tool: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python's own last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"incremental-tool: {error}", file=sys.stderr)
        return 1
    return status


def _parted(words: list[str]) -> tuple[list[str], Optional[list[str]]]:
    """Take from the words what stands behind `--`, for the commands that pass it on."""
    at = words.index("--") if "--" in words else len(words)
    if at == len(words) or _TAKING_MORE.isdisjoint(words[:at]):
        return words, None
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    from incremental_tool import __version__

    parser = argparse.ArgumentParser(
        prog="incremental-tool", description="Ask about, check and tidy a project's build caches."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--top", default=".", metavar="FOLDER", help="folder of the SConstruct (default: here)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    stats = commands.add_parser("stats", help="what builds did and did not do")
    stats.add_argument("--json", action="store_true", help="all figures, for programs")
    explain = commands.add_parser(
        "explain", help="why the last run needed SCons, or why a target was made again"
    )
    explain.add_argument(
        "target",
        nargs="?",
        help="path of the target, from the folder of the SConstruct (default: the last run)",
    )
    explain.add_argument("--inputs", action="store_true", help="list every input with its digest")
    commands.add_parser("verify", help="compare every stored object with its name")
    commands.add_parser(
        "check", help="compare waiting objects made of functions with full compiles"
    )
    trim = commands.add_parser("trim", help="bring the store within its limits")
    trim.add_argument("--size", metavar="SIZE", help="limit for this trim, such as 500M")
    trim.add_argument("--age", metavar="DAYS", help="also remove what was not used for that long")
    clean = commands.add_parser("clean", help="remove this project's state")
    clean.add_argument("--store", action="store_true", help="remove the object store, too")
    commands.add_parser("doctor", help="what this tool finds on this machine")
    compdb = commands.add_parser(
        "compdb",
        help="write compile_commands.json from what was recorded",
        usage="%(prog)s [-h] [--output FILE] [-- SCONS ARGUMENTS...]",
    )
    compdb.add_argument(
        "--output", metavar="FILE", help="default: compile_commands.json beside SConstruct"
    )
    trace = commands.add_parser(
        "trace",
        help="run a build, and write what it ran as a trace for Perfetto",
        usage="%(prog)s [-h] [--output FILE] -- COMMAND...",
    )
    trace.add_argument("--output", metavar="FILE", help="default: trace.json")
    return parser
