"""Settings: what environment variables and construction variables say.

An environment variable wins over the construction variable of the same name,
so that a CI job can redirect a project's cache without an edit. A value that
cannot be understood is a `UserError` that names the variable.
"""

from __future__ import annotations

import os

from incremental_tool.base.errors import UserError
from incremental_tool.base.pattern import lazily
from incremental_tool.model.switch import is_on

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


DEFAULT_SIZE = 5 << 30
"""Bytes: ccache's default, and about 100,000 debug objects."""

NO_LIMIT = 1 << 62
"""Bytes that no store reaches: what a size of 0 stands for, as in ccache's settings."""

SAMPLE = 0.02
"""The share of objects made of functions that are compared where nobody says otherwise."""

_SIZE = lazily(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)i?[bB]?\s*")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TOO_LARGE = 1 << 63
_MAX_DAYS = 1_000_000

NAMES = (
    "INCREMENTAL",
    "INCREMENTAL_ARCHIVES",
    "INCREMENTAL_BEHIND",
    "INCREMENTAL_CACHE",
    "INCREMENTAL_CACHE_AGE",
    "INCREMENTAL_CACHE_DIR",
    "INCREMENTAL_CACHE_SIZE",
    "INCREMENTAL_COMBINED",
    "INCREMENTAL_DIR",
    "INCREMENTAL_EXPLAIN",
    "INCREMENTAL_FUNCTIONS",
    "INCREMENTAL_FUNCTIONS_OPTIMISED",
    "INCREMENTAL_PREAMBLE",
    "INCREMENTAL_STATS",
    "INCREMENTAL_TOKENS",
    "INCREMENTAL_VERIFY",
)


NONE, EDITED, ALL = "none", "edited", "all"

BEHIND, WAIT = "behind", "wait"
"""Whether a build's end waits for what is begun then."""


class Settings(NamedTuple):
    """Where state and store lie, how large the store may grow, and what is told.

    `trace` is the file that the run's commands are told in; empty for none. `archives` says
    whether libraries are brought up to date by their changed members. `functions` says which units
    are compiled so that single functions can be: those that have been edited, all, or none.
    `verify` is the share of objects so made that are compared with those of a full compile, from
    0 to 1: before they are used, or after the build with `verify_later`. `tokens` says whether
    results are taken for texts that differ in comments and the like. `optimised` says that
    optimised units are compiled with words that keep every optimisation inside its function.
    `preamble` says whether the preambles of edited units are precompiled, and whether a build
    waits for that. `combined` says whether combined files are patched. `behind` says whether what
    no build needs goes on behind one: units being cut, objects compared, preambles precompiled.
    """

    state_dir: bytes
    cache_dir: bytes
    cache_size: int
    cache_age_days: float
    stats: str
    explain: bool
    trace: bytes = b""
    archives: bool = True
    functions: str = EDITED
    verify: float = 0.0
    verify_later: bool = False
    tokens: bool = True
    optimised: bool = False
    preamble: str = BEHIND
    combined: bool = True
    behind: str = BEHIND


def parse_size(text: str, name: str) -> int:
    """Return a number of bytes from "5G", "500 MB", "1000000". Raises UserError."""
    match = _SIZE.fullmatch(text)
    size = float(match.group(1)) * _UNITS[match.group(2).lower()] if match else _TOO_LARGE
    if size >= _TOO_LARGE:
        raise UserError(f"{name}={text!r} is not a size; write for example 5G or 500M")
    return int(size)


def parse_days(text: str, name: str) -> float:
    """Return a number of days; 0 means no limit. Raises UserError."""
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days < _MAX_DAYS:
        raise UserError(f"{name}={text!r} is not a number of days")
    return days


def parse_functions(text: str) -> str:
    """Return for which units functions are compiled one by one. Raises UserError."""
    word = text.strip().lower()
    if word in (ALL, EDITED):
        return word
    if not is_on(word):
        return NONE
    if word in ("1", "yes", "on", "true"):
        return EDITED
    raise UserError(f"INCREMENTAL_FUNCTIONS={text!r} is none of 0, 1, {ALL}")


def parse_behind(text: str, name: str) -> str:
    """Return whether something is done behind a build, and waited for. Raises UserError."""
    word = text.strip().lower()
    if word == WAIT:
        return WAIT
    if not is_on(word):
        return NONE
    if word in ("1", "yes", "on", "true"):
        return BEHIND
    raise UserError(f"{name}={text!r} is none of 0, 1, {WAIT}")


def parse_share(text: str, name: str) -> float:
    """Return a share from 0 to 1; a switch's words mean none and all. Raises UserError."""
    if not is_on(text):
        return 0.0
    try:
        share = float(text)
    except ValueError:
        share = 1.0 if text.strip().lower() in ("yes", "on", "true") else -1.0
    if not 0 <= share <= 1:
        raise UserError(f"{name}={text!r} is not a share from 0 to 1")
    return share


def settings_for(
    top: str, environment: Mapping[str, str], construction: Mapping[str, Any]
) -> Settings:
    """Return the settings of the project whose SConstruct lies in `top`. Raises UserError."""

    def value(name: str, default: str) -> str:
        text = environment.get(name)
        if text is None:
            chosen = construction.get(name)
            text = default if chosen is None else str(chosen)
        return text

    def folder(name: str, default: str) -> bytes:
        path = os.path.expanduser(value(name, "") or default)
        return os.fsencode(os.path.normpath(os.path.join(top, path)))

    state = folder("INCREMENTAL_DIR", ".incremental")
    behind = parse_behind(value("INCREMENTAL_BEHIND", "1"), "INCREMENTAL_BEHIND")
    return Settings(
        state,
        folder("INCREMENTAL_CACHE_DIR", os.path.join(os.fsdecode(state), "cache")),
        parse_size(
            value("INCREMENTAL_CACHE_SIZE", "") or str(DEFAULT_SIZE), "INCREMENTAL_CACHE_SIZE"
        )
        or NO_LIMIT,
        parse_days(value("INCREMENTAL_CACHE_AGE", "") or "0", "INCREMENTAL_CACHE_AGE"),
        value("INCREMENTAL_STATS", "0").strip().lower(),
        is_on(value("INCREMENTAL_EXPLAIN", "0")),
        trace_file(top, environment),
        is_on(value("INCREMENTAL_ARCHIVES", "1")),
        parse_functions(value("INCREMENTAL_FUNCTIONS", "1")),
        *_verification(value("INCREMENTAL_VERIFY", ""), behind),
        is_on(value("INCREMENTAL_TOKENS", "1")),
        is_on(value("INCREMENTAL_FUNCTIONS_OPTIMISED", "0")),
        parse_behind(value("INCREMENTAL_PREAMBLE", "1"), "INCREMENTAL_PREAMBLE"),
        is_on(value("INCREMENTAL_COMBINED", "1")),
        behind,
    )


def _verification(text: str, behind: str) -> tuple[float, bool]:
    """Return what share of objects is compared, and whether that can wait. Raises UserError."""
    if not text.strip():
        return SAMPLE, behind != NONE
    return parse_share(text, "INCREMENTAL_VERIFY"), False


def trace_file(top: str, environment: Mapping[str, str]) -> bytes:
    """Return the file that `INCREMENTAL_TRACE` names: it is about one run, not about a project."""
    name = environment.get("INCREMENTAL_TRACE", "")
    return os.fsencode(os.path.join(top, os.path.expanduser(name))) if name else b""
