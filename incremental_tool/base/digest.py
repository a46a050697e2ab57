"""Digests of bytes: 128-bit xxh3, for change detection and for local keys.

xxh3 is not a cryptographic hash: it protects against accident, not against a
person who makes collisions on purpose. Whoever can write to the cache directory
could replace its objects anyway, so a stronger hash would buy nothing there.

A `FieldHasher` prefixes every field with its length, so that no two different
lists of fields feed the same bytes (`("ab", "c")` and `("a", "bc")` differ).
"""

from __future__ import annotations

import struct

import xxhash

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Union

DIGEST_SIZE = 16

digest_of = xxhash.xxh3_128_digest
"""digest_of(data) -> 16 bytes."""

checksum_of = xxhash.xxh3_64_intdigest
"""checksum_of(data) -> int below 2**64: guards a record against damage, not a name for it."""


def checksum_of_pieces(pieces: Iterable[Union[bytes, memoryview]]) -> int:
    """Return `checksum_of` the pieces' bytes, one behind the other."""
    state = xxhash.xxh3_64()
    for piece in pieces:
        state.update(piece)
    return int(state.intdigest())


_LENGTH = struct.Struct("<Q")


class FieldHasher:
    """Digest of a sequence of byte fields, each prefixed with its length (8 bytes, little end)."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()

    def add(self, field: bytes) -> None:
        """Feed one field."""
        self._state.update(_LENGTH.pack(len(field)))
        self._state.update(field)

    def digest(self) -> bytes:
        """Return the 16-byte digest of all fields so far."""
        return self._state.digest()
