r"""The tokens of preprocessed C: what of a text counts, and the names in it.

Two pieces of text with the same `code_of` are the same to a compiler, but for
the places that it reports and writes into debugging information: white space,
line breaks and line markers (`# 12 "file"`) do not count. Literals, names,
numbers and punctuation do, and so does each other line that begins with `#`
(`#pragma`), as it is written.

The canonical form is the tokens with a line feed between; no token holds one.
Text that `translation_unit.cut` takes has neither comments, nor raw strings,
nor spliced lines. In text that it refuses, the words of a comment are tokens
like others, and what is no token counts byte by byte.

Knows nothing of what tokens mean.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional


_STRING = rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_CHARACTER = rb"'[^'\\\n]*(?:\\.[^'\\\n]*)*'"
_LITERAL = rb"(?:u8|[LuU])?(?:" + _STRING + rb"|" + _CHARACTER + rb")"
# As the standard has them: 1.e+5 and 0x1p-3 are one token, and so is 1'000 of C23.
_NUMBER = rb"\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.$\x80-\xff]|'(?=[0-9A-Za-z_]))*"
# Bytes of other alphabets may stand in names, and so may \u00e4.
NAME = rb"[A-Za-z_$\\\x80-\xff][0-9A-Za-z_$\\\x80-\xff]*"
_PUNCTUATION = (
    rb"%:%:|\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|&&|\|\||##|::|<:|:>|<%|%>|%:|[-+*/%&|^!<>=]=|\S"
)

_TOKEN = lazily(
    rb"^#[^\r\n]*|" + _LITERAL + rb"|" + _NUMBER + rb"|" + NAME + rb"|" + _PUNCTUATION,
    re.MULTILINE,
)
_WORD = lazily(_LITERAL + rb"|" + _NUMBER + rb"|(" + NAME + rb")")
_MARKER = lazily(rb"#(?:line)?[ \t]*[0-9]")

_MOST_ESCAPES = 500_000
"""The matcher remembers each escape of a literal until its end: a hundred bytes for each."""


def tokens_of(text: bytes) -> list[bytes]:
    """Return the tokens of a text, line markers left out."""
    found: list[bytes] = _TOKEN.findall(text)
    if b"#" in text:
        marker = _MARKER.match
        found = [token for token in found if not marker(token)]
    return found


def code_of(text: bytes) -> bytes:
    """Return a text's tokens in the form in which they can be compared.

    A text with more escapes than can be looked at stands for itself.
    """
    if text.count(b"\\") > _MOST_ESCAPES:
        return text
    return b"\n".join(tokens_of(text))


def words_of(text: bytes) -> set[bytes]:
    """Return the names and keywords in a text, outside literals and line markers."""
    if text.count(b"\\") > _MOST_ESCAPES:
        return set(re.findall(NAME, text))
    found = set(_WORD.findall(text))
    found.discard(b"")
    return found


def after_group(tokens: list[bytes], at: int) -> Optional[int]:
    """Return the place behind the bracket that closes the one at a place; None if none does."""
    expected: list[bytes] = []
    for place in range(at, len(tokens)):
        token = tokens[place]
        closing = _CLOSING.get(token)
        if closing is not None:
            expected.append(closing)
        elif token in _CLOSERS:
            if not expected or expected.pop() != token:
                return None
            if not expected:
                return place + 1
    return None


_CLOSING = {b"(": b")", b"[": b"]", b"{": b"}"}
_CLOSERS = frozenset(_CLOSING.values())
