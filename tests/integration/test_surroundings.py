"""What surrounds a command: environment variables and the toolchain, relevant or not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sample import COMMANDS, write_sample

if TYPE_CHECKING:
    from scons_project import Project

# The variables that the build's commands get beside SCons's own.
PASSED = 'for name in os.environ.get("PASSED", "").split(): env["ENV"][name] = os.environ[name]\n'
ONE = PASSED + 'env.Object("main.c")\n'
SOURCE = '#include <stdio.h>\nvoid say(void) { puts("said"); }\n'

RESTORED = (1, 0, 0, 0)
STORED = (0, 1, 0, 0)


def rebuild(project: Project, **environment: str) -> tuple[tuple[int, int, int, int], set[str]]:
    """Clean and build with some variables passed on; return the work done and the reasons."""
    project.build("-c")
    run = project.build(PASSED=" ".join(environment), **environment)
    assert len(run.ran()) == run.count("stored") + run.count("refused")
    return run.work(), set(run.reasons())


@pytest.fixture
def one(project: Project) -> Project:
    """Return a project of one source, built once."""
    project.sconstruct(ONE)
    project.write("main.c", SOURCE)
    project.build()
    return project


# --- variables ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CPATH", "include"),
        ("C_INCLUDE_PATH", "include"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C"),
        ("SOURCE_DATE_EPOCH", "1700000000"),
        ("COMPILER_PATH", "/nowhere"),
        ("GCC_COMPARE_DEBUG", ""),
    ],
)
def test_a_variable_that_compilers_heed_is_part_of_the_key(
    one: Project, name: str, value: str
) -> None:
    """A change of such a variable compiles, and tells which it was; going back is a hit."""
    assert rebuild(one, **{name: value}) == (STORED, {"zir.miss.environment-changed"})
    assert rebuild(one, **{name: value}) == (RESTORED, set())
    assert rebuild(one) == (RESTORED, set())


@pytest.mark.parametrize("name", ["BUILD_NUMBER", "USER", "TERM", "TMPDIR", "MAKEFLAGS"])
def test_a_variable_that_compilers_ignore_is_not(one: Project, name: str) -> None:
    """A change of any other variable is no reason to compile."""
    assert rebuild(one, **{name: "/tmp"}) == (RESTORED, set())


def test_the_folder_that_cpath_names_is_searched(project: Project) -> None:
    """A header found through CPATH is watched, and one that appears before it is seen."""
    project.sconstruct(ONE)
    project.write("main.c", "#include <part.h>\nint part = PART;\n")
    project.write("second/part.h", "#define PART 1\n")
    path = {"CPATH": "first:second"}
    project.build(PASSED="CPATH", **path)
    assert rebuild(project, **path) == (RESTORED, set())

    project.write("first/part.h", "#define PART 2\n")

    assert rebuild(project, **path) == (STORED, {"zir.miss.input-appeared"})


def test_secrets_in_the_environment_are_not_stored(one: Project) -> None:
    """No value of a variable is written to the state or to the store."""
    one.build("-c")
    one.build(PASSED="LANG WORD", LANG="xx_SECRET", WORD="yy_SECRET")

    for path in (one.folder / ".incremental").rglob("*"):
        if path.is_file():
            assert b"_SECRET" not in path.read_bytes(), path


# --- toolchain --------------------------------------------------------------------


def bin_with(project: Project, folder: str, program: str, name: str = "") -> str:
    """Make a folder with a changed copy of a program, and return a PATH that starts with it."""
    original = shutil.which(program)
    assert original is not None
    copy = project.folder.parent / folder / (name or program)
    copy.parent.mkdir(exist_ok=True)
    parts = project.folder.parent / "lib" / "gcc"
    if not parts.exists():
        parts.parent.mkdir()
        parts.symlink_to("/usr/lib/gcc")  # a driver looks for its parts beside its own folder
    copy.write_bytes(Path(original).read_bytes() + b"\0")
    copy.chmod(0o755)
    return f"{copy.parent}:/usr/local/bin:/usr/bin:/bin"


def test_the_same_compiler_elsewhere_on_the_path_is_no_change(one: Project) -> None:
    """A longer PATH that leads to the same programs is no reason to compile."""
    assert rebuild(one, PATH="/nowhere:/usr/local/bin:/usr/bin:/bin") == (RESTORED, set())


def test_another_driver_on_the_path_compiles(one: Project) -> None:
    """A gcc of another content, found first on PATH, does not get the other's results."""
    path = bin_with(one, "bin", "gcc")

    assert rebuild(one, PATH=path) == (STORED, {"zir.miss.toolchain-changed"})
    assert rebuild(one, PATH=path) == (RESTORED, set())
    assert rebuild(one) == (RESTORED, set())


def test_a_driver_replaced_in_its_place_compiles(one: Project) -> None:
    """A compiler upgraded in place, with its old times, is another compiler."""
    path = bin_with(one, "bin", "gcc")
    rebuild(one, PATH=path)
    driver = one.folder.parent / "bin" / "gcc"
    status = driver.stat()
    driver.write_bytes(driver.read_bytes()[:-1] + b"\1")
    os.utime(driver, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert rebuild(one, PATH=path) == (STORED, {"zir.miss.toolchain-changed"})


def test_another_assembler_on_the_path_compiles(one: Project) -> None:
    """The `as` that gcc starts is the one that PATH leads to: another is another toolchain."""
    path = bin_with(one, "bin", "as")

    assert rebuild(one, PATH=path) == (STORED, {"zir.miss.toolchain-changed"})
    assert rebuild(one) == (RESTORED, set())


def test_an_assembler_that_appears_on_the_path_is_noticed(one: Project) -> None:
    """A PATH that did not change leads elsewhere once a program appears in its first folder."""
    path = bin_with(one, "bin", "as", "unused")
    assert rebuild(one, PATH=path)[0] == RESTORED
    bin_with(one, "bin", "as")

    assert rebuild(one, PATH=path) == (STORED, {"zir.miss.toolchain-changed"})


def test_another_linker_on_the_path_links(project: Project) -> None:
    """A linker found first on PATH links; the objects are restored."""
    write_sample(project, PASSED + 'env.Program("main.c")\n')
    project.write("main.c", "int main(void) { return 0; }\n")
    project.build()
    path = bin_with(project, "bin", "ld")
    project.build("-c")

    run = project.build(PASSED="PATH", PATH=path)

    assert run.made() == ["main"]
    assert run.work() == (1, 1, 0, 0)
    assert run.reasons() == {"zir.miss.toolchain-changed": 1}


def test_another_archiver_on_the_path_archives(project: Project) -> None:
    """An `ar` found first on PATH makes the archive; the objects are restored."""
    write_sample(project, PASSED + 'env.StaticLibrary("calc", "main.c", CPPPATH="include")\n')
    project.build()
    path = bin_with(project, "bin", "ar")
    project.build("-c")

    run = project.build(PASSED="PATH", PATH=path)

    assert [text.split()[0] for text in run.ran()] == ["ar"]
    assert run.reasons() == {"zir.miss.toolchain-changed": 1}


def test_toolchains_are_asked_once(project: Project) -> None:
    """What a compiler resolves to is remembered: the second build asks no compiler anything."""
    write_sample(project)
    first = project.build()
    project.build("-c")

    run = project.build()

    def questions(seen: list[tuple[str, list[str]]]) -> list[list[str]]:
        return [words for _, words in seen if "-print-search-dirs" in words or words[0] == "ldd"]

    assert questions(first.seen)
    assert questions(run.seen) == []
    assert run.work() == (COMMANDS, 0, 0, 0)


def test_native_code_is_cached(each_project: Project) -> None:
    """-march=native is cached: what it stands for is part of the toolchain's identity."""
    each_project.sconstruct('env.Append(CCFLAGS=["-march=native"])\nenv.Object("main.c")\n')
    each_project.write("main.c", SOURCE)
    each_project.build()
    each_project.build("-c")

    run = each_project.build()

    assert run.work() == RESTORED
    assert each_project.differing() == []


def test_a_specs_file_is_part_of_the_key(project: Project) -> None:
    """A specs file that an option names decides what gcc does: an edit in it compiles."""
    project.sconstruct(
        'env.Append(CCFLAGS=["-specs=own.specs"])\nenv.Object("main.c")\n',
    )
    project.write("main.c", SOURCE)
    project.write("own.specs", "*cc1:\n+ -DA\n\n")
    project.build()
    project.build("-c")
    assert project.build().work() == RESTORED
    project.write("own.specs", "*cc1:\n+ -DB\n\n")
    project.build("-c")

    run = project.build()

    assert run.work() == STORED
