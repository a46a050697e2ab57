"""The modules that a run imported, and where others would be found instead of them.

Python's import system lists and probes every folder of its path. What its
answer depended on is less: the files of the modules it found, and that nothing
of the same name stands in a folder before them. For a module that was not found
nothing of its name may stand in any folder.

Python's own modules are covered by Python's version, which is recorded apart;
their names count all the same: a file of that name in the project hides them.

The folders `site_scons`, which SCons looks at before anything can be observed,
are noted here, too.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import all_suffixes
from typing import TYPE_CHECKING, Any, Optional, Union

from incremental_tool.scons import call_site
from incremental_tool.scons.observations import entries_of, names_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental_tool.scons.observations import Observations

_ENDINGS = ("", *all_suffixes())
_NOT_SEARCHED = frozenset({"built-in", "frozen"})
_SITE_FOLDERS = ("/usr/share/scons", "~/.scons")
"""Where SCons for Linux looks for a folder `site_scons`, besides the top folder."""


def note_modules(observed: Observations) -> None:
    """Note what the modules loaded, and those looked for in vain, depended on."""
    search = _Search(observed)
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
        if not isinstance(origin, str) or origin in _NOT_SEARCHED:
            continue
        path = observed.absolute(origin)
        if not call_site.is_python(path):
            observed.note_opened(path)
        folders = observed.imported.get(name) or _folders_for(name)
        if "." not in name or not call_site.is_scons(path):
            search.note(name.rpartition(".")[2], folders, _folder_of(path, module))
    for name, folders in observed.imported.items():
        if name not in sys.modules:
            parent = name.rpartition(".")[0]
            search.note(name.rpartition(".")[2], _folders_for(name) if parent else folders, None)


def _folder_of(path: str, module: Any) -> str:
    folder = os.path.dirname(path)
    return os.path.dirname(folder) if hasattr(module, "__path__") else folder


def _folders_for(name: str) -> list[str]:
    parent = name.rpartition(".")[0]
    if not parent:
        return [folder for folder in sys.path if isinstance(folder, str)]
    try:
        return [str(folder) for folder in getattr(sys.modules.get(parent), "__path__", ())]
    except (AttributeError, KeyError, TypeError):
        return []


class _Search:
    """Notes names in the folders that stand before the one where a module was found."""

    def __init__(self, observed: Observations) -> None:
        self._observed = observed
        self._listed: dict[str, Optional[set[bytes]]] = {}

    def note(self, name: str, folders: Iterable[str], found_in: Optional[str]) -> None:
        """Note that `name` was not found in any folder before `found_in`."""
        for given in folders:
            folder = self._observed.absolute(given)
            if folder == found_in:
                return
            names = self._names(folder)
            if names is None:
                self._observed.note_kind(folder, None)
                continue
            for ending in _ENDINGS:
                candidate = name + ending
                there = os.fsencode(candidate) in names
                self._observed.note_looked_up(folder, candidate, found=there)
                if there and not ending:
                    self._note_folder(os.path.join(folder, name))

    def _note_folder(self, path: str) -> None:
        """Note that a folder of a module's name is no package, and so passed over."""
        for ending in _ENDINGS[1:]:
            script = os.path.join(path, "__init__" + ending)
            self._observed.note_kind(script, self._observed.look(script))

    def _names(self, folder: str) -> Optional[set[bytes]]:
        if folder not in self._listed:
            entries = entries_of(folder, kinds=False) if os.path.isdir(folder) else None
            self._listed[folder] = None if entries is None else names_in(entries)
        return self._listed[folder]


def note_site_folders(observed: Observations, top: str, chosen: Union[str, bool, None]) -> None:
    """Note what SCons looked at in the folders `site_scons`; `chosen` is what --site-dir says."""
    if chosen is False:
        return
    if isinstance(chosen, str):
        folders = [os.path.join(top, chosen)]
    else:
        observed.note_variable(b"HOME")
        places = (*map(os.path.expanduser, _SITE_FOLDERS), top)
        folders = [os.path.join(place, "site_scons") for place in places]
    for folder in folders:
        status = observed.look(folder)
        observed.note_kind(folder, status)
        if status is not None:
            for name in ("site_init.py", "site_tools"):
                path = os.path.join(folder, name)
                observed.note_kind(path, observed.look(path))
