"""Projects and what happens to them: SConstructs, files and edits, for `test_decider`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable, NamedTuple

Edit = Callable[[Path], None]

MAIN = '#include "part.h"\nint main(void) { return PART; }\n'
OLD = 1_000_000_000
"""Seconds since 1970, in 2001: older than SCons's max_drift of two days."""


# --- edits ------------------------------------------------------------------------


def write(name: str, content: str) -> Edit:
    """Return an edit that writes a file in its place."""

    def edit(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    return edit


def write_keeping_times(name: str, content: str) -> Edit:
    """Return an edit that writes a file and gives it back its modification time."""

    def edit(folder: Path) -> None:
        status = (folder / name).stat()
        (folder / name).write_text(content)
        os.utime(folder / name, ns=(status.st_atime_ns, status.st_mtime_ns))

    return edit


def write_dated(name: str, content: str, seconds: float) -> Edit:
    """Return an edit that writes a file and dates it by seconds from now."""

    def edit(folder: Path) -> None:
        write(name, content)(folder)
        touch(name, seconds)(folder)

    return edit


def replace_by_older(name: str, content: str, seconds: int = OLD) -> Edit:
    """Return an edit that renames another file over a file, as a package manager does."""

    def edit(folder: Path) -> None:
        fresh = folder / (name + ".new")
        fresh.write_text(content)
        os.utime(fresh, (seconds, seconds))
        fresh.replace(folder / name)

    return edit


def touch(name: str, seconds: float = OLD) -> Edit:
    """Return an edit that changes a file's times only: to an old time, or by seconds from now."""

    def edit(folder: Path) -> None:
        moment = seconds if seconds >= OLD else time.time() + seconds
        os.utime(folder / name, (moment, moment))

    return edit


def chmod(name: str, mode: int) -> Edit:
    """Return an edit that changes a file's mode only."""
    return lambda folder: (folder / name).chmod(mode)


def remove(*names: str) -> Edit:
    """Return an edit that removes files."""

    def edit(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return edit


def link(name: str, to: str) -> Edit:
    """Return an edit that makes or retargets a symbolic link."""

    def edit(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(to)

    return edit


def swap(one: str, other: str) -> Edit:
    """Return an edit that exchanges two files, times and all."""

    def edit(folder: Path) -> None:
        (folder / one).rename(folder / "aside")
        (folder / other).rename(folder / one)
        (folder / "aside").rename(folder / other)

    return edit


def nothing(folder: Path) -> None:
    """Change nothing."""


class Case(NamedTuple):
    """A project and what happens to it."""

    sconstruct: str
    edits: list[Edit]
    files: dict[str, str] = {}  # noqa: RUF012 - never written to


PROGRAM = 'env.Append(CPPPATH=["include"])\nenv.Program("main.c")\n'
OBJECT = 'env.Append(CPPPATH=["include"])\nenv.Object("main.c")\n'
PROGRAM_FILES = {"main.c": MAIN, "include/part.h": "#define PART 0\n"}

# Deciders that go by time compare whole seconds: what is made, and made again, within one is the
# same to them, and whether that happens differs from one plain build to the next. So no two times
# here are near each other, and nothing depends on a file that was built.
DATED = [
    touch("main.c"),
    nothing,
    touch("main.c", 3600),
    nothing,
    write_dated("include/part.h", "#define PART 8\n", 7200),
    replace_by_older("main.c", MAIN + "\n"),
    nothing,
]

CASES = {
    "same size, same time": Case(
        PROGRAM, [write_keeping_times("include/part.h", "#define PART 1\n"), nothing]
    ),
    "same size, at once": Case(
        PROGRAM,
        [write("main.c", MAIN.replace("PART;", f"PART+{n};")) for n in (1, 2, 3)],
    ),
    "replaced by an older file": Case(
        PROGRAM, [replace_by_older("include/part.h", "#define PART 2\n"), nothing]
    ),
    "touched": Case(PROGRAM, [touch("main.c"), touch("include/part.h"), nothing]),
    "mode changed": Case(PROGRAM, [chmod("main.c", 0o600), chmod("include/part.h", 0o400)]),
    "written again with the same content": Case(
        PROGRAM, [write("main.c", MAIN), replace_by_older("main.c", MAIN)]
    ),
    "source missing": Case(PROGRAM, [remove("main.c"), write("main.c", MAIN)]),
    "header missing": Case(
        PROGRAM, [remove("include/part.h"), write("include/part.h", "#define PART 3\n")]
    ),
    "header appears earlier": Case(
        PROGRAM, [write("part.h", "#define PART 4\n"), remove("part.h"), nothing]
    ),
    "files swapped": Case(
        'env.Object(["one.c", "two.c"])\n',
        [swap("one.c", "two.c"), swap("one.c", "two.c")],
        {"one.c": "int one;\n", "two.c": "int two;\n"},
    ),
    "symbolic link retargeted": Case(
        PROGRAM,
        [link("main.c", "other.c"), link("main.c", "real.c"), write("real.c", "int main;\n")],
        {"real.c": MAIN, "other.c": "int main(void) { return 7; }\n"},
    ),
    "file becomes a symbolic link to equal content": Case(
        PROGRAM, [link("main.c", "real.c")], {"real.c": MAIN}
    ),
    "folder swapped by a symbolic link": Case(
        'env.Append(CPPPATH=["chosen"])\nenv.Program("main.c")\n',
        [link("chosen", "other"), link("chosen", "include")],
        {"other/part.h": "#define PART 5\n", "chosen": "-> include"},
    ),
    "outputs removed or changed": Case(
        PROGRAM, [remove("main"), remove("main.o"), write("main.o", "damaged")]
    ),
    "variant folder with copies": Case(
        'VariantDir("build", "src")\n'
        'env.Program("build/main", ["build/main.c"], CPPPATH=["build"])\n',
        [
            write("src/part.h", "#define PART 1\n"),
            replace_by_older("src/main.c", MAIN + "\n"),
            nothing,
        ],
        {"src/main.c": MAIN, "src/part.h": "#define PART 0\n"},
    ),
    "variant folder without copies": Case(
        'VariantDir("build", "src", duplicate=0)\n'
        'env.Program("build/main", ["build/main.c"], CPPPATH=["build"])\n',
        [
            write("src/part.h", "#define PART 1\n"),
            replace_by_older("src/main.c", MAIN + "\n"),
            nothing,
        ],
        {"src/main.c": MAIN, "src/part.h": "#define PART 0\n"},
    ),
    "two variants of one source": Case(
        "for name in ('debug', 'release'):\n"
        "    SConscript('src/SConscript', variant_dir=name, duplicate=0,\n"
        "               exports={'env': env.Clone(CPPDEFINES=[name.upper()])})\n",
        [write("src/part.h", "#define PART 1\n"), nothing],
        {
            "src/main.c": MAIN,
            "src/part.h": "#define PART 0\n",
            "src/SConscript": 'Import("env")\nenv.Program("main.c")\n',
        },
    ),
    "installed files": Case(
        'program = env.Program("main.c", CPPPATH=["include"])\n'
        'env.Install("bin", program)\nenv.InstallAs("share/source.txt", "main.c")\n',
        [write("main.c", MAIN + "\n"), write("include/part.h", "#define PART 1\n"), nothing],
    ),
    "installed as a symbolic link's target": Case(
        'env.Install("bin", "data")\n',
        [write("real", "2\n"), link("data", "real2")],
        {"real": "1\n", "real2": "3\n", "data": "-> real"},
    ),
    "explicit dependency": Case(
        'env.Depends(env.Object("main.c", CPPPATH=["include"]), "flags.txt")\n',
        [write("flags.txt", "2\n"), touch("flags.txt"), nothing],
        {"flags.txt": "1\n"},
    ),
    "order-only dependency": Case(
        'header = env.Command("made.h", "made.in", "cp $SOURCE $TARGET")\n'
        'env.Requires(env.Object("main.c", CPPPATH=["include"]), header)\n',
        [write("made.in", "2\n"), nothing],
        {"made.in": "1\n"},
    ),
    "ignored dependency": Case(
        'object = env.Object("main.c", CPPPATH=["include"])\n'
        'env.Ignore(object, "include/part.h")\n',
        [write("include/part.h", "#define PART 6\n"), nothing],
    ),
    "always built": Case(
        'env.AlwaysBuild(env.Command("copy", "main.c", "cp $SOURCE $TARGET"))\n', [nothing, nothing]
    ),
    "side effect": Case(
        'one = env.Command("one", "main.c", "cp $SOURCE $TARGET; echo one >> log")\n'
        'two = env.Command("two", "main.c", "cp $SOURCE $TARGET; echo two >> log")\n'
        'env.SideEffect("log", [one, two])\n',
        [write("main.c", "changed\n"), nothing],
    ),
    "precious": Case(
        'env.Precious(env.Command("log", "main.c", "cat $SOURCE >> $TARGET"))\n',
        [write("main.c", "second\n"), nothing],
    ),
    "value": Case(
        'env.Command("copy", Value(open("main.c").read()), "cp main.c $TARGET")\n',
        [write("main.c", "changed\n"), touch("main.c"), nothing],
    ),
    "alias": Case(
        'copy = env.Command("copy", "main.c", "cp $SOURCE $TARGET")\n'
        'env.Alias("all", copy, "echo done")\nDefault("all")\n',
        [write("main.c", "changed\n"), nothing],
    ),
    "folder as a source": Case(
        'env.Command("listing", Dir("include"), "ls $SOURCE > $TARGET",'
        " source_scanner=DirScanner)\n",
        [
            write("include/more.h", "\n"),
            write("include/part.h", "changed\n"),
            remove("include/more.h"),
            nothing,
        ],
    ),
    "folder as a source that is not looked into": Case(
        'env.Command("listing", Dir("include"), "ls $SOURCE > $TARGET")\n',
        [write("include/more.h", "\n"), write("include/part.h", "changed\n"), nothing],
    ),
    "top folder as a source": Case(
        'env.Command("../listing", Dir("."), "ls $SOURCE > $TARGET", source_scanner=DirScanner)\n',
        [nothing, write("main.c", "changed\n"), nothing],
    ),
    "generated header and source": Case(
        'env.Command("made.h", "made.in", "sed s/X/0/ $SOURCE > $TARGET")\n'
        'env.Command("made.c", "made2.in", "cp $SOURCE $TARGET")\n'
        'env.Program("prog", ["made.c", "user.c"], CPPPATH=["."])\n',
        [
            write("made.in", "#define MADE X+1\n"),
            write("made2.in", '#include "made.h"\nint made(void) { return MADE; }\n\n'),
            write("made.in", "#define MADE X+1\n\n"),
            nothing,
        ],
        {
            "made.in": "#define MADE X\n",
            "made2.in": '#include "made.h"\nint made(void) { return MADE; }\n',
            "user.c": '#include "made.h"\n'
            "int made(void);\nint main(void) { return made() - MADE; }\n",
        },
    ),
    "generated header that comes out equal": Case(
        'env.Command("made.h", "made.in", "grep define $SOURCE > $TARGET")\n'
        'env.Program("user.c", CPPPATH=["."])\n',
        [write("made.in", "#define MADE 0\n// more\n"), write("made.in", "#define MADE 1\n")],
        {
            "made.in": "#define MADE 0\n",
            "user.c": '#include "made.h"\nint main(void) { return MADE; }\n',
        },
    ),
    "configure checks": Case(
        "conf = Configure(env)\n"
        "env['FOUND'] = [conf.CheckCHeader('stdio.h'), conf.CheckCHeader('no_such.h'),\n"
        "    conf.CheckFunc('printf'), conf.CheckLib('m'), conf.CheckType('int'),\n"
        "    conf.TryRun('int main(void) { return 0; }', '.c')]\n"
        "env = conf.Finish()\nenv.Program('main.c', CPPPATH=['include'])\n",
        [nothing, write("main.c", MAIN + "\n"), nothing],
    ),
    "source scanner over depth": Case(
        PROGRAM,
        [write("include/deep.h", "#define PART 1\n"), nothing],
        {
            "include/part.h": '#include "mid.h"\n',
            "include/mid.h": '#include "deep.h"\n',
            "include/deep.h": "#define PART 0\n",
        },
    ),
    "static library": Case(
        'env.Program("main.c", LIBS=[env.StaticLibrary("parts", ["one.c", "two.c"])],\n'
        '            CPPPATH=["include"])\n',
        [write("one.c", "int one = 1;\n"), write("two.c", "int two;\n\n"), nothing],
        {"one.c": "int one;\n", "two.c": "int two;\n"},
    ),
    "command line variable": Case(
        'env.Append(CPPDEFINES=[open("flag").read().strip()])\n' + PROGRAM,
        [write("flag", "B\n"), write("flag", "A\n"), nothing],
        {"flag": "A\n"},
    ),
    "target that two builders share": Case(
        'env.Command(["a", "b"], "main.c", "cp $SOURCE a; cp $SOURCE b")\n',
        [remove("b"), write("main.c", "changed\n"), nothing],
    ),
    **{
        f"decider {name}": Case(
            f'{where}Decider("{name}")\n{OBJECT}',
            DATED,
        )
        for name in ("content", "timestamp-newer", "timestamp-match", "content-timestamp")
        for where in ("env.",)
    },
    **{
        f"global decider {name}": Case(
            f'Decider("{name}")\n{OBJECT}',
            DATED,
        )
        for name in ("content", "timestamp-newer", "timestamp-match", "content-timestamp")
    },
    "decider of the project's own": Case(
        "def never(dependency, target, prev_ni, repo_node=None):\n"
        "    return str(dependency).endswith('.c') and open('ask').read() == 'yes'\n"
        f"env.Decider(never)\n{PROGRAM}",
        [write("include/part.h", "#define PART 9\n"), write("ask", "yes"), write("ask", "no")],
        {"ask": "no"},
    ),
    "decider content after another": Case(
        f'env.Decider("timestamp-newer")\nenv.Decider("content")\n{PROGRAM}',
        [touch("main.c", -60), write_keeping_times("main.c", MAIN.replace("PART;", "PART;;"))],
    ),
    "decider in a clone": Case(
        'other = env.Clone()\nother.Decider("timestamp-match")\n'
        'env.Object("env.o", "main.c", CPPPATH=["include"])\n'
        'other.Object("other.o", "main.c", CPPPATH=["include"])\n',
        [touch("main.c"), nothing, write_dated("include/part.h", "#define PART 1\n", 3600)],
    ),
}
