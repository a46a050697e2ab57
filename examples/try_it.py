"""Show the main job on a real build: Lua, built, deleted and built again.

    python3 examples/try_it.py

makes `.venv` in this clone if needed (see own_python.py), then builds
`examples/lua` three times from nothing: with plain SCons, with the tool and an
empty cache, and with the tool again. It compares every built file of the three,
runs the interpreter, and says what the last build did not have to do. The exit
status is 0 only if the last build ran no command and the files are equal.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

from own_python import own_python

LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lua")
BUILT = os.path.join(LUA, "build")
STATE = os.path.join(LUA, ".incremental")


def main() -> int:
    """Build three times and compare; 0 when the tool did what it is for."""
    python = own_python()
    scons = [os.path.join(os.path.dirname(python), "scons"), "-Q", "-s"]
    if shutil.which("gcc") is None:
        sys.exit("this example needs gcc")
    run([python, "fetch_lua.py"])
    remove(STATE)
    print(f"\nscons in examples/lua ({len(os.listdir(os.path.join(LUA, 'lua-5.4')))} source files)")

    print("1. plain SCons (INCREMENTAL=0)      ", end="", flush=True)
    plain_files = build([*scons], INCREMENTAL="0")
    print("2. with the tool, nothing cached    ", end="", flush=True)
    first_files = build(scons)
    first = figures()
    print("3. with the tool, outputs deleted   ", end="", flush=True)
    second_files = build(scons, INCREMENTAL_STATS="1")
    second = figures()

    ran = second["commands"] - second["hits"]
    saved = second["command_ms_saved"] / 1000
    equal = plain_files == first_files == second_files
    print(f"\nbuild 2 ran {first['commands'] - first['hits']} of {first['commands']} commands")
    print(
        f"build 3 ran {ran} of {second['commands']}: {second['hits']} were restored, "
        f"which took {saved:.1f} s to run the first time"
    )
    print(f"the {len(plain_files)} files built: {'equal in all three' if equal else 'THEY DIFFER'}")
    with open(os.path.join(BUILT, "queens.txt"), encoding="utf-8") as file:
        print("the Lua that was built says: " + ", ".join(file.read().splitlines()[7:9]))
    return 0 if equal and ran == 0 and second["hits"] > 0 else 1


def build(command: list[str], **settings: str) -> dict[str, str]:
    """Build from no outputs and no SCons database; give the digest of each file built."""
    remove(BUILT)
    remove(os.path.join(LUA, ".sconsign.dblite"))
    began = time.perf_counter()
    said = run(command, **settings)
    print(f"{time.perf_counter() - began:6.1f} s")
    if said:
        print(said.rstrip())
    return {name: digest(os.path.join(BUILT, name)) for name in sorted(os.listdir(BUILT))}


def run(command: list[str], **settings: str) -> str:
    """Run in the example's folder, with no setting of the tool but those given."""
    clean = {name: value for name, value in os.environ.items() if "INCREMENTAL" not in name}
    ended = subprocess.run(
        command,
        cwd=LUA,
        env={**clean, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        sys.exit(f"\n{ended.stdout}\nfailed with status {ended.returncode}: {' '.join(command)}")
    return ended.stdout


def figures() -> dict[str, int]:
    """Give the figures of the last build that had the tool switched on."""
    with open(os.path.join(STATE, "stats.json"), encoding="utf-8") as file:
        counts = json.load(file)["last"]["counts"]
    return {name: counts.get(name, 0) for name in ("commands", "hits", "command_ms_saved")}


def digest(path: str) -> str:
    """Give the digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def remove(path: str) -> None:
    """Remove a file or a folder that an earlier run has left."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.unlink(path)


if __name__ == "__main__":
    sys.exit(main())
