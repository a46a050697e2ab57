"""Observes questions to the file system that Python's audit events do not show.

`os.stat`, `os.lstat`, `os.access`, `os.readlink` and `os.scandir`'s entries are
replaced by functions that ask the real one and note the answer, a failure too.

Who asks decides how much of the answer counts: `os.path.exists`, `isfile`,
`isdir` and their like in `pathlib` ask for no more than what kind of thing is
there; any other caller is taken to use size, times and all.

Knows nothing of SCons, whose nodes ask through `node_observer`.
"""

from __future__ import annotations

import genericpath
import os
import posixpath
import stat as stat_module
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from incremental_tool.scons.call_site import (
    Callers,
    file_of,
    is_project,
    is_search_for_program,
)
from incremental_tool.scons.observations import (
    BUSY,
    FOLDER,
    Observations,
    kind_of,
    real_lstat,
    real_readlink,
    real_stat,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental_tool.scons.replacement import Replacements

_KIND_QUESTIONS = frozenset(
    {"exists", "lexists", "isfile", "isdir", "islink", "ismount", "isjunction"}
)
_OF_PATHS = frozenset({str(genericpath.__file__), str(posixpath.__file__)})
_PATHLIB_QUESTIONS = frozenset(
    {"exists", "is_dir", "is_file", "is_symlink", "is_mount", "is_junction", "resolve", "mkdir"}
)
_REALPATH = frozenset({"realpath", "_joinrealpath", "_resolve"})


def _only_kind(depth: int) -> bool:
    """Tell whether the caller's caller asks for no more than what kind of thing is there."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001 - the one way to see who calls
    file = file_of(frame)
    if file in _OF_PATHS:
        return frame.f_code.co_name in _KIND_QUESTIONS
    if "pathlib" in file and not is_project(file):
        code = frame.f_code
        if code.co_name in ("stat", "lstat") and frame.f_back is not None:
            code = frame.f_back.f_code
        return code.co_name in _PATHLIB_QUESTIONS and "pathlib" in code.co_filename
    return False


def _folder_of(dir_fd: int) -> str:
    return os.fsdecode(real_readlink(f"/proc/self/fd/{dir_fd}"))


class _Asker:
    """Notes answers; shared by the replaced functions."""

    def __init__(self, observed: Observations) -> None:
        self.observed = observed
        self.callers = Callers()
        self.settled: set[str] = set()
        """Paths of which all is noted: whoever asks for their status adds nothing."""

    @property
    def idle(self) -> bool:
        return not self.observed.active or BUSY.depth > 0

    def path(self, path: Any, dir_fd: Any) -> str:
        """Return what was asked about as absolute text; "" for what cannot be followed."""
        try:
            if isinstance(path, int):
                return ""  # an open file: opening it was noted
            if dir_fd is not None and not os.path.isabs(os.fsdecode(path)):
                return os.path.join(_folder_of(dir_fd), os.fsdecode(path))
            return self.observed.absolute(path)
        except (OSError, TypeError, ValueError):
            return ""

    def note_stat(self, path: Any, dir_fd: Any, status: Any, *, only_kind: bool) -> None:
        """Note what a `stat` told; None for nothing there."""
        name = self.path(path, dir_fd)
        if not name:
            return
        if only_kind:
            self.observed.note_kind(name, status)
        else:
            self._note_asked(name, status)

    def note_lstat(self, path: Any, dir_fd: Any, status: Any, *, only_kind: bool) -> None:
        """Note what an `lstat` told; None for nothing there."""
        name = self.path(path, dir_fd)
        if not name:
            return
        if status is not None and stat_module.S_ISLNK(status.st_mode):
            self.observed.note_link(name)
            return
        self.observed.note_no_link(name)
        if status is None or not only_kind:
            self._note_asked(name, status)

    def _note_asked(self, name: str, status: Any) -> None:
        asking = sys._getframe(2)  # noqa: SLF001 - the one way to see who asks
        # SCons looks for each command's program anew. What it finds decides more than the graph.
        for_graph = not is_search_for_program(asking) and not self.callers.has_project(asking)
        self.observed.note_asked(name, status, for_graph=for_graph)
        if not for_graph:
            self.settled.add(name)


def _make_stat(asker: _Asker) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def stat(path: Any, *, dir_fd: Any = None, follow_symlinks: bool = True) -> Any:
            if asker.idle or (type(path) is str and path in asker.settled and follow_symlinks):
                return original(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
            note = asker.note_stat if follow_symlinks else asker.note_lstat
            try:
                status = original(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
            except OSError:
                note(path, dir_fd, None, only_kind=_only_kind(1))
                raise
            note(path, dir_fd, status, only_kind=_only_kind(1))
            return status

        return stat

    return make


def _make_lstat(asker: _Asker) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def lstat(path: Any, *, dir_fd: Any = None) -> Any:
            if asker.idle:
                return original(path, dir_fd=dir_fd)
            try:
                status = original(path, dir_fd=dir_fd)
            except OSError:
                asker.note_lstat(path, dir_fd, None, only_kind=True)  # nothing is all there is
                raise
            code = sys._getframe(1).f_code  # noqa: SLF001 - the one way to see who calls
            only_kind = _only_kind(1) or code.co_name in _REALPATH
            asker.note_lstat(path, dir_fd, status, only_kind=only_kind)
            return status

        return lstat

    return make


def _make_access(asker: _Asker) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def access(path: Any, mode: int, **options: Any) -> Any:
            if not asker.idle:
                name = asker.path(path, options.get("dir_fd"))
                if name:
                    status = asker.observed.look(name)
                    if mode == os.F_OK or kind_of(status) == FOLDER:
                        asker.observed.note_kind(name, status)
                    else:
                        asker.observed.note_asked(name, status)
            return original(path, mode, **options)

        return access

    return make


def _make_readlink(asker: _Asker) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def readlink(path: Any, *, dir_fd: Any = None) -> Any:
            if not asker.idle:
                name = asker.path(path, dir_fd)
                if name:
                    asker.observed.note_link(name)
            return original(path, dir_fd=dir_fd)

        return readlink

    return make


class _Entry:
    """An `os.DirEntry` whose `stat` is noted; the listing itself is noted with its kinds."""

    def __init__(self, entry: Any, asker: _Asker) -> None:
        self._entry = entry
        self._asker = asker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def __fspath__(self) -> Any:
        return self._entry.__fspath__()

    def __repr__(self) -> str:
        return repr(self._entry)

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        """Return the entry's status, as `os.DirEntry.stat`."""
        status = self._entry.stat(follow_symlinks=follow_symlinks)
        if not self._asker.idle:
            note = self._asker.note_stat if follow_symlinks else self._asker.note_lstat
            note(self._entry.path, None, status, only_kind=False)
        return status


class _Entries:
    """What `os.scandir` returns, with observed entries."""

    def __init__(self, found: Any, asker: _Asker) -> None:
        self._found = found
        self._asker = asker

    def __iter__(self) -> Iterator[_Entry]:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._found), self._asker)

    def __enter__(self) -> _Entries:  # noqa: PYI034 - Self is in no module of Python 3.9
        return self

    def __exit__(self, *_: object) -> None:
        self._found.close()

    def close(self) -> None:
        """End the listing."""
        self._found.close()


def _make_scandir(asker: _Asker) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def scandir(*path: Any) -> Any:
            found = original(*path)
            caller = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - the one way to see who calls
            if asker.idle or not is_project(caller):
                return found  # os.walk, glob, shutil: they ask for kinds, which are noted
            return _Entries(found, asker)

        return scandir

    return make


def observe(observed: Observations, replacements: Replacements) -> None:
    """Replace the functions, until `replacements` are restored."""
    asker = _Asker(observed)
    real = {"stat": os.stat, "lstat": os.lstat, "access": os.access, "readlink": os.readlink}
    replacements.replace(os, "stat", _make_stat(asker))
    replacements.replace(os, "lstat", _make_lstat(asker))
    replacements.replace(os, "access", _make_access(asker))
    replacements.replace(os, "readlink", _make_readlink(asker))
    replacements.replace(os, "scandir", _make_scandir(asker))
    for capabilities in (os.supports_dir_fd, os.supports_follow_symlinks, os.supports_fd):
        for name, function in real.items():
            if function in capabilities:
                capabilities.add(getattr(os, name))  # whoever asks, asks for the present function
    _observe_old_pathlib(replacements)


def _observe_old_pathlib(replacements: Replacements) -> None:
    """Before Python 3.11 `pathlib` holds functions of its own, taken when it was imported."""
    if sys.version_info >= (3, 11):
        return
    import pathlib

    accessor = getattr(pathlib, "_NormalAccessor", None)
    if accessor is None:
        return
    for name in ("stat", "lstat", "scandir"):
        present = vars(accessor).get(name)
        if present in (real_stat, real_lstat) or name == "scandir":
            replacements.replace(accessor, name, partial(_as_method, getattr(os, name)))


def _as_method(function: Any, original: Any) -> Any:  # noqa: ARG001 - what it takes the place of
    return staticmethod(function)
