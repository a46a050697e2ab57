"""Which definitions of a C++ text may be left out, and the text without them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.cpp_cut import CppCut, odd_macros
from incremental_tool.model.cpp_edit import cpp_edit
from incremental_tool.model.cpp_regions import HOLLOW, definitions_of, left_out
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from pathlib import Path


def names(text: str) -> list[str]:
    """Return the names of what may be left out."""
    found = definitions_of(text.encode())
    assert not isinstance(found, Reason), found
    return [each.name.decode() for each in found]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int f(int a) { return a; }", "f"),
        ("static const char *f() {\n}", "f"),
        ("void A::f() const noexcept { x(); }", "A::f"),
        ("A::A(int a) : b(a), c{1, 2}, D<int>(a) { }", "A::A"),
        ("A::~A() {}", "A::~A"),
        ("std::vector<int> ns::A::f(std::map<int, char> &m, int (*p)(int)) { }", "ns::A::f"),
        ("unsigned long long f(void) { return 1; }", "f"),
        ("B A::f(int a[], const B b[3]) { }", "A::f"),
        ("int f() {\n#ifdef X\n  if (a) {\n#else\n  if (b) {\n#endif\n  }\n}", "f"),
        ("int f() { return \"}\"[0] + '}'; /* } */ }  // }", "f"),
        ("int f() { auto g = [] { return 1; }; struct S { int x; } s{2}; return g() + s.x; }", "f"),
    ],
)
def test_plain_definitions_may_be_left_out(text: str, name: str) -> None:
    """A definition at namespace scope is found by its name, alone and among others."""
    assert names(text + "\n") == [name]
    around = "namespace a { inline namespace b {\nint x = 3;\n" + text + "\nint y; } }\n"
    assert names(around) == [name]
    assert names("struct S { void m() {} };\n" + text + "\nenum E { P, Q };\n") == [name]


@pytest.mark.parametrize(
    "text",
    [
        "template <class T> int f(T a) { return a; }",
        "template <> int A<int>::f() { return 1; }",
        "int A<int>::f() { return 1; }",
        "inline int f() { return 1; }",
        "constexpr int f() { return 1; }",
        "auto f() { return 1; }",
        "auto f() -> int { return 1; }",
        "decltype(x) f() { return 1; }",
        "int f(int a = 3) { return a; }",
        "bool A::operator==(const A &b) { return 1; }",
        "A::operator int() { return 1; }",
        "__attribute__((constructor)) void f() { }",
        "[[noreturn]] void f() { }",
        'extern "C" int f() { return 1; }',
        "class C { int f() { return 1; } };",
        "struct { int a; } f(int), x;",
        "int x{3};",
        "int x[] = {1, 2};",
        "enum class E : int { A, B };",
        "TEST(a, b) { }",
        "int f() try { } catch (...) { }",
        "void f() requires C<int> { }",
        "int f() { } int g;",
        "int g; int f() { }",
        "int f() {\n#define X 1\n}",
        "int f() {\n#if X\n}\n#endif\n",
        "int (*f())(int) { return 0; }",
        "using F = int(int);",
    ],
)
def test_others_are_passed_over(text: str) -> None:
    """Templates, what is inline or has a deduced type, and what is no function stay."""
    assert names(text + "\n") == []
    assert names("int before() { }\n" + text + "\nint after() { }\n") == ["before", "after"]


@pytest.mark.parametrize(
    "text", ["int f() {\n", "}\n", "int f() { (]) }\n}\n", 'int f() { return R"(})"[0]; }\n']
)
def test_what_cannot_be_followed_has_a_reason(text: str) -> None:
    """Braces that do not match and raw strings leave the whole unit alone."""
    found = definitions_of(text.encode())
    assert isinstance(found, Reason)
    assert found.id == "function.refuse.source"


SOURCE = b"""\
struct A { A(int); int f(); int v; };
static int helper(int x)
{
  return x + __LINE__;
}
A::A(int a) : v(a) { v += helper(a); }
int A::f()
{
  return v;
}
int last() { return helper(A(1).f()); }
"""


def test_a_text_without_definitions_compiles_and_keeps_its_lines(tmp_path: Path) -> None:
    """What stays is on its line and in its column; a static function's name is the same."""
    found = definitions_of(SOURCE)
    assert not isinstance(found, Reason)
    assert [each.name for each in found] == [b"helper", b"A::A", b"A::f", b"last"]
    thin = left_out(SOURCE, found, (3,))
    assert thin.count(b"\n") == SOURCE.count(b"\n")
    assert thin.splitlines()[-1] == SOURCE.splitlines()[-1]
    (tmp_path / "a.cc").write_bytes(thin)
    words = ["g++", "-w", "-c", "-ffunction-sections", "-o", "a.o", "a.cc"]
    subprocess.run(words, check=True, cwd=tmp_path)
    told = ["objdump", "-t", "a.o"]
    table = subprocess.run(told, check=True, cwd=tmp_path, stdout=subprocess.PIPE).stdout
    rows = {line.split()[-1]: line for line in table.splitlines() if line.split()}
    assert HOLLOW in rows[b"_ZL6helperi"]
    assert b"*UND*" in rows[b"_ZN1A1fEv"]
    assert b".text._Z4lastv" in rows[b"_Z4lastv"]


def cut(text: bytes) -> CppCut:
    """Return a cut whose second definition names its line."""
    found = definitions_of(text)
    assert not isinstance(found, Reason)
    symbols = [[each.name] for each in found]
    return CppCut(found, symbols, frozenset((3,)), (), frozenset((b"ODD",)))


def edited(old: bytes, new: bytes) -> tuple[list[int], list[int]] | str:
    """Return which definitions have changed and moved, or why that cannot be told."""
    found = cpp_edit(cut(old), old, new)
    if isinstance(found, Reason):
        return found.id
    assert [new[each.opened : each.opened + 1] for each in found.definitions] == [b"{"] * 4
    assert [new[each.stop - 1 : each.stop] for each in found.definitions] == [b"}"] * 4
    return found.changed, found.moved


def test_edits_of_bodies_are_told_from_others() -> None:
    """A changed body is found, and so are those that name their line and have moved."""
    assert edited(SOURCE, SOURCE) == ([], [])
    assert edited(SOURCE, SOURCE.replace(b"return v;", b"return -v;")) == ([2], [])
    assert edited(SOURCE, SOURCE.replace(b"return v;", b"\n\n  return v;")) == ([2], [3])
    both = SOURCE.replace(b"return v;", b"return v + 1;").replace(b"x +", b"x -")
    assert edited(SOURCE, both) == ([0, 2], [])
    assert edited(SOURCE, SOURCE.replace(b"int v;", b"int v, w;")) == "function.refuse.outside"
    assert edited(SOURCE, SOURCE.replace(b"int last", b"long last")) == "function.refuse.outside"
    assert edited(SOURCE, SOURCE.replace(b"v(a)", b"v(-a)")) == "function.refuse.outside"
    assert edited(SOURCE, SOURCE + b"int x;\n") == "function.refuse.outside"
    assert edited(SOURCE, SOURCE + b"int x() { }\n") == "function.refuse.outside"
    assert edited(SOURCE, SOURCE.replace(b"return v;", b"return v; } int g() {")) == (
        "function.refuse.outside"
    )
    assert edited(SOURCE, SOURCE.replace(b"return v;", b"ODD return v;")) == (
        "function.refuse.source"
    )
    assert edited(SOURCE, SOURCE.replace(b"return v;", b"return v;\n#define X 1\n")) == (
        "function.refuse.outside"
    )


def test_what_names_its_line_elsewhere_is_not_moved() -> None:
    """Where a line outside functions depends on its number, lines before it may not come or go."""
    bound = cut(SOURCE)._replace(bound=(11,))
    found = cpp_edit(bound, SOURCE, SOURCE.replace(b"return v;", b"\nreturn v;"))
    assert isinstance(found, Reason)
    assert found.id == "function.refuse.line"
    assert not isinstance(
        cpp_edit(bound, SOURCE, SOURCE.replace(b"{ return helper", b"{\nreturn helper")), Reason
    )


def test_macros_with_odd_braces_are_told() -> None:
    """A macro that opens, closes, counts or commands more than its place is told by its name."""
    text = (
        b"#define EVEN(x) do { x; } while (0)\n#define OPEN if (1) {\n#define SHUT }\n"
        b'#define TURNED } else {\n#define COUNT a ## __COUNTER__\n#define ASK _Pragma("once")\n'
        b"#define PLAIN 3\n"
    )
    assert odd_macros(text) == {b"OPEN", b"SHUT", b"TURNED", b"COUNT", b"ASK"}
