"""Make a unit's outline (`model.outline`) from what `gcc -E -fdirectives-only` says of it.

gcc's text has the lines of the source and of all that it includes as they are written, between
line markers, without what conditions leave out, and `#define` and `#undef` lines in order.
https://gcc.gnu.org/onlinedocs/cpp/Invocation.html (`-fdirectives-only`)

The lines are divided into chunks, each from the first line of a declaration to that of the next.
Which line a declaration begins on tells the text that has been preprocessed whole.

Rule kept: an outline is right if `proof`, preprocessed, has chunk for chunk the tokens of
the unit's declarations (`proved`); the caller asks.

Knows nothing of compilers' commands.
"""

from __future__ import annotations

from bisect import bisect_left

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import code_of
from incremental_tool.model.line_map import Place
from incremental_tool.model.outline import MACRO, Outline, declared_names
from incremental_tool.model.raw_source import scan, trouble_of
from incremental_tool.model.translation_unit import DECLARATION, FUNCTION

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple, Optional

    from incremental_tool.model.translation_unit import Item
else:
    from incremental_tool.base.named_tuple import NamedTuple

_MARKER = lazily(rb'[ \t]*#(?:line)?[ \t]*([0-9]{1,9})[ \t]+("[^"\\\n]*")([ \t0-9]*)')
# gcc leaves blanks before a directive as they are.
_DEFINING = lazily(rb"[ \t]*(?:#|%:)[ \t]*(?:define|undef)[ \t]+([^\s(]+)")
_TELLING = lazily(rb"[ \t]*(?:#|%:)[ \t]*(?:pragma|ident)\b")
_VISIBLE = lazily(rb"[^\n\t]")
_ENTERING = lazily(rb"[ \t]+[12]\b")
_SLASH, _LINE_FEED = b"/\n"
_SEPARATOR = b"incremental_tool_chunk"
_SEPARATED = lazily(rb"\bincremental_tool_chunk\b")


class _Line(NamedTuple):
    """A line that is compiled, or a macro's definition, whose name is `macro` then."""

    file: bytes
    line: int
    text: bytes
    macro: bytes = b""


def outline_of(
    stream: bytes,
    main: bytes,
    items: Sequence[Item],
    places: Sequence[tuple[Place, Place]],
    texts: _Texts,
) -> Optional[Outline]:
    """Return the outline of a unit; None if the text is not understood.

    `stream` is the text with directives alone done, `main` the source's name in it, unescaped;
    `places` say where each item begins and ends, `texts` gives its text.
    """
    if trouble_of(stream):
        return None
    lines = _lines_of(stream, b'"' + main + b'"')
    if lines is None:
        return None
    starts = _starts_of(lines, places)
    if starts is None:
        return None
    return _divided(lines, starts, b'"' + main + b'"', items, texts)


def proof(outline: Outline) -> bytes:
    """Return a text that, preprocessed, shows what each chunk of an outline is."""
    parts = []
    at = MACRO
    for entry, chunk in enumerate(outline.numbers):
        if chunk == MACRO:
            parts.append(outline.entry(entry))
            continue
        if chunk != at:
            parts.append(_SEPARATOR + b"\n")
            at = chunk
        parts += [outline.marker(entry), outline.entry(entry)]
    parts.append(_SEPARATOR + b"\n")
    return b"".join(parts)


def proved(outline: Outline, preprocessed: bytes, texts: _Texts) -> bool:
    """Tell whether an outline's chunks are what `texts` says of their items."""
    found = _SEPARATED.split(preprocessed)
    if len(found) != len(outline.items) + 2 or code_of(found[0]) or code_of(found[-1]):
        return False
    return all(
        code_of(text) == code_of(b"\n".join(map(texts, items)))
        for text, items in zip(found[1:], outline.items)
    )


def _lines_of(stream: bytes, main: bytes) -> Optional[list[_Line]]:
    """Return the lines with code, and the macros; None where that is not certain.

    What stands before the source's first line any text of this compiler and command begins with.
    """
    found = scan(stream)
    if found.trouble:
        return None
    stream = _uncommented(stream, found.starts, found.ends)
    lines: list[_Line] = []
    file, line, at, begun = b"", 1, 0, False
    for place, end in [*found.directives, (len(stream), len(stream))]:
        start = place + (stream[place : place + 1] == b"\n")
        for text in stream[at:start].splitlines(keepends=True):
            if not text.isspace():
                lines.append(_Line(file, line, text.rstrip() + b"\n"))
            line += 1
        directive = stream[start:end]
        if not directive:
            break  # the end
        at = end + 1
        marker = _MARKER.match(directive)
        if marker is not None:
            file, line = marker[2] + _ENTERING.sub(b"", marker[3]), int(marker[1])
            begun = begun or (marker[2] == main and line > 0)
            continue
        if b"\n" in directive:
            return None  # it is written in one line
        defining = _DEFINING.match(directive)
        if defining is None:
            if _TELLING.match(directive) is None:
                return None  # it has a meaning that is not known
            lines.append(_Line(file, line, directive + b"\n"))
        elif begun:
            lines.append(_Line(file, line, directive + b"\n", defining[1]))
        line += 1
    return lines


def _uncommented(stream: bytes, starts: Sequence[int], ends: Sequence[int]) -> bytes:
    """Return a text with blanks for comments."""
    parts = []
    at = 0
    for start, end in zip(starts, ends):
        if stream[start] == _SLASH:
            parts += [stream[at:start], _VISIBLE.sub(b" ", stream[start:end])]
            at = end
    parts.append(stream[at:])
    return b"".join(parts)


def _starts_of(
    lines: Sequence[_Line], places: Sequence[tuple[Place, Place]]
) -> Optional[list[int]]:
    """Return the line that each item's chunk begins on, as a place in `lines`.

    Items that share a line share a chunk.
    """
    where: dict[Place, list[int]] = {}
    for at, line in enumerate(lines):
        if not line.macro:
            name = line.file[1 : line.file.index(b'"', 1)]
            where.setdefault(Place(name, line.line), []).append(at)
    starts: list[int] = []
    last = 0
    for first, end in places:
        start = _at_or_behind(where.get(first, []), last)
        if start is None:
            return None
        starts.append(starts[-1] if starts and start <= last else start)
        last = _at_or_behind(where.get(end, []), start) or start
    return starts


def _at_or_behind(among: Sequence[int], least: int) -> Optional[int]:
    at = bisect_left(among, least)
    return among[at] if at < len(among) else None


def _divided(
    lines: Sequence[_Line], starts: Sequence[int], main: bytes, items: Sequence[Item], texts: _Texts
) -> Outline:
    """Return the outline of lines, given the line that each item's chunk begins on."""
    chunks: list[list[int]] = []
    chunk_at: dict[int, int] = {}
    for item, start in enumerate(starts):
        if start not in chunk_at:
            chunk_at[start] = len(chunks)
            chunks.append([])
        chunks[-1].append(item)
    columns = _Columns(main, len(chunks))
    chunk = MACRO
    for at, line in enumerate(lines):
        begun = chunk
        chunk = chunk_at.get(at, chunk)
        if line.macro:
            columns.add(MACRO, line)
        elif chunk != MACRO:  # else it makes nothing, or there is no proof
            columns.add(chunk, line, joined=chunk == begun)
    names, always = _names_of(chunks, items, texts)
    return Outline(
        numbers=columns.numbers,
        places=columns.places,
        lines=columns.lines,
        ends=columns.ends,
        text=b"".join(columns.parts),
        items=chunks,
        firsts=columns.firsts,
        lasts=columns.lasts,
        files=list(columns.files),
        names=names,
        macros=columns.macros,
        always=always,
    )


class _Columns:
    """The columns of an outline while lines are added: those in a row are one entry."""

    def __init__(self, main: bytes, chunks: int) -> None:
        self.numbers: list[int] = []
        self.places: list[int] = []
        self.lines: list[int] = []
        self.ends: list[int] = []
        self.parts: list[bytes] = []
        self.firsts = [0] * chunks
        self.lasts = [0] * chunks
        self.files = {main: 0}
        self.macros: dict[bytes, list[int]] = {}
        self._size = 0
        self._next = (b"", 0)  # where the line behind the last entry is

    def add(self, chunk: int, line: _Line, *, joined: bool = False) -> None:
        """Add a line of a chunk, or a macro; `joined` if its chunk has begun before."""
        self._size += len(line.text)
        self.parts.append(line.text)
        follows = joined and self._next == (line.file, line.line)
        self._next = (b"", 0) if line.macro else (line.file, line.line + 1)
        if follows:
            self.ends[-1] = self._size
            return
        entry = len(self.numbers)
        if line.macro:
            self.macros.setdefault(line.macro, []).append(entry)
        else:
            if not joined:
                self.firsts[chunk] = entry
            self.lasts[chunk] = entry + 1
        self.numbers.append(chunk)
        self.places.append(self.files.setdefault(line.file, len(self.files)))
        self.lines.append(line.line)
        self.ends.append(self._size)


def _names_of(
    chunks: Sequence[Sequence[int]], items: Sequence[Item], texts: _Texts
) -> tuple[dict[bytes, list[int]], list[int]]:
    """Return which chunks declare a name, and which are always needed."""
    names: dict[bytes, list[int]] = {}
    always = []
    for chunk, numbers in enumerate(chunks):
        declared: set[bytes] = set()
        for number in numbers:
            item, found = items[number], set()
            if item.kind == FUNCTION:
                text = texts(number)
                found = declared_names(text[: text.find(b"{")] + b";") | {item.name}
            elif item.kind == DECLARATION:
                found = declared_names(texts(number))
            if not found:
                always.append(chunk)
                break
            declared |= found
        for name in declared:
            names.setdefault(name, []).append(chunk)
    return names, always


if TYPE_CHECKING:
    _Texts = Callable[[int], bytes]
