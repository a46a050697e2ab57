"""SCons's records of signatures: a folder's entries unpickled, and pickled under SCons's names.

A folder's value in SCons's database is a pickle of a dictionary: name -> entry. An entry has the
signature of the file itself (`ninfo`: csig, timestamp, size) and, for a target, what it was
built from (`binfo`: names and signatures of sources, dependencies, implicit dependencies).

Rules:

* Nothing is executed: only SCons's seven record classes are known to the
  unpickler, as stand-ins without behaviour; anything else is `Unexpected`.
* Signatures are replaced, never changed in place: entries share them.
* What is written is read by SCons as its own: the stand-ins are pickled under
  the names of the classes they stand for.

Knows nothing of files, nor of why a signature changes.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import types

from incremental_tool.store.sconsign_patch import NOWHERE, Place, Sources
from incremental_tool.store.signature import Signature, Unexpected

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, Optional, Union

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


class Record:
    """Stands in for one of SCons's classes; its attributes are what was pickled.

    Python's own way to restore an object runs in C: SCons's folders hold thousands of these.
    """


_CLASSES: dict[tuple[str, str], type[Record]] = {
    (module, name): type(name, (Record,), {"__module__": module, "__qualname__": name})
    for module, names in _KNOWN
    for name in names
}


class _Restricted(pickle.Unpickler):
    """Knows SCons's record classes alone."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise Unexpected(f"it holds {module}.{name}") from None


def load(content: Union[bytes, memoryview], encoding: str = "ASCII") -> dict[Any, Any]:
    """Return the dictionary that was pickled. Raises Unexpected."""
    return load_with_memo(content, encoding)[0]


def load_with_memo(
    content: Union[bytes, memoryview], encoding: str = "ASCII"
) -> tuple[dict[Any, Any], dict[int, Any]]:
    """Return the dictionary that was pickled, and the pickle's memo. Raises Unexpected."""
    try:
        unpickler = _Restricted(io.BytesIO(content), encoding=encoding)
        loaded = unpickler.load()
    except Unexpected:
        raise
    except Exception as error:
        raise Unexpected(f"{type(error).__name__}: {error}") from None
    if type(loaded) is not dict:
        raise Unexpected("it is no dictionary")
    memo: dict[int, Any] = unpickler.memo.copy()
    return loaded, memo


def dump_all(values: dict[str, Any]) -> dict[str, bytes]:
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
        return {key: pickle.dumps(value, _PROTOCOL) for key, value in values.items()}
    finally:
        for name, module_before in before.items():
            if module_before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module_before


def record_of(signature: Signature) -> Record:
    """Return SCons's record of a file's signature."""
    record = _CLASSES["SCons.Node.FS", "FileNodeInfo"]()
    record.__dict__.update(
        csig=signature.csig, timestamp=signature.timestamp, size=signature.size, _version_id=2
    )
    return record


def signature_of(entry: Any) -> Optional[Signature]:
    """Return what an entry keeps of the file itself; None where that is nothing."""
    info = getattr(entry, "ninfo", None)
    csig, timestamp, size = (getattr(info, name, None) for name in ("csig", "timestamp", "size"))
    if not isinstance(csig, str) or timestamp is None or size is None:
        return None
    return Signature(csig, timestamp, size)


def new_entry() -> Record:
    """Return SCons's record of a file that it has not built, still without a signature."""
    sources = _CLASSES["SCons.Node.FS", "FileBuildInfo"]()
    sources.__dict__.update({name: [] for names in _LISTS for name in names})
    sources.__dict__.update(bactsig=None, _version_id=2)
    entry = _CLASSES["SCons.SConsign", "SConsignEntry"]()
    entry.__dict__.update(binfo=sources, ninfo=None, _version_id=2)
    return entry


def sources_in(entry: Any, target: bytes) -> list[tuple[list[str], list[Any]]]:
    """Return the lists of names and of signatures of a target's entry. Raises Unexpected."""
    info = getattr(entry, "binfo", None)
    if info is None:
        raise Unexpected(f"{os.fsdecode(target)} has no entry")
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


def place_of(entry: Any, target: bytes, found: Optional[dict[int, int]] = None) -> Place:
    """Return what an entry says; `found` has the places of objects by `id`. Raises Unexpected."""
    places = found or {}
    sources = None
    if getattr(entry, "binfo", None) is not None:
        sources = [
            Sources(
                list(map(os.fsencode, names)),
                [getattr(one, "csig", None) for one in signatures],
                places.get(id(signatures), NOWHERE),
            )
            for names, signatures in sources_in(entry, target)
        ]
    return Place(places.get(id(entry), NOWHERE), signature_of(entry), sources)
