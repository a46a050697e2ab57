"""A C++ unit cut for edits: which definitions may be left out, and what depends on lines.

The unit's text as written and the same text preprocessed are brought together: a definition may be
left out if both have it, by its name and on the same lines, so that no macro has a hand in where
it begins and ends. `is_hollow` then proves that without these definitions the preprocessor makes of
all other lines what it made of them before.

Knows nothing of disks and compilers, nor of edits.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from incremental_tool.base.pattern import lazily
from incremental_tool.model.cpp_regions import SECTION_OF, Definition, definitions_of
from incremental_tool.model.elf_object import (
    FLAGS,
    FUNCTION,
    GROUPED,
    TYPE,
    VALUE,
    ElfObject,
    RefusedObject,
)
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

MOVED = 100_000
"""Lines by which a text is moved to see what depends on them."""

LAST = 1 << 40
"""A line behind every text's last."""

_MARKER = lazily(rb'# ([0-9]+) "((?:[^"\\]|\\.)*)"')
_DEFINED = lazily(rb"^#define[ \t]+([A-Za-z_$][\w$]*)([^\n]*[{}_][^\n]*)$", 8)  # re.MULTILINE
_ODD = (b"_Pragma", b"__pragma", b"__COUNTER__")
_ASKING = lazily(rb"\b(?:__builtin_(?:LINE|source_location)|source_location)\b")


class CppCut(NamedTuple):
    """One unit, cut.

    `definitions` are those that may be left out, as they lie in the source, and `symbols` what the
    object calls each. Those with the numbers
    in `by_line` name the line that they stand on; `bound` are other lines, from 1, that do. `odd`
    are macros that hold braces without their likes, or act on more than their place.
    """

    definitions: list[Definition]
    symbols: list[list[bytes]]
    by_line: frozenset[int]
    bound: tuple[int, ...]
    odd: frozenset[bytes]

    @property
    def functions(self) -> frozenset[bytes]:
        """The symbols of all definitions."""
        return frozenset(name for names in self.symbols for name in names)


class Lines(NamedTuple):
    """A preprocessed text: the lines of the source, each with its number, and all others."""

    own: list[tuple[int, bytes]]
    rest: list[bytes]


class Extent(NamedTuple):
    """The lines of a definition, counted from 1: its first, that of its `{`, and its last."""

    first: int
    opened: int
    last: int


def lines_of(text: bytes, main: bytes) -> Lines:
    """Return the lines of a preprocessed text; `main` is the source's name as markers have it."""
    found = Lines([], [])
    inside, number = False, 0
    for row in text.split(b"\n"):
        if row[:2] == b"# ":
            marker = _MARKER.match(row)
            if marker is not None:
                inside, number = marker[2] == main, int(marker[1])
                continue
        if not inside:
            found.rest.append(row)
            continue
        if row and not row.isspace():
            found.own.append((number, row))
        number += 1
    return found


def extents_of(text: bytes, definitions: Sequence[Definition]) -> list[Extent]:
    """Return the lines of definitions in a text as written."""
    starts = list(accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0))
    return [
        Extent(*(bisect_right(starts, at) for at in (each.start, each.opened, each.stop - 1)))
        for each in definitions
    ]


def sure_definitions(text: bytes, whole: Lines) -> Union[list[Definition], Reason]:
    """Return the definitions of a source that its preprocessed lines have as well."""
    written = definitions_of(text)
    if isinstance(written, Reason):
        return written
    rows = [row for _, row in whole.own]
    made = definitions_of(b"\n".join(rows) + b"\n")
    if isinstance(made, Reason):
        return made
    starts = list(accumulate((len(row) + 1 for row in rows), initial=0))
    known = {
        (each.name, *(whole.own[bisect_right(starts, at) - 1][0] for at in _places(each)))
        for each in made
    }
    extents = extents_of(text, written)
    return [each for each, at in zip(written, extents) if (each.name, *at) in known]


def _places(definition: Definition) -> tuple[int, int, int]:
    return definition.start, definition.opened, definition.stop - 1


def placed(
    definitions: Sequence[Definition], content: bytes
) -> list[tuple[Definition, list[bytes]]]:
    """Return the definitions that an object of the marked text has, with their symbols.

    What is inline after all, for its class says so, is in a group, and is none of them.
    """
    try:
        read = ElfObject(content)
    except RefusedObject:
        return []
    found: dict[int, list[bytes]] = {}
    for symbol, row in enumerate(read.symbols):
        section = read.section_of(symbol)
        if section is None or row[TYPE] & 15 != FUNCTION or row[VALUE]:
            continue
        name = read.section_names[section]
        if name.startswith(SECTION_OF) and not read.sections[section][FLAGS] & GROUPED:
            number = int(name[len(SECTION_OF) :])
            found.setdefault(number, []).append(read.symbol_names[symbol])
    return [(definitions[number], sorted(found[number])) for number in sorted(found)]


def is_hollow(
    whole: Lines, hollow: Lines, definitions: Sequence[Definition], extents: Sequence[Extent]
) -> bool:
    """Whether all but the definitions is preprocessed as it was without them."""
    owner = _owners(extents)
    if whole.rest != hollow.rest:
        return False
    if [each for each in whole.own if each[0] not in owner] != [
        each for each in hollow.own if each[0] not in owner
    ]:
        return False
    left: dict[int, bytes] = {}
    for number, row in hollow.own:
        if number in owner:
            left[owner[number]] = left.get(owner[number], b"") + row
    return all(
        number not in left
        if each.qualified
        else left.get(number, b"").count(b"{") == 1 == left[number].count(b"}")
        for number, each in enumerate(definitions)
    )


def lines_told(
    whole: Lines, moved: Lines, extents: Sequence[Extent]
) -> tuple[frozenset[int], tuple[int, ...]]:
    """Return the definitions that name their lines, and the lines of whatever else does."""
    if len(whole.own) != len(moved.own) or any(map(_ASKING.search, whole.rest)):
        return frozenset(), (LAST,)
    owner = _owners(extents)
    found: set[int] = set()
    bound: list[int] = []
    for (number, row), (there, other) in zip(whole.own, moved.own):
        if number + MOVED != there:
            return frozenset(), (LAST,)
        if row != other or _ASKING.search(row):
            if number in owner:
                found.add(owner[number])
            else:
                bound.append(number)
    return frozenset(found), tuple(bound)


def _owners(extents: Sequence[Extent]) -> dict[int, int]:
    return {
        line: number
        for number, extent in enumerate(extents)
        for line in range(extent.first, extent.last + 1)
    }


def odd_macros(definitions: bytes) -> frozenset[bytes]:
    """Return the macros that a changed body may not name, of a text with all `#define`."""
    found = set()
    for name, rest in _DEFINED.findall(definitions):
        uneven = rest.count(b"{") != rest.count(b"}")
        closing_first = b"}" in rest and rest.find(b"}") < rest.find(b"{")
        if uneven or closing_first or any(word in rest for word in _ODD):
            found.add(name)
    return frozenset(found)
