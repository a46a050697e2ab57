"""`FileHashCache.combined_digest`: one digest over a file and all that it imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fake_disk import FakeDisk, HashedProject

    from incremental_tool.model.imports import Imports


def quoted(folder: bytes = b"") -> Callable[[bytes, Imports], Iterable[bytes]]:
    """Return a resolver that finds every quoted include in one folder."""
    return lambda _, imports: [folder + entry[1:] for entry in imports.entries]


def lay_out(disk: FakeDisk, files: dict[str, str]) -> None:
    """Write files whose text is a list of what they include."""
    for name, includes in files.items():
        disk.write(name, "".join(f'#include "{other}"\n' for other in includes.split()))


def test_a_deep_change_changes_the_combined_digest(hashed: HashedProject) -> None:
    """A header included through others counts, and costs one read when it alone changed."""
    lay_out(hashed.disk, {"a.c": "b.h", "b.h": "c.h", "c.h": ""})
    cache = hashed.settled("a.c", "b.h", "c.h")
    before = cache.combined_digest(b"a.c", quoted())
    assert hashed.disk.reads == []
    assert sorted(hashed.disk.stats) == [b"a.c", b"b.h", b"c.h"]

    hashed.disk.tick()
    hashed.disk.write("c.h", "int deep;\n")
    cache.begin_run()

    assert cache.combined_digest(b"a.c", quoted()) != before
    assert hashed.disk.reads == [b"c.h"]


def test_a_diamond_is_looked_at_once(hashed: HashedProject) -> None:
    """A header reached on two ways is stat-ed and read once."""
    lay_out(hashed.disk, {"a.c": "l.h r.h", "l.h": "base.h", "r.h": "base.h", "base.h": ""})
    cache = hashed.open()

    assert cache.combined_digest(b"a.c", quoted()) is not None
    assert sorted(hashed.disk.stats) == [b"a.c", b"base.h", b"l.h", b"r.h"]
    assert sorted(hashed.disk.reads) == [b"a.c", b"base.h", b"l.h", b"r.h"]


def test_a_cycle_ends(hashed: HashedProject) -> None:
    """Headers that include each other, or themselves, have a combined digest."""
    lay_out(hashed.disk, {"a.c": "b.h", "b.h": "c.h", "c.h": "b.h c.h"})
    cache = hashed.open()

    assert cache.combined_digest(b"a.c", quoted()) is not None
    assert len(hashed.disk.reads) == 3


def test_a_missing_import_gives_no_digest(hashed: HashedProject) -> None:
    """Where one of the files is missing or is no text, nothing is said of the whole."""
    lay_out(hashed.disk, {"a.c": "b.h", "c.c": "d.bin"})
    hashed.disk.write("d.bin", b"\0binary")
    cache = hashed.open()

    assert cache.combined_digest(b"a.c", quoted()) is None
    assert cache.combined_digest(b"c.c", quoted()) is None
    assert cache.combined_digest(b"missing.c", quoted()) is None


def test_the_order_of_discovery_does_not_count(hashed: HashedProject) -> None:
    """A resolver that names the same files in another order gives the same digest."""
    lay_out(hashed.disk, {"a.c": "b.h c.h", "b.h": "", "c.h": ""})
    cache = hashed.open()

    def backward(path: bytes, imports: Imports) -> Iterable[bytes]:
        return reversed(list(quoted()(path, imports)))

    assert cache.combined_digest(b"a.c", backward) == cache.combined_digest(b"a.c", quoted())


def test_names_count_besides_contents(hashed: HashedProject) -> None:
    """Headers with equal bytes at other places give another digest, and so do swapped bytes."""
    lay_out(hashed.disk, {"a.c": "b.h c.h", "x/b.h": "", "x/c.h": "", "y/b.h": "", "y/c.h": ""})
    cache = hashed.open()
    by_x, by_y = (cache.combined_digest(b"a.c", quoted(folder)) for folder in (b"x/", b"y/"))
    assert None not in (by_x, by_y)
    assert by_x != by_y

    hashed.disk.tick()
    hashed.disk.write("x/b.h", "int x;\n")
    cache.begin_run()
    one = cache.combined_digest(b"a.c", quoted(b"x/"))
    hashed.disk.tick()
    hashed.disk.write("x/b.h", "")
    hashed.disk.write("x/c.h", "int x;\n")
    cache.begin_run()

    assert cache.combined_digest(b"a.c", quoted(b"x/")) != one
