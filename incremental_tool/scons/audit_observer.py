"""Observes what Python's audit events show: files opened and changed, folders listed, imports.

An audit hook can never be removed, so there is one for the process; it passes
events to the observations of the run that is being recorded, if any. Processes
and sockets are events, too: `process_observer` has the rule for the first.

Each event costs half a microsecond once there is a hook, and `id()` is one. SCons
calls it some fifty times for each file, as a key or a hash: the modules that
do get an `id` that serves them as well and is no event.

Not observed, because they are no questions of the scripts:

* what Python's import system opens for itself (the modules themselves are noted);
* SCons's own databases, whose state *after* the build counts;
* listings that `node_observer` notes as what SCons looked for in them.

Knows nothing of SCons's nodes.
"""

from __future__ import annotations

import os
import stat as stat_module
import subprocess
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any, Callable, Optional

import SCons.Builder
import SCons.Node.FS
import SCons.Scanner

from incremental_tool.model.folder_view import STATE
from incremental_tool.model.snapshot import ENTRIES, GLOB, NAMES
from incremental_tool.scons import call_site, file_observer
from incremental_tool.scons.observations import BUSY, Observations, mode_in, row_of

if TYPE_CHECKING:
    from types import FrameType

    from incremental_tool.scons.replacement import Replacements

_CALLERS = call_site.Callers()
_OF_OBSERVER = vars(file_observer)
_FS = os.path.join(call_site.SCONS_FOLDER, "Node", "FS.py")
_DATABASES = tuple(
    os.path.join(call_site.SCONS_FOLDER, name) for name in ("dblite.py", "SConsign.py")
)
_READING_NODES = frozenset(
    os.path.join(call_site.SCONS_FOLDER, *names)
    for names in (
        ("Node", "FS.py"),
        ("Node", "__init__.py"),
        ("Util", "__init__.py"),
        ("Util", "hashes.py"),
    )
)
"""Where SCons reads the content of files behind nodes."""
_SCONF = os.path.join(call_site.SCONS_FOLDER, "SConf.py")
_QUIET_DEVICES = frozenset({"/dev/null", "/dev/tty", "/dev/urandom"})
_IMPORT = "<frozen importlib"

_Handler = Callable[[Observations, Any], None]

_current: Optional[Observations] = None
_installed = False


def _caller() -> FrameType:
    frame = sys._getframe(3)  # noqa: SLF001 - hook, handler and this function lie below the caller
    if frame.f_globals is _OF_OBSERVER and frame.f_back is not None:
        return frame.f_back  # one of the functions that observe in place of Python's
    return frame


def _is_writing(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return not mode.startswith("r") or "+" in mode
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _reads_old_content(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return "a" in mode or mode.startswith("r")
    return not flags & (os.O_TRUNC | os.O_EXCL)


def _open(observed: Observations, arguments: Any) -> None:
    path, mode, flags = arguments
    frame = _caller()
    opener = frame.f_code.co_filename
    if isinstance(path, int) or opener.startswith(call_site.OUR_FOLDER):
        return
    name = observed.absolute(path)
    if opener.startswith(_IMPORT):
        if not _is_writing(mode, flags):
            _imported(observed, name)
        return
    if opener in _DATABASES:
        if not _is_writing(mode, flags):
            observed.signature_files.setdefault(name, row_of(observed.look(name)))
        return
    if name in _QUIET_DEVICES:
        return
    if _is_writing(mode, flags):
        if opener == _SCONF:
            observed.ignored.add(name)  # config.log is written anew at every run
            return
        if _reads_old_content(mode, flags) and os.path.basename(name)[:12] != os.fsdecode(STATE):
            observed.refuse("fresh.refuse.written", f"{name} ({call_site.describe(frame)})")
        _changed(observed, name, frame)
        return
    if name.startswith(("/proc/", "/sys/")):
        observed.refuse("fresh.refuse.input", f"{name} ({call_site.describe(frame)})")
        return
    for_graph = opener in _READING_NODES and not _CALLERS.has_project(frame)
    observed.note_opened(name, for_graph=for_graph)
    row = observed.asked.get(name)
    if row is not None and not stat_module.S_ISREG(mode_in(row)):
        observed.refuse("fresh.refuse.input", f"{name} ({call_site.describe(frame)})")


def _imported(observed: Observations, name: str) -> None:
    if name.endswith(".pyc"):
        folder, file = os.path.split(name)
        if os.path.basename(folder) == "__pycache__":
            source = os.path.join(os.path.dirname(folder), file.split(".", 1)[0] + ".py")
            name = source if observed.look(source) is not None else name
    if not call_site.is_python(name):
        observed.note_opened(name)


def _changed(observed: Observations, name: str, frame: FrameType) -> None:
    by_scons = frame.f_code.co_filename == _FS
    observed.note_written(
        name, by_scons=by_scons, site="" if by_scons else call_site.describe(frame)
    )


def _one_changed(observed: Observations, arguments: Any) -> None:
    frame = _caller()
    if isinstance(arguments[0], int) or frame.f_code.co_filename.startswith(
        (_IMPORT, call_site.OUR_FOLDER)
    ):
        return
    _changed(observed, observed.absolute(arguments[0]), frame)


def _two_changed(observed: Observations, arguments: Any) -> None:
    frame = _caller()
    if frame.f_code.co_filename.startswith((_IMPORT, call_site.OUR_FOLDER)):
        return
    for path in arguments[:2]:
        _changed(observed, observed.absolute(path), frame)


def _second_changed(observed: Observations, arguments: Any) -> None:
    _changed(observed, observed.absolute(arguments[1]), _caller())


def _listed(kind: bytes) -> _Handler:
    def handle(observed: Observations, arguments: Any) -> None:
        frame = _caller()
        filename = frame.f_code.co_filename
        if filename.startswith((_IMPORT, call_site.OUR_FOLDER)):
            return
        if filename == _FS and frame.f_code.co_name in ("entry_exists_on_disk", "_glob1"):
            return
        path = arguments[0]
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        name = observed.absolute("." if path is None else path)
        pattern = _glob_pattern(frame)
        if pattern:
            observed.note_listing(name, GLOB, pattern)
        else:
            observed.note_listing(name, kind)

    return handle


def _glob_pattern(frame: Optional[FrameType]) -> bytes:
    """Return the pattern that a listing by the `glob` module is matched with; b"" if unknown."""
    for _ in range(4):
        if frame is None or os.path.basename(frame.f_code.co_filename) != "glob.py":
            return b""
        if frame.f_code.co_name in ("glob1", "_glob1"):
            if frame.f_locals.get("dironly"):
                return b""  # then it counts which of the names are folders
            pattern = frame.f_locals.get("pattern", "")
            return os.fsencode(pattern) if isinstance(pattern, (str, bytes)) else b""
        frame = frame.f_back
    return b""


def _import(observed: Observations, arguments: Any) -> None:
    name, _, search = arguments[:3]
    if search is not None and name not in observed.imported:
        observed.imported[name] = [folder for folder in search if isinstance(folder, str)]


def _exec(observed: Observations, arguments: Any) -> None:
    _about_to_run(observed, arguments[0])


def _about_to_run(observed: Observations, code: CodeType) -> None:
    if not observed.on_names or not call_site.is_project(code.co_filename):
        return
    used = _names_in(code)
    for names in list(observed.on_names):
        if not names.isdisjoint(used):
            observed.on_names.pop(names)()


def _names_in(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


def _refuse(reason: str) -> _Handler:
    def handle(observed: Observations, arguments: Any) -> None:
        frame = _caller()
        if call_site.project_frame(frame) is None:
            return
        what = arguments[0] if arguments and isinstance(arguments[0], (str, bytes)) else ""
        text = os.fsdecode(what)
        observed.refuse(reason, f"{text} ({call_site.describe(frame)})".strip())

    return handle


def _spawned(observed: Observations, arguments: Any) -> None:
    frame = _caller()
    own = frame.f_globals is vars(subprocess)  # whose processes are observed one by one
    if not own and call_site.project_frame(frame) is not None:
        site = call_site.describe(frame)
        observed.refuse("fresh.refuse.process", f"{os.fsdecode(arguments[0])} ({site})")


def _database(observed: Observations, arguments: Any) -> None:
    if isinstance(arguments[0], (str, bytes)) and arguments[0] not in (":memory:", b":memory:"):
        observed.note_opened(observed.absolute(arguments[0]))


HANDLERS: dict[str, _Handler] = {
    "open": _open,
    "import": _import,
    "exec": _exec,
    "os.listdir": _listed(NAMES),
    "os.scandir": _listed(ENTRIES),
    "os.mkdir": _one_changed,
    "os.rmdir": _one_changed,
    "os.remove": _one_changed,
    "os.truncate": _one_changed,
    "os.utime": _one_changed,
    "os.chmod": _one_changed,
    "os.chown": _one_changed,
    "os.rename": _two_changed,
    "os.link": _second_changed,
    "os.symlink": _second_changed,
    "os.system": _refuse("fresh.refuse.process"),
    "os.exec": _refuse("fresh.refuse.process"),
    "os.fork": _refuse("fresh.refuse.process"),
    "os.forkpty": _refuse("fresh.refuse.process"),
    "os.spawn": _refuse("fresh.refuse.process"),
    "os.posix_spawn": _spawned,
    "pty.spawn": _refuse("fresh.refuse.process"),
    "builtins.input": _refuse("fresh.refuse.input"),
    "socket.connect": _refuse("fresh.refuse.network"),
    "socket.bind": _refuse("fresh.refuse.network"),
    "socket.getaddrinfo": _refuse("fresh.refuse.network"),
    "socket.gethostbyname": _refuse("fresh.refuse.network"),
    "socket.gethostname": _refuse("fresh.refuse.network"),
    "socket.sendto": _refuse("fresh.refuse.network"),
    "urllib.Request": _refuse("fresh.refuse.network"),
    "sqlite3.connect": _database,
    "ctypes.dlopen": _refuse("fresh.refuse.function"),
}


def _hook(
    event: str, arguments: Any, find: Callable[[str], Optional[_Handler]] = HANDLERS.get
) -> None:
    # Called for every event of the process: most are none of ours.
    handler = find(event)
    if handler is None or (handler is _exec and arguments[0].co_filename == "<string>"):
        return  # SCons evaluates much text of its own
    observed = _current
    if observed is None or BUSY.depth:
        return
    BUSY.depth += 1
    try:
        handler(observed, arguments)
    except Exception as error:
        observed.failed(event, error)
    finally:
        BUSY.depth -= 1


def observe(observed: Observations, replacements: Replacements) -> None:
    """Pass events to these observations from now on."""
    for module in (SCons.Builder, SCons.Node.FS, SCons.Scanner):
        replacements.add(module, "id", object.__hash__)
    global _current, _installed  # noqa: PLW0603 - there is one hook in a process, for good
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    _current = observed
    frame: Optional[FrameType] = sys._getframe(1)  # noqa: SLF001 - what is running already
    while frame is not None:
        _about_to_run(observed, frame.f_code)
        frame = frame.f_back


def resume(observed: Observations) -> None:
    """Pass events to these observations again."""
    global _current  # noqa: PLW0603 - as above
    _current = observed


def stop() -> None:
    """Pass events to nobody."""
    global _current  # noqa: PLW0603 - as above
    _current = None
    _CALLERS.forget()
