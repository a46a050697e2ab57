"""Which files change while nobody looks: events of the library watchfiles, from threads of its own.

One watcher looks at the project's folder and all below it, another at single
folders elsewhere, for those must not be looked at with all below them. The library is an
optional extra, imported by `FileEvents` alone.

Knows nothing of which changes matter.
"""

from __future__ import annotations

import importlib
import os
import queue
import threading
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Union

    Heard = queue.Queue[Union[set[bytes], Exception]]

_STEP_MS = 50
"""How long the library waits for more before it tells."""
_PATIENCE_S = 10.0


class _Watcher:
    """One thread that hears of changes, and puts them into a queue."""

    def __init__(self, library: Any, folders: Iterable[str], heard: Heard, *, below: bool) -> None:
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._heard = heard
        changes = library.watch(
            *folders,
            watch_filter=None,
            step=_STEP_MS,
            debounce=4 * _STEP_MS,
            stop_event=self._stop,
            rust_timeout=2 * _STEP_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=below,
            ignore_permission_denied=True,
        )
        threading.Thread(target=self._listen, args=(changes,), daemon=True).start()
        # The library begins to look when it is first asked, and answers when it does.
        self._ready.wait(_PATIENCE_S)

    def _listen(self, changes: Iterable[set[tuple[Any, str]]]) -> None:
        try:
            for found in changes:
                if found:
                    self._heard.put({os.fsencode(path) for _, path in found})
                self._ready.set()
        except Exception as error:  # too many folders for the system's limit, for example
            self._heard.put(error)
        finally:
            self._ready.set()

    def stop(self) -> None:
        self._stop.set()


class FileEvents:
    """The changes below a folder, and in folders elsewhere."""

    def __init__(self, top: str) -> None:
        """Begin to listen. Raises ImportError where the library is not installed."""
        self._library = importlib.import_module("watchfiles")
        self._heard: Heard = queue.Queue()
        self._elsewhere: frozenset[bytes] = frozenset()
        self._watchers = [_Watcher(self._library, [top], self._heard, below=True)]

    def listen_to(self, folders: Iterable[bytes]) -> None:
        """Listen to these folders elsewhere, and to no others."""
        wanted = frozenset(folder for folder in folders if os.path.isdir(folder))
        if wanted == self._elsewhere:
            return
        self._elsewhere = wanted
        before = self._watchers[1:]
        if wanted:
            names = sorted(map(os.fsdecode, wanted))
            new = [_Watcher(self._library, names, self._heard, below=False)]
        else:
            new = []
        self._watchers[1:] = new
        for watcher in before:
            watcher.stop()

    def wait(self, seconds: Optional[float]) -> set[bytes]:
        """Return the paths that have changed since the last call; an empty set after that time.

        Raises OSError when the library can listen no more.
        """
        try:
            told = [self._heard.get(timeout=seconds)]
        except queue.Empty:
            return set()
        while not self._heard.empty():  # nobody else takes from it
            told.append(self._heard.get())
        found: set[bytes] = set()
        for one in told:
            if isinstance(one, Exception):
                raise OSError(f"watchfiles has stopped: {one}") from one
            found |= one
        return found

    def close(self) -> None:
        """Listen no more."""
        for watcher in self._watchers:
            watcher.stop()
