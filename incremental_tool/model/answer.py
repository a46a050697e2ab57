"""The answer that a command line asks for: options, words and places, and the key made of them.

`answer_for` reads a command line as SCons's first reading of it does, before any
SConscript has added options of its own, and finds the top folder and the
SConstruct as SCons would. It runs before SCons is imported, in `iscons`, and in
SCons's process when a build is recorded: equal command lines get equal keys.

Three sorts of options:

* *neutral* ones do not change what is decided: -Q -s -k -j -q -n. They are not
  in the key. A script may still ask for one (`GetOption("num_jobs")`, sys.argv);
  then the snapshot says what it was told.
* *context* options say where: -C -f -u -U -D -Y --site-dir --no-site-dir. They
  are resolved into the key.
* long options that SCons does not know may be the project's own (AddOption).
  They are part of the key word for word, as targets and variables are. When no
  such option exists SCons ends with an error, and no snapshot is made.

Everything else asks for more than an answer: SCons runs.

Pure: the disk is asked through a function that is passed in.
"""

from __future__ import annotations

import os.path

from incremental_tool.base.digest import FieldHasher

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NEUTRAL = ("no_progress", "silent", "keep_going", "num_jobs", "question", "no_exec")
"""The neutral options, as `GetOption` names them."""

_SWITCHES = {
    "-Q": "no_progress",
    "-s": "silent",
    "--silent": "silent",
    "--quiet": "silent",
    "-k": "keep_going",
    "--keep-going": "keep_going",
    "-q": "question",
    "--question": "question",
    "-n": "no_exec",
    "--no-exec": "no_exec",
    "--just-print": "no_exec",
    "--dry-run": "no_exec",
    "--recon": "no_exec",
}
_CLIMBS = {"-u": 1, "--up": 1, "--search-up": 1, "-D": 2, "-U": 3}
_WITH_VALUE = {
    "-j": "num_jobs",
    "--jobs": "num_jobs",
    "-C": "directories",
    "--directory": "directories",
    "-f": "scripts",
    "--file": "scripts",
    "--makefile": "scripts",
    "--sconstruct": "scripts",
    "-Y": "repositories",
    "--repository": "repositories",
    "--srcdir": "repositories",
    "--site-dir": "site_dir",
}
_ASKING_MORE = """
    --assume-new --assume-old --cache-debug --cache-disable --cache-force --cache-populate
    --cache-readonly --cache-show --clean --config --debug --diskcheck --duplicate
    --enable-virtualenv --environment-overrides --experimental --hash-chunksize --hash-format
    --help --help-options --ignore-errors --ignore-virtualenv --implicit-cache
    --implicit-deps-changed --implicit-deps-unchanged --include-dir --interact --interactive
    --list-actions --list-derived --list-where --load-average --max-drift --max-load
    --md5-chunksize --new-file --no-builtin-rules --no-builtin-variables --no-cache
    --no-keep-going --no-print-directory --old-file --override --print-directory
    --profile --random --remove --stack-size --stop --taskmastertrace --touch --tree --version
    --warn --warning --warn-undefined-variables --what-if --write-filenames
"""
"""SCons's other long options; any that is in none of these tables is the project's own."""

_SCRIPT_NAMES = tuple(
    name + ending for ending in ("", ".py") for name in ("SConstruct", "Sconstruct", "sconstruct")
)
"""In the order in which SCons looks for them."""


class CommandLine:
    """What SCons's first reading of a command line finds.

    words
        Targets, VAR=value and unknown long options, in order, word for word.
    neutral
        name in NEUTRAL -> value as `GetOption` gives it.
    directories, scripts, repositories
        The values of -C, -f and -Y, in order.
    climb
        0, 1 for -u, 2 for -D, 3 for -U (SCons's numbers).
    site_dir
        The value of --site-dir; None when not given; False for --no-site-dir.
    """

    __slots__ = ("climb", "directories", "neutral", "repositories", "scripts", "site_dir", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.neutral: dict[str, int] = {}
        self.directories: list[str] = []
        self.scripts: list[str] = []
        self.repositories: list[str] = []
        self.climb = 0
        self.site_dir: str | bool | None = None


class Answer:
    """An answer asked for: where, what, and its key.

    key
        32 hexadecimal digits: the name of its snapshot. Digest of `fields`.
    fields
        (name, value) in order: what the key is made of.
    start, top
        The folder that the command was given in, and that of the SConstruct, both absolute.
    state
        The folder of the tool's state, absolute.
    scripts
        The files that SCons would read first, from `top` or absolute.
    arguments
        The command line without the program's name, as `sys.argv[1:]`.
    line
        The `CommandLine`.
    """

    __slots__ = ("arguments", "fields", "line", "scripts", "start", "state", "top")

    def __init__(
        self,
        fields: list[tuple[str, str]],
        start: str,
        top: str,
        state: str,
        scripts: list[str],
        arguments: list[str],
        line: CommandLine,
    ) -> None:
        self.fields = fields
        self.start = start
        self.top = top
        self.state = state
        self.scripts = scripts
        self.arguments = arguments
        self.line = line

    @property
    def key(self) -> str:
        """Return the digest of the fields."""
        hasher = FieldHasher()
        for name, value in self.fields:
            hasher.add(name.encode())
            hasher.add(os.fsencode(value))
        return hasher.digest().hex()

    @property
    def folder(self) -> bytes:
        """Return the folder in which snapshots lie."""
        return os.fsencode(os.path.join(self.state, "fresh"))

    def option_text(self, name: str) -> bytes:
        """Return what a script is told that asks for a neutral option, or for "argv"."""
        if name == "argv":
            return os.fsencode("\0".join(self.arguments))
        return str(self.line.neutral.get(name, 1 if name == "num_jobs" else 0)).encode()


def answer_for(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    start: str,
    python_path: Sequence[str],
    is_file: Callable[[str], bool],
) -> Answer | tuple[str, str]:
    """Return the answer that a command line asks for, or a reason (id, detail) for SCons to run.

    `arguments` and `python_path` are `sys.argv[1:]` and `sys.path` as the process started with
    them, `start` is the folder it was started in.
    """
    line = parse(arguments, environment.get("SCONSFLAGS", ""))
    if isinstance(line, tuple):
        return line
    found = _find(line, start, is_file)
    if found is None:
        return "fresh.no-script", ""
    top, below, scripts = found
    chosen = os.path.expanduser(environment.get("INCREMENTAL_DIR", "") or ".incremental")
    fields = [
        ("words", "\0".join(line.words)),
        ("scripts", "\0".join(scripts)),
        ("repositories", "\0".join(line.repositories)),
        ("site folder", repr(line.site_dir)),
        ("climbing", f"{line.climb} {below}" if line.climb else ""),
        ("module path", "\0".join(_modules(python_path, line, start, top))),
        # Projects may share one state folder only when it lies outside of them.
        ("top", top if os.path.isabs(chosen) else ""),
    ]
    state = os.path.join(top, chosen)
    return Answer(fields, start, top, state, scripts, list(arguments), line)


def parse(arguments: Sequence[str], sconsflags: str) -> CommandLine | tuple[str, str]:
    """Read a command line; returns a reason (id, detail) when it asks SCons for more."""
    line = CommandLine()
    rest = [*sconsflags.split(), *arguments]
    rest.reverse()
    while rest:
        word = rest.pop()
        if word.startswith("--") and word != "--":
            fits = _long(line, word, rest)
        elif word.startswith("-"):
            fits = word not in {"-", "--"} and _short(line, word, rest)
        else:
            line.words.append(word)
            fits = True
        if not fits:
            return "fresh.option", word
    return line


def _long(line: CommandLine, word: str, rest: list[str]) -> bool:
    """Take a long option in; False if it asks for more."""
    name, equals, value = word.partition("=")
    if name in _WITH_VALUE:
        return _take(line, name, value if equals else None, rest)
    if name in _ASKING_MORE.split():
        return False
    if name in _SWITCHES or name in _CLIMBS or name == "--no-site-dir":
        if not equals:
            _switch(line, name)
        return not equals
    line.words.append(word)
    return True


def _short(line: CommandLine, word: str, rest: list[str]) -> bool:
    """Take clustered short options in, such as -kj4; False if one asks for more."""
    for position, letter in enumerate(word[1:], 2):
        name = "-" + letter
        if name in _WITH_VALUE:
            return _take(line, name, word[position:] or None, rest)
        if name not in _SWITCHES and name not in _CLIMBS:
            return False
        _switch(line, name)
    return True


def _switch(line: CommandLine, name: str) -> None:
    if name in _SWITCHES:
        line.neutral[_SWITCHES[name]] = 1
    elif name in _CLIMBS:
        line.climb = _CLIMBS[name]
    else:
        line.site_dir = False


def _take(line: CommandLine, name: str, value: str | None, rest: list[str]) -> bool:
    """Take an option with its value in; False where SCons would end with an error."""
    if value is None:
        value = rest.pop() if rest else ""
    if not value:
        return False
    place = _WITH_VALUE[name]
    if place == "num_jobs":
        if not (value.isascii() and value.isdigit()) or int(value) < 1 or value.startswith("0"):
            return False
        line.neutral[place] = int(value)
    elif place == "site_dir":
        line.site_dir = value
    elif place == "scripts" and value == "-":
        return False
    else:
        getattr(line, place).append(value)
    return True


def _find(
    line: CommandLine, start: str, is_file: Callable[[str], bool]
) -> tuple[str, str, list[str]] | None:
    """Find top folder, way from there to the start when climbing, and first scripts, as SCons."""
    top = start
    if line.directories:
        path = "."
        for directory in line.directories:
            path = directory if os.path.isabs(directory) else path + "/" + directory
        top = os.path.normpath(os.path.join(start, path))
    below = "."
    names = line.scripts or _SCRIPT_NAMES
    if line.climb:
        while not any(is_file(os.path.join(top, name)) for name in names):
            top, last = os.path.split(top)
            if not last:
                return None
            below = os.path.join(last, below)
    places = [top, *(os.path.join(top, repository) for repository in line.repositories)]

    def place(name: str) -> str | None:
        """Return where SCons would find a script: its name, or its path in a repository."""
        found = [folder for folder in places if is_file(os.path.join(folder, name))]
        if not found:
            return None
        return name if found[0] == top else os.path.join(found[0], name)

    if line.scripts:
        return top, below, [place(name) or name for name in line.scripts]
    for name in _SCRIPT_NAMES:
        script = place(name)
        if script is not None:
            return top, below, [script]
    return None


def _modules(python_path: Sequence[str], line: CommandLine, start: str, top: str) -> list[str]:
    """Return sys.path as SCons found it: without the site folders it puts before the others."""
    site = os.path.join(top, line.site_dir) if isinstance(line.site_dir, str) else ""
    first = 0
    while first < len(python_path) and (
        python_path[first] == site or os.path.basename(python_path[first]) == "site_scons"
    ):
        first += 1
    return ["." if path == start else path for path in python_path[first:]]
