"""`iscons --watch`: build, wait until an input changes, build again.

Each build is a process of its own, which finds out by itself what is to be done: a replay, as a
rule. So nothing is decided here but when to start one. Events only say when to look; what changed
is told by two looks at the recorded inputs (`engine.recorded_inputs`), the first of them taken
before the build began. So a file that is saved while a build runs is not missed, and
what a build writes starts none. Where nothing is recorded, or the build has failed (perhaps for
want of a file that no record names), any event after the build counts, but for what is known to
be written by builds.

Knows nothing of SCons.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, Optional

from incremental_tool.engine.recorded_inputs import inputs_of, is_own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from incremental_tool.engine.recorded_inputs import Inputs, Look

    class Events(Protocol):
        """What tells of changes; see `engine.file_events.FileEvents`."""

        def listen_to(self, folders: set[bytes], /) -> None:
            """Hear of changes in these folders, too."""

        def wait(self, seconds: Optional[float], /) -> set[bytes]:
            """Return the paths changed since the last call; an empty set after that time."""


QUIET_S = 0.2
"""An editor's save is several events; a build begins when no more have come for so long."""
MOST_S = 2.0
"""But not later than this: something may go on writing."""
_AFTERWARDS_S = 0.1
"""What a build has written is told of up to so long after it."""

_OFTEN = 3
"""Builds in a row that are begun because the one before wrote the same inputs."""


class Project(NamedTuple):
    """What is watched: `own` are the folders of state and store, `inputs` asks for the record."""

    top: bytes
    own: tuple[bytes, ...]
    inputs: Callable[[], Optional[Inputs]]
    build: Callable[[], int]


class Watch:
    """The builds of a project, one after the other."""

    def __init__(
        self,
        project: Project,
        events: Events,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._events = events
        self._tell = tell
        self._clock = clock
        self._inputs: Optional[Inputs] = None
        self._before: Look = {}
        self._expected: Look = {}
        self._meanwhile: set[bytes] = set()
        self._again = 0
        self._status = 0

    def run(self) -> None:
        """Build whenever something has changed; ends by KeyboardInterrupt."""
        self._inputs = self._project.inputs()
        self._listen()
        told = self._build()
        self._tell(f"{told}; waiting for changes, Ctrl-C ends")
        while True:
            changed = self._changed_meanwhile() or self._wait()
            files = "1 file" if len(changed) == 1 else f"{len(changed)} files"
            self._tell(f"{files} changed, {self._build()}")

    def _listen(self) -> None:
        self._events.listen_to(self._inputs.elsewhere() if self._inputs is not None else set())

    def _build(self) -> str:
        """Build, and say how it ended."""
        self._before = self._inputs.look() if self._inputs is not None else {}
        started = self._clock()
        self._status = self._project.build()
        seconds = self._clock() - started
        while self._events.wait(_AFTERWARDS_S):
            if self._clock() - started - seconds > MOST_S:
                break
        self._inputs = self._project.inputs() or self._inputs
        self._listen()
        if self._status:
            return f"failed with status {self._status} after {seconds:.2f} s"
        return f"built in {seconds:.2f} s"

    def _changed_meanwhile(self) -> set[bytes]:
        """Return the inputs that have changed since the build began, unless it writes them itself.

        That it does when the same ones have changed during each of several builds.
        """
        if self._inputs is None:
            return set()
        now, recorded, before = self._inputs.look(), self._inputs.recorded, self._before
        # What the build has recorded it went by; where it has recorded nothing, it began by this.
        changed = {
            name
            for name, seen in now.items()
            if seen != recorded[name] and (name not in before or seen != before[name])
        }
        self._again = self._again + 1 if changed and changed == self._meanwhile else 0
        self._meanwhile = changed
        if changed and self._again < _OFTEN:
            return changed
        self._expected = now
        return set()

    def _wait(self) -> set[bytes]:
        """Return what has changed, when it has and all is quiet."""
        while True:
            heard = self._heard(None)
            if not heard:
                continue
            started = self._clock()
            while self._clock() - started < MOST_S:
                more = self._heard(QUIET_S)
                if not more:
                    break
                heard |= more
            now = self._inputs.look() if self._inputs is not None else {}
            changed = {name for name, seen in now.items() if self._expected.get(name) != seen}
            changed.update(filter(self._may_be_wanted, heard))
            if changed:
                return changed

    def _heard(self, seconds: Optional[float]) -> set[bytes]:
        """Return what was told and may matter."""
        inputs = self._inputs
        return {
            path
            for path in self._events.wait(seconds)
            if (inputs is not None and inputs.concerns(path)) or self._may_be_wanted(path)
        }

    def _may_be_wanted(self, path: bytes) -> bool:
        """Tell whether a file that no record names may matter: one of the project's, not made."""
        inputs, project = self._inputs, self._project
        if inputs is not None and (not self._status or path in inputs.outputs):
            return False
        return (
            path.startswith(project.top + b"/")
            and not path.startswith(project.own)
            and not is_own(path)
            and os.path.isfile(path)  # not an editor's file that has gone again
        )


def main(arguments: Sequence[str], command: Sequence[str]) -> int:
    """Watch the project that SCons's arguments name; `command` starts `iscons`."""
    from incremental_tool.base.errors import UserError
    from incremental_tool.engine.file_events import FileEvents
    from incremental_tool.engine.settings import settings_for
    from incremental_tool.model.answer import answer_for
    from incremental_tool.model.switch import fast_path_off

    found = answer_for(arguments, os.environ, os.getcwd(), sys.path, os.path.isfile)
    answer = None if isinstance(found, tuple) or fast_path_off(os.environ) else found
    top = os.getcwd() if isinstance(found, tuple) else found.top
    try:
        settings = settings_for(top, os.environ, {})
        events = FileEvents(top)
    except ImportError:
        tell("--watch needs the library watchfiles: pip install 'scons-incremental[watch]'")
        return 2
    except UserError as error:
        tell(str(error))
        return 2
    project = Project(
        os.fsencode(top),
        (settings.state_dir + b"/", settings.cache_dir + b"/"),
        lambda: None if answer is None else inputs_of(answer),
        lambda: run([*command, *arguments]),
    )
    try:
        Watch(project, events, tell).run()
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        tell(str(error))
        return 2
    finally:
        events.close()
    return 0


def tell(text: str) -> None:
    """Print one line of this tool's own."""
    sys.stderr.write(f"incremental: {text}\n")
    sys.stderr.flush()


def run(words: Sequence[str]) -> int:
    """Run a build to its end, to which it comes by itself when it is interrupted."""
    process = subprocess.Popen(words)
    interrupted = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            interrupted = True
            continue
        if interrupted:
            raise KeyboardInterrupt
        return 128 - status if status < 0 else status
