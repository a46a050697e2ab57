"""Run SCons's own end-to-end tests plain and with the tool, and compare.

    python tests/scons_suite.py --checkout PATH [--area NAME ...] [--jobs 2]
        [--out results.json] [--plain-results FILE]

PATH is a checkout of the SCons sources; its tests run against the *installed*
SCons. Each test that passes plainly runs again with the tool switched on for every
Environment, and once more if it stored anything, so that this is restored. A test
that then fails, and is not named in docs/scons_suite.md, makes the exit status 1.

How it is done, without changing the checkout:

* The checkout's `runtest.py` gets a baseline folder (`-b`) whose `SCons` is a
  link to the installed package. Its own external mode (`-e`) would also find
  the installed SCons, but it skips the tests that ask SCons for a compiler.
* The switch is in `~/.scons/site_scons/site_init.py`, in a home folder made for the
  run. Tests keep their environment variables, so HOME reaches every SCons they start.
* Each test has its own store and temporary folder, and each of its projects its own
  state folder: none can hide a stale file from the next test.

Results are written after every test, so an interrupted run continues where it
stopped. Knows nothing of how the tool works; it reads two figures of `stats.json`.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import SCons

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(PROJECT, "incremental_tool")
DIFFERENCES = os.path.join(PROJECT, "docs", "scons_suite.md")
SWITCH = """\
import incremental_tool
incremental_tool.enable_everywhere()
from os import environ as _environ, getcwd as _getcwd
_environ["INCREMENTAL_DIR"] = _environ["STATES"] + _getcwd()
"""

# What `scripts/` of the baseline folder holds: the installed entry points, under the names
# tests look for. Each takes its own folder off the search path, as SCons's scripts do.
SCRIPTS = {
    "scons.py": "from SCons.Script.Main import main",
    "sconsign.py": "from SCons.Utilities.sconsign import main",
    "scons-configure-cache.py": "from SCons.Utilities.ConfigureCache import main",
}

# Area -> patterns of test paths below test/ ("*" crosses folders). A test belongs to
# the first area that names it.
AREAS: dict[str, tuple[str, ...]] = {
    "Decider": ("Decider/*",),
    "signatures": (
        "sconsign/*",
        "SConsignFile/*",
        "option/hash-format*",
        "option/md5-chunksize.py",
        "option/option--max-drift.py",
        "signature-order.py",
        "timestamp-fallback.py",
    ),
    "implicit-cache": ("implicit-cache/*", "implicit/*"),
    "CacheDir": ("CacheDir/*",),
    "VariantDir": ("VariantDir/*",),
    "Repository": ("Repository/*", "option/repository.py", "option/option--Y.py"),
    "Depends": ("Depends/*", "ParseDepends.py", "Ignore.py", "no-global-dependencies.py"),
    "Requires": ("Requires/*",),
    "SideEffect": ("SideEffect/*",),
    "AlwaysBuild": ("AlwaysBuild.py",),
    "Install": ("Install/*", "HeaderInstall.py"),
    "Configure": ("Configure/*",),
    "Value": ("Value/*",),
    "Alias": ("Alias/*",),
    "compilers": (
        *("CC/*", "CXX/*", "AS/*", "AR/*", "RANLIB/*", "LINK/*", "Libs/*", "Clang/*"),
        *("CPPDEFINES/*", "CPPPATH/*", "CPP*.py", "CFILESUFFIX.py", "_CPPINCFLAGS.py"),
        *("Object.py", "Program*.py", "LoadableModule.py", "RPATH.py", "HeaderGen.py"),
        *("gnutools.py", "rebuild-generated.py", "CompilationDatabase/*"),
    ),
    "options": ("option/*", "question/*", "AddOption/*", "GetOption/*", "SCONSFLAGS.py"),
    "Interactive": ("Interactive/*",),
    "file actions": (
        *("Chmod.py", "Copy-*.py", "Move.py", "Touch.py", "Delete.py", "Mkdir.py"),
        *("Execute*.py", "Errors/*", "GetBuildFailures/*", "builderrors.py", "Exit.py"),
    ),
    "Parallel": ("Parallel/*", "TaskMaster/*", "KeyboardInterrupt.py"),
    "scanning": ("Scanner/*", "Dir/*", "File/*", "Glob/*", "symlink/*", "srcchange.py"),
    "cleaning": ("Precious.py", "NoClean.py", "Clean/*", "preserve-source.py"),
    "explain": ("explain/*", "Progress/*", "up-to-date.py", "no-target.py", "diskcheck.py"),
    "actions": (
        *("Batch/*", "Actions/*", "Builder*", "Command*.py", "chained-build.py", "emitter.py"),
        *("SHELL.py", "SPAWN.py", "ENV.py", "ESCAPE.py", "TEMPFILE/*", "long-lines/*"),
        *("PRINT_CMD_LINE_FUNC.py", "ToolSurrogate.py", "redirection.py", "strfunction.py"),
        *("ignore-command.py", "silent-command.py", "skip-execution.py", "multiline.py"),
        *("spaces.py", "special-filenames.py", "file-names.py", "same-name.py", "subdir.py"),
        *("path-change.py", "suffixes.py", "textfile/*", "ZIP/*", "TAR/*"),
    ),
    "environments": (
        *("Environment.py", "Clone-*.py", "ConstructionEnvironment.py", "AddMethod.py"),
        *("site_scons/*", "toolpath/*", "tool_args.py", "SConscript/*", "SConstruct.py"),
        *("Subst/*", "Variables/*", "Climb/*", "overrides.py", "subclassing.py", "chdir.py"),
    ),
    "everything else": ("*.py",),
}

# Tests of other machines' compilers, of documents, and of SCons's own test runner:
# they start nothing that the tool looks at, and they take hours.
LEFT_OUT = (
    *("MSVC/*", "MSVS/*", "MinGW/*", "Win32/*", "Intel/*", "D/*", "Java/*", "TEX/*"),
    *("Docbook/*", "DVIPDF/*", "DVIPS/*", "Ghostscript/*", "Fortran/*", "IDL/*"),
    *("Rpcgen/*", "SWIG/*", "YACC/*", "LEX/*", "M4/*", "gettext/*", "packaging/*"),
    *("Removed/*", "runtest/*", "scons-time/*", "update-release-info/*", "virtualenv/*"),
    *("ninja/*", "PharLap.py"),
)

COLUMNS = (
    *("tests", "pass plain", "pass with the tool", "differ", "tool took part"),
    *("commands stored", "restored"),
)

STATUS = {0: "passed", 1: "failed", 2: "skipped"}
ATTEMPTS = 3  # SCons has tests that lose a race now and then on a busy machine
OUTPUT_KEPT = 8000  # characters of a failing test's output: the diff it printed is at its end


@dataclass
class Outcome:
    """What one test did in one mode."""

    status: str  # passed, failed, skipped, timeout, "exit N", unsteady; "warm ..." over a store
    seconds: float
    output: str = ""
    active: bool = False  # the tool left state behind, so it took part
    stored: int = 0  # commands the tool stored, and restored, in all runs of the test
    restored: int = 0
    package: str = ""  # digest of the package the test ran with
    attempts: int = 1


class Results:
    """The outcomes of both modes, in one file that is always complete JSON."""

    def __init__(self, path: str | None) -> None:
        """Load what an earlier run left at `path`; None keeps nothing."""
        self._path = path
        self._lock = threading.Lock()
        self.modes: dict[str, dict[str, Outcome]] = {"plain": {}, "tool": {}}
        if path and os.path.exists(path):
            self.load(path, ("plain", "tool"))

    def load(self, path: str, modes: tuple[str, ...]) -> None:
        """Take the outcomes of `modes` from the file at `path`."""
        with open(path, encoding="utf-8") as stream:
            stored = json.load(stream)
        if stored["scons"] != SCons.__version__:
            raise SystemExit(f"{path} was made with SCons {stored['scons']}")
        for mode in modes:
            for test, fields in stored[mode].items():
                self.modes[mode][test] = Outcome(**fields)

    def add(self, mode: str, test: str, outcome: Outcome) -> None:
        """Record one outcome and write the file."""
        with self._lock:
            self.modes[mode][test] = outcome
            if self._path:
                self._write(self._path)

    def _write(self, path: str) -> None:
        content: dict[str, object] = {"scons": SCons.__version__}
        for mode, outcomes in self.modes.items():
            content[mode] = {test: asdict(outcomes[test]) for test in sorted(outcomes)}
        beside = f"{path}.{os.getpid()}.tmp"
        with open(beside, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=1)
        os.replace(beside, path)


class Bench:
    """The folders both modes run in, and the way to run one test there."""

    def __init__(self, checkout: str, folder: str, timeout: float) -> None:
        """Lay out baseline, homes and package link below `folder`."""
        self._checkout = checkout
        self._folder = folder
        self._timeout = timeout
        self._baseline = os.path.join(folder, "baseline")
        scripts = os.path.join(self._baseline, "scripts")
        os.makedirs(scripts)
        installed = os.path.dirname(os.path.abspath(SCons.__file__))
        os.symlink(installed, os.path.join(self._baseline, "SCons"))
        for name, entry in SCRIPTS.items():
            text = f"import sys\ndel sys.path[0]\n{entry}\nsys.exit(main())\n"
            # A test asks for `scons` or `scons.py`; both names are in use.
            pathlib.Path(scripts, name).write_text(text)
            pathlib.Path(scripts, name[: -len(".py")]).write_text(text)
        self._packages = os.path.join(folder, "packages")
        os.makedirs(self._packages)
        os.symlink(PACKAGE, os.path.join(self._packages, "incremental_tool"))
        os.makedirs(os.path.join(folder, "home-plain"))
        site = os.path.join(folder, "home-tool", ".scons", "site_scons")
        os.makedirs(site)
        pathlib.Path(site, "site_init.py").write_text(SWITCH)

    def tests(self) -> list[str]:
        """Return every end-to-end test of the checkout, as runtest.py finds them."""
        listing = subprocess.run(
            [sys.executable, "runtest.py", "-l", "--e2e-only", "test"],
            cwd=self._checkout,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return listing.stdout.split()

    def run(self, mode: str, test: str) -> Outcome:
        """Run `test` in `mode`; with the tool again, if the first run stored anything."""
        folder = tempfile.mkdtemp(prefix="t", dir=self._folder)
        try:
            outcome = self._run_in(folder, "1", mode, test)
            if outcome.status == "passed" and outcome.stored:
                warm = self._run_in(folder, "2", mode, test)
                outcome.output = warm.output
                outcome.restored += warm.restored
                outcome.stored += warm.stored
                if warm.status != "passed":
                    outcome.status = f"warm {warm.status}"
            return outcome
        finally:
            _remove(folder)

    def _run_in(self, folder: str, turn: str, mode: str, test: str) -> Outcome:
        report = os.path.join(folder, f"report{turn}.xml")
        state = os.path.join(folder, f"state{turn}")
        scratch = os.path.join(folder, f"tmp{turn}")
        os.makedirs(scratch)
        command = [sys.executable, "runtest.py", "--no-faillog", "-k", "-b", self._baseline]
        command += ["-P", sys.executable, "--xml", report, test]
        env = self._environment(mode)
        env.update(TMPDIR=scratch, STATES=state)
        env["INCREMENTAL_CACHE_DIR"] = os.path.join(folder, "store")
        start = time.monotonic()
        with open(os.path.join(folder, "output"), "w+b") as output:
            process = subprocess.Popen(
                command,
                cwd=self._checkout,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.wait(self._timeout)
                status = _reported_status(report)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with the test's own children
                process.wait()
                status = "timeout"
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        figures = figures_of_builds(state)
        return Outcome(
            status=status,
            seconds=round(time.monotonic() - start, 1),
            output="" if status == "passed" else text[-OUTPUT_KEPT:],
            active=os.path.isdir(state),
            stored=figures["stored"],
            restored=figures["hits"],
            package=package_digest() if mode == "tool" else "",
        )

    def _environment(self, mode: str) -> dict[str, str]:
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SCONS", "INCREMENTAL", "PYTHON", "TESTCMD", "PRESERVE"))
        }
        env["HOME"] = os.path.join(self._folder, f"home-{mode}")
        env["PYTHONPATH"] = self._packages
        return env


def _remove(folder: str) -> None:
    """Remove a test's folder, also where the test took away permissions."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(os.path.join(parent, name)):
                os.chmod(os.path.join(parent, name), 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _reported_status(report: str) -> str:
    """Read the test's own exit status: runtest.py's does not tell a crash from a pass."""
    try:
        with open(report, encoding="utf-8", errors="replace") as stream:
            found = re.search(r"<exit_status>(-?\d+)</exit_status>", stream.read())
    except OSError:
        found = None
    if found is None:
        return "not run"
    return STATUS.get(int(found.group(1)), f"exit {found.group(1)}")


def figures_of_builds(state: str) -> Counter[str]:
    """Return the counts of all builds whose state lies below the folder `state`."""
    counts: Counter[str] = Counter()
    for parent, _, names in os.walk(state):
        if "stats.json" in names:
            with open(os.path.join(parent, "stats.json"), encoding="utf-8") as stream:
                counts.update(json.load(stream)["lifetime"]["counts"])
    return counts


def package_digest() -> str:
    """Return a short digest of the package's sources, to tell results of two states apart."""
    digest = hashlib.sha256()
    for parent, folders, names in os.walk(PACKAGE):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(parent, name), "rb") as stream:
                    digest.update(name.encode() + b"\0" + stream.read() + b"\0")
    return digest.hexdigest()[:12]


def area_of(test: str) -> str | None:
    """Return the area `test` ("test/...") belongs to, or None for one that is left out."""
    name = test.replace(os.sep, "/").partition("/")[2]
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_OUT):
        return None
    for area, patterns in AREAS.items():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            return area
    return None


def documented_differences() -> set[str]:
    """Return the tests named in the first column of the tables in docs/scons_suite.md."""
    try:
        with open(DIFFERENCES, encoding="utf-8") as stream:
            return set(re.findall(r"^\| `(test/[^`]+\.py)` \|", stream.read(), re.MULTILINE))
    except FileNotFoundError:
        return set()


def compare(bench: Bench, results: Results, test: str) -> Outcome:
    """Run `test` with the tool; where it fails, find out whether it is steady in either mode."""
    first = outcome = bench.run("tool", test)
    while outcome.status != "passed" and first.attempts < ATTEMPTS:
        first.attempts += 1
        plain = bench.run("plain", test)
        if plain.status != "passed":
            plain.output = f"passed once, then {plain.status}\n{plain.output}"
            plain.status = "unsteady"
            results.add("plain", test, plain)
            break
        outcome = bench.run("tool", test)
    # The first try's output tells what went wrong, whatever the others did.
    outcome.output, outcome.attempts = first.output, first.attempts
    return outcome


def run_all(bench: Bench, results: Results, mode: str, tests: list[str], jobs: int) -> None:
    """Run `tests` in `mode`, and tell of each."""

    def one(test: str) -> None:
        outcome = bench.run(mode, test) if mode == "plain" else compare(bench, results, test)
        results.add(mode, test, outcome)
        print(f"{mode:5} {outcome.status:8} {outcome.seconds:6.1f}s {test}", flush=True)

    pool = ThreadPoolExecutor(max_workers=jobs)
    futures = [pool.submit(one, test) for test in tests]
    try:
        for future in futures:
            future.result()
    finally:
        for future in futures:
            future.cancel()
        pool.shutdown()


def summary(results: Results, chosen: dict[str, str], differences: set[str]) -> int:
    """Print the table of areas and every differing test; return the number not documented."""
    plain, tool = results.modes["plain"], results.modes["tool"]
    rows: dict[str, list[int]] = {}
    differing = []
    for test, area in chosen.items():
        row = rows.setdefault(area, [0] * len(COLUMNS))
        row[0] += 1
        if test not in plain or plain[test].status != "passed":
            continue
        row[1] += 1
        if test in tool:
            outcome = tool[test]
            row[2] += outcome.status == "passed"
            row[3] += outcome.status != "passed"
            row[4] += outcome.active
            row[5] += outcome.stored
            row[6] += outcome.restored
            if outcome.status != "passed":
                differing.append(test)
    print("\n| area | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for area in (area for area in AREAS if area in rows):
        print("| " + " | ".join([area, *map(str, rows[area])]) + " |")
    print(
        "| " + " | ".join(["all", *(str(sum(column)) for column in zip(*rows.values()))]) + " |\n"
    )
    for test in differing:
        known = " (documented)" if test in differences else ""
        print(f"differs: {test}: {tool[test].status} with the tool{known}")
    for test in chosen:
        if test in plain and plain[test].status == "unsteady":
            print(f"unsteady: {test}: passes plainly only now and then; not counted")
        elif test in tool and tool[test].attempts > 1 and test not in differing:
            print(f"unsteady: {test}: passed with the tool at try {tool[test].attempts}")
    current = package_digest()
    old = sum(test in tool and tool[test].package != current for test in chosen)
    if old:
        print(f"{old} results are of another state of the package (--again stale runs them)")
    return sum(test not in differences for test in differing)


def _forget(results: Results, chosen: dict[str, str], which: list[str]) -> None:
    """Drop the tool's outcomes that `which` names, so that they are run again."""
    current = package_digest()
    outcomes = results.modes["tool"]
    for test in [test for test in outcomes if test in chosen]:
        outcome = outcomes[test]
        if (
            ("all" in which)
            or ("differing" in which and (outcome.status != "passed" or outcome.attempts > 1))
            or ("stale" in which and outcome.package != current)
            or any(fnmatch.fnmatchcase(test, pattern) for pattern in which)
        ):
            del outcomes[test]


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; return 1 if a test differs that is not documented."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkout", required=True, help="a checkout of the SCons sources")
    parser.add_argument("--area", action="append", choices=[*AREAS], help="only this area")
    parser.add_argument("--test", action="append", metavar="PATTERN", help="only these tests")
    parser.add_argument("--jobs", type=int, default=1, help="tests at a time")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one test")
    parser.add_argument("--out", help="file of results, continued if it exists")
    parser.add_argument("--plain-results", help="take the plain outcomes from this file")
    parser.add_argument("--plain-only", action="store_true", help="stop after the plain runs")
    parser.add_argument(
        "--again",
        action="append",
        default=[],
        metavar="WHICH",
        help="run tests with the tool again: all, differing, stale or a pattern",
    )
    args = parser.parse_args(argv)

    results = Results(args.out)
    if args.plain_results:
        results.load(args.plain_results, ("plain",))
    with tempfile.TemporaryDirectory(prefix="scons_suite.") as folder:
        bench = Bench(os.path.abspath(args.checkout), os.path.realpath(folder), args.timeout)
        chosen = {
            test: area
            for test in bench.tests()
            for area in [area_of(test)]
            if area
            and (not args.area or area in args.area)
            and (not args.test or any(fnmatch.fnmatchcase(test, p) for p in args.test))
        }
        _forget(results, chosen, args.again)
        plain, tool = results.modes["plain"], results.modes["tool"]
        order = sorted(chosen, key=lambda test: [*AREAS].index(chosen[test]))
        missing = [test for test in order if test not in plain]
        run_all(bench, results, "plain", missing, args.jobs)
        if not args.plain_only:
            passing = [t for t in order if plain[t].status == "passed" and t not in tool]
            run_all(bench, results, "tool", passing, args.jobs)
    return 1 if summary(results, chosen, documented_differences()) else 0


if __name__ == "__main__":
    sys.exit(main())
