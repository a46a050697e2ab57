"""A file put where the compiler looked in vain changes its answer, and nowhere else."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.depfile import parse_depfile
from incremental_tool.model.imports import Imports, find_imports
from incremental_tool.model.include_search import (
    AbsentPaths,
    SearchDirs,
    absent_candidates,
    chain_of,
    normalised,
)

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
GROUPS = ("-iquote", "-I", "-isystem", "-idirafter")
FOLDERS = [f"i{number}" for number in range(6)]
NAMES = [f"h{number}.h" for number in range(5)] + ["sub/s.h"]
PREDEFINED = "stdc-predef.h"


class Tree:
    """A source, headers in several folders, and the options that make them searched."""

    def __init__(self, top: Path, compiler: str, groups: dict[str, list[str]]) -> None:
        self.top = top
        self.compiler = compiler
        self.groups = groups
        self.forced: list[str] = []
        self.files: set[str] = set()

    def write(self, name: str, text: str) -> None:
        """Put a file into the tree."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.files.add(os.path.normpath(name))

    def words(self) -> list[str]:
        """Return the compiler and all search options."""
        words = [self.compiler, "-nostdinc", "-w"]
        for option, folders in self.groups.items():
            for folder in folders:
                words += [option, folder]
        for name in self.forced:
            words += ["-include", name]
        return words

    def preprocess(self) -> str | None:
        """Return the markers of the preprocessed source, or None if that fails."""
        words = [*self.words(), "-E", "-P", "-MD", "-MF", "list.d", "-o", "out.i", "src/a.c"]
        done = subprocess.run(words, cwd=self.top, capture_output=True, check=False)
        return (self.top / "out.i").read_text() if done.returncode == 0 else None

    def answer(self) -> AbsentPaths:
        """Return what the unit under test says about the last preprocessing."""
        dependencies = parse_depfile((self.top / "list.d").read_bytes())
        found = {
            path: find_imports((self.top / os.fsdecode(path)).read_bytes()) for path in dependencies
        }
        search = SearchDirs(
            *[tuple(map(os.fsencode, self.groups.get(option, ()))) for option in GROUPS],
        )
        return absent_candidates(
            search,
            b"src/a.c",
            dependencies,
            found,
            [os.fsencode(name) for name in self.forced],
            lambda folder: os.fsencode(
                os.path.realpath(os.path.join(self.top, os.fsdecode(folder)))
            ),
        )

    def with_intruders(self, names: list[str]) -> str | None:
        """Return what preprocessing gives while files lie at further places."""
        made = []
        for name in names:
            path = self.top / name
            for folder in reversed([path, *path.parents]):
                if folder != path and not folder.exists():
                    folder.mkdir()
                    made.append(folder)
            path.write_text("int intruder;\n")
            made.append(path)
        try:
            return self.preprocess()
        finally:
            for path in reversed(made):
                path.rmdir() if path.is_dir() else path.unlink()


def random_tree(top: Path, compiler: str, seed: int) -> Tree:
    """Lay out a tree of literal includes without conditions."""
    rng = random.Random(seed)
    groups: dict[str, list[str]] = {option: [] for option in GROUPS}
    folders = rng.sample(FOLDERS, len(FOLDERS))
    for folder in folders[:-1]:
        groups[rng.choice(GROUPS)].append(rng.choice([folder, f"./{folder}", f"{folder}/"]))
    groups["-isystem"].append(folders[-1])
    if rng.random() < 0.5:
        groups["-I"].append(folders[-1])  # counts as the system folder it is
    tree = Tree(top, compiler, groups)

    def body(first: int, marker: str) -> str:
        lines = [f"int {marker};"]
        for number in range(first, len(NAMES)):
            if rng.random() < 0.5:
                name = NAMES[number]
                lines.append(f'#include "{name}"' if rng.random() < 0.6 else f"#include <{name}>")
        return "\n".join(lines) + "\n"

    for number, name in enumerate(NAMES):
        places = {folders[-1], *rng.sample([*FOLDERS, "src", "."], rng.randint(0, 2))}
        for place in sorted(places):
            marker = f"{place}_{name}".replace("/", "_").replace(".", "_")
            tree.write(f"{place}/{name}", body(number + 1, marker))
    tree.write("src/a.c", body(0, "source"))
    if rng.random() < 0.4:
        tree.forced = rng.sample(NAMES, rng.randint(1, 2))
    return tree


def all_places() -> set[str]:
    """Return every place where one of the names could be looked for."""
    folders = [*FOLDERS, "src", ".", "src/sub", "sub", *[f"{folder}/sub" for folder in FOLDERS]]
    names = [*NAMES, "s.h", PREDEFINED]
    return {os.path.normpath(f"{folder}/{name}") for folder in folders for name in names}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("compiler", COMPILERS)
def test_reported_places_matter_and_others_do_not(compiler: str, seed: int, tmp_path: Path) -> None:
    """A file at a reported place changes the result; files at all other places do not."""
    tree = random_tree(tmp_path, compiler, seed)
    before = tree.preprocess()
    assert before is not None
    absent = {os.path.normpath(os.fsdecode(path)) for path in tree.answer().absent}
    assert not absent & tree.files

    # -nostdinc keeps gcc from looking for the predefined header.
    matter = sorted(place for place in absent if not place.endswith(PREDEFINED))
    for place in random.Random(seed).sample(matter, min(len(matter), 10)):
        assert tree.with_intruders([place]) != before, place
    assert tree.with_intruders(sorted(all_places() - absent - tree.files)) == before


HARD = [
    # (what the files hold, the groups); each is a way to look for files that
    # literal, unconditional includes do not show.
    {
        "src/a.c": '#define N <h0.h>\n#define Q "h1.h"\n#include N\n#include "../i1/b.h"\n',
        "i1/b.h": "#include Q\n",
        "i2/h0.h": "int h0;\n",
        "i2/h1.h": "int h1;\n",
        "i0/other.h": "",
    },
    {
        "src/a.c": "#include <h0.h>\n",
        "i2/h0.h": "int two;\n#include_next <h0.h>\n",
        "i4/h0.h": "int four;\n#include <h1.h>\n",
        "i3/h1.h": "int h1;\n#include_next <h1.h>\n",
        "i4/h1.h": "int last;\n",
        "i0/x.h": "",
    },
    {
        "src/a.c": '#include "h0.h"\n#include_next "h1.h"\n',
        "src/h0.h": "#include_next <h0.h>\n",
        "i2/h0.h": "int two;\n",
        "i1/h1.h": "int h1;\n",
    },
    {
        "src/a.c": '#if 0\n#include "h0.h"\n#endif\n#include "../i0/h1.h"\n#include <h2.h>\n',
        "i0/h1.h": '#include "h0.h"\n#include "../src/h3.h"\n',
        "i2/h0.h": "int h0;\n",
        "src/h3.h": "int h3;\n",
        "i3/h2.h": "#import <h0.h>\n",
    },
    {
        "src/a.c": '#if __has_include(<h0.h>)\nint h0;\n#endif\n#if __has_include("h1.h")\n'
        "int h1;\n"
        "#else\n#include <h2.h>\n#endif\n",
        "i1/h2.h": "#if __has_include_next(<h2.h>)\nint next;\n#endif\n",
        "i3/h0.h": "",
    },
]


@pytest.mark.parametrize("number", range(len(HARD)))
@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_place_that_matters_is_left_out(compiler: str, number: int, tmp_path: Path) -> None:
    """With macros, conditions, #include_next and probes, what changes the result is reported."""
    groups = {"-iquote": ["i0"], "-I": ["./i1", "i2"], "-isystem": ["i3"], "-idirafter": ["i4"]}
    tree = Tree(tmp_path, compiler, groups)
    for name, text in HARD[number].items():
        tree.write(name, text)
    before = tree.preprocess()
    assert before is not None
    answer = tree.answer()
    reported = answer.absent.union(*answer.probes)
    places = {os.path.normpath(os.fsdecode(path)) for path in reported}

    assert tree.with_intruders(sorted(all_places() - places - tree.files)) == before
    mattering = [
        place for place in sorted(places - tree.files) if tree.with_intruders([place]) != before
    ]
    assert len(mattering) >= 3


def test_a_probe_lists_its_candidates_in_order() -> None:
    """A quoted probe begins beside its file, and each place of a next probe counts alone."""
    search = SearchDirs((b"q",), (b"i",), (b"s",), ())
    found = {b"d/a.c": Imports((b"qx.h", b"ay.h", b"xz.h", b"q/abs.h"))}

    probes = absent_candidates(search, b"d/a.c", [b"d/a.c"], found).probes

    assert probes == [
        (b"d/x.h", b"q/x.h", b"i/x.h", b"s/x.h"),
        (b"i/y.h", b"s/y.h"),
        *((place + b"z.h",) for place in (b"d/", b"q/", b"i/", b"s/")),
        (b"/abs.h",),
    ]


def test_imports_not_carried_out_report_nothing() -> None:
    """A name that leads to no dependency was not looked for."""
    search = SearchDirs((), (b"i", b"j"), (), ())
    found = {b"a.c": Imports((b"<no.h", b'"no.h', b"nno.h", b'"/abs/no.h'))}

    answer = absent_candidates(search, b"a.c", [b"a.c"], found)

    assert answer.absent == {b"i/stdc-predef.h", b"j/stdc-predef.h"}
    assert answer.probes == []


def test_folders_count_once_and_system_folders_late() -> None:
    """Doubles are searched once, at the place where the compilers keep them."""
    search = SearchDirs((b"q", b"q/"), (b"a", b"s", b"./a", b"b"), (b"s", b"s"), (b"s", b"z"))

    quote, chain = chain_of(search, lambda folder: normalised(folder + b"/."))

    assert quote == [b"q"]
    assert chain == [b"a", b"b", b"s", b"z"]


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        (b"a/b", b"a/b"),
        (b"./a", b"a"),
        (b"././a//b/./c", b"a/b/c"),
        (b"a/../b", b"a/../b"),
        (b"//a/", b"/a"),
        (b"a/.", b"a"),
        (b"a./b", b"a./b"),
    ],
)
def test_paths_are_compared_without_empty_parts(path: bytes, normal: bytes) -> None:
    """Empty parts and dots do not count, dot-dots do."""
    assert normalised(path) == normal


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
def test_links_that_gcc_follows_are_followed(tmp_path: Path) -> None:
    """A header that gcc lists by a shorter, resolved path still has its earlier candidates."""
    tree = Tree(tmp_path, "gcc", {"-I": ["i0"], "-isystem": [f"{tmp_path}/a-long-link-name"]})
    tree.write("src/a.c", '#include <h0.h>\n#include "h1.h"\n')
    tree.write("r/h0.h", "int h0;\n")
    tree.write("r/h1.h", "int h1;\n")
    (tmp_path / "a-long-link-name").symlink_to("r")
    before = tree.preprocess()
    answer = tree.answer()
    assert f"{tmp_path}/r/h0.h" in (tmp_path / "list.d").read_text()

    for place in ("i0/h0.h", "i0/h1.h", "src/h1.h"):
        assert tree.with_intruders([place]) not in (None, before)
        assert os.fsencode(place) in answer.absent


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("folder", [False, True])
def test_places_of_precompiled_headers_are_reported(
    forced: bool,
    folder: bool,
    tmp_path: Path,
) -> None:
    """Wherever gcc takes a precompiled header from, the place was reported."""
    tree = Tree(tmp_path, "gcc", {"-I": ["i0", "i1", "i2"]})
    tree.write("src/a.c", "int source;\n" if forced else '#include "h0.h"\n#include <h1.h>\n')
    for name in ("i1/h0.h", "i2/h1.h"):
        tree.write(name, "int header;\n")
    tree.forced = ["h0.h", "h1.h"] if forced else []
    tree.write("intruder.h", "int intruder;\n")
    tree.preprocess()
    precompiled = {os.path.normpath(os.fsdecode(path)) for path in tree.answer().precompiled}
    plain = [*tree.words()[: len(tree.words()) - 2 * len(tree.forced)]]
    subprocess.run([*plain, "intruder.h", "-o", "x"], cwd=tmp_path, check=True)

    def assembled() -> bytes:
        words = [*tree.words(), "-S", "-o", "out.s", "src/a.c"]
        subprocess.run(words, cwd=tmp_path, check=True)
        return (tmp_path / "out.s").read_bytes()

    before = assembled()
    taken = set()
    for place in (".", "src", "i0", "i1", "i2"):
        for name in ("h0.h.gch", "h1.h.gch"):
            path = tmp_path / place / name
            path.parent.mkdir(exist_ok=True)
            if folder:
                path.mkdir()
            shutil.copy(tmp_path / "x", path / "x" if folder else path)
            if assembled() != before:
                taken.add(os.path.normpath(f"{place}/{name}"))
            shutil.rmtree(path) if folder else path.unlink()

    assert taken <= precompiled
    assert {"i0/h0.h.gch", "i1/h0.h.gch", "./h0.h.gch"[2:] if forced else "src/h0.h.gch"} <= taken


@pytest.mark.skipif("gcc" not in COMPILERS, reason="needs gcc")
def test_the_header_that_gcc_reads_unasked_is_looked_for(tmp_path: Path) -> None:
    """A stdc-predef.h in an earlier folder is read by gcc, and was reported absent."""
    (tmp_path / "i0").mkdir()
    (tmp_path / "a.c").write_text("")
    words = ["gcc", "-Ii0", "-E", "-P", "-o", "-", "-MD", "-MF", "list.d", "a.c"]
    before = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout
    dependencies = parse_depfile((tmp_path / "list.d").read_bytes())
    search = SearchDirs((), (b"i0",), (b"/usr/include",), ())
    answer = absent_candidates(search, b"a.c", dependencies, {})

    (tmp_path / "i0" / PREDEFINED).write_text("int intruder;")

    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout != before
    assert b"i0/stdc-predef.h" in answer.absent
    assert b"i0/stdc-predef.h.gch" in answer.precompiled
