"""An edit is plain only where no macro can make more of it than what is written."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental_tool.model.plain_edit import is_plain_edit, macro_names

MACROS = frozenset((b"MAX", b"DROP", b"NULL", b"JOIN", b"CALL"))
PASTING = frozenset((b"JOIN",))
OWN = frozenset((b"helper", b"table"))

BASE = b"int f(int a)\n{\n  int n = MAX(a, 2);\n  if (n > helper(a)) { n++; }\n  return n + 1;\n}\n"


def plain(old: bytes, new: bytes, base: bytes = BASE) -> bool:
    """Tell whether it is a plain edit to put one text in the place of another."""
    assert base.count(old) == 1
    return is_plain_edit(base, base.replace(old, new), MACROS, PASTING, OWN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"n + 1", b"n + 2"),
        (b"n + 1", b'other(n, "text", 1.5)'),
        (b"(a, 2)", b"(a, 3)"),
        (b"n++;", b"n++; { int m = n; n = m * m; }"),
        (b"n++;", b""),
        (b"return n + 1;", b"return helper(n);"),
        (b"n > helper(a)", b"n > 1 + helper(a)"),
        (b"return n", b"\n\n  return n"),
        (b"n++;", b"static int m; m += n;"),
        (b"n++;", b"struct pair { int a, b; } p = {n, 2}; goto out; out: n = p.a;"),
    ],
)
def test_words_and_values_of_a_body_are_plain(old: bytes, new: bytes) -> None:
    """Literals, locals, calls of other functions and whole statements may come and go."""
    assert plain(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"n + 1", b"NULL"),  # a macro may hold anything
        (b"MAX(a, 2)", b"a"),
        (b"(a, 2)", b"(a, 2, 3)"),  # another number of arguments
        (b"(a, 2)", b"(a), 2"),
        (b"MAX(", b"MAX + ("),  # the macro is no longer called
        (b"helper(a)", b"a"),  # it may be used no more
        (b"n + 1", b"sizeof(n)"),
        (b"n++;", b"typedef int m;"),
        (b"n++;", b"extern int m;"),
        (b"n++;", b'asm("nop");'),
        (b"n++;", b"__builtin_trap();"),
        (b"n++;", b"n++; }"),
        (b"n++;", b"n++; \\u0041;"),
        (b"n++;", b"n # 1;"),
        (b"n++;", b"n ??= 1;"),
        (b"n++;", b"n\\\n++;"),
    ],
)
def test_what_may_reach_further_is_not_plain(old: bytes, new: bytes) -> None:
    """Macros, brackets and commas of arguments, words that declare or only look are not plain."""
    assert not plain(old, new)


def test_words_may_be_pasted_together_in_no_function_with_a_plain_edit() -> None:
    """Where one macro pastes, a number may make a name that nobody wrote."""
    assert not plain(b"+ 1", b"+ 2", BASE.replace(b"n++", b"JOIN(n, 4)"))


def test_assembly_anywhere_in_the_function_is_asked_of() -> None:
    """What it tells the assembler is judged on the preprocessed text."""
    assert not plain(b"+ 1", b"+ 2", BASE.replace(b"n++", b'asm("nop")'))


def test_what_a_call_gives_may_be_called_by_no_plain_edit() -> None:
    """CALL() may stand for the name of a macro, which is called if a bracket comes to follow."""
    base = BASE.replace(b"n++;", b"CALL() + (n);")
    assert not plain(b"CALL() + (n)", b"CALL() (n)", base)


def test_a_changed_comment_is_plain_as_blanks() -> None:
    """Given with blanks for comments, nothing differs."""
    assert is_plain_edit(BASE, BASE, MACROS, PASTING, OWN)


def test_macros_that_reach_a_pasting_one_paste() -> None:
    """What pastes is found through other macros; so is a name that is defined more than once."""
    names, pasting = macro_names(
        b"#define JOIN(a, b) a ## b\n#define TWICE(a) JOIN(a, a)\n#define PLAIN 1\n"
        b"#define OUTER TWICE(x)\n#define AGAIN 1\n#undef AGAIN\n#define AGAIN JOIN(c, d)\n"
    )
    assert names == {b"JOIN", b"TWICE", b"PLAIN", b"OUTER", b"AGAIN"}
    assert pasting == {b"JOIN", b"TWICE", b"OUTER", b"AGAIN"}


_PIECES = ["n", "1", "MAX", "DROP", "helper", "(", ")", "{", "}", ",", ";", "+", "x"]
_DEFINITIONS = b"#define MAX(a, b) ((a) > (b) ? (a) : (b))\n#define DROP(a) 0\n"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(_PIECES), max_size=7),
    st.lists(st.sampled_from(_PIECES), max_size=7),
    st.lists(st.sampled_from(_PIECES), max_size=5),
)
def test_a_plain_edit_leaves_what_follows_as_it_was(
    gone: list[str], come: list[str], around: list[str]
) -> None:
    """The preprocessor makes the same of all behind a plain edit, whatever stands around it."""
    edge = " ".join(around)

    def text(part: list[str]) -> bytes:
        body = f"{{ int n = 0; {edge} \n {' '.join(part)} \n {edge} ; }}"
        return f"int f(void)\n{body}\n".encode()

    old, new = text(gone), text(come)
    if old == new or not is_plain_edit(old, new, frozenset((b"MAX", b"DROP")), frozenset(), OWN):
        return
    follows = b"int behind = DROP(3) + MAX(1, 2); { } ( ) last\n"
    made = [_preprocessed(_DEFINITIONS + each + follows) for each in (old, new)]
    if None in made:
        return  # neither is C
    first, second = (each.rpartition(b"int behind")[2] for each in made if each is not None)
    assert first == second
    assert [each.count(b"helper") > 0 for each in made if each] in (
        [True, True],
        [False, False],
        [False, True],
    )


def _preprocessed(text: bytes) -> bytes | None:
    ran = subprocess.run(
        ["gcc", "-E", "-P", "-w", "-x", "c", "-"], input=text, capture_output=True, check=False
    )
    return ran.stdout if not ran.returncode else None


if shutil.which("gcc") is None:
    pytest.skip("no gcc", allow_module_level=True)
