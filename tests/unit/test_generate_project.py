"""The generated benchmark project: the same each time, whole, and what it claims to be."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
COUNT = 23


def load(name: str) -> ModuleType:
    """Import a benchmark script by its file, as Python does when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


generate = load("generate_project").generate


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate a small project for gcc; read only."""
    folder = tmp_path_factory.mktemp("generated") / "project"
    generate(COUNT, str(folder))
    return folder


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """Generate a small project whose compiler is the stand-in."""
    folder = tmp_path / "stand-in"
    generate(COUNT, str(folder), stand_in=True)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a tree and its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def included(path: Path) -> list[str]:
    """Return the headers of the project that a file names."""
    return re.findall(r'^#include "(.*)"$', path.read_text(), re.MULTILINE)


def scons(folder: Path, *arguments: str) -> str:
    """Run SCons on a project and return what it printed."""
    told = subprocess.run(
        [sys.executable, "-m", "SCons", "-Q", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def stand_in_compile(folder: Path, source: str, *options: str) -> bytes:
    """Compile one file with the stand-in and return the object's bytes."""
    command = ["bin/stand-in-cc", "-o", "out.o", "-c", "-Iinclude", *options, source]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / "out.o").read_bytes()


def test_the_same_seed_makes_the_same_bytes(project: Path, tmp_path: Path) -> None:
    """Two projects made alike differ in no file, wherever they stand."""
    again = tmp_path / "in" / "another" / "place"

    generate(COUNT, str(again))

    assert contents(again) == contents(project)


def test_another_seed_makes_other_code(project: Path, tmp_path: Path) -> None:
    """The seed decides over the text of every source."""
    other = tmp_path / "other"

    generate(COUNT, str(other), seed=8)

    ours, theirs = contents(project), contents(other)
    sources = [name for name in ours if name.startswith("src/") and name.endswith(".c")]
    assert len(sources) == COUNT
    assert all(ours[name] != theirs[name] for name in sources)


def test_no_two_sources_are_equal(project: Path) -> None:
    """Every source has its own text, so no cache can gain from duplicates."""
    texts = [path.read_bytes() for path in project.glob("src/*/*.c")]

    assert len(texts) == COUNT
    assert len(set(texts)) == COUNT


def test_every_source_includes_five_headers_that_exist(project: Path) -> None:
    """A source names five different headers, and all of them were written."""
    for path in project.glob("src/*/*.c"):
        names = included(path)

        assert len(set(names)) == len(names) == 5
        assert all((project / "include" / name).exists() for name in names)


def test_headers_include_headers_without_cycles(project: Path) -> None:
    """Two thirds of the headers include others, and following them ends."""
    graph = {path.name: included(path) for path in (project / "include").glob("*.h")}
    layers: list[set[str]] = []
    while graph:
        free = {name for name, names in graph.items() if not set(names) & graph.keys()}
        assert free, "a cycle"
        layers.append(free)
        graph = {name: names for name, names in graph.items() if name not in free}

    assert len(layers) == 3


def test_sizes_follow_the_number_of_sources(tmp_path: Path) -> None:
    """A project of 1,200 files has 60 headers in 100 folders, one of 5 the fewest of both."""
    large = generate(1200, str(tmp_path / "large"))
    tiny = generate(5, str(tmp_path / "tiny"))

    assert (large["headers"], large["folders"]) == (60, 100)
    assert (tiny["headers"], tiny["folders"]) == (20, 1)
    assert len(list((tmp_path / "large").glob("src/*/SConscript"))) == 100


def test_the_facts_name_files_to_edit(project: Path) -> None:
    """`project.json` names a source and a header of the project, and who depends on it."""
    facts = json.loads((project / "project.json").read_text())

    header = Path(facts["typical_header"])
    assert (project / facts["typical_source"]).exists()
    assert (project / header).exists()
    assert 0 < facts["typical_header_dependents"] <= COUNT


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """Generating over other files is refused, and they stay."""
    (tmp_path / "mine").write_text("keep")

    with pytest.raises(FileExistsError):
        generate(COUNT, str(tmp_path))

    assert list(contents(tmp_path)) == ["mine"]


def test_the_program_means_the_same_at_every_optimisation_level(tmp_path: Path) -> None:
    """The C code compiles without a warning and prints one number at -O0, -O2 and sanitised."""
    generate(8, str(tmp_path / "p"))
    sources = [str(path) for path in sorted((tmp_path / "p").glob("src/*/*.c"))]
    printed = set()
    for flags in (["-O0"], ["-O2"], ["-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]):
        program = tmp_path / "program"
        warnings = ["-Wall", "-Wextra", "-Werror"]
        include = f"-I{tmp_path / 'p' / 'include'}"
        main = str(tmp_path / "p" / "main.c")
        subprocess.run(
            ["gcc", *flags, *warnings, include, "-o", program, main, *sources], check=True
        )
        printed.add(subprocess.run([program], capture_output=True, text=True, check=True).stdout)

    assert len(printed) == 1
    assert re.fullmatch(r"\d+\n", printed.pop())


@pytest.mark.skipif(shutil.which("ninja") is None, reason="ninja is not installed")
@pytest.mark.parametrize("name", ["project", "stand_in"])
def test_ninja_runs_the_commands_of_scons(name: str, request: pytest.FixtureRequest) -> None:
    """But for its depfiles and the folder of the stand-in, both run the same commands."""
    folder = request.getfixturevalue(name)
    told = subprocess.run(
        ["ninja", "-t", "commands"], cwd=folder, capture_output=True, text=True, check=True
    )
    ninja = re.sub(r" -MD -MF \S+", "", told.stdout).replace("bin/stand-in", "stand-in")
    ninja_commands = [
        part
        for line in ninja.splitlines()
        for part in line.split(" && ")
        if not part.startswith("rm -f ")
    ]

    assert sorted(ninja_commands) == sorted(scons(folder, "-n").splitlines())


@pytest.mark.parametrize(
    ("mode", "command"),
    [
        ("LAUNCHER=launcher", "launcher gcc -o main.o -c -O2 -Iinclude main.c"),
        ("CACHEDIR=cache", "gcc -o main.o -c -O2 -Iinclude main.c"),
        ("DECIDER=timestamp-newer", "gcc -o main.o -c -O2 -Iinclude main.c"),
        ("FAST=1", "gcc -o main.o -c -O2 -Iinclude main.c"),
    ],
)
def test_each_mode_builds_the_same_files(mode: str, command: str, tmp_path: Path) -> None:
    """A mode changes how SCons decides or calls the compiler, never what it builds."""
    generate(3, str(tmp_path / "p"))

    printed = scons(tmp_path / "p", "-n", mode)

    assert command in printed.splitlines()
    assert len(printed.splitlines()) == 3 + 1 + 2 + 1  # sources, main, library, program


def test_flags_reach_every_compile(tmp_path: Path) -> None:
    """The flags given stand in each compile command."""
    generate(2, str(tmp_path / "p"), flags=["-O1", "-g"])

    compiles = [line for line in scons(tmp_path / "p", "-n").splitlines() if " -c " in line]

    assert len(compiles) == 3
    assert all(" -O1 -g " in line for line in compiles)


def test_a_stand_in_build_is_up_to_date_afterwards(stand_in: Path) -> None:
    """SCons builds the whole project with the stand-in, once."""
    built = scons(stand_in)

    assert built.count("stand-in-cc") == COUNT + 1
    assert "is up to date" in scons(stand_in)
    assert len(list(stand_in.glob("src/*/*.o"))) == COUNT


def test_the_stand_in_lists_what_it_read(stand_in: Path) -> None:
    """Its depfile names the source and every header reached, as gcc's does."""
    source = next(stand_in.glob("src/*/*.c")).relative_to(stand_in)
    read = {"bin/stand-in-cc": "ours.d", "gcc": "theirs.d"}
    for compiler, depfile in read.items():
        command = [compiler, "-o", "out.o", "-c", "-Iinclude", "-MMD", "-MF", depfile, str(source)]
        subprocess.run(command, cwd=stand_in, check=True)

    ours, theirs = (
        set((stand_in / depfile).read_text().replace("\\\n", " ").split())
        for depfile in read.values()
    )
    assert ours == theirs
    assert len(ours) > 1 + 1 + 5  # the output, the source, what it names, and what those name


def test_the_stand_in_depends_on_headers_that_headers_include(stand_in: Path) -> None:
    """A change in a header that the source does not name itself makes another object."""
    source = next(stand_in.glob("src/*/*.c"))
    named = included(source)
    below = next(
        name
        for header in named
        for name in included(stand_in / "include" / header)
        if name not in named
    )
    before = stand_in_compile(stand_in, str(source))

    with open(stand_in / "include" / below, "a", encoding="utf-8") as file:
        file.write("/* more */\n")

    assert stand_in_compile(stand_in, str(source)) != before


def test_the_stand_in_depends_on_its_options(stand_in: Path) -> None:
    """Another option makes another object; the same options make the same one."""
    source = str(next(stand_in.glob("src/*/*.c")))

    first, again, other = (stand_in_compile(stand_in, source, o) for o in ("-O1", "-O1", "-O2"))

    assert first == again
    assert first != other


@pytest.mark.parametrize("missing", ["no_such_source.c", "names_no_file.c"])
def test_the_stand_in_fails_on_a_missing_input(missing: str, stand_in: Path) -> None:
    """A source or header that is not there ends with an error that names it, and no output."""
    (stand_in / "names_no_file.c").write_text('#include "no_such_source.c"\n')

    told = subprocess.run(
        ["bin/stand-in-cc", "-o", "out.o", "-c", missing],
        cwd=stand_in,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert "no_such_source.c" in told.stderr
    assert not os.path.exists(stand_in / "out.o")
