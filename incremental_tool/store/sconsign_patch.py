"""One folder of SCons's database, brought forward by adding to its pickle.

To unpickle a folder and to pickle it again costs milliseconds for a hundred targets, of which an
edit concerns a few. A pickle is a program, and its memo has a number for every object
that it makes: what is added before its last opcode (STOP) takes the few objects
concerned from the memo and changes them, as this module would change what is
unpickled. SCons and Python read the result as any other pickle; SCons writes it anew
when it next has something to write. Opcodes and their arguments: Python's `pickletools`.

The numbers are the *places* of an entry and of its lists of signatures. They are found by
unpickling the folder once, and remembered (`store.sconsign_places`) with what the entry says.

Properties kept:

* Places hold for the very bytes that they were found in, and for what this module adds to those.
* Nothing that others may share is changed but the lists and the entries themselves.
* What was added is bounded: a folder to which half its size was added should be
  written anew, one that has doubled must be.

Knows nothing of files, nor of why a signature changes.
"""

from __future__ import annotations

import os
from struct import pack

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Optional, Union

    from incremental_tool.store.signature import Signature

LEAST = 4096
"""Bytes that may always be added: what one edit adds to a small folder, several times."""

_BEGINNING = b"C\x0bincremental0"
"""What comes before the first addition: a byte string that is pushed and dropped."""
_STOP, _POP, _BUILD, _SETITEM = b".", b"0", b"b", b"s"
_GET, _PUT = b"j", b"r"
"""LONG_BINGET, LONG_BINPUT: any place, as four bytes."""
_VERSION = b"\x8c\x0b_version_idK\x02"
_FILE_NODE = b"\x8c\x0dSCons.Node.FS\x8c\x0cFileNodeInfo\x93)\x81"
_BYTE, _INT = 1 << 8, 1 << 31
NOWHERE = -1
"""In place of a place: the object is not in the memo."""


class Sources:
    """One of a target's lists: names, content signatures, and the place of the signatures."""

    __slots__ = ("csigs", "names", "place")

    def __init__(self, names: list[bytes], csigs: list[Optional[str]], place: int) -> None:
        self.names = names
        self.csigs = csigs
        self.place = place


class Place:
    """An entry: its place, what it keeps of the file itself, and what that was built from.

    `sources` is None for an entry that cannot tell.
    """

    __slots__ = ("entry", "signature", "sources")

    def __init__(
        self, entry: int, signature: Optional[Signature], sources: Optional[list[Sources]]
    ) -> None:
        self.entry = entry
        self.signature = signature
        self.sources = sources


class Patched:
    """A folder of the database. Every method that changes it tells whether it could."""

    def __init__(
        self,
        content: Union[bytes, memoryview],
        recall: Optional[Callable[[bytes], Optional[Place]]] = None,
        base: int = 0,
        free: int = 0,
    ) -> None:
        """Take a folder's bytes; where places are known, also `base` and `free`, as they were.

        `recall` returns what is known of an entry by its name, or raises KeyError.
        """
        self.content = content
        self.recall = recall
        self.places: dict[bytes, Optional[Place]] = {}
        """The entries that were asked for, by name; None for a name without an entry."""
        self.base = base
        """Bytes before the first addition."""
        self.free = free
        """The first place that is not taken."""
        self._entries: Optional[dict[str, Any]] = None
        self._found: dict[int, int] = {}
        self._added: list[bytes] = []
        self._records: dict[tuple[str, int, int], bytes] = {}

    def place(self, name: str) -> Optional[Place]:
        """Return an entry's place; None if there is no entry. Raises Unexpected."""
        known = os.fsencode(name)
        try:
            return self.places[known]
        except KeyError:
            pass
        try:
            found = self._look_up(name) if self.recall is None else self.recall(known)
        except KeyError:
            found = self._look_up(name)
        self.places[known] = found
        return found

    def _look_up(self, name: str) -> Optional[Place]:
        from incremental_tool.store.signature_records import place_of

        entries = self._unpickled()
        if name not in entries:
            return None
        return place_of(entries[name], os.fsencode(name), self._found)

    def _unpickled(self) -> dict[str, Any]:
        if self._entries is None:
            from incremental_tool.store.signature_records import load_with_memo

            self._entries, memo = load_with_memo(self.content)
            self._found = dict(zip(map(id, memo.values()), memo))
            if self.recall is None:
                self.free = max(memo, default=-1) + 1
                begun = bytes(self.content).find(_BEGINNING)
                self.base = len(self.content) - 1 if begun < 0 else begun
            # The memo keeps alive what the numbers of objects stand for.
            self._memo = memo
        return self._entries

    def renew(self, name: str, signature: Signature) -> bool:
        """Bring forward what is kept of a file itself, if anything is."""
        place = self.place(name)
        if place is None:
            return True
        if place.entry == NOWHERE:
            return False
        place.signature = signature
        # One of its own: SCons changes it in place, and the lists must not see that.
        state = b"}(\x8c\x05ninfo" + _record(signature) + _VERSION + b"u"
        self._added.append(_get(place.entry) + state + _BUILD + _POP)
        return True

    def renew_sources(self, name: str, signatures: Mapping[bytes, Signature]) -> bool:
        """Bring forward what a target was built from."""
        place = self.place(name)
        if place is None or place.sources is None:
            return False
        found = [
            (sources, at, signatures[name])
            for sources in place.sources
            for at, name in enumerate(sources.names)
            if name in signatures
        ]
        if any(sources.place == NOWHERE for sources, *_ in found):
            return False
        for sources, at, signature in found:
            sources.csigs[at] = signature.csig
            item = _number(at) + self._shared_record(signature) + _SETITEM
            self._added.append(_get(sources.place) + item + _POP)
        return True

    def _shared_record(self, signature: Signature) -> bytes:
        """Return what pushes SCons's record of a signature, which lists have in common."""
        key = (signature.csig, signature.timestamp, signature.size)
        again = self._records.get(key)
        if again is not None:
            return again
        self._records[key] = _get(self.free)
        self.free += 1
        return _record(signature) + _PUT + pack("<I", self.free - 1)

    def is_touched(self) -> bool:
        """Tell whether anything was added that `pack` has not put in yet."""
        return bool(self._added)

    def growth(self) -> float:
        """Return what part of the folder all that was added is, with what is added now."""
        added = len(self.content) - 1 - self.base + sum(map(len, self._added))
        return added / max(LEAST, self.base)

    def pack(self) -> bytes:
        """Return the folder's bytes with all that was added; they are its content from now on."""
        if self._added:
            begun = b"" if len(self.content) - 1 > self.base else _BEGINNING
            before = self.content[:-1]
            self.content = b"".join([before, begun, *self._added, _STOP])
            self._added.clear()
        return bytes(self.content)


def _record(signature: Signature) -> bytes:
    """Return what pushes a new record of SCons's."""
    fields = b"\x8c\x04csig" + _text(signature.csig)
    fields += b"\x8c\x09timestamp" + _number(signature.timestamp)
    fields += b"\x8c\x04size" + _number(signature.size)
    return _FILE_NODE + b"}(" + fields + _VERSION + b"u" + _BUILD


def _get(place: int) -> bytes:
    return _GET + pack("<I", place)


def _number(value: int) -> bytes:
    """Return what pushes a number: BININT1, BININT or LONG1."""
    if 0 <= value < _BYTE:
        return b"K" + pack("<B", value)
    if -_INT <= value < _INT:
        return b"J" + pack("<i", value)
    size = value.bit_length() // 8 + 1
    return b"\x8a" + pack("<B", size) + value.to_bytes(size, "little", signed=True)


def _text(value: str) -> bytes:
    """Return what pushes a text: SHORT_BINUNICODE or BINUNICODE."""
    text = value.encode("utf-8", "surrogatepass")
    if len(text) < _BYTE:
        return b"\x8c" + pack("<B", len(text)) + text
    return b"X" + pack("<I", len(text)) + text
