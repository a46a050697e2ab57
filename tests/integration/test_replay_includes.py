"""Edits of include directives are replayed, and leave what a full run of SCons would leave.

Random graphs of headers, random edits of them: at each step plain SCons builds one copy,
the other is answered. What is printed, what is made and what SCons's database says,
list for list and in its order, must be the same; and plain SCons finds nothing to do.
`PROPERTY_SEEDS=500 pytest -m campaign` runs as many histories as one likes.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import sconsign_content
from fast_path_server import FastPathServer
from replay_twins import HEAD, Twins, contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = 4
STEPS = 12

SCONSTRUCT = """\
import os
tools = ["gcc"]
if not os.environ.get("PLAIN"):
    import incremental_tool
    tools.append(incremental_tool.generate)
env = Environment(tools=tools, CCCOM="cat $SOURCE > $TARGET", CPPPATH=["inc", "later", "#"])
other = env.Clone(CPPPATH=["alt", "inc", "gen"])
env.Command("gen/made.h", "made.in", "cat $SOURCE > $TARGET")
for name in ("src/a0", "src/a1"):
    env.Object(name + ".c")
    other.Object(name + "-other.o", name + ".c")
other.Object("src/deep/a2.c")
env.Command("all.txt", ["src/a1.c", "made.in", "src/a0.c"], "cat $SOURCES > $TARGET")
both = env.Command(["one.txt", "two.txt"], "src/a0.c", "cat $SOURCES | tee $TARGETS > /dev/null")
Depends(both, "inc/h0.h")
"""
SOURCES = ["src/a0.c", "src/a1.c", "src/deep/a2.c"]
FOLDERS = ["inc", "inc/sub", "alt", "src", "src/deep", "."]
NAMES = ["h0.h", "h1.h", "h2.h", "h3.inc", "plain"]
WORDS = [*NAMES, *(f"sub/{name}" for name in NAMES), "../alt/h1.h", "../inc/sub/h2.h", "./h0.h"]
WORDS += ["src/a1.c", "stdio.h", "none/h0.h", "later/h0.h", "made.h", "inc/h1.h"]


class IncludingProject:
    """Sources and headers that include one another at random."""

    def __init__(self, noise: random.Random, folders: list[Path]) -> None:
        self._noise = noise
        self._folders = folders
        self._texts: dict[str, str] = {}
        self._clock = 1_700_000_000
        self._write("SConstruct", SCONSTRUCT)
        self._write("made.in", "made\n")
        for name in SOURCES:
            self._write(name, self._text())
        for _ in range(14):
            self._write(self._header(), self._text())
        self._write("inc/h0.h", self._text())

    def _write(self, name: str, text: str) -> None:
        self._texts[name] = text
        self._clock += 3
        for folder in self._folders:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, (self._clock, self._clock))

    def _header(self) -> str:
        return f"{self._noise.choice(FOLDERS)}/{self._noise.choice(NAMES)}".removeprefix("./")

    def _text(self) -> str:
        lines = []
        for _ in range(self._noise.randrange(5)):
            word = self._noise.choice(WORDS)
            lines.append(
                f'#include "{word}"' if self._noise.random() < 0.6 else f"# include <{word}>"
            )
        lines.insert(self._noise.randrange(len(lines) + 1), f"/* {self._noise.randrange(100)} */")
        return "\n".join(lines) + "\n"

    def edit(self) -> list[str]:
        """Make one or two edits; tell which."""
        told = []
        for _ in range(self._noise.randrange(1, 3)):
            kind = self._noise.choices(
                ["directives", "content", "new", "removed", "touched", "made"], [6, 2, 2, 1, 1, 1]
            )[0]
            name = self._noise.choice([n for n in sorted(self._texts) if n != "SConstruct"])
            if kind == "new":
                name = self._header()
            if kind == "made":
                name = "made.in"
            if kind == "removed" and name not in (*SOURCES, "made.in", "inc/h0.h"):
                del self._texts[name]
                for folder in self._folders:
                    (folder / name).unlink()
            elif kind == "touched":
                self._write(name, self._texts[name])
            elif kind == "content":
                self._write(name, self._texts[name] + "/* more */\n")
            elif name == "made.in":
                self._write(name, f"/* {self._noise.randrange(100)} */\n")
            else:
                self._write(name, self._text())
            told.append(f"{kind} {name}")
        return told


def run_seed(seed: int, folder: Path, server: FastPathServer) -> Counter[str]:
    """Run one history; return how often it was answered how."""
    noise = random.Random(seed)
    plain, ours, copy = (folder / name / "project" for name in ("plain", "ours", "copy"))
    for one in (plain, ours):
        one.mkdir(parents=True)
    project = IncludingProject(noise, [plain, ours])
    log: list[str] = []
    answers: Counter[str] = Counter()
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}

    def scons(where: Path, *options: str) -> tuple[int, str]:
        return server.run(list(options), str(where), {**kept, "PLAIN": "1"})

    try:
        for number in range(STEPS):
            edits = project.edit() if number else []
            options = ["-k"] if noise.random() < 0.2 else []
            expected = scons(plain, *options)
            status, told = server.run(
                options, str(ours), {**kept, "INCREMENTAL_EXPLAIN": "1"}, answering=True
            )
            lines = told.splitlines(keepends=True)
            own = "".join(line for line in lines if line.startswith("incremental: "))
            log.append(f"{edits} {options}\n{own}")
            assert (
                status,
                "".join(x for x in lines if not x.startswith("incremental: ")),
            ) == expected
            if "no script is read" in own:
                answers["replayed"] += 1
                answers["includes replayed"] += any(one.startswith("directives") for one in edits)
            else:
                answers["fresh" if "is as it was" in own else "SCons"] += 1
            assert contents(plain) == contents(ours)
            assert sconsign_content.read(plain) == sconsign_content.read(ours)
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(ours, copy, ignore=shutil.ignore_patterns(".incremental"))
            assert scons(copy, "-q") == scons(plain, "-q")
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}\n" + "\n".join(log)) from error
    shutil.rmtree(folder)
    return answers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastPathServer]:
    """Return a process that runs SCons, or answers in its place."""
    started = FastPathServer(str(tmp_path_factory.mktemp("server")))
    yield started
    started.close()


def test_dependencies_are_those_that_scons_finds(tmp_path: Path, server: FastPathServer) -> None:
    """Over some histories the database is SCons's own, and most edits of includes are replayed."""
    answers: Counter[str] = Counter()
    for seed in range(SEEDS):
        answers += run_seed(seed, tmp_path / str(seed), server)

    assert answers["includes replayed"] > SEEDS * STEPS / 8, answers
    assert answers["SCons"] <= SEEDS * STEPS / 4, answers


FILES = {
    "SConstruct": HEAD
    + """
env.Append(CPPPATH=["first", "#include"])
Entry("neither a file nor a folder")
env.Command("gen/made.h", "made.in", "cp $SOURCE $TARGET")
env.Program("p", ["m.c", "b.c"])
""",
    "m.c": "int b(void);\nint main(void) { return b(); }\n",
    "b.c": "int b(void) { return 1; }\n",
    "first/one.h": "#define ONE 1\n",
    "include/two.h": "#define TWO 2\n",
    "made.in": "#define MADE 3\n",
}


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Return two copies of a project with a folder of headers, built."""
    made = Twins(tmp_path, FILES)
    made.settle()
    return made


def test_what_was_included_anew_is_known_from_then_on(twins: Twins) -> None:
    """A header that an edit has brought in sets off its users, and so does one before it."""
    twins.write("b.c", '#include "two.h"\nint b(void) { return TWO; }\n')
    assert twins.both().replayed
    assert twins.both().fresh
    twins.write("include/two.h", "#include <one.h>\n#define TWO (ONE + 7)\n")
    told = twins.both()
    assert told.replayed
    assert "gcc -o p" in told.out
    assert twins.both().fresh
    twins.write("first/one.h", "#define ONE 5\n")
    assert twins.both().replayed
    twins.write("first/two.h", "#define TWO 6\n")
    told = twins.both()
    assert told.reason == "fresh.stale.folder-changed"
    assert "gcc -o b.o" in told.out


def test_errors_on_the_way(twins: Twins) -> None:
    """After a failure with other includes the next run knows what the failed one brought in."""
    twins.write("b.c", '#include "two.h"\nint b(void) { return THREE; }\n')
    twins.write("m.c", '#include "two.h"\nint b(void);\nint main(void) { return b() + TWO; }\n')
    told = twins.both("-k")
    assert told.replayed
    assert told.status == 2
    twins.write("include/two.h", "#define TWO 2\n#define THREE 3\n")
    told = twins.both("-k")
    assert told.status == 0
    assert told.out.count("gcc") == 3
    assert twins.both().status == 0
    assert twins.both().fresh


@pytest.mark.parametrize(
    ("include", "reason"),
    [
        ("gen/made.h", "replay.refuse.includes"),  # it is made
        ("../elsewhere.h", "replay.refuse.includes"),  # it is not the project's
        ("linked.h", "replay.refuse.includes"),  # it is a link
        ("SConstruct", "replay.refuse.includes"),  # it is a script
        ("asked.h", "replay.refuse.includes"),  # a script has asked for it
    ],
)
def test_what_scons_finds_itself(tmp_path: Path, include: str, reason: str) -> None:
    """What is more than a plain input is for SCons."""
    text = FILES["SConstruct"].replace("env.Append", 'os.path.exists("asked.h")\nenv.Append')
    twins = Twins(tmp_path, {**FILES, "SConstruct": text, "asked.h": "", "../elsewhere.h": ""})
    for folder in (twins.plain, twins.ours):
        (folder / "linked.h").symlink_to("include/two.h")
    twins.settle()
    twins.write("b.c", f'#if 0\n#include "{include}"\n#endif\nint b(void) {{ return 4; }}\n')
    plain, ours = twins.scons(), twins.iscons()

    assert ours.reason == reason
    assert plain.seen == ours.seen


@pytest.mark.parametrize(
    "line",
    [
        "SConscript('src/SConscript', variant_dir='build', duplicate=0, exports='env')",
        "env.Ignore(env.Object('src/a.c'), 'include/two.h')",
        "env.Repository('first'); env.Object('src/a.c')",
        "SetOption('warn', 'dependency'); env.Object('src/a.c')",
        "env.Append(SCANNERS=Scanner(lambda *_: [], skeys=['.y'])); env.Object('src/a.c')",
    ],
)
def test_where_scons_looks_in_other_ways(tmp_path: Path, line: str) -> None:
    """Where finding a file is more than looking into folders, SCons does it."""
    files = {**FILES, "src/a.c": "int a;\n", "src/SConscript": "Import('env')\nenv.Object('a.c')\n"}
    files["SConstruct"] = FILES["SConstruct"].replace("env.Program", f"{line}\nenv.Program")
    twins = Twins(tmp_path, files)
    twins.settle()
    twins.write("src/a.c", "#include <two.h>\nint a;\n")
    plain, ours = twins.scons(), twins.iscons()

    assert ours.reason == "replay.refuse.includes"
    assert plain.seen == ours.seen
    twins.compare()
    twins.check_database()


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(20))
def test_hundreds_of_histories(part: int, tmp_path: Path, server: FastPathServer) -> None:
    """As many histories as PROPERTY_SEEDS says, in twenty parts."""
    count = int(os.environ.get("PROPERTY_SEEDS", "200"))
    answers: Counter[str] = Counter()
    for seed in range(3_000_000 + part, 3_000_000 + count, 20):
        answers += run_seed(seed, tmp_path / str(seed), server)
    print(dict(answers))
