"""Which commands' objects show no more of a text than its tokens."""

from __future__ import annotations

import pytest
from compile_lines import parse

from incremental_tool.model.reason import REASONS, Reason
from incremental_tool.model.token_command import TokenCommand, token_command


def understood(line: str) -> TokenCommand:
    """Return what shows of the text in the object of a line that is understood."""
    found = token_command(parse(line), "clang" if "clang" in line else "gcc", {})
    assert isinstance(found, TokenCommand), found
    return found


def refused(line: str, family: str = "", **environment: str) -> str:
    """Return why a line is not, without the common part."""
    family = family or ("clang" if "clang" in line else "gcc")
    found = token_command(parse(line), family, environment)
    assert isinstance(found, Reason), found
    assert found.id in REASONS
    return found.id[len("tokens.refuse.") :]


@pytest.mark.parametrize(
    ("options", "packed"),
    [
        ("gcc -c -o a.o a.c", True),
        (
            "gcc -O2 -Wall -Wextra -Werror -Iinc -DA=1 -D B -std=gnu11 -fPIC -MMD -c -o a.o a.c",
            True,
        ),
        ("gcc -g -c -o a.o a.c", False),
        ("gcc -ggdb3 -c -o a.o a.c", False),
        ("gcc -g -g0 -c -o a.o a.c", True),
        ("g++ -O2 -std=c++17 -fno-exceptions -fno-rtti -c -o a.o a.cc", True),
        ("g++ -ansi -c -o a.o a.cc", True),
        ("clang -c -o a.o a.c", True),
        ("clang -gdwarf-4 -c -o a.o a.c", False),
        ("clang -gdwarf-4 -g -c -o a.o a.c", False),
        ("clang++ -c -o a.o a.cc", False),
    ],
)
def test_usual_commands_are_understood(options: str, packed: bool) -> None:
    """Lines show with debug information, and in the names that clang gives C++ types."""
    assert understood(options).packed is packed


def test_macros_of_the_command_are_told() -> None:
    """Both ways to write the option."""
    assert understood("gcc -DA=1 -D B(x)=x -UC -c -o a.o a.c").macros == ("A=1", "B(x)=x")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("gcc -S -o a.s a.c", "language"),
        ("gcc -c -o a.o a.S", "language"),
        ("clang -g -c -o a.o a.c", "debug"),
        ("clang -gdwarf-5 -c -o a.o a.c", "debug"),
        ("clang -gdwarf-4 -gdwarf-5 -c -o a.o a.c", "debug"),
        ("gcc -std=c90 -c -o a.o a.c", "option"),
        ("gcc -std=iso9899:199409 -c -o a.o a.c", "option"),
        ("gcc -ansi -c -o a.o a.c", "option"),
        ("gcc -flto -c -o a.o a.c", "option"),
        ("gcc --coverage -c -o a.o a.c", "option"),
        ("gcc -fsanitize=address -c -o a.o a.c", "option"),
        ("gcc -fstack-usage -c -o a.o a.c", "option"),
        ("gcc -g -gsplit-dwarf -c -o a.o a.c", "option"),
        ("gcc -Wimplicit-fallthrough=1 -c -o a.o a.c", "option"),
        ("gcc -Wtrailing-whitespace -c -o a.o a.c", "option"),
        ("clang -Weverything -c -o a.o a.c", "option"),
        ("clang -Wdocumentation -c -o a.o a.c", "option"),
        ("clang -Werror=documentation-unknown-command -c -o a.o a.c", "option"),
        ("gcc -fverbose-asm -c -o a.o a.c", "option"),
        ("gcc -traditional -c -o a.o a.c", "option"),
        ("gcc -Wa,-g -c -o a.o a.c", "option"),
        ("gcc -Wp,-DA=__LINE__ -c -o a.o a.c", "option"),
        ("gcc -finstrument-functions -c -o a.o a.c", "option"),
    ],
)
def test_what_may_show_more_is_refused(line: str, reason: str) -> None:
    """By name, so that it can be told."""
    assert refused(line) == reason


def test_an_environment_that_adds_options_is_refused() -> None:
    """Clang takes words from a variable."""
    assert refused("clang -c -o a.o a.c", CCC_OVERRIDE_OPTIONS="+-g") == "option"


def test_other_compilers_are_refused() -> None:
    """Of them it is not known."""
    assert refused("gcc -c -o a.o a.c", "other") == "language"
