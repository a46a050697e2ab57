"""Further small C units with one edit each: within bodies, of texts, and under odd options."""

from __future__ import annotations

from corner_units import BOTH, CLANG, FUNCTIONS, LINKAGE, MAIN, PLAIN, STDIO, Corner, one

BODIES = [
    Corner(
        "a computed goto",
        one("  static void *const to[] = {&&x, &&y, &&x};\n  goto *to[a & 1];\n"
             "x: return 1;\ny: return EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a computed goto beside it",
        "int first(int a)\n{\n  static void *const to[] = {&&x, &&y};\n  goto *to[a & 1];\n"
        "x: return 1;\ny: return 2;\n}\n" + one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a jump table",
        one("  switch (a) {\n  case 0: return 3;\n  case 1: return 14;\n  case 2: return 8;\n"
             "  case 3: return 12;\n  case 4: return EDIT;\n  case 5: return 22;\n"
             "  case 6: return 1;\n  default: return 2;\n  }"),
        options="-O0 -fPIC",
        compilers=BOTH,
    ),
    Corner(
        "assembly with a symbol",
        "int shared = 6; int out(void) { return 1; }\n"
        + one('  int r;\n  __asm__("movl shared(%%rip), %0" : "=r"(r));\n  return r + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly with a static symbol",
        "static int own __attribute__((used)) = 6;\n"
        + one('  int r;\n  __asm__("movl own(%%rip), %0" : "=r"(r));\n  return r + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly with local labels",
        one('  __asm__("1: decl %0\\n jnz 1b\\n.Lmine%=: incl %0" : "+r"(a));\n'
             "  return a + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "assembly with a label of its own",
        one('  __asm__("mine: incl %0" : "+r"(a));\n  return a + EDIT;'),
        reason="function.refuse.shared-section",
    ),
    Corner(
        "assembly that jumps",
        one('  __asm__ goto("jmp %l0" : : : : out);\n  return 1;\nout:\n  return a + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly that changes sections",
        one('  __asm__(".pushsection .notes, \\"a\\"\\n .long EDIT\\n .popsection");\n'
             "  return a + EDIT;"),
        reason="function.refuse.kind",
    ),
    Corner(
        "assembly that makes bytes",
        one('  __asm__(".byte 0x90\\n .p2align 2\\n" : "+r"(a));\n  return a + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "assembly by macros",
        '__asm__(".macro more\\n incl %eax\\n .endm\\n");\n'
        + one('  __asm__("more" : "+a"(a));\n  return a + EDIT;'),
        reason="function.refuse.kind",
    ),
    Corner(
        "assembly between functions",
        '__asm__(".globl deep\\ndeep:\\n movl $9, %eax\\n ret\\n");\nint deep(void);\n'
        + one("  return deep() + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "assembly between functions that names it",
        '__asm__(".globl alike\\n.set alike, edited\\n");\nint alike(int);\n'
        + one("  return a + EDIT;"),
        reason="function.refuse.shared-section",
    ),
    Corner(
        "anonymous unions and flexible arrays",
        "#include <stdlib.h>\nstruct s { union { int i; float f; }; int n; char tail[]; };\n"
        'static struct s filled = {{4}, 2, "ab"};\n'
        + one("  struct s *p = calloc(1, sizeof *p + 9);\n  p->f = 1.0f; p->tail[8] = EDIT;\n"
               "  a += p->i + p->tail[8] + filled.tail[1]; free(p);\n  return a;"),
        compilers=BOTH,
    ),
    Corner(
        "its own name",
        STDIO + one("  puts(__func__); puts(__FUNCTION__); puts(__PRETTY_FUNCTION__);\n"
                      "  return EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "wide strings",
        "#include <wchar.h>\n#include <uchar.h>\n"
        + one('  const wchar_t *w = L"EDIT"; const char16_t *h = u"h\\u00e9";\n'
               '  const char *b = u8"\\u00e9"; const char32_t *l = U"EDIT";\n'
               "  return w[0] + h[1] + (unsigned char)b[0] + l[0] + a;"),
        compilers=BOTH,
    ),
    Corner(
        "a statement expression",
        one("  int b = ({ int c = a; c += EDIT; c; });\n  return b + ({ 2; });"),
        compilers=BOTH,
    ),
    Corner(
        "a generic selection",
        one("  return _Generic(a, int: EDIT, default: 9) + _Generic(1.0, double: a, int: 7);"),
        compilers=BOTH,
    ),
    Corner(
        "blocks of constants",
        "struct p { int x, y, z[9]; };\n"
        + one("  struct p q = {1, EDIT, {4, 5, 6, 7, 8}}; double d[] = {1.25, 2.5, 3.75};\n"
               "  return q.y + q.z[3] + (int)d[a] + (int)(a * 0.1);"),
        compilers=BOTH,
    ),
    Corner(
        "an array of a size that varies",
        one("  char many[a + EDIT]; many[0] = 1;\n  return sizeof many + many[0];"),
        compilers=BOTH,
    ),
]  # fmt: skip

TEXTS = [
    Corner(
        "a counter",
        "#define JOIN(a, b) a##b\n#define NAME(a, b) JOIN(a, b)\n"
        "int NAME(counted_, __COUNTER__) = 5;\n" + one("  return counted_0 + __COUNTER__ + EDIT;"),
        reason="function.refuse.outside",
    ),
    Corner(
        "packed within it",
        one("#pragma pack(push, 1)\n  struct { char c; int i; } s = {1, EDIT};\n"
             "#pragma pack(pop)\n  return s.i + (int)sizeof s;"),
        compilers=BOTH,
    ),
    Corner(
        "packed beside it",
        "int first(void)\n{\n#pragma pack(push, 1)\n  struct { char c; int i; } s = {1, 2};\n"
        "#pragma pack(pop)\n  return s.i + (int)sizeof s;\n}\n"
        + one("  struct { char c; int i; } s = {1, EDIT};\n"
               "  return (int)sizeof s + s.i + first();"),
        compilers=BOTH,
    ),
    Corner(
        "a macro pushed within it",
        "#define SIZE 4\n"
        + one('#pragma push_macro("SIZE")\n#undef SIZE\n#define SIZE 9\n  a += SIZE + EDIT;\n'
               '#pragma pop_macro("SIZE")\n  return a + SIZE;')
        + "int later(void) { return SIZE; }\n",
        compilers=BOTH,
    ),
    Corner(
        "a macro defined within it",
        one("#define SIZE EDIT\n  return a + SIZE;") + "int later(void) { return SIZE; }\n",
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
        "FUNCTION(first)\n  a++;\nRETURN(a)\n" + one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "functions made by a macro",
        "#define MAKE(n, k) int n(int a) { return a + k; }\nMAKE(one, 1) MAKE(two, 2)\n"
        "MAKE(three,\n  EDIT)\n" + one("  return one(a) + two(a) + three(a);"),
        reason="function.refuse.declaration",
    ),
    Corner(
        "functions made by a macro beside it",
        "#define MAKE(n, k) int n(int a) { return a + k; }\nMAKE(one, 1) MAKE(two, 2)\n"
        + one("  return one(a) + two(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "assertions that move",
        "#include <assert.h>\n" + one("  return a + EDIT;")
        + "int first(int a)\n{\n  assert(a > 0);\n  return a;\n}\n",
        old="3", new="2\n    + 5\n",
        compilers=BOTH,
    ),
    Corner(
        "an assertion in it that moves",
        "#include <assert.h>\nint first(int a)\n{\n  assert(a > 0);\n  return a;\n}\n"
        + one("EDIT  assert(a);\n  return first(a);"),
        old="", new="\n\n  a++;\n",
        compilers=BOTH,
    ),
    Corner(
        "something included within a body",
        'int first(int a)\n{\n  int t[] = {\n#include "table.h"\n  };\n  return t[a];\n}\n'
        + one("  return first(a) + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "something included within it",
        one('  int t[] = {\n#include "table.h"\n  };\n  return t[a] + EDIT;'),
        compilers=BOTH,
    ),
    Corner(
        "two functions on one line",
        "int first(int a) { return a + EDIT; } int edited(int a) { return first(a) * 2; }\n",
        compilers=BOTH,
    ),
    Corner("lines of other systems", PLAIN.replace("\n", "\r\n"), compilers=BOTH),
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
        + one('  return zähle(a) + "ß"[0];'),
        reason="function.refuse.not-in-piece",
    ),
    Corner(
        "names that are not ASCII, as they are",
        "static int größe = 4;\nint zähle(int ä)\n{\n  größe += ä;\n  return größe + EDIT;\n}\n"
        + one('  return zähle(a) + "ß"[0];'),
        compilers=CLANG,
    ),
    Corner(
        "a header forced upon it",
        one("  return a + FORCED + EDIT;"),
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
        one("  int b = a \\\n    + EDIT;\n  return b; // one \\\n  return 5;\n"),
        compilers=BOTH,
    ),
    Corner(
        "trigraphs and digraphs",
        "int edited(int a)\n<%\n  int t<:2:> = <%1, EDIT%>;\n  return t<:a:>;\n%>\n",
        compilers=BOTH,
    ),
    Corner(
        "conditions within it",
        one("#if EDIT > 10\n  return a;\n#else\n  return a + 1;\n#endif"),
        reason="function.refuse.directive",
    ),
    Corner(
        "the name of its file",
        STDIO + one("  puts(__FILE__); puts(__BASE_FILE__);\n  return a + EDIT;"),
        compilers=BOTH,
    ),
    Corner(
        "a project that allows no warnings",
        "static int inner(int a) { return a + 1; }\n"
        "static int unseen(int a) { return inner(a) + 2; }\nint edited(int a);\n"
        + one("  return unseen(a) + EDIT;") + "int main(void);\n" + MAIN,
        options="-O0 -Wall -Wextra -Werror -pedantic -std=c11",
        compilers=BOTH,
    ),
    Corner(
        "a project that allows no warnings, and prototypes",
        "int edited(int a);\n" + one("  return a + EDIT;") + MAIN,
        options="-O0 -Wall -Wmissing-prototypes -Wstrict-prototypes -Werror",
        compilers=BOTH,
    ),
]  # fmt: skip

OPTIONS = [
    Corner(f"compiled with {option}", PLAIN, options=f"-O0 {option}", reason=reason, link=option)
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
