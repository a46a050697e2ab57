"""With how few declarations an edited function is compiled, and when it takes all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import many_functions
import pytest
from command_bench import Bench
from test_function_compile import Unit

from incremental_tool.engine.function_base import Compiler
from incremental_tool.model.outline import declared_names
from incremental_tool.model.outline_making import outline_of
from incremental_tool.model.translation_unit import cut

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Union

    from incremental_tool.model.reason import Reason

HEADER = """
typedef struct node { struct node *next; int    value; } node;
typedef unsigned long count_t; struct other { count_t count; };
enum color { RED, GREEN = 7 };
#define JOIN(a, b) a##b
  #  define VALUE(n) ((n)->value)
extern int unused_one(struct other *o), unused_two(enum color c);
extern int   used(node *n);
#define USED_AGAIN used
#pragma GCC diagnostic ignored "-Wunused"
"""
TOP = '#include "declared.h"\n'


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("extern unsigned long f (const char *s) __attribute__ ((__nothrow__ , __leaf__));", "f"),
        (
            "typedef struct { int x; enum { A, B = 2 } k; struct in { int y; } z; } T, *PT;",
            "A B T PT in",
        ),
        ("int (*(*fp)(void))[3];", "fp"),
        ("void (*signal(int sig, void (*func)(int)))(int);", "signal"),
        ('static const char *const names[] = {"a", "b"}, *other = 0;', "names other"),
        ('extern int f(void) __asm__("g") __attribute__((alias("h")));', "f g h"),
        ('int x __attribute__((alias("y")));', "x y"),
        ("enum E { X, Y };", "E X Y"),
        ("struct s;", "s"),
        ("struct __attribute__((packed)) s { int a : 3; } v;", "s v"),
        ("int (isalpha)(int c);", "isalpha"),
        ("typedef int T[3];", "T"),
        ("int a, b = 3, c[4] = {1, 2}, (*d)(int);", "a b c d"),
        ("typedef void (*callback)(int (*)(void));", "callback"),
        ("static __attribute__((noinline)) int f(int a);", "f"),
        (";", ""),
    ],
)
def test_what_a_declaration_declares(text: str, names: str) -> None:
    """Tags, enumerators, typedefs, variables, functions and aliases; no members, no parameters."""
    assert declared_names(text.encode()) == {name.encode() for name in names.split()}


class Texts:
    """The texts that a unit's functions were compiled from, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[str] = []
        compiled = Compiler.compiled

        def noting(this: Compiler, text: bytes, *more: str) -> Union[tuple[bytes, bytes], Reason]:
            self.found.append(text.decode())
            return compiled(this, text, *more)

        monkeypatch.setattr(Compiler, "compiled", noting)

    def last(self) -> str:
        """Return the last text; there was one at least."""
        return self.found[-1]


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> Texts:
    """Return what will have been compiled."""
    return Texts(monkeypatch)


@pytest.fixture(params=["-O0 -g", "-std=gnu89 -O0"])
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Unit:
    """Return a unit in the working directory; each object is compared with a full compile."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, INCREMENTAL_VERIFY="1", INCREMENTAL_TOKENS="0")
    bench.write("declared.h", HEADER)
    return Unit(bench, "gcc", request.param)


def edited(unit: Unit, texts: Texts, body: str, top: str = TOP, **bodies: str) -> str:
    """Make a function with that body; return the text that it was compiled from."""
    end = "int used(node *n) { return n->value; }\n" if "declared.h" in top else ""
    unit.based(many_functions.source(top=top, end=end))
    unit.made(many_functions.source(top=top, end=end, plain=body, **bodies))
    unit.runs_as_compiled_whole()
    return texts.last()


def test_a_function_is_compiled_with_what_it_names(unit: Unit, texts: Texts) -> None:
    """Declarations of what it names, and of what these name, are there; others are not."""
    text = edited(unit, texts, "  node n = {0, helper(a)}; return used(&n) + VALUE(&n);")
    assert len(texts.found) == 1
    for name in ("struct node *next", "extern int   used", "VALUE(n) ((n)", "int used(node *n) {}"):
        assert name in text
    for name in ("unused_one", "count_t", "GREEN", "#define JOIN", "printf", "int main(void)"):
        assert name not in text
    assert "#pragma GCC diagnostic ignored" in text


def test_words_that_are_pasted_together_take_all_macros(unit: Unit, texts: Texts) -> None:
    """Of what is pasted any macro's name may come."""
    text = edited(unit, texts, "  node n = {0, helper(a)}; return JOIN(USED_, AGAIN)(&n);")
    assert len(texts.found) == 1
    for name in ("VALUE(n) ((n)", "#define USED_AGAIN", "extern int   used"):
        assert name in text
    assert "unused_one" not in text


def test_an_enumerator_brings_its_type(unit: Unit, texts: Texts) -> None:
    """A name within an enumeration's braces is declared by it."""
    text = edited(unit, texts, "  enum color c = helper(a) ? RED : GREEN; return (int)c;")
    assert len(texts.found) == 1
    assert "GREEN = 7" in text
    assert "struct node" not in text


def test_what_is_never_declared_takes_the_whole_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: Texts
) -> None:
    """A call that its standard allows without a declaration is compiled with all there are."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, INCREMENTAL_VERIFY="1", INCREMENTAL_TOKENS="0")
    unit = Unit(bench, "gcc", "-std=gnu89 -O0 -g")
    body = "  return helper(a) + undeclared(a) * 0;"
    end = "int undeclared(int a) { return a; }\n"
    plain = "  return helper(a) + undeclared(a);"
    unit.based(many_functions.source(end=end, plain=plain))
    unit.made(many_functions.source(end=end, plain=body))
    assert unit.bench.reasons()["function.outline.failed"] == 1
    assert ["int main(void)" in text for text in texts.found] == [False, True]
    unit.runs_as_compiled_whole()


@pytest.mark.parametrize("words", ["gcc -w -O0", "clang -O0"])
def test_where_a_compiler_says_too_little_all_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: Texts, words: str
) -> None:
    """Without messages nothing tells a missing declaration; clang cannot show directives alone."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, INCREMENTAL_VERIFY="1", INCREMENTAL_TOKENS="0")
    bench.write("declared.h", HEADER)
    compiler, _, options = words.partition(" ")
    text = edited(Unit(bench, compiler, options), texts, "  return helper(a) * 21;")
    assert "int main(void)" in text
    assert len(texts.found) == 1


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("/* less */\n", "/* more */\n\n", False),
        ("int x; /* less */\n", "int x; /* more */\n", True),
        ("struct s {\nint x; };\n", "struct s {\n\nint x; };\n", True),
    ],
)
def test_a_declaration_that_moves_on_its_lines_takes_the_whole_unit(
    unit: Unit, texts: Texts, before: str, after: str, whole: bool
) -> None:
    """Comments and blank lines may come and go between declarations, not in the midst of one."""
    unit.based(many_functions.source(above=before))
    unit.made(many_functions.source(above=after, plain="  return helper(a) * 22;"))
    assert ("int main(void)" in texts.last()) == whole
    unit.runs_as_compiled_whole()


def test_lines_that_have_moved_are_named_as_they_are(unit: Unit, texts: Texts) -> None:
    """Behind a function that has grown, all declarations of the source stand further down."""
    above = "struct late { int\n  late; };\nint late(struct late *l) { return l->late; }\n"
    bodies = {"plain": "  struct late l = {helper(a)};\n  return late(&l);"}
    helper = "\n\n  return a + counter;"
    unit.based(many_functions.source(above=above))
    unit.made(many_functions.source(above=above, **bodies))
    unit.made(many_functions.source(above=above, **{**bodies, "helper": helper}))
    assert len(texts.found) == 2
    assert "int main(void)" not in texts.last()
    unit.runs_as_compiled_whole()


def test_a_text_that_is_not_understood_has_no_outline() -> None:
    """Comments that never end, and lines that no item begins on, give nothing."""
    whole = b'# 1 "u.c"\nint a;\n'
    items = cut(whole)
    assert isinstance(items, list)
    assert (
        outline_of(b'# 1 "u.c"\nint a; /* \n', b"u.c", items[:1], [], lambda _: b"int a;") is None
    )
