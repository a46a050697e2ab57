"""Combined files are taken apart as they were put together, or not at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.digest import digest_of
from incremental_tool.model.markers import Leader, leader_of, opened, parse, unfit

SEMICOLON = Leader(b";")
BLOCK = Leader(b"/*", b"*/")


def joined(bodies: dict[bytes, bytes], leader: Leader = SEMICOLON, head: bytes = b"") -> bytes:
    """Return a combined file of these bodies."""
    parts = [opened(leader, path, digest_of(body), body) + body for path, body in bodies.items()]
    return head + b"".join(parts)


def taken(content: bytes, leader: Leader = SEMICOLON) -> dict[bytes, bytes]:
    """Return the bodies of a file that can be taken apart."""
    sections = parse(content, leader)
    assert not isinstance(sections, str), sections
    return {one.path: content[one.body : one.end] for one in sections}


def test_a_marker_has_the_bytes_that_others_write() -> None:
    """The line that begins a section is the one that the format's first users read."""
    line = opened(SEMICOLON, b"src/a.c", bytes(range(16)), b"").split(b"\n")[0]
    assert line == b"; ==== FILE: src/a.c:0x0001020304050607 ===="


def test_a_reader_of_the_short_form_reads_a_file_with_digests() -> None:
    """Who splits at the last colon, and takes 16 digits, finds every section."""
    content = joined({b"a:b.c": b"one\n", b"c.c": b"two\n"})
    found = re.findall(rb"(?m)^; ==== FILE: (.*):0x([0-9a-f]{16}) ====$", content)
    assert found == [
        (b"a:b.c", digest_of(b"one\n")[:8].hex().encode()),
        (b"c.c", digest_of(b"two\n")[:8].hex().encode()),
    ]


def test_a_file_without_digests_is_taken_apart() -> None:
    """Sections of the short form end where the next one begins."""
    content = (
        b"head\n; ==== FILE: x:y:0x0000000000000001 ====\none\n"
        b"; ==== FILE: z:0x0000000000000002 ====\n"
    )
    assert taken(content) == {b"x:y": b"one\n", b"z": b""}
    assert [one.proved for one in parse(content, SEMICOLON) if not isinstance(one, str)] == [
        False,
        False,
    ]


BODY = st.lists(
    st.sampled_from(
        [
            b"text\n",
            b"\n",
            b"; ==== FILE: a:0x0123456789abcdef ====\n",
            b"; ==== DIGEST: 0x0123456789abcdef0123456789abcdef ====\n",
            b"; ==== FILE: \n",
            opened(SEMICOLON, b"b", digest_of(b"x\n"), b"x\n") + b"x\n",
        ]
    ),
    max_size=6,
).map(b"".join)


@given(
    st.dictionaries(st.sampled_from([b"a", b"b", b"c:d", b"e f", b"\xff"]), BODY, min_size=1),
    st.sampled_from([SEMICOLON, BLOCK]),
)
def test_what_is_put_together_is_taken_apart(bodies: dict[bytes, bytes], leader: Leader) -> None:
    """Whatever bodies hold, markers and digests included, each comes back as it was."""
    assert taken(joined(bodies, leader, b"head\n"), leader) == bodies


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no sections"),
        (b"#!/bin/sh\necho\n", "no sections"),
        (joined({b"a": b"1\n", b"b": b"2\n"})[:-1], "section b is not as it was written"),
        (joined({b"a": b"1\n", b"b": b"2\n"}).replace(b"1\n", b"3\n"), "section a is not"),
        (joined({b"a": b"1\n"}) * 2, "a is there twice"),
        (joined({b"a": b"1\n"}) + b"; ==== FILE: b", "the marker at byte 96 is damaged"),
        (b"; ==== FILE: a:0x12 ====\n", "the marker at byte 0 is damaged"),
        (b"; ==== FILE: a:0x0123456789abcdeg ====\n", "the marker at byte 0 is damaged"),
        (b"; ==== FILE: :0x0123456789abcdef ====\n", "the marker at byte 0 is damaged"),
    ],
)
def test_what_is_not_whole_is_not_taken_apart(content: bytes, why: str) -> None:
    """Damage is told in a few words."""
    found = parse(content, SEMICOLON)
    assert isinstance(found, str)
    assert why in found


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_harm(content: bytes) -> None:
    """A foreign file is taken apart, or said to be no combined file; nothing is raised."""
    for text in (content, b"; ==== FILE: " + content, joined({b"a": b"x\n"}) + content):
        found = parse(text, SEMICOLON)
        if not isinstance(found, str):
            assert found[-1].end == len(text)


def test_leaders() -> None:
    """One word, or two; anything else is told."""
    found = leader_of("/* */")
    assert isinstance(found, Leader)
    assert (found.opening, found.closing) == (b"/*", b"*/")
    for text in ("", "a b c", "\x07"):
        assert isinstance(leader_of(text), str)


def test_paths_that_cannot_be_read_back_are_told() -> None:
    """Line breaks, and what ends the comment."""
    assert unfit(b"a\nb", SEMICOLON)
    assert unfit(b"", SEMICOLON)
    assert unfit(b"a*/b", BLOCK)
    assert not unfit(b"a*/b:c \xff", SEMICOLON)
