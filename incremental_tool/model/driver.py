"""Names of compiler drivers, and of the launchers that stand in front of them.

The rule: a name is a hint. It tells a command that looks like a compile from
one that does not; which compiler really answers, the engine asks the program.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Driver(NamedTuple):
    """A compiler driver, as far as its name tells."""

    family: str  # "gcc", "clang", or "" for cc and c++, which may be either
    cxx: bool  # compiles .c files as C++ and links the C++ library


_DRIVER = lazily(
    r"(?:.*/)?((?:[\w.+]+-)*)(gcc|g\+\+|cc|c\+\+|clang|clang\+\+)"
    r"(?:-[0-9][0-9.]*)?(?:-posix|-win32)?",
    re.DOTALL,
)
# Wrappers that look like prefixed compilers and do more than compile.
_WRAPPERS = frozenset(("afl", "hfuzz", "build", "csmith", "egypt"))
_FAMILIES = {"gcc": "gcc", "g++": "gcc", "clang": "clang", "clang++": "clang", "cc": "", "c++": ""}
LAUNCHERS = frozenset(("ccache", "sccache", "distcc", "icecc"))
_drivers: dict[str, Driver | None] = {}


def driver_of(word: str) -> Driver | None:
    """Return what the name of a program says about a compiler driver, or None."""
    if word in _drivers:
        return _drivers[word]
    match = _DRIVER.fullmatch(word)
    driver = None
    if match and _WRAPPERS.isdisjoint(match[1].split("-")):
        driver = Driver(_FAMILIES[match[2]], match[2].endswith("+"))
    if len(_drivers) < 1000:  # noqa: PLR2004  # a build has few compilers; a hostile one has no end
        _drivers[word] = driver
    return driver


def split_launcher(words: Sequence[str]) -> int:
    """Return how many words in front of the driver are launchers such as ccache."""
    count = 0
    while count < len(words) and words[count].rpartition("/")[2] in LAUNCHERS:
        count += 1
    return count
