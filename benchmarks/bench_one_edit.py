"""What it costs to build after one edit.

    python benchmarks/bench_one_edit.py [--small] [--check]

The same generated project, built once in a tree for each way; then, in turns, one
file is edited and built again: a source, and a header that about fifty sources
include. Ways: plain SCons, plain SCons with the switches it documents for speed,
ninja, `scons` with the drop-in folder of this tool, `iscons`, and the commands
alone, run one after the other by a shell: what a way costs beyond them is its own.

The compiler is a stand-in, so that what is compared shows; with `--real` it is gcc, and a
third edit is one of a comment alone, after which `iscons` must run nothing but the compile.
Each edit is another, so that no way can know its result; a run of this tool that
reads a script is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from bench_noop import ROOT, make_scripts
from generate_project import generate
from measure import CommandFailedError, Lane, Report, compare
from scons_lanes import clean_environment, make_ways, require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from measure import Row
    from scons_lanes import Way

SIZE, SMALL_SIZE = 10_000, 200
MOST_OVERHEAD = 1.2
"""Of ninja's, beyond the commands: what the tool's own work may cost."""

EDITS = {
    "source": "int edit_{0}(void) {{ return {0}; }}\n",
    "header": "/* edit {0} */\n",
    "comment": "/* edit {0} */\n",
}
"""What is appended: gcc makes another object of the first alone."""

_serial = count()


class Trees(NamedTuple):
    """The trees, built; `names` are the files to edit, by what they are."""

    slow: list[Way]
    ninja: str
    tool: str
    iscons: str
    scripts: str
    environment: dict[str, str]
    names: dict[str, str]


def _make_trees(
    folder: str, size: int, jobs: int, slow_ways: Sequence[str], *, real: bool
) -> Trees:
    slow = make_ways(slow_ways, folder, size, flags=("-O2",), stand_in=not real)
    trees = [os.path.join(folder, name) for name in ("ninja", "tool", "iscons")]
    for tree in trees:
        generate(size, tree, flags=("-O2",), stand_in=not real)
    ignored = shutil.ignore_patterns("__pycache__")
    for tree in trees[1:]:
        into = os.path.join(tree, "site_scons")
        shutil.copytree(os.path.join(ROOT, "site_scons"), into, ignore=ignored)
    with open(os.path.join(trees[0], "project.json"), encoding="utf-8") as file:
        facts = json.load(file)
    names = {"source": facts["typical_source"], "header": facts["typical_header"]}
    if real:
        names["comment"] = facts["typical_source"]
    made = Trees(slow, *trees, make_scripts(folder), clean_environment(), names)
    for way in slow:
        way.run(jobs)
    runs = [["ninja", f"-j{jobs}"]]
    runs += [[os.path.join(made.scripts, name), f"-j{jobs}"] for name in ("scons", "iscons")]
    for argv, tree in zip(runs, trees):
        subprocess.run(argv, cwd=tree, env=made.environment, check=True, stdout=subprocess.DEVNULL)
    return made


def _edit(trees: Trees, tree: str, kind: str) -> Callable[[], None]:
    """Return what edits a tree's file of a kind, each time in another way."""

    def edit() -> None:
        with open(os.path.join(tree, trees.names[kind]), "a", encoding="utf-8") as file:
            file.write(EDITS[kind].format(next(_serial)))

    return edit


def _expecting(name: str, kind: str) -> Callable[[str], dict[str, float]]:
    def inspect(printed: str) -> dict[str, float]:
        commands = sum(" -o " in line for line in printed.splitlines())
        if "no script is read" not in printed or (kind == "comment" and commands != 1):
            raise CommandFailedError(f"{name}: not as expected:\n{printed[-3000:]}")
        return {"commands": commands}

    return inspect


def _commands(trees: Trees, kind: str, jobs: int) -> str:
    """Return a shell script of the commands that an edit sets off, as `iscons` prints them."""
    _edit(trees, trees.iscons, kind)()
    told = subprocess.run(
        [os.path.join(trees.scripts, "iscons"), "-Q", f"-j{jobs}"],
        cwd=trees.iscons,
        env=trees.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    path = os.path.join(trees.scripts, f"{kind}.sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write("PATH=$PWD/bin:$PATH\n")
        # As SCons and ninja run them, each in a shell of its own.
        lines = [line for line in told.stdout.splitlines() if not line.startswith("scons: ")]
        file.writelines(f"sh -c '{line}'\n" for line in lines)
    return path


def _lanes(trees: Trees, kind: str, jobs: int) -> dict[str, Lane]:
    flag = f"-j{jobs}"
    told = {**trees.environment, "INCREMENTAL_EXPLAIN": "1"}
    script = _commands(trees, kind, jobs)
    lanes = [
        Lane(way.name, way.argv(jobs), way.folder, way.environment, _edit(trees, way.folder, kind))
        for way in trees.slow
    ]
    lanes += [
        Lane("ninja", ["ninja", flag], trees.ninja, trees.environment,
             _edit(trees, trees.ninja, kind)),
        Lane("iscons", [os.path.join(trees.scripts, "iscons"), flag], trees.iscons, told,
             _edit(trees, trees.iscons, kind), _expecting("iscons", kind)),
        Lane("scons + tool", [os.path.join(trees.scripts, "scons"), flag], trees.tool, told,
             _edit(trees, trees.tool, kind), _expecting("scons + tool", kind)),
        Lane("commands alone", ["sh", script], trees.ninja, trees.environment),
    ]  # fmt: skip
    return {lane.name: lane for lane in lanes}


def _answer_target(report: Report, rows: dict[str, Row], kind: str, size: int) -> None:
    alone = rows["commands alone"].cpu
    ninja, iscons = rows["ninja"].cpu - alone, rows["iscons"].cpu - alone
    print(f"beyond the commands: ninja {ninja:.3f} s CPU, iscons {iscons:.3f} s")
    if size >= SIZE:
        report.target(
            f"one {kind} of {size} edited: iscons takes {iscons / ninja:.2f} of ninja's CPU beyond"
            f" the commands (at most {MOST_OVERHEAD:.2f})",
            met=iscons <= MOST_OVERHEAD * ninja,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="One edit: SCons, ninja and this tool.")
    parser.add_argument("--size", type=int, default=SIZE, help="C files (%(default)s)")
    parser.add_argument("--small", action="store_true", help=f"a smoke run: {SMALL_SIZE} files")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="turns of slow ways (%(default)s)")
    parser.add_argument("--quick-rounds", type=int, default=9, help="of quick ways (%(default)s)")
    parser.add_argument("--real", action="store_true", help="let gcc compile; take fewer --size")
    parser.add_argument("--quick", action="store_true", help="leave the slow ways out")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folders")
    chosen = parser.parse_args(arguments)
    size = SMALL_SIZE if chosen.small else chosen.size
    require_tool()
    if shutil.which("ninja") is None:
        sys.exit("ninja is what is compared with, and it is not installed")
    compiler = "gcc -O2" if chosen.real else "stand-in compiler"
    report = Report(f"One edit: {size} C files, {compiler}, -j{chosen.jobs}")
    try:
        with work_folder(keep=chosen.keep) as folder:
            slow_ways = () if chosen.quick else ("plain", "fast")
            trees = _make_trees(folder, size, chosen.jobs, slow_ways, real=chosen.real)
            for kind in trees.names:
                lanes = _lanes(trees, kind, chosen.jobs)
                if slow_ways:
                    rows = compare(list(lanes.values()), chosen.rounds)
                    report.section(f"One {kind}, {size} files, side by side", rows)
                names = ("ninja", "iscons", "scons + tool", "commands alone")
                rows = compare([lanes[name] for name in names], chosen.quick_rounds)
                report.section(f"One {kind}, {size} files, the quick ways", rows)
                _answer_target(report, {row.name: row for row in rows}, kind, size)
    except CommandFailedError as error:
        print(error, file=sys.stderr)
        return 2
    return report.finish(chosen.json, check=chosen.check)


if __name__ == "__main__":
    sys.exit(main())
