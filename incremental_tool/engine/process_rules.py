"""What may be said of a process that reading the scripts ran: the rules, as data.

Three rules, by the name of the program and its words:

* `PURE`: it tells nothing but what its executable file, its words and its
  environment determine. The executable's identity is recorded; it is not run again.
* `AGAIN`: it may read anything, but is quick and changes nothing. It is run
  again at each look, and its exit status and output are compared.
* `UNKNOWN`: it may have read anything. Then the answer is never taken as fresh.

A project adds to them with `incremental_tool.pure("name")` and
`incremental_tool.cheap("name")`; what it declares wins over the tables here.

=====================================  =======  =====================================
program                                rule     why
=====================================  =======  =====================================
gcc, g++, cc, c++, clang, gfortran...  PURE     asked for its version or machine only;
with --version, -dumpversion ...                a script of that name: AGAIN
pkg-config, pkgconf, NAME-config       AGAIN    reads .pc files along a path of folders
uname, arch, nproc, getconf, which     AGAIN    ask the machine, or look along PATH
anything else                          UNKNOWN
=====================================  =======  =====================================

A shell's command line counts as the programs that it starts, if all of them can
be told: words, pipes and `&&`, `||`, `;`, and redirections to /dev/null.

Knows nothing of how processes are observed or run again.
"""

from __future__ import annotations

import os
import shlex

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

PURE, AGAIN, UNKNOWN = "pure", "again", "unknown"

_COMPILER = lazily(
    r"(?:[\w.]+-)*(?:gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|gfortran|f77|f90|f95|g77|gdc|ldc2|dmd|"
    r"icc|icx|icpx|ifort|tcc|ld|ar|as|ranlib|nvcc)(?:-[\d.]+)?"
)
_ABOUT_ITSELF = frozenset(
    {"--version", "-version", "-v", "-V", "-dumpversion", "-dumpfullversion", "-dumpmachine"}
)
_ASKING_AGAIN = lazily(
    r"(?:[\w.]+-)*pkg-config|pkgconf|[\w.+-]+-config|uname|arch|nproc|getconf|which"
)

_SHELLS = frozenset({"sh", "bash", "dash", "ash"})
_JOINING = frozenset({"|", "&&", "||", ";"})
_BUILTIN = frozenset({"echo", "true", "false", ":", "exit", "test", "[", "printf"})
_DYNAMIC = frozenset("$`*?[]{}~!\n\\")
"""Characters for which the shell does more than start programs with the words given."""

_declared: dict[str, str] = {}


def pure(*programs: str) -> None:
    """Take the project's word that what these programs tell depends on nothing else.

    A name with a slash means that very file.
    """
    _declare(PURE, programs)


def cheap(*programs: str) -> None:
    """Take the project's word that these programs may be run again at any time."""
    _declare(AGAIN, programs)


def _declare(rule: str, programs: Sequence[str]) -> None:
    for program in programs:
        if not isinstance(program, str) or not program:
            raise TypeError(f"the name of a program is wanted, not {program!r}")
        _declared[program] = rule


def programs_of(argv: Sequence[str]) -> list[list[str]]:
    """Return the words of each program that a command starts, the shell's own commands left out.

    Empty when they cannot all be told.
    """
    if not argv:
        return []
    if os.path.basename(argv[0]) not in _SHELLS or len(argv) != 3 or argv[1] != "-c":  # noqa: PLR2004 - sh -c text
        return [list(argv)]
    text = argv[2]
    for quiet in ("2>/dev/null", "2> /dev/null", "2>&1", ">/dev/null", "> /dev/null", "</dev/null"):
        text = text.replace(quiet, " ")
    if not _DYNAMIC.isdisjoint(text):
        return []
    reader = shlex.shlex(text, posix=True, punctuation_chars=True)
    reader.commenters = ""
    commands: list[list[str]] = [[]]
    try:
        for word in reader:
            if word in _JOINING:
                commands.append([])
            elif word and not word.strip("();<>|&"):
                return []
            else:
                commands[-1].append(word)
    except ValueError:
        return []
    if any(not command or "=" in command[0] for command in commands):
        return []
    return [command for command in commands if command[0] not in _BUILTIN]


def rule_of(words: Sequence[str], *, is_script: bool) -> str:
    """Return the rule for one program; `is_script` tells that its file is no machine code."""
    program = words[0]
    name = os.path.basename(program)
    declared = _declared.get(program) or _declared.get(name)
    if declared:
        return declared
    if _COMPILER.fullmatch(name) and len(words) > 1 and _ABOUT_ITSELF.issuperset(words[1:]):
        return AGAIN if is_script else PURE
    if _ASKING_AGAIN.fullmatch(name):
        return AGAIN
    return UNKNOWN
