"""`incremental-tool clean`: remove what this tool made, by name, and nothing else.

A state or cache folder may be any folder that the user named: the project's own,
a shared one, a home. So files are removed one by one, when they bear a name that
the tool gives; a folder goes only when that has left it empty.

Knows nothing of what files contain.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from incremental_tool.store.objects import is_digest_name
from incremental_tool.store.preambles import discard

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from incremental_tool.engine.settings import Settings

_STATE = (
    b"clock",
    b"file_hashes.bin",
    b"functions.off",
    b"last_answer",
    b"last_recording",
    b"preambles.off",
    b"sconsign_places.bin",
    b"stats.json",
    b"toolchains.bin",
    b"zir_index.bin",
    b"zir_index.bin.lock",
)
_STORE = (b"trim.lock", b"usage")
_SIGNED = (b".gitignore", b"CACHEDIR.TAG")
"""Names that others give, too: removed if the tool names itself within."""

_SIGNATURE = b"made by scons-incremental"
_SNAPSHOT = _LIBRARY = _CHECK = re.compile(rb"[0-9a-f]{32}")
_DIFFERING = re.compile(rb"differs-[0-9a-f]{32}\.(?:whole|functions|preamble)\.o")
_PREAMBLE = re.compile(rb"[0-9a-f]{32}(?:-\d+-\d+)?(?:\.h(?:\.gch|\.pch)?|\.lock)?")
_SCRATCH = re.compile(rb"\.incremental-\d+-\d+-\d+|\d+-\d+-[a-z]+")


def clean(arguments: argparse.Namespace, settings: Settings) -> int:
    """Remove the project's state, and the store when asked."""
    state, store = settings.state_dir, settings.cache_dir
    _remove_named(os.path.join(state, b"tmp"), _SCRATCH)
    _remove_named(os.path.join(state, b"fresh"), _SNAPSHOT)
    _remove_named(os.path.join(state, b"archives"), _LIBRARY)
    _remove_named(os.path.join(state, b"checks"), _CHECK)
    _remove_named(os.path.join(state, b"preambles"), _PREAMBLE)
    _remove_named(state, _DIFFERING)
    _remove_files(state, _STATE)
    print(f"removed the state in {os.fsdecode(state)}")
    if arguments.store:
        for part in (b"objects", b"zir", b"air"):
            _remove_shards(os.path.join(store, part))
        _remove_set_aside(os.path.join(store, b"quarantine"))
        _remove_files(store, _STORE)
        print(f"removed the store in {os.fsdecode(store)}")
    _remove_empty(store)
    _remove_empty(state)
    return 0


def _names(folder: bytes) -> list[bytes]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_files(folder: bytes, names: Iterable[bytes]) -> None:
    for name in _names(folder):
        path = os.path.join(folder, name)
        if name in names or _SCRATCH.fullmatch(name) or (name in _SIGNED and _is_ours(path)):
            os.unlink(path)


def _is_ours(path: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return _SIGNATURE in file.read(1000)
    except OSError:
        return False


def _remove_named(folder: bytes, names: re.Pattern[bytes]) -> None:
    for name in _names(folder):
        path = os.path.join(folder, name)
        if not (names.fullmatch(name) or _SCRATCH.fullmatch(name)):
            continue
        if names is _PREAMBLE:
            discard(path)  # it may be a folder, with a copy of a source
        else:
            os.unlink(path)
    _remove_empty(folder)


def _remove_shards(folder: bytes) -> None:
    for shard in _names(folder):
        path = os.path.join(folder, shard)
        if os.path.islink(path):
            continue
        for name in _names(path):
            if is_digest_name(shard, name) or _SCRATCH.fullmatch(name):
                os.unlink(os.path.join(path, name))
        _remove_empty(path)
    _remove_empty(folder)


def _remove_set_aside(folder: bytes) -> None:
    for name in _names(folder):
        if is_digest_name(b"", name):
            os.unlink(os.path.join(folder, name))
    _remove_empty(folder)


def _remove_empty(folder: bytes) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass  # not there, or something of somebody else's is in it
