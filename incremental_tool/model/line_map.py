r"""Where in which file the text of a preprocessed unit was, by its line markers.

A line marker is a line `# 12 "file" 1 3`: the line below it is line 12 of that
file. Names in markers have octal escapes (gcc) and `\\` and `\"`; the names
here have none.

Text before the first marker belongs to the file `b""`, from line 1 on.

Knows nothing of C but that.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import chain

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


_MARKER = lazily(
    rb"\n#(?:line)?[ \t]+([0-9]{1,9})"
    rb'(?:[ \t]+"([^"\\\n]*(?:\\.[^"\\\n]*){0,999})"[^\n]*)?[ \t\r]*(?=\n)',
)
_ESCAPE = lazily(rb"\\([0-7]{1,3}|.)", re.DOTALL)


class Place(NamedTuple):
    """A line of a file, counted from 1."""

    file: bytes
    line: int


class LineMap:
    """The places of one preprocessed text's parts."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._starts = [0]
        self._files = [b""]
        self._lines = [1]
        file = b""
        names: dict[bytes, bytes] = {}
        # All of them at a line's beginning, so that the first is no other case.
        first = _MARKER.match(b"\n" + text[: text.find(b"\n") + 1])
        for match in chain((first,) if first else (), _MARKER.finditer(text)):
            line, written = match.groups()
            if written is not None:
                known = names.get(written)
                if known is None:
                    known = names[written] = _unescaped(written)
                file = known
            self._starts.append(match.end() + (match is not first))
            self._files.append(file)
            self._lines.append(int(line))

    def place(self, offset: int) -> Place:
        """Return where the byte at an offset was."""
        return self.places((offset,))[0]

    def places(self, offsets: Iterable[int]) -> list[Place]:
        """Return where bytes were, quickly if their offsets are in ascending order."""
        text, starts = self._text, self._starts
        make = tuple.__new__
        found = []
        at, counted, line = -1, 0, 0
        for offset in offsets:
            marker = bisect_right(starts, offset) - 1
            if marker != at or offset < counted:
                at, counted, line = marker, starts[marker], self._lines[marker]
            line += text.count(b"\n", counted, offset)
            counted = offset
            # Made directly: there are thousands, and the constructor would look for names.
            found.append(make(Place, (self._files[marker], line)))
        return found


def _unescaped(written: bytes) -> bytes:
    if b"\\" not in written:
        return written
    return _ESCAPE.sub(_byte, written)


def _byte(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    return bytes((int(escape, 8) & 255,)) if escape[0] in b"01234567" else escape
