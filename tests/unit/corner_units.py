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


def _one(body: str, before: str = "") -> str:
    return f"{before}int edited(int a)\n{{\n{body}\n}}\n"


_PLAIN = _one("  return a + EDIT;", "int other(int a) { return a - 1; }\n")
_STDIO = "#include <stdio.h>\n"

LINKAGE = [
    Corner(
        "a constructor and a destructor beside it",
        _STDIO
        + "static int ready;\n"
        "__attribute__((constructor)) static void begin(void) { ready = 40; }\n"
        '__attribute__((destructor)) void finish(void) { puts("end"); }\n'
        + _one("  return a + ready + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a constructor",
        "static int ready;\n__attribute__((constructor)) void begin(void) { ready = EDIT; }\n"
        + _one("  return a + ready;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "an alias beside it",
        "int first(int a) { return a * 2; }\n"
        'int second(int a) __attribute__((alias("first")));\n'
        + _one("  return second(a) + EDIT;"),
        reason="function.refuse.reference",
    ),
    Corner(
        "an alias of it",
        _one("  return a + EDIT;") + 'int second(int a) __attribute__((alias("edited")));\n',
        reason="function.refuse.kind",
    ),
    Corner(
        "a weak function beside it",
        "__attribute__((weak)) int first(int a) { return a * 2; }\n"
        "extern int nobody(int) __attribute__((weak));\n"
        + _one("  if (nobody) return 0;\n  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a weak function",
        _one("  return a + EDIT;", "int edited(int) __attribute__((weak));\n"),
        reason="function.refuse.kind",
    ),
    Corner(
        "tentative definitions",
        "int one; static int two; int one; int many[20];\n"
        + _one("  one += a; two += EDIT; many[3] = two;\n  return one + many[3];"),
        compilers=BOTH,
    ),
    Corner(
        "common variables",
        "int one; int many[20];\n" + _one("  one += a; many[3] = EDIT;\n  return one + many[3];"),
        options="-O0 -fcommon",
        compilers=BOTH,
    ),
    Corner(
        "no common variables",
        "int one;\n" + _one("  one += a;\n  return one + EDIT;"),
        options="-O0 -fno-common",
    ),
    Corner(
        "variables of threads",
        "static _Thread_local int one = 5; __thread int two;\n"
        + _one("  one += a; two += EDIT;\n  return one + two;"),
        compilers=BOTH,
    ),
    Corner(
        "variables of threads, position independent",
        "static _Thread_local int one = 5; __thread int two; extern __thread int two;\n"
        + _one("  one += a; two += EDIT;\n  return one + two;"),
        options="-O0 -fPIC",
        compilers=BOTH,
    ),
    Corner(
        "an indirect function beside it",
        "static int real(int a) { return a * 4; }\n"
        "static void *choose(void) { return (void *)real; }\n"
        'int chosen(int a) __attribute__((ifunc("choose")));\n'
        + _one("  return chosen(a) + EDIT;"),
        reason="function.refuse.reference",
    ),
    Corner(
        "the resolver of an indirect function",
        "static int real(int a) { return a * 4; }\nstatic int unreal(int a) { return a * 5; }\n"
        "static void *choose(void) { return (void *)(unreal != real && EDIT ? unreal : real); }\n"
        'int chosen(int a) __attribute__((ifunc("choose")));\n' + _one("  return chosen(a);"),
        reason="function.refuse.kind",
    ),
    Corner(
        "sections of their own beside it",
        '__attribute__((section(".mine"))) int first(int a) { return a * 2; }\n'
        '__attribute__((section(".kept"))) int kept = 4;\n'
        + _one("  return first(a) + kept + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a section of its own",
        '__attribute__((section(".mine"))) ' + _one("  return a + EDIT;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a hidden function",
        '__attribute__((visibility("hidden"))) int first(int a) { return a * 2; }\n'
        '__attribute__((visibility("hidden"))) ' + _one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "hidden by a pragma",
        "#pragma GCC visibility push(hidden)\nint first(int a) { return a * 2; }\n"
        + _one("  return first(a) + EDIT;")
        + "#pragma GCC visibility pop\n",
        compilers=BOTH,
    ),
    Corner("hidden by an option", _PLAIN, options="-O0 -fvisibility=hidden", compilers=BOTH),
    Corner("position independent", _PLAIN, options="-O0 -fPIC", compilers=BOTH),
    Corner(
        "position independent, with calls and variables",
        "extern int shared; int shared = 4; static int own = 2;\n"
        "static int inner(int a) { return a + own; }\nint outer(int a) { return a + shared; }\n"
        + _one("  int (*p)(int) = inner; own += EDIT; shared++;\n  return p(a) + outer(a);"),
        options="-O0 -fPIC",
        compilers=BOTH,
    ),
    Corner(
        "for an executable at any place",
        _PLAIN,
        options="-O0 -fPIE",
        link="-pie",
        compilers=BOTH,
    ),
    Corner("at a fixed place", _PLAIN, options="-O0 -fno-pie", link="-no-pie", compilers=BOTH),
    Corner(
        "a large code model",
        "static int own = 2; static int inner(int a) { return a + own; }\n"
        + _one("  own += EDIT;\n  return inner(a);"),
        options="-O0 -mcmodel=large",
        compilers=BOTH,
    ),
]  # fmt: skip

FUNCTIONS = [
    Corner(
        "a cold function",
        "__attribute__((cold)) " + _one("  return a + EDIT;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a function that does not return",
        _STDIO
        + "#include <stdlib.h>\n__attribute__((noreturn)) void leave(int a);\n"
        'void leave(int a)\n{\n  printf("left %d\\n", a + EDIT);\n  exit(0);\n}\n'
        + _one("  leave(a);"),
        compilers=BOTH,
    ),
    Corner(
        "a caller of what does not return",
        _STDIO
        + '#include <stdlib.h>\n_Noreturn void leave(int a) { printf("%d\\n", a); exit(0); }\n'
        + _one("  if (a < 0) return 2;\n  leave(a + EDIT);"),
        compilers=BOTH,
    ),
    Corner(
        "a function always inlined",
        "static inline __attribute__((always_inline)) int in(int a) { return a + EDIT; }\n"
        + _one("  return in(a);"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a caller of a function always inlined",
        "static inline __attribute__((always_inline)) int in(int a) { return a * 7; }\n"
        + _one("  return in(a) + in(EDIT);"),
        compilers=BOTH,
    ),
    Corner(
        "a caller of an inline function",
        "static inline int in(int a) { return a * 7; }\nint out(int a) { return in(a); }\n"
        + _one("  return in(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "the first caller of an inline function",
        "static inline int in(int a) { return a * 7; }\n" + _one("  return EDIT;"),
        old="a",
        new="in(a)",
        reason="function.refuse.not-in-base",
    ),
    Corner(
        "extern inline of gnu89",
        "extern inline int in(int a) { return a * 7; }\nint in(int a) { return a * 8; }\n"
        + _one("  return in(a) + EDIT;"),
        options="-O0 -std=gnu89",
        compilers=BOTH,
    ),
    Corner(
        "inline of gnu89",
        "inline int in(int a) { return a * 7; }\n" + _one("  return in(a) + EDIT;"),
        options="-O0 -fgnu89-inline",
        compilers=BOTH,
    ),
    Corner(
        "inline of C99",
        "inline int in(int a) { return a * 7; }\nextern inline int in(int a);\n"
        + _one("  return in(a) + EDIT;"),
        options="-O0 -std=c99",
        compilers=BOTH,
    ),
    Corner(
        "an inline function of C99",
        "inline int in(int a) { return a * EDIT; }\nextern inline int in(int a);\n"
        + _one("  return in(a);"),
        options="-O0 -std=c99",
        reason="function.refuse.kind",
    ),
    Corner(
        "a nested function beside it",
        "int first(int a)\n{\n  int in(int b) { return a + b; }\n  return in(2);\n}\n"
        + _one("  return first(a) + EDIT;"),
    ),
    Corner(
        "a nested function",
        _one("  int in(int b) { return a + b + EDIT; }\n  return in(2);"),
        reason="function.refuse.nested",
    ),
    Corner(
        "a nested function whose address is taken",
        "static int call(int (*p)(int)) { return p(4); }\n"
        + _one("  int in(int b) { return a + b; }\n  return call(in) + EDIT;"),
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
        "  return s;\n}\n" + _one("  return sum(3, a, 5, 6);"),
        compilers=BOTH,
    ),
    Corner(
        "a structure is returned",
        "struct large { int x[12]; }; struct small { char c; float f; };\n"
        "struct large wide(int a) { struct large l = {{a, 2}}; return l; }\n"
        "struct small slim(int a)\n{\n  struct small s = {a, 1.5f * EDIT};\n  return s;\n}\n"
        + _one("  return wide(a).x[1] + (int)slim(a).f;"),
        compilers=BOTH,
    ),
    Corner(
        "it returns a pointer to a function",
        "static int one(int a) { return a + 1; }\nstatic int two(int a) { return a + 2; }\n"
        "int (*pick(int a))(int)\n{\n  return a > EDIT ? one : two;\n}\n"
        + _one("  return pick(10)(a);"),
        reason="function.refuse.kind",
    ),
    Corner(
        "a static in an inline function",
        "static inline int in(int a) { static int n = 4; n += a; return n; }\n"
        "int out(int a) { return in(a); }\n" + _one("  return in(a) + out(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "two statics of one name",
        "int out(int a) { static int n = 4; n += a; return n; }\n"
        + _one("  static int n = 9;\n  n += out(a);\n  { static int n = 2; a = n++; }\n"
               "  return n + a + EDIT;"),
        compilers=BOTH,
    ),
]  # fmt: skip

BODIES = [
    Corner(
        "a computed goto",
        _one("  static void *const to[] = {&&x, &&y, &&x};\n  goto *to[a & 1];\n"
             "x: return 1;\ny: return EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a computed goto beside it",
        "int first(int a)\n{\n  static void *const to[] = {&&x, &&y};\n  goto *to[a & 1];\n"
        "x: return 1;\ny: return 2;\n}\n" + _one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a jump table",
        _one("  switch (a) {\n  case 0: return 3;\n  case 1: return 14;\n  case 2: return 8;\n"
             "  case 3: return 12;\n  case 4: return EDIT;\n  case 5: return 22;\n"
             "  case 6: return 1;\n  default: return 2;\n  }"),
        options="-O0 -fPIC",
        compilers=BOTH,
    ),
    Corner(
        "assembly with a symbol",
        "int shared = 6; int out(void) { return 1; }\n"
        + _one('  int r;\n  __asm__("movl shared(%%rip), %0" : "=r"(r));\n  return r + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly with a static symbol",
        "static int own __attribute__((used)) = 6;\n"
        + _one('  int r;\n  __asm__("movl own(%%rip), %0" : "=r"(r));\n  return r + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly with local labels",
        _one('  __asm__("1: decl %0\\n jnz 1b\\n.Lmine%=: incl %0" : "+r"(a));\n'
             "  return a + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "assembly with a label of its own",
        _one('  __asm__("mine: incl %0" : "+r"(a));\n  return a + EDIT;'),
        reason="function.refuse.shared-section",
    ),
    Corner(
        "assembly that jumps",
        _one('  __asm__ goto("jmp %l0" : : : : out);\n  return 1;\nout:\n  return a + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly that changes sections",
        _one('  __asm__(".pushsection .notes, \\"a\\"\\n .long EDIT\\n .popsection");\n'
             "  return a + EDIT;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "assembly that makes bytes",
        _one('  __asm__(".byte 0x90\\n .p2align 2\\n" : "+r"(a));\n  return a + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly by macros",
        '__asm__(".macro more\\n incl %eax\\n .endm\\n");\n'
        + _one('  __asm__("more" : "+a"(a));\n  return a + EDIT;'),
        reason="function.refuse.kind",
    ),
    Corner(
        "assembly between functions",
        '__asm__(".globl deep\\ndeep:\\n movl $9, %eax\\n ret\\n");\nint deep(void);\n'
        + _one("  return deep() + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "assembly between functions that names it",
        '__asm__(".globl alike\\n.set alike, edited\\n");\nint alike(int);\n'
        + _one("  return a + EDIT;"),
        reason="function.refuse.shared-section",
    ),
    Corner(
        "anonymous unions and flexible arrays",
        "#include <stdlib.h>\nstruct s { union { int i; float f; }; int n; char tail[]; };\n"
        'static struct s filled = {{4}, 2, "ab"};\n'
        + _one("  struct s *p = calloc(1, sizeof *p + 9);\n  p->f = 1.0f; p->tail[8] = EDIT;\n"
               "  a += p->i + p->tail[8] + filled.tail[1]; free(p);\n  return a;"),
        compilers=BOTH,
    ),
    Corner(
        "its own name",
        _STDIO + _one("  puts(__func__); puts(__FUNCTION__); puts(__PRETTY_FUNCTION__);\n"
                      "  return EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "wide strings",
        "#include <wchar.h>\n#include <uchar.h>\n"
        + _one('  const wchar_t *w = L"EDIT"; const char16_t *h = u"h\\u00e9";\n'
               '  const char *b = u8"\\u00e9"; const char32_t *l = U"EDIT";\n'
               "  return w[0] + h[1] + (unsigned char)b[0] + l[0] + a;"),
        compilers=BOTH,
    ),
    Corner(
        "a statement expression",
        _one("  int b = ({ int c = a; c += EDIT; c; });\n  return b + ({ 2; });"),
        compilers=BOTH,
    ),
    Corner(
        "a generic selection",
        _one("  return _Generic(a, int: EDIT, default: 9) + _Generic(1.0, double: a, int: 7);"),
        compilers=BOTH,
    ),
    Corner(
        "blocks of constants",
        "struct p { int x, y, z[9]; };\n"
        + _one("  struct p q = {1, EDIT, {4, 5, 6, 7, 8}}; double d[] = {1.25, 2.5, 3.75};\n"
               "  return q.y + q.z[3] + (int)d[a] + (int)(a * 0.1);"),
        compilers=BOTH,
    ),
    Corner(
        "an array of a size that varies",
        _one("  char many[a + EDIT]; many[0] = 1;\n  return sizeof many + many[0];"),
        compilers=BOTH,
    ),
]  # fmt: skip

TEXTS = [
    Corner(
        "a counter",
        "#define JOIN(a, b) a##b\n#define NAME(a, b) JOIN(a, b)\n"
        "int NAME(counted_, __COUNTER__) = 5;\n" + _one("  return counted_0 + __COUNTER__ + EDIT;"),
        reason="function.refuse.outside",
    ),
    Corner(
        "packed within it",
        _one("#pragma pack(push, 1)\n  struct { char c; int i; } s = {1, EDIT};\n"
             "#pragma pack(pop)\n  return s.i + (int)sizeof s;"),
        compilers=BOTH,
    ),
    Corner(
        "packed beside it",
        "int first(void)\n{\n#pragma pack(push, 1)\n  struct { char c; int i; } s = {1, 2};\n"
        "#pragma pack(pop)\n  return s.i + (int)sizeof s;\n}\n"
        + _one("  struct { char c; int i; } s = {1, EDIT};\n"
               "  return (int)sizeof s + s.i + first();"),
        compilers=BOTH,
    ),
    Corner(
        "a macro pushed within it",
        "#define SIZE 4\n"
        + _one('#pragma push_macro("SIZE")\n#undef SIZE\n#define SIZE 9\n  a += SIZE + EDIT;\n'
               '#pragma pop_macro("SIZE")\n  return a + SIZE;')
        + "int later(void) { return SIZE; }\n",
        compilers=BOTH,
    ),
    Corner(
        "a macro defined within it",
        _one("#define SIZE EDIT\n  return a + SIZE;") + "int later(void) { return SIZE; }\n",
        reason="function.refuse.directive",
    ),
    Corner(
        "braces made by macros",
        "#define BEGIN {\n#define END }\nint first(int a) BEGIN return a * 2; END\n"
        "int edited(int a)\nBEGIN\n  if (a) BEGIN a++; END\n  return first(a) + EDIT;\nEND\n",
        compilers=BOTH,
    ),
    Corner(
        "unbalanced macros beside it",
        "#define FUNCTION(n) int n(int a) {\n#define RETURN(x) return x; }\n"
        "FUNCTION(first)\n  a++;\nRETURN(a)\n" + _one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "functions made by a macro",
        "#define MAKE(n, k) int n(int a) { return a + k; }\nMAKE(one, 1) MAKE(two, 2)\n"
        "MAKE(three,\n  EDIT)\n" + _one("  return one(a) + two(a) + three(a);"),
        reason="function.refuse.declaration",
    ),
    Corner(
        "functions made by a macro beside it",
        "#define MAKE(n, k) int n(int a) { return a + k; }\nMAKE(one, 1) MAKE(two, 2)\n"
        + _one("  return one(a) + two(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "assertions that move",
        "#include <assert.h>\n" + _one("  return a + EDIT;")
        + "int first(int a)\n{\n  assert(a > 0);\n  return a;\n}\n",
        old="3", new="2\n    + 5\n",
        compilers=BOTH,
    ),
    Corner(
        "an assertion in it that moves",
        "#include <assert.h>\nint first(int a)\n{\n  assert(a > 0);\n  return a;\n}\n"
        + _one("EDIT  assert(a);\n  return first(a);"),
        old="", new="\n\n  a++;\n",
        compilers=BOTH,
    ),
    Corner(
        "something included within a body",
        'int first(int a)\n{\n  int t[] = {\n#include "table.h"\n  };\n  return t[a];\n}\n'
        + _one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "something included within it",
        _one('  int t[] = {\n#include "table.h"\n  };\n  return t[a] + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "two functions on one line",
        "int first(int a) { return a + EDIT; } int edited(int a) { return first(a) * 2; }\n",
        compilers=BOTH,
    ),
    Corner("lines of other systems", _PLAIN.replace("\n", "\r\n"), compilers=BOTH),
    Corner(
        "lines of other systems, moved, with positions",
        "#include <assert.h>\r\nint first(int a)\r\n{\r\n  return a + EDIT;\r\n}\r\n"
        "int edited(int a)\r\n{\r\n  assert(a);\r\n  return first(a);\r\n}\r\n",
        new="4 +\r\n\r\n 6", options="-O0 -g",
        compilers=BOTH,
    ),
    Corner(
        "names that are not ASCII",
        "static int größe = 4;\nint zähle(int ä)\n{\n  größe += ä;\n  return größe + EDIT;\n}\n"
        + _one('  return zähle(a) + "ß"[0];'),
        reason="function.refuse.not-in-piece",
    ),
    Corner(
        "names that are not ASCII, as they are",
        "static int größe = 4;\nint zähle(int ä)\n{\n  größe += ä;\n  return größe + EDIT;\n}\n"
        + _one('  return zähle(a) + "ß"[0];'),
        compilers=CLANG,
    ),
    Corner(
        "a header forced upon it",
        _one("  return a + FORCED + EDIT;"),
        options="-O0 -include forced.h",
        compilers=BOTH,
    ),
    Corner(
        "nothing at the end",
        MAIN.replace("#include <stdio.h>\n", "#include <stdio.h>\nint edited(int);\n")
        + "int edited(int a) { return a + EDIT; }",
        compilers=BOTH,
    ),
    Corner(
        "a spliced line",
        _one("  int b = a \\\n    + EDIT;\n  return b; // one \\\n  return 5;\n"),
        compilers=BOTH,
    ),
    Corner(
        "trigraphs and digraphs",
        "int edited(int a)\n<%\n  int t<:2:> = <%1, EDIT%>;\n  return t<:a:>;\n%>\n",
        compilers=BOTH,
    ),
    Corner(
        "conditions within it",
        _one("#if EDIT > 10\n  return a;\n#else\n  return a + 1;\n#endif"),
        reason="function.refuse.directive",
    ),
    Corner(
        "the name of its file",
        _STDIO + _one("  puts(__FILE__); puts(__BASE_FILE__);\n  return a + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a project that allows no warnings",
        "static int inner(int a) { return a + 1; }\n"
        "static int unseen(int a) { return inner(a) + 2; }\nint edited(int a);\n"
        + _one("  return unseen(a) + EDIT;") + "int main(void);\n" + MAIN,
        options="-O0 -Wall -Wextra -Werror -pedantic -std=c11",
        compilers=BOTH,
    ),
    Corner(
        "a project that allows no warnings, and prototypes",
        "int edited(int a);\n" + _one("  return a + EDIT;") + MAIN,
        options="-O0 -Wall -Wmissing-prototypes -Wstrict-prototypes -Werror",
        compilers=BOTH,
    ),
]  # fmt: skip

OPTIONS = [
    Corner(f"compiled with {option}", _PLAIN, options=f"-O0 {option}", reason=reason, link=option)
    for option, reason in {
        "-flto": "function.refuse.option",
        "-fsanitize=address": "function.refuse.option",
        "-fsanitize=undefined": "function.refuse.option",
        "--coverage": "function.refuse.option",
        "-pg": "function.refuse.option",
        "-O2": "function.refuse.optimised",
        "-Og": "function.refuse.optimised",
        "-finstrument-functions": "function.refuse.option",
        "-fno-function-sections": "function.refuse.option",
        "-fsection-anchors": "function.refuse.option",
    }.items()
]

ALL = [*LINKAGE, *FUNCTIONS, *BODIES, *TEXTS, *OPTIONS]
