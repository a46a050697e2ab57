"""Lua's sources in one file of each form, and its functions edited one at a time."""

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

from incremental_tool.model.combined_form import FORMS, Prepared

if TYPE_CHECKING:
    from pathlib import Path

EDITS = 20
LUA = os.path.join(PACKAGE_FOLDER, "examples", "lua")
FUNCTION = re.compile(r"(?m)^[a-zA-Z][^\n;]*\) \{$")
LINES = ["-g", "-gno-as-loc-support"]
WAYS = {
    "ir, clang -O0": ("ir", ["clang", "-O0"]),
    "ir, clang -O2": ("ir", ["clang", "-O2"]),
    "ir, clang -O1 -g": ("ir", ["clang", "-O1", "-g"]),
    "assembly, gcc -O0": ("assembly", ["gcc", "-O0"]),
    "assembly, gcc -O2 -g": ("assembly", ["gcc", "-O2", *LINES]),
    "assembly, clang -O2": ("assembly", ["clang", "-O2"]),
}


class Interpreter:
    """Lua, made of one file."""

    def __init__(self, folder: Path, form: str, command: list[str]) -> None:
        self.folder, self.form, self.command = folder, FORMS[form], command
        names = sorted(name for name in os.listdir(folder) if name.endswith(".c"))
        self.names = [name for name in names if name != "luac.c"]
        self.sections = {name: self.prepared(name) for name in self.names}

    def prepared(self, name: str) -> Prepared:
        """Compile a source, and return its section."""
        more = ["-emit-llvm"] if self.form.name == "ir" else []
        options = ["-DLUA_USE_POSIX", "-w", "-S", *more, "-o", "text"]
        subprocess.run([*self.command, *options, name], cwd=self.folder, check=True)
        made = self.form.prepare(name.encode(), (self.folder / "text").read_bytes())
        assert isinstance(made, Prepared), made
        return made

    def one_file(self, sections: dict[str, Prepared]) -> bytes:
        """Return the sections behind their head."""
        head = self.form.head([section.needs for section in sections.values()])
        assert isinstance(head, bytes), head
        mark = self.form.leader.encode() + b" ==== FILE: x:0x0 ====\n"
        return head + b"".join(mark + section.body for section in sections.values())

    def script(self) -> bytes:
        """Link the interpreter; return what it makes of a script."""
        one = "one.ll" if self.form.name == "ir" else "one.s"
        (self.folder / one).write_bytes(self.one_file(self.sections))
        link = [self.command[0], "-w", "-o", "lua", one, "-lm"]
        subprocess.run(link, cwd=self.folder, check=True, capture_output=True)
        run = ["./lua", os.path.join(LUA, "queens.lua"), "queens.txt"]
        subprocess.run(run, cwd=self.folder, check=True)
        return (self.folder / "queens.txt").read_bytes()


@pytest.mark.campaign
@pytest.mark.parametrize("way", WAYS)
def test_lua_edited_function_by_function(tmp_path: Path, way: str) -> None:
    """Each edit prepares one section; the file is that of all prepared anew, and Lua runs."""
    form, command = WAYS[way]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    subprocess.run([sys.executable, "fetch_lua.py"], cwd=LUA, check=True, capture_output=True)
    folder = tmp_path / "lua"
    shutil.copytree(os.path.join(LUA, "lua-5.4"), folder)
    lua = Interpreter(folder, form, command)
    subprocess.run(
        [*command, "-DLUA_USE_POSIX", "-w", "-o", "lua", *lua.names, "-lm"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    run = ["./lua", os.path.join(LUA, "queens.lua"), "queens.txt"]
    subprocess.run(run, cwd=folder, check=True)
    expected = (folder / "queens.txt").read_bytes()
    assert lua.script() == expected
    chance = random.Random(way)
    for turn in range(EDITS):
        name = chance.choice(lua.names)
        text = (folder / name).read_text(encoding="latin-1")
        places = list(FUNCTION.finditer(text))
        if not places:
            continue
        place = chance.choice(places).end()
        more = f" {{ static volatile int edited = {turn}; edited++; }}"
        (folder / name).write_text(text[:place] + more + text[place:], encoding="latin-1")
        lua.sections[name] = lua.prepared(name)
        assert lua.script() == expected
    anew = {name: lua.prepared(name) for name in lua.names}
    assert lua.one_file(lua.sections) == lua.one_file(anew)
