"""Views of a folder: what was seen decides the digest, and nothing else does."""

from __future__ import annotations

import fnmatch
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.model.folder_view import digest_of_view

FOLDER = [(b"a.c", b"f"), (b"b.h", b"f"), (b".hidden.c", b"f"), (b"sub", b"d"), (b"to", b"ld")]


def seen(kind: bytes, pattern: bytes = b"", *more: tuple[bytes, bytes]) -> bytes:
    """Return the digest of a view of the folder, with more entries."""
    return digest_of_view(kind, pattern, [*FOLDER, *more])


@pytest.mark.parametrize(
    ("kind", "pattern", "name", "noticed"),
    [
        (b"names", b"", b"new", True),
        (b"entries", b"", b"new", True),
        (b"glob", b"*.c", b"new.c", True),
        (b"glob", b"*.c", b"new.h", False),
        (b"glob", b"*.c", b".new.c", False),
        (b"glob", b".*.c", b".new.c", True),
        (b"glob", b"[!a]*.c", b"an.c", False),
        (b"among", b"x.h\0y.h", b"y.h", True),
        (b"among", b"x.h\0y.h", b"z.h", False),
        (b"names", b"", b".incremental", False),
        (b"names", b"", b".incremental-12-34-5", False),
    ],
)
def test_a_new_name_is_noticed_by_those_who_asked(
    kind: bytes, pattern: bytes, name: bytes, noticed: bool
) -> None:
    """A new entry changes the digest of the views that it belongs to."""
    assert (seen(kind, pattern) != seen(kind, pattern, (name, b"f"))) is noticed


def test_order_does_not_matter() -> None:
    """Folders are listed in any order."""
    assert digest_of_view(b"entries", b"", FOLDER) == digest_of_view(b"entries", b"", FOLDER[::-1])


def test_a_kind_of_file_counts_for_entries_alone() -> None:
    """A file that became a folder is noticed by who asked for kinds."""
    other = [(b"a.c", b"d"), *FOLDER[1:]]

    assert digest_of_view(b"entries", b"", other) != seen(b"entries")
    assert digest_of_view(b"names", b"", other) == seen(b"names")


def test_an_unknown_kind_is_refused() -> None:
    """A view of a later version is not guessed at."""
    with pytest.raises(ValueError, match="later"):
        seen(b"later")


@given(
    st.lists(st.text("abc.*", min_size=1, max_size=4), unique=True), st.text("ab*?[]!.", min_size=1)
)
def test_globs_match_as_fnmatch_does(names: list[str], pattern: str) -> None:
    """Two folders look equal through a pattern exactly when fnmatch finds the same names."""
    entries = [(os.fsencode(name), b"f") for name in names]
    matching = [
        (os.fsencode(name), b"f")
        for name in fnmatch.filter(names, pattern)
        if pattern.startswith(".") or not name.startswith(".")
    ]

    assert digest_of_view(b"glob", pattern.encode(), entries) == digest_of_view(
        b"names", b"", matching
    )
