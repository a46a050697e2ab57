"""What gdb shows of a program one of whose functions was compiled by itself.

Each session is held with the program as the tool makes it and as a clean full compile makes
it; but for addresses gdb must say the same.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import many_functions
import pytest

if TYPE_CHECKING:
    from scons_project import Project

_ADDRESS = re.compile(r"0x[0-9a-f]+|process \d+|\(LWP \d+\)")

EDITED = {
    "helper": "  int twice = a * 2;\n\n\n  twice += counter;\n  return twice;",
    "says": '  char text[8] = "later";\n\n  printf("%s %d\\n", text, a);\n  return a + text[0];',
}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_gdb_shows_what_it_shows_of_a_full_compile(project: Project, compiler: str) -> None:
    """Breakpoints, lines, locals, parameters and backtraces are those of the edited text."""
    for program in ("gdb", compiler):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    project.write("shape.h", "#define SHAPE 5\n")
    project.write("unit.c", many_functions.source())
    project.sconstruct(
        'env.Program("program", ["unit.c"])\n',
        f'CC="{compiler}", CCFLAGS=["-O0", "-g"], CPPPATH=["."]',
    )
    project.build()
    project.write("unit.c", many_functions.source(end="/* edited */\n"))
    project.build()
    text = many_functions.source(**EDITED)
    project.write("unit.c", text)
    assert project.build().count("by_function") == 1
    lines = text.split("\n")
    below = next(at for at, line in enumerate(lines, 1) if line == "  static int n = 4;") + 1
    questions = [
        "set width 0",
        "set confirm off",
        "break helper",
        f"break unit.c:{below}",
        "break says",
        "run",
        # Compilers differ in which argument of a call comes first.
        *4 * ("bt", "info args", "next", "next", "info locals", "up", "info frame", "continue"),
        "info line counts",
        "info line filler_500",
        "info scope says",
        "list counts",
        "list filler_400",
        "ptype struct pair",
        "whatis names",
        "print counter",
        "print shared",
        "info symbol helper",
        "kill",
    ]
    ours = session(project, questions)
    assert "twice" in ours
    assert "later" in ours
    project.remove("unit.o")
    project.remove("program")
    project.plain()
    assert session(project, questions) == ours


def session(project: Project, questions: list[str]) -> str:
    """Return what gdb says, without addresses and what they are printed in."""
    words = [word for question in questions for word in ("-ex", question)]
    run = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", *words, "program"],
        cwd=project.folder,
        check=False,  # gdb's status is that of the last question
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    shown = _ADDRESS.sub("ADDRESS", run.stdout).splitlines()
    return "\n".join(line for line in shown if "is at address" not in line)
