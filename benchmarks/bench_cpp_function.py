"""One function of a C++ file edited, without exceptions: beside a plain compile and ccache.

For each unit and set of options the lanes take turns: the compiler by itself, ccache (a miss), and
the tool, whose base, cut and precompiled preamble are there already. Each turn changes one
function in the middle of the file; in the second half of them it gets longer by a line or two, so
that all functions behind it that name their lines are compiled, too. What a refused edit lets go on
behind the build, a new cut, is in the tool's figure. CPU seconds
are user plus system time of the compiler and of this process; SCons is not in it. Every object
is compared with a full compile by meaning (`model.object_comparison`).

    python benchmarks/bench_cpp_function.py [--turns 10]
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

from function_lab import ENVIRONMENT, Lab, cpu, must
from real_sources import fetch

from incremental_tool.model.cpp_regions import definitions_of
from incremental_tool.model.object_comparison import differences
from incremental_tool.model.reason import Reason

UNITS = ("re2/parse.cc", "re2/dfa.cc", "re2/prog.cc")
OPTIONS = ("-O0 -fno-exceptions", "-O0 -g -fno-exceptions")
BASE = ("-ffunction-sections", "-fno-ipa-stack-alignment")


class Result(NamedTuple):
    """Medians of CPU seconds by kind of edit; how many were made of functions, and differed."""

    name: str
    plain: float
    ccache: float
    within: float
    longer: float
    made: int
    differ: int
    turns: int


def edited(text: bytes, turn: int, lines: int) -> bytes:
    """Return the text with the function in its middle changed, and longer by some lines."""
    found = definitions_of(text)
    if isinstance(found, Reason):
        sys.exit(found.sentence)
    chosen = found[len(found) // 2]
    more = b"{ volatile int added = %d; (void)added; " % turn + b"\n" * lines
    return text[: chosen.opened] + more + text[chosen.opened + 1 :]


def measure(source: str, options: str, turns: int, folder: str, scratch: str) -> Result:
    """Edit one unit again and again, and compile it by each lane."""
    place = os.path.join(scratch, "project")
    shutil.copytree(folder, place)
    lab = Lab(place, INCREMENTAL_PREAMBLE="wait")
    words = ["g++", *options.split(), "-MMD", "-I.", "-c", "-o", "unit.o", source]
    with open(source, "rb") as file:
        text = file.read()
    ccache = {**ENVIRONMENT, "CCACHE_DIR": os.path.join(scratch, "ccache")}
    costs: dict[str, list[float]] = {"plain": [], "ccache": [], "within": [], "longer": []}
    made = differ = 0
    for turn in range(-2, turns):
        lines = 1 + turn % 2 if turn >= turns // 2 else 0
        lab.write(source, text if turn == -2 else edited(text, turn + 1000, lines))
        began = cpu()
        must(lab.compile(words, "unit.o"))
        spent = cpu() - began
        if turn < 0:
            continue
        plain = [*words[:-3], "-o", "plain.o", source]
        began = cpu()
        must(subprocess.run(plain, check=False, env=ENVIRONMENT).returncode)
        costs["plain"].append(cpu() - began)
        costs["longer" if lines else "within"].append(spent)
        made += lab.made
        whole = subprocess.run([*plain, *BASE], check=False, env=ENVIRONMENT).returncode
        must(whole)
        with open("unit.o", "rb") as mine, open("plain.o", "rb") as theirs:
            differ += bool(lab.made and differences(theirs.read(), mine.read()))
        began = cpu()
        must(subprocess.run(["ccache", *plain], check=False, env=ccache).returncode)
        costs["ccache"].append(cpu() - began)
    lab.close()
    os.chdir(scratch)
    shutil.rmtree(place)
    medians = [statistics.median(spent) for spent in costs.values()]
    return Result(f"{source} {options}", *medians, made, differ, turns)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10)
    chosen = parser.parse_args()
    folder = fetch("re2")
    print(
        f"{'unit':36} {'plain':>7} {'ccache':>7} {'edit':>7} {'gain':>6} {'longer':>7} {'gain':>6}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for options in OPTIONS:
            rows = [measure(unit, options, chosen.turns, folder, scratch) for unit in UNITS]
            for row in rows:
                print(
                    f"{row.name:36} {row.plain:7.3f} {row.ccache:7.3f} {row.within:7.3f} "
                    f"{row.plain / row.within:5.2f}x {row.longer:7.3f} "
                    f"{row.plain / row.longer:5.2f}x  {row.made} of {row.turns} made of functions, "
                    f"{row.differ} differ"
                )
            for kind in ("within", "longer"):
                gains = [math.log(row.plain / getattr(row, kind)) for row in rows]
                print(
                    f"geometric mean, {kind}: {math.exp(statistics.mean(gains)):.2f}x", flush=True
                )


if __name__ == "__main__":
    main()
