r"""The bytes of a recipe: the second part of a snapshot's file.

Layout, in the byte order of the machine::

    size       u64        bytes of the numbers
    numbers    u32 each   jobs; count of actions; for each action its setting and three
                          times a count and as many files; count of tops; for each top
                          its position, what hides it, a count and as many files; count
                          of places, and a file for each; count of files of which two
                          are a duplicate and its source, and these files
    directives size u64, and eight bytes for each of the snapshot's files
    searching  size u64, and what `store.searching` has packed
    texts      through zlib, a list: two for the refusal, variables
               (a list), algorithm, database, count of
               settings, for each setting shell, mode, salt, and its variables (a list);
               folders, joined by NUL; for each top its text and its folders, joined by
               NUL; for each place folder and name; for each action its kind, its steps,
               joined by NUL, and its flags, joined by blanks

Like `store.snapshot`, which seals it: no length is believed before it was
compared with what is there. Knows nothing of files.
"""

from __future__ import annotations

from incremental_tool.model.recipe import Action, Recipe, Setting, Top
from incremental_tool.store.snapshot import integers, list_of, strings_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT_LIMIT = 1 << 28
"""Bytes of the texts at most: 10,000 commands of 10 kB, and more than twice that."""


def pack_recipe(recipe: Recipe) -> bytes:
    """Return a recipe as bytes. Raises ValueError for one larger than any reader takes."""
    from zlib import compress

    numbers: list[int] = [recipe.jobs, len(recipe.actions)]
    for action in recipe.actions:
        numbers.append(action.setting)
        for files in (action.outputs, action.sources, action.implicit):
            numbers.append(len(files))
            numbers += files
    numbers.append(len(recipe.tops))
    for top in recipe.tops:
        numbers += (top.position, top.hidden_by, len(top.files), *top.files)
    numbers.append(len(recipe.places))
    numbers += [file for file, _, _ in recipe.places]
    numbers.append(2 * len(recipe.duplicates))
    numbers += [file for pair in recipe.duplicates for file in pair]
    texts = [text.encode() for text in recipe.refusal]
    texts.append(list_of([text.encode() for pair in recipe.variables for text in pair]))
    texts += (recipe.algorithm, recipe.database, b"%d" % len(recipe.settings))
    for setting in recipe.settings:
        pairs = [field for pair in setting.variables for field in pair]
        texts += (setting.shell, setting.mode, setting.salt, list_of(pairs))
    texts.append(b"\0".join(recipe.folders))
    for top in recipe.tops:
        texts += (top.text, b"\0".join(top.folders))
    for _, folder, name in recipe.places:
        texts += (folder, name)
    for action in recipe.actions:
        texts += (action.kind, b"\0".join(action.steps), b" ".join(action.flags))
    packed, listed = integers("I", numbers), list_of(texts)
    if len(listed) >= _TEXT_LIMIT:
        raise ValueError("the snapshot's texts are larger than they may be")
    directives = recipe.directives
    return b"".join(
        [
            integers("Q", [len(packed)]),
            packed,
            integers("Q", [len(directives)]),
            directives,
            integers("Q", [len(recipe.searching)]),
            recipe.searching,
            compress(listed, 1),
        ]
    )


def _inflate(content: bytes) -> bytes:
    import zlib

    inflater = zlib.decompressobj()
    try:
        whole = inflater.decompress(content, _TEXT_LIMIT)
    except zlib.error as error:
        raise ValueError(error) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("texts")
    return whole


def _sized(section: bytes, start: int) -> tuple[memoryview, int]:
    """Return what follows the size at `start`, and where it ends."""
    size = memoryview(section)[start : start + 8].cast("Q")[0]
    if size > len(section) - start - 8:
        raise ValueError("size")
    return memoryview(section)[start + 8 : start + 8 + size], start + 8 + size


class _Numbers:
    """The numbers, taken one after the other."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers
        self._at = 0

    def one(self) -> int:
        self._at += 1
        return self._numbers[self._at - 1]

    def some(self, count: int) -> list[int]:
        end = self._at + count
        if end > len(self._numbers):
            raise ValueError("count")
        found = self._numbers[self._at : end]
        self._at = end
        return found

    def actions(self, count: int) -> list[tuple[int, list[int], list[int], list[int]]]:
        """Take a setting and three lists of files, `count` times: without a call for each."""
        numbers, at = self._numbers, self._at
        found = []
        for _ in range(count):
            outputs = at + 2
            sources = outputs + numbers[at + 1] + 1
            implicit = sources + numbers[sources - 1] + 1
            end = implicit + numbers[implicit - 1]
            found.append(
                (
                    numbers[at],
                    numbers[outputs : sources - 1],
                    numbers[sources : implicit - 1],
                    numbers[implicit:end],
                )
            )
            at = end
        if at > len(numbers):
            raise ValueError("count")
        self._at = at
        return found

    def end(self) -> None:
        if self._at != len(self._numbers):
            raise ValueError("rest")


def unpack_recipe(section: bytes) -> Recipe:
    """Return the recipe that `pack_recipe` packed. Raises what a damaged one makes Python raise."""
    try:
        return _unpacked(section)
    except StopIteration:
        raise ValueError("texts") from None


def _unpacked(section: bytes) -> Recipe:
    recipe = Recipe()
    packed, at = _sized(section, 0)
    directives, at = _sized(section, at)
    recipe.directives = bytes(directives)
    searching, at = _sized(section, at)
    recipe.searching = bytes(searching)
    numbers = _Numbers(packed.cast("I").tolist())
    listed = strings_of(_inflate(section[at:]))
    texts = iter(listed)
    one, some = numbers.one, numbers.some
    recipe.jobs = one()
    files = numbers.actions(one())
    tops = [(one(), one(), some(one())) for _ in range(one())]
    places = some(one())
    pairs = some(one())
    recipe.duplicates = list(zip(pairs[::2], pairs[1::2]))
    numbers.end()
    recipe.refusal = (next(texts).decode(), next(texts).decode())
    chosen = [text.decode() for text in strings_of(next(texts))]
    recipe.variables = list(zip(chosen[::2], chosen[1::2]))
    recipe.algorithm, recipe.database = next(texts), next(texts)
    recipe.settings = [_setting(texts) for _ in range(int(next(texts)))]
    recipe.folders = _joined(next(texts))
    recipe.tops = [
        Top(position, hidden_by, next(texts), of, _joined(next(texts)))
        for position, hidden_by, of in tops
    ]
    recipe.places = [(file, next(texts), next(texts)) for file in places]
    recipe.actions = [
        Action(
            kind,
            steps.split(b"\0") if steps else (),
            flags.split() if flags else (),
            outputs,
            sources,
            implicit,
            setting,
        )
        for (setting, outputs, sources, implicit), kind, steps, flags in zip(
            files, texts, texts, texts
        )
    ]
    if len(recipe.actions) != len(files) or next(texts, None) is not None:
        raise ValueError("texts")
    return recipe


def _joined(text: bytes) -> list[bytes]:
    return text.split(b"\0") if text else []


def _setting(texts: Iterator[bytes]) -> Setting:
    shell, mode, salt = next(texts), next(texts), next(texts)
    fields = strings_of(next(texts))
    return Setting(shell, mode, salt, list(zip(fields[::2], fields[1::2])))
