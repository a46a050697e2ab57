"""A C unit whose functions are edited, and the objects that are made of it.

Bodies stand between `/*BODY name*/` and `/*END*/`. A thin unit keeps some of them; the others
become `;` in the same lines.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from incremental_tool.model.function_splice import Piece, compose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from incremental_tool.model.reason import Reason

UNIT = """
extern int printf(const char *, ...);
extern int puts(const char *);
static int counter;
int shared = 3;
static int table[4] = {1, 2, 3, 4};
static const char *const names[] = {"one", "two", "three"};
static __thread int per_thread = 7;
int wanted(int), later(int);
static int helper(int x)
/*BODY helper*/ {
    static int calls;
    calls += x;
    return calls + counter + table[1];
} /*END*/
static int other(int x)
/*BODY other*/ { static int calls = 50; return x * 2 + calls++; } /*END*/
int wanted(int x)
/*BODY wanted*/ {
    counter++;
    return helper(x) + shared;
} /*END*/
int later(int x)
/*BODY later*/ {
    int local = x + 1;
    switch (x) {
    case 0: return 4;
    case 1: return 9;
    case 2: return 16;
    case 3: return 25;
    case 4: return local;
    case 5: return other(local);
    }
    return wanted(local) + per_thread;
} /*END*/
int (*pointers[])(int) = {wanted, later, helper, other};
int main(void)
/*BODY main*/ {
    int i, sum = 0;
    for (i = 0; i < 8; i++)
        sum += pointers[i & 3](i) + wanted(i) + later(i);
    printf("%d %s %d\\n", sum, names[sum % 3], counter);
    return 0;
} /*END*/
"""

_BODY = re.compile(r"/\*BODY (\w+)\*/(.*?)/\*END\*/", re.DOTALL)


def edited(text: str, name: str, body: str) -> str:
    """Return a unit in which one function has another body."""

    def other(match: re.Match[str]) -> str:
        return f"/*BODY {name}*/{body}/*END*/" if match[1] == name else match[0]

    found = _BODY.sub(other, text)
    assert found != text
    return found


def thin(text: str, *kept: str) -> str:
    """Return a unit with the bodies of these functions alone."""

    def without(match: re.Match[str]) -> str:
        if match[1] in kept:
            return match[0]
        return ";" + re.sub(r"[^\n]", " ", match[0][1:])

    return _BODY.sub(without, text)


class Maker(NamedTuple):
    """A compiler with flags, and a folder to compile in."""

    folder: Path
    compiler: str
    flags: Sequence[str]

    def compile(self, text: str, *more: str, name: str = "unit") -> bytes:
        """Return the object of a text."""
        (self.folder / f"{name}.c").write_text(text)
        command = [self.compiler, "-w", *self.flags, "-ffunction-sections", *more]
        command += ["-c", f"{name}.c", "-o", f"{name}.o"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / f"{name}.o").read_bytes()

    def piece(self, text: str, *functions: str) -> bytes:
        """Return the object of a unit with the bodies of these functions alone."""
        return self.compile(thin(text, *functions), "-fdata-sections")

    def composed(self, old: str, new: str, *functions: str) -> bytes | Reason:
        """Return what is composed of the old text's object and the new text's functions."""
        piece = Piece(self.piece(new, *functions), [name.encode() for name in functions])
        return compose(self.compile(old), [piece])

    def run(self, content: bytes) -> bytes:
        """Link an object, run the program and return what it prints."""
        (self.folder / "linked.o").write_bytes(content)
        extra = [flag for flag in self.flags if flag in ("-fPIC", "-fPIE", "-fno-pic")]
        pie = ["-no-pie"] if "-fno-pic" in extra or "-mcmodel=large" in self.flags else ["-pie"]
        if self.compiler == "clang" and not extra:
            pie = ["-no-pie"]
        subprocess.run(
            ["gcc", *pie, "linked.o", "-o", "linked", "-lm"],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        done = subprocess.run(["./linked"], cwd=self.folder, check=True, capture_output=True)
        return done.stdout


def maker(folder: Path, compiler: str, *flags: str) -> Maker:
    """Return a compiler, or skip the test where there is none."""
    try:
        subprocess.run([compiler, "--version"], check=True, capture_output=True)
    except OSError:
        pytest.skip(f"{compiler} is not installed")
    return Maker(folder, compiler, flags)
