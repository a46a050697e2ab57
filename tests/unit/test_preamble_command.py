"""Which compile commands can use a precompiled preamble, and with what words."""

from __future__ import annotations

import pytest

from incremental_tool.model.compile_command import CompileCommand, parse_compile
from incremental_tool.model.preamble_command import (
    PreambleCommand,
    making_words,
    obstacle_in_paths,
    preamble_command,
    using_words,
)
from incremental_tool.model.reason import Reason


def parsed(words: str) -> CompileCommand:
    """Return a command that can be cached."""
    found = parse_compile(words.split(), "/work")
    assert isinstance(found, CompileCommand), found
    return found


def accepted(words: str, family: str = "gcc") -> PreambleCommand:
    """Return how a command is compiled with a precompiled preamble."""
    found = preamble_command(parsed(words), family)
    assert isinstance(found, PreambleCommand), found
    return found


@pytest.mark.parametrize("options", ["", "-O0", "-O2", "-O3 -g0", "-O0 -g", "-g -Og -O0", "-ggdb2"])
def test_gcc_is_accepted_with_debug_information_unless_it_optimises(options: str) -> None:
    """The last -O counts."""
    assert accepted(f"g++ {options} -c -o a.o a.cc").family == "gcc"


@pytest.mark.parametrize(
    ("family", "options"),
    [("gcc", "-O1 -g"), ("gcc", "-Og -g"), ("gcc", "-g -O"), ("clang", "-g"), ("clang", "-O0 -g1")],
)
def test_debug_information_that_comes_out_otherwise_is_refused(family: str, options: str) -> None:
    """Clang's always, gcc's when it optimises."""
    found = preamble_command(parsed(f"g++ {options} -c -o a.o a.cc"), family)
    assert isinstance(found, Reason)
    assert found.id == "preamble.refuse.debug"


@pytest.mark.parametrize(
    "options",
    [
        *("-include b.h", "-fsanitize=address", "-ffile-prefix-map=/work=.", "-g3", "-Wp,-MD,a.d"),
        *("-gsplit-dwarf -g", "--coverage", "-flto", "-fopenmp", "-frecord-gcc-switches", "-S"),
        *("-frandom-seed=1", "-fplugin=x.so", "-ggdb3", "-fstack-usage", "-fno-such-option"),
    ],
)
def test_an_option_that_is_not_known_to_be_harmless_is_refused(options: str) -> None:
    """By the cache already, or by name."""
    command = parse_compile(f"g++ -c {options} -o a.o a.cc".split(), "/work")
    if isinstance(command, CompileCommand):
        found = preamble_command(command, "gcc")
        assert isinstance(found, Reason)
        assert found.id == "preamble.refuse.option"


def test_another_language_or_compiler_is_refused() -> None:
    """Assembler has no preamble."""
    assert isinstance(preamble_command(parsed("gcc -c -o a.o a.S"), "gcc"), Reason)
    assert isinstance(preamble_command(parsed("cc -c -o a.o a.c"), "other"), Reason)


def test_gcc_includes_a_header_and_compiles_a_copy() -> None:
    """The copy has the source's name; the dependency file is nobody's business."""
    command = accepted("g++ -x c++ -O2 -Iinc -MMD -MF a.d -D A=1 -o o/a.o -c src/a.cpp")
    making = making_words(command, "/s/p.h", "/s/p.h.gch")
    assert " ".join(making) == (
        "g++ -iquote src -O2 -Iinc -D A=1 -x c++-header /s/p.h -o /s/p.h.gch"
    )
    using = using_words(command, "/s/p.h", 70, "/s/1/a.cpp", "/s/1/o")
    assert " ".join(using) == (
        "g++ -O2 -Iinc -D A=1 -ffile-prefix-map=/s/1/a.cpp=src/a.cpp -include /s/p.h "
        "-c -o /s/1/o -x c++ /s/1/a.cpp"
    )


def test_clang_passes_over_the_first_bytes_of_the_source() -> None:
    """It is given the source itself."""
    command = accepted("clang -Iinc -MD -o a.o -c a.c", "clang")
    making = making_words(command, "/s/p.h", "/s/p.h.pch")
    assert " ".join(making) == (
        "clang -iquote . -Iinc -Xclang -fno-pch-timestamp -x c-header /s/p.h -o /s/p.h.pch"
    )
    using = using_words(command, "/s/p.h.pch", 70, "/s/1/a.c", "/s/1/o")
    assert " ".join(using) == (
        "clang -Iinc -Xclang -include-pch -Xclang /s/p.h.pch -Xclang -preamble-bytes=70,1 "
        "-c -o /s/1/o -x c a.c"
    )


def test_a_place_that_would_be_told_otherwise_is_an_obstacle() -> None:
    """Gcc's headers in the top folder, and a state folder that no map can name."""
    gcc, clang = accepted("g++ -c -o a.o a.cc"), accepted("g++ -c -o a.o a.cc", "clang")
    assert obstacle_in_paths(gcc, [b"d/x.h", b"/usr/y.h"], b"/work") is None
    found = obstacle_in_paths(gcc, [b"d/x.h", b"x.h"], b"/work")
    assert found == Reason("preamble.refuse.place", "x.h")
    assert obstacle_in_paths(clang, [b"x.h"], b"/work") is None
    assert obstacle_in_paths(clang, [], b"/a=b") is not None
