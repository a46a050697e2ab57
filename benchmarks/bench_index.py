"""What it costs to load `FileHashCache`'s index, against the same facts as JSON.

    python benchmarks/bench_index.py [--check]

The index is written by `FileHashCache` itself from an invented disk of 10,000
files. The JSON file holds one object per path with the same facts, read with
`json.loads`. Each load happens in a new process, which reports the CPU time of
the load alone: a build loads the index once, with cold memory.

An entry of the index is decoded when it is asked for. So that this does not
hide a cost, a third row loads and then asks for every entry.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from measure import Report
from scons_lanes import require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT = 10_000
LEAST_GAIN = 10.0
MOST_SECONDS = 0.020
_NAMES = ("index", "index and every entry", "JSON")


class InventedDisk:
    """A disk of files that were never written; see `incremental_tool.base.filesystem.Disk`."""

    def __init__(self, count: int) -> None:
        rng = random.Random(7)
        self.files: dict[bytes, bytes] = {}
        for number in range(count):
            path = b"src/d%03d/f_%05d.c" % (number // 100, number)
            includes = [b'#include "h_%05d.h"\n' % rng.randrange(count // 20) for _ in range(5)]
            self.files[path] = b"".join(includes) + b"int x%d;\n" % number
        self._numbers = {path: number for number, path in enumerate(self.files)}

    def stat(self, path: bytes) -> os.stat_result:
        """Return a status like that of a file written long ago."""
        if path not in self.files:
            raise FileNotFoundError(path)
        second = 1_700_000_000 + self._numbers[path]
        moment_ns = second * 10**9 + 123_456_789
        basic = (0o100644, self._numbers[path] + 1000, 2049, 1, 0, 0, len(self.files[path]))
        # What os.stat itself fills: 10 whole numbers, 3 floats, then nanoseconds.
        return os.stat_result(
            (*basic, second, second, second, *[float(second)] * 3, *[moment_ns] * 3)
        )

    def read(self, path: bytes) -> bytes:
        """Return a file's bytes."""
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def exists(self, path: bytes) -> bool:
        """Tell whether the file was invented."""
        return path in self.files

    def now_ns(self) -> int:
        """Return the present."""
        return time.time_ns()

    def wait_until_after(self, moment_ns: int) -> None:
        """Every file here is old."""


def _complain(reason: object) -> None:
    sys.exit(f"the index could not be used: {reason}")


def write_both(folder: str, count: int) -> None:
    """Write the index and the JSON file."""
    import hashlib

    from incremental_tool.store.file_hash_cache import FileHashCache

    disk = InventedDisk(count)
    index = os.fsencode(os.path.join(folder, "file_hashes.bin"))
    cache = FileHashCache(disk, index, _complain, lambda text: hashlib.md5(text).digest())  # noqa: S324 - SCons's default signature
    whole = {}
    for path in disk.files:
        entry, imports = cache.ensure_cached(path), cache.imports(path)
        if entry is None or imports is None:
            sys.exit("the invented disk is not understood")
        st = disk.stat(path)
        whole[os.fsdecode(path)] = {
            "identity": [st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns],
            "mode": st.st_mode,
            "digest": entry.digest.hex(),
            "signature": entry.signature.hex(),
            "imports": [line.decode() for line in disk.files[path].splitlines()[:-1]],
        }
    cache.save()
    with open(os.path.join(folder, "file_hashes.json"), "w", encoding="utf-8") as file:
        json.dump(whole, file)


def load(what: str, folder: str) -> dict[str, float]:
    """Load one of the files in this process and return what it cost."""
    path = os.path.join(folder, "file_hashes.json" if what == "JSON" else "file_hashes.bin")
    if what == "JSON":
        start = time.process_time()
        with open(path, "rb") as file:
            known = len(json.loads(file.read()))
        return {"seconds": time.process_time() - start, "entries": known}

    from incremental_tool.base.filesystem import RealDisk
    from incremental_tool.store.file_hash_cache import FileHashCache

    disk = RealDisk(os.fsencode(folder))
    start = time.process_time()
    cache = FileHashCache(disk, os.fsencode(path), _complain)
    if what == "index":
        known = len(cache)
    else:
        known = sum(cache._recorded(path) is not None for path in cache.paths())  # noqa: SLF001 - decoding alone, without the stat
    return {"seconds": time.process_time() - start, "entries": known}


def _load_elsewhere(what: str, folder: str) -> dict[str, float]:
    command = [sys.executable, os.path.abspath(__file__), "--load", what, "--folder", folder]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _measure(chosen: argparse.Namespace, folder: str) -> int:
    report = Report(f"Loading {chosen.count} entries, {chosen.rounds} rounds")
    command = [sys.executable, os.path.abspath(__file__), "--write", "--folder", folder]
    subprocess.run([*command, "--count", str(chosen.count)], check=True)
    seconds: dict[str, list[float]] = {name: [] for name in _NAMES}
    for _ in range(chosen.rounds):
        for name in _NAMES:
            figures = _load_elsewhere(name, folder)
            if figures["entries"] != chosen.count:
                sys.exit(f"{name}: {figures['entries']} entries instead of {chosen.count}")
            seconds[name].append(figures["seconds"])
    sizes = {
        name: os.path.getsize(os.path.join(folder, f"file_hashes.{ending}")) / 1e6
        for name, ending in zip(_NAMES, ("bin", "bin", "json"))
    }
    print("|  | CPU ms | (min to max) | file MB |\n| --- | ---: | ---: | ---: |")
    for name in _NAMES:
        low, high = min(seconds[name]) * 1000, max(seconds[name]) * 1000
        middle = _median(seconds[name]) * 1000
        print(f"| {name} | {middle:.1f} | {low:.1f} to {high:.1f} | {sizes[name]:.2f} |")
    print()
    report.extra["seconds"] = seconds
    ratios = [slow / quick for slow, quick in zip(seconds["JSON"], seconds["index"])]
    report.target(
        f"the index loads {_median(ratios):.1f} times faster than JSON (at least {LEAST_GAIN:g})",
        met=_median(ratios) >= LEAST_GAIN,
    )
    report.target(
        f"the index loads in {_median(seconds['index']) * 1000:.1f} ms of CPU"
        f" (at most {MOST_SECONDS * 1000:g})",
        met=_median(seconds["index"]) <= MOST_SECONDS,
    )
    return report.finish(chosen.json, check=chosen.check)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Load the file index, and the same as JSON.")
    parser.add_argument("--count", type=int, default=COUNT, help="entries (%(default)s)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument("--load", choices=_NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.load:
        print(json.dumps(load(chosen.load, chosen.folder)))
        return 0
    if chosen.write:
        write_both(chosen.folder, chosen.count)
        return 0
    require_tool()
    with work_folder(keep=chosen.keep) as folder:
        return _measure(chosen, folder)


if __name__ == "__main__":
    sys.exit(main())
