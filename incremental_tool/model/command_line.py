"""Split a command line into words exactly as POSIX sh would, or say why not.

The rule: the words returned are the words that `sh -c` would pass on, whatever
sh is (dash, bash in sh mode, busybox). Text in which a shell would do anything
but split words and remove quotes is refused by name. That costs a few harmless
texts (`a~b`, `x{`) and never gives a wrong word.

SCons joins the words of a command with blanks and escapes each with double
quotes and backslashes; that is the text expected here.

Knows nothing of what the words mean, nor of built-in commands of the shell.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Union

    Words = Union["list[str]", Reason]


# Characters that no shell treats specially anywhere in a word. Bytes outside
# ASCII go the slow way: str.split() knows blanks that sh does not.
_PLAIN = r"A-Za-z0-9_@%+=:,./^\]\-"
_ALL_PLAIN = lazily(rf"[{_PLAIN} \t]*")
# As SCons writes names: between double quotes, within which these stand for themselves, too.
_PLAIN_OR_QUOTED = lazily(rf"""[{_PLAIN} \t"]*""")

# One word: plain characters, a backslash and any printable character, a double
# quoted part without expansions, or a single quoted part. Control characters
# are left out everywhere: shells use some of them inside (bash: 1 and 127).
# Classes say what is left out: naming all of Unicode takes milliseconds to compile.
_CONTROL = r"\x00-\x08\x0a-\x1f\x7f"
_WORD = rf"""(?:
    [^{_CONTROL}\t !"\#$&'()*;<>?\[\\`{{|}}~]+
  | \\[^{_CONTROL}]
  | "(?:[^{_CONTROL}"$\\`]|\\[^{_CONTROL}])*"
  | '[^{_CONTROL}']*'
)+"""
_TOKEN = lazily(rf"({_WORD})|([^ \t])", re.VERBOSE)
_PART = lazily(r"""\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'""")
# Inside double quotes a backslash quotes these four and is itself otherwise.
_QUOTED_ESCAPE = lazily(r'\\([$`"\\])')

# `FOO=bar cc` sets a variable, and so does `FOO+=bar` in some shells.
_ASSIGNMENT = lazily(r"[^/\\\"']*=")
# First words that open a shell construct when they stand unquoted.
_RESERVED = frozenset(
    (
        *("case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function"),
        *("if", "in", "select", "then", "time", "until", "while", "[[", "]]"),
    ),
)


def split_words(text: str) -> Words:
    """Return the words of a command line, or a `Reason` when only a shell can tell them."""
    if _ALL_PLAIN.fullmatch(text):
        words = text.split()
        if words and ("=" in words[0] or words[0] in _RESERVED):
            return _check_first(words[0]) or words
        return words
    if _PLAIN_OR_QUOTED.fullmatch(text):
        unquoted = _unquoted(text)
        if unquoted is not None:
            return unquoted
    words = []
    for raw, junk in _TOKEN.findall(text):
        if junk:
            return Reason("zir.refuse.shell-syntax", junk if junk.isprintable() else repr(junk))
        if not words:
            reason = _check_first(raw)
            if reason:
                return reason
        if "\\" in raw or '"' in raw or "'" in raw:
            words.append(_PART.sub(_unquote, raw))
        else:
            words.append(raw)
    return words


def _unquoted(text: str) -> list[str] | None:
    """Return the words of a text whose words are plain or wholly quoted; None for another."""
    words = text.split()
    if not words or (words[0][0] != '"' and _check_first(words[0])):
        return None
    found = []
    for word in words:
        if '"' not in word:
            found.append(word)
        elif len(word) > 1 and word[0] == word[-1] == '"' and '"' not in word[1:-1]:
            found.append(word[1:-1])
        else:
            return None  # a blank between quotes, or quotes within a word
    return found


def _check_first(raw: str) -> Reason | None:
    """Refuse a first word that the shell takes for an assignment or a construct."""
    if raw in _RESERVED or _ASSIGNMENT.match(raw):
        return Reason("zir.refuse.shell-syntax", raw)
    return None


def _unquote(part: re.Match[str]) -> str:
    """Return what stands for one quoted part of a word after quote removal."""
    escaped, double, single = part.groups()
    if escaped is not None:
        return str(escaped)
    if double is not None:
        return _QUOTED_ESCAPE.sub(r"\1", double) if "\\" in double else str(double)
    return str(single)
