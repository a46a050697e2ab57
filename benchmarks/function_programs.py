"""Programs linked of objects made of functions, beside the same of full compiles: they do the same.

Each round edits one to five functions of one unit of a program (Lua, or SQLite with a small
driver) at random, as function_campaign.py does, and compiles the unit through the tool and by
the plain command. Both objects are linked, both programs run the same script, and their exit
status, output and errors are compared. Edits may well change what a program does, or make it
crash or hang: that both do so alike is what is asked. Programs that differ are kept in a
folder that is named, and the status is 1.

    python benchmarks/function_programs.py --programs lua --compilers gcc --options=-O0 --rounds 10

An edit may leave what the program does to chance (a variable that nothing sets any more). So
where two programs differ, the plain one is run again, and the unit is compiled whole with the
options that the tool adds: if either of the plain compiler's own programs does something else,
and the spliced one does what one of them does, the round is counted as left to chance; so it is
where both have done the same until a signal ended them, and say something else of it.

Does not know which functions the scripts reach: an edit of one that never runs shows only
that the program was put together. The campaign's comparison of objects does not depend on that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from typing import NamedTuple

from function_edits import KINDS
from function_lab import ENVIRONMENT, Lab
from function_rounds import edited
from function_scripts import DRIVER, LUA, SQL
from real_sources import fetch

from incremental_tool.engine.function_compile import MIN_SOURCE
from incremental_tool.model.function_command import CONTAINED, SECTIONS

LEVELS = {"gcc": ("-O0", "-O0 -g", "-O2"), "clang": ("-O0", "-O0 -g")}
SECONDS = 10
TELLING = ("literal", "string", "remove")
"""The kinds of edits that change what a program does; half of the rounds have no others."""
LIMITS = "ulimit -c 0; ulimit -f 40000; ulimit -v 2000000; exec "
"""For an edit that makes a program print or allocate for ever: 20 MB of output, 2 GB of memory."""
PLAIN, TOOL, WITNESS = ".plain", "", ".witness"
"""What the name of an object ends with, by who made it."""


class Program(NamedTuple):
    """What a program is linked of, the words its units and itself need, and what it is given."""

    name: str
    words: tuple[str, ...]
    libraries: tuple[str, ...]
    script: str
    extra: dict[str, str]


PROGRAMS = {
    "lua": Program("lua", ("-Dluai_makeseed=sizeof",), ("-lm",), LUA, {}),  # the same hashes
    "sqlite": Program("sqlite", (), ("-lm", "-lpthread", "-ldl"), SQL, {"driver.c": DRIVER}),
}


class Outcome(NamedTuple):
    """What a program did; a signal is a negative status, and nothing counts of one that hangs."""

    status: int | None
    out: bytes
    err: bytes

    @property
    def crashed(self) -> bool:
        """Whether a signal ended it."""
        return self.status is not None and self.status < 0

    def told(self) -> str:
        """Return how it ended, in a few words."""
        if self.status is None:
            return "it did not end"
        return f"status {self.status}, {len(self.out)} and {len(self.err)} bytes"


class Bench:
    """One program, compiler and set of options: its folder, its units' texts, what was counted."""

    def __init__(self, program: Program, compiler: str, options: str, scratch: str) -> None:
        self.program = program
        self.compiler = compiler
        self.options = options
        self.tally: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self.place = os.path.join(scratch, "program")
        shutil.copytree(fetch(program.name), self.place)
        for name, text in program.extra.items():
            with open(os.path.join(self.place, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.script = os.path.join(scratch, "script")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(program.script)
        self.lab = Lab(self.place, INCREMENTAL_FUNCTIONS_OPTIMISED="1")
        self.units = sorted(name for name in os.listdir(".") if name.endswith(".c"))
        self.first: dict[str, bytes] = {}
        self.texts: dict[str, bytes] = {}
        for name in self.units:
            with open(name, "rb") as file:
                self.first[name] = self.texts[name] = file.read()
        self.large = [name for name in self.units if len(self.first[name]) >= MIN_SOURCE]
        self.large = [name for name in self.large if name not in program.extra]

    def words(self, name: str, ending: str) -> list[str]:
        """Return the command that makes an object of a unit."""
        added: tuple[str, ...] = ()
        if ending == WITNESS:
            plain = self.options.split()[0] in ("-O0", "-g")
            added = (SECTIONS, "-fno-ipa-stack-alignment") if plain else (SECTIONS, *CONTAINED)
            added = added if self.compiler == "gcc" else (SECTIONS,)
        options = (*self.options.split(), *self.program.words, *added)
        return [self.compiler, *options, "-c", "-o", f"{name}.o{ending}", name]

    def compile(self, name: str, text: bytes) -> None:
        """Compile a unit through the tool."""
        self.texts[name] = text
        self.lab.write(name, text)
        if self.lab.compile(self.words(name, TOOL), f"{name}.o"):
            sys.exit(f"{name} does not compile")

    def compile_whole(self, name: str, ending: str) -> None:
        """Compile a unit as it now is by the compiler alone."""
        subprocess.run(self.words(name, ending), check=True, env=ENVIRONMENT)

    def prepare(self) -> None:
        """Compile all units by either way, and the large ones once more: so they have a base."""
        for name in self.units:
            self.compile(name, self.first[name])
            if name in self.large:
                self.first[name] += b"extern int edited;\n"
                self.compile(name, self.first[name])
            self.compile_whole(name, PLAIN)
            shutil.copyfile(f"{name}.o{PLAIN}", f"{name}.o.first")

    def restore(self) -> None:
        """Go back to the texts of the beginning."""
        for name in self.units:
            if self.texts[name] != self.first[name]:
                self.compile(name, self.first[name])
                shutil.copyfile(f"{name}.o.first", f"{name}.o{PLAIN}")

    def outcome(self, ending: str, name: str = "") -> Outcome:
        """Link the objects of one kind and run the program; of the witness that is one unit."""
        binary = f"./run{ending}"
        others = PLAIN if ending == WITNESS else ending
        objects = [f"{unit}.o{ending if unit == name else others}" for unit in self.units]
        link = [self.compiler, *self.options.split(), "-o", binary]
        self._link([*link, *objects, *self.program.libraries])
        return self.run(binary)

    def _link(self, words: list[str]) -> None:
        done = subprocess.run(words, check=False, env=ENVIRONMENT, stderr=subprocess.PIPE)
        if done.returncode:
            sys.exit(done.stderr.decode(errors="replace"))

    def run(self, binary: str) -> Outcome:
        """Run a program on its script."""
        argv = ["sh", "-c", LIMITS + '"$0" "$@"', binary, self.script]
        with open("run.out", "wb") as out, open("run.err", "wb") as err:
            try:
                done = subprocess.run(
                    argv,
                    check=False,
                    env=ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    timeout=SECONDS,
                )
            except subprocess.TimeoutExpired:
                return Outcome(None, b"", b"")
        with open("run.out", "rb") as file, open("run.err", "rb") as second:
            # the program's own name is in some messages of it
            told = second.read().replace(binary.encode(), b"./run")
            return Outcome(done.returncode, file.read().replace(binary.encode(), b"./run"), told)

    def is_chance(self, name: str, tool: Outcome, plain: Outcome) -> bool:
        """Whether the compiler's own programs differ among themselves, and the tool's is as one."""
        self.compile_whole(name, WITNESS)
        witness = self.outcome(WITNESS, name)
        own = [witness, *(self.run(f"./run{end}") for end in (PLAIN, WITNESS) * 5)]
        mine = {tool, *(self.run(f"./run{TOOL}") for _ in range(5))}
        if plain.crashed and tool.crashed and tool.out == plain.out:
            return True  # what is found broken first, and what is said of it, lies with the heap
        if len({plain, *own}) == 1:
            return False
        # what is different each time (an address) can only be told to be so
        unsteady = len(set(own[1::2])) > 1 and len(set(own[::2])) > 1 and len(mine) > 1
        return unsteady or bool(mine & {plain, *own})

    def keep(
        self, name: str, before: bytes, kinds: list[str], tool: Outcome, plain: Outcome
    ) -> None:
        """Keep the folder of two programs that differ, and say where it is."""
        kept = tempfile.mkdtemp(prefix=f"programs-differ-{self.program.name}-")
        for ending, outcome in ((TOOL, tool), (PLAIN, plain)):
            for what, content in (("out", outcome.out), ("err", outcome.err)):
                with open(f"{what}{ending or '.tool'}", "wb") as file:
                    file.write(content)
        with open(f"{name}.before", "wb") as file:
            file.write(before)
        shutil.copytree(self.place, kept, dirs_exist_ok=True)
        shutil.copyfile(self.script, os.path.join(kept, "script"))
        print(f"DIFFERS: {name} {self.compiler} {self.options} after {kinds}: with the tool")
        print(f"  {tool.told()}; else {plain.told()}; kept in {kept}", flush=True)

    def close(self) -> None:
        """End."""
        self.lab.close()
        os.chdir(os.path.dirname(self.place))


def rounds_of(bench: Bench, rounds: int, seed: int) -> None:
    """Edit and compare; what was found is in the bench's tally."""
    rng = random.Random(f"{seed} {bench.program.name} {bench.compiler} {bench.options}")
    bench.prepare()
    first = last = bench.outcome(PLAIN)
    if first.status != 0 or bench.outcome(TOOL) != first:
        sys.exit(f"{bench.program.name} does not work before any edit: {first.told()}")
    weights = [len(bench.first[name]) for name in bench.large]
    for _ in range(rounds):
        bench.tally["rounds"] += 1
        name = rng.choices(bench.large, weights)[0]
        before, kinds = bench.texts[name], list[str]()
        while not kinds:
            wanted = rng.choice((KINDS, TELLING))
            text, kinds = edited(rng, before, bench.compiler, name, wanted)
        bench.compile(name, text)
        lab = bench.lab
        bench.tally["made of functions" if lab.made else "compiled whole"] += 1
        bench.tally["functions compiled"] += lab.counts.get("functions_compiled", 0)
        if not lab.made:
            reasons = [reason for reason in lab.reasons if reason.startswith("function.")]
            bench.whole[", ".join(reasons or lab.reasons)] += 1
        bench.compile_whole(name, PLAIN)
        tool, plain = bench.outcome(TOOL), bench.outcome(PLAIN)
        bench.tally["behaviour changed"] += plain != last
        bench.tally["of these made of functions"] += plain != last and lab.made
        last = plain
        chance = False
        if tool != plain:
            chance = bench.is_chance(name, tool, plain)
            bench.tally["left to chance" if chance else "differed"] += 1
            if chance:
                print(f"left to chance: {name} {kinds}: {tool.told()}; plain {plain.told()}")
            else:
                bench.keep(name, before, kinds, tool, plain)
        if chance or tool != plain or plain.status != 0 or len(plain.out) < len(first.out) // 2:
            bench.restore()
            last = first


COUNTS = (
    "rounds",
    "made of functions",
    "functions compiled",
    "compiled whole",
    "behaviour changed",
    "of these made of functions",
    "left to chance",
    "differed",
)


def compare(
    program: Program, compiler: str, options: str, rounds: int, seed: int
) -> dict[str, object]:
    """Compare one program with one compiler and set of options, and print what was found."""
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(program, compiler, options, scratch)
        rounds_of(bench, rounds, seed)
        bench.close()
    print(f"{program.name} {compiler} {options}")
    for what in COUNTS:
        print(f"  {bench.tally[what]:5} {what}")
    for why, number in bench.whole.most_common():
        print(f"  {number:5} whole: {why}", flush=True)
    return {
        "program": program.name,
        "compiler": compiler,
        "options": options,
        **{what: bench.tally[what] for what in COUNTS},
        "whole": bench.whole,
    }


def main() -> int:
    """Compare what is asked for; 1 when any program differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", nargs="+", choices=tuple(PROGRAMS), default=list(PROGRAMS))
    parser.add_argument("--compilers", nargs="+", choices=tuple(LEVELS), default=list(LEVELS))
    parser.add_argument("--options", action="append", help="instead of all: '--options=-O0 -g'")
    parser.add_argument("--small", action="store_true", help="Lua, gcc -O0 -g, 3 rounds")
    parser.add_argument("--check", action="store_true", help="exit 1 if any differs: always so")
    parser.add_argument("--json", help="file to write what was counted to")
    chosen = parser.parse_args()
    if chosen.small:
        chosen.programs, chosen.compilers, chosen.options = ["lua"], ["gcc"], ["-O0 -g"]
        chosen.rounds = 3
    target = os.path.abspath(chosen.json) if chosen.json else None
    results = []
    for name in chosen.programs:
        for compiler in chosen.compilers:
            for options in chosen.options or LEVELS[compiler]:
                program = PROGRAMS[name]
                results.append(compare(program, compiler, options, chosen.rounds, chosen.seed))
    differed = any(result["differed"] for result in results)
    if target:
        with open(target, "w", encoding="utf-8") as file:
            json.dump({"asked": vars(chosen), "results": results}, file, indent=1)
            file.write("\n")
    return 1 if differed else 0


if __name__ == "__main__":
    sys.exit(main())
