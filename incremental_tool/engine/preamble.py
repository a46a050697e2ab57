"""Compile an edited unit with its preamble precompiled: when, and from what.

A unit that is compiled again and again while only its own text changes reads the same
headers each time. After its second such edit they are precompiled, behind the build
(`engine.preamble_making`); from then on an edit behind the preamble costs what the
rest of the unit costs.

The order, for a unit of which a header is kept:

1. the preamble is byte for byte that of the header; all that it includes, and where it
   looked in vain, is as it was, by `FileHashCache`; the rest includes nothing;
2. the header is intact; the unit is compiled with it, out of sight;
3. nothing was said and nothing has changed meanwhile: the object is put in its place,
   and beside it the dependency file, which is what it was, for so are all names in it.

Rules kept: the object is that of the user's command, byte for byte (docs/preamble.md
says what that rests on); whatever is in doubt has a reason, `preamble.refuse.*`, and the
user's command is run. What is so made is stored nowhere else. A unit whose
compile is not quicker for it goes back to plain compiles. Nothing here makes a build fail.

Knows nothing of SCons.
"""

from __future__ import annotations

import os
import threading

from incremental_tool.base.digest import digest_of
from incremental_tool.engine import behind
from incremental_tool.engine.settings import BEHIND, NONE, WAIT
from incremental_tool.model.function_command import FunctionCommand
from incremental_tool.model.preamble_command import PreambleCommand
from incremental_tool.model.reason import Reason
from incremental_tool.store.manifest import KnownResult, Output
from incremental_tool.store.preambles import Preambles, Record, is_intact
from incremental_tool.store.zir_cache import put_in_place, stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.cpp_functions import Header
    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Plan, Request
    from incremental_tool.engine.preamble_making import Wish
    from incremental_tool.model.preamble import Preamble
else:
    from incremental_tool.base.named_tuple import NamedTuple

MIN_READ = 3 << 19
"""Bytes of headers below which starting from a precompiled one saves next to nothing: `<string>`
alone brings 1.3 MB and is parsed in 0.2 s, of which reading gcc's header takes half."""

MIN_MICROSECONDS = 150_000
"""CPU time of a compile below which it is left alone."""

EDITS = 2
"""Edits of a unit alone, after which the next one is likely enough: making a header and trying it
takes what two to three compiles take, and each edit saves up to half of one. Where single functions
are compiled from the header, one edit will do."""

MAX_WISHES = 4
"""Headers made behind one build at most; where more units have changed, it was no edit."""

MAX_SLOW = 3
"""Compiles in a row that failed or were not worth it, after which a unit's header is given up."""

OFF = b"preambles.off"
"""The file in the state folder that says that an object so made was wrong once."""


class _Made(NamedTuple):
    """An object, the CPU microseconds that it took, and the source's text."""

    content: bytes
    us: int
    text: bytes


class PrecompiledPreambles:
    """The units of one project; safe to use from several threads, one an object."""

    def __init__(self, cache: MultiLevelCache) -> None:
        self._cache = cache
        self._kept = Preambles(cache.settings.state_dir)
        self._mutex = threading.Lock()
        self._failed: set[bytes] = set()
        self._wishes: list[Wish] = []
        self._wished = 0

    # --- making objects -------------------------------------------------------

    def make(self, request: Request, plan: Plan, action: bytes) -> Optional[Reason]:
        """Make a plan's object with a precompiled preamble; None if it was not."""
        command = plan.preamble
        if not isinstance(command, PreambleCommand):
            return None
        record = self._kept.record(action)
        if record is None:
            return None
        try:
            made = self._make(request, command, record)
            if isinstance(made, _Made):
                why = self._verify(request, command, plan, made)
                if why is None:
                    return self._put(request, plan, record, made)
                made = why
        except OSError as error:
            made = Reason("preamble.refuse.failed", str(error))
        self._cache.note(made, request.targets)
        return None

    def header(self, plan: Plan, action: bytes, text: bytes) -> Optional[Header]:
        """Return the header that functions of a unit may be compiled from. Raises OSError."""
        from incremental_tool.engine.cpp_functions import Header

        command = plan.preamble
        record = self._kept.record(action) if isinstance(command, PreambleCommand) else None
        if record is None or not isinstance(command, PreambleCommand):
            return None
        found = self._usable(command, record, text)
        return None if isinstance(found, Reason) else Header(*found)

    def _usable(
        self, command: PreambleCommand, record: Record, text: bytes
    ) -> Union[tuple[bytes, Preamble], Reason]:
        """Return the header of a record, and where the text's preamble ends. Raises OSError."""
        from incremental_tool.model.preamble import preamble_of
        from incremental_tool.model.preamble_command import precompiled_name

        cache = self._cache
        if record.refusal is not None:
            return record.refusal
        if os.path.exists(os.path.join(cache.settings.state_dir, OFF)):
            return Reason("preamble.refuse.disabled")
        preamble = preamble_of(text)
        if isinstance(preamble, Reason):
            return preamble
        why = self._difference(record, text[: preamble.end], command)
        header = self._kept.header(record.action)
        precompiled = os.fsencode(precompiled_name(command.family, os.fsdecode(header)))
        if why is None and not is_intact(record, precompiled, cache.disk):
            why = Reason("preamble.refuse.damaged")
        if why is not None:
            self._kept.forget(record.action)  # and made anew when it has been edited again
            return why
        return (header if command.family == "gcc" else precompiled), preamble

    def _make(
        self, request: Request, command: PreambleCommand, record: Record
    ) -> Union[_Made, Reason]:
        from incremental_tool.engine.preamble_making import Unit

        cache, source = self._cache, os.fsencode(command.source)
        now = cache.disk.now_ns()
        text = cache.disk.read(source)
        if cache.files.digest(source) != digest_of(text):
            return Reason("preamble.refuse.moved", command.source)
        found = self._usable(command, record, text)
        if isinstance(found, Reason):
            return found
        header, preamble = found
        unit = Unit(command, request.environment, self._kept)
        made = unit.compiled(record, header, text, preamble)
        if isinstance(made, Reason):
            with self._mutex:
                self._failed.add(record.action)
            return made
        for path in (source, *record.inputs):
            if cache.files.moved_since(path, now):
                return Reason("preamble.refuse.moved", os.fsdecode(path))
        return _Made(made[0], made[1], text)

    def _difference(
        self, record: Record, text: bytes, command: PreambleCommand
    ) -> Optional[Reason]:
        """Return what is not as it was when a header was made."""
        digest, disk = self._cache.files.digest, self._cache.disk
        if text != record.text:
            return Reason("preamble.refuse.input", command.source)
        for path, recorded in record.known():
            if digest(path) != recorded:
                return Reason("preamble.refuse.input", os.fsdecode(path))
        for path in record.absent:
            if stands(path, disk):
                return Reason("preamble.refuse.input", os.fsdecode(path))
        return None

    def _verify(
        self, request: Request, command: PreambleCommand, plan: Plan, made: _Made
    ) -> Optional[Reason]:
        """Compare an object with that of a plain compile, if it falls to this one."""
        share = self._cache.settings.verify
        if not share or digest_of(made.content)[0] >= share * 256:
            return None
        from incremental_tool.engine.preamble_making import run_compiler

        place = self._cache.scratch.path("object")
        words = [*command.words, "-c", "-o", os.fsdecode(place), command.source]
        try:
            ran = run_compiler(words, request.environment)
            if ran.status or ran.said:
                return Reason("preamble.refuse.messages", "of a plain compile")
            plain = self._cache.disk.read(place)
        finally:
            if os.path.exists(place):
                os.unlink(place)
        self._cache.statistics.add("preambles_verified")
        if plain == made.content:
            return None
        state = self._cache.settings.state_dir
        kept = os.path.join(state, b"differs-" + digest_of(plan.outputs[0]).hex().encode())
        put_in_place(kept + b".whole.o", plain, 0o666 & ~self._cache.umask)
        put_in_place(kept + b".preamble.o", made.content, 0o666 & ~self._cache.umask)
        said = os.fsdecode(plan.outputs[0])
        put_in_place(os.path.join(state, OFF), os.fsencode(said + "\n"), 0o666 & ~self._cache.umask)
        why = Reason("preamble.differs", f"{said}; both are kept in {os.fsdecode(state)}")
        self._cache.report(why)
        return why

    def _put(self, request: Request, plan: Plan, record: Record, made: _Made) -> Reason:
        """Put an object in its place; return what was done. Raises OSError."""
        from incremental_tool.engine.preamble_making import WORTH

        cache = self._cache
        contents = dict(record.extra)
        for path in plan.outputs:
            if request.rewrite and os.path.exists(path):
                os.utime(path)
            content = made.content if path == plan.outputs[0] else contents[path]
            put_in_place(path, content, 0o666 & ~cache.umask, cache.scratch.folder)
            cache.files.forget(path)
        self._learn_base(request, plan, record, made)
        took = f"{made.us / 1e6:.2f} s and {record.plain_us / 1e6:.2f} s without"
        worth = made.us * WORTH <= record.plain_us
        self._learn_use(record, Reason("preamble.refuse.slow", took), useful=worth)
        cache.statistics.add("preamble_cpu_ms_saved", max(0, record.plain_us - made.us) // 1000)
        return Reason("preamble.made", took)

    def _learn_base(self, request: Request, plan: Plan, record: Record, made: _Made) -> None:
        """Let single functions be replaced in an object from now on. Raises OSError."""
        if isinstance(plan.functions, FunctionCommand):
            source = os.fsencode(plan.source)
            paths = [source, *record.inputs]
            digests = digest_of(made.text) + record.digests
            written = [(plan.outputs[0], made.content), *record.extra]
            outputs = [
                Output(path, 0o644, True, digest_of(content), len(content))
                for path, content in written
            ]
            result = KnownResult(
                paths, digests, list(record.absent), outputs, b"", b"", False, made.us // 1000
            )
            self._cache.functions.learn(request, plan, record.action, result, made.content)

    def _learn_use(self, record: Record, why: Reason, *, useful: bool) -> None:
        """Remember whether a header was of use; give it up when it often is not."""
        slow = 0 if useful else record.slow + 1
        if slow >= MAX_SLOW:
            self._kept.forget(record.action)
            self._kept.put(Record(record.action, why))
        elif slow != record.slow:
            self._kept.put(record._replace(slow=slow))
        else:
            self._kept.used(record.action)

    # --- wishing for headers --------------------------------------------------

    def learn(
        self,
        request: Request,
        plan: Plan,
        action: bytes,
        result: KnownResult,
        cpu_seconds: float,
        words: tuple[str, ...] = (),
    ) -> None:
        """Take note of a unit that was compiled plainly, with words added. Never raises OSError."""
        command = plan.preamble
        if command is None or (isinstance(plan.functions, FunctionCommand) and not words):
            return  # or the header would be tried with other words than these
        if cpu_seconds * 1e6 < MIN_MICROSECONDS or result.stdout or result.stderr:
            return
        source = os.fsencode(plan.source)
        known = dict(result.inputs())
        if known.pop(source, None) is None:
            return
        if not words and not self._is_edited(action, source, known):
            return
        record = self._kept.record(action)
        if record is not None:  # of no use to this text, or to any
            if action in self._failed and record.refusal is None:
                why = "a plain compile did not fail and said nothing"
                self._learn_use(record, Reason("preamble.refuse.failed", why), useful=False)
            return
        try:
            self._wish(request, plan, action, result, cpu_seconds)
        except OSError:
            return  # something has gone; another edit will tell

    def _is_edited(self, action: bytes, source: bytes, known: dict[bytes, bytes]) -> bool:
        """Tell whether a unit has been edited by itself often enough."""
        manifest = self._cache.zir.manifest(action)
        if manifest is None:
            return False
        alike = 0
        for result in manifest.results:
            others = dict(result.inputs())
            alike += others.pop(source, None) is not None and others == known
        return alike > EDITS

    def _wish(
        self, request: Request, plan: Plan, action: bytes, result: KnownResult, cpu_seconds: float
    ) -> None:
        command = plan.preamble
        source = os.fsencode(plan.source)
        inputs = [(path, digest) for path, digest in result.inputs() if path != source]
        if sum(os.stat(path).st_size for path, _ in inputs) < MIN_READ:
            return
        if not isinstance(command, PreambleCommand):
            if command is not None:
                self._cache.note(command, request.targets)
            return
        from incremental_tool.engine.preamble_making import Wish
        from incremental_tool.model.preamble import preamble_of

        text = self._cache.disk.read(source)
        if dict(result.inputs())[source] != digest_of(text):
            return
        preamble = preamble_of(text)
        if isinstance(preamble, Reason):
            self._cache.note(preamble, request.targets)
            return
        record = Record(
            action,
            inputs=tuple(path for path, _ in inputs),
            digests=b"".join(digest for _, digest in inputs),
            absent=tuple(result.absent),
            extra=tuple((path, self._cache.disk.read(path)) for path in plan.outputs[1:]),
            plain_us=int(cpu_seconds * 1e6),
        )
        made = result.outputs[0].digest
        wish = Wish(command, request.directory, dict(request.environment), text, made, record)
        with self._mutex:
            self._wished += 1
            self._wishes.append(wish)

    def _mode(self) -> str:
        settings = self._cache.settings
        return settings.behind if settings.preamble == BEHIND else settings.preamble

    def begin_making(self) -> None:
        """Start to make what this build has wished for, in a process of its own."""
        with self._mutex:
            wishes, wished = self._wishes, self._wished
            self._wishes, self._wished = [], 0
        if not wishes or wished > MAX_WISHES or self._mode() == NONE:
            return
        from incremental_tool.engine.preamble_making import pack

        behind.begin(
            "incremental_tool.engine.preamble_making",
            pack(self._cache.settings.state_dir, wishes),
            wait=self._mode() == WAIT,
            folder=self._cache.settings.state_dir,
        )
        self._cache.statistics.add("preambles_begun", len(wishes))
