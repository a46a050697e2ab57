"""`incremental-tool stats | verify | check | trim | doctor`."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from typing import TYPE_CHECKING

from incremental_tool.base.digest import digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.engine import function_check, statistics
from incremental_tool.engine.multi_level_cache import current_umask
from incremental_tool.engine.settings import NO_LIMIT, Settings, parse_days, parse_size
from incremental_tool.model.action import action_digest
from incremental_tool.model.switch import switched_off
from incremental_tool.store import air_cache, manifest, objects
from incremental_tool.store import trim as trimming

if TYPE_CHECKING:
    import argparse


def stats(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the last build's and all builds' figures."""
    figures = statistics.load(os.path.join(settings.state_dir, b"stats.json"))
    if arguments.json:
        print(json.dumps(figures, indent=1, sort_keys=True))
        return 0
    if not figures["last"]:
        print(f"No build with the tool is recorded in {os.fsdecode(settings.state_dir)}.")
        return 0
    print(statistics.render(figures["last"], "Last build"))
    lifetime = figures["lifetime"]
    print(statistics.render(lifetime, f"All {lifetime.get('builds', 0)} builds"))
    entries = list(trimming.entries(settings.cache_dir))
    size = sum(entry.size for entry in entries)
    limit = (
        f" of at most {settings.cache_size / 1e6:.0f} MB" if settings.cache_size < NO_LIMIT else ""
    )
    print(
        f"store:      {len(entries)} files, {size / 1e6:.1f} MB{limit} in "
        f"{os.fsdecode(settings.cache_dir)}"
    )
    return 0


def verify(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - one shape for all commands
    """Read every object, manifest and function; list those that are not what their name says."""
    good = bad = 0
    for entry in trimming.entries(settings.cache_dir):
        folder, name = os.path.split(entry.path)
        shard = os.path.basename(folder)
        kind = os.path.basename(os.path.dirname(folder))
        if not objects.is_digest_name(shard, name):
            continue  # a temporary file of a build that is running, or was killed
        try:
            _check(kind, shard + name, objects.read_regular(entry.path))
        except FileNotFoundError:
            continue  # trimmed by another process since the folder was listed
        except (OSError, CorruptRecord) as error:
            bad += 1
            print(f"damaged: {os.fsdecode(entry.path)}: {error}")
        else:
            good += 1
    aside = os.path.join(settings.cache_dir, b"quarantine")
    quarantined = len(os.listdir(aside)) if os.path.isdir(aside) else 0
    print(f"{good} good, {bad} damaged, {quarantined} set aside earlier")
    if bad:
        print("A damaged entry is never used: the next build that asks for it makes it anew.")
    return 1 if bad else 0


def _check(kind: bytes, name: bytes, stored: bytes) -> None:
    if kind == b"air":
        air_cache.check(stored, bytes.fromhex(name.decode()))
        return
    if kind == b"objects":
        digest = digest_of(objects.decode(stored))
    else:
        digest = action_digest(manifest.decode(stored).fields)
    if digest.hex().encode() != name:
        raise CorruptRecord("content does not match its name")


def trim(arguments: argparse.Namespace, settings: Settings) -> int:
    """Bring the store within its limits now."""
    size, age = settings.cache_size, settings.cache_age_days
    if arguments.size is not None:
        size = parse_size(arguments.size, "--size")
    if arguments.age is not None:
        age = parse_days(arguments.age, "--age")
    done = trimming.trim(settings.cache_dir, size, age, time.time())
    print(
        f"removed {done.files_removed} of {done.files_before} files; "
        f"{done.bytes_before / 1e6:.1f} MB -> {done.bytes_after / 1e6:.1f} MB"
    )
    return 0


def check(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - one shape for all commands
    """Compare the objects made of functions that wait for it with full compiles."""
    umask = current_umask()
    try:
        os.nice(10)
    except (AttributeError, OSError):
        pass  # then it is as quick as a build
    wrong = 0
    for output, found in function_check.perform(os.path.abspath(settings.state_dir), umask):
        wrong += found not in function_check.HARMLESS
        print(f"{output}: {found}")
    return 1 if wrong else 0


def doctor(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - one shape for all commands
    """Print what decides whether and how the tool works here."""
    from importlib import metadata

    from incremental_tool import __version__

    problems = 0

    def line(name: str, said: str, *, good: bool = True) -> None:
        nonlocal problems
        problems += not good
        print(f"{'ok  ' if good else 'BAD '} {name}: {said}")

    line("tool", f"scons-incremental {__version__}, Python {platform.python_version()}")
    for package in ("scons", "xxhash", "msgpack"):
        try:
            line(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            line(package, "not installed", good=False)
    off = switched_off(os.environ)
    line("switch", "INCREMENTAL turns the tool off" if off else "on", good=not off)
    for name, folder in (("state", settings.state_dir), ("store", settings.cache_dir)):
        line(name, *_writable(folder))
    from incremental_tool.engine.probe import find_program, is_script, probe_driver

    for word in ("gcc", "g++", "clang", "clang++"):
        path = find_program(word, os.environ.get("PATH", ""))
        if path is None:
            line(word, "not found (not needed unless the project uses it)")
            continue
        language = "c++" if word.endswith("++") else "c"
        probed = None
        if not is_script(path):
            probed = probe_driver(path, [], language, dict(os.environ), linking=True)
        if probed is None:
            line(word, f"{os.fsdecode(path)} is not a compiler that is known; never cached")
            continue
        links = "links cached" if probed.link_depfile else "links not cached (old linker)"
        count = sum(role == "library" for role, _ in probed.parts)
        version = os.fsdecode(probed.version.split(b"\n")[0])
        line(word, f"{version}; {len(probed.parts)} parts, {count} of them libraries; {links}")
    sys.stdout.flush()
    return 1 if problems else 0


def _writable(folder: bytes) -> tuple[str]:
    name = os.fsdecode(folder)
    place = folder
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    note = "" if os.access(place, os.W_OK) else " (cannot be written: read only)"
    return (f"{name}{note}",)
