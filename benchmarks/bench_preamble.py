"""One C++ file edited behind its includes: its compile, beside a plain one and ccache.

For each unit, compiler and set of options the lanes take turns: the compiler by itself,
ccache (a miss), and the tool, whose precompiled preamble is there already. Each turn adds another
function. CPU seconds are user plus system time of the compiler and of this process;
SCons is not in it. Every object is compared with the plain one, by byte.

    python benchmarks/bench_preamble.py [--turns 5] [--compiler clang++]

`make` is what precompiling and trying the preamble takes, once, behind the build.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import tempfile
from typing import NamedTuple

from function_lab import ENVIRONMENT, Lab, cpu, must
from real_sources import fetch

UNITS = ("re2/parse.cc", "re2/dfa.cc", "re2/prog.cc")
OPTIONS = {
    "g++": (["-O0"], ["-O0", "-g"], ["-O2"]),
    "clang++": (["-O0"], ["-O2"], ["-O0", "-g"]),
}


class Result(NamedTuple):
    """Medians of CPU seconds; how many turns used the preamble, and how many gave other bytes."""

    name: str
    plain: float
    ccache: float
    make: float
    tool: float
    made: int
    differ: int
    turns: int


def measure(
    compiler: str, source: str, options: list[str], turns: int, folder: str, scratch: str
) -> Result:
    """Edit one unit again and again, and compile it by each lane."""
    place = os.path.join(scratch, "project")
    shutil.copytree(folder, place)
    lab = Lab(place, INCREMENTAL_PREAMBLE="wait")
    words = [compiler, *options, "-MMD", "-I.", "-c", "-o", "unit.o", source]
    with open(source, "rb") as file:
        text = file.read()
    ccache = {**ENVIRONMENT, "CCACHE_DIR": os.path.join(scratch, "ccache")}
    costs: dict[str, list[float]] = {"plain": [], "ccache": [], "tool": []}
    made = differ = 0
    make = 0.0
    for turn in range(-3, turns):
        added = f"namespace re2 {{ int Added{turn + 3}(int x) {{ return x + {turn}; }} }}\n"
        lab.write(source, text + added.encode())
        began = cpu()
        must(lab.compile(words, "unit.o"))
        spent = cpu() - began
        plain = [*words[:-3], "-o", "plain.o", source]
        began = cpu()
        must(subprocess.run(plain, check=False, env=ENVIRONMENT).returncode)
        alone = cpu() - began
        if turn < 0:
            make = spent - alone
            continue
        made += bool(lab.counts.get("by_preamble"))
        costs["tool"].append(spent)
        costs["plain"].append(alone)
        with open("unit.o", "rb") as mine, open("plain.o", "rb") as theirs:
            differ += mine.read() != theirs.read()
        began = cpu()
        must(subprocess.run(["ccache", *plain], check=False, env=ccache).returncode)
        costs["ccache"].append(cpu() - began)
    lab.close()
    os.chdir(scratch)
    shutil.rmtree(place)
    medians = {lane: statistics.median(spent) for lane, spent in costs.items()}
    label = f"{source} {compiler} {' '.join(options)}"
    tool, ccached = medians["tool"], medians["ccache"]
    return Result(label, medians["plain"], ccached, make, tool, made, differ, turns)


def show(results: list[Result]) -> None:
    """Print one line for each unit, and the geometric mean of what was gained."""
    print(
        f"{'unit':32} {'plain':>7} {'ccache':>7} {'make':>7} {'tool':>7} {'gain':>6}  "
        "with preamble, other bytes"
    )
    for row in results:
        gain = row.plain / row.tool
        print(
            f"{row.name:32} {row.plain:7.3f} {row.ccache:7.3f} {row.make:7.3f} {row.tool:7.3f} "
            f"{gain:5.2f}x  {row.made} of {row.turns}, {row.differ}"
        )
    mean = math.exp(statistics.mean(math.log(row.plain / row.tool) for row in results))
    print(f"geometric mean {mean:.2f}x", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--compiler", choices=tuple(OPTIONS), default="g++")
    chosen = parser.parse_args()
    folder = fetch("re2")
    with tempfile.TemporaryDirectory() as scratch:
        for options in OPTIONS[chosen.compiler]:
            show(
                [
                    measure(chosen.compiler, unit, options, chosen.turns, folder, scratch)
                    for unit in UNITS
                ]
            )


if __name__ == "__main__":
    main()
