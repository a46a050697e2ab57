"""What is known of entries of SCons's database, from one replay to the next.

A replay that unpickles a folder finds the places of the entries that it asks for
(`store.sconsign_patch`). They are kept in `sconsign_places.bin` of the state folder, in the byte
order of the machine::

    magic      8 bytes   b"INCPLAC" and the format's version
    seal       xxh3-64   of all that follows
    list       for each folder: its name, a head, a list of its entries

    head       u64 xxh3-64 of the folder's bytes in the database, u64 `base`, u64 `free`
    entries    for each entry: its name, a list of what is known (nothing: there is no entry)
    known      eight numbers (i64: its place, whether it has a signature, its time and size, whether
               it has sources, the places of the three lists), its content signature, then for
               each list the names, joined by NUL, and the content signatures, by line feeds

A list is as in `store.snapshot`.

Properties kept:

* What is damaged, cut off, another user's or of other bytes counts as not known.
* It is bounded: over MOST bytes all that the run did not ask for is dropped.

Knows nothing of what a place is good for.
"""

from __future__ import annotations

import os
from struct import Struct, error

from incremental_tool.base.digest import checksum_of
from incremental_tool.store.sconsign_patch import Patched, Place, Sources
from incremental_tool.store.signature import Signature
from incremental_tool.store.snapshot import list_of, strings_of

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Optional, Union

MAGIC = b"INCPLAC\x01"
MOST = 4 << 20
"""Bytes: two thousand targets that include much. Reading them takes a millisecond."""

_SEAL = Struct("=Q")
_HEAD = Struct("=QQQ")
_NUMBERS = Struct("=8q")
_LISTS = 3


class _Recall:
    """What is known of a folder's entries, as it is packed; unpacked when it is asked for."""

    def __init__(self, entries: dict[bytes, bytes]) -> None:
        self.entries = entries

    def __call__(self, name: bytes) -> Optional[Place]:
        """Return what is known of an entry. Raises KeyError."""
        packed = self.entries[name]
        try:
            return _unpacked(packed)
        except (ValueError, TypeError, IndexError, error):
            raise KeyError(name) from None


class Places:
    """The places of entries; made for one replay."""

    def __init__(self, path: bytes) -> None:
        """Load what is in the file, if it is one."""
        self._path = path
        self._folders: dict[bytes, tuple[bytes, bytes]] = {}
        """Folder -> head and entries, as they are packed."""
        self._recalls: dict[str, _Recall] = {}
        content = _read(path)
        if len(content) > 16 and content[:8] == MAGIC:  # noqa: PLR2004 - magic and seal
            rest = content[16:]
            if _SEAL.unpack_from(content, 8)[0] == checksum_of(rest):
                try:
                    fields = iter(strings_of(rest))
                    self._folders = {
                        name: (head, list_) for name, head, list_ in zip(*[fields] * 3)
                    }
                except (ValueError, TypeError, IndexError):
                    pass  # whoever can write this file can seal it

    def folder(self, name: str, content: Union[bytes, memoryview]) -> Patched:
        """Return a folder that has these bytes, with what is known of them."""
        known = self._folders.get(os.fsencode(name))
        if known is not None:
            try:
                checksum, base, free = _HEAD.unpack(known[0])
                if checksum == checksum_of(content):
                    fields = iter(strings_of(known[1]))
                    recall = self._recalls[name] = _Recall(dict(zip(fields, fields)))
                    return Patched(content, recall, base, free)
            except (ValueError, TypeError, IndexError, error):
                pass  # as above
        return Patched(content)

    def save(self, folders: Mapping[str, Patched], dropped: set[str]) -> None:
        """Keep what is known of folders as they were written. Raises OSError."""
        fresh = {}
        for name, folder in folders.items():
            head = _HEAD.pack(checksum_of(folder.content), folder.base, folder.free)
            recall = self._recalls.get(name)
            entries = {} if recall is None else dict(recall.entries)
            for entry, place in folder.places.items():
                packed = _packed(place)
                if packed is not None:
                    entries[entry] = packed
                else:
                    entries.pop(entry, None)
            fresh[os.fsencode(name)] = (
                head,
                list_of([f for pair in entries.items() for f in pair]),
            )
        kept = {**self._folders, **fresh}
        for name in dropped:
            kept.pop(os.fsencode(name), None)
        if sum(len(one) for _, one in kept.values()) > MOST:
            kept = fresh
        rest = list_of([field for name, (head, one) in kept.items() for field in (name, head, one)])
        from incremental_tool.base.atomic import replace_file

        replace_file(self._path, [MAGIC, _SEAL.pack(checksum_of(rest)), rest])
        self._folders = kept


def _read(path: bytes) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return b""
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            return b""
        return os.read(fd, status.st_size)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _packed(place: Optional[Place]) -> Optional[bytes]:
    """Return what is known of an entry, packed; None for what the format cannot hold."""
    if place is None:
        return b""
    signature = place.signature
    sources = place.sources or []
    numbers = (
        place.entry,
        signature is not None,
        signature.timestamp if signature is not None else 0,
        signature.size if signature is not None else 0,
        place.sources is not None,
        *(one.place for one in sources),
        *[0] * (_LISTS - len(sources)),
    )
    fields = [b"", b"" if signature is None else signature.csig.encode("utf-8", "surrogatepass")]
    for one in sources:
        csigs = ["" if csig is None else csig for csig in one.csigs]
        if not all(map(_is_plain, one.csigs)):
            return None
        fields.append(b"\0".join(one.names))
        fields.append("\n".join(csigs).encode("utf-8", "surrogatepass"))
        if not all(one.names):
            return None
    if not all(type(number) in (int, bool) for number in numbers):
        return None
    try:
        fields[0] = _NUMBERS.pack(*numbers)
    except error:  # a time or a size beyond all bounds
        return None
    return list_of(fields)


def _is_plain(csig: object) -> bool:
    return csig is None or (type(csig) is str and csig != "" and "\n" not in csig)


def _unpacked(packed: bytes) -> Optional[Place]:
    if not packed:
        return None
    numbers, csig, *lists = strings_of(packed)
    entry, signed, timestamp, size, built, *places = _NUMBERS.unpack(numbers)
    signature = (
        Signature(csig.decode("utf-8", "surrogatepass"), timestamp, size) if signed else None
    )
    if not built:
        return Place(entry, signature, None)
    sources = []
    for names, csigs, place in zip(lists[::2], lists[1::2], places):
        split = names.split(b"\0") if names else []
        texts = csigs.decode("utf-8", "surrogatepass").split("\n") if names else []
        if len(split) != len(texts):
            raise ValueError("signatures")
        sources.append(Sources(split, [text or None for text in texts], place))
    if len(sources) != _LISTS:
        raise ValueError("lists")
    return Place(entry, signature, sources)
