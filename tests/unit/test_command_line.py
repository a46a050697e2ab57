"""The words of a command line are those that the system's own shells make of it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental_tool.model.command_line import split_words
from incremental_tool.model.reason import Reason

SHELLS = [
    command
    for command in (["sh"], ["bash", "--posix"], ["dash"], ["busybox", "sh"])
    if shutil.which(command[0])
]

# Weighted towards what shells treat specially.
SPECIAL = st.sampled_from(list("|&;<>()$`*?[]~#{}!\\\"'=^%+-:,. \t"))
PIECES = st.one_of(
    SPECIAL,
    st.sampled_from(["\\ ", '\\"', '"a b"', "'a b'", '"\\$x"', '"\\\\"', "\\\\", '""', "''"]),
    st.sampled_from(["gcc", "-c", "-DX=", "a.c", " ", "é", "\x85", "\u3000", "\xa0", "\u0101"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=3),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def shell_words(shell: list[str], text: str) -> list[str]:
    """Return the words that a real shell passes to a program after two fixed ones."""
    done = subprocess.run(
        [*shell, "-c", f"printf '%s\\0' first {text}"],
        capture_output=True,
        check=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[1:-1]]


@settings(max_examples=250, deadline=None)
@given(text=TEXTS)
def test_words_are_those_of_real_shells(text: str) -> None:
    """Whenever words are returned, every shell at hand returns the same ones."""
    words = split_words("first " + text)

    if isinstance(words, Reason):
        assert words.id == "zir.refuse.shell-syntax"
        return
    for shell in SHELLS:
        assert shell_words(shell, text) == words[1:]


@given(words=st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), max_size=5))
def test_words_that_scons_escapes_come_back(words: list[str]) -> None:
    """The words that SCons's POSIX escape function quotes come back unchanged."""

    def escape(word: str) -> str:
        for special in '\\"$`':
            word = word.replace(special, "\\" + special)
        return '"' + word + '"'

    assert split_words(" ".join(map(escape, words))) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  gcc\t-c  a.c ", ["gcc", "-c", "a.c"]),
        ('gcc -DV="\\"1.0\\"" a.c', ["gcc", '-DV="1.0"', "a.c"]),
        ("gcc -DV='\"1 $x\"' a.c", ["gcc", '-DV="1 $x"', "a.c"]),
        ("gcc a\\ b.c \"\" ''", ["gcc", "a b.c", "", ""]),
        ("a\"b\"'c'\\d", ["abcd"]),
        ('"\\a\\$\\`\\""', ['\\a$`"']),
        ("gcc é.c a\u3000b", ["gcc", "é.c", "a\u3000b"]),
        ("/opt/a=b/gcc X=1", ["/opt/a=b/gcc", "X=1"]),
        ('"if" x', ["if", "x"]),
        ('"A"=1 x', ["A=1", "x"]),
    ],
)
def test_plain_and_quoted_words(text: str, words: list[str]) -> None:
    """Blanks split, quotes and backslashes protect, and both are removed."""
    assert split_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        *("a | b", "a & b", "a; b", "a < b", "a > b", "a 2>&1", "(a)", "a $x", "a `b`", 'a "$x"'),
        *('a "`b`"', "a *", "a ?", "a [b]", "~/a", "a #b", "a {b,c}", "! a", "a\nb", "a \\\n b"),
        *(
            "A=1 gcc",
            "A+=1 gcc",
            "A='x y' gcc",
            "a 'b",
            'a "b',
            "a \\",
            'a "b\\"',
            "if a",
            "time a",
        ),
        *("a \x01", "a\x7f", "a '\x01'", "a\rb", "while a", '"a\nb"', "a\x00b", "a \\\x01"),
    ],
)
def test_whatever_a_shell_would_interpret_is_refused(text: str) -> None:
    """Text that needs a shell is refused by name, whatever its words would be."""
    answer = split_words(text)

    assert isinstance(answer, Reason)
    assert answer.id == "zir.refuse.shell-syntax"
    assert answer.detail


@pytest.mark.parametrize(
    "text",
    [
        'cc -o "a.o" "b.c"',
        '"cc" "" "x"',
        '"if" a',
        '"a=b" c',
        'a"b" c',
        'a "b c" d',
        'a "b" "c',
        '"',
        ' \t"a" ',
        'a=b "c"',
        'if "a"',
    ],
)
def test_quoted_words_are_split_as_a_shell_splits_them(text: str) -> None:
    """What SCons writes, and what looks like it: the words of sh, or a refusal."""
    words = split_words(text)
    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=False
    )

    if isinstance(words, Reason):
        assert said.returncode != 0 or text.split(maxsplit=1)[0] in ("a=b", "if")
    else:
        assert "\n".join(words) + "\n" == said.stdout
