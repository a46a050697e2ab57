"""What a compiler says of a thin unit: whether a full compile would say anything.

Bodies that are left out make a compiler say of static functions and variables that nobody
defines or uses them. All else would be said of the whole unit too, and it is for
a full compile to say it, with what it says of the rest.

The rule: a message is passed over only if it is one of those, and does not speak of
a line of a changed function. Messages are in English: they are asked for so.

Knows nothing of who compiles.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

_MESSAGE = lazily(rb"(.+?):(\d+):(?:\d+:)? (warning|error|note): (.*)")
_SPURIOUS = lazily(
    rb".*(?:used but never defined|declared .static. but never defined|defined but not used"
    rb"|\[-Wunused-(?:function|variable|const-variable|parameter)\]|\[-Wundefined-internal\]"
    rb"|\[-Wreturn-type\]|\[-Winvalid-noreturn\]|.noreturn. function does return"
    rb"|\[-Wunneeded-internal-declaration\])"
)
_PLACE = lazily(
    rb".*: (?:In (?:[a-z ]*function|(?:copy |move )?constructor|destructor)"
    rb"|At (?:top level|global scope)|In file included).*|\d+ warnings? generated\."
)


def message_of_note(said: bytes, changed: Sequence[tuple[int, int]]) -> Optional[str]:
    """Return the first message that a full compile might give, or None.

    `changed` are the first and last lines of the changed functions, counted from 1.
    """
    for line in said.splitlines():
        message = _MESSAGE.fullmatch(line)
        if message is None:
            if not _PLACE.fullmatch(line):
                return line.decode("utf-8", "replace")
            continue
        if message[3] == b"note":
            continue  # it belongs to the message before it
        number = int(message[2])
        own = any(first <= number <= last for first, last in changed)
        if own or not _SPURIOUS.match(message[4]):
            return message[4].decode("utf-8", "replace")
    return None
