"""The second level of `ZirCache`: results for texts that a compiler cannot tell from the present.

With a compile's result the codes of the project's own files are stored: digests
of their forms (`model.source_form`), and, where lines do not show in what is made,
of their packed forms. When inputs have changed, a result is good all the same if

* everything that has changed has the recorded code;
* where that is the packed code alone, so that lines may have moved: nothing in that file
  names the line it stands on (`model.line_names`), nor can anything else of the unit;
* the command said nothing when it ran: what it would say now names other lines, or
  speaks of a comment;
* no file that has changed was or is the copy of another that a directive names: what
  `#pragma once` leaves out is told by content, and no list of inputs has it;
* gcc does not run out of numbers for places.

Rules kept: old texts are never needed, only their codes; a code is computed once a run
for each content, and taken over from the nearest result where the content is the same.

Knows nothing of how results are restored.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.model.line_names import (
    PRETTY,
    asks_for_callers_line,
    definition_of_word,
    definitions_of,
    has_nameless_types,
    line_names,
    names_outside_definitions,
    reads_once,
)
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_form import form_of, packed
from incremental_tool.model.token_command import TokenCommand
from incremental_tool.store.zir_cache import stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Plan
    from incremental_tool.model.line_names import Definition
    from incremental_tool.store.manifest import KnownResult
    from incremental_tool.store.zir_cache import Miss
else:
    from incremental_tool.base.named_tuple import NamedTuple


_KIND = b"form 1\0"
"""Raised with what a form means: then no code of before is that of a file."""

_SYSTEM = (b"/usr/include/", b"/usr/lib/")
"""Where nothing includes a project's headers."""

LARGEST_UNIT = 10 << 20
"""Bytes of all that a compile reads: gcc can tell 300,000 lines of them by columns, too."""


class Alike(NamedTuple):
    """A result for other texts that is good for those of now, and what had changed."""

    result: KnownResult
    contents: list[bytes]
    reason: Reason


class _Changed(NamedTuple):
    """A file with another content than a result knows, and whether its lines may have moved."""

    path: bytes
    moved: bool


class Tokens:
    """The codes of one project's files; safe to use from several threads."""

    def __init__(self, cache: MultiLevelCache) -> None:
        self._cache = cache
        self._codes: dict[tuple[bytes, bool], bytes] = {}
        self._definitions: dict[bytes, Optional[list[Definition]]] = {}
        self._importing: dict[bytes, bool] = {}

    # --- codes ------------------------------------------------------------------

    def codes(
        self, plan: Plan, result: KnownResult, nearest: Optional[KnownResult], directory: bytes
    ) -> KnownResult:
        """Return a result with the codes of the project's files in it."""
        command = plan.tokens
        if not isinstance(command, TokenCommand) or result.stdout or result.stderr:
            return result
        size = _size(command)
        known = {}
        if nearest is not None:
            inputs = nearest.inputs()
            known = {inputs[at]: code for at, code in nearest.coded() if len(code) == size}
        top = directory.rstrip(b"/") + b"/"
        files, codes = [], []
        for at, (path, digest) in enumerate(result.inputs()):
            if path[:1] != b"/" or path.startswith(top):
                code = known.get((path, digest)) or self._code(path, digest, command)
                if code:
                    files.append(at)
                    codes.append(code)
        return result._replace(files=tuple(files), codes=b"".join(codes))

    def _code(self, path: bytes, digest: bytes, command: TokenCommand) -> bytes:
        """Return a file's code, as long as the command asks for; b"" where it has none."""
        key = digest, command.cxx
        code = self._codes.get(key)
        if code is None:
            form = self._form(path, digest, command)
            code = b""
            if form is not None:
                code = digest_of(_KIND + form) + digest_of(_KIND + packed(form))
            self._codes[key] = code
        return code[: _size(command)]

    def _form(self, path: bytes, digest: bytes, command: TokenCommand) -> Optional[bytes]:
        text = self._read(path, digest)
        return None if text is None else form_of(text, cxx=command.cxx)

    def _read(self, path: bytes, digest: Optional[bytes]) -> Optional[bytes]:
        """Return a file's content, if it is the one with that digest."""
        try:
            text = self._cache.disk.read(path)
        except (OSError, ValueError):
            return None
        return text if digest_of(text) == digest else None

    # --- results ----------------------------------------------------------------

    def find(self, plan: Plan, missed: Miss) -> Union[Alike, Reason, None]:
        """Return a result that is good for the files of now, or why one that seems so is not."""
        command = plan.tokens
        if missed.reason.id != "zir.miss.input-changed" or command is None:
            return None
        if isinstance(command, Reason):
            return command
        why: Optional[Reason] = None
        for result in missed.known:
            if result.stdout or result.stderr or len(result.outputs) != len(plan.outputs):
                continue
            changed = self._changed(result, command)
            if not changed:
                continue
            found = self._check(result, changed, command)
            if found is None:
                contents = self._cache.zir.outputs_of(result)
                if not isinstance(contents, Reason):
                    names = ", ".join(os.fsdecode(each.path) for each in changed)
                    now = self._as_of_now(result, command)
                    if now is not None:
                        return Alike(now, contents, Reason("zir.hit.tokens", names))
            why = why or found
        return why

    def seems_alike(self, result: KnownResult) -> bool:
        """Tell whether a result may be taken, as far as that shows without its command."""
        size = len(result.codes) // (len(result.files) or 1)
        commands = [
            TokenCommand("", cxx, packed=size > DIGEST_SIZE, macros=()) for cxx in (False, True)
        ]
        return any(self._changed(result, command) for command in commands)

    def _changed(self, result: KnownResult, command: TokenCommand) -> list[_Changed]:
        """Return what is not as a result knows it; nothing if it has another code."""
        digest_now = self._cache.files.digest
        codes = dict(result.coded())
        changed = []
        for at, (path, recorded) in enumerate(result.inputs()):
            digest = digest_now(path)
            if digest == recorded:
                continue
            code = codes.get(at, b"")
            if digest is None or len(code) != _size(command):
                return []
            now = self._code(path, digest, command)
            if now[:DIGEST_SIZE] != code[:DIGEST_SIZE] and (
                not command.packed or now[DIGEST_SIZE:] != code[DIGEST_SIZE:]
            ):
                return []
            changed.append(_Changed(path, now[:DIGEST_SIZE] != code[:DIGEST_SIZE]))
        return changed

    def _as_of_now(self, result: KnownResult, command: TokenCommand) -> Optional[KnownResult]:
        """Return a result as the same compile would give it for the present texts."""
        codes = dict(result.coded())
        digests = []
        for at, path in enumerate(result.paths):
            digest = self._cache.files.digest(path)
            if digest is None:
                return None
            digests.append(digest)
            if at in codes:
                codes[at] = self._code(path, digest, command) or codes[at]
        return result._replace(digests=b"".join(digests), codes=b"".join(codes.values()))

    # --- checks -----------------------------------------------------------------

    def _check(
        self, result: KnownResult, changed: Sequence[_Changed], command: TokenCommand
    ) -> Optional[Reason]:
        """Return why a result does not hold for changed files of the same code; None if it does."""
        cache = self._cache
        for path in result.absent:
            if stands(path, cache.disk):
                return Reason("zir.miss.input-appeared", os.fsdecode(path))
        copy = self._copy(result, changed, command)
        if copy is not None:
            return Reason("tokens.refuse.copy", os.fsdecode(copy))
        try:
            size = sum(cache.disk.stat(path).st_size for path in result.paths)
        except (OSError, ValueError):
            return Reason("tokens.refuse.large", "an input is gone")
        if size > LARGEST_UNIT:
            return Reason("tokens.refuse.large", str(size))
        moved = [each.path for each in changed if each.moved]
        return self._check_lines(result, moved, command) if moved else None

    def _copy(
        self, result: KnownResult, changed: Sequence[_Changed], command: TokenCommand
    ) -> Optional[bytes]:
        """Return a file that a directive may name and that is what a changed one was or is."""
        files, disk = self._cache.files, self._cache.disk
        names = {each.path for each in changed}
        if not self._read_once(result, names, command):
            return None
        contents = {digest for path, digest in result.inputs() if path in names}
        contents |= {digest for path in names if (digest := files.digest(path)) is not None}
        wanted = {os.fsencode(name) for name in command.forced}
        candidates = {*result.paths, *wanted}
        for path in result.paths:
            if path.startswith(_SYSTEM):
                continue
            imports = files.imports(path)
            if imports is None or imports.computed:
                return path
            beside = path[: path.rfind(b"/") + 1]
            for entry in imports.entries:
                wanted.add(entry[1:])
                candidates.add(beside + entry[1:])
        for folder in command.folders:
            start = os.path.join(os.fsencode(folder), b"")
            candidates.update([start + name for name in wanted])
        for path in candidates - names:
            if files.digest(path) in contents and not any(
                os.path.samestat(disk.stat(path), disk.stat(name)) for name in names
            ):
                return path
        return None

    def _read_once(
        self, result: KnownResult, names: Iterable[bytes], command: TokenCommand
    ) -> bool:
        """Tell whether a file may be left out because it, or one like it, was read before."""
        for path in names:
            form = self._form(path, self._cache.files.digest(path) or b"", command)
            if form is None or b"once" in form:
                return True
        for path in result.paths:
            if not path.startswith(_SYSTEM):
                digest = self._cache.files.digest(path) or b""
                if digest not in self._importing:
                    text = self._read(path, digest)
                    self._importing[digest] = text is None or reads_once(text)
                if self._importing[digest]:
                    return True
        return False

    def _check_lines(
        self, result: KnownResult, moved: Sequence[bytes], command: TokenCommand
    ) -> Optional[Reason]:
        """Return what shows in an object of the lines of files in which they may have moved."""
        every = []
        for path in result.paths:
            definitions = self._definitions_in(path, cxx=command.cxx)
            if definitions is None:
                return Reason("tokens.refuse.line", os.fsdecode(path))
            every.append(definitions)
        every.append([definition_of_word(word) for word in command.macros])
        names = line_names(every)
        nameless = False
        for path in moved:
            form = self._form(path, self._cache.files.digest(path) or b"", command)
            if form is None:
                return Reason("tokens.refuse.line", os.fsdecode(path))
            used = names & names_outside_definitions(form)
            if used:
                return Reason(
                    "tokens.refuse.line", f"{os.fsdecode(path)}: {os.fsdecode(min(used))}"
                )
            nameless = nameless or has_nameless_types(form)
        if nameless and command.family == "clang":
            return self._check_types(result, line_names(every, PRETTY))
        return None

    def _check_types(self, result: KnownResult, names: frozenset[bytes]) -> Optional[Reason]:
        """Return where clang may tell types without a name by the lines they stand on."""
        for path in result.paths:
            text = self._read(path, self._cache.files.digest(path))
            used = names & names_outside_definitions(text) if text is not None else PRETTY
            if used:
                return Reason(
                    "tokens.refuse.line", f"{os.fsdecode(path)}: {os.fsdecode(min(used))}"
                )
        return None

    def _definitions_in(self, path: bytes, *, cxx: bool) -> Optional[list[Definition]]:
        """Return a file's macros; None where not all that asks for lines would be found."""
        digest = self._cache.files.digest(path)
        if digest is None:
            return None
        if digest not in self._definitions:
            text = self._read(path, digest)
            hidden = text is None or (cxx and asks_for_callers_line(text))
            self._definitions[digest] = None if text is None or hidden else definitions_of(text)
        return self._definitions[digest]


def _size(command: TokenCommand) -> int:
    """Return how long the codes are that a command's results come with."""
    return 2 * DIGEST_SIZE if command.packed else DIGEST_SIZE
