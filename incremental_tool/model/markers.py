r"""Combined files: what stands between the sections of one file that was made of many.

Format of a combined file, with the leader `;`::

    head                                                             ends in a newline, or is empty
    ; ==== FILE: {path}:0x{fingerprint:016x} ====                    begins each section
    ; ==== DIGEST: 0x{digest of the body:032x} ====
    body                                                             ends in a newline, or is empty

The fingerprint is the first half of the digest of the text that the section was made of. The path
may hold colons: what is behind the last one is the fingerprint. The second line may be missing, as
in files by others who write markers of this form. Another leader takes the place of `;`; one of two
words, as `/* */`, stands before and behind.

Rule kept: what looks like a marker within a body is none. A section that has a digest ends where
its body has that digest, and nowhere else; a file in which that is not so is not taken apart.

Knows nothing of where sections come from.
"""

from __future__ import annotations

import xxhash

from incremental_tool.base.digest import digest_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

FINGERPRINT_SIZE = 8
_HEX = frozenset(b"0123456789abcdef")
_UNFIT = (b"\n", b"\r", b"\0")


class Leader:
    """What makes a comment of a line: bytes before it, and behind it.

    `marker` and `digest` are what the two lines begin with, `end` is what both end in.
    """

    __slots__ = ("closing", "digest", "end", "marker", "opening")

    def __init__(self, opening: bytes, closing: bytes = b"") -> None:
        self.opening, self.closing = opening, closing
        self.marker = opening + b" ==== FILE: "
        self.digest = opening + b" ==== DIGEST: 0x"
        self.end = b" ====" + (b" " + closing if closing else b"") + b"\n"


def leader_of(text: str) -> Union[Leader, str]:
    """Return the leader that a text names, as `;` or `/* */`; or what is wrong with it."""
    words = text.split()
    if len(words) not in (1, 2) or not all(word.isprintable() for word in words):
        return f"{text!r} is no comment leader: one word, or two as in '/* */'"
    return Leader(*(word.encode() for word in words))


def unfit(path: bytes, leader: Leader) -> bool:
    """Whether a path cannot stand in a marker, so that it would be read back."""
    return not path or any(
        part in path for part in (*_UNFIT, *([leader.closing] if leader.closing else []))
    )


def opened(leader: Leader, path: bytes, made_of: bytes, body: bytes) -> bytes:
    """Return the two lines before a section's body; `made_of` is the digest of its source text."""
    return b"".join(
        (
            leader.marker,
            path,
            b":0x",
            made_of[:FINGERPRINT_SIZE].hex().encode(),
            leader.end,
            leader.digest,
            digest_of(body).hex().encode(),
            leader.end,
        )
    )


class Section(NamedTuple):
    """One section of a file: its path, its fingerprint, and where its body lies.

    `start` is where its marker begins, `body` and `end` bound the body; `proved` says that the
    body has the digest that the file tells.
    """

    path: bytes
    fingerprint: bytes
    start: int
    body: int
    end: int
    proved: bool


def parse(content: bytes, leader: Leader) -> Union[list[Section], str]:
    """Return a file's sections, or in a few words why it cannot be taken apart."""
    first = 0 if content.startswith(leader.marker) else content.find(b"\n" + leader.marker) + 1
    if not first and not content.startswith(leader.marker):
        return "it has no sections"
    sections: list[Section] = []
    paths: set[bytes] = set()
    place = first
    while place < len(content):
        found = _marker(content, place, leader)
        if found is None:
            return f"the marker at byte {place} is damaged"
        path, fingerprint, body, digest = found
        name = path.decode("utf-8", "replace")
        if path in paths:
            return f"{name} is there twice"
        paths.add(path)
        end = _end(content, body, leader, digest)
        if end is None:
            return f"the section {name} is not as it was written, or cut off"
        sections.append(Section(path, fingerprint, place, body, end, digest is not None))
        place = end
    return sections


def _marker(
    content: bytes, place: int, leader: Leader
) -> Optional[tuple[bytes, bytes, int, Optional[bytes]]]:
    """Return path, fingerprint, begin of the body and its digest, for a marker at `place`."""
    end = leader.end
    newline = content.find(b"\n", place) + 1
    line = content[place:newline]
    if not line.startswith(leader.marker) or not line.endswith(end):
        return None
    path, colon, number = line[len(leader.marker) : -len(end)].rpartition(b":")
    fingerprint = _number(number[2:], FINGERPRINT_SIZE) if number.startswith(b"0x") else None
    if not path or not colon or fingerprint is None:
        return None
    if not content.startswith(leader.digest, newline):
        return path, fingerprint, newline, None
    stop = content.find(b"\n", newline) + 1
    digest = None
    if content.endswith(end, newline, stop):
        digest = _number(content[newline + len(leader.digest) : stop - len(end)], 16)
    if digest is None:
        return path, fingerprint, newline, None  # a line of the body's own
    return path, fingerprint, stop, digest


def _number(text: bytes, size: int) -> Optional[bytes]:
    if len(text) != 2 * size or not _HEX.issuperset(text):
        return None
    return bytes.fromhex(text.decode())


def _end(content: bytes, start: int, leader: Leader, digest: Optional[bytes]) -> Optional[int]:
    """Return where the body that begins at `start` ends; None if nowhere."""
    needle = b"\n" + leader.marker
    end = start
    if not content.startswith(leader.marker, start):
        end = content.find(needle, start) + 1 or len(content)
    if digest is None or digest_of(content[start:end]) == digest:
        return end
    state, done = xxhash.xxh3_128(content[start:end]), end
    while done < len(content):  # what looks like a marker here is the body's
        end = content.find(needle, done) + 1 or len(content)
        state.update(content[done:end])
        if state.digest() == digest:
            return end
        done = end
    return None
