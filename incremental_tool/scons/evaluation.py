"""Evaluates the expressions in construction variables without compiling each of them anew.

SCons passes the text in `${...}` to `eval` for every command, which compiles it every
time: 60,000 times for 10,000 sources, the same six texts. Each time raises two audit
events besides, and a recording hears of every event. While it does, `SCons.Subst`
finds an `eval` of its own that compiles a text once.

A text that cannot be compiled is left to Python's own `eval`, so that errors are
Python's own. Knows nothing of what is evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import SCons.Subst

if TYPE_CHECKING:
    from types import CodeType

    from incremental_tool.scons.replacement import Replacements

MOST = 10_000
"""Texts that are held at most: a project may put other words into each."""


def observe(replacements: Replacements) -> None:
    """Let SCons's substitution evaluate compiled texts, until `replacements` are restored."""
    compiled: dict[str, CodeType] = {}

    def evaluate(text: Any, names: Any, more: Any) -> Any:
        if type(text) is not str:
            return eval(text, names, more)  # noqa: S307 - SCons's own call
        code = compiled.get(text)
        if code is None:
            code = _compiled(text)
            if code is None:
                return eval(text, names, more)  # noqa: S307 - as above
            if len(compiled) < MOST:
                compiled[text] = code
        return eval(code, names, more)  # noqa: S307 - as above, of the same text

    replacements.add(SCons.Subst, "eval", evaluate)


def _compiled(text: str) -> CodeType | None:
    """Return what `eval` would run; None where it is to find out for itself."""
    try:
        # As `eval` does it, which passes over blanks before a text.
        return compile(text.lstrip(" \t"), "<string>", "eval", 0, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
