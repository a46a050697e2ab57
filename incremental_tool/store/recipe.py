r"""The bytes of a recipe: the second part of a snapshot's file.

An edit concerns few of many actions: these are found by number, and unpacked alone.
Layout, in the byte order of the machine::

    sizes      u64 each   bytes of the numbers, of the directives and of the front
    numbers    u32 each   jobs, and the counts A of actions, F of files, L, U, T, P and D;
               A          settings of the actions
               3 A        where the outputs, sources and implicit dependencies of each end in
               L          files, those of one action behind those of another
               F + 1, U   the index: where the users of each file begin, and those
               F          makers of the files
               T          for each top its position, what hides it, a count and as many files
               P          a file for each place
               D          for each duplicate the file and its source
    directives eight bytes for each of the snapshot's files
    front      through zlib, a list: two for the refusal, variables (a list), algorithm, database,
               count of settings, for each setting shell, mode, salt, and its variables (a list);
               folders, joined by NUL; count of tops, for each its text and its folders, joined by
               NUL; for each place folder and name
    blocks     u64 count, u64 each where one ends, and BLOCK actions in each: through zlib,
               a list: kind, steps, joined by NUL, and flags, joined by blanks

Like `store.snapshot`, which seals it: no length is believed before it was
compared with what is there. Knows nothing of files.
"""

from __future__ import annotations

from itertools import accumulate

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.recipe import Action, Index, Recipe, Setting, Top, index_of
from incremental_tool.store.snapshot import integers, list_of, strings_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 64
"""Actions whose texts are packed as one: the commands of a folder are much alike."""

_TEXT_LIMIT = 1 << 28
"""Bytes of the texts of a block at most: 64 commands of 2 MB, and twice that."""

_COUNTS = 8


def pack_recipe(recipe: Recipe) -> bytes:
    """Return a recipe as bytes. Raises ValueError for one larger than any reader takes."""
    files = len(recipe.directives) // 8
    lists: list[int] = []
    ends: list[int] = []
    columns: list[int] = []
    texts: list[list[bytes]] = []
    for number, action in enumerate(recipe.actions):
        columns.append(action.setting)
        for some in (action.outputs, action.sources, action.implicit):
            lists += some
            ends.append(len(lists))
        if number % BLOCK == 0:
            texts.append([])
        texts[-1] += (action.kind, b"\0".join(action.steps), b" ".join(action.flags))
    index = recipe.index or index_of(recipe.actions, max(files, max(lists, default=-1) + 1))
    tops = [
        number
        for top in recipe.tops
        for number in (top.position, top.hidden_by, len(top.files), *top.files)
    ]
    duplicates = [file for pair in recipe.duplicates for file in pair]
    counts = (
        *(len(columns), len(index.makers), len(lists), len(index.users)),
        *(len(tops), len(recipe.places), len(duplicates)),
    )
    packed = b"".join(
        [
            integers("I", [recipe.jobs, *counts]),
            *(integers("I", column) for column in (columns, ends, lists)),
            *(integers("I", column) for column in (index.starts, index.users, index.makers)),
            integers("I", [*tops, *(file for file, _, _ in recipe.places), *duplicates]),
        ]
    )
    front = _deflate(_front(recipe))
    blocks = [_deflate(block) for block in texts]
    return b"".join(
        [
            integers("Q", [len(packed), len(recipe.directives), len(front)]),
            packed,
            recipe.directives,
            front,
            integers("Q", [len(blocks), *accumulate(map(len, blocks))]),
            *blocks,
        ]
    )


def _front(recipe: Recipe) -> list[bytes]:
    texts = [text.encode() for text in recipe.refusal]
    texts.append(list_of([text.encode() for pair in recipe.variables for text in pair]))
    texts += (recipe.algorithm, recipe.database, b"%d" % len(recipe.settings))
    for setting in recipe.settings:
        pairs = [field for pair in setting.variables for field in pair]
        texts += (setting.shell, setting.mode, setting.salt, list_of(pairs))
    texts.append(b"\0".join(recipe.folders))
    texts.append(b"%d" % len(recipe.tops))
    for top in recipe.tops:
        texts += (top.text, b"\0".join(top.folders))
    for _, folder, name in recipe.places:
        texts += (folder, name)
    return texts


def _deflate(texts: list[bytes]) -> bytes:
    from zlib import compress

    listed = list_of(texts)
    if len(listed) >= _TEXT_LIMIT:
        raise ValueError("the snapshot's texts are larger than they may be")
    return compress(listed, 1)


def _inflate(content: memoryview) -> list[bytes]:
    import zlib

    inflater = zlib.decompressobj()
    try:
        whole = inflater.decompress(content, _TEXT_LIMIT)
    except zlib.error as error:
        raise ValueError(error) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("texts")
    return strings_of(whole)


class _Actions:
    """The actions, unpacked when they are asked for; see `model.recipe.Actions`."""

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
        return len(self._settings)

    def __iter__(self) -> Iterator[Action]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Action:
        """Unpack one. Raises CorruptRecord where it is not as its format says."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        block, place = divmod(number, BLOCK)
        try:
            texts = self._texts.get(block)
            if texts is None:
                texts = self._texts[block] = _inflate(self._blocks[block])
            kind, steps, flags = texts[3 * place : 3 * place + 3]
        except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
            raise CorruptRecord(f"not as its format says ({error})") from None
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


class _Taker:
    """A part of the section, taken piece by piece; each size is checked before it is believed."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    def some(self, count: int) -> memoryview:
        end = self._at + count
        if end > len(self._content):
            raise ValueError("size")
        found = self._content[self._at : end]
        self._at = end
        return found

    def rest(self) -> memoryview:
        return self.some(len(self._content) - self._at)


def unpack_recipe(section: bytes) -> Recipe:
    """Return the recipe that `pack_recipe` packed. Raises what a damaged one makes Python raise."""
    try:
        return _unpacked(section)
    except StopIteration:
        raise ValueError("texts") from None


def _unpacked(section: bytes) -> Recipe:
    recipe = Recipe()
    whole = _Taker(memoryview(section))
    packed, directives, front = (whole.some(size) for size in whole.some(24).cast("Q").tolist())
    recipe.directives = bytes(directives)
    numbers = _Taker(packed.cast("I"))
    jobs, actions, files, lists, users, tops, places, duplicates = numbers.some(_COUNTS).tolist()
    recipe.jobs = jobs
    settings, ends, listed = (numbers.some(count) for count in (actions, 3 * actions, lists))
    starts, using, makers = (numbers.some(count) for count in (files + 1, users, files))
    recipe.index = Index(starts, using, makers)
    of_tops = iter(numbers.some(tops).tolist())
    of_places = numbers.some(places).tolist()
    pairs = numbers.some(duplicates).tolist()
    recipe.duplicates = list(zip(pairs[::2], pairs[1::2]))
    if len(numbers.rest()):
        raise ValueError("rest")
    texts = iter(_inflate(front))
    recipe.refusal = (next(texts).decode(), next(texts).decode())
    chosen = [text.decode() for text in strings_of(next(texts))]
    recipe.variables = list(zip(chosen[::2], chosen[1::2]))
    recipe.algorithm, recipe.database = next(texts), next(texts)
    recipe.settings = [_setting(texts) for _ in range(int(next(texts)))]
    recipe.folders = _joined(next(texts))
    recipe.tops = [_top(of_tops, texts) for _ in range(int(next(texts)))]
    recipe.places = [(file, next(texts), next(texts)) for file in of_places]
    if next(texts, None) is not None or next(of_tops, None) is not None:
        raise ValueError("texts")
    (count,) = whole.some(8).cast("Q").tolist()
    if count != -(-actions // BLOCK):
        raise ValueError("blocks")
    until = whole.some(8 * count).cast("Q").tolist()
    sizes = [end - start for start, end in zip([0, *until], until)]
    if any(size < 0 for size in sizes):
        raise ValueError("blocks")
    recipe.actions = _Actions(settings, ends, listed, files, [whole.some(size) for size in sizes])
    if len(whole.rest()):
        raise ValueError("rest")
    return recipe


def _joined(text: bytes) -> list[bytes]:
    return text.split(b"\0") if text else []


def _top(numbers: Iterator[int], texts: Iterator[bytes]) -> Top:
    position, hidden_by, count = next(numbers), next(numbers), next(numbers)
    files = [next(numbers) for _ in range(count)]
    return Top(position, hidden_by, next(texts), files, _joined(next(texts)))


def _setting(texts: Iterator[bytes]) -> Setting:
    shell, mode, salt = next(texts), next(texts), next(texts)
    fields = strings_of(next(texts))
    return Setting(shell, mode, salt, list(zip(fields[::2], fields[1::2])))
