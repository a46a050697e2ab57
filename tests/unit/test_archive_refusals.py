"""When a library is made by its command although one could think of patching it, and why."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from archive_bench import LIBRARY, PATCHED, Library, archiving, data, edit, plain_library, refused
from archive_pool import assemble
from command_bench import Bench

from incremental_tool.engine import archive_patch
from incremental_tool.store import archive_writing
from incremental_tool.store.manifest import KnownResult, Output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return an empty project as the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = Bench(folder)
    yield made
    made.cache.close()


def test_a_library_that_somebody_has_changed_is_made_anew(bench: Bench) -> None:
    """The same length and other bytes: the file is not the one that was recorded."""
    library = plain_library(bench, 3)
    content = bytearray(library.path.read_bytes())
    content[-1] ^= 1
    library.path.write_bytes(content)
    edit(library)

    assert refused(library) == ["archive.patch.changed"]
    edit(library, "m002.o")
    assert library.make() == PATCHED


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "foreign"])
def test_a_damaged_record_is_none(bench: Bench, damage: str) -> None:
    """Whatever has become of the record, the library is what ar makes."""
    library = plain_library(bench, 3)
    (record,) = (bench.folder / ".incremental" / "archives").iterdir()
    content = bytearray(record.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"gone": b"", "cut": content[:-9], "flipped": content, "foreign": b"other" * 99}
    record.unlink() if damage == "gone" else record.write_bytes(damaged[damage])
    edit(library)

    assert refused(library) == ["archive.patch.unknown"]


def test_another_name_for_the_file_keeps_its_bytes(bench: Bench) -> None:
    """What a hard link leads to is not changed behind somebody's back."""
    library = plain_library(bench, 3)
    os.link(library.path, bench.folder / "kept.a")
    before = bench.read("kept.a")
    edit(library)

    assert refused(library) == ["archive.patch.changed"]  # a link is a change of the file, too
    assert bench.read("kept.a") == before


def test_permissions_that_a_new_file_would_not_have(bench: Bench) -> None:
    """A library is patched only where it would get the mode that it has."""
    library = plain_library(bench, 3)
    bench.cache.umask = 0o077
    edit(library)

    assert not bench.cache.archives.patch(os.fsencode(LIBRARY), archiving(library), [])
    assert bench.reasons() == {"archive.patch.place": 1}


def test_another_list_of_members_is_made_by_ar(bench: Bench) -> None:
    """A member more, one less, or another order."""
    plain_library(bench, 4)
    for members in (["m000.o", "m002.o", "m003.o"], ["m003.o", "m000.o"], ["m000.o", "m003.o"]):
        other = Library(bench, members)

        assert refused(other) == ["archive.patch.members"]


@pytest.mark.parametrize(
    ("ar", "reason"),
    [
        ("ar rcS", "option"),
        ("ar rcv", "option"),
        ("ar Pqc", "option"),
        ("env ar rc", None),
        pytest.param(
            "llvm-ar-14 rc",
            "program",
            marks=pytest.mark.skipif(not shutil.which("llvm-ar-14"), reason="there is none"),
        ),
    ],
)
def test_other_options_and_programs_run(bench: Bench, ar: str, reason: str | None) -> None:
    """What the bytes depend on, and is not known, is left to the command."""
    content = assemble(bench.folder / "o", data("f001", "g001", 1, 64))
    library = Library(bench, ["m001.o"], ar)
    library.write("m001.o", content)
    bench.open()
    bench.command(library.ar, LIBRARY, removable=[os.fsencode(LIBRARY)])
    edit(library)
    bench.open()

    bench.command(library.ar, LIBRARY, removable=[os.fsencode(LIBRARY)])

    assert "patched" not in bench.counts()
    told = [name for name in bench.reasons() if name.startswith("archive.")]
    assert told == ([f"archive.patch.{reason}"] if reason else [])


def test_another_ar_on_the_path_makes_the_library_anew(bench: Bench) -> None:
    """A record is good for the very program that made the library."""
    library = plain_library(bench, 3)
    edit(library)
    bench.open()
    other = archiving(library)._replace(tool=b"x" * 16)

    assert not bench.cache.archives.patch(os.fsencode(LIBRARY), other, [])
    assert bench.reasons() == {"archive.patch.program": 1}


@pytest.mark.parametrize(
    "members", [["a/x.o", "b/x.o"], ["with blank.o"], ["two  blanks.o", "y.o"], ["trailing.o "]]
)
def test_names_that_ar_or_ranlib_confuse_are_left_to_them(bench: Bench, members: list[str]) -> None:
    """Of two equal names ar keeps one; ranlib ends some names at a blank."""
    for folder in ("a", "b"):
        (bench.folder / folder).mkdir()
    library = Library(bench, members)
    for number, member in enumerate(members):
        source = data(f"f{number}", f"g{number}", 1, 64)
        library.write(member, assemble(bench.folder / "o", source))
    assert library.make() == {"commands": 2, "stored": 2}
    assert bench.reasons()["archive.patch.format"] == 1
    library.write(members[0], assemble(bench.folder / "o", data("f0", "g0", 2, 64)))

    assert "archive.patch.unknown" in refused(library)


@pytest.mark.parametrize("old", ["text", "object"])
def test_members_that_are_no_objects_are_left_to_ar(bench: Bench, old: str) -> None:
    """A text is a member like any other while it does not change."""
    library = plain_library(bench, 3)
    content = bench.read("m001.o")
    other = b"only a text\n"
    if old == "text":
        library.write("m001.o", other)
        assert refused(library) == ["archive.patch.object"]
        edit(library, "m002.o")
        assert library.make() == PATCHED
        library.check()
        content, other = other, content
    library.write("m001.o", other)

    assert refused(library) == ["archive.patch.object"]


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
@pytest.mark.parametrize("options", [["-flto"], ["-flto", "-ffat-lto-objects"]])
def test_code_for_link_time_optimisation_is_left_to_ar(bench: Bench, options: list[str]) -> None:
    """A plugin tells ar what such an object defines."""
    library = plain_library(bench, 3)
    (bench.folder / "l.c").write_text("int f001(void) { return 1; }\n")
    subprocess.run(["gcc", "-c", *options, "-o", "l.o", "l.c"], check=True)
    library.write("m001.o", bench.read("l.o"))

    assert refused(library) == ["archive.patch.object"]


def test_a_narrow_object_among_wide_ones_is_left_to_ar(bench: Bench) -> None:
    """An object for another machine may change how ar reads the rest."""
    library = plain_library(bench, 3)
    source = data("f001", "g001", 1, 64)
    library.write("m001.o", assemble(bench.folder / "o", source, "--32"))

    assert refused(library) == ["archive.patch.object"]


def test_narrow_objects_are_patched_among_themselves(bench: Bench) -> None:
    """Objects of 32 bits are read by their own tables."""
    library = Library(bench, ["a.o", "b.o"])
    for member in library.members:
        library.write(member, assemble(bench.folder / "o", data(member[0], "n", 1, 8), "--32"))
    library.make()
    library.write("b.o", assemble(bench.folder / "o", data("other", "name", 1, 8), "--32"))

    assert library.make() == PATCHED
    library.check()


def test_times_in_a_library_are_not_made_up(bench: Bench) -> None:
    """Where ar writes times and owners, it goes on to do so."""
    library = plain_library(bench, 3)
    subprocess.run(["ar", "rcU", LIBRARY, *library.members], check=True)
    bench.cache.archives.learn(
        os.fsencode(LIBRARY),
        archiving(library),
        KnownResult([], b"", [], [Output(b"", 0, False, b"", 0)], b"", b"", False, 0),
        library.path.read_bytes(),
    )

    assert bench.reasons()["archive.patch.format"] == 1


def test_a_library_of_more_than_four_gigabytes_is_left_to_ar(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets in the index have four bytes; the limit is drawn nearer for this test."""
    library = plain_library(bench, 3)
    monkeypatch.setattr(archive_patch, "MAX_SIZE", library.path.stat().st_size + 100)
    library.write("m001.o", assemble(bench.folder / "o", data("f001", "g001", 1, 4000)))

    assert refused(library) == ["archive.patch.large"]


def test_changed_members_are_held_in_memory_up_to_a_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much that has changed is better made anew."""
    library = plain_library(bench, 3)
    monkeypatch.setattr(archive_patch, "LIMIT", 100)
    edit(library)

    assert refused(library) == ["archive.patch.large"]


def test_it_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INCREMENTAL_ARCHIVES=0 leaves libraries to their commands, and records nothing."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, INCREMENTAL_ARCHIVES="0")
    library = plain_library(bench, 3)
    edit(library)

    assert refused(library) == []
    assert not (tmp_path / ".incremental" / "archives").exists()
    bench.cache.close()


def test_an_error_while_writing_lets_the_command_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails midway leaves no half written library: ar makes it."""
    library = plain_library(bench, 3)
    edit(library)

    def failing(fd: int, start: int, piece: bytes) -> None:
        os.pwrite(fd, piece[: len(piece) // 2], start)
        raise OSError(5, "the disk has failed")

    monkeypatch.setattr(archive_writing, "_write_at", failing)

    assert refused(library) == ["archive.patch.failed"]
    assert not list((bench.folder / ".incremental" / "tmp").glob(".incremental-*"))
