"""The Decider decides as SCons's own: a project with the tool beside a copy without it.

Each case is a SConstruct, files and a list of edits. After each edit both are
built; both must print the same commands and leave the same files.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from decider_cases import (
    CASES,
    MAIN,
    OLD,
    PROGRAM,
    PROGRAM_FILES,
    Case,
    Edit,
    nothing,
    remove,
    replace_by_older,
    touch,
    write,
    write_keeping_times,
)
from sample import OUTPUTS, write_sample
from scons_project import DISK_WITNESS, Project

if TYPE_CHECKING:
    from pathlib import Path


def lay_out(folder: Path, files: dict[str, str]) -> None:
    """Write files; a content of `-> name` makes a symbolic link."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content)


def said(out: str) -> list[str]:
    """Return what SCons printed, without the tool's figures."""
    return [line for line in out.splitlines() if not line.startswith('{"counts"')]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_same_is_built_as_by_plain_scons(project: Project, tmp_path: Path, case: Case) -> None:
    """After each edit the tool and plain SCons print the same commands and leave the same files."""
    project.sconstruct(case.sconstruct)
    lay_out(project.folder, {**PROGRAM_FILES, **case.files})
    twin = project.copy_to(tmp_path / "plain" / "project")

    for number, edit in enumerate([nothing, *case.edits]):
        edit(project.folder)
        edit(twin.folder)
        ours, plain = project.scons("-Q"), twin.scons("-Q", plain=True)

        assert said(ours.out) == said(plain.out), number
        assert ours.status == plain.status, number
        assert "incremental" not in ours.err, number
        assert project.outputs() == twin.outputs(), number


def test_repositories_are_searched_alike(project: Project, tmp_path: Path) -> None:
    """Sources and built files of a Repository, and local files over them, are decided alike."""
    repository = Project(tmp_path / "repository")
    repository.sconstruct('env.StaticLibrary("parts", ["one.c", "two.c"])\nenv.Program("main.c")\n')
    lay_out(
        repository.folder,
        {"one.c": "int one;\n", "two.c": "int two;\n", "main.c": "int main(void) { return 0; }\n"},
    )
    repository.plain()
    project.sconstruct(
        f'Repository("{repository.folder}")\n'
        'env.StaticLibrary("parts", ["one.c", "two.c"])\nenv.Program("main.c")\n'
    )
    twin = project.copy_to(tmp_path / "plain" / "project")
    local: list[tuple[Edit, Edit]] = [
        (nothing, nothing),
        (write("two.c", "int two = 2;\n"), nothing),
        (nothing, write("one.c", "int one = 1;\n")),
        (remove("two.c"), nothing),
        (nothing, replace_by_older("main.c", "int main(void) { return 1; }\n")),
        (nothing, nothing),
    ]

    for number, (edit, repository_edit) in enumerate(local):
        edit(project.folder)
        edit(twin.folder)
        repository_edit(repository.folder)
        ours, plain = project.scons("-Q"), twin.scons("-Q", plain=True)

        assert said(ours.out) == plain.out.splitlines(), number
        assert ours.status == plain.status == 0, number
        assert project.outputs() == twin.outputs(), number


def test_a_replaced_file_with_an_old_time_is_seen_once(project: Project) -> None:
    """A file replaced by one of equal, old time is seen, though plain SCons trusts such times.

    It is seen once: the next build has nothing to do.
    """
    project.sconstruct(PROGRAM)
    lay_out(project.folder, PROGRAM_FILES)
    os.utime(project.folder / "main.c", (OLD, OLD))
    project.build()
    replace_by_older("main.c", MAIN.replace("PART;", "PART + 2;"))(project.folder)

    assert project.build().made() == ["main", "main.o"]
    assert project.build().commands() == ["scons: `.' is up to date."] or not project.build().ran()
    assert project.differing() == []


def test_nothing_to_do_looks_at_each_file_once(project: Project) -> None:
    """In a build with nothing to do the tool reads no file and asks no path's status twice."""
    write_sample(project)
    project.build()
    project.injected = DISK_WITNESS

    run = project.build()

    assert run.looked("read") == []
    looked = run.looked("stat")
    assert len(looked) == len(set(looked))
    assert run.ran() == []


def test_nothing_to_do_opens_no_built_file(project: Project) -> None:
    """In a build with nothing to do not even SCons opens what was built, to hash it."""
    write_sample(project)
    project.build()
    project.injected = DISK_WITNESS

    run = project.build()

    opened = {os.path.relpath(name, project.folder) for name in run.looked("open")}
    assert "SConstruct" in opened
    assert not opened.intersection(OUTPUTS)


def test_an_edit_reads_what_was_edited(project: Project) -> None:
    """After one edit that file is read, and what was built from it; nothing else is."""
    write_sample(project)
    project.build()
    project.replace("include/base.h", "3", "4")
    project.injected = DISK_WITNESS

    run = project.build()

    read = set(run.looked("read"))
    assert "include/base.h" in read
    assert read <= {"include/base.h", "main.o", "build/main"}


def test_a_cold_database_reads_nothing_either(project: Project) -> None:
    """With SCons's database lost, signatures come from the tool's: no file is read for them."""
    write_sample(project)
    project.build()
    shutil.copy(project.folder / ".sconsign.dblite", project.folder.parent)
    project.remove(".sconsign.dblite")
    project.injected = DISK_WITNESS

    run = project.build()

    sources = {name for name in run.looked("read") if name.endswith((".c", ".h"))}
    assert sources == set()
    assert run.ran() == []


def test_the_decider_may_be_set_by_hand(project: Project) -> None:
    """`env.Decider(incremental_tool.decide)` decides by content, whatever else is set up."""
    project.sconstruct(PROGRAM, tool="env.Decider(incremental_tool.decide)")
    lay_out(project.folder, PROGRAM_FILES)
    project.build()

    touch("main.c")(project.folder)
    assert project.build().ran() == []
    write_keeping_times("main.c", MAIN.replace("PART;", "PART;;"))(project.folder)
    assert project.build().made() == ["main.o"]
