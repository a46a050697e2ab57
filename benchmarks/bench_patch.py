"""What it costs to keep one combined file of many sources up to date.

    python benchmarks/bench_patch.py [--files 1500] [--check]

A program of so many C files, three functions in each, is combined to one assembly file by
`iscons`: with nothing known (`cold`), with nothing changed (`warm`) and with one function of one
file changed (`one file`). Ratios are to the cold build of the same run. The combined file is then
compared with the one that plain SCons makes of the same sources, and assembled.

`--files 10001` is the project of 10,001 files and 30,000 functions that the targets are about; its
cold build takes minutes. `--step` measures the combining alone, in one process, without SCons and
compilers: parsing, telling what has changed, one changed section, memory.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from measure import Lane, Report, compare
from scons_lanes import clean_environment, require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WARM, ONE = 100, 30
"""Times that the cold build must take of a warm one, and of one changed file."""
PARSE_MS, DETECT_MS, MEMORY = 50, 5, 2.0
"""For 10,000 sections: CPU ms to parse, to tell what has changed; memory in files' sizes."""

SCRIPT = """\
import os
tools = ["default"]
if os.environ.get("PLAIN"):
    env = Environment(tools=tools, INCREMENTAL="0", CPPPATH=["."])
    from incremental_tool.scons.combined import add_builders
    add_builders(env)
else:
    import incremental_tool
    env = Environment(tools=[*tools, incremental_tool.generate], CPPPATH=["."])
env.CombinedAssembly("app.s", [f"src/d{n % 100:02}/f{n:05}.c" for n in range(COUNT)])
"""


def source_of(number: int, value: int = 1) -> str:
    """Return one file of the program: three functions, one of which calls the next file's."""
    return (
        '#include "shared.h"\n'
        f"static int own(int a) {{ return a * {number} + STEP; }}\n"
        f"int first{number}(int a)\n{{\n    if (a > {value}) return own(a) - {value};\n"
        f'    return a + (int)sizeof("{number}");\n}}\n'
        f"int second{number}(int a)\n{{\n    int sum = 0;\n"
        f"    for (int i = 0; i < a; i++) sum += first{number}(i) ^ own(i);\n    return sum;\n}}\n"
    )


def make_tree(folder: str, count: int) -> None:
    """Write the sources and the SConstruct."""
    for number in range(count):
        path = os.path.join(folder, source_name(number))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, source_of(number) if number else "int main(void) { return 0; }\n")
    write(
        os.path.join(folder, "shared.h"), "#define STEP 3\nextern int printf(const char *, ...);\n"
    )
    write(os.path.join(folder, "SConstruct"), SCRIPT.replace("COUNT", str(count)))


def source_name(number: int) -> str:
    """Return where a source lies."""
    return f"src/d{number % 100:02}/f{number:05}.c"


def write(path: str, text: str) -> None:
    """Write a file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def builds(report: Report, folder: str, chosen: argparse.Namespace) -> None:
    """Measure whole builds, and compare what they leave."""
    count, environment = chosen.files, clean_environment()
    tree = os.path.join(folder, "tree")
    make_tree(tree, count)
    argv = [sys.executable, "-m", "incremental_tool.launcher", f"-j{chosen.jobs}", "-s"]
    values = itertools.count(7)

    def forget() -> None:
        for name in (".incremental", "app.s.sections"):
            shutil.rmtree(os.path.join(tree, name), ignore_errors=True)
        for name in (".sconsign.dblite", "app.s"):
            if os.path.exists(os.path.join(tree, name)):
                os.unlink(os.path.join(tree, name))

    def edit() -> None:
        number = count // 2
        write(os.path.join(tree, source_name(number)), source_of(number, next(values)))

    (cold,) = compare([Lane("cold", argv, tree, environment, forget)], chosen.cold_rounds)
    for _ in range(2):  # the run that records, and the one that it is recorded for
        subprocess.run(argv, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    edit()
    subprocess.run(argv, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    lanes = [
        Lane("warm", argv, tree, environment),
        Lane("one file", argv, tree, environment, edit, lambda _: figures(tree)),
    ]
    warm, one = compare(lanes, chosen.rounds)
    rows = [row._replace(cpu_ratio=row.cpu / cold.cpu) for row in (cold, warm, one)]
    report.section(f"{count} files, {count * 3} functions", rows)
    size = os.path.getsize(os.path.join(tree, "app.s")) / 1e6
    print(f"the combined file has {size:.1f} MB\n")
    report.target(
        f"warm: {cold.cpu / warm.cpu:.0f}x less than cold (at least {WARM}x)",
        met=cold.cpu / warm.cpu >= WARM,
    )
    report.target(
        f"one file: {cold.cpu / one.cpu:.0f}x less than cold (at least {ONE}x)",
        met=cold.cpu / one.cpu >= ONE,
    )
    report.target("one section was made again", met=one.counters["sections_made"] == 1)
    with open(os.path.join(tree, "app.s"), "rb") as file:
        ours = file.read()
    forget()
    plain = [sys.executable, "-m", "SCons", "-s", f"-j{chosen.jobs}"]
    subprocess.run(plain, cwd=tree, env={**environment, "PLAIN": "1"}, check=True)
    with open(os.path.join(tree, "app.s"), "rb") as file:
        report.target("plain SCons makes the same file", met=file.read() == ours)
    done = subprocess.run(["gcc", "-c", "app.s", "-o", "app.o"], cwd=tree, check=False)
    report.target("gcc assembles it", met=done.returncode == 0)


def figures(tree: str) -> dict[str, float]:
    """Return what the last build counted of sections."""
    with open(os.path.join(tree, ".incremental", "stats.json"), encoding="utf-8") as file:
        counts = json.load(file)["last"]["counts"]
    return {name: counts.get(name, 0) for name in ("sections_made", "sections_total")}


def step(folder: str, count: int, rounds: int) -> dict[str, float]:
    """Combine generated sections in this process, and return medians of CPU ms, and memory."""
    from incremental_tool.engine.combine import differing
    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.settings import settings_for
    from incremental_tool.model.combination import combination_of
    from incremental_tool.model.markers import parse

    os.chdir(folder)
    os.makedirs("s", exist_ok=True)
    names = [f"s/f{number:05}" for number in range(count)]
    for number, name in enumerate(names):
        write(name, f"text of {number}\n" * 200)
    combination = combination_of("text", ";", names, (50, 50, 100))
    files = [name.encode() for name in names]
    times: dict[str, list[float]] = {}

    def timed(name: str, function: Callable[[], object]) -> None:
        started = time.process_time()
        function()
        times.setdefault(name, []).append((time.process_time() - started) * 1000)

    def build() -> None:
        cache = MultiLevelCache(settings_for(folder, {}, {}))
        cache.open_for_commands()
        cache.combining.prepare(b"out", combination, files)()
        cache.commit()
        cache.close()

    timed("whole", build)
    time.sleep(0.05)
    with open("out", "rb") as file:
        content = file.read()
    digests = os.urandom(16 * count)
    other = bytearray(digests)
    other[16 * (count // 2)] ^= 1
    for turn in range(rounds):
        timed("parse", lambda: parse(content, combination.leader))
        timed("tell what has changed", lambda: differing(digests, bytes(other)))
        timed("nothing changed", build)
        write(names[count // 2], f"other text {turn}\n" * 210)
        time.sleep(0.02)
        timed("one changed", build)
    found = {name: statistics.median(values) for name, values in times.items()}
    found["MB"] = len(content) / 1e6
    return found


def peak_mb(folder: str, what: str, count: int) -> float:
    """Return the peak memory of a process that combines, less that of one that does not."""
    code = (
        "import os\n"
        "from incremental_tool.engine.multi_level_cache import MultiLevelCache\n"
        "from incremental_tool.engine.settings import settings_for\n"
        "from incremental_tool.model.combination import combination_of\n"
        "import incremental_tool.engine.combine\n"
        f"names=[f's/f{{n:05}}' for n in range({count})]\n"
        "one=combination_of('text',';',names,(50,50,100))\n"
        f"cache=MultiLevelCache(settings_for(os.getcwd(),{{}},{{}}))\n"
        "cache.open_for_commands()\n"
        # Not getrusage: a new process begins with its parent's peak.
        "peak=lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before=peak()\n"
        "cache.combining.prepare(b'out',one,[n.encode() for n in names])()\n"
        "cache.commit()\n"
        "print((peak()-before)/1024)\n"
    )
    if what == "whole":
        os.unlink(os.path.join(folder, "out"))
    else:
        write(os.path.join(folder, "s/f00007"), "memory\n" * 300)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def steps(report: Report, folder: str, chosen: argparse.Namespace) -> None:
    """Measure the combining alone."""
    count = chosen.files
    found = step(folder, count, chosen.rounds)
    whole, one = peak_mb(folder, "whole", count), peak_mb(folder, "one", count)
    for name, value in found.items():
        print(f"| {name} | {value:.1f} |")
    report.extra["step"] = {**found, "peak MB whole": whole, "peak MB one changed": one}
    parsed, told = found["parse"], found["tell what has changed"]
    report.target(f"parse: {parsed:.1f} ms (at most {PARSE_MS})", met=parsed <= PARSE_MS)
    report.target(f"what has changed: {told:.1f} ms (at most {DETECT_MS})", met=told <= DETECT_MS)
    for name, value in (("whole", whole), ("one changed", one)):
        share = value / found["MB"]
        report.target(
            f"memory, {name}: {share:.2f} of the file (at most {MEMORY:g})", met=share <= MEMORY
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Keep a combined file up to date.")
    parser.add_argument("--files", type=int, default=1500, help="sources (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold-rounds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--step", action="store_true", help="the combining alone")
    parser.add_argument("--small", action="store_true", help="sixty files")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    chosen = parser.parse_args(arguments)
    if chosen.small:
        chosen.files = 60
    require_tool()
    with work_folder(keep=chosen.keep) as folder:
        report = Report(f"One combined file, {chosen.rounds} rounds")
        (steps if chosen.step else builds)(report, folder, chosen)
        return report.finish(chosen.json, check=chosen.check)


if __name__ == "__main__":
    sys.exit(main())
