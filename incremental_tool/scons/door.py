"""The doors inside SCons: leave before scripts are read, when nothing is to be done.

Two places ask what `iscons` asks before SCons is imported: `site_init.py`, when
SCons runs it, and the first tool set up by an SConstruct. Each process asks
once. When the answer is fresh, the process prints what is left of SCons's output
and ends as SCons would: by `sys.exit`, which SCons's own main turns into its exit status.

Knows nothing of how the question is decided.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import SCons
import SCons.Script
from SCons.Script import _SConscript as _script

from incremental_tool.engine import fast_path
from incremental_tool.model.switch import fast_path_off

if TYPE_CHECKING:
    from collections.abc import Sequence


def before_scripts() -> None:
    """Leave, if nothing is to be done and no script has been started yet."""
    if not SCons.Script.sconscript_reading:
        _ask(fast_path.BEFORE_SCRIPTS, sys.path)


def in_first_script() -> None:
    """Leave, if nothing is to be done and no script but the SConstruct has been started."""
    if SCons.Script.sconscript_reading == 1 and len(_script.SConscriptNodes) == 1:
        # While SCons reads a script, the folder of that script comes first.
        (script,) = _script.SConscriptNodes
        added = sys.path[:1] == [script.dir.get_abspath()]
        _ask(fast_path.IN_SCRIPT, sys.path[1:] if added else sys.path)


def _ask(door: int, python_path: Sequence[str]) -> None:
    if os.name != "posix" or fast_path.ASKED or fast_path_off(os.environ):
        return
    scons_folder = os.path.dirname(SCons.__file__)
    with _unobserved():
        status = fast_path.answer(sys.argv[1:], _script.launch_dir, python_path, scons_folder, door)
    if status is not None:
        sys.exit(status)


def _unobserved() -> AbstractContextManager[None]:
    """Keep what is done here from a recorder that has begun; without one none is imported."""
    recorder = sys.modules.get("incremental_tool.scons.recorder")
    return nullcontext() if recorder is None else recorder.unobserved()
