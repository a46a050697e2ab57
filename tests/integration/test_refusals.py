"""What the cache refuses: it runs as plain SCons runs it, and the reason is counted by name."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scons_project import Project

SPAWN = """
import subprocess


def spawn(sh, escape, cmd, args, env):
    with open("log", "a") as log:
        log.write("spawned\\n")
    return subprocess.call(" ".join(args), shell=True, env=env)
"""
SOURCE = '#include <stdio.h>\nvoid say(void) { puts("said"); }\n'


def assert_refused(project: Project, reason: str, *, count: int = 1) -> None:
    """Build twice: both times the commands run, as plain SCons runs them, for that reason."""
    for _ in range(2):
        run = project.build()
        # what only the command's run can tell comes after a miss
        reasons = {
            name: times for name, times in run.reasons().items() if not name.startswith("zir.miss.")
        }
        assert reasons == {reason: count}
        assert run.work() == (0, 0, 0, count)
        assert len(run.ran()) == count
        assert project.differing() == []
        project.build("-c")


def compile_with(project: Project, *flags: str, source: str = SOURCE) -> None:
    """Write a project of one compile."""
    words = ", ".join(f"'{flag}'" for flag in flags)
    project.sconstruct(f'env.Append(CCFLAGS=[{words}])\nenv.Object("main.c")\n')
    project.write("main.c", source)


@pytest.mark.parametrize("macro", ["__DATE__", "__TIME__"])
def test_time_macros(project: Project, macro: str) -> None:
    """A source that names the time of the compile is compiled each time."""
    compile_with(project, "-Wno-error=date-time", source=f"int n = sizeof({macro});\n")

    assert_refused(project, "zir.refuse.time-macro")


def test_a_time_macro_in_a_header(project: Project) -> None:
    """A header that names the time refuses the sources that include it, and no others."""
    project.sconstruct('env.Object(["dated.c", "plain.c"])\n')
    project.write("dated.h", "#define DATED sizeof(__DATE__)\n")
    project.write("dated.c", '#include "dated.h"\nint dated = DATED;\n')
    project.write("plain.c", "int plain;\n")
    project.build()
    project.build("-c")

    run = project.build()

    assert run.made() == ["dated.o"]
    assert run.work() == (1, 0, 0, 1)
    assert run.reasons()["zir.refuse.time-macro"] == 1


def test_a_fixed_date_makes_time_macros_cacheable(project: Project) -> None:
    """With SOURCE_DATE_EPOCH gcc takes __DATE__ and __TIME__ from it; it is part of the key."""
    project.sconstruct('env["ENV"]["SOURCE_DATE_EPOCH"] = "1700000000"\nenv.Object("main.c")\n')
    project.write("main.c", "char *when = __DATE__ __TIME__;\n")
    project.build()
    project.build("-c")

    assert project.build().work() == (1, 0, 0, 0)
    assert project.differing() == []


def test_a_file_time_macro_is_refused_even_with_a_fixed_date(project: Project) -> None:
    """__TIMESTAMP__ names a file's time, which no variable fixes."""
    project.sconstruct('env["ENV"]["SOURCE_DATE_EPOCH"] = "1700000000"\nenv.Object("main.c")\n')
    project.write("main.c", "int n = sizeof(__TIMESTAMP__);\n")

    assert_refused(project, "zir.refuse.time-macro")


def test_files_included_by_the_assembler(project: Project) -> None:
    """No dependency list names what .incbin reads."""
    compile_with(project, source='__asm__(".incbin \\"blob\\"");\n')
    project.write("blob", b"\1\2")

    assert_refused(project, "zir.refuse.incbin")


def test_a_precompiled_header_that_is_used(project: Project) -> None:
    """A .gch beside a header is used in its place, and is refused."""
    compile_with(project, source='#include "pre.h"\nint n = PRE;\n')
    for value in (1, 2):
        project.write("pre.h", f"#define PRE {value}\n")
        subprocess.run(["gcc", "-x", "c-header", "pre.h"], cwd=project.folder, check=True)

        assert_refused(project, "zir.refuse.pch")


def test_a_precompiled_header_that_appears(project: Project) -> None:
    """An object compiled from a header is not taken for one compiled from its .gch."""
    compile_with(project, "-Iinclude", source='#include "pre.h"\nint n = PRE;\n')
    project.write("include/pre.h", "#define PRE 1\n")
    project.build()
    project.build("-c")
    subprocess.run(["gcc", "-x", "c-header", "include/pre.h"], cwd=project.folder, check=True)

    assert_refused(project, "zir.refuse.pch")


def test_a_precompiled_header_that_is_made(project: Project) -> None:
    """Compiling a header is refused."""
    project.sconstruct('env.Command("pre.h.gch", "pre.h", "gcc -c -o $TARGET $SOURCE")\n')
    project.write("pre.h", "#define PRE 1\n")

    run = project.build()

    assert run.reasons() == {"zir.refuse.pch": 1}
    assert run.work() == (0, 0, 0, 1)


def test_saved_temporary_files(project: Project) -> None:
    """-save-temps leaves files behind that are no outputs."""
    compile_with(project, "-save-temps=obj")

    assert_refused(project, "zir.refuse.save-temps")


def test_an_unknown_option(project: Project) -> None:
    """An option that makes files of its own is refused by name."""
    compile_with(project, "-fdump-tree-original")

    run = project.build(INCREMENTAL_EXPLAIN="1")

    assert run.reasons() == {"zir.refuse.option": 1}
    assert "-fdump-tree-original" in run.err


def test_a_response_file(project: Project) -> None:
    """A command that takes its words from a file is refused, whoever has written the file."""
    project.sconstruct('env["CCCOM"] = "gcc @words"\nenv.Object("main.c")\n')
    project.write("main.c", SOURCE)
    project.write("words", "-c -o main.o main.c")
    assert_refused(project, "zir.refuse.response-file")
    project.sconstruct(
        "env['CCCOM'] = '${TEMPFILE(\"' + env['CCCOM'] + '\")}'\n"
        "env['MAXLINELENGTH'] = 1\nenv.Object('main.c')\n"
    )

    assert_refused(project, "zir.refuse.response-file")


def test_several_sources(project: Project) -> None:
    """A compile of two sources at once is refused."""
    project.sconstruct(
        'env.Command(["a.o", "b.o"], ["a.c", "b.c"], "gcc -c $SOURCES")\n',
    )
    project.write("a.c", "int a;\n")
    project.write("b.c", "int b;\n")

    assert_refused(project, "zir.refuse.several-sources")


def test_shell_syntax(project: Project) -> None:
    """A pipe or a redirection is the shell's business."""
    project.sconstruct('env.Command("copy", "main.c", "cat < $SOURCE > $TARGET")\n')
    project.write("main.c", SOURCE)

    assert_refused(project, "zir.refuse.shell-syntax")


def test_an_unknown_command(project: Project) -> None:
    """A command that is no compile, archive or link runs as it is."""
    project.sconstruct('env.Command("copy", "main.c", "cp $SOURCE $TARGET")\n')
    project.write("main.c", SOURCE)

    assert_refused(project, "zir.refuse.not-recognised")


def test_a_target_that_the_command_does_not_name(project: Project) -> None:
    """A compile whose target is another file than it writes is refused."""
    project.sconstruct('env.Command("mark", "main.c", "gcc -c -o main.o $SOURCE && : > mark")\n')
    project.write("main.c", SOURCE)
    assert_refused(project, "zir.refuse.shell-syntax")
    project.sconstruct('env.Command(["main.o", "mark"], "main.c", "gcc -c -o main.o $SOURCE")\n')
    project.write("mark", "")

    run = project.build()

    assert run.reasons() == {"zir.refuse.unknown-output": 1}


def test_a_compiler_that_is_a_script(project: Project) -> None:
    """A script in the place of a compiler can do anything: it is refused, and it runs."""
    script = project.write("bin/gcc", '#!/bin/sh\necho wrapped >> log\nexec /usr/bin/gcc "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    project.sconstruct('env["CC"] = "bin/gcc"\nenv.Object("main.c")\n')
    project.write("main.c", SOURCE)

    run = project.build()

    assert run.reasons() == {"zir.refuse.unknown-compiler": 1}
    assert project.read("log") == b"wrapped\n"


def test_an_unknown_compiler_fails_as_in_plain_scons(project: Project) -> None:
    """A compiler that is not there gives SCons's own error and exit status."""
    project.sconstruct('env["CC"] = "no-such-gcc"\nenv.Object("main.c")\n')
    project.write("main.c", SOURCE)

    run, plain = project.scons("-Q"), project.scons("-Q", plain=True)

    assert (run.status, run.err) == (plain.status, plain.err)
    assert run.status != 0
    assert run.reasons() == {"zir.refuse.unknown-compiler": 1}


def test_a_spawn_of_the_projects_own(project: Project) -> None:
    """A project whose SPAWN was its own before the tool was set up goes on running it."""
    project.write(
        "SConstruct",
        SPAWN + "import incremental_tool\nenv = Environment(SPAWN=spawn)\n"
        "incremental_tool.generate(env)\nenv.Object('main.c')\n",
    )
    project.write("main.c", SOURCE)

    run = project.build()

    assert run.reasons() == {"zir.refuse.custom-spawn": 1}
    assert project.read("log") == b"spawned\n"


@pytest.mark.parametrize("argument", [True, False], ids=["an argument", "set afterwards"])
def test_a_spawn_set_over_the_tools_takes_its_place(project: Project, argument: bool) -> None:
    """A project that gives SPAWN to Environment, or sets it afterwards, gets its own alone."""
    project.sconstruct(
        ("" if argument else "env['SPAWN'] = spawn\n") + "env.Object('main.c')\n",
        first=SPAWN,
        more="SPAWN=spawn" if argument else "",
    )
    project.write("main.c", SOURCE)

    run = project.build()

    assert run.count("commands") == 0
    assert project.read("log") == b"spawned\n"
    project.remove("log")
    assert project.differing() == ["log"]


def test_a_shell_of_the_projects_own(project: Project) -> None:
    """Another SHELL may read commands in another way."""
    shell = project.write("own-shell", '#!/bin/sh\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    project.sconstruct('env["SHELL"] = File("own-shell").abspath\nenv.Object("main.c")\n')
    project.write("main.c", SOURCE)

    assert_refused(project, "zir.refuse.custom-shell")


def test_a_command_in_another_folder(project: Project) -> None:
    """A command that runs elsewhere (chdir) is refused."""
    project.sconstruct(
        'env.Command("sub/main.o", "sub/main.c", "gcc -c -o main.o main.c", chdir=1)\n'
    )
    project.write("sub/main.c", SOURCE)

    assert_refused(project, "zir.refuse.directory")


def test_side_effects(project: Project) -> None:
    """A compile with a side effect that it is not known to write is refused."""
    project.sconstruct('obj = env.Object("main.c")\nenv.SideEffect("main.log", obj)\n')
    project.write("main.c", SOURCE)

    assert_refused(project, "zir.refuse.side-effect")


def test_a_known_side_effect_is_restored(project: Project) -> None:
    """A side effect that the command is known to write (a .dwo) is restored with the object."""
    project.sconstruct(
        'obj = env.Object("main.c", CCFLAGS=["-g", "-gsplit-dwarf"])\n'
        'env.SideEffect("main.dwo", obj)\nenv.Clean(obj, "main.dwo")\n'
    )
    project.write("main.c", SOURCE)
    project.build()
    dwo = project.read("main.dwo")
    project.build("-c")
    assert not project.exists("main.dwo")

    assert project.build().work() == (1, 0, 0, 0)
    assert project.read("main.dwo") == dwo


def test_switched_off_for_one_target(project: Project) -> None:
    """INCREMENTAL_CACHE="off" at a builder call concerns that target alone."""
    project.sconstruct('env.Object("off.c", INCREMENTAL_CACHE="off")\nenv.Object("on.c")\n')
    project.write("off.c", "int off;\n")
    project.write("on.c", "int on;\n")
    project.build()
    project.build("-c")

    run = project.build()

    assert run.made() == ["off.o"]
    assert run.reasons() == {"zir.refuse.switched-off": 1}
    assert run.work() == (1, 0, 0, 1)


def test_python_functions_are_not_touched(project: Project) -> None:
    """An action that is a Python function, or SCons's own Copy, never reaches the tool."""
    project.sconstruct("""
def write(target, source, env):
    print("writing", target[0])
    with open(str(target[0]), "w") as file:
        file.write("made\\n")

env.Command("made", "main.c", write)
env.Command("copied", "made", Copy("$TARGET", "$SOURCE"))
""")
    project.write("main.c", SOURCE)
    for _ in range(2):
        run = project.build()
        assert run.count("commands") == 0
        assert "writing made" in run.out
        assert project.differing() == []
        project.build("-c")


def test_archives_that_are_updated(project: Project) -> None:
    """`ar` adding to an archive that is there depends on what is in it, and is refused."""
    project.sconstruct(
        'lib = env.StaticLibrary("parts", ["main.c"])\nenv.Precious(lib)\n',
    )
    project.write("main.c", "int one;\n")
    project.build()
    project.write("main.c", "int two;\n")

    run = project.build()

    assert run.reasons()["zir.refuse.updates-output"] == 1
    assert project.differing() == []


def test_profiles_that_are_read(project: Project) -> None:
    """A compile that reads a profile is refused: the profile's name is the compiler's secret."""
    compile_with(project, "-fprofile-use", "-Wno-missing-profile")

    assert_refused(project, "zir.refuse.profile-use")


def test_modules(project: Project) -> None:
    """C++ modules are refused."""
    project.sconstruct(
        'env.Append(CXXFLAGS=["-std=c++20", "-fmodules-ts"])\nenv.Object("main.cpp")\n'
    )
    project.write("main.cpp", "int one() { return 1; }\n")

    assert_refused(project, "zir.refuse.modules")


def test_links_with_link_time_optimisation(project: Project) -> None:
    """A link that optimises is refused; its objects are cached."""
    project.sconstruct(
        'env.Append(CCFLAGS=["-flto"], LINKFLAGS=["-flto"])\nenv.Program("main.c")\n'
    )
    project.write("main.c", "int main(void) { return 0; }\n")
    project.build()
    project.build("-c")

    run = project.build()

    assert run.made() == ["main"]
    assert run.work() == (1, 0, 0, 1)
    assert run.reasons() == {"zir.refuse.lto-link": 1}


def test_a_computed_has_include(project: Project) -> None:
    """__has_include of a name that macros compute cannot be followed."""
    compile_with(
        project,
        source='#define NAME "maybe.h"\n#if __has_include(NAME)\nint yes;\n#endif\nint n;\n',
    )

    assert_refused(project, "zir.refuse.computed-probe")
