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


CPP = """\
#include <string>
#include <vector>
BEFORE
struct Shape {
  Shape(int sides);
  virtual ~Shape();
  virtual int area(int by) const;
  int sides;
  std::string name;
};
namespace { int calls = 2; }
Shape::Shape(int a) : sides(a), name("shape") { calls++; }
Shape::~Shape() { calls--; }
int Shape::area(int by) const
{
  EDIT
  return by * sides;
}
static int sum(const std::vector<int> &of)
{
  int total = calls;
  for (int each : of)
    total += each;
  return total;
}
AFTER
int main()
{
  Shape shape(4);
  std::vector<int> areas;
  for (int by = 1; by < 3; by++)
    areas.push_back(shape.area(by));
  return sum(areas) & 1;
}
"""


def cpp_source(edit: str = "") -> str:
    """Return a C++ unit of some size."""
    filler = "static int filler_%d(int a)\n{\n  int twice = a * 2;\n  return twice + %d;\n}\n"
    fillers = [filler % (number, number) for number in range(260)]
    text = CPP.replace("EDIT", edit).replace("BEFORE", "".join(fillers[:90]))
    return text.replace("AFTER", "".join(fillers[90:]))


def test_gdb_shows_what_it_shows_of_a_full_compile_of_cpp(project: Project) -> None:
    """Members, locals, types of templates and lines behind the edit are those of the new text."""
    for program in ("gdb", "g++"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    project.write("unit.cc", cpp_source())
    project.sconstruct(
        'env.Program("program", ["unit.cc"])\n', 'CCFLAGS=["-O0", "-g", "-fno-exceptions"]'
    )
    project.build()
    project.write("unit.cc", cpp_source() + "int edited;\n")
    project.build()
    edit = 'std::string text(name);\n\n  text += "er";\n  by += (int)text.size();'
    text = cpp_source(edit) + "int edited;\n"
    project.write("unit.cc", text)
    built = project.build()
    assert built.count("by_function") == 1, built.figures
    below = text.split("\n").index("    total += each;") + 1
    questions = [
        "set width 0",
        "set confirm off",
        "break Shape::area",
        f"break unit.cc:{below}",
        "break filler_100",
        "run",
        *2 * ("bt", "info args", "next", "next", "info locals", "print *this", "up", "continue"),
        "bt",
        "info locals",
        "print calls",
        "ptype of",
        "whatis sum",
        "ptype Shape",
        "info line filler_250",
        "list filler_250",
        "info scope Shape::area",
        "kill",
    ]
    ours = session(project, questions)
    assert "shapeer" in ours
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
