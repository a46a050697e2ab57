"""The text of one C source and one C header of a generated project.

Each function is made from one of `function_templates`, filled with its own
constants, its own switch and the structs of the headers its file includes, so
that no two files are equal and an optimiser has something to do.

Measured with gcc 12 -O2, CPU time per file: zlib 112 ms on average (median 83),
Lua 315 ms (92), files made here 102 ms (99). The work per file decides what a
cache can gain, so it is kept near that of hand-written C.

Rule kept: the same random generator gives the same bytes.

Knows nothing of folders, build files or how many files there are.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from function_templates import SCAN, STATEMENTS, TEMPLATES

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

FUNCTIONS_PER_FILE = 3

_HEADER = Template("""\
/* Records of kind $id: one of the types that pass through this program. */
#ifndef H_${id}_H
#define H_${id}_H

#include <stdint.h>

$includes
#define LIMIT_$id ${limit}u
#define SALT_$id ${salt}u

enum kind_$id {
$kinds
};

/* The weights are read by the sorting and by the matrix code;
 * the kind selects a branch in the interpreters. */
struct record_$id {
    uint32_t key;
    uint32_t kind;
    uint32_t weight[4];
$inner    unsigned char name[16];
};

/* Mix two words so that neighbouring keys end up far apart. */
static inline uint32_t mix_$id(uint32_t a, uint32_t b)
{
    a ^= b + SALT_$id + (a << ${left}) + (a >> ${right});
    return a * ${odd}u;
}

#endif
""")


def _cases(rng: random.Random, highest: int, headers: Sequence[str], total: str) -> str:
    """Return the text of between four and seven cases with numbers below `highest`."""
    lines = []
    for number in sorted(rng.sample(range(highest), rng.randint(4, 7))):
        lines.append(f"        case {number}:")
        for pattern in rng.sample(STATEMENTS, rng.randint(1, 2)):
            statement = Template(pattern.replace("sum", total)).substitute(
                k=rng.randrange(3, 60000, 2),
                m=rng.randrange(100, 60000),
                s=rng.randrange(2, 14),
                h=rng.choice(headers),
            )
            lines.append(f"            {statement}")
        lines.append("            break;")
    return "\n".join(lines)


def _function(rng: random.Random, name: str, headers: Sequence[str], calls: str) -> str:
    """Return one function named `name` that adds what the function `calls` returns."""
    template, highest = rng.choice(TEMPLATES)
    total = "total" if template is SCAN else "sum"
    first, second = rng.sample(headers, 2)
    return template.substitute(
        name=name,
        a=first,
        b=second,
        k0=rng.randrange(11, 9000, 2),
        k1=rng.randrange(13, 61),
        k2=rng.randrange(3, 99, 2),
        k3=rng.randrange(8),
        cases=_cases(rng, highest, headers, total),
        chain=f" + {calls}(x + 1u)" if calls else "",
    )


def source_text(
    rng: random.Random, number: str, headers: Sequence[str], calls: str = ""
) -> tuple[str, str]:
    """Return a C file's text and the name of the function that stands for the whole file.

    That function reaches all others of the file and, through `calls`, those of
    another file.
    """
    names = [f"fn_{number}_{index}" for index in range(FUNCTIONS_PER_FILE)]
    parts = ["#include <stddef.h>", "#include <string.h>", ""]
    parts += [f'#include "h_{header}.h"' for header in headers]
    parts += ["", f"uint32_t {calls}(uint32_t x);"] if calls else [""]
    parts += [f"uint32_t {name}(uint32_t x);" for name in names]
    for name in names:
        parts += ["", _function(rng, name, headers, calls).rstrip("\n")]
        calls = name
    return "\n".join(parts) + "\n", names[-1]


def header_text(rng: random.Random, number: str, includes: Sequence[str]) -> str:
    """Return the text of a header that includes the headers `includes`."""
    return _HEADER.substitute(
        id=number,
        includes="".join(f'#include "h_{name}.h"\n' for name in includes),
        limit=rng.randrange(5, 90),
        salt=rng.randrange(1000, 4_000_000_000),
        kinds="\n".join(
            f"    KIND_{number}_{index} = {rng.randrange(1000)},"
            for index in range(rng.randint(4, 9))
        ),
        inner="".join(f"    struct record_{name} *of_{name};\n" for name in includes),
        left=rng.randrange(3, 9),
        right=rng.randrange(2, 7),
        odd=rng.randrange(0x10001, 0xFFFFFFFF, 2),
    )


def main_text(entries: Sequence[str]) -> str:
    """Return the text of the program's main file, which prints one sum over `entries`."""
    declared = "\n".join(f"uint32_t {name}(uint32_t x);" for name in entries)
    called = "\n".join(f"    sum = sum * 31u + {name}({i}u);" for i, name in enumerate(entries))
    return (
        "#include <stdint.h>\n#include <stdio.h>\n\n"
        f"{declared}\n\n"
        "int main(void)\n{\n    uint32_t sum = 1;\n\n"
        f'{called}\n    printf("%lu\\n", (unsigned long)sum);\n    return 0;\n}}\n'
    )
