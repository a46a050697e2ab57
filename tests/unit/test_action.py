"""A described key: what it covers, what it leaves out, and how two of them differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.digest import DIGEST_SIZE
from incremental_tool.model.action import (
    COMPILER_VARIABLES,
    IGNORED_VARIABLES,
    KEY_VERSION,
    Fields,
    action_digest,
    difference,
    environment_fields,
)

FIELDS: Fields = [
    ("kind", b"compile"),
    ("command", b"gcc\0-O2\0-c\0a.c\0-o\0a.o"),
    ("toolchain", b"t" * 16),
    ("environment LANG", b"l" * 16),
]
LISTS = st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=12)), max_size=5)


def with_field(name: str, value: bytes) -> Fields:
    """Return the usual fields with another value in one of them."""
    return [(known, value if known == name else old) for known, old in FIELDS]


# --- the environment -----------------------------------------------------------


def test_a_compiler_is_described_by_what_compilers_read() -> None:
    """Of a compile's environment only the listed variables count, in a fixed order."""
    environment = {"LANG": "C", "EDITOR": "vi", "CPATH": "inc", "PATH": "/bin", "HOME": "/root"}

    fields = environment_fields(environment, compiler=True)

    assert [name for name, _ in fields] == ["environment CPATH", "environment LANG"]
    assert fields == environment_fields(dict(reversed(environment.items())), compiler=True)


def test_any_other_command_is_described_by_all_but_the_terminal() -> None:
    """Of an opted-in command's environment everything counts but what terminals set."""
    environment = {"LANG": "C", "MY_OPTION": "1", "PATH": "/bin", "TERM": "xterm", "PWD": "/x"}

    fields = environment_fields(environment, compiler=False)

    assert [name[len("environment ") :] for name, _ in fields] == ["LANG", "MY_OPTION", "PATH"]


def test_the_two_lists_of_variables_do_not_contradict_each_other() -> None:
    """Nothing that compilers read is ignored for other commands."""
    assert not COMPILER_VARIABLES & IGNORED_VARIABLES


@pytest.mark.parametrize("compiler", [True, False])
def test_no_value_of_a_variable_is_kept(compiler: bool) -> None:
    """A field holds a digest of the value: a shared cache must not tell secrets."""
    fields = environment_fields({"LANG": "secret-word", "TOKEN": "secret-word"}, compiler)

    assert fields
    assert all(len(value) == DIGEST_SIZE for _, value in fields)
    assert b"secret" not in repr(fields).encode()


def test_unset_and_empty_variables_differ() -> None:
    """An empty CPATH means something else to gcc than none."""
    assert environment_fields({"CPATH": ""}, compiler=True)
    assert not environment_fields({}, compiler=True)


def test_a_value_that_is_no_text_is_described() -> None:
    """Values come as the operating system gives them."""
    one, other = (
        environment_fields({"CPATH": value}, compiler=True) for value in ("\udcff", "\udcfe")
    )

    assert one != other


# --- the digest ----------------------------------------------------------------


@given(one=LISTS, other=LISTS)
def test_only_equal_descriptions_have_one_digest(one: Fields, other: Fields) -> None:
    """Names, values and their order all count, and nothing else does."""
    assert (action_digest(one) == action_digest(other)) == (one == other)


def test_the_digest_of_a_description_is_fixed() -> None:
    """Fields keep their digest as long as the key's version is 2: else stores would be lost."""
    assert KEY_VERSION == b"2"
    assert action_digest(FIELDS).hex() == "329d5fc647c036dc74226f8b1637f4f6"


def test_names_that_are_no_text_are_described() -> None:
    """A field named after a file with any bytes in its name has a digest of its own."""
    assert action_digest([("file \udcff", b"")]) != action_digest([("file \udcfe", b"")])


# --- how two differ ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("toolchain", b"u" * 16, ("zir.miss.toolchain-changed", "")),
        ("environment LANG", b"m" * 16, ("zir.miss.environment-changed", "LANG")),
        (
            "command",
            b"gcc\0-O3\0-c\0a.c\0-o\0a.o",
            ("zir.miss.command-changed", "without -O2, with -O3"),
        ),
        (
            "command",
            b"gcc\0-O2\0-g\0-c\0a.c\0-o\0a.o",
            ("zir.miss.command-changed", "with -g"),
        ),
        ("command", b"gcc\0-c\0a.c\0-o\0a.o", ("zir.miss.command-changed", "without -O2")),
        (
            "command",
            b"gcc\0-c\0a.c\0-o\0a.o\0-O2",
            ("zir.miss.command-changed", "its words in another order"),
        ),
    ],
    ids=["toolchain", "environment", "word", "one more", "one less", "order"],
)
def test_a_difference_is_named(name: str, value: bytes, expected: tuple[str, str]) -> None:
    """What differs between two descriptions is told by its reason and in its words."""
    assert difference(FIELDS, with_field(name, value)) == expected


def test_a_variable_that_came_or_went_is_named() -> None:
    """A variable in only one of two descriptions is a difference in either direction."""
    without = [field for field in FIELDS if field[0] != "environment LANG"]

    assert difference(without, FIELDS) == ("zir.miss.environment-changed", "LANG")
    assert difference(FIELDS, without) == ("zir.miss.environment-changed", "LANG")


def test_another_directory_is_named() -> None:
    """Where an output names its folder, building elsewhere is the difference."""
    here, there = ([*FIELDS, ("directory", place)] for place in (b"/here", b"/there"))

    assert difference(here, there) == ("zir.miss.directory-changed", "/there")


def test_any_other_field_is_told_by_its_name() -> None:
    """What is no command is a digest to the reader: its name says more."""
    old, new = ([*FIELDS, ("kind", value)] for value in (b"compile", b"link"))

    assert difference(old, new) == ("zir.miss.command-changed", "kind")


def test_a_file_in_the_key_is_an_input_that_changed() -> None:
    """Where a file's content is part of the key, its change is that of an input."""
    for field, said in (("file linker.map", "linker.map"), ("archive", "the archive")):
        old, new = ([*FIELDS, (field, value)] for value in (b"o" * 16, b"n" * 16))
        assert difference(old, new) == ("zir.miss.input-changed", said)


def test_equal_descriptions_do_not_differ() -> None:
    """Without a difference there is nothing to tell but that no result is known."""
    assert difference(FIELDS, list(FIELDS)) == ("zir.miss.new", "")


@given(old=LISTS, new=LISTS)
def test_whatever_differs_gets_a_reason(old: Fields, new: Fields) -> None:
    """For any two descriptions that differ in a field, the reason says so, in printable words."""
    reason = difference(old, new)

    assert (reason.id == "zir.miss.new") == (dict(old) == dict(new))
    assert reason.sentence
