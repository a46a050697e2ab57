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

import re

import xxhash

from incremental_tool.base.digest import digest_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple

FINGERPRINT_SIZE = 8
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
    """One section of a file: its path, its fingerprint in hex, and where its body lies.

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
    match_at, find, size = _marker(leader).match, content.find, len(content)
    marker, needle = leader.marker, b"\n" + leader.marker
    sections: list[Section] = []
    paths: set[bytes] = set()
    place = first
    while place < size:
        found = match_at(content, place)
        if found is None:
            return f"the marker at byte {place} is damaged"
        path, fingerprint, digest = found.groups()
        if path in paths:
            return f"{path.decode('utf-8', 'replace')} is there twice"
        paths.add(path)
        body = found.end()
        end: Optional[int] = body
        if not content.startswith(marker, body):
            end = find(needle, body) + 1 or size
        if digest and digest_of(content[body:end]) != bytes.fromhex(digest.decode()):
            end = _end(content, body, needle, digest)
        if end is None:
            name = path.decode("utf-8", "replace")
            return f"the section {name} is not as it was written, or cut off"
        sections.append(Section(path, fingerprint, place, body, end, digest is not None))
        place = end
    return sections


def _marker(leader: Leader) -> re.Pattern[bytes]:
    """Return what matches the lines before a body: path, fingerprint, and digest if told."""
    end = re.escape(leader.end)
    return re.compile(
        re.escape(leader.marker)
        + rb"([^\n]+):0x([0-9a-f]{16})"
        + end
        + rb"(?:"
        + re.escape(leader.digest)
        + rb"([0-9a-f]{32})"
        + end
        + rb")?"
    )


def _end(content: bytes, start: int, needle: bytes, digest: bytes) -> Optional[int]:
    """Return where the body that begins at `start` ends, markers in it passed over; or None."""
    expected = bytes.fromhex(digest.decode())
    state, done = xxhash.xxh3_128(), start
    while done < len(content):
        end = content.find(needle, done) + 1 or len(content)
        state.update(content[done:end])
        if state.digest() == expected:
            return end
        done = end
    return None
