"""Which static variables a thin unit must take the address of, because the whole unit does.

An optimiser takes a variable whose address nobody takes for one that no pointer leads to. With
most bodies left out that can seem so of more variables than it is true of.

Rule kept: whether a variable's address is taken is the same in the base, in the text as it is and
in the thin unit, for every variable that a changed function names; else there is a reason.
"""

from __future__ import annotations

from bisect import bisect_right

from incremental_tool.base.pattern import lazily
from incremental_tool.model.address_taken import MAYBE, NO, YES, Meanings, taken, variables
from incremental_tool.model.c_tokens import words_of
from incremental_tool.model.reason import Reason
from incremental_tool.model.translation_unit import DECLARATION, FUNCTION

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    from incremental_tool.engine.function_rules import Text
    from incremental_tool.model.address_taken import Variable

_STATIC = lazily(rb"(?:\s*(?:__extension__|const|volatile)\b)*\s*static\b")


def static_variables(base: Text) -> dict[bytes, Variable]:
    """Return the static variables that are no constants."""
    found = {}
    for number, item in enumerate(base.items):
        if item.kind == DECLARATION and _STATIC.match(base.text, item.start):
            for variable in variables(base.item(number)):
                found[variable.name] = variable
    return found


def addresses(
    base: Text, statics: dict[bytes, Variable], changed: dict[int, bytes]
) -> Union[list[bytes], Reason]:
    """Return the variables that others take the address of and changed functions name."""
    found: list[bytes] = []
    named = sorted(statics.keys() & _named(base, changed)) if statics else []
    if not named:
        return found
    meanings = Meanings(base.text)
    starts = [item.start for item in base.items]
    for name in named:
        sort = meanings.sort_of(statics[name].kind, statics[name].words)
        others = NO
        for number in _places(base, starts, name):
            if number in changed:
                continue
            item, text = base.items[number], base.item(number)
            if item.kind == DECLARATION and any(each.name == name for each in variables(text)):
                text = base.text[item.header_end : item.end]  # its own: what it begins with
            told = taken(text, name, sort, meanings, inside=item.kind == FUNCTION)
            others = max(others, told)
            if others == YES:
                break
        if others == YES:
            found.append(name)
            continue
        before, after = (
            max(taken(text, name, sort, meanings, inside=True) for text in texts)
            for texts in ([base.item(number) for number in changed], changed.values())
        )
        if MAYBE in (others, before, after) or before != after:
            return Reason("function.refuse.address", name.decode("utf-8", "replace"))
    return found


def _named(base: Text, changed: dict[int, bytes]) -> set[bytes]:
    """Return the words of the changed functions, and of those that may come to be parts of them."""
    inline = {
        item.name: number
        for number, item in enumerate(base.items)
        if item.kind == FUNCTION and not item.plain and number not in changed
    }
    words: set[bytes] = set()
    waiting = [text for number in changed for text in (base.item(number), changed[number])]
    while waiting:
        new = words_of(waiting.pop()) - words
        words |= new
        waiting += [base.item(inline.pop(name)) for name in new & inline.keys()]
    return words


def _places(base: Text, starts: list[int], name: bytes) -> Iterator[int]:
    """Yield the items that hold a name, each once."""
    last = -1
    at = base.text.find(name)
    while at >= 0:
        number = bisect_right(starts, at) - 1
        if number > last and number >= 0:
            last = number
            yield number
        # The rest of this item is looked at by whoever was given it.
        after = starts[number + 1] if number + 1 < len(starts) else len(base.text)
        at = base.text.find(name, max(after, at + 1))
