"""A command that is run without the shell does what the shell would have done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base import process
from incremental_tool.engine.without_shell import WithoutShell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DASH = os.path.basename(os.path.realpath(shutil.which("sh") or "")) == "dash"
needs_dash = pytest.mark.skipif(not DASH, reason="another shell is asked, always")
PATH = {"PATH": os.defpath}


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    say = f"#!{sys.executable}\nimport os, sys\n"
    say += "print(sys.argv[1:], sorted(os.environ.items()), os.getcwd())\n"
    for name, content in (
        ("say", say),
        ("seven", "#!/bin/sh\nexit 7\n"),
        ("killed", "#!/bin/sh\nkill -9 $$\n"),
        ("no-interpreter", "echo from a script\n"),
        ("broken", "#!/nowhere/at/all\n"),
        ("echo", "#!/bin/sh\nexit 9\n"),
    ):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "plain").write_text("echo no\n")
    (tmp_path / "plain").chmod(0o644)
    (tmp_path / "folder").mkdir()


@pytest.fixture
def shells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets each text that a shell is given."""
    asked: list[str] = []
    really = process.run

    def noted(argv: list[str], environment: Mapping[str, str]) -> int:
        asked.append(argv[-1])
        return really(argv, environment)

    monkeypatch.setattr(process, "run", noted)
    return asked


def both(text: str, environment: Mapping[str, str], capfd: pytest.CaptureFixture[str]) -> object:
    """Run a text both ways; assert that all is the same, and return what came of it."""
    capfd.readouterr()
    status = WithoutShell(os.getcwdb()).run("sh", text, environment)
    ours = capfd.readouterr()
    expected = subprocess.run(
        ["sh", "-c", text], env=dict(environment), capture_output=True, text=True, check=False
    )
    assert (status, ours.out, ours.err) == (expected.returncode, expected.stdout, expected.stderr)
    return status


@needs_dash
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('./say "a b.c" -DX=1 "" x', 0),
        ("say one  two\tthree", 0),
        ("./seven", 7),
        ('"seven" a', 7),
    ],
)
def test_a_plain_command_needs_no_shell(
    text: str, status: int, shells: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Words, environment, folder and status are what dash makes them."""
    assert both(text, {"PATH": f".:{os.defpath}", "ONE": "1"}, capfd) == status

    assert shells == []


@pytest.mark.parametrize("number", [2, 6, 9, 13, 15])
def test_the_end_by_a_signal_is_told_as_the_shell_tells_it(
    number: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The status, and what some shells say."""
    (tmp_path / "killed").write_text(f"#!/bin/sh\nulimit -c 0\nkill -{number} $$\n")

    assert both("./killed", PATH, capfd) != 0


@pytest.mark.parametrize(
    "text",
    [
        "echo built in",
        "exit 3",
        "cd folder && ./../seven",
        "ONE=2 ./say",
        "./say > out",
        "./say $ONE",
        "missing-program a",
        "./missing a",
        "./plain",
        "./folder",
        "./no-interpreter",
        "./broken",
        "",
    ],
)
def test_the_shell_is_asked_for_all_else(
    text: str, shells: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """What it does itself, and what it says of what cannot be started, is its own."""
    both(text, {"PATH": f".:{os.defpath}", "ONE": "1"}, capfd)

    assert shells == [text]


@pytest.mark.parametrize(
    "variables",
    [{"a-b": "1"}, {"IFS": "x"}, {"PATH": f"%func:.:{os.defpath}"}, {"BASH_FUNC_say%%": "() {"}],
)
def test_variables_that_a_shell_treats_go_to_the_shell(
    variables: dict[str, str], shells: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """A name that it would not pass on, one that it sets, a path with marks of its own."""
    both("./say", {"PATH": f".:{os.defpath}", **variables}, capfd)

    assert len(shells) <= 1
    assert shells == ["./say"] or "PATH" in variables


@needs_dash
def test_the_folder_is_told_as_the_shell_tells_it(
    tmp_path: Path, shells: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """`PWD` stays where it leads here, through a link, and is the folder's own name elsewhere."""
    (tmp_path / "link").symlink_to(tmp_path)
    for told in (tmp_path / "link", tmp_path, tmp_path / "folder", tmp_path / "none", "."):
        both("./say", {**PATH, "PWD": str(told)}, capfd)
    both("./say", {}, capfd)

    assert shells == []


def test_another_shell_is_always_asked(shells: list[str]) -> None:
    """Nothing is known of what a shell of another name does."""
    for shell in ("bash", "/bin/bash"):
        if shutil.which(shell):
            assert WithoutShell(os.getcwdb()).run(shell, "./seven", PATH) == 7
            assert shells.pop() == "./seven"
