"""Two checkouts of one project share a store: what they can share, and what they must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sample import BODY, COMMANDS, OBJECTS, write_sample
from scons_project import Project

if TYPE_CHECKING:
    from pathlib import Path

ALL_RESTORED = (COMMANDS, 0, 0, 0)
ALL_STORED = (0, COMMANDS, 0, 0)

DEBUG = 'env.Append(CCFLAGS=["-g"])\n'
MAPPED = 'env.Append(CCFLAGS=["-g", "-ffile-prefix-map=" + Dir("#").abspath + "=."])\n'


@pytest.fixture
def shared(each_project: Project, tmp_path: Path) -> Project:
    """Return a project whose store lies outside of it."""
    each_project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "store")
    return each_project


def test_a_second_checkout_is_restored(shared: Project, tmp_path: Path) -> None:
    """A checkout in another folder runs nothing, and its outputs are those of plain SCons."""
    write_sample(shared)
    shared.build()
    other = shared.copy_to(tmp_path / "elsewhere" / "checkout")
    other.build("-c")

    run = other.build()

    assert run.work() == ALL_RESTORED
    assert run.ran() == []
    assert other.run_program("build/main") == "6\n"
    assert other.outputs() == shared.outputs()
    assert other.differing() == []


def test_debug_information_names_the_checkout(shared: Project, tmp_path: Path) -> None:
    """With -g an object names its folder: another checkout compiles for itself, and keeps both."""
    write_sample(shared, DEBUG + BODY)
    shared.build()
    other = shared.copy_to(tmp_path / "checkout")
    other.build("-c")

    run = other.build()

    assert run.count("hits") == 0
    assert [name for name in run.made() if name.endswith(".o")] == OBJECTS
    assert other.differing() == []
    assert str(other.folder).encode() in other.read("main.o")

    shared.build("-c")
    assert shared.build().work() == ALL_RESTORED
    assert shared.differing() == []


def test_a_prefix_map_makes_debug_information_shareable(shared: Project, tmp_path: Path) -> None:
    """With -g and a map of the checkout's folder, another checkout is restored."""
    write_sample(shared, MAPPED + BODY)
    shared.build()
    other = shared.copy_to(tmp_path / "checkout")
    other.build("-c")

    run = other.build()

    assert run.work() == ALL_RESTORED
    assert run.ran() == []
    assert other.differing() == []


def test_a_moved_project_tells_why_it_compiles(project: Project, tmp_path: Path) -> None:
    """A project with -g that was moved compiles again, for its folder is another."""
    write_sample(project, DEBUG + BODY)
    project.build()
    project.build("-c")
    project.folder.rename(tmp_path / "moved")
    moved = Project(tmp_path / "moved")

    run = moved.build()

    assert run.count("hits") == 0
    assert run.reasons()["zir.miss.directory-changed"] == len(OBJECTS)
    assert moved.differing() == []


def test_a_moved_project_without_debug_information_is_restored(
    project: Project, tmp_path: Path
) -> None:
    """Nothing in the state depends on where the project lies."""
    write_sample(project)
    project.build()
    project.build("-c")
    project.folder.rename(tmp_path / "moved")

    run = Project(tmp_path / "moved").build()

    assert run.work() == ALL_RESTORED


def test_absolute_paths_into_a_checkout_are_not_shared(shared: Project, tmp_path: Path) -> None:
    """A macro that holds the checkout's folder is compiled for each checkout."""
    shared.sconstruct("""
env.Append(CPPDEFINES={"HERE": '\\\\"' + Dir("#").abspath + '\\\\"'})
env.Program("main.c")
""")
    shared.write("main.c", "#include <stdio.h>\nint main(void) { puts(HERE); return 0; }\n")
    shared.build()
    other = shared.copy_to(tmp_path / "checkout")
    other.build("-c")

    run = other.build()

    assert run.made() == ["main", "main.o"]
    assert other.run_program("main") == f"{other.folder}\n"
    assert shared.run_program("main") == f"{shared.folder}\n"


def test_another_program_of_the_same_sources_shares_nothing_wrong(
    shared: Project, tmp_path: Path
) -> None:
    """A checkout with an edit takes what it can and makes the rest."""
    write_sample(shared)
    shared.build()
    other = shared.copy_to(tmp_path / "checkout")
    other.build("-c")
    other.replace("calc/mul.c", "a * b", "a * b * 10")

    run = other.build()

    assert run.made() == ["build/main", "calc/mul.o"]
    assert run.count("hits") == 2
    assert other.run_program("build/main") == "60\n"
    assert other.differing() == []


def test_a_header_outside_of_both_checkouts_is_watched(shared: Project, tmp_path: Path) -> None:
    """An absolute include folder beside the checkouts is shared, and an edit in it is seen."""
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk" / "sdk.h").write_text("#define SDK 1\n")
    shared.sconstruct(f'env.Append(CPPPATH=["{tmp_path}/sdk"])\nenv.Program("main.c")\n')
    shared.write("main.c", "#include <sdk.h>\nint main(void) { return SDK - 1; }\n")
    shared.build()
    other = shared.copy_to(tmp_path / "checkout")
    other.build("-c")
    assert other.build().work() == (2, 0, 0, 0)
    (tmp_path / "sdk" / "sdk.h").write_text("#define SDK 2\n")

    run = other.build()

    assert run.made() == ["main", "main.o"]
    assert run.reasons() == {"zir.miss.input-changed": 2}
    assert other.differing() == []
