"""The outline of a unit: its declarations, as written, each of which can be had without the others.

A changed function needs few of the declarations that a unit's headers bring, and most of what a
compiler does for it is reading the others. An `Outline` holds what `-E -fdirectives-only` makes of
a unit whose bodies are left out: every line that is compiled, on its line and in its column,
and the macros in order. `excerpt` returns of it what some words need: each declaration that
declares one of them, each macro of that name, and so on for the words of these; all macros, if
one of these pastes words together.

Format (msgpack), columns of one length each::

    entries  chunk or -1 (a macro), file, line, end in `text`
    chunks   items, first entry, entry behind the last
    files    what a line marker says behind the line: `"name.h" 3`; the first is the source
    names    {name: [chunk, ...]} that declare it
    macros   {name: [entry, ...]} that define or undefine it
    always   chunks that are in every excerpt: pragmas, assembly, what declares no name

Rule kept: what a declaration might declare is taken to be declared by it. A name that were missed
all the same is an error of the compile, or a message: `engine.function_outline` asks for both.

Knows nothing of functions' bodies, nor of edits.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.c_tokens import words_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple

MACRO = -1
SOURCE = 0
"""The number of the file that is the source itself."""

_BRACKET = lazily(rb"[(){}\[\]]")
_DECLARED = lazily(rb"([A-Za-z_$][\w$]*)\s*(?=[=;,(:]|__attribute__|__asm|asm\b|\Z)")
_INNER = lazily(rb"\s*(?:[*^(]|[A-Za-z_$][\w$]*\s*\Z)")
_TAG = lazily(
    rb"\b(?:struct|union|enum)\b\s*(?:__attribute__\s*\(\([^;{}]*?\)\)\s*)*([A-Za-z_$][\w$]*)"
    rb"(?=\s*[{;])|([A-Za-z_$][\w$]*)\s*\{"
)
_ENUMERATORS = lazily(rb"\benum\b[^;{}()]*\{([^{}]*)\}")
_STRING = lazily(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"')
_ATTRIBUTES = lazily(rb"(?s)[={].*(?:\}|\Z)")  # what is left may hold attributes
_NOT_NAMING = (b"__attribute__", b"__attribute", b"__asm__", b"__asm", b"asm")
_NAME = lazily(rb"[A-Za-z_$][\w$]*")
_KEYWORDS = frozenset(
    b"struct union enum typedef extern static inline register auto const volatile restrict void"
    b" char short int long float double signed unsigned _Bool _Complex _Noreturn _Atomic"
    b" _Thread_local __thread __inline __inline__ __const __volatile__ __restrict __signed__"
    b" __extension__ __attribute__ __asm__ __asm asm sizeof __typeof__ __typeof typeof".split()
)


class Outline(NamedTuple):
    """See the module; `numbers`, `places`, `lines` and `ends` are of entries."""

    numbers: Sequence[int]
    places: Sequence[int]
    lines: Sequence[int]
    ends: Sequence[int]
    text: bytes
    items: Sequence[Sequence[int]]
    firsts: Sequence[int]
    lasts: Sequence[int]
    files: Sequence[bytes]
    names: Mapping[bytes, Sequence[int]]
    macros: Mapping[bytes, Sequence[int]]
    always: Sequence[int]

    def entry(self, number: int) -> bytes:
        """Return an entry's lines."""
        return self.text[self.ends[number - 1] if number else 0 : self.ends[number]]

    def marker(self, number: int, shift: int = 0) -> bytes:
        """Return the line marker of an entry whose line has moved by `shift`."""
        return b"# %d %s\n" % (self.lines[number] + shift, self.files[self.places[number]])

    def source_between(self, first: int, last: int) -> bool:
        """Whether lines of the source from `first` to `last` are those of an entry.

        Or, if `last` is the line before `first`, whether both are lines of one.
        """
        return any(
            self.lines[entry] <= last and self.lines[entry] + self.entry(entry).count(b"\n") > first
            for entry, place in enumerate(self.places)
            if place == SOURCE and self.numbers[entry] != MACRO
        )

    def of_chunk(self, chunk: int) -> list[int]:
        """Return the entries of a chunk."""
        numbers = self.numbers
        first, last = self.firsts[chunk], self.lasts[chunk]
        return [entry for entry in range(first, last) if numbers[entry] == chunk]


def excerpt(
    outline: Outline,
    words: Iterable[bytes],
    texts: Callable[[int], bytes],
    instead: Mapping[int, bytes],
    shift: Callable[[int], int],
) -> bytes:
    """Return what is needed to compile a text with certain words, in order.

    `texts` says what an item is when it has been preprocessed; `instead` has, for chunks, the
    text that takes their place; `shift` says how far down a line of the source has moved.
    """
    chunks = set(instead)
    entries: set[int] = set()
    waiting = set(words)
    known: set[bytes] = set()
    pasting = False

    def add(chunk: int) -> None:
        if chunk not in chunks:
            chunks.add(chunk)
            for entry in outline.of_chunk(chunk):
                entries.add(entry)
                waiting.update(words_of(outline.entry(entry)))
            for item in outline.items[chunk]:
                waiting.update(words_of(texts(item)))

    for chunk in outline.always:
        add(chunk)
    while waiting:
        word = waiting.pop()
        if word in known:
            continue
        known.add(word)
        for entry in outline.macros.get(word, ()):
            entries.add(entry)
            definition = outline.entry(entry)
            waiting.update(words_of(definition))
            pasting = pasting or b"##" in definition or b"%:%:" in definition
        for chunk in outline.names.get(word, ()):
            add(chunk)
    if pasting:  # of what is pasted together any macro's name may come
        entries.update(*outline.macros.values())
    places = {outline.firsts[chunk]: text for chunk, text in instead.items()}
    parts = []
    for entry in sorted(entries | places.keys()):
        if entry in places:
            parts.append(places[entry])
        elif outline.numbers[entry] == MACRO:
            parts.append(outline.entry(entry))
        else:
            moved = shift(outline.lines[entry]) if outline.places[entry] == SOURCE else 0
            parts += [outline.marker(entry, moved), outline.entry(entry)]
    return b"".join(parts)


def declared_names(text: bytes) -> set[bytes]:
    """Return all names that a preprocessed declaration might declare; none if that is not told."""
    names = {name for pair in _TAG.findall(text) for name in pair if name}
    for inside in _ENUMERATORS.findall(text):
        names.update(_NAME.findall(inside))
    for literal in _STRING.findall(_ATTRIBUTES.sub(b"", text)):  # alias("name")
        names.update(_NAME.findall(literal))
    return (names | _declarators(_STRING.sub(b" ", text))) - _KEYWORDS


def _declarators(text: bytes) -> set[bytes]:
    """Return the names that are declared outside of brackets, or in such as `(*name)`."""
    names: set[bytes] = set()
    parts = []
    depth = at = 0
    for match in _BRACKET.finditer(text):
        bracket = match[0]
        if bracket in b"({[":
            if not depth:
                parts += [text[at : match.start()].rstrip(), b"(" if bracket == b"(" else b" "]
                at = match.end()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                inside = text[at : match.start()]
                if bracket == b")" and _INNER.match(inside) and not parts[-2].endswith(_NOT_NAMING):
                    names |= _declarators(inside)
                at = match.end()
    parts.append(text[at:])
    names.update(_DECLARED.findall(b" ".join(parts)))
    return names
