"""The macros of a unit as they are at each of its source's lines, from `-E -dD` text.

So a single function can be preprocessed by itself: behind the definitions made before it, as
they are in force there.

With `-dD` gcc and clang write `#define` and `#undef` lines, in order, in the midst of the
preprocessed text; what they define by themselves, or by options, stands under files
of their own (`<built-in>`, `<command-line>`) and is left out here: both do so again.

What changes macros by other means (`#pragma push_macro` and the like) leaves no trace in that text:
files are asked for it one by one (`changes_otherwise`).

Knows nothing of functions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from incremental_tool.base.pattern import lazily
from incremental_tool.model.plain_edit import macro_names

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple


_TELLING = lazily(
    rb"(?m)^#(?:(?:define|undef)[ \t][^\n]*\n"
    rb'|(?:line)?[ \t]*([0-9]{1,9})[ \t]+"([^"\\\n]*(?:\\.[^"\\\n]*)*)"[^\n]*\n)'
)
_OTHERWISE = lazily(rb"p(?:ush|op)_macro|GCC[ \t]+poison|#[ \t]*(?:un)?assert\b")
# Macros that compilers do not list; all others of theirs begin with `__`, too.
_ALWAYS = frozenset((b"__FILE__", b"__LINE__", b"__COUNTER__", b"_Pragma"))
_OWN = frozenset((b"<built-in>", b"<command-line>", b"<command line>"))


class MacroRecord(NamedTuple):
    """Definitions in order.

    `lines` has for each the source's line that it stands on, or of the `#include` that led to it;
    `ends` where it ends in `text`. `names` are those of all macros that are there at any place,
    and `pasting` those that may paste words together (`model.plain_edit`).
    """

    lines: Sequence[int]
    ends: Sequence[int]
    text: bytes
    names: Sequence[bytes]
    pasting: Sequence[bytes]

    def between(self, first: int, last: int) -> bytes:
        """Return the definitions on the lines from `first` up to, not including, `last`."""
        start, stop = bisect_left(self.lines, first), bisect_left(self.lines, last)
        return self.text[self.ends[start - 1] if start else 0 : self.ends[stop - 1] if stop else 0]

    def any_on(self, first: int, last: int) -> bool:
        """Whether there are definitions on the lines from `first` to `last`, both included."""
        return bisect_left(self.lines, first) < bisect_right(self.lines, last)


def changes_otherwise(content: bytes) -> bool:
    """Tell whether a file may change macros by more than `#define` and `#undef`."""
    return _OTHERWISE.search(content) is not None


def macro_record(text: bytes, main: bytes, standing: bytes) -> Optional[MacroRecord]:
    """Return the record of a text made with `-E -dD`; None where it would not be a whole one.

    `standing` are the definitions that any unit has, made with `-E -dM` of none; `main` is the
    source's name as the text's line markers have it, unescaped.
    """
    lines: list[int] = []
    ends: list[int] = []
    parts = []
    size = at = 0
    file = b""
    line = 0  # of the source: where the text is now, or where it was left
    for match in _TELLING.finditer(text):
        if file == main:
            line += text.count(b"\n", at, match.start())
        at = match.end()
        if match[1] is not None:
            file = match[2]
            if file == main:
                line = int(match[1])
            continue
        if file not in _OWN:
            size += len(match[0])
            lines.append(line)
            ends.append(size)
            parts.append(match[0])
        line += file == main
    if lines != sorted(lines):
        return None  # a #line, or markers that this does not understand
    made = b"".join(parts)
    names, pasting = macro_names(standing + b"\n" + made)
    return MacroRecord(lines, ends, made, sorted(names | _ALWAYS), sorted(pasting))
