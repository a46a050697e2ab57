"""Replays that are interrupted or killed: SCons's words and status, and the next run is right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins
from scons_project import PACKAGE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

QUICK, SLOW = "#!/bin/sh\ntouch started\n", "#!/bin/sh\ntouch started\nexec sleep 30\n"
STEPS = {
    "SConstruct": HEAD
    + """
env.Command("one", "i", "cp $SOURCE $TARGET")
env.Command("two", "one", "cp $SOURCE $TARGET && sh ./pause")
env.Command("three", "two", "cp $SOURCE $TARGET")
""",
    "i": "1\n",
    "pause": QUICK,
}
CHAIN = {
    "SConstruct": HEAD
    + """
objects = [env.Object(name) for name in ("a.c", "b.c", "c.c")]
library = env.StaticLibrary("f", objects)
env.Program("p", ["m.c", library])
env.Command("p.txt", "p", "wc -c < $SOURCE > $TARGET")
""",
    "h.h": "#define NUMBER 0\n",
    **{f"{n}.c": f'#include "h.h"\nint {n}(void) {{ return NUMBER; }}\n' for n in "abc"},
    "m.c": "int a(void); int b(void); int c(void);\nint main(void) { return a() + b() + c(); }\n",
}
KILLS = 12


def start(folder: Path, module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start SCons or `iscons` as the leader of a group of processes, as a shell would."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": PACKAGE_FOLDER, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupted(folder: Path, module: str, *options: str, **more: str) -> tuple[int, str, str]:
    """Send SIGINT to the whole group while the slow command runs; return status and output."""
    process = start(folder, module, *options, **more)
    deadline = time.monotonic() + 30
    while not (folder / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # the command itself tells that it is at work
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    (folder / "started").unlink()
    # Which of its threads learns first decides what SCons says of the command that was stopped.
    return process.returncode, out, err.replace("] Error -2\n", "] Build interrupted.\n")


@pytest.mark.parametrize("options", [[], ["-j2"], ["-Q"], ["-k"]])
def test_an_interrupt_is_told_as_scons_tells_it(tmp_path: Path, options: list[str]) -> None:
    """Ctrl-C ends a replay as it ends SCons; what was finished is kept, and the rest is made."""
    twins = Twins(tmp_path, STEPS)
    twins.settle()
    twins.remove("started")
    twins.write("pause", SLOW)  # SCons knows nothing of what a command runs
    twins.write("i", "2\n")

    plain = interrupted(twins.plain, "SCons", *options, PLAIN="1")
    ours = interrupted(twins.ours, "incremental_tool.launcher", *options)

    assert plain == ours
    assert plain[0] == 2
    twins.write("pause", QUICK)
    told = twins.both()
    assert told.status == 0
    assert "cp i one" not in told.out


def stop_at_random_moments(folder: Path, count: int, number: int) -> None:
    """Stop replays by a signal, each at another moment; what follows makes all right."""
    twins = Twins(folder, CHAIN)
    twins.settle()
    noise = random.Random(number)
    stopped = 0
    for turn in range(count):
        twins.write("h.h", f"#define NUMBER {turn + 3}\n")
        twins.write("b.c", f'#include "h.h"\nint b(void) {{ return NUMBER + {turn}; }}\n')
        process = start(twins.ours, "incremental_tool.launcher", "-j2")
        time.sleep(noise.uniform(0.05, 0.6))  # that is what is tried: any moment
        os.killpg(process.pid, number)
        process.communicate()
        stopped += process.returncode != 0
        told = twins.iscons()
        assert told.status == 0, told
        assert twins.scons().status == 0
        twins.compare(ignored="st[A-Za-z0-9]{6}")  # what ranlib leaves behind when it is killed
        twins.check_database()
        twins.iscons()
    assert stopped > count // 10


def test_the_next_run_after_a_kill_is_right(tmp_path: Path) -> None:
    """Killed at any moment, a replay leaves what the next run makes right, database and all."""
    stop_at_random_moments(tmp_path, KILLS, signal.SIGKILL)


@pytest.mark.campaign
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_hundred_moments(tmp_path: Path, number: int) -> None:
    """Killed, or interrupted, at a hundred random moments."""
    stop_at_random_moments(tmp_path, 100, number)
