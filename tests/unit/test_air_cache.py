"""What is kept of units and functions comes back whole, or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from incremental_tool.base.digest import digest_of
from incremental_tool.base.records import seal
from incremental_tool.store.air_cache import PIECE_MAGIC, VERSION, AirCache, Base, Piece

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason

KEY = digest_of(b"a key")
BASE = Base(
    digest_of(b"action"),
    b"src/a.c",
    [b"src/a.c", b"a.h"],
    digest_of(b"1") + digest_of(b"2"),
    [b"src/b.h"],
    [(b"a.d", digest_of(b"3"))],
    b"int f(void) { return 1; }\n",
    b"\x7fELF and more",
)
PIECE = Piece([b"f", b"g"], [(3, 4, 3, 9)], b"\x7fELF" * 4000)


@pytest.fixture
def reported() -> list[Reason]:
    """Return what is reported."""
    return []


@pytest.fixture
def air(tmp_path: Path, reported: list[Reason]) -> AirCache:
    """Return an empty cache."""
    return AirCache(b"/project", os.fsencode(tmp_path), reported.append)


def test_a_base_comes_back_as_it_was(air: AirCache) -> None:
    """A unit is kept for its object, and for no other."""
    air.put_base(b"a.o", BASE)
    assert air.base(b"a.o") == BASE
    assert air.base(b"b.o") is None
    assert air.bytes_written > len(BASE.text)


def test_another_project_has_other_bases(air: AirCache, tmp_path: Path) -> None:
    """Two projects that share a cache folder do not get each other's units."""
    air.put_base(b"a.o", BASE)
    assert AirCache(b"/other", os.fsencode(tmp_path), print).base(b"a.o") is None


def test_a_forgotten_base_is_gone_with_its_cut(air: AirCache) -> None:
    """Forgetting leaves nothing of a unit, and forgetting twice is no matter."""
    air.put_base(b"a.o", BASE)
    air.put_cut(b"a.o", [b"x", 1])
    assert air.cut(b"a.o") == [b"x", 1]
    air.forget_base(b"a.o")
    air.forget_base(b"a.o")
    assert (air.base(b"a.o"), air.cut(b"a.o")) == (None, None)


def test_the_identity_covers_all_that_a_base_is_made_of() -> None:
    """Another source, another object, input or command is another base."""
    others = [
        BASE._replace(text=b"other"),
        BASE._replace(content=b"other"),
        BASE._replace(inputs=[b"src/a.c", b"b.h"]),
        BASE._replace(digests=digest_of(b"1") + digest_of(b"9")),
        BASE._replace(action=digest_of(b"other")),
    ]
    assert len({base.identity for base in [BASE, *others]}) == 6


def test_a_piece_comes_back_as_it_was(air: AirCache) -> None:
    """A piece is kept compressed, and comes back under its key."""
    air.put_piece(KEY, PIECE)
    assert air.piece(KEY) == PIECE
    assert air.bytes_written < len(PIECE.content)


@pytest.mark.parametrize("cut", [0, 10, 40, -1])
def test_a_truncated_piece_is_none_and_is_set_aside(
    air: AirCache, reported: list[Reason], cut: int
) -> None:
    """A piece that is cut off anywhere is not handed out, and is told of."""
    air.put_piece(KEY, PIECE)
    path = air.path_of(KEY)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[:cut])
    assert air.piece(KEY) is None
    assert [reason.id for reason in reported] == ["store.corrupt.function"]
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc0", b"\x95\x01\x02\x03\x04\x05", b"\xdd\xff\xff\xff\xff", b"\x91" * 2000],
)
def test_a_sealed_piece_of_another_shape_is_none(
    air: AirCache, reported: list[Reason], payload: bytes
) -> None:
    """Whatever stands in a well sealed record, only a piece is taken for one."""
    path = air.path_of(KEY)
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(seal(PIECE_MAGIC, VERSION, payload))
    assert air.piece(KEY) is None
    assert [reason.id for reason in reported] == ["store.corrupt.function"]


def test_a_piece_under_another_key_is_none(air: AirCache, reported: list[Reason]) -> None:
    """A piece that was copied to another place is not taken there."""
    air.put_piece(KEY, PIECE)
    other = digest_of(b"another")
    os.makedirs(os.path.dirname(air.path_of(other)), exist_ok=True)
    os.rename(air.path_of(KEY), air.path_of(other))
    assert air.piece(other) is None
    assert reported


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """Without a place to write to nothing is kept, and one reason says so."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    told: list[Reason] = []
    air = AirCache(b"/project", os.fsencode(blocked / "cache"), told.append)
    air.put_piece(KEY, PIECE)
    air.put_base(b"a.o", BASE)
    assert [reason.id for reason in told] == ["store.unwritable"]
    assert air.piece(KEY) is None
