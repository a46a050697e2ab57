"""Bodies are blanked in a source only where it is certain that they are bodies."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incremental_tool.model.c_tokens import code_of
from incremental_tool.model.raw_source import directive_name, scan, trouble_of
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_regions import Region, regions_of, thin
from incremental_tool.model.translation_unit import BLANK, Item, cut

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def preprocessed(source: bytes, compiler: str = COMPILERS[0]) -> bytes:
    """Return what a compiler's preprocessor makes of a source named `<stdin>`."""
    return subprocess.run(
        [compiler, "-E", "-xc", "-"], input=source, check=True, stdout=subprocess.PIPE
    ).stdout


def cut_well(text: bytes) -> list[Item]:
    """Return the items of a text that must not be refused."""
    items = cut(text)
    assert isinstance(items, list), items
    return items


def found_in(source: bytes, compiler: str = COMPILERS[0]) -> list[Region]:
    """Return the regions of a source; in each the text says the same as the numbers."""
    text = preprocessed(source, compiler)
    regions = regions_of(source, text, cut_well(text), b"<stdin>")
    assert isinstance(regions, list), regions
    for region in regions:
        assert source.count(b"\n", 0, region.start) == region.first - 1
        assert region.start == 0 or source[region.start - 1 : region.start] == b"\n"
        assert region.stop == len(source) or source[region.stop - 1 : region.stop] == b"\n"
        if region.opened >= 0:
            assert region.start <= region.opened < region.closed <= region.stop
            assert source[region.opened : region.closed].startswith((b"{", b"<%"))
            assert source[region.opened : region.closed].endswith((b"}", b"%>"))
    return regions


def blanked(source: bytes, compiler: str = COMPILERS[0]) -> bytes:
    """Return the thin source; it is preprocessed to the same items, with `;` for bodies."""
    text = preprocessed(source, compiler)
    items = cut_well(text)
    regions = found_in(source, compiler)
    made = thin(source, regions, ())
    blank = {region.item for region in regions if region.opened >= 0}
    expected = [
        code_of(
            text[item.start : item.header_end] + b";"
            if at in blank
            else text[item.start : item.end]
        )
        for at, item in enumerate(items)
        if item.kind != BLANK
    ]
    again = preprocessed(made, compiler)
    found = [
        code_of(again[item.start : item.end]) for item in cut_well(again) if item.kind != BLANK
    ]
    assert found == expected
    assert made.count(b"\n") == source.count(b"\n")
    return made


SOURCE = rb"""#define A 1
/* int no(void) { } */
#include <stdlib.h>
#define OPEN {
#define BOTH { return 1; }
#define TWICE(x) int x(void) { return 1; }
#define RETURNS(x) { return x; }
static const char *s = "int no(void) {", c = '{';
int one(void) { return 1; } int two(int a) { if (a) { return '}'; } return 2; } /* { */
int three(void)
{ // }
#if A /* { */ > 0 \
  && 1
  return 1; /*
#define NO } */
#else
  return "}"; }
int no(void) {
#endif
	} int four(void) /* { */ {
  return atoi("x\
#define NO 1 }"); }
int five(void) OPEN return 1; }
int six(void) BOTH
TWICE(seven)
int eight(void) RETURNS(8)
static inline int nine(void) { return 1; }
int ten(void) {
#pragma GCC diagnostic push
#pragma GCC diagnostic pop
return 1; }
int eleven(a) int a; { return a; }
int twelve(void) {
  /* */ # define Z 1
  return Z; }
int thirteen(void) { void *p = NULL; return p == NULL; }
#if 0
 don't /*
#endif
struct t { int a; } fourteen(void)
<% struct t t = { 1 }; return t; %>
int last(void) {}
"""
CERTAIN = set(b"one two three thirteen fourteen last".split())
UNCERTAIN = set(b"five six seven eight nine ten eleven twelve".split())


@pytest.mark.parametrize("compiler", COMPILERS)
def test_bodies_are_found_where_they_are(compiler: str) -> None:
    """Just the bodies whose braces stand in the source, and that do no more, can be blanked."""
    regions = found_in(SOURCE, compiler)

    # clang tells another line of what stands behind joined lines.
    assert {region.name for region in regions if region.opened >= 0} >= CERTAIN
    assert {region.name for region in regions if region.opened < 0} - {b"four"} == UNCERTAIN
    assert regions[3].last == 22
    bodies = {region.name: SOURCE[region.opened : region.closed] for region in regions}
    assert bodies[b"one"] == b"{ return 1; }"
    assert bodies[b"two"] == b"{ if (a) { return '}'; } return 2; }"
    assert bodies[b"three"].startswith(b"{ // }\n#if A")
    assert bodies[b"three"].endswith(b"#endif\n\t}")
    assert bodies[b"fourteen"] == b"<% struct t t = { 1 }; return t; %>"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_thin_source_is_the_same_but_for_bodies(compiler: str) -> None:
    """Preprocessed, the thin source is what the source is, with `;` for bodies."""
    made = blanked(SOURCE, compiler)

    assert b"\n#if A /* { */ > 0 \\\n  && 1\n" in made
    assert b"#define NO }" not in made
    assert b"int two(int a) ;" in made


def test_what_stays_is_in_its_column() -> None:
    """Behind a body that ends in the middle of a line, everything is where it was."""
    source = b"int f(int a) { return 1; } int g(void) {\n\t  return 2;\n \t} int h(void);\n"

    made = blanked(source)

    lines = [line.rstrip() for line in made.split(b"\n")]
    assert lines[0] == b"int f(int a) ;             int g(void) ;"
    assert lines[1] == b""
    assert lines[2] == b" \t  int h(void);"


@pytest.mark.parametrize(
    ("before", "behind", "lines"),
    [
        (b"\n", b"\n", (2, 3)),
        (b"#define A\n", b"\n#define B\n", (2, 3)),
        (b"/*\n*/ ", b"\n", (1, 3)),
        (b"\n", b" /* a\nb */ /*\n*/\n", (2, 5)),
        (b"\\\n", b"\\\n\\\n;\n#if 1\n#endif\n", (1, 5)),
        (b"\n\n", b" // a\\\nb\n// c\n", (3, 5)),
        (b"int x; /* a */\n", b"/* b */\n/* c\n*/", (2, 3)),
    ],
)
def test_regions_neither_begin_nor_end_within_comments(
    before: bytes, behind: bytes, lines: tuple[int, int]
) -> None:
    """A comment or a joined line that reaches into a function's lines belongs to them whole."""
    (region,) = found_in(before + b"int f(void) {\n}" + behind)

    assert (region.first, region.last) == lines
    assert region.opened > 0


def test_kept_bodies_are_kept() -> None:
    """The bodies of functions that are asked for stay as they are."""
    source = b"int f(void) { return 1; }\nint g(void) { return 2; }\n"
    regions = found_in(source)

    made = thin(source, regions, {regions[1].item})

    assert made == b"int f(void) ;\nint g(void) { return 2; }\n"
    assert thin(source, regions, {region.item for region in regions}) == source


@pytest.mark.parametrize(
    "source",
    [
        *(b"#line 5\nint f(void) { return 1; }\n", b'# 5 "x"\nint x;\n', b"int x; /* ??/ */\n"),
        *(b'char *s = "a\\\\\n";\n', b"int x; /\\\n* c */\n", b"int x; /* c *\\\n/ */\n"),
        *(b'char *s = R"(a)";\n', b"int x; /* c", b"int x\0;", b"#define X /* c", b"int x = 1'0;"),
    ],
)
def test_what_cannot_be_followed_is_refused(source: bytes) -> None:
    """A source whose lines or tokens cannot be told for certain is refused."""
    found = regions_of(source, b"", [], b"x")

    assert isinstance(found, Reason)
    assert found.id == "function.refuse.source"


def test_a_text_of_another_source_is_refused_or_not_blanked() -> None:
    """Where source and preprocessed text do not belong together no body is blanked."""
    text = preprocessed(b"int x;\nint f(void)\n{ return 1; }\n")
    items = cut_well(text)

    assert isinstance(regions_of(b"int x;\n", text, items, b"<stdin>"), Reason)
    for other in (b"\n\n\n", b"\n\n{ { } }\n", b"\n\n{ } }\n", b"\n\n//{ }\n", b"\n\n'{' }\n"):
        found = regions_of(other, text, items, b"<stdin>")
        assert [(region.name, region.opened) for region in found] == [(b"f", -1)]
    assert regions_of(b"", text, items, b"other.c") == []


def test_functions_of_headers_have_no_region(tmp_path: Path) -> None:
    """Only functions of the source itself are told, with the lines that they have there."""
    (tmp_path / "a.h").write_text("int f(void) { return 1; }\n")
    source = b'#include "a.h"\n\nint g(void)\n{\n}\n'
    (tmp_path / "a.c").write_bytes(source)
    text = subprocess.run(
        [COMPILERS[0], "-E", "a.c"], check=True, stdout=subprocess.PIPE, cwd=tmp_path
    ).stdout

    regions = regions_of(source, text, cut_well(text), b"a.c")

    assert isinstance(regions, list)
    assert [(region.name, region.first, region.last) for region in regions] == [(b"g", 3, 5)]


@pytest.mark.parametrize(
    ("source", "names", "strays"),
    [
        (b"#define A\n # if B\n\t#\tendif\n%:undef C\n", b"define if endif undef", 0),
        (b"#", b"", 0),
        (b"/* */ #define A\n", b"", 1),
        (b"/*\n#define A\n*/\n", b"", 0),
        (b'char *s = "\\\n#define A\\\n";\n', b"", 0),
        (b"// \\\n#define A\n#define B\n", b"define", 0),
        (b"#define A \\\n#define B\n#undef C /*\n#if D\n*/\n#if E", b"define undef if", 0),
        (
            b"#/* x */define A '\n#\\\nundef B\n#error don't /*\n#if C // \\\n#if D\n",
            b"define undef error if",
            0,
        ),
        (b'#include "a//b"\n#include <a//b>\n# 12 "x"\n', b"include include 12", 0),
        (b"\xef\xbb\xbf#define A\r\n#define B\r\n", b"define define", 0),
        (b"don't /*\n#define A\n", b"define", 0),
        (b"a \\\n#define A\n", b"", 1),
        (b'PTR"/*" #\n', b"", 1),
        (b"case'a': x = 'b'; #", b"", 1),
    ],
)
def test_directives_are_what_a_compiler_takes_for_them(
    source: bytes, names: bytes, strays: int
) -> None:
    """What comments, literals and joined lines hide is no directive, and they hide no other."""
    found = scan(source)

    assert trouble_of(source) == found.trouble == ""
    assert [directive_name(source, start) for start, _ in found.directives] == names.split() or (
        names == b"" and [directive_name(source, start) for start, _ in found.directives] == [b""]
    )
    assert len(found.strays) == strays


PARTS = st.sampled_from(
    [
        *(b"int f%d(void) { return %d; }", b"int f%d(void)\n{\n  if (%d) {\n  }\n  return '}';\n}"),
        *(
            b"char *f%d(int a) { /* } %d */\n#if A\n  return 0; }\n#else\n  return 1; }\n#endif\n",
            b"int x%d = %d;",
        ),
        *(
            b"// int f%d { %d",
            b"/* { \n#if %d\n } %d */",
            b"#define M%d { %d",
            b"\n#if %d\n#endif // %d\n",
        ),
        *(
            b"struct s%d { int a; char b[%d + 1]; };",
            b'const char *s%d = "{ /* %d";',
            b"BODY(f%d) /* %d */",
        ),
        *(
            b"int f%d(int\na) {\n#undef A\n#define A 0\n// '\n return %d;\n}",
            b"#undef A\n#define A %d+%d\n",
        ),
        *(
            b"#error_%d don't %d\n",
            b"int f%d(void) \\\n { \\\n return %d; \\\n }",
            b"int f%d(void) BEGIN return %d; }",
        ),
    ]
)
HEAD = b"#define BODY(f) int f(void) { return 1; }\n#define BEGIN {\n#define A 1\n"


@given(st.lists(st.tuples(PARTS, st.sampled_from([b" ", b"\n", b"\n\n\n", b"\r\n"])), max_size=10))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_arrangement_is_thinned_right(parts: list[tuple[bytes, bytes]]) -> None:
    """Whatever functions, comments and directives stand together, bodies alone are blanked."""
    source = HEAD
    for number, (part, gap) in enumerate(parts):
        if part.startswith(b"#error"):
            part = b"#if 0\n" + part + b"#endif\n"  # noqa: PLW2901 - skipped text
        lead = b"\n" if b"#" in part or not source.endswith(b"\n") else b""
        source += lead + part % (number, number) + b"\n" * part.startswith((b"//", b"#")) + gap

    blanked(source)


@given(
    st.lists(
        st.sampled_from(
            [
                b"{",
                b"}",
                b'"',
                b"'",
                b"/*",
                b"*/",
                b"//",
                b"\\",
                b"\n",
                b"#if",
                b"#",
                b" ",
                b"x",
                b"<%",
                b"R",
                b"??/",
                b"\0",
                b"\xe4",
                b"%:",
                b"\r",
            ]
        ),
        max_size=30,
    ).map(b"".join),
    st.binary(max_size=50),
)
@settings(max_examples=300)
def test_any_source_is_scanned(source: bytes, more: bytes) -> None:
    """No source makes the scanner fail, and what hides lies one behind the other."""
    for text in (source, more, source + more):
        found = scan(text)
        places = [place for pair in zip(found.starts, found.ends) for place in pair]
        assert places == sorted(places)
        assert all(text[place] in b"{}<%" for place in found.braces)
        regions_of(text, b"int f(void) { }", cut_well(b"int f(void) { }"), b"")
