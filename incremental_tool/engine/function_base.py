"""A unit that was compiled whole, cut into functions: where each lies, and what surrounds it.

Derived from a base (`store.air_cache`) by preprocessing its source once more, when a
first edit asks for it, and kept beside the base. All that the source includes is
as it was: the caller has seen to that.

Format of a cut (msgpack)::

    [identity of the base 16, preprocessed text without markers, items, regions, by line, names,
     macros, outline]
    items    [[kind, start, end, header end, name, static, inline, plain], ...]
    regions  [[item, first line, last line, body start, body end, blankable], ...]
    by line  [item, ...] whose text depends on the line that it stands on, or nil: not known yet
    names    [name, ...] of functions and static variables, which no other unit has
    macros   a `model.macro_record.MacroRecord`, or nil: the unit is preprocessed for each edit
    outline  a `model.outline.Outline`, or nil: all declarations are compiled for each edit

Knows nothing of edits.
"""

from __future__ import annotations

import os

from incremental_tool.base.nameless import close_all, content_of, nameless_file
from incremental_tool.base.pattern import lazily
from incremental_tool.base.process import start
from incremental_tool.engine.function_outline import make_outline
from incremental_tool.engine.function_rules import (
    KEEPER,
    Text,
    changed_functions,
    kept,
    own_names,
    without_comments,
    without_keeper,
)
from incremental_tool.model.c_tokens import code_of
from incremental_tool.model.function_command import (
    INCLUDING,
    FunctionCommand,
    compile_words,
    preprocess_words,
    whole_words,
)
from incremental_tool.model.macro_record import MacroRecord, changes_otherwise, macro_record
from incremental_tool.model.outline import Outline
from incremental_tool.model.plain_edit import macro_names
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_regions import Region, regions_of, thin
from incremental_tool.model.translation_unit import BLANK, FUNCTION, Item, cut

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, NamedTuple, Optional, Protocol, Union

    from incremental_tool.base.filesystem import Disk
    from incremental_tool.store.air_cache import AirCache, Base
    from incremental_tool.store.scratch import Scratch

    class Workplace(Protocol):
        """Where a compiler's files are written, and what files are read from."""

        @property
        def scratch(self) -> Scratch:
            """The folder for files of one command."""

        @property
        def disk(self) -> Disk:
            """The disk."""

else:
    from incremental_tool.base.named_tuple import NamedTuple


ASKS_LINE = b"__builtin_LINE"
"""What a compiler, not its preprocessor, makes the number of the line of."""

_MARKERS = lazily(rb"(?m:^#(?:line)?[ \t]+[0-9][^\n]*\n)|(?:^|(?<=\n))[ \t]*\n")
_NO_NAME = frozenset(b'"\\\n')  # bytes that a line marker would have to escape
_MOVED = 100_000
"""Lines by which a text is moved to see what depends on them."""


class Ran(NamedTuple):
    """What a compiler said, and its exit status."""

    status: int
    said: bytes


class Unit:
    """One base, cut."""

    def __init__(
        self,
        base: Base,
        text: Text,
        regions: Sequence[Region],
        names: frozenset[bytes],
        by_line: Optional[frozenset[int]] = None,
        macros: Optional[MacroRecord] = None,
        outline: Optional[Outline] = None,
    ) -> None:
        self.base = base
        self.text = text
        self.regions = regions
        self.names = names
        self.by_line = by_line
        self.macros = macros
        self.outline = outline

    @property
    def functions(self) -> int:
        """How many functions the unit has."""
        return sum(item.kind == FUNCTION for item in self.text.items)

    def source_of(self, item: int) -> bytes:
        """Return the lines of a function, with blanks for comments."""
        (region,) = [region for region in self.regions if region.item == item]
        return without_comments(self.base.text[region.start : region.stop])

    def body(self) -> list[Any]:
        """Return what is kept of this beside the base."""
        return [
            self.base.identity,
            self.text.text,
            [list(item) for item in self.text.items],
            [list(region) for region in self.regions],
            None if self.by_line is None else sorted(self.by_line),
            sorted(self.names),
            None if self.macros is None else list(self.macros),
            None if self.outline is None else list(self.outline),
        ]


class Compiler:
    """Runs the compiler of one unit on texts that are not the user's files."""

    def __init__(
        self, command: FunctionCommand, environment: Mapping[str, str], place: Workplace
    ) -> None:
        self.command = command
        # Messages are looked through, and never shown.
        self.environment = {**environment, "LC_ALL": "C"}
        self._place = place

    def run(self, argv: Sequence[str]) -> Ran:
        """Run it. Raises OSError."""
        streams: list[int] = []
        try:
            streams.extend(nameless_file() for _ in range(2))
            status = start(argv, self.environment, *streams).wait()
            return Ran(status, b"".join(map(content_of, streams)))
        finally:
            close_all(streams)

    def preprocessed(self, text: bytes, *more: str) -> Union[bytes, Reason]:
        """Return a text preprocessed as if it were the source's. Raises OSError.

        `more` are further words for the compiler.
        """
        unit, place = (self._place.scratch.path(name) for name in ("unit", "text"))
        try:
            write_file(unit, text)
            words = preprocess_words(self.command, os.fsdecode(unit), os.fsdecode(place))
            ran = self.run([*words, *more])
            if ran.status or ran.said:
                return Reason("function.refuse.messages", "of the preprocessor")
            found = self._place.disk.read(place)
        finally:
            remove_files(unit, place)
        return found.replace(unit, os.fsencode(self.command.source))

    def compiled(self, text: bytes, *more: str) -> Union[tuple[bytes, bytes], Reason]:
        """Return the object of a thin unit's text, and what was said of it. Raises OSError.

        `more` are further words for the compiler.
        """
        unit, place = (self._place.scratch.path(name) for name in ("unit", "object"))
        try:
            write_file(unit, text)
            words = compile_words(self.command, os.fsdecode(unit), os.fsdecode(place))
            ran = self.run([*words, *more])
            if ran.status:
                lines = ran.said.strip().splitlines() or [b""]
                first = next((line for line in lines if b"error:" in line), lines[-1])
                return Reason("function.refuse.failed", first.decode("utf-8", "replace"))
            return self._place.disk.read(place), ran.said
        finally:
            remove_files(unit, place)

    def read(self, path: bytes) -> bytes:
        """Return a file's content. Raises OSError."""
        return self._place.disk.read(path)

    def whole(self) -> Union[bytes, Reason]:
        """Return the object of the source as it is, compiled as a base is. Raises OSError."""
        place = self._place.scratch.path("object")
        try:
            ran = self.run(whole_words(self.command, os.fsdecode(place)))
            if ran.status:
                return Reason("function.refuse.failed", "the whole unit")
            return self._place.disk.read(place)
        finally:
            remove_files(place)


def without_markers(text: bytes) -> bytes:
    """Return a preprocessed text without line markers and blank lines."""
    return _MARKERS.sub(b"", text)


def text_of(text: bytes, *, judged: bool = True) -> Union[Text, Reason]:
    """Return a preprocessed text, without its markers, with its items; see `cut`."""
    text = without_markers(text)
    items = cut(text, judged=judged)
    if isinstance(items, Reason):
        return items
    return Text(text, [item for item in items if item.kind != BLANK])


def unit_of(air: AirCache, output: bytes, base: Base, compiler: Compiler) -> Union[Unit, Reason]:
    """Return a base, cut: as it was kept, or anew. Raises OSError."""
    known = air.cut(output)
    if known is not None:
        try:
            unit = _restored(base, known)
        except (TypeError, ValueError, IndexError):
            unit = None  # of another version of this tool
        if unit is not None:
            return unit
    made = cut_of(base, compiler)
    if not isinstance(made, Reason):
        air.put_cut(output, made.body())
    return made


def cut_of(base: Base, compiler: Compiler) -> Union[Unit, Reason]:
    """Return a base, cut. Raises OSError."""
    source = kept(base.text, ())
    full = compiler.preprocessed(source)
    if isinstance(full, Reason):
        return full
    items = cut(full)
    if isinstance(items, Reason):
        return items
    regions = regions_of(source, full, items, os.fsencode(compiler.command.source))
    if isinstance(regions, Reason):
        return regions
    whole = text_of(full)
    if isinstance(whole, Reason):
        return whole
    if len(whole.items) != sum(item.kind != BLANK for item in items):
        return Reason("function.refuse.cut", "its line markers divide it")
    text = without_keeper(whole)
    if isinstance(text, Reason):
        return text
    regions = [region for region in regions if region.name != KEEPER]
    unit = Unit(base, text, regions, frozenset(own_names(text)))
    _prove_hollow(unit, full, items, compiler)
    return unit


def stands_for(
    regions: Sequence[Region], touched: Collection[int], hollow: Mapping[int, bytes]
) -> dict[int, bytes]:
    """Return what a thin unit has for the bodies of functions, as `changed_functions` wants it."""
    return {
        region.item: hollow.get(region.item, b";")
        for region in regions
        if region.opened >= 0 and region.item not in touched
    }


def _prove_hollow(unit: Unit, full: bytes, items: Sequence[Item], compiler: Compiler) -> None:
    """Find a unit's macros, and its outline, if its bodies may be left out; raises OSError.

    That all other items stay what they are without the bodies is proved here, once, so that an edit
    needs to ask only for what it touches.
    """
    command = compiler.command
    source = unit.base.source
    if not INCLUDING.isdisjoint(command.words) or not _NO_NAME.isdisjoint(source):
        return
    if any(changes_otherwise(compiler.read(path)) for path in unit.base.inputs):
        return
    unit.outline = make_outline(unit, full, items, compiler)
    if unit.outline is None and not _is_hollow(unit, compiler):
        return
    found = compiler.preprocessed(unit.base.text, "-dD")
    standing = compiler.preprocessed(b"", "-dM")
    if not isinstance(found, Reason) and not isinstance(standing, Reason):
        unit.macros = macro_record(found, source, standing)
        known = macro_names(standing)[0].union(unit.outline.macros if unit.outline else ())
        if unit.macros is None or not macro_names(unit.macros.text)[0] <= known:
            unit.outline = None  # it has missed a macro


def _is_hollow(unit: Unit, compiler: Compiler) -> bool:
    """Whether all items stay what they are without the bodies. Raises OSError."""
    hollow = compiler.preprocessed(kept(thin(unit.base.text, unit.regions, ()), ()))
    there = hollow if isinstance(hollow, Reason) else text_of(hollow, judged=False)
    if not isinstance(there, Reason):
        there = without_keeper(there)
    if isinstance(there, Reason):
        return False
    bodies = stands_for(unit.regions, (), {})
    return not isinstance(changed_functions(unit.text, there, bodies, ()), Reason)


def _restored(base: Base, kept: list[Any]) -> Optional[Unit]:
    identity, text, items, regions, by_line, names, macros, outline = kept
    if identity != base.identity:
        return None
    return Unit(
        base,
        Text(text, [Item._make(item) for item in items]),
        [_region(*region) for region in regions],
        frozenset(names),
        None if by_line is None else frozenset(by_line),
        None if macros is None else MacroRecord._make(macros),
        None if outline is None else Outline._make(outline),
    )


def _region(*values: Any) -> Region:
    fields = [*values[:-1], tuple((start, end) for start, end in values[-1])]
    return Region._make(fields)


def functions_by_line(unit: Unit, compiler: Compiler) -> Union[frozenset[int], Reason]:
    """Return the items whose text depends on the line that they stand on. Raises OSError."""
    if unit.by_line is None:
        moved = compiler.preprocessed(b"#line %d\n" % _MOVED + kept(unit.base.text, ()))
        if isinstance(moved, Reason):
            return moved
        there = text_of(moved)
        if not isinstance(there, Reason):
            there = without_keeper(there)
        if isinstance(there, Reason):
            return there
        if len(there.items) != len(unit.text.items):
            return Reason("function.refuse.line", "declarations")
        unit.by_line = frozenset(
            number
            for number in range(len(there.items))
            if (
                (here := unit.text.item(number)) != (other := there.item(number))
                and code_of(here) != code_of(other)
            )
            or ASKS_LINE in here
        )
    return unit.by_line


def write_file(path: bytes, content: bytes) -> None:
    """Write a scratch file. Raises OSError."""
    with open(path, "wb") as file:
        file.write(content)


def remove_files(*paths: bytes) -> None:
    """Remove scratch files, those that are there."""
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            continue
