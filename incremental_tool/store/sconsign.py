"""SCons's own database of signatures, read and brought forward without SCons.

`.sconsign.dblite` is a pickle of a dictionary: folder -> pickle of a dictionary:
name -> entry. An entry has the signature of the file itself (`ninfo`: csig,
timestamp, size) and, for a target, what it was built from (`binfo`: names and
signatures of sources, dependencies, implicit dependencies). With
`SConsignFile(None)` each folder has a file with its own inner dictionary.

Rules:

* Nothing is executed: only SCons's seven record classes are known to the
  unpickler, as stand-ins without behaviour; anything else is `Unexpected`.
* Only folders that are asked for are unpickled.
* Signatures are replaced, never changed in place: entries share them.
* What is written is read by SCons as its own: the stand-ins are pickled under
  the names of the classes they stand for.

Knows nothing of why a signature changes.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any, Optional, Union

from incremental_tool.base.atomic import replace_file
from incremental_tool.store.dblite import folders_of, pieces_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROTOCOL = 4
"""As `SCons.compat.PICKLE_PROTOCOL`."""

_KNOWN = (
    ("SCons.SConsign", ("SConsignEntry",)),
    ("SCons.Node.FS", ("FileNodeInfo", "FileBuildInfo", "DirNodeInfo", "DirBuildInfo")),
    ("SCons.Node.Alias", ("AliasNodeInfo", "AliasBuildInfo")),
    ("SCons.Node.Python", ("ValueNodeInfo", "ValueBuildInfo")),
)
_LISTS = (
    ("bsources", "bsourcesigs"),
    ("bdepends", "bdependsigs"),
    ("bimplicit", "bimplicitsigs"),
)


class Unexpected(Exception):  # noqa: N818 - it names what was found
    """The database is not as this module knows it; the text says in what."""


class Record:
    """Stands in for one of SCons's classes; its attributes are what was pickled.

    Python's own way to restore an object runs in C: SCons's folders hold thousands of these.
    """


_CLASSES: dict[tuple[str, str], type[Record]] = {
    (module, name): type(name, (Record,), {"__module__": module, "__qualname__": name})
    for module, names in _KNOWN
    for name in names
}
_FILE_NODE = _CLASSES["SCons.Node.FS", "FileNodeInfo"]


class Signature:
    """What SCons keeps of a file: the hash of its content, its time in seconds, its size."""

    __slots__ = ("csig", "size", "timestamp")

    def __init__(self, csig: str, timestamp: int, size: int) -> None:
        self.csig = csig
        self.timestamp = timestamp
        self.size = size


class _Restricted(pickle.Unpickler):
    """Knows SCons's record classes alone."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise Unexpected(f"it holds {module}.{name}") from None


def _load(content: Union[bytes, memoryview], encoding: str = "ASCII") -> dict[Any, Any]:
    try:
        loaded = _Restricted(io.BytesIO(content), encoding=encoding).load()
    except Unexpected:
        raise
    except Exception as error:
        raise Unexpected(f"{type(error).__name__}: {error}") from None
    if type(loaded) is not dict:
        raise Unexpected("it is no dictionary")
    return loaded


def _dump_all(values: dict[str, Any]) -> dict[str, bytes]:
    """Pickle, with the stand-ins being what Python finds under the names of SCons's classes."""
    modules: dict[str, types.ModuleType] = {}
    for (module, name), stand_in in _CLASSES.items():
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            full = ".".join(parts[:end])
            modules.setdefault(full, types.ModuleType(full))
        setattr(modules[module], name, stand_in)
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        return {key: _dump(value) for key, value in values.items()}
    finally:
        for name, module_before in before.items():
            if module_before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module_before


def _dump(value: Any) -> bytes:
    return pickle.dumps(value, _PROTOCOL)


class Sconsign:
    """A project's database. Call in the top folder."""

    def __init__(self, database: bytes) -> None:
        """Load it; `database` as `model.recipe.Recipe` has it. Raises Unexpected or OSError."""
        self._path = database
        self._single = not database.startswith(b"*/")
        self._folders: dict[str, dict[str, Any]] = {}
        self._touched: set[str] = set()
        self._whole: dict[Any, Any] = {}
        if self._single:
            content = _read(database)
            folders = folders_of(content)
            self._whole = _load(content, "bytes") if folders is None else {**folders}

    def _file(self, folder: str) -> bytes:
        return os.path.normpath(os.path.join(os.fsencode(folder), self._path[2:]))

    def _entries(self, folder: str) -> dict[str, Any]:
        entries = self._folders.get(folder)
        if entries is None:
            if self._single:
                content = self._whole.get(folder)
                if content is not None and type(content) not in (bytes, memoryview):
                    raise Unexpected("a folder's entries are not bytes")
            else:
                try:
                    content = _read(self._file(folder))
                except FileNotFoundError:
                    content = None
            entries = self._folders[folder] = {} if content is None else _load(content)
        return entries

    def _entry(self, path: bytes) -> Any:
        folder, name = _split(path)
        return self._entries(folder).get(name)

    def signature(self, path: bytes) -> Optional[Signature]:
        """Return what is kept of a file itself; None where there is nothing. Raises Unexpected."""
        entry = self._entry(path)
        info = getattr(entry, "ninfo", None)
        csig, timestamp, size = (
            getattr(info, name, None) for name in ("csig", "timestamp", "size")
        )
        if not isinstance(csig, str) or timestamp is None or size is None:
            return None
        return Signature(csig, timestamp, size)

    def sources_of(self, target: bytes) -> dict[bytes, Optional[str]]:
        """Return what a target was built from: names and csigs. Raises Unexpected."""
        entry = self._entry(target)
        info = getattr(entry, "binfo", None)
        if info is None:
            raise Unexpected(f"{os.fsdecode(target)} has no entry")
        found: dict[bytes, Optional[str]] = {}
        for names, signatures in _pairs(info):
            for name, signature in zip(names, signatures):
                found[os.fsencode(name)] = getattr(signature, "csig", None)
        return found

    def implicit_of(self, target: bytes) -> list[bytes]:
        """Return the implicit dependencies that a target was built from. Raises Unexpected."""
        return self._names_of(target, 2)

    def depends_of(self, target: bytes) -> list[bytes]:
        """Return the declared dependencies that a target was built from. Raises Unexpected."""
        return self._names_of(target, 1)

    def _names_of(self, target: bytes, number: int) -> list[bytes]:
        info = getattr(self._entry(target), "binfo", None)
        if info is None:
            raise Unexpected(f"{os.fsdecode(target)} has no entry")
        return [os.fsencode(name) for name in _pairs(info)[number][0]]

    def has_place_for(self, path: bytes) -> bool:
        """Tell whether the file that a path's entry belongs to is there."""
        return self._single or os.path.exists(self._file(_split(path)[0]))

    def add(self, path: bytes, signature: Signature) -> None:
        """Keep a file that is not made, and of which there may be no entry."""
        folder, name = _split(path)
        if name not in self._entries(folder):
            entry = _CLASSES["SCons.SConsign", "SConsignEntry"]()
            entry.__dict__.update(binfo=_no_sources(), ninfo=None, _version_id=2)
            self._entries(folder)[name] = entry
        self.renew(path, signature)

    def renew(self, path: bytes, signature: Signature) -> None:
        """Bring forward what is kept of a file itself, if anything is."""
        entry = self._entry(path)
        if entry is not None:
            entry.ninfo = _record(signature)
            self._touched.add(_split(path)[0])

    def renew_sources(self, target: bytes, signatures: dict[bytes, Signature]) -> None:
        """Bring forward what a target was built from. Raises Unexpected."""
        entry = self._entry(target)
        changed = False
        for names, infos in _pairs(entry.binfo):
            for at, name in enumerate(names):
                signature = signatures.get(os.fsencode(name))
                if signature is not None:
                    infos[at] = _record(signature)
                    changed = True
        if changed:
            self._touched.add(_split(target)[0])

    def renew_implicit(
        self, target: bytes, names: list[bytes], signatures: dict[bytes, Signature]
    ) -> None:
        """Give a target other implicit dependencies. Raises Unexpected.

        Those that have no new signature keep the one that the target, or their own entry, has.
        """
        info = self._entry(target).binfo
        known = dict(zip(*_pairs(info)[2]))
        records = []
        for name in names:
            signature = signatures.get(name)
            if signature is None and os.fsdecode(name) in known:
                records.append(known[os.fsdecode(name)])
                continue
            signature = signature or self.signature(name)
            if signature is None:
                raise Unexpected(f"{os.fsdecode(name)} has no signature")
            records.append(_record(signature))
        info.bimplicit, info.bimplicitsigs = list(map(os.fsdecode, names)), records
        self._touched.add(_split(target)[0])

    def write(self) -> list[bytes]:
        """Write what has changed, each file whole or not at all; return the files. Raises OSError.

        The owner stays who it was, where that can be.
        """
        if not self._touched:
            return []
        packed = _dump_all({folder: self._folders[folder] for folder in sorted(self._touched)})
        self._touched.clear()
        if self._single:
            self._whole.update(packed)
            _replace(self._path, pieces_of(self._whole))
            return [self._path]
        files = {self._file(folder): content for folder, content in packed.items()}
        for path, content in files.items():
            _replace(path, [content])
        return list(files)


def _split(path: bytes) -> tuple[str, str]:
    folder, name = os.path.split(os.fsdecode(path))
    return folder or ".", name


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _record(signature: Signature) -> Record:
    record = _FILE_NODE()
    record.__dict__.update(
        csig=signature.csig, timestamp=signature.timestamp, size=signature.size, _version_id=2
    )
    return record


def _no_sources() -> Record:
    """Return what SCons keeps of what a file was built from that it has not built."""
    record = _CLASSES["SCons.Node.FS", "FileBuildInfo"]()
    record.__dict__.update({name: [] for names in _LISTS for name in names})
    record.__dict__.update(bactsig=None, _version_id=2)
    return record


def _pairs(info: Any) -> list[tuple[list[str], list[Any]]]:
    """Return the lists of names and of signatures of a target's record. Raises Unexpected."""
    found = []
    for name, signature in _LISTS:
        names, signatures = getattr(info, name, []), getattr(info, signature, [])
        if type(names) is not list or type(signatures) is not list:
            raise Unexpected(f"{name} is no list")
        if len(names) != len(signatures):
            raise Unexpected(f"{name} and {signature} differ in length")
        for one in names:
            if type(one) is not str:
                raise Unexpected(f"{name} holds {type(one).__name__}")
        found.append((names, signatures))
    return found


def _replace(path: bytes, content: Sequence[Union[bytes, memoryview]]) -> None:
    before = os.stat(path)
    replace_file(path, content, before.st_mode & 0o7777)
    if os.geteuid() == 0 and (before.st_uid or before.st_gid):
        try:
            os.chown(path, before.st_uid, before.st_gid)
        except OSError:
            pass  # as SCons: it stays ours
