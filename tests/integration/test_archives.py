"""Libraries of which a member has changed: patched in full runs and in replays, as SCons has them.

Whether `ar` ran is told by the trace; that the bytes are those of plain SCons, and that its
database is, by the twins.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins
from scons_project import PACKAGE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 12
FULL = {"INCREMENTAL_REPLAY": "0"}
EDITS = {
    "of one length": ("one: .byte 1", "one: .byte 2"),
    "longer": ("\none: ", "\n.skip 99\none: "),
    "another symbol": ("\n.globl one\n", "\n.globl extra, one\nextra: .byte 4\n"),
}


def source(number: int) -> str:
    """Return an assembler source that defines a symbol of its own, and one of the file's."""
    return f".data\n.globl one{number}\none{number}: .byte 1\none: .byte 1\n.globl one\n"


def files(more: str = "") -> dict[str, str]:
    """Return a project: a library of assembled members, and a copy of it that depends on it."""
    script = (
        HEAD
        + "lib = env.StaticLibrary('lib/x', sorted(Glob('src/*.s'), key=str))\n"
        + "env.Command('copy', lib, 'cat $SOURCE > $TARGET')\n"
        + more
    )
    sources = {f"src/a_member_with_number_{n:02}.s": source(n) for n in range(COUNT)}
    return {"SConstruct": script, **sources}


EDITED = "src/a_member_with_number_05.s"


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Return the project, built and recorded."""
    made = Twins(tmp_path, files())
    made.environment = {"INCREMENTAL_TRACE": str(tmp_path / "trace.json")}
    made.settle()
    return made


def outcomes(twins: Twins) -> dict[str, str]:
    """Return how the last run's commands for libraries ended, by kind."""
    with open(twins.environment["INCREMENTAL_TRACE"], encoding="utf-8") as file:
        events = json.load(file)
    kinds = {event["cat"]: event["args"]["outcome"] for event in events}
    return {kind: kinds[kind] for kind in ("archive", "index") if kind in kinds}


BOTH_PATCHED = {"archive": "patched", "index": "patched"}


def test_edited_members_are_patched(twins: Twins) -> None:
    """In replays and full runs, after errors and new members, all is as plain SCons makes it.

    Only what lies there after plain SCons, or with another list of members, is made by ar.
    """
    for old, new in EDITS.values():
        twins.replace(EDITED, old, new)
        told = twins.both()
        assert told.replayed
        assert outcomes(twins) == BOTH_PATCHED
        assert "ar rc lib/libx.a" in told.out
        assert "ranlib lib/libx.a" in told.out
    assert twins.both().fresh

    twins.environment.update(FULL)
    twins.replace(EDITED, "one: .byte 2", "one: .byte 3")
    assert not twins.both().replayed
    assert outcomes(twins) == BOTH_PATCHED

    twins.replace(EDITED, "one: .byte 3", "one: .nonsense 3")
    assert twins.both().status == 2
    twins.environment.update(INCREMENTAL_REPLAY="1")
    twins.replace(EDITED, ".nonsense 3", ".byte 4")
    twins.both()
    assert outcomes(twins) == BOTH_PATCHED

    twins.write("src/a_member_with_number_99.s", source(99))
    twins.both()
    assert outcomes(twins) == {"archive": "stored", "index": "stored"}

    twins.replace(EDITED, "one: .byte 4", "one: .byte 5")
    for folder in (twins.plain, twins.ours):
        assert twins.run("SCons", folder, PLAIN="1").status == 0
    twins.replace(EDITED, "one: .byte 5", "one: .byte 6")
    twins.both()
    assert outcomes(twins) == {"archive": "stored", "index": "stored"}
    twins.replace(EDITED, "one: .byte 6", "one: .byte 7")
    twins.both()
    assert outcomes(twins) == BOTH_PATCHED


@pytest.mark.parametrize(
    "more",
    [
        "env.Precious(lib)\n",
        "env.AddPostAction(lib, 'true $TARGET')\n",
        "Decider('timestamp-newer')\n",
        "env['INCREMENTAL_ARCHIVES'] = '0'\n",
    ],
)
def test_what_is_not_patched_is_as_it_was(tmp_path: Path, more: str) -> None:
    """Libraries that are kept, or changed once more, or decided on by time, are made by ar."""
    twins = Twins(tmp_path, files(more))
    twins.environment = {"INCREMENTAL_TRACE": str(tmp_path / "trace.json")}
    twins.both()
    if "newer" in more:  # which is told by whole seconds: let this have been some ago
        for folder in (twins.plain, twins.ours):
            for path in [*folder.glob("src/*"), *folder.glob("lib/*"), folder / "copy"]:
                status = path.stat()
                os.utime(path, (status.st_atime, status.st_mtime - 5))
    twins.replace(EDITED, *EDITS["of one length"])
    twins.both()

    assert "patched" not in outcomes(twins).values()


def test_a_library_without_ranlib_is_patched(tmp_path: Path) -> None:
    """Where ar alone makes the index, it is the only command."""
    project = files()
    project["SConstruct"] = project["SConstruct"].replace("lib = ", "env['RANLIBCOM'] = ''\nlib = ")
    twins = Twins(tmp_path, project)
    twins.environment = {"INCREMENTAL_TRACE": str(tmp_path / "trace.json")}
    twins.both()
    twins.replace(EDITED, *EDITS["longer"])
    twins.both()

    assert outcomes(twins) == {"archive": "patched"}


KILLING = """
import os, signal
original = os.rename
def rename(source, target, **named):
    original(source, target, **named)
    if bytes(source).endswith(b"libx.a"):
        os.kill(os.getpid(), signal.SIGKILL)
os.rename = rename
"""


@pytest.mark.parametrize(("full", "reverted"), [(False, True), (True, False)])
def test_after_a_kill_the_library_is_made(
    twins: Twins, tmp_path: Path, full: bool, reverted: bool
) -> None:
    """Killed amid a patch there is no library: the next run makes it, be it plain SCons."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(KILLING)
    twins.replace(EDITED, *EDITS["of one length"])
    path = os.pathsep.join([str(tmp_path / "hook"), PACKAGE_FOLDER])
    killed = twins.iscons(PYTHONPATH=path, **(FULL if full else {}))
    assert killed.status == -9
    assert not (twins.ours / "lib/libx.a").exists()

    if reverted:
        twins.replace(EDITED, *reversed(EDITS["of one length"]))
        assert twins.run("SCons", twins.ours, PLAIN="1").status == 0
        # of the members as the killed run has left them: SCons does not look at their contents
        members = sorted(path.name for path in (twins.ours / "src").glob("*.o"))
        words = ["ar", "rc", str(tmp_path / "wanted.a"), *members]
        subprocess.run(words, cwd=twins.ours / "src", check=True)
        wanted = (tmp_path / "wanted.a").read_bytes()
        assert (twins.ours / "lib/libx.a").read_bytes() == wanted
    else:
        twins.scons()
        assert twins.iscons(**(FULL if full else {})).status == 0
        twins.compare()
        twins.check_database()
    assert not list((twins.ours / ".incremental/tmp").glob(".incremental-*")) or reverted
