"""A C++ unit whose function bodies have been edited: those functions are compiled, from a header.

The cut of a base says which definitions may be left out (`model.cpp_cut`). To make it takes a
compile and more, so it is made behind the build that makes the base, or now where nothing goes
on behind builds.
The source without all definitions but those that have changed is compiled, with the unit's
precompiled preamble if there is one (`engine.preamble`), and what comes of it goes into the
base's object (`model.cpp_splice`).

Format of a cut (msgpack)::

    [identity of the base 16, "c++", [[name, start, opened, stop, directives], ...],
     [[symbol, ...], ...] of each, [number, ...] that name their lines,
     [line, ...] other lines that do, [macro, ...]]

Rules kept: those of `engine.function_compile`, which asks this.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import digest_of
from incremental_tool.engine.function_messages import message_of_note
from incremental_tool.model.cpp_cut import (
    MOVED,
    CppCut,
    extents_of,
    is_hollow,
    lines_of,
    lines_told,
    odd_macros,
    placed,
    sure_definitions,
)
from incremental_tool.model.cpp_edit import cpp_edit
from incremental_tool.model.cpp_regions import Definition, left_out, marked
from incremental_tool.model.cpp_splice import compose_cpp
from incremental_tool.model.function_splice import Piece as SplicedPiece
from incremental_tool.model.line_shift import moves_between
from incremental_tool.model.preamble import blanked
from incremental_tool.model.reason import Reason
from incremental_tool.store.air_cache import AirCache, Base, Piece

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NamedTuple, Optional, Union

    from incremental_tool.engine.function_base import Compiler
    from incremental_tool.model.cpp_edit import CppEdit
    from incremental_tool.model.preamble import Preamble
else:
    from incremental_tool.base.named_tuple import NamedTuple

LANGUAGE = "c++"

MAX_CHANGED = 24
"""Functions that differ from the base at most; then a full compile makes a new base."""

_NO_NAME = frozenset(b'"\\\n')  # bytes that a line marker would have to escape


class Header(NamedTuple):
    """A precompiled preamble: what is included for it, and where the source's preamble ends."""

    path: bytes
    preamble: Preamble


class Composed(NamedTuple):
    """An object, and the names of functions: those compiled, those known before; and how many."""

    content: bytes
    compiled: list[bytes]
    reused: list[bytes]
    total: int


def cut_of(base: Base, compiler: Compiler) -> Union[CppCut, Reason]:
    """Return a base, cut. Raises OSError."""
    text, source = base.text, base.source
    if not _NO_NAME.isdisjoint(source):
        return Reason("function.refuse.source", "its name")
    found = compiler.preprocessed(text)
    if isinstance(found, Reason):
        return found
    whole = lines_of(found, source)
    sure = sure_definitions(text, whole)
    if isinstance(sure, Reason):
        return sure
    probe = compiler.compiled(marked(text, sure))
    if isinstance(probe, Reason):
        return probe
    known = placed(sure, probe[0])
    definitions = [definition for definition, _ in known]
    extents = extents_of(text, definitions)
    hollow = compiler.preprocessed(left_out(text, definitions, ()))
    if isinstance(hollow, Reason):
        return hollow
    if not is_hollow(whole, lines_of(hollow, source), definitions, extents):
        return Reason("function.refuse.cut", "a body acts on what is around it")
    moved = compiler.preprocessed(b"#line %d\n" % (MOVED + 1) + text)
    macros = compiler.preprocessed(text, "-dD")
    if isinstance(moved, Reason):
        return moved
    if isinstance(macros, Reason):
        return macros
    by_line, bound = lines_told(whole, lines_of(moved, source), extents)
    symbols = [names for _, names in known]
    return CppCut(definitions, symbols, by_line, bound, odd_macros(macros))


def body_of(base: Base, cut: CppCut) -> list[Any]:
    """Return what is kept of a cut beside the base."""
    definitions = [list(each) for each in cut.definitions]
    found = [cut.symbols, sorted(cut.by_line), list(cut.bound), sorted(cut.odd)]
    return [base.identity, LANGUAGE, definitions, *found]


def _restored(base: Base, body: list[Any]) -> Optional[CppCut]:
    try:
        identity, language, definitions, symbols, by_line, bound, odd = body
        if identity != base.identity or language != LANGUAGE:
            return None
        made = [Definition._make(each) for each in definitions]
        return CppCut(made, symbols, frozenset(by_line), tuple(bound), frozenset(odd))
    except (TypeError, ValueError):
        return None  # of another version of this tool


class CppFunctions:
    """The making of one object."""

    def __init__(
        self,
        air: AirCache,
        output: bytes,
        base: Base,
        compiler: Compiler,
        report: Callable[[Reason], None],
        *,
        may_cut: bool,
    ) -> None:
        """Prepare; cutting takes more than a whole compile, so it may be left to others."""
        self._air, self._output, self._base = air, output, base
        self._compiler, self._report, self._may_cut = compiler, report, may_cut

    def made(self, text: bytes, header: Optional[Header]) -> Union[Composed, Reason]:
        """Return the object of the source's text as it is now. Raises OSError."""
        base, compiler = self._base, self._compiler
        known = self._air.cut(self._output)
        cut = None if known is None else _restored(base, known)
        if cut is None:
            if not self._may_cut:
                return Reason("function.refuse.uncut")
            made = cut_of(base, compiler)
            if isinstance(made, Reason):
                return made
            cut = made
            self._air.put_cut(self._output, body_of(base, cut))
        edit = cpp_edit(cut, base.text, text)
        if isinstance(edit, Reason):
            return edit
        numbers = sorted([*edit.changed, *edit.moved])
        if len(numbers) > MAX_CHANGED:
            return Reason("function.refuse.many", str(len(numbers)))
        names = [edit.definitions[number].name for number in numbers]
        wanted = [name for number in numbers for name in cut.symbols[number]]
        pieces: list[SplicedPiece] = []
        compiled = False
        if numbers:
            thin = edit.thin(numbers)
            key = digest_of(b"\0".join([base.identity, b"c++", digest_of(thin)]))
            piece = self._air.piece(key)
            compiled = piece is None
            if piece is None:
                content = self._compiled(edit, numbers, thin, header)
                if isinstance(content, Reason):
                    return content
                piece = Piece(wanted, edit.windows, content)
                self._air.put_piece(key, piece)
            pieces.append(SplicedPiece(piece.content, wanted))
        moves = moves_between([], edit.windows) if compiler.command.debug else []
        content = compose_cpp(base.content, pieces, moves, cut.functions)
        if isinstance(content, Reason):
            return content
        told = (names, []) if compiled else ([], names)
        return Composed(content, *told, len(cut.definitions))

    def _compiled(
        self, edit: CppEdit, numbers: list[int], thin: bytes, header: Optional[Header]
    ) -> Union[bytes, Reason]:
        compiler = self._compiler
        made: Union[tuple[bytes, bytes], Reason, None] = None
        if header is not None:
            text = blanked(thin, header.preamble)
            made = compiler.compiled(text, "-include", os.fsdecode(header.path))
            if isinstance(made, Reason):
                self._report(Reason("function.header.failed", made.detail))
                made = None
        if made is None:
            made = compiler.compiled(thin)
        if isinstance(made, Reason):
            return made
        note = message_of_note(made[1], [edit.lines_of(number) for number in numbers])
        return made[0] if note is None else Reason("function.refuse.messages", note)
