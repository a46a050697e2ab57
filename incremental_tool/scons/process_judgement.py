"""Judges each process that reading the scripts ran, by the rules of `engine.process_rules`.

Whatever the rule, the program's file counts, and so do the folders of the path
in which it was looked for in vain. A process that is to be run again is run
once more here, as a later look will run it: unless that tells what the script
was told, the process is refused.

An environment that the script gave to a process is told to `env` in front of
the command. Values are written down only under names that hold no secrets (the
path and the like); anything else is refused.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Optional, Union

from incremental_tool.engine.process_rules import AGAIN, UNKNOWN, programs_of, rule_of
from incremental_tool.engine.rerun import outcome_of
from incremental_tool.model.snapshot import Process
from incremental_tool.scons.observations import FILE, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.process_observer import Started

_NO_SECRET = re.compile(
    rb"HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|PWD|LANG|LANGUAGE|LC_\w+|PKG_CONFIG_\w+|\w*PATH"
)
_HEEDED = (b"PATH", b"LANGUAGE", b"LC_MESSAGES", b"COMPILER_PATH", b"GCC_EXEC_PREFIX")
"""Variables that decide which program runs, and what a compiler tells of itself."""

_PATIENCE = 20
"""Seconds after which a process that is run again is given up: it would not be quick."""

_ENV = "/usr/bin/env"


class Refused(Exception):  # noqa: N818 - it names a verdict
    """Why a process cannot be followed."""


def judge(observed: Observations) -> list[Process]:
    """Return the processes to run again at each look; refusals and files are noted."""
    again: list[Process] = []
    known: set[tuple[object, ...]] = set()
    for started in observed.processes:
        try:
            process = _judged(observed, started)
        except Refused as why:
            reason = "fresh.refuse.configure" if started.configuring else "fresh.refuse.process"
            said = f": {why}" if str(why) else ""
            observed.refuse(reason, f"{started.text[:200]} ({started.site}){said}")
            continue
        if process is not None:
            key = (*process.argv, process.folder)
            if key not in known:
                known.add(key)
                again.append(process)
    return again


def _judged(observed: Observations, started: Started) -> Optional[Process]:
    commands = programs_of(started.argv)
    rules = [_rule(observed, started, words) for words in commands]
    if not rules or UNKNOWN in rules:
        raise Refused
    if not started.running:
        return None  # it could not be started: that the program is missing has been noted
    if started.odd or started.was_given_input:
        raise Refused("it is given more than words and an environment")
    if started.stdin == subprocess.PIPE:
        raise Refused("it may be given input")
    if AGAIN not in rules and started.stdout in (subprocess.PIPE, subprocess.DEVNULL):
        if started.env is None:
            observed.variables.update(_HEEDED)
        return None
    return _to_run_again(observed, started)


def _rule(observed: Observations, started: Started, words: Sequence[str]) -> str:
    program = _find(observed, started, words[0])
    if program is None:
        return ""  # not found: what was looked for in vain is noted
    try:
        with open(program, "rb") as file:
            is_script = file.read(2) == b"#!"
    except OSError:
        is_script = True
    return rule_of(words, is_script=is_script)


def _find(observed: Observations, started: Started, program: str) -> Optional[str]:
    """Return the file that a program's name leads to, and note what was looked at on the way."""
    if "/" in program:
        candidates = [os.path.join(started.folder, program)]
    else:
        if started.env is None:
            observed.note_variable(b"PATH")
            path = observed.environment.get(b"PATH")
        else:
            path = started.env.get(b"PATH")
        folders = os.fsdecode(path or os.fsencode(os.defpath)).split(os.pathsep)
        candidates = [os.path.join(started.folder, folder, program) for folder in folders]
    for candidate in map(observed.absolute, candidates):
        status = observed.look(candidate)
        if kind_of(status) == FILE and os.access(candidate, os.X_OK):
            observed.note_asked(candidate, status)
            return candidate
        observed.note_kind(candidate, status)
    return None


def _to_run_again(observed: Observations, started: Started) -> Process:
    argv = list(started.argv)
    program = _find(observed, started, argv[0])
    if program is None:
        raise Refused("it is not found")
    argv = [*_environment_words(observed, started), program, *argv[1:]]
    try:
        ended = subprocess.run(
            argv,
            cwd=started.folder,
            env=dict(observed.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Refused(f"run again: {error}") from error
    if ended.returncode != started.status:
        raise Refused("run again, it ends with another status")
    output = ended.stdout
    if started.stderr == subprocess.STDOUT:
        output += ended.stderr
    elif started.stderr not in (subprocess.PIPE, subprocess.DEVNULL) and ended.stderr:
        raise Refused("it writes to the terminal")
    told = started.output()
    if told is None:
        raise Refused("its output was not read to the end")
    if started.stdout == subprocess.PIPE:
        if not _same(told, output):
            raise Refused("run again, it tells something else")
    elif started.stdout != subprocess.DEVNULL and output:
        raise Refused("it writes to the terminal")
    if started.told_errors is not None and not _same(started.told_errors, ended.stderr):
        raise Refused("run again, it tells something else")
    outcome = outcome_of(ended.returncode, ended.stdout, ended.stderr)
    return Process([os.fsencode(word) for word in argv], os.fsencode(started.folder), outcome)


def _same(told: Union[bytes, str], output: bytes) -> bool:
    if isinstance(told, bytes):
        return told == output
    for encoding in ("utf-8", None, "latin-1"):
        try:
            text = output.decode(encoding) if encoding else os.fsdecode(output)
        except UnicodeDecodeError:
            continue
        if text.replace("\r\n", "\n").replace("\r", "\n") == told:
            return True
    return False


def _environment_words(observed: Observations, started: Started) -> list[str]:
    """Return the words that give a command the environment which the script gave it."""
    given, outer = started.env, observed.environment
    if given is None or given == outer:
        return []
    changed = [name for name, value in given.items() if outer.get(name) != value]
    removed = [name for name in outer if name not in given]
    if started.inherits or (observed.whole_environment and len(changed) < len(given)):
        options, names = [os.fsdecode(b"--unset=" + name) for name in removed], changed
    else:
        options, names = ["-i"], list(given)
    hidden = [os.fsdecode(name) for name in names if not _NO_SECRET.fullmatch(name)]
    if hidden:
        raise Refused(f"it is given a value for {hidden[0]}")
    return [_ENV, *options, *(os.fsdecode(name + b"=" + given[name]) for name in names)]
