"""What it costs to replace one member of a static library.

    python benchmarks/bench_archive.py [--sizes 100,10000] [--check]

The members are objects of 1.5 KB with two symbols each. In each turn another value is put
into one of them, and the library is brought up to date

* by `ar rc` and `ranlib` on a library that was removed, as SCons runs them;
* by the tool, with its state read from and written to disk, and the library's
  signature found: as a replay does it, without the project around it;
* by whole builds: plain SCons, `iscons` with `INCREMENTAL_ARCHIVES=0`, and `iscons`.

`in place` edits keep the member's length; `longer` ones do not. The tool's row without a project
tells the CPU time behind the imports (`cpu ms`), and what it read, wrote and moved.

SCons itself takes a minute to expand the command of a library of 10,000 members, for it does so
in quadratic time: `--alone` leaves whole builds out.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Callable

from measure import Lane, Report, compare
from scons_lanes import clean_environment, require_tool, work_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

LIBRARY = "x.a"
MOST = {100: 0.5, 10_000: 0.05}
"""CPU of the patch, of what ar and ranlib take, at most."""

SCRIPT = """\
import os
tools = ["default"]
if not os.environ.get("PLAIN"):
    import incremental_tool
    tools = ["default", incremental_tool.generate]
env = Environment(tools=tools, LIBPREFIX="")
env.StaticLibrary("x", [f"m{n:05}.o" for n in range(COUNT)])
"""


def members(count: int) -> list[str]:
    """Return the names of a library's members."""
    return [f"m{number:05}.o" for number in range(count)]


def object_of(number: int, value: int, size: int, memo: dict[int, bytes]) -> bytes:
    """Return an object; assembled once for each size."""
    if size not in memo:
        text = f".data\n.globl f00000, g00000\nf00000: .quad 0x1122334455\ng00000: .skip {size}\n"
        subprocess.run(["as", "-o", "pattern.o", "-"], input=text.encode(), check=True)
        with open("pattern.o", "rb") as file:
            memo[size] = file.read()
        os.unlink("pattern.o")
    name = b"%05d" % number
    content = memo[size].replace(b"f00000", b"f" + name).replace(b"g00000", b"g" + name)
    return content.replace(b"\x55\x44\x33\x22\x11", value.to_bytes(5, "little"))


def make_tree(folder: str, count: int) -> None:
    """Write the members and the SConstruct."""
    os.makedirs(folder)
    memo: dict[int, bytes] = {}
    for number, name in enumerate(members(count)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(object_of(number, number, 700, memo))
    with open(os.path.join(folder, "SConstruct"), "w", encoding="utf-8") as script:
        script.write(SCRIPT.replace("COUNT", str(count)))
    with open(os.path.join(folder, "make.sh"), "w", encoding="utf-8") as script:
        names = " ".join(members(count))
        script.write(f"rm -f {LIBRARY}\nar rc {LIBRARY} {names}\nranlib {LIBRARY}\n")


def editor(folder: str, count: int, how: str) -> Callable[[], object]:
    """Return what puts another value into one member at each call."""
    values = itertools.count(77)
    memo: dict[int, bytes] = {}

    def edit() -> None:
        value = next(values)
        size = 700 if how == "in place" else 700 + value % 50 * 8
        content = object_of(count // 2, value, size, memo)
        path = os.path.join(folder, members(count)[count // 2])
        with open(path, "wb") as file:
            file.write(content)

    return edit


def patch(folder: str, count: int) -> dict[str, float]:
    """Bring the library up to date through the tool, and return what it took."""
    from incremental_tool.engine.command_cache import CommandCache
    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Request
    from incremental_tool.engine.planner import Planner
    from incremental_tool.engine.settings import settings_for
    from incremental_tool.model.reason import Reason

    os.chdir(folder)
    library = os.fsencode(LIBRARY)

    def run(commands: CommandCache, text: str, removable: list[bytes]) -> None:
        request = Request(
            text,
            "sh",
            environment=os.environ,
            targets=[library],
            side_effects=[],
            removable=removable,
            fresh_inputs=[],
            directory=os.fsencode(folder),
            mode="auto",
            declared=lambda: Reason("zir.refuse.no-context"),
            refusal=None,
            terminal=False,
        )
        if commands.run(request, lambda: 1):
            sys.exit("a command has failed")

    start = time.process_time()
    cache = MultiLevelCache(
        settings_for(folder, os.environ, {}),
        lambda content: hashlib.md5(content).digest(),  # noqa: S324 - SCons's default signature
        b"md5",
    )
    cache.open_for_commands()
    commands = CommandCache(cache, Planner(cache, os.fsencode(folder)))
    run(commands, f"ar rc {LIBRARY} {' '.join(members(count))}", [library])
    run(commands, f"ranlib {LIBRARY}", [])
    cache.commit()
    counts = cache.statistics.counts
    cache.close()
    return {
        "cpu ms": (time.process_time() - start) * 1000,
        "patched": counts["patched"],
        "patch ms": counts["us_patch"] / 1000,
        "KB read": counts["archive_bytes_read"] / 1000,
        "KB written": counts["archive_bytes_written"] / 1000,
        "KB moved": counts["archive_bytes_moved"] / 1000,
    }


def _size(report: Report, folder: str, count: int, how: str, chosen: argparse.Namespace) -> None:
    here = os.path.abspath(__file__)
    environment = clean_environment()

    def lane(name: str, argv: list[str], **more: str) -> Lane:
        tree = os.path.join(folder, f"{count}-{how}-{name}".replace(" ", "-"))
        make_tree(tree, count)
        lane = Lane(
            name, argv, tree, {**environment, **more}, editor(tree, count, how), figures(name)
        )
        for _ in range(2):
            subprocess.run(argv, cwd=tree, env=dict(lane.environment), check=True, **_QUIET)
        return lane

    def figures(name: str) -> Callable[[str], dict[str, float]] | None:
        return json.loads if name == "tool alone" else None

    alone = [sys.executable, here, "--patch", str(count)]
    lanes = [lane("ar and ranlib", ["sh", "make.sh"]), lane("tool alone", alone)]
    if not chosen.alone:
        iscons = [sys.executable, "-m", "incremental_tool.launcher"]
        lanes += [
            lane("plain SCons", [sys.executable, "-m", "SCons"], PLAIN="1"),
            lane("iscons and ar", iscons, INCREMENTAL_ARCHIVES="0"),
            lane("iscons", iscons),
        ]
    rows = compare(lanes, chosen.rounds)
    report.section(f"{count} members, one edited {how}", rows)
    contents = set()
    for one in lanes:
        editor(one.folder, count, how)()
        subprocess.run(one.argv, cwd=one.folder, env=dict(one.environment), check=True, **_QUIET)
        with open(os.path.join(one.folder, LIBRARY), "rb") as file:
            contents.add(hashlib.sha256(file.read()).hexdigest())
    report.target("every way leaves the same bytes", met=len(contents) == 1)
    ratio = rows[1].counters["cpu ms"] / 1000 / rows[0].cpu
    report.target("ar and ranlib did not run", met=rows[1].counters["patched"] == 2)
    most = MOST.get(count, 1.0)
    report.target(f"the tool takes {ratio:.3f} of their CPU (at most {most:g})", met=ratio <= most)


_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Replace one member of a static library.")
    parser.add_argument("--sizes", default="100,10000", help="members (%(default)s)")
    parser.add_argument("--edits", default="in place,longer", help="which (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="leave out whole builds")
    parser.add_argument("--small", action="store_true", help="one hundred members, no builds")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", help="file to write everything to")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument("--patch", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.patch:
        print(json.dumps(patch(os.getcwd(), chosen.patch)))
        return 0
    if chosen.small:
        chosen.sizes, chosen.alone = "100", True
    require_tool()
    with work_folder(keep=chosen.keep) as folder:
        report = Report(f"One member of a library, {chosen.rounds} rounds")
        for count in map(int, chosen.sizes.split(",")):
            for how in chosen.edits.split(","):
                _size(report, folder, count, how, chosen)
        return report.finish(chosen.json, check=chosen.check)


if __name__ == "__main__":
    sys.exit(main())
