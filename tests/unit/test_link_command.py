"""Link commands are understood as the real linker understands them, or refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.depfile import parse_depfile
from incremental_tool.model.link_command import (
    LinkCommand,
    absent_libraries,
    library_candidates,
    link_dependency_words,
    parse_link,
)
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def parse(line: str) -> LinkCommand:
    """Return the command of a line that must be understood."""
    answer = parse_link(line.split())
    assert isinstance(answer, LinkCommand), answer
    return answer


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command that must succeed."""
    return subprocess.run(words, cwd=folder, capture_output=True, check=True)


def test_a_command_is_read_in_full() -> None:
    """Every word of a typical SCons link line lands in its field."""
    command = parse(
        "ccache g++ -o build/app -O2 -g -m64 -pthread -fuse-ld=gold -fsanitize=address "
        "-specs=x.specs "
        "-Wl,-rpath,$ORIGIN/lib:/opt/r -Wl,--as-needed,--gc-sections,-z,now -Wl,-soname "
        "-Wl,libx.so.1 "
        "a.o b.os libz.a lib/libq.so.1.2 -Llib -L /abs -lfoo -Wl,-Bstatic -l bar -Wl,-Bdynamic -lm "
        "-Wl,--version-script=v.map -Xlinker --retain-symbols-file=keep -T s.ld -u sym -rdynamic",
    )

    assert command.launcher == ("ccache",)
    assert command.driver == command.words[0] == "g++"
    assert command.output == "build/app"
    assert command.inputs == ("a.o", "b.os", "libz.a", "lib/libq.so.1.2")
    assert command.library_dirs == ("lib", "/abs")
    assert command.libraries == (("foo", False), ("bar", True), ("m", False))
    assert command.needed_dirs == ("$ORIGIN/lib", "/opt/r")
    assert command.probe_words == (
        *("-O2", "-m64", "-pthread", "-fuse-ld=gold", "-fsanitize=address", "-specs=x.specs"),
        "-rdynamic",
    )
    assert command.identity_files == ("x.specs", "keep")
    assert set(command.absolute_paths) == {"/abs", "/opt/r"}
    assert not command.shared
    assert not command.names_directory


def test_what_is_linked_statically_is_known() -> None:
    """-static, -Bstatic and saved states decide which kind of library is sought."""
    assert parse("gcc a.o -static -lx -o a").libraries == (("x", True),)
    line = "gcc a.o -Wl,--push-state,-Bstatic -lx -Wl,--pop-state -ly -Wl,-Bstatic,-lz -o a"
    assert parse(line).libraries == (("x", True), ("y", False), ("z", True))
    assert parse("gcc -shared a.o -o a.so").shared
    assert parse("gcc -Wl,-shared a.o -o a.so").shared


def test_library_names_are_tried_in_order() -> None:
    """Shared libraries come before archives, unless only archives will do."""
    assert library_candidates("x", static=False) == ("libx.so", "libx.a")
    assert library_candidates("x", static=True) == ("libx.a",)
    assert library_candidates(":x.so.1", static=False) == ("x.so.1",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("gcc a.o", "no-output"),
        ("gcc -o a", "not-recognised"),
        ("gcc a.o -o /dev/null", "stdout"),
        ("gcc a.o -o -", "stdout"),
        ("gcc - -o a", "stdin"),
        ("gcc a.c -o a", "not-recognised"),
        ("gcc a.o b.s -o a", "not-recognised"),
        ("gcc -c a.o -o a", "not-recognised"),
        ("gcc @x -o a", "response-file"),
        ("gcc a.o -Wl,@x -o a", "response-file"),
        ("gcc a.o -Xlinker @x -o a", "response-file"),
        ("gcc -flto a.o -o a", "lto-link"),
        ("gcc -flto=auto a.o -o a", "lto-link"),
        ("clang a.bc -o a", "lto-link"),
        ("gcc -E a.o -o a", "not-compiling"),
        ("gcc -save-temps a.o -o a", "save-temps"),
        ("ld a.o -o a", "not-recognised"),
        *[
            (f"gcc a.o {words} -o a", "option")
            for words in (
                *("-Wl,-Map,x", "-Wl,-Map=x", "-Wl,--dependency-file=x", "-Wl,--out-implib,x"),
                *("-Wl,-plugin,x", "-Wl,--plugin-opt=x", "-Wl,--print-map", "-Wl,-M", "-Wl,--cref"),
                *("-Wl,-t", "-Wl,--trace", "-Wl,--verbose", "-Wl,--reproduce=x", "-Wl,--brandnew"),
                *("-Wl,-R,x", "-Wl,--just-symbols=x", "-Wl,--section-ordering-file=x", "-Wl,-c,x"),
                *(
                    "-Wl,--symbol-ordering-file=x",
                    "-Wl,--build-id=uuid",
                    "-Wl,--stats",
                    "-Wl,-lto-O2",
                ),
                *(
                    "-Wl,--error-handling-script=x",
                    "-Wl,-error-handling-script=x",
                    "-Wl,--output=x",
                ),
                *("-Wl,-L=x", "-L=x", "-MD", "-Xclang", "-o b", "-v", "-Wl,-time-trace", "-Wl,"),
                *("-wrapper x", "-fplugin=x", "--ld-path=x", "-x c", "-Wl,--lto-obj-path=x"),
            )
        ],
        ("gcc a.o -o a -Wl,-rpath", "option"),
        ("gcc a.o -o a -Xlinker", "response-file"),
    ],
)
def test_what_is_not_followed_is_refused(line: str, reason: str) -> None:
    """Maps, plugins, LTO, sources, response files and unknown words have their reasons."""
    answer = parse_link(line.split())

    assert isinstance(answer, Reason)
    assert answer.id == f"zir.refuse.{reason}"
    assert answer.id in REASONS


@pytest.mark.parametrize(
    "words",
    [
        *("-Wl,-soname,x", "-Wl,--no-undefined", "-Wl,-z,relro,-z,now", "-Wl,-znow", "-z now"),
        *("-Wl,--start-group,libx.a,--end-group", "-Wl,-(,libx.a,-)", "-Wl,--whole-archive"),
        *("-Wl,-O1 -Wl,--hash-style=gnu", "-Wl,--build-id", "-Wl,--build-id=sha1", "-s -Wl,-s"),
        *("-Wl,--export-dynamic", "-Wl,-e,main", "-Wl,--defsym=a=b", "-Wl,--wrap=malloc", "-g3"),
        *("-Wl,--dynamic-list=x", "-Wl,-T,x", "-Wl,--sort-common", "-Wl,--icf=all", "-nostdlib"),
        *(
            "-Wl,--warn-common,--no-warn-mismatch",
            "-Wl,--print-gc-sections",
            "-pie -fPIE",
            "--coverage",
        ),
        *(
            "-Iinc -DX=1 -Wall -std=c11 -include x.h",
            "-Wl,--enable-new-dtags",
            "-u sym -Ttext=0x100",
        ),
    ],
)
def test_harmless_words_pass(words: str) -> None:
    """Words that change only the linked file are accepted."""
    command = parse(f"gcc a.o {words} -o a")

    assert command.inputs[0] == "a.o"
    assert command.output == "a"


def lay_out(folder: Path, compiler: str) -> None:
    """Make objects, archives, a shared library that needs another, and scripts."""
    sources = {
        "main.c": "int f(void); int h(void); int main(void) { return f() + h(); }",
        "f.c": "int f(void) { return 1; }",
        "h.c": "int deep(void); int h(void) { return deep(); }",
        "deep.c": "int deep(void) { return 2; }",
    }
    for name in ("L1", "L2", "L3"):
        (folder / name).mkdir(parents=True)
    for name, text in sources.items():
        (folder / name).write_text(text + "\n")
        run([compiler, "-fPIC", "-c", name, "-o", name.replace(".c", ".o")], folder)
    run(["ar", "rcD", "L2/libf.a", "f.o"], folder)
    run([compiler, "-shared", "deep.o", "-Wl,-soname,libdeep.so", "-o", "L3/libdeep.so"], folder)
    run([compiler, "-shared", "h.o", "-LL3", "-ldeep", "-o", "L2/libh.so"], folder)
    (folder / "v.map").write_text("{ local: other; };\n")
    (folder / "dyn.list").write_text("{ main; };\n")


LINE = (
    "main.o -LL1 -LL2 -lf -lh -Wl,-rpath-link,L3,--version-script=v.map -Wl,--dynamic-list,dyn.list"
)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_list_names_every_input_and_changes_nothing(compiler: str, tmp_path: Path) -> None:
    """Objects, libraries, needed libraries and scripts are listed, and no byte changes."""
    lay_out(tmp_path, compiler)
    command = parse(f"{compiler} {LINE} -o app")
    run(list(command.words), tmp_path)
    before = (tmp_path / "app").read_bytes()

    run([*command.words, *link_dependency_words(command, "list.d")], tmp_path)

    listed = set(parse_depfile((tmp_path / "list.d").read_bytes()))
    assert {
        b"main.o",
        b"L2/libf.a",
        b"L2/libh.so",
        b"L3/libdeep.so",
        b"v.map",
        b"dyn.list",
    } <= listed
    assert all((tmp_path / os.fsdecode(name)).exists() for name in listed)
    assert before == (tmp_path / "app").read_bytes()
    assert set(command.inputs) <= {os.fsdecode(name) for name in listed}


def test_a_list_name_with_a_comma_goes_another_way() -> None:
    """-Wl, would split the name at the comma."""
    command = parse("gcc a.o -o a")

    assert link_dependency_words(command, "l.d") == ("-Wl,--dependency-file=l.d",)
    assert link_dependency_words(command, "l,m.d") == ("-Xlinker", "--dependency-file=l,m.d")


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
def test_places_where_the_linker_looked_in_vain_are_known(tmp_path: Path) -> None:
    """A library that would be taken instead was reported."""
    lay_out(tmp_path, "gcc")
    command = parse(f"gcc {LINE} -o app")
    words = [*command.words, *link_dependency_words(command, "list.d")]
    run(words, tmp_path)
    before = (tmp_path / "app").read_bytes()
    asked = run(["gcc", "-print-search-dirs"], tmp_path).stdout.splitlines()
    own = asked[-1].partition(b"=")[2].split(b":")
    absent = absent_libraries(
        [*map(os.fsencode, command.library_dirs), *own],
        map(os.fsencode, command.needed_dirs),
        parse_depfile((tmp_path / "list.d").read_bytes()),
        map(os.fsencode, command.inputs),
    )
    mattered = set()

    for folder in (".", "L1", "L2", "L3"):
        for name in ("libf.so", "libf.a", "libh.so", "libh.a", "libc.so", "libgcc.a", "libdeep.so"):
            place = tmp_path / folder / name
            if not place.exists():
                place.write_text("no library\n")
                done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
                if done.returncode or (tmp_path / "app").read_bytes() != before:
                    mattered.add(os.fsencode(f"{folder}/{name}"))
                place.unlink()

    assert mattered <= absent
    assert {b"L1/libf.so", b"L1/libf.a", b"L2/libf.so", b"L1/libh.a", b"L1/libgcc.a"} <= mattered
    assert not absent & {b"main.o", b"L2/libf.a", b"L2/libh.so"}


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
def test_lists_of_link_time_optimisation_name_files_that_are_gone(tmp_path: Path) -> None:
    """Objects with LTO code give themselves away by temporary files in the list."""
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    run(["gcc", "-flto", "-c", "a.c", "-o", "a.o"], tmp_path)
    command = parse("gcc a.o -o app")

    run([*command.words, *link_dependency_words(command, "list.d")], tmp_path)

    listed = parse_depfile((tmp_path / "list.d").read_bytes())
    assert not all((tmp_path / os.fsdecode(name)).exists() for name in listed)
