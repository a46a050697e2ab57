"""Whether an edit of a function is seen to stay within it without preprocessing anything.

Given are a function's lines before and after, with blanks for comments, their directives the
same. Compared are their tokens, as written. What differs, between the common beginning and the
common end, must be *plain*:

* its brackets are in balance, and it has no comma outside of them: so whatever macro has it in its
  arguments has the same number of arguments, and ends where it ended;
* no word of it is a macro's name, a keyword that declares more than local variables, or one by
  which an operand is only looked at; nor does it come to stand behind a macro's name;
* none that it takes away is a name of the unit's own: so nothing is used any less.

No macro in the function pastes words together, and there is no assembly in it. Then the function
expands to itself with that edit in it (or without it, where a macro leaves an argument out), and
all behind it is what it was.

Knows nothing of files.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import tokens_of, words_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_FOREIGN = 0x80
_CLOSING = {b"(": b")", b"[": b"]", b"{": b"}"}
_CLOSERS = frozenset(_CLOSING.values())

# What declares, looks without using, chooses by type, or speaks to the assembler. Words that
# begin with `__` are refused all: attributes, builtins, `__extension__`, macros made by compilers.
_TELLING = frozenset(
    b"asm extern inline typedef sizeof typeof alignof"
    b" _Alignof _Alignas _Generic _Static_assert static_assert _Pragma _Thread_local thread_local"
    b" _Atomic _Noreturn _Complex _Imaginary typeof_unqual constexpr defined".split()
)
_ODD = frozenset(
    (b"#", b"##", b"%:", b"%:%:", b"\\", b"@", b"`", b"<:", b":>", b"<%", b"%>", b"::")
)
_ASSEMBLY = frozenset((b"asm", b"__asm", b"__asm__"))
_SPLICE = (b"\\\n", b"\\\r", b"??")
_DEFINED = lazily(rb"(?m)^#define[ \t]+([^\s(]+)([^\n]*)")


def is_plain_edit(
    old: bytes,
    new: bytes,
    macros: AbstractSet[bytes],
    pasting: AbstractSet[bytes],
    own: frozenset[bytes],
) -> bool:
    """Tell whether an edit of a function's lines is plain.

    `macros` are all names that are macros anywhere in the unit, `pasting` those of which words may
    come that nobody wrote; `own` are the names of the unit's functions and static variables.
    """
    if any(splice in old or splice in new for splice in _SPLICE):
        return False
    words = words_of(old) | words_of(new)
    if not words.isdisjoint(pasting) or not words.isdisjoint(_ASSEMBLY):
        return False
    before, after = tokens_of(old), tokens_of(new)
    first = _common(before, after)
    before, after = before[first - 1 if first else 0 :], after[first - 1 if first else 0 :]
    last = _common(before[:0:-1], after[:0:-1])
    gone, come = before[1 : len(before) - last], after[1 : len(after) - last]
    if not first or before[0] in macros or not (_stands_alone(gone) and _stands_alone(come)):
        return False
    if before[0] == b")" and b"(" in (*before[1:2], *after[1:2]):
        return False  # what comes of F() may be the name of a macro
    for token in (*gone, *come):
        if token in macros or token in _TELLING or token in _ODD or token[:2] == b"__":
            return False
        if token[:1] == b"#" or b"\\u" in token.lower() or token[0] >= _FOREIGN:
            return False
    return own.isdisjoint(gone)


def _common(one: list[bytes], other: list[bytes]) -> int:
    """Return how many first tokens are the same."""
    least = min(len(one), len(other))
    if one[:least] == other[:least]:
        return least
    low, high = 0, least
    while high - low > 1:  # the first `low` are the same, the first `high` are not
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _stands_alone(tokens: list[bytes]) -> bool:
    """Whether brackets are in balance, and no comma stands outside of them."""
    expected: list[bytes] = []
    for token in tokens:
        closing = _CLOSING.get(token)
        if closing is not None:
            expected.append(closing)
        elif token in _CLOSERS:
            if not expected or expected.pop() != token:
                return False
        elif token == b"," and not expected:
            return False
    return not expected


def macro_names(definitions: bytes) -> tuple[set[bytes], set[bytes]]:
    """Return the names of macros in `#define` lines, and of those that may paste words together."""
    bodies: dict[bytes, bytes] = {}
    for name, body in _DEFINED.findall(definitions):
        bodies[name] = bodies.get(name, b"") + b" " + body
    pasting = {name for name, body in bodies.items() if b"##" in body or b"%:%:" in body}
    words = {name: words_of(body) for name, body in bodies.items()} if pasting else {}
    grown = True
    while grown:
        more = {name for name in words.keys() - pasting if not pasting.isdisjoint(words[name])}
        pasting |= more
        grown = bool(more)
    return set(bodies), pasting
