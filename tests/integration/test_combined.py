"""Combined files in real builds: patched in full runs and in replays, as plain SCons has them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins
from scons_project import PACKAGE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from replay_twins import Told

COUNT = 8
FULL = {"INCREMENTAL_REPLAY": "0"}
BUILDERS = """\
if os.environ.get("PLAIN"):
    from incremental_tool.scons.combined import add_builders
    add_builders(env)
    env["INCREMENTAL"] = "0"
"""
UPPER = "COMBINEDCOM='tr a-z A-Z < $SOURCE > $TARGET'"


def project(*lines: str) -> dict[str, str]:
    """Return a project of text files, and a script."""
    sources = {f"src/t{number}.txt": f"text {number}\n" for number in range(COUNT)}
    return {"SConstruct": "\n".join([HEAD + BUILDERS, *lines, ""]), **sources}


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Return a project with one file made of sources, and one of what a command makes of them."""
    made = Twins(
        tmp_path,
        project(
            "texts = sorted(Glob('src/*.txt'), key=str)",
            "env.Combined('all.js', texts)",
            f"upper = env.Combined('out/upper.css', texts, {UPPER})",
            "env.Command('copy', upper, 'cat $SOURCE > $TARGET')",
        ),
    )
    made.settle()
    return made


def told_of(run: Told, name: str) -> str:
    """Return what was told of a combined file."""
    (line,) = [line for line in run.own if line.startswith(f"incremental: {name}: ")]
    return line


@pytest.mark.parametrize("replayed", [True, False])
def test_one_changed_source(twins: Twins, replayed: bool) -> None:
    """Its sections alone are made again, in a replay and in a full run."""
    twins.environment = {} if replayed else FULL
    for text in ("TEXT 3\n", "longer text\n", ""):
        twins.write("src/t3.txt", text)
        run = twins.both()
        assert run.replayed == replayed
        assert "src/t3.txt (changed); 7 of 8 sections kept" in told_of(run, "all.js")
        if text != "TEXT 3\n":
            assert "src/t3.txt (changed); 7 of 8" in told_of(run, "out/upper.css")
    assert twins.both().fresh


def test_a_section_that_comes_out_the_same(twins: Twins) -> None:
    """What a command makes alike of another text is patched nowhere, and nothing above runs."""
    twins.write("src/t3.txt", "TEXT 3\n")
    run = twins.both()
    assert "Combining all.js" in run.out
    assert "Combining out/upper.css" not in run.out
    assert "cat out/upper.css" not in run.out


def test_new_and_removed_sources(twins: Twins) -> None:
    """SCons reads its scripts, and what was there before is patched."""
    twins.write("src/t33.txt", "new\n")
    run = twins.both()
    assert "src/t33.txt (new); 8 of 9 sections kept" in told_of(run, "all.js")
    twins.remove("src/t1.txt")
    run = twins.both()
    assert "src/t1.txt (removed); 8 of 8 sections kept" in told_of(run, "out/upper.css")


@pytest.mark.parametrize(
    "harm", ["echo edited >> {0}", "rm {0}", "truncate -s 40 {0}", "echo foreign > {0}"]
)
@pytest.mark.parametrize("replayed", [True, False])
def test_harm_is_undone(twins: Twins, harm: str, replayed: bool) -> None:
    """A file that somebody edited, cut off or removed is whole again when its sources change."""
    twins.environment = {} if replayed else FULL
    for folder in (twins.plain, twins.ours):
        subprocess.run(["sh", "-c", harm.format("all.js")], cwd=folder, check=True)
    twins.write("src/t2.txt", "changed\n")
    run = twins.both()
    assert "[combine.whole." in told_of(run, "all.js")


C_FILES = {
    "inc/n.h": "#define N 3\n",
    "c/main.c": "#include <stdio.h>\nint more(int);\nstatic int own = 1;\n"
    'int main(void) { printf("%d\\n", more(own)); return 0; }\n',
    "c/more.c": '#include "n.h"\nstatic int own = 2;\nint more(int a) { return a + own + N; }\n',
    "c/way.cc": "static int own = 3;\nint way() { return own; }\n",
}
PROGRAM = (
    "env.Append(CCFLAGS=['-O1'], CPPPATH=['inc'], ENV={'PATH': os.environ['PATH']})",
    "one = env.CombinedAssembly('app.s', ['c/main.c', 'c/more.c', 'c/way.cc'])",
    "env.Program('app', one)",
)


def test_a_program_of_assembly(tmp_path: Path) -> None:
    """Sources and headers are followed, the program is right, and one section is compiled."""
    twins = Twins(tmp_path, {**project(*PROGRAM), **C_FILES})
    twins.settle()
    for name, old, new, sections in (
        ("c/more.c", "own = 2", "own = 7", "c/more.c (changed); 2 of 3 sections kept"),
        ("inc/n.h", "N 3", "N 40", "c/more.c (changed); 2 of 3 sections kept"),
        ("c/main.c", "more(own)", "more(own + 100)", "c/main.c (changed); 2 of 3 sections kept"),
    ):
        twins.replace(name, old, new)
        run = twins.both()
        assert run.replayed
        assert run.out.count("gcc -o app.s.sections") == 1
        assert sections in told_of(run, "app.s")
    shown = subprocess.run([twins.ours / "app"], capture_output=True, text=True, check=True)
    assert shown.stdout == "148\n"
    assert twins.both().fresh


def test_two_definitions_fail_the_build(tmp_path: Path) -> None:
    """As the linker would say it, before it: which symbol, and that there are two."""
    files = {**C_FILES, "c/way.cc": 'extern "C" int more(int a) { return a; }\n'}
    twins = Twins(tmp_path, {**project(*PROGRAM), **files})
    run = twins.both()
    assert run.status == 2
    assert "more is defined by c/more.c and by c/way.cc" in run.err
    twins.write("c/way.cc", "\n")
    assert twins.both().status == 0
    twins.write("c/way.cc", 'extern "C" int more(int a) { return a; }\n')
    assert "more is defined by c/more.c and by c/way.cc" in twins.both().err


@pytest.mark.parametrize("option", ["-n", "-q"])
def test_questions(twins: Twins, option: str) -> None:
    """What would be done is told, and nothing is."""
    twins.write("src/t2.txt", "changed\n")
    twins.both("copy")
    twins.write("src/t2.txt", "again\n")
    plain, ours = twins.scons(option, "copy"), twins.iscons(option, "copy")
    assert plain.seen == ours.seen
    twins.compare()
    twins.both("copy")


def test_cleaning(twins: Twins) -> None:
    """-c removes the file and its sections; the next build makes them again."""
    assert twins.scons("-c").seen == twins.iscons("-c").seen
    assert not (twins.ours / "all.js").exists()
    assert not (twins.ours / "out/upper.css.sections/src/t1.txt.css").exists()
    twins.settle()


def test_a_failing_command_leaves_the_file(twins: Twins) -> None:
    """Where a section cannot be made the file is not touched, and the next build makes it."""
    twins.replace("SConstruct", "tr a-z A-Z <", "grep -v bad <")
    twins.both()
    twins.write("src/t2.txt", "bad\n")
    run = twins.both()
    assert run.status == 2
    twins.write("src/t2.txt", "good\n")
    assert twins.both().status == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["env.Combined('out.js', ['src/t1.txt', 'src/t1.txt'])"], "two sections have one path"),
        (["env.Combined('out.js', 'src/t1.txt', COMBINEDLEADER='a b c')"], "cannot be used"),
        (["env.Combined('o.css', 'x*/y')"], "a path cannot stand in the line"),
    ],
)
def test_what_cannot_be_combined(tmp_path: Path, lines: list[str], said: str) -> None:
    """The build fails with one sentence, with the tool and without."""
    twins = Twins(tmp_path, {**project(*lines), "x*/y": "a\n"})
    for _ in range(2):
        run = twins.both()
        assert run.status == 2
        assert said in run.err
        assert "Traceback" not in run.err


def test_variant_folders_and_places(tmp_path: Path) -> None:
    """Variant folders, copied or not, and scripts below: as plain SCons has them."""
    twins = Twins(
        tmp_path,
        {
            **project(
                "Export('env')",
                "SConscript('sub/SConscript', variant_dir='build')",
                "SConscript('sub/SConscript', variant_dir='flat', duplicate=0)",
            ),
            "sub/SConscript": f"Import('env')\nenv.Combined('o.js', ['a.txt', 'b.txt'])\n"
            f"env.Combined('p.js', ['a.txt', 'b.txt'], {UPPER})\n",
            "sub/a.txt": "a\n",
            "sub/b.txt": "b\n",
        },
    )
    twins.settle()
    twins.write("sub/a.txt", "aa\n")
    assert twins.both().status == 0
    twins.settle()


def test_sources_outside(tmp_path: Path) -> None:
    """A source above the project has its section among the others, and is followed."""
    script = f"env.Combined('above.js', ['../above.txt', 'src/t1.txt'], {UPPER})"
    twins = Twins(tmp_path, {**project(script), "../above.txt": "above\n"})
    for text in ("one\n", "two\n"):
        twins.write("../above.txt", text)
        run = twins.iscons()
        assert (twins.ours / "above.js").read_text().count(text.upper()) == 1
    assert "above.txt (changed); 1 of 2 sections kept" in told_of(run, "above.js")
    assert twins.iscons().fresh


def test_explain(twins: Twins) -> None:
    """It names the sections that were made again, and why."""
    twins.write("src/t2.txt", "changed\n")
    twins.both()
    done = subprocess.run(
        [sys.executable, "-m", "incremental_tool", "explain", "all.js"],
        cwd=twins.ours,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGE_FOLDER},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(
        "all.js: put together: sections of the combined file were made again: "
        "src/t2.txt (changed); 7 of 8 sections kept [combine.patched]"
    )


def test_by_time_stamps(tmp_path: Path) -> None:
    """Where time stamps decide the file is written whole, and is up to date afterwards."""
    twins = Twins(
        tmp_path, project("env.Decider('timestamp-newer')", "env.Combined('a.js', Glob('src/*'))")
    )
    twins.both()
    for age, names in ((100, ["a.js", *sorted(twins_names())]), (-50, ["src/t1.txt"])):
        for folder in (twins.plain, twins.ours):
            for name in names:
                then = os.stat(folder / name).st_mtime - age
                os.utime(folder / name, (then, then))
    assert "Combining a.js" in twins.both().out
    assert "up to date" in twins.both().out


def twins_names() -> set[str]:
    """Return the names of the project's sources."""
    return {name for name in project() if name.startswith("src/")}


def test_without_the_tool(tmp_path: Path) -> None:
    """INCREMENTAL=0 leaves the builders: the file is the same, and there is no state."""
    twins = Twins(
        tmp_path, project(f"env.Combined('a.js', sorted(Glob('src/*'), key=str), {UPPER})")
    )
    twins.environment = {"INCREMENTAL": "0"}
    twins.both()
    assert not (twins.ours / ".incremental").exists()
    twins.write("src/t1.txt", "b\n")
    twins.both()


def test_the_stub_brings_the_builders(tmp_path: Path) -> None:
    """With site_scons and INCREMENTAL=0 a script that calls them still runs."""
    stub = os.path.join(PACKAGE_FOLDER, "site_scons")
    script = (
        "env = Environment(tools=['default', 'incremental'])\n"
        "env.Combined('a.js', sorted(Glob('src/*'), key=str))\n"
    )
    for switch in ("0", "1"):
        folder = tmp_path / switch
        (folder / "src").mkdir(parents=True)
        (folder / "src/a").write_text("a\n")
        (folder / "SConstruct").write_text(script)
        (folder / "site_scons").symlink_to(stub)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGE_FOLDER}
        subprocess.run(
            [sys.executable, "-m", "SCons", "-Q"],
            cwd=folder,
            env={**environment, "INCREMENTAL": switch},
            check=True,
        )
    assert (tmp_path / "0/a.js").read_bytes() == (tmp_path / "1/a.js").read_bytes()
