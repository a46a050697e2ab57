"""Corners of C and of compilers: each is made by function as a full compile makes it, or refused.

Every object that is made by function is compared with a full compile's before a project
gets it (INCREMENTAL_VERIFY=1); what differs has the reason `function.differs`, and fails here.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import corner_units
import pytest
from command_bench import ENVIRONMENT, Bench

from incremental_tool.engine import function_compile

if TYPE_CHECKING:
    from pathlib import Path

    from corner_units import Corner

CASES = [
    pytest.param(corner, compiler, id=f"{corner.name}-{compiler}")
    for corner in corner_units.ALL
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
    bench = Bench(tmp_path, INCREMENTAL_VERIFY="1")
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
