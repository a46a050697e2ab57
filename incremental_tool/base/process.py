"""Start a program and wait for it, as `subprocess.Popen` does, for a third of what that costs.

`posix_spawn` does all that `Popen` is asked for here: an environment, perhaps other files for
what the program says, no other file of this process (a make's jobserver), signals as any program
expects them. Where a program cannot be started in this way, `Popen` tells what is wrong.

Knows nothing of what is run.
"""

from __future__ import annotations

import os
from _signal import SIGPIPE, SIGXFSZ  # type: ignore[import-not-found]  # in no stub; `signal` is a file around it

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Optional, Protocol

    class Waiting(Protocol):
        """A program that was started."""

        def wait(self) -> int:
            """Return its exit status; a signal's number, negated, if that has ended it."""


_STDERR = 2
_inherited: Optional[list[int]] = None
"""Files that this process was given, and a program would get: what Python opens is not among them.
They are found out once."""


class _Spawned:
    def __init__(self, process: int) -> None:
        self._process = process
        self._status: Optional[int] = None
        self.cpu_seconds = 0.0

    def wait(self) -> int:
        if self._status is None:
            _, status, used = os.wait4(self._process, 0)
            self._status = os.waitstatus_to_exitcode(status)
            self.cpu_seconds = used.ru_utime + used.ru_stime
        return self._status


def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdout: Optional[int] = None,
    stderr: Optional[int] = None,
) -> Waiting:
    """Start a program, saying what it says where this process does, or to the files given.

    Raises OSError.
    """
    program = found(argv[0], environment)
    started = spawn(program, argv, environment, stdout, stderr) if program is not None else None
    if started is not None:
        return started
    from subprocess import Popen

    return Popen(argv, env=environment, stdout=stdout, stderr=stderr)


def cpu_seconds_of(process: Waiting) -> float:
    """Return the CPU seconds, user and system, of a program that has ended; 0 if not known."""
    return process.cpu_seconds if isinstance(process, _Spawned) else 0.0


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program; return its exit status as `Waiting.wait`. Raises OSError."""
    return start(argv, environment).wait()


def spawn(
    program: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdout: Optional[int] = None,
    stderr: Optional[int] = None,
) -> Optional[Waiting]:
    """Start the program at a path; None if that cannot be done, for whatever reason."""
    files = [(to, fd) for to, fd in ((1, stdout), (_STDERR, stderr)) if fd is not None]
    if not hasattr(os, "posix_spawn") or any(fd <= _STDERR for _, fd in files):
        return None
    try:
        actions = [
            *((os.POSIX_SPAWN_DUP2, fd, to) for to, fd in files),
            *((os.POSIX_SPAWN_CLOSE, fd) for fd in _passed_on()),
        ]
        process = os.posix_spawn(
            program,
            list(argv),
            environment,
            file_actions=actions,
            setsigdef=[SIGPIPE, SIGXFSZ],
        )
    except OSError:
        return None
    return _Spawned(process)


def found(program: str, environment: Mapping[str, str]) -> Optional[str]:
    """Return where a program lies that can be executed, in the environment's `PATH`."""
    if "/" in program:
        return program
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, program)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


def _passed_on() -> list[int]:
    """Return the files that a program would get but for the first three. Raises OSError."""
    global _inherited  # noqa: PLW0603 - found out once
    if _inherited is None:
        _inherited = [fd for fd in map(int, os.listdir("/dev/fd")) if _is_passed_on(fd)]
    return _inherited


def _is_passed_on(descriptor: int) -> bool:
    try:
        return descriptor > _STDERR and os.get_inheritable(descriptor)
    except OSError:  # the folder's own, closed again
        return False
