"""Whether a preprocessed C text takes the address of a static variable.

A compiler notes that while it reads bodies, all of them, before it optimises any: a variable whose
address nobody takes is changed by nobody through a pointer. So what a function is compiled to
depends on whether any other function takes the address of a variable that both use.

Taken it is by `&v`, by an array that is used as a pointer, and by one that is indexed with what
is no constant. The answers are `YES`, `NO` and `MAYBE`; the first two are certain.

Rules kept:

* What may be another thing of that name (a parameter, a variable inside) makes no `YES`.
* What names mean is taken from the unit's text: types, constants of enumerations, members.

Knows nothing of compilers' options and of which functions change.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import after_group, tokens_of, words_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple

NO, MAYBE, YES = 0, 1, 2
_SCALAR, _ARRAY, _STRUCTURE, _UNKNOWN = "scalar", "array", "structure", "unknown"
_TYPED = "typed"
_NOTHING, _OTHER = -1, -2
"""What an occurrence may be besides: no use at all, or the declaration of something else."""

_ARITHMETIC = frozenset(
    b"void char short int long signed unsigned float double _Bool _Complex __int128".split()
)
_ATTRIBUTES = frozenset(
    b"static const volatile restrict __restrict extern register auto inline __inline _Thread_local"
    b" __thread __extension__".split()
)
_BEFORE_EXPRESSIONS = frozenset(b"return case else do".split())
_MEASURES = frozenset(
    b"sizeof typeof __typeof __typeof__ _Alignof __alignof __alignof__ alignof".split()
)
_BRACKETED = frozenset(b"__attribute__ __attribute asm __asm __asm__ _Alignas".split())
_OPENING, _CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")
_CONSTANT = lazily(rb"\s*static\s+const\b")
_MORE = lazily(rb"\)\s*,")
_TAGS = frozenset(b"struct union enum goto".split())
_CHANGES = frozenset((b"=", b"+=", b"-=", b"*=", b"/=", b"%=", b"&=", b"|=", b"^=", b"++", b"--"))

# What is longer is not known, and so its names are of no certain sort.
_TYPEDEF = lazily(rb"typedef\s[^;{}]{0,500}(?:\{[^{}]{0,20000}\}[^;{}]{0,500})?;")
_ENUMERATION = lazily(rb"enum\b[^;{}()]{0,200}\{([^{}]*)\}")
_CLOSED_TYPE = lazily(rb"\}\s{0,9}([A-Za-z_]\w*)\s{0,9};")
_ARRAY_TYPE = lazily(rb"([A-Za-z_]\w{0,99})\s{0,9}\[[^;]{0,99}\]\s{0,9};\Z")
_LAST_NAME = lazily(rb"([A-Za-z_]\w{0,99})\s{0,9};\Z")
_GROUP = lazily(rb"\{[^{}]*\}")
_NAME = lazily(rb"[A-Za-z_$]")
_NUMBER = lazily(rb"[0-9]+[uUlL]*\Z")
_MOST_TOKENS, _MOST_USES, _MOST_BEFORE = 100_000, 200, 500
"""Functions of more tokens are not looked into, nor more uses in one, nor longer argument lists."""
_DEEPEST = 30


class Variable(NamedTuple):
    """A variable: what sort it is, or that its type tells, and the words of that type."""

    name: bytes
    kind: str
    words: list[bytes]


def variables(declaration: bytes) -> list[Variable]:
    """Return the variables that a declaration makes.

    Constants are none: nobody changes one, whoever has its address.
    """
    if b"*" not in declaration and _CONSTANT.match(declaration) is not None:
        return []
    opened = declaration.find(b"(")
    if opened >= 0 and b"__attribute" not in declaration:
        behind = declaration[opened + 1 :].lstrip()
        if behind[:1] != b"*" and b"," not in declaration[:opened] and _MORE.search(behind) is None:
            return []  # a function
    for _ in range(_DEEPEST):
        declaration, number = _GROUP.subn(b" ", declaration)
        if not number:
            break
    tokens = _without_attributes(tokens_of(declaration))
    parts: list[list[bytes]] = [[]]
    depth, valued = 0, False
    for token in tokens:
        depth += (token in _OPENING) - (token in _CLOSING)
        if token == b"," and not depth:
            parts.append([])
            valued = False
        elif token != b";":
            valued = valued or (token == b"=" and not depth)
            if not valued:
                parts[-1].append(token)
    first = parts[0]
    end = next((at for at, token in enumerate(first) if token in (b"*", b"(", b"[")), len(first))
    points = first[end : end + 1] == [b"*"] or first[end : end + 2] == [b"(", b"*"]
    shared = first[:end] if points else first[: end - 1]
    found = []
    for part in parts:
        own = part[len(shared) :] if part is first else part
        variable = _variable(shared, own)
        if variable is not None:
            found.append(variable)
    return found


def _variable(shared: list[bytes], own: list[bytes]) -> Optional[Variable]:
    at = 0
    while at < len(own) and (own[at] in (b"*", b"(") or own[at] in _ATTRIBUTES):
        at += 1
    if at == len(own) or not _is_name(own[at]) or own[at] in _ARITHMETIC:
        return None
    name, before, behind = own[at], own[:at], own[at + 1 : at + 2]
    constant = before[-1] == b"const" if b"*" in before else b"const" in shared
    if constant or behind == [b"("]:
        return None
    if b"(" in before:
        kind = _SCALAR if b"*" in before and behind == [b")"] else _UNKNOWN
    elif behind:
        kind = _ARRAY if behind == [b"["] else _UNKNOWN
    else:
        kind = _SCALAR if b"*" in before else _TYPED
    return Variable(name, kind, shared)


def _without_attributes(tokens: list[bytes]) -> list[bytes]:
    found = []
    at = 0
    while at < len(tokens):
        if tokens[at] in _BRACKETED:
            at = after_group(tokens, at + 1) or len(tokens)
        else:
            found.append(tokens[at])
            at += 1
    return found


class Meanings:
    """What the names of one unit mean, as far as its text tells at a glance."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._plain: dict[bytes, bytes] = {}
        self.array_types = {b"__builtin_va_list", b"va_list", b"__gnuc_va_list"}
        self.types = set(_ARITHMETIC | self.array_types)
        self.structures = set(_CLOSED_TYPE.findall(text))
        for found in _TYPEDEF.findall(text):
            self.types |= words_of(_GROUP.sub(b" ", found))
            array = _ARRAY_TYPE.search(found)
            last = _LAST_NAME.search(found)
            if array is not None:
                self.array_types.add(array[1])
            elif last is not None:
                self._plain[last[1]] = _GROUP.sub(b" {} ", found[: last.start()])
        self.types -= _ATTRIBUTES
        self.types |= self.structures
        self.constants: set[bytes] = set()
        for body in _ENUMERATION.findall(text):
            self.constants |= words_of(body)
        self._members: dict[bytes, bool] = {}

    def sort_of(self, kind: str, words: list[bytes]) -> str:
        """Return what sort of variable one is, from what `variables` tells of it."""
        return self._sort_of_type(words, 10) if kind == _TYPED else kind

    def _sort_of_type(self, tokens: list[bytes], most: int) -> str:
        words = [word for word in tokens if word not in _ATTRIBUTES and word != b"typedef"]
        if b"*" in words:
            return _SCALAR
        if words[:1] in ([b"struct"], [b"union"]):
            return _STRUCTURE
        if words[:1] == [b"enum"] or (words and _ARITHMETIC.issuperset(words)):
            return _SCALAR
        if len(words) != 1 or words[0] in self.array_types or not most:
            return _UNKNOWN
        known = self._plain.get(words[0])
        if known is None:
            return _STRUCTURE if words[0] in self.structures else _UNKNOWN
        return self._sort_of_type(tokens_of(known), most - 1)

    def may_be_array(self, member: bytes) -> bool:
        """Return whether a member of this name may be an array."""
        found = self._members.get(member)
        if found is None:
            found = self._members[member] = self._is_indexed(member)
        return found

    def _is_indexed(self, member: bytes) -> bool:
        text = self._text
        at = text.find(member)
        while at >= 0:
            end = at + len(member)
            if not _joins(text[at - 1 : at]) and not _joins(text[end : end + 1]):
                if text[end : end + 64].lstrip()[:1] == b"[":
                    return True
                before = text[max(0, at - 64) : at].split()
                if before and before[-1] in self.array_types:
                    return True
            at = text.find(member, end)
        return False


def _joins(byte: bytes) -> bool:
    return byte.isalnum() or byte in (b"_", b"$")


def taken(text: bytes, name: bytes, sort: str, meanings: Meanings, *, inside: bool) -> int:
    """Return whether a function, or with `inside` unset a declaration, takes an address."""
    tokens = tokens_of(text)
    if len(tokens) > _MOST_TOKENS or tokens.count(name) > _MOST_USES:
        return MAYBE
    body = tokens.index(b"{") if inside and b"{" in tokens else 0
    answers = []
    for at, token in enumerate(tokens):
        if token != name:
            continue
        if at < body:
            answers.append(_OTHER)
        else:
            answers.append(_Use(tokens, at, meanings, inside=inside).answer(sort))
    answer = max(answers, default=NO)
    if answer == YES and _OTHER in answers:
        return MAYBE
    return max(answer, NO)


class _Use:
    """One occurrence of a name among tokens."""

    def __init__(self, tokens: list[bytes], at: int, meanings: Meanings, *, inside: bool) -> None:
        self.tokens, self.at, self.meanings, self.inside = tokens, at, meanings, inside

    def _token(self, at: int) -> bytes:
        return self.tokens[at] if 0 <= at < len(self.tokens) else b";"

    def answer(self, sort: str) -> int:
        """Return `YES`, `NO` or `MAYBE`, or that it is no use."""
        first = last = self.at
        if self._token(first - 1) in (b".", b"->") or self._token(first - 1) in _TAGS:
            return _NOTHING
        if self._is_declared():
            return _OTHER
        while self._token(first - 1) == b"(" and self._token(last + 1) == b")":
            before = self._token(first - 2)
            if before in _MEASURES:
                return _NOTHING
            if before[:1] == b'"':
                return MAYBE  # an operand of assembly
            if before in (b")", b"]") or (_is_name(before) and before not in _BEFORE_EXPRESSIONS):
                break
            first, last = first - 1, last + 1
        before = self._token(first - 1)
        if before in _MEASURES or (before == b"(" and self._token(first - 2)[:1] == b'"'):
            return MAYBE
        if before == b"(" and self._token(first - 2) in _MEASURES:
            return MAYBE  # an operand of more than this name
        members = []
        behind = last + 1
        while self._token(behind) == b"." and _is_name(self._token(behind + 1)):
            members.append(self._token(behind + 1))
            behind += 2
        if before == b"&":
            unary = self._is_unary(first - 1)
            if unary is None:
                return MAYBE
            if unary:
                return self._of_address(sort, members, behind)
        return self._of_value(sort, members, behind, before)

    def _is_declared(self) -> bool:
        """Return whether this may be the declaration of something else of that name."""
        before = self._token(self.at - 1)
        if _is_name(before):
            return before not in _BEFORE_EXPRESSIONS and before not in _MEASURES
        at = self.at - 1
        while self._token(at) == b"*" or self._token(at) in _ATTRIBUTES:
            at -= 1
        if at < self.at - 1:
            return self._token(at) in self.meanings.types or self._token(at) in (b"}", b",")
        if before == b"," and self.inside and self._token(self.at + 1) in (b";", b",", b"=", b"["):
            return not self._is_argument()
        return False

    def _is_argument(self) -> bool:
        """Return whether this stands in round brackets that are not those of a `for`."""
        depth = 0
        for at in range(self.at - 1, max(self.at - _MOST_BEFORE, -1), -1):
            token = self.tokens[at]
            if token == b")":
                depth += 1
            elif token == b"(":
                depth -= 1
                if depth < 0:
                    return self._token(at - 1) != b"for"
            elif token in (b";", b"{", b"}") and not depth:
                return False
        return False

    def _is_unary(self, at: int) -> Optional[bool]:
        """Return whether the `&` at a place takes an address; None if it cannot be told."""
        before = self._token(at - 1)
        if before == b")":
            if self._token(at - 2) == b"*":
                return True
            return None
        if before in (b"]", b"++", b"--") or before[:1] in (b'"', b"'") or before[:1].isdigit():
            return False
        return not _is_name(before) or before in _BEFORE_EXPRESSIONS

    def _of_address(self, sort: str, members: list[bytes], behind: int) -> int:
        following = self._token(behind)
        if following == b"->" or following == b"(":  # noqa: PLR1714 - as the others
            return NO if not members and sort == _SCALAR else MAYBE
        if following == b"[":
            if members or sort not in (_SCALAR, _ARRAY):
                return MAYBE
            return YES if sort == _ARRAY else NO
        return YES

    def _of_value(self, sort: str, members: list[bytes], behind: int, before: bytes) -> int:
        following = self._token(behind)
        if sort == _SCALAR:
            return NO
        if sort == _ARRAY:
            if members or before == b"[":  # 2[list] is list[2]
                return MAYBE
            if following != b"[":
                return YES
            return self._of_index(behind)
        if sort != _STRUCTURE:
            return MAYBE
        if not members or following == b"->" or following in _CHANGES or before in (b"++", b"--"):
            return MAYBE if following == b"[" else NO
        return MAYBE if self.meanings.may_be_array(members[-1]) else NO

    def _of_index(self, at: int) -> int:
        index, following = self._token(at + 1), self._token(at + 3)
        if self._token(at + 2) != b"]":
            return MAYBE
        if _NUMBER.match(index) is not None:
            return MAYBE if following in (b"[", b".") else NO
        known = index in self.meanings.constants or index in self.meanings.types
        if not _is_name(index) or known or self._is_constant(index):
            return MAYBE
        return YES

    def _is_constant(self, name: bytes) -> bool:
        """Return whether a name may be of what is constant: declared so, or not in this text."""
        for at, token in enumerate(self.tokens):
            if token == name and _is_name(self._token(at - 1)):
                return (
                    self._token(at - 1) == b"const" or b"const" in self.tokens[max(0, at - 4) : at]
                )
        return True


def _is_name(token: bytes) -> bool:
    return _NAME.match(token) is not None
