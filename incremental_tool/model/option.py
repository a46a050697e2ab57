"""The meaning of one word of a compiler's command line, as a value.

The rule: whoever makes an `Option` vouches for it. `PLAIN` says that the word
changes nothing but the bytes of the named output; anything less certain is
`REFUSE`.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple

# What a word does. Compared by identity in the loops over words.
PLAIN = "plain"  # nothing beyond being part of the key
REFUSE = "refuse"  # field: id of the reason
ADD = "add"  # field: the list that takes the value
SET = "set"  # field: the setting that takes the value
NEXT_ADD = "next-add"  # like ADD, the value is the next word
NEXT_SET = "next-set"  # like SET, the value is the next word
NEXT_PLAIN = "next-plain"  # the next word belongs to this one and is harmless


class Option(NamedTuple):
    """The meaning of one word."""

    action: str
    field: str = ""
    value: str = ""
    probe: bool = False  # changes which programs and standard folders the driver uses
    absolute: tuple[str, ...] = ()  # absolute paths named inside the word


# Where an absolute path can start inside a word.
_ABSOLUTE = lazily(r"""(?:^-[A-Za-z]|^|[=,:;"'\s\\(<])(/[^\s"',:;=\\)>]*)""")


def absolute_paths(word: str) -> tuple[str, ...]:
    """Return the absolute paths that a word names, wherever they stand in it."""
    return tuple(_ABSOLUTE.findall(word)) if "/" in word else ()
