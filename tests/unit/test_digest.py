"""Digests name bytes, and a list of fields is not its concatenation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.digest import DIGEST_SIZE, FieldHasher, checksum_of, digest_of

FIELDS = st.lists(st.binary(max_size=40), max_size=6)


def digest_of_fields(fields: list[bytes]) -> bytes:
    """Return the digest over fields."""
    hasher = FieldHasher()
    for field in fields:
        hasher.add(field)
    return hasher.digest()


def test_digests_are_those_of_xxh3() -> None:
    """The values are xxh3's published ones, so that stores outlive this version of the code."""
    assert digest_of(b"").hex() == "99aa06d3014798d86001c324468d497f"
    assert checksum_of(b"") == 0x2D06800538D394C2
    assert len(digest_of(b"x" * 1_000_000)) == DIGEST_SIZE


def test_a_digest_takes_any_buffer() -> None:
    """Bytes, a byte array and a view of them have one digest."""
    content = b"some content"

    assert digest_of(content) == digest_of(bytearray(content)) == digest_of(memoryview(content))


def test_the_bounds_of_fields_count() -> None:
    """Moving a byte from one field to the next gives another digest, and so does an empty field."""
    lists = [[b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""], [b"", b"abc"], [b""], []]

    assert len({digest_of_fields(fields) for fields in lists}) == len(lists)


def test_a_field_that_looks_like_a_length_is_no_length() -> None:
    """Fields made of the bytes that stand for a length do not collide with others."""
    length = (1).to_bytes(8, "little")

    assert digest_of_fields([length + b"x"]) != digest_of_fields([b"x"])
    assert digest_of_fields([b"", b"x"]) != digest_of_fields([b"" + length + b"x"])


def test_the_digest_so_far_does_not_end_the_hasher() -> None:
    """Asking for the digest between two fields does not change the digest of both."""
    hasher = FieldHasher()
    hasher.add(b"a")
    first = hasher.digest()
    hasher.add(b"b")

    assert first == digest_of_fields([b"a"])
    assert hasher.digest() == digest_of_fields([b"a", b"b"])


@given(one=FIELDS, other=FIELDS)
def test_only_equal_lists_have_equal_digests(one: list[bytes], other: list[bytes]) -> None:
    """Two lists of fields have one digest if and only if they are equal."""
    assert (digest_of_fields(one) == digest_of_fields(other)) == (one == other)
