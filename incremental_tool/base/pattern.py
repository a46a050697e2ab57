"""Regular expressions that are compiled when they are first used.

Compiling takes Python a fifth of a millisecond for each expression, and a run that answers in
tens of milliseconds uses a few of the many that stand in the modules it imports.

Knows nothing of what the expressions are for.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, AnyStr, Union


class Lazy:
    """Stands for a compiled expression; whatever is asked of it is asked of that."""

    def __init__(self, text: Union[str, bytes], flags: int) -> None:
        self._arguments: tuple[Any, int] = text, flags

    def __getattr__(self, name: str) -> Any:
        """Compile, and take over the attribute, so that the next use costs what it always does."""
        found = getattr(re.compile(*self._arguments), name)
        self.__dict__[name] = found
        return found


def lazily(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what behaves as `re.compile(text, flags)`, but raises `re.error` at its first use."""
    return Lazy(text, flags)  # type: ignore[return-value]  # it stands for one
