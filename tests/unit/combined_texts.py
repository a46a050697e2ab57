"""Programs of several sources that become one file, and what they are compared with."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.combined_form import FORMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

C_FIRST = """\
#include <stdio.h>
#include <stdarg.h>
#include <setjmp.h>
struct same { int a; struct same *next; }; struct open; union both { int i; float f; };
static int counter = 5; static const char *const names[] = {
    "@counter !1 #2", "b\\"c", "%struct.same"};
#ifdef COMMON
int tentative; int large[4]; struct same *kept; struct { char c; double d[3]; short s; } mixed;
#else
extern int tentative, large[6]; extern struct same *kept; extern struct open mixed;
#endif
static _Thread_local int own = 3; _Thread_local int shared = 4; extern int elsewhere;
__attribute__((weak)) int chosen(void) { return 1; }
__attribute__((weak)) int both_weak(void) { return 21; }
extern int missing(void) __attribute__((weak)); extern struct open *opened(struct open *);
int old();
static int function(int k)
{
    static void *to[] = {&&a, &&b};
    goto *to[k & 1];
a: return 1;
b: switch (k) { case 1: return 4; case 3: return 8; case 5: return 99; case 7: return elsewhere;
    case 9: return 6; default: return 9; }
}
static int call(const char *s) { return s[0] + counter; }
int later(int), (*pointer)(const char *) = call, other_alias(int);
__attribute__((constructor)) static void begin(void) { counter += 100; }
__attribute__((used)) static int add(int x)
{ __asm__ volatile("# \\"one\\nnop; nop\\n1: nop"); return x + 1; }
int target(int x) { return x * 3; } int alias(int) __attribute__((alias("target")));
int sum(int n, ...)
{ va_list l; int s = 0; va_start(l, n); while (n--) s += va_arg(l, int); va_end(l); return s; }
static jmp_buf place; void jump(void *);
static double loop(double *restrict a, const double *restrict b, int n)
{ double s = 0; for (int i = 0; i < n; i++) { a[i] += b[i]; s += a[i]; } return s; }
int main(void)
{
    double a[3] = {1, 2, 3}, b[3] = {4, 5, 6}; union both u; struct same s = {1, &s};
    u.f = 1.5f; kept = &s;
    for (int i = 0; i < 10; i++) printf("%d ", function(i));
    printf("%d %d %d %d %d %d %d\\n", counter, tentative,
        chosen(), both_weak(), own, later(add(3)), alias(4));
    printf("call counter .LC0 %d %d %d %s\\n", pointer("x"),
        missing ? missing() : -1, large[3], names[2]);
    printf("%d %g %d %d\\n", sum(3, 1, 2, 3), loop(a, b, 3), u.i, old(3, 4) + shared);
    if (!setjmp(place)) jump(place);
    else puts("jumped");
    return opened((struct open *)&mixed) != 0;
}
"""
C_SECOND = """\
#include <stdio.h>
#include <setjmp.h>
struct same { double d; struct same *n[3]; }; struct open { int here; };
static struct same counter = {2.5, {0}}; int tentative = 7; int large[6]; void *kept;
#ifdef COMMON
extern struct open mixed;
#else
struct open mixed;
#endif
static _Thread_local int own = 30; extern _Thread_local int shared; int elsewhere = 77;
int chosen(void) { return 2; }
__attribute__((weak)) int both_weak(void) { return 22; }
static const char *const names[] = {"one", "two", "call"};
static int function(int k)
{
    switch (k) { case 1: return 40; case 2: return 80; case 3: return 990; case 4: return own;
    case 5: return 60; default: return 90; }
}
static int call(const char *s) { return s[0] + (int)counter.d; }
__attribute__((constructor)) static void begin(void) { counter.d += 100; }
struct open *opened(struct open *o) { return o->here ? o : 0; }
int old(int a, int b) { return a * b; }
void jump(void *p) { longjmp(p, 1); }
int later(int k)
{
    struct same s = {1, {&s}};
    puts(names[k % 3]); large[3] = 12; shared++;
    return function(k) + call("y") + shared + (int)s.n[0]->d;
}
"""
CXX_HEADER = """\
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
struct Base { virtual ~Base() {} virtual int f() { return 1; } };
inline int counter() { static int x = 0; return ++x; }
template <class T> struct Each {
    static T value;
    static int size() { static std::string s = "abc"; return int(s.size()) + (value += 1); }
};
template <class T> T Each<T>::value = counter();
inline int made = counter();
struct Built { int n; Built(); explicit Built(int); ~Built() { counter(); } };
int second(Base &);
extern thread_local int local;
"""
CXX_FIRST = """\
#include "all.h"
namespace { struct Hidden { int a; }; int hidden(Hidden l) { return l.a; } }
thread_local int local = counter() + 4;
Built::Built() : n(5) {} Built::Built(int a) : n(a) {}
static Built global(3);
int main()
{
    Base b; std::map<std::string, int> m; m["a"] = 3;
    std::printf("%d %d\\n", m["a"] + hidden({4}) + Each<int>::size() + made, second(b));
    try { throw std::runtime_error("thrown"); } catch (std::exception &e) { std::puts(e.what()); }
    std::printf("%d %d %d\\n", counter(), global.n, local);
}
"""
CXX_SECOND = """\
#include "all.h"
namespace { struct Hidden { double a; char c; }; int hidden(Hidden l) { return l.c; } }
namespace { struct Derived : Base { int f() override { return 7; } }; }
static Built global;
int second(Base &b)
{
    Derived d; Base *p = &d; std::map<std::string, int> m; m["q"] = 2;
    try { if (dynamic_cast<Derived *>(p)) throw 5; }
    catch (int i) {
        return i + m["q"] + hidden({4, 9}) + Each<int>::size() * 100 + made * 1000 + p->f() + b.f()
            + local + global.n;
    }
    return 0;
}
"""
C = {"first.c": C_FIRST, "second.c": C_SECOND}
CXX = {"first.cpp": CXX_FIRST, "second.cpp": CXX_SECOND}


def needs_program(*names: str) -> None:
    """Skip where a program is not installed."""
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"no {name}")


def run(*command: str, folder: Path) -> str:
    """Run a command that must succeed; return what it says."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def compiled(folder: Path, command: Sequence[str], sources: dict[str, str]) -> dict[bytes, bytes]:
    """Return the text that a compiler makes of each source."""
    for name, text in {**sources, "all.h": CXX_HEADER}.items():
        (folder / name).write_text(text)
    found = {}
    for name in sources:
        run(*command, "-S", name, "-o", "text", folder=folder)
        found[os.fsencode(name)] = (folder / "text").read_bytes()
    return found


def combined(form: str, texts: dict[bytes, bytes]) -> bytes:
    """Return the one file that the texts make, with lines of comment between."""
    prepare, head = FORMS[form].prepare, FORMS[form].head
    sections = []
    for path, text in texts.items():
        made = prepare(path, text)
        assert not isinstance(made, str), made
        sections.append(made)
    before = head([section.needs for section in sections])
    assert isinstance(before, bytes), before
    mark = FORMS[form].leader.encode() + b" ==== FILE: \"'x:0x0 ====\n"
    return before + b"".join(mark + section.body for section in sections)


def head_of(form: str, texts: dict[bytes, bytes]) -> bytes | str:
    """Return the head of sections all of which can be made."""
    needs = []
    for path, text in texts.items():
        made = FORMS[form].prepare(path, text)
        assert not isinstance(made, str), made
        needs.append(made.needs)
    return FORMS[form].head(needs)
