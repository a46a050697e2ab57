"""Run every check of the project: ruff, mypy, import-linter, pytest.

`python3 tests/run.py` is all that a fresh clone needs; further arguments go to
pytest (`python3 tests/run.py -k launcher`). Where the tools come from stands in
`examples/own_python.py`. pytest comes last, so that its closing line is the
last line; the exit status is 0 only when every check passed.
"""

from __future__ import annotations

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "examples"))

from own_python import own_python  # noqa: E402 - found through the line above


def main(pytest_arguments: list[str]) -> int:
    """Run the checks one after the other; 0 when all of them passed."""
    python = own_python(for_tests=True)
    bin_folder = os.path.dirname(python)
    # The tests start SCons two thousand times: the package is to be compiled once, not each time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    workers = str(min(len(os.sched_getaffinity(0)), 8))
    checks = [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
        # Who is done takes over from who is not: some tests take minutes, most milliseconds.
        ["pytest", "-n", workers, "--dist", "worksteal", *pytest_arguments],
    ]

    failed = []
    for command in checks:
        program = os.path.join(bin_folder, command[0])
        print(f"\n== {' '.join(command)}", flush=True)
        if command[0] == "lint-imports" and not os.path.exists(program):
            print("left out: import-linter needs Python 3.10")
            continue
        if failed and command[0] == "pytest":
            print(f"failed so far: {', '.join(failed)}", flush=True)
        run = subprocess.run([program, *command[1:]], cwd=ROOT, check=False)
        if run.returncode != 0:
            failed.append(" ".join(command[:2]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
