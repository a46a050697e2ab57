"""The switch for every environment of an unmodified SConstruct.

Called from a `site_init.py` (the project's, the user's or the machine's), which
SCons runs before any SConscript. From then on each environment is set up as the
one-line form would have, after its own tools have been.
"""

from __future__ import annotations

import os
from typing import Any

from incremental_tool.model.switch import switched_off


def enable_everywhere() -> None:
    """Set the tool up in every construction environment made from now on.

    Ends the process, as SCons would end it, when nothing is to be done at all.
    """
    if switched_off(os.environ):
        return
    from incremental_tool.scons import door, patches, recorder

    door.before_scripts()
    recorder.begin()
    patches.call_for_every_environment(_set_up)


def _set_up(env: Any) -> None:
    from incremental_tool.scons import tool

    tool.generate(env)
