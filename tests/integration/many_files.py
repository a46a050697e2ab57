"""A project of sixty sources and one program, and what a clean build of it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scons_project import Project

COUNT = 60
COMMANDS = COUNT + 1


def write_many_files(project: Project) -> None:
    """Write the project. Its outputs do not depend on the folder that it lies in."""
    project.write("shared.h", "#define SHARED 1\nint total(int);\n")
    for number in range(1, COUNT):
        lines = ['#include "shared.h"', "#include <stdio.h>"]
        lines.append(f"int m{number}(int n) {{ return n + {number}; }}")
        project.write(f"m{number}.c", "\n".join(lines) + "\n")
    calls = " + ".join(f"m{number}(SHARED)" for number in range(COUNT))
    externs = "".join(f"int m{number}(int);\n" for number in range(COUNT))
    project.write(
        "m0.c",
        f'#include "shared.h"\n{externs}int m0(int n) {{ return n; }}\n'
        f"int main(void) {{ return ({calls}) == 0; }}\n",
    )
    project.sconstruct('env.Program("program", Glob("m*.c"))\n')
