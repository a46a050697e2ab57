"""What is restored instead of made again, and what is not: one project's outputs over time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sample import COMMANDS, OBJECTS, OUTPUTS, write_sample
from scons_project import DISK_WITNESS

if TYPE_CHECKING:
    from pathlib import Path

    from scons_project import Project

ALL_RESTORED = (COMMANDS, 0, 0, 0)
ALL_STORED = (0, COMMANDS, 0, 0)


def test_a_cold_build_runs_and_stores_every_command(project: Project) -> None:
    """The first build runs what plain SCons runs, stores all of it, and makes the same bytes."""
    write_sample(project)

    run = project.build()

    assert run.work() == ALL_STORED
    assert run.count("commands") == COMMANDS
    assert run.reasons() == {"zir.miss.new": COMMANDS}
    assert len(run.ran()) == COMMANDS
    assert project.run_program("build/main") == "6\n"
    assert project.differing() == []


def test_a_build_with_nothing_to_do_reads_and_runs_nothing(project: Project) -> None:
    """A second build right after the first runs no command and reads no file to hash it."""
    write_sample(project)
    project.build()
    project.injected = DISK_WITNESS

    run = project.build()

    assert run.out.startswith("scons: `.' is up to date.")
    assert run.ran() == []
    assert run.reads == 0
    assert run.looked("read") == []
    assert run.count("commands") == 0


def test_after_clean_everything_is_restored(project: Project) -> None:
    """After `scons -c` every output comes back, byte for byte, and no command runs."""
    write_sample(project)
    first = project.build()
    outputs = project.outputs()
    project.build("-c")
    assert not any(project.exists(name) for name in OUTPUTS)

    run = project.build()

    assert run.work() == ALL_RESTORED
    assert run.ran() == []
    assert run.commands() == first.commands()
    assert project.outputs() == outputs
    assert project.run_program("build/main") == "6\n"


def test_only_deleted_outputs_are_restored(project: Project) -> None:
    """Outputs deleted by hand come back one by one; what is there is left alone."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.remove("main.o", "build/libcalc.a")

    run = project.build()

    # main.o, ar and ranlib; the program is up to date, for what it is made of is as it was
    assert run.work() == (3, 0, 0, 0)
    assert run.ran() == []
    assert project.outputs() == outputs


def test_restored_programs_can_be_run(project: Project) -> None:
    """The mode of an output comes back with it: objects are plain files, programs run."""
    write_sample(project)
    project.build()
    modes = {name: (project.folder / name).stat().st_mode for name in OUTPUTS}
    project.build("-c")

    project.build()

    assert {name: (project.folder / name).stat().st_mode for name in OUTPUTS} == modes


def test_switching_branches_and_back_runs_nothing_twice(project: Project) -> None:
    """What was built on a branch before is restored when one comes back to it."""
    write_sample(project)
    project.build()
    first = project.outputs()
    project.replace("include/base.h", "3", "5")
    project.replace("calc/add.c", "a + b", "a + b + 1")
    there = project.build()
    second = project.outputs()
    assert there.work()[0] == 0
    assert there.made() == ["build/main", "calc/add.o", "main.o"]
    assert project.run_program("build/main") == "15\n"

    project.replace("include/base.h", "5", "3")
    project.replace("calc/add.c", "a + b + 1", "a + b")
    back = project.build()

    assert back.ran() == []
    assert back.count("hits") == 5
    assert there.counts("stored", "patched") == {"stored": 3, "patched": 2}
    assert project.outputs() == first

    project.replace("include/base.h", "3", "5")
    project.replace("calc/add.c", "a + b", "a + b + 1")
    again = project.build()

    assert again.ran() == []
    assert project.outputs() == second
    assert project.differing() == []


def test_an_edited_header_compiles_what_includes_it(project: Project) -> None:
    """After a header edit those sources are compiled that include it, and no others."""
    write_sample(project)
    project.build()
    project.replace("include/base.h", "3", "4")

    run = project.build()

    assert run.made() == ["build/main", "main.o"]
    assert run.reasons() == {"zir.miss.input-changed": 2}
    assert project.run_program("build/main") == "8\n"
    assert project.differing() == []


def test_an_edit_that_changes_no_object_stops_there(project: Project) -> None:
    """A comment added to a source is compiled; the equal object links and archives nothing."""
    write_sample(project)
    project.build()
    project.replace("calc/add.c", "return", "/* sum */ return")

    run = project.build()

    assert run.made() == ["calc/add.o"]
    assert run.work() == (0, 1, 0, 0)
    assert project.differing() == []


def test_a_header_that_appears_earlier_is_seen(project: Project) -> None:
    """A header that appears where the compiler looked in vain is used; without it, the hit is."""
    write_sample(project)
    project.build()
    first = project.outputs()
    project.write("base.h", "#define BASE 30\n")

    run = project.build()

    assert run.made() == ["build/main", "main.o"]
    assert run.reasons()["zir.miss.input-appeared"] == 1
    assert project.run_program("build/main") == "60\n"
    assert project.differing() == []

    project.remove("base.h")
    back = project.build()

    assert back.ran() == []
    assert back.count("hits") == 2
    assert project.outputs() == first


def test_a_header_in_a_folder_unknown_to_scons_is_seen(project: Project) -> None:
    """Folders named in CCFLAGS alone are searched as the compiler searches them."""
    body = 'env.Append(CCFLAGS=["-Ifirst", "-Isecond"])\nenv.Program("main.c")\n'
    project.sconstruct(body)
    project.write("main.c", '#include "part.h"\nint main(void) { return PART; }\n')
    project.write("second/part.h", "#define PART 0\n")
    project.build()
    project.build("-c")
    project.write("first/part.h", "#define PART 1\n")

    run = project.build()

    assert run.made() == ["main", "main.o"]
    assert run.reasons()["zir.miss.input-appeared"] == 1
    assert project.differing() == []


def test_a_header_removed_with_its_include_is_no_error(project: Project) -> None:
    """A header that went together with the line that included it is not missed."""
    write_sample(project)
    project.build()
    project.remove("include/base.h")
    project.replace("main.c", '#include "base.h"\n', "#define BASE 9\n")

    run = project.build()

    assert run.made() == ["build/main", "main.o"]
    assert project.run_program("build/main") == "18\n"
    assert project.differing() == []


def test_a_header_removed_alone_fails_as_plain_scons_does(project: Project) -> None:
    """A source whose header is gone is compiled, and fails as it does without the tool."""
    write_sample(project)
    project.build()
    project.remove("include/base.h")
    twin = project.copy_to(project.folder.with_name("twin"))

    run, plain = project.scons("-Q"), twin.scons("-Q", "main.o", plain=True)

    assert run.status == plain.status == 2
    assert "base.h" in run.err
    assert run.count("hits") == 0


def test_warnings_are_said_again(each_project: Project) -> None:
    """What the compiler printed is printed again on a hit, byte for byte, also under -s."""
    project = each_project
    project.sconstruct('env.Append(CCFLAGS=["-Wall"])\nenv.Object("loud.c")\n')
    project.write(
        "loud.c",
        '#warning "caf\u00e9 \\x"\nint loud(void) { int unused; return "a" - "b"; }\n'.encode(),
    )
    first = project.build()
    assert "unused" in first.err
    project.build("-c")

    again = project.build()
    project.build("-c")
    silent = project.build("-s")

    assert again.work() == silent.work() == (1, 0, 0, 0)
    assert again.err == silent.err == first.err
    assert again.commands() == first.commands()
    assert silent.commands() == []


def test_an_output_that_is_as_it_should_be_is_not_rewritten(project: Project) -> None:
    """With SCons's database lost, outputs are checked and left alone: same inode, same times."""
    write_sample(project)
    project.build()
    kept = [*OBJECTS, "build/main"]
    before = {name: (project.folder / name).stat() for name in kept}
    project.remove(".sconsign.dblite")

    run = project.build()

    assert run.work() == ALL_RESTORED
    assert run.ran() == []
    assert run.count("outputs_kept") >= len(kept)
    for name, status in before.items():
        now = (project.folder / name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (status.st_ino, status.st_mtime_ns), name


def test_a_damaged_output_is_replaced(project: Project) -> None:
    """An output overwritten by hand does not survive the next time that it is due."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.write("main.o", b"\0" * len(outputs["main.o"]))
    project.remove(".sconsign.dblite")

    run = project.build()

    assert run.ran() == []
    assert project.outputs() == outputs


def test_a_link_in_an_outputs_place_is_replaced_not_followed(project: Project) -> None:
    """A symbolic link where an output goes is replaced; what it led to stays as it was."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    elsewhere = project.folder.with_name("elsewhere")
    elsewhere.write_bytes(b"precious")
    project.remove("main.o")
    (project.folder / "main.o").symlink_to(elsewhere)
    project.remove(".sconsign.dblite")

    project.build()

    assert elsewhere.read_bytes() == b"precious"
    assert not (project.folder / "main.o").is_symlink()
    assert project.outputs() == outputs


def test_switched_off_nothing_is_left(project: Project) -> None:
    """With INCREMENTAL=0 the build is plain SCons's: same words, same bytes, no folder."""
    write_sample(project)
    twin = project.copy_to(project.folder.with_name("twin"))

    run, plain = project.build(INCREMENTAL="0"), twin.plain()

    assert run.out == plain.out
    assert run.figures == {}
    assert not project.exists(".incremental")
    assert project.outputs() == twin.outputs()


def test_switching_on_and_off_rebuilds_nothing(project: Project) -> None:
    """SCons's own database is the same with and without the tool."""
    write_sample(project)
    project.plain()

    on = project.build()
    off = project.plain()

    assert on.ran() == off.ran() == []
    assert on.out.startswith("scons: `.' is up to date.")
    assert off.out == "scons: `.' is up to date.\n"


def test_outputs_of_plain_scons_are_taken_over(project: Project) -> None:
    """What plain SCons built on after an edit is not mistaken for the older stored result."""
    write_sample(project)
    project.build()
    project.replace("include/base.h", "3", "7")
    project.plain()

    run = project.build()

    assert run.ran() == []
    assert project.run_program("build/main") == "14\n"
    assert project.differing() == []


def test_a_umask_is_applied_when_restoring(project: Project) -> None:
    """A file restored under another umask gets the mode that a compiler would give it there."""
    write_sample(project)
    project.build()
    project.build("-c")

    old = os.umask(0o077)
    try:
        run = project.build()
    finally:
        os.umask(old)

    assert run.work() == ALL_RESTORED
    assert (project.folder / "main.o").stat().st_mode & 0o777 == 0o600
    assert (project.folder / "build/main").stat().st_mode & 0o777 == 0o700


def test_an_object_that_is_gone_is_made_again(project: Project) -> None:
    """Stored outputs may be deleted at any time: their commands run and store them again."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    for path in project.stored():
        path.unlink()
    project.build("-c")

    run = project.build()

    # what `ar` makes again is what `ranlib` left, too
    assert run.work() == (1, COMMANDS - 1, 0, 0)
    assert run.reasons() == {"zir.miss.object-gone": COMMANDS - 1}
    assert project.outputs() == outputs


def test_the_state_folder_may_be_deleted(project: Project, tmp_path: Path) -> None:
    """Without `.incremental` the next build starts anew, from the shared store if there is one."""
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "store")
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.build("-c")
    project.remove(".incremental")

    run = project.build()

    assert run.work() == ALL_RESTORED
    assert project.outputs() == outputs
