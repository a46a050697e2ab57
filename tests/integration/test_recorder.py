"""Every kind of thing that reading a SConscript can depend on: left alone, and changed alone.

For each kind: after a build nothing is to be done, and the fast path says so; then
one thing is changed, nothing else, and the fast path gives way with the reason.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Callable, NamedTuple

import pytest
from recorded import COPY, project_of_its_own, script

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Recorded

Change = Callable[["Recorded"], object]


class Case(NamedTuple):
    """One kind of dependency: what the SConstruct says, what is changed, what must be told."""

    body: str
    change: Change
    reason: str
    about: str = ""
    files: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    fresh: str = "fresh"
    builds: int = 1


def write(name: str, text: str) -> Change:
    """Return a change: write a file."""
    return lambda project: project.write(name, text)


def remove(name: str) -> Change:
    """Return a change: remove a file."""
    return lambda project: (project.folder / name).unlink()


def setenv(name: str, value: str) -> Change:
    """Return a change: set a variable (the test's own environment is put back afterwards)."""
    return lambda _: os.environ.__setitem__(name, value)


CASES = {
    "script": Case("", write("SConstruct", script(COPY + "#\n")), "file-changed", "SConstruct"),
    "imported module": Case(
        "import sys; sys.path.insert(0, Dir('lib').abspath)\nimport helper\n",
        write("lib/helper.py", "name = 'two and more'\n"),
        "file-changed",
        "lib/helper.py",
        {"lib/helper.py": "name = 'one'\n"},
    ),
    "module that hides another": Case(
        "import sys; sys.path[:0] = [Dir('first').abspath, Dir('second').abspath]\nimport helper\n",
        write("first/helper.py", ""),
        "folder-changed",
        "first",
        {"first/README": "", "second/helper.py": ""},
    ),
    "module not found": Case(
        "try:\n    import no_such_helper\nexcept ImportError:\n    pass\n",
        write("no_such_helper.py", ""),
        "folder-changed",
    ),
    "open": Case(
        "version = open('VERSION').read()\n",
        write("VERSION", "1.1\n"),
        "file-changed",
        "VERSION",
        {"VERSION": "1.0\n"},
    ),
    "open, missing": Case(
        "try:\n    open('local.cfg')\nexcept OSError:\n    pass\n",
        write("local.cfg", ""),
        "folder-changed",
    ),
    "pathlib": Case(
        "import pathlib; text = pathlib.Path('VERSION').read_text()\n",
        write("VERSION", "1.1\n"),
        "file-changed",
        "VERSION",
        {"VERSION": "1.0\n"},
    ),
    "environ[]": Case(
        "import os; os.environ['KIND']\n", setenv("KIND", "other"), "environment", "KIND"
    ),
    "environ.get": Case(
        "import os; os.environ.get('UNSET')\n", setenv("UNSET", "set"), "environment", "UNSET"
    ),
    "in environ": Case(
        "import os; 'UNSET' in os.environ\n", setenv("UNSET", ""), "environment", "UNSET"
    ),
    "getenv": Case(
        "import os; os.getenv('KIND')\n",
        lambda _: os.environ.pop("KIND"),
        "environment",
        "KIND",
    ),
    "whole environ": Case(
        "import os; list(os.environ)\n", setenv("BRAND_NEW", "1"), "environment", "BRAND_NEW"
    ),
    "ENV=os.environ": Case(
        "import os; env2 = env.Clone(ENV=os.environ.copy())\n",
        setenv("BRAND_NEW", "1"),
        "environment",
        "BRAND_NEW",
    ),
    "listdir": Case(
        "import os; os.listdir('data')\n",
        write("data/c", ""),
        "folder-changed",
        "data",
        {"data/a": "", "data/b": ""},
    ),
    "scandir, kinds": Case(
        "import os; [e.is_dir() for e in os.scandir('data')]\n",
        lambda project: (
            (project.folder / "data/a").unlink(),
            (project.folder / "data/a").mkdir(),
        ),
        "folder-changed",
        "data",
        {"data/a": "", "data/b": ""},
    ),
    "scandir, times": Case(
        "import os; [e.stat().st_mtime for e in os.scandir('data')]\n",
        write("data/a", "more\n"),
        "file-changed",
        "data/a",
        {"data/a": "", "data/b": ""},
    ),
    "walk": Case(
        "import os; list(os.walk('data'))\n",
        write("data/sub/new", ""),
        "folder-changed",
        "data/sub",
        {"data/sub/a": ""},
    ),
    "glob module": Case(
        "import glob; glob.glob('data/*.txt')\n",
        write("data/new.txt", ""),
        "folder-changed",
        "*.txt",
        {"data/a.txt": "", "data/b": ""},
    ),
    "Glob": Case(
        "env.Command('all', Glob('data/*.txt'), 'cat $SOURCES > $TARGET')\n",
        write("data/new.txt", ""),
        "folder-changed",
        "*.txt",
        {"data/a.txt": "a\n", "data/b": ""},
    ),
    "exists, true to false": Case(
        "import os; os.path.exists('option')\n",
        remove("option"),
        "file-gone",
        "option",
        {"option": ""},
    ),
    "exists, false to true": Case(
        "import os; os.path.exists('data/option')\n",
        write("data/option", ""),
        "folder-changed",
        "data",
        {"data/a": ""},
    ),
    "exists, in a missing folder": Case(
        "import os; os.path.exists('no/such/option')\n",
        write("no/such/option", ""),
        "",
    ),
    "isdir": Case(
        "import os; os.path.isdir('data')\n",
        lambda project: (
            (project.folder / "data").rmdir(),
            project.write("data", ""),
        ),
        "file-gone",
        "data",
        {"data/": ""},
    ),
    "getmtime": Case(
        "import os; os.path.getmtime('stamp')\n",
        lambda project: os.utime(project.folder / "stamp", (1, 1)),
        "file-changed",
        "stamp",
        {"stamp": ""},
    ),
    "readlink": Case(
        "import os; os.readlink('link')\n",
        lambda project: (
            (project.folder / "link").unlink(),
            (project.folder / "link").symlink_to("b"),
        ),
        "link-changed",
        "link",
        {"a": "", "b": "", "link": "-> a"},
    ),
    "node asked": Case(
        "File('data/option').exists()\n",
        write("data/option", ""),
        "folder-changed",
        "data",
        {"data/a": ""},
    ),
    "node read": Case(
        "text = File('VERSION').get_text_contents()\n",
        write("VERSION", "1.1\n"),
        "file-changed",
        "VERSION",
        {"VERSION": "1.0\n"},
    ),
    "Variables file": Case(
        "v = Variables('custom.py'); v.Add('LEVEL', '', '1'); v.Update(env)\n",
        write("custom.py", "LEVEL = '3'\n"),
        "file-changed",
        "custom.py",
        {"custom.py": "LEVEL = '2'\n"},
    ),
    "another script": Case(
        "SConscript('sub/SConscript', exports='env')\n",
        write("sub/SConscript", "# changed\n"),
        "file-changed",
        "sub/SConscript",
        {"sub/SConscript": ""},
    ),
    "SConscriptChdir(0)": Case(
        "SConscriptChdir(0)\nSConscript('sub/SConscript')\n",
        write("sub.txt", "2"),
        "file-changed",
        "sub.txt",
        {"sub/SConscript": "open('sub.txt').read()\n", "sub.txt": "1\n"},
    ),
    "emitter": Case(
        "def emit(target, source, env):\n"
        "    return target, source + [line.strip() for line in open('list')]\n"
        "env['BUILDERS']['Join'] = Builder(action='cat $SOURCES > $TARGET', emitter=emit)\n"
        "env.Join('joined', 'in')\n",
        write("list", "a\nb\n"),
        "file-changed",
        "list",
        {"list": "a\n", "a": "a\n", "b": "b\n"},
    ),
    "GetOption": Case(
        "jobs = GetOption('num_jobs')\n",
        lambda project: project.environment.__setitem__("ARGUMENTS", "-j3"),
        "option",
        "num_jobs",
    ),
    "sys.argv": Case(
        "import sys; arguments = sys.argv\n",
        lambda project: project.environment.__setitem__("ARGUMENTS", "-k"),
        "option",
        "argv",
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Return a new project, in an environment of its own."""
    return project_of_its_own(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", CASES)
def test_a_change_of_what_was_read_is_noticed(project: Recorded, name: str) -> None:
    """Left alone the answer is fresh; with one thing changed it is not, and that thing is named."""
    case = CASES[name]
    project.lay_out({"in": "text\n", **case.files})
    project.write("SConstruct", script(case.body + COPY))
    for _ in range(case.builds):
        project.record()

    assert project.told() == "recorded"
    assert project.ask() == "fresh"

    case.change(project)
    told = project.ask(*project.environment.get("ARGUMENTS", "").split())

    assert told.startswith(f"fresh.stale.{case.reason}"), told
    assert case.about in told


SOCKET = """import socket
try:
    socket.create_connection(("127.0.0.1", 9), 0.1)
except OSError:
    pass
"""

REFUSED = {
    "clock": ("import time; time.time()\n", "clock", "SConstruct:3"),
    "datetime": ("import datetime; datetime.datetime.now()\n", "clock", "SConstruct:3"),
    "datetime, by name": ("from datetime import date\ndate.today()\n", "clock", "SConstruct:4"),
    "random": ("import random; random.random()\n", "random", "SConstruct:3"),
    "uuid": ("import uuid; uuid.uuid4()\n", "random", "SConstruct:3"),
    "urandom": ("import os; os.urandom(4)\n", "random", "SConstruct:3"),
    "socket": (SOCKET, "network", "SConstruct:5"),
    "unknown process": (
        "import subprocess; subprocess.check_output(['date'])\n",
        "process",
        "date (SConstruct:3)",
    ),
    "posix_spawn": (
        "import os; os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)\n",
        "process",
        "/bin/true (SConstruct:3)",
    ),
    "os.system": ("import os; os.system('true')\n", "process", "SConstruct:3"),
    "os.popen": ("import os; os.popen('date').read()\n", "process", "date (SConstruct:3)"),
    "device": ("open('/dev/zero', 'rb').read(1)\n", "input", "/dev/zero"),
    "proc": ("open('/proc/self/stat').read()\n", "input", "/proc/self/stat"),
    "atexit": ("import atexit; atexit.register(print)\n", "hook", "SConstruct:3"),
    "Progress": ("Progress('.')\n", "hook", "Progress"),
    "append": ("open('log', 'a').write('x')\n", "written", "log"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_changes_by_itself_is_never_fresh(project: Recorded, name: str) -> None:
    """A script that asks what changes by itself is refused at every build, and its line is told."""
    body, reason, about = REFUSED[name]
    project.write("in", "text\n")
    project.write("SConstruct", script(body + COPY))
    project.record()
    project.record()

    told = project.ask()

    assert told.startswith(f"fresh.refuse.{reason}"), told + project.told()
    assert about in told


HARMLESS = {
    "time of a given moment": "import time; time.strftime('%Y', time.gmtime(0))\n",
    "a date that is given": "import datetime; datetime.datetime(2020, 1, 1).year\n",
    "a seeded generator": "import random; random.seed(3); random.random()\n",
    "a generator of its own": "import random; random.Random(3).random()\n",
    "a variable that the script sets": "import os; os.environ['NEW'] = '1'; os.environ['NEW']\n",
    "a quiet device": "open('/dev/null').read()\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_chance_is_fresh(project: Recorded, name: str) -> None:
    """Clock and chance count where they are read, not where their modules are used."""
    project.write("in", "text\n")
    project.write("SConstruct", script(HARMLESS[name] + COPY))
    project.record()

    assert project.ask() == "fresh"


def git(project: Recorded, *words: str) -> None:
    """Run git in the project, with an identity."""
    who = ["-c", "user.name=N", "-c", "user.email=n@example.org"]
    subprocess.run(["git", *who, *words], cwd=project.folder, check=True, capture_output=True)


def test_git_is_refused_until_declared_and_then_compared(project: Recorded) -> None:
    """`cheap("git")` has it run again: another commit is noticed, the same one is fresh."""
    asking = "import subprocess\nsubprocess.check_output(['git', 'rev-parse', 'HEAD'])\n"
    project.write("in", "text\n")
    project.write("SConstruct", script(asking + COPY))
    git(project, "init", "-q")
    git(project, "commit", "-q", "--allow-empty", "-m", "one")
    project.record()

    assert project.ask() == "fresh.refuse.process git rev-parse HEAD (SConstruct:4)"

    project.write("SConstruct", script("incremental_tool.cheap('git')\n" + asking + COPY))
    project.record()

    assert project.ask() == "fresh"

    git(project, "commit", "-q", "--allow-empty", "-m", "two")

    assert project.ask().startswith("fresh.stale.process")
    assert "rev-parse HEAD" in project.ask()


def test_a_program_declared_pure_is_not_run_again(project: Recorded) -> None:
    """What it tells counts once; its file counts always."""
    program = project.write("ask", "#!/bin/sh\necho run >> log\necho told\n")
    program.chmod(0o755)
    asking = "import subprocess\ntext = subprocess.check_output(['./ask'])\n"
    project.write("in", "text\n")
    project.write("SConstruct", script("incremental_tool.pure('ask')\n" + asking + COPY))
    project.record()

    assert project.ask() == "fresh"
    assert (project.folder / "log").read_text() == "run\n"

    program.write_text("#!/bin/sh\necho told more\n")

    assert project.ask().startswith("fresh.stale.file-changed ask")


def test_parse_config_is_run_again_and_compared(project: Recorded) -> None:
    """Another .pc file means other flags, although no file that SCons reads has changed."""
    project.write("pc/mine.pc", "Name: mine\nDescription: d\nVersion: 1\nCflags: -DONE\n")
    project.write("in", "text\n")
    body = (
        "env['ENV']['PKG_CONFIG_PATH'] = Dir('pc').abspath\n"
        "env.ParseConfig('pkg-config --cflags mine')\n"
    )
    project.write("SConstruct", script(body + COPY))
    project.record()

    assert project.ask() == "fresh"

    project.write("pc/mine.pc", "Name: mine\nDescription: d\nVersion: 1\nCflags: -DTWO\n")

    assert project.ask().startswith("fresh.stale.process")


def test_the_compilers_version_is_tied_to_its_file(project: Recorded) -> None:
    """SCons's own tools ask gcc for its version; no process is run again for that."""
    project.write("main.c", "int main(void) { return 0; }\n")
    project.write("SConstruct", script("env.Program('main.c')\n", "'default', "))
    project.record()

    assert project.ask() == "fresh"
