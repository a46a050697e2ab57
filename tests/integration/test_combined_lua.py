"""Lua's sources in one file, edited again and again: patched, built and run each time."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from scons_project import PACKAGE_FOLDER

from incremental_tool.engine.combine import combine_plainly
from incremental_tool.model.combination import combination_of

if TYPE_CHECKING:
    from pathlib import Path

LUA = os.path.join(PACKAGE_FOLDER, "examples", "lua")
SCRIPT = """\
import os
import incremental_tool
env = Environment(
    tools=["default", incremental_tool.generate],
    CCFLAGS=["-std=gnu99", {option!r}],
    CPPDEFINES=["LUA_USE_POSIX"],
    CC={compiler!r},
    ENV=dict(os.environ),
)
sources = sorted(Glob("lua-5.4/*.c", exclude=["lua-5.4/luac.c"]), key=str)
one = env.{builder}({output!r}, sources)
env.Command("lua", one, {compiler!r} + {quiet!r} + " -o $TARGET $SOURCE -lm")
"""
FUNCTION = re.compile(r"(?m)^[a-zA-Z][^\n;]*\) \{$")


def build(folder: Path) -> str:
    """Build; return what is told of it."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [sys.executable, "-m", "incremental_tool.launcher", "-j2"],
        cwd=folder,
        env={**kept, "PYTHONPATH": PACKAGE_FOLDER, "INCREMENTAL_EXPLAIN": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def edit(path: Path, chance: random.Random, value: int) -> None:
    """Put a statement into a function."""
    text = path.read_text(encoding="latin-1")
    found = chance.choice(list(FUNCTION.finditer(text)))
    more = f" {{ volatile int edited = {value}; (void)edited; }}"
    path.write_text(text[: found.end()] + more + text[found.end() :], encoding="latin-1")


def lua(tmp_path: Path, form: str, compiler: str, option: str, edits: int) -> None:
    """Build the interpreter of one file, edit functions, and compare at each turn."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    subprocess.run([sys.executable, "fetch_lua.py"], cwd=LUA, check=True, capture_output=True)
    folder = tmp_path / "lua"
    shutil.copytree(os.path.join(LUA, "lua-5.4"), folder / "lua-5.4")
    shutil.copy(os.path.join(LUA, "queens.lua"), folder)
    builder, output = {
        "assembly": ("CombinedAssembly", "app.s"),
        "ir": ("CombinedIR", "app.ll"),
    }[form]
    (folder / "SConstruct").write_text(
        SCRIPT.format(
            quiet=" -Wno-override-module" if form == "ir" else "",
            option=option,
            compiler=compiler,
            builder=builder,
            output=output,
        )
    )
    build(folder)
    sources = sorted(os.listdir(folder / "lua-5.4"))
    names = [f"lua-5.4/{name}" for name in sources if name.endswith(".c") and name != "luac.c"]
    chance = random.Random(5)
    expected = script(folder)
    for turn in range(edits):
        name = chance.choice([name for name in names if FUNCTION.search(_text(folder / name))])
        edit(folder / name, chance, turn)
        told = build(folder)
        assert f"{name} (changed)" in told
        assert f"{len(names) - 1} of {len(names)} sections kept" in told
        assert script(folder) == expected
    files = [os.fsencode(folder / f"{output}.sections/{name}{output[3:]}") for name in names]
    leader = {"assembly": "#", "ir": ";"}[form]
    whole = os.fsencode(tmp_path / "whole")
    combine_plainly(whole, combination_of(form, leader, names, (0, 0, 0)), files)
    with open(whole, "rb") as file:
        assert file.read() == (folder / output).read_bytes()


def _text(path: Path) -> str:
    return path.read_text(encoding="latin-1")


def script(folder: Path) -> str:
    """Run a script with the interpreter; return what it prints."""
    run = [str(folder / "lua"), "queens.lua", "queens.txt"]
    subprocess.run(run, cwd=folder, check=True)
    return (folder / "queens.txt").read_text()


def test_lua_in_one_assembly_file(tmp_path: Path) -> None:
    """Two edits with gcc: patched each time, and the interpreter runs its script."""
    lua(tmp_path, "assembly", "gcc", "-O1", 2)


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("form", "compiler", "option"),
    [
        ("assembly", "gcc", "-O0"),
        ("assembly", "gcc", "-O2"),
        ("assembly", "clang", "-O1"),
        ("ir", "clang", "-O0"),
        ("ir", "clang", "-O1"),
    ],
)
def test_lua_twenty_edits(tmp_path: Path, form: str, compiler: str, option: str) -> None:
    """Twenty edits of one function each."""
    lua(tmp_path, form, compiler, option, 20)
