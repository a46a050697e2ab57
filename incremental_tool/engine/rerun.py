"""Run a process again as reading the scripts ran it, and tell whether it says the same.

The outcome is a digest of exit status, standard output and standard error. The
process gets this process's environment, an empty standard input, and no terminal.

Built on `posix_spawn` and files in memory instead of `subprocess`: what imports
that spends more time on importing than `git rev-parse` takes.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import FieldHasher

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence


def outcome_of(status: int, output: bytes, errors: bytes) -> bytes:
    """Return the outcome of a process: `status` as `subprocess` counts it (negative: a signal)."""
    hasher = FieldHasher()
    hasher.add(b"%d" % status)
    hasher.add(output)
    hasher.add(errors)
    return hasher.digest()


def outcome_of_run(argv: Sequence[bytes], folder: bytes) -> bytes:
    """Run `argv` (a path in argv[0]) in `folder` and return its outcome. Raises OSError."""
    if not hasattr(os, "memfd_create"):
        from subprocess import DEVNULL, run

        ended = run(argv, cwd=folder, stdin=DEVNULL, capture_output=True, check=False)
        return outcome_of(ended.returncode, ended.stdout, ended.stderr)
    from signal import SIGPIPE, SIGXFSZ

    opened: list[int] = []
    home = os.open(".", os.O_RDONLY)
    opened.append(home)
    try:
        opened.append(os.open(os.devnull, os.O_RDONLY))
        opened += (os.memfd_create("output"), os.memfd_create("errors"))
        actions = [(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(opened[1:])]
        os.chdir(folder)
        try:
            # Python ignores these signals; what it starts should not, as `subprocess` has it.
            ignored = [SIGPIPE, SIGXFSZ]
            pid = os.posix_spawn(
                argv[0], list(argv), os.environ, file_actions=actions, setsigdef=ignored
            )
        finally:
            os.chdir(home)
        _, status = os.waitpid(pid, 0)
        return outcome_of(_exit_code(status), _content(opened[2]), _content(opened[3]))
    finally:
        for fd in opened:
            os.close(fd)


def _exit_code(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _content(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    parts: list[bytes] = []
    while True:
        part = os.read(fd, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
