"""The SCons tool `incremental`: a stub that leads to the installed package.

SCons looks for tools in `site_scons/site_tools`, not among installed packages,
so a project that says `tools=["default", "incremental"]` carries this file. It
is called `incremental`, not `incremental_tool`: SCons registers a tool under
its file's name, and a stub of the package's name would hide the package.

Without the package the build stops with one sentence, because the project asked
for the tool by name. With `INCREMENTAL=0` the package is not looked for.
"""

from __future__ import annotations

import os
import sys
from typing import Any

# As the package understands INCREMENTAL; said again here, for it may be missing.
_OFF = ("", "0", "no", "off", "false", "none")


def generate(env: Any, **kw: Any) -> None:
    """Set the tool up in `env`."""
    if _switched_off():
        env.AddMethod(_plain_command, "CachedCommand")
        for name in ("Combined", "CombinedIR", "CombinedAssembly"):
            env.AddMethod(_plainly(name), name)
    else:
        _package().generate(env, **kw)


def exists(env: Any) -> bool:
    """Say whether the tool can work in `env`."""
    return not _switched_off() and bool(_package().exists(env))


def _plain_command(env: Any, target: Any, source: Any, action: Any, **kw: Any) -> Any:
    """Stand in for the tool's `env.CachedCommand`, so that a script that calls it still runs."""
    return env.Command(target, source, action, **kw)


def _plainly(name: str) -> Any:
    """Give a builder that asks for the package when it is called: only it can combine files."""

    def builder(env: Any, *args: Any, **kw: Any) -> Any:
        _package().generate(env)  # with INCREMENTAL=0 it adds its builders, and nothing else
        return getattr(env, name)(*args, **kw)

    return builder


def _switched_off() -> bool:
    return os.environ.get("INCREMENTAL", "1").strip().lower() in _OFF


def _package() -> Any:
    """Give the installed package, or stop the build saying how to install it."""
    try:
        import incremental_tool
    except ImportError:
        # A UserError would add a second line, pointing into this file.
        from SCons.Errors import StopError

        text = (
            "the tool 'incremental' needs the Python package scons-incremental: "
            f"install it with pip for {sys.executable}, "
            "or set INCREMENTAL=0 to build without it."
        )
        raise StopError(text) from None
    return incremental_tool
