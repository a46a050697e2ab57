"""Every kind of output that is restored, with each compiler: objects and what goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sample import COMMANDS, write_sample

if TYPE_CHECKING:
    from scons_project import Project, Run

MAIN = """\
#include <stdio.h>
#include "part.h"
int main(void) { printf("%d\\n", PART); return 0; }
"""


def write_one_source(project: Project, *flags: str, more: str = "") -> None:
    """Write a project of one source and one header, compiled with some flags."""
    project.write("main.c", MAIN)
    project.write("include/part.h", "#define PART 4\n")
    words = ", ".join(f'"{flag}"' for flag in flags)
    project.sconstruct(
        f'env.Append(CCFLAGS=[{words}], CPPPATH=["include"])\nenv.Object("main.c")\n{more}'
    )


def restored(project: Project, *beside: str) -> Run:
    """Build, remove every output and what lies beside it, and build again: nothing may run."""
    first = project.build()
    outputs = project.outputs()
    for name in beside:
        assert project.exists(name), name
    assert first.count("hits") == first.count("refused") == 0, first.reasons()
    project.build("-c")
    project.remove(*(name for name in beside if project.exists(name)))

    run = project.build()

    assert run.ran() == []
    assert run.work() == (first.count("stored"), 0, 0, 0)
    assert project.outputs() == outputs
    assert project.differing() == []
    return run


@pytest.mark.parametrize("flag", ["-MD", "-MMD"])
def test_dependency_files_are_restored(each_project: Project, flag: str) -> None:
    """The .d file that the project's own options ask for comes back with the object."""
    write_one_source(each_project, flag, "-MP")

    restored(each_project, "main.d")

    assert b"include/part.h" in each_project.read("main.d")
    assert (b"stdio.h" in each_project.read("main.d")) == (flag == "-MD")


def test_user_headers_alone_in_the_d_file_do_not_hide_the_rest(each_project: Project) -> None:
    """With -MMD the .d file leaves system headers out; the tool follows them all the same."""
    write_one_source(each_project, "-MMD", "-isystem", "system")
    each_project.write("system/odd.h", "#define PART 8\n")
    each_project.write("include/part.h", "#include <odd.h>\n")
    each_project.build()
    each_project.build("-c")
    each_project.write("system/odd.h", "#define PART 9\n")

    run = each_project.build()

    assert b"odd.h" not in each_project.read("main.d")
    assert run.made() == ["main.o"]
    assert each_project.differing() == []


def test_a_named_dependency_file_is_restored(each_project: Project) -> None:
    """The .d file lies where -MF says."""
    write_one_source(each_project, "-MD", "-MF", "deps.txt")

    restored(each_project, "deps.txt")


def test_split_debug_information_is_restored(each_project: Project) -> None:
    """With -gsplit-dwarf the .dwo comes back with the object."""
    write_one_source(each_project, "-g", "-gsplit-dwarf")

    restored(each_project, "main.dwo")


def test_coverage_notes_are_restored(each_project: Project) -> None:
    """With --coverage the .gcno comes back with the object, and the program runs."""
    # without a seed gcc stamps each compile with its time
    seed = ["-frandom-seed=main"] if each_project.compilers[0] == "gcc" else []
    write_one_source(each_project, "--coverage", *seed)

    restored(each_project, "main.gcno")


def test_stack_usage_is_restored(each_project: Project) -> None:
    """With -fstack-usage the .su comes back with the object."""
    write_one_source(each_project, "-fstack-usage")

    restored(each_project, "main.su")


def test_assembly_is_restored(each_project: Project) -> None:
    """A .s and a .S source are assembled once; the header of the .S is watched."""
    project = each_project
    project.sconstruct('env.Append(CPPPATH=["include"])\nenv.Object(["plain.s", "cpp.S"])\n')
    project.write("plain.s", ".globl one\none:\n\t.byte 1\n")
    project.write("cpp.S", '#include "part.h"\n.globl two\ntwo:\n\t.byte PART\n')
    project.write("include/part.h", "#define PART 2\n")
    restored(project)
    project.write("include/part.h", "#define PART 3\n")

    run = project.build()

    assert run.made() == ["cpp.o"]
    assert project.differing() == []


def test_the_assembler_alone_is_restored(project: Project) -> None:
    """`as` run without a compiler in front of it is cached with what it includes."""
    project.sconstruct('env["ASCOM"] = "as $ASFLAGS -o $TARGET $SOURCES"\nenv.Object("top.s")\n')
    project.write("top.s", '.include "part.inc"\n.globl one\none:\n\t.byte PART\n')
    project.write("part.inc", ".set PART, 1\n")
    restored(project)
    project.write("part.inc", ".set PART, 2\n")
    project.build("-c")

    run = project.build()

    assert run.made() == ["top.o"]
    assert project.differing() == []


def test_assembly_output_is_restored(each_project: Project) -> None:
    """A compile that stops at assembly (-S) is cached like one that goes on."""
    write_one_source(
        each_project, more='env.Command("main.s", "main.c", "$CC -Iinclude -S -o $TARGET $SOURCE")'
    )

    restored(each_project)


def test_cpp_programs_are_restored(each_project: Project) -> None:
    """C++ sources are compiled and linked by the C++ driver once."""
    project = each_project
    project.sconstruct('env.Append(CXXFLAGS=["-std=c++17"])\nenv.Program("main", ["main.cpp"])\n')
    project.write(
        "main.cpp",
        '#include <iostream>\n#include <vector>\n#include "say.hpp"\n'
        "int main() { std::vector<int> v{1, 2}; std::cout << say(v.size()) << '\\n'; }\n",
    )
    project.write("say.hpp", "template <class T> T say(T t) { return t * 10; }\n")

    restored(project)

    assert project.run_program("main") == "20\n"


def test_libraries_and_programs_are_restored(each_project: Project) -> None:
    """A static library, a shared library and a program that needs both come back and work."""
    project = each_project
    project.sconstruct("""
shared = env.SharedLibrary("build/twice", "twice.c")
static = env.StaticLibrary("build/thrice", "thrice.c")
env.Program("build/main", "main.c", LIBS=["twice", "thrice"], LIBPATH=["build"],
            RPATH=[env.Literal("\\\\$$ORIGIN")])
""")
    project.write("twice.c", "int twice(int x) { return 2 * x; }\n")
    project.write("thrice.c", "int thrice(int x) { return 3 * x; }\n")
    project.write(
        "main.c",
        "#include <stdio.h>\nint twice(int), thrice(int);\n"
        'int main(void) { printf("%d\\n", twice(thrice(7))); return 0; }\n',
    )

    project.build()
    outputs = project.outputs()
    project.build("-c")
    run = project.build()

    assert run.count("stored") == run.count("not_stored") == 0
    assert [name for name in run.made() if name.endswith((".o", ".os", ".so"))] == []
    assert project.outputs() == outputs
    assert project.run_program("build/main") == "42\n"
    assert project.differing() == []


def test_a_library_named_by_lib_flags_is_an_input_of_the_link(project: Project) -> None:
    """A library found through -l is watched, and so is one that appears before it."""
    project.sconstruct("""
env["_LIBFLAGS"] = "-Lfirst -Lsecond -lnumber"
env.Program("main.c")
""")
    project.write("main.c", "int number(void);\nint main(void) { return number(); }\n")
    maker = "env = Environment()\nenv.StaticLibrary('{0}/number', '{0}/number.c')\n"
    for folder, value in (("second", 0), ("first", 0)):
        project.write(f"{folder}/number.c", f"int number(void) {{ return {value}; }}\n")
        project.write(f"make_{folder}", maker.format(folder))
    project.plain("-f", "make_second")
    project.build()
    project.build("-c")
    assert project.build().work() == (2, 0, 0, 0)
    project.plain("-f", "make_first")
    project.build("-c")

    run = project.build()

    assert run.made() == ["main"]
    assert run.reasons() == {"zir.miss.input-appeared": 1}


def test_every_output_of_the_sample_is_restored(each_project: Project) -> None:
    """The sample's library and program come back with each compiler."""
    write_sample(each_project)

    run = restored(each_project)

    assert run.count("commands") == COMMANDS
