"""Which number a metadata node of one source has among those of all sources.

Nodes that are tuples of strings, numbers and such tuples (types that alias analysis tells apart,
weights of branches) are the same wherever they say the same. A short one takes the place of the
references to it, so that it has no number; a long one gets a number that tells its content, and
the head holds it once. So do the names of loops (`distinct !{!5, !6}`): that two loops share one
is what inlining does, too. All other nodes, those of debuggers first of all, are the source's
own and keep their order in a range of numbers whose place is a function of the path.

Knows nothing of what refers to nodes.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.combined_needs import content_number, first_number

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional

_TUPLE = lazily(rb"\n!([0-9]+) = (distinct )?(!\{[^\n]*\})")
_NUMBER = lazily(rb"\n!([0-9]+) = ")
_REFERENCE = lazily(rb'"[^"]*"|!([0-9]+)')
_LOOP = b'!{!"llvm.loop.'

_SHORT = 80
"""A longer tuple is not repeated at each use; what describes an access has 30 bytes."""


class Nodes:
    """The nodes of one text, and what each is to be called."""

    def __init__(self, path: bytes, text: bytes) -> None:
        numbers = _NUMBER.findall(text)
        self._tuples: dict[bytes, tuple[bool, bytes]] = {
            number: (bool(distinct), content) for number, distinct, content in _TUPLE.findall(text)
        }
        self._contents: dict[bytes, Optional[bytes]] = {}
        self.lines: dict[bytes, bytes] = {}
        """Numbers and nodes for the head."""
        for number in self._tuples:
            self._content(number)
        own = [number for number in numbers if self._contents.get(number) is None]
        self.count = len(own)
        self.first = first_number(path, self.count) if own else 0
        self.names: dict[bytes, bytes] = {
            b"!" + number: b"!%d" % (self.first + place) for place, number in enumerate(own)
        }
        """What each reference to a node becomes."""
        for number, content in self._contents.items():
            if content is not None:
                self.names[b"!" + number] = self._use(number, content)

    def content_of(self, number: bytes) -> Optional[bytes]:
        """Return a shared node as it stands in the head; None for one of the source's own."""
        return self._contents.get(number)

    def number_of(self, number: bytes) -> bytes:
        """Return the number of a node for a list that takes nothing but numbers."""
        content = self._contents.get(number)
        return self.names[b"!" + number] if content is None else self._in_head(content)

    def _use(self, number: bytes, content: bytes) -> bytes:
        if not self._tuples[number][0] and len(content) <= _SHORT:
            return content
        return self._in_head(content)

    def _in_head(self, content: bytes) -> bytes:
        name = b"!%d" % content_number(content)
        line = content
        if content.startswith(b"!{!self"):
            line = b"distinct " + content.replace(b"!self", name, 1)
        self.lines[name] = line
        return name

    def _content(self, number: bytes) -> Optional[bytes]:
        """Return what a shared node says, with the names of the nodes that it refers to.

        Whoever refers to a node that is being read is the source's own: nothing but names of
        loops refer to themselves among what is shared.
        """
        if number in self._contents:
            return self._contents[number]
        self._contents[number] = None
        distinct, text = self._tuples.get(number, (True, b""))
        start = b"!{!" + number
        loop = distinct and text.startswith((start + b",", start + b"}"))
        if not text or (distinct and not loop) or b"@" in text or b"%" in text or b"!DI" in text:
            return None
        pieces: list[bytes] = []
        at = 0
        for match in _REFERENCE.finditer(text):
            found = match.group(1)
            if found is None:
                continue
            if found == number:
                # Of itself a loop's name speaks first, and nowhere else.
                said: Optional[bytes] = b"!self" if loop and not pieces else None
            else:
                said = self._content(found)
                if said is not None and loop and not said.startswith(_LOOP):
                    said = None
                said = said and self._use(found, said)
            if said is None:
                return None
            pieces += [text[at : match.start()], said]
            at = match.end()
        content = b"".join([*pieces, text[at:]])
        self._contents[number] = content
        return content
