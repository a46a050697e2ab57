"""A recipe's actions as they stand in its file, written and read one at a time.

10,000 actions as objects, each with its lists, take 10 MB; as columns of numbers
and blocks of compressed texts, not one. A recorder holds them while all of SCons's
graph is alive, so it never holds them otherwise; a replay unpacks those it needs.

The layout is that of `store.recipe`. Knows nothing of files.
"""

from __future__ import annotations

from array import array

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.recipe import Action
from incremental_tool.store.snapshot import list_of, strings_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK = 64
"""Actions whose texts are packed as one: the commands of a folder are much alike."""

TEXT_LIMIT = 1 << 28
"""Bytes of the texts of a block at most: 64 commands of 2 MB, and twice that."""


def deflate(texts: Sequence[bytes]) -> bytes:
    """Return texts as a compressed list. Raises ValueError for a larger one than is read."""
    from zlib import compress

    listed = list_of(texts)
    if len(listed) >= TEXT_LIMIT:
        raise ValueError("the snapshot's texts are larger than they may be")
    return compress(listed, 1)


def inflate(content: memoryview) -> list[bytes]:
    """Return what `deflate` packed. Raises ValueError."""
    import zlib

    inflater = zlib.decompressobj()
    try:
        whole = inflater.decompress(content, TEXT_LIMIT)
    except zlib.error as error:
        raise ValueError(error) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("texts")
    return strings_of(whole)


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
    """Actions that are being written: the columns and blocks of `store.recipe`."""

    def __init__(self) -> None:
        self.settings = array("I")
        self.ends = array("I")
        self.lists = array("I")
        self._blocks: list[bytes] = []
        self._texts: list[bytes] = []

    def add(
        self,
        kind: bytes,
        steps: bytes,
        flags: bytes,
        files: tuple[Sequence[int], Sequence[int], Sequence[int]],
        setting: int,
    ) -> None:
        """Append an action: `steps` joined by NUL, `flags` by blanks, `files` in three lists."""
        self.settings.append(setting)
        for places in files:
            self.lists.extend(places)
            self.ends.append(len(self.lists))
        self._texts += (kind, steps, flags)
        if len(self._texts) == 3 * BLOCK:
            self._blocks.append(deflate(self._texts))
            self._texts.clear()

    def __len__(self) -> int:
        """Return the number of actions."""
        return len(self.settings)

    def blocks(self) -> list[bytes]:
        """Return the texts, compressed."""
        return [*self._blocks, deflate(self._texts)] if self._texts else list(self._blocks)


class LoadedActions:
    """Actions that are unpacked when they are asked for; see `model.recipe.Actions`."""

    def __init__(
        self,
        settings: memoryview,
        ends: memoryview,
        lists: memoryview,
        files: int,
        blocks: list[memoryview],
    ) -> None:
        self._settings = settings
        self._ends = ends
        self._lists = lists
        self._files = files
        self._blocks = blocks
        self._texts: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        """Return the number of actions."""
        return len(self._settings)

    def __iter__(self) -> Iterator[Action]:
        """Unpack one after the other, and hold no more than a block. Raises CorruptRecord."""
        texts: list[bytes] = []
        for number in range(len(self)):
            if number % BLOCK == 0:
                texts = self._block(number // BLOCK)
            yield self._unpack(number, texts)

    def __getitem__(self, number: int, /) -> Action:
        """Unpack one. Raises CorruptRecord where it is not as its format says."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        block = number // BLOCK
        texts = self._texts.get(block)
        if texts is None:
            texts = self._texts[block] = self._block(block)
        return self._unpack(number, texts)

    def _block(self, block: int) -> list[bytes]:
        try:
            return inflate(self._blocks[block])
        except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
            raise CorruptRecord(f"not as its format says ({error})") from None

    def _unpack(self, number: int, texts: list[bytes]) -> Action:
        start = 3 * (number % BLOCK)
        if start + 3 > len(texts):
            raise CorruptRecord("not as its format says (texts)")
        kind, steps, flags = texts[start : start + 3]
        start = self._ends[3 * number - 1] if number else 0
        outputs, sources, implicit = self._ends[3 * number : 3 * number + 3]
        if not start <= outputs <= sources <= implicit <= len(self._lists):
            raise CorruptRecord("not as its format says (lists)")
        files = self._lists[start:implicit].tolist()
        if files and max(files) >= self._files:
            raise CorruptRecord("not as its format says (files)")
        return Action(
            kind,
            steps.split(b"\0") if steps else (),
            flags.split() if flags else (),
            files[: outputs - start],
            files[outputs - start : sources - start],
            files[sources - start :],
            self._settings[number],
        )


class Noted:
    """One action of an earlier run: what it did, not what it did it with."""

    __slots__ = ("flags", "kind", "setting", "steps")

    def __init__(self, action: Action) -> None:
        self.kind = action.kind
        self.steps = b"\0".join(action.steps)
        self.flags = b" ".join(action.flags)
        self.setting = action.setting


class EarlierActions:
    """The actions of a recipe that was read, each known by the sorted names of its outputs.

    They are asked for in about the order in which they stand there, for that is the graph's: what
    was passed over on the way to one is held until it is asked for.
    """

    def __init__(self, actions: Iterator[Action], paths: PathTable) -> None:
        self._actions = actions
        self._paths = paths
        self._passed: dict[tuple[bytes, ...], Noted] = {}

    def find(self, names: tuple[bytes, ...]) -> Noted | None:
        """Return the action that makes these files, if it was noted. Raises CorruptRecord."""
        found = self._passed.pop(names, None)
        if found is not None:
            return found
        for known, action in self._rest():
            if known == names:
                return action
            self._passed[known] = action
        return None

    def all(self) -> dict[tuple[bytes, ...], Noted]:
        """Return all that were not asked for yet. Raises CorruptRecord."""
        self._passed.update(self._rest())
        return self._passed

    def _rest(self) -> Iterator[tuple[tuple[bytes, ...], Noted]]:
        paths = self._paths
        for action in self._actions:
            if b"unknown" not in action.flags and action.outputs:
                try:
                    names = tuple(sorted([paths[index] for index in action.outputs]))
                except IndexError:
                    raise CorruptRecord("not as its format says (outputs)") from None
                yield names, Noted(action)
