"""Builds that run beside the test: waiting for them, stopping them, seeing what they started."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    import subprocess

LIMIT_SECONDS = 120
"""What takes longer hangs; the machine may be slow."""


def until(holds: Callable[[], bool]) -> None:
    """Return once something holds in another process."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.005)


def ended(process: subprocess.Popen[bytes]) -> str:
    """Wait for a build and return all that it printed; it must have succeeded."""
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, out.decode()
    return out.decode()


def stop(
    process: subprocess.Popen[bytes], when: Callable[[], bool], number: int
) -> tuple[bool, str]:
    """Send a signal to a build and all it started once something holds.

    Returns whether the build was still running then, and all that it printed, when it has ended.
    """
    deadline = time.monotonic() + LIMIT_SECONDS
    while process.poll() is None and not when():
        assert time.monotonic() < deadline, "the build hangs"
        time.sleep(0.002)
    stopped = process.poll() is None
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        stopped = False
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    return stopped, out.decode()


def descendants(pid: int) -> list[tuple[int, list[str]]]:
    """Return the processes below a process, with their command lines."""
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:  # it has ended since it was listed
        return []
    for task in tasks:
        try:
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        except OSError:
            continue
        for child in children:
            try:
                words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            except OSError:
                continue
            found += [(int(child), words), *descendants(int(child))]
    return found
