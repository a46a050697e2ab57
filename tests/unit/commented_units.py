"""Units of C and C++ with comments in odd places, and edits that are mostly of no account.

Some edits do change the code, or what the compiler has to say: whoever looks at the
edited unit must tell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

WORDS = (
    *("note", 'see "below"', "it's", "// x", "fall through", "a*b", "\t", "é", "#if 0", "{", "=="),
    *("don't \"", "<a//b>", "__LINE__", 'R"(', "??", "1'0", "', '", "return 1;"),
)
ODD = ("/* in */", "\\", "/*", "??/", "*/", "\\ ", "\r")

_HEADER = """\
#ifndef UNIT_H
#define UNIT_H
/* what all units use */
#define TWICE(a) ((a) + (a)) // of a number
#define LONG(a, b) \\
  ((a) * \\
   (b)) /* of two */
#define TEXT(a) #a
struct pair { int left; int right; }; /* two */
enum { FIRST = 1, /* one */ SECOND };
static inline int square(int a)
{
  int b = a * a; /* so */ return b;
}
extern int total; // counts
#endif
"""

_BODIES = (
    "  int b = a; if (b > 3) { b = TWICE(b); } else b--; return b; /* end */",
    "  switch (a) {\n  case 1: a++; /* fall through */\n  case 2: return a;\n  } return 0;",
    "  const char *s = \"/* no comment */ // none\"; return s[a & 3] + '\"' + '/';",
    "  static int n; /* kept */ n += a; goto out; out: return n;",
    "  for (int i = 0; i < 4; i++)\n    a += i /* so */\n      * 2; // and on\n  return a;",
    '  return TEXT(a /* b */ + c "//")[a & 3];',
    '#if 0\n  "not /* read" */\n#endif\n  return a ? square(a)\n  : SECOND;',
    "  struct pair p = {a, /* left */\n 2};\n  return p.right; // so",
)
_LINES = ("  return a + __LINE__;", "  if (a == 77) called(a);\n  return a;")
_CXX = (
    "  auto f = [&](int b) { return a + b; /* in */ }; return f(3);",
    '  const char *s = R"(/* raw \\ " // )"; return s[a & 3]; // raw',
    "  try { if (a) throw a; } catch (int b) { return b; /* caught */ } return 0;",
)


def unit(random: Random, *, cxx: bool) -> dict[str, str]:
    """Return the texts of a header and of a source that includes it."""
    lines = ["// a unit", '#include "unit.h"', "int total; /* all */", ""]
    if random.random() < 0.3:
        lines += ["#define called(a) noted((a), __LINE__)", "static void noted(int a, int b)"]
        lines += ["{ total += a - b; }"]
    else:
        lines += ["static void called(int a) { total += a; }"]
    bodies = [*_BODIES, *(_CXX if cxx else ())]
    if random.random() < 0.3:
        bodies += _LINES
    for number in range(random.randrange(1, 4)):
        lines += [f"/* function {number} */", f"int function{number}(int a)", "{"]
        lines += [random.choice(bodies), "}", ""]
    lines += ["void user(int a);", "void user(int a) { called(a); }"]
    return {"unit.h": _HEADER, "unit.c": "\n".join(lines) + "\n"}


def comment(random: Random) -> str:
    """Return a comment."""
    words = " ".join(random.choice(WORDS) for _ in range(random.randrange(4)))
    if random.random() < 0.1:
        words += random.choice(ODD)
    kind = random.randrange(4)
    if kind == 0:
        return f"// {words}\n"
    return f"/* {words} */" if kind < 3 else f"/* {words}\n * {words}\n */"


def edited(text: str, random: Random) -> str:
    """Return a text with a few edits, of which most do not change the code."""
    for _ in range(random.choice((1, 1, 2, 4))):
        text = _edited(text, random)
    return text


def _edited(text: str, random: Random) -> str:
    kind = random.randrange(9)
    ends = [match.start() for match in re.finditer(r"\n", text)]
    end = random.choice(ends)
    if kind == 0:  # a line more
        return text[: end + 1] + comment(random).rstrip("\n") + "\n" + text[end + 1 :]
    if kind == 1:
        return text[:end] + "\n" * random.randrange(1, 4) + text[end:]
    if kind == 2:  # behind a line
        return text[:end] + " " + comment(random).rstrip("\n") + text[end:]
    if kind == 3:
        return text[:end] + random.choice((" ", "\t", "  \t")) + text[end:]
    comments = list(re.finditer(r"/\*.*?\*/|//[^\n]*", text, re.DOTALL))
    if kind < 7 and comments:  # another comment, as long or not
        match = random.choice(comments)
        new = comment(random).rstrip("\n")
        if random.random() < 0.5:
            new = "".join("x" if byte.isalnum() else byte for byte in match[0])
        if random.random() < 0.2:
            new = re.sub(r"[^\n]", " ", match[0])
        return text[: match.start()] + new + text[match.end() :]
    blanks = [match.start() for match in re.finditer(r"[ ;,{}()]", text)]
    at = random.choice(blanks) + 1  # anywhere, also in strings and directives
    return text[:at] + comment(random) + text[at:]
