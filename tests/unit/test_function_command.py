"""Which compile commands may be carried out function by function, and by which words."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.compile_command import CompileCommand, parse_compile
from incremental_tool.model.function_command import (
    FunctionCommand,
    compile_words,
    function_command,
    preprocess_words,
    whole_words,
)
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path


def judged(text: str, family: str = "gcc") -> FunctionCommand | Reason:
    """Return what is made of a command."""
    command = parse_compile(text.split(), "/project")
    assert isinstance(command, CompileCommand), command
    return function_command(command, family)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "-O0",
        "-O0 -g",
        "-O2 -O0",
        "-g3 -g",
        "-ggdb -Wall -Wextra -Werror -std=gnu99 -fPIC -fno-common -DX=1 -Iinc -pthread",
        "-MMD -MF unit.d -fvisibility=hidden -m64 -march=x86-64 -include pre.h",
    ],
)
def test_commands_that_keep_functions_apart_are_accepted(options: str) -> None:
    """Options that carry nothing from one function to another are no reason to refuse."""
    found = judged(f"gcc {options} -c src/a.c -o a.o")
    if options == "-g3 -g":
        assert isinstance(found, Reason)  # macros in the object belong to no function
        return
    assert isinstance(found, FunctionCommand)
    assert found.base_words == ("-ffunction-sections", "-fno-ipa-stack-alignment")
    assert found.debug == ("-g" in options)
    assert not {"-c", "-o", "a.o", "-MMD", "-MF", "unit.d", "src/a.c"} & set(found.words)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("-O1", "function.refuse.optimised"),
        ("-Og", "function.refuse.optimised"),
        ("-O", "function.refuse.optimised"),
        ("-O0 -O2", "function.refuse.optimised"),
        ("-flto", "function.refuse.option"),
        ("-fsanitize=address", "function.refuse.option"),
        ("--coverage", "function.refuse.option"),
        ("-fprofile-arcs", "function.refuse.option"),
        ("-g3", "function.refuse.option"),
        ("-g -gsplit-dwarf", "function.refuse.option"),
        ("-fopenmp", "function.refuse.option"),
        ("-ffile-prefix-map=/a=/b", "function.refuse.option"),
        ("-fno-function-sections", "function.refuse.option"),
        ("-pg", "function.refuse.option"),
        ("-fstack-usage", "function.refuse.option"),
        ("-x c++", "function.refuse.exceptions"),
        ("-x c++ -fno-exceptions -fexceptions", "function.refuse.exceptions"),
        ("-x c++ -fno-exceptions -O1", "function.refuse.optimised"),
        ("-x assembler-with-cpp", "function.refuse.language"),
        ("-fexceptions", "function.refuse.exceptions"),
        ("-frtti", "function.refuse.option"),
        ("-Wa,--noexecstack", "function.refuse.option"),
    ],
)
def test_what_is_not_known_to_keep_functions_apart_is_refused(options: str, reason: str) -> None:
    """An optimiser, an instrumentation or an unknown option sends the unit to a full compile."""
    found = judged(f"gcc {options} -c src/a.c -o a.o")
    assert isinstance(found, Reason)
    assert found.id == reason
    assert found.id in REASONS


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_text_elsewhere_makes_the_object_that_the_source_makes(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit in a scratch file has the source's name, its included files and its debug lines."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    monkeypatch.chdir(tmp_path)
    for folder in ("src", "tmp"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src" / "own.h").write_text("#define OWN 3\n")
    (tmp_path / "own.h").write_text("#error the wrong one\n")
    text = '#include "own.h"\nint f(int a)\n{\n  return a + OWN + __FILE__[a] + __LINE__;\n}\n'
    (tmp_path / "src" / "a.c").write_text(text)
    unit = os.fspath(tmp_path / "tmp" / "1-2-unit")
    with open(unit, "w", encoding="ascii") as file:
        file.write(text)
    command = judged(f"{compiler} -O0 -g -I. -c src/a.c -o a.o", compiler)
    assert isinstance(command, FunctionCommand)
    for words in (
        whole_words(command, "whole.o"),
        compile_words(command, unit, "unit.o"),
        preprocess_words(command, unit, "unit.i"),
    ):
        subprocess.run(words, check=True)
    dumps = []
    for name in ("whole.o", "unit.o"):
        for what in ("info", "line"):
            shown = subprocess.run(
                ["readelf", f"--debug-dump={what}", name], check=True, stdout=subprocess.PIPE
            )
            dumps.append(shown.stdout.replace(b"-fdata-sections", b"").replace(b"  ", b" "))
    assert b"src/a.c" in dumps[0]
    strip = [line for line in dumps[0].splitlines() if b"producer" not in line]
    assert strip[5:] == [line for line in dumps[2].splitlines() if b"producer" not in line][5:]
    assert dumps[1] == dumps[3]
    assert os.path.getsize("unit.i") > 0
