"""An action: one command, described as the fields that decide what it makes.

The key is described once, as a list of (name, value) fields. Its digest is the
hash of that list, and `explain` compares two such lists, so that what is said
about a miss cannot drift from what was hashed (n2's `hash.rs` has the idea).

Values are bytes: a command, a digest, one environment variable's digest (never
its value: a cache may be shared, and environments hold secrets).

Knows nothing of how an action is run.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import FieldHasher, digest_of
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


KEY_VERSION = b"2"
"""Raised when the meaning of a field changes: older results are then never found.

Also raised with the format of manifests (2 has codes): where tools of several versions share a
cache folder, none takes another's manifests for damaged ones.
"""

Fields = list[tuple[str, bytes]]

COMPILER_VARIABLES = frozenset(
    {
        "CCC_OVERRIDE_OPTIONS",
        "COMPILER_PATH",
        "CPATH",
        "CPLUS_INCLUDE_PATH",
        "C_INCLUDE_PATH",
        "DEPENDENCIES_OUTPUT",
        "GCC_COMPARE_DEBUG",
        "GCC_EXEC_PREFIX",
        "GCC_EXTRA_DIAGNOSTIC_OUTPUT",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_CTYPE",
        "LC_MESSAGES",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "LD_RUN_PATH",
        "LIBRARY_PATH",
        "LDEMULATION",
        "GNUTARGET",
        "MACOSX_DEPLOYMENT_TARGET",
        "OBJC_INCLUDE_PATH",
        "SDKROOT",
        "SOURCE_DATE_EPOCH",
        "SUNPRO_DEPENDENCIES",
        "ZERO_AR_DATE",
    }
)
"""What gcc, clang, as, ar and ld read (their manuals, "Environment Variables"), plus the loader's.

PATH is not among them: what it leads to is part of the toolchain's identity.
"""

IGNORED_VARIABLES = frozenset(
    {
        "COLUMNS",
        "DISPLAY",
        "HISTFILE",
        "LINES",
        "LOGNAME",
        "MAIL",
        "OLDPWD",
        "PWD",
        "SHLVL",
        "SSH_AGENT_PID",
        "SSH_AUTH_SOCK",
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SSH_TTY",
        "TERM",
        "TERM_PROGRAM",
        "TERM_SESSION_ID",
        "WAYLAND_DISPLAY",
        "WINDOWID",
        "XAUTHORITY",
        "XDG_RUNTIME_DIR",
        "XDG_SESSION_ID",
        "_",
    }
)
"""What differs from one terminal to the next and tells a command nothing about its work.

For a command that the user opted in, every other variable is part of the key.
"""


def environment_fields(environment: Mapping[str, str], compiler: bool) -> Fields:
    """Return one field for each variable that can matter: its name, and its value's digest."""
    if compiler:
        names: Iterable[str] = COMPILER_VARIABLES.intersection(environment)
    else:
        names = set(environment).difference(IGNORED_VARIABLES)
    return [
        (f"environment {name}", digest_of(os.fsencode(environment[name]))) for name in sorted(names)
    ]


def action_digest(fields: Fields) -> bytes:
    """Return the 16-byte digest of a described key."""
    hasher = FieldHasher()
    hasher.add(KEY_VERSION)
    for name, value in fields:
        hasher.add(name.encode("utf-8", "surrogateescape"))
        hasher.add(value)
    return hasher.digest()


def difference(old: Fields, new: Fields) -> Reason:
    """Return the first way in which two described keys differ, as a reason for a miss."""
    before, after = dict(old), dict(new)
    for name in [*after, *before]:
        if before.get(name) == after.get(name):
            continue
        if name.startswith("environment "):
            return Reason("zir.miss.environment-changed", name[len("environment ") :])
        if name == "toolchain":
            return Reason("zir.miss.toolchain-changed")
        if name == "directory":
            return Reason("zir.miss.directory-changed", os.fsdecode(after.get(name, b"")))
        if name == "archive" or name.startswith("file "):
            said = name[len("file ") :] if name.startswith("file ") else "the archive"
            return Reason("zir.miss.input-changed", said)
        said = _changed_words(before, after) if name == "command" else name
        return Reason("zir.miss.command-changed", said)
    return Reason("zir.miss.new")


def _changed_words(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    old, new = before.get("command", b"").split(b"\0"), after.get("command", b"").split(b"\0")
    gone = [os.fsdecode(word) for word in old if word not in new]
    come = [os.fsdecode(word) for word in new if word not in old]
    parts = []
    if gone:
        parts.append("without " + " ".join(gone))
    if come:
        parts.append("with " + " ".join(come))
    return ", ".join(parts) or "its words in another order"
