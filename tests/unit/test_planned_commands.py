"""Real compilers, archivers and linkers through the real planner, without SCons."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_bench import ENVIRONMENT, Bench

from incremental_tool.engine.plan import Declared
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
SOURCE = '#include "a.h"\nint unused(void) { int x; return A; }\n'
MISS, HIT = {"commands": 1, "stored": 1}, {"commands": 1, "hits": 1}


@pytest.fixture(scope="session")
def known_compilers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state of a project that has used every compiler; hashing LLVM takes a second."""
    folder = tmp_path_factory.mktemp("known")
    bench = Bench(folder)
    for name in COMPILERS:
        for linking in (False, True):
            bench.cache.toolchains.compiler(name, [], "c", ENVIRONMENT, linking=linking)
    bench.cache.commit()
    bench.cache.close()
    return folder / ".incremental"


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_compilers: Path
) -> Iterator[Bench]:
    """Return a project with a C source and a header in a folder, as the working directory."""
    bench = lay_out(tmp_path, monkeypatch, known_compilers)
    yield bench
    bench.cache.close()


def lay_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, known_compilers: Path, **variables: str
) -> Bench:
    """Make a project that knows the compilers."""
    monkeypatch.chdir(folder)
    (folder / ".incremental").mkdir()
    for name in ("file_hashes.bin", "toolchains.bin"):
        shutil.copy(known_compilers / name, folder / ".incremental")
    bench = Bench(folder, **variables)
    bench.write("a.c", SOURCE)
    bench.write("inc/a.h", "#define A 1\n")
    return bench


@pytest.fixture(params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    """Return each compiler that is installed."""
    return str(request.param)


def ended(bench: Bench, text: str, *targets: str, **changed: object) -> dict[str, int]:
    """Run a command in a build of its own, which must succeed; return how it ended."""
    bench.open()
    assert bench.command(text, *targets, **changed) == 0
    assert bench.plain_runs == 0
    return bench.counts()


def made_by(text: str, *targets: str) -> list[bytes]:
    """Run a command by itself and return its outputs."""
    subprocess.run(text, shell=True, env=ENVIRONMENT, check=True, capture_output=True)  # noqa: S602 - as SCons runs it
    contents = []
    for target in targets:
        with open(target, "rb") as file:
            contents.append(file.read())
        os.unlink(target)
    return contents


# --- compiling -----------------------------------------------------------------------


def test_a_compile_is_restored_byte_for_byte(project: Bench, compiler: str) -> None:
    """What a hit puts in place is what the compiler itself would write."""
    text = f"{compiler} -c -o a.o -O1 -Iinc a.c"
    wanted = made_by(text, "a.o")
    assert ended(project, text, "a.o") == MISS
    assert [project.read("a.o")] == wanted
    os.unlink("a.o")

    assert ended(project, text, "a.o") == HIT
    assert [project.read("a.o")] == wanted
    assert project.cache.statistics.counts["outputs_restored"] == 1


def test_warnings_come_with_the_hit(
    project: Bench, compiler: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What the compiler warned of is said again."""
    text = f"{compiler} -c -o a.o -Wall -Iinc a.c"
    assert ended(project, text, "a.o") == MISS
    first = capfdbinary.readouterr().err
    assert b"unused variable" in first
    assert ended(project, text, "a.o") == HIT

    assert capfdbinary.readouterr().err == first


def test_a_changed_header_compiles(project: Bench, compiler: str) -> None:
    """A header is an input though no word of the command names it."""
    text = f"{compiler} -c -o a.o -Iinc a.c"
    ended(project, text, "a.o")
    first = project.read("a.o")
    project.write("inc/a.h", "#define A 2\n")
    assert ended(project, text, "a.o") == MISS
    assert project.read("a.o") != first
    assert project.reasons() == {"zir.miss.input-changed": 1}
    project.write("inc/a.h", "#define A 1\n")

    assert ended(project, text, "a.o") == HIT
    assert project.read("a.o") == first


def test_a_header_that_comes_up_earlier_compiles(project: Bench, compiler: str) -> None:
    """A new header in an earlier folder is found first, though nothing that was read changed."""
    text = f"{compiler} -c -o a.o -Iearly -Iinc a.c"
    ended(project, text, "a.o")
    first = project.read("a.o")
    assert ended(project, text, "a.o") == HIT
    project.write("early/a.h", "#define A 3\n")
    assert ended(project, text, "a.o") == MISS
    assert project.read("a.o") != first
    assert project.reasons() == {"zir.miss.input-appeared": 1}
    os.unlink("early/a.h")

    assert ended(project, text, "a.o") == HIT
    assert project.read("a.o") == first


def test_an_error_is_the_compilers_own(
    project: Bench, compiler: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A source that does not compile fails each time, and says why each time."""
    project.write("a.c", "this is no C\n")
    for _ in range(2):
        project.open()
        assert project.command(f"{compiler} -c -o a.o a.c", "a.o") == 1
        assert b"error" in capfdbinary.readouterr().err
        assert project.counts() == {"commands": 1, "not_stored": 1}

    assert project.plain_runs == 0
    assert not os.path.exists("a.o")


def test_a_list_of_inputs_that_the_user_asked_for_is_an_output(
    project: Bench, compiler: str
) -> None:
    """A `.d` file comes back with the object, as the compiler wrote it."""
    text = f"{compiler} -c -o a.o -MMD -MF a.d -Iinc a.c"
    wanted = made_by(text, "a.o", "a.d")
    assert ended(project, text, "a.o", "a.d") == MISS
    os.unlink("a.o")
    os.unlink("a.d")

    assert ended(project, text, "a.o", "a.d") == HIT
    assert [project.read("a.o"), project.read("a.d")] == wanted


def test_another_word_is_told(project: Bench, compiler: str) -> None:
    """A miss names the words that came and went."""
    ended(project, f"{compiler} -c -o a.o -O1 -Iinc a.c", "a.o")
    assert ended(project, f"{compiler} -c -o a.o -O2 -Iinc a.c", "a.o") == MISS

    record = project.last("a.o")
    assert record is not None
    assert record.outcome == "zir.miss.command-changed"
    assert record.detail == "without -O1, with -O2"


def test_a_variable_that_the_compiler_reads_counts(project: Bench, compiler: str) -> None:
    """CPATH leads to other headers; a variable that no compiler reads changes nothing."""
    text = f"{compiler} -c -o a.o a.c"
    with_path = {**ENVIRONMENT, "CPATH": "inc"}
    ended(project, text, "a.o", environment=with_path)
    assert ended(project, text, "a.o", environment={**with_path, "EDITOR": "vi"}) == HIT
    project.write("other/a.h", "#define A 4\n")
    other = {**ENVIRONMENT, "CPATH": "other"}

    assert ended(project, text, "a.o", environment=other) == MISS
    assert project.reasons() == {"zir.miss.environment-changed": 1}


@pytest.mark.parametrize("text", ["{} -c -o a.o a.s", "as -o a.o a.s"])
def test_assembly_is_restored(project: Bench, compiler: str, text: str) -> None:
    """A source that is not preprocessed is cached, by a driver and by the assembler itself."""
    project.write("a.s", ".text\n.globl f\nf: ret\n")
    text = text.format(compiler)
    wanted = made_by(text, "a.o")
    assert ended(project, text, "a.o") == MISS
    os.unlink("a.o")

    assert ended(project, text, "a.o") == HIT
    assert [project.read("a.o")] == wanted


def test_an_upgraded_assembler_compiles(project: Bench, compiler: str) -> None:
    """A part of the toolchain that changed in place is a miss, told as such."""
    found = shutil.which("as")
    assert found is not None
    os.mkdir("tools")
    shutil.copy2(found, "tools/as")
    text = f"{compiler} -B{os.getcwd()}/tools -c -o a.o -Iinc a.c"
    ended(project, text, "a.o")
    assert ended(project, text, "a.o") == HIT
    with open("tools/as", "ab") as file:
        file.write(b"patched")

    assert ended(project, text, "a.o") == MISS
    assert project.reasons() == {"zir.miss.toolchain-changed": 1}


# --- archives and programs -------------------------------------------------------------


def test_a_program_is_made_of_hits(project: Bench, compiler: str) -> None:
    """Compiling, archiving, indexing and linking are each restored, byte for byte."""
    project.write("main.c", "int f(void);\nint main(void) { return f(); }\n")
    project.write("f.c", "int f(void) { return 7; }\n")
    steps = [
        (f"{compiler} -c -o main.o main.c", "main.o"),
        (f"{compiler} -c -o f.o f.c", "f.o"),
        ("ar rc libf.a f.o", "libf.a"),
        ("ranlib libf.a", "libf.a"),
        (f"{compiler} -o prog main.o -L. -lf", "prog"),
    ]
    for text, target in steps:
        assert ended(project, text, target) == MISS, text
        project.cache.disk.wait_until_after(os.stat(target).st_ctime_ns)
    wanted = {target: project.read(target) for _, target in steps}
    for _, target in steps:
        if os.path.exists(target):
            os.unlink(target)
    for text, target in steps:
        assert ended(project, text, target) == HIT, text

    assert {target: project.read(target) for _, target in steps} == wanted
    assert subprocess.run("./prog", check=False).returncode == 7


def test_a_changed_library_links(project: Bench, compiler: str) -> None:
    """A library found through the search path is an input; so is one that comes up earlier."""
    project.write("main.c", "int f(void);\nint main(void) { return f(); }\n")
    os.mkdir("early")
    for folder, status in ((".", 1), ("early", 2)):
        project.write("f.c", f"int f(void) {{ return {status}; }}\n")
        made_by(f"{compiler} -c -o f.o f.c && ar rc new.a f.o && ranlib new.a")
        os.rename("new.a", f"{folder}/lib{'f' if folder == '.' else 'hidden'}.a")
    made_by(f"{compiler} -c -o main.o main.c")
    project.cache.disk.wait_until_after(os.stat("main.o").st_ctime_ns)
    text = f"{compiler} -o prog main.o -Learly -L. -lf"
    assert ended(project, text, "prog") == MISS
    assert ended(project, text, "prog") == HIT
    os.rename("early/libhidden.a", "early/libf.a")
    project.cache.disk.wait_until_after(os.stat("early/libf.a").st_ctime_ns)

    assert ended(project, text, "prog") == MISS
    assert project.reasons() == {"zir.miss.input-appeared": 1}
    assert subprocess.run("./prog", check=False).returncode == 2


def test_an_archive_that_is_changed_in_place_is_refused(project: Bench) -> None:
    """`ar` on an archive that is there depends on what is in it."""
    project.write("libf.a", "!<arch>\n")
    project.command("ar rc libf.a a.c", "libf.a")

    assert project.reasons() == {"zir.refuse.updates-output": 1}
    assert project.plain_runs == 1


# --- two checkouts -----------------------------------------------------------------------


@pytest.fixture
def checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_compilers: Path
) -> Iterator[list[Bench]]:
    """Return two checkouts of one project that share a store."""
    both = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        store = str(tmp_path / "store")
        both.append(lay_out(folder, monkeypatch, known_compilers, INCREMENTAL_CACHE_DIR=store))
    yield both
    for bench in both:
        bench.cache.close()


@pytest.mark.parametrize(("option", "shared"), [("-O1", True), ("-g", False)])
def test_checkouts_share_what_does_not_name_them(
    checkouts: list[Bench],
    monkeypatch: pytest.MonkeyPatch,
    compiler: str,
    option: str,
    shared: bool,
) -> None:
    """An object without the folder in it is restored elsewhere; one with it is made there."""
    text = f"{compiler} -c -o a.o {option} -Iinc a.c"
    first, second = checkouts
    monkeypatch.chdir(first.folder)
    assert ended(first, text, "a.o") == MISS
    monkeypatch.chdir(second.folder)
    wanted = made_by(text, "a.o")

    assert ended(second, text, "a.o") == (HIT if shared else MISS)
    assert [second.read("a.o")] == wanted


# --- what is not cached ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gcc -c -o a.o -Iinc a.c | cat", "shell-syntax"),
        ("echo a.c", "not-recognised"),
        ("gcc -E -o a.i -Iinc a.c", "not-compiling"),
        ("no-such-gcc -c -o a.o -Iinc a.c", "unknown-compiler"),
        ("gcc -c -o other.o -Iinc a.c", "unknown-output"),
    ],
)
def test_what_the_planner_refuses_runs_plainly(project: Bench, text: str, reason: str) -> None:
    """Each refusal has its name, and the command runs once, as plain SCons runs it."""
    project.plain_status = 9

    assert project.command(text, "a.o") == 9
    assert project.reasons() == {f"zir.refuse.{reason}": 1}
    assert project.counts() == {"commands": 1, "refused": 1}
    assert project.plain_runs == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"refusal": Reason("zir.refuse.custom-spawn")}, "custom-spawn"),
        ({"mode": "off"}, "switched-off"),
        ({"shell": "fish"}, "custom-shell"),
        ({"directory": b"/elsewhere"}, "directory"),
        ({"side_effects": [b"map.txt"]}, "side-effect"),
    ],
)
def test_what_the_request_forbids_runs_plainly(
    project: Bench, changed: dict[str, object], reason: str
) -> None:
    """What SCons's side knows of a command can forbid its cache."""
    project.command("gcc -c -o a.o -Iinc a.c", "a.o", **changed)

    assert project.reasons() == {f"zir.refuse.{reason}": 1}
    assert project.plain_runs == 1


def test_a_time_in_the_source_is_not_stored(project: Bench, compiler: str) -> None:
    """An object that holds the time of its making is made anew each time."""
    project.write("a.c", "const char *built = __DATE__ __TIME__;\n")
    for _ in range(2):
        assert ended(project, f"{compiler} -c -o a.o a.c", "a.o") == {"commands": 1, "refused": 1}
        assert "zir.refuse.time-macro" in project.reasons()


def test_a_declared_command_is_restored(project: Bench) -> None:
    """On the user's word any command is cached; its words, files and variables are its key."""
    text = "sh -c 'echo ran >>log; cat a.c inc/a.h >all'"
    declared = Declared([b"a.c", b"inc/a.h"], [("value x", b"1")])
    changed = {"mode": "declared", "declared": lambda: declared}
    assert ended(project, text, "all", **changed) == MISS
    os.unlink("all")
    assert ended(project, text, "all", **changed) == HIT
    assert project.read("all").decode() == SOURCE + "#define A 1\n"
    project.write("inc/a.h", "#define A 2\n")
    assert ended(project, text, "all", **changed) == MISS
    other = Declared(declared.files, [("value x", b"2")])
    assert ended(project, text, "all", mode="declared", declared=lambda: other) == MISS

    assert project.lines("log") == 3
