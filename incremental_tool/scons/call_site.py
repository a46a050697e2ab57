"""Whose code asked: the project's, or Python's, SCons's and our own on its behalf.

A script's question counts as the script's even when it is asked through a
function of Python's library: what tells is the nearest frame that belongs to
the project. Files of the project are all those that belong to none of the
others, so packages installed beside SCons count as the project's.

Knows nothing of what was asked.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Optional

import SCons
import SCons.Util

import incremental_tool

if TYPE_CHECKING:
    from types import FrameType

_PACKAGES = ("site-packages", "dist-packages")


def _folder_of(module: object) -> str:
    return os.path.dirname(os.path.abspath(str(getattr(module, "__file__", "")))) + os.sep


SCONS_FOLDER: str = _folder_of(SCons)
OUR_FOLDER: str = _folder_of(incremental_tool)
_VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON_FOLDERS = tuple(
    {os.path.realpath(os.path.dirname(os.__file__)) + os.sep, _folder_of(os)}
    | {os.path.join(sys.base_exec_prefix, name, _VERSION, "") for name in ("lib", "lib64")}
)

_SEARCH = SCons.Util.WhereIs.__code__
_OF_SEARCHES = SCons.Util.WhereIs.__globals__

_RESUMED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_known: dict[str, bool] = {}


def is_python(filename: str) -> bool:
    """Tell whether a file belongs to Python itself."""
    if filename.startswith("<"):
        return True  # frozen modules, and what namedtuple and others make from text
    for folder in PYTHON_FOLDERS:
        if filename.startswith(folder):
            return filename[len(folder) :].split(os.sep, 1)[0] not in _PACKAGES
    return False


def is_project(filename: str) -> bool:
    """Tell whether a code object's file name is one of the project's."""
    try:
        return _known[filename]
    except KeyError:
        answer = not (
            is_python(filename)
            or filename.startswith((SCONS_FOLDER, OUR_FOLDER))
            or os.path.basename(filename).partition(".")[0] in ("scons", "iscons")
        )
        _known[filename] = answer
        return answer


def is_search_for_program(frame: FrameType) -> bool:
    """Tell whether SCons is looking for a program along PATH."""
    return frame.f_globals is _OF_SEARCHES and frame.f_code is _SEARCH


def is_scons(filename: str) -> bool:
    """Tell whether a code object's file name is one of SCons's own."""
    return filename.startswith(SCONS_FOLDER)


def file_of(frame: FrameType) -> str:
    """Return the name of the file that a frame's code is from.

    Asking a frame for its code raises an audit event, which costs more than all else here:
    its module tells as well.
    """
    name = frame.f_globals.get("__file__")
    return name if type(name) is str else frame.f_code.co_filename


def project_frame(frame: Optional[FrameType], limit: int = 200) -> Optional[FrameType]:
    """Return the nearest frame of the project's code, from `frame` upward."""
    while frame is not None and limit:
        if is_project(file_of(frame)):
            return frame
        frame = frame.f_back
        limit -= 1
    return None


class Callers:
    """Whether the project is among the callers, asked again and again from much the same place.

    As long as a function runs, who called it stays the same: those callers of the last question
    that still run need not be looked at again. (What resumes a generator changes.)
    """

    def __init__(self) -> None:
        self._free: dict[FrameType, None] = {}
        self._until_renewal = 0

    def has_project(self, frame: Optional[FrameType]) -> bool:
        """Tell whether the project's code is at a frame or above it."""
        known, free = _known, self._free
        nearest = frame
        while frame is not None and frame not in free:
            name = frame.f_globals.get("__file__")  # `file_of`, without a call for each caller
            if type(name) is not str:
                name = frame.f_code.co_filename
            if known[name] if name in known else is_project(name):
                return True
            frame = frame.f_back
        self._until_renewal -= 1
        if self._until_renewal < 0:
            self._renew(nearest)
        return False

    def _renew(self, frame: Optional[FrameType]) -> None:
        self._until_renewal = 100
        self._free = {}
        for _ in range(5):  # these will have ended before the next question
            frame = frame.f_back if frame is not None else None
        while frame is not None:
            if not frame.f_code.co_flags & _RESUMED:
                self._free[frame] = None
            frame = frame.f_back

    def forget(self) -> None:
        """Hold no frame, and what its function holds, any longer."""
        self._free = {}
        self._until_renewal = 0


def describe(frame: Optional[FrameType]) -> str:
    """Return "SConstruct:12" for the project's nearest line; "SCons" when there is none."""
    found = project_frame(frame)
    if found is None:
        return "SCons"
    name = found.f_code.co_filename
    if not os.path.isabs(name):  # SCons compiles site_init.py under the name "site_init"
        name = str(found.f_globals.get("__file__") or name)
    try:
        near = os.path.relpath(name)
    except (OSError, ValueError):
        near = name
    return f"{name if near.startswith('..') else near}:{found.f_lineno}"


def site(depth: int = 1) -> str:
    """Return the project's line that led to the caller's caller."""
    return describe(sys._getframe(depth + 1))  # noqa: SLF001 - the one way to see who calls


def asked_by_project(depth: int = 1) -> bool:
    """Tell whether the caller's caller is the project's own code, with nothing in between."""
    return is_project(file_of(sys._getframe(depth + 1)))  # noqa: SLF001 - as above
