"""One function of a unit is edited: what is compiled then, and that the object is right."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import many_functions
import pytest
from command_bench import ENVIRONMENT, Bench

from incremental_tool.engine import function_compile
from incremental_tool.model.object_comparison import differences

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = "#define SHAPE 5\n"
FULL = [("function_full", 1)]


class Unit:
    """One unit that is built again and again, by one compiler with some options."""

    def __init__(self, bench: Bench, compiler: str, options: str) -> None:
        self.bench = bench
        self.compiler = compiler
        self.words = f"{compiler} {options} -c -o unit.o unit.c"
        bench.write("shape.h", SHAPE)

    def build(self, text: str, words: str = "") -> dict[str, int]:
        """Build the text as a new build does; return what was counted, without times."""
        self.bench.write("unit.c", text)
        self.bench.open()
        assert self.bench.command(words or self.words, "unit.o") == 0
        counts = self.bench.cache.statistics.counts
        return {name: value for name, value in counts.items() if not name.startswith("us_")}

    def based(self, text: str = "") -> None:
        """Build a text, and then another, so that there is a base."""
        self.build(text or many_functions.source())
        counts = self.build((text or many_functions.source()) + "/* edited */\n")
        assert counts.get("stored") == 1

    def made(self, text: str) -> tuple[int, int]:
        """Build a text that is made of functions; return how many were compiled, and the rest."""
        counts = self.build(text)
        assert counts.get("by_function") == 1, self.bench.reasons()
        return counts["functions_compiled"], counts["functions_cached"]

    def refused(self, text: str) -> str:
        """Build a text that is compiled whole; return the reason for that."""
        counts = self.build(text)
        assert "by_function" not in counts
        (reason,) = [name for name in self.bench.reasons() if name.startswith("function.")]
        return reason

    def runs_as_compiled_whole(self) -> None:
        """Check that the object is, by meaning and by what it prints, that of a full compile."""
        plain = self.words.replace("-o unit.o", "-o whole.o").split()
        strict = ["-ffunction-sections"]
        if self.compiler == "gcc":
            strict.append("-fno-ipa-stack-alignment")
        subprocess.run([*plain, *strict], check=True, env=ENVIRONMENT)
        with open("whole.o", "rb") as whole, open("unit.o", "rb") as made:
            assert differences(whole.read(), made.read()) == []
        subprocess.run(plain, check=True, env=ENVIRONMENT)
        said = []
        for name in ("unit", "whole"):
            subprocess.run([self.compiler, "-o", name, f"{name}.o"], check=True)
            said.append(subprocess.run([f"./{name}"], check=True, stdout=subprocess.PIPE).stdout)
        assert said[0] == said[1]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a project in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path, INCREMENTAL_TOKENS="0")


@pytest.fixture(params=["gcc -O0", "gcc -O0 -g", "clang -O0", "clang -O0 -g"])
def unit(bench: Bench, request: pytest.FixtureRequest) -> Unit:
    """Return a unit of each compiler, without and with debug information."""
    compiler, _, options = request.param.partition(" ")
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    return Unit(bench, compiler, options)


def test_a_first_build_is_the_plain_one(unit: Unit) -> None:
    """The object of a first build is byte for byte what the user's command makes."""
    counts = unit.build(many_functions.source())
    assert counts == {"commands": 1, "stored": 1}
    first = unit.bench.read("unit.o")
    subprocess.run(unit.words.split(), check=True, env=ENVIRONMENT)
    assert unit.bench.read("unit.o") == first


def test_a_changed_function_is_compiled_by_itself(unit: Unit) -> None:
    """Of all functions one is compiled, and the object is that of a full compile."""
    unit.based()
    compiled, cached = unit.made(many_functions.source(plain="  return helper(a) * 9 - SHAPE;"))
    assert (compiled, cached) == (1, many_functions.FILLERS + 6)
    unit.runs_as_compiled_whole()


@pytest.mark.parametrize(
    "bodies",
    [
        {"says": '  printf("other %d\\n", a + 1);\n  return a;'},
        {"chooses": "  switch (a) { case 0: return 1; case 1: return 5; case 2: return 9;"
         " case 3: return 4; case 4: return 77; case 5: return 6; default: return names[2][0]; }"},
        {"counts": "  static int n = 40;\n  static int m = 1;\n  n += a + m++;\n  return n;"},
        {"counts": "  puts(__func__);\n  return a;"},
        {"plain": "  return helper(a) + (int)sizeof(struct pair);", "says": "  return a + 1;"},
        {"helper": "  return a - counter;"},
        {"plain": "  static const int factor = 9;\n  return helper(a) * factor + SHAPE;"},
        {"plain": "  static void *const t[] = {&&x, &&y};\n  goto *t[helper(a) & 1];\n"
         "x: return 1;\ny: return 2;"},
        {"plain": "  double d = a * 1.25 + helper(a);\n  return (int)d;"},
        {"plain": "\n\n\n  return helper(a) * 3 + SHAPE;\n\n"},
        {"helper": "\n\n\n\n\n  return counter - a;"},
    ],
)  # fmt: skip
def test_an_edit_of_a_body_gives_what_a_full_compile_gives(
    unit: Unit, bodies: dict[str, str]
) -> None:
    """Literals, tables, statics, names and lines of changed functions are those of the new text."""
    unit.based()
    unit.made(many_functions.source(**bodies))
    unit.runs_as_compiled_whole()


def test_what_was_compiled_once_is_not_compiled_again(unit: Unit) -> None:
    """A function that is edited back and forth is taken from the cache."""
    unit.based()
    one = many_functions.source(plain="  return helper(a) + 1;")
    two = many_functions.source(plain="  return helper(a) + 2;")
    assert unit.made(one)[0] == 1
    assert unit.made(two)[0] == 1
    assert unit.made(one)[0] == 0
    unit.runs_as_compiled_whole()


def test_a_second_changed_function_joins_the_first(unit: Unit) -> None:
    """What has changed since the base is put together of what was compiled at different times."""
    unit.based()
    unit.made(many_functions.source(helper="  return a + 2 * counter;"))
    compiled, _ = unit.made(
        many_functions.source(
            helper="  return a + 2 * counter;", says='  puts("now");\n\n\n  return a;'
        )
    )
    assert compiled == 2  # `where` names the line that it stands on
    unit.runs_as_compiled_whole()
    compiled, _ = unit.made(
        many_functions.source(
            above="/* two\n lines */\n",
            helper="  return a + 2 * counter;",
            says='  puts("now");\n\n\n  return a;',
        )
    )
    assert compiled == 1
    unit.runs_as_compiled_whole()


def test_a_comment_compiles_nothing(bench: Bench) -> None:
    """Without debug information a comment in a function leaves it as it was compiled."""
    unit = Unit(bench, "gcc", "-O0")
    unit.based()
    assert unit.made(
        many_functions.source(plain="  return helper(a) * 2 + SHAPE;  /* twice */")
    ) == (
        0,
        many_functions.FILLERS + 7,
    )
    assert bench.reasons() == {"function.same": 1}


def test_lines_that_move_are_followed(unit: Unit) -> None:
    """Where lines are added above, what names its line is compiled, and all else has moved."""
    unit.based()
    compiled, _ = unit.made(many_functions.source(above="/* one\n * two\n * three */\n\n"))
    assert compiled == 1
    unit.runs_as_compiled_whole()


@pytest.mark.parametrize(
    ("edited", "reason"),
    [
        ({"above": "struct more { int x; };\n"}, "function.refuse.declaration"),
        ({"above": "#define OTHER 2\n"}, "function.refuse.directive"),
        ({"plain": "  return a * SHAPE; }\nint more(int a)\n{\n  return a;"}, None),
        ({"end": "int last(void) { return 3; }\n"}, None),
    ],
)
def test_an_edit_of_more_than_bodies_is_compiled_whole(
    unit: Unit, edited: dict[str, str], reason: str | None
) -> None:
    """Declarations, directives and new functions send the unit to a full compile, or are right."""
    unit.based()
    text = many_functions.source(**edited)
    if reason is not None:
        assert unit.refused(text) == reason
    else:
        unit.build(text)
    unit.runs_as_compiled_whole()


def test_a_full_compile_after_a_refusal_is_the_next_base(unit: Unit) -> None:
    """What was compiled whole because of an edit is what the next edit is compared with."""
    unit.based()
    text = many_functions.source(above="struct more { int x; };\n")
    unit.refused(text)
    assert unit.made(text.replace("helper(a) * 2", "helper(a) * 4"))[0] == 1
    unit.runs_as_compiled_whole()


def test_lines_at_the_top_that_move_are_followed_or_compiled(unit: Unit) -> None:
    """Where a moved line's number needs more bytes than it had, the unit is compiled whole."""
    unit.based()
    counts = unit.build(many_functions.source(top="/* one\n * two\n * three */\n\n"))
    if "by_function" not in counts:
        assert unit.bench.reasons()["function.refuse.debug-lines"] == 1
    unit.runs_as_compiled_whole()


def test_a_changed_header_is_no_edit_of_functions(unit: Unit) -> None:
    """Where an included file has changed the whole unit is compiled, as plain SCons compiles it."""
    unit.based()
    unit.bench.write("shape.h", SHAPE.replace("5", "6"))
    assert unit.refused(many_functions.source() + "/* edited */\n") == "function.refuse.input"
    unit.runs_as_compiled_whole()


def test_another_command_is_no_edit_of_functions(unit: Unit) -> None:
    """A unit that was compiled whole with other options is compiled whole with these."""
    unit.based()
    unit.words = unit.words.replace(" -c ", " -DNDEBUG -c ")
    counts = unit.build(many_functions.source(plain="  return 1;"))
    assert "by_function" not in counts


def test_the_last_use_of_a_static_function_is_seen(bench: Bench) -> None:
    """Compilers leave out what nobody uses and say so: that takes a full compile."""
    unit = Unit(bench, "gcc", "-O0")
    unit.based()
    assert unit.refused(many_functions.source(plain="  return a;")) == "function.refuse.static"


def test_a_warning_is_for_a_full_compile_to_give(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    """A message about an edited function comes as plain SCons shows it, with all others."""
    unit = Unit(bench, "gcc", "-O0 -Wall -Wextra")
    unit.based()
    assert unit.refused(many_functions.source(plain="  int x; return helper(a);")) == (
        "function.refuse.messages"
    )
    shown = capfd.readouterr().err
    assert "unused variable" in shown
    assert "plain" in shown


def test_an_error_is_for_the_command_to_give(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot be compiled fails as it does without the tool."""
    unit = Unit(bench, "gcc", "-O0")
    unit.based()
    bench.write("unit.c", many_functions.source(plain="  return nobody_knows(;"))
    bench.open()
    assert bench.command(unit.words, "unit.o") == 1
    assert "expected expression" in capfd.readouterr().err


def test_the_level_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INCREMENTAL_FUNCTIONS=0 compiles every edit whole, with the user's words alone."""
    monkeypatch.chdir(tmp_path)
    unit = Unit(Bench(tmp_path, INCREMENTAL_TOKENS="0", INCREMENTAL_FUNCTIONS="0"), "gcc", "-O0")
    unit.build(many_functions.source())
    unit.build(many_functions.source(plain="  return 1 + helper(a);"))
    counts = unit.build(many_functions.source(plain="  return 2 + helper(a);"))
    assert counts == {"commands": 1, "stored": 1}
    made = unit.bench.read("unit.o")
    subprocess.run(unit.words.split(), check=True, env=ENVIRONMENT)
    assert unit.bench.read("unit.o") == made


def test_all_makes_a_base_of_the_first_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INCREMENTAL_FUNCTIONS=all: already the first edit is compiled by function."""
    monkeypatch.chdir(tmp_path)
    unit = Unit(Bench(tmp_path, INCREMENTAL_TOKENS="0", INCREMENTAL_FUNCTIONS="all"), "gcc", "-O0")
    unit.build(many_functions.source())
    assert unit.made(many_functions.source(plain="  return 2 + helper(a);"))[0] == 1
    unit.runs_as_compiled_whole()


def test_verification_finds_an_object_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first object that differs turns the level off, is kept, and never reaches the project."""
    monkeypatch.chdir(tmp_path)
    unit = Unit(Bench(tmp_path, INCREMENTAL_TOKENS="0", INCREMENTAL_VERIFY="1"), "gcc", "-O0")
    unit.based()
    assert unit.made(many_functions.source(plain="  return helper(a) + 77;"))[0] == 1
    assert unit.bench.cache.statistics.counts["functions_verified"] == 1
    monkeypatch.setattr(function_compile, "compose", lambda base, *_, **__: base)
    text = many_functions.source(plain="  return helper(a) + 78;")
    assert unit.refused(text) == "function.differs"
    unit.runs_as_compiled_whole()
    assert any("function.differs" in told for told in unit.bench.told)
    kept = [name for name in os.listdir(".incremental") if name.startswith("differs-")]
    assert len(kept) == 2
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert unit.refused(text.replace("+ 78", "+ 79")) == "function.refuse.disabled"


def test_a_damaged_base_costs_a_full_compile(unit: Unit) -> None:
    """What is kept of a unit is checked, and set aside where it is not as it was written."""
    unit.based()
    for folder, _, names in os.walk(os.path.join(".incremental", "cache", "air")):
        for name in names:
            with open(os.path.join(folder, name), "r+b") as file:
                file.truncate(os.path.getsize(os.path.join(folder, name)) // 2)
    counts = unit.build(many_functions.source(plain="  return 5;"))
    assert "by_function" not in counts
    assert unit.bench.reasons()["store.corrupt.function"] == 1
    unit.runs_as_compiled_whole()


def test_a_builtin_that_names_its_line_is_compiled_for_each(unit: Unit) -> None:
    """`__builtin_LINE()` survives the preprocessor: a known piece of another line is not taken."""
    where = "  return a + __builtin_LINE();"
    unit.based(many_functions.source(where=where))
    for says in ("  return 3;", '  puts("moves");\n  puts("more");\n  return a;', "  return 3;"):
        unit.made(many_functions.source(where=where, says=says, plain="  return helper(a);"))
        unit.runs_as_compiled_whole()


def test_a_declaration_with_such_a_builtin_is_compiled_whole(unit: Unit) -> None:
    """Its value is another when lines above it come or go."""
    end = "int line = __builtin_LINE();\n"
    unit.based(many_functions.source(end=end))
    said = unit.refused(many_functions.source(end=end, says="  return 3;"))
    assert said == "function.refuse.line"


def test_who_is_named_by_a_constant_keeps_a_body(bench: Bench) -> None:
    """A constant's initialiser is read where it is used: addresses are taken from there."""
    unit = Unit(bench, "gcc", "-O0 -fPIC")
    top = (
        "static int inner(int a) { return a + 2; }\nint outer(int a) { return a + 1; }\n"
        "typedef int (*const function)(int);\nstatic function other = inner;\n"
        "static const struct { function *more; int (*f)(int); } table[] = {{&other, outer}};\n"
    )
    plain = "  return table[0].f(a) + (*table[0].more)(a) + other(a) + helper(a)"
    unit.based(many_functions.source(top=top, plain=f"{plain};"))
    assert unit.made(many_functions.source(top=top, plain=f"{plain} + 7;"))[0] == 1
    unit.runs_as_compiled_whole()


def test_a_function_that_the_compiler_leaves_out_stays_out(unit: Unit) -> None:
    """Clang has a static function that nobody uses nowhere, so its edit takes a full compile."""
    text = many_functions.source(plain="  return a;")
    unit.based(text)
    again = text.replace("return a + counter;", "return a - counter;")
    assert again != text
    if unit.compiler == "clang":
        assert unit.refused(again) == "function.refuse.unreferenced"
    else:
        assert unit.made(again)[0] == 1
    unit.runs_as_compiled_whole()
