"""A library in a project, made by real `ar` and `ranlib` through the tool, build after build."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from archive_pool import assemble, quoted
from command_bench import ENVIRONMENT

from incremental_tool.engine.plan import Archiving, Plan
from incremental_tool.engine.planner import Planner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from command_bench import Bench

LIBRARY = "lib/libx.a"
AR, RANLIB = "ar rc", "ranlib"
PATCHED = {"commands": 2, "patched": 2}


class Library:
    """A library in a project; each `make` is a build of its own."""

    def __init__(self, bench: Bench, members: Sequence[str], ar: str = AR) -> None:
        self.bench = bench
        self.members = list(members)
        self.ar = f"{ar} {LIBRARY} {quoted(members)}"
        self.ranlib = f"{RANLIB} {LIBRARY}"
        (bench.folder / "lib").mkdir(exist_ok=True)
        (bench.folder / "sub").mkdir(exist_ok=True)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.bench.folder / LIBRARY

    def write(self, member: str, content: bytes) -> None:
        """Write a member."""
        path = self.bench.folder / member
        path.write_bytes(content)
        self.bench.cache.disk.wait_until_after(path.stat().st_ctime_ns)

    def make(self) -> dict[str, int]:
        """Have it made, by whatever way, and return how the two commands ended."""
        self.bench.open()
        removable = [os.fsencode(LIBRARY)]
        assert self.bench.command(self.ar, LIBRARY, removable=removable) == 0
        assert self.bench.command(self.ranlib, LIBRARY) == 0
        counts = self.bench.cache.statistics.counts
        ends = ("commands", "patched", "hits", "stored", "not_stored", "refused")
        return {end: counts[end] for end in ends if counts[end]}

    def check(self) -> None:
        """Compare it, and its mode, with what ar and ranlib make of the members as they are."""
        other = "other.a"
        text = f"{self.ar} && {self.ranlib}".replace(LIBRARY, other)
        subprocess.run(text, shell=True, env=ENVIRONMENT, check=True, capture_output=True)  # noqa: S602 - as SCons runs it
        assert self.path.read_bytes() == (self.bench.folder / other).read_bytes()
        assert self.path.stat().st_mode == (self.bench.folder / other).stat().st_mode
        os.unlink(other)


def plain_library(bench: Bench, count: int, size: int = 64) -> Library:
    """Return a library of members with two symbols each, made twice so that all is settled."""
    content = assemble(bench.folder / "o", data("f000", "g000", 1, size))
    members = [f"m{number:03}.o" for number in range(count)]
    library = Library(bench, members)
    for number, member in enumerate(members):
        (bench.folder / member).write_bytes(renumbered(content, number))
    library.write(members[0], renumbered(content, 0))
    assert library.make() == {"commands": 2, "stored": 2}
    bench.open()
    return library


def data(one: str, other: str, value: int, size: int) -> str:
    """Return assembler source with two symbols."""
    return f".data\n.globl {one}, {other}\n{one}: .byte {value}\n{other}: .skip {size}\n"


def renumbered(content: bytes, number: int) -> bytes:
    """Return an object whose symbols have another number."""
    return content.replace(b"f000", b"f%03d" % number).replace(b"g000", b"g%03d" % number)


def archiving(library: Library) -> Archiving:
    """Return what the planner tells of the library's command."""
    planner = Planner(library.bench.cache, os.fsencode(library.bench.folder))
    request = library.bench.request(library.ar, [LIBRARY])
    plan = planner.plan(request._replace(removable=[os.fsencode(LIBRARY)]))
    assert isinstance(plan, Plan)
    assert plan.archiving is not None
    return plan.archiving


def refused(library: Library) -> list[str]:
    """Have it made by its command, compare it, and return why."""
    ended = library.make()
    assert ended["commands"] == 2
    assert "patched" not in ended
    library.check()
    reasons = library.bench.reasons()
    return [name for name in reasons if name.startswith("archive.")]


def edit(library: Library, member: str = "m001.o") -> None:
    """Change a member within its length."""
    number = member[1:4]
    source = data(f"f{number}", f"g{number}", 77, 64)
    library.write(member, assemble(library.bench.folder / "o", source))
