"""A random project whose scripts read all kinds of things, which then change at random.

What the scripts read ends up in one command line (`seen.txt` holds it): SCons
itself can tell whether a change mattered. Which ways of reading a project uses is
drawn once; the things that are read change in every project.

Knows nothing of how it is built.
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

from random_project import Model, RandomProject

if TYPE_CHECKING:
    import random
    from pathlib import Path

WAYS = {
    "open": 'open("VERSION").read().strip()',
    "exists": 'os.path.exists("flag")',
    "isfile": 'os.path.isfile("names/one.x")',
    "access": 'os.access("flag", os.F_OK)',
    "size": 'os.stat("VERSION").st_size',
    "path": 'pathlib.Path("flag").is_file()',
    "listdir": 'sorted(os.listdir("names"))',
    "scandir": 'sorted(entry.name for entry in os.scandir("names") if entry.is_file())',
    "walk": 'sorted(name for _, _, names in os.walk("names") for name in names)',
    "Glob": '[str(node) for node in Glob("names/*.x")]',
    "glob": 'sorted(glob.glob("names/*.y"))',
    "rglob": 'sorted(glob.glob("names/**", recursive=True))',
    "get": 'os.environ.get("KIND")',
    "getenv": 'os.getenv("OTHER_KIND", "none")',
    "in": '"KIND" in os.environ',
    "whole": 'sorted(name for name in os.environ if name.endswith("KIND"))',
    "import": "helper.VALUE",
    "readlink": 'os.readlink("link")',
    "realpath": 'os.path.basename(os.path.realpath("link"))',
    "run": 'subprocess.check_output(["cat", "VERSION"]).decode().strip()',
    "arguments": 'ARGUMENTS.get("debug", "0")',
    "find": 'str(FindFile("one.x", ["alt-names", "names"]))',
    "which": 'WhereIs("own-program", path=os.getcwd() + "/names")',
    "variables": 'str(Variables("settings.py").args)',
}
"""Name of a way of reading -> an expression of an SConscript."""

_READING = """
import glob, os, pathlib, subprocess
import incremental_tool
incremental_tool.cheap("cat")
{imports}
seen = [{expressions}]
{loud}
DefaultEnvironment(tools=[])
reading = Environment(tools=[], ENV={{"PATH": "/usr/bin:/bin"}}, SEEN=str(seen).replace("'", ""))
reading.Command("seen.txt", [], "echo '$SEEN' > $TARGET")
"""


class ReadingModel(Model):
    """One state of the project, and of what its scripts read."""

    def __init__(self, plain: Model, ways: list[str], *, loud: bool) -> None:
        super().__init__()
        self.__dict__.update(plain.__dict__)
        self.ways = ways
        self.loud = loud
        self.version = 1
        self.flag = False
        self.names = {"one.x", "two.y"}
        self.helper = 1
        self.link = "VERSION"
        self.environment = {"KIND": "a"}

    def texts(self) -> dict[str, str]:
        """Return the content of every file."""
        texts = super().texts()
        texts["SConstruct"] += _READING.format(
            imports="import helper" if "import" in self.ways else "",
            expressions=", ".join(WAYS[way] for way in self.ways),
            loud="print('seen', seen)" if self.loud else "",
        )
        texts["VERSION"] = "1." * self.version + "\n"
        texts["helper.py"] = f"VALUE = {self.helper}\n"
        texts["settings.py"] = f"debug = {self.helper}\n"
        texts["names/.keep"] = ""
        texts.update((f"names/{name}", "") for name in self.names)
        if self.flag:
            texts["flag"] = ""
        return texts


class ReadingProject(RandomProject):
    """The project and its history."""

    def __init__(self, noise: random.Random) -> None:
        super().__init__(noise)
        ways = sorted(noise.sample(sorted(WAYS), noise.randrange(1, 6)))
        self.model: ReadingModel = ReadingModel(self.model, ways, loud=noise.random() < 0.3)

    def change_what_is_read(self) -> list[str]:
        """Change one of the things that some project reads; return what was done."""
        model, noise = self.model, self._noise
        self._history.append(copy.deepcopy(model))

        def toggle_name() -> None:
            model.names ^= {noise.choice(["one.x", "two.y", "three.x", "four.y", "deep/er.x", "z"])}

        def toggle_flag() -> None:
            model.flag = not model.flag

        def edit_version() -> None:
            model.version = model.version % 3 + 1

        def edit_helper() -> None:
            model.helper = (model.helper + 1) % 10

        def turn_link() -> None:
            model.link = "helper.py" if model.link == "VERSION" else "VERSION"

        def set_variable() -> None:
            name = noise.choice(["KIND", "OTHER_KIND", "KINDLESS"])
            value = noise.choice([None, "", "a", "b"])
            model.environment.pop(name, None)
            if value is not None:
                model.environment[name] = value

        change = noise.choice(
            [toggle_name, toggle_flag, edit_version, edit_helper, turn_link, set_variable]
        )
        change()
        return [change.__name__]

    def write_changes(self, folder: Path) -> list[str]:
        """Bring the folder up to date, removing what is there no more."""
        texts = self.model.texts()
        done = []
        for path in [*sorted((folder / "names").rglob("*")), folder / "flag"]:
            name = str(path.relative_to(folder))
            if path.is_file() and name not in texts:
                path.unlink()
                done.append(f"removed {name}")
                if path.parent.name == "deep":
                    path.parent.rmdir()
        link = folder / "link"
        if not link.is_symlink() or os.readlink(link) != self.model.link:
            link.unlink(missing_ok=True)
            link.symlink_to(self.model.link)
            done.append("turned link")
        return done + super().write_changes(folder)
