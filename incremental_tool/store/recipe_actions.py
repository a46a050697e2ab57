"""A recipe's actions as they stand in its file, written and read one at a time.

10,000 actions as objects, each with its lists, take 10 MB; as numbers, lengths
and compressed texts, not one. A recorder holds them while all of SCons's graph is
alive, so it never holds them otherwise.

The layout is that of `store.recipe`. Knows nothing of files.
"""

from __future__ import annotations

from array import array
from sys import byteorder
from zlib import compress, decompress, decompressobj

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PIECE = 1 << 16
"""Bytes of text that are compressed together."""


class PathTable:
    """Paths by their index, in one text."""

    def __init__(self, text: bytes, start: int, end: int) -> None:
        """Find the paths in a part of a text, where they are joined by NUL."""
        self._text = text
        self._starts = array("I", [start])
        while start < end:
            found = text.find(b"\0", start, end)
            start = (found if found >= 0 else end) + 1
            self._starts.append(start)

    def __len__(self) -> int:
        """Return the number of paths."""
        return len(self._starts) - 1

    def __getitem__(self, index: int) -> bytes:
        """Return a path. Raises IndexError."""
        return self._text[self._starts[index] : self._starts[index + 1] - 1]


class PackedActions:
    """Actions that are being written."""

    def __init__(self) -> None:
        self.numbers = array("I")
        """For each action its setting, and three times a count and as many files."""
        self.lengths = array("I")
        """The lengths of kind, steps and flags of each."""
        self._pieces: list[bytes] = []
        self._text = bytearray()

    def add(
        self,
        kind: bytes,
        steps: bytes,
        flags: bytes,
        files: tuple[Sequence[int], Sequence[int], Sequence[int]],
        setting: int,
    ) -> None:
        """Append an action: `steps` joined by NUL, `flags` by blanks, `files` in three lists."""
        numbers = self.numbers
        numbers.append(setting)
        for places in files:
            numbers.append(len(places))
            numbers.extend(places)
        for text in (kind, steps, flags):
            self.lengths.append(len(text))
            self._text += text
        if len(self._text) >= _PIECE:
            self._pieces.append(compress(self._text, 1))
            self._text.clear()

    def __len__(self) -> int:
        """Return the number of actions."""
        return len(self.lengths) // 3

    def texts(self) -> Iterator[bytes]:
        """Yield the texts, end to end, piece by piece."""
        for piece in self._pieces:
            yield decompress(piece)
        yield bytes(self._text)


class _Text:
    """A compressed text that is read from its beginning to its end."""

    def __init__(self, content: bytes) -> None:
        self._inflater = decompressobj()
        self._rest = content
        self._text = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes. Raises ValueError when there are not so many."""
        while len(self._text) - self._at < size:
            more = self._inflater.decompress(self._rest, max(_PIECE, size))
            self._rest = self._inflater.unconsumed_tail
            if not more:
                raise ValueError("texts")
            self._text = self._text[self._at :] + more
            self._at = 0
        self._at += size
        return self._text[self._at - size : self._at]


class Noted:
    """One action of an earlier run: what it did, not what it did it with."""

    __slots__ = ("flags", "kind", "outputs", "setting", "steps")

    def __init__(
        self, kind: bytes, steps: bytes, flags: bytes, setting: int, outputs: list[int]
    ) -> None:
        self.kind = kind
        self.steps = steps
        self.flags = flags
        self.setting = setting
        self.outputs = outputs


class EarlierActions:
    """The actions of a recipe that was read, each known by the sorted names of its outputs.

    They are asked for in about the order in which they stand there, for that is the graph's: what
    was passed over on the way to one is held until it is asked for.
    """

    def __init__(self, actions: Iterator[Noted], paths: PathTable) -> None:
        self._actions = actions
        self._paths = paths
        self._passed: dict[tuple[bytes, ...], Noted] = {}

    def find(self, names: tuple[bytes, ...]) -> Noted | None:
        """Return the action that makes these files, if it was noted. Raises ValueError."""
        found = self._passed.pop(names, None)
        if found is not None:
            return found
        for known, action in self._rest():
            if known == names:
                return action
            self._passed[known] = action
        return None

    def all(self) -> dict[tuple[bytes, ...], Noted]:
        """Return all that were not asked for yet. Raises ValueError."""
        self._passed.update(self._rest())
        return self._passed

    def _rest(self) -> Iterator[tuple[tuple[bytes, ...], Noted]]:
        paths = self._paths
        for action in self._actions:
            if b"unknown" not in action.flags.split():
                yield tuple(sorted([paths[index] for index in action.outputs])), action


def texts_in(content: bytes, limit: int) -> Iterator[bytes]:
    """Yield the texts of a compressed list, one after the other.

    Raises ValueError or zlib.error for what is no such list, or one of `limit` bytes or more.
    """
    text = _Text(content)
    count = int.from_bytes(text.take(4), byteorder)
    if count * 4 >= limit:
        raise ValueError("count")
    lengths = array("I", text.take(4 * count))
    if sum(lengths) + 4 * count >= limit:
        raise ValueError("lengths")
    for length in lengths:
        yield text.take(length)


def end_of_actions(numbers: memoryview, at: int, count: int) -> int:
    """Return where the numbers of `count` actions end that begin at `at`. Raises IndexError."""
    for _ in range(count):
        at += 1
        for _ in range(3):
            at += 1 + numbers[at]
    return at


def read_actions(numbers: memoryview, count: int, texts: Iterator[bytes]) -> Iterator[Noted]:
    """Yield actions, of whose numbers `numbers` are the first, and `texts` the texts.

    Raises ValueError or IndexError for what is not so.
    """
    at = 0
    for _ in range(count):
        kind, steps, flags = (next(texts, b"") for _ in range(3))
        outputs = numbers[at + 2 : at + 2 + numbers[at + 1]].tolist()
        yield Noted(kind, steps, flags, numbers[at], outputs)
        at = end_of_actions(numbers, at, 1)
