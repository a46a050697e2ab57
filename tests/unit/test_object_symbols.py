"""The symbols of an object are those that ar lists, or it is refused."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from archive_pool import assemble, families

from incremental_tool.model.archive import Layout, understand
from incremental_tool.model.object_symbols import Symbols, symbols_of

if TYPE_CHECKING:
    from pathlib import Path

CPLUSPLUS = """
#include <string>
#include <vector>
template <class T> struct Held { static T value; T get() { return value; } };
template <class T> T Held<T>::value;
thread_local int local_to_a_thread = 4;
inline int shared() { static int count; return ++count; }
std::string named(std::vector<int> const &all) { return std::to_string(all.size() + shared()); }
int used() { return Held<int>().get() + local_to_a_thread; }
__attribute__((weak)) int weakly() { return 1; }
static int hidden_here;
int *address() { return &hidden_here; }
"""


def listed(folder: Path, content: bytes) -> bytes:
    """Return the names that ar lists for an object, each ended by a NUL."""
    (folder / "x.o").write_bytes(content)
    (folder / "x.a").unlink(missing_ok=True)
    subprocess.run(["ar", "rc", "x.a", "x.o"], cwd=folder, check=True, capture_output=True)
    library = (folder / "x.a").read_bytes()
    assert library[8:10] == b"/ "
    count = int.from_bytes(library[68:72], "big")
    names = library[72 + 4 * count :].split(b"\0", count)[:count]
    return b"".join(name + b"\0" for name in names)


def test_objects_of_many_kinds(tmp_path: Path) -> None:
    """Global, weak, common, unique, indirect and thread-local symbols are those of ar's index."""
    for group in families(tmp_path, random.Random(11), 20):
        for content in group:
            symbols = symbols_of(content)

            assert isinstance(symbols, Symbols)
            assert symbols.names == listed(tmp_path, content)
            assert symbols.number == symbols.names.count(b"\0")


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("options", ["-O0 -g", "-O2 -fPIC", "-Os -ffunction-sections", "-m32"])
def test_compiled_objects(tmp_path: Path, compiler: str, options: str) -> None:
    """What compilers make of C++ has its symbols in ar's order."""
    if not shutil.which(compiler):
        pytest.skip("there is no such compiler")
    (tmp_path / "x.cc").write_text(CPLUSPLUS)
    words = [compiler, *options.split(), "-c", "-o", "y.o", "x.cc"]
    if subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode:
        pytest.skip("it has no headers for that")
    content = (tmp_path / "y.o").read_bytes()
    symbols = symbols_of(content)

    assert isinstance(symbols, Symbols)
    assert symbols.number > 5
    assert symbols.names == listed(tmp_path, content)


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
@pytest.mark.parametrize("options", [["-flto"], ["-flto", "-ffat-lto-objects"]])
def test_code_for_link_time_optimisation_is_refused(tmp_path: Path, options: list[str]) -> None:
    """Slim or fat, a plugin would read it."""
    (tmp_path / "x.c").write_text("int f(void) { return 1; }\n")
    subprocess.run(["gcc", *options, "-c", "-o", "y.o", "x.c"], cwd=tmp_path, check=True)

    assert isinstance(symbols_of((tmp_path / "y.o").read_bytes()), str)


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
def test_programs_and_other_files_are_refused(tmp_path: Path) -> None:
    """Only relocatable objects are members of the usual kind."""
    (tmp_path / "x.c").write_text("int main(void) { return 1; }\n")
    subprocess.run(["gcc", "-o", "x", "x.c"], cwd=tmp_path, check=True)
    for content in (
        (tmp_path / "x").read_bytes(),
        b"",
        b"text" * 99,
        b"\x7fELF",
        b"BC\xc0\xde" * 99,
    ):
        assert isinstance(symbols_of(content), str)


def test_damage_is_refused_or_does_not_matter(tmp_path: Path) -> None:
    """With any byte changed, an object has the symbols that ar lists, or is refused; cut, it is."""
    content = assemble(tmp_path / "x.o", ".globl f\nf: .quad g\n.weak h\nh:\n")
    known = [content]
    for place in range(len(content)):
        assert isinstance(symbols_of(content[:place]), str)
        for flip in (1, 0xFF):
            changed = bytearray(content)
            changed[place] ^= flip
            if isinstance(symbols_of(bytes(changed)), Symbols):
                known.append(bytes(changed))
    names = [f"{number:04}.o" for number in range(len(known))]
    for name, one in zip(names, known):
        (tmp_path / name).write_bytes(one)
    subprocess.run(["ar", "rc", "x.a", *names], cwd=tmp_path, check=True)
    library = (tmp_path / "x.a").read_bytes()
    layout = understand(library, [name.encode() for name in names])

    assert isinstance(layout, Layout)
    for number, one in enumerate(known):
        symbols = symbols_of(one)
        assert isinstance(symbols, Symbols)
        start = layout.names_at(number)
        assert symbols.names == library[start : start + layout.lengths[number]]
