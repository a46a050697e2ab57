"""SCons's database is read and brought forward without SCons, and read by SCons as its own."""

from __future__ import annotations

import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest
import SCons.Node.FS
import SCons.SConsign

from incremental_tool.store.sconsign import Sconsign, Signature, Unexpected

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = ".sconsign.dblite"


def node(csig: str) -> Any:
    """Return SCons's record of a file."""
    info = SCons.Node.FS.FileNodeInfo()
    info.csig, info.timestamp, info.size = csig, 7, 3
    return info


def entry(csig: str, sources: dict[str, Any]) -> Any:
    """Return SCons's record of a target."""
    made = SCons.SConsign.SConsignEntry()
    made.ninfo = node(csig)
    made.binfo = SCons.Node.FS.FileBuildInfo()
    made.binfo.bsources, made.binfo.bsourcesigs = list(sources), list(sources.values())
    made.binfo.bdepends, made.binfo.bdependsigs = [], []
    made.binfo.bimplicit, made.binfo.bimplicitsigs = ["/bin/cc"], [node("cc")]
    made.binfo.bact, made.binfo.bactsig = "cc", "action"
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a database: `src/a.o` made from `src/a.c`, and `p` from that."""
    monkeypatch.chdir(tmp_path)
    shared = node("old a.c")
    source = entry("old a.c", {})
    source.ninfo = shared
    folders = {
        "src": {"a.c": source, "a.o": entry("old a.o", {"src/a.c": shared})},
        ".": {"p": entry("old p", {"src/a.o": node("old a.o")})},
        "other": {"x": entry("x", {})},
    }
    packed = {folder: pickle.dumps(entries, 4) for folder, entries in folders.items()}
    (tmp_path / DATABASE).write_bytes(pickle.dumps(packed, 4))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / ".sconsign").write_bytes(packed["src"])
    return tmp_path


def read(project: Path, folder: str) -> Any:
    """Return a folder's entries as SCons reads them."""
    whole = pickle.loads((project / DATABASE).read_bytes(), encoding="bytes")
    return pickle.loads(whole[folder])


@pytest.mark.usefixtures("project")
def test_what_a_target_was_made_from() -> None:
    """Names and signatures of all that it depends on are told, and its own."""
    database = Sconsign(DATABASE.encode())
    signature = database.signature(b"src/a.o")

    assert database.sources_of(b"src/a.o") == {b"src/a.c": "old a.c", b"/bin/cc": "cc"}
    assert signature is not None
    assert (signature.csig, signature.timestamp, signature.size) == ("old a.o", 7, 3)
    assert database.signature(b"none") is None


def test_scons_reads_what_was_brought_forward(project: Path) -> None:
    """New signatures stand where they were asked for, as SCons's own records, and nowhere else."""
    database = Sconsign(DATABASE.encode())
    new = Signature("new a.c", 8, 4)
    database.renew(b"src/a.c", new)
    before = sys.modules["SCons.Node.FS"]

    assert database.write() == [DATABASE.encode()]

    assert sys.modules["SCons.Node.FS"] is before
    entries = read(project, "src")
    assert type(entries["a.c"].ninfo) is SCons.Node.FS.FileNodeInfo
    assert (entries["a.c"].ninfo.csig, entries["a.c"].ninfo.timestamp) == ("new a.c", 8)
    # The record was shared with what the object was made from, which has not been made anew.
    assert entries["a.o"].binfo.bsourcesigs[0].csig == "old a.c"
    database.renew_sources(b"src/a.o", {b"src/a.c": new})
    database.write()
    made = read(project, "src")["a.o"].binfo
    assert [info.csig for info in made.bsourcesigs] == ["new a.c"]
    assert (made.bact, made.bactsig, made.bimplicit) == ("cc", "action", ["/bin/cc"])
    assert read(project, "other")["x"].ninfo.csig == "x"


@pytest.mark.usefixtures("project")
def test_nothing_is_written_for_nothing() -> None:
    """A database in which nothing was brought forward stays untouched."""
    database = Sconsign(DATABASE.encode())
    database.renew(b"not/there", Signature("a", 1, 1))
    database.renew_sources(b"src/a.o", {b"unrelated": Signature("a", 1, 1)})

    assert database.write() == []


def test_a_database_for_each_folder(project: Path) -> None:
    """Only the folder's own file is read and written."""
    database = Sconsign(b"*/.sconsign")
    database.renew(b"src/a.c", Signature("new", 8, 4))

    assert database.write() == [b"src/.sconsign"]
    entries = pickle.loads((project / "src" / ".sconsign").read_bytes())
    assert entries["a.c"].ninfo.csig == "new"


class Evil:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("evil",))


@pytest.mark.parametrize("inner", [Evil(), {"a.o": Evil()}, [], {"a.o": 7}, {"a.o": {}}])
def test_what_is_not_as_known_is_refused(project: Path, inner: Any) -> None:
    """Nothing that the database names is run; what cannot be understood is told."""
    (project / DATABASE).write_bytes(pickle.dumps({"src": pickle.dumps(inner, 4)}, 4))
    with pytest.raises(Unexpected):
        Sconsign(DATABASE.encode()).sources_of(b"src/a.o")

    assert not (project / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"text", pickle.dumps([], 4)])
def test_a_damaged_database_is_refused(project: Path, content: bytes) -> None:
    """Anything but a pickled dictionary is told at once."""
    (project / DATABASE).write_bytes(content)
    with pytest.raises(Unexpected):
        Sconsign(DATABASE.encode())


def test_lists_that_do_not_fit_are_refused(project: Path) -> None:
    """Names without signatures are no record that can be brought forward."""
    broken = entry("a", {})
    broken.binfo.bdepends = ["more"]
    (project / DATABASE).write_bytes(pickle.dumps({"src": pickle.dumps({"a.o": broken}, 4)}, 4))
    with pytest.raises(Unexpected, match="length"):
        Sconsign(DATABASE.encode()).sources_of(b"src/a.o")
