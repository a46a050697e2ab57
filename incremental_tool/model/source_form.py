r"""The form of a source: what of a C or C++ file a compiler can tell from another text.

Two files of equal `form_of` hold the same tokens in the same lines and columns:
comments are blanked in place, blanks at the ends of lines and whatever stands in
a comment do not count. In `packed` lines that are blank then do not count
either: the same tokens share lines with each other, and stand in the same
columns, but lines may have other numbers.

What stays, because compilers heed it:

* a comment that is not all ASCII: gcc warns of text that runs from right to left
  and does not end to do so, later ones of what is no UTF-8;
* a comment that holds `/*`, of which compilers warn;
* a comment that says `fall`: it tells gcc that a `case` goes on into the next on
  purpose;
* a line of comment that stands farther left than the code behind it, and a
  comment with which a line of code begins: gcc's -Wmisleading-indentation goes by
  what is first on a line, be it a comment;
* how many lines there are, and whether the last one is ended.

Refused (None), because what they mean depends on options or is too odd to
follow: what `raw_source.trouble_of` names; a carriage return that is not part
of each line's end; blanks between a backslash and the line's end, and what only
looks so when a comment has gone; a `//` comment that ends in a backslash; a
comment that is not closed; a quote that is not closed on its line, if a comment
may begin behind it; quotes in numbers; raw strings where that is no C++; names of
headers in which a comment seems to begin; what is too large.

`//` begins a comment, as in all standards but C90's.

Knows nothing of which options let a form count.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.raw_source import trouble_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional


# Each alternative begins with a literal byte, not with a group: so Python finds candidates by a
# table, ten times as fast. An empty group tells which one it is; what has none is a string.
_STRING = rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_ALTERNATIVES = (
    rb"'[^'\\\n]*(?:\\.[^'\\\n]*)*'()",
    rb"/\*[^*]*\*+(?:[^/*][^*]*\*+){0,50000}/()",
    rb"//()[^\n]*",
    rb"/\*()",
    rb"\"()[^\n]*",
    rb"'()[^\n]*",
    rb'R"()([^ ()\\\t\v\f\n"]{0,16})\(.*?\)\8"',
    rb'R()(?=")',
)
_CHARACTER, _COMMENT, _LINE_COMMENT, _OPEN, _UNCLOSED, _UNCLOSED_TOO, _, _RAW, _R = range(1, 10)
_LITERAL = lazily(b"|".join((_STRING, *_ALTERNATIVES)), re.DOTALL)
_HEADER_NAMES = (
    lazily(rb"clude[^\n<]*<[^>\n]*/[/*]"),
    lazily(rb"import[^\n<]*<[^>\n]*/[/*]"),
)
_PARTED = lazily(rb"\\[ \t\f\v]+(?:\n|\Z)")
_BLANK_LINES = lazily(rb"(?<!\\)\n\n+")
# Behind a joined line the name may have begun on the line before.
_RAW_PREFIX = lazily(rb"(?<![0-9A-Za-z_$\x80-\xff\\])(?<!\\\n)(?:u8|[LuU])?R\Z")
_NUMBER = lazily(rb"(?<![0-9A-Za-z_.$\x80-\xff])\.?[0-9][0-9A-Za-z_.']*\Z")

_LITTLE = 64
_HEX_DIGITS = b"0123456789abcdefABCDEF"

_MOST_ESCAPES = 200_000
"""The matcher remembers each escape of a literal until its end: a hundred bytes for each."""

_MOST_LINES = 200_000
_LONGEST_LINE = 2_000
"""gcc numbers all places, and gives up columns when it runs out of numbers: a line takes 32 for
each of its columns, 4096 at least, comments included, and 0x50000000 are there. Where lines are
more or longer, a comment can change what is told of others. (SQLite in one file has 270,000 lines;
its form would cost a fifteenth of compiling it without optimisation.)"""

_PRINTABLE = range(0x21, 0x7F)
_BLANKED = bytes(0x20 if byte in _PRINTABLE else byte for byte in range(256))


def form_of(text: bytes, *, cxx: bool) -> Optional[bytes]:
    """Return a file's form, or None where comments cannot be told from code for certain.

    `cxx` says that it is compiled as C++.
    """
    ended = b"." if text[-1:] == b"\n" else b""
    ends = b"lf"
    if b"\r" in text:
        if not text.count(b"\r") == text.count(b"\r\n") == text.count(b"\n"):
            return None
        text, ends = text.replace(b"\r\n", b"\n"), b"crlf"
    lines = text.split(b"\n")
    if len(lines) > _MOST_LINES or len(max(lines, key=len)) > _LONGEST_LINE:
        return None
    if trouble_of(text) or text.count(b"\\") > _MOST_ESCAPES:
        return None
    if any(name.search(text) for name in _HEADER_NAMES):
        return None
    pieces = _pieces(text, cxx=cxx)
    if pieces is None:
        return None
    blanked = b"".join(pieces)
    if b"\\" in blanked and _PARTED.search(blanked):
        return None
    form = [line.rstrip(b" \t") for line in blanked.split(b"\n")]
    if len(pieces) > 1:
        _keep_indentation(form, lines if len(form) == len(lines) else _lines_of(text, pieces))
    return b"\n".join([ends + ended, *form])


def packed(form: bytes) -> bytes:
    """Return a form without the lines that are blank, but for those behind a joined line."""
    if b"\\\n\n" in form:
        return _BLANK_LINES.sub(b"\n", form).rstrip(b"\n")
    return b"\n".join(filter(None, form.split(b"\n")))


def _lines_of(text: bytes, pieces: list[bytes]) -> list[bytes]:
    """Return a text's lines, a raw string's being one, as in its form."""
    at, whole = 0, []
    for piece in pieces:
        part = text[at : at + len(piece)]
        whole.append(piece if b"\0" in piece else part)
        at += len(piece)
    return b"".join(whole).split(b"\n")


def _keep_indentation(form: list[bytes], lines: list[bytes]) -> None:
    """Put lines back into a form that may keep gcc from finding code misleadingly indented.

    They are marked: what stands on them may be the inside of a comment.
    """
    last, ahead = len(form), b""
    for at in reversed([at for at, line in enumerate(form) if line != lines[at]]):
        line = form[at]
        if line:
            if not lines[at].startswith(line[: len(line) - len(line.lstrip(b" \t")) + 1]):
                form[at] = b"\0" + lines[at]
        elif lines[at].strip():
            following = at + 1
            while following != last and not form[following]:
                following += 1
            if following != last:
                ahead = _blanks_before(form[following])
            last = at
            if not lines[at].startswith(ahead):
                form[at] = b"\0" + lines[at]


def _blanks_before(line: bytes) -> bytes:
    """Return the blanks that a line of code begins with; more than there are where it is none.

    A directive is no code. At the beginning of its line it is farther left than all comments.
    """
    code = line.lstrip(b" \t")
    if code[:1] in (b"#", b"%") and code != line:
        return line
    return line[: len(line) - len(code)]


def _pieces(text: bytes, *, cxx: bool) -> Optional[list[bytes]]:
    """Return a text's parts, comments blanked; None where it cannot be followed."""
    falls = b"fall" in text.lower()
    pieces = []
    at = 0
    for match in _LITERAL.finditer(text):
        kind = match.lastindex
        if kind is None:
            continue
        start, end = match.span()
        if kind in (_COMMENT, _LINE_COMMENT):
            comment = text[start:end]
            if kind == _LINE_COMMENT and comment.rstrip(b" \t\f\v")[-1:] == b"\\":
                return None
            if comment.find(b"/*", 2) > 0 or not comment.isascii():
                continue
            if falls and b"fall" in comment.lower():
                continue
            pieces += [text[at:start], comment.translate(_BLANKED)]
        elif kind == _RAW and cxx:
            if _RAW_PREFIX.search(text, max(0, start - _LITTLE), start + 1) is None:
                return None
            # No line of it may be shortened or left out.
            pieces += [text[at:start], text[start:end].replace(b"\n", b"\0")]
        elif kind == _CHARACTER:
            if text[start - 1] in _HEX_DIGITS and _NUMBER.search(
                text, max(0, start - _LITTLE), start
            ):
                return None
            continue
        elif kind in (_UNCLOSED, _UNCLOSED_TOO):
            rest = text[start:end]
            if b"//" in rest or b"/*" in rest or b"*/" in rest or rest[-1:] == b"\\":
                return None
            continue
        elif kind == _R and not _RAW_PREFIX.search(text, max(0, start - _LITTLE), end):
            continue  # a macro's name before a string: the string comes next
        else:
            return None
        at = end
    pieces.append(text[at:])
    return pieces
