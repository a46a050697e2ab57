"""`iscons`: the same arguments, output and exit codes as `scons`.

It first asks whether anything is to be done at all (`engine.fast_path`). When
nothing is, it prints what SCons would print and ends; SCons is never imported. In every
other case it runs exactly what the project set up: it switches the tool neither
on nor off, and a project without the tool builds as under `scons`. The
hand-over to SCons is in the same process.

`iscons --watch ARGUMENTS` builds whenever an input has changed (`engine.watch`). It
must be the first word: a project may have an option of that name.

Properties kept:

* SCons sees the arguments it would see as `scons`, and `sys.argv[0]` names the
  `scons` beside this command, so that scripts and messages cannot tell.
* The exit status is SCons's own: nothing is caught here.

Knows nothing of what a build does.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    """Run `scons` with this process's arguments; leaves by `sys.exit`."""
    if sys.argv[1:2] == ["--watch"]:
        _watch()
    sys.argv[0] = os.path.join(os.path.dirname(sys.argv[0]), "scons")
    _answer_without_scons()

    import SCons.Script.Main

    _observe()
    SCons.Script.Main.main()


def _watch() -> NoReturn:
    """Build again and again, each time started as this process was: in the module path, too."""
    from incremental_tool.engine import watch

    spec = getattr(sys.modules["__main__"], "__spec__", None)
    started = ["-m", spec.name] if spec is not None else sys.argv[:1]
    sys.exit(watch.main(sys.argv[2:], [sys.executable, *started]))


def _answer_without_scons() -> None:
    """Leave when nothing is to be done."""
    from incremental_tool.model.switch import fast_path_off

    if os.name != "posix" or fast_path_off(os.environ):
        return
    from incremental_tool.engine import fast_path

    status = fast_path.answer(
        sys.argv[1:], os.getcwd(), sys.path, _folder_of_scons(), fast_path.BEFORE_SCONS
    )
    if status is not None:
        sys.stderr.flush()
        # Taking the interpreter apart would cost a tenth of what the answer did.
        os._exit(status)


def _observe() -> None:
    """Note what the scripts read, should one of them set the tool up."""
    from incremental_tool.model.switch import switched_off

    if os.name == "posix" and not switched_off(os.environ):
        from incremental_tool.scons import recorder

        recorder.be_ready()


def _folder_of_scons() -> str:
    """Return where SCons would be imported from, without importing it."""
    for finder in sys.meta_path:
        spec = finder.find_spec("SCons", None)
        if spec is not None:
            return os.path.dirname(spec.origin or "")
    return ""


if __name__ == "__main__":
    main()
