"""`FileHashCache`: remember each file's digest; read only files that may have changed.

A file whose stat identity equals the recorded one is unchanged, unless the
record is racy (see `model.fingerprint`); then, and whenever the identity
differs, it is read, and everything that can be told from its bytes is found in
that one read: xxh3-128 digest, SCons's content signature, imports.

Rules kept:

* within a run each path is looked at once: the first look is the run's view,
  until `forget` says that the run itself wrote the file;
* a digest describes bytes at least as new as the identity stored beside it
  (the stat comes before the read);
* a missing, foreign, damaged or other-version index loads as an empty cache;
* `save` writes nothing when nothing changed.

Format of the index (`file_hashes.bin`, a sealed record; little-endian)::

    count u32, paths_length u32, imports_length u32, signature_name 16 bytes
    paths      count names, each ended by a NUL, in the order of the records
    records    count times 108 bytes:
                 identity 44 · flags u32 (its second byte: the signature's length)
                 digest 16 · signature 32 (left-aligned)
                 imports offset u32, length u32 · unused runs u32
    imports    packed imports, end to end

Columns of fixed width let 20,000 entries load with a handful of C calls; an
entry is decoded when it is asked for. Version history: 1 first.

Knows nothing of builds: callers decide what is stale.
"""

from __future__ import annotations

import stat as stat_module
import struct
import threading
from time import perf_counter

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.digest import DIGEST_SIZE, FieldHasher, digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal
from incremental_tool.model.fingerprint import IDENTITY_SIZE, identity_of, is_racy, newest_ns
from incremental_tool.model.imports import Imports, find_imports
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from typing import Callable, NamedTuple, Optional

    from incremental_tool.base.filesystem import Disk

    Signer = Callable[[bytes], bytes]
    """SCons's content signature of a file's bytes, raw, at most 32 bytes; b"" when it has none."""

    Report = Callable[[Reason], None]
else:
    from incremental_tool.base.named_tuple import NamedTuple


MAGIC = b"IFHC"
VERSION = 1

_HEAD = struct.Struct("<III16s")
_RECORD = struct.Struct(f"<{IDENTITY_SIZE}sI{DIGEST_SIZE}s32sIII")
_SIGNATURE_MAX = 32

RACY = 1
HAS_IMPORTS = 2
_KNOWN_FLAGS = RACY | HAS_IMPORTS

FORGET_AFTER = 50
"""Saves after which an entry that no run asked for is dropped."""

SCAN_LIMIT = 16 * 1024 * 1024
"""Bytes of a file in which imports are looked for; a larger one is no source that people write."""

READ_LIMIT = 1 << 30
"""Bytes of a file that is read at most: it is held in memory. A larger one has no entry."""


class Entry(NamedTuple):
    """What is known of a file's content."""

    identity: bytes
    flags: int
    digest: bytes
    signature: bytes
    imports: bytes


class FileStatistics:
    """Work done by a `FileHashCache` in this process; times in seconds."""

    def __init__(self) -> None:
        self.stats = 0
        self.stat_seconds = 0.0
        self.reads = 0
        self.read_bytes = 0
        self.read_seconds = 0.0
        self.hash_seconds = 0.0
        self.hits = 0

    def as_dict(self) -> dict[str, float]:
        """Return all figures by name."""
        return dict(vars(self))


class FileHashCache:
    """Digests, signatures and imports of files, by path."""

    def __init__(
        self,
        disk: Disk,
        index_path: bytes,
        report: Report,
        signer: Optional[Signer] = None,
        signature_name: bytes = b"",
        *,
        load: bool = True,
    ) -> None:
        """Open the memory at `index_path`; without `load` it is empty until `load` is called."""
        self._disk = disk
        self._index_path = index_path
        self._report = report
        self._signer = signer
        self._signature_name = signature_name.ljust(16, b"\0")[:16]
        self.statistics = FileStatistics()
        self.dirty = False
        self._lock = threading.Lock()
        self._index: dict[bytes, int] = {}
        self._records: memoryview = memoryview(b"")
        self._imports: memoryview = memoryview(b"")
        self._new: dict[bytes, Entry] = {}
        self._looked: dict[bytes, Optional[Entry]] = {}
        self._used = bytearray()  # a byte for each record: a set would take fifty times as much
        self._written: set[bytes] = set()
        self._clock_ns = 0
        self._released = False
        self.aging = True
        """Whether entries that this run does not ask for come nearer to being dropped."""
        self.loaded = False
        if load:
            self.load()

    # --- the index ------------------------------------------------------------

    def load(self) -> None:
        """Read what earlier runs have learned; what this one has learned counts more."""
        if self.loaded:
            return
        self.loaded = True
        try:
            content = self._disk.read(self._index_path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._report(Reason("store.unreadable", str(error)))
            return
        try:
            self._decode(unseal(MAGIC, VERSION, content))
        except CorruptRecord as error:
            self._report(Reason("store.corrupt.index", f"file_hashes.bin: {error}"))

    def _decode(self, payload: memoryview) -> None:
        if len(payload) < _HEAD.size:
            raise CorruptRecord("shorter than its head")
        count, paths_length, imports_length, name = _HEAD.unpack_from(payload)
        paths_end = _HEAD.size + paths_length
        records_end = paths_end + count * _RECORD.size
        if len(payload) != records_end + imports_length:
            raise CorruptRecord("columns do not fill the file")
        names = bytes(payload[_HEAD.size : paths_end]).split(b"\0")
        if len(names) != count + 1 or names.pop() != b"":
            raise CorruptRecord("number of paths does not match")
        if name != self._signature_name:
            return  # another hash format was chosen: its signatures would compare wrongly
        self._index = dict(zip(names, range(count)))
        self._used = bytearray(count)
        self._records = payload[paths_end:records_end]
        self._imports = payload[records_end:]

    def release(self) -> None:
        """Hold nothing in memory until something is asked again; not while there is to save."""
        if not self.dirty:
            self._index, self._new, self._used = {}, {}, bytearray()
            self._records = self._imports = memoryview(b"")
            self._looked.clear()
            self._released = True

    def _hold(self) -> None:
        if self._released:
            self._released = self.loaded = False
            self.load()

    def _recorded(self, path: bytes) -> Optional[Entry]:
        if self._released:
            self._hold()
        entry = self._new.get(path)
        if entry is not None:
            return entry
        number = self._index.get(path)
        if number is None:
            return None
        self._used[number] = 1
        identity, flags, digest, signature, offset, length, _ = _RECORD.unpack_from(
            self._records, number * _RECORD.size
        )
        signature_length = flags >> 8
        flags &= 0xFF
        if (
            flags & ~_KNOWN_FLAGS
            or signature_length > _SIGNATURE_MAX
            or offset + length > len(self._imports)
        ):
            return None
        imports = bytes(self._imports[offset : offset + length]) if length else b""
        return Entry(identity, flags, digest, signature[:signature_length], imports)

    def __len__(self) -> int:
        """Return the number of paths known."""
        self._hold()
        return len(self._index) + sum(1 for path in self._new if path not in self._index)

    def paths(self) -> Iterator[bytes]:
        """Yield every path known."""
        self._hold()
        yield from self._index
        for path in self._new:
            if path not in self._index:
                yield path

    def save(self) -> None:
        """Write the index if anything changed. Raises OSError when it cannot be written.

        Nothing is written while the index was not loaded: it would be lost.
        """
        if not self.dirty or not self.loaded:
            return
        paths: list[bytes] = []
        records: list[bytes] = []
        imports: list[bytes] = []
        offset = 0
        size = _RECORD.size
        for path, number in self._index.items():
            if path in self._new:
                continue
            fields = _RECORD.unpack_from(self._records, number * size)
            unused = 0 if self._used[number] else fields[6] + self.aging
            if unused > FORGET_AFTER:
                continue
            packed = self._imports[fields[4] : fields[4] + fields[5]]
            paths.append(path)
            imports.append(bytes(packed))
            records.append(_RECORD.pack(*fields[:4], offset, len(packed), unused))
            offset += len(packed)
        for path, entry in self._new.items():
            paths.append(path)
            imports.append(entry.imports)
            flags = entry.flags | len(entry.signature) << 8
            records.append(
                _RECORD.pack(
                    entry.identity,
                    flags,
                    entry.digest,
                    entry.signature,
                    offset,
                    len(entry.imports),
                    0,
                )
            )
            offset += len(entry.imports)
        names = b"".join([path + b"\0" for path in paths])
        head = _HEAD.pack(len(paths), len(names), offset, self._signature_name)
        payload = b"".join([head, names, *records, *imports])
        replace_file(self._index_path, seal(MAGIC, VERSION, payload))
        self.dirty = False

    # --- looking --------------------------------------------------------------

    def begin_run(self) -> None:
        """Forget this run's view: files may have changed since the last look."""
        with self._lock:
            self._looked.clear()
            self._clock_ns = self._disk.now_ns()

    def _clock(self) -> int:
        if not self._clock_ns:
            self._clock_ns = self._disk.now_ns()
        return self._clock_ns

    def forget(self, path: bytes) -> None:
        """Look at `path` anew when it is next asked for: this run wrote it."""
        self._looked.pop(path, None)
        self._written.add(path)

    def ensure_cached(self, path: bytes) -> Optional[Entry]:
        """Return what is known of the file's content, after at most one stat and one read a run.

        None when there is no readable regular file of up to READ_LIMIT bytes at `path`.
        """
        try:
            entry = self._looked[path]
        except KeyError:
            pass
        else:
            self.statistics.hits += 1
            return entry
        clock_ns = self._clock()
        entry = self._look(path, self._stat(path), clock_ns, sign=False)
        self._looked[path] = entry
        return entry

    def observe(self, path: bytes, st: os.stat_result) -> Optional[Entry]:
        """Like `ensure_cached`, with the signature, for a caller that has taken the stat itself.

        The caller's stat must not be older than the run. Nothing is remembered of the look
        beyond the entry, which the caller is expected to remember itself.
        """
        return self._look(path, st, self._clock(), sign=True)

    def _stat(self, path: bytes) -> Optional[os.stat_result]:
        started = perf_counter()
        try:
            return self._disk.stat(path)
        except (OSError, ValueError):
            return None
        finally:
            self.statistics.stats += 1
            self.statistics.stat_seconds += perf_counter() - started

    def _look(
        self, path: bytes, st: Optional[os.stat_result], clock_ns: int, *, sign: bool
    ) -> Optional[Entry]:
        if st is None or not stat_module.S_ISREG(st.st_mode):
            return None
        recorded = self._recorded(path)
        if (
            recorded is not None
            and recorded.identity == identity_of(st)
            and not recorded.flags & RACY
            and (recorded.signature or not sign or self._signer is None)
        ):
            return recorded
        return self._read(path, st, clock_ns, sign=sign)

    def _read(
        self, path: bytes, st: os.stat_result, clock_ns: int, *, sign: bool
    ) -> Optional[Entry]:
        if st.st_size > READ_LIMIT:
            return None
        started = perf_counter()
        try:
            content = self._disk.read(path)
        except (OSError, ValueError):
            return None
        read = perf_counter()
        digest = digest_of(content)
        if sign and self._signer:
            signature = self._signer(content)
        else:
            known = self._recorded(path)
            signature = known.signature if known and known.digest == digest else b""
        hashed = perf_counter()
        flags = RACY if is_racy(st, clock_ns) else 0
        imports = b""
        if len(content) <= SCAN_LIMIT and b"\0" not in content[:512]:
            imports = find_imports(content, is_assembler(path)).pack()
            flags |= HAS_IMPORTS
        entry = Entry(identity_of(st), flags, digest, signature[:_SIGNATURE_MAX], imports)
        with self._lock:
            self.statistics.reads += 1
            self.statistics.read_bytes += len(content)
            self.statistics.read_seconds += read - started
            self.statistics.hash_seconds += hashed - read
            self._new[path] = entry
            self.dirty = True
        return entry

    def digest(self, path: bytes) -> Optional[bytes]:
        """Return the 16-byte digest of the file's content, or None where there is none."""
        entry = self.ensure_cached(path)
        return entry.digest if entry else None

    def imports(self, path: bytes) -> Optional[Imports]:
        """Return what the file imports, or None where it is not text that can be scanned."""
        entry = self.ensure_cached(path)
        if entry is None or not entry.flags & HAS_IMPORTS:
            return None
        try:
            return Imports.unpack(entry.imports)
        except CorruptRecord:
            return None

    def moved_since(self, path: bytes, moment_ns: int) -> bool:
        """Tell whether the file may have been written at or after `moment_ns`, by a new stat.

        Also true when its identity is another than the one this run has seen. The run's view then
        follows the disk, as it does for a file last seen while it was racy: that one may have been
        written between the look and the moment without its stat changing.
        """
        st = self._stat(path)
        if st is None:
            return True
        seen = self._looked.get(path)
        moved = seen is not None and seen.identity != identity_of(st)
        if seen is None or moved or seen.flags & RACY:
            self._looked[path] = self._look(path, st, moment_ns, sign=False)
        return moved or is_racy(st, moment_ns)

    def combined_digest(
        self, path: bytes, resolve: Callable[[bytes, Imports], Iterable[bytes]]
    ) -> Optional[bytes]:
        """Return the digest over the file and all it imports, directly or through others.

        `resolve(path, imports)` names the files that a file's imports lead to. Every file counts
        once, so cycles and diamonds are safe, and the order of discovery does not matter. None
        when a file is missing or cannot be scanned: then nothing can be said of the whole.
        """
        digests: dict[bytes, bytes] = {}
        waiting = [path]
        while waiting:
            current = waiting.pop()
            if current in digests:
                continue
            digest, imports = self.digest(current), self.imports(current)
            if digest is None or imports is None:
                return None
            digests[current] = digest
            waiting.extend(resolve(current, imports))
        hasher = FieldHasher()
        for name in sorted(digests):
            hasher.add(name)
            hasher.add(digests[name])
        return hasher.digest()

    def settle(self) -> None:
        """Read what this run wrote once more, now that the clock has moved past it.

        Without this every freshly built file would be racy at the next run and read then.
        """
        racy = [path for path, entry in self._new.items() if entry.flags & RACY]
        written, self._written = self._written, set()
        stats = {path: st for path in written.union(racy) if (st := self._stat(path)) is not None}
        if not stats:
            return
        newest = max(newest_ns(st) for st in stats.values())
        if newest < self._disk.now_ns() + 1_000_000_000:  # never wait for times in the future
            self._disk.wait_until_after(newest)
        clock_ns = self._disk.now_ns()
        for path, st in stats.items():
            if stat_module.S_ISREG(st.st_mode):
                known = self._recorded(path)
                if (
                    known is None
                    or known.flags & RACY
                    or known.identity != identity_of(st)
                    or (path in written and self._signer is not None and not known.signature)
                ):
                    fresh = self._stat(path)  # not older than the clock's sample
                    if fresh is not None:
                        self._read(path, fresh, clock_ns, sign=True)


def is_assembler(path: bytes) -> bool:
    """Tell by its suffix whether a file is assembler source (`.s`, `.S`, `.asm`, ...)."""
    return path.endswith((b".s", b".S", b".sx", b".asm", b".ASM", b".spp", b".SPP", b".inc"))
