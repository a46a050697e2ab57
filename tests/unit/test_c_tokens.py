"""Two texts have the same code if and only if a compiler sees the same tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model import c_tokens
from incremental_tool.model.c_tokens import after_group, code_of, tokens_of, words_of
from incremental_tool.model.line_map import LineMap


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            ("a+b", "a + b"),
            ("a\n+\r\n\tb", "a+b"),
            ('# 1 "x"\na\n# 2 "y" 3\nb', "a b"),
            ("", " \n"),
        ),
        *(
            ("a+ +b", "a + + b"),
            ("f(\fa,b\v)", "f ( a , b )"),
            ('x"a"', 'x "a"'),
            ("a\n#line 3\nb", "a b"),
        ),
        *(
            ("1.e+5+2", "1.e+5 + 2"),
            ("\\u00e4 b", "\\u00e4\nb"),
            ("a\n#pragma x\nb", "\n\na\n#pragma x\r\n\n b"),
        ),
    ],
)
def test_space_and_markers_do_not_count(one: str, other: str) -> None:
    """Texts that differ in white space and line markers alone are the same code."""
    assert code_of(one.encode()) == code_of(other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            ("a + +b", "a ++b"),
            ('"a b"', '"a  b"'),
            ("1.e+5", "1.e +5"),
            ("a b", "ab"),
            ("a- -b", "a--b"),
        ),
        *(
            ("a>>=1", "a>> =1"),
            ("'a'", '"a"'),
            ('L"x"', 'L "x"'),
            ("x", "y"),
            ("0x1p-3", "0x1p -3"),
        ),
        *(
            ("a\n#pragma x\nb", "a\n#pragma x b"),
            ("a\n#pragma x\nb", "a b"),
            ("...", ". .."),
            ("a->b", "a- >b"),
        ),
        *(
            ("a<:1:>", "a< :1: >"),
            ("1.2.3", "1 .2 .3"),
            (".5", ". 5"),
            ("'\\''", "'\\\\''"),
            ('"\t"', '" "'),
        ),
        *(
            (r'"\"" " "', r'"\" " " "'),
            ("a::b", "a: :b"),
            ("a##b", "a# #b"),
            ("\u00e4b", "\u00e4 b"),
        ),
        *(
            ('"a\rb"', '"ab"'),
            ("#pragma x  y", "#pragma x y"),
            ("1'000", "1 '000"),
            ("a\\b", "a \\b"),
        ),
    ],
)
def test_what_a_compiler_tells_apart_counts(one: str, other: str) -> None:
    """Texts with other tokens, literals or pragmas are other code."""
    assert code_of(one.encode()) != code_of(other.encode())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('int f(L"a", u8"b", x.y, 1e5, 0x1f, "c\\"d")', "int f x y"),
        ("# 1 \"name\"\nconst char *_a$b = 'z';", "const char _a$b"),
        ("#pragma weak f", "pragma weak f"),
        ("", ""),
    ],
)
def test_words_stand_outside_literals(text: str, words: str) -> None:
    """Names and keywords are words; what stands in literals, numbers and markers is none."""
    assert words_of(text.encode()) == set(words.encode().split())


LITERALS = rb"""1 0x1f 1.e+5 .5 'c' '\'' "s" "\"" L"w" """
MARKS = b"+ - ++ -- -> > >= >>= = == ( ) { } ; , . ... & && # ##"
TOKEN = st.sampled_from(b"a b int f".split() + LITERALS.split() + MARKS.split())
SPACE = st.sampled_from([b" ", b"\n", b"\t ", b'\n# 12 "a b" 3\n', b"\r\n"])


@given(st.lists(TOKEN), st.data())
def test_tokens_are_those_that_were_written(tokens: list[bytes], data: st.DataObject) -> None:
    """Any tokens with any white space between are read as just these tokens."""
    text = b" "
    for token in tokens:
        text += token + data.draw(SPACE)
    # A # at the beginning of a line would be another thing.
    text = text.replace(b"\n#", b"\n #").replace(b"\n # 12", b"\n# 12")

    assert tokens_of(text) == tokens
    assert code_of(text) == b"\n".join(tokens)


@given(st.binary(max_size=100))
def test_the_canonical_form_is_its_own(text: bytes) -> None:
    """The tokens of any bytes hold all of them but white space and lines of markers."""
    tokens = tokens_of(text)

    assert all(b"\n" not in token and token for token in tokens)
    if b"#" not in text:
        assert b"".join(b"".join(tokens).split()) == b"".join(text.split())
        assert words_of(text) <= set(tokens)


def test_too_many_escapes_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text with more escapes than the limit is its own canonical form."""
    monkeypatch.setattr(c_tokens, "_MOST_ESCAPES", 2)

    assert code_of(b'a  "\\n\\n"') == b'a\n"\\n\\n"'
    assert code_of(b'a  "\\n\\n\\n"') == b'a  "\\n\\n\\n"'
    assert words_of(b'a  "\\n\\n\\n"') >= {b"a"}


@pytest.mark.parametrize(
    ("text", "past"),
    [
        ("( a ( b ) ) c", 6),
        ("( [ { } ] ) )", 6),
        ("( ]", None),
        ("( (", None),
        (") (", None),
        ("a", None),
    ],
)
def test_groups_end_at_their_bracket(text: str, past: int) -> None:
    """The place behind the bracket that closes the first is told, or that there is none."""
    assert after_group(text.encode().split(), 0) == past


MARKED = b"""one
# 5 "a.c"
five
six
# 3 "dir/b \\"q\\".h" 1 3 4
three
#pragma x

five
# 7 "\\303\\244\\\\.c" 2
seven
# 9
nine
"""


def test_places_follow_the_markers() -> None:
    """A line's place is counted from the marker above it, names without escapes."""
    lines = LineMap(MARKED)

    found = {
        word: lines.place(MARKED.index(word))
        for word in (b"one", b"six", b"three", b"seven", b"nine")
    }

    assert found == {
        b"one": (b"", 1),
        b"six": (b"a.c", 6),
        b"three": (b'dir/b "q".h', 3),
        b"seven": (b"\xc3\xa4\\.c", 7),
        b"nine": (b"\xc3\xa4\\.c", 9),
    }
    assert lines.place(MARKED.rindex(b"five")) == (b'dir/b "q".h', 6)


@given(st.lists(st.sampled_from([b"x\n", b'# 3 "a"\n', b'# 50 "b" 1\n', b"\n", b"# z\n"])))
def test_places_do_not_depend_on_what_was_asked_before(parts: list[bytes]) -> None:
    """Asking for many places at once, in any order, tells what asking for each tells."""
    text = b"".join(parts)
    lines = LineMap(text)
    offsets = list(range(len(text)))

    each = [LineMap(text).place(offset) for offset in offsets]

    assert lines.places(offsets) == each
    assert lines.places(offsets[::-1]) == each[::-1]
