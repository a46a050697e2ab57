"""A small C project: two sources in a static library, one program, two headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scons_project import Project

BODY = """
env.Append(CPPPATH=["include"])
calc = env.StaticLibrary("build/calc", ["calc/add.c", "calc/mul.c"])
env.Program("build/main", ["main.c", calc])
"""

FILES = {
    "include/calc.h": "int add(int, int);\nint mul(int, int);\n",
    "include/base.h": "#define BASE 3\n",
    "calc/add.c": '#include "calc.h"\nint add(int a, int b) { return a + b; }\n',
    "calc/mul.c": '#include "calc.h"\nint mul(int a, int b) { return a * b; }\n',
    "main.c": """\
#include <stdio.h>
#include "calc.h"
#include "base.h"
int main(void) { printf("%d\\n", mul(BASE, add(1, 1))); return 0; }
""",
}

OBJECTS = ["calc/add.o", "calc/mul.o", "main.o"]
OUTPUTS = ["build/libcalc.a", "build/main", *OBJECTS]

COMMANDS = 6
"""Three compiles, `ar`, `ranlib` and the link."""


def write_sample(project: Project, body: str = BODY, more: str = "", tool: str = "") -> None:
    """Write the project's files."""
    for name, content in FILES.items():
        project.write(name, content)
    project.sconstruct(body, more, tool)
