"""Corners of C and of compilers: each is made by function as a full compile makes it, or refused.

Every object that is made by function is compared with a full compile's before a project
gets it (INCREMENTAL_VERIFY=1); what differs has the reason `function.differs`, and fails here.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import corner_texts
import pytest
from command_bench import ENVIRONMENT, Bench

from incremental_tool.engine import function_compile
from incremental_tool.store.air_cache import AirCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from corner_units import Corner

    from incremental_tool.store.air_cache import Base

CASES = [
    pytest.param(corner, compiler, id=f"{corner.name}-{compiler}")
    for corner in corner_texts.ALL
    for compiler in corner.compilers
]


class Project:
    """One unit that is built again and again."""

    def __init__(self, bench: Bench, words: str, source: str = "unit.c") -> None:
        self.bench = bench
        self.words = words
        self.source = source
        self.target = words.split()[words.split().index("-o") + 1]

    def build(self, text: str) -> int:
        """Build the text as a new build does; return the command's exit status."""
        self.bench.write(self.source, text)
        self.bench.open()
        return self.bench.command(self.words, self.target)

    def based(self, text: str) -> None:
        """Build a text and an edit of it, so that there is a base for the next."""
        assert self.build("/* first */\n" + text) == 0
        assert self.build("/* again */\n" + text) == 0
        assert self.bench.counts() == {"commands": 1, "stored": 1}

    def edited(self, text: str) -> str:
        """Build an edit of a base; return the reason for a full compile, or nothing."""
        assert self.build("/* again */\n" + text) == 0
        return self.reason()

    def reason(self) -> str:
        """Return why the last build was not made by function, or nothing where it was."""
        statistics = self.bench.cache.statistics
        assert not self.bench.told
        reasons = [name for name in self.bench.reasons() if not name.startswith("zir.")]
        if statistics.counts["by_function"]:
            assert reasons == ["function.made"]
            assert statistics.counts["functions_verified"] == 1
            return ""
        (reason,) = reasons
        return reason


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a project in the working directory, in which small units count and all is verified."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(function_compile, "MIN_SOURCE", 1)
    bench = Bench(tmp_path, INCREMENTAL_TOKENS="0", INCREMENTAL_VERIFY="1")
    bench.write("table.h", "4, 8, 15, 16,\n")
    bench.write("forced.h", "#define FORCED 7\nstatic int forced(void) { return 1; }\n")
    return bench


def output(compiler: str, options: str, name: str) -> bytes:
    """Return what a program prints that one object is linked to."""
    command = [compiler, "-o", name, f"{name}.o", *options.split()]
    subprocess.run(command, check=True, env=ENVIRONMENT)
    return subprocess.run([f"./{name}"], check=True, stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize(("corner", "compiler"), CASES)
def test_a_corner_is_made_rightly_or_refused(bench: Bench, corner: Corner, compiler: str) -> None:
    """Each unit is made by function, or has its reason; its program prints what plain ones do."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    words = f"{compiler} {corner.options} -c -o unit.o unit.c"
    project = Project(bench, words)
    project.based(corner.source(corner.old))
    found = project.edited(corner.source(corner.new))
    subprocess.run(words.replace("unit.o", "whole.o").split(), check=True, env=ENVIRONMENT)
    said = [output(compiler, corner.link, name) for name in ("unit", "whole")]
    assert said[0] == said[1]
    assert found == corner.reason


PLAIN = "int other(int a) { return a - 1; }\nint edited(int a)\n{\n  return a + %s;\n}\n"


def test_a_shared_library_gets_the_changed_function(bench: Bench) -> None:
    """A library linked from an object made by function gives what the edit says."""
    project = Project(bench, "gcc -O0 -fPIC -c -o unit.o unit.c")
    project.based(PLAIN % 3)
    assert not project.edited(PLAIN % 50)
    subprocess.run(["gcc", "-shared", "-o", "libunit.so", "unit.o"], check=True, env=ENVIRONMENT)
    assert ctypes.CDLL(os.path.abspath("libunit.so")).edited(1) == 51


def test_a_source_in_a_folder_finds_its_neighbours(bench: Bench) -> None:
    """Quoted includes are looked for beside the source, and the dependency file stays as it was."""
    bench.write("src/near.h", "#define NEAR 9\n")
    bench.write("near.h", "#error not this one\n")
    os.mkdir("build")
    words = "gcc -O0 -MMD -MF build/unit.d -c -o build/unit.o src/unit.c"
    project = Project(bench, words, "src/unit.c")
    text = '#include "near.h"\n' + PLAIN
    project.based(text % "NEAR")
    depfile, written = bench.read("build/unit.d"), os.stat("build/unit.d").st_mtime_ns
    assert b"src/near.h" in depfile
    assert not project.edited(text % "NEAR * 2")
    assert bench.read("build/unit.d") == depfile
    assert os.stat("build/unit.d").st_mtime_ns == written
    subprocess.run(
        ["gcc", "-shared", "-o", "libunit.so", "build/unit.o"], check=True, env=ENVIRONMENT
    )
    assert ctypes.CDLL(os.path.abspath("libunit.so")).edited(1) == 19


@pytest.mark.parametrize(
    ("edit", "said"),
    [('"open;', "missing terminating"), ("1; {", "expected"), ("1; } }", "expected")],
)
def test_an_edit_that_is_no_c_fails_as_plain_scons_does(
    bench: Bench, capfd: pytest.CaptureFixture[str], edit: str, said: str
) -> None:
    """The compiler's own message is shown, and its exit status is kept."""
    project = Project(bench, "gcc -O0 -c -o unit.o unit.c")
    project.based(PLAIN % 3)
    capfd.readouterr()
    assert project.build("/* again */\n" + PLAIN % edit) == 1
    assert said in capfd.readouterr().err
    assert not bench.told
    assert project.build("/* again */\n" + PLAIN % 4) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda base: base[: len(base) // 2], "function.refuse.object"),
        (lambda _: b"", "function.refuse.object"),
        (lambda _: b"!<arch>\n", "function.refuse.object"),
    ],
    ids=["cut off", "empty", "another kind of file"],
)
def test_a_base_with_another_object_costs_a_full_compile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, content: Callable[[bytes], bytes], reason: str
) -> None:
    """An object in the base's record that is none of this unit's has its reason, and harms none."""
    project = Project(bench, "gcc -O0 -c -o unit.o unit.c")
    learnt = AirCache.put_base

    def put(air: AirCache, output: bytes, base: Base) -> None:
        learnt(air, output, base._replace(content=content(base.content)))

    monkeypatch.setattr(AirCache, "put_base", put)
    project.based(PLAIN % 3)
    assert project.edited(PLAIN % 50) == reason
    subprocess.run(["gcc", "-shared", "-o", "libunit.so", "unit.o"], check=True, env=ENVIRONMENT)
    assert ctypes.CDLL(os.path.abspath("libunit.so")).edited(1) == 51
