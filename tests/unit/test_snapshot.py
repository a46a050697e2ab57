"""Snapshot files: what is saved is loaded; what is damaged, foreign or hostile is no snapshot."""

from __future__ import annotations

import os
import random
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental_tool.base.digest import checksum_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.recipe import Action, Recipe, Setting, Top
from incremental_tool.store import recipe as recipe_store
from incremental_tool.store import snapshot as store
from incremental_tool.store.snapshot import (
    Marks,
    Process,
    Said,
    Snapshot,
    View,
    load,
    load_recipe,
    remove,
    save,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789abcdef" * 2
U64 = 2**64 - 1


def fields(value: Any) -> Any:
    """Return an object of slots as plain lists and dictionaries, to compare."""
    if isinstance(value, Marks):
        return list(zip(value.paths, value.rows()))
    if hasattr(value, "__slots__"):
        return {name: fields(getattr(value, name)) for name in value.__slots__}
    if isinstance(value, (list, tuple)):
        return [fields(one) for one in value]
    return value


def front_of(snapshot: Snapshot) -> Any:
    """Return all that `load` gives back."""
    return {**fields(snapshot), "recipe": fields(Recipe())}


def full() -> Snapshot:
    """Return a snapshot that uses every field, with numbers at both ends of their ranges."""
    snapshot = Snapshot()
    snapshot.circumstances = {b"SCons": b"/lib/SCons", b"Python": b""}
    snapshot.salt = b"s" * 16
    columns = [[1, U64], [0, U64], [33188, 16877], [0, 2**63 - 1], [-5, 2**62], [7, -(2**63)]]
    snapshot.files = Marks([b"SConstruct", b"src/\xff \n.c"], columns)
    snapshot.present = [b"bin"]
    snapshot.absent = [b"one", b"two/three"]
    snapshot.links = [(b"plain", None), (b"link", b"to"), (b"empty", b"")]
    snapshot.folders = Marks([b".", b"src"], columns)
    snapshot.views = [[], [View(b"glob", b"*.c", b"d" * 16), View(b"names", b"", b"e" * 16)]]
    snapshot.environment = {b"PATH": b"p" * 16, b"CC": b""}
    snapshot.whole_environment = True
    snapshot.processes = [Process([b"/bin/git", b"rev-parse", b""], b".", b"o" * 16)]
    snapshot.options = [(b"num_jobs", b"4")]
    snapshot.refusals = [
        ("fresh.refuse.clock", "SConstruct, line 3: \udcff".replace("\udcff", "?"))
    ]
    snapshot.said = [Said(1, 0, 3, b"Reading\n"), Said(2, 1, 0, b"\xff\n")]
    recipe = snapshot.recipe
    recipe.refusal = ("replay.refuse.option", "random")
    recipe.algorithm, recipe.database, recipe.jobs = b"md5", b".sconsign.dblite", 3
    recipe.settings = [
        Setting(b"sh", b"auto", b"s" * 16, [(b"PATH", b"p" * 16), (b"_", b"")]),
        Setting(b"", b"", b"", []),
    ]
    recipe.directives = b"12345678" * 2
    recipe.folders = [b"data", b"more data"]
    recipe.duplicates = [(1, 0)]
    recipe.places = [(1, b"build", b"a.c")]
    recipe.tops = [Top(1, 2, b"done\n", [1], [b"."]), Top(2, 0, b"", [], [])]
    recipe.actions = [
        Action(b"compile", [b"sCC a.o", b"rcc -c a.c"], [b"always"], [1], [0], [0, 1], 1),
        Action(b"function", [], [], [0, 1], [], []),
    ]
    return snapshot


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    """Return a folder that does not exist yet."""
    return os.fsencode(tmp_path / "state" / "fresh")


def path_of(folder: bytes) -> str:
    """Return where the snapshot lies."""
    return os.path.join(os.fsdecode(folder), KEY)


def read(folder: bytes) -> bytes:
    """Return the snapshot's file."""
    with open(path_of(folder), "rb") as file:
        return file.read()


def write(folder: bytes, content: bytes) -> None:
    """Replace the snapshot's file."""
    with open(path_of(folder), "wb") as file:
        file.write(content)


def load_both(folder: bytes) -> None:
    """Load all that a snapshot's file holds."""
    load(folder, KEY)
    load_recipe(folder, KEY)


def test_what_is_saved_is_loaded(folder: bytes) -> None:
    """Every field of a full snapshot comes back as it was."""
    save(folder, KEY, full())

    assert front_of(full()) == fields(load(folder, KEY))
    assert fields(full().recipe) == fields(load_recipe(folder, KEY))


def test_an_empty_snapshot_is_loaded(folder: bytes) -> None:
    """Nothing comes back as nothing, not as one empty name."""
    save(folder, KEY, Snapshot())

    assert front_of(Snapshot()) == fields(load(folder, KEY))
    assert fields(load_recipe(folder, KEY)) == fields(Recipe())


NAMES = st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(NAMES, max_size=5),
    st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=3),
    st.dictionaries(NAMES, st.binary(max_size=16), max_size=3),
    st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=4), min_size=3, max_size=3),
)
def test_any_names_and_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[bytes],
    links: list[tuple[bytes, Any]],
    environment: dict[bytes, bytes],
    files: list[list[int]],
) -> None:
    """Names of any bytes but NUL, and any numbers, survive."""
    snapshot = Snapshot()
    snapshot.absent, snapshot.links, snapshot.environment = names, links, environment
    snapshot.files = Marks(names, [list(range(len(names)))] * 6)
    snapshot.recipe.actions = [Action(b"link", [name], [], *files) for name in names]
    folder = os.fsencode(tmp_path_factory.mktemp("any"))
    save(folder, KEY, snapshot)

    assert front_of(snapshot) == fields(load(folder, KEY))
    assert fields(snapshot.recipe) == fields(load_recipe(folder, KEY))


def test_no_file_is_no_snapshot(folder: bytes) -> None:
    """A key that was never saved, or was removed, has none."""
    assert load(folder, KEY) is None
    assert load_recipe(folder, KEY) is None
    save(folder, KEY, full())
    remove(folder, KEY)
    remove(folder, KEY)

    assert load(folder, KEY) is None


def test_the_check_does_not_read_the_actions(folder: bytes) -> None:
    """Damage in the actions is found by those who load them alone."""
    save(folder, KEY, full())
    content = bytearray(read(folder))
    content[-1] ^= 1
    write(folder, bytes(content))

    assert front_of(full()) == fields(load(folder, KEY))
    with pytest.raises(CorruptRecord):
        load_recipe(folder, KEY)


# --- damage


def test_a_file_cut_anywhere_is_refused(folder: bytes) -> None:
    """No prefix of a snapshot is a snapshot."""
    save(folder, KEY, full())
    whole = read(folder)
    for size in range(len(whole)):
        write(folder, whole[:size])
        with pytest.raises(CorruptRecord):
            load(folder, KEY)


def test_a_flipped_bit_is_refused(folder: bytes) -> None:
    """A change of any byte is found by `load` or, in the actions, by `load_recipe`."""
    save(folder, KEY, full())
    whole = read(folder)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        write(folder, bytes(changed))
        with pytest.raises(CorruptRecord):
            load_both(folder)


def test_a_lengthened_file_is_refused(folder: bytes) -> None:
    """Nothing may follow."""
    save(folder, KEY, full())
    write(folder, read(folder) + b"\0")

    with pytest.raises(CorruptRecord, match="length"):
        load(folder, KEY)


def test_another_version_is_refused(folder: bytes) -> None:
    """The version stands in the first eight bytes."""
    save(folder, KEY, full())
    write(folder, read(folder).replace(b"INCFRSH\x03", b"INCFRSH\x04"))

    with pytest.raises(CorruptRecord, match="version"):
        load(folder, KEY)


def sealed(front: bytes, actions: bytes = b"\0" * 12) -> bytes:
    """Return a file whose seals are right, whatever its parts hold."""
    numbers = (len(front), len(actions), checksum_of(front), checksum_of(actions))
    head = store.MAGIC + struct.pack("=4Q", *numbers)
    return head + struct.pack("=Q", checksum_of(head)) + front + actions


def test_hostile_sizes_in_the_head_allocate_nothing(folder: bytes) -> None:
    """Sizes beyond the file, beyond all bounds, or that wrap around are refused."""
    save(folder, KEY, full())
    whole = read(folder)
    for front, actions in ((U64, 0), (2**40, 0), (U64, len(whole) + 1), (0, 2**62)):
        head = store.MAGIC + struct.pack("=4Q", front, actions, 0, 0)
        write(folder, head + struct.pack("=Q", checksum_of(head)) + whole[48:])
        with pytest.raises(CorruptRecord, match="length"):
            load(folder, KEY)


def test_a_rightly_sealed_file_of_anything_is_refused_or_loaded(folder: bytes) -> None:
    """Behind right seals, sections that were tampered with raise CorruptRecord and nothing else."""
    save(folder, KEY, full())
    whole = read(folder)
    front_size, actions_size = struct.unpack_from("=2Q", whole, 8)
    front, actions = whole[48 : 48 + front_size], whole[48 + front_size :]
    assert len(actions) == actions_size
    dice = random.Random(7)
    refused = 0
    for turn in range(1200):
        part = bytearray(front if turn % 2 else actions)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(part) - 8)
            if dice.random() < 0.5:
                part[at] = dice.randrange(256)
            else:
                part[at : at + 8] = struct.pack("=Q", dice.choice([0, 1, 2**31, 2**32 - 1, U64]))
        if dice.random() < 0.2:
            del part[dice.randrange(len(part)) :]
        write(folder, sealed(bytes(part), actions) if turn % 2 else sealed(front, bytes(part)))
        try:
            load_both(folder)
        except CorruptRecord:
            refused += 1

    assert refused > 600


def test_texts_that_swell_are_refused(folder: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that would unpack to more than there can be ends in CorruptRecord."""
    snapshot = full()
    snapshot.recipe.actions[0].steps = [b"r" * 100_000]
    save(folder, KEY, snapshot)
    assert len(read(folder)) < 10_000
    monkeypatch.setattr(recipe_store, "_TEXT_LIMIT", 50_000)

    with pytest.raises(CorruptRecord):
        load_recipe(folder, KEY)
    with pytest.raises(ValueError, match="larger"):
        save(folder, KEY, snapshot)


def test_an_empty_front_is_refused(folder: bytes) -> None:
    """A file of right seals over nothing is no snapshot."""
    save(folder, KEY, full())
    write(folder, sealed(b""))

    with pytest.raises(CorruptRecord):
        load(folder, KEY)


def test_a_folder_or_pipe_in_its_place_is_no_wait_and_no_crash(folder: bytes) -> None:
    """Something else under the snapshot's name ends in CorruptRecord or OSError, at once."""
    os.makedirs(os.path.join(folder, KEY.encode()))
    with pytest.raises((CorruptRecord, OSError)):
        load(folder, KEY)
    os.rmdir(os.path.join(folder, KEY.encode()))
    os.mkfifo(os.path.join(folder, KEY.encode()))
    with pytest.raises((CorruptRecord, OSError)):
        load(folder, KEY)


def test_a_snapshot_of_another_user_is_not_read(
    folder: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a snapshot says to run again would run: only one's own is believed."""
    save(folder, KEY, full())
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(CorruptRecord, match="another user"):
        load(folder, KEY)


# --- keeping


def test_the_oldest_goes(folder: bytes) -> None:
    """Sixteen snapshots are kept: a seventeenth drops the one written longest ago."""
    for number in range(store.KEPT):
        save(folder, f"{number:032x}", Snapshot())
        os.utime(os.path.join(folder, f"{number:032x}".encode()), (1000 + number, 1000 + number))
    save(folder, KEY, Snapshot())

    names = {os.fsdecode(name) for name in os.listdir(folder)}
    assert names == {KEY, *(f"{number:032x}" for number in range(1, store.KEPT))}


def test_a_snapshot_is_replaced_whole(folder: bytes) -> None:
    """Saving again leaves one file with the new content, and nothing temporary."""
    save(folder, KEY, full())
    save(folder, KEY, Snapshot())

    assert os.listdir(folder) == [KEY.encode()]
    assert front_of(Snapshot()) == fields(load(folder, KEY))


def test_a_folder_that_cannot_be_made_is_an_error_for_the_caller(tmp_path: Path) -> None:
    """OSError reaches the recorder, which goes on without a snapshot."""
    (tmp_path / "state").write_text("in the way")

    with pytest.raises(OSError, match="state"):
        save(os.fsencode(tmp_path / "state" / "fresh"), KEY, full())
