"""Bring a static library up to date by its changed members alone, in place of `ar` and `ranlib`.

`ar rc` reads every member, compares every name with every other and writes everything; `ranlib`
does most of it again. When it is known what a library holds, and a few of its members have
changed, the bytes that both would leave follow from those members:

* each member has the length that it had (with padding), and ar lists the same symbols for
  it: only their bytes are written (`overwrite`);
* otherwise the index is written anew, and what lies between is copied by the kernel (`splice`).

Rules kept:

* The library is the very file that this tool has recorded (`store.archive_record`), by a stat
  identity that was not racy; its layout gave the same bytes when it was written from what
  had been read.
* The content of every other member is the recorded one, by `FileHashCache`: a stat each.
* That we know what ar lists for a member is checked on the one that is replaced: our reading of
  its old content must give what ar put in the index.
* ranlib is not run where the same ranlib has left the library's predecessor as it was.
* Whatever is in doubt has a reason, `archive.patch.*`, and the command runs.

What is patched is not stored in the cache: that would cost work in proportion to the library.

Knows nothing of SCons.
"""

from __future__ import annotations

import os
import stat
from array import array

from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.engine.settled import is_settled
from incremental_tool.model.archive import (
    HEADER_SIZE,
    MAX_SIZE,
    Layout,
    even,
    first_member,
    head,
    header,
    odd_names,
    understand,
)
from incremental_tool.model.fingerprint import identity_of
from incremental_tool.model.object_symbols import Symbols, symbols_of
from incremental_tool.model.reason import Reason
from incremental_tool.store import archive_record
from incremental_tool.store.archive_record import NOT_INDEXED, ArchiveRecord
from incremental_tool.store.archive_writing import (
    Stretch,
    open_checked,
    overwrite,
    read_at,
    splice,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Archiving
    from incremental_tool.store.manifest import KnownResult
else:
    from incremental_tool.base.named_tuple import NamedTuple

LIMIT = 256 << 20
"""Bytes of changed members that are held in memory at most."""


class _Change(NamedTuple):
    """A member to be replaced: its number, what its header begins with, and what it is to be."""

    number: int
    field: bytes
    offset: int
    old_size: int
    content: bytes
    symbols: Symbols
    same_names: bool

    @property
    def in_place(self) -> bool:
        """Whether nothing but this member's own bytes changes."""
        return self.same_names and even(self.old_size) == even(len(self.content))

    @property
    def packed(self) -> bytes:
        """The member as it lies in a library."""
        start = header(self.field, len(self.content))
        return start + self.content + (b"\n" if len(self.content) & 1 else b"")


class _Made(NamedTuple):
    """What this run has made: a library's record, and the digest of its content if known."""

    record: ArchiveRecord
    digest: Optional[bytes]


class Archives:
    """The static libraries of one project; safe to use from several threads, one a library."""

    def __init__(self, cache: MultiLevelCache) -> None:
        self._cache = cache
        self._folder = os.path.join(cache.settings.state_dir, b"archives")
        self._made: dict[bytes, _Made] = {}

    # --- patching -------------------------------------------------------------

    def patch(self, output: bytes, archiving: Archiving, targets: list[bytes]) -> bool:
        """Bring the library up to date if it is there and that can be done; tell whether it is."""
        if archiving.indexing or not self._cache.settings.archives:
            return False
        try:
            status = os.lstat(output)
        except OSError:
            return False  # a first build
        try:
            why = self._patch(output, status, archiving)
        except OSError as error:
            why = Reason("archive.patch.failed", str(error))
        if why is not None:
            self._cache.note(why, targets)
        return why is None

    def _patch(
        self, output: bytes, status: os.stat_result, archiving: Archiving
    ) -> Optional[Reason]:
        if archiving.refusal is not None:
            return archiving.refusal
        record = archive_record.load(self._folder, output)
        if record is None:
            return Reason("archive.patch.unknown")
        if record.identity != identity_of(status):
            return Reason("archive.patch.changed")
        scratch = self._cache.scratch.folder
        if not self._is_ours(status) or os.stat(scratch).st_dev != status.st_dev:
            return Reason("archive.patch.place")
        if record.tool != archiving.tool:
            return Reason("archive.patch.program", "it was made by another ar")
        if record.paths != b"\0".join(archiving.members):
            return Reason("archive.patch.members")
        numbers = self._changed(archiving.members, record.digests)
        if isinstance(numbers, Reason):
            return numbers
        layout, digests = record.layout, record.digests
        if numbers:
            old = open_checked(output, status)
            try:
                changes = self._changes(old, layout, archiving.members, numbers)
                if isinstance(changes, Reason):
                    return changes
                done = self._apply(output, status, old, layout, changes, scratch)
            finally:
                os.close(old)
            if isinstance(done, Reason):
                return done
            layout, digests = done, _renewed(digests, changes)
        self._cache.files.forget(output)
        identity = identity_of(os.lstat(output))
        record = record._replace(identity=identity, digests=digests, layout=layout)
        self._made[output] = _Made(record, None)
        return None

    def _is_ours(self, status: os.stat_result) -> bool:
        """Tell whether the file is as a new one would be, and no other name leads to it."""
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_nlink == 1
            and stat.S_IMODE(status.st_mode) == 0o666 & ~self._cache.umask
            and status.st_uid == os.geteuid()
        )

    def _changed(self, members: Sequence[bytes], digests: bytes) -> Union[list[int], Reason]:
        """Return the numbers of the members with another content than the recorded one."""
        digest = self._cache.files.digest
        numbers = []
        for number, member in enumerate(members):
            start = number * DIGEST_SIZE
            found = digest(member)
            if found is None:
                return Reason("archive.patch.object", f"{os.fsdecode(member)} cannot be read")
            if found != digests[start : start + DIGEST_SIZE]:
                numbers.append(number)
        return numbers

    def _changes(
        self, old: int, layout: Layout, members: Sequence[bytes], numbers: Sequence[int]
    ) -> Union[list[_Change], Reason]:
        changes, held = [], 0
        for number in numbers:
            content = self._cache.disk.read(members[number])
            held += len(content)
            if held > LIMIT:
                return Reason("archive.patch.large", "the changed members")
            change = self._change(old, layout, number, content)
            if isinstance(change, str):
                return Reason("archive.patch.object", f"{os.fsdecode(members[number])}: {change}")
            changes.append(change)
        return changes

    def _change(self, old: int, layout: Layout, number: int, content: bytes) -> Union[_Change, str]:
        new = symbols_of(content)
        if isinstance(new, str):
            return new
        offset, size = layout.offset_of(number), layout.sizes[number]
        was = read_at(old, offset, HEADER_SIZE + size)
        listed = read_at(old, layout.names_at(number), layout.lengths[number])
        self._count(read=len(content) + len(was) + len(listed))
        if header(was[:16], size) != was[:HEADER_SIZE]:
            return "the library holds something else in its place"
        known = symbols_of(was[HEADER_SIZE:])
        if isinstance(known, str):
            return f"in the library, {known}"
        if (known.number, known.names) != (layout.counts[number], listed):
            return "ar lists other symbols than expected"
        if known.machine != new.machine:
            return "it is for another machine"
        return _Change(number, was[:16], offset, size, content, new, new.names == listed)

    def _apply(
        self,
        output: bytes,
        status: os.stat_result,
        old: int,
        layout: Layout,
        changes: list[_Change],
        scratch: bytes,
    ) -> Union[Layout, Reason]:
        """Write what changes; return the layout that the library has then."""
        sizes = array("I", layout.sizes)
        for change in changes:
            sizes[change.number] = len(change.content)
        if all(change.in_place for change in changes):
            pieces = [(change.offset, change.packed) for change in changes]
            overwrite(output, status, pieces, scratch)
            self._count(written=sum(len(piece) for _, piece in pieces))
            return layout._replace(sizes=sizes)
        counts, lengths = array("I", layout.counts), array("I", layout.lengths)
        for change in changes:
            counts[change.number] = change.symbols.number
            lengths[change.number] = len(change.symbols.names)
        names, table = self._head_of(old, layout)
        texts = _renewed_names(names, layout, changes)
        first = first_member(sum(counts), len(texts), table)
        new = Layout(first, sizes, counts, lengths)
        if new.offset_of(len(sizes)) > MAX_SIZE:
            return Reason("archive.patch.large", "offsets of more than four bytes")
        parts: list[Union[bytes, Stretch]] = [head(new, texts, table)]
        place = layout.first
        for change in changes:
            parts += [Stretch(place, change.offset), change.packed]
            place = change.offset + HEADER_SIZE + even(change.old_size)
        parts.append(Stretch(place, status.st_size))
        splice(output, old, parts, scratch)
        moved = sum(part.end - part.start for part in parts if isinstance(part, Stretch))
        written = sum(len(part) for part in parts if isinstance(part, bytes))
        self._count(written=written, moved=moved)
        return new

    def _head_of(self, old: int, layout: Layout) -> tuple[bytes, bytes]:
        """Return the names of all symbols, and the table of long names."""
        start, length = layout.names_at(0), sum(layout.lengths)
        rest = read_at(old, start, layout.first - start)
        self._count(read=len(rest))
        return rest[:length], rest[even(length) + HEADER_SIZE :]

    def _count(self, read: int = 0, written: int = 0, moved: int = 0) -> None:
        for name, amount in (("read", read), ("written", written), ("moved", moved)):
            if amount:
                self._cache.statistics.add(f"archive_bytes_{name}", amount)

    # --- learning -------------------------------------------------------------

    def learn(
        self, output: bytes, archiving: Archiving, result: KnownResult, content: bytes
    ) -> None:
        """Note what ar or ranlib has left, or what was restored of it."""
        if not self._cache.settings.archives:
            return
        made = self._made.pop(output, None)
        digest = result.outputs[0].digest
        if archiving.indexing:
            if made is not None and made.digest != digest:
                self._cache.note(Reason("archive.patch.format", "ranlib changes it"), [output])
            elif made is not None:
                identity = identity_of(os.lstat(output))
                record = made.record._replace(identity=identity, indexed_by=archiving.tool)
                self._made[output] = _Made(record, digest)
            return
        if archiving.refusal is not None:
            return
        names = [os.path.basename(member) for member in archiving.members]
        layout = odd_names(names) or understand(content, names)
        if isinstance(layout, str):
            self._cache.note(Reason("archive.patch.format", layout), [output])
            return
        record = ArchiveRecord(
            identity_of(os.lstat(output)),
            archiving.tool,
            NOT_INDEXED,
            b"\0".join(archiving.members),
            bytes(result.digests),
            layout,
        )
        self._made[output] = _Made(record, digest)

    def stands(self, output: bytes, archiving: Archiving) -> bool:
        """Tell whether this run has patched a library, and ranlib would leave it as it is."""
        made = self._made.get(output)
        if made is None or made.digest is not None or made.record.indexed_by != archiving.tool:
            return False
        try:
            return made.record.identity == identity_of(os.lstat(output))
        except OSError:
            return False

    def settle(self) -> None:
        """Record what this run has made, where a later write would show. Raises OSError."""
        made, self._made = self._made, {}
        for output, one in made.items():
            if is_settled(output, one.record.identity, self._cache.disk):
                archive_record.save(self._folder, output, one.record)


def _renewed(digests: bytes, changes: list[_Change]) -> bytes:
    renewed = bytearray(digests)
    for change in changes:
        start = change.number * DIGEST_SIZE
        renewed[start : start + DIGEST_SIZE] = digest_of(change.content)
    return bytes(renewed)


def _renewed_names(names: bytes, layout: Layout, changes: list[_Change]) -> bytes:
    start = layout.names_at(0)
    parts, place = [], 0
    for change in changes:
        at = layout.names_at(change.number) - start
        parts += [names[place:at], change.symbols.names]
        place = at + layout.lengths[change.number]
    return b"".join([*parts, names[place:]])
