"""`incremental-tool verify | trim | clean | doctor`: what is found, kept and removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from command_bench import Bench

import incremental_tool
from incremental_tool.store.air_cache import BASE_MAGIC, AirCache, Base, Piece
from incremental_tool.store.objects import read_regular
from incremental_tool.store.trim import entries

if TYPE_CHECKING:
    from pathlib import Path


def store_of(bench: Bench) -> list[bytes]:
    """Return the files of a project's store."""
    return sorted(entry.path for entry in entries(bench.cache.settings.cache_dir))


# --- verify -------------------------------------------------------------------------


def test_verify_finds_a_good_store_good(built: Bench, tool: Any) -> None:
    """Every object and manifest is read; files that are none are passed over."""
    built.write(".incremental/cache/objects/ab/.incremental-1-2-3", "")
    built.write(".incremental/cache/objects/ab/notes", "")
    ran = tool("verify")

    assert ran.status == 0
    assert ran.out == "2 good, 0 damaged, 0 set aside earlier\n"


@pytest.mark.parametrize("kind", ["objects", "zir"])
@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "link"])
def test_verify_finds_every_damage(built: Bench, tool: Any, kind: str, damage: str) -> None:
    """A flipped or cut entry, one under another's name, and a link are found; the rest is good."""
    (path,) = [path for path in store_of(built) if f"/{kind}/".encode() in path]
    with open(path, "r+b") as file:
        if damage == "flip":
            file.seek(-1, os.SEEK_END)
            last = file.read()
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        elif damage == "cut":
            file.truncate(19)
    if damage == "swap":
        other = os.path.join(os.path.dirname(path), b"0" * 30)
        os.rename(path, other)
        path = other
    elif damage == "link":
        os.rename(path, path + b".moved")
        os.symlink(path + b".moved", path)
    ran = tool("verify")

    assert ran.status == 1
    assert f"damaged: {os.fsdecode(path)}: " in ran.out
    assert "1 good, 1 damaged, 0 set aside earlier\n" in ran.out
    assert os.path.lexists(path)  # it is only told, and healed by the next build that asks


def test_verify_passes_over_what_is_trimmed_meanwhile(
    built: Bench, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that another process removes is no damage."""
    listed = list(entries(built.cache.settings.cache_dir))
    os.unlink(listed[0].path)
    monkeypatch.setattr("incremental_tool.store.trim.entries", lambda _: iter(listed))

    assert tool("verify").out == "1 good, 0 damaged, 0 set aside earlier\n"


def test_verify_counts_what_was_set_aside(built: Bench, tool: Any) -> None:
    """What builds found damaged is told until it is removed."""
    built.write(".incremental/cache/quarantine/one", "")

    assert tool("verify").out == "2 good, 0 damaged, 1 set aside earlier\n"


def test_verify_of_nothing_is_good(tool: Any, tmp_path: Path) -> None:
    """A project without a store has no damage."""
    assert tool("--top", str(tmp_path), "verify").out == "0 good, 0 damaged, 0 set aside earlier\n"


# --- trim ---------------------------------------------------------------------------


def test_trim_keeps_what_fits(built: Bench, tool: Any) -> None:
    """Within its limits a store stays."""
    assert tool("trim").out.startswith("removed 0 of 2 files; ")
    assert tool("trim", "--size", "1G", "--age", "1").status == 0
    assert len(store_of(built)) == 2


def test_trim_takes_limits(built: Bench, tool: Any) -> None:
    """A smaller size, or an age, for this time only."""
    manifest, stored = sorted(store_of(built), key=lambda path: b"/zir/" not in path)
    os.utime(manifest, (0, 0))
    assert tool("trim", "--age", "30").out.startswith("removed 1 of 2 files; ")
    assert store_of(built) == [stored]
    ran = tool("trim", "--size", "0")

    assert (ran.status, ran.out.split(";")[0]) == (0, "removed 1 of 1 files")
    assert store_of(built) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--size", "much"], "--size='much'"),
        (["--size", ""], "--size=''"),
        (["--age", "week"], "--age='week'"),
        (["--age", "-1"], "--age='-1'"),
    ],
)
def test_bad_limits_are_one_line(built: Bench, tool: Any, arguments: list[str], named: str) -> None:
    """What is no size or no age is named, nothing is removed, and the status is 2."""
    ran = tool("trim", *(f"{a}={b}" for a, b in [arguments]))

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"incremental-tool: {named} is not a ")
    assert ran.err.count("\n") == 1
    assert len(store_of(built)) == 2


@pytest.mark.parametrize("command", ["stats", "verify", "trim", "clean", "doctor"])
def test_bad_variables_are_one_line(
    tool: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """So is a variable that cannot be understood, for every command."""
    monkeypatch.setenv("INCREMENTAL_CACHE_SIZE", "much")
    ran = tool(command)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("incremental-tool: INCREMENTAL_CACHE_SIZE='much' is not a size")
    assert ran.err.count("\n") == 1


# --- clean --------------------------------------------------------------------------


def test_clean_keeps_the_store(built: Bench, tool: Any) -> None:
    """The state goes, the store within it stays, and the project's own files with it."""
    before = store_of(built)
    ran = tool("clean")

    assert (ran.status, ran.out) == (0, f"removed the state in {built.folder}/.incremental\n")
    assert store_of(built) == before
    assert os.listdir(".incremental") == ["cache"]
    assert sorted(os.listdir(".")) == [".incremental", "in", "log", "out"]


def test_clean_removes_snapshots_and_notes_of_runs(built: Bench, tool: Any) -> None:
    """What the fast path keeps goes with the state; a file beside it of another name stays."""
    os.mkdir(".incremental/fresh")
    os.mkdir(".incremental/archives")
    for name in (
        "archives/" + "0a" * 16,
        "fresh/" + "0a" * 16,
        "fresh/mine",
        "last_answer",
        "last_recording",
    ):
        built.write(f".incremental/{name}", "kept")
    assert tool("clean").status == 0

    assert sorted(os.listdir(".incremental")) == ["cache", "fresh"]
    assert os.listdir(".incremental/fresh") == ["mine"]


def test_clean_removes_the_store_when_asked(built: Bench, tool: Any) -> None:
    """With --store nothing of the tool's is left; the project's own files stay."""
    built.write(".incremental/tmp/123-456-d", "")
    built.write(".incremental/.incremental-1-2-3", "")
    built.write(".incremental/cache/quarantine/" + "0f" * 16, "")
    built.write(".incremental/cache/objects/ab/.incremental-1-2-3", "")
    ran = tool("clean", "--store")

    assert ran.status == 0
    assert ran.out.splitlines()[1] == f"removed the store in {built.folder}/.incremental/cache"
    assert sorted(os.listdir(".")) == ["in", "log", "out"]


FOREIGN = [
    "SConstruct",
    "src/a.c",
    ".gitignore",
    "CACHEDIR.TAG",
    "tmp/notes",
    "objects/a.o",
    "objects/ab/notes",
    "zir/notes",
    "quarantine/notes",
    "cache/notes",
]


@pytest.mark.parametrize("variables", [("DIR",), ("CACHE_DIR",), ("DIR", "CACHE_DIR")])
def test_clean_removes_nothing_that_is_not_ours(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: tuple[str, ...]
) -> None:
    """A project whose own folder was named for the state or the store keeps every file."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, **{f"INCREMENTAL_{name}": "." for name in variables})
    for name in variables:
        monkeypatch.setenv(f"INCREMENTAL_{name}", ".")
    for name in FOREIGN:
        bench.write(name, "mine")
    (tmp_path / "objects" / "cd").symlink_to("../src")
    bench.write("src/" + "0" * 30, "mine")
    bench.script(": >src/out", outputs=["src/out"])
    bench.cache.commit()
    bench.cache.close()
    assert len(store_of(bench)) >= 2
    assert tool("clean", "--store").status == 0

    left = {
        os.path.relpath(os.path.join(folder, name))
        for folder, _, names in os.walk(".")
        for name in names
    }
    assert left == {*FOREIGN, "src/" + "0" * 30, "src/out"}
    assert os.path.islink("objects/cd")


def test_clean_keeps_a_store_deep_in_the_state(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in the state's folder the store lies, it stays unless it is asked for."""
    monkeypatch.chdir(tmp_path)
    deep = {"INCREMENTAL_CACHE_DIR": ".incremental/deep/down/store"}
    bench = Bench(tmp_path, **deep)
    monkeypatch.setenv(*next(iter(deep.items())))
    bench.script(": >out", outputs=["out"])
    bench.cache.commit()
    bench.cache.close()
    before = store_of(bench)
    tool("clean")

    assert store_of(bench) == before
    assert len(before) == 2
    assert os.listdir(".incremental") == ["deep"]


def test_clean_keeps_a_store_that_is_named_with_a_slash(
    bench: Bench, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the store's folder is written, it is known to lie in the state's."""
    bench.copy()
    monkeypatch.setenv("INCREMENTAL_CACHE_DIR", f"{bench.folder}//.incremental/./cache/")
    tool("clean")

    assert len(store_of(bench)) == 2


def test_clean_of_nothing_is_fine(tool: Any, tmp_path: Path) -> None:
    """There may be nothing to remove."""
    assert tool("--top", str(tmp_path), "clean", "--store").status == 0
    assert os.listdir(tmp_path) == []


# --- doctor --------------------------------------------------------------------------


@pytest.mark.usefixtures("built")
def test_doctor_tells_what_is_found(tool: Any) -> None:
    """Versions, folders and compilers, each in one line that begins with how it is."""
    ran = tool("doctor")
    lines = ran.out.splitlines()

    assert ran.status == 0
    assert all(line.startswith("ok  ") for line in lines)
    assert f"ok   tool: scons-incremental {incremental_tool.__version__}, " in ran.out
    for name in ("scons", "xxhash", "msgpack", "switch", "state", "store", "gcc", "clang++"):
        assert sum(line.startswith(f"ok   {name}: ") for line in lines) == 1, name


def test_doctor_finds_what_is_wrong(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Being switched off is a problem, a missing compiler is none, a wrapper is told."""
    wrapper = tmp_path / "gcc"
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("INCREMENTAL", "0")
    monkeypatch.setenv("INCREMENTAL_CACHE_DIR", "/proc/nowhere")
    ran = tool("doctor")

    assert ran.status == 1
    assert "BAD  switch: INCREMENTAL turns the tool off" in ran.out
    assert f"gcc: {wrapper} is not a compiler that is known; never cached" in ran.out
    assert "clang: not found" in ran.out
    assert not (tmp_path / ".incremental").exists()


# --- functions -----------------------------------------------------------------------


@pytest.fixture
def kept(built: Bench) -> AirCache:
    """Return what is kept of a unit's functions beside a store: a base, a cut and a piece."""
    air = AirCache(b"/project", built.cache.settings.cache_dir, print)
    air.put_base(b"a.o", Base(b"a" * 16, b"a.c", [b"a.c"], b"d" * 16, [], [], b"int f;", b"o"))
    air.put_cut(b"a.o", [b"i" * 16, b"text"])
    air.put_piece(b"k" * 16, Piece([b"f"], [(1, 2, 1, 3)], b"object"))
    return air


@pytest.mark.usefixtures("kept")
def test_functions_are_verified_counted_and_removed(built: Bench, tool: Any) -> None:
    """They are entries of the store like objects: good, within its size, trimmed and cleaned."""
    assert tool("verify").out == "5 good, 0 damaged, 0 set aside earlier\n"
    assert "store:      5 files, " in tool("stats").out
    assert tool("trim", "--size", "0").out.startswith("removed 5 of 5 files; ")
    AirCache(b"/", built.cache.settings.cache_dir, print).put_cut(b"a.o", [b"i" * 16])
    built.write(".incremental/functions.off", "a.o: differs\n")
    built.write(".incremental/differs-" + "0a" * 16 + ".whole.o", "")
    assert tool("clean", "--store").status == 0
    assert sorted(os.listdir(".")) == ["in", "log", "out"]


def test_precompiled_preambles_are_removed(built: Bench, tool: Any) -> None:
    """With what was on the way, and nothing that bears another name."""
    name = ".incremental/preambles/" + "0a" * 16
    for suffix in ("", ".h", ".h.gch", ".h.pch", ".lock", "-12-3.h.gch", "-12-4/unit.cc"):
        built.write(name + suffix, "")
    built.write(".incremental/preambles.off", "a.o\n")
    built.write(".incremental/differs-" + "0a" * 16 + ".preamble.o", "")
    built.write(".incremental/preambles/mine", "")
    assert tool("clean", "--store").status == 0
    assert os.listdir(".incremental") == ["preambles"]
    assert os.listdir(".incremental/preambles") == ["mine"]


def test_verify_finds_damaged_functions(built: Bench, kept: AirCache, tool: Any) -> None:
    """A piece under another name and a damaged base are told of."""
    other = kept.path_of(b"o" * 16)
    os.makedirs(os.path.dirname(other), exist_ok=True)
    os.rename(kept.path_of(b"k" * 16), other)
    (largest,) = [
        path
        for path in store_of(built)
        if b"/air/" in path and read_regular(path).startswith(BASE_MAGIC)
    ]
    os.truncate(largest, 40)
    ran = tool("verify")

    assert ran.status == 1
    assert "3 good, 2 damaged, 0 set aside earlier\n" in ran.out
    assert f"damaged: {os.fsdecode(other)}: " in ran.out
    assert f"damaged: {os.fsdecode(largest)}: " in ran.out
