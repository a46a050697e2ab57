"""What may be said of a process: the rules, the project's word, and the shell's words."""

from __future__ import annotations

import pytest

from incremental_tool.engine import process_rules
from incremental_tool.engine.process_rules import AGAIN, PURE, UNKNOWN, programs_of, rule_of


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a test declares: it would last as long as the process."""
    monkeypatch.setattr(process_rules, "_declared", {})


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["gcc", "--version"], PURE),
        (["/usr/bin/g++-12", "-dumpversion"], PURE),
        (["arm-none-eabi-gcc", "-dumpmachine"], PURE),
        (["clang++", "-v"], PURE),
        (["gcc", "-c", "a.c"], UNKNOWN),
        (["gcc"], UNKNOWN),
        (["gcc", "--version", "a.c"], UNKNOWN),
        (["pkg-config", "--cflags", "zlib"], AGAIN),
        (["x86_64-linux-gnu-pkg-config", "--libs", "zlib"], AGAIN),
        (["sdl2-config", "--libs"], AGAIN),
        (["uname", "-m"], AGAIN),
        (["git", "describe"], UNKNOWN),
        (["date"], UNKNOWN),
    ],
    ids=" ".join,
)
def test_each_program_has_its_rule(words: list[str], rule: str) -> None:
    """Compilers asked about themselves are pure, questions about the machine are asked again."""
    assert rule == rule_of(words, is_script=False)


def test_a_compiler_that_is_a_script_is_asked_again() -> None:
    """A wrapper's file says nothing of the compiler that it starts."""
    assert rule_of(["gcc", "--version"], is_script=True) == AGAIN


def test_the_projects_word_wins() -> None:
    """What is declared goes by name, or by the very path."""
    process_rules.cheap("git", "/opt/bin/ask")
    process_rules.pure("pkg-config")

    assert rule_of(["/usr/bin/git", "log"], is_script=False) == AGAIN
    assert rule_of(["/opt/bin/ask"], is_script=True) == AGAIN
    assert rule_of(["/usr/bin/ask"], is_script=True) == UNKNOWN
    assert rule_of(["pkg-config", "--libs", "x"], is_script=False) == PURE


@pytest.mark.parametrize("name", ["", 3, None])
def test_only_names_are_declared(name: object) -> None:
    """Anything else is the caller's mistake, and is told."""
    with pytest.raises(TypeError):
        process_rules.cheap(name)  # type: ignore[arg-type] # what is to be refused


@pytest.mark.parametrize(
    ("argv", "programs"),
    [
        (["git", "log"], [["git", "log"]]),
        (["/bin/sh", "-c", "git log"], [["git", "log"]]),
        (["sh", "-c", "git log -1 | cut -c1-7"], [["git", "log", "-1"], ["cut", "-c1-7"]]),
        (["sh", "-c", "git describe 2>/dev/null || echo none"], [["git", "describe"]]),
        (["sh", "-c", "git 'two words' && true"], [["git", "two words"]]),
        (["sh", "-c", "cat $HOME/file"], []),
        (["sh", "-c", "echo `date`"], []),
        (["sh", "-c", "cat *.txt"], []),
        (["sh", "-c", "git log > file"], []),
        (["sh", "-c", "A=1 git log"], []),
        (["sh", "-c", "(git log)"], []),
        (["sh", "-c", "git 'open"], []),
        (["sh", "-c", "git log &"], []),
        (["sh", "-c", "git log\ndate"], []),
        (["sh", "script.sh"], [["sh", "script.sh"]]),
        ([], []),
    ],
    ids=str,
)
def test_a_shells_line_is_the_programs_it_starts(
    argv: list[str], programs: list[list[str]]
) -> None:
    """Where they cannot all be told, none are."""
    assert programs == programs_of(argv)
