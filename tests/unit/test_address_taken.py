"""What a C text tells of whether a variable's address is taken."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.address_taken import MAYBE, NO, YES, Meanings, taken, variables

if TYPE_CHECKING:
    from pathlib import Path

UNIT = """
enum { FIRST, SECOND = 1 };
typedef int number;
typedef number other;
typedef struct thing { int plain; int many[3]; struct { int deep; } in; int *to; } thing;
typedef int row[4];
typedef void (*call)(void *);
struct part { int piece; };
static int scalar, second;
static int *pointer;
static other alias;
static thing whole;
static struct part apart = { 3 };
static int list[4];
static row hidden;
static int (*called)(int);
extern void sink(const void *, ...);
"""


def declared(text: str) -> list[str]:
    """Return the names of the variables that a declaration makes."""
    return [each.name.decode() for each in variables(text.encode())]


def told(name: str, statement: str) -> int:
    """Return what is told of a function with one statement."""
    for line in UNIT.splitlines():
        for each in variables(line.encode()) if line.startswith("static") else ():
            if each.name.decode() == name:
                found = each
    meanings = Meanings(UNIT.encode())
    text = f"void f(int i, int *p, int *q)\n{{\n  {statement}\n}}\n".encode()
    sort = meanings.sort_of(found.kind, found.words)
    return taken(text, name.encode(), sort, meanings, inside=True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("static int a;", ["a"]),
        ("static int a = 1, *b = &a, c[3], d;", ["a", "b", "c", "d"]),
        ("static const int a = 3;", []),
        ("static const char *a, *const b = 0;", ["a"]),
        ("static char *const a[] = {0, 0};", []),
        ("static struct { int x; int y[2]; } a = { 1, { 2 } }, b;", ["a", "b"]),
        ("static int f(int, void (*g)(void), int *p);", []),
        ("static void (*f(int *p, int q))(void);", []),
        ("static void (*a)(int, int);", ["a"]),
        ("static int a __attribute__((aligned(8)));", ["a"]),
        ("static __attribute__((unused)) int a, b;", ["a", "b"]),
        ("static int f(void), a;", ["a"]),
        ("static unsigned long long a[2][3] = {{1}};", ["a"]),
        ("static thing a;", ["a"]),
        ("static int (*a[3])(int);", ["a"]),
        ("static int;", []),
    ],
)
def test_a_declaration_makes_variables(text: str, names: list[str]) -> None:
    """Functions and constants are none; of several names each is found."""
    assert declared(text) == names


CERTAIN = [
    ("scalar", "scalar = 3; i = scalar + 2; p[scalar] = 1;"),
    ("scalar", "p = &scalar;"),
    ("scalar", "sink(p, &scalar);"),
    ("scalar", "i = i & scalar;"),
    ("scalar", "i = p[2] & scalar;"),
    ("scalar", "sink((const void *)&scalar);"),
    ("scalar", "sink(&(scalar));"),
    ("scalar", "if (i && scalar) i = 2;"),
    ("scalar", "i = sizeof(scalar);"),
    ("second", "second++; return;"),
    ("alias", "alias += i;"),
    ("pointer", "*pointer = 3; pointer[i] = 4; p = pointer; p = &pointer[2];"),
    ("pointer", "sink(&pointer);"),
    ("whole", "whole.plain = 3;"),
    ("whole", "whole.in.deep = i;"),
    ("whole", "p = &whole.plain;"),
    ("whole", "p = &whole.in.deep;"),
    ("whole", "thing t = whole; i = t.plain;"),
    ("whole", "*q = (i ? whole : *(thing *)p).plain;"),
    ("whole", "whole = *(thing *)p; sink(p, whole);"),
    ("apart", "i = apart.piece;"),
    ("list", "list[0] = list[1];"),
    ("list", "p = list;"),
    ("list", "*list = 3;"),
    ("scalar", "for (scalar = 0; scalar < 9; scalar++) p[scalar]--;"),
    ("scalar", "i = __builtin_constant_p(scalar) + __builtin_choose_expr(1, scalar, 2);"),
    ("list", "sink(list);"),
    ("list", "list[i] = 3;"),
    ("list", "p = &list[2];"),
    ("called", "i = called(3);"),
    ("called", "i = (*called)(3);"),
    ("called", "sink(&called);"),
]


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("scalar", "i = (i)&scalar;"),
        ("scalar", "int scalar = 2; p = &scalar;"),
        ("scalar", "int *q, scalar; p = &scalar;"),
        ("scalar", 'asm("" : : "m"(scalar));'),
        ("whole", "p = whole.many;"),
        ("whole", "whole.many[1] = 2;"),
        ("scalar", 'asm("" : "=m"(scalar));'),
        ("list", "list[FIRST] = 2;"),
        ("list", "i = 2[list];"),
        ("list", "list[i + 1] = 2;"),
        ("list", "i = sizeof list[i];"),
        ("hidden", "i = hidden[1];"),
        ("hidden", "p = hidden;"),
    ],
)
def test_what_is_not_certain_is_told_so(name: str, statement: str) -> None:
    """A cast that may be a product, another thing of that name, an array that may be none."""
    assert told(name, statement) == MAYBE


@pytest.mark.parametrize(("name", "statement"), CERTAIN)
def test_what_is_certain_is_what_gcc_takes_it_for(
    name: str, statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For gcc a store through a pointer changes those variables whose address is taken."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    monkeypatch.chdir(tmp_path)
    answer = told(name, statement)
    assert answer in (NO, YES)
    place = {"whole": "whole.plain", "apart": "apart.piece", "list": "list[0]"}.get(name, name)
    value = f"int *probed(int **p) {{ {place} = (void *)16; *p = (void *)32; return {place}; }}\n"
    if name not in ("pointer", "called"):
        value = f"int probed(int *p) {{ {place} = 16; *p = 32; return {place}; }}\n"
    text = f"{UNIT}void f(int i, int *p, int *q)\n{{\n  {statement}\n}}\n{value}"
    with open("unit.c", "w", encoding="ascii") as file:
        file.write(text)
    argv = "gcc -w -O2 -fno-strict-aliasing -fno-toplevel-reorder -fno-ipa-reference-addressable"
    subprocess.run([*argv.split(), "-fno-inline", "-S", "unit.c"], check=True)
    with open("unit.s", encoding="ascii") as file:
        code = file.read()
    probed = code[code.index("\nprobed:") : code.index(".size\tprobed")]
    known = re.search(r"mov[lq]?\s+\$16, %[er]ax", probed) is not None
    assert known == (answer == NO), probed


def test_any_bytes_give_an_answer() -> None:
    """Random tokens, cut off anywhere, are answered, and quickly."""
    rng = random.Random(5)
    words = b"static int typedef struct enum sizeof __attribute__ { } ( ) [ ] & * , ; = v a . ->"
    choices = [*words.split(), b'"', b"'"]
    for _ in range(300):
        text = b" ".join(rng.choice(choices) for _ in range(rng.randrange(60)))
        meanings = Meanings(text)
        for each in variables(text):
            meanings.sort_of(each.kind, each.words)
        for sort in ("scalar", "array", "structure", "unknown"):
            assert taken(text, b"v", sort, meanings, inside=True) in (NO, MAYBE, YES)


@pytest.mark.parametrize(
    "piece",
    [b"typedef ", b"enum ", b"enum {", b"v, ", b"(v", b"} v ", b"static int (", b"*v ", b"{"],
)
def test_long_texts_take_no_long(piece: bytes) -> None:
    """The work grows with a text's length, not with its square."""
    text = b"static int " + piece * 60_000
    meanings = Meanings(text)
    variables(text)
    assert taken(text, b"v", "array", meanings, inside=True) in (NO, MAYBE, YES)
    assert meanings.may_be_array(b"v") in (True, False)
