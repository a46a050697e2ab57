r"""What in a C source, as written, is code, and what comment, literal or directive.

The rule: as the first phases of a compiler see it. Comments and literals hide
each other, a backslash at a line's end joins lines, a directive goes on to the
end of its logical line. A quote that is not closed on its line takes the rest
of it, as in text that is skipped or in `#error don't`.

Refused, because what they mean depends on options or is too odd to follow:
trigraphs, raw strings, digit separators, a line joined within `/*`, `*/`, `//`
or behind a backslash, and what is never closed. `//` begins a comment, as in
all compilers' own standards but not in `-std=c90`.

Knows nothing of braces' meaning, nor of conditions.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Scan(NamedTuple):
    """What was found in a part of a source; places are counted from the source's beginning.

    `hidden` are the comments and literals, joined lines and directives, in order. A directive's
    place begins with the line feed before it, if there is one. `strays` are places of `#` that
    begin no line: a directive behind a comment, or no directive at all. `past` is where the last
    of all ends, which may be behind the part's end.
    """

    starts: list[int]
    ends: list[int]
    directives: list[tuple[int, int]]
    strays: list[int]
    braces: list[int]
    past: int
    trouble: str = ""


_BLANK = rb"[ \t\f\v\r]"
_SPLICED = rb"\\" + _BLANK + rb"*\n"
# A backslash with what it keeps from being a quote or a line's end; no two ways to match one.
_ESCAPE = rb"\\(?:" + _BLANK + rb"*\n|[^\n \t\f\v\r]|" + _BLANK + rb"+(?![ \t\f\v\r\n]))"
_STRING = rb'"[^"\\\n]*(?:' + _ESCAPE + rb'[^"\\\n]*){0,5000}(?:"|(?=\n)|\Z)'
_CHARACTER = rb"'[^'\\\n]*(?:" + _ESCAPE + rb"[^'\\\n]*){0,5000}(?:'|(?=\n)|\Z)"
_COMMENT = rb"/\*[^*]*\*+(?:[^/*][^*]*\*+){0,50000}/"
_LINE_COMMENT = rb"//[^\n\\]*(?:" + _ESCAPE + rb"[^\n\\]*){0,5000}(?=\n|\Z)"
_BEFORE = rb"[ \t\f\v]*(?:#|%:)"
_REST = (
    rb"(?:[^\n\\/\"']+|"
    + b"|".join(
        (
            _COMMENT,
            _LINE_COMMENT,
            _STRING,
            _CHARACTER,
            _SPLICED,
            rb"\\(?!" + _BLANK + rb"*\n)",
            rb"/(?![*/])",
        )
    )
    + rb"){0,5000}"
)
_DIRECTIVE = rb"\n" + _BEFORE + _REST
# Each alternative begins with a literal byte, not a class: so Python finds candidates by a
# table, in half the time.
_HIDDEN = b"|".join(
    (
        _COMMENT,
        _STRING,
        _CHARACTER,
        _LINE_COMMENT,
        _DIRECTIVE,
        _SPLICED,
        rb"/[/*]",
        rb'R(?=")',
        rb"%:",
    ),
)
_TOKEN = lazily(_HIDDEN + rb"|\"|'|#|\{|\}|<%|%>")
_FIRST = lazily(rb"(?:\xef\xbb\xbf)?" + _BEFORE + _REST)
_TRIGRAPH = lazily(rb"\?\?[=/<>'(!)-]")
_ANY_SPLICE = lazily(_SPLICED)
_RAW_STRING = lazily(rb"(?<![0-9A-Za-z_$])(?:u8|[LuU])?R\Z")
_NUMBER = lazily(rb"(?<![0-9A-Za-z_.$])\.?[0-9][0-9A-Za-z_.]*\Z")
_NAME = lazily(
    rb"(?:\xef\xbb\xbf)?\s*(?:#|%:)(?:"
    + _BLANK
    + rb"|/\*(?:[^*]|\*(?!/)){0,500}\*/|"
    + _SPLICED
    + rb")*([A-Za-z_]+|[0-9]+)?"
)

_DIGITS = b"0123456789abcdefABCDEF"
_BEFORE_SPLICE = frozenset(b"/*\\%<R")
_LITTLE = 64
_DOUBLE_QUOTE, _QUOTE, _SLASH, _STAR, _RAW, _LINE_FEED, _PERCENT, _HASH = b"\"'/*R\n%#"
_OPENING, _CLOSING, _LESS, _COLON, _BACKSLASH = b"{}<:\\"
_QUOTES = frozenset((_DOUBLE_QUOTE, _QUOTE))
_BRACES = frozenset((_OPENING, _CLOSING))


def trouble_of(source: bytes) -> str:
    """Return what of a whole source keeps it from being followed; "" if nothing does."""
    if b"\0" in source:
        return "it holds a NUL"
    if b"??" in source and _TRIGRAPH.search(source):
        return "it holds what may be a trigraph"
    if b"\\" in source:
        for match in _ANY_SPLICE.finditer(source):
            if match.start() and source[match.start() - 1] in _BEFORE_SPLICE:
                return "lines are joined within a token"
    return ""


def scan(source: bytes, start: int = 0, stop: Optional[int] = None) -> Scan:
    """Return what stands in a part of a source that begins a line, outside of all that hides."""
    stop = len(source) if stop is None else stop
    found = Scan([], [], [], [], [], start)
    starts, ends, directives, strays, places, _, _ = found
    at = start
    if start:
        at -= 1  # a directive is told by the line feed before it
    else:
        first = _FIRST.match(source)
        if first is not None:
            at = first.end()
            directives.append((0, at))
            starts.append(0)
            ends.append(at)
            if at < len(source) and source[at] != _LINE_FEED:
                return found._replace(trouble="a directive is not closed")
    end = at
    for match in _TOKEN.finditer(source, at):
        place, reached = match.span()
        byte = source[place]
        if place + (byte == _LINE_FEED) >= stop:
            break
        end = reached
        if end == place + 1:
            if byte in _BRACES:
                places.append(place)
            elif byte == _HASH:
                strays.append(place)
            elif byte == _RAW:
                if _RAW_STRING.search(source, max(0, place - _LITTLE), end):
                    return found._replace(trouble="it holds a raw string")
            else:
                return found._replace(trouble="a literal is not closed or too long")
            continue
        if byte == _LINE_FEED:
            if end < len(source) and source[end] != _LINE_FEED:
                return found._replace(trouble="a directive is not closed")
            directives.append((place, end))
        elif byte == _QUOTE:
            if source[place - 1] in _DIGITS and _NUMBER.search(
                source, max(0, place - _LITTLE), place
            ):
                return found._replace(trouble="a number holds a quote")
        elif byte == _SLASH:
            if end == place + 2 and (
                source[place + 1] == _STAR or source[end : end + 1] not in b"\n"
            ):
                return found._replace(trouble="a comment is not closed or too long")
        elif byte == _LESS or byte == _PERCENT:  # noqa: PLR1714, SIM109 - as in the cutter
            if source[place + 1] == _COLON:
                strays.append(place)
            else:
                places.append(place)
            continue
        starts.append(place)
        ends.append(end)
    return found._replace(past=end)


def directive_name(source: bytes, start: int) -> bytes:
    """Return the word behind a directive's `#`, or its number; b"" if there is none."""
    match = _NAME.match(source, start)
    return (match[1] or b"") if match is not None else b""
