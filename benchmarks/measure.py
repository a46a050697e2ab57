"""The one way benchmarks measure: what a command cost, side by side with others.

A lane is a command with its own folder, environment and preparation. The lanes
take turns (A B C A B C ...), so that a machine that grows busy or warm slows
them all alike, and a ratio is the median of the ratios of the same turn.

CPU seconds come first: they are user plus system time of the whole process
tree, as the kernel counts it when the tree is reaped (`wait4`). Wall time
depends on who else is using the machine. Peak memory is the largest of any one
process of the tree, which is SCons itself as soon as the project has more than
some hundred files: compilers are small beside it.

Nothing here names an absolute path: results may be published as they are.

    python benchmarks/measure.py --rounds 5 -- sleep 0.1

Knows nothing of SCons, nor of what is being compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Run(NamedTuple):
    """What one run of a command cost, and the counters its lane found afterwards."""

    cpu: float
    wall: float
    peak_mb: float
    load: float
    counters: Mapping[str, float]


class Lane(NamedTuple):
    """One of the things compared.

    `prepare` runs before each run and `inspect` after it, both unmeasured; the
    latter is given the run's standard output and returns counters.
    """

    name: str
    argv: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    prepare: Callable[[], object] | None = None
    inspect: Callable[[str], Mapping[str, float]] | None = None


class Row(NamedTuple):
    """One line of a result table: a lane's medians, and its ratio to the first lane."""

    name: str
    runs: Sequence[Run]
    cpu: float
    cpu_low: float
    cpu_high: float
    wall: float
    peak_mb: float
    cpu_ratio: float
    peak_ratio: float
    counters: Mapping[str, float]


class CommandFailedError(Exception):
    """A measured command ended with an error; its output is the message."""


def run_once(lane: Lane) -> Run:
    """Run a lane's command once and return what it cost."""
    if lane.prepare:
        lane.prepare()
    load = os.getloadavg()[0]
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        child = subprocess.Popen(
            lane.argv, cwd=lane.folder, env=dict(lane.environment), stdout=output, stderr=output
        )
        # Not Popen.wait: it would reap the child and throw its resource usage away.
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read().decode("utf-8", "replace")
    if child.returncode != 0:
        tail = "\n".join(printed.splitlines()[-25:])
        raise CommandFailedError(f"{lane.name}: exit code {child.returncode}\n{tail}")
    counters = lane.inspect(printed) if lane.inspect else {}
    peak_mb = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Run(usage.ru_utime + usage.ru_stime, wall, peak_mb, load, counters)


def _row(name: str, runs: Sequence[Run], first: Sequence[Run]) -> Row:
    cpu = [run.cpu for run in runs]
    names = {counter for run in runs for counter in run.counters}
    return Row(
        name,
        runs,
        statistics.median(cpu),
        min(cpu),
        max(cpu),
        statistics.median(run.wall for run in runs),
        statistics.median(run.peak_mb for run in runs),
        statistics.median(run.cpu / other.cpu for run, other in zip(runs, first)),
        statistics.median(run.peak_mb / other.peak_mb for run, other in zip(runs, first)),
        {
            counter: statistics.median(run.counters.get(counter, 0) for run in runs)
            for counter in sorted(names)
        },
    )


def compare(lanes: Sequence[Lane], rounds: int) -> list[Row]:
    """Run every lane `rounds` times, taking turns; ratios are to the first lane."""
    runs: list[list[Run]] = [[] for _ in lanes]
    for turn in range(rounds):
        for lane, done in zip(lanes, runs):
            done.append(run_once(lane))
            print(
                f"  {turn + 1}/{rounds} {lane.name}: {done[-1].cpu:.2f} s CPU",
                file=sys.stderr,
                flush=True,
            )
    return [_row(lane.name, done, runs[0]) for lane, done in zip(lanes, runs)]


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table of the rows."""
    counters = sorted({counter for row in rows for counter in row.counters})
    head = ["", "CPU s", "(min to max)", "CPU ratio", "wall s", "peak MB", *counters]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for row in rows:
        values = [
            row.name,
            f"{row.cpu:.2f}",
            f"{row.cpu_low:.2f} to {row.cpu_high:.2f}",
            f"{row.cpu_ratio:.3f}",
            f"{row.wall:.2f}",
            f"{row.peak_mb:.0f}",
        ]
        found = [f"{row.counters[name]:g}" if name in row.counters else "" for name in counters]
        lines.append(values + found)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def version_of(*argv: str) -> str:
    """Return the first line that says a version, of what a program prints about itself."""
    try:
        told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return "absent"
    for line in (told.stdout + told.stderr).splitlines():
        found = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", line.replace("v", " "))
        if found:
            return found.group(1)
    return "unknown"


def machine_facts() -> dict[str, object]:
    """Return what a reader must know of the machine to judge the figures."""
    model = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
        model = names[0] if names else ""
    return {
        "cores": os.cpu_count(),
        "processor": model or platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "scons": version_of(sys.executable, "-m", "SCons", "--version"),
        "gcc": version_of("gcc", "--version"),
        "ccache": version_of("ccache", "--version"),
        "load_at_start": [round(value, 2) for value in os.getloadavg()],
    }


class Report:
    """The result of one benchmark: tables to the terminal, everything to a JSON file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.facts = machine_facts()
        self.sections: list[dict[str, object]] = []
        self.targets: list[dict[str, object]] = []
        self.extra: dict[str, object] = {}
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        print(f"# {title}\n\n{facts}\n", flush=True)

    def section(self, title: str, rows: Sequence[Row]) -> None:
        """Print one table and keep its figures."""
        print(f"## {title}\n\n{table(rows)}\n", flush=True)
        self.sections.append(
            {
                "title": title,
                "rows": [
                    {**row._asdict(), "runs": [run._asdict() for run in row.runs]} for row in rows
                ],
            }
        )

    def target(self, sentence: str, *, met: bool) -> None:
        """State one target and whether it was met."""
        print(f"{'met' if met else 'MISSED'}: {sentence}", flush=True)
        self.targets.append({"target": sentence, "met": met})

    def finish(self, path: str | None, *, check: bool) -> int:
        """Write the JSON file and return the exit code."""
        self.facts["load_at_end"] = [round(value, 2) for value in os.getloadavg()]
        if path:
            whole = {
                "title": self.title,
                "machine": self.facts,
                "sections": self.sections,
                "targets": self.targets,
                **self.extra,
            }
            with open(path, "w", encoding="utf-8") as file:
                json.dump(whole, file, indent=1)
                file.write("\n")
        missed = sum(not target["met"] for target in self.targets)
        print(f"\n{len(self.targets)} targets, {missed} missed")
        return 1 if check and missed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one command given on the command line."""
    parser = argparse.ArgumentParser(description="Run a command k times and tell what it costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args(arguments)
    argv = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
    if not argv or shutil.which(argv[0]) is None:
        parser.error("no command that could be run")
    report = Report("One command")
    name = os.path.basename(argv[0])
    try:
        rows = compare([Lane(name, argv, os.curdir, os.environ)], chosen.rounds)
    except CommandFailedError as error:
        print(error, file=sys.stderr)
        return 2
    report.section(name, rows)
    return report.finish(chosen.json, check=False)


if __name__ == "__main__":
    sys.exit(main())
