"""Commands of ar and ranlib are understood as they understand them, or refused."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from incremental_tool.model.archive_command import ArchiveCommand, is_archiver, parse_archive
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "output", "members", "index_only"),
    [
        ("ar rc libx.a a.o b.o", "libx.a", ("a.o", "b.o"), False),
        ("ar -rcs d/libx.a a.o", "d/libx.a", ("a.o",), False),
        ("gcc-ar rcsD libx.a a.o", "libx.a", ("a.o",), False),
        ("/usr/bin/llvm-ar-14 cr libx.a /abs/a.o", "libx.a", ("/abs/a.o",), False),
        ("x86_64-linux-gnu-ar qcS libx.a a.o", "libx.a", ("a.o",), False),
        ("ar rcv libx.a a.o", "libx.a", ("a.o",), False),
        ("ar s libx.a", "libx.a", (), True),
        ("ranlib libx.a", "libx.a", (), True),
        ("gcc-ranlib -D libx.a", "libx.a", (), True),
    ],
)
def test_archives_are_read_from_the_words(
    line: str,
    output: str,
    members: tuple[str, ...],
    index_only: bool,
) -> None:
    """Output and members are told apart, and that an old archive counts is told."""
    command = parse_archive(line.split())

    assert isinstance(command, ArchiveCommand)
    assert command.output == output
    assert command.members == members
    assert command.index_only == index_only
    assert command.updates
    assert command.absolute_paths == tuple(name for name in members if name.startswith("/"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ar rcT libx.a a.o", "option"),
        ("ar rcU libx.a a.o", "option"),
        ("ar rca old.o libx.a a.o", "option"),
        ("ar rcu libx.a a.o", "updates-output"),
        ("ar d libx.a a.o", "updates-output"),
        ("ar m libx.a a.o", "updates-output"),
        ("ar x libx.a", "not-compiling"),
        ("ar t libx.a", "not-compiling"),
        ("ar p libx.a a.o", "not-compiling"),
        ("ar --version", "not-compiling"),
        ("ar -M", "option"),
        ("ar --plugin p rc libx.a a.o", "option"),
        ("ar rc --plugin=p libx.a a.o", "option"),
        ("ar rc --thin libx.a a.o", "option"),
        ("ar rc --output=d libx.a a.o", "option"),
        ("ar rc @names", "response-file"),
        ("ar rc libx.a @names", "response-file"),
        ("ar rc libx.a", "no-output"),
        ("ar rc", "no-output"),
        ("ar", "option"),
        ("ar c libx.a a.o", "option"),
        ("ranlib", "no-output"),
        ("ranlib -U libx.a", "option"),
        ("ranlib -t libx.a", "option"),
        ("ranlib a.a b.a", "several-sources"),
        ("tar cf x y", "not-recognised"),
    ],
)
def test_what_is_not_followed_is_refused(line: str, reason: str) -> None:
    """Thin archives, extraction, scripts, plugins and in-place changes have their reasons."""
    answer = parse_archive(line.split())

    assert isinstance(answer, Reason)
    assert answer.id == f"zir.refuse.{reason}"
    assert answer.id in REASONS


@pytest.mark.parametrize("name", ["tar", "ars", "arx", "mar/x", "", "ranlibx", "solar"])
def test_other_programs_are_no_archivers(name: str) -> None:
    """Names that only sound alike do not count."""
    assert not is_archiver(name)


def test_an_archive_is_made_of_names_and_contents_alone(tmp_path: Path) -> None:
    """Members with other times give the same bytes, unless an old archive lies there."""
    archives = []
    for folder in ("one", "another"):
        (tmp_path / folder).mkdir()
        for number, name in enumerate(("a.o", "b.o")):
            (tmp_path / folder / name).write_text(name)
            os.utime(tmp_path / folder / name, (number, len(folder)))
        command = parse_archive(["ar", "rcD", "libx.a", "a.o", "b.o"])
        assert isinstance(command, ArchiveCommand)
        subprocess.run(command.words, cwd=tmp_path / folder, check=True)
        archives.append((tmp_path / folder / command.output).read_bytes())
    assert archives[0] == archives[1]

    subprocess.run(["ar", "rcD", "libx.a", "b.o", "libx.a"], cwd=tmp_path / "one", check=True)

    assert (tmp_path / "one" / "libx.a").read_bytes() != archives[0]
