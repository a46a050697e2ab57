"""Observes what is printed while scripts are read and the graph is walked.

What scripts print goes through `sys.stdout` and `sys.stderr`: a tee in front of
each keeps a copy. SCons's own messages come through its display engines, which
say under which options they are hidden; they are kept whether shown or not, so
that a run under -Q knows what a run without it would print.

What actions print while they run is not kept: nothing of it is printed when
nothing is to be done. Nor is what passes by the streams (a child process, the
stream's buffer); the first is a matter of `process_judgement`, the second refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import SCons.Script.Main
import SCons.Util

from incremental_tool.model.snapshot import (
    BUILDING,
    HIDDEN_NO_PROGRESS,
    HIDDEN_QUESTION,
    HIDDEN_SILENT,
    READING,
    STARTING,
    STDERR,
    STDOUT,
)
from incremental_tool.scons.call_site import OUR_FOLDER
from incremental_tool.scons.observations import BUSY

if TYPE_CHECKING:
    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

READING_BEGINS = "scons: Reading SConscript files ..."
READING_ENDS = "scons: done reading SConscript files."
BUILDING_BEGINS = "scons: Building targets ..."
BUILDING_ENDS = "scons: done building targets."

PROGRESS = HIDDEN_NO_PROGRESS | HIDDEN_SILENT
"""SCons's progress messages: hidden by -Q and by -s."""


class Text(NamedTuple):
    """A piece of output; fields as in `model.snapshot.Said`."""

    stream: int
    when: int
    hidden_by: int
    text: str


class Tee:
    """A standard stream that keeps a copy."""

    def __init__(self, stream: Any, number: int, output: Output) -> None:
        self._stream = stream
        self._number = number
        self._output = output

    def write(self, text: str) -> Any:
        """Write, and keep a copy, unless it is the tool that tells something about itself."""
        writer = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - the one way to see who writes
        if not writer.startswith(OUR_FOLDER):
            self._output.note(self._number, text)
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        """Write each of the lines."""
        for line in lines:
            self._output.note(self._number, line)
            self._stream.write(line)

    @property
    def buffer(self) -> Any:
        """The stream's buffer: what is written there is not seen."""
        if self._output.watching:
            self._output.observed.refuse("fresh.refuse.hook", "bytes are written to the terminal")
        return self._stream.buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Output:
    """All that was printed up to now."""

    def __init__(self, observed: Observations) -> None:
        self.observed = observed
        self.texts: list[Text] = []
        self.when = STARTING
        self._muted = False

    @property
    def watching(self) -> bool:
        """Whether what is printed now counts."""
        return self.observed.active and not BUSY.depth and not self._muted

    def note(self, stream: int, text: str) -> None:
        """Keep what a script, or SCons in plain words, prints."""
        if text and self.watching:
            hidden = HIDDEN_QUESTION if self.when == BUILDING else 0
            self.texts.append(Text(stream, self.when, hidden, text))

    def note_display(self, text: str, hidden_by: int) -> None:
        """Keep a message of SCons's."""
        if not self.observed.active or BUSY.depth:
            return
        line = text.rstrip("\n")
        if line == READING_BEGINS:
            return  # it may have been printed before observing began; `begin_reading` tells it
        if line == READING_ENDS:
            self.when = BUILDING
        self.texts.append(Text(STDOUT, self.when, hidden_by, text))

    def begin_reading(self) -> None:
        """Note that SCons says that it reads scripts, now or before observing began."""
        self.texts.append(Text(STDOUT, STARTING, PROGRESS, READING_BEGINS + "\n"))
        self.when = READING


def observe(output: Output, replacements: Replacements, *, reading: bool) -> None:
    """Keep what is printed, until `replacements` are restored.

    `reading` tells that SCons has said that it reads scripts.
    """
    if reading:
        output.begin_reading()
    replacements.replace(sys, "stdout", lambda stream: Tee(stream, STDOUT, output))
    replacements.replace(sys, "stderr", lambda stream: Tee(stream, STDERR, output))
    progress = SCons.Script.Main.progress_display
    display = SCons.Util.display

    def make(original: Any) -> Any:
        def show(self: Any, text: Any, append_newline: int = 1) -> None:
            if self is not progress and self is not display:
                original(self, text, append_newline)
                return
            line = f"{text}\n" if append_newline else str(text)
            if self is progress and not reading and line == READING_BEGINS + "\n":
                output.begin_reading()
            hidden = PROGRESS if self is progress else HIDDEN_SILENT
            if self is display and output.when == BUILDING:
                hidden |= HIDDEN_QUESTION
            output.note_display(line, hidden)
            output._muted = True  # noqa: SLF001 - the same module
            try:
                original(self, text, append_newline)
            finally:
                output._muted = False  # noqa: SLF001 - the same module

        return show

    replacements.replace(SCons.Util.DisplayEngine, "__call__", make)
