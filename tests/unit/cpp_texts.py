"""C++ units, each with one function edited: what is asked of them, and what comes of it.

Each is a text with `@` where the edit is; before it, that is nothing.
"""

# ruff: noqa: ISC004 - each text is one, over several lines

from __future__ import annotations

HEADS = {
    "std::sort": "#include <algorithm>\n",
    "std::reverse": "#include <algorithm>\n",
    "std::map": "#include <map>\n",
    "std::string": "#include <string>\n",
    "std::vector": "#include <vector>\n",
    ": {": "#include <initializer_list>\n",
}
"""What is included for what a text or its edit names."""

MADE = {
    "free": ("int f(int a) { @ return a + 1; }", "f(1)", "a *= 3;"),
    "static": ("static int f(int a) { @ return a + 1; }", "f(1)", "a *= 3;"),
    "overloaded": (
        "int f(int a) { return a; }\nint f(long a) { @ return (int)a + 1; }",
        "f(1) + f(2L)",
        "a *= 3;",
    ),
    "anonymous namespace": (
        "namespace { int k = 4; struct S { int m(int); int v; };\n"
        "int f(int a) { @ return a + k; }\n"
        "int S::m(int a) { return f(a) + v; }\n} // end",
        "S{3}.m(2)",
        "k += a;",
    ),
    "member of one unit": (
        "namespace { struct S { int m(int); int v; }; int other() { return 5; } \n"
        "int S::m(int a) { @ return v + a; }\n}",
        "S{3}.m(2) + other()",
        "v += other();",
    ),
    "constructor": (
        "struct S { S(int); ~S(); int v; std::string t; };\nint gone;\n"
        'S::S(int a) : v(a), t("abc") { @ v++; }\nS::~S() { gone += v; }',
        "S(4).v + gone",
        't += "de"; v += (int)t.size();',
    ),
    "destructor": (
        "int gone;\nstruct S { virtual ~S(); int v; };\nS::~S() { @ gone += v; }",
        "(delete new S{}, gone)",
        "gone += 7;",
    ),
    "virtual": (
        "struct B { virtual int m(int) = 0; virtual int n() { return 3; } };\n"
        "struct D : B { int m(int) override; };\nint D::m(int a) { @ return a + n(); }\n"
        "B *made() { return new D; }",
        "made()->m(3)",
        "a = (int)sizeof(*this) + n() * n();",
    ),
    "static member": (
        "struct S { static int m(int); static int k; };\nint S::k = 3;\n"
        "int S::m(int a) { @ return a + k; }",
        "S::m(2)",
        "k++;",
    ),
    "lambda": (
        "int f(int a) { @ auto g = [a](int b) { return a * b; }; return g(3); }",
        "f(2)",
        "auto h = [&a](auto b) { a += b; return 1.5; }; h(3); h(4L);",
    ),
    "lambda in a template": (
        "int f(int a) { std::vector<int> v{3, a, 2};\n"
        " std::sort(v.begin(), v.end(), [](int x, int y) { @ return x < y; }); return v[0]; }",
        "f(1)",
        "x = -x; y = -y;",
    ),
    "generic lambda": (
        "int g(int a) { auto h = [](auto b, auto c) { return b + c; }; return h(a, 2L); }\n"
        "int f(int a) { @ return a; }",
        "f(3) + g(4)",
        "auto k = [](auto b) { return b; }; a = k(a) + (int)k(1.5);",
    ),
    "new instance": (
        "int f(int a) { @ return a; }",
        "f(3)",
        'std::map<std::string, std::vector<long>> m; m["x"].push_back(a); a += (int)m.size();',
    ),
    "shared instance": (
        "int g(int a) { std::vector<short> v; v.push_back((short)a); return v[0]; }\n"
        "int f(int a) { @ return g(a); }",
        "f(3)",
        "std::vector<short> v; v.push_back(4); a += v[0];",
    ),
    "local static": (
        "int f(int a) { static int n = 3; @ n += a; return n; }",
        "f(3) + f(4)",
        'static std::string s("xyz"); a += (int)s.size(); s += "a"; static int q = 8; a += q++;',
    ),
    "thread local": (
        "thread_local std::string t;\nint f(int a) { @ t += 'x'; return a + (int)t.size(); }",
        "f(3) + f(4)",
        "thread_local int n = 3; a += n++;",
    ),
    "local class": (
        "int f(int a) { @ return a; }",
        "f(3)",
        "struct L { virtual int m(int b) { return b + 4; } virtual ~L() {} }; L l; L *p = &l;"
        " a += p->m(2);",
    ),
    "type information": (
        "struct B { virtual ~B() {} }; struct D : B { int v = 4; };\nB *one() { return new D; }\n"
        "int f(int a) { @ return a; }",
        "(one(), f(3))",
        "B *b = one(); if (D *d = dynamic_cast<D *>(b)) a += d->v;",
    ),
    "switch": (
        "int f(int a) { switch (a) { case 0: return 3; case 1: return 5; case 2: return 8;\n"
        " case 3: return 1; case 4: return 9; @ } return a; }",
        "f(3) + f(7)",
        "case 5: return 2; case 6: return 4; case 7: return 100;",
    ),
    "strings": (
        'const char *f(int a) { @ return a ? "same text" : "other text"; }\n'
        'const char *g() { return "same text"; }',
        'printf("%s %s ", f(1), g())',
        'if (a == 1) return "a new text";',
    ),
    "pointer to member": (
        "struct S { int m(int); int n(int); }; int S::n(int a) { return a + 2; }\n"
        "int S::m(int a) { int (S::*p)(int) = &S::n; @ return (this->*p)(a); }",
        "S().m(4)",
        "p = a ? &S::m : &S::n; p = &S::n;",
    ),
    "function pointer": (
        "static int g(int a) { return a + 9; }\nint h(int a) { return a - 9; }\n"
        "int f(int a) { int (*p)(int) = g; @ return p(a); }",
        "f(3)",
        "p = a == 3 ? h : g;",
    ),
    "made before main": (
        'int g(int a) { @ return a + 1; }\nstatic int k = g(4);\nstd::string s("text");',
        "k + (int)s.size()",
        "a *= 5;",
    ),
    "in a language block": ('extern "C" {\nint f(int a) { @ return a + 1; }\n}', "f(1)", "a *= 3;"),
    "default arguments and operators": (
        "struct S { int v; bool operator==(const S &) const; int m(int b = 3); };\n"
        "bool S::operator==(const S &o) const { return v == o.v; }\n"
        "int S::m(int b) { @ return v + b + (*this == *this); }",
        "S{2}.m()",
        "b += (*this == S{b});",
    ),
    "constants": (
        "int f(int a) { static const double t[] = {1.5, 2.5, 3.5}; @ return (int)(t[a & 1] * 2); }",
        "f(3)",
        "static const double u[] = {9.5, 8.5}; a += (int)u[a & 1];",
    ),
    "function name": (
        "struct S { const char *m(); };\nconst char *S::m() { @ return __func__; }",
        'printf("%s ", S().m())',
        "static int n; if (n++ == 0) return __PRETTY_FUNCTION__;",
    ),
    "initializer list": (
        "int f(int a) { @ return a; }",
        "f(3)",
        "for (int x : {5, 6, 7, a}) a += x;",
    ),
    "line": ("int f(int a) { @ return a + __LINE__; }", "f(3)", "a++;\n\n a++;"),
    "line moves": (
        "int f(int a) { @ return a; }\nint g(int a) { return a + __LINE__; }",
        "f(3) + g(4)",
        "a++;\n\n a++;",
    ),
    "nothing needs it any more": (
        "static int g(int a) { return a; }\nint f(int a) { @ return a; }\nint h() { return g(3); }",
        "f(3) + h()",
        "a += g(a);",
    ),
    "range": (
        "struct Row { int v; }; static std::vector<Row> rows(3, Row{2});\n"
        "int f(int a) { for (const Row &r : rows) a += r.v; @ return a; }",
        "f(3)",
        "std::vector<Row> more = rows; std::reverse(more.begin(), more.end()); a += more[0].v;",
    ),
    "newly used": (
        "static int g(int a) { return a; }\nint f(int a) { @ return a; }",
        "f(3)",
        "a = g(a);",
    ),
    "thunk": (
        "struct A { virtual int a() { return 1; } int x; };\n"
        "struct B { virtual int b() { return 2; } int y; };\n"
        "struct C : A, B { int b() override; };\nint C::b() { @ return 3; }\n"
        "B *made() { return new C; }",
        "made()->b()",
        "y = 8;",
    ),
    "nobody needs it": (
        "static int g(int a) { @ return a; }\nint f(int a) { return 3 + 0 * sizeof(g(a)); }",
        "f(3)",
        "a++;",
    ),
}
"""Text, an expression of it, and the edit: what is made of the function alone."""

REFUSED = {
    "inline by its class": (
        "struct S { inline int m(int); };\nint S::m(int a) { @ return a; }",
        "S().m(3)",
        "a++;",
        "function.refuse.outside",
    ),
    "template": (
        "template <class T> int f(T a) { @ return (int)a; }",
        "f(3)",
        "a++;",
        "function.refuse.outside",
    ),
    "static data of an instance": (
        "int next() { static int n; return ++n; }\n"
        "template <class T> struct K { static int k; };\n"
        "template <class T> int K<T>::k = next();\nint f(int a) { @ return a; }",
        "f(3)",
        "a += K<long>::k;",
        "function.refuse.linkage",
    ),
    "changed static": (
        "int f(int a) { static int n = 3 @; return n += a; }",
        "f(3)",
        "+ 4",
        "function.refuse.variable-differs",
    ),
    "friend": (
        "int f(int a) { int later(int); @ return a; }\nint later(int a) { return a; }",
        "f(3)",
        "struct L { friend int later(int); };",
        "function.refuse.source",
    ),
    "warning": (
        "int f(int a) { @ return a; }",
        "f(3)",
        "int *p = &a; if (*p < sizeof a) a++; a = a;  // -Wall speaks of signs\n",
        "function.refuse.messages",
    ),
}
"""Text, an expression, the edit, and why it is compiled whole."""
