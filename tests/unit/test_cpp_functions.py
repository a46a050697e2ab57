"""One function of a C++ unit is edited: what is compiled then, and that the object is right."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_bench import ENVIRONMENT, Bench
from cpp_texts import HEADS, MADE, REFUSED

from incremental_tool.engine import function_compile
from incremental_tool.model.elf_object import ElfObject
from incremental_tool.model.object_comparison import differences

if TYPE_CHECKING:
    from pathlib import Path

BASE = ["-ffunction-sections", "-fno-ipa-stack-alignment"]
LEVELS = ("-O0 -fno-exceptions", "-O0 -g -fno-exceptions -fPIC")


class Unit:
    """One unit that is built again and again with some options."""

    def __init__(self, bench: Bench, options: str) -> None:
        self.bench = bench
        self.words = f"g++ {options} -MMD -c -o unit.o src/unit.cc"

    def build(self, text: str) -> dict[str, int]:
        """Build the text as a new build does; return what was counted, without times."""
        self.bench.write("src/unit.cc", text)
        self.bench.open()
        assert self.bench.command(self.words, "unit.o") == 0
        counts = self.bench.cache.statistics.counts
        return {name: value for name, value in counts.items() if not name.startswith("us_")}

    def based(self, text: str) -> None:
        """Build a text, and then another, so that there is a base."""
        self.build(text)
        assert self.build(text + "int edited;\n").get("stored") == 1

    def made(self, text: str) -> None:
        """Build a text that is made of functions, and check the object and the program."""
        counts = self.build(text + "int edited;\n")
        assert counts.get("by_function") == 1, self.bench.reasons()
        assert counts["functions_compiled"] >= 1
        self.is_as_compiled_whole()

    def refused(self, text: str) -> list[str]:
        """Build a text that is compiled whole; return the reasons."""
        counts = self.build(text + "int edited;\n")
        assert "by_function" not in counts
        return [name for name in self.bench.reasons() if name.startswith("function.")]

    def is_as_compiled_whole(self) -> None:
        """Check that the object is, by meaning and by what it prints, that of a full compile."""
        whole = self.words.replace("-o unit.o", "-o whole.o").split()
        subprocess.run([*whole, *BASE], check=True, env=ENVIRONMENT)
        assert differences(self.bench.read("whole.o"), self.bench.read("unit.o")) == []
        said = []
        for name in ("unit", "whole"):
            subprocess.run(["g++", "-o", name, f"{name}.o"], check=True)
            said.append(subprocess.run([f"./{name}"], check=True, stdout=subprocess.PIPE).stdout)
        assert said[0] == said[1]


def unit_text(text: str, expression: str, edit: str = "") -> str:
    """Return a unit that prints an expression."""
    heads = [head for word, head in HEADS.items() if word in text or word in ALL_EDITS[text]]
    body = "".join(heads) + text.replace("@", edit)
    return (
        f'#include <cstdio>\n{body}\nint main()\n{{\n  printf("%d\\n", (int)({expression}));\n}}\n'
    )


ALL_EDITS: dict[str, str] = {}
"""A text has the same includes before its edit and after it."""

for row in (*MADE.values(), *REFUSED.values()):
    ALL_EDITS[row[0]] = ALL_EDITS.get(row[0], "") + row[2]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a project in the working directory."""
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(function_compile, "MIN_SOURCE", 1)
    return Bench(tmp_path)


@pytest.mark.parametrize("name", MADE)
def test_an_edited_function_is_compiled_alone(bench: Bench, name: str) -> None:
    """There and back, the object means what a full compile gives, and prints the same."""
    text, expression, edit = MADE[name]
    of_lines = "lambda" in name or "line" in name
    unit = Unit(bench, LEVELS[of_lines or list(MADE).index(name) % 2])
    unit.based(unit_text(text, expression))
    unit.made(unit_text(text, expression, edit))
    unit.bench.write("src/unit.cc", "")
    unit.based(unit_text(text, expression, edit))
    unit.made(unit_text(text, expression))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_more_than_one_function_is_compiled_whole(bench: Bench, name: str) -> None:
    """The reason is named, and the object is that of a full compile."""
    text, expression, edit, reason = REFUSED[name]
    unit = Unit(bench, LEVELS[0] + (" -Wall" if name == "warning" else ""))
    unit.based(unit_text(text, expression))
    reasons = unit.refused(unit_text(text, expression, edit))
    assert reasons == [reason]
    unit.is_as_compiled_whole()


CALLER = {
    "g++": "struct D { ~D(); };\nvoid e(int);\nvoid f(int x) { @ }\nvoid g(int x) { D d; f(x); }\n",
    "gcc": "void c(int *);\nvoid e(int);\nvoid f(int x) { @ }\n"
    "void g(int x) { __attribute__((cleanup(c))) int d = x; f(d); }\n",
}


@pytest.mark.parametrize("compiler", CALLER)
def test_what_a_function_throws_reaches_its_callers(compiler: str, tmp_path: Path) -> None:
    """With exceptions a caller's code follows from the body of what it calls; without, it does not.

    That is why units with exceptions are compiled whole.
    """
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    unit = tmp_path / ("u.cc" if compiler == "g++" else "u.c")
    for option, alike in (("-fno-exceptions", True), ("-fexceptions", False)):
        codes = set()
        for body in ("", "e(x);"):
            unit.write_text(CALLER[compiler].replace("@", body))
            words = [compiler, "-O0", option, *BASE, "-c", "-o", "u.o", unit.name]
            subprocess.run(words, check=True, cwd=tmp_path)
            read = ElfObject((tmp_path / "u.o").read_bytes())
            (section,) = [
                at
                for at, name in enumerate(read.section_names)
                if name in (b".text._Z1gi", b".text.g")
            ]
            codes.add(read.bytes_of(section))
        assert (len(codes) == 1) == alike
