"""What an edit may change for a unit's other functions to stay as they were compiled.

Given are the items of the base and those of the text as it is, the latter with the
bodies of most functions left out. The rules:

* Item by item both are the same but for the bodies of the functions that the edit touches.
* A touched function is a plain one and has the same head: who calls it was compiled for that.
  Assembly in it has no directives but those that make bytes.
* No static function or variable comes to be used, or to be used no more: compilers leave
  out what nobody uses, and say so.

Whatever fits no rule is a reason for a full compile.

Knows nothing of files and compilers.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import after_group, code_of, tokens_of, words_of
from incremental_tool.model.reason import Reason
from incremental_tool.model.translation_unit import DECLARATION, FUNCTION

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterable, Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.model.translation_unit import Item
else:
    from incremental_tool.base.named_tuple import NamedTuple


_UNEVALUATED = frozenset(
    b"sizeof typeof __typeof __typeof__ _Alignof __alignof __alignof__ alignof".split()
)

KEEPER = b"incremental_tool_keeps_"
"""The name of a function at the end of a thin unit that uses those that are wanted."""

_GROUP = lazily(rb"\([^(){}]*\)|\{[^(){}]*\}")
_NAMED = lazily(rb"([A-Za-z_$][\w$]*)\s*(?:\[[^]]*\]\s*)*(?:__\w+(?:__)?\s*)*[=;,]")
_POINTED = lazily(
    rb"\(\s*\*[\s*]*(?:(?:const|volatile|restrict)\s+)*([A-Za-z_$][\w$]*)[^()]*\)\s*[(\[]"
)
_COMMENT = lazily(
    rb"""(?s)"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|/\*.*?\*/|//[^\n]*""",
)
_VISIBLE = lazily(rb"[^\n\t]")
_KEEPING = (
    b"static __attribute__((used)) void %s(void)"
    b" { char counted[1 + __COUNTER__];"
    b" __attribute__((unused)) void (*volatile p)(void);%s }\n"
)
_ASSEMBLY = lazily(rb"\b(?:asm|__asm|__asm__)\b")
_LITERAL = lazily(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"')
# Numbered escapes could stand for any letters of a directive.
_DIRECTING = lazily(
    rb"(?:[\s;:\"]|\\[nt])\.(?!byte|short|word|long|int|quad|ascii|string|zero|skip|inst|align"
    rb"|balign|p2align|cfi_)[a-z_]|\\[0-7xuU]"
)
_STATIC = lazily(rb"(?:\s*(?:__extension__|const|volatile|inline)\b)*\s*static\b")


class Text(NamedTuple):
    """A preprocessed text and its items."""

    text: bytes
    items: Sequence[Item]

    def item(self, number: int) -> bytes:
        """Return an item's text."""
        item = self.items[number]
        return self.text[item.start : item.end].strip()

    def head(self, number: int) -> bytes:
        """Return what stands before a function's body."""
        item = self.items[number]
        return self.text[item.start : item.header_end].strip()


def changed_functions(
    base: Text, now: Text, stands_for: dict[int, bytes], touched: Collection[int]
) -> Union[dict[int, bytes], Reason]:
    """Return the text of each touched function as it is, or why the unit is another.

    `stands_for` says what `now` has for the bodies of the base's functions; `touched` are those
    that the edit touches. Functions are given as numbers of items.
    """
    if len(now.items) != len(base.items):
        return Reason("function.refuse.outside", "the unit has another number of declarations")
    changed: dict[int, bytes] = {}
    for number, item in enumerate(base.items):
        found = now.item(number)
        if number in touched:
            why = judge_function(base, number, now, number)
            if why is not None:
                return why
            changed[number] = found
            continue
        instead = stands_for.get(number)
        expected = base.item(number) if instead is None else base.head(number) + instead
        if not _same(expected, found):
            return Reason("function.refuse.outside", _name(item))
    return changed


def judge_function(base: Text, number: int, now: Text, at: int) -> Optional[Reason]:
    """Return why a touched function cannot be replaced: it is item `at` of `now`; or None."""
    item, found = base.items[number], now.items[at]
    if found.kind != item.kind or found.name != item.name:
        return Reason("function.refuse.outside", _name(item))
    if item.inline or not (item.plain and found.plain):
        return Reason("function.refuse.kind", _name(item))
    if not _same(base.head(number), now.head(at)):
        return Reason("function.refuse.kind", f"the head of {_name(item)}")
    text = now.item(at)
    if text.count(b"#pragma") != base.item(number).count(b"#pragma"):
        return Reason("function.refuse.directive", _name(item))
    if _directs(base.text, base.item(number)) or _directs(base.text, text):
        return Reason("function.refuse.kind", f"the assembly in {_name(item)}")
    return None


def _directs(unit: bytes, text: bytes) -> bool:
    """Return whether a function may tell the assembler more than its own instructions.

    What it put into another section, or told of a symbol, would stay as it was.
    """
    if not _ASSEMBLY.search(text):
        return False
    return b".macro" in unit or any(
        _DIRECTING.search(literal) is not None for literal in _LITERAL.findall(text)
    )


def _name(item: Item) -> str:
    return item.name.decode("utf-8", "replace") if item.name else f"a {item.kind}"


def _same(one: bytes, other: bytes) -> bool:
    return one == other or code_of(one) == code_of(other)


def judge(base: Text, changed: dict[int, bytes]) -> Optional[Reason]:
    """Return why other functions are not as they were compiled, or None."""
    if all(evaluated(base.item(number)) <= evaluated(text) for number, text in changed.items()):
        return None  # nothing is used any less
    variables = _static_variables(base)
    functions = {
        item.name: number
        for number, item in enumerate(base.items)
        if item.kind == FUNCTION and item.static
    }
    renewed = {}
    lost: set[bytes] = set()
    for number, text in changed.items():
        old, new = evaluated(base.item(number)), evaluated(text)
        renewed[number] = new
        lost |= (old - new) & (functions.keys() | variables.keys())
    if lost:
        statics = {**variables, **functions}
        gone = _reached(base, statics, {}) - _reached(base, statics, renewed)
        if gone:
            return Reason("function.refuse.static", min(gone).decode("utf-8", "replace"))
    return None


def mentioned(base: Text, touched: Collection[int], texts: Iterable[bytes]) -> set[int]:
    """Return the functions that touched ones mention, as items.

    How a function's address is had depends on whether its unit defines it, so these keep a body.
    A constant's initialiser is read where the constant is used, also without optimisation (gcc
    12), so whom it mentions is mentioned.
    """
    words: set[bytes] = set()
    for text in texts:
        words |= words_of(text)
    left = [
        (_declared(base.text[item.start : item.header_end] + b"="), number)
        for number, item in enumerate(base.items)
        if item.kind == DECLARATION and base.text[item.header_end : item.header_end + 1] == b"="
    ]
    while read := [number for names, number in left if not names.isdisjoint(words)]:
        left = [one for one in left if one[1] not in read]
        for number in read:
            words |= words_of(base.item(number))
    return {
        number
        for number, item in enumerate(base.items)
        if item.kind == FUNCTION and number not in touched and item.name in words
    }


def without_comments(text: bytes) -> bytes:
    """Return a source's lines with blanks for comments, as far as they are there for certain."""
    if b"\\\n" in text or b"\\\r" in text or b"??/" in text:
        return text
    return b"\n".join(line.rstrip() for line in _COMMENT.sub(_blanked, text).split(b"\n"))


def _blanked(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return _VISIBLE.sub(b" ", found) if found[:1] == b"/" else found


def own_names(base: Text) -> set[bytes]:
    """Return the names of the unit's functions and static variables: no other unit has these."""
    functions = {item.name for item in base.items if item.kind == FUNCTION}
    return functions | _static_variables(base).keys()


def _static_variables(base: Text) -> dict[bytes, int]:
    """Return the names that static declarations declare, variables among them."""
    found = {}
    for number, item in enumerate(base.items):
        if item.kind == DECLARATION:
            text = base.item(number)
            if _STATIC.match(text):
                for name in _declared(text):
                    found[name] = number
    return found


def _declared(text: bytes) -> set[bytes]:
    """Return the names of the variables that a declaration declares; too many where in doubt."""
    names = set(_POINTED.findall(text))
    bare, number = text, 1
    while number:
        bare, number = _GROUP.subn(b" ", bare)
    names.update(_NAMED.findall(bare))
    if names or b"(" in text:
        return names
    return set(words_of(text))


def _reached(base: Text, statics: dict[bytes, int], renewed: dict[int, set[bytes]]) -> set[bytes]:
    """Return the static names that are used by something that is there in any case."""
    places = {number: name for name, number in statics.items()}
    waiting = [
        _uses(base, number, renewed) for number in range(len(base.items)) if number not in places
    ]
    reached: set[bytes] = set()
    while waiting:
        for name in waiting.pop():
            if name in statics and name not in reached:
                reached.add(name)
                waiting.append(_uses(base, statics[name], renewed))
    return reached


def _uses(base: Text, number: int, renewed: dict[int, set[bytes]]) -> set[bytes]:
    """Return the words of an item that may use something: of a declaration, its initialiser's."""
    words = renewed.get(number)
    if words is not None:
        return words
    item = base.items[number]
    start = item.header_end if item.kind == DECLARATION else item.start
    return evaluated(base.text[start : item.end])


def evaluated(text: bytes) -> set[bytes]:
    """Return the names in a text that are more than an operand of `sizeof` or its like."""
    words = words_of(text)
    if words.isdisjoint(_UNEVALUATED):
        return words
    tokens = tokens_of(text)
    found: set[bytes] = set()
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token in _UNEVALUATED:
            opens = tokens[at : at + 1] == [b"("]
            at = (after_group(tokens, at) or len(tokens)) if opens else at + 1
        elif token in words:
            found.add(token)
    return found


def kept(text: bytes, names: Sequence[bytes], variables: Sequence[bytes] = ()) -> bytes:
    """Return a unit that ends with a function that uses the named ones, and takes addresses.

    Without it a compiler would leave out a static function whose callers have no bodies. It also
    tells whether anything in the unit counts with `__COUNTER__`.
    """
    uses = b"".join(b" p = (void (*)(void))%s;" % name for name in names)
    if variables:
        uses += _addressing(variables)
    end = b"" if text.endswith(b"\n") else b"\n"
    return text + end + _KEEPING % (KEEPER, uses)


def _addressing(variables: Sequence[bytes]) -> bytes:
    taken = b"".join(b" q = &%s;" % name for name in variables)
    return b" { __attribute__((unused)) const volatile void *volatile q;" + taken + b" }"


def without_keeper(text: Text, variables: Sequence[bytes] = ()) -> Union[Text, Reason]:
    """Return a text without the function that `kept` has put at its end.

    No macro may stand for the name of a variable in it.
    """
    if not text.items or text.items[-1].name != KEEPER:
        return Reason("function.refuse.outside", "the end of the source is left out")
    if b"[1 + 0]" not in text.item(len(text.items) - 1):
        return Reason("function.refuse.outside", "something counts with __COUNTER__")
    if variables and code_of(_addressing(variables)) not in code_of(text.item(len(text.items) - 1)):
        return Reason("function.refuse.outside", "a macro has the name of a variable")
    return Text(text.text, text.items[:-1])
