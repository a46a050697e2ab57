"""A recipe's actions as they stand in its file, written and read one at a time.

10,000 actions as objects, each with its lists, take 10 MB; as columns of numbers
and blocks of compressed texts, not one. A recorder holds them while all of SCons's
graph is alive, so it never holds them otherwise; a replay unpacks those it needs.

The layout is that of `store.recipe`. Knows nothing of files.
"""

from __future__ import annotations

from array import array

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.recipe import Action, index_of
from incremental_tool.store.snapshot import list_of, strings_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Union

    from incremental_tool.model.recipe import Index

    Buffer = Union[bytes, memoryview]

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
    """Actions that are being written: the columns and blocks of `store.recipe`.

    What `earlier` ones, if there are any, have packed alike is taken over as it is.
    """

    def __init__(self, earlier: EarlierActions | None = None) -> None:
        self.settings = array("I")
        self.ends = array("I")
        self.lists = array("I")
        self._earlier = earlier
        self._blocks: list[Buffer] = []
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
            self._blocks.append(self._block())
            self._texts.clear()

    def _block(self) -> Buffer:
        known = None
        if self._earlier is not None:
            known = self._earlier.packed_block(len(self._blocks), self._texts)
        return deflate(self._texts) if known is None else known

    def __len__(self) -> int:
        """Return the number of actions."""
        return len(self.settings)

    def blocks(self) -> list[Buffer]:
        """Return the texts, compressed."""
        return [*self._blocks, self._block()] if self._texts else list(self._blocks)

    def index(self, files: int) -> Index:
        """Return the index over a number of files."""
        known = None
        if self._earlier is not None:
            known = self._earlier.index_if(self.ends, self.lists, files)
        return index_of(self.ends, self.lists, files) if known is None else known


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
        self.settings = settings
        self.ends = ends
        self.lists = lists
        self.files = files
        self.blocks = blocks
        self._texts: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        """Return the number of actions."""
        return len(self.settings)

    def __iter__(self) -> Iterator[Action]:
        """Unpack one after the other, and hold no more than a block. Raises CorruptRecord."""
        texts: list[bytes] = []
        for number in range(len(self)):
            if number % BLOCK == 0:
                texts = self.texts(number // BLOCK)
            yield self._unpack(number, texts)

    def __getitem__(self, number: int, /) -> Action:
        """Unpack one. Raises CorruptRecord where it is not as its format says."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        block = number // BLOCK
        texts = self._texts.get(block)
        if texts is None:
            texts = self._texts[block] = self.texts(block)
        return self._unpack(number, texts)

    def texts(self, block: int) -> list[bytes]:
        """Return a block's texts: kind, steps and flags of each action. Raises CorruptRecord."""
        try:
            return inflate(self.blocks[block])
        except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
            raise CorruptRecord(f"not as its format says ({error})") from None

    def _unpack(self, number: int, texts: list[bytes]) -> Action:
        start = 3 * (number % BLOCK)
        if start + 3 > len(texts):
            raise CorruptRecord("not as its format says (texts)")
        kind, steps, flags = texts[start : start + 3]
        start = self.ends[3 * number - 1] if number else 0
        outputs, sources, implicit = self.ends[3 * number : 3 * number + 3]
        if not start <= outputs <= sources <= implicit <= len(self.lists):
            raise CorruptRecord("not as its format says (lists)")
        files = self.lists[start:implicit].tolist()
        if files and max(files) >= self.files:
            raise CorruptRecord("not as its format says (files)")
        return Action(
            kind,
            steps.split(b"\0") if steps else (),
            flags.split() if flags else (),
            files[: outputs - start],
            files[outputs - start : sources - start],
            files[sources - start :],
            self.settings[number],
        )


class Noted:
    """One action of an earlier run: what it did, not what it did it with."""

    __slots__ = ("flags", "kind", "setting", "steps")

    def __init__(self, kind: bytes, steps: bytes, flags: bytes, setting: int) -> None:
        self.kind = kind
        self.steps = steps
        self.flags = flags
        self.setting = setting


class EarlierActions:
    """The actions of a recipe that was read, each known by the sorted names of its outputs.

    They are asked for in about the order in which they stand there, for that is the graph's: what
    was passed over on the way to one is held until it is asked for.
    """

    def __init__(self, actions: LoadedActions, index: Index | None, paths: PathTable) -> None:
        self._actions = actions
        self._index = index
        self._paths = paths
        self._passed: dict[tuple[bytes, ...], Noted] = {}
        self._texts: dict[int, list[bytes]] = {}
        """The texts of the last two blocks that were read, by number."""
        self._left = self._rest()

    def find(self, names: tuple[bytes, ...]) -> Noted | None:
        """Return the action that makes these files, if it was noted. Raises CorruptRecord."""
        if self._passed:
            found = self._passed.pop(names, None)
            if found is not None:
                return found
        for known, action in self._left:
            if known == names:
                return action
            self._passed[known] = action
        return None

    def all(self) -> dict[tuple[bytes, ...], Noted]:
        """Return all that were not asked for yet. Raises CorruptRecord."""
        self._passed.update(self._left)
        return self._passed

    def packed_block(self, number: int, texts: list[bytes]) -> memoryview | None:
        """Return a block as it was packed, if it had these texts; None if not, or if unknown."""
        return self._actions.blocks[number] if self._texts.get(number) == texts else None

    def index_if(self, ends: array[int], lists: array[int], files: int) -> Index | None:
        """Return the index, if the actions had these files; None if not."""
        known = self._actions
        alike = (
            known.files == files
            and known.ends.tobytes() == ends.tobytes()
            and known.lists.tobytes() == lists.tobytes()
        )
        return self._index if alike else None

    def _rest(self) -> Iterator[tuple[tuple[bytes, ...], Noted]]:
        actions, paths = self._actions, self._paths
        texts: list[bytes] = []
        start = 0
        for number, setting in enumerate(actions.settings):
            at = 3 * (number % BLOCK)
            if at == 0:
                texts = self._read(number // BLOCK)
            end = actions.ends[3 * number]
            outputs = actions.lists[start:end].tolist() if start <= end else []
            start = actions.ends[3 * number + 2]
            try:
                kind, steps, flags = texts[at : at + 3]
                names = tuple(sorted([paths[index] for index in outputs]))
            except (ValueError, IndexError):
                raise CorruptRecord("not as its format says (outputs)") from None
            if names and b"unknown" not in flags.split():
                yield names, Noted(kind, steps, flags, setting)

    def _read(self, block: int) -> list[bytes]:
        self._texts.pop(block - 2, None)
        texts = self._texts[block] = self._actions.texts(block)
        return texts
