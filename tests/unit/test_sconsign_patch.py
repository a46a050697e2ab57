"""A folder of SCons's database is brought forward by adding to it, and reads as if written anew."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import SCons.Node.FS
import SCons.SConsign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incremental_tool.store import sconsign_patch, signature_records
from incremental_tool.store.sconsign import Sconsign
from incremental_tool.store.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATABASE = b".sconsign.dblite"
PLACES = b"places"
TARGETS = [f"t{number}" for number in range(30)]
SOURCES = [f"s{number}" for number in range(8)]


def node(csig: str) -> Any:
    """Return SCons's record of a file."""
    info = SCons.Node.FS.FileNodeInfo()
    info.csig, info.timestamp, info.size = csig, 7, 3
    return info


def entry(csig: str, sources: dict[str, Any], implicit: dict[str, Any]) -> Any:
    """Return SCons's record of a target."""
    made = SCons.SConsign.SConsignEntry()
    made.ninfo = node(csig)
    info = made.binfo = SCons.Node.FS.FileBuildInfo()
    info.bsources, info.bsourcesigs = list(sources), list(sources.values())
    info.bdepends, info.bdependsigs = [], []
    info.bimplicit, info.bimplicitsigs = list(implicit), list(implicit.values())
    info.bact, info.bactsig = "cc", "action"
    return made


def write_database(folder: str = "src") -> None:
    """Write a database whose targets share the signatures of what they are made from."""
    shared = {f"{folder}/{name}": node(f"old {name}") for name in SOURCES}
    entries = {name: entry(f"old {name}", {}, {}) for name in SOURCES}
    first, *rest = shared
    for name in TARGETS:
        included = {one: shared[one] for one in rest}
        entries[name] = entry(f"old {name}", {first: shared[first]}, included)
    with open(DATABASE, "wb") as file:
        pickle.dump({folder: pickle.dumps(entries, 4), "other": pickle.dumps({}, 4)}, file, 4)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_database()


def value(folder: str = "src") -> bytes:
    """Return a folder's bytes in the database."""
    with open(DATABASE, "rb") as file:
        whole: dict[str, bytes] = pickle.load(file)
    return whole[folder]


def plain(entries: dict[str, Any]) -> dict[str, Any]:
    """Return what entries say, without SCons's classes."""

    def said(info: Any) -> Any:
        return None if info is None else (type(info), info.csig, info.timestamp, info.size)

    lists = ("bsourcesigs", "bdependsigs", "bimplicitsigs")
    return {
        name: (
            type(one),
            said(one.ninfo),
            [one.binfo.bsources, one.binfo.bdepends, one.binfo.bimplicit],
            [[said(info) for info in getattr(one.binfo, name)] for name in lists],
            (one.binfo.bact, one.binfo.bactsig),
        )
        for name, one in entries.items()
    }


@pytest.fixture
def unpickled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the size of each folder that is unpickled."""
    sizes: list[int] = []
    really = signature_records.load_with_memo

    def counted(content: bytes, encoding: str = "ASCII") -> Any:
        sizes.append(len(content))
        return really(content, encoding)

    monkeypatch.setattr(signature_records, "load_with_memo", counted)
    return sizes


def replay(source: str, targets: list[str], serial: int) -> None:
    """Bring the database forward as the replay of an edit of one source does."""
    database = Sconsign(DATABASE, PLACES)
    new = Signature(f"new {source} {serial}", 1_700_000_000 + serial, 1 << 33)
    path = f"src/{source}".encode()
    for target in targets:
        assert path in database.sources_of(f"src/{target}".encode())
    database.renew(path, new)
    for target in targets:
        name = f"src/{target}".encode()
        database.renew(name, Signature(f"new {target} {serial}", serial, serial))
        database.renew_sources(name, {path: new})
    assert database.write() == [DATABASE]


def brought_forward(entries: dict[str, Any], source: str, targets: list[str], serial: int) -> None:
    """Do to SCons's own records what `replay` does to the database."""

    def signed(csig: str, timestamp: int, size: int) -> Any:
        info = SCons.Node.FS.FileNodeInfo()
        info.csig, info.timestamp, info.size = csig, timestamp, size
        return info

    new = signed(f"new {source} {serial}", 1_700_000_000 + serial, 1 << 33)
    entries[source].ninfo = new
    for target in targets:
        entries[target].ninfo = signed(f"new {target} {serial}", serial, serial)
        info = entries[target].binfo
        for names, infos in (
            (info.bsources, info.bsourcesigs),
            (info.bimplicit, info.bimplicitsigs),
        ):
            for at, name in enumerate(names):
                if name == f"src/{source}":
                    infos[at] = new


steps = st.tuples(
    st.sampled_from(SOURCES), st.lists(st.sampled_from(TARGETS), unique=True, max_size=6)
)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(edits=st.lists(steps, min_size=1, max_size=12), forgotten=st.sets(st.integers(0, 11)))
def test_scons_reads_what_it_would_have_written(
    edits: list[tuple[str, list[str]]], forgotten: set[int]
) -> None:
    """Whatever is brought forward, and whatever is remembered: both unpicklers read the same."""
    write_database()
    expected = pickle.loads(value())
    for serial, (source, targets) in enumerate(edits):
        if serial in forgotten and os.path.exists(PLACES):
            os.unlink(PLACES)
        replay(source, targets, serial)
        brought_forward(expected, source, targets, serial)

        assert plain(pickle.loads(value())) == plain(expected)
    in_python = pickle._loads  # type: ignore[attr-defined]  # Python's own, in no stub
    assert plain(in_python(value())) == plain(expected)


def test_no_list_shares_the_record_of_a_file_itself() -> None:
    """SCons changes a file's own record in place: what was built from the file must not change."""
    replay("s3", ["t1", "t2"], 1)
    entries = pickle.loads(value())

    own = {id(one.ninfo) for one in entries.values()}
    assert len(own) == len(entries)
    for one in entries.values():
        for infos in (one.binfo.bsourcesigs, one.binfo.bimplicitsigs):
            assert own.isdisjoint(map(id, infos))


def test_what_was_asked_for_before_is_not_unpickled_again(unpickled: list[int]) -> None:
    """The second edit of a source unpickles nothing, and pickles a few hundred bytes."""
    replay("s3", ["t1", "t2"], 1)
    assert len(unpickled) == 1
    size = len(value())

    replay("s3", ["t1", "t2"], 2)

    assert len(unpickled) == 1
    assert len(value()) - size < 1000
    replay("s4", ["t1"], 3)  # its own entry was not asked for before
    assert len(unpickled) == 2


def test_what_is_added_is_bounded(unpickled: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that has grown too much is written anew, once."""
    monkeypatch.setattr(sconsign_patch, "LEAST", 0)
    base = len(value())
    sizes = []
    for serial in range(40):
        replay("s3", ["t1", "t2", "t3"], serial)
        sizes.append(len(value()))

    assert max(sizes) <= base * 1.5 + 1000
    anew = sum(after < before for before, after in zip(sizes, sizes[1:]))
    assert 0 < anew < 20
    assert len(unpickled) <= 2 * anew + 1


def test_places_of_other_bytes_are_not_believed(unpickled: list[int]) -> None:
    """What SCons has written since is unpickled."""
    replay("s3", ["t1"], 1)
    with open(DATABASE, "wb") as file:
        entries = pickle.loads(pickle.dumps({}, 4))
        entries.update({"t1": entry("t1", {"src/s3": node("x")}, {}), "s3": entry("s", {}, {})})
        pickle.dump({"src": pickle.dumps(entries, 4)}, file, 4)

    replay("s3", ["t1"], 2)

    assert len(unpickled) == 2
    assert pickle.loads(value())["t1"].binfo.bsourcesigs[0].csig == "new s3 2"


def test_no_damage_to_what_is_remembered_is_believed() -> None:
    """A file of places that is cut off or changed anywhere is as good as none."""
    replay("s3", ["t1"], 1)
    with open(PLACES, "rb") as file:
        whole = file.read()
    for at in range(0, len(whole), 7):
        flipped = whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :]
        for damaged in (whole[:at], flipped):
            with open(PLACES, "wb") as file:
                file.write(damaged)
            database = Sconsign(DATABASE, PLACES)

            assert database.sources_of(b"src/t1")[b"src/s3"] == "new s3 1"


def test_a_folder_that_gets_other_lists_is_pickled_anew() -> None:
    """What was added before stays, and the next edit can be added again."""
    replay("s3", ["t1"], 1)
    database = Sconsign(DATABASE, PLACES)
    database.renew(b"src/t2", Signature("added", 1, 1))
    database.renew_implicit(b"src/t1", [b"src/s3"], {})
    database.write()
    replay("s3", ["t1"], 2)

    entries = pickle.loads(value())
    assert entries["t1"].binfo.bimplicit == ["src/s3"]
    assert entries["t1"].binfo.bimplicitsigs[0].csig == "new s3 2"
    assert entries["t2"].ninfo.csig == "added"


def test_without_places_a_folder_is_pickled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle that was written without a memo is brought forward, too."""
    really: Callable[..., Any] = signature_records.load_with_memo
    monkeypatch.setattr(signature_records, "load_with_memo", lambda *given: (really(*given)[0], {}))
    replay("s3", ["t1"], 1)

    assert pickle.loads(value())["t1"].binfo.bimplicitsigs[2].csig == "new s3 1"
    assert sconsign_patch._BEGINNING not in value()
