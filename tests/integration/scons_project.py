"""A project in a folder of its own, built by real SCons processes.

The tool's figures say what it believes. What really ran is seen by a witness:
an audit hook in the SCons process notes every process that it starts, and every
stat by the tool, so that a test can compare the two.

Knows nothing of what a build should do.
"""

from __future__ import annotations

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import incremental_tool

PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(incremental_tool.__file__)))

IMPORT = "import incremental_tool"
TOOLS = '["default", incremental_tool.generate]'

IGNORED = {".incremental", ".sconf_temp", ".sconsign.dblite", "__pycache__", "config.log"}

# Runs in the SCons process before SCons does.
_WITNESS = """\
import os
import sys


def _witness(path):
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def hook(event, arguments):
        if event in ("subprocess.Popen", "os.posix_spawn"):
            words = arguments[1]
            words = [words] if isinstance(words, (str, bytes)) else list(words)
            os.write(log, ascii(("ran", [os.fsdecode(word) for word in words])).encode() + b"\\n")

    sys.addaudithook(hook)


# Taken out at once: no command that the build runs shall see it.
_path = os.environ.pop("WITNESS", None)
if _path:
    _witness(_path)
"""

# Notes every path that the tool itself reads, or of which it asks the status, and every file that
# anything in the process opens.
DISK_WITNESS = """
import incremental_tool.base.filesystem as _filesystem

_log = os.open(_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _note(name):
    original = getattr(_filesystem.RealDisk, name)

    def noted(self, path):
        os.write(_log, ascii((name, [os.fsdecode(path)])).encode() + b"\\n")
        return original(self, path)

    setattr(_filesystem.RealDisk, name, noted)


def _note_open(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        os.write(_log, ascii(("open", [os.fsdecode(arguments[0])])).encode() + b"\\n")


if _path:
    _note("stat")
    _note("read")
    sys.addaudithook(_note_open)
"""

# How compilers and the like are asked about themselves: by SCons's tool set-up and by ours.
_QUESTIONS = ("-print-", "--version", "-dump", "-Wl,--help", "-E -x ", "ldd ")


class Run(NamedTuple):
    """One SCons process: exit status, what it said, the tool's figures, and what it ran."""

    status: int
    out: str
    err: str
    figures: dict[str, Any]
    seen: list[tuple[str, list[str]]]

    def commands(self) -> list[str]:
        """Return the command lines that SCons printed, in order."""
        lines = self.out.splitlines()
        return [
            line for line in lines if line and not line.startswith(("scons:", "{", "incremental"))
        ]

    def count(self, name: str) -> int:
        """Return one of the tool's counts (0 when nothing was counted)."""
        return int(self.figures.get("counts", {}).get(name, 0))

    def counts(self, *names: str) -> dict[str, int]:
        """Return several of the tool's counts."""
        return {name: self.count(name) for name in names}

    def work(self) -> tuple[int, int, int, int]:
        """Return how many commands were restored, stored, not stored and refused."""
        return (
            self.count("hits"),
            self.count("stored"),
            self.count("not_stored"),
            self.count("refused"),
        )

    def reasons(self) -> dict[str, int]:
        """Return how often each reason was counted."""
        return dict(self.figures.get("reasons", {}))

    @property
    def reads(self) -> int:
        """Return how many files the tool read to hash them."""
        return int(self.figures.get("files", {}).get("reads", 0))

    def ran(self) -> list[str]:
        """Return the commands that were really run, questions to compilers left out."""
        found = []
        for kind, words in self.seen:
            if kind != "ran":
                continue
            text = words[2] if words[:2] == ["sh", "-c"] else " ".join(words)
            if not any(question in text for question in _QUESTIONS):
                found.append(text)
        return found

    def made(self) -> list[str]:
        """Return what the commands that were really run name after `-o`, in order."""
        found = []
        for text in self.ran():
            try:
                words = shlex.split(text)
            except ValueError:
                continue  # no command that names an output
            if "-o" in words[:-1]:
                found.append(words[words.index("-o") + 1])
        return sorted(found)

    def looked(self, kind: str) -> list[str]:
        """Return every path that the tool asked the status of ("stat") or read ("read").

        "open" gives every file that SCons or the tool opened. The tool's own state is left out.
        Needs `DISK_WITNESS`.
        """
        return [
            words[0] for what, words in self.seen if what == kind and ".incremental" not in words[0]
        ]


class Project:
    """A folder with an SConstruct."""

    def __init__(self, folder: Path, compilers: tuple[str, str] = ("gcc", "g++")) -> None:
        self.folder = folder
        self.compilers = compilers
        folder.mkdir(parents=True, exist_ok=True)
        self.environment: dict[str, str] = {}
        self.injected = ""

    # --- files ------------------------------------------------------------------

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    def read(self, name: str) -> bytes:
        """Return the content of a file of the project."""
        return (self.folder / name).read_bytes()

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file of the project."""
        text = self.read(name).decode()
        assert old in text
        self.write(name, text.replace(old, new))

    def remove(self, *names: str) -> None:
        """Remove files and folders of the project."""
        for name in names:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def exists(self, name: str) -> bool:
        """Tell whether the project has a file or folder of that name."""
        return (self.folder / name).exists()

    def sconstruct(self, body: str, more: str = "", tool: str = "", first: str = "") -> None:
        """Write the SConstruct: `env` is made with the tool, or plainly under PLAIN=1.

        `more` are further arguments of Environment; `tool` is run only with the tool, and `first`
        before `env` is made.
        """
        chosen = f'CC="{self.compilers[0]}", CXX="{self.compilers[1]}"'
        if self.compilers == ("gcc", "g++"):
            chosen = ""
        arguments = "".join(", " + text for text in (chosen, more) if text)
        lines = [
            "import os",
            *first.splitlines(),
            'tools = ["default"]',
            'if not os.environ.get("PLAIN"):',
            f"    {IMPORT}",
            f"    tools = {TOOLS}",
            f"env = Environment(tools=tools{arguments})",
        ]
        if tool:
            lines.append('if not os.environ.get("PLAIN"):')
            lines += ["    " + line for line in tool.strip().splitlines()]
        self.write("SConstruct", "\n".join(lines) + "\n" + body)

    def copy_to(self, folder: Path) -> Project:
        """Return a copy of the project as a checkout has it: without state of SCons or the tool."""
        shutil.copytree(
            self.folder,
            folder,
            symlinks=True,
            ignore=shutil.ignore_patterns(".incremental", ".sconsign.dblite", ".sconf_temp"),
        )
        other = Project(folder, self.compilers)
        other.environment = dict(self.environment)
        return other

    # --- builds -----------------------------------------------------------------

    def scons(
        self, *arguments: str, plain: bool = False, text: str = "", **environment: str
    ) -> Run:
        """Run SCons here, with `text` on its standard input; ask the tool for figures as JSON."""
        witness = self.folder.with_name(self.folder.name + ".seen")
        witness.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "SCons", *arguments],
            cwd=self.folder,
            env=self.full_environment(witness, plain=plain, **environment),
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        out = done.stdout.decode("utf-8", "surrogateescape")
        err = done.stderr.decode("utf-8", "surrogateescape")
        seen = []
        if witness.exists():
            seen = [ast.literal_eval(line) for line in witness.read_text().splitlines()]
        return Run(done.returncode, out, err, figures_in(out), seen)

    def full_environment(
        self, witness: Path | None, *, plain: bool = False, **environment: str
    ) -> dict[str, str]:
        """Return the environment of an SCons process, with no setting of the tool but ours."""
        full = {name: value for name, value in os.environ.items() if "INCREMENTAL" not in name}
        full.pop("SCONSFLAGS", None)
        full.update(INCREMENTAL_STATS="json", INCREMENTAL_VERIFY="0", INCREMENTAL_BEHIND="0")
        full.update(self.environment)
        if plain:
            full.update(PLAIN="1", INCREMENTAL="0")
        full.update(environment)
        hooks = self._hooks(_WITNESS + ("" if plain else textual(self.injected)))
        full["PYTHONPATH"] = os.pathsep.join([str(hooks), PACKAGE_FOLDER])
        if witness is not None:
            full["WITNESS"] = str(witness)
        return full

    def _hooks(self, code: str) -> Path:
        """Return a folder with that `sitecustomize`: one for each code, or Python mixes them up."""
        folder = self.folder.parent / f"hooks-{zlib.crc32(code.encode())}"
        if not folder.exists():
            folder.mkdir()
            (folder / "sitecustomize.py").write_text(code)
        return folder

    def start(
        self, *arguments: str, plain: bool = False, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start SCons here in a process group of its own, and do not wait."""
        return subprocess.Popen(
            [sys.executable, "-m", "SCons", "-Q", *arguments],
            cwd=self.folder,
            env=self.full_environment(None, plain=plain, **environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def build(self, *arguments: str, **environment: str) -> Run:
        """Run SCons with the tool and expect success."""
        run = self.scons("-Q", *arguments, **environment)
        assert run.status == 0, run.out + run.err
        assert "Traceback" not in run.err, run.err
        return run

    def plain(self, *arguments: str, **environment: str) -> Run:
        """Run SCons without the tool and expect success."""
        run = self.scons("-Q", *arguments, plain=True, **environment)
        assert run.status == 0, run.out + run.err
        return run

    # --- what is there ----------------------------------------------------------

    def outputs(self) -> dict[str, bytes]:
        """Return every file below the folder but the state of SCons and of the tool."""
        found = {}
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if name not in IGNORED]
            for name in names:
                path = os.path.join(folder, name)
                if name not in IGNORED and os.path.isfile(path):
                    found[os.path.relpath(path, self.folder)] = Path(path).read_bytes()
        return found

    def clean_plain_outputs(self, *arguments: str) -> dict[str, bytes]:
        """Return what a clean build by plain SCons leaves, made in this very folder.

        The folder is afterwards as it was.
        """
        aside = self.folder.with_name(self.folder.name + ".aside")
        shutil.rmtree(aside, ignore_errors=True)
        self.folder.rename(aside)
        try:
            shutil.copytree(aside, self.folder, symlinks=True)
            self.scons("-c", "-Q", plain=True)
            for name in (".incremental", ".sconsign.dblite", ".sconf_temp"):
                if self.exists(name):
                    self.remove(name)
            self.plain(*arguments)
            return self.outputs()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            aside.rename(self.folder)

    def differing(self, *arguments: str) -> list[str]:
        """Return the files that are other than a clean build by plain SCons leaves them."""
        ours, clean = self.outputs(), self.clean_plain_outputs(*arguments)
        return sorted(name for name in {*ours, *clean} if ours.get(name) != clean.get(name))

    def run_program(self, name: str) -> str:
        """Return what a built program prints."""
        done = subprocess.run([self.folder / name], capture_output=True, text=True, check=True)
        return done.stdout

    def stored(self, kind: str = "objects") -> list[Path]:
        """Return the files of the store below `objects` or `zir`."""
        folder = Path(
            self.environment.get("INCREMENTAL_CACHE_DIR", self.folder / ".incremental" / "cache")
        )
        return sorted(path for path in (folder / kind).rglob("*") if path.is_file())


def textual(lines: str) -> str:
    """Return code to inject, behind a blank line."""
    return "\n" + lines if lines else ""


def figures_in(out: str) -> dict[str, Any]:
    """Return the tool's last figures in what SCons printed."""
    figures: dict[str, Any] = {}
    for line in out.splitlines():
        if line.startswith('{"counts"'):
            figures = json.loads(line)
    return figures


def quoted(path: object) -> str:
    """Return a path as a word for a shell."""
    return shlex.quote(str(path))
