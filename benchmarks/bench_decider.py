"""What it costs to find that nothing has to be done.

    python benchmarks/bench_decider.py [--small] [--check]

A no-op build through the whole of SCons, which reads its scripts and walks its
graph: plain SCons (content decider), SCons with this tool, and plain SCons with
the switches it documents for speed (max_drift, implicit_cache,
content-timestamp). The compiler is a stand-in, so a build is SCons's own cost.

Twice at each size, since plain SCons trusts the time stamp only of files that
are older than `max_drift` (two days):

* young: all files were written minutes ago, as after a checkout;
* old: all files look 30 days old. SCons then takes the stored signatures
  before any decider is asked, and the tool has nothing to do (or to count).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

import witness
from measure import CommandFailedError, Lane, Report, compare
from scons_lanes import Way, make_ways, require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure import Row

SIZES = "1000,10000"
SMALL_SIZES = "200"
MOST_MEMORY = 1.10
# Old files leave nothing to gain, and importing the tool costs some 25 ms.
MOST_CPU = {"young": 1.0, "old": 1.05}
OLD_DAYS = 30


def _lane(way: Way, jobs: int) -> Lane:
    def inspect(printed: str) -> dict[str, float]:
        if "is up to date" not in printed:
            raise CommandFailedError(f"{way.name}: a no-op build did something")
        figures = way.tool_figures()
        return {"reads": figures["reads"]} if figures else {}

    return Lane(way.name, way.argv(jobs), way.folder, way.environment, way.forget_figures, inspect)


def _state_targets(report: Report, title: str, rows: Sequence[Row], most_cpu: float) -> None:
    tool = next(row for row in rows if row.name == "tool")
    reads = tool.counters.get("reads")
    if reads is not None:
        report.target(f"{title}: {reads:g} files read by the tool's decider (0)", met=reads == 0)
    report.target(
        f"{title}: {tool.cpu_ratio:.2f} of plain SCons's CPU (at most {most_cpu:.2f})",
        met=tool.cpu_ratio <= most_cpu,
    )
    report.target(
        f"{title}: {100 * (tool.peak_ratio - 1):+.1f} % peak memory over plain SCons"
        f" (at most {100 * (MOST_MEMORY - 1):+.0f} %)",
        met=tool.peak_ratio <= MOST_MEMORY,
    )


def _watch_opens(report: Report, title: str, ways: Sequence[Way], jobs: int, sources: int) -> None:
    """Let the kernel count which project files each way opens.

    SCons itself opens each source and header once, to look for includes (unless
    it keeps them from the last build, as the fast way has it do). Whatever is
    opened beyond that was opened to decide.
    """
    if not witness.available():
        print("not witnessed: strace is not installed")
        return
    for way in ways:
        seen = witness.watch(way, jobs)
        report.extra[f"witness, {title}, {way.name}"] = seen._asdict()
        told = (
            f"{title}: the kernel saw {way.name} open sources and headers"
            f" {seen.sources_opened} times, outputs {seen.outputs_opened} times"
        )
        if way.name == "tool":
            report.target(
                f"{told} (at most {sources}, once each for SCons's scan; 0)",
                met=seen.sources_opened <= sources and seen.outputs_opened == 0,
            )
        else:
            print(told)


def _scanned(way: Way) -> int:
    """Return how many sources and headers a project has."""
    with open(os.path.join(way.folder, "project.json"), encoding="utf-8") as file:
        facts = json.load(file)
    return int(facts["sources"]) + int(facts["headers"]) + 1  # and main.c


def _measure_size(report: Report, folder: str, count: int, chosen: argparse.Namespace) -> None:
    made = make_ways(("plain", "tool", "fast"), folder, count, flags=("-O2",), stand_in=True)
    # The fast path would answer without a full run; what that costs is asked by bench_noop.
    ways = [way._replace(environment={**way.environment, "INCREMENTAL_FAST": "0"}) for way in made]
    for way in ways:
        way.run(chosen.jobs)
    for state in ("young", "old"):
        title = f"No-op, {count} {state} files"
        for way in ways:
            if state == "old":
                way.age(OLD_DAYS)
            way.run(chosen.jobs)  # not measured: the databases take note of the times
        rows = compare([_lane(way, chosen.jobs) for way in ways], chosen.rounds)
        report.section(title, rows)
        _state_targets(report, title, rows, MOST_CPU[state])
        _watch_opens(report, title, ways, chosen.jobs, _scanned(ways[0]))
        print()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="No-op builds: plain SCons and the tool.")
    parser.add_argument("--sizes", default=SIZES, help="numbers of C files (%(default)s)")
    parser.add_argument("--small", action="store_true", help=f"a smoke run: {SMALL_SIZES} files")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folders")
    chosen = parser.parse_args(arguments)
    sizes = SMALL_SIZES if chosen.small else chosen.sizes
    require_tool()
    report = Report(f"No-op builds: {sizes} C files, stand-in compiler, -j{chosen.jobs}")
    try:
        for size in sizes.split(","):
            with work_folder(keep=chosen.keep) as folder:
                _measure_size(report, folder, int(size), chosen)
    except CommandFailedError as error:
        print(error, file=sys.stderr)
        return 2
    return report.finish(chosen.json, check=chosen.check)


if __name__ == "__main__":
    sys.exit(main())
