"""Run one command through the cache: restore what it would make, or run and remember.

The one way in which this tool executes anything. The order is fixed by the
races it must survive:

1. look the action up; on a hit put the verified outputs in place and replay
   what the command said;
2. otherwise sample the file system's clock, run the command, and find what it
   read;
3. an input whose times are not older than that sample may have changed while
   the command ran: the outputs stay, nothing is stored, and the next build
   sees the file as changed (SCons has this open as its issue 2701);
4. store objects, then the manifest, then the log record.

Whatever fails before the command has run leads to the command being run as
plain SCons runs it; whatever fails after leaves the built files as they are.
A cache never fails a build.

Knows nothing of SCons: a `Request` says what is to be run.
"""

from __future__ import annotations

import os
import sys
import time

from incremental_tool.base.digest import digest_of
from incremental_tool.base.nameless import close_all, content_of, nameless_file
from incremental_tool.base.pattern import lazily
from incremental_tool.base.process import cpu_seconds_of, start
from incremental_tool.engine.made import absent_of, digests_of, output_at
from incremental_tool.engine.plan import Standing
from incremental_tool.model.action import action_digest, difference
from incremental_tool.model.fingerprint import newest_ns
from incremental_tool.model.function_command import FunctionCommand
from incremental_tool.model.reason import Reason
from incremental_tool.store.manifest import MAX_STREAM, KnownResult
from incremental_tool.store.zir_cache import Hit, Miss, put_in_place, stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, NamedTuple, Optional, Union

    from incremental_tool.base.process import Waiting
    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Plan, Request
    from incremental_tool.engine.planner import Planner
    from incremental_tool.engine.token_key import Alike
else:
    from incremental_tool.base.named_tuple import NamedTuple


NO_DIGEST = b"\0" * 16

PATCHED = "patched"
"""What a command came to that a library was brought up to date without."""

# Select Graphic Rendition and Erase in Line: all that gcc and clang color with.
_COLORS = lazily(rb"\x1b\[[0-9;]*[mK]")


class _Done(NamedTuple):
    """A command that was run: its exit status, what it said, how long it ran, and its CPU time."""

    status: int
    stdout: bytes
    stderr: bytes
    milliseconds: int
    cpu_seconds: float


class Missed(NamedTuple):
    """A command for which no result is known: how to run it, and why it must be.

    Without a plan it is run as SCons would run it, and counted as `end`. With `base_words` behind
    it, it makes an object that single functions can be replaced in: that is kept apart. `nearest`
    is the newest known result.
    """

    end: str
    plan: Optional[Plan] = None
    action: bytes = NO_DIGEST
    reason: Reason = Reason("zir.miss.new")
    base_words: tuple[str, ...] = ()
    nearest: Optional[KnownResult] = None


class CommandCache:
    """Runs commands for one project; safe to use from several threads."""

    def __init__(self, cache: MultiLevelCache, planner: Planner) -> None:
        self._cache = cache
        self._planner = planner

    def run(self, request: Request, plain: Callable[[], int]) -> int:
        """Bring the request's targets about; return the command's exit status.

        `plain` runs the command as SCons itself would.
        """
        missed = self.begin(request)
        return 0 if missed is None else self.finish(request, missed, plain)

    def begin(self, request: Request) -> Optional[Missed]:
        """Restore the request's targets, if a result is known; else tell what `finish` needs."""
        trace = self._cache.trace
        if trace is None:
            return self._look_up(request)
        trace.begin(request)
        missed = self._look_up(request)
        trace.looked_up(missed)
        return missed

    def _look_up(self, request: Request) -> Optional[Missed]:
        # Nothing in a `try` here runs the command: it must never run twice.
        statistics = self._cache.statistics
        statistics.add("commands")
        started = time.perf_counter()
        end = "not_stored"  # what it is counted as, unless it comes to something else
        try:
            plan = self._planner.plan(request)
            if isinstance(plan, Reason):
                self._cache.note(plan, request.targets)
                self._cache.log_outcome(request.targets, NO_DIGEST, NO_DIGEST, plan, 0)
                end = "refused"
            elif isinstance(plan, Standing):
                if self._cache.trace is not None:
                    self._cache.trace.note_kind(plan.kind)
                self._count_patched(request, plan.kind, NO_DIGEST, started)
                return None
            else:
                if self._cache.trace is not None:
                    self._cache.trace.note_kind(plan.kind)
                action = action_digest(plan.fields)
                made: Optional[Reason] = None
                found: Union[Hit, Alike, Miss] = self._lookup(plan, action)
                if isinstance(found, Miss):
                    # Comparing a unit with its base tells as much as its tokens, and is quicker.
                    if isinstance(plan.functions, FunctionCommand):
                        made = self._cache.functions.make(request, plan, action)
                    if made is None:
                        found = self._alike(request, plan, found)
                if made is not None:
                    self._count_functions(request, made, action, started)
                    return None
                if not isinstance(found, Miss):
                    self._restore(request, plan, action, found)
                    statistics.add("us_restore", int((time.perf_counter() - started) * 1e6))
                    statistics.add("hits")
                    return None
                if plan.archiving is not None and self._cache.archives.patch(
                    plan.outputs[0], plan.archiving, request.targets
                ):
                    self._count_patched(request, plan.kind, action, started)
                    return None
                if isinstance(plan.functions, Reason):
                    self._cache.note(plan.functions, request.targets)
                made = self._cache.preambles.make(request, plan, action)
                if made is not None:
                    self._count_preamble(request, made, action, started)
                    return None
                reason = self._explain(request, action, plan, found.reason)
                words = self._cache.functions.base_words(plan, found)
                missed = Missed(end, plan, action, reason, words, found.nearest)
                statistics.add("us_lookup", int((time.perf_counter() - started) * 1e6))
                return missed
        except Exception as error:
            self._cache.failed("command", error)
        return Missed(end)

    def _count_patched(self, request: Request, kind: str, action: bytes, started: float) -> None:
        """Count a library that is what its command would make of it, without the command."""
        statistics = self._cache.statistics
        names = _logged(request.targets, kind)
        self._cache.log_outcome(names, action, NO_DIGEST, PATCHED, 0)
        statistics.add("us_patch", int((time.perf_counter() - started) * 1e6))
        statistics.add("patched")

    def _count_functions(
        self, request: Request, made: Reason, action: bytes, started: float
    ) -> None:
        """Count an object that was made of functions, without the command."""
        statistics = self._cache.statistics
        self._cache.note(made, request.targets)
        self._cache.log_outcome(request.targets, action, NO_DIGEST, made, 0)
        statistics.add("us_functions", int((time.perf_counter() - started) * 1e6))
        statistics.add("by_function")

    def _count_preamble(
        self, request: Request, made: Reason, action: bytes, started: float
    ) -> None:
        """Count an object that was compiled with a precompiled preamble, not by the command."""
        statistics = self._cache.statistics
        self._cache.note(made, request.targets)
        self._cache.log_outcome(request.targets, action, NO_DIGEST, made, 0)
        statistics.add("us_preamble", int((time.perf_counter() - started) * 1e6))
        statistics.add("by_preamble")

    def finish(self, request: Request, missed: Missed, plain: Callable[[], int]) -> int:
        """Run a command for which `begin` knew no result; return its exit status."""
        trace = self._cache.trace
        if trace is None:
            return self._run_missed(request, missed, plain)
        trace.run(missed)
        status = -1
        try:
            status = self._run_missed(request, missed, plain)
        finally:
            trace.end(status)
        return status

    def _run_missed(self, request: Request, missed: Missed, plain: Callable[[], int]) -> int:
        if missed.plan is None:
            self._cache.statistics.add(missed.end)
            return self._plainly(request, plain)
        return self._run_and_store(request, missed.plan, missed, plain)

    def _plainly(self, request: Request, plain: Callable[[], int]) -> int:
        """Run the command as SCons would, without the cache."""
        try:
            clear(request.removable)
        except Exception as error:
            self._cache.failed("command", error)
        try:
            return plain()
        finally:
            for target in request.targets:
                self._cache.files.forget(target)

    # --- hit ------------------------------------------------------------------

    def _lookup(self, plan: Plan, action: bytes) -> Union[Hit, Miss]:
        files, disk = self._cache.files, self._cache.disk
        return self._cache.zir.lookup(
            action, len(plan.outputs), files.digest, lambda path: stands(path, disk)
        )

    def _alike(self, request: Request, plan: Plan, missed: Miss) -> Union[Alike, Miss]:
        """Return a result of the same tokens, if one is known."""
        if plan.tokens is None:
            return missed
        alike = self._cache.tokens.find(plan, missed)
        if isinstance(alike, Reason):
            self._cache.note(alike, request.targets)
            return missed
        return alike or missed

    def _restore(self, request: Request, plan: Plan, action: bytes, hit: Union[Hit, Alike]) -> None:
        statistics = self._cache.statistics
        if request.rewrite:
            clear(plan.outputs)
        for path, output, content in zip(plan.outputs, hit.result.outputs, hit.contents):
            permissions = output.permissions
            if output.lessened:
                permissions &= ~self._cache.umask
            written = put_in_place(path, content, permissions, self._cache.scratch.folder)
            statistics.add("outputs_restored" if written else "outputs_kept")
            self._cache.files.forget(path)
        if plan.archiving is not None:
            self._cache.archives.learn(plan.outputs[0], plan.archiving, hit.result, hit.contents[0])
        statistics.add("command_ms_saved", hit.result.milliseconds)
        self._say(hit.result.stdout, hit.result.stderr, hit.result.colored and not request.terminal)
        outcome: Union[str, Reason] = "hit"
        if not isinstance(hit, Hit):
            outcome = hit.reason
            self._cache.note(outcome, request.targets)
            self._cache.zir.store(action, plan.fields, hit.result, hit.contents)
        names = _logged(request.targets, plan.kind)
        self._cache.log_outcome(
            names, action, result_digest(hit.result), outcome, hit.result.milliseconds
        )

    # --- miss -----------------------------------------------------------------

    def _explain(self, request: Request, action: bytes, plan: Plan, reason: Reason) -> Reason:
        if reason.id == "zir.miss.new":
            names = _logged(request.targets, plan.kind)
            last = self._cache.log.last(names[0]) if names else None
            if last is not None and last.action not in (action, NO_DIGEST):
                manifest = self._cache.zir.manifest(last.action)
                if manifest is not None:
                    reason = difference(manifest.fields, plan.fields)
        self._cache.note(reason, request.targets)
        return reason

    def _run_and_store(
        self,
        request: Request,
        plan: Plan,
        missed: Missed,
        plain: Callable[[], int],
    ) -> int:
        statistics = self._cache.statistics
        streams: list[int] = []
        process: Optional[Waiting] = None
        try:
            clear(request.removable)
            began_ns = self._begin(request)
            streams.extend(nameless_file() for _ in range(2))
            started = time.perf_counter()
            process = self._start(request, plan, missed.base_words, *streams)
        except Exception as error:
            self._cache.failed("execute", error)
        if process is None:
            close_all(streams)
            statistics.add("not_stored")
            return self._plainly(request, plain)
        status = process.wait()
        if status < 0 and plan.argv is not None:
            status = 128 - status  # what the shell would have said of a signal
        if status != 0 and plan.argv is not None and not self._cache.scratch.intact():
            # Somebody deleted our folder, and with it the place for the list of inputs.
            close_all(streams)
            statistics.add("not_stored")
            return self._plainly(request, plain)
        end = "not_stored"
        try:
            milliseconds = int((time.perf_counter() - started) * 1000)
            statistics.add("us_run", milliseconds * 1000)
            for path in [*plan.outputs, *request.targets]:
                self._cache.files.forget(path)
            stdout, stderr = (content_of(stream) for stream in streams)
            close_all(streams)
            done = _Done(status, stdout, stderr, milliseconds, cpu_seconds_of(process))
            self._say(done.stdout, done.stderr, strip=False)
            started = time.perf_counter()
            end = self._finish(request, plan, missed, done, began_ns)
            statistics.add("us_store", int((time.perf_counter() - started) * 1e6))
        except Exception as error:
            self._cache.failed("store", error)
        statistics.add(end)
        return status

    def _finish(
        self,
        request: Request,
        plan: Plan,
        missed: Missed,
        done: _Done,
        began_ns: int,
    ) -> str:
        """Store what the command made, if it can be; return what the command is counted as."""
        if done.status != 0:
            failed = Reason("zir.skip.failed", f"status {done.status}")
            return self._not_stored(request, plan, missed.action, failed)
        if plan.after is not None:
            import subprocess

            subprocess.run(
                plan.after,
                env=dict(request.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,  # without its list of inputs the result is not stored
            )
        return self._store(request, plan, missed, done, began_ns)

    def _begin(self, request: Request) -> int:
        """Return the clock's time, after letting it pass what this run has just made."""
        disk = self._cache.disk
        now = disk.now_ns()
        for path in request.fresh_inputs:
            try:
                newest = newest_ns(disk.stat(path))
            except OSError:
                continue  # a folder or a vanished file: the command will tell
            if newest >= now:
                disk.wait_until_after(newest)
                now = disk.now_ns()
        return now

    @staticmethod
    def _start(request: Request, plan: Plan, more: tuple[str, ...], out: int, err: int) -> Waiting:
        argv: Sequence[str] = plan.argv or [request.shell, "-c", request.text]
        if more:
            argv = [*argv, *more]
        return start(argv, request.environment, out, err)

    def _not_stored(self, request: Request, plan: Plan, action: bytes, reason: Reason) -> str:
        self._cache.note(reason, request.targets)
        self._cache.log_outcome(_logged(request.targets, plan.kind), action, NO_DIGEST, reason, 0)
        return "refused" if reason.id.startswith("zir.refuse.") else "not_stored"

    def _store(
        self, request: Request, plan: Plan, missed: Missed, done: _Done, began_ns: int
    ) -> str:
        action = missed.action
        found = plan.collect(done.stderr)
        if isinstance(found, Reason):
            return self._not_stored(request, plan, action, found)
        inputs = digests_of(found.inputs, self._cache.files, began_ns)
        if isinstance(inputs, Reason):
            return self._not_stored(request, plan, action, inputs)
        absent = absent_of(found.absent, self._cache, began_ns)
        if isinstance(absent, Reason):
            return self._not_stored(request, plan, action, absent)
        if max(len(done.stdout), len(done.stderr)) > MAX_STREAM:
            return self._not_stored(
                request, plan, action, Reason("zir.skip.output-too-large", "its messages")
            )
        outputs, contents = [], []
        for path in plan.outputs:
            taken = output_at(path, self._cache)
            if isinstance(taken, Reason):
                return self._not_stored(request, plan, action, taken)
            outputs.append(taken[0])
            contents.append(taken[1])
        result = KnownResult(
            found.inputs,
            b"".join(inputs),
            absent,
            outputs,
            done.stdout,
            done.stderr,
            plan.colored,
            done.milliseconds,
        )
        if plan.archiving is not None:
            self._cache.archives.learn(plan.outputs[0], plan.archiving, result, contents[0])
        if missed.base_words:
            skipped = self._cache.functions.learn(request, plan, action, result, contents[0])
        else:
            if plan.tokens is not None:
                result = self._cache.tokens.codes(plan, result, missed.nearest, request.directory)
            skipped = self._cache.zir.store(action, plan.fields, result, contents)
            self._cache.functions.learn_contained(request, plan, action, result, contents[0])
        if skipped is not None:
            return self._not_stored(request, plan, action, skipped)
        if plan.preamble is not None and missed.reason.id == "zir.miss.input-changed":
            self._cache.preambles.learn(
                request, plan, action, result, done.cpu_seconds, missed.base_words
            )
        names = _logged(request.targets, plan.kind)
        digest = result_digest(result)
        self._cache.log_outcome(names, action, digest, missed.reason, done.milliseconds)
        return "stored"

    # --- telling --------------------------------------------------------------

    @staticmethod
    def _say(stdout: bytes, stderr: bytes, strip: bool) -> None:
        for stream, said in ((sys.stdout, stdout), (sys.stderr, stderr)):
            if not said:
                continue
            text = _COLORS.sub(b"", said) if strip else said
            stream.flush()
            raw = getattr(stream, "buffer", None)
            if raw is not None:
                raw.write(text)
                raw.flush()
            else:
                stream.write(text.decode("utf-8", "replace"))
                stream.flush()


def _logged(targets: list[bytes], kind: str) -> list[bytes]:
    """Return the names under which an outcome is logged.

    An archive is made by `ar` and then indexed by `ranlib`: the second command must not stand in
    for the first when a miss is explained.
    """
    return [target + b" (index)" for target in targets] if kind == "index" else targets


def result_digest(result: KnownResult) -> bytes:
    """Return a digest that names a result: its inputs and its outputs."""
    return digest_of(result.digests + b"".join(output.digest for output in result.outputs))


def clear(paths: Sequence[bytes]) -> None:
    """Remove targets as SCons does before it builds them. Raises OSError where SCons would."""
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass  # nothing to remove
