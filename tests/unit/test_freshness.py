"""Freshness: everything as recorded is fresh; each thing changed alone is named as the reason."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any, Callable

import pytest
from fake_disk import FakeDisk

from incremental_tool.engine.freshness import (
    Fresh,
    check,
)
from incremental_tool.engine.rerun import outcome_of
from incremental_tool.model.answer import Answer, answer_for
from incremental_tool.model.environment_value import VOLATILE, digest_of_value, digests_of_all
from incremental_tool.model.folder_view import digest_of_view
from incremental_tool.model.reason import REASONS
from incremental_tool.model.snapshot import ROW, Process, Said, Snapshot, View

if TYPE_CHECKING:
    from pathlib import Path

SALT = b"0123456789abcdef"
GIT = Process([b"/bin/git", b"rev-parse", b"HEAD"], b".", outcome_of(0, b"abc\n", b""))


class Project(FakeDisk):
    """A disk in memory with folders, links and programs, as `check` looks at it."""

    def __init__(self, state: bytes) -> None:
        super().__init__(state)
        self.links: dict[bytes, bytes] = {}
        self.outcomes: dict[bytes, bytes] = {}
        self.ran: list[list[bytes]] = []
        self.listed: list[bytes] = []

    def access(self, path: bytes, mode: int) -> bool:
        """See `Look.access`."""
        assert mode == 0
        return self.exists(path)

    def readlink(self, path: bytes) -> bytes:
        """See `Look.readlink`."""
        if path not in self.links:
            raise OSError(errno.EINVAL, "Not a link", path)
        return self.links[path]

    def entries(self, path: bytes) -> list[tuple[bytes, bytes]]:
        """See `Look.entries`."""
        self.listed.append(path)
        inside = [name[len(path) + 1 :] for name in self._files if name.startswith(path + b"/")]
        return [
            (name, b"d" if stat.S_ISDIR(self._files[path + b"/" + name].mode) else b"f")
            for name in inside
            if b"/" not in name
        ]

    def outcome(self, process: Process) -> bytes:
        """See `Look.outcome`."""
        self.ran.append(process.argv)
        if process.argv[0] not in self.outcomes:
            raise FileNotFoundError(process.argv[0])
        return self.outcomes[process.argv[0]]

    def touch_folder(self, path: bytes) -> None:
        """Do to a folder what a change of its entries does."""
        self.tick()
        inode = self._find(path)
        inode.mtime_ns = inode.ctime_ns = self.now_ns()


def views_of(disk: Project, folder: bytes) -> list[View]:
    """Record every way of looking at a folder."""
    entries = disk.entries(folder)
    looks = [(b"glob", b"*.c"), (b"among", b"config.h\0a.c")]
    return [View(kind, what, digest_of_view(kind, what, entries)) for kind, what in looks]


class Case:
    """A project, its snapshot, and the surroundings in which it is asked about."""

    def __init__(self, disk: Project) -> None:
        self.disk = disk
        for name in ("SConstruct", "src/a.c", "src/b.c", "out/a.o", "prog", "VERSION"):
            disk.write(name, f"content of {name}")
        for name in ("src", "out"):
            disk.place(name, stat.S_IFDIR)
        disk.write("src/notes.txt", "")
        disk.write("probed", "")
        disk.links[b"link"] = b"target"
        disk.outcomes[b"/bin/git"] = GIT.outcome
        disk.tick()
        self.environment = {b"PATH": b"/bin", b"HOME": b"/home/u", b"_": b"/bin/scons"}
        self.now = {b"SCons": b"/lib/SCons", b"machine": b"here"}
        self.words: list[str] = []
        self.snapshot = self._record()
        disk.forget_work()
        disk.listed.clear()

    def _record(self) -> Snapshot:
        taken = Snapshot()
        taken.circumstances = dict(self.now)
        taken.salt = SALT
        for name in (b"SConstruct", b"src/a.c", b"src/b.c", b"out/a.o", b"prog", b"VERSION"):
            taken.files.add(name, self.disk.stat(name))
        taken.present, taken.absent = [b"probed"], [b"local.py", b"src/config.h"]
        taken.links = [(b"link", b"target"), (b"plain", None)]
        taken.folders.add(b"src", self.disk.stat(b"src"))
        taken.views = [views_of(self.disk, b"src")]
        for name in (b"PATH", b"CC"):
            value = self.environment.get(name)
            taken.environment[name] = digest_of_value(SALT, name, value)
        taken.processes = [GIT]
        taken.options = [(b"num_jobs", b"1"), (b"silent", b"0")]
        taken.said = [Said(1, 0, 3, b"Reading\n")]
        return taken

    def answer(self) -> Answer:
        """Return the answer asked for."""
        found = answer_for(self.words, {}, "/p", [], lambda path: path == "/p/SConstruct")
        assert isinstance(found, Answer)
        return found

    def check(self) -> tuple[str, str]:
        """Return the verdict as (reason, detail), or ("fresh", "")."""
        verdict = check(self.answer(), self.snapshot, self.environment, self.now, self.disk)
        if isinstance(verdict, Fresh):
            assert verdict.said is self.snapshot.said
            return "fresh", ""
        assert verdict.reason in REASONS
        return verdict.reason, verdict.detail


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Return a recorded project in which nothing has changed."""
    return Case(Project(os.fsencode(tmp_path)))


def test_what_is_as_recorded_is_fresh(case: Case) -> None:
    """Each file and folder is looked at once, nothing is read or listed, the process runs."""
    assert case.check() == ("fresh", "")
    assert case.disk.stats == [*case.snapshot.files.paths, b"src"]
    assert case.disk.reads == []
    assert case.disk.listed == []
    assert case.disk.ran == [GIT.argv]


def changed_case(case: Case, name: str) -> None:
    """Write one file anew."""
    case.disk.tick()
    case.disk.write(name, "other content")


def appeared(case: Case, name: str) -> None:
    """Make a file in a folder."""
    case.disk.write(name, "")
    case.disk.touch_folder(os.fsencode(os.path.dirname(name)))


def vanished(case: Case, name: str) -> None:
    """Remove a file from a folder."""
    case.disk.remove(name)
    case.disk.touch_folder(os.fsencode(os.path.dirname(name)))


def replaced(case: Case, name: str) -> None:
    """Put another file of the same content, size and mtime in a file's place."""
    old = case.disk.stat(os.fsencode(name))
    case.disk.tick()
    case.disk.replace(name, f"content of {name}", mtime_ns=old.st_mtime_ns)


def same_size(case: Case, name: str) -> None:
    """Write a file anew with the same size, and set its mtime back."""
    old = case.disk.stat(os.fsencode(name))
    case.disk.tick()
    case.disk.write(name, "C" + f"ontent of {name}")
    case.disk.utime(name, old.st_mtime_ns)


CHANGES: list[tuple[str, Callable[[Case], Any], tuple[str, str]]] = [
    (
        "source written",
        lambda case: changed_case(case, "src/a.c"),
        ("fresh.stale.file-changed", "src/a.c (written)"),
    ),
    (
        "script written",
        lambda case: changed_case(case, "SConstruct"),
        ("fresh.stale.file-changed", "SConstruct (written)"),
    ),
    (
        "read file written",
        lambda case: changed_case(case, "VERSION"),
        ("fresh.stale.file-changed", "VERSION (written)"),
    ),
    (
        "output edited",
        lambda case: changed_case(case, "out/a.o"),
        ("fresh.stale.file-changed", "out/a.o (written)"),
    ),
    (
        "output replaced by its equal",
        lambda case: replaced(case, "prog"),
        ("fresh.stale.file-changed", "prog (replaced)"),
    ),
    (
        "edited with size and mtime kept",
        lambda case: same_size(case, "src/b.c"),
        ("fresh.stale.file-changed", "src/b.c (its mode, owner or links changed)"),
    ),
    (
        "output gone",
        lambda case: case.disk.remove("out/a.o"),
        ("fresh.stale.file-gone", "out/a.o"),
    ),
    (
        "mode changed",
        lambda case: (case.disk.tick(), case.disk.chmod("prog", 0o755)),
        ("fresh.stale.file-changed", "prog (its mode, owner or links changed)"),
    ),
    (
        "clock set back",
        lambda case: case.disk.utime("src/a.c", 1, 1),
        ("fresh.stale.file-changed", "src/a.c (written)"),
    ),
    (
        "probe answered otherwise",
        lambda case: case.disk.remove("probed"),
        ("fresh.stale.file-gone", "probed"),
    ),
    (
        "looked for in vain",
        lambda case: case.disk.write("local.py", ""),
        ("fresh.stale.appeared", "local.py"),
    ),
    (
        "header that would come first",
        lambda case: appeared(case, "src/config.h"),
        ("fresh.stale.appeared", "src/config.h"),
    ),
    (
        "link led elsewhere",
        lambda case: case.disk.links.update({b"link": b"other"}),
        ("fresh.stale.link-changed", "link"),
    ),
    (
        "link gone",
        lambda case: case.disk.links.clear(),
        ("fresh.stale.link-changed", "link"),
    ),
    (
        "link where none was",
        lambda case: case.disk.links.update({b"plain": b"x"}),
        ("fresh.stale.link-changed", "plain"),
    ),
    (
        "newly matching a glob",
        lambda case: appeared(case, "src/c.c"),
        ("fresh.stale.folder-changed", "src (*.c)"),
    ),
    (
        "folder gone",
        lambda case: case.disk.remove("src"),
        ("fresh.stale.file-gone", "src"),
    ),
    (
        "folder unreadable",
        lambda case: (
            case.disk.touch_folder(b"src"),
            setattr(case.disk, "entries", raising(PermissionError)),
        ),
        ("fresh.stale.folder-changed", "src"),
    ),
    (
        "variable changed",
        lambda case: case.environment.update({b"PATH": b"/usr/bin"}),
        ("fresh.stale.environment", "PATH"),
    ),
    (
        "variable unset",
        lambda case: case.environment.pop(b"PATH"),
        ("fresh.stale.environment", "PATH"),
    ),
    (
        "variable set",
        lambda case: case.environment.update({b"CC": b"clang"}),
        ("fresh.stale.environment", "CC"),
    ),
    (
        "variable set to nothing",
        lambda case: case.environment.update({b"CC": b""}),
        ("fresh.stale.environment", "CC"),
    ),
    (
        "process says something else",
        lambda case: case.disk.outcomes.update({b"/bin/git": outcome_of(0, b"abd\n", b"")}),
        ("fresh.stale.process", "/bin/git rev-parse HEAD"),
    ),
    (
        "process fails",
        lambda case: case.disk.outcomes.update({b"/bin/git": outcome_of(1, b"abc\n", b"")}),
        ("fresh.stale.process", "/bin/git rev-parse HEAD"),
    ),
    (
        "process gone",
        lambda case: case.disk.outcomes.clear(),
        ("fresh.stale.process", "/bin/git rev-parse HEAD"),
    ),
    (
        "option asked for",
        lambda case: case.words.append("-j2"),
        ("fresh.stale.option", "num_jobs"),
    ),
    (
        "another SCons",
        lambda case: case.now.update({b"SCons": b"/opt/SCons"}),
        ("fresh.circumstances", "SCons was /lib/SCons, is /opt/SCons"),
    ),
    (
        "another machine",
        lambda case: case.now.update({b"machine": b"there"}),
        ("fresh.circumstances", "machine was here, is there"),
    ),
    (
        "a version that asks for less",
        lambda case: case.now.pop(b"machine"),
        ("fresh.circumstances", "a version of this tool that asked for more"),
    ),
    (
        "refused when recorded",
        lambda case: case.snapshot.refusals.append(("fresh.refuse.clock", "SConstruct:3")),
        ("fresh.refuse.clock", "SConstruct:3"),
    ),
    (
        "a snapshot without its scripts",
        lambda case: case.snapshot.files.paths.__setitem__(0, b"prog"),
        ("fresh.stale.file-changed", "prog (replaced)"),
    ),
]


def raising(kind: type[OSError]) -> Callable[..., Any]:
    """Return a function that raises."""

    def fail(*_: object) -> Any:
        raise kind

    return fail


@pytest.mark.parametrize(
    ("change", "expected"),
    [pytest.param(change, expected, id=name) for name, change, expected in CHANGES],
)
def test_each_change_alone_is_named(
    case: Case, change: Callable[[Case], Any], expected: tuple[str, str]
) -> None:
    """One thing changed after recording makes the answer stale, for that reason."""
    change(case)

    assert case.check() == expected


UNHEEDED: list[tuple[str, Callable[[Case], Any]]] = [
    ("a file that nothing asked for", lambda case: case.disk.write("other", "")),
    ("an unread file written", lambda case: changed_case(case, "src/notes.txt")),
    ("a probed file written", lambda case: changed_case(case, "probed")),
    ("a name that no view asked for", lambda case: appeared(case, "src/new.txt")),
    ("such a name gone", lambda case: vanished(case, "src/notes.txt")),
    ("an unread variable", lambda case: case.environment.update({b"HOME": b"/root"})),
    ("the shell's own variable", lambda case: case.environment.update({b"_": b"/bin/iscons"})),
    ("an option that no script asked for", lambda case: case.words.append("-k")),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in UNHEEDED])
def test_what_was_not_depended_on_may_change(case: Case, change: Callable[[Case], Any]) -> None:
    """What the recorded run neither read nor looked for does not make its answer stale."""
    change(case)

    assert case.check() == ("fresh", "")


def test_a_folder_whose_time_alone_changed_is_listed_once(case: Case) -> None:
    """A changed folder is compared by what was seen in it."""
    case.disk.touch_folder(b"src")

    assert case.check() == ("fresh", "")
    assert case.disk.listed == [b"src"]


def test_the_first_change_ends_the_look(case: Case) -> None:
    """The changed file is looked at twice, nothing behind it is, and no process runs."""
    changed_case(case, "SConstruct")
    case.check()

    assert case.disk.stats == [b"SConstruct", b"SConstruct"]
    assert case.disk.ran == []


def test_processes_run_only_for_the_scripts_own_snapshot(case: Case) -> None:
    """A snapshot that does not name the SConstruct runs nothing, though all it names fits."""
    case.snapshot.files = type(case.snapshot.files)()

    assert case.check() == ("fresh.damaged", "SConstruct is not in it")
    assert case.disk.ran == []


def test_a_whole_environment_counts_every_variable(case: Case) -> None:
    """When the scripts read all variables, a new one and a vanished one are noticed."""
    case.snapshot.environment = digests_of_all(SALT, case.environment)
    case.snapshot.whole_environment = True

    assert case.check() == ("fresh", "")
    case.environment[b"NEW"] = b""
    assert case.check() == ("fresh.stale.environment", "NEW")
    del case.environment[b"NEW"], case.environment[b"HOME"]
    assert case.check() == ("fresh.stale.environment", "HOME")


def test_variables_that_change_by_themselves_do_not_count_as_a_part_of_the_whole(
    case: Case,
) -> None:
    """The shell's `_` and our own switches differ from run to run."""
    case.snapshot.environment = digests_of_all(SALT, case.environment)
    case.snapshot.whole_environment = True
    case.environment.update(dict.fromkeys(VOLATILE, b"x"))

    assert case.check() == ("fresh", "")


def test_inode_numbers_beyond_63_bits_are_compared(case: Case) -> None:
    """A device or inode of 64 bits, however Python signs it, is equal to itself."""
    files = case.snapshot.files
    files.packed = bytearray().join(
        ROW.pack(row[0] + 2**63, row[1] + 2**63, *row[2:]) for row in files.rows()
    )
    plain = case.disk.stat

    def large(path: bytes) -> os.stat_result:
        found = plain(path)
        if path == b"src":
            return found
        fields = list(found)
        fields[1], fields[2] = found.st_ino + 2**63, found.st_dev - 2**63
        times = {"st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_ctime_ns}
        return os.stat_result(fields, times)

    case.disk.stat = large  # type: ignore[method-assign]  # another disk for this test

    assert case.check() == ("fresh", "")
