"""A preprocessed file is cut into its items for certain, or refused with a reason."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental_tool.model.c_tokens import code_of
from incremental_tool.model.reason import Reason
from incremental_tool.model.translation_unit import (
    ASSEMBLY,
    BLANK,
    DECLARATION,
    FUNCTION,
    PRAGMA,
    Item,
    cut,
    nests_functions,
)

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def cut_well(text: Union[bytes, str]) -> list[Item]:
    """Cut a text that must not be refused; its items lie one behind the other."""
    text = text.encode() if isinstance(text, str) else text
    items = cut(text)
    assert isinstance(items, list), items
    places = [place for item in items for place in (item.start, item.end)]
    assert places == sorted(places)
    assert places[::2] == [0, *places[1:-1:2]][: len(items)]
    assert (places[-1] if places else 0) == len(text)
    for item in items:
        if item.kind == FUNCTION:
            assert text[item.header_end : item.header_end + 1] in (b"{", b"<")
            assert text[: item.end].endswith((b"}", b"%>"))
    return items


def kinds(text: str) -> list[str]:
    """Return the kinds of a text's items."""
    return [item.kind for item in cut_well(text)]


def only(text: str) -> Item:
    """Return the only function in a text."""
    (found,) = [item for item in cut_well(text) if item.kind == FUNCTION]
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("int f(void) { return 1; }", [FUNCTION]),
        ("int f(void);", [DECLARATION]),
        ("int a; int b = 1, c[2] = { 1, 2 }, d;", [DECLARATION] * 2),
        ("struct s { int a; struct { int b; }; } x, *y;", [DECLARATION]),
        ("enum e { A, B = '{', C }; union u { int a; };", [DECLARATION] * 2),
        ("enum e : unsigned char { A };", [DECLARATION]),
        ("typedef struct { int (*f)(void); } t;", [DECLARATION]),
        ("struct __attribute__((packed)) s { int a; } __attribute__((aligned(4)));", [DECLARATION]),
        ("struct [[deprecated]] s { int a; };", [DECLARATION]),
        ("struct s { int a; } f(void) { struct s x = { 1 }; return x; }", [FUNCTION]),
        ("enum { A, B } f(enum { C } x) { return A; }", [FUNCTION]),
        ('_Static_assert(sizeof(int) == 4, "};{");', [DECLARATION]),
        ("int *p = (int[]){ 1, 2 }; int a[] = { [0] = 1, [2 ... 4] = 5 };", [DECLARATION] * 2),
        ("struct s x = { .a = { 1 }, .f = f }; int y;", [DECLARATION] * 2),
        ("int a[sizeof(struct { int b; })]; int b[(int){ 3 }];", [DECLARATION] * 2),
        ("typeof(({ int x = 1; x; })) y; typeof(y) g(void) { return 1; }", [DECLARATION, FUNCTION]),
        ("int x = _Generic(1, int: 2, default: 3);", [DECLARATION]),
        ("int x = ({ int y = 2; y; });", [DECLARATION]),
        ("; int x;;", [DECLARATION] * 3),
        ('asm("nop; {"); __asm__ volatile ("x"); asm_t y;', [ASSEMBLY, ASSEMBLY, DECLARATION]),
        (
            "__extension__ typedef long long q; __extension__ int f(void) { }",
            [DECLARATION, FUNCTION],
        ),
        (
            '#pragma once\nint x;\n#pragma pack(1) {\'\n#ident "x"\n',
            [PRAGMA, DECLARATION, PRAGMA, PRAGMA, BLANK],
        ),
        ('int\n#pragma x {\nf(void)\n# 1 "a{"\n{\n#pragma y }\'\n}', [FUNCTION]),
        ('# 1 "a\\"{"\n# 2 "b" 3 4\n', [BLANK]),
        ("", []),
        (" \n", [BLANK]),
        (
            'extern "C" { int f(void) { } int x; } int y;',
            [DECLARATION, FUNCTION, *[DECLARATION] * 3],
        ),
        ("char c = '{', *s = \"{\\\"\" \"\\\\\"; char d = L'\\'';", [DECLARATION] * 2),
        ('char *s = u8"}" L"{" U"(" u"[";', [DECLARATION]),
        ("int a<:2:> = <% 1, 2 %>; int f(void) <% return a<:0:>; %>", [DECLARATION, FUNCTION]),
        ("int f(int c) { switch (c) { case'}': return 1; } return 0; }", [FUNCTION]),
        (
            "int f(void) { void *l[] = { &&a }; goto *l[0]; a: return 1; } int x;",
            [FUNCTION, DECLARATION],
        ),
        ('int f(void) { asm volatile("{" : : "r"(1)); return ({ 1; }); }', [FUNCTION]),
        ("int f(a, b) int a; char *b; { return a; } int x;", [FUNCTION, DECLARATION]),
        ("int f(s) struct t { int a; } *s; { return s->a; }", [FUNCTION]),
        ("int f(void)\r\n{\r\n return 1;\r\n}\r\n\f\v", [FUNCTION, BLANK]),
        ("int \\u00e4 = 1; int \u00e4b(void) { }", [DECLARATION, FUNCTION]),
    ],
)
def test_items_are_cut_where_they_end(text: str, found: list[str]) -> None:
    """Whatever stands in braces, literals and directives is no end of an item."""
    assert kinds(text) == found


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("int f(void) {", "brace"),
        ("int f(void) { { }", "brace"),
        ("int f(void) } ", "brace"),
        ("}", "brace"),
        ("int x", "ends"),
        ("int x = 3", "ends"),
        ("int f(void", "ends"),
        ("int f(void]; ", "brackets"),
        ("int f(int a[3)];", "brackets"),
        ("int f(void; ", "brackets"),
        ('char *s = "abc;\nint x;', "literal"),
        ("int f(void) { return '; }\n", "literal"),
        ('char *s = "abc\\', "literal"),
        ("int x; /* c */", "comment"),
        ("int f(void) { return 1; // one\n}", "comment"),
        ('char *s = R"x(a)x";', "raw"),
        ('int f(void) { char *s = LR"(")"; }', "raw"),
        ("int x = 1'000'000;", "quote"),
        ("int f(void) { return 0xa'b + '\\''; }", "quote"),
        ("int x \\\n= 3;", "spliced"),
        ("int x \\ \n= 3;", "spliced"),
        ("int x\0;", "NUL"),
        ("#define X\nint x;", "directive"),
        ("int x; # 3\n", "directive"),
        ("int f(void) { # }\n }", "#"),
        ("int x; { }", "beginning"),
        ("while (1) { }", "name"),
        ("namespace a { int x; }", "C"),
        ("template <class T> T f(T x) { return x; }", "C"),
        ("int A::f() { }", "odd"),
        ("int f(void) const { }", "beginning"),
        ('extern "C" { int x;', "ends"),
        ("int (*)(void) { }", "name"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, detail: str) -> None:
    """A text that is no complete preprocessed C is refused, and the reason says what is odd."""
    found = cut(text.encode())

    assert isinstance(found, Reason)
    assert found.id == "function.refuse.cut"
    assert detail in found.detail


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int f(void) { }", b"f"),
        ("static const struct s *const *f(struct s *a, int b[], char *(*c)(int)) { }", b"f"),
        ("void (*f(int a))(void) { }", b"f"),
        ("T (*f(int a))(T) { }", b"f"),
        ("int (f)(void) { }", b"f"),
        ("f(a) { }", b"f"),
        ("int f(a) int a; { }", b"f"),
        ("__attribute__((noreturn)) void f(int (a)) { }", b"f"),
        ("typeof(int *) f(void) { }", b"f"),
        ("struct { int (*g)(int); } f(int x) { }", b"f"),
        ('# 3 "a"\n\n# 4 "b"\nint\nf(\n# 5 "c"\nvoid) { }', b"f"),
        ("_Atomic(int) f(int a) { }", b"f"),
        ("[[nodiscard]] int f [[gnu::cold]] (int a) { }", b"f"),
        ("int (*(*f(int a))(int))[3] { }", b"f"),
    ],
)
def test_functions_have_their_names(text: str, name: bytes) -> None:
    """The name is found however it is declared."""
    assert only(text).name == name


@pytest.mark.parametrize(
    "text",
    [
        *("int f(void) { }", "static int f(int a, char *b[], void (*c)(int, ...)) { }"),
        *("int f(char *s, ...) { }", "static int __attribute__((noinline)) f(int a) { }"),
        *("struct s { int a; } f(int a) { }", "int f(const T a) { int x = 1; { x = 2; } }"),
        *(
            "int f(int); int f(int a) { }",
            "static T f(T, T *(*)(T)); static T f(T a, T *(*b)(T)) { }",
        ),
        "void f(int a) __attribute__((__leaf__, __format__(__printf__, 1, 2))); void f(int a) { }",
        'int x __attribute__((section("s"))) = 1; int f(int a) { }',
    ],
)
def test_a_usual_definition_is_plain(text: str) -> None:
    """A prototype can stand for a definition that is as most are."""
    assert only(text).plain


@pytest.mark.parametrize(
    "text",
    [
        *(
            "int f(a) int a; { }",
            "f(int a) { }",
            "int f() { }",
            "int f(a) { }",
            "int (f)(void) { }",
        ),
        *("void (*f(int a))(void) { }", "__attribute__((constructor)) void f(void) { }"),
        *('int __attribute__((section("s"))) f(int a) { }', "[[gnu::weak]] int f(int a) { }"),
        *(
            "__attribute__((unknown)) int f(int a) { }",
            "__attribute__((__cold__)) int f(int a) { }",
        ),
        *(
            "int f(int a) __attribute__((weak)); int f(int a) { }",
            "int f(int a) { } int f(int a) { }",
        ),
        *('int f(int) __asm__("g"); int f(int a) { }', "int f(int a) { }\n#pragma weak f\n"),
        *(
            'int f(int a) { } int g(int) __attribute__((alias("f")));',
            'asm(".set g, f"); int f(int a) { }',
        ),
        *(
            "[[gnu::destructor]] void f(void); void f(void) { }",
            "static int f(int), g(int); int f(int a) { }",
        ),
        '_Pragma("x") int f(int a) { }',
    ],
)
def test_an_odd_definition_is_not_plain(text: str) -> None:
    """What would not be the same as a declaration is told, wherever it is said."""
    assert [item.plain for item in cut_well(text) if item.kind == FUNCTION].count(True) == 0


@pytest.mark.parametrize(
    ("text", "static", "inline"),
    [
        *(("int f(int a) { }", False, False), ("static int f(int a) { }", True, False)),
        *(
            ("int static f(int a) { }", True, False),
            ("extern inline int f(int a) { }", False, True),
        ),
        *(
            ("static int f(int); int f(int a) { }", True, False),
            ("__inline__ int f(int a) { }", False, True),
        ),
        *(
            ("static int __inline f(int a) { }", True, True),
            ("inline int f(int); int f(int a) { }", False, True),
        ),
        ("__attribute__((__always_inline__)) int f(int a) { }", False, True),
        ("int f(int a) { } static int g(int (*f)(int));", False, False),
        ("int f(int a) { static int inline_x; }", False, False),
        ("static int x; int f(int a) { }", False, False),
    ],
)
def test_linkage_is_what_any_declaration_says(text: str, static: bool, inline: bool) -> None:
    """A function is static or inline if one of its declarations says so."""
    found = only(text)

    assert (found.static, found.inline) == (static, inline)


@pytest.mark.parametrize(
    ("body", "nested"),
    [
        *(("{ int g(int a) { return a; } }", True), ("{ auto T *g(void) { } }", True)),
        *(("{ int (*g(int a))(void) { } }", True), ("{ int g(a) int a; { } }", True)),
        *(
            ("{ if (a) { } else if (b) { while (c) { } } }", False),
            ("{ g(a); (void)g(a); }", False),
        ),
        *(
            ("{ int g(int a) __attribute__((x)); }", False),
            ("{ if (a) (void)g(a); for (;;) x(a); }", False),
        ),
        *(("{ T x = (T){ 1 }; y = sizeof (T){ 1 }; }", False), ('{ f("g(a) {"); }', False)),
        *(("{", False), (")) {", False), ("", False)),
    ],
)
def test_functions_within_functions_are_found(body: str, nested: bool) -> None:
    """A definition within a body is told from a statement."""
    assert nests_functions(body.encode()) is nested


ODD_UNIT = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>
#include <math.h>
#include <errno.h>
#include <signal.h>
#include <assert.h>
#define BODY(x) { return x; }
#define DEFINE(name) static int name(int a) { assert(a != '{'); return a; }
static const char *const braces[] = { "{", "}", "\\"{", [3] = "'" };
struct pair { int a, b; } make(int a) { return (struct pair){ .a = a, .b = '}' }; }
enum kind { ONE, TWO } kind_of(int a) { return a ? ONE : TWO; }
DEFINE(first) DEFINE(second)
int third(void) BODY(3)
static inline int fourth(int c) { switch (c) { case'a': return 1; default: return errno; } }
int old(a, b) int a; const char *b; { return a + b[0]; }
void (*getter(int which))(int) { return which ? SIG_IGN : NULL; }
__attribute__((noreturn)) static void die(const char *text) { fputs(text, stderr); abort(); }
_Static_assert(sizeof "}" == 2, "};");
int main(void) { if (!braces[0]) die("x"); return third() + kind_of(2) + isalpha('c'); }
"""
ODD_NAMES = b"make kind_of first second third fourth old getter die main".split()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_real_headers_are_cut(compiler: str, tmp_path: Path) -> None:
    """A file with the system's headers and all kinds of definitions has just its functions."""
    (tmp_path / "a.c").write_text(ODD_UNIT)
    text = subprocess.run(
        [compiler, "-E", tmp_path / "a.c"], check=True, stdout=subprocess.PIPE
    ).stdout

    items = cut_well(text)
    own = text.index(b"braces[]")

    functions = [item for item in items if item.kind == FUNCTION and item.end > own]
    assert [item.name for item in functions] == ODD_NAMES
    assert [item.name for item in functions if not item.plain] == [b"old", b"getter"]
    assert len(items) > 100


@pytest.mark.parametrize("compiler", COMPILERS)
def test_prototypes_can_stand_for_plain_functions(compiler: str, tmp_path: Path) -> None:
    """With `;` for the bodies of all plain functions that are not inline the file compiles."""
    (tmp_path / "a.c").write_text(ODD_UNIT)
    text = subprocess.run(
        [compiler, "-E", tmp_path / "a.c"], check=True, stdout=subprocess.PIPE
    ).stdout
    thin = b"".join(
        text[item.start : item.header_end] + b";"
        if item.plain and not item.inline
        else text[item.start : item.end]
        for item in cut_well(text)
    )
    (tmp_path / "thin.i").write_bytes(thin)

    subprocess.run(
        [compiler, "-w", "-c", "thin.i"], check=True, cwd=tmp_path, stderr=subprocess.PIPE
    )

    assert len(thin) < len(text)
    assert b"make(int a) ;" in thin


PIECES = st.sampled_from(
    [
        *(
            "int ",
            "f",
            "(",
            ")",
            "{",
            "}",
            ";",
            "=",
            "[",
            "]",
            ",",
            "void",
            "static ",
            "struct s ",
            "a",
        ),
        *(
            '"',
            "'",
            "\\",
            "\n",
            "#",
            "\n#pragma x\n",
            '\n# 1 "f"\n',
            "/",
            "/*",
            "R",
            "1",
            "<%",
            "%>",
            ":",
        ),
        *(
            '"x"',
            "'}'",
            'extern "C"',
            "__attribute__((x))",
            "asm(",
            "typeof",
            "[[",
            "\0",
            "\xe4",
            "{}",
        ),
        *("int g(void) { }", "int h(int a);", "\r\n", "*", "inline ", "enum ", "_Pragma"),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=400)
def test_any_text_is_cut_or_refused(text: str) -> None:
    """No text makes the cutter fail: it is covered by items, or there is a reason."""
    encoded = text.encode("latin-1")
    if not isinstance(cut(encoded), Reason):
        cut_well(encoded)
    code_of(encoded)
    nests_functions(encoded)


@given(st.binary(max_size=200))
def test_any_bytes_are_cut_or_refused(text: bytes) -> None:
    """Bytes that are no text are no different."""
    if not isinstance(cut(text), Reason):
        cut_well(text)


FUNCTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["int %s(int a)", "static char *%s(const T *b, int c[3])", "T\n%s\n(\nvoid )"]
        ),
        st.sampled_from(["{ }", "{ { '}'; } \"{\"; }", "{\n#pragma {\n}", "{ (T){ 1 }; }"]),
        st.sampled_from(
            ["", ";", "int x%s = { 1, { 2 } };", "struct %s { int a; };", "\n#pragma p\n"]
        ),
    ),
    max_size=8,
)


@given(FUNCTIONS, st.sampled_from(["", " ", "\n", '\n# 7 "a b"\n', "\r\n\f"]))
def test_functions_in_any_order_are_found(parts: list[tuple[str, str, str]], gap: str) -> None:
    """Each function is found, with its body, between whatever else stands there."""
    text, expected = "typedef int T;", []
    for number, (header, body, more) in enumerate(parts):
        name = f"f{number}"
        text += gap + header.replace("%s", name) + gap + body + gap + more.replace("%s", name) + gap
        expected.append((name.encode(), body.encode()))
    encoded = text.encode()

    found = [item for item in cut_well(encoded) if item.kind == FUNCTION]

    assert [(item.name, encoded[item.header_end : item.end]) for item in found] == expected
    assert all(item.plain for item in found)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            b"struct a { } ",
            b"{",
            b"(",
            b"int x;",
            b"#pragma x\n",
            b'# 1 "f"\n',
            b'"\\x41',
            b"'",
            b"\\",
        ),
        *(b"int f(a) int a;", b"struct ", b"a ", b"*", b" ", b"[[", b"__attribute__((", b"f() {} "),
        *(b"int\n#pragma x\n", b"enum x : ", b")", b"int f(int a) { }", b"1'0", b"=", b"typeof("),
    ],
)
def test_time_is_in_proportion(piece: bytes) -> None:
    """Whatever is repeated, twice the text takes no more than some four times as long."""
    took = []
    for size in (200_000, 800_000):
        text = b"int x" + piece * (size // len(piece)) + b"{"
        start = time.process_time()
        cut(text)
        took.append(time.process_time() - start)

    assert took[1] < 12 * max(took[0], 0.02)
