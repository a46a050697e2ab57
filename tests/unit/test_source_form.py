"""Two texts have one form only if no compiler can tell them apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model.source_form import form_of, packed


def form(text: str, *, cxx: bool = False) -> bytes:
    """Return the form of a text that has one."""
    found = form_of(text.encode(), cxx=cxx)
    assert found is not None
    return found


def lines_left(text: str, *, cxx: bool = False) -> bytes:
    """Return the packed form of a text that has one."""
    return packed(form(text, cxx=cxx))


SAME = {
    "another word in a comment": ("int a; /* one */ int b;\n", "int a; /* two */ int b;\n"),
    "a comment for blanks": ("int a; /* one */ int b;\n", "int a;           int b;\n"),
    "a comment behind a line": ("int a;\n", "int a; // one\n"),
    "a quote in a comment": ("int a; // it\nint b;\n", "int a; // it's\nint b;\n"),
    "a string's end in a comment": ('char *a = "x"; //\n', 'char *a = "x"; // "\n'),
    "blanks behind a line": ("int a;\n", "int a; \t\n"),
    "a directive's comment": ("#define A 1\n", "#define A 1 // one\n"),
    "a condition's comment": ("#if 0\n#endif\n", "#if 0 /* off */\n#endif /* 0 */\n"),
    "what a condition takes out, commented": ("#if 0\nx\n#endif\n", "#if 0\nx // y\n#endif\n"),
    "a comment as long in a macro": (
        "#define A(x) /* a */ \\\n x\n",
        "#define A(x) /* b */ \\\n x\n",
    ),
    "a comment that goes on": ("int a;\n/* b */\nint b;\n", "int a; /* b\n*/\nint b;\n"),
    "an aligned comment": ("  int a;\n\n  int b;\n", "  int a;\n  /* so */\n  int b;\n"),
    "a comment over lines": ("  int a;\n\n\n  int b;\n", "  int a;\n  /* so\n   */\n  int b;\n"),
}
PACKED = {
    "a blank line": ("int a;\nint b;\n", "int a;\n\nint b;\n"),
    "a line of comment": ("int a;\nint b;\n", "int a;\n// one\nint b;\n"),
    "a longer comment": ("/* a */\nint a;\n", "/* a\n * b\n */\nint a;\n"),
    "lines at the end": ("int a;\n", "int a;\n\n\n"),
    "a comment first of all": ("int a;\n", "// a\n\nint a;\n"),
}
OTHER = {
    "a column": ("int a; /* one */ int b;\n", "int a; /* three */ int b;\n"),
    "a token": ("int a;\n", "int b;\n"),
    "a string's comment": ('char *a = "/* a */";\n', 'char *a = "/* b */";\n'),
    "a string's line comment": ('char *a = "// a";\n', 'char *a = "// b";\n'),
    "code behind a character": ("int a = '\"'; int b; // \"\n", "int a = '\"'; int c; // \"\n"),
    "code behind an escape": (
        'char *a = "\\"/*"; int b; //*/\n',
        'char *a = "\\"/*"; int c; //*/\n',
    ),
    "a header of two slashes": ('#include "a//b"\n', '#include "a//c"\n'),
    "a line for a comment": ("int a; int b;\n", "int a; /*\n*/ int b;\n"),
    "a joined line's blank line": ("#define A \\\n\nint b;\n", "#define A \\\nint b;\n"),
    "a blank in a string": ('char *a = "a  b";\n', 'char *a = "a b";\n'),
    "a string on two lines": ('char *a = "a \\\n b";\n', 'char *a = "a \\\nb";\n'),
    "a comment for nothing": ("int a/**/b;\n", "int ab;\n"),
    "a macro's parameters": ("#define A/**/(x) x\n", "#define A(x)     x\n"),
    "that a case goes on": ("a; /* fall through */\ncase 1:\n", "a; /* fill through */\ncase 1:\n"),
    "that it goes on, in capitals": ("a; // FALLTHRU\ncase 1:\n", "a; // FELLTHRU\ncase 1:\n"),
    "a comment in a comment": ("/* a */\n", "/*/* */\n"),
    "text from right to left": ("int a; /* \u202e */\n", "int a; /* aaa */\n"),
    "where such text ends": ("/* \u202e      \u202c */\n", "/* \u202e */ /* \u202c */\n"),
    "the last line's end": ("int a; // b\n", "int a; // b"),
    "where lines end": ("int a;\n", "int a;\r\n"),
    "a comment farther left": (
        "  if (a)\n    b;\n// c\n    d;\n",
        "  if (a)\n    b;\n    // c\n    d;\n",
    ),
    "such a comment, gone": ("  if (a)\n    b;\n// c\n    d;\n", "  if (a)\n    b;\n\n    d;\n"),
    "a comment's inner line farther left": (
        "    b;\n    /* c\nd */\n    d;\n",
        "    b;\n    /* c\n    d */\n    d;\n",
    ),
    "a comment first on a line of code": ("/* a */ if (a)\n", "        if (a)\n"),
    "what only seems to be such a line": ("      /* a\nb;\n      */\n    c;\n", "\nb;\n\n    c;\n"),
}
RAW = {
    "a raw string's comment": ('auto a = R"(/* a */)";\n', 'auto a = R"(/* b */)";\n'),
    "a raw string's blank lines": ('auto a = R"(a\n\n\nb)";\n', 'auto a = R"(a\n\nb)";\n'),
    "a raw string's line ends": ('auto a = R"(a \nb)";\n', 'auto a = R"(a\nb)";\n'),
    "code behind a raw string": (
        'auto a = u8R"x()" /* )x"; int b; // */\n',
        'auto a = u8R"x()" /* )x"; int c; // */\n',
    ),
}
NONE = {
    "a trigraph": "int a; // b ??/\nint c;\n",
    "a joined comment": "// a \\\nint b;\n",
    "a comment that looks joined": "#define A \\ /* a */\nint b;\n",
    "blanks behind a backslash": "#define A \\ \n1\n",
    "a joined opening": "/\\\n* a */\n",
    "an open comment": "int a; /* b\n",
    "a quote before a comment": "#error don't /* do\n",
    "a header in brackets": "#include <a//b>\n",
    "a header in brackets, asked for": "#if __has_include(<a/*b>)\n#endif\n",
    "a raw string": 'char *a = R"(/*)";\n',
    "an odd carriage return": "int a; // b\r int c;\n",
    "a NUL": "int a;\0\n",
    "a long line": "int a; /* " + "b" * 3000 + " */\n",
    "many lines": "\n" * 200_001,
    "a quote in a number": "int a = 1'000; /* ' */\n",
}


@pytest.mark.parametrize("case", sorted(SAME))
def test_what_shows_in_no_token_is_left_out(case: str) -> None:
    """Both texts have one form."""
    before, after = SAME[case]
    assert form(before) == form(after)
    assert form(before, cxx=True) == form(after, cxx=True)


@pytest.mark.parametrize("case", sorted(PACKED))
def test_lines_that_move_are_told_by_the_form_alone(case: str) -> None:
    """Both texts have one packed form, and not one form."""
    before, after = PACKED[case]
    assert form(before) != form(after)
    assert lines_left(before) == lines_left(after)


@pytest.mark.parametrize("case", sorted(OTHER))
def test_what_may_show_is_kept(case: str) -> None:
    """The texts have different forms, and different packed ones; or one has none."""
    before, after = (form_of(text.encode(), cxx=False) for text in OTHER[case])
    if before is not None and after is not None:
        assert before != after
        assert packed(before) != packed(after)


@pytest.mark.parametrize("case", sorted(RAW))
def test_raw_strings_are_kept(case: str) -> None:
    """Of raw strings all counts, and what stands behind them is code."""
    before, after = RAW[case]
    assert form(before, cxx=True) != form(after, cxx=True)
    assert lines_left(before, cxx=True) != lines_left(after, cxx=True)


def test_lines_that_end_as_elsewhere_have_a_form() -> None:
    """Carriage returns at the ends of all lines are no hindrance."""
    assert form("int a; // b\r\nint c;\r\n") == form("int a;\r\nint c; // d\r\n")


def test_a_name_before_a_string_makes_no_raw_string() -> None:
    """A macro's name that ends in R is a name."""
    assert form('f(OPR"a"); // b\n') == form('f(OPR"a"); // c\n')


@pytest.mark.parametrize("case", sorted(NONE))
def test_what_is_in_doubt_has_no_form(case: str) -> None:
    """Such a text stands for itself."""
    assert form_of(NONE[case].encode(), cxx=False) is None


@given(
    st.lists(
        st.sampled_from(
            [
                b"a",
                b" ",
                b"\n",
                b"/",
                b"*",
                b"/*",
                b"*/",
                b"//",
                b'"',
                b"'",
                b"\\",
                b'R"(',
                b')"',
                b"\\\n",
                b"#",
                b"\t",
                b"\r\n",
                b"\xff",
                b"fall",
                b"\0",
            ]
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_any_text_has_a_form_or_none(parts: list[bytes], cxx: bool) -> None:
    """A form has no more lines than its text and its own first, and fewer when it is packed."""
    text = b"".join(parts)
    found = form_of(text, cxx=cxx)
    if found is not None:
        assert found.count(b"\n") <= text.count(b"\n") + 1
        assert packed(found).count(b"\n") <= found.count(b"\n")


@pytest.mark.parametrize(
    "part",
    [b"/*", b"//\n", b'"', b"'", b'R"(', b"/* */", b"\\\n", b"/**/ ", b"clude<", b"/* * ", b"1'"],
)
def test_odd_text_takes_no_longer_than_other(part: bytes) -> None:
    """A megabyte of one odd beginning after the other takes less than three CPU seconds."""
    started = time.process_time()
    form_of(part * (1_000_000 // len(part)), cxx=True)
    form_of((part * 50 + b"\n") * (20_000 // len(part)), cxx=True)
    assert time.process_time() - started < 3
