"""Files of odd names, and folders where files should be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scons_project import Project

NAMES = [
    b"with blank.c",
    b"quo'te.c",
    b'double"quote.c',
    b"dol$lar.c",
    b"semi;colon.c",
    b"new\nline.c",
    b"back\\slash.c",
    b"hash#.c",
    b"per%cent.c",
    b"st*r.c",
    b"a=b.c",
    b"tab\there.c",
    "\u00fcml\u00e4ut.c".encode(),
    b"caf\xe9.c",
    b"(paren).c",
    b"amp&ersand.c",
    b"-dash.c",
    b"~tilde.c",
    b"x" * 240 + b".c",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_odd_names_are_built_as_plain_scons_builds_them(project: Project, name: bytes) -> None:
    """A source of any name is built, or fails, as in plain SCons; and what is stored comes back."""
    (project.folder / "src").mkdir()
    Path(os.fsdecode(os.fsencode(project.folder) + b"/src/" + name)).write_text(
        '#include "src/part.h"\nint odd = PART;\n'
    )
    project.write("src/part.h", "#define PART 1\n")
    project.sconstruct(
        "names = sorted(name for name in os.listdir('src') if name.endswith('.c'))\n"
        "env.Object([File('src/' + name.replace('$', '$$')) for name in names],"
        " CCFLAGS=['-I.'])\n"
    )
    twin = project.copy_to(project.folder.with_name("twin"))

    run, plain = project.scons("-Q"), twin.scons("-Q", plain=True)

    assert run.status == plain.status
    assert "Traceback" not in run.err or "Traceback" in plain.err
    assert project.outputs() == twin.outputs()
    if run.status == 0:
        project.build("-c")
        again = project.build()
        assert again.count("hits") == run.count("stored")
        assert len(again.ran()) == 1 - run.count("stored")
        assert project.outputs() == twin.outputs()


@pytest.mark.parametrize(
    "name", [b"caf\xe9.h", b"with blank.h", b"hash#.h", b"dol$lar.h", b"back\\slash.h"], ids=ascii
)
def test_headers_of_odd_names_are_watched(project: Project, name: bytes) -> None:
    """An edit in a header of any name is seen, also where SCons itself does not know it."""
    project.sconstruct('env.Object("main.c", CCFLAGS=["-Iodd"])\n')
    project.write("main.c", b'#include "' + name + b'"\nint odd = PART;\n')
    (project.folder / "odd").mkdir()
    header = Path(os.fsdecode(os.fsencode(project.folder) + b"/odd/" + name))
    header.write_text("#define PART 1\n")
    project.build()
    project.build("-c")
    header.write_text("#define PART 2\n")

    run = project.build()

    assert run.made() == ["main.o"]
    assert project.differing() == []


def test_a_folder_in_a_headers_place(project: Project) -> None:
    """A folder of a header's name is passed over, as compilers do; a file in its place is seen."""
    project.sconstruct('env.Object("main.c", CCFLAGS=["-Ifirst", "-Isecond"])\n')
    project.write("main.c", '#include "part.h"\nint n = PART;\n')
    project.write("second/part.h", "#define PART 1\n")
    (project.folder / "first" / "part.h").mkdir(parents=True)
    project.build()
    project.build("-c")
    project.build()
    assert project.differing() == []
    (project.folder / "first" / "part.h").rmdir()
    project.write("first/part.h", "#define PART 2\n")
    project.build("-c")

    run = project.build()

    assert run.made() == ["main.o"]
    assert project.differing() == []


def test_a_folder_in_the_only_headers_place_fails_as_in_plain_scons(project: Project) -> None:
    """A header that cannot be read is the compiler's own error."""
    project.sconstruct('env.Object("main.c", CCFLAGS=["-Ifirst"])\n')
    project.write("main.c", '#include "part.h"\nint n;\n')
    (project.folder / "first" / "part.h").mkdir(parents=True)

    run, plain = project.scons("-Q"), project.scons("-Q", plain=True)

    assert (run.status, run.err) == (plain.status, plain.err)
    assert run.status == 2
