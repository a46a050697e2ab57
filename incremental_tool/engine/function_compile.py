"""Compile only the functions that an edit has changed, and put them in the unit's last object.

The order, for a unit whose source has been edited since it was compiled whole:

1. all else that the compiler read is as it was, by `FileHashCache`;
2. the edit's lines are compared with where the base's functions lie: which it touches;
3. a *thin unit*, the source as it is with the bodies of all other functions left out, is
   preprocessed: item by item it must be the base, but for those bodies (`function_rules`);
4. functions that `AirCache` has for this text are taken from there, the others are compiled, by
   the user's own command on the thin unit;
5. their sections take the place of the old ones in the base's object (`function_splice`).

A compile that is not the first of its unit, and follows an edit of the source, is a *base*: the
whole unit with a section for each function, and its object is the one that the project gets. Of an
optimised unit every whole compile is a base, and is stored for others, too.

Rules kept: what is made is what a full compile of the unit makes, but for the order of
sections and the names of local symbols (docs/functions.md); whatever is in doubt has a
reason, `function.refuse.*`, and the unit is compiled whole. Nothing here makes a build fail.

Knows nothing of SCons.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import digest_of
from incremental_tool.engine import function_cutting
from incremental_tool.engine.function_base import ASKS_LINE, Compiler, Unit, unit_of
from incremental_tool.engine.function_check import Check, begin, difference, is_off, put_off
from incremental_tool.engine.function_cutting import MAX_CUT, Uncut
from incremental_tool.engine.function_edit import edit_of, stretches_of
from incremental_tool.engine.function_messages import message_of_note
from incremental_tool.engine.function_outline import STRICT
from incremental_tool.engine.settings import ALL, NONE, WAIT
from incremental_tool.model.c_tokens import code_of
from incremental_tool.model.function_command import FunctionCommand, whole_words
from incremental_tool.model.function_splice import Piece as SplicedPiece
from incremental_tool.model.function_splice import compose
from incremental_tool.model.imports import find_imports
from incremental_tool.model.line_shift import moves_between
from incremental_tool.model.reason import Reason
from incremental_tool.store.air_cache import AirCache, Base, Piece
from incremental_tool.store.manifest import KnownResult
from incremental_tool.store.zir_cache import put_in_place, stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.function_edit import Edit
    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Plan, Request
    from incremental_tool.store.zir_cache import Miss
else:
    from incremental_tool.base.named_tuple import NamedTuple

LANGUAGE = "c++"
"""What is not made as in C."""

MIN_SOURCE = 16 << 10
"""Bytes of a source below which starting a compiler twice takes longer than what it is spared."""

MAX_CHANGED = 24
"""Functions that differ from the base at most; then a full compile makes a new base."""


def is_large(source: str) -> bool:
    """Tell whether it can pay to compile a source's functions one by one."""
    try:
        return os.stat(source).st_size >= MIN_SOURCE
    except OSError:
        return False


def known_result(base: Base) -> KnownResult:
    """Return what a base was made from, as manifests have it; its object is left out."""
    return KnownResult(base.inputs, base.digests, base.absent, [], b"", b"", False, 0)


class _Made(NamedTuple):
    """An object, and what it took: functions compiled, functions taken from `AirCache`."""

    content: bytes
    compiled: list[bytes]
    reused: list[bytes]
    total: int


class Functions:
    """The units of one project; safe to use from several threads, one an object."""

    def __init__(self, cache: MultiLevelCache) -> None:
        self._cache = cache
        settings = cache.settings
        self.air = AirCache(settings.state_dir, settings.cache_dir, cache.report)
        self.checks_wait = False
        self._uncut: list[Uncut] = []

    # --- bases ----------------------------------------------------------------

    def base_words(self, plan: Plan, missed: Miss) -> tuple[str, ...]:
        """Return words to compile a unit with so that functions can be replaced; mostly none."""
        command = plan.functions
        if not isinstance(command, FunctionCommand) or command.contained:
            return ()
        if self._cache.settings.functions == ALL:
            return command.base_words
        last = missed.nearest
        if last is None or last.stderr or last.stdout:
            return ()
        source = command.source
        edited = missed.reason.id == "zir.miss.input-changed" and (
            missed.reason.detail.startswith(f"{source} (")
        )
        return command.base_words if edited else ()

    def learn(
        self, request: Request, plan: Plan, action: bytes, result: KnownResult, content: bytes
    ) -> Optional[Reason]:
        """Remember a unit that was compiled whole; return why not. Raises OSError."""
        command, output = plan.functions, plan.outputs[0]
        if not isinstance(command, FunctionCommand):
            return None
        if result.stdout or result.stderr:
            self.air.forget_base(output)
            return Reason("function.refuse.messages")
        source = os.fsencode(command.source)
        text = self._cache.disk.read(source)
        known = dict(result.inputs())
        if known.get(source) != digest_of(text):
            return Reason("function.refuse.moved", command.source)
        extra = [(each.name, each.digest) for each in result.outputs[1:]]
        base = Base(
            action, source, result.paths, result.digests, result.absent, extra, text, content
        )
        self.air.put_base(output, base)
        if len(self._uncut) <= MAX_CUT:
            environment = dict(request.environment)
            self._uncut.append(
                Uncut(command, request.directory, environment, output, base.identity)
            )
        return None

    def learn_contained(
        self, request: Request, plan: Plan, action: bytes, result: KnownResult, content: bytes
    ) -> None:
        """Remember a unit whose every whole compile is a base. Raises OSError."""
        if isinstance(plan.functions, FunctionCommand) and plan.functions.contained:
            why = self.learn(request, plan, action, result, content)
            if why is not None:
                self._cache.note(why, [plan.outputs[0]])

    # --- making ---------------------------------------------------------------

    def make(self, request: Request, plan: Plan, action: bytes) -> Optional[Reason]:
        """Make a plan's object of functions; return what was done, or None if it was not."""
        command = plan.functions
        if not isinstance(command, FunctionCommand):
            return None
        base = self.air.base(plan.outputs[0])
        if base is None:
            return None
        off = is_off(self._cache.settings.state_dir)
        if off is not None:
            self._cache.report(Reason("function.refuse.disabled", off))
            return None
        compiler = Compiler(command, request.environment, self._cache)
        try:
            made = self._make(plan, action, base, compiler)
            if isinstance(made, _Made):
                why = self._verify(plan, base, made, compiler)
                if why is None:
                    return self._put(request, plan, made)
                made = why
        except OSError as error:
            made = Reason("function.refuse.failed", str(error))
        self._cache.note(made, request.targets)
        return None

    def _make(
        self, plan: Plan, action: bytes, base: Base, compiler: Compiler
    ) -> Union[_Made, Reason]:
        cache = self._cache
        why = self._difference(plan, base, action)
        if why is not None:
            return why
        now = cache.disk.now_ns()
        text = cache.disk.read(base.source)
        if cache.files.digest(base.source) != digest_of(text):
            return Reason("function.refuse.moved", os.fsdecode(base.source))
        if compiler.command.language == LANGUAGE:
            return self._make_cpp(plan, action, base, compiler, text, now)
        unit = unit_of(self.air, plan.outputs[0], base, compiler)
        if isinstance(unit, Reason):
            return unit
        known = unit.by_line
        edit = edit_of(unit, text, compiler)
        if unit.by_line is not known:
            self.air.put_cut(plan.outputs[0], unit.body())
        if isinstance(edit, Reason):
            return edit
        # The base asked for nothing but files, and its directives are what they were.
        if any(any(find_imports(edit.lines(item))[2:]) for item in edit.changed):
            return Reason("function.refuse.source", "it asks for more than the names of files")
        made = self._compose(unit, edit, compiler)
        return self._moved(base, now) or made

    def _moved(self, base: Base, now: int) -> Optional[Reason]:
        """Return which input may have changed since a time."""
        for path in base.inputs:
            if self._cache.files.moved_since(path, now):
                return Reason("function.refuse.moved", os.fsdecode(path))
        return None

    def _make_cpp(
        self, plan: Plan, action: bytes, base: Base, compiler: Compiler, text: bytes, now: int
    ) -> Union[_Made, Reason]:
        """Return the object of a C++ unit. Raises OSError."""
        from incremental_tool.engine.cpp_functions import CppFunctions

        header = self._cache.preambles.header(plan, action, text)
        making = CppFunctions(
            self.air,
            plan.outputs[0],
            base,
            compiler,
            self._cache.report,
            may_cut=self._cache.settings.behind == NONE,
        )
        made = making.made(text, header)
        if isinstance(made, Reason):
            return made
        return self._moved(base, now) or _Made(*made)

    def _difference(self, plan: Plan, base: Base, action: bytes) -> Optional[Reason]:
        """Return what but the source is not as it was when the base was compiled."""
        if base.action != action:
            return Reason("function.refuse.command")
        digest, disk = self._cache.files.digest, self._cache.disk
        for path, recorded in known_result(base).inputs():
            if path != base.source and digest(path) != recorded:
                return Reason("function.refuse.input", os.fsdecode(path))
        for path in base.absent:
            if stands(path, disk):
                return Reason("function.refuse.input", os.fsdecode(path))
        if [path for path, _ in base.extra] != plan.outputs[1:]:
            return Reason("function.refuse.output")
        for path, recorded in base.extra:
            if digest(path) != recorded:
                return Reason("function.refuse.output", os.fsdecode(path))
        return None

    def _compose(self, unit: Unit, edit: Edit, compiler: Compiler) -> Union[_Made, Reason]:
        """Return the unit's object with the edit's functions in it. Raises OSError."""
        command, base = compiler.command, unit.base
        keys: dict[bytes, bytes] = {}
        same = []
        for number, text in edit.changed.items():
            item = unit.text.items[number]
            code, lines = code_of(text), edit.source_of(number)
            asks = ASKS_LINE in text or ASKS_LINE in unit.text.item(number)
            if (
                lines == unit.source_of(number)
                and code == code_of(unit.text.item(number))
                and not asks
            ):
                same.append(number)
                continue
            parts = [base.identity, item.name, digest_of(code), digest_of(lines)]
            if asks:
                parts.append(b"%d" % edit.regions[number].first)
            keys[item.name] = digest_of(b"\0".join(parts))
        edit = edit.without(same)
        if len(keys) > MAX_CHANGED:
            return Reason("function.refuse.many", str(len(keys)))
        pieces = {name: self.air.piece(key) for name, key in keys.items()}
        missing = [name for name, piece in pieces.items() if piece is None]
        if missing:
            compiled = self._compiled(edit, compiler)
            if isinstance(compiled, Reason):
                return compiled
            for name in missing:
                piece = Piece([name], edit.windows, compiled)
                pieces[name] = piece
                self.air.put_piece(keys[name], piece)
        spliced = self._spliced(unit, edit, compiler.command, pieces)
        moves = moves_between([], edit.windows) if command.debug else []
        content = compose(base.content, spliced, internal=unit.names, moves=moves, adding=False)
        if isinstance(content, Reason):
            return content
        reused = [name for name in pieces if name not in missing]
        return _Made(content, missing, reused, unit.functions)

    def _compiled(self, edit: Edit, compiler: Compiler) -> Union[bytes, Reason]:
        """Return the object of an edit's functions. Raises OSError."""
        lines = edit.lines_of(edit.changed)
        if edit.outline is not None:
            made = compiler.compiled(edit.outline, *STRICT)
            if isinstance(made, Reason):
                self._cache.report(Reason("function.outline.failed", made.detail))
                made = compiler.compiled(edit.thin())
        else:
            made = compiler.compiled(edit.thin())
        if isinstance(made, Reason):
            return made
        note = message_of_note(made[1], lines)
        return made[0] if note is None else Reason("function.refuse.messages", note)

    @staticmethod
    def _spliced(
        unit: Unit, edit: Edit, command: FunctionCommand, pieces: dict[bytes, Optional[Piece]]
    ) -> list[SplicedPiece]:
        """Return the pieces with the functions to take from each, one for each object."""
        taken: dict[bytes, tuple[Piece, list[bytes]]] = {}
        for name, piece in pieces.items():
            if piece is not None:
                taken.setdefault(piece.content, (piece, []))[1].append(name)
        spliced = []
        for content, (piece, names) in taken.items():
            moves = []
            if command.debug:
                functions = [
                    (region.item, region.first - 1)
                    for region in unit.regions
                    if region.name in names
                ]
                own = stretches_of(edit, piece.windows, functions)
                moves = moves_between(piece.windows, edit.windows, own)
            spliced.append(SplicedPiece(content, names, moves))
        return spliced

    # --- proving --------------------------------------------------------------

    def _verify(self, plan: Plan, base: Base, made: _Made, compiler: Compiler) -> Optional[Reason]:
        """Compare an object with that of a full compile, if it falls to this one to be compared.

        Returns why it must not be used. Raises OSError.
        """
        cache = self._cache
        settings, output = cache.settings, plan.outputs[0]
        if not settings.verify or digest_of(made.content)[0] >= settings.verify * 256:
            return None
        if settings.verify_later:
            digest = cache.files.digest
            inputs = [(path, digest(path) or b"") for path in base.inputs]
            words = whole_words(compiler.command, "")[:-2]
            environment = dict(compiler.environment)
            check = Check(os.getcwdb(), words, environment, output, inputs, made.content)
            put_off(settings.state_dir, check)
            self.checks_wait = True
            return None
        whole = compiler.whole()
        if isinstance(whole, Reason):
            return whole
        cache.statistics.add("functions_verified")
        said = difference(settings.state_dir, output, whole, made.content, cache.umask)
        if said is None:
            return None
        kept = os.fsdecode(settings.state_dir)
        why = Reason("function.differs", f"{said}; both are kept in {kept}")
        cache.report(why)
        return why

    def close(self) -> None:
        """Let what waits be compared and cut, behind this build. Never raises OSError."""
        if self.checks_wait:
            self.checks_wait = False
            try:
                begin(os.getcwd(), self._cache.settings.state_dir)
            except OSError as error:
                self._cache.failed("the comparison of functions", error)
        uncut, self._uncut = self._uncut, []
        settings = self._cache.settings
        if 0 < len(uncut) <= MAX_CUT and settings.behind != NONE:
            try:
                wait = settings.behind == WAIT
                function_cutting.begin(settings.state_dir, settings.cache_dir, uncut, wait=wait)
            except OSError as error:
                self._cache.failed("the cutting of functions", error)

    def _put(self, request: Request, plan: Plan, made: _Made) -> Reason:
        """Put an object in its place; return what was done. Raises OSError."""
        cache, output = self._cache, plan.outputs[0]
        if request.rewrite:
            for path in plan.outputs:
                os.utime(path)
        put_in_place(output, made.content, 0o666 & ~cache.umask, cache.scratch.folder)
        cache.files.forget(output)
        add = cache.statistics.add
        add("functions_total", made.total)
        add("functions_compiled", len(made.compiled))
        add("functions_cached", made.total - len(made.compiled))
        if not made.compiled and not made.reused:
            return Reason("function.same")
        told = [", ".join(os.fsdecode(name) for name in made.compiled) or "none"]
        if made.reused:
            told.append("known: " + ", ".join(os.fsdecode(name) for name in made.reused))
        return Reason("function.made", f"{'; '.join(told)}, of {made.total}")
