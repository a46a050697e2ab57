"""Start what goes on behind a build: a process of this package's own, told on standard input.

It outlives the build, says nothing, and shares no terminal with it.

Knows nothing of what is done there.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional


def begin(module: str, told: bytes, *, wait: bool, folder: Optional[bytes] = None) -> None:
    """Run `main` of a module in a process of its own; `wait` for it, if that is asked for.

    `told` is what stands on its standard input, `folder` where it works. Raises OSError.
    """
    import subprocess
    import tempfile

    import incremental_tool

    root = os.path.dirname(os.path.dirname(os.path.abspath(incremental_tool.__file__)))
    code = f"import sys; sys.path[:0] = sys.argv[1:]; from {module} import main; main()"
    with tempfile.TemporaryFile() as file:
        file.write(told)
        file.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-c", code, root, *sys.path],
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
        )
    if wait:
        process.wait()
    else:
        process.returncode = 0  # nobody waits for it: no warning when it is forgotten
