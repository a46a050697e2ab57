"""Observes which environment variables are read.

`os.environ` stays the object it is, for others hold it too; only its class is
another for a while. A variable that a script has set or removed before it reads
it is not read from outside. Listing, copying or comparing the environment reads
it whole.

The tool's own variables count only when the project asks for them: what they
do is part of the circumstances that a snapshot records.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Optional

from incremental_tool.scons.call_site import OUR_FOLDER, is_python
from incremental_tool.scons.observations import BUSY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental_tool.scons.observations import Observations

_OURS = b"INCREMENTAL"

_Environ: Any = type(os.environ)

_current: Optional[Observations] = None
_changed: set[bytes] = set()


def _asked_by_tool() -> bool:
    frame = sys._getframe(3)  # noqa: SLF001 - the one way to see who calls
    while frame.f_back is not None and is_python(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(OUR_FOLDER)


def _note(key: Any) -> None:
    if _current is None or BUSY.depth or not isinstance(key, (str, bytes)):
        return
    name = os.fsencode(key)
    if name not in _changed and not (name.startswith(_OURS) and _asked_by_tool()):
        _current.note_variable(name)


def _note_all() -> None:
    if _current is not None and not BUSY.depth:
        _current.whole_environment = True


class ObservedEnviron(_Environ):  # type: ignore[misc] # the class of os.environ has no public name
    """`os.environ` while scripts are read."""

    def __getitem__(self, key: Any) -> Any:
        _note(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        _changed.add(os.fsencode(key))

    def __delitem__(self, key: Any) -> None:
        _note(key)
        super().__delitem__(key)
        _changed.add(os.fsencode(key))

    def __iter__(self) -> Iterator[Any]:
        _note_all()
        return iter(super().__iter__())

    def __len__(self) -> int:
        _note_all()
        return int(super().__len__())

    def __repr__(self) -> str:
        _note_all()
        return str(super().__repr__())


def observe(observed: Observations) -> None:
    """Note what is read of the environment from now on."""
    global _current  # noqa: PLW0603 - there is one environment in a process
    _current = observed
    _changed.clear()
    for environment in (os.environ, getattr(os, "environb", None)):
        if type(environment) is _Environ:
            environment.__class__ = ObservedEnviron


def stop() -> None:
    """Note nothing more."""
    global _current  # noqa: PLW0603 - as above
    _current = None
    for environment in (os.environ, getattr(os, "environb", None)):
        if type(environment) is ObservedEnviron:
            environment.__class__ = _Environ


def values_if_changed() -> Optional[dict[bytes, bytes]]:
    """Return the environment as it is if scripts have changed it; None if not."""
    return values() if _changed else None


def values() -> dict[bytes, bytes]:
    """Return the environment as it is, without reading it in the sense of this module."""
    data = getattr(os.environ, "_data", None)
    if isinstance(data, dict) and all(isinstance(name, bytes) for name in data):
        return dict(data)
    return {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items()}
