"""Random edits of real C and C++ sources, each object compared with that of a full compile.

Each round edits one to five functions of a source, as people do, and compiles it through the
tool with INCREMENTAL_VERIFY=1: an object that is made of functions and differs in any
function, variable, name or line from what a full compile makes ends the campaign
with status 1. Edits that do not compile are left out; edits that the tool sends to
a full compile are counted by their reason.

    python benchmarks/function_campaign.py --rounds 200 --sources lua zlib sqlite

Knows nothing of how long anything takes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter

import cpp_edits
from bench_function import ZLIB, ZLIB_OPTIONS
from function_lab import Lab
from function_rounds import edited
from real_sources import fetch

from incremental_tool.engine import function_compile

LUA = ("lparser.c", "lvm.c", "lstrlib.c", "lapi.c", "lgc.c", "ltable.c", "lcode.c", "ldebug.c")
RE2 = ("dfa", "parse", "prog", "re2", "regexp", "compile", "nfa", "prefilter", "simplify")
FILES = {
    "lua": LUA,
    "zlib": ZLIB,
    "sqlite": ("sqlite3.c",),
    "re2": tuple(f"re2/{name}.cc" for name in RE2),
}
LEVELS = {
    "g++": ("-O0", "-O0 -g", "-O0 -g -fPIC"),
    "gcc": ("-O0", "-O0 -g", "-O0 -g -fPIC", "-O2"),
    "clang": ("-O0", "-O0 -g", "-O0 -g -fPIC"),
}


def campaign(
    folder: str, name: str, compiler: str, options: str, rounds: int, seed: int, tally: Counter[str]
) -> int:
    """Edit one source again and again; return how many objects differed."""
    rng = random.Random(f"{seed} {name} {compiler} {options}")
    with tempfile.TemporaryDirectory() as scratch:
        place = os.path.join(scratch, "unit")
        shutil.copytree(folder, place)
        of_cpp = name.endswith(".cc")
        lab = Lab(
            place,
            INCREMENTAL_VERIFY="1",
            INCREMENTAL_FUNCTIONS_OPTIMISED="1",
            INCREMENTAL_PREAMBLE="wait" if of_cpp else "0",
        )
        own = ["-I.", "-fno-exceptions"] if of_cpp else ZLIB_OPTIONS
        # With -w a unit has no outline; what zlib's configure finds keeps it from being warned of.
        words = [compiler, *options.split(), *own, "-c", "-o", "unit.o", name]
        with open(name, "rb") as file:
            first = (cpp_edits.INCLUDES if of_cpp else b"") + file.read()
        text = first
        for round_ in range(-2, rounds):
            kinds = ["base"]
            if round_ >= 0:
                text, kinds = edited(rng, text, compiler, name, options=["-I."] if of_cpp else ())
                if not kinds:
                    tally["no such edit, or it does not compile"] += 1
                    text = first
                    continue
            elif round_ == -1:
                text += b"extern int edited;\n"
            lab.write(name, text)
            if lab.compile(words, "unit.o"):
                if round_ < 0:
                    sys.exit(f"{name} does not compile")
                tally["no such edit, or it does not compile"] += 1
                text = first  # the assembler has refused it
                continue
            if round_ < 0:
                continue
            reasons = [reason for reason in lab.reasons if reason.startswith("function.")]
            tally["made of functions" if lab.made else f"whole: {reasons}"] += 1
            tally["compiled from a precompiled header"] += bool(lab.counts.get("by_preamble"))
            tally["compiled with all declarations"] += "function.outline.failed" in reasons
            tally["functions compiled"] += lab.counts.get("functions_compiled", 0)
            if not {"function.differs", "preamble.differs"}.isdisjoint(lab.reasons):
                print(name, compiler, options, kinds, lab.told[-1:])
                os.chdir(scratch)
                kept = os.path.join(
                    tempfile.gettempdir(), f"differs-{seed}-{os.path.basename(name)}"
                )
                shutil.copytree(place, kept, dirs_exist_ok=True)
                return 1
            if rng.random() < 0.1:
                text = first  # back to the beginning: what was compiled then is known
        lab.close()
        os.chdir(os.path.dirname(scratch))
    return 0


def main() -> int:
    """Run what is asked for; 1 when any object differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sources", nargs="+", choices=tuple(FILES), default=list(FILES))
    parser.add_argument("--compilers", nargs="+", choices=tuple(LEVELS), default=list(LEVELS))
    parser.add_argument("--options", nargs="+", help="instead of all levels: for example '-O0 -g'")
    parser.add_argument("--small", action="store_true", help="one file of zlib, gcc -O0 -g")
    parser.add_argument("--check", action="store_true", help="exit 1 if any differs: always so")
    parser.add_argument("--json", help="file to write what was counted to")
    chosen = parser.parse_args()
    target = os.path.abspath(chosen.json) if chosen.json else None  # the folder is left
    files: dict[str, tuple[str, ...]] = dict(FILES)
    if chosen.small:
        chosen.sources, chosen.compilers, chosen.options = ["zlib"], ["gcc"], ["-O0 -g"]
        files["zlib"] = ZLIB[:1]
    function_compile.MIN_SOURCE = 1  # small sources have corners, too
    tally: Counter[str] = Counter()
    differed = 0
    for group in chosen.sources:
        folder = fetch(group)
        for name in files[group]:
            for compiler in chosen.compilers:
                for options in chosen.options or LEVELS[compiler]:
                    if (compiler == "g++") == (group == "re2"):
                        asked = (compiler, options, chosen.rounds, chosen.seed, tally)
                        differed += campaign(folder, name, *asked)
        print(f"after {group}:", flush=True)
        for what, number in tally.most_common():
            print(f"  {number:6} {what}")
    print(f"{differed} objects differed")
    if target:
        with open(target, "w", encoding="utf-8") as file:
            found = {"asked": vars(chosen), "differed": differed, "counts": tally}
            json.dump(found, file, indent=1)
            file.write("\n")
    return 1 if differed else 0


if __name__ == "__main__":
    sys.exit(main())
