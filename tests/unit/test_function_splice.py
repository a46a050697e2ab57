"""An object composed of functions is what a whole compile makes, or there is a reason."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from spliced_units import UNIT, Maker, edited, maker

from incremental_tool.model.function_splice import Piece, compose
from incremental_tool.model.object_comparison import differences
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path

BODIES = {
    "literal": "{ counter++; return helper(x) + shared + 5; }",
    "string": '{ puts("new words"); puts("and more"); return helper(x); }',
    "switch": "{ switch (x) { case 0: return 1; case 1: return 5; case 2: return 9; case 3:"
    " return 2; case 4: return 8; case 5: return helper(x); case 6: return 44; } return 3; }",
    "static": "{ static int mine = 6; static int zero; zero++; return helper(x) + mine++ + zero; }",
    "function name": "{ puts(__func__); return helper(x); }",
    "computed goto": "{ static void *const to[] = {&&a, &&b}; goto *to[x & 1];"
    " a: return 2; b: return helper(3); }",
    "constants": "{ double y = x * 1.25; float z = y + 2.5f; return helper(x) + (int)(y * z); }",
    "new external": "{ extern int putchar(int); putchar(65 + x % 9); return helper(x); }",
    "static function": "{ return helper(other(x)); }",
    "address of global": "{ int (*volatile f)(int) = later; return f != 0 ? helper(x) : 0; }",
    "address of static": "{ int (*f)(int) = other; table[2] += x; return f(helper(*&table[2])); }",
    "assembler": '{ __asm__ volatile("jmp 1f\\n nop\\n1:"); return helper(x); }',
    "thread-local": "{ static __thread int own = 4; return helper(per_thread += own++); }",
    "array": '{ char text[] = "0123456789abcdefghij"; int more[] = {9, 8, 7, 6, 5, 4, 3};'
    " return helper(text[x] + more[x % 7]); }",
    "strings of statics": '{ static const char *said[] = {"here", "there"}; puts(said[x & 1]);'
    " puts(names[x % 3]); return helper(1); }",
    "immediate": "{ counter = 1000000; table[1] = 5; *(char *)&shared = 3; return helper(x); }",
    "loop": "{ int i, sum = 0; for (i = 0; i < x; i++) sum += helper(table[i & 3]); return sum; }",
}
WAYS = {
    "gcc": ("gcc", "-O0", "-fno-ipa-stack-alignment"),
    "gcc, PIC": ("gcc", "-O0", "-fno-ipa-stack-alignment", "-fPIC"),
    "gcc, no PIC": ("gcc", "-O0", "-fno-ipa-stack-alignment", "-fno-pic", "-fcf-protection"),
    "gcc, large": ("gcc", "-O0", "-fno-ipa-stack-alignment", "-mcmodel=large", "-fno-pic"),
    "gcc, no unwinding": (
        "gcc",
        "-O0",
        "-fno-ipa-stack-alignment",
        "-fno-asynchronous-unwind-tables",
    ),
    "clang": ("clang", "-O0"),
    "clang, PIC": ("clang", "-O0", "-fPIC"),
}


@pytest.mark.parametrize("way", WAYS)
def test_composed_is_as_if_compiled(tmp_path: Path, way: str) -> None:
    """Whatever one body becomes, the composed object is what a whole compile makes and runs so."""
    make = maker(tmp_path, *WAYS[way])
    base = make.compile(UNIT)

    for number, (what, body) in enumerate(BODIES.items()):
        new = edited(UNIT, "wanted", body)
        full = make.compile(new)
        made = compose(base, [Piece(make.piece(new, "wanted"), [b"wanted"])])

        assert isinstance(made, bytes), (what, made)
        assert differences(full, made) == [], what
        if number % 3 == 0:
            assert make.run(made) == make.run(full), what


def test_aarch64_is_composed(tmp_path: Path) -> None:
    """Objects for AArch64 are composed by the same rules."""
    make = maker(tmp_path, "clang", "--target=aarch64-linux-gnu", "-O0")
    base = make.compile(UNIT)

    for what in ("literal", "string", "switch", "static", "computed goto", "constants"):
        new = edited(UNIT, "wanted", BODIES[what])
        made = compose(base, [Piece(make.piece(new, "wanted"), [b"wanted"])])

        assert isinstance(made, bytes), (what, made)
        assert differences(make.compile(new), made) == [], what


def test_pieces_replace_one_after_another(tmp_path: Path) -> None:
    """Functions of several pieces, and several of one piece, come into one object."""
    make = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment")
    new = edited(UNIT, "wanted", BODIES["string"])
    new = edited(new, "later", BODIES["switch"])
    new = edited(new, "helper", "{ static int calls = 3; calls ^= x; return calls; }")
    pieces = [
        Piece(make.piece(new, "wanted"), [b"wanted"]),
        Piece(make.piece(new, "later", "helper"), [b"helper", b"later"]),
    ]

    made = compose(make.compile(UNIT), pieces)

    assert isinstance(made, bytes), made
    assert differences(make.compile(new), made) == []
    assert make.run(made) == make.run(make.compile(new))
    assert made == compose(make.compile(UNIT), pieces)


def test_functions_come_and_go(tmp_path: Path) -> None:
    """A function that the base lacks is added, and one that nobody calls any more is removed."""
    make = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment")
    added = UNIT + "int fresh(int x)\n/*BODY fresh*/ { return wanted(x) + table[0]; } /*END*/\n"

    made = compose(make.compile(UNIT), [Piece(make.piece(added, "fresh"), [b"fresh"])])
    assert isinstance(made, bytes), made
    assert differences(make.compile(added), made) == []

    gone = compose(make.compile(added), [], removed=[b"fresh"])
    assert isinstance(gone, bytes), gone
    assert differences(make.compile(UNIT), gone) == []

    assert compose(make.compile(added), [], removed=[b"wanted"]) == Reason(
        "function.refuse.reference", ".text.wanted"
    )


REFUSED = {
    "not-in-piece": ("int x1;", "other", "{ return 1; }", "absent"),
    "shared-section": (
        'int alias(int) __attribute__((alias("wanted")));',
        "wanted",
        "{ return 1; }",
        "",
    ),
    "local-static": (
        (
            "static inline __attribute__((always_inline)) int inlined(int x)"
            " { static int seen; return seen += x; }\n"
            "int user(int x)\n/*BODY user*/ { return inlined(x); } /*END*/\n"
        ),
        "later",
        "{ return inlined(x) + other(x) + wanted(x); }",
        "",
    ),
    "nested": ("", "wanted", "{ int in(int a) { return a + 1; } return helper(in(x)); }", ""),
    "unreferenced": (
        (
            "static int lone(int x)\n/*BODY lone*/ { return x; } /*END*/\n"
            "int caller(int x)\n/*BODY caller*/ { return lone(x); } /*END*/\n"
        ),
        "caller",
        "{ return x; }",
        "",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_told_is_refused(tmp_path: Path, why: str) -> None:
    """Where a guess would be needed there is a reason, and no object."""
    make = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment")
    more, name, body, asked = REFUSED[why]
    place = UNIT.index("int later(int x)")
    old = UNIT[:place] + more + "\n" + UNIT[place:]
    new = edited(old, name, body)
    piece = Piece(make.piece(new, name), [(asked or name).encode()])

    made = compose(make.compile(old), [piece])

    assert isinstance(made, Reason)
    assert made.id == f"function.refuse.{why}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("table[4] = {1, 2, 3, 4}", "table[4] = {1, 2, 3, 5}"),
        ("int shared = 3", "int shared = 4"),
        ('"two", "three"', '"two", "thrce"'),
        ("{wanted, later, helper, other}", "{later, wanted, helper, other}"),
        ("static int table[4]", "static int table[5]"),
        ("per_thread = 7", "per_thread = 8"),
    ],
)
def test_a_variable_that_differs_is_noticed(tmp_path: Path, before: str, after: str) -> None:
    """A piece made from a text with another variable does not go into the base."""
    make = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment")
    new = edited(UNIT.replace(before, after), "wanted", "{ return helper(table[0]); }")

    made = make.composed(UNIT, new, "wanted")

    assert isinstance(made, Reason)
    assert made.id == "function.refuse.variable-differs"


def test_a_static_function_that_the_base_lacks_is_no_external(tmp_path: Path) -> None:
    """A call of a function that the unit defines and the base has not is refused."""
    make = maker(tmp_path, "clang", "-O0")
    old = UNIT.replace(
        "int wanted(int x)",
        "static int unused(int x)\n/*BODY unused*/ { return x; } /*END*/\nint wanted(int x)",
    )
    new = edited(old, "wanted", "{ return helper(unused(x)); }")
    pieces = [Piece(make.piece(new, "wanted"), [b"wanted"])]

    made = compose(make.compile(old), pieces, internal={b"unused"})

    assert made == Reason("function.refuse.not-in-base", "unused")


def test_other_compilers_and_processors_are_refused(tmp_path: Path) -> None:
    """A base and a piece of different compilers, flags or processors do not go together."""
    gcc = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment")
    base = gcc.compile(UNIT)
    piece = gcc.piece(UNIT, "wanted")
    others = [Maker(tmp_path, "gcc", ["-O0", "-fcf-protection"])]
    others.append(maker(tmp_path, "clang", "-O0"))
    others.append(Maker(tmp_path, "clang", ["--target=aarch64-linux-gnu", "-O0"]))

    for each in others:
        made = compose(each.compile(UNIT), [Piece(piece, [b"wanted"])])
        assert made == Reason("function.refuse.other-compiler")
    assert isinstance(compose(base, [Piece(piece, [b"wanted"])]), bytes)


@pytest.mark.parametrize("flags", [["-flto"], ["--coverage"], ["-fsanitize=address"]])
def test_instrumented_objects_are_refused(tmp_path: Path, flags: list[str]) -> None:
    """Code for link-time optimisation, coverage and sanitizers is left to the compiler."""
    make = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment", *flags)

    made = make.composed(UNIT, UNIT, "wanted")

    assert isinstance(made, Reason)


@pytest.mark.parametrize("debug", ["-g0", "-g"])
def test_damaged_objects_give_reasons(tmp_path: Path, debug: str) -> None:
    """Objects that are cut off or hold flipped bytes give an object or a reason, no exception."""
    make = maker(tmp_path, "gcc", "-O0", "-fno-ipa-stack-alignment", debug)
    base = make.compile(UNIT)
    piece = make.piece(edited(UNIT, "wanted", BODIES["static"]), "wanted")
    rng = random.Random(5)
    seen = set()

    for turn in range(300):
        both = [bytearray(base), bytearray(piece)]
        hurt = both[turn & 1]
        if turn % 3 == 0:
            del hurt[rng.randrange(len(hurt)) :]
        for _ in range(rng.randrange(1, 6)):
            if hurt:
                hurt[rng.randrange(len(hurt))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        made = compose(bytes(both[0]), [Piece(bytes(both[1]), [b"wanted"])])
        if isinstance(made, Reason):
            assert made.id in REASONS
            seen.add(made.id)
        else:
            differences(base, made)
        differences(base, bytes(hurt))

    assert "function.refuse.object" in seen
