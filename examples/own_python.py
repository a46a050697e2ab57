"""Give this clone a Python that has the project installed.

Used by `examples/try_it.py` and `tests/run.py`. When the Python that runs has
this very tree installed, it is that one: so a developer's or CI's environment
is used as it is. Otherwise it is `.venv` in the clone, made at the first call
and updated when `pyproject.toml` changes. No other environment is touched.

Needs only the standard library: it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "installed-from.txt")
OLDEST = (3, 9)


def own_python(*, for_tests: bool = False) -> str:
    """Give the path of a Python with the project, and with what its tests need if asked."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version}")
    if _has_this_tree("incremental_tool") and (not for_tests or _has("pytest")):
        return sys.executable

    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python):
        print(f"making a virtual environment in {VENV}", flush=True)
        _run(
            [sys.executable, "-m", "venv", "--clear", VENV],
            "`python3 -m venv` failed (on Debian and Ubuntu: apt install python3-venv)",
        )
    stamp = _stamp(for_tests=for_tests)
    if _read(STAMP) not in {stamp, _stamp(for_tests=True)}:
        what = f"{ROOT}[test]" if for_tests else ROOT
        print(f"installing the project into it: pip install -e {what}", flush=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "install", "-e", what], "pip could not install the project")
        with open(STAMP, "w", encoding="utf-8") as file:
            file.write(stamp)
    return python


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _has_this_tree(module: str) -> bool:
    spec = importlib.util.find_spec(module)
    found = spec.origin if spec else None
    return found is not None and os.path.realpath(found).startswith(os.path.realpath(ROOT) + os.sep)


def _stamp(*, for_tests: bool) -> str:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return f"{'test' if for_tests else 'plain'} {digest}\n"


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _run(command: list[str], complaint: str) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"{complaint}; the command was: {' '.join(command)}")
