"""Switches: what the text of a variable means for on or off.

Kept apart from the other settings because it is asked before anything else is
imported. Knows nothing of where the text comes from.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FALSE = frozenset({"", "0", "no", "off", "false", "none"})


def is_on(value: Any) -> bool:
    """Tell whether a switch's value means on: anything but 0, no, off, false, none or nothing."""
    return str(value).strip().lower() not in _FALSE


def switched_off(environment: Mapping[str, str]) -> bool:
    """Tell whether `INCREMENTAL=0` (or no, off, false) turns the tool off as a whole."""
    return not is_on(environment.get("INCREMENTAL", "1"))


def fast_path_off(environment: Mapping[str, str]) -> bool:
    """Tell whether nothing may be answered before the scripts are read, nor recorded for it."""
    return switched_off(environment) or not is_on(environment.get("INCREMENTAL_FAST", "1"))
