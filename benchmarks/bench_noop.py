"""What it costs to be told that nothing changed.

    python benchmarks/bench_noop.py [--small] [--check]

The same generated project, built once in a tree for each way, then asked again
with nothing changed: plain SCons, plain SCons with the switches it documents for
speed, ninja, `scons` with the drop-in folder of this tool, and `iscons`; and an
empty SConstruct, which tells what starting SCons costs. `scons` and `iscons` are
started by the scripts that pip writes. The compiler is a stand-in, so that a
build costs what the build tool itself costs.

Slow ways take few turns side by side with the quick ones; the quick ones then
take more turns among themselves, and those are what the targets are about. Also
told: the snapshot's size, and what recording costs in a full build and in a full
run that finds nothing to do after a script was touched (INCREMENTAL_FAST=1 against 0,
in turns, each in a tree of its own).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from generate_project import generate
from measure import CommandFailedError, Lane, Report, compare
from scons_lanes import Way, clean_environment, make_ways, require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from measure import Row

SIZES = "1000,3000,10000,30000"
SMALL_SIZES = "200"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The size that the targets are about, and what they allow there.
TARGET_SIZE = 10_000
MOST_SNAPSHOT_MB = 8.0
MOST_MEMORY_MB = 60.0
MOST_RECORDING = 1.05

# What pip writes for an entry point; importing re costs a tenth of a no-op.
_SCRIPT = """\
#!{python}
import re
import sys
from {module} import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""
_SCRIPTS = {"scons": "SCons.Script.Main", "iscons": "incremental_tool.launcher"}


class Trees(NamedTuple):
    """The trees of one size, built, and the folder of the scripts."""

    slow: list[Way]
    ninja: str
    tool: str
    empty: str
    scripts: str
    environment: dict[str, str]

    def script(self, name: str) -> str:
        """Return the path of a script."""
        return os.path.join(self.scripts, name)

    @property
    def fresh(self) -> str:
        """Return the folder of the snapshots."""
        return os.path.join(self.tool, ".incremental", "fresh")


def make_scripts(folder: str) -> str:
    """Write the scripts that pip writes for `scons` and `iscons`; return their folder."""
    scripts = os.path.join(folder, "scripts")
    os.mkdir(scripts)
    for name, module in _SCRIPTS.items():
        path = os.path.join(scripts, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(_SCRIPT.format(python=sys.executable, module=module))
        os.chmod(path, 0o755)  # noqa: S103 - as pip makes scripts
    return scripts


def _run(argv: Sequence[str], folder: str, environment: dict[str, str]) -> None:
    """Run a command unmeasured."""
    subprocess.run(argv, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def _make_trees(folder: str, count: int, jobs: int, slow_ways: Sequence[str]) -> Trees:
    slow = make_ways(slow_ways, folder, count, flags=("-O2",), stand_in=True)
    ninja, tool, empty = (os.path.join(folder, name) for name in ("ninja", "tool", "empty"))
    for tree in (ninja, tool):
        generate(count, tree, flags=("-O2",), stand_in=True)
    # Only the package's own files: a folder of compiled modules would come up after recording.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        os.path.join(ROOT, "site_scons"), os.path.join(tool, "site_scons"), ignore=ignored
    )
    os.mkdir(empty)
    with open(os.path.join(empty, "SConstruct"), "w", encoding="utf-8"):
        pass
    trees = Trees(slow, ninja, tool, empty, make_scripts(folder), clean_environment())
    for way in slow:
        way.run(jobs)
        way.run(jobs)  # the databases take note of the times
    _run(["ninja", "-j", str(jobs)], ninja, trees.environment)
    _run([trees.script("scons"), f"-j{jobs}"], tool, trees.environment)
    return trees


def _expecting(name: str, sentence: str) -> Callable[[str], dict[str, float]]:
    def inspect(printed: str) -> dict[str, float]:
        if sentence not in printed:
            raise CommandFailedError(f"{name}: did something, or did not say so:\n{printed}")
        return {}

    return inspect


def _lanes(trees: Trees, jobs: int) -> dict[str, Lane]:
    """Return every way of asking; those with the tool fail unless no script is read."""
    up_to_date = "is up to date"
    # With this, a script that is read shows on standard error, and no figure is taken for fresh.
    told = {**trees.environment, "INCREMENTAL_EXPLAIN": "1"}
    fresh = "everything that this answer depended on is as it was"
    flag = f"-j{jobs}"
    ninja = ["ninja", "-j", str(jobs)]
    lanes = [
        Lane(way.name, way.argv(jobs), way.folder, way.environment, None,
             _expecting(way.name, up_to_date))
        for way in trees.slow
    ]  # fmt: skip
    lanes += [
        Lane("ninja", ninja, trees.ninja, trees.environment, None,
             _expecting("ninja", "no work to do")),
        Lane("iscons", [trees.script("iscons"), flag], trees.tool, told, None,
             _expecting("iscons", fresh)),
        Lane("scons + tool", [trees.script("scons"), flag], trees.tool, told, None,
             _expecting("scons + tool", fresh)),
        Lane("empty SConstruct", [trees.script("scons"), "-q"], trees.empty, trees.environment),
    ]  # fmt: skip
    return {lane.name: lane for lane in lanes}


def _size_of_snapshot(trees: Trees) -> float:
    """Return the size of the one snapshot, in MB; an error when there is not exactly one."""
    names = os.listdir(trees.fresh) if os.path.isdir(trees.fresh) else []
    if len(names) != 1:
        raise CommandFailedError(f"the build left {len(names)} snapshots, not one")
    return os.path.getsize(os.path.join(trees.fresh, names[0])) / 1e6


def _answer_targets(report: Report, rows: dict[str, Row], snapshot_mb: float, count: int) -> None:
    iscons, ninja = rows["iscons"], rows["ninja"]
    if count < TARGET_SIZE:
        print(f"the snapshot of {count} files takes {snapshot_mb:.2f} MB")
        return
    report.target(
        f"{count} files: iscons takes {iscons.cpu / ninja.cpu:.2f} of ninja's CPU (at most 1.00)",
        met=iscons.cpu <= ninja.cpu,
    )
    allowed = rows["empty SConstruct"].cpu + ninja.cpu
    report.target(
        f"{count} files: scons + tool takes {rows['scons + tool'].cpu:.3f} s CPU (at most the"
        f" {allowed:.3f} s of an empty SConstruct and ninja)",
        met=rows["scons + tool"].cpu <= allowed,
    )
    report.target(
        f"{count} files: the check of iscons takes {iscons.peak_mb:.0f} MB"
        f" (at most {MOST_MEMORY_MB:.0f})",
        met=iscons.peak_mb <= MOST_MEMORY_MB,
    )
    allowed_mb = MOST_SNAPSHOT_MB * count / TARGET_SIZE
    report.target(
        f"{count} files: the snapshot takes {snapshot_mb:.2f} MB (at most {allowed_mb:.0f})",
        met=snapshot_mb <= allowed_mb,
    )


def _measure_recording(
    report: Report, trees: Trees, folder: str, count: int, chosen: argparse.Namespace
) -> None:
    """Compare full runs with the recorder on and off, each in a tree of its own."""
    argv = [trees.script("scons"), f"-j{chosen.jobs}"]
    off = {**trees.environment, "INCREMENTAL_FAST": "0"}
    unrecorded = os.path.join(folder, "unrecorded")
    generate(count, unrecorded, flags=("-O2",), stand_in=True)
    shutil.copytree(os.path.join(trees.tool, "site_scons"), os.path.join(unrecorded, "site_scons"))
    _run(argv, unrecorded, off)
    ways = [
        Way("not recorded", unrecorded, (), off),
        Way("recorded", trees.tool, (), trees.environment),
    ]

    def touch_script(way: Way) -> Callable[[], None]:
        return lambda: os.utime(os.path.join(way.folder, "SConstruct"))

    def forget(way: Way) -> Callable[[], None]:
        return way.forget_everything

    def compare_runs(title: str, prepare: Callable[[Way], Callable[[], None]]) -> None:
        for way in ways:
            prepare(way)()
            _run(argv, way.folder, dict(way.environment))
        lanes = [
            Lane(way.name, argv, way.folder, dict(way.environment), prepare(way)) for way in ways
        ]
        rows = compare(lanes, chosen.rounds)
        report.section(f"{title}, {count} files", rows)
        if count < TARGET_SIZE:
            return
        report.target(
            f"{count} files: recording makes {title.lower()} cost {rows[1].cpu_ratio:.3f} of the"
            f" CPU without (at most {MOST_RECORDING:.2f})",
            met=rows[1].cpu_ratio <= MOST_RECORDING,
        )

    compare_runs("A full run with nothing to do", touch_script)
    compare_runs("A full build", forget)


def _measure_size(report: Report, folder: str, count: int, chosen: argparse.Namespace) -> None:
    slow_ways = ("plain", "fast") if count <= chosen.slow_up_to else ()
    trees = _make_trees(folder, count, chosen.jobs, slow_ways)
    snapshot_mb = _size_of_snapshot(trees)
    lanes = _lanes(trees, chosen.jobs)
    if slow_ways:
        rows = compare(list(lanes.values()), chosen.rounds)
        report.section(f"No-op, {count} files, side by side", rows)
    quick = [lanes[name] for name in ("ninja", "iscons", "scons + tool", "empty SConstruct")]
    rows = compare(quick, chosen.quick_rounds)
    report.section(f"No-op, {count} files, the quick ways", rows)
    _answer_targets(report, {row.name: row for row in rows}, snapshot_mb, count)
    report.extra[f"snapshot MB, {count} files"] = snapshot_mb
    if count <= chosen.recording_up_to:
        _measure_recording(report, trees, folder, count, chosen)
    print()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="No-op builds: SCons, ninja and this tool.")
    parser.add_argument("--sizes", default=SIZES, help="numbers of C files (%(default)s)")
    parser.add_argument("--small", action="store_true", help=f"a smoke run: {SMALL_SIZES} files")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="turns of slow ways (%(default)s)")
    parser.add_argument("--quick-rounds", type=int, default=15, help="of quick ways (%(default)s)")
    parser.add_argument(
        "--recording-up-to", type=int, default=3000, metavar="N",
        help="measure what recording costs up to this size (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--slow-up-to",
        type=int,
        default=TARGET_SIZE,
        metavar="N",
        help="measure plain SCons up to this size (%(default)s)",
    )
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folders")
    chosen = parser.parse_args(arguments)
    sizes = SMALL_SIZES if chosen.small else chosen.sizes
    require_tool()
    if shutil.which("ninja") is None:
        sys.exit("ninja is what is compared with, and it is not installed")
    report = Report(f"Nothing changed: {sizes} C files, stand-in compiler, -j{chosen.jobs}")
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
