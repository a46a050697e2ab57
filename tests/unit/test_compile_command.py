"""A compile command is understood as the real compilers understand it, or refused."""

from __future__ import annotations

import pytest
from compile_lines import parse, refusal

from incremental_tool.model.compile_command import dependency_words


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
