"""Small C units, each with one corner of C or of the compilers, and one edit of each.

Where a unit says `EDIT` the edit puts `new` in the place of `old`. Each unit has `edited`, the
function that the edit is in, and mostly a `main` that prints what it gives. Of each it is said
whether it is made by function, or the reason for which it is compiled whole.
"""

from __future__ import annotations

from typing import NamedTuple

BOTH = ("gcc", "clang")
GCC = ("gcc",)
CLANG = ("clang",)

MAIN = (
    '\n#include <stdio.h>\nint main(void)\n{\n  printf("%d\\n", (int)edited(1));\n  return 0;\n}\n'
)


class Corner(NamedTuple):
    """One unit and its edit.

    `reason` is empty where it is made by function. `options` are those of the compiler, `link`
    those of the linker.
    """

    name: str
    text: str
    old: str = "3"
    new: str = "50"
    options: str = "-O0"
    reason: str = ""
    compilers: tuple[str, ...] = GCC
    link: str = ""

    def source(self, edit: str) -> str:
        """Return the unit with something where the edit is."""
        return self.text.replace("EDIT", edit) + ("" if "main(" in self.text else MAIN)


def one(body: str, before: str = "") -> str:
    """Return the function `edited` with a body, behind what stands before it."""
    return f"{before}int edited(int a)\n{{\n{body}\n}}\n"


PLAIN = one("  return a + EDIT;", "int other(int a) { return a - 1; }\n")
STDIO = "#include <stdio.h>\n"

LINKAGE = [
    Corner(
        "a constructor and a destructor beside it",
        STDIO
        + "static int ready;\n"
        "__attribute__((constructor)) static void begin(void) { ready = 40; }\n"
        '__attribute__((destructor)) void finish(void) { puts("end"); }\n'
        + one("  return a + ready + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a constructor",
        "static int ready;\n__attribute__((constructor)) void begin(void) { ready = EDIT; }\n"
        + one("  return a + ready;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "an alias beside it",
        "int first(int a) { return a * 2; }\n"
        'int second(int a) __attribute__((alias("first")));\n'
        + one("  return second(a) + EDIT;"),
        reason="function.refuse.reference",
    ),
    Corner(
        "an alias of it",
        one("  return a + EDIT;") + 'int second(int a) __attribute__((alias("edited")));\n',
        reason="function.refuse.kind",
    ),
    Corner(
        "a weak function beside it",
        "__attribute__((weak)) int first(int a) { return a * 2; }\n"
        "extern int nobody(int) __attribute__((weak));\n"
        + one("  if (nobody) return 0;\n  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a weak function",
        one("  return a + EDIT;", "int edited(int) __attribute__((weak));\n"),
        reason="function.refuse.kind",
    ),
    Corner(
        "tentative definitions",
        "int one; static int two; int one; int many[20];\n"
        + one("  one += a; two += EDIT; many[3] = two;\n  return one + many[3];"),
        compilers=BOTH,
    ),
    Corner(
        "common variables",
        "int one; int many[20];\n" + one("  one += a; many[3] = EDIT;\n  return one + many[3];"),
        options="-O0 -fcommon",
        compilers=BOTH,
    ),
    Corner(
        "no common variables",
        "int one;\n" + one("  one += a;\n  return one + EDIT;"),
        options="-O0 -fno-common",
    ),
    Corner(
        "variables of threads",
        "static _Thread_local int one = 5; __thread int two;\n"
        + one("  one += a; two += EDIT;\n  return one + two;"),
        compilers=BOTH,
    ),
    Corner(
        "variables of threads, position independent",
        "static _Thread_local int one = 5; __thread int two; extern __thread int two;\n"
        + one("  one += a; two += EDIT;\n  return one + two;"),
        options="-O0 -fPIC",
        compilers=BOTH,
    ),
    Corner(
        "an indirect function beside it",
        "static int real(int a) { return a * 4; }\n"
        "static void *choose(void) { return (void *)real; }\n"
        'int chosen(int a) __attribute__((ifunc("choose")));\n'
        + one("  return chosen(a) + EDIT;"),
        reason="function.refuse.reference",
    ),
    Corner(
        "the resolver of an indirect function",
        "static int real(int a) { return a * 4; }\nstatic int unreal(int a) { return a * 5; }\n"
        "static void *choose(void) { return (void *)(unreal != real && EDIT ? unreal : real); }\n"
        'int chosen(int a) __attribute__((ifunc("choose")));\n' + one("  return chosen(a);"),
        reason="function.refuse.kind",
    ),
    Corner(
        "sections of their own beside it",
        '__attribute__((section(".mine"))) int first(int a) { return a * 2; }\n'
        '__attribute__((section(".kept"))) int kept = 4;\n'
        + one("  return first(a) + kept + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a section of its own",
        '__attribute__((section(".mine"))) ' + one("  return a + EDIT;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a hidden function",
        '__attribute__((visibility("hidden"))) int first(int a) { return a * 2; }\n'
        '__attribute__((visibility("hidden"))) ' + one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "hidden by a pragma",
        "#pragma GCC visibility push(hidden)\nint first(int a) { return a * 2; }\n"
        + one("  return first(a) + EDIT;")
        + "#pragma GCC visibility pop\n",
        compilers=BOTH,
    ),
    Corner("hidden by an option", PLAIN, options="-O0 -fvisibility=hidden", compilers=BOTH),
    Corner("position independent", PLAIN, options="-O0 -fPIC", compilers=BOTH),
    Corner(
        "position independent, with calls and variables",
        "extern int shared; int shared = 4; static int own = 2;\n"
        "static int inner(int a) { return a + own; }\nint outer(int a) { return a + shared; }\n"
        + one("  int (*p)(int) = inner; own += EDIT; shared++;\n  return p(a) + outer(a);"),
        options="-O0 -fPIC",
        compilers=BOTH,
    ),
    Corner(
        "for an executable at any place",
        PLAIN,
        options="-O0 -fPIE",
        link="-pie",
        compilers=BOTH,
    ),
    Corner("at a fixed place", PLAIN, options="-O0 -fno-pie", link="-no-pie", compilers=BOTH),
    Corner(
        "a large code model",
        "static int own = 2; static int inner(int a) { return a + own; }\n"
        + one("  own += EDIT;\n  return inner(a);"),
        options="-O0 -mcmodel=large",
        compilers=BOTH,
    ),
]  # fmt: skip

FUNCTIONS = [
    Corner(
        "a cold function",
        "__attribute__((cold)) " + one("  return a + EDIT;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a function that does not return",
        STDIO
        + "#include <stdlib.h>\n__attribute__((noreturn)) void leave(int a);\n"
        'void leave(int a)\n{\n  printf("left %d\\n", a + EDIT);\n  exit(0);\n}\n'
        + one("  leave(a);"),
        compilers=BOTH,
    ),
    Corner(
        "a caller of what does not return",
        STDIO
        + '#include <stdlib.h>\n_Noreturn void leave(int a) { printf("%d\\n", a); exit(0); }\n'
        + one("  if (a < 0) return 2;\n  leave(a + EDIT);"),
        compilers=BOTH,
    ),
    Corner(
        "a function always inlined",
        "static inline __attribute__((always_inline)) int in(int a) { return a + EDIT; }\n"
        + one("  return in(a);"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a caller of a function always inlined",
        "static inline __attribute__((always_inline)) int in(int a) { return a * 7; }\n"
        + one("  return in(a) + in(EDIT);"),
        compilers=BOTH,
    ),
    Corner(
        "a caller of an inline function",
        "static inline int in(int a) { return a * 7; }\nint out(int a) { return in(a); }\n"
        + one("  return in(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "the first caller of an inline function",
        "static inline int in(int a) { return a * 7; }\n" + one("  return EDIT;"),
        old="a",
        new="in(a)",
        reason="function.refuse.not-in-base",
    ),
    Corner(
        "extern inline of gnu89",
        "extern inline int in(int a) { return a * 7; }\nint in(int a) { return a * 8; }\n"
        + one("  return in(a) + EDIT;"),
        options="-O0 -std=gnu89",
        compilers=BOTH,
    ),
    Corner(
        "inline of gnu89",
        "inline int in(int a) { return a * 7; }\n" + one("  return in(a) + EDIT;"),
        options="-O0 -fgnu89-inline",
        compilers=BOTH,
    ),
    Corner(
        "inline of C99",
        "inline int in(int a) { return a * 7; }\nextern inline int in(int a);\n"
        + one("  return in(a) + EDIT;"),
        options="-O0 -std=c99",
        compilers=BOTH,
    ),
    Corner(
        "an inline function of C99",
        "inline int in(int a) { return a * EDIT; }\nextern inline int in(int a);\n"
        + one("  return in(a);"),
        options="-O0 -std=c99",
        reason="function.refuse.kind",
    ),
    Corner(
        "a nested function beside it",
        "int first(int a)\n{\n  int in(int b) { return a + b; }\n  return in(2);\n}\n"
        + one("  return first(a) + EDIT;"),
    ),
    Corner(
        "a nested function",
        one("  int in(int b) { return a + b + EDIT; }\n  return in(2);"),
        reason="function.refuse.nested",
    ),
    Corner(
        "a nested function whose address is taken",
        "static int call(int (*p)(int)) { return p(4); }\n"
        + one("  int in(int b) { return a + b; }\n  return call(in) + EDIT;"),
        reason="function.refuse.nested",
    ),
    Corner(
        "a definition of the old style",
        "int other(a, b) int a; char b; { return a + b; }\n"
        "int edited(a)\n  int a;\n{\n  return other(a, 2) + EDIT;\n}\n",
        options="-O0 -std=gnu89",
        reason="function.refuse.kind",
    ),
    Corner(
        "a variadic function",
        "#include <stdarg.h>\nint sum(int n, ...)\n{\n  va_list all; int s = EDIT;\n"
        "  va_start(all, n);\n  while (n--) s += va_arg(all, int);\n  va_end(all);\n"
        "  return s;\n}\n" + one("  return sum(3, a, 5, 6);"),
        compilers=BOTH,
    ),
    Corner(
        "a structure is returned",
        "struct large { int x[12]; }; struct small { char c; float f; };\n"
        "struct large wide(int a) { struct large l = {{a, 2}}; return l; }\n"
        "struct small slim(int a)\n{\n  struct small s = {a, 1.5f * EDIT};\n  return s;\n}\n"
        + one("  return wide(a).x[1] + (int)slim(a).f;"),
        compilers=BOTH,
    ),
    Corner(
        "it returns a pointer to a function",
        "static int one(int a) { return a + 1; }\nstatic int two(int a) { return a + 2; }\n"
        "int (*pick(int a))(int)\n{\n  return a > EDIT ? one : two;\n}\n"
        + one("  return pick(10)(a);"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a static in an inline function",
        "static inline int in(int a) { static int n = 4; n += a; return n; }\n"
        "int out(int a) { return in(a); }\n" + one("  return in(a) + out(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "two statics of one name",
        "int out(int a) { static int n = 4; n += a; return n; }\n"
        + one("  static int n = 9;\n  n += out(a);\n  { static int n = 2; a = n++; }\n"
               "  return n + a + EDIT;"),
        compilers=BOTH,
    ),
]  # fmt: skip
