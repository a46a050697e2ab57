"""Where a source's preamble ends, and what rules one out."""

from __future__ import annotations

import random

import pytest

from incremental_tool.model.preamble import (
    Preamble,
    blanked,
    header_of,
    obstacle_in,
    preamble_of,
)
from incremental_tool.model.reason import REASONS, Reason

HEAD = b"// what this is\n#include <map>\n"


def end_of(source: bytes) -> bytes:
    """Return the preamble of a source that has one."""
    found = preamble_of(source)
    assert isinstance(found, Preamble), found
    assert found.lines == source[: found.end].count(b"\n")
    return source[: found.end]


def refusal_of(source: bytes) -> str:
    """Return why a source has no preamble."""
    found = preamble_of(source)
    assert isinstance(found, Reason), found
    assert found.id == "preamble.refuse.source"
    return found.detail


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (HEAD, b"int x;\n"),
        (HEAD, b"\n// of x\nint x;\n"),
        (HEAD + b'\n/* two\nlines */\n#include "b.h" // why\n', b"\nint x;\n"),
        (HEAD + b"#define TWICE(x) \\\n  x x\n", b"TWICE(int x;)\n"),
        (HEAD + b"#if A /* or\nnot */\n#include <a>\n#else\n#  error no\n#endif\n", b"int x;\n"),
        (HEAD, b"#ifdef A\nint x;\n#endif\n"),
        (HEAD, b"#ifdef A\n#define B\nint x;\n"),
        (HEAD, b"#pragma pack(1)\nint x;\n"),
        (HEAD, b"#line 7\nint x;\n"),
        (HEAD, b"#endif\nint x;\n"),
        (HEAD, b'using namespace std;\nauto text = R"(it\'s)";\n'),
        (HEAD, b'"text";\n'),
        (HEAD, b""),
        (b"  #  include <a> /* b\n*/ /* c */\n", b"int x;\n"),
        (b"#include <a>\r\n", b"int x;\r\n"),
    ],
)
def test_a_preamble_ends_before_the_first_other_token(head: bytes, rest: bytes) -> None:
    """It ends behind the last directive at which no condition is open."""
    assert end_of(head + rest) == head


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (b"", "includes nothing"),
        (b"int x;\n" + HEAD, "includes nothing"),
        (b"#define A\nint x;\n", "includes nothing"),
        (b"/* never closed\n#include <a>\n", "includes nothing"),
        (b'extern "C" {\n#include <a>\n}\n', "includes nothing"),
        (b"#include <a>", "includes nothing"),
        (HEAD + b"int x;\n#include <b>\n", "behind its first declaration"),
        (HEAD + b"int x;\n%: include <b>\n", "behind its first declaration"),
        (HEAD + b"int x;\n#inc\\\nlude <b>\n", "behind its first declaration"),
        (HEAD + b"int x;\n#if __has_include(<b>)\n#endif\n", "behind its first declaration"),
        (HEAD + b"#if A\n#include <b>\nint x;\n#endif\n", "behind its first declaration"),
        (HEAD + b'asm(".incbin \\"b\\"");\n', "behind its first declaration"),
        (HEAD + b"#define B <b>\n#include B\nint x;\n", "macro computes"),
        (HEAD + b"int x = __COUNTER__;\n", "__COUNTER__"),
        (HEAD + b"#define C __COUNTER__\nint x;\n", "__COUNTER__"),
        (HEAD + b"int x = __INCLUDE_LEVEL__;\n", "__INCLUDE_LEVEL__"),
        (HEAD + b"auto x = __BASE_FILE__;\n", "__BASE_FILE__"),
        (HEAD + b"auto x = __TIME__;\n", "first declaration"),
        (b"#define T __DATE__\n" + HEAD + b"int x;\n", "__DATE__"),
        (b"\xef\xbb\xbf" + HEAD + b"int x;\n", "byte order mark"),
        (b"#define A ??/\n1\n" + HEAD + b"int x;\n", "trigraph"),
    ],
)
def test_what_acts_on_the_rest_rules_a_preamble_out(source: bytes, why: str) -> None:
    """Whatever could make the rest come out otherwise is refused, and named."""
    assert why in refusal_of(source)


def test_a_name_that_only_begins_like_one_is_none() -> None:
    """`__COUNTER__x` counts nothing."""
    assert end_of(HEAD + b"int __COUNTER__x;\n") == HEAD


def test_every_line_of_a_blanked_source_stays_where_it_is() -> None:
    """Only the preamble's lines are blank."""
    source = HEAD + b"#define A 1\nint x = A;\nint y;\n"
    found = preamble_of(source)
    assert isinstance(found, Preamble)
    assert blanked(source, found) == b"\n\n\nint x = A;\nint y;\n"


def test_a_header_says_where_its_text_stands() -> None:
    """Its first line is the source's first line; a name that cannot be said makes none."""
    source = HEAD + b"int x;\n"
    found = preamble_of(source)
    assert isinstance(found, Preamble)
    assert header_of(source, found, b"d/a.cc") == b'#line 1 "d/a.cc"\n' + HEAD
    for name in (b'a".cc', b"a\\b.cc", b"a\n.cc"):
        assert header_of(source, found, name) is None


@pytest.mark.parametrize(
    ("content", "obstacle"),
    [
        (b"#define LEVEL __INCLUDE_LEVEL__\n", "__INCLUDE_LEVEL__"),
        (b"const char *f(const char *x = __builtin_FILE());\n", "__builtin_FILE"),
        (b'#pragma GCC diagnostic error "-Wall"\n', "a pragma that asks for warnings"),
        (b'_Pragma("GCC diagnostic  warning \\"-Wall\\"")\n', "a pragma that asks for warnings"),
        (b'#pragma GCC diagnostic ignored "-Wall"\n', ""),
        (b"int x = __COUNTER__; // diagnostics\n", ""),
        (b"", ""),
    ],
)
def test_a_header_that_tells_its_place_is_told_from_others(content: bytes, obstacle: str) -> None:
    """What a precompiled header would get wrong is found by name."""
    assert obstacle_in(content) == obstacle


def test_any_bytes_have_a_preamble_or_a_reason() -> None:
    """Cut off, shuffled and random sources raise nothing, and a preamble ends a line."""
    rng = random.Random(11)
    parts = [
        *(HEAD, b"#if A\n", b"#endif\n", b"/*", b"*/", b'"', b"'", b"\\\n", b'R"(', b"#", b"\n"),
        *(b"int x;", b"//", b"\0", b"??/", b"#define A", b"\xff", b"%:include <a>\n", b"\r"),
    ]
    found = 0
    for _ in range(3000):
        source = b"".join(rng.choice(parts) for _ in range(rng.randrange(12)))
        source = source[: rng.randrange(len(source) + 1)]
        answer = preamble_of(source)
        if isinstance(answer, Reason):
            assert answer.id in REASONS
            continue
        found += 1
        assert source[: answer.end].endswith(b"\n")
        assert blanked(source, answer).count(b"\n") == source.count(b"\n")
    assert found > 100


def test_a_large_hostile_source_is_read_in_no_time() -> None:
    """Time grows with the size of a source, not with its square."""
    for part in (b"#if A\n", b"/* a */ ", b"#define A \\\n", b"// a\\\n", b"#include <a>\n", b'"'):
        preamble_of(part * 100_000)
