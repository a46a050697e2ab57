r"""The bytes of a recipe: the second part of a snapshot's file.

An edit concerns few of many actions: these are found by number, and unpacked alone.
Layout, in the byte order of the machine::

    sizes      u64 each   bytes of the numbers, of the directives, of the searching, of the front
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
    searching  what `store.searching` has packed
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

from array import array
from itertools import accumulate

from incremental_tool.model.recipe import Index, Recipe, Setting, Top
from incremental_tool.store.recipe_actions import (
    BLOCK,
    EarlierActions,
    LoadedActions,
    PackedActions,
    PathTable,
    deflate,
    inflate,
)
from incremental_tool.store.snapshot import integers, list_of, strings_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from incremental_tool.model.recipe import Action
    from incremental_tool.store.snapshot import Pieces

_COUNTS = 8


def packed(actions: Iterable[Action]) -> PackedActions:
    """Return actions as they stand in the file."""
    found = PackedActions()
    for action in actions:
        files = (action.outputs, action.sources, action.implicit)
        steps, flags = b"\0".join(action.steps), b" ".join(action.flags)
        found.add(action.kind, steps, flags, files, action.setting)
    return found


def pack_recipe(recipe: Recipe, actions: PackedActions | None = None) -> Pieces:
    """Return a recipe as bytes, in pieces. Raises ValueError for one larger than any reader takes.

    `actions` are in place of its own, if they are packed already.
    """
    if actions is None:
        actions = packed(recipe.actions)
    files = max(len(recipe.directives) // 8, max(actions.lists, default=-1) + 1)
    index = actions.index(files)
    tops = array("I")
    for top in recipe.tops:
        tops.extend((top.position, top.hidden_by, len(top.files), *top.files))
    places = array("I", (file for file, _, _ in recipe.places))
    duplicates = array("I", (file for pair in recipe.duplicates for file in pair))
    columns = (
        *(actions.settings, actions.ends, actions.lists),
        *(index.starts, index.users, index.makers),
        *(tops, places, duplicates),
    )
    counts = (
        *(recipe.jobs, len(actions), files, len(actions.lists), len(index.users)),
        *(len(tops), len(places), len(duplicates)),
    )
    numbers = [memoryview(array("I", column)).cast("B") for column in (counts, *columns)]
    front = deflate(_front(recipe))
    blocks = actions.blocks()
    sizes = sum(map(len, numbers)), len(recipe.directives), len(recipe.searching), len(front)
    return [
        integers("Q", sizes),
        *numbers,
        recipe.directives,
        recipe.searching,
        front,
        integers("Q", [len(blocks), *accumulate(map(len, blocks))]),
        *blocks,
    ]


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


def unpack_earlier(section: bytes, paths: PathTable) -> tuple[Recipe, EarlierActions]:
    """Return a recipe, and its actions to be asked for one by one. Raises as `unpack_recipe`."""
    recipe = unpack_recipe(section)
    assert isinstance(recipe.actions, LoadedActions)  # noqa: S101 - what `unpack_recipe` makes
    return recipe, EarlierActions(recipe.actions, recipe.index, paths)


def _unpacked(section: bytes) -> Recipe:
    recipe = Recipe()
    whole = _Taker(memoryview(section))
    sizes = whole.some(32).cast("Q").tolist()
    packed_numbers, directives, searching, front = map(whole.some, sizes)
    recipe.directives, recipe.searching = bytes(directives), bytes(searching)
    numbers = _Taker(packed_numbers.cast("I"))
    jobs, actions, files, lists, users, tops, places, duplicates = numbers.some(_COUNTS).tolist()
    recipe.jobs = jobs
    settings, ends, listed = map(numbers.some, (actions, 3 * actions, lists))
    recipe.index = Index(*map(numbers.some, (files + 1, users, files)))
    of_tops = iter(numbers.some(tops).tolist())
    of_places = numbers.some(places).tolist()
    pairs = numbers.some(duplicates).tolist()
    recipe.duplicates = list(zip(pairs[::2], pairs[1::2]))
    if len(numbers.rest()):
        raise ValueError("rest")
    texts = iter(inflate(front))
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
    lengths = [end - start for start, end in zip([0, *until], until)]
    if any(length < 0 for length in lengths):
        raise ValueError("blocks")
    recipe.actions = LoadedActions(settings, ends, listed, files, [*map(whole.some, lengths)])
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
