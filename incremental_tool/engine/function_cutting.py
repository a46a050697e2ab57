"""Cut bases into functions in a process of its own, behind the build that made them.

To cut a unit takes as long as two or three compiles of a small one, and none of it is needed for
the object. So the build that makes a base (`engine.function_compile`) starts a process that is
given on standard input what there is to cut (msgpack)::

    [state folder, cache folder, [[command, working folder, {variable: value}, output, identity]]]

`command` is a `FunctionCommand`. An edit that comes before that has ended cuts its unit itself.

Rule kept: a cut is kept only if all that the base was compiled from, but for its source, was as it
was before the cutting and is so behind it.

Knows nothing of edits.
"""

from __future__ import annotations

import os
import sys

import msgpack

from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.base.filesystem import RealDisk
from incremental_tool.engine import behind, cpp_functions
from incremental_tool.engine.function_base import Compiler, cut_of, functions_by_line
from incremental_tool.model.function_command import FunctionCommand
from incremental_tool.model.reason import Reason
from incremental_tool.store.air_cache import AirCache
from incremental_tool.store.scratch import Scratch
from incremental_tool.store.zir_cache import stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple, Optional

    from incremental_tool.base.filesystem import Disk
    from incremental_tool.store.air_cache import Base
else:
    from incremental_tool.base.named_tuple import NamedTuple

MAX_CUT = 4
"""Units cut behind one build at most; where more have become bases, it was no edit."""

_LOWEST = 19


class Uncut(NamedTuple):
    """A base that nobody has cut yet: how it is preprocessed, and where it is kept."""

    command: FunctionCommand
    folder: bytes
    environment: Mapping[str, str]
    output: bytes
    identity: bytes


class _Place(NamedTuple):
    """Where a compiler writes, and what it reads from."""

    scratch: Scratch
    disk: Disk


def begin(state: bytes, cache: bytes, uncut: Sequence[Uncut], *, wait: bool) -> None:
    """Start the process; `wait` for it, if that is asked for. Raises OSError."""
    told = pack(os.path.abspath(state), os.path.abspath(cache), uncut)
    behind.begin("incremental_tool.engine.function_cutting", told, wait=wait)


def pack(state: bytes, cache: bytes, uncut: Sequence[Uncut]) -> bytes:
    """Return what the process gets on standard input."""
    bodies = [
        [list(each.command), each.folder, dict(each.environment), each.output, each.identity]
        for each in uncut
    ]
    packed: bytes = msgpack.packb(
        [state, cache, bodies], use_bin_type=True, unicode_errors="surrogateescape"
    )
    return packed


def unpack(packed: bytes) -> tuple[bytes, bytes, list[Uncut]]:
    """Return what `pack` was given."""
    state, cache, bodies = msgpack.unpackb(packed, raw=False, unicode_errors="surrogateescape")
    uncut = []
    for named, *rest in bodies:
        family, source, words, added, debug, contained, language = named
        command = FunctionCommand(
            family, source, tuple(words), tuple(added), debug, tuple(contained), language
        )
        uncut.append(Uncut(command, *rest))
    return state, cache, uncut


def perform(state: bytes, cache: bytes, uncut: Uncut) -> bool:
    """Cut one base, if it is still the one; return whether it was kept. Raises OSError."""
    air = AirCache(state, cache, _say_nothing)
    base = air.base(uncut.output)
    if base is None or base.identity != uncut.identity:
        return False
    os.chdir(uncut.folder)
    disk = RealDisk(state)
    place = _Place(Scratch(os.path.join(state, b"tmp"), _say_nothing), disk)
    compiler = Compiler(uncut.command, uncut.environment, place)
    if not _as_compiled(base, disk):
        return False
    body = _cut(base, compiler)
    if body is None or not _as_compiled(base, disk):
        return False
    air.put_cut(uncut.output, body)
    return True


def _cut(base: Base, compiler: Compiler) -> Optional[list[Any]]:
    """Return what is kept of a base, cut; None if it cannot be. Raises OSError."""
    if compiler.command.language == cpp_functions.LANGUAGE:
        made = cpp_functions.cut_of(base, compiler)
        return None if isinstance(made, Reason) else cpp_functions.body_of(base, made)
    unit = cut_of(base, compiler)
    if isinstance(unit, Reason) or isinstance(functions_by_line(unit, compiler), Reason):
        return None
    return unit.body()


def _as_compiled(base: Base, disk: Disk) -> bool:
    """Whether all but the source is as it was when a base was compiled. Raises OSError."""
    for at, path in enumerate(base.inputs):
        known = base.digests[at * DIGEST_SIZE : (at + 1) * DIGEST_SIZE]
        if path != base.source and digest_of(disk.read(path)) != known:
            return False
    return not any(stands(path, disk) for path in base.absent)


def _say_nothing(_: Reason) -> None:
    """Take what nobody listens to: the edit that finds no cut will tell."""


def main() -> None:
    """Cut what stands on standard input, one unit after the other."""
    if hasattr(os, "nice"):
        os.nice(_LOWEST)
    state, cache, uncut = unpack(sys.stdin.buffer.read())
    for each in uncut:
        try:
            perform(state, cache, each)
        except OSError:
            continue  # something has gone; an edit will tell
