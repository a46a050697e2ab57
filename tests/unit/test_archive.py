"""Libraries are taken apart exactly as ar has put them together, or not at all."""

from __future__ import annotations

import os
import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from archive_pool import families, names

from incremental_tool.model.archive import Layout, head, name_fields, odd_names, understand

if TYPE_CHECKING:
    from pathlib import Path


def made(folder: Path, members: list[str], contents: list[bytes], flags: str = "rc") -> bytes:
    """Return what ar makes of members."""
    for name, content in zip(members, contents):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    library = folder / "lib.a"
    library.unlink(missing_ok=True)
    subprocess.run(["ar", flags, "lib.a", *members], cwd=folder, check=True)
    return library.read_bytes()


def based(members: list[str]) -> list[bytes]:
    """Return names as they stand in a library."""
    return [os.path.basename(os.fsencode(name)) for name in members]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return objects of many kinds."""
    groups = families(tmp_path_factory.mktemp("pool"), random.Random(3), 12)
    return [content for group in groups for content in group]


@pytest.mark.parametrize("seed", range(10))
def test_what_is_read_is_what_lies_there(tmp_path: Path, objects: list[bytes], seed: int) -> None:
    """Each member is found at its place, and the head is written as ar wrote it."""
    noise = random.Random(seed)
    members = names(noise, noise.randrange(1, 30))
    contents = [noise.choice(objects) for _ in members]
    if seed % 2:
        contents[noise.randrange(len(contents))] = b"a text\n"
        contents[0] = objects[-1]
    library = made(tmp_path, members, contents)
    layout = understand(library, based(members))

    assert isinstance(layout, Layout)
    for number, content in enumerate(contents):
        place = layout.offset_of(number)
        assert library[place + 60 : place + 60 + len(content)] == content
        assert layout.sizes[number] == len(content)
    listed = library[layout.names_at(0) :][: sum(layout.lengths)]
    assert listed.count(b"\0") == sum(layout.counts)
    assert head(layout, listed, name_fields(based(members))[1]) == library[: layout.first]


@pytest.mark.parametrize("flags", ["rcT", "rcU", "rcS", "rcP"])
def test_other_forms_are_not_understood(tmp_path: Path, objects: list[bytes], flags: str) -> None:
    """Thin libraries, times, no index, and names with folders are not this form."""
    members = ["sub/a.o", "b.o"]
    library = made(tmp_path, members, objects[:2], flags)

    assert isinstance(understand(library, based(members)), str)


def test_every_cut_and_most_changes_show(tmp_path: Path, objects: list[bytes]) -> None:
    """A library that is cut off, or has another byte in its head or headers, is not understood."""
    members = ["a.o", "a_name_of_more_than_15.o"]
    library = made(tmp_path, members, [b"odd", objects[-1]])
    layout = understand(library, based(members))
    assert isinstance(layout, Layout)
    inside = {
        *range(layout.offset_of(0) + 60, layout.offset_of(0) + 63),
        *range(layout.offset_of(1) + 60, len(library)),
        *range(layout.names_at(0), layout.names_at(0) + sum(layout.lengths)),
    }
    for place in range(len(library)):
        assert isinstance(understand(library[:place], based(members)), str)
        if place not in inside:
            changed = bytearray(library)
            changed[place] ^= 1
            assert isinstance(understand(bytes(changed), based(members)), str), place


def test_other_names_are_not_taken_for_these(tmp_path: Path, objects: list[bytes]) -> None:
    """A library of other members, or in another order, is not understood."""
    library = made(tmp_path, ["a.o", "b.o"], objects[:2])
    for members in ([b"b.o", b"a.o"], [b"a.o"], [b"a.o", b"b.o", b"c.o"], [b"a.o", b"c.o"], []):
        assert isinstance(understand(library, members), str)


@pytest.mark.parametrize(
    "members", [[b"a", b"a"], [b"a b"], [b"a "], [b" a"], [b""], [b"a/b"], [b"a\n"], [b"a\tb"]]
)
def test_odd_names_are_told(members: list[bytes]) -> None:
    """Equal names, and names with blanks or slashes, are odd."""
    assert odd_names(members)
    assert not odd_names([b"a", b"b.o", b"\xff"])
