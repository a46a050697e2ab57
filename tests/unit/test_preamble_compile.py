"""A unit is edited again and again: what is compiled then, and that the bytes are right."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_bench import ENVIRONMENT, Bench

from incremental_tool.engine import preamble, preamble_making
from incremental_tool.engine.preamble_making import fulfil, pack, unpack
from incremental_tool.model.preamble_command import precompiled_name

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.engine.preamble_making import Wish

HEAD = """\
// A unit that reads much for its size.
#include <map>
#include <iostream>
#include "shape.h"
#if SHAPE > 3
#define TWICE(x) ((x) * 2)
#endif
"""
SHAPE = "#define SHAPE 5\ninline const char *where() { return __FILE__; }\n"


def source(turn: int, head: str = HEAD) -> str:
    """Return the unit's text after some edits."""
    more = "\n" * turn
    return head + (
        f"static std::map<int, const char *> known;{more}\n"
        f"int value(int x) {{ known[x] = where(); return TWICE(x) + {turn} + __LINE__; }}\n"
        "int main() { std::cout << value(3) << where() << __FILE__; }\n"
    )


class Unit:
    """One unit in a folder of its own, built by one compiler with some options."""

    def __init__(self, bench: Bench, compiler: str, options: str) -> None:
        self.bench = bench
        self.words = f"{compiler} {options} -MMD -c -o unit.o src/unit.cc"
        self.header = precompiled_name("gcc" if compiler == "g++" else "clang", ".h")
        self.turn = 0
        bench.write("src/shape.h", SHAPE)

    def edit(self, head: str = HEAD) -> None:
        """Write the unit's next text."""
        self.turn += 1
        self.bench.write("src/unit.cc", source(self.turn, head))

    def build(self, words: str = "") -> str:
        """Build as a new build does; return what came of it.

        Where the user's command did not run, the bytes are those that it would have made.
        """
        words = words or self.words
        self.bench.open()
        assert self.bench.command(words, "unit.o") == 0
        counts = self.bench.cache.statistics.counts
        if not counts["by_preamble"]:
            return "stored" if counts["stored"] else "other"
        plain = words.replace("unit.o", "plain.o")
        subprocess.run(plain.split(), check=True, env=ENVIRONMENT, capture_output=True)
        assert self.bench.read("unit.o") == self.bench.read("plain.o")
        listed = self.bench.read("plain.d").replace(b"plain.o", b"unit.o")
        assert self.bench.read("unit.d") == listed
        return "preamble"

    def precompiled(self) -> None:
        """Build until there is a precompiled preamble."""
        for _ in range(preamble.EDITS + 1):
            self.edit()
            assert self.build() == "stored"
        self.bench.open()  # the build has ended
        assert len(self.headers()) == 1

    def headers(self) -> list[Path]:
        """Return the precompiled headers that there are."""
        return list((self.bench.folder / ".incremental" / "preambles").glob("*" + self.header))

    def reasons(self) -> list[str]:
        """Return the reasons of the last build that speak of preambles."""
        return [name for name in self.bench.reasons() if name.startswith("preamble.")]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a project in the working directory, whose builds wait for precompiled preambles."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preamble, "MIN_MICROSECONDS", 0)
    monkeypatch.setattr(preamble, "MIN_READ", 0)
    return Bench(tmp_path, INCREMENTAL_PREAMBLE="wait")


def made(bench: Bench, compiler: str, options: str) -> Unit:
    """Return a unit of a compiler that is there."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    return Unit(bench, compiler, options)


@pytest.fixture(params=["g++ -O0 -g", "clang++ -O0"])
def unit(bench: Bench, request: pytest.FixtureRequest) -> Unit:
    """Return a unit of each compiler."""
    return made(bench, *request.param.split(" ", 1))


@pytest.fixture
def quick(bench: Bench) -> Unit:
    """Return a unit that costs little: what is tested does not depend on the compiler."""
    return made(bench, "g++", "-O0")


def test_a_third_edit_is_compiled_with_the_preamble(unit: Unit) -> None:
    """So are those behind it; the object and the dependency file are a plain compile's."""
    unit.precompiled()
    for _ in range(2):
        unit.edit()
        assert unit.build() == "preamble"
        assert unit.reasons() == ["preamble.made"]


def test_an_edited_header_or_preamble_is_compiled_plainly(unit: Unit) -> None:
    """What was precompiled is gone then; what is behind it counts from there."""
    unit.precompiled()
    unit.bench.write("src/shape.h", SHAPE.replace("5", "6"))
    assert unit.build() == "stored"
    assert unit.reasons() == ["preamble.refuse.input"]
    assert unit.headers() == []
    for _ in range(preamble.EDITS + 2):  # the build above was one with this header, too
        unit.edit()
        assert unit.build() in ("stored", "preamble")
    unit.bench.open()  # the build has ended
    assert len(unit.headers()) == 1
    unit.edit(HEAD + "#define MORE 1\n")
    assert unit.build() == "stored"
    assert unit.reasons() == ["preamble.refuse.input"]
    assert unit.headers() == []


def test_a_damaged_header_is_not_used(unit: Unit) -> None:
    """A changed byte, a cut, an empty file: the user's command runs, and another is made."""
    unit.precompiled()
    for damage in range(3):
        (header,) = unit.headers()
        content = header.read_bytes()
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        header.write_bytes((changed, content[:middle], b"")[damage])
        unit.edit()
        assert unit.build() == "stored"
        assert unit.reasons() == ["preamble.refuse.damaged"]
        assert unit.headers() == []
        unit.bench.open()
    unit.edit()
    assert unit.build() == "preamble"


def test_a_header_that_appears_earlier_on_the_path_is_seen(bench: Bench) -> None:
    """A file where the compiler had looked in vain makes the preamble another."""
    (bench.folder / "near").mkdir()
    unit = made(bench, "g++", "-O0 -Inear -Ifar")
    bench.write("far/shape.h", SHAPE.replace("5", "7"))
    os.unlink("src/shape.h")
    unit.precompiled()
    bench.write("near/shape.h", SHAPE)
    unit.edit()
    assert unit.build() == "stored"
    assert unit.reasons() == ["preamble.refuse.input"]


def test_messages_and_errors_are_those_of_the_users_command(
    quick: Unit, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is compiled with a precompiled preamble and says anything is compiled plainly."""
    quick.words = quick.words.replace("-O0", "-O0 -Wall")
    quick.precompiled()
    text = source(50) + "static int unused;\n"
    quick.bench.write("src/unit.cc", text)
    assert quick.build() == "stored"
    assert quick.reasons() == ["preamble.refuse.messages"]
    assert "src/unit.cc:61:12: warning" in capfd.readouterr().err
    quick.bench.write("src/unit.cc", text + "int wrong = nothing;\n")
    quick.bench.open()
    assert quick.bench.command(quick.words, "unit.o") == 1
    assert quick.reasons() == ["preamble.refuse.failed"]
    assert "src/unit.cc:62:13: error" in capfd.readouterr().err


def test_other_flags_have_a_preamble_of_their_own(quick: Unit) -> None:
    """The first one stays for when they come back."""
    quick.precompiled()
    quick.edit()
    assert quick.build(quick.words.replace("-O0", "-O1 -DMORE")) == "stored"
    assert len(quick.headers()) == 1
    quick.edit()
    assert quick.build() == "preamble"


def test_an_include_behind_the_preamble_is_compiled_plainly(quick: Unit) -> None:
    """Only a preamble's files are watched."""
    quick.precompiled()
    quick.bench.write("src/unit.cc", source(60) + "#include <string>\n")
    assert quick.build() == "stored"
    assert quick.reasons() == ["preamble.refuse.source"]


def test_turned_off_nothing_is_precompiled_or_used(quick: Unit) -> None:
    """`INCREMENTAL_PREAMBLE=0` leaves what there is alone."""
    quick.bench.variables["INCREMENTAL_PREAMBLE"] = "0"
    for _ in range(4):
        quick.edit()
        assert quick.build() == "stored"
    quick.bench.open()
    assert quick.headers() == []
    quick.bench.variables["INCREMENTAL_PREAMBLE"] = "wait"
    quick.edit()
    assert quick.build() == "stored"
    quick.bench.open()
    quick.bench.variables["INCREMENTAL_PREAMBLE"] = "0"
    quick.edit()
    assert quick.build() == "stored"
    assert len(quick.headers()) == 1


def test_verifying_compares_with_a_plain_compile(
    quick: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first difference gives the plain object, keeps both, and turns the level off."""
    quick.precompiled()
    quick.bench.variables["INCREMENTAL_VERIFY"] = "1"
    quick.edit()
    assert quick.build() == "preamble"
    assert quick.bench.cache.statistics.counts["preambles_verified"] == 1
    original = preamble_making.Unit.compiled

    def wrong(*arguments: object) -> object:
        answer = original(*arguments)  # type: ignore[arg-type] # passed on
        assert isinstance(answer, tuple)
        return answer[0] + b"?", answer[1]

    monkeypatch.setattr(preamble_making.Unit, "compiled", wrong)
    quick.edit()
    assert quick.build() == "stored"
    assert quick.reasons() == ["preamble.differs"]
    assert "preamble.differs" in quick.bench.told[-1]
    monkeypatch.undo()
    os.chdir(quick.bench.folder)
    state = quick.bench.folder / ".incremental"
    assert (state / "preambles.off").exists()
    assert len(list(state.glob("differs-*.preamble.o"))) == 1
    quick.edit()
    assert quick.build() == "stored"
    assert quick.reasons() == ["preamble.refuse.disabled"]


def test_a_unit_that_is_not_quicker_goes_back_to_plain_compiles(
    quick: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three compiles in a row that were not worth it, and is not tried again."""
    quick.precompiled()
    monkeypatch.setattr(preamble_making, "WORTH", 1000)
    for _ in range(preamble.MAX_SLOW):
        quick.edit()
        assert quick.build() == "preamble"
    assert quick.headers() == []
    quick.edit()
    assert quick.build() == "stored"
    assert quick.reasons() == ["preamble.refuse.slow"]


def test_a_header_that_never_serves_is_given_up(
    quick: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three compiles that failed with it, and did not without."""
    quick.precompiled()
    monkeypatch.setattr(
        preamble_making, "using_words", lambda *_: ["g++", "--no-such-option", "-c", "a.cc"]
    )
    for _ in range(preamble.MAX_SLOW):
        quick.edit()
        assert quick.build() == "stored"
        assert quick.reasons() == ["preamble.refuse.failed"]
    quick.edit()
    assert quick.build() == "stored"
    assert quick.headers() == []


def test_clang_tells_no_other_place_of_a_type_without_a_name(bench: Bench) -> None:
    """Its own macro is refused by name; what `assert` tells is found in the object."""
    unit = made(bench, "clang++", "-O0 -I.")
    bench.write("src/shape.h", SHAPE + "inline auto nameless() { return [] {}; }\n")
    head = HEAD.replace('"shape.h"', '"src/shape.h"') + "#include <cassert>\n"
    for _ in range(preamble.EDITS + 1):
        unit.edit(head)
        assert unit.build() == "stored"
    bench.open()
    unit.edit(head)
    assert unit.build() == "preamble"
    text = source(40, head) + "template <class T> void checked(T, int x) { assert(x); }\n"
    bench.write("src/unit.cc", text + "void use() { checked(nameless(), 1); }\n")
    assert unit.build() == "stored"
    assert unit.reasons() == ["preamble.refuse.place"]
    bench.write("src/unit.cc", source(41, head) + "auto name() { return __PRETTY_FUNCTION__; }\n")
    assert unit.build() == "stored"
    assert unit.reasons() == ["preamble.refuse.place"]


def wished(quick: Unit, monkeypatch: pytest.MonkeyPatch) -> Wish:
    """Build until a header is wished for, and return the wish as its process gets it."""
    found: list[Wish] = []
    monkeypatch.setattr(
        preamble.PrecompiledPreambles, "begin_making", lambda self: found.extend(self._wishes)
    )
    for _ in range(preamble.EDITS + 1):
        quick.edit()
        quick.build()
    quick.bench.open()
    state = quick.bench.cache.settings.state_dir
    again, (wish,) = unpack(pack(state, found))
    assert (again, [wish]) == (state, found)
    return wish


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"object_digest": b"?" * 16}, "preamble.refuse.differs"),
        ({"plain_us": 1}, "preamble.refuse.slow"),
    ],
)
def test_a_preamble_that_is_no_use_is_not_tried_again(
    quick: Unit, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], reason: str
) -> None:
    """Where the object differs, or it takes as long: that is remembered."""
    wish = wished(quick, monkeypatch)
    if "plain_us" in change:
        wish = wish._replace(record=wish.record._replace(plain_us=1))
    else:
        wish = wish._replace(object_digest=b"?" * 16)
    fulfil(wish, quick.bench.cache.settings.state_dir)
    assert quick.headers() == []
    quick.edit()
    assert quick.build() == "stored"
    assert quick.reasons() == [reason]


def test_a_preamble_is_not_made_from_what_has_moved_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header that was edited meanwhile, or clang's source, is another build's affair."""
    unit = made(bench, "clang++", "-O0")
    wish = wished(unit, monkeypatch)
    folder = unit.bench.folder / ".incremental" / "preambles"
    state = unit.bench.cache.settings.state_dir
    unit.edit()
    fulfil(wish, state)
    unit.bench.write("src/shape.h", SHAPE + "// edited\n")
    fulfil(wish, state)
    assert {path.suffix for path in folder.iterdir()} == {".lock"}


def test_a_header_that_tells_its_depth_rules_it_out(quick: Unit) -> None:
    """It is one file deeper when it is precompiled."""
    quick.bench.write("src/shape.h", SHAPE + "const int deep = __INCLUDE_LEVEL__;\n")
    for _ in range(preamble.EDITS + 2):
        quick.edit()
        assert quick.build() == "stored"
    assert quick.reasons() == ["preamble.refuse.source"]


def test_small_units_and_lone_edits_make_nothing(
    quick: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a unit that reads little, nor one that is compiled at once, nor too many at once."""
    for name, value in (("MIN_READ", 1 << 30), ("MIN_MICROSECONDS", 1 << 40), ("MAX_WISHES", 0)):
        with monkeypatch.context() as patched:
            patched.setattr(preamble, name, value)
            for _ in range(preamble.EDITS + 1):
                quick.edit()
                assert quick.build() == "stored"
            quick.bench.open()
            assert quick.headers() == []
