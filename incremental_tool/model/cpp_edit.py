"""An edit of a C++ source: which definitions it changes, and where all of them lie now.

Rule kept: an edit is one of bodies only if everything else is byte for byte what it was, and each
new body, behind its head, is one body.

Knows nothing of compilers.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.cpp_cut import extents_of
from incremental_tool.model.cpp_regions import Definition, definitions_of, left_out
from incremental_tool.model.line_shift import shift_at
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import NamedTuple, Union

    from incremental_tool.model.cpp_cut import CppCut
    from incremental_tool.model.line_shift import Window
else:
    from incremental_tool.base.named_tuple import NamedTuple

_NAME = lazily(rb"[A-Za-z_$][\w$]*")
_NEVER = frozenset((b"__COUNTER__", b"_Pragma", b"__pragma", b"friend"))
"""What acts on more than its place."""


class CppEdit(NamedTuple):
    """One edit: the source, its definitions, which have changed, and the lines that differ.

    `windows` are as `model.line_shift` has them. `moved` are definitions that have not changed but
    name their line, which is another now.
    """

    text: bytes
    definitions: list[Definition]
    changed: list[int]
    moved: list[int]
    windows: list[Window]

    def thin(self, numbers: Collection[int]) -> bytes:
        """Return the source without definitions, but for some."""
        return left_out(self.text, self.definitions, numbers)

    def lines_of(self, number: int) -> tuple[int, int]:
        """Return the first and the last line of a definition, counted from 1."""
        (extent,) = extents_of(self.text, [self.definitions[number]])
        return extent.first, extent.last


def cpp_edit(cut: CppCut, old: bytes, new: bytes) -> Union[CppEdit, Reason]:
    """Return what has become of a text that was cut, or why that is more than bodies."""
    now = _now(cut.definitions, old, new)
    if isinstance(now, Reason):
        return now
    pairs = list(zip(cut.definitions, now))
    changed = [
        number
        for number, (was, is_now) in enumerate(pairs)
        if old[was.opened : was.stop] != new[is_now.opened : is_now.stop]
    ]
    for number in changed:
        was, is_now = pairs[number]
        words = set(_NAME.findall(new, is_now.opened, is_now.stop))
        words.update(_NAME.findall(old, was.opened, was.stop))
        odd = words & (cut.odd | _NEVER)
        if odd:
            return Reason("function.refuse.source", min(odd).decode("utf-8", "replace"))
        head = new[is_now.start : is_now.opened]
        alone = definitions_of(head + new[is_now.opened : is_now.stop] + b"\n")
        if isinstance(alone, Reason):
            return alone
        if [each[1:4] for each in alone] != [(0, len(head), is_now.stop - is_now.start)]:
            return Reason("function.refuse.outside", is_now.name.decode("utf-8", "replace"))
    windows = _windows(old, new, [pairs[number] for number in changed])
    moved: list[int] = []
    if any(window[1] - window[0] != window[3] - window[2] for window in windows):
        if any(shift_at(windows, line - 1) for line in cut.bound):
            return Reason("function.refuse.line", "outside functions")
        places = zip(extents_of(old, cut.definitions), extents_of(new, now))
        moved = [
            number
            for number, (was_at, is_at) in enumerate(places)
            if was_at != is_at and number in cut.by_line and number not in changed
        ]
    return CppEdit(new, now, changed, moved, windows)


def _now(
    definitions: Sequence[Definition], old: bytes, new: bytes
) -> Union[list[Definition], Reason]:
    """Return where definitions lie in the new text, all else being as it was."""
    first, behind = _alike(old, new)
    delta = len(new) - len(old)
    end = len(old) - behind
    for at, each in enumerate(definitions):
        if each.opened < first and end < each.stop:
            return [
                *definitions[:at],
                each._replace(stop=each.stop + delta),
                *(_shifted(later, delta) for later in definitions[at + 1 :]),
            ]
    was, is_now = definitions_of(old), definitions_of(new)
    if isinstance(was, Reason):
        return was
    if isinstance(is_now, Reason):
        return is_now
    if [each.name for each in was] != [each.name for each in is_now]:
        return Reason("function.refuse.outside", "functions come or go")
    sure = {each.start for each in definitions}
    found, at, at_now = [], 0, 0
    for one, two in zip(was, is_now):
        if one.start in sure:
            if old[at : one.opened] != new[at_now : two.opened]:
                return Reason("function.refuse.outside", one.name.decode("utf-8", "replace"))
            at, at_now = one.stop, two.stop
            found.append(two)
    if old[at:] != new[at_now:] or len(found) != len(definitions):
        return Reason("function.refuse.outside", "behind the last function")
    return found


def _shifted(each: Definition, delta: int) -> Definition:
    return each._replace(
        start=each.start + delta, opened=each.opened + delta, stop=each.stop + delta
    )


def _alike(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many bytes two texts have alike at their beginnings, and at their ends."""
    least = min(len(old), len(new))
    first = _most(least, lambda size: old[:size] == new[:size])
    behind = _most(least - first, lambda size: old[len(old) - size :] == new[len(new) - size :])
    return first, behind


def _most(limit: int, holds: Callable[[int], bool]) -> int:
    """Return the largest size up to a limit for which something holds that holds for less."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _windows(
    old: bytes, new: bytes, pairs: Sequence[tuple[Definition, Definition]]
) -> list[Window]:
    """Return the lines of bodies that differ."""
    found: list[Window] = []
    for was, is_now in pairs:
        one = old[was.opened : was.stop].split(b"\n")
        two = new[is_now.opened : is_now.stop].split(b"\n")
        least = min(len(one), len(two))
        first = next((at for at in range(least) if one[at] != two[at]), least)
        behind = 0
        while behind < least - first and one[-1 - behind] == two[-1 - behind]:
            behind += 1
        line, line_now = old.count(b"\n", 0, was.opened), new.count(b"\n", 0, is_now.opened)
        found.append(
            (line + first, line + len(one) - behind, line_now + first, line_now + len(two) - behind)
        )
    return found
