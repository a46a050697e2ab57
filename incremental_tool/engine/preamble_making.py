"""Make precompiled preambles, in a process of their own behind a build, and try each one.

A `Wish` says of one unit that was just compiled what it read and what came of it. Its
header is made, the very text that was compiled is compiled with it, and the object must
be that one, byte for byte; nothing may be said, and it must have been worth it. All
that was read must be, before and after, what the compile has read. What came of
it is recorded (`store.preambles`); also that it is no use, so that it is not tried again.

The process gets its wishes as msgpack on standard input, runs at the lowest
priority, says nothing, and nobody waits for it unless he wants to.

Knows nothing of when a preamble is wished for.
"""

from __future__ import annotations

import os
import sys
from itertools import count

import msgpack

from incremental_tool.base.atomic import FileLock
from incremental_tool.base.digest import digest_of
from incremental_tool.base.filesystem import RealDisk
from incremental_tool.base.nameless import close_all, content_of, nameless_file
from incremental_tool.base.process import cpu_seconds_of, start
from incremental_tool.model.preamble import (
    Preamble,
    blanked,
    header_of,
    obstacle_in,
    preamble_of,
)
from incremental_tool.model.preamble_command import (
    PreambleCommand,
    making_words,
    names_absolute_place,
    obstacle_in_paths,
    places_told,
    precompiled_name,
    using_words,
)
from incremental_tool.model.reason import Reason
from incremental_tool.store.preambles import Preambles, Record, discard, stamp_of
from incremental_tool.store.zir_cache import stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NamedTuple, Union

    from incremental_tool.base.filesystem import Disk
else:
    from incremental_tool.base.named_tuple import NamedTuple

WORTH = 1.2
"""By how much a compile must be quicker: the header takes room, and time to be made."""

_LOWEST = 19
_serial = count()


class Ran(NamedTuple):
    """What a compiler said, its exit status, and what CPU time it took, in microseconds."""

    status: int
    said: bytes
    us: int


class Wish(NamedTuple):
    """One unit: how it is compiled, the text that was, what it read, and its object's digest."""

    command: PreambleCommand
    directory: bytes
    environment: dict[str, str]
    text: bytes
    object_digest: bytes
    record: Record  # all but what the header itself is


class _MovedError(Exception):
    """What was compiled is not there any more: another build will wish for it again."""


def run_compiler(argv: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Run a compiler whose messages are not shown. Raises OSError."""
    streams: list[int] = []
    try:
        streams.extend(nameless_file() for _ in range(2))
        process = start(argv, {**environment, "LC_ALL": "C"}, *streams)
        status = process.wait()
        said = b"".join(map(content_of, streams))
        return Ran(status, said, int(cpu_seconds_of(process) * 1e6))
    finally:
        close_all(streams)


class Unit:
    """One unit's text, compiled with a header in whose folder it puts what is on the way."""

    def __init__(
        self, command: PreambleCommand, environment: Mapping[str, str], kept: Preambles
    ) -> None:
        self._command = command
        self._environment = environment
        self._kept = kept

    def path(self, action: bytes) -> bytes:
        """Return a path that no other compile uses."""
        mine = b"%s-%d-%d" % (action.hex().encode(), os.getpid(), next(_serial))
        return os.path.join(self._kept.folder, mine)

    def compiled(
        self, record: Record, header: bytes, text: bytes, preamble: Preamble
    ) -> Union[tuple[bytes, int], Reason]:
        """Return the object of a text, compiled with a header, and the CPU time. Raises OSError."""
        if places_told(self._command, text):
            return Reason("preamble.refuse.place", "__PRETTY_FUNCTION__")
        folder = self.path(record.action)
        os.mkdir(folder)
        try:
            command, place = self._command, os.path.join(folder, b"-object")
            unit = os.path.join(folder, os.path.basename(os.fsencode(command.source)))
            if command.family == "gcc":
                with open(unit, "wb") as file:
                    file.write(blanked(text, preamble))
            words = using_words(
                command, os.fsdecode(header), preamble.end, os.fsdecode(unit), os.fsdecode(place)
            )
            ran = run_compiler(words, self._environment)
            if ran.status:
                last = ran.said.strip().rpartition(b"\n")[2]
                return Reason("preamble.refuse.failed", last.decode("utf-8", "replace"))
            if ran.said:
                return Reason("preamble.refuse.messages", "of the unit")
            with open(place, "rb") as file:
                content = file.read()
            if names_absolute_place(command, content):
                return Reason("preamble.refuse.place", "a type without a name")
            return content, ran.us
        finally:
            discard(folder)


def difference(record: Record, disk: Disk) -> bytes:
    """Return a path that is not as a record has it; b"" if all are. Everything is read."""
    for path, digest in record.known():
        try:
            if digest_of(disk.read(path)) != digest:
                return path
        except OSError:
            return path
    for path in record.absent:
        if stands(path, disk):
            return path
    return b""


def make(wish: Wish, kept: Preambles, disk: Disk) -> Record:
    """Make a unit's header and try it; return what to record. Raises OSError and `_MovedError`."""
    record, command, text = wish.record, wish.command, wish.text
    preamble = preamble_of(text)
    if isinstance(preamble, Reason):
        return Record(record.action, preamble)
    why = obstacle_in_paths(command, list(record.inputs), kept.folder)
    if why is not None:
        return Record(record.action, why)
    for path in record.inputs:
        content = disk.read(path)
        obstacle = obstacle_in(content)
        if path[:1] != b"/" and places_told(command, content):
            obstacle = "__PRETTY_FUNCTION__"
        if obstacle:
            detail = f"{os.fsdecode(path)} names {obstacle}"
            return Record(record.action, Reason("preamble.refuse.source", detail))
    source = os.fsencode(command.source)
    gcc = command.family == "gcc"
    unit = Unit(command, wish.environment, kept)
    own = unit.path(record.action) + b".h"
    header = own if gcc else kept.header(record.action)
    made = os.fsencode(precompiled_name(command.family, os.fsdecode(own)))
    header_text = header_of(text, preamble, source) if gcc else text[: preamble.end]
    if header_text is None:
        return Record(record.action, Reason("preamble.refuse.place", command.source))
    try:
        with open(header, "wb") as file:
            file.write(header_text)
        ran = run_compiler(
            making_words(command, os.fsdecode(header), os.fsdecode(made)), wish.environment
        )
        if ran.status:
            return Record(record.action, Reason("preamble.refuse.failed", "to make the header"))
        if ran.said:
            return Record(record.action, Reason("preamble.refuse.messages", "of a header"))
        if gcc:
            os.unlink(own)  # without it there is no falling back to the text
        tried = unit.compiled(record, own if gcc else made, text, preamble)
        # gcc was given a copy of the text, clang the source itself.
        same = gcc or digest_of(disk.read(source)) == digest_of(text)
        if difference(record, disk) or not same:
            raise _MovedError
        if isinstance(tried, Reason):
            return Record(record.action, tried)
        if digest_of(tried[0]) != wish.object_digest:
            return Record(record.action, Reason("preamble.refuse.differs"))
        if tried[1] * WORTH > record.plain_us:
            took = f"{tried[1] / 1e6:.2f} s and {record.plain_us / 1e6:.2f} s without"
            return Record(record.action, Reason("preamble.refuse.slow", took))
        place = os.fsencode(
            precompiled_name(command.family, os.fsdecode(kept.header(record.action)))
        )
        digest = digest_of(disk.read(made))
        os.replace(made, place)
        return record._replace(
            text=text[: preamble.end],
            stamp=stamp_of(os.stat(place)),
            digest=digest,
            with_us=tried[1],
        )
    finally:
        discard(own)
        discard(made)


def fulfil(wish: Wish, state: bytes) -> None:
    """Make what is wished for and record it, unless another process does so."""
    kept, action = Preambles(state), wish.record.action
    lock = FileLock(kept.lock(action))
    try:
        os.makedirs(kept.folder, exist_ok=True)
        if not lock.try_acquire():
            return
        os.chdir(wish.directory)
        disk = RealDisk(state)
        if difference(wish.record, disk):
            return
        kept.forget(action)
        record = make(wish, kept, disk)
        kept.put(record)
        if record.refusal is not None and wish.command.family == "clang":
            discard(kept.header(action))
        kept.trim()
    except (OSError, _MovedError):
        kept.forget(action)
    finally:
        lock.release()


def pack(state: bytes, wishes: Sequence[Wish]) -> bytes:
    """Return what the process gets on standard input."""
    bodies = []
    for wish in wishes:
        record = wish.record
        bodies.append(
            [
                *([list(wish.command)], wish.directory, dict(wish.environment), wish.text),
                *(wish.object_digest, record.action, list(record.inputs), record.digests),
                *(list(record.absent), [list(each) for each in record.extra], record.plain_us),
            ]
        )
    packed: bytes = msgpack.packb(
        [state, bodies], use_bin_type=True, unicode_errors="surrogateescape"
    )
    return packed


def unpack(packed: bytes) -> tuple[bytes, list[Wish]]:
    """Return the state folder and the wishes that `pack` was given."""
    state, bodies = msgpack.unpackb(packed, raw=False, unicode_errors="surrogateescape")
    wishes = []
    for body in bodies:
        (named,), directory, environment, text, made, action, inputs, digests, *rest = body
        absent, extra, plain_us = rest
        family, source, language, words, depfile = named
        record = Record(
            action,
            inputs=tuple(inputs),
            digests=digests,
            absent=tuple(absent),
            extra=tuple((path, content) for path, content in extra),
            plain_us=plain_us,
        )
        command = PreambleCommand(family, source, language, tuple(words), depfile)
        wishes.append(Wish(command, directory, environment, text, made, record))
    return state, wishes


def main() -> None:
    """Fulfil what stands on standard input, one wish after the other."""
    os.nice(_LOWEST)
    state, wishes = unpack(sys.stdin.buffer.read())
    for wish in wishes:
        fulfil(wish, state)


if __name__ == "__main__":
    main()
