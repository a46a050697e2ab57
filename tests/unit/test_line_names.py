"""Macros that lead to `__LINE__` are found, however that is written."""

from __future__ import annotations

import time

import pytest

from incremental_tool.model.line_names import (
    LINE,
    asks_for_callers_line,
    definition_of_word,
    definitions_of,
    has_nameless_types,
    line_names,
    names_outside_definitions,
    reads_once,
)


def leading(text: str) -> set[str]:
    """Return the macros of a text that lead to a line."""
    definitions = definitions_of(text.encode())
    assert definitions is not None
    return {name.decode() for name in line_names([definitions]).difference(LINE)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("#define A 1\n#define B(x) x\n", ""),
        ("#define A __LINE__\n", "A"),
        ("#define A(x) f(x, __LINE__)\n#define B(x) A(x)\n#define C B\n", "A B C"),
        ("#define C B\n#define B A\n#define A __LINE__\n", "A B C"),
        ("  #  define A \\\n  f( \\\n__LINE__)\n", "A"),
        ("#define A __LI\\\nNE__\n", "A"),
        ("#def\\\nine A __LINE__\n", "A"),
        ("%:define A __LINE__\n", "A"),
        ("#define A ??/\n__LINE__\n", "A"),
        ("#define A \\\r\n__LINE__\r\n", "A"),
        ("#define A /* a\n*/ __LINE__\n", "A"),
        ("#define A(x) x ## NE__\n#define B A(__LI)\n", "A B"),
        ("#define A(x) x %:%: NE__\n", "A"),
        ("#define A B\n#define B A\n", ""),
        ("#define assert(x) f(#x)\n#define A assert(1)\n", ""),
        ("#define A __builtin_LINE()\n", "A"),
    ],
)
def test_macros_that_lead_to_a_line_are_found(text: str, names: str) -> None:
    """Directly or through others, in any order, over joined lines."""
    assert leading(text) == set(names.split())


def test_a_name_behind_a_comment_is_not_looked_for() -> None:
    """Where a comment stands before the name, nothing is said of the text."""
    assert definitions_of(b"#define/**/A __LINE__\n") is None
    assert definitions_of(b"#define /**/ A __LINE__\n") is None


def test_definitions_of_the_command_count() -> None:
    """An option -D defines a macro, with or without parameters."""
    assert definition_of_word("A") == (b"A", b"")
    assert definition_of_word("A=__LINE__") == (b"A", b"__LINE__")
    assert definition_of_word("A(x)=f(x, __LINE__)") == (b"A", b"f(x, __LINE__)")


def test_names_in_definitions_do_not_count_where_they_stand() -> None:
    """A macro's body is expanded where it is used."""
    text = b"#define A one \\\n two\n# define B three\nint four = five; // #define C six\n"
    assert names_outside_definitions(text) == {b"int", b"four", b"five", b"define", b"C", b"six"}


def test_a_condition_on_a_line_counts() -> None:
    """Other directives than definitions are carried out where they stand."""
    assert b"__LINE__" in names_outside_definitions(b"#if __LINE__ > 3\n#endif\n")
    assert b"__LINE__" in names_outside_definitions(b"int a = __LI\\\nNE__;\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"int f(int line = __builtin_LINE());", True),
        (b"void f(std::source_location where = std::source_location::current());", True),
        (b"#define __cpp_lib_source_location 1", False),
        (b"int line = __LINE__;", False),
    ],
)
def test_what_asks_for_a_callers_line(text: bytes, expected: bool) -> None:
    """In C++ default arguments can name the line of a call."""
    assert asks_for_callers_line(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"struct { int a; } b;", True),
        (b"typedef enum\n{ A } b;", True),
        (b"union __attribute__((packed)) { int a; } b;", True),
        (b"struct a { int b; };", False),
        (b"struct a *b; constructed { }", False),
    ],
)
def test_types_without_a_name(text: bytes, expected: bool) -> None:
    """A brace right behind the word, or behind attributes."""
    assert has_nameless_types(text) is expected


def test_many_definitions_take_no_long_time() -> None:
    """A hundred thousand macros in a row take less than three CPU seconds."""
    text = b"".join(b"#define A%d A%d\n" % (at, at + 1) for at in range(100_000))
    started = time.process_time()
    found = line_names([definitions_of(text + b"#define A100000 __LINE__\n") or []])
    assert len(found) == 100_001 + len(LINE)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'#import "a.h"\n', True),
        (b'  %: import "a.h"\n', True),
        (b'#/**/import "a.h"\n', True),
        (b'# \\\n import "a.h"\n', True),
        (b"/* the import is important */ int import;\n", False),
        (b"#include <important.h>\n", False),
    ],
)
def test_what_reads_a_file_once(text: bytes, expected: bool) -> None:
    """A directive, however it is written, and no other word."""
    assert reads_once(text) is expected
