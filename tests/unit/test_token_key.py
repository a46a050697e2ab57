"""When a result is taken for changed texts, and when it is not, with real compilers."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_bench import ENVIRONMENT, Bench

if TYPE_CHECKING:
    from pathlib import Path

HIT = "zir.hit.tokens"
HEADER = "/* a */\nstatic inline int one(void) { return 1; }\n"
SOURCE = '#include "a.h"\nint f(int a)\n{\n  /* b */\n  if (a)\n    return one();\n  return a;\n}\n'


class Builds:
    """One unit that is built after each edit; tells what came of it."""

    def __init__(self, bench: Bench, line: str) -> None:
        compiler = line.split(maxsplit=1)[0]
        if shutil.which(compiler) is None:
            pytest.skip(f"no {compiler}")
        self.bench = bench
        self.line = f"{line} -c -o unit.o unit.c"

    def build(self, **texts: str) -> str:
        """Build with other texts, `_` for the dot in names; return the token level's reason.

        An object that was taken must be the one that a compile makes.
        """
        for name, text in texts.items():
            self.bench.write(name.replace("_", "."), text)
        self.bench.open()
        self.bench.command(self.line, "unit.o")
        if HIT in self.bench.reasons():
            plain = self.line.replace("-o unit.o", "-o plain.o").split()
            done = subprocess.run(plain, env=ENVIRONMENT, stderr=subprocess.PIPE, check=True)
            assert done.stderr == b""
            assert self.bench.read("unit.o") == self.bench.read("plain.o")
        found = [name for name in self.bench.reasons() if name == HIT or name.startswith("tokens.")]
        return found[0] if found else ""

    def edit(self, before: str, after: str, source: str = SOURCE, header: str = HEADER) -> str:
        """Build, then build with another word in source and header; return what came of it."""
        assert before in source + header
        assert self.build(unit_c=source, a_h=header) == ""
        return self.build(unit_c=source.replace(before, after), a_h=header.replace(before, after))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a project in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("line", "before", "after", "came"),
    [
        ("gcc -O0", "/* b */", "/* another */", HIT),
        ("gcc -O2 -g", "/* b */", "/* another */", HIT),
        ("gcc -O0", "/* a */", "/* a\n * b\n */", HIT),
        ("gcc -O0", "/* b */", "/* a\n   * b\n   */", HIT),
        ("gcc -O0 -g", "/* a */", "/* a\n * b\n */", ""),
        ("gcc -O0", "/* b */", "", HIT),
        ("gcc -O0", "if (a)\n", "if (a) ", ""),
        ("gcc -O0", "int f", "/* b */ int f", ""),
        ("gcc -O0", "return 1", "return 2", ""),
        ("g++ -O0", "/* a */", "/* a\n * b\n */", HIT),
        ("clang -O0", "/* a */", "/* a\n * b\n */", HIT),
        ("clang -O0 -g", "/* a */", "/* b */", "tokens.refuse.debug"),
        ("clang -O0 -gdwarf-4", "/* a */", "/* b */", HIT),
        ("clang -x c++ -O0", "/* a */", "/* b */", HIT),
        ("clang -x c++ -O0", "/* a */", "/* a\n * b\n */", ""),
        ("gcc -std=c90 -Dinline=", "/* a */", "/* b */", "tokens.refuse.option"),
    ],
)
def test_comments_and_lines(bench: Bench, line: str, before: str, after: str, came: str) -> None:
    """What came of one edit; what is taken is what a compile makes."""
    assert Builds(bench, line).edit(before, after) == came


LINE_SOURCE = (
    '#include <assert.h>\n#include "a.h"\n/* b */\nint f(int a) { assert(a); return one(); }\n'
)


def test_a_line_that_is_named_keeps_lines_in_place(bench: Bench) -> None:
    """A comment before an assertion may change as long as no line moves; a header's may."""
    builds = Builds(bench, "gcc -O0")
    assert builds.edit("/* b */", "/* b, too */", LINE_SOURCE) == HIT
    assert builds.build(unit_c=LINE_SOURCE.replace("/* b */", "/*\n*/")) == "tokens.refuse.line"
    assert builds.build(a_h="/* a\n */" + HEADER[len("/* a */") :]) == HIT


@pytest.mark.parametrize(
    ("source", "options", "came"),
    [
        ("int g(void) { return __LINE__; }\n", "", "tokens.refuse.line"),
        ("#define HERE __LINE__\nint g(void) { return HERE; }\n", "", "tokens.refuse.line"),
        ("#define HERE __LINE__\nint g(void) { return 1; }\n", "", HIT),
        ("#define P(a) a ## NE__\nint g(void) { return P(__LI); }\n", "", "tokens.refuse.line"),
        ("int g(void) { return HERE; }\n", "-DHERE=__LINE__", "tokens.refuse.line"),
        ("#if __LINE__ > 3\nint g;\n#endif\n", "", "tokens.refuse.line"),
        ("int g(void) { return __builtin_LINE(); }\n", "", "tokens.refuse.line"),
    ],
)
def test_ways_to_name_a_line(bench: Bench, source: str, options: str, came: str) -> None:
    """Lines that move count wherever the file can name one."""
    assert (
        Builds(bench, f"gcc -O0 {options}").edit("/* b */", "/* b\n*/", "/* b */\n" + source)
        == came
    )


def test_a_default_argument_that_asks_for_a_line(bench: Bench) -> None:
    """In C++ a call can name its line without a word: then none may move."""
    header = "inline int at(int line = __builtin_LINE()) { return line; }\n"
    source = '#include "a.h"\n/* b */\nint f() { return at(); }\n'
    builds = Builds(bench, "g++ -O0")
    assert builds.edit("/* b */", "/* b\n*/", source, header) == "tokens.refuse.line"


def test_clang_tells_types_by_their_lines(bench: Bench) -> None:
    """A type without a name is told by its line in __PRETTY_FUNCTION__, be it elsewhere."""
    header = "/* a */\nstruct { int a; } all;\n"
    source = '#include "a.h"\nconst char *f(__typeof__(all) *a)\n{ return __PRETTY_FUNCTION__; }\n'
    builds = Builds(bench, "clang -O0")
    assert builds.edit("/* a */", "/* a\n*/", source, header) == "tokens.refuse.line"


def test_a_copy_is_told_by_its_content(bench: Bench) -> None:
    """Of two equal headers with `#pragma once` gcc takes one; a comment makes them two."""
    header = "#pragma once\n/* a */\n"
    source = '#include "a.h"\n#include "b.h"\nint f;\n'
    builds = Builds(bench, "gcc -O0")
    for name in ("a.h", "b.h"):
        bench.write(name, header)
        os.utime(name, (1_500_000_000, 1_500_000_000))
    assert builds.build(unit_c=source) == ""
    assert builds.build(a_h=header.replace("/* a */", "/* b */")) == "tokens.refuse.copy"
    assert builds.build(a_h=header.replace("/* a */", "/* c */")) == HIT


def test_a_link_to_a_changed_file_is_no_copy(bench: Bench) -> None:
    """Both names lead to one file, before and after."""
    header = "#pragma once\n/* a */\n"
    builds = Builds(bench, "gcc -O0")
    os.symlink("a.h", "b.h")
    source = '#include "a.h"\n#include "b.h"\nint f;\n'
    assert builds.edit("/* a */", "/* b */", source, header) == HIT


FALLS = (
    "int f(int a)\n{\n  switch (a) {\n  case 1:\n    a++;\n    /* fall through */\n"
    "  case 2:\n    return a; /* two */\n  }\n  return 0;\n}\n"
)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [("fall through", "go on", 1), ("fall through", "go on\n     *", 1), ("two", "2", 0)],
)
def test_a_comment_that_keeps_a_warning_away(
    bench: Bench, before: str, after: str, status: int
) -> None:
    """Without it the compile fails, and so does the build."""
    line = "gcc -O0 -Wextra -Werror -c -o unit.o unit.c"
    bench.write("unit.c", FALLS)
    assert bench.command(line, "unit.o") == 0
    bench.write("unit.c", FALLS.replace(before, after))
    bench.open()
    assert bench.command(line, "unit.o") == status
    assert (HIT in bench.reasons()) is (status == 0)


@pytest.mark.parametrize(
    "after", ["// c \\\nint g(void) { return 4; }\n", "/* c /* */\n", "\n", "/* \u202e */\n"]
)
def test_a_comment_that_brings_a_warning(bench: Bench, after: str) -> None:
    """What the compiler now says is said."""
    source = (
        "int a, b, c;\nvoid f(void);\nvoid f(void)\n{\n  if (a)\n    b = 1;\n//\n    c = 2;\n}\n"
    )
    line = "gcc -O0 -Wall -Werror -c -o unit.o unit.c"
    bench.write("unit.c", source)
    assert bench.command(line, "unit.o") == 0
    bench.write("unit.c", source.replace("//\n", after))
    bench.open()
    assert bench.command(line, "unit.o") != 0


def test_a_result_that_said_something_is_not_taken(bench: Bench) -> None:
    """Its warning may name another line now."""
    source = SOURCE + "static int unused;\n"
    bench.write("a.h", HEADER)
    builds = Builds(bench, "gcc -O0 -Wall")
    assert builds.edit("/* b */", "/* c */", source) == ""


def test_the_comment_that_ends_a_condition(bench: Bench) -> None:
    """A comment's end counts where code follows from it."""
    source = "#if 0\nint a; /* b */\n#endif\nint g;\n"
    builds = Builds(bench, "gcc -O0")
    assert builds.edit("/* b */", "/* b, b */", source, "") == HIT
    assert builds.build(unit_c=source.replace("/* b */", "/* b\n#endif */")) == HIT
    assert builds.build(unit_c=source.replace("/* b */", "/* b */\n#endif\n#if 0")) == ""


def test_the_result_is_an_ordinary_hit_afterwards(bench: Bench) -> None:
    """What was taken is stored under the new bytes, and serves the next edit, too."""
    builds = Builds(bench, "gcc -O0")
    assert builds.edit("/* b */", "/* c */") == HIT
    record = bench.last("unit.o")
    assert record is not None
    assert (record.outcome, record.detail) == (HIT, "unit.c")
    assert builds.build() == ""
    assert bench.counts() == {"commands": 1, "hits": 1}
    assert builds.build(unit_c=SOURCE.replace("/* b */", "/* d */\n\n")) == HIT
    assert builds.build(unit_c=SOURCE) == ""
    assert bench.counts() == {"commands": 1, "hits": 1}


def test_other_outputs_come_with_it(bench: Bench) -> None:
    """The dependency file is put in place as well."""
    builds = Builds(bench, "gcc -O0 -MMD")
    assert builds.build(unit_c=SOURCE, a_h=HEADER) == ""
    made = bench.read("unit.d")
    for name in ("unit.o", "unit.d"):
        os.unlink(name)
    assert builds.build(a_h=HEADER.replace("/* a */", "\n\n")) == HIT
    assert bench.read("unit.d") == made


def test_a_header_that_now_comes_first_is_seen(bench: Bench) -> None:
    """A result is not taken where a file has come up that would be found."""
    builds = Builds(bench, "gcc -O0 -Iinc -I.")
    source = SOURCE.replace('"a.h"', "<a.h>")
    assert builds.build(unit_c=source, a_h=HEADER) == ""
    bench.write("inc/a.h", "static inline int one(void) { return 2; }\n")
    assert builds.build(unit_c=source.replace("/* b */", "/* c */")) != HIT


def test_an_output_that_is_gone_is_made(bench: Bench) -> None:
    """A result whose object was lost is not taken."""
    builds = Builds(bench, "gcc -O0")
    assert builds.build(unit_c=SOURCE, a_h=HEADER) == ""
    shutil.rmtree(".incremental/cache/objects")
    assert builds.build(unit_c=SOURCE.replace("/* b */", "/* c */")) == ""
    assert bench.counts() == {"commands": 1, "stored": 1}


def test_it_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With INCREMENTAL_TOKENS=0 no codes are stored, and a comment is compiled."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path, INCREMENTAL_TOKENS="0")
    assert Builds(bench, "gcc -O0").edit("/* b */", "/* c */") == ""
    assert bench.counts() == {"commands": 1, "stored": 1}
    record = bench.last("unit.o")
    assert record is not None
    manifest = bench.cache.zir.manifest(record.action)
    assert manifest is not None
    assert {result.codes for result in manifest.results} == {b""}


def test_codes_are_those_of_the_projects_files(bench: Bench) -> None:
    """Files of the system have none, and there is nothing to keep of them."""
    source = "#include <stdio.h>\n" + SOURCE
    assert Builds(bench, "gcc -O0").build(unit_c=source, a_h=HEADER) == ""
    record = bench.last("unit.o")
    assert record is not None
    manifest = bench.cache.zir.manifest(record.action)
    assert manifest is not None
    result = manifest.results[0]
    assert {result.paths[at] for at in result.files} == {b"unit.c", b"a.h"}
    assert len(result.codes) == 2 * 32
