"""Make an SCons project of any size to measure builds with.

    python benchmarks/generate_project.py 1000 /tmp/project --flags=-O2

The same numbers, flags and seed make the same bytes. A project has N C files
of three functions each, N/20 headers (at least 20) that include each other in
three layers, five of them included by each file, a static library in each of
up to 100 folders, and one program that reaches every function and prints one
number. `build.ninja` runs the same commands as SConstruct. `project.json`
tells what was made and names a typical source and a typical header to edit.

The SConstruct takes its mode from the command line, so that all modes are
measured on one and the same project:

    TOOL=1          with incremental_tool
    CACHEDIR=path   with SCons's own cache of built files
    LAUNCHER=name   with a compiler launcher, such as ccache
    DECIDER=name    with another of SCons's deciders
    FAST=1          with the switches SCons documents for speed

With `--stand-in` the tools are replaced by one that only reads its inputs
(`stand_in.c`): what is left of a build is what the build tool itself costs.

Knows nothing of measuring, nor of what the C code does (`source_text`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from source_text import header_text, main_text, source_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_SEED = 7
INCLUDES_PER_FILE = 5
MOST_FOLDERS = 100
FEWEST_HEADERS = 20
# A header edit is called typical when about this many files depend on it:
# in open C projects the median header has far fewer, the painful one far more.
TYPICAL_DEPENDENTS = 50

_SCONSTRUCT = '''\
"""Generated: {count} C files, {folder_count} libraries, one program."""

import os

tools = ["default"]
if ARGUMENTS.get("TOOL"):
    import incremental_tool

    tools.append(incremental_tool.generate)

env = Environment(tools=tools, CPPPATH=["#include"], CCFLAGS={flags!r})
env["ENV"]["PATH"] = os.environ["PATH"]
{stand_in}
if ARGUMENTS.get("LAUNCHER"):
    env["CC"] = ARGUMENTS["LAUNCHER"] + " " + env["CC"]
    env["ENV"].update((name, os.environ[name]) for name in os.environ if name.startswith("CCACHE_"))
if ARGUMENTS.get("CACHEDIR"):
    CacheDir(ARGUMENTS["CACHEDIR"])
if ARGUMENTS.get("DECIDER"):
    env.Decider(ARGUMENTS["DECIDER"])
if ARGUMENTS.get("FAST"):
    SetOption("max_drift", 1)
    SetOption("implicit_cache", 1)
    env.Decider("content-timestamp")

libraries = [
    env.SConscript(f"src/d{{number:03d}}/SConscript", exports="env")
    for number in range({folder_count})
]
Default(env.Program("program", ["main.c"] + libraries))
'''

# The stand-ins are found along PATH, as gcc is, so that SCons makes the
# program a dependency of what it builds, as it does with gcc.
_STAND_IN = """\
env.PrependENVPath("PATH", Dir("#bin").abspath)
env.Replace(CC="stand-in-cc", AR="stand-in-ar", RANLIB="stand-in-ranlib", LINK="stand-in-ld")
"""

_NINJA = """\
# Generated: the commands of SConstruct.
flags = {flags}
rule cc
  command = {prefix}{cc} -o $out -c $flags -MD -MF $out.d -Iinclude $in
  depfile = $out.d
  deps = gcc
rule ar
  command = rm -f $out && {prefix}{ar} rc $out $in && {prefix}{ranlib} $out
rule ld
  command = {prefix}{ld} -o $out $in
"""


class Layout(NamedTuple):
    """Which files a project has and which header includes which; no text yet."""

    folders: list[list[str]]
    headers: list[str]
    header_includes: dict[str, list[str]]
    source_includes: dict[str, list[str]]

    def closure(self, source: str) -> set[str]:
        """Return every header that `source` reads."""
        found: set[str] = set()
        open_ends = list(self.source_includes[source])
        while open_ends:
            header = open_ends.pop()
            if header not in found:
                found.add(header)
                open_ends += self.header_includes[header]
        return found


def plan(count: int, rng: random.Random) -> Layout:
    """Decide how `count` sources and their headers hang together."""
    headers = [f"{number:05d}" for number in range(max(FEWEST_HEADERS, count // 20))]
    # Three layers, each including only from the one below: no cycles, and
    # a file reads about four times as many headers as it names.
    upper, middle = len(headers) * 4 // 10, len(headers) * 7 // 10
    header_includes: dict[str, list[str]] = {}
    for index, header in enumerate(headers):
        below = headers[upper:middle] if index < upper else headers[middle:]
        header_includes[header] = sorted(rng.sample(below, 2)) if index < middle else []

    # Some headers are popular and some are not.
    popularity = [rng.uniform(0.25, 1.75) for _ in headers]
    folder_count = max(1, min(MOST_FOLDERS, count // 10))
    sources = [f"{number:05d}" for number in range(count)]
    source_includes: dict[str, list[str]] = {}
    for source in sources:
        chosen: set[str] = set()
        while len(chosen) < INCLUDES_PER_FILE:
            chosen.update(rng.choices(headers, popularity))
        source_includes[source] = sorted(chosen)
    cuts = [count * number // folder_count for number in range(folder_count + 1)]
    folders = [sources[start:end] for start, end in zip(cuts, cuts[1:])]
    return Layout(folders, headers, header_includes, source_includes)


def _write(out: str, path: str, text: str) -> None:
    whole = os.path.join(out, path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    with open(whole, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _write_code(out: str, layout: Layout, rng: random.Random) -> None:
    """Write headers, sources and the main file."""
    for header in layout.headers:
        text = header_text(rng, header, layout.header_includes[header])
        _write(out, f"include/h_{header}.h", text)
    entries = []
    for folder, sources in enumerate(layout.folders):
        entry = ""  # the file's function calls the one of the file before, within a library
        for source in sources:
            text, entry = source_text(rng, source, layout.source_includes[source], entry)
            _write(out, f"src/d{folder:03d}/f_{source}.c", text)
        entries.append(entry)
    _write(out, "main.c", main_text(entries))


def _ninja_text(layout: Layout, flags: Sequence[str], *, stand_in: bool) -> str:
    names = (
        {"cc": "stand-in-cc", "ar": "stand-in-ar", "ranlib": "stand-in-ranlib", "ld": "stand-in-ld"}
        if stand_in
        else {"cc": "gcc", "ar": "ar", "ranlib": "ranlib", "ld": "gcc"}
    )
    text = _NINJA.format(flags=" ".join(flags), prefix="bin/" if stand_in else "", **names)
    lines = ["build main.o: cc main.c"]
    libraries = []
    for folder, sources in enumerate(layout.folders):
        objects = [f"src/d{folder:03d}/f_{source}.o" for source in sources]
        lines += [f"build {name}: cc {name[:-1]}c" for name in objects]
        libraries.append(f"src/d{folder:03d}/libd{folder:03d}.a")
        lines.append(f"build {libraries[-1]}: ar {' '.join(objects)}")
    lines.append(f"build program: ld main.o {' '.join(libraries)}")
    lines.append("default program")
    return text + "\n".join(lines) + "\n"


def _write_build_files(out: str, layout: Layout, flags: Sequence[str], *, stand_in: bool) -> None:
    """Write SConstruct, SConscripts and build.ninja."""
    sconstruct = _SCONSTRUCT.format(
        count=len(layout.source_includes),
        folder_count=len(layout.folders),
        flags=list(flags),
        stand_in=_STAND_IN if stand_in else "",
    )
    _write(out, "SConstruct", sconstruct)
    for folder, sources in enumerate(layout.folders):
        listed = "".join(f'    "f_{source}.c",\n' for source in sources)
        _write(
            out,
            f"src/d{folder:03d}/SConscript",
            f'Import("env")\nlibrary = env.StaticLibrary("d{folder:03d}", [\n{listed}])\n'
            'Return("library")\n',
        )
    _write(out, "build.ninja", _ninja_text(layout, flags, stand_in=stand_in))


def _build_stand_in(out: str) -> None:
    """Compile the stand-in and give it its four names."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand_in.c")
    folder = os.path.join(out, "bin")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, "stand-in-cc")
    options = ["-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L"]
    subprocess.run(["gcc", *options, "-o", program, source], check=True)
    for name in ("ar", "ranlib", "ld"):
        os.symlink("stand-in-cc", os.path.join(folder, f"stand-in-{name}"))


def _facts(layout: Layout, seed: int, flags: Sequence[str], *, stand_in: bool) -> dict[str, object]:
    """Describe the project for those who edit and measure it."""
    dependents = dict.fromkeys(layout.headers, 0)
    read = 0
    for source in layout.source_includes:
        closure = layout.closure(source)
        read += len(closure)
        for header in closure:
            dependents[header] += 1
    header = min(dependents, key=lambda name: abs(dependents[name] - TYPICAL_DEPENDENTS))
    count = len(layout.source_includes)
    middle = len(layout.folders) // 2
    return {
        "sources": count,
        "headers": len(layout.headers),
        "folders": len(layout.folders),
        "seed": seed,
        "flags": list(flags),
        "stand_in": stand_in,
        "headers_read_per_source": round(read / count, 1),
        "typical_source": f"src/d{middle:03d}/f_{layout.folders[middle][0]}.c",
        "typical_header": f"include/h_{header}.h",
        "typical_header_dependents": dependents[header],
    }


def generate(
    count: int,
    out: str,
    *,
    seed: int = DEFAULT_SEED,
    flags: Iterable[str] = ("-O2",),
    stand_in: bool = False,
) -> dict[str, object]:
    """Write a project of `count` C files into the folder `out`; return what `project.json` says.

    `out` is made; it must not hold anything yet.
    """
    if count < 1:
        raise ValueError("a project needs at least one source")
    if os.path.isdir(out) and os.listdir(out):
        raise FileExistsError(f"{out} is not empty")
    flags = list(flags)
    rng = random.Random(seed)
    layout = plan(count, rng)
    _write_code(out, layout, rng)
    _write_build_files(out, layout, flags, stand_in=stand_in)
    if stand_in:
        _build_stand_in(out)
    facts = _facts(layout, seed, flags, stand_in=stand_in)
    _write(out, "project.json", json.dumps(facts, indent=2) + "\n")
    return facts


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description="Make an SCons project to measure builds with.")
    parser.add_argument("count", type=int, metavar="N", help="number of C files")
    parser.add_argument("out", help="folder to write into; new or empty")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--flags", default="-O2", help="compiler flags, as one word: --flags=-O2")
    parser.add_argument("--stand-in", action="store_true", help="a compiler that only reads")
    chosen = parser.parse_args(arguments)
    try:
        facts = generate(
            chosen.count,
            chosen.out,
            seed=chosen.seed,
            flags=chosen.flags.split(),
            stand_in=chosen.stand_in,
        )
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
