"""One function of a unit edited: what its new object costs, beside a full compile and ccache.

For each unit and set of options the lanes take turns: the compiler by itself, ccache (a miss),
and the tool. Each turn edits one function's body, another one each time. CPU seconds are user
plus system time of the compiler and of this process; SCons is not in it.

    python benchmarks/bench_function.py [--turns 5] [--only sqlite]

Optimised units are compiled by the tool with INCREMENTAL_FUNCTIONS_OPTIMISED=1, and by the
others by the plain command.

The tool's base is made before the first turn, by the second build of the unit, as it is for
a user; `behind` is what that build costs beyond a full compile, for the most part behind it:
the base is cut then. `first` is the edit after that.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

from function_edits import edit
from function_lab import ENVIRONMENT, Lab, cpu, must
from function_rounds import places_of
from real_sources import fetch

SQLITE_OPTIONS = ["-O0"], ["-O0", "-g"], ["-O2"]
SMALL_OPTIONS = ["-O0"], ["-O0", "-g"], ["-O2"]
ZLIB_OPTIONS = ["-DHAVE_UNISTD_H", "-DHAVE_STDARG_H"]
"""What zlib's own configure finds on any POSIX system."""
ZLIB = ("deflate.c", "inflate.c", "trees.c", "infback.c", "gzread.c", "gzwrite.c", "crc32.c")
KINDS = ("literal", "string", "local", "static", "switch", "call", "return", "line")


class Result(NamedTuple):
    """Medians of CPU seconds; how many turns were made of functions."""

    name: str
    full: float
    ccache: float
    behind: float
    first: float
    tool: float
    made: int
    turns: int


def measure(compiler: str, source: str, options: list[str], turns: int, scratch: str) -> Result:
    """Edit one function after the other, and compile the unit by each lane."""
    folder, name = os.path.split(source)
    place = os.path.join(scratch, f"{name}-{compiler}{''.join(options)}")
    shutil.copytree(folder, place)
    lab = Lab(place, INCREMENTAL_FUNCTIONS_OPTIMISED="1")
    words = [compiler, *options, "-c", "-o", "unit.o", name]
    with open(name, "rb") as file:
        text = file.read()
    rng = random.Random(7)
    lab.write(name, text)
    must(lab.compile(words, "unit.o"))
    text += b"extern int edited;\n"  # a comment would not be compiled
    lab.write(name, text)
    began = cpu()
    must(lab.compile(words, "unit.o"))  # the base
    based = cpu() - began
    costs: dict[str, list[float]] = {"full": [], "ccache": [], "tool": []}
    made, first = 0, 0.0
    ccache = {**ENVIRONMENT, "CCACHE_DIR": os.path.join(scratch, "ccache")}
    places = places_of(compiler, name, text, options)
    for turn in range(turns + 1):
        edited, tries = None, 0
        while edited is None:  # not every source has a string to edit
            kind = KINDS[(turn + tries // 100) % len(KINDS)]
            edited = edit(rng, text, places, rng.choice(places), kind)
            tries += 1
        lab.write(name, edited)
        began = cpu()
        must(lab.compile(words, "unit.o"))
        spent = cpu() - began
        if turn == 0:
            first = spent
            continue
        made += lab.made
        if not lab.made:
            print("  not by function:", lab.reasons, file=sys.stderr)
        costs["tool"].append(spent)
        began = cpu()
        plain = [*words[:-3], "-o", "full.o", name]
        must(subprocess.run(plain, check=False, env=ENVIRONMENT).returncode)
        costs["full"].append(cpu() - began)
        began = cpu()
        must(subprocess.run(["ccache", *plain], check=False, env=ccache).returncode)
        costs["ccache"].append(cpu() - began)
    lab.close()
    os.chdir(scratch)
    shutil.rmtree(place)
    medians = {lane: statistics.median(spent) for lane, spent in costs.items()}
    label = f"{name} {compiler} {' '.join(options)}"
    full, tool = medians["full"], medians["tool"]
    return Result(label, full, medians["ccache"], based - full, first, tool, made, turns)


def show(results: list[Result]) -> None:
    """Print one line for each unit, and the geometric mean of what was gained."""
    print(
        f"{'unit':44} {'full':>7} {'ccache':>7} {'behind':>7} {'first':>7} {'tool':>7} {'gain':>6}"
        "  by function"
    )
    for row in results:
        gain = row.full / row.tool
        print(
            f"{row.name:44} {row.full:7.3f} {row.ccache:7.3f} {row.behind:7.3f} {row.first:7.3f} "
            f"{row.tool:7.3f} {gain:5.1f}x  {row.made} of {row.turns}"
        )
    if len(results) > 1:
        mean = math.exp(statistics.mean(math.log(row.full / row.tool) for row in results))
        print(f"geometric mean {mean:.1f}x")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", choices=("sqlite", "lua", "zlib"))
    parser.add_argument("--compiler", default="gcc")
    chosen = parser.parse_args()
    groups: list[list[tuple[str, list[str]]]] = []
    if chosen.only in (None, "sqlite"):
        folder = fetch("sqlite")
        source = os.path.join(folder, "sqlite3.c")
        groups += [[(source, options)] for options in SQLITE_OPTIONS]
    small: list[tuple[str, list[str]]] = []
    if chosen.only in (None, "lua"):
        folder = fetch("lua")
        names = [name for name in os.listdir(folder) if name.endswith(".c")]
        names.sort(key=lambda name: -os.path.getsize(os.path.join(folder, name)))
        small += [(os.path.join(folder, name), []) for name in names[:10]]
    if chosen.only in (None, "zlib"):
        folder = fetch("zlib")
        small += [(os.path.join(folder, name), ZLIB_OPTIONS) for name in ZLIB]
    for options in SMALL_OPTIONS if small else ():
        groups.append([(source, [*options, *more]) for source, more in small])
    with tempfile.TemporaryDirectory() as scratch:
        for group in groups:
            show(
                [
                    measure(chosen.compiler, source, options, chosen.turns, scratch)
                    for source, options in group
                ]
            )


if __name__ == "__main__":
    main()
