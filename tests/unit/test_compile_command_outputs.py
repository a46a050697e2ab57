"""What is said of a compile command's outputs and lists is what the real compilers write."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from compile_lines import parse

from incremental_tool.model.compile_command import dependency_query, dependency_words

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
FILES = {
    "a.c": '#include <stddef.h>\n#include "own.h"\nint f(int x) { return x ? OWN : 2; }\n',
    "own.h": "#define OWN 1\n",
    "forced.h": "#define FORCED 1\n",
    "a.cpp": '#include "own.h"\nint g() { return OWN; }\n',
    "a.S": '#include "own.h"\n.text\nmov $OWN, %eax\n',
    "plain.s": ".text\nnop\n",
}


def lay_out(folder: Path) -> Path:
    """Write the sources into a folder that has a sub-folder `d`, and return it."""
    (folder / "d").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command that must succeed."""
    return subprocess.run(words, cwd=folder, capture_output=True, check=True)


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder beside the sources."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return {name: content for name, content in found.items() if name not in FILES}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "words",
    [
        "-c a.c -o d/x.o",
        "-c -MD a.c -o d/x.o",
        "-c -MMD a.c -o d/x.y.o",
        "-c -MD -MF d/deps -MT target -MP a.c -o d/x.o",
        "-c -MMD -MFd/deps a.c -o d/x.o",
        "-c -MD a.c -o .x",
        "-c -Wp,-MD,d/deps a.c -o d/x.o",
        "-c -Wp,-MMD,d/deps a.c -o d/x.o",
        "-c --coverage a.c -o d/x.o",
        "-c -ftest-coverage -MD a.c -o d/x",
        "-c -fprofile-arcs a.c -o d/x.o",
        "-c -fprofile-generate a.c -o d/x.o",
        "-c -flto --coverage a.c -o d/x.o",
        "-c -fstack-usage a.c -o d/x.foo",
        "-c -g -gsplit-dwarf a.c -o d/x.y.o",
        "-c -g1 -gsplit-dwarf --coverage -fstack-usage -MD a.c -o d/.x.o",
        "-S -MD --coverage -fstack-usage a.c -o d/x.s",
        "-c -MD --coverage -fstack-usage a.S -o d/x.o",
        "-c -g -gsplit-dwarf a.S -o d/x.o",
        "-c -MD -MF d/deps --coverage -fstack-usage plain.s -o d/x.o",
        "-c -g -gsplit-dwarf plain.s -o d/x.o",
        "-c -include forced.h -x c a.c -o d/x.o",
    ],
)
def test_outputs_are_those_the_compiler_writes(compiler: str, words: str, tmp_path: Path) -> None:
    """Output and extra outputs are exactly the files that appear."""
    folder = lay_out(tmp_path / "w")
    command = parse(f"{compiler} {words}", str(folder))

    run(list(command.words), folder)

    assert set(files(folder)) == {command.output, *command.extra_outputs}
    assert set(command.extra_outputs) >= ({command.depfile} if command.depfile else set())


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "words",
    [
        *(
            "a.c",
            "-g a.c",
            "-g a.S",
            "-g plain.s",
            "-fprofile-arcs a.c",
            "-flto -frandom-seed=1 a.c",
        ),
        *("-g -g0 a.c", "-g -ffile-prefix-map={}=. a.c", "-g -fdebug-prefix-map={}=. a.c"),
        *("-g -ffile-prefix-map={}=. a.S", "-O2 -fstack-usage a.c", "-g -gsplit-dwarf a.c"),
        *(
            "-g -gsplit-dwarf -ffile-prefix-map={}=. a.c",
            "-fsanitize=address -pg a.c",
            "-Wa,-W a.c",
        ),
    ],
)
def test_outputs_that_do_not_name_the_directory_are_equal_in_another(
    compiler: str,
    words: str,
    tmp_path: Path,
) -> None:
    """Unless the command is said to name the directory, moving it changes no byte."""
    written = []
    named = set()
    for name in ("w", "elsewhere"):
        folder = lay_out(tmp_path / name)
        command = parse(f"{compiler} -c {words.format(folder)} -o d/x.o", str(folder))
        run(list(command.words), folder)
        written.append(files(folder))
        named.add(command.names_directory)

    assert len(named) == 1
    assert written[0] == written[1] or named == {True}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "words",
    [
        *(
            "-c a.c",
            "-c -g -O2 a.c",
            "-S -fverbose-asm a.c",
            "-c -g a.S",
            "-c -g plain.s",
            "-c a.cpp",
        ),
        *("-c -flto -frandom-seed=1 -g a.c", "-c -g -gsplit-dwarf a.c", "-c -MD -MT t a.c"),
        *("-c -Wp,-MD,d/deps a.c", "-c -Wall -Wunused -Wextra -include forced.h a.c"),
    ],
)
def test_asking_for_dependencies_changes_nothing_else(
    compiler: str,
    words: str,
    tmp_path: Path,
) -> None:
    """With the appended words the compiler writes the same bytes and says the same."""
    plain, asked = lay_out(tmp_path / "p" / "w"), lay_out(tmp_path / "q" / "w")
    compare = [plain, asked]
    said = []
    for folder in compare:
        command = parse(f"{compiler} {words} -fdebug-prefix-map={folder}=. -o d/x.o", str(folder))
        more = dependency_words(command, "d/asked.d") if folder is asked else ()
        assert more is not None
        done = run([*command.words, *more], folder)
        said.append((done.stdout, done.stderr))
    before, after = files(plain), files(asked)
    depfile = after.pop("d/asked.d", None)

    if "-flto" not in words and not (
        compiler == "clang" and "-g" in words and ".s" in words.lower()
    ):
        assert before == after
    assert set(before) == set(after)
    assert said[0] == said[1]
    if depfile is None:
        assert command.depfile_is_complete or command.language == "assembler"
    else:
        assert command.depfile == ""
    listed = depfile or after.get(command.depfile, b"own.h")
    assert b"own.h" in listed


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("words", ["-MMD", "-MMD -MF d/deps -MT t -MP", "-Wp,-MMD,d/deps"])
def test_a_user_list_without_system_headers_is_completed_by_a_query(
    compiler: str,
    words: str,
    tmp_path: Path,
) -> None:
    """The query lists system headers and writes nothing but the list."""
    folder = lay_out(tmp_path / "w")
    line = f"{compiler} -c {words} -g --coverage -fstack-usage -D X -I . a.c -o d/x.o"
    command = parse(line, str(folder))

    assert command.depfile
    assert not command.depfile_is_complete
    assert dependency_words(command, "d/all.d") is None

    done = run(dependency_query(command, "d/all.d"), folder)

    assert done.stdout == done.stderr == b""
    assert set(files(folder)) == {"d/all.d"}
    assert b"stddef.h" in files(folder)["d/all.d"]
    assert b"own.h" in files(folder)["d/all.d"]
