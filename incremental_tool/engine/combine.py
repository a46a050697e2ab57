"""Write one file made of sections, and when few of them change, those sections alone.

A *combination* names the sections' texts, in order. The file is `model.markers`' format of what
`model.combined_form` makes of each text, behind the head that it makes of what all of them need. So
the file is a function of the combination and the texts, and there are two ways to it:

* whole: every text is read;
* patched: the file there is the very one that this tool has recorded (`store.combined_record`, by a
  stat identity that was not racy). Texts with another digest than the recorded one, by
  `FileHashCache`, are read; all else is taken from the file, copied by the kernel, or stays where
  it is when every section has the length that it had.

It is patched only if enough of it is known and little has changed: shares and a number that the
project can set. Where numbers of two sections meet, one is prepared
under another path, and the file is always written whole: which one depends on all of them.
Whatever is in doubt has a reason, `combine.whole.*`. A file that would come out
as it is is not touched.

What cannot be combined at all (`combine.refuse.*`) fails the build: there is no such file.

Knows nothing of SCons, nor of how the texts are made.
"""

from __future__ import annotations

import os
import stat
from array import array

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.engine.section_layout import Arrangement, in_place, parts_of
from incremental_tool.engine.settled import is_settled
from incremental_tool.model.combination import Cannot, too_much, way_of
from incremental_tool.model.combined_form import FORMS, Clash
from incremental_tool.model.fingerprint import identity_of
from incremental_tool.model.markers import opened, parse
from incremental_tool.model.reason import Reason
from incremental_tool.store import combined_record
from incremental_tool.store.archive_writing import open_checked, overwrite, read_at, splice
from incremental_tool.store.combined_record import CombinedRecord

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import NamedTuple, Optional, Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.model.combination import Combination
else:
    from incremental_tool.base.named_tuple import NamedTuple

_CHUNK = 1 << 20
_SEEDS = 1000
"""Other paths that are tried: a thousand sections with debug information need a few."""
_TOLD = 12
"""Sections that a reason names at most."""


class _Section(NamedTuple):
    """One section: what its text's digest was, its bytes with the marker, and what it needs."""

    made_of: bytes
    content: bytes
    needs: bytes


class _Whole(NamedTuple):
    """A file made of its texts alone: its head, all sections, and what is recorded of them.

    `seeded` says that some are prepared under other paths, for their numbers met.
    """

    head: bytes
    body: bytearray
    made_of: bytearray
    sizes: array[int]
    needs: list[bytes]
    seeded: bool

    @property
    def parts(self) -> list[Union[bytes, memoryview]]:
        """All of the file, in order."""
        return [self.head, memoryview(self.body)]


class _Written(NamedTuple):
    """What a file is to become: the record of it but for the identity, and what writes it.

    `write` is None where the file stays as it is; `made` counts the sections that were made.
    """

    record: CombinedRecord
    write: Optional[Callable[[], None]]
    reason: Reason
    made: int


def combine_plainly(output: bytes, combination: Combination, files: Sequence[bytes]) -> None:
    """Write a combined file from nothing but its texts. Raises OSError, or Cannot."""
    parts = _whole(combination, files, _content).parts
    if not _holds(output, parts):
        replace_file(output, parts)


def _content(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Combining:
    """The combined files of one project; safe to use from several threads, one a file."""

    def __init__(self, cache: MultiLevelCache) -> None:
        self._cache = cache
        self._folder = os.path.join(cache.settings.state_dir, b"combined")
        self._made: dict[bytes, CombinedRecord] = {}

    def prepare(
        self, output: bytes, combination: Combination, files: Sequence[bytes]
    ) -> Callable[[], None]:
        """Return what writes a file; all else is done. Raises OSError, or Cannot."""
        try:
            found = self._patched(output, combination, files)
        except OSError as error:
            found = Reason("combine.whole.failed", str(error))
        if isinstance(found, Reason):
            found = self._anew(output, combination, files, found)
        written = found
        return lambda: self._finish(output, written)

    def _finish(self, output: bytes, written: _Written) -> None:
        cache, reason = self._cache, written.reason
        if written.write is not None:
            written.write()
        cache.files.forget(output)
        identity = identity_of(os.lstat(output))
        self._made[output] = written.record._replace(identity=identity)
        add, total = cache.statistics.add, len(written.record.sizes)
        add("combined")
        add("sections_total", total)
        add("sections_made", written.made)
        cache.note(reason, [output])
        nothing = bytes(DIGEST_SIZE)
        cache.log_outcome([output], nothing, nothing, reason, 0)

    # --- whole ------------------------------------------------------------------

    def _anew(
        self, output: bytes, combination: Combination, files: Sequence[bytes], why: Reason
    ) -> _Written:
        whole = _whole(combination, files, self._cache.disk.read)
        paths = b"\0".join(combination.paths)
        record = CombinedRecord(
            b"",
            way_of(combination, seeded=whole.seeded),
            len(whole.head),
            paths,
            bytes(whole.made_of),
            whole.sizes,
            whole.needs,
        )
        if _holds(output, whole.parts):
            return _Written(record, None, why, len(files))

        def write() -> None:
            replace_file(output, whole.parts)
            self._count(len(whole.head) + len(whole.body))

        return _Written(record, write, why, len(files))

    # --- patched ----------------------------------------------------------------

    def _patched(
        self, output: bytes, combination: Combination, files: Sequence[bytes]
    ) -> Union[_Written, Reason]:
        """Return how the file that is there is patched, or why it is not."""
        if not self._cache.settings.combined:
            return Reason("combine.whole.off")
        try:
            status = os.lstat(output)
        except OSError:
            return Reason("combine.whole.first")
        record = combined_record.load(self._folder, output)
        if record is None:
            return Reason("combine.whole.unknown")
        scratch = self._cache.scratch.folder
        if not self._is_ours(status) or os.stat(scratch).st_dev != status.st_dev:
            return Reason("combine.whole.place")
        if record.way == way_of(combination, seeded=True):
            return Reason("combine.whole.clash")
        if record.way != way_of(combination):
            return Reason("combine.whole.form")
        if record.identity != identity_of(status):
            return Reason("combine.whole.edited", self._what_is_wrong(output, combination))
        return self._compared(output, status, record, combination, files)

    def _compared(
        self,
        output: bytes,
        status: os.stat_result,
        record: CombinedRecord,
        combination: Combination,
        files: Sequence[bytes],
    ) -> Union[_Written, Reason]:
        paths = b"\0".join(combination.paths)
        digests = b"".join(map(self._digest, files))
        was: Optional[list[int]] = None
        gone: list[bytes] = []
        if paths == record.paths:
            known, changed = len(files), differing(digests, record.digests)
        else:
            before = {path: at for at, path in enumerate(record.paths.split(b"\0"))}
            was = [before.get(path, -1) for path in combination.paths]
            known = sum(at >= 0 for at in was)
            gone = [path for path in before if path not in set(combination.paths)]
            changed = [
                number
                for number, at in enumerate(was)
                if at < 0 or _at(digests, number) != _at(record.digests, at)
            ]
        why = too_much(combination, known, len(changed))
        if why is not None:
            return why
        read = self._cache.disk.read
        sections = {at: _section(combination, at, read(files[at])) for at in changed}
        renewed = _renewed(record, paths, digests, was, sections)
        head: Optional[bytes] = None
        if list(renewed.needs) != list(record.needs):
            made = _head(combination, renewed.needs)
            if isinstance(made, Clash):
                return Reason("combine.whole.clash", made)
            head = made
            renewed = renewed._replace(head=len(head))
            if head == self._head_of(output, status, record.head):
                head = None
        contents = {at: section.content for at, section in sections.items()}
        new = Arrangement(record.head, record.sizes, was, contents, head)
        if new.is_same:
            return _Written(renewed, None, Reason("combine.same"), 0)
        reason = Reason("combine.patched", _told(combination, changed, new, gone))
        return _Written(renewed, lambda: self._write(output, status, new), reason, len(changed))

    @staticmethod
    def _head_of(output: bytes, status: os.stat_result, length: int) -> bytes:
        old = open_checked(output, status)
        try:
            return read_at(old, 0, length)
        finally:
            os.close(old)

    def _write(self, output: bytes, status: os.stat_result, new: Arrangement) -> None:
        """Bring the file about that had this status. Raises OSError."""
        scratch = self._cache.scratch.folder
        pieces = in_place(new)
        if pieces is not None:
            overwrite(output, status, pieces, scratch)
            self._count(sum(len(piece) for _, piece in pieces))
            return
        parts = parts_of(new)
        old = open_checked(output, status)
        try:
            splice(output, old, parts, scratch)
        finally:
            os.close(old)
        self._count(sum(len(part) for part in parts if isinstance(part, bytes)))

    def _digest(self, path: bytes) -> bytes:
        found = self._cache.files.digest(path)
        if found is None:
            raise FileNotFoundError(2, "it cannot be read", path)
        return found

    def _is_ours(self, status: os.stat_result) -> bool:
        """Tell whether the file is as a new one would be, and no other name leads to it."""
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_nlink == 1
            and stat.S_IMODE(status.st_mode) == 0o666 & ~self._cache.umask
            and status.st_uid == os.geteuid()
        )

    def _what_is_wrong(self, output: bytes, combination: Combination) -> str:
        """Return in what a file is not as it was written, as far as the file tells."""
        try:
            sections = parse(self._cache.disk.read(output), combination.leader)
        except OSError as error:
            return str(error)
        if isinstance(sections, str):
            return sections
        if [section.path for section in sections] != list(combination.paths):
            return "its sections are others, or in another order"
        return "it was written anew, or its head was edited"

    def _count(self, written: int) -> None:
        self._cache.statistics.add("combined_bytes_written", written)

    # --- learning ---------------------------------------------------------------

    def settle(self) -> None:
        """Record what this run has written, where a later write would show. Raises OSError."""
        made, self._made = self._made, {}
        for output, record in made.items():
            if is_settled(output, record.identity, self._cache.disk):
                combined_record.save(self._folder, output, record)


def _whole(
    combination: Combination, files: Sequence[bytes], read: Callable[[bytes], bytes]
) -> _Whole:
    """Return a file made of its texts alone. Raises OSError, or Cannot."""
    # One buffer, not a list: it goes back to the system as a whole when it is written.
    body, made_of, sizes, needs = bytearray(), bytearray(), array("I"), []
    for number, path in enumerate(files):
        section = _section(combination, number, read(path))
        body += section.content
        made_of += section.made_of
        sizes.append(len(section.content))
        needs.append(section.needs)
    seeds: dict[int, int] = {}
    head = _head(combination, needs)
    while isinstance(head, Clash):
        at = head.section
        seeds[at] = seeds.get(at, 0) + 1
        if sum(seeds.values()) > _SEEDS:
            raise Cannot(Reason("combine.refuse.together", head))
        section = _section(combination, at, read(files[at]), b"#%d" % seeds[at])
        start = sum(sizes[:at])
        body[start : start + sizes[at]] = section.content
        made_of[at * DIGEST_SIZE : (at + 1) * DIGEST_SIZE] = section.made_of
        sizes[at], needs[at] = len(section.content), section.needs
        head = _head(combination, needs)
    return _Whole(head, body, made_of, sizes, needs, bool(seeds))


def _section(combination: Combination, number: int, text: bytes, seed: bytes = b"") -> _Section:
    path = combination.paths[number]
    made = FORMS[combination.form].prepare(path + seed, text)
    if isinstance(made, str):
        raise Cannot(Reason("combine.refuse.text", f"{os.fsdecode(path)}: {made}"))
    body = _ended(made.body)
    digest = digest_of(text)
    return _Section(digest, opened(combination.leader, path, digest, body) + body, made.needs)


def _head(combination: Combination, needs: Sequence[bytes]) -> Union[bytes, Clash]:
    """Return what stands before all sections, or that two of them have met. Raises Cannot."""
    head = FORMS[combination.form].head(needs)
    if isinstance(head, Clash):
        return head
    if isinstance(head, str):
        raise Cannot(Reason("combine.refuse.together", head))
    return _ended(head)


def _ended(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _holds(path: bytes, parts: Iterable[Union[bytes, memoryview]]) -> bool:
    """Tell whether a file is there and holds just these parts."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with open(path, "rb") as file:
            for part in parts:
                for at in range(0, len(part), _CHUNK):
                    piece = part[at : at + _CHUNK]
                    if file.read(len(piece)) != piece:
                        return False
            return not file.read(1)
    except OSError:
        return False


def differing(one: bytes, other: bytes) -> list[int]:
    """Return the numbers of the digests that differ."""
    if one == other:
        return []
    return [
        at // DIGEST_SIZE
        for at in range(0, len(one), DIGEST_SIZE)
        if one[at : at + DIGEST_SIZE] != other[at : at + DIGEST_SIZE]
    ]


def _at(digests: bytes, number: int) -> bytes:
    return digests[number * DIGEST_SIZE : (number + 1) * DIGEST_SIZE]


def _renewed(
    record: CombinedRecord,
    paths: bytes,
    digests: bytes,
    was: Optional[Sequence[int]],
    sections: dict[int, _Section],
) -> CombinedRecord:
    """Return the record of a file of these sections; what is not in `sections` is the old one's."""
    sizes, needs = array("I", record.sizes), list(record.needs)
    if was is not None:
        sizes = array("I", (0 if at < 0 else record.sizes[at] for at in was))
        needs = [b"" if at < 0 else record.needs[at] for at in was]
    made_of = bytearray(digests)
    for number, section in sections.items():
        sizes[number] = len(section.content)
        needs[number] = section.needs
        # Of the text that was read: it may have changed since it was looked at.
        made_of[number * DIGEST_SIZE : (number + 1) * DIGEST_SIZE] = section.made_of
    return record._replace(paths=paths, digests=bytes(made_of), sizes=sizes, needs=needs)


def _told(
    combination: Combination, changed: Sequence[int], new: Arrangement, gone: Sequence[bytes]
) -> str:
    """Return which sections were made again and why, and of how many."""
    names = [
        os.fsdecode(combination.paths[at])
        + (" (new)" if new.was is not None and new.was[at] < 0 else " (changed)")
        for at in changed
    ]
    names += [f"{os.fsdecode(path)} (removed)" for path in gone]
    if new.new_head is not None:
        names.append("the head")
    if len(names) > _TOLD:
        names[_TOLD:] = [f"{len(names) - _TOLD} more"]
    total = len(combination.paths)
    told = ", ".join(names) or "the order"
    return f"{told}; {total - len(changed)} of {total} sections kept"
