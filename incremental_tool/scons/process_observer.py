"""Observes the processes that reading the scripts runs, and what they told.

Every way of `subprocess` leads through `Popen`: its constructor is wrapped, to
note command, folder, environment and streams, and so is what hands its output
over. Other ways of starting programs are refused (`audit_observer`).

What a process told is needed to compare: `communicate` returns it; a stream
that the script reads by itself is led through one that keeps a copy. A process
whose output was not read to its end told an unknown part of it.

Knows nothing of what may be said of which program (`engine.process_rules`).
"""

from __future__ import annotations

import inspect
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Optional, Union

from incremental_tool.scons import call_site, environment_observer
from incremental_tool.scons.observations import BUSY

if TYPE_CHECKING:
    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

_SCONF = os.path.join(call_site.SCONS_FOLDER, "SConf.py")


class Kept(io.RawIOBase):
    """A raw stream that keeps a copy of all that is read from another."""

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw
        self.content = bytearray()
        self.complete = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read from the other stream."""
        count = int(self._raw.readinto(buffer) or 0)
        if count:
            self.content += memoryview(buffer)[:count]
        elif len(buffer):
            self.complete = True
        return count

    def fileno(self) -> int:
        """Return the other stream's descriptor: a process that reads it on is not followed."""
        return int(self._raw.fileno())

    def close(self) -> None:
        """Close both."""
        self._raw.close()
        super().close()


class Started:
    """One process."""

    def __init__(self, given: dict[str, Any], site: str, *, configuring: bool) -> None:
        self.site = site
        self.configuring = configuring
        arguments = given.get("args", ())
        shell = bool(given.get("shell"))
        self.argv = _words(arguments, given.get("executable"), shell=shell)
        self.text = " ".join(self.argv[2:] if shell else self.argv)
        self.folder = os.path.join(os.getcwd(), os.fsdecode(given.get("cwd") or ""))
        env = given.get("env")
        self.inherits = env is None
        """Whether it gets the environment that the script itself has."""
        self.env: Optional[dict[bytes, bytes]] = None
        if env is None:
            self.env = environment_observer.values_if_changed()
        else:
            self.env = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
        self.stdin = given.get("stdin")
        self.stdout = given.get("stdout")
        self.stderr = given.get("stderr")
        self.odd = any(given.get(name) for name in ("preexec_fn", "user", "group", "pass_fds"))
        self.process: Any = None
        self.running = False
        """Whether it could be started at all."""
        self.kept: Optional[Kept] = None
        self.told: Union[bytes, str, None] = None
        self.told_errors: Union[bytes, str, None] = None
        self.was_given_input = False

    @property
    def status(self) -> Optional[int]:
        """Return the exit status; None while it is not known to the script either."""
        status = self.process.returncode if self.process is not None else None
        return status if isinstance(status, int) else None

    def output(self) -> Union[bytes, str, None]:
        """Return all that it wrote to a pipe; None when it is not known, b"" without a pipe."""
        if self.stdout != subprocess.PIPE:
            return b""
        if self.told is not None:
            return self.told
        return bytes(self.kept.content) if self.kept is not None and self.kept.complete else None


def _words(arguments: Any, executable: Any, *, shell: bool) -> list[str]:
    if isinstance(arguments, (str, bytes)) or hasattr(arguments, "__fspath__"):
        words = [os.fsdecode(arguments)]
    else:
        words = [os.fsdecode(word) for word in arguments]
    if shell:
        return [os.fsdecode(executable or "/bin/sh"), "-c", *words]
    if executable and words:
        words[0] = os.fsdecode(executable)
    return words


def observe(observed: Observations, replacements: Replacements) -> None:
    """Note processes, until `replacements` are restored."""
    started: dict[int, Started] = {}
    signature = inspect.signature(subprocess.Popen.__init__)

    def make_init(original: Any) -> Any:
        def init(self: Any, *arguments: Any, **options: Any) -> None:
            if not observed.active or BUSY.depth:
                original(self, *arguments, **options)
                return
            note: Optional[Started] = None
            try:
                frame = sys._getframe(1)  # noqa: SLF001 - the one way to see who calls
                given = signature.bind(self, *arguments, **options).arguments
                note = Started(given, call_site.describe(frame), configuring=_in_configure(frame))
            except Exception as error:
                observed.failed("Popen", error)
            if note is not None:
                note.process = self
                observed.processes.append(note)
                started[id(self)] = note
            with BUSY:  # what Popen opens for itself
                original(self, *arguments, **options)
            if note is not None:
                note.running = True
            if note is not None and note.stdout == subprocess.PIPE:
                try:
                    _keep(self, note)
                except Exception as error:
                    observed.failed("Popen", error)

        return init

    def make_communicate(original: Any) -> Any:
        def communicate(self: Any, input: Any = None, timeout: Any = None) -> Any:  # noqa: A002 - the name callers use
            result = original(self, input, timeout)
            note = started.get(id(self))
            if note is not None and note.process is self:
                note.told, note.told_errors = result
                note.was_given_input = note.was_given_input or bool(input)
            return result

        return communicate

    replacements.replace(subprocess.Popen, "__init__", make_init)
    replacements.replace(subprocess.Popen, "communicate", make_communicate)


def _in_configure(frame: Any) -> bool:
    """Tell whether SCons runs a process for a check; a check of the project's may run its own."""
    while frame is not None:
        if call_site.is_project(frame.f_code.co_filename):
            return False
        if frame.f_code.co_filename == _SCONF:
            return True
        frame = frame.f_back
    return False


def _keep(process: Any, note: Started) -> None:
    """Lead the process's output through a stream that keeps a copy."""
    stream = process.stdout
    if isinstance(stream, io.TextIOWrapper):
        encoding, errors = stream.encoding, stream.errors
        line_buffering = stream.line_buffering
        note.kept = Kept(_raw_of(stream.detach()))
        process.stdout = io.TextIOWrapper(
            io.BufferedReader(note.kept), encoding, errors, line_buffering=line_buffering
        )
    elif isinstance(stream, io.BufferedReader):
        note.kept = Kept(stream.detach())
        process.stdout = io.BufferedReader(note.kept)
    elif isinstance(stream, io.RawIOBase):
        note.kept = Kept(stream)
        process.stdout = note.kept


def _raw_of(stream: Any) -> Any:
    return stream.detach() if isinstance(stream, io.BufferedReader) else stream
