"""Damaged state and damaged stores: never a wrong output, never a traceback, always counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from sample import COMMANDS, write_sample

if TYPE_CHECKING:
    from scons_project import Project

Damage = Callable[[Path], None]

STATE_FILES = ["file_hashes.bin", "zir_index.bin", "toolchains.bin", "stats.json"]


# --- kinds of damage ----------------------------------------------------------------


def flip(share: float) -> Damage:
    """Return damage that flips one bit, at a share of the file's length."""

    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[min(int(len(content) * share), len(content) - 1)] ^= 0x10
        path.write_bytes(content)

    return damage


def cut(share: float) -> Damage:
    """Return damage that leaves a share of the file."""
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def last_byte_lost(path: Path) -> None:
    """Cut the last byte off."""
    os.truncate(path, path.stat().st_size - 1)


def lengthened(path: Path) -> None:
    """Append what does not belong there."""
    path.write_bytes(path.read_bytes() + b"\0garbage")


def zeroed(path: Path) -> None:
    """Overwrite everything with zeros, as a file system may after a power cut."""
    path.write_bytes(b"\0" * path.stat().st_size)


def foreign(path: Path) -> None:
    """Put a file of another kind in its place: a pickle that would run a command."""
    path.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")


def version_raised(path: Path) -> None:
    """Make it a file from a later version."""
    content = bytearray(path.read_bytes())
    content[4] += 1
    path.write_bytes(content)


def replaced_by_folder(path: Path) -> None:
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


def replaced_by_fifo(path: Path) -> None:
    """Put a FIFO in its place: whoever opens it to read waits for ever."""
    path.unlink()
    os.mkfifo(path)


def replaced_by_link(path: Path) -> None:
    """Put a symbolic link to the same content in its place."""
    aside = path.with_name("aside-" + path.name)
    path.rename(aside)
    path.symlink_to(aside)


BYTES: dict[str, Damage] = {
    "first byte": flip(0.0),
    "head": flip(0.02),
    "middle": flip(0.5),
    "end": flip(1.0),
    "empty": cut(0.0),
    "half": cut(0.5),
    "one byte less": last_byte_lost,
    "longer": lengthened,
    "zeros": zeroed,
    "foreign": foreign,
    "later version": version_raised,
}
PLACES: dict[str, Damage] = {
    "folder": replaced_by_folder,
    "fifo": replaced_by_fifo,
    "link": replaced_by_link,
}


def assert_survives(project: Project, outputs: dict[str, bytes]) -> tuple[int, dict[str, int]]:
    """Build twice after damage; return the commands that ran at first, and the reasons.

    First with SCons, for a replay of so little reads hardly any of the state.
    """
    project.environment["INCREMENTAL_REPLAY"] = "0"
    run = project.build()
    del project.environment["INCREMENTAL_REPLAY"]

    assert {name: content for name, content in project.outputs().items() if name in outputs} == (
        outputs
    )
    assert not project.exists("pwned")
    assert run.err.count("\n") <= 3, run.err  # a line for each kind of damage, no more
    project.build("-c")
    again = project.build()
    assert again.ran() == []
    assert again.count("hits") == COMMANDS
    return len(run.ran()), run.reasons()


@pytest.fixture
def built(project: Project) -> tuple[Project, dict[str, bytes]]:
    """Return the sample, built once and cleaned, and what its build left."""
    write_sample(project)
    project.build()
    outputs = project.outputs()
    project.build("-c")
    return project, outputs


# --- state ----------------------------------------------------------------------------


@pytest.mark.parametrize("damage", BYTES.values(), ids=BYTES)
@pytest.mark.parametrize("name", STATE_FILES)
def test_a_damaged_state_file_is_an_empty_one(
    built: tuple[Project, dict[str, bytes]], name: str, damage: Damage
) -> None:
    """Whatever happens to a state file, the results are found all the same, and it is counted."""
    project, outputs = built
    damage(project.folder / ".incremental" / name)

    ran, reasons = assert_survives(project, outputs)

    assert ran == 0
    if name != "stats.json":
        assert sum(
            count for reason, count in reasons.items() if reason.startswith("store.corrupt.")
        ) in (1, 2)
    assert set(reasons) <= {"store.corrupt.index", "store.corrupt.journal"}


@pytest.mark.parametrize("damage", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("name", STATE_FILES)
def test_something_else_in_a_state_files_place(
    built: tuple[Project, dict[str, bytes]], name: str, damage: Damage
) -> None:
    """A folder, a FIFO or a link where a state file should be costs its memory, not the build."""
    project, outputs = built
    damage(project.folder / ".incremental" / name)

    ran, _ = assert_survives(project, outputs)

    assert ran == 0


@pytest.mark.parametrize("damage", [flip(0.5), cut(0.5), zeroed], ids=["flip", "half", "zeros"])
def test_a_replay_over_damaged_state(
    built: tuple[Project, dict[str, bytes]], damage: Damage
) -> None:
    """Where every state file is damaged, what SCons made is still what a replay restores."""
    project, outputs = built
    for name in STATE_FILES:
        damage(project.folder / ".incremental" / name)

    run = project.build()

    assert run.ran() == []
    assert project.outputs().items() >= outputs.items()
    assert project.differing() == []


def test_a_file_in_the_state_folders_place(project: Project) -> None:
    """Without a state folder the build is slower, and says so once."""
    write_sample(project)
    project.write(".incremental", "in the way")

    run = project.build()

    assert run.err.count("\n") == 1
    assert "[store.unwritable]" in run.err
    assert project.read(".incremental") == b"in the way"
    assert project.differing() == []


# --- the store ------------------------------------------------------------------------


@pytest.mark.parametrize("damage", {**BYTES, **PLACES}.values(), ids={**BYTES, **PLACES})
@pytest.mark.parametrize("kind", ["objects", "zir"])
def test_damaged_entries_are_made_again(
    built: tuple[Project, dict[str, bytes]], kind: str, damage: Damage
) -> None:
    """With every object or manifest damaged, commands run; each is counted, set aside, replaced."""
    project, outputs = built
    entries = project.stored(kind)
    for path in entries:
        damage(path)

    ran, reasons = assert_survives(project, outputs)

    # what `ar` makes again is also what `ranlib` leaves: one object, two commands
    expected, due = ("object", COMMANDS - 1) if kind == "objects" else ("manifest", COMMANDS)
    assert ran == len(entries) == due
    assert reasons == {f"store.corrupt.{expected}": due, f"zir.miss.{expected}-corrupt": due}
    quarantine = project.folder / ".incremental" / "cache" / "quarantine"
    assert len(list(quarantine.iterdir())) >= len(entries)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.7, 0.9, 1.0])
def test_one_damaged_object_is_one_command(
    built: tuple[Project, dict[str, bytes]], share: float
) -> None:
    """Damage to the largest object, anywhere, runs its command alone."""
    project, outputs = built
    flip(share)(max(project.stored(), key=lambda path: path.stat().st_size))

    ran, reasons = assert_survives(project, outputs)

    assert ran == 1
    assert reasons == {"store.corrupt.object": 1, "zir.miss.object-corrupt": 1}


def test_objects_that_change_places_are_noticed(
    built: tuple[Project, dict[str, bytes]],
) -> None:
    """An object under the name of another, whole in itself, is not handed out."""
    project, outputs = built
    objects = project.stored()
    contents = [path.read_bytes() for path in objects]
    for path, content in zip(objects, [*contents[1:], contents[0]]):
        path.write_bytes(content)

    ran, reasons = assert_survives(project, outputs)

    assert ran == len(objects) == COMMANDS - 1
    assert reasons["store.corrupt.object"] == len(objects)


def test_manifests_that_change_places_are_noticed(
    built: tuple[Project, dict[str, bytes]],
) -> None:
    """A manifest under the name of another action, whole in itself, is not believed."""
    project, outputs = built
    manifests = project.stored("zir")
    contents = [path.read_bytes() for path in manifests]
    for path, content in zip(manifests, [*contents[1:], contents[0]]):
        path.write_bytes(content)

    project.build()

    assert {name: content for name, content in project.outputs().items() if name in outputs} == (
        outputs
    )


@pytest.mark.campaign
@pytest.mark.parametrize("kind", ["objects", "zir"])
def test_every_byte_of_an_entry_counts(built: tuple[Project, dict[str, bytes]], kind: str) -> None:
    """Flips at each of many offsets of an entry: none is handed out."""
    project, outputs = built
    size = min(path.stat().st_size for path in project.stored(kind))
    for offset in range(0, size, 7):
        for path in project.stored(kind):
            flip(offset / size)(path)
        run = project.build()
        assert run.count("hits") == 0, offset
        assert {
            name: content for name, content in project.outputs().items() if name in outputs
        } == outputs
        project.build("-c")
