"""What caching whole compiles costs on a cold build and gains on a warm rebuild.

    python benchmarks/bench_file_cache.py [--small] [--check]

Four ways build the same project of N C files with gcc, taking turns in one run:
plain SCons, SCons with this tool, SCons with its CacheDir, and plain SCons with
ccache in front of the compiler.

* cold: nothing was ever built and all caches are empty (plain and tool take
  turns; CacheDir and ccache are filled once, for the second part);
* warm after `scons -c`: SCons itself removed all outputs;
* warm after removal: the outputs were removed behind SCons's back.

In both warm parts SCons's database and all caches stay.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
from typing import TYPE_CHECKING

import witness
from measure import CommandFailedError, Lane, Report, compare
from scons_lanes import Way, make_ways, require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from measure import Row

MOST_COLD_COST = 1.05
LEAST_WARM_GAIN = 5.0
# What one compile of this project costs, against which a target can be met at
# all: a smoke run is nearly all interpreter start.
SMALL, FULL = 60, 1000


def _lane(way: Way, jobs: int, prepare: Callable[[], object]) -> Lane:
    def ready() -> None:
        prepare()
        way.forget_figures()

    return Lane(
        way.name, way.argv(jobs), way.folder, way.environment, ready, lambda _: way.tool_figures()
    )


def _cold(ways: Sequence[Way], jobs: int, rounds: int) -> list[Row]:
    return compare([_lane(way, jobs, way.forget_everything) for way in ways], rounds)


def _check_warm(report: Report, title: str, rows: Sequence[Row]) -> None:
    """State the targets of one warm part."""
    cost = {row.name: row.cpu_ratio for row in rows}
    tool = next(row for row in rows if row.name == "tool")
    gain = 1 / cost["tool"]
    report.target(
        f"{title}: {gain:.1f} times less CPU than plain SCons (at least {LEAST_WARM_GAIN:g})",
        met=gain >= LEAST_WARM_GAIN,
    )
    for other in ("cachedir", "ccache"):
        if other in cost:
            ratio = cost["tool"] / cost[other]
            report.target(f"{title}: {ratio:.2f} of the CPU of {other} (below 1)", met=ratio < 1)
    ran = tool.counters.get("stored", 1) + tool.counters.get("not_stored", 1)
    report.target(f"{title}: {ran:g} cacheable commands ran with the tool (none)", met=ran == 0)


def _watch_compiles(report: Report, plain: Way, tool: Way, jobs: int, count: int) -> None:
    """Let the kernel count the compiles of one more warm rebuild.

    Plain SCons is watched as well: a witness that sees nothing there is blind.
    """
    if not witness.available():
        print("not witnessed: strace is not installed")
        return
    for way, expected in ((plain, count + 1), (tool, 0)):
        way.remove_outputs()
        seen = witness.watch(way, jobs)
        report.extra[f"witness, {way.name}"] = seen._asdict()
        report.target(
            f"the kernel saw {seen.compiles} compiles in a warm rebuild: {way.name} ({expected})",
            met=seen.compiles == expected,
        )


def _measure(chosen: argparse.Namespace, folder: str) -> int:
    report = Report(f"File cache: {chosen.count} C files, gcc {chosen.flags}, -j{chosen.jobs}")
    ways = make_ways(chosen.ways, folder, chosen.count, flags=chosen.flags.split(), stand_in=False)
    by_name = {way.name: way for way in ways}

    rows = _cold([by_name["plain"], by_name["tool"]], chosen.jobs, chosen.cold_rounds)
    report.section("Cold build", rows)
    report.target(
        f"cold: {100 * (rows[1].cpu_ratio - 1):+.1f} % CPU over plain SCons (at most +5 %)",
        met=rows[1].cpu_ratio <= MOST_COLD_COST,
    )
    others = [by_name[name] for name in chosen.ways if name not in ("plain", "tool")]
    if others:
        report.section(
            "Cold build that fills the other caches, once", _cold(others, chosen.jobs, 1)
        )

    for title, removal in (
        ("Warm rebuild after `scons -c`", lambda way: way.run(chosen.jobs, "-c")),
        ("Warm rebuild after the outputs were removed", Way.remove_outputs),
    ):
        lanes = [_lane(way, chosen.jobs, functools.partial(removal, way)) for way in ways]
        rows = compare(lanes, chosen.warm_rounds)
        report.section(title, rows)
        _check_warm(report, title, rows)
    _watch_compiles(report, by_name["plain"], by_name["tool"], chosen.jobs, chosen.count)
    return report.finish(chosen.json, check=chosen.check)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Cold and warm builds: plain, tool, other caches.")
    parser.add_argument("--count", type=int, default=FULL, help="C files (%(default)s)")
    parser.add_argument("--small", action="store_true", help=f"a smoke run: {SMALL} files")
    parser.add_argument("--flags", default="-O2")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cold-rounds", type=int, default=3)
    parser.add_argument("--warm-rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    chosen = parser.parse_args(arguments)
    if chosen.small:
        chosen.count = SMALL
    chosen.ways = ["plain", "tool", "cachedir", "ccache"]
    if shutil.which("ccache") is None:
        print("ccache is not installed: left out")
        chosen.ways.remove("ccache")
    require_tool()
    try:
        with work_folder(keep=chosen.keep) as folder:
            return _measure(chosen, folder)
    except CommandFailedError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
