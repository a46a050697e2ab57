"""`ZirCache`: what a command made of its inputs, restored instead of made again.

Looks an action up by its digest, compares each known input set with the files
as they are now, and hands out the outputs of the first that matches; stores new
results, objects first, then the manifest that names them, so that a kill at any
point leaves only unreferenced objects.

Rules kept: no result is handed out unless every input has the recorded digest,
every path that was looked for in vain is still absent, and every output's bytes
match their digest. Whatever is damaged is quarantined, counted and a miss. A
cache that cannot be written is reported once and then only read.

Knows nothing of compilers or SCons; where outputs go is the caller's business.
"""

from __future__ import annotations

import os
import stat as stat_module
import threading

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.action import action_digest
from incremental_tool.model.reason import Reason
from incremental_tool.store.manifest import KnownResult, Manifest, decode, encode
from incremental_tool.store.objects import (
    ObjectStore,
    publish,
    quarantine,
    read_regular,
    touch,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, NamedTuple, Optional, Union

    from incremental_tool.base.filesystem import Disk

    Report = Callable[[Reason], None]

    DigestOf = Callable[[bytes], Optional[bytes]]
    """Digest of the file at a path as it is now, or None when there is none."""

    Exists = Callable[[bytes], bool]
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Hit(NamedTuple):
    """A known result whose inputs are all as recorded, with its outputs' bytes."""

    result: KnownResult
    contents: list[bytes]


class Miss(NamedTuple):
    """No usable result; `nearest` is the newest known one and `reason` how it differs.

    `known` are all results of the action, newest first.
    """

    reason: Reason
    nearest: Optional[KnownResult]
    known: Sequence[KnownResult] = ()


class ZirCache:
    """Manifests and results over an object store, in one cache folder."""

    def __init__(self, folder: bytes, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._mutex = threading.Lock()
        self.objects = ObjectStore(folder, report)
        self.writable = True

    def path_of(self, action: bytes) -> bytes:
        """Return where the manifest of that action lies, stored or not."""
        name = action.hex().encode()
        return os.path.join(self._folder, b"zir", name[:2], name[2:])

    # --- reading --------------------------------------------------------------

    def manifest(self, action: bytes) -> Optional[Manifest]:
        """Return an action's manifest, or None when there is none that can be used."""
        found, _ = self._manifest(action)
        return found

    def _manifest(self, action: bytes) -> tuple[Optional[Manifest], bool]:
        path = self.path_of(action)
        try:
            return _decode_own(read_regular(path), action), False
        except (FileNotFoundError, NotADirectoryError):
            return None, False
        except OSError as error:
            self._report(Reason("store.unreadable", str(error)))
            return None, False
        except CorruptRecord as error:
            quarantine(path, os.path.join(self._folder, b"quarantine"))
            self._report(Reason("store.corrupt.manifest", f"{action.hex()}: {error}"))
            return None, True

    def lookup(
        self, action: bytes, outputs: int, digest: DigestOf, exists: Exists
    ) -> Union[Hit, Miss]:
        """Find a result of the action for the files as they are.

        `outputs` is how many files the command writes: a result with another number is foreign.
        """
        manifest, damaged = self._manifest(action)
        if manifest is None or not manifest.results:
            return Miss(Reason("zir.miss.manifest-corrupt" if damaged else "zir.miss.new"), None)
        first: Optional[Reason] = None
        for result in manifest.results:
            reason = compare(result, digest, exists)
            if reason is None and len(result.outputs) == outputs:
                got = self.outputs_of(result)
                if not isinstance(got, Reason):
                    touch(self.path_of(action))
                    for output in result.outputs:
                        self.objects.touch(output.digest)
                    return Hit(result, got)
                reason = got
            first = first or reason
        return Miss(first or Reason("zir.miss.new"), manifest.results[0], manifest.results)

    def outputs_of(self, result: KnownResult) -> Union[list[bytes], Reason]:
        """Return the content of each of a result's outputs, verified, or what has become of it."""
        contents = []
        for output in result.outputs:
            damaged = os.path.lexists(self.objects.path_of(output.digest))
            content = self.objects.get(output.digest)
            if content is None:
                kind = "zir.miss.object-corrupt" if damaged else "zir.miss.object-gone"
                return Reason(kind, os.fsdecode(output.name))
            contents.append(content)
        return contents

    # --- writing --------------------------------------------------------------

    def store(
        self,
        action: bytes,
        fields: list[tuple[str, bytes]],
        result: KnownResult,
        contents: list[bytes],
    ) -> Optional[Reason]:
        """Remember a result; returns why not when that is impossible. Never raises OSError."""
        if not self.writable:
            return Reason("zir.skip.store-unwritable")
        try:
            for content in contents:
                self.objects.put(content)
            with self._mutex:
                old = self.manifest(action)
                known = [
                    other
                    for other in (old.results if old else [])
                    if (other.paths, other.digests) != (result.paths, result.digests)
                ]
                packed = encode(Manifest(fields, [result, *known]))
                publish(self.path_of(action), packed)
                self.objects.bytes_written += len(packed)
        except OSError as error:
            with self._mutex:
                first, self.writable = self.writable, False
            if first:
                self._report(Reason("store.unwritable", error.strerror or str(error)))
            return Reason("zir.skip.store-unwritable", error.strerror or str(error))
        except ValueError:
            return Reason("zir.skip.output-too-large", "the list of its inputs")
        return None


def _decode_own(content: bytes, action: bytes) -> Manifest:
    manifest = decode(content)
    if action_digest(manifest.fields) != action:
        raise CorruptRecord("it is another action's")
    return manifest


def compare(result: KnownResult, digest: DigestOf, exists: Exists) -> Optional[Reason]:
    """Return the first way in which the files differ from a result's inputs, or None."""
    for path, recorded in result.inputs():
        found = digest(path)
        if found != recorded:
            name = os.fsdecode(path)
            if found is None:
                return Reason("zir.miss.input-vanished", name)
            return Reason("zir.miss.input-changed", f"{name} ({recorded.hex()} -> {found.hex()})")
    for path in result.absent:
        if exists(path):
            return Reason("zir.miss.input-appeared", os.fsdecode(path))
    return None


def stands(path: bytes, disk: Disk) -> bool:
    """Tell whether a compiler that looks for a file at `path` would find one.

    A folder is passed over, except as a precompiled header, for which gcc takes folders too.
    """
    if not disk.exists(path):
        return False
    return path.endswith((b".gch", b".pch")) or disk.is_file(path)


def put_in_place(
    path: bytes, content: bytes, permissions: int, scratch: Optional[bytes] = None
) -> bool:
    """Make `path` hold `content` with that mode; returns False when it already did.

    Whole or not at all, as `base.atomic` has it; written in the folder `scratch` first, where that
    is on the same file system. Raises OSError.
    """
    try:
        status = os.lstat(path)
        if (
            status.st_size == len(content)
            and status.st_mode == stat_module.S_IFREG | permissions
            and status.st_nlink == 1
        ):
            with open(path, "rb") as file:
                if file.read() == content:
                    return False
    except OSError:
        pass  # absent or unreadable: it is written
    if scratch is not None:
        try:
            replace_file(path, content, permissions, scratch)
        except OSError:
            pass  # another file system, a folder that cannot be written or has gone
        else:
            return True
    try:
        replace_file(path, content, permissions)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path) or b".", exist_ok=True)
        replace_file(path, content, permissions)
    return True
