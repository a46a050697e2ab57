"""`iscons`: the same arguments, output and exit codes as `scons`.

It runs exactly what the project set up: it switches the tool neither on nor
off, so `INCREMENTAL=0` needs no word here, and a project without the tool
builds as under `scons`. The hand-over to SCons is the last step, in the same
process, and SCons is imported only then.

Properties kept:

* SCons sees the arguments it would see as `scons`, and `sys.argv[0]` names the
  `scons` beside this command, so that scripts and messages cannot tell.
* The exit status is SCons's own: nothing is caught here.

Knows nothing of what a build does.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `scons` with this process's arguments; leaves by SCons's `sys.exit`."""
    sys.argv[0] = os.path.join(os.path.dirname(sys.argv[0]), "scons")

    import SCons.Script.Main

    SCons.Script.Main.main()


if __name__ == "__main__":
    main()
