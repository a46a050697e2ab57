"""The answer that a command line asks for: options, words and places, and the key made of them.

`parse` reads a command line as SCons's first reading of it does, before any
SConscript has added options of its own. `locate` finds the top folder and the
SConstruct as SCons would. Both run before SCons is imported, in `iscons`, and in
SCons's process when a build is recorded: equal command lines get equal keys.

Three sorts of options:

* *neutral* ones do not change what is decided: -Q -s -k -j -q -n. They are not
  in the key. A script may still ask for one (`GetOption("num_jobs")`); then the
  snapshot says what it was told.
* *context* options say where: -C -f -u -U -D -Y --site-dir --no-site-dir. They
  are resolved into the key.
* long options that SCons does not know may be the project's own (AddOption).
  They are part of the key word for word, as targets and variables are. When no
  such option exists SCons ends with an error, and no snapshot is made.

Everything else asks for more than an answer: SCons runs.

Pure: the disk is asked through a function that is passed in.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NEUTRAL = ("no_progress", "silent", "keep_going", "num_jobs", "question", "no_exec")
"""The neutral options, as `GetOption` names them."""


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
        (name, value) in order: what the key is made of, for `explain`.
    start, top
        The folder that the command was given in, and that of the SConstruct, both absolute.
    scripts
        The SConstruct, or the files named by -f, as SCons would name them from `top`.
    line
        The `CommandLine`.
    """

    __slots__ = ("fields", "key", "line", "scripts", "start", "top")

    def __init__(
        self,
        key: str,
        fields: list[tuple[str, str]],
        start: str,
        top: str,
        scripts: list[str],
        line: CommandLine,
    ) -> None:
        self.key = key
        self.fields = fields
        self.start = start
        self.top = top
        self.scripts = scripts
        self.line = line

    def option_text(self, name: str) -> bytes:
        """Return a neutral option's value as a snapshot records that a script was told it."""
        return str(int(self.line.neutral.get(name, 1 if name == "num_jobs" else 0))).encode()


def parse(arguments: Sequence[str], sconsflags: str) -> CommandLine | tuple[str, str]:
    """Read a command line (without the program's name) and SCONSFLAGS.

    Returns a reason (id, detail) when SCons must run.
    """
    raise NotImplementedError


def locate(
    line: CommandLine, start: str, python_path: Sequence[str], is_file: Callable[[str], bool]
) -> Answer | tuple[str, str]:
    """Find the top folder and the scripts from the folder `start` (absolute), and make the key.

    `python_path` is `sys.path` as the process started with it. Returns a reason (id, detail) when
    SCons must run.
    """
    raise NotImplementedError
