"""A C source that is large enough to be compiled function by function.

`source(NAME=text, ...)` gives the text with some functions' bodies replaced; all
others stay as they are, so that a test says in a word what it edits.
"""

from __future__ import annotations

FILLERS = 520

_HEAD = """\
#include <stdio.h>
#include "shape.h"

struct pair { int first, second; };
static int counter = 3;
static const char *const names[] = {"none", "one", "two"};
static int helper(int a);
int shared = 7;
"""

BODIES = {
    "helper": "  return a + counter;",
    "plain": "  return helper(a) * 2 + SHAPE;",
    "chooses": (
        "  switch (a) {\n  case 0: return 3;\n  case 1: return 11;\n  case 2: return 1;\n"
        "  case 3: return 8;\n  case 4: return 5;\n  default: return names[1][0];\n  }"
    ),
    "says": '  printf("says %d\\n", a);\n  return a;',
    "where": "  return a + __LINE__;",
    "counts": "  static int n = 4;\n  n += a;\n  shared = n;\n  return n;",
}
_HEADS = {"helper": "static int helper(int a)"}

_MAIN = """\
int main(void)
{
  printf("%d %d %d %d %d\\n", plain(2), chooses(4), says(5), where(0), counts(1));
  printf("%d %d %d\\n", plain(3), shared, filler_7(8));
  return 0;
}
"""


def source(*, top: str = "", above: str = "", end: str = "", **bodies: str) -> str:
    """Return the source.

    `top` stands before all functions, `above` in the middle, `end` behind all.
    """
    half = FILLERS // 2
    edited = []
    for name, body in {**BODIES, **bodies}.items():
        head = _HEADS.get(name, f"int {name}(int a)")
        edited.append(f"{head}\n{{\n{body}\n}}\n\n")
    before, behind = map(_filler, range(half)), map(_filler, range(half, FILLERS))
    return "".join([_HEAD, top, *before, above, *edited, *behind, _MAIN, end])


def _filler(number: int) -> str:
    return (
        f"int filler_{number}(int a)\n{{\n"
        f"  int b = a * {number + 3};\n"
        f"  if (b > {number}) return b - {number % 7};\n  return a;\n}}\n\n"
    )
