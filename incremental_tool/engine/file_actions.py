"""Does what SCons's own file actions do: Copy, Delete, Mkdir, Move, Touch, Chmod, Textfile.

Each function does, call for call, what the one of that name in `SCons.Defaults` does (4.5
to 4.11), so that results, times, modes and errors are the same.

Knows nothing of when they are to be done.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from typing import TYPE_CHECKING, Any, Union

from incremental_tool.model.file_action import TEXTFILE, FileAction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Paths = Union[str, list[str]]

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Byte order marks: SCons versions decode what follows in different ways."""


class NotText(Exception):  # noqa: N818 - it names what was found
    """A text file cannot be written as SCons would write it; the text says why."""


def prepared(action: FileAction, target: bytes) -> Callable[[], object]:
    """Return what does a step; for a text file all is read now. Raises OSError or NotText."""
    if action.name == TEXTFILE:
        content = _text(**action.keywords)
        return lambda: _write(target, content)
    function = _FUNCTIONS[action.name]
    return lambda: function(*action.arguments, **action.keywords)


def _listed(paths: Paths) -> list[str]:
    return paths if isinstance(paths, list) else [paths]


def _copy(dest: str, src: Paths, symlinks: object = True) -> None:
    if isinstance(src, list):
        try:
            os.makedirs(dest, exist_ok=True)
        except FileExistsError:
            raise OSError(
                "Error: Copy() called with a list of sources, which requires target to be a "
                f'directory, but "{dest}" is not a directory.'
            ) from None
        for file in src:
            shutil.copy2(file, dest)
    elif os.path.islink(src):
        if symlinks:
            os.symlink(os.readlink(src), dest)
        else:
            _copy(dest, os.path.realpath(src))
    elif os.path.isfile(src):
        shutil.copy2(src, dest)
    else:
        shutil.copytree(src, dest, bool(symlinks))


def _delete(dest: Paths, must_exist: object = False) -> None:
    for entry in _listed(dest):
        if not (os.path.exists(entry) or os.path.islink(entry)) and not must_exist:
            continue
        if os.path.isdir(entry) and not os.path.islink(entry):
            shutil.rmtree(entry, ignore_errors=True)
            continue
        os.unlink(entry)


def _mkdir(dest: Paths) -> None:
    for entry in _listed(dest):
        os.makedirs(entry, exist_ok=True)


def _move(dest: str, src: str) -> None:
    shutil.move(src, dest)


def _touch(dest: Paths) -> None:
    for file in _listed(dest):
        mtime = int(time.time())
        atime: float = mtime
        if os.path.exists(file):
            atime = os.path.getatime(file)
        else:
            with open(file, "w"):
                pass
        os.utime(file, (atime, mtime))


def _chmod(dest: Paths, mode: Union[str, int]) -> None:
    if isinstance(mode, str) and mode.isdecimal():
        mode = int(mode, 8)
    if isinstance(mode, int):
        for element in _listed(dest):
            os.chmod(element, mode)
        return
    for operator, bits in operations_of(mode):
        for element in _listed(dest):
            before = os.stat(element).st_mode
            if operator == "=":
                os.chmod(element, bits)
            elif operator == "+":
                os.chmod(element, before | bits)
            else:
                os.chmod(element, before & ~bits)


def operations_of(mode: str) -> list[tuple[str, int]]:
    """Return what a mode in words asks for: operators and bits. Raises ValueError."""
    found = []
    for operation in mode.split(","):
        operator = next((sign for sign in "=+-" if sign in operation), "")
        users, permissions = operation.split(operator) if operator else ("", "")
        if not operator:
            raise ValueError(mode)
        bits = 0
        for user in users.strip().replace("a", "ugo"):
            for permission in permissions.strip():
                bits |= _BITS[user + permission]
        found.append((operator, bits))
    return found


_BITS = {
    f"{user}{permission}": getattr(stat, f"S_I{permission.upper()}{name}")
    for user, name in (("u", "USR"), ("g", "GRP"), ("o", "OTH"))
    for permission in "rwx"
}

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "copy_func": _copy,
    "delete_func": _delete,
    "mkdir_func": _mkdir,
    "move_func": _move,
    "touch_func": _touch,
    "chmod_func": _chmod,
}


def _text(
    separator: str,
    replaced: Sequence[tuple[str, str]],
    encoding: str,
    parts: Sequence[tuple[bool, str]],
) -> bytes:
    """Return what `SCons.Tool.textfile` writes."""
    texts = []
    for is_file, part in parts:
        text = _read(part) if is_file else part
        for key, value in replaced:
            text = text.replace(key, value)
        texts.append(text)
    try:
        return separator.join(texts).encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise NotText(str(error)) from None


def _read(path: str) -> str:
    with open(path, "rb") as file:
        content = file.read()
    if content.startswith(_MARKS):
        raise NotText(f"{path} begins with a byte order mark")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
