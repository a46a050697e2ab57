"""A compile command is understood as the real compilers understand it, or refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.compile_command import (
    CompileCommand,
    dependency_query,
    dependency_words,
    parse_compile,
)
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
WHERE = "/home/someone/project"
FILES = {
    "a.c": '#include <stddef.h>\n#include "own.h"\nint f(int x) { return x ? OWN : 2; }\n',
    "own.h": "#define OWN 1\n",
    "forced.h": "#define FORCED 1\n",
    "a.cpp": '#include "own.h"\nint g() { return OWN; }\n',
    "a.S": '#include "own.h"\n.text\nmov $OWN, %eax\n',
    "plain.s": ".text\nnop\n",
}


def parse(line: str, directory: str = WHERE) -> CompileCommand:
    """Return the command of a line that must be understood."""
    answer = parse_compile(line.split(), directory)
    assert isinstance(answer, CompileCommand), answer
    return answer


def refusal(line: str) -> str:
    """Return the reason's id of a line that must be refused, without its common part."""
    answer = parse_compile(line.split(), WHERE)
    assert isinstance(answer, Reason), answer
    assert answer.id in REASONS
    assert answer.id.startswith("zir.refuse.")
    return answer.id[len("zir.refuse.") :]


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


def test_a_typical_command_is_read_in_full() -> None:
    """Every word of a typical SCons compile line lands in its field."""
    command = parse(
        "ccache /usr/bin/g++-12 -o build/a.o -c -Wall -O2 -std=c++17 -DX=1 -D Y -Iinc -I inc2 "
        "-iquote q -isystem sys -idirafter last -include pre.h -imacros mac.h -m32 src/a.cc",
    )

    assert command.launcher == ("ccache",)
    assert command.driver == "/usr/bin/g++-12"
    assert command.words[0] == command.driver
    assert command.words[-1] == command.source == "src/a.cc"
    assert command.output == "build/a.o"
    assert command.language == "c++"
    assert command.mode == "-c"
    assert command.bracket_dirs == ("inc", "inc2")
    assert command.quote_dirs == ("q",)
    assert command.system_dirs == ("sys",)
    assert command.after_dirs == ("last",)
    assert command.forced_includes == ("pre.h", "mac.h")
    assert command.probe_words == ("-m32",)
    assert command.extra_outputs == ()
    assert command.depfile == ""
    assert not command.names_directory
    assert not command.absolute_words


@pytest.mark.parametrize(
    ("driver", "language"),
    [
        ("gcc", "c"),
        ("g++", "c++"),
        ("cc", "c"),
        ("c++", "c++"),
        ("clang-14", "c"),
        ("/opt/llvm/bin/clang++", "c++"),
        ("x86_64-linux-gnu-gcc-12", "c"),
        ("arm-none-eabi-g++", "c++"),
        ("x86_64-w64-mingw32-gcc-10-posix", "c"),
        ("riscv64-unknown-elf-gcc-13.2.0", "c"),
    ],
)
def test_drivers_are_known_by_name(driver: str, language: str) -> None:
    """Prefixed, versioned and absolute names are drivers; C++ drivers read .c as C++."""
    assert parse(f"{driver} -c a.c -o a.o").language == language


@pytest.mark.parametrize(
    "driver",
    ["clang-cl", "afl-gcc", "gccgo", "ld", "nvcc", "gcc-ar", "mpicc", "clang-tidy", "python"],
)
def test_other_programs_are_not_drivers(driver: str) -> None:
    """Programs that only look like compilers are not recognised."""
    assert refusal(f"{driver} -c a.c -o a.o") == "not-recognised"


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("a.c", "c"),
        ("a.C", "c++"),
        ("a.c++", "c++"),
        ("a.s", "assembler"),
        ("a.S", "assembler-with-cpp"),
        ("-x c++ a.c", "c++"),
        ("-xc a.inc", "c"),
        ("-x assembler-with-cpp a.s", "assembler-with-cpp"),
        ("-x c++ -x none a.c", "c"),
        ("a.c -x c++", "c"),
    ],
)
def test_language_comes_from_suffix_or_x(words: str, language: str) -> None:
    """-x counts for the sources behind it, else the suffix tells."""
    assert parse(f"gcc -c {words} -o a.o").language == language


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("-c a.c b.c -o a.o", "several-sources"),
        ("-c a.c", "no-output"),
        ("a.c -o a", "not-compiling"),
        ("-c -o a.o", "not-recognised"),
        ("-c a.f90 -o a.o", "not-recognised"),
        ("-c a.i -o a.o", "not-recognised"),
        ("-c .c -o a.o", "not-recognised"),
        ("-E a.c -o a.i", "not-compiling"),
        ("-c -M a.c -o a.d", "not-compiling"),
        ("-c -fsyntax-only a.c -o a.o", "not-compiling"),
        ("-c - -o a.o", "stdin"),
        ("-c a.c -o -", "stdout"),
        ("-c a.c -o /dev/null", "stdout"),
        ("-c -MD -MF - a.c -o a.o", "stdout"),
        ("@words -c a.c -o a.o", "response-file"),
        ("-c a.c -o @words", "response-file"),
        ("-c -save-temps=obj a.c -o a.o", "save-temps"),
        ("-c a.h -o a.gch", "pch"),
        ("-c -x c-header a.c -o a.gch", "pch"),
        ("-c -include-pch a.pch a.c -o a.o", "pch"),
        ("-c -fpch-preprocess a.c -o a.o", "pch"),
        ("-c -fmodules a.c -o a.o", "modules"),
        ("-c -fmodules-ts a.cc -o a.o", "modules"),
        ("-c a.cppm -o a.o", "modules"),
        ("-c -fmodule-file=x a.cc -o a.o", "modules"),
        ("-c -fprofile-use a.c -o a.o", "profile-use"),
        ("-c -fprofile-instr-use=x a.c -o a.o", "profile-use"),
        ("-c -fauto-profile=x a.c -o a.o", "profile-use"),
        ("-c -fbranch-probabilities a.c -o a.o", "profile-use"),
    ],
)
def test_refusals_have_their_own_reasons(words: str, reason: str) -> None:
    """What cannot be cached is refused with the reason a user can act on."""
    assert refusal(f"gcc {words}") == reason


@pytest.mark.parametrize(
    "word",
    [
        *("-Wa,-alh=list", "-Wa,-a", "-Wa,-MD,x", "-Wa,-Iinc", "-Wa,--MD,x", "-Wa,-mcpu=native"),
        *("-Wp,-MD,x,-MT,y", "-Wp,-imacros,x", "-Xpreprocessor", "-wrapper", "-frepo", "-ansi2"),
        *("-fdump-tree-all", "-fdump-go-spec=x", "-dD", "-dumpdir", "-ftime-report", "-gtoggle"),
        *("-ftime-trace", "-ftime-trace=x", "-fsave-optimization-record", "-fopt-info=x.txt"),
        *("-fopt-info-vec-missed=x", "-aux-info", "-fcallgraph-info", "-fcallgraph-info=su"),
        *("-fdiagnostics-format=json-file", "-fdiagnostics-format=sarif-file", "-v", "-MG", "-MJ"),
        *("-fdiagnostics-add-output=sarif", "--serialize-diagnostics", "-index-store-path", "-MV"),
        *("-I-", "-I=inc", "-isystem=inc", "-I$SYSROOT/inc", "-iprefix", "-iwithprefix", "-F"),
        *("-frecord-gcc-switches", "-grecord-gcc-switches", "-frecord-command-line", "-Xclang"),
        *("-mllvm", "-mdump-tune-features", "-fbasic-block-sections=list=f", "-fprofile-note=x"),
        *("-fplugin=short", "-fplugin-arg-x-y=/tmp/z", "-gsplit-dwarf=single", "-gmodules", "--x"),
        *("-fnew-thing=1", "-fbrandnew", "-Znew", "-working-directory", "-fembed-offload-object=x"),
        *("-fdebug-log-output", "-fstack-dump-usage", "-ofile.o", "-MP", "-MTx", "-MFx"),
        *("-fcompare-debug", "-fpreprocessed", "-fdirectives-only", "-traditional-x", "-H", "-P"),
        *(
            "-gsplit-dwarf",
            "-save-stats",
            "--config",
            "-ivfsoverlay",
            "-fthinlto-index=x",
            "-Xarch",
        ),
    ],
)
def test_options_that_nobody_vouches_for_are_refused(word: str) -> None:
    """Options that write or read other files, and unknown ones, are refused."""
    assert refusal(f"gcc -c {word} a.c -o a.o") in {"option", "save-temps", "modules"} | (
        {"profile-use"} if "thinlto" in word else set()
    )


@pytest.mark.parametrize(
    "words",
    [
        *(
            "-Wall -Wextra -Wno-error=format -Werror -Wframe-larger-than=100 -W -w",
            "-pipe -pthread",
        ),
        *("-O0 -O -O1 -O2 -O3 -Os -Ofast -Og -Oz", "-std=gnu++20 --std=c11 -ansi -pedantic"),
        *("-fPIC -fpic -fPIE -fno-pie -fvisibility=hidden -fno-exceptions -fno-rtti", "-pg -p"),
        *("-ffunction-sections -fdata-sections -fno-strict-aliasing -fomit-frame-pointer",),
        *("-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fopenmp",),
        *("-fsanitize=address,undefined -fno-sanitize-recover=all -fno-common -fwrapv",),
        *("-fdiagnostics-color=always -fmax-errors=5 -ftemplate-depth=99 -fopt-info-vec-missed",),
        *("-fdiagnostics-format=json -fmessage-length=0 -fno-diagnostics-show-caret", "-emit-llvm"),
        *(
            "-Wp,-D_FORTIFY_SOURCE=2 -Wp,-D_GLIBCXX_ASSERTIONS,-UX",
            "-Wa,--noexecstack",
            "--param=x=1",
        ),
        *(
            "--param x=1",
            "-funroll-loops -ftree-vectorize -ffast-math -fno-math-errno",
            "-rdynamic",
        ),
        *(
            "-frandom-seed=build/a.o",
            "-fno-plt -fuse-ld=lld -Wl,-z,now -Llib -lm -static -shared",
        ),
        *("-fno-crash-diagnostics -fcolor-diagnostics -ferror-limit=0 -Qunused-arguments",),
        *("-fasynchronous-unwind-tables -fexceptions -fpermissive -fcoroutines -fconcepts",),
        *("-g0", "-gz -gcolumn-info", "-Rpass=inline", "-fno-semantic-interposition -fipa-pta"),
    ],
)
def test_harmless_families_pass(words: str) -> None:
    """Options that change only the named output are accepted and leave no trace elsewhere."""
    command = parse(f"gcc -c {words} a.c -o a.o")

    assert command.extra_outputs == ()
    assert command.probe_words == ()
    assert command.identity_files == ()
    assert not command.native
    assert not command.names_directory


def test_probe_words_tell_which_toolchain_parts_are_used() -> None:
    """Options that select programs, folders or specs are collected with their values."""
    command = parse(
        "clang -c -Bbin -B bin2 --sysroot=sys -isysroot sdk -target arm --target=x -m32 -nostdinc "
        "-march=native -stdlib=libc++ -specs=nano.specs -fplugin=./p.so -fno-integrated-as "
        "-fplugin-arg-p-level=2 a.c -o a.o",
    )

    assert command.probe_words == (
        *("-Bbin", "-B", "bin2", "--sysroot=sys", "-isysroot", "sdk", "-target", "arm"),
        *("--target=x", "-m32", "-nostdinc", "-march=native", "-stdlib=libc++"),
        *("-specs=nano.specs", "-fplugin=./p.so", "-fno-integrated-as"),
    )
    assert command.identity_files == ("nano.specs", "./p.so")
    assert command.native


@pytest.mark.parametrize(
    "word",
    [
        *("-fsanitize-blacklist=x", "-fsanitize-ignorelist=x", "-fsanitize-system-ignorelist=x"),
        *("-fsanitize-coverage-allowlist=x", "-fprofile-list=x", "-fxray-always-instrument=x"),
        *("-fxray-attr-list=x", "--specs=x"),
    ],
)
def test_files_that_steer_the_compiler_are_named(word: str) -> None:
    """Lists and specs that no depfile mentions are identity files."""
    assert parse(f"clang -c {word} a.c -o a.o").identity_files == ("x",)


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ("-I/opt/inc", ("/opt/inc",)),
        ("-I /opt/inc -isystem /usr/x", ("/opt/inc", "/usr/x")),
        ('-DP="/etc/x"', ("/etc/x",)),
        ("-D P=/etc/x", ("/etc/x",)),
        ("-include /x.h", ("/x.h",)),
        ("--sysroot=/s -B/b", ("/s", "/b")),
        ("-DP=a/b -Iinc/x -Wall", ()),
        ("-ffile-prefix-map=/a=/b -fmacro-prefix-map=/a=/b", ()),
        ("-MD -MF /t/x.d", ("/t/x.d",)),
        ("-fplugin=/p.so", ("/p.so",)),
    ],
)
def test_absolute_paths_are_reported(words: str, paths: tuple[str, ...]) -> None:
    """Every absolute path among the words is named, prefix maps left out."""
    command = parse(f"gcc -c {words} a.c -o a.o")

    assert command.absolute_paths == paths
    assert command.absolute_words == bool(paths)


def test_absolute_source_and_output_are_reported() -> None:
    """Source and output count among the absolute paths."""
    assert parse("gcc -c /s/a.c -o /t/a.o").absolute_paths == ("/s/a.c", "/t/a.o")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("", False),
        ("-g", True),
        ("-g -g0", False),
        ("-ggdb3", True),
        ("-gdwarf-5", True),
        ("-g -gz", True),
        ("-g -ffile-prefix-map=/home/someone/project=.", False),
        ("-g -fdebug-prefix-map=/home/someone/project=.", False),
        ("-g -fmacro-prefix-map=/home/someone/project=.", True),
        ("-g -ffile-prefix-map=/home/someone=.", True),
        ("-g -ffile-prefix-map=/elsewhere=.", True),
        ("-g -ffile-prefix-map=/home/someone/project=. -fdebug-prefix-map=/home=x", True),
        ("-g -fdebug-compilation-dir=.", False),
        ("-g -fdebug-compilation-dir .", False),
        ("-flto", True),
        ("-flto -fno-lto", False),
        ("--coverage -ffile-prefix-map=/home/someone/project=.", True),
        ("-fprofile-generate", True),
        ("-fcoverage-mapping -fprofile-instr-generate", True),
        ("-Wa,-g", True),
        ("-Xassembler -g", True),
    ],
)
def test_debug_and_profile_options_name_the_directory(words: str, named: bool) -> None:
    """The directory counts when outputs contain it and no map takes all of it out."""
    assert parse(f"gcc -c {words} a.c -o a.o").names_directory == named


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


def test_a_list_is_asked_for_unless_the_user_has_one() -> None:
    """-MD of the user's own is used as it is, and a source of plain assembler has no list."""
    assert dependency_words(parse("gcc -c a.c -o a.o"), "t.d") == ("-MD", "-MF", "t.d")
    assert dependency_words(parse("gcc -c -MD a.c -o a.o"), "t.d") == ()
    assert parse("gcc -c -MD a.c -o a.o").depfile_is_complete
    assert dependency_words(parse("gcc -c a.s -o a.o"), "t.d") == ()


def test_output_twice_is_refused() -> None:
    """A second -o is not guessed at."""
    assert refusal("gcc -c a.c -o a.o -o b.o") == "option"


@pytest.mark.parametrize("words", ["-I -", "-include -", "-isystem =x", "-I $SYSROOT/x", "-D"])
def test_values_in_a_word_of_their_own_are_checked(words: str) -> None:
    """Odd values are refused in the next word as they are in the same one."""
    assert refusal(f"gcc -c a.c -o a.o {words}") == "option"


def test_names_for_which_gcc_and_clang_differ_are_refused() -> None:
    """The .dwo beside an output called .x has two names, so it is refused."""
    assert refusal("gcc -c -g -gsplit-dwarf a.c -o .x") == "option"
