"""Small programs of two or three sources whose names collide when they stand in one file."""

from __future__ import annotations

MAIN = """\
#include <stdio.h>
int first(int); int second(int);
int main(void) { for (int i = 0; i < 6; i++) printf("%d %d\\n", first(i), second(i)); return 0; }
"""
_COLLIDING = """\
#include <string.h>
struct pair {{ {type} a, b; }};
static const char *const names[] = {{"none", "{which}", "three"}};
static int count = {number};
static int own(struct pair *p) {{ static int calls; return (int)(p->a * p->b) + ++calls + count; }}
int {which}(int n)
{{
    struct pair p = {{n, {number}}};
    switch (n) {{
    case 0: return own(&p);
    case 1: count++; return (int)strlen(names[1]);
    case 2: return own(&p) * 2;
    case 3: return names[2][0];
    case 4: return 77;
    default: return -own(&p);
    }}
}}
"""


def colliding(which: str, kind: str, number: int) -> str:
    """Return a source whose statics, strings, labels and types have the names of the other's."""
    return _COLLIDING.format(which=which, type=kind, number=number)


_FIRST, _SECOND = "int first(int n) {{ {} }}\n", "int second(int n) {{ {} }}\n"

PROGRAMS: dict[str, list[str]] = {
    "statics, strings, labels and types": [
        colliding("first", "int", 3),
        colliding("second", "long", 5),
    ],
    "thread-local, weak, constructors, sections": [
        (
            "static __thread int t = 4;\n__attribute__((weak)) int maybe(void) { return 9; }\n"
            "static int made;\n__attribute__((constructor)) static void begin(void) { made = 5; }\n"
            '__attribute__((section("apart"))) static int special = 3;\n'
            "int first(int n) { return ++t + maybe() + made + special + n; }\n"
        ),
        (
            "static __thread int t = 40;\nint maybe(void);\n"
            "int absent(void) __attribute__((weak));\n"
            "static int made;\n"
            "__attribute__((constructor)) static void begin(void) { made = 50; }\n"
            "int second(int n) { return ++t + maybe() + made + (absent ? absent() : 1) + n; }\n"
        ),
    ],
    "computed goto, assembly and aliases": [
        (
            "int first(int n) { static void *to[] = {&&a, &&b}; goto *to[n & 1]; a: return 1;"
            " b: return 2; }\n"
        ),
        (
            "static int real(int n) { return n + 3; }\n"
            'static int other(int n) __attribute__((alias("real")));\n'
            "int second(int n) { static void *to[] = {&&a, &&b}; int r = 2;\n"
            "    goto *to[n & 1]; a: return other(n);\n"
            '    b: __asm__("# real: not a name\\n\\tadd $3, %0" : "+r"(r)); return r; }\n'
        ),
    ],
    "strings that look like names and markers": [
        (
            "static int own = 1;\n"
            'int first(int n) { const char *s = "own: \\"own\\" # own ; .Lown";\n'
            '    return s[n] + own; }\nconst char mark[] = "\\n# ==== FILE: x:0x0 ====\\n";\n'
        ),
        'static int own = 2;\nint second(int n) { return "; own = 3"[n] + own; }\n',
    ],
}

CXX = [
    (
        '#include <cstdio>\n#include "shared.h"\n'
        "static int own() { return 1; }\nint other(int);\n"
        'int main() { Shape shape; std::string text = twice(std::string("ab"));\n'
        "    try { shape.check(own() + 6); } catch (std::runtime_error &e) { text += e.what(); }\n"
        '    std::printf("%s %d %d %d\\n", text.c_str(), other(3), counter(), Shape::made); }\n'
    ),
    (
        '#include "shared.h"\nstatic int own() { return 2; }\n'
        'int other(int n) { Shape shape; std::string text = twice(std::string("x"));\n'
        "    std::vector<std::string> all(n, text);\n"
        "    return (int)all.size() + counter() * own() + (int)all[0].size() + twice(4); }\n"
    ),
]
SHARED = """\
#include <stdexcept>
#include <string>
#include <vector>
struct Shape {
    static inline int made = 0;
    Shape() { made++; }
    virtual ~Shape() {}
    virtual int check(int n) { if (n > 5) throw std::runtime_error("large"); return n; }
};
template <class T> T twice(T value) { return value + value; }
inline int counter() { static int n = 5; return ++n; }
"""
