"""Cut a preprocessed C file into what stands at its top: functions, declarations, pragmas.

Rules kept:

* The items cover the text from its first byte to its last, without gaps. What
  stands before an item's first word (white space, line markers) belongs to it.
* What cannot be cut for certain is refused, with a reason; nothing is guessed.
* Brackets are checked where declarations stand. Within bodies and initialisers
  braces and literals are: whether parentheses match there is the compiler's business.
* Time and memory are in proportion to the text.

Refused are comments (`gcc -C`), raw strings, spliced lines, digit separators,
directives other than `#pragma` and `#ident`, and most of C++; `extern "C" {`
and its `}` are declarations here.

Whether `;` may stand for a function's body (`plain`) is told by its header and
by what the rest of the file says of its name: a constructor or a weak symbol
may be declared elsewhere. Whether a body holds further functions (GNU C) is not
looked at; `nests_functions` tells it of one body.

Knows nothing of the source before it was preprocessed.
"""

from __future__ import annotations

import re
from collections import Counter

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import NAME, tokens_of
from incremental_tool.model.function_header import (
    LEAD,
    LINKAGE,
    NOTHING,
    TYPE,
    Header,
    begins_declaration,
    is_harmless,
    is_name,
    old_header,
    plain_header,
    read_header,
    read_prototype,
)
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple


FUNCTION = "function"
DECLARATION = "declaration"  # types, variables, prototypes, _Static_assert, a stray semicolon
PRAGMA = "pragma"
ASSEMBLY = "assembly"
BLANK = "blank"  # white space and line markers behind the last item


class Item(NamedTuple):
    """One item; its text is `text[start:end]`.

    Of a function, `header_end` is where its `{` is; of a declaration, where its `=` or `;` is.
    """

    kind: str
    start: int
    end: int
    header_end: int = 0
    name: bytes = b""
    static: bool = False
    inline: bool = False
    plain: bool = False


_LARGEST = 256 << 20
"""SQLite's nine megabytes make three of preprocessed text, cut in an eighth of a second."""

_END, _EQUALS, _ROUND, _ROUND_CLOSED, _SQUARE, _SQUARE_CLOSED = b";=()[]"
_BRACE, _BRACE_CLOSED, _DOUBLE_QUOTE, _QUOTE, _SLASH, _RAW, _HASH, _LINE_FEED = b"{}\"'/R#\n"

# A literal with more escapes than the matcher should remember at once is matched by parts.
_LITERALS = (
    rb'"[^"\\\n]*(?:\\.[^"\\\n]*){0,500}"|'
    rb"'[^'\\\n]*(?:\\.[^'\\\n]*){0,500}'"
)
# Each alternative begins with a literal byte, not a class: so Python finds candidates by a
# table, in half the time.
_BODY_MARKS = _LITERALS + rb"|\n#[^\n]*|/[/*]|R\"|\{|\}|#|\"|'"
_TOP = lazily(_BODY_MARKS + rb"|\(|\)|;|=|\[|\]")
_BODY = lazily(_BODY_MARKS)
_PARTS = {
    _DOUBLE_QUOTE: lazily(rb'[^"\\\n]*(?:\\.[^"\\\n]*){0,500}'),
    _QUOTE: lazily(rb"[^'\\\n]*(?:\\.[^'\\\n]*){0,500}"),
}
_SPLICE = lazily(rb"\\[ \t\f\v\r]*\n")
_DIGRAPH = lazily(_LITERALS + rb'|^#[^\n]*|<%|%>|<:|:>|%:|["' + rb"']", re.MULTILINE)
_BRACKETS = {b"<%": b"{ ", b"%>": b" }", b"<:": b"[ ", b":>": b"] ", b"%:": b"# "}
_LINE = lazily(rb"#(?:(?:line)?[ \t]*[0-9]|[ \t\r]*(?:\n|\Z)|(pragma|ident|sccs)(?![0-9A-Za-z_]))")
_BLANK = lazily(LEAD)
_ASSEMBLY = lazily(LEAD + rb"(?:asm|__asm|__asm__)(?![0-9A-Za-z_$])")
_DIGITS = frozenset(b"0123456789abcdefABCDEF")
_LONGEST_NUMBER = 64
_NUMBER_BEFORE = lazily(rb"\.?[0-9][0-9A-Za-z_.]*\Z")
_TELLING = (b"__attribute", b"[[", b"[ [", b"asm", b"__declspec")
_NAME = lazily(NAME)


def cut(text: bytes, *, judged: bool = True) -> Union[list[Item], Reason]:
    """Return the items of a preprocessed file, or why it cannot be cut.

    Without `judged` a function is what its own header says, whatever is said of it elsewhere: for
    a text that is only compared with one that was.
    """
    if len(text) > _LARGEST:
        return Reason("function.refuse.cut", "the text is too large")
    if b"\0" in text:
        return Reason("function.refuse.cut", "the text holds a NUL")
    if _SPLICE.search(text):
        return Reason("function.refuse.cut", "a line is spliced")
    if b"<%" in text or b"%>" in text or b"<:" in text or b":>" in text or b"%:" in text:
        text = _DIGRAPH.sub(_bracket, text)
    try:
        items = _items(text)
        if judged:
            _judge(text, items)
    except _Uncut as uncut:
        return Reason("function.refuse.cut", uncut.args[0])
    return items


def nests_functions(body: bytes) -> bool:
    """Whether functions may be defined within a preprocessed body, given with its braces.

    Where no macros are left, a name, brackets and `{` or a word can be nothing else; but for a
    name, a keyword can stand there.
    """
    tokens = tokens_of(body)
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token == b"(":
            opened.append(at)
        elif token == b")" and opened:
            before, after = tokens[opened.pop() - 1], tokens[at + 1 : at + 2]
            if after in ([b"{"], [b"<%"]):
                found = before == b")" or is_name(before)
            else:
                found = is_name(before) and after != [] and begins_declaration(after[0])
            if found:
                return True
    return False


class _Uncut(Exception):  # noqa: N818 - it never leaves this module
    """The text cannot be cut; says why."""


def _bracket(match: re.Match[bytes]) -> bytes:
    return _BRACKETS.get(match[0], match[0])


def _items(text: bytes) -> list[Item]:
    items: list[Item] = []
    find = _TOP.finditer
    start = at = 0  # of the item; from where on to look
    tail = 0  # behind the last brace of this item's types
    header_end = 0  # where an initialiser begins
    begun = -1  # the last start behind which something stands, as was found when it was asked
    blocks = 0
    expected: list[int] = []
    while True:
        for match in find(text, at):
            place = match.start()
            byte = text[place]
            if byte == _END:
                if expected:
                    raise _Uncut("brackets do not match")
                end = place + 1
                kind = ASSEMBLY if _ASSEMBLY.match(text, start) else DECLARATION
                items.append(Item(kind, start, end, header_end or place))
                start = tail = end
                header_end = 0
            elif byte == _ROUND:
                expected.append(_ROUND_CLOSED)
            elif byte == _SQUARE:
                expected.append(_SQUARE_CLOSED)
            elif byte == _ROUND_CLOSED or byte == _SQUARE_CLOSED:  # noqa: PLR1714, SIM109 - faster
                if not expected or expected.pop() != byte:
                    raise _Uncut("brackets do not match")
            elif byte == _EQUALS:
                if not expected and not header_end:
                    header_end = place
            elif byte == _BRACE:
                at = place + 1
                if expected or header_end:
                    at = _past_braces(text, at)
                    break
                header = plain_header(text, start, place) if start == tail else None
                if header is None:
                    read = read_header(text[start:place], text[tail:place])
                    if read is NOTHING:
                        start, read = _old_style(text, items, start)
                    if read is TYPE:
                        at = tail = _past_braces(text, at)
                        break
                    if read is LINKAGE:
                        items.append(Item(DECLARATION, start, at, place))
                        blocks += 1
                        start = tail = at
                        continue
                    if isinstance(read, str):
                        raise _Uncut(read.strip())
                    header = read
                at = _past_braces(text, at)
                items.append(Item(FUNCTION, start, at, place, *header))
                start = tail = at
                break
            elif byte == _BRACE_CLOSED:
                if not blocks or expected or header_end or not _is_blank(text, start, place):
                    raise _Uncut("a brace is closed that was not opened")
                blocks -= 1
                items.append(Item(DECLARATION, start, place + 1, place))
                start = tail = place + 1
            elif byte == _LINE_FEED or byte == _HASH:  # noqa: PLR1714, SIM109
                at = match.end()
                if byte == _HASH:
                    at = (text.find(b"\n") + 1 or len(text) + 1) - 1
                line = _LINE.match(text, place + (byte == _LINE_FEED))
                if line is None or (byte == _HASH and place):
                    raise _Uncut("a line holds a directive or a # within")
                if line[1] and not expected and begun != start:
                    if _is_blank(text, start, place):
                        items.append(Item(PRAGMA, start, at))
                        start = tail = at
                    else:
                        begun = start
                if byte == _HASH:
                    break
            else:
                at = _past_literal(text, place, match.end())
                if at != match.end():
                    break
        else:
            break
    if expected or header_end or blocks or not _is_blank(text, start, len(text)):
        raise _Uncut("the text ends within a declaration")
    if start < len(text):
        items.append(Item(BLANK, start, len(text)))
    return items


def _past_braces(text: bytes, at: int) -> int:
    """Return the place behind the brace that closes one opened just before a place."""
    find = _BODY.finditer
    depth = 1
    while True:
        for match in find(text, at):
            place = match.start()
            byte = text[place]
            if byte == _BRACE:
                depth += 1
            elif byte == _BRACE_CLOSED:
                depth -= 1
                if not depth:
                    return place + 1
            elif byte == _HASH:
                raise _Uncut("a line holds a # within")
            elif byte != _LINE_FEED:
                at = _past_literal(text, place, match.end())
                if at != match.end():
                    break
        else:
            raise _Uncut("a brace is not closed")


def _past_literal(text: bytes, place: int, end: int) -> int:
    """Return the place behind a literal, of which the matcher may have seen the quote alone."""
    byte = text[place]
    if byte == _QUOTE and place and text[place - 1] in _DIGITS:
        # Either case'a' or a number with separators, 1'000.
        before = text[max(0, place - _LONGEST_NUMBER) : place]
        if len(before.split()[-1]) == _LONGEST_NUMBER or _NUMBER_BEFORE.search(before):
            raise _Uncut("a number holds a quote")
    elif byte == _SLASH:
        raise _Uncut("the text holds a comment")
    elif byte == _RAW:
        raise _Uncut("the text holds a raw string")
    if end > place + 1:
        return end
    part = _PARTS[byte].match
    while True:
        match = part(text, end)
        if match is None or match.end() == end:
            if text[end : end + 1] == text[place : place + 1]:
                return end + 1
            raise _Uncut("a literal is not closed")
        end = match.end()


def _old_style(text: bytes, items: list[Item], start: int) -> tuple[int, Union[Header, str]]:
    """Take back the declarations of parameters that stand before a body, down to the header."""
    while items and items[-1].kind is DECLARATION:
        item = items.pop()
        read = old_header(text[item.start : item.end])
        if read is not None:
            return item.start, read
    return start, " a brace has no known beginning"


def _is_blank(text: bytes, start: int, end: int) -> bool:
    """Whether nothing but white space and line markers stands in a part of the text."""
    match = _BLANK.match(text, start, end)
    return match is not None and match.end() == end


def _judge(text: bytes, items: list[Item]) -> None:
    """Let functions have what other items say of their names."""
    functions = [item for item in items if item.kind is FUNCTION]
    times = Counter(item.name for item in functions)
    odd = {name for name, number in times.items() if number > 1}
    # Most functions say themselves that they are static.
    all_names = set(times)
    open_names = {item.name for item in functions if not item.static}
    static: set[bytes] = set()
    inline: set[bytes] = set()
    for kind, start, end, header_end, *_ in items:
        if kind is DECLARATION:
            if text.find(b"inline", start, header_end) >= 0:
                says, asked = True, all_names
            else:
                says, asked = text.find(b"static", start, header_end) >= 0, open_names
            if says:
                named = asked & _words(text, start, header_end)
                if named:
                    header = read_prototype(text[start:header_end])
                    if header is None:
                        odd |= named
                    elif header.static:
                        static.add(header.name)
                    if header is not None and header.inline:
                        inline.add(header.name)
            if any(text.find(mark, start, header_end) >= 0 for mark in _TELLING):
                named = all_names & _words(text, start, header_end)
                if named and not is_harmless(text[start:header_end]):
                    odd |= named
        elif kind is PRAGMA or kind is ASSEMBLY:
            odd |= all_names & _words(text, start, end)
    for at, item in enumerate(items):
        if item.kind is FUNCTION:
            name = item.name
            if name in odd or name in static or name in inline:
                items[at] = item._replace(
                    static=item.static or name in static,
                    inline=item.inline or name in inline,
                    plain=item.plain and name not in odd,
                )


def _words(text: bytes, start: int, end: int) -> set[bytes]:
    """Return the names in an item, in its literals too: an alias is declared with one."""
    lead = _BLANK.match(text, start, end)
    return set(_NAME.findall(text, lead.end() if lead else start, end))
