"""What the section of one source asks of the head of the file that it stands in.

    needs  group GS group GS ...      as many groups as `Needs` has fields, in that order
    group  item RS item RS ...        possibly empty
    item   field US field US ...      the first field is a name where items are named

GS, RS and US are the bytes 1d, 1e and 1f of ASCII, which neither compilers nor names hold; a text
that does is refused. The groups of ten thousand sections are joined and split as wholes, and most
items are alike in many sections: reading them costs a few microseconds a section.

Knows nothing of what the items of a form say.
"""

from __future__ import annotations

from collections import Counter

from incremental_tool.base.digest import checksum_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple

GROUP, ITEM, FIELD = b"\x1d", b"\x1e", b"\x1f"

PRIVATE_NUMBERS = 1 << 31
"""Numbers of one source's own are below; those that tell a content are from here to 2**32."""


class Prepared(NamedTuple):
    """A section: what stands in the file, and what it asks of the head."""

    body: bytes
    needs: bytes


class Clash(str):
    """A refusal that goes away when a section is prepared under another path."""

    __slots__ = ("section",)

    section: int
    """The place of that section in the sequence that `head` was given."""

    def __new__(cls, sentence: str, section: int) -> Clash:  # noqa: PYI034  # Self is of Python 3.11
        """Make one of a sentence and the place of the section."""
        made = super().__new__(cls, sentence)
        made.section = section
        return made


class Needs(NamedTuple):
    """Groups of items, of one section or of all."""

    facts: list[bytes]
    """What must be the same everywhere."""
    seed: list[bytes]
    """One: suffix of names, first number, count of numbers, path."""
    shared: list[bytes]
    """Key and line: what the head says once, however many ask."""
    flags: list[bytes]
    """What is merged by rules of the form."""
    strong: list[bytes]
    """Names that one section alone may define."""
    weak: list[bytes]
    """Name and line: the first section's line stands, unless another defines the name strongly."""
    common: list[bytes]
    """Name, size, alignment, line: tentative definitions."""
    undefined: list[bytes]
    """Name and line, which stands unless a section defines the name."""
    appending: list[bytes]
    """Lists that all sections' parts make up."""
    outside: list[bytes]
    """Names that are defined in ways of which the form knows the name alone."""

    def packed(self) -> bytes:
        """Return the bytes that stand for them."""
        return GROUP.join([ITEM.join(group) for group in self])


def no_needs() -> Needs:
    """Return needs to be filled."""
    return Needs([], [], [], [], [], [], [], [], [], [])


def is_unfit(text: bytes) -> bool:
    """Return whether a text holds what separates needs."""
    return GROUP in text or ITEM in text or FIELD in text


def read_all(needs: Sequence[bytes]) -> Needs:
    """Return the items of all sections, in order, as one."""
    rows = [each.split(GROUP) for each in needs]
    groups = [ITEM.join(filter(None, column)) for column in zip(*rows)]
    return Needs(*[group.split(ITEM) if group else [] for group in groups])


def suffix_of(path: bytes) -> bytes:
    """Return what tells the names of a source from those of others.

    Twelve digits: of ten thousand paths, two share theirs once in five million projects.
    """
    return b"%012x" % (checksum_of(path) & 0xFFFFFFFFFFFF)


def first_number(path: bytes, count: int) -> int:
    """Return where the numbers of a source begin."""
    return checksum_of(b"number of " + path) % (PRIVATE_NUMBERS - count)


def content_number(content: bytes) -> int:
    """Return the number that stands for a content."""
    return PRIVATE_NUMBERS + checksum_of(content) % PRIVATE_NUMBERS


def clash_of(needs: Sequence[bytes]) -> Optional[Clash]:
    """Return which two sections share a suffix or a number; None if none do."""
    suffixes: dict[bytes, bytes] = {}
    ranges: list[tuple[int, int, int, bytes]] = []
    for place, each in enumerate(needs):
        suffix, first, count, path = each.split(GROUP, 2)[1].split(FIELD)
        other = suffixes.setdefault(suffix, path)
        if len(suffixes) <= place:
            return Clash(f"{shown(other)} and {shown(path)} have one suffix of names", place)
        if count != b"0":
            ranges.append((int(first), int(count), place, path))
    ranges.sort()
    for before, after in zip(ranges, ranges[1:]):
        if before[0] + before[1] > after[0]:
            both = f"{shown(before[3])} and {shown(after[3])}"
            return Clash(f"{both} have numbers in common", after[2])
    return None


def defined_twice(needs: Sequence[bytes], names: Iterable[bytes]) -> Optional[str]:
    """Return a sentence on the first name that stands twice; None if none does."""
    name = next((name for name, count in Counter(names).items() if count > 1), None)
    if name is None:
        return None
    paths = []
    for each in needs:
        read = read_all([each])
        if name in read.strong or name in read.outside:
            paths.append(shown(read.seed[0].split(FIELD)[3]))
    return f"{shown(name)} is defined by {' and by '.join(paths)}"


def first_of_each(items: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the first item's rest for each name."""
    found: dict[bytes, bytes] = {}
    for item in dict.fromkeys(items):
        name, _, rest = item.partition(FIELD)
        found.setdefault(name, rest)
    return found


def largest_common(items: Iterable[bytes]) -> dict[bytes, tuple[int, int, bytes]]:
    """Return the largest size and alignment of each tentative definition, and its first line."""
    found: dict[bytes, tuple[int, int, bytes]] = {}
    for item in dict.fromkeys(items):
        name, size, alignment, line = item.split(FIELD)
        old = found.get(name, (0, 0, line))
        found[name] = max(old[0], int(size)), max(old[1], int(alignment)), old[2]
    return found


def shown(name: bytes) -> str:
    """Return a name as sentences have it."""
    return name.decode("utf-8", "backslashreplace")
