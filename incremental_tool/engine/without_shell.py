"""Run a command as `sh -c` runs it, without the shell where that does nothing but start a program.

SCons gives every command to a shell. For plain words the shell looks for the program and becomes
it, at half a millisecond for each command. What it would start is known here for
one shell, dash (Debian's and Ubuntu's `sh`), and started at once where all of this holds:

* the words are plain (`model.command_line`), and the first is no command of the shell's own;
* every variable has a name that the shell passes on, and none is one that it sets itself but
  `PWD`, which it is given as dash sets it;
* the program is found in the `PATH` given, which has none of dash's own marks, and can be executed.

Anything else goes to the shell, as does a program that the system does not start (a script
without an interpreter, arguments too long): what then happens, and is said, is the shell's. So
is what is said of a program that a signal has ended, but that it has left a core.

Knows nothing of what is run.
"""

from __future__ import annotations

import os

from incremental_tool.base import process
from incremental_tool.model.command_line import split_words
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Optional

_SHELLS = frozenset(("sh", "/bin/sh", "dash", "/bin/dash"))
_BUILT_IN = frozenset(
    (
        *(".", ":", "[", "alias", "bg", "break", "cd", "chdir", "command", "continue", "echo"),
        *("eval", "exec", "exit", "export", "false", "fc", "fg", "getopts", "hash", "jobs"),
        *("kill", "local", "printf", "pwd", "read", "readonly", "return", "set", "shift", "test"),
        *("times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "wait"),
    )
)
"""Commands of dash's own, 0.5.4 to 0.5.12; some of them only where it was compiled with them."""
_ITS_OWN = frozenset(("IFS", "LINENO", "OPTIND", "PPID"))


class WithoutShell:
    """Runs commands in one folder; safe to use from several threads."""

    def __init__(self, directory: bytes) -> None:
        self._directory = os.fsdecode(directory)
        self._passed_on: dict[int, tuple[Mapping[str, str], Optional[dict[str, str]]]] = {}

    def run(self, shell: str, text: str, environment: Mapping[str, str]) -> int:
        """Run a command; return its exit status as `process.run`. Raises OSError."""
        known = self._passed_on.get(id(environment))
        if known is None:
            passed_on = _as_passed_on(shell, environment, self._directory)
            known = self._passed_on[id(environment)] = (environment, passed_on)
        words = split_words(text) if known[1] is not None else []
        if known[1] is not None and not isinstance(words, Reason) and words:
            program = _program(words[0], known[1])
            started = program and process.spawn(program, words, known[1])
            if started:
                status = started.wait()
                return status if status >= 0 else self._ended(shell, -status, environment)
        return process.run([shell, "-c", text], environment)

    @staticmethod
    def _ended(shell: str, number: int, environment: Mapping[str, str]) -> int:
        """Let the shell tell of a signal: some become the program, some say how it has ended."""
        text = f"{shell} -c 'ulimit -c 0; kill -{number} $$'"
        return process.run([shell, "-c", text], environment)


def _as_passed_on(
    shell: str, environment: Mapping[str, str], directory: str
) -> Optional[dict[str, str]]:
    """Return the environment that dash would pass on; None where that is not known."""
    if shell not in _SHELLS or not _is_dash(shell, environment):
        return None
    for name in environment:
        if not (name.isidentifier() and name.isascii()) or name in _ITS_OWN:
            return None
    return {**environment, "PWD": _folder_as_told(environment.get("PWD", ""), directory)}


def _is_dash(shell: str, environment: Mapping[str, str]) -> bool:
    path = process.found(shell, environment)
    return path is not None and os.path.basename(os.path.realpath(path)) == "dash"


def _folder_as_told(told: str, directory: str) -> str:
    """Return the working folder as dash tells it: as it was told, if that leads there."""
    try:
        if told.startswith("/") and os.path.samefile(told, directory):
            return told
    except OSError:
        pass  # it leads nowhere
    return os.path.realpath(directory)


def _program(word: str, environment: Mapping[str, str]) -> Optional[str]:
    if "/" not in word:
        path = environment.get("PATH")
        if word in _BUILT_IN or not word or path is None or "%" in path:
            return None
    return process.found(word, environment)
