"""What stands before a brace at the top of a C file: the header of a function, or a type.

The rule: a header is named for certain or refused. Most are plain, and one
regular expression knows them: words and stars, a name, parameters without
brackets. All others are read token by token, after everything in the brackets
of attributes, `typeof`, `_Alignas` and the like and all braces were left out.

A function is `plain` if `;` may stand for its body and a declaration for the
function: nobody who calls it, and nothing that surrounds it, can tell. It is
not plain if it is declared in an old or odd way, or with an attribute that is
not known to be harmless.

Knows nothing of where headers are, nor of earlier declarations.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import NAME, after_group, tokens_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Header(NamedTuple):
    """A function's header: its name and what is said of it."""

    name: bytes
    static: bool = False
    inline: bool = False
    plain: bool = False


TYPE = "a type"
LINKAGE = 'extern "C"'
NOTHING = "nothing"
"""What else can stand before a brace; nothing does where a function is declared as in K&R."""

# White space and line markers, which may stand before the first word.
LEAD = rb"\s*(?:#(?:line)?[ \t]*[0-9][^\n]*(?:\n|\Z)\s*)*"

_PLAIN = lazily(
    LEAD + rb"((?:" + NAME + rb"[\s*]+)+)(" + NAME + rb")\s*\(([^(){};=\"'#]*)\)\s*",
)
# A parameter without a type or a name, or none at all.
_BARE = lazily(rb"(?:\A|,)\s*(?:" + NAME + rb")?\s*(?:,|\Z)")

_LONGEST = 1 << 20
"""A longer header is refused: no one writes them, and its tokens take forty times its size."""

KEYWORDS = frozenset(
    b"asm auto break case char const continue default do double else enum extern float for goto if"
    b" inline int long register restrict return short signed sizeof static struct switch typedef"
    b" typeof union unsigned void volatile while _Alignas _Alignof _Atomic _Bool _Complex _Generic"
    b" _Imaginary _Noreturn _Static_assert _Thread_local __asm __asm__ __attribute __attribute__"
    b" __typeof __typeof__ __extension__ __inline __inline__ __const __const__ __volatile"
    b" __volatile__ __restrict __restrict__ __signed __signed__ __thread __auto_type".split(),
)
_INLINE = frozenset((b"inline", b"__inline", b"__inline__", b"__forceinline"))
_INLINING = frozenset((b"always_inline", b"gnu_inline"))
_ATTRIBUTES = frozenset((b"__attribute__", b"__attribute", b"__declspec"))
_LABELS = frozenset((b"asm", b"__asm", b"__asm__"))
_OPERATORS = frozenset(
    b"typeof __typeof __typeof__ typeof_unqual _Alignas alignas _Atomic _BitInt _Pragma".split(),
)
"""What is followed by brackets in which no function is named."""

_TYPES = frozenset((b"struct", b"union", b"enum"))
_OTHER_LANGUAGES = frozenset(
    (b"class", b"namespace", b"template", b"operator", b"@interface", b"@implementation"),
)
_QUALIFIERS = frozenset(
    b"const volatile restrict __const __const__ __volatile __volatile__ __restrict __restrict__"
    b" _Nullable _Nonnull __extension__".split(),
)

_HARMLESS = frozenset(
    b"unused used maybe_unused noreturn nothrow leaf pure const malloc nonnull returns_nonnull"
    b" format format_arg printf scanf strftime strfmon gnu_printf gnu_scanf gnu_strftime sentinel"
    b" deprecated unavailable warn_unused_result nodiscard alloc_size alloc_align assume_aligned"
    b" noinline noclone noipa visibility access read_only write_only read_write none nonstring"
    b" gnu clang no_instrument_function unsequenced reproducible fd_arg".split(),
)
"""Attributes, and words in their brackets, that say the same on a declaration."""


def plain_header(text: bytes, start: int, stop: int) -> Optional[Header]:
    """Return the header in a part of a text if it is of the usual form."""
    match = _PLAIN.fullmatch(text, start, stop)
    if match is None:
        return None
    before, name, parameters = match.groups()
    words = before.replace(b"*", b" ").split()
    if name in KEYWORDS or b"typedef" in words or not _OTHER_LANGUAGES.isdisjoint(words):
        return None
    inline = b"inline" in before and not _INLINE.isdisjoint(words)
    plain = parameters.strip() == b"void" or _BARE.search(parameters) is None
    return Header(name, b"static" in words, inline, plain)


def read_header(header: bytes, tail: bytes) -> Union[Header, str]:
    """Return what a header says, the name of another beginning, or why it cannot be read.

    `tail` is the part of the header behind the last brace in it. What cannot be read is told by
    a sentence with a blank in front.
    """
    if len(header) > _LONGEST:
        return " a declaration is too long"
    tokens = tokens_of(tail)
    left = _outside_groups(tokens)
    if left is None:
        return " brackets do not match"
    if _ends_as_type(left.tokens):
        return TYPE
    if len(tail) != len(header):
        tokens = tokens_of(header)
        left = _outside_groups(tokens)
        if left is None:
            return " brackets do not match"
    tokens = left.tokens
    if not tokens:
        return NOTHING
    if tokens in ([b"extern", b'"C"'], [b"extern", b'"C++"']):
        return LINKAGE
    if not _OTHER_LANGUAGES.isdisjoint(tokens):
        return " the text is no C"
    return _function(tokens, left)


def old_header(declaration: bytes) -> Union[Header, str, None]:
    """Return the header that a K&R definition begins with, or None if this is none.

    Such a definition reads `name(a, b) type a;` up to its first semicolon.
    """
    if len(declaration) > _LONGEST:
        return " a declaration is too long"
    left = _outside_groups(tokens_of(declaration))
    if left is None:
        return " brackets do not match"
    tokens = left.tokens
    if b"(" not in tokens:
        return None
    past = after_group(tokens, tokens.index(b"("))
    if past is None or past >= len(tokens) or not _is_word(tokens[past]):
        return None
    found = _function(tokens[:past], left)
    return found if isinstance(found, str) else found._replace(plain=False)


def read_prototype(declaration: bytes) -> Optional[Header]:
    """Return what a declaration says if it is of one function, with a simple declarator."""
    if len(declaration) > _LONGEST:
        return None
    left = _outside_groups(tokens_of(declaration))
    if left is None or b"(" not in left.tokens:
        return None
    tokens = left.tokens
    if after_group(tokens, tokens.index(b"(")) != len(tokens):
        return None
    found = _function(tokens, left)
    return found if isinstance(found, Header) else None


def is_harmless(declaration: bytes) -> bool:
    """Whether a declaration has no attribute or label but those that change no function."""
    if len(declaration) > _LONGEST:
        return False
    left = _outside_groups(tokens_of(declaration))
    return left is not None and not left.odd


def is_name(token: bytes) -> bool:
    """Whether a token is a word that can name a function."""
    return _is_word(token) and token not in KEYWORDS


def begins_declaration(token: bytes) -> bool:
    """Whether a word behind a function's brackets can begin the declaration of a parameter."""
    return _is_word(token) and token not in _ATTRIBUTES and token not in _LABELS


class _Left(NamedTuple):
    """The tokens outside attributes and braces, and what the attributes say."""

    tokens: list[bytes]
    inline: bool
    odd: bool


def _outside_groups(tokens: list[bytes]) -> Optional[_Left]:
    left = []
    inline = odd = False
    at, end = 0, len(tokens)
    while at < end:
        token = tokens[at]
        after = tokens[at + 1] if at + 1 < end else b""
        if token == b"{":
            past = after_group(tokens, at)
        elif token == b"[" == after or (after == b"(" and token in _ATTRIBUTES):
            past = after_group(tokens, at + (token != b"["))
            said = {word.strip(b"_") for word in tokens[at + 1 : past] if _is_word(word)}
            inline = inline or not _INLINING.isdisjoint(said)
            odd = odd or not said <= _HARMLESS
        elif after == b"(" and (token in _OPERATORS or token in _LABELS):
            past = after_group(tokens, at + 1)
            odd = odd or token in _LABELS or token == b"_Pragma"
        elif token.startswith(b"#"):  # a pragma, or no C
            odd, past = True, at + 1
        else:
            left.append(token)
            past = at + 1
        if past is None:
            return None
        at = past
    return _Left(left, inline, odd)


def _ends_as_type(tokens: list[bytes]) -> bool:
    """Whether the last words are `struct name`, or `enum name : type`."""
    for token in reversed(tokens):
        if token in _TYPES:
            return True
        if token != b":" and not _is_word(token):
            return False
    return False


def _function(tokens: list[bytes], left: _Left) -> Union[Header, str]:
    if tokens[-1] not in (b")", b"]") or b"(" not in tokens:
        return " a brace has no known beginning"
    first = tokens.index(b"(")
    if not all(token == b"*" or _is_word(token) for token in _without_language(tokens[:first])):
        return " a header is odd"
    words = set(tokens[:first])
    static = b"static" in words
    inline = left.inline or not _INLINE.isdisjoint(words)
    name = tokens[first - 1] if first else b""
    past = after_group(tokens, first)
    if past == len(tokens) and is_name(name):
        plain = not left.odd and first > 1 and _is_prototype(tokens[first + 1 : -1])
        return Header(name, static, inline, plain)
    found = _inner_name(tokens, first)
    return " a function has no name" if found is None else Header(found, static, inline)


def _without_language(tokens: list[bytes]) -> list[bytes]:
    """Return the words of a header without the "C" of extern."""
    if tokens[:1] == [b"extern"] and tokens[1:2] in ([b'"C"'], [b'"C++"']):
        return tokens[2:]
    return tokens


def _is_prototype(parameters: list[bytes]) -> bool:
    """Whether each parameter has a type and a name, or there are said to be none."""
    if parameters == [b"void"]:
        return True
    depth = length = 0
    last = b""
    for token in [*parameters, b","]:
        if token == b"," and not depth:
            if length == 0 or (length == 1 and last != b"..."):
                return False
            length = 0
            continue
        depth += (token in (b"(", b"[")) - (token in (b")", b"]"))
        length += 1
        last = token
    return True


def _inner_name(tokens: list[bytes], at: int) -> Optional[bytes]:
    """Return the name in `(*name(parameters))(more)` or `(name)(parameters)`."""
    while at < len(tokens) - 1:
        token = tokens[at]
        if token in (b"(", b"*", b"^") or token in _QUALIFIERS:
            at += 1
        elif is_name(token) and tokens[at + 1] in (b"(", b")"):
            return token
        else:
            return None
    return None


_WORD_STARTS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$\\") | frozenset(
    range(0x80, 0x100),
)


def _is_word(token: bytes) -> bool:
    # A literal may begin with a letter, but ends with its quote.
    return token != b"" and token[0] in _WORD_STARTS and token[-1] not in b"\"'"
