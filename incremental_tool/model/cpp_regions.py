r"""Where in a C++ text functions are defined whose definitions may be left out.

`definitions_of` takes a text, as written or preprocessed, from a place outside of all braces, and
follows its namespaces. What it tells of is sure: a definition at namespace scope that is not a
template, not inline, not `constexpr`, has no attributes, no default arguments, no deduced
type, no operator's name:

* of a member, or of a function that a namespace has declared (`A::f`, `ns::f`): it has been
  declared where it belongs, so nothing else needs its definition;
* of another function: an empty body in a section of its own (`HOLLOW`) stands for it. Without any
  a static one would be taken for another unit's, and be named otherwise.

What is anything else is passed over to its end. Where that end is told wrongly, functions behind it
are passed over with it, or what is left of it is no definition: none is made up.

`left_out` writes a text without some definitions; all that stays is on its line and in
its column.

Knows nothing of macros: its caller compares a text as written with the same text preprocessed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from incremental_tool.base.pattern import lazily
from incremental_tool.model.raw_source import directive_name, scan, trouble_of
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import NamedTuple, Optional, Union

    Token = tuple[bytes, int, int]
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Definition(NamedTuple):
    """One function's definition: `text[start:stop]`, with its body at `text[opened:stop]`.

    `name` is as it is written, `A::f`; `directives` tells whether any stand within.
    """

    name: bytes
    start: int
    opened: int
    stop: int
    directives: bool

    @property
    def qualified(self) -> bool:
        """Whether it was declared elsewhere."""
        return b"::" in self.name


_TOKEN = lazily(rb"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*|\.?[0-9][\w.]*|::|->|\"+|\S")
_NAME = lazily(rb"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*")
_NOT_LINE_FEED = lazily(rb"[^\n]")
_ENDS = lazily(rb";?[ \t\r]*(?://[^\n]*)?(?:\n|\Z)")
"""What may stand on a line behind a definition, and nothing but blanks before one."""

_LITERAL = lazily(rb"(?:u8|[LuU])?[\"']")

_TYPES = frozenset(
    b"void bool char short int long float double signed unsigned wchar_t char8_t char16_t char32_t"
    b" const volatile static".split()
)
_NEVER = frozenset(
    b"template inline constexpr consteval constinit auto decltype typedef friend virtual extern asm"
    b" __asm__ __asm __attribute__ __attribute __declspec requires concept using operator class"
    b" struct union enum register thread_local __thread try throw alignas typeof __typeof__"
    b" __extension__ __inline __inline__ _Pragma __pragma explicit mutable static_assert return if"
    b" for while do switch case default else goto new delete import export module co_await".split()
)
"""Words in whose presence a definition is passed over."""

_KEYED = frozenset((b"class", b"struct", b"union", b"enum"))
_TRAILING = frozenset((b"const", b"volatile", b"noexcept", b"override", b"final", b"&"))
_OPENING = {b"(": b")", b"[": b"]", b"{": b"}"}
_CLOSING = frozenset(_OPENING.values())
_HARMLESS = frozenset(b"if ifdef ifndef elif elifdef elifndef else endif error warning".split())
_DEPTH = {b"if": 1, b"ifdef": 1, b"ifndef": 1, b"endif": -1}


HOLLOW = b".text.hollow"
"""The section of functions that stand for others."""

SECTION_OF = b".text.definition."
"""What the sections of marked definitions are called, before their numbers."""

_INTO = b'__attribute__((__section__("%s"))) '


class _OddError(Exception):
    """The text cannot be followed."""


def definitions_of(text: bytes, start: int = 0) -> Union[list[Definition], Reason]:
    """Return the definitions behind a place, in order, or why the text cannot be followed."""
    trouble = trouble_of(text)
    if trouble:
        return Reason("function.refuse.source", trouble)
    scanned = scan(text, start)
    if scanned.trouble:
        return Reason("function.refuse.source", scanned.trouble)
    plain = bytearray(text)
    for begin, end in zip(scanned.starts, scanned.ends):
        fill = b'"' if _LITERAL.match(text, begin) else b" "
        plain[begin:end] = _NOT_LINE_FEED.sub(fill, text[begin:end])
    for begin, end in _other_branches(text, scanned.directives):
        plain[begin:end] = _NOT_LINE_FEED.sub(b" ", text[begin:end])
    tokens = [(match[0], *match.span()) for match in _TOKEN.finditer(bytes(plain), start)]
    try:
        found = _Walk(tokens).definitions()
    except _OddError as odd:
        return Reason("function.refuse.source", str(odd))
    return _judged(text, scanned.directives, found)


def _other_branches(text: bytes, directives: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what lies between `#else` or `#elif` and `#endif`: often it opens the same braces.

    Definitions there are told of by nobody.
    """
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    for begin, end in directives:
        name = directive_name(text, begin)
        if _DEPTH.get(name) == 1:
            opened.append(-1)
        elif not opened:
            continue
        elif name == b"endif":
            start = opened.pop()
            if start >= 0 and not any(each >= 0 for each in opened):
                found.append((start, begin))
        elif name[:2] == b"el" and opened[-1] < 0:
            opened[-1] = end
    return found


def _judged(
    text: bytes, directives: Sequence[tuple[int, int]], found: Sequence[Definition]
) -> list[Definition]:
    """Return those that may be left out for what their directives do."""
    starts = [begin for begin, _ in directives]
    kept = []
    for each in found:
        within = directives[bisect_right(starts, each.start) : bisect_left(starts, each.stop)]
        names = [directive_name(text, begin) for begin, _ in within]
        depth, whole = 0, True
        for name in names:
            depth += _DEPTH.get(name, 0)
            whole = whole and name in _HARMLESS and depth >= 0
        inside = not within or within[0][0] > each.opened
        alone = not text[text.rfind(b"\n", 0, each.start) + 1 : each.start].strip()
        if whole and not depth and inside and alone and _ENDS.match(text, each.stop):
            kept.append(each._replace(directives=bool(within)))
    return kept


class _Walk:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.ends = _groups(tokens)

    def definitions(self) -> list[Definition]:
        """Return all that are sure."""
        tokens, found = self.tokens, []
        at = depth = 0
        while at < len(tokens):
            word = tokens[at][0]
            if word == b";":
                at += 1
            elif word == b"}":
                depth -= 1
                if depth < 0:
                    raise _OddError("its braces do not match")
                at += 1
            elif self._opens(at):
                while tokens[at][0] != b"{":
                    at += 1
                depth += 1
                at += 1
            else:
                definition = self._definition(at)
                if definition is None:
                    at = self._passed(at)
                else:
                    each, at = definition
                    found.append(each)
        if depth:
            raise _OddError("its braces do not match")
        return found

    def _opens(self, at: int) -> bool:
        """Whether a namespace begins here, or what is declared as in another language."""
        tokens = self.tokens
        words = [token[0] for token in tokens[at : at + 2]]
        if words == [b"inline", b"namespace"]:
            at += 1
        elif words[0] == b"extern" and words[1:] and words[1][:1] == b'"':
            return at + 2 < len(tokens) and tokens[at + 2][0] == b"{"
        if tokens[at][0] != b"namespace":
            return False
        for word, _, _ in tokens[at + 1 :]:
            if word == b"{":
                return True
            if word not in (b"::", b"inline") and not _NAME.fullmatch(word):
                return False
        return False

    def _behind(self, at: int) -> int:
        """Return the place behind the group that opens at a place."""
        end = self.ends.get(at)
        if end is None:
            raise _OddError("its brackets do not match")
        return end + 1

    def _passed(self, at: int) -> int:
        """Return the place behind whatever begins here."""
        tokens = self.tokens
        assigned = keyed = called = False
        while at < len(tokens):
            word = tokens[at][0]
            if word == b";":
                return at + 1
            if word == b"}":
                return at
            if word == b"template":
                at = self._behind_parameters(at + 1)
                continue
            if word == b"operator":
                at += 1
                while at < len(tokens) and tokens[at][0] not in (b"(", b"{", b";"):
                    at += 1
                continue
            if word in _OPENING:
                end = self._behind(at)
                called = called or word == b"("
                if word == b"{" and not assigned and called and not keyed:
                    follows = tokens[end][0] if end < len(tokens) else b";"
                    if follows not in (b",", b"{", b";", b")"):
                        return end
                at = end
                continue
            assigned = assigned or word == b"="
            keyed = keyed or (word in _KEYED and not called)
            at += 1
        return at

    def _behind_parameters(self, at: int) -> int:
        """Return the place behind a template's parameters, as far as they can be told."""
        tokens, depth = self.tokens, 0
        begin = at
        while at < len(tokens):
            word = tokens[at][0]
            depth += (word == b"<") - (word == b">")
            if word in (b";", b"{", b"}"):
                return begin
            at = self._behind(at) if word == b"(" else at + 1
            if not depth:
                return at
        return begin

    def _definition(self, first: int) -> Optional[tuple[Definition, int]]:
        """Return the definition that begins here, and the place behind it."""
        tokens, at = self.tokens, first
        while at < len(tokens) and tokens[at][0] not in (b"(", b"{", b";", b"}", b"=", b"["):
            if tokens[at][0] in _NEVER or tokens[at][0][:1] == b'"':
                return None
            at += 1
        if at >= len(tokens) or tokens[at][0] != b"(" or at == first:
            return None
        named = self._name(first, at)
        if named is None or (b"::" not in named[0] and named[1] == first):
            return None
        end = self._behind(at)
        if any(self._hinders(token) for token in tokens[at:end]):
            return None
        at = end
        while at < len(tokens) and tokens[at][0] in _TRAILING:
            at += 1
        if at < len(tokens) and tokens[at][0] == b":":
            behind = self._initialised(at + 1)
            if behind is None:
                return None
            at = behind
        if at >= len(tokens) or tokens[at][0] != b"{":
            return None
        end = self._behind(at)
        made = Definition(
            named[0], tokens[first][1], tokens[at][1], tokens[end - 1][2], directives=False
        )
        return made, end

    @staticmethod
    def _hinders(token: Token) -> bool:
        return token[0] in _NEVER or token[0] in (b"=", b"{") or token[0][:1] == b'"'

    def _name(self, first: int, at: int) -> Optional[tuple[bytes, int]]:
        """Return the name before a place, and where it begins."""
        tokens = self.tokens
        begin = at - 1
        if begin < first or not _NAME.fullmatch(tokens[begin][0]) or tokens[begin][0] in _TYPES:
            return None
        if begin > first and tokens[begin - 1][0] == b"~":
            begin -= 1
        while begin > first and tokens[begin - 1][0] == b"::":
            if begin - 2 < first:
                return None
            before = tokens[begin - 2][0]
            if not _NAME.fullmatch(before) or before in _TYPES:
                return None
            begin -= 2
        if tokens[begin][0] == b"~":
            return None
        if begin > first and tokens[begin - 1][0] == b".":
            return None
        return b"".join(token[0] for token in tokens[begin:at]), begin

    def _initialised(self, at: int) -> Optional[int]:
        """Return the place behind the initialisers of a constructor's members."""
        tokens = self.tokens
        while at < len(tokens):
            while tokens[at][0] not in (b"(", b"{"):
                if tokens[at][0] in (b";", b"}", b"=", b"[", b")") or tokens[at][0] in _NEVER:
                    return None
                at += 1
                if at >= len(tokens):
                    return None
            end = self._behind(at)
            at = end
            if at < len(tokens) and tokens[at][0] == b",":
                at += 1
                continue
            return at
        return None


def _groups(tokens: Sequence[Token]) -> dict[int, int]:
    """Return where each bracket that is closed by its like is closed.

    Braces come first: one that closes an open brace closes what is open within it, too.
    """
    found: dict[int, int] = {}
    opened: list[tuple[bytes, int]] = []
    for at, (word, _, _) in enumerate(tokens):
        if word in _OPENING:
            opened.append((_OPENING[word], at))
        elif word in _CLOSING:
            if opened and opened[-1][0] == word:
                found[opened.pop()[1]] = at
            elif word == b"}":
                while opened and opened[-1][0] != word:
                    opened.pop()
                if opened:
                    found[opened.pop()[1]] = at
    return found


def marked(text: bytes, definitions: Sequence[Definition]) -> bytes:
    """Return a text whose definitions are in sections of their own: `SECTION_OF` and a number."""
    parts, at = [], 0
    for number, each in enumerate(definitions):
        section = SECTION_OF + b"%d" % number
        parts += [text[at : each.start], _INTO % section]
        at = each.start
    return b"".join((*parts, text[at:]))


def left_out(text: bytes, definitions: Sequence[Definition], but: Collection[int]) -> bytes:
    """Return a text without definitions, `but` those with these numbers.

    Nothing stands behind one on the line of its end, so that all that stays is in its column.
    """
    parts, at = [], 0
    for number, each in enumerate(definitions):
        if number in but:
            continue
        parts.append(text[at : each.start])
        if each.qualified:
            parts.append(_NOT_LINE_FEED.sub(b" ", text[each.start : each.stop]))
        else:
            gone = _NOT_LINE_FEED.sub(b" ", text[each.opened + 1 : each.stop - 1])
            parts += [_INTO % HOLLOW, text[each.start : each.opened], b"{", gone, b"}"]
        at = each.stop
    return b"".join((*parts, text[at:]))
