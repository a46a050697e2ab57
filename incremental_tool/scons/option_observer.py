"""Observes which of SCons's options the scripts ask for.

Options that do not change what is decided (`-j`, `-s`) are not part of an
answer's key, unless a script asks for one. `GetOption` is known under several
names, some copied into a script's globals before observing begins: so the
function stays the object it is, and gets other code, which notes and then runs
the old.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, Optional

import SCons.Script.Main

if TYPE_CHECKING:
    from incremental_tool.scons.observations import Observations

_NAME = "_incremental_tool_get_option"

_current: Optional[Observations] = None


def _calling_ours(name: str) -> Any:
    """Become the code of `GetOption`: a name of this module's would not be found there."""
    return _incremental_tool_get_option(name)  # type: ignore[name-defined] # noqa: F821 - put into SCons.Script.Main


def observe(observed: Observations) -> None:
    """Note what is asked for from now on."""
    global _current  # noqa: PLW0603 - there is one GetOption in a process
    main: Any = SCons.Script.Main
    if not hasattr(main, _NAME):
        original = FunctionType(main.GetOption.__code__, vars(main), "GetOption")

        def get_option(name: str) -> Any:
            if _current is not None:
                _current.options.add(name)
            return original(name)

        setattr(main, _NAME, get_option)
        main.GetOption.__code__ = _calling_ours.__code__
    _current = observed


def stop() -> None:
    """Note nothing more."""
    global _current  # noqa: PLW0603 - as above
    _current = None
