"""What SCons's database says, as values that can be compared.

Read with SCons's own classes. Only what a target was built from counts, and what is kept
of each file that a target was built from: entries of files that nothing depends on any
more stay as they are. Times of what is made differ from copy to copy and are left out.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import SCons.Node.Alias
import SCons.Node.FS
import SCons.Node.Python
import SCons.SConsign

if TYPE_CHECKING:
    from pathlib import Path

_LISTS = (("bsources", "bsourcesigs"), ("bdepends", "bdependsigs"), ("bimplicit", "bimplicitsigs"))
_KEPT = (SCons.Node.FS, SCons.Node.Alias, SCons.Node.Python, SCons.SConsign)
"""Modules whose classes the records are of."""


def read(folder: Path) -> dict[str, Any]:
    """Return what a project's database says, by the names of files."""
    assert all(_KEPT)
    whole = pickle.loads((folder / ".sconsign.dblite").read_bytes(), encoding="bytes")
    entries: dict[str, Any] = {}
    for where, packed in whole.items():
        for name, entry in pickle.loads(packed).items():
            path = name if where == "." else f"{where}/{name}"
            entries[path] = entry
    made = {name for name, entry in entries.items() if entry.binfo.bactsig}
    told: dict[str, Any] = {}
    for target in sorted(made):
        info = entries[target].binfo
        told[target] = [info.bactsig, getattr(info, "bact", None)]
        for names, signatures in _LISTS:
            found = list(zip(getattr(info, names), getattr(info, signatures)))
            assert len(found) == len(getattr(info, names)) == len(getattr(info, signatures))
            told[target].append([(name, _signature(one, name in made)) for name, one in found])
            for name, _ in found:
                told[f"{name} itself"] = _signature(entries[name].ninfo, name in made)
        told[f"{target} itself"] = _signature(entries[target].ninfo, made=True)
    return told


def _signature(info: Any, made: bool) -> tuple[Any, ...]:
    return info.csig, info.size, None if made else info.timestamp
