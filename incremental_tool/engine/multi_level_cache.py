"""`MultiLevelCache`: every store of one project, opened and committed as one.

State lies in one folder (`.incremental/`), the shared store in another or in
its `cache/`. Opening never fails: what cannot be read is empty, what cannot be
written is reported once. `commit` is called when a build has ended; a build
that ends otherwise has lost nothing that was finished, because objects,
manifests and the action log are written as commands finish; only file digests
and statistics wait for the commit.

Knows nothing of SCons.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import cached_property

from incremental_tool.base.filesystem import RealDisk
from incremental_tool.engine import statistics as figures
from incremental_tool.engine.statistics import Statistics
from incremental_tool.model.reason import Reason
from incremental_tool.store.file_hash_cache import FileHashCache

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, Union

    from incremental_tool.base.filesystem import Disk
    from incremental_tool.engine.archive_patch import Archives
    from incremental_tool.engine.combine import Combining
    from incremental_tool.engine.function_compile import Functions
    from incremental_tool.engine.preamble import PrecompiledPreambles
    from incremental_tool.engine.settings import Settings
    from incremental_tool.engine.token_key import Tokens
    from incremental_tool.engine.toolchain import Toolchains
    from incremental_tool.engine.trace import Trace
    from incremental_tool.store.action_log import ActionLog
    from incremental_tool.store.file_hash_cache import Signer
    from incremental_tool.store.scratch import Scratch
    from incremental_tool.store.zir_cache import ZirCache

    Tell = Callable[[str], None]


_IGNORE_ALL = b"# made by scons-incremental: everything here can be deleted at any time\n*\n"
_CACHE_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# This folder is a cache made by scons-incremental; see https://bford.info/cachedir/\n"
)

# What a user should hear of once a build; everything else shows in the statistics.
_WARN = frozenset(
    {
        "store.corrupt.object",
        "store.corrupt.manifest",
        "store.corrupt.index",
        "store.corrupt.journal",
        "store.unwritable",
        "store.unreadable",
        "state.locked",
        "store.corrupt.function",
        "function.differs",
        "function.refuse.disabled",
        "preamble.differs",
        "hook.failed",
        "scons.unsupported",
    }
)


def tell_stderr(text: str) -> None:
    """Print one line of this tool's own to stderr."""
    sys.stderr.write(f"incremental: {text}\n")


def current_umask() -> int:
    """Return the umask; where only setting it tells, another thread's new file may feel that."""
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"Umask:"):
                    return int(line[6:], 8)
    except (OSError, ValueError):
        pass  # not Linux, or an old one
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _trace_to(path: bytes) -> Optional[Trace]:
    if not path:
        return None
    from incremental_tool.engine.trace import trace_to

    return trace_to(path)


class MultiLevelCache:
    """The stores of one project."""

    def __init__(
        self,
        settings: Settings,
        signer: Optional[Signer] = None,
        signature_name: bytes = b"",
        disk: Optional[Disk] = None,
        tell: Tell = tell_stderr,
        *,
        load: bool = True,
    ) -> None:
        """Open the stores; without `load` the memory of files waits for `files.load`."""
        self.settings = settings
        self.statistics = Statistics()
        self.trace = _trace_to(settings.trace)
        self.umask = current_umask()
        self._tell = tell
        self._mutex = threading.Lock()
        self._state_writable = True
        self._opened: list[object] = []
        self._real_folders: dict[bytes, bytes] = {}
        self._make_folders()
        state = settings.state_dir
        started = time.perf_counter()
        self.disk: Disk = disk if disk is not None else RealDisk(state)
        self.files = FileHashCache(
            self.disk,
            os.path.join(state, b"file_hashes.bin"),
            self.report,
            signer,
            signature_name,
            load=load,
        )
        self._load_seconds = time.perf_counter() - started
        self._save_seconds = 0.0

    # The stores that only commands need open when the first command comes: a build in which
    # nothing runs neither imports nor reads them.

    @cached_property
    def zir(self) -> ZirCache:
        """Manifests and results, in the shared store."""
        from incremental_tool.store.zir_cache import ZirCache

        return ZirCache(self.settings.cache_dir, self.report)

    @cached_property
    def log(self) -> ActionLog:
        """What became of each target."""
        from incremental_tool.store.action_log import ActionLog

        return ActionLog(os.path.join(self.settings.state_dir, b"zir_index.bin"), self.report)

    @cached_property
    def toolchains(self) -> Toolchains:
        """Compilers and what they resolve to."""
        from incremental_tool.engine.toolchain import Toolchains

        return Toolchains(
            os.path.join(self.settings.state_dir, b"toolchains.bin"),
            self.report,
            self.files.digest,
            self.disk.exists,
        )

    @cached_property
    def archives(self) -> Archives:
        """Static libraries, and what they were made of."""
        from incremental_tool.engine.archive_patch import Archives

        return Archives(self)

    @cached_property
    def combining(self) -> Combining:
        """Combined files, and what they were made of."""
        from incremental_tool.engine.combine import Combining

        return Combining(self)

    @cached_property
    def functions(self) -> Functions:
        """Units whose changed functions alone are compiled."""
        from incremental_tool.engine.function_compile import Functions

        return Functions(self)

    @cached_property
    def tokens(self) -> Tokens:
        """What a compiler can tell of the project's files."""
        from incremental_tool.engine.token_key import Tokens

        return Tokens(self)

    @cached_property
    def preambles(self) -> PrecompiledPreambles:
        """Units that are compiled with their preambles precompiled."""
        from incremental_tool.engine.preamble import PrecompiledPreambles

        return PrecompiledPreambles(self)

    @cached_property
    def scratch(self) -> Scratch:
        """Where commands and restores write on the way."""
        from incremental_tool.store.scratch import Scratch

        scratch = Scratch(os.path.join(self.settings.state_dir, b"tmp"), self.report)
        scratch.sweep()
        return scratch

    def open_for_commands(self) -> None:
        """Open every store; called before several threads can ask for one at once."""
        self._opened = [self.zir, self.log, self.toolchains, self.archives, self.scratch]
        self._opened += [self.functions, self.preambles, self.tokens, self.combining]

    def _make_folders(self) -> None:
        state, store = self.settings.state_dir, self.settings.cache_dir
        try:
            if not os.path.isdir(state):
                os.makedirs(state, exist_ok=True)
                with open(os.path.join(state, b".gitignore"), "wb") as file:
                    file.write(_IGNORE_ALL)
        except OSError as error:
            self._state_unwritable(error)
        try:
            if not os.path.isdir(store):
                os.makedirs(store, exist_ok=True)
                with open(os.path.join(store, b"CACHEDIR.TAG"), "wb") as file:
                    file.write(_CACHE_TAG)
        except OSError:
            pass  # the first store that fails says so

    def _state_unwritable(self, error: OSError) -> None:
        if self._state_writable:
            self._state_writable = False
            self.report(Reason("store.unwritable", error.strerror or str(error)))

    def real_folder(self, folder: bytes) -> bytes:
        """Return a folder without symbolic links, as it was when this run first asked."""
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = os.path.realpath(folder)
        return real

    def signature(self, path: bytes, status: os.stat_result) -> Optional[str]:
        """Return SCons's content signature of a file with this status, read only if need be."""
        entry = self.files.observe(path, status)
        return entry.signature.hex() if entry is not None and entry.signature else None

    # --- telling --------------------------------------------------------------

    def report(self, reason: Reason) -> None:
        """Count damage or a fallback; the first of its kind is also printed."""
        if self.statistics.note(reason) and reason.id in _WARN:
            self._tell(f"{reason.sentence} [{reason.id}]")

    def note(self, reason: Reason, targets: list[bytes]) -> None:
        """Count a miss, a refusal or a skipped store; INCREMENTAL_EXPLAIN prints it."""
        self.statistics.note(reason)
        if self.settings.explain:
            name = os.fsdecode(targets[0]) if targets else "(no target)"
            self._tell(f"{name}: {reason.sentence} [{reason.id}]")

    def failed(self, where: str, error: BaseException) -> None:
        """Count a failure inside this tool; SCons's own way is used instead."""
        self.report(Reason("hook.failed", f"{where}: {type(error).__name__}: {error}"))

    def log_outcome(
        self,
        targets: list[bytes],
        action: bytes,
        result: bytes,
        outcome: Union[str, Reason],
        milliseconds: int,
    ) -> None:
        """Append what became of each target to the action log."""
        name, detail = (
            (outcome.id, outcome.detail) if isinstance(outcome, Reason) else (outcome, "")
        )
        if self.trace is not None:
            self.trace.note_outcome(outcome)
        when = int(time.time())
        if not self._state_writable:
            return
        from incremental_tool.store.action_log import ActionRecord

        try:
            for target in targets:
                self.log.append(
                    ActionRecord(target, action, result, name, detail, milliseconds, when)
                )
        except OSError as error:
            self._state_unwritable(error)

    # --- runs -----------------------------------------------------------------

    def begin_run(self) -> None:
        """Look at every file and toolchain anew from now on."""
        self.files.begin_run()
        self._real_folders.clear()
        if self._opened:
            self.toolchains.begin_run()

    def snapshot(self) -> dict[str, Any]:
        """Return this build's figures."""
        taken = self.statistics.snapshot()
        taken["files"] = self.files.statistics.as_dict()
        taken["counts"]["us_load"] = int(self._load_seconds * 1e6)
        taken["counts"]["us_save"] = int(self._save_seconds * 1e6)
        if self._opened:
            taken["counts"]["bytes_written"] = self._bytes_written
            taken["counts"]["bytes_read"] = self.zir.objects.bytes_read
        return taken

    def commit(self, *, learned: bool = True) -> None:
        """Save what was learned, and keep the store within its limits. Never raises OSError.

        Without `learned` the memory of files stays as it was.
        """
        taken: dict[str, Any] = {}
        if self._state_writable:
            try:
                started = time.perf_counter()
                if learned:
                    self.files.settle()
                    self.files.save()
                if self._opened:
                    self.preambles.begin_making()
                    self.archives.settle()
                    self.combining.settle()
                    self.toolchains.save()
                    self.log.commit()
                self._save_seconds = time.perf_counter() - started
                taken = self.snapshot()
                figures.save(os.path.join(self.settings.state_dir, b"stats.json"), taken)
            except OSError as error:
                self._state_unwritable(error)
        if self._opened and self.zir.writable and self._bytes_written:
            from incremental_tool.store.trim import note_usage

            note_usage(
                self.settings.cache_dir,
                self._bytes_written,
                self.settings.cache_size,
                self.settings.cache_age_days,
                self.report,
            )
        if self.trace is not None:
            try:
                self.trace.write()
            except OSError as error:
                self._tell(f"INCREMENTAL_TRACE cannot be written: {error.strerror or error}")
        self._show(taken or self.snapshot())

    @property
    def _bytes_written(self) -> int:
        return self.zir.objects.bytes_written + self.functions.air.bytes_written

    def _show(self, taken: dict[str, Any]) -> None:
        wish = self.settings.stats
        if wish == "json":
            import json

            sys.stdout.write(json.dumps(taken, sort_keys=True) + "\n")
        elif wish not in ("", "0", "no", "off", "false"):
            sys.stdout.write(figures.render(taken, "Build statistics") + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Let another build write this project's state."""
        if self._opened:
            self.functions.close()
            self.log.close()
