"""Comparing objects made of functions with full compiles, before they are used or after the build.

A check that waits is a file in the state folder, `checks/<digest of the object>`, msgpack::

    [working folder, [word, ...], {variable: value, ...}, output path,
     [[input path, digest 16], ...], object]

At the end of a build a process of its own is started for what waits, at a low priority and with
nothing to say: `incremental-tool check`. It compiles the unit whole, if its inputs are still what
the object was made from, and compares. The file has the compiler's environment: nobody else may
read it.

The rule: the first difference turns the level off for the project. Both objects are kept, the
wrong one is removed from where it lies (once no build of the project is running), so that the next
build makes it again, whole, and says why.

Knows nothing of how the objects were made.
"""

from __future__ import annotations

import os
import sys
import time

import msgpack

from incremental_tool.base.atomic import FileLock, temporary_name, write_new
from incremental_tool.base.digest import digest_of
from incremental_tool.base.nameless import close_all, nameless_file
from incremental_tool.base.process import start
from incremental_tool.model.object_comparison import differences
from incremental_tool.store.zir_cache import put_in_place

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple


OFF = b"functions.off"
"""The file in the state folder that says that an object made of functions was wrong once."""

WAITING = b"checks"
"""The folder in the state folder for objects that wait to be compared."""

MAX_WAITING = 8
"""Objects that wait at most; more are not compared. Each costs a full compile."""

_PATIENCE = 600.0
"""Seconds to wait for a running build before a wrong object is left where it is."""

AS_EXPECTED, MOVED, FAILED = "as expected", "its inputs have changed since", "it does not compile"
HARMLESS = frozenset((AS_EXPECTED, MOVED, FAILED))
"""What may be found of an object beside how it differs."""


class Check(NamedTuple):
    """One object that waits: how its unit is compiled whole, and what from."""

    folder: bytes
    words: list[str]
    environment: dict[str, str]
    output: bytes
    inputs: list[tuple[bytes, bytes]]
    content: bytes


def difference(state: bytes, output: bytes, whole: bytes, made: bytes, umask: int) -> Optional[str]:
    """Return how an object made of functions differs from a whole one; turns the level off.

    Raises OSError.
    """
    found = differences(whole, made)
    if not found:
        return None
    kept = os.path.join(state, b"differs-" + digest_of(output).hex().encode())
    permissions = 0o666 & ~umask
    put_in_place(kept + b".whole.o", whole, permissions)
    put_in_place(kept + b".functions.o", made, permissions)
    said = f"{os.fsdecode(output)}: {found[0]}\n"
    put_in_place(os.path.join(state, OFF), os.fsencode(said), permissions)
    return said.strip()


def is_off(state: bytes) -> Optional[str]:
    """Return why the level is off for a project, or None."""
    try:
        with open(os.path.join(state, OFF), "rb") as file:
            return os.fsdecode(file.readline()).strip()
    except OSError:
        return None


def put_off(state: bytes, check: Check) -> None:
    """Let an object wait to be compared. Raises OSError."""
    folder = os.path.join(state, WAITING)
    os.makedirs(folder, exist_ok=True)
    if len(os.listdir(folder)) >= MAX_WAITING:
        return
    name = digest_of(check.content).hex().encode()
    content = msgpack.packb(list(check), use_bin_type=True, unicode_errors="surrogateescape")
    write_new(os.path.join(folder, name), content, 0o600)


def begin(top: str, state: bytes) -> None:
    """Start a process that compares what waits. Raises OSError."""
    from subprocess import DEVNULL, Popen

    words = [sys.executable, "-m", "incremental_tool", "--top", top, "check"]
    environment = {**os.environ, "INCREMENTAL_DIR": os.fsdecode(os.path.abspath(state))}
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    known = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([package, known] if known else [package])
    started = Popen(
        words,
        env=environment,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    started.returncode = 0  # it may outlive the build: nobody waits, and Python need not warn


def perform(state: bytes, umask: int) -> list[tuple[str, str]]:
    """Compare what waits; return the outputs, and what was found of each. Raises OSError."""
    folder = os.path.join(state, WAITING)
    results = []
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    for name in names:
        path = os.path.join(folder, name)
        try:
            with open(path, "rb") as file:
                check = _decoded(file.read())
        except FileNotFoundError:
            continue  # another process has done it
        os.unlink(path)
        if check is not None:
            results.append((os.fsdecode(check.output), _perform(state, check, umask)))
    return results


def _decoded(content: bytes) -> Optional[Check]:
    """Return a check as it was written; None for anything else."""
    try:
        found: Any = msgpack.unpackb(content, unicode_errors="surrogateescape")
        folder, words, environment, output, inputs, made = found
        pairs = [(path, known) for path, known in inputs]
        check = Check(folder, list(words), dict(environment), output, pairs, made)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    texts = [*words, *check.environment, *check.environment.values()]
    paths = [folder, output, made, *(each for pair in pairs for each in pair)]
    right = all(isinstance(text, str) for text in texts) and words
    return check if right and all(isinstance(path, bytes) for path in paths) else None


def _perform(state: bytes, check: Check, umask: int) -> str:
    os.chdir(check.folder)
    if not _stand(check.inputs):
        return MOVED
    whole = _compiled(state, check)
    if not _stand(check.inputs):
        return MOVED
    if whole is None:
        return FAILED
    said = difference(state, check.output, whole, check.content, umask)
    if said is None:
        return AS_EXPECTED
    _remove(state, check)
    return said


def _stand(inputs: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether files are what an object was made from."""
    for path, known in inputs:
        try:
            with open(path, "rb") as file:
                if digest_of(file.read()) != known:
                    return False
        except OSError:
            return False
    return True


def _compiled(state: bytes, check: Check) -> Optional[bytes]:
    place = temporary_name(state)
    streams: list[int] = []
    try:
        streams.extend(nameless_file() for _ in range(2))
        argv = [*check.words, "-o", os.fsdecode(place)]
        if start(argv, {**check.environment, "LC_ALL": "C"}, *streams).wait():
            return None
        with open(place, "rb") as file:
            return file.read()
    except OSError:
        return None
    finally:
        close_all(streams)
        try:
            os.unlink(place)
        except OSError:
            pass


def _remove(state: bytes, check: Check) -> None:
    """Remove a wrong object, unless something else lies there by now; waits for a running build."""
    lock = FileLock(os.path.join(state, b"zir_index.bin.lock"))
    until = time.monotonic() + _PATIENCE
    while not lock.try_acquire():
        if time.monotonic() > until:
            return
        time.sleep(0.1)
    try:
        with open(check.output, "rb") as file:
            same = file.read() == check.content
        if same:
            os.unlink(check.output)
    except OSError:
        pass  # it has gone already, or cannot be removed: the level is off in any case
    finally:
        lock.release()
