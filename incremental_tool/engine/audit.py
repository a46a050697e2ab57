"""The audit: after "nothing is to be done", ask SCons the same, and compare.

With `INCREMENTAL_AUDIT=1` each run that the fast path would answer also runs
SCons with the same arguments and `-q`, in a process of its own, which neither
looks at a snapshot nor writes one. SCons agrees when it ends with status 0 and prints
what the snapshot says it would. A disagreement is written to standard error, and
the exit status is SCons's (1 when only the text differs).

Knows nothing of what is compared to come to the answer.
"""

from __future__ import annotations

import os
import subprocess
import sys

from incremental_tool.engine.fast_path import BEFORE_SCONS, entering, texts
from incremental_tool.engine.freshness import Fresh
from incremental_tool.model.snapshot import HIDDEN_QUESTION, STDOUT

TYPE_CHECKING = False  # read by type checkers alone, as everywhere on the fast path
if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.engine.fast_path import Asked

_PROGRAM = """
import sys
sys.argv = {argv!r}
sys.path = {path!r}
import SCons.Script.Main
SCons.Script.Main.main()
"""
_SILENCED = {
    "INCREMENTAL_AUDIT": "0",
    "INCREMENTAL_EXPLAIN": "0",
    "INCREMENTAL_FAST": "0",
    "INCREMENTAL_STATS": "0",
    "INCREMENTAL_TRACE": "",
}


def audit(asked: Asked, python_path: Sequence[str]) -> int:
    """Return the status to exit with: 0 when SCons agrees that nothing is to be done."""
    answer, verdict = asked.answer, asked.verdict
    if answer is None or not isinstance(verdict, Fresh):
        return 0
    argv = [sys.argv[0], *answer.arguments, "-q"]
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(argv=argv, path=list(python_path))],
        cwd=answer.start,
        env={**os.environ, **_SILENCED},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    expected = entering(answer) + "".join(
        text
        for stream, text in texts(verdict.said, answer.line, BEFORE_SCONS, HIDDEN_QUESTION)
        if stream == STDOUT
    )
    printed = ended.stdout.decode("utf-8", "surrogateescape")
    if ended.returncode == 0 and printed == expected:
        return 0
    sys.stderr.write(
        "incremental: AUDIT: the snapshot says that nothing is to be done, "
        f"SCons -q ends with status {ended.returncode}\n"
        f"--- SCons was expected to print\n{expected}"
        f"--- SCons printed\n{printed}{ended.stderr.decode('utf-8', 'surrogateescape')}---\n"
    )
    return ended.returncode or 1
