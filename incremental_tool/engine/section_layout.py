"""Of what a combined file is made that differs from an earlier one in some of its sections.

Given are the lengths of the earlier one's head and sections, and for each section of the new one
which of the earlier it is, and new bytes for those that have changed.

Knows nothing of what the bytes mean, and opens nothing.
"""

from __future__ import annotations

from itertools import accumulate

from incremental_tool.store.archive_writing import Stretch

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NamedTuple, Optional, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Arrangement(NamedTuple):
    """The new file by the old one's sections.

    `head` and `sizes` are lengths in the old file. `was` has for each section of the new one its
    number in the old one, or -1; it is None where these are the same. `contents` are the bytes of
    sections that are not as they were; `new_head` is None where the head is as it was.
    """

    head: int
    sizes: Sequence[int]
    was: Optional[Sequence[int]]
    contents: Mapping[int, bytes]
    new_head: Optional[bytes] = None

    @property
    def is_same(self) -> bool:
        """Whether the new file is the old one."""
        return self.was is None and not self.contents and self.new_head is None


def starts_of(head: int, sizes: Sequence[int]) -> list[int]:
    """Return where each section begins, and where the last one ends."""
    return list(accumulate(sizes, initial=head))


def in_place(new: Arrangement) -> Optional[list[tuple[int, bytes]]]:
    """Return what to write where, if nothing moves; else None."""
    if new.was is not None or (new.new_head is not None and len(new.new_head) != new.head):
        return None
    if any(len(content) != new.sizes[number] for number, content in new.contents.items()):
        return None
    starts = starts_of(new.head, new.sizes)
    pieces = [(starts[number], content) for number, content in sorted(new.contents.items())]
    return pieces if new.new_head is None else [(0, new.new_head), *pieces]


def parts_of(new: Arrangement) -> list[Union[bytes, Stretch]]:
    """Return the new file as stretches of the old one and bytes, as few as there can be."""
    starts = starts_of(new.head, new.sizes)
    parts: list[Union[bytes, Stretch]] = []
    begin = end = 0  # of the stretch that is being extended
    if new.new_head is None:
        end = new.head
    else:
        parts.append(new.new_head)
    for number, was in _order(new):
        content = new.contents.get(number)
        if content is None and starts[was] == end:
            end = starts[was + 1]
            continue
        if end > begin:
            parts.append(Stretch(begin, end))
        begin = end = 0
        if content is None:
            begin, end = starts[was], starts[was + 1]
        else:
            parts.append(content)
    if end > begin:
        parts.append(Stretch(begin, end))
    return parts


def _order(new: Arrangement) -> list[tuple[int, int]]:
    was = range(len(new.sizes)) if new.was is None else new.was
    return list(enumerate(was))
