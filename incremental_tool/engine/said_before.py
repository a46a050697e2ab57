"""Leaves out what a replay has said already, where SCons goes on in the same process.

SCons begins from the start: it says that it reads scripts, scripts print what they print,
and of targets that the replay has made it finds that they are up to date. A stream that
leaves out, first, exactly the text that was printed before the first job, and then certain
lines, makes of the two runs what one would have said.

As soon as something else is printed than what is to be left out at the beginning, all of
it is shown. Knows nothing of what is printed by others than Python.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from incremental_tool.model.snapshot import STDERR, STDOUT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class SaidBefore:
    """A standard stream that leaves out a text at the beginning, and certain lines."""

    def __init__(self, stream: Any, text: str, lines: Collection[str]) -> None:
        self._stream = stream
        self._text = text
        self._lines = {line.rstrip("\n") for line in lines}
        self._in_line = False

    def write(self, text: str) -> int:
        """Write what has not been said."""
        shown = text if text.startswith("incremental: ") else self._left(text)
        if shown:
            self._stream.write(shown)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of the lines."""
        for line in lines:
            self.write(line)

    def _left(self, text: str) -> str:
        if self._text.startswith(text):
            self._text = self._text[len(text) :]
            return ""
        text = text.removeprefix(self._text)
        self._text = ""
        if self._in_line and text == "\n":  # print() writes it by itself
            self._in_line = False
            return ""
        if text.rstrip("\n") in self._lines:
            self._in_line = not text.endswith("\n")
            return ""
        return text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def leave_out(printed: Sequence[tuple[int, str]], lines: Collection[str]) -> None:
    """Leave out what was printed: texts with their streams; and lines of standard output."""
    texts = {STDOUT: "", STDERR: ""}
    for stream, text in printed:
        texts[stream] += text
    sys.stdout = SaidBefore(sys.stdout, texts[STDOUT], lines)
    if texts[STDERR]:
        sys.stderr = SaidBefore(sys.stderr, texts[STDERR], ())
