"""SCons's own database of signatures, read and brought forward without SCons.

`.sconsign.dblite` is a pickle of a dictionary: folder -> the folder's entries, pickled
(`store.signature_records`). With `SConsignFile(None)` each folder has a file with its own
entries. A folder in which something is brought forward is added to (`store.sconsign_patch`), so
that only one whose entries have not been asked for before is unpickled; where it has grown too
much by that, or gets other entries or lists, it is pickled anew.

Knows nothing of why a signature changes.
"""

from __future__ import annotations

import os

from incremental_tool.base.atomic import replace_file
from incremental_tool.store.dblite import folders_of, pieces_of
from incremental_tool.store.sconsign_patch import Patched
from incremental_tool.store.sconsign_places import Places
from incremental_tool.store.signature import Signature, Unexpected

__all__ = ["Sconsign", "Signature", "Unexpected"]

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Optional, Union

    from incremental_tool.store.sconsign_patch import Place, Sources

SHOULD, MUST, AT_ONCE = 0.5, 1.0, 4
"""How much a folder may have grown by what was added before it is pickled anew: from the first on
few at a time, for the folders that one header concerns grow together."""

_EMPTY = b"\x80\x04}\x94."
"""A folder without entries."""


class Sconsign:
    """A project's database. Call in the top folder."""

    def __init__(self, database: bytes, places: Optional[bytes] = None) -> None:
        """Load it; `database` as `model.recipe.Recipe` has it. Raises Unexpected or OSError.

        `places` is the file in which places of entries are remembered.
        """
        self._path = database
        self._single = not database.startswith(b"*/")
        self._patched: dict[str, Patched] = {}
        self._pickled: dict[str, dict[str, Any]] = {}
        """Folders that are to be pickled anew: their entries."""
        self._whole: dict[Any, Any] = {}
        self._places = None if places is None else Places(places)
        if self._single:
            content = _read(database)
            folders = folders_of(content)
            if folders is None:
                from incremental_tool.store.signature_records import load

                self._whole = load(content, "bytes")
            else:
                self._whole = {**folders}

    def _file(self, folder: str) -> bytes:
        return os.path.normpath(os.path.join(os.fsencode(folder), self._path[2:]))

    def _content(self, folder: str) -> Union[bytes, memoryview]:
        if self._single:
            content = self._whole.get(folder, _EMPTY)
            if type(content) not in (bytes, memoryview):
                raise Unexpected("a folder's entries are not bytes")
            found: Union[bytes, memoryview] = content
            return found
        try:
            return _read(self._file(folder))
        except FileNotFoundError:
            return _EMPTY

    def _folder(self, folder: str) -> Patched:
        found = self._patched.get(folder)
        if found is None:
            content = self._content(folder)
            found = (
                Patched(content) if self._places is None else self._places.folder(folder, content)
            )
            self._patched[folder] = found
        return found

    def _entries(self, folder: str) -> dict[str, Any]:
        """Return a folder's entries, to be pickled anew. Raises Unexpected."""
        entries = self._pickled.get(folder)
        if entries is None:
            from incremental_tool.store.signature_records import load

            entries = self._pickled[folder] = load(self._folder(folder).pack())
        return entries

    def _place(self, path: bytes) -> Optional[Place]:
        folder, name = _split(path)
        if folder in self._pickled:
            from incremental_tool.store.signature_records import place_of

            entry = self._pickled[folder].get(name)
            return None if entry is None else place_of(entry, path)
        return self._folder(folder).place(name)

    def signature(self, path: bytes) -> Optional[Signature]:
        """Return what is kept of a file itself; None where there is nothing. Raises Unexpected."""
        place = self._place(path)
        return None if place is None else place.signature

    def sources_of(self, target: bytes) -> dict[bytes, Optional[str]]:
        """Return what a target was built from: names and csigs. Raises Unexpected."""
        found: dict[bytes, Optional[str]] = {}
        for one in self._sources_of(target):
            found.update(zip(one.names, one.csigs))
        return found

    def _sources_of(self, target: bytes) -> list[Sources]:
        place = self._place(target)
        if place is None or place.sources is None:
            raise Unexpected(f"{os.fsdecode(target)} has no entry")
        return place.sources

    def implicit_of(self, target: bytes) -> list[bytes]:
        """Return the implicit dependencies that a target was built from. Raises Unexpected."""
        return list(self._sources_of(target)[2].names)

    def depends_of(self, target: bytes) -> list[bytes]:
        """Return the declared dependencies that a target was built from. Raises Unexpected."""
        return list(self._sources_of(target)[1].names)

    def has_place_for(self, path: bytes) -> bool:
        """Tell whether the file that a path's entry belongs to is there."""
        return self._single or os.path.exists(self._file(_split(path)[0]))

    def add(self, path: bytes, signature: Signature) -> None:
        """Keep a file that is not made, and of which there may be no entry."""
        if self._place(path) is None:
            from incremental_tool.store.signature_records import new_entry

            folder, name = _split(path)
            self._entries(folder)[name] = new_entry()
        self.renew(path, signature)

    def renew(self, path: bytes, signature: Signature) -> None:
        """Bring forward what is kept of a file itself, if anything is."""
        folder, name = _split(path)
        if folder not in self._pickled and self._folder(folder).renew(name, signature):
            return
        entry = self._entries(folder).get(name)
        if entry is not None:
            from incremental_tool.store.signature_records import record_of

            entry.ninfo = record_of(signature)

    def renew_sources(self, target: bytes, signatures: dict[bytes, Signature]) -> None:
        """Bring forward what a target was built from. Raises Unexpected."""
        folder, name = _split(target)
        if folder not in self._pickled and self._folder(folder).renew_sources(name, signatures):
            return
        from incremental_tool.store.signature_records import record_of, sources_in

        for names, infos in sources_in(self._entries(folder).get(name), target):
            for at, one in enumerate(names):
                signature = signatures.get(os.fsencode(one))
                if signature is not None:
                    infos[at] = record_of(signature)

    def renew_implicit(
        self, target: bytes, names: list[bytes], signatures: dict[bytes, Signature]
    ) -> None:
        """Give a target other implicit dependencies. Raises Unexpected.

        Those that have no new signature keep the one that the target, or their own entry, has.
        """
        from incremental_tool.store.signature_records import record_of, sources_in

        folder, name = _split(target)
        entry: Any = self._entries(folder).get(name)
        known = dict(zip(*sources_in(entry, target)[2]))
        records = []
        for path in names:
            signature = signatures.get(path)
            if signature is None and os.fsdecode(path) in known:
                records.append(known[os.fsdecode(path)])
                continue
            signature = signature or self.signature(path)
            if signature is None:
                raise Unexpected(f"{os.fsdecode(path)} has no signature")
            records.append(record_of(signature))
        info = entry.binfo
        info.bimplicit, info.bimplicitsigs = list(map(os.fsdecode, names)), records

    def write(self) -> list[bytes]:
        """Write what has changed, each file whole or not at all; return the files. Raises OSError.

        The owner stays who it was, where that can be.
        """
        grown = [(one.growth(), name) for name, one in self._patched.items() if one.is_touched()]
        for at, (growth, name) in enumerate(sorted(grown, reverse=True)):
            if growth > MUST or (growth > SHOULD and at < AT_ONCE):
                self._entries(name)
        touched = [name for name, folder in self._patched.items() if folder.is_touched()]
        packed = {name: self._patched[name].pack() for name in touched}
        if self._pickled:
            from incremental_tool.store.signature_records import dump_all

            packed.update(dump_all({name: self._pickled[name] for name in sorted(self._pickled)}))
        if not packed:
            return []
        written = self._write(packed)
        if self._places is not None:
            kept = {name: one for name, one in self._patched.items() if name not in self._pickled}
            try:
                self._places.save(kept, set(self._pickled))
            except OSError:
                pass  # they will be found anew
        for name in self._pickled:
            self._patched.pop(name, None)  # its places are others now
        self._pickled.clear()
        return written

    def _write(self, packed: dict[str, bytes]) -> list[bytes]:
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


def _replace(path: bytes, content: Sequence[Union[bytes, memoryview]]) -> None:
    before = os.stat(path)
    replace_file(path, content, before.st_mode & 0o7777)
    if os.geteuid() == 0 and (before.st_uid or before.st_gid):
        try:
            os.chown(path, before.st_uid, before.st_gid)
        except OSError:
            pass  # as SCons: it stays ours
