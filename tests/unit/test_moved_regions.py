"""After an edit within functions and comments it is known where all functions are."""

from __future__ import annotations

import shutil
import subprocess
from typing import Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental_tool.model.moved_regions import Moved, moved
from incremental_tool.model.reason import Reason
from incremental_tool.model.source_edit import changed_lines
from incremental_tool.model.source_regions import Region, regions_of
from incremental_tool.model.translation_unit import cut

COMPILER = "gcc" if shutil.which("gcc") else "clang"

SOURCE = rb"""/* A file.
 * { */
#define ONE 1
#define TWO \
  2
static int one(int a)
{
  if (a) {
    return ONE;
  }
  return 1;
}

/* Returns two. */
int two(void) {
#if TWO
  int x = 2; /* { */
#else
  int x = 3;
#endif
  return x;
}
int three(void) { return 3; }
int four(void) { return 4; }

int x = 1; // x

int five(int a,
         int b)
{
  /* a and
     b */
  return a + b;
} /* five
*/
struct s { int a; };
"""


def regions_in(source: bytes) -> list[Region]:
    """Return where the functions of a source are by its preprocessed text."""
    text = subprocess.run(
        [COMPILER, "-E", "-xc", "-"], input=source, check=True, stdout=subprocess.PIPE
    ).stdout
    items = cut(text)
    assert isinstance(items, list), items
    regions = regions_of(source, text, items, b"<stdin>")
    assert isinstance(regions, list), regions
    return regions


REGIONS = regions_in(SOURCE)


def after(new: bytes) -> Union[Moved, Reason]:
    """Return what is known after an edit of the source."""
    return moved(SOURCE, new, REGIONS, changed_lines(SOURCE, new, REGIONS))


def names(found: Union[Moved, Reason]) -> list[bytes]:
    """Return the names of the functions touched."""
    assert isinstance(found, Moved), found
    return [region.name for region in REGIONS if region.item in found.touched]


EDITS = [
    (b"return ONE;", b"return ONE + 1;", b"one"),
    (b"return ONE;", b"\n\nreturn\nONE;", b"one"),
    (b"  return 1;\n", b"", b"one"),
    (b"  return x;\n", b"  { return x + '}' + \"{\"[0]; }\n", b"two"),
    (b"static int one(int a)", b"static int\none( int a )", b"one"),
    (b"{ return 3; }", b"{ return 33; }", b"three"),
    (b"{ return 3; }\nint four(void) {", b"{ return 33; }\nint four(void) {  ", b"three four"),
    (b"/* a and", b"/* both a and", b"five"),
    (b"/* Returns two. */\n", b"/* Returns 2. */\n\n// more {\n", b""),
    (b"/* Returns two. */\n", b"", b""),
    (b"\nint x = 1; // x", b"int x = 1; /* y */", b""),
    (b"int x = 1; // x", b"int  x=1 ;", b""),
    (b"/* A file.\n", b"/* A\n * file.\n", b""),
    (b"} /* five\n*/", b"} /* five */", b"five"),
    (b"struct s { int a; };\n", b"struct s { int a; };\n/* end */", b""),
    (b"return ONE;", b"return ONE; /* } */ // }", b"one"),
    (b"  return x;\n", b"  /* two */ while (x) { x--; }\n  return x;\n", b"two"),
]


@pytest.mark.parametrize(("old", "new", "touched"), EDITS)
def test_functions_are_where_they_are_said_to_be(old: bytes, new: bytes, touched: bytes) -> None:
    """After an edit the functions lie as the edited file's preprocessed text tells."""
    source = SOURCE.replace(old, new)

    found = after(source)

    assert source != SOURCE
    assert names(found) == touched.split()
    assert isinstance(found, Moved)
    for region, expected in zip(found.regions, regions_in(source)):
        assert region[:6] == expected[:6]
        if region.opened >= 0:
            assert region == expected
        else:
            assert region.item in found.touched


def test_untouched_functions_keep_their_certainty() -> None:
    """An edit between a body's first and last line leaves all bodies such as can be blanked."""
    found = after(SOURCE.replace(b"return ONE;", b"\nreturn ONE;"))

    assert isinstance(found, Moved)
    assert all(region.opened >= 0 for region in found.regions)
    assert [region.name for region in found.regions] == b"one two three four five".split()


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (b"#define ONE 1", b"#define ONE 2", "directive"),
        (b"#define ONE 1", b"#define ONE 1 // one", "directive"),
        (b"\n  2\n", b"\n  3\n", "directive"),
        (b"#if TWO", b"#if 1", "directive"),
        (b"#else\n", b"", "directive"),
        (b"  return x;\n", b"#define X 1\n  return x;\n", "directive"),
        (b"  return x;\n", b"  /* */ # define X\n  return x;\n", "directive"),
        (b"int two(void) {\n", b"int two(void) { \\\n", "directive"),
        (b"int two(void) {\n", b"int two(void) { /*\n", "directive"),
        (b"  return ONE;\n", b"  return ONE; /*\n", "declaration"),
        (b"return x;\n}", b"return x;\n}}", "declaration"),
        (b"  return 1;\n", b"  return 1; }\n int six(void) {\n", "declaration"),
        (b"  return 1;\n", b"  if (a) {\n", "declaration"),
        (b"  return 1;\n}", b"  return 1;\n} int y;", "declaration"),
        (b"  return 1;\n}\n", b"  return 1;\n} \\\n", "declaration"),
        (b"  return 1;\n}\n", b"  return 1;\n} /*\n", "declaration"),
        (b"int x = 1;", b"int x = 2;", "declaration"),
        (b"static int one(int a)", b"static int one(long a)", "declaration"),
        (b"int two(void) {", b"int y; int two(void) {", "declaration"),
        (b"int x = 1;", b"int x = 1; int y;", "declaration"),
        (b"struct s { int a; };\n", b"", "declaration"),
        (b"\nint x", b"int six(void) { return 6; }\nint x", "declaration"),
        (b"int three(void) { return 3; }\n", b"", "declaration"),
        (b"/* Returns two. */\n", b"/* Returns two.\n", "directive declaration source"),
        (b"/* A file.\n", b"/* A file. */\n", "declaration"),
        (b"return ONE;", b"return 1'0;", "source"),
        (b"return ONE;", b'return R"(})"[0];', "source"),
        (b"return ONE;", b"return ONE; ??/", "source"),
        (b"return ONE;", b"return ONE /\\\n* 2;", "source"),
    ],
)
def test_edits_that_may_do_more_are_refused(old: bytes, new: bytes, kind: str) -> None:
    """Directives, declarations and what reaches beyond a function are told with the line."""
    source = SOURCE.replace(old, new)

    found = after(source)

    assert source != SOURCE
    assert isinstance(found, Reason)
    assert found.id in [f"function.refuse.{name}" for name in kind.split()]
    assert found.detail.startswith("line ")


def test_braces_chosen_by_directives_may_not_change() -> None:
    """Where braces match only with directives, an edit may change no brace."""
    source = b"int f(int a)\n{\n#if 1\n  if (a) {\n#else\n  {\n#endif\n  a = 1; }\n  return 2;\n}\n"
    regions = regions_in(source)

    plain, braced = source.replace(b"2;", b"3;"), source.replace(b"return 2;", b"{ return 2; }")

    assert isinstance(moved(source, plain, regions, changed_lines(source, plain, regions)), Moved)
    assert isinstance(
        moved(source, braced, regions, changed_lines(source, braced, regions)), Reason
    )


PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"/*",
        b"*/",
        b"//",
        b'"',
        b"'",
        b"\\",
        b"\n",
        b"\n#define X\n",
        b"#",
        b" ",
        b"x;",
        b"int f(void) { }\n",
        b"\n\n",
    ]
)


@given(
    st.lists(
        st.tuples(st.integers(0, len(SOURCE)), st.integers(0, 30), st.lists(PIECES, max_size=3)),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=300)
def test_what_is_accepted_leaves_other_functions_whole(
    edits: list[tuple[int, int, list[bytes]]],
) -> None:
    """After any edit that is accepted, untouched functions have their text where it is told."""
    new = SOURCE
    for place, length, pieces in edits:
        new = new[:place] + b"".join(pieces) + new[place + length :]

    found = after(new)

    if isinstance(found, Moved):
        for old, region in zip(REGIONS, found.regions):
            assert new.count(b"\n", 0, region.start) == region.first - 1
            assert region.start == 0 or new[region.start - 1] == 10
            if region.item not in found.touched:
                assert new[region.start : region.stop] == SOURCE[old.start : old.stop]
            if region.opened >= 0:
                assert new[region.opened : region.opened + 1] == b"{"
                assert new[region.closed - 1 : region.closed] == b"}"


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.sampled_from([b" { a--; }", b"\n", b" // }", b" /* { */", b" a++;"]),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=25)
def test_accepted_edits_give_the_regions_of_the_new_source(edits: list[tuple[int, bytes]]) -> None:
    """Edits of bodies' lines give what the new source's preprocessed text gives."""
    lines = SOURCE.split(b"\n")
    for line, more in edits:
        at = (8, 10, 16, 18, 20, 31, 12, 24)[line % 8]
        lines[at] += more
    new = b"\n".join(lines)

    found = after(new)

    if isinstance(found, Moved):
        for region, expected in zip(found.regions, regions_in(new)):
            assert region[:6] == expected[:6]
            assert region.opened in (-1, expected.opened)
