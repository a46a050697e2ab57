"""Digests of variables: equal for equal values, telling nothing of them."""

from __future__ import annotations

from incremental_tool.model.environment_value import VOLATILE, digest_of_value, digests_of_all

SALT, OTHER = b"a" * 16, b"b" * 16


def test_the_digest_follows_name_value_and_salt() -> None:
    """Another value, name or salt is another digest."""
    digests = [
        digest_of_value(SALT, b"CC", b"gcc"),
        digest_of_value(SALT, b"CC", b"clang"),
        digest_of_value(SALT, b"CX", b"gcc"),
        digest_of_value(OTHER, b"CC", b"gcc"),
    ]

    assert len(set(digests)) == 4
    assert digests[0] == digest_of_value(SALT, b"CC", b"gcc")
    assert all(len(digest) == 16 for digest in digests)


def test_unset_and_empty_differ() -> None:
    """A variable that is set to nothing is set."""
    assert digest_of_value(SALT, b"CC", None) == b""
    assert digest_of_value(SALT, b"CC", b"") != b""


def test_the_whole_leaves_out_what_the_shell_sets_anew() -> None:
    """All variables but the volatile ones are there."""
    environment = {b"A": b"1", b"B": b"", **dict.fromkeys(VOLATILE, b"x")}

    assert digests_of_all(SALT, environment) == {
        name: digest_of_value(SALT, name, environment[name]) for name in (b"A", b"B")
    }
