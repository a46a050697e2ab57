"""The quick `NamedTuple` is the same to its users as that of `typing`."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from incremental_tool.base.named_tuple import NamedTuple


class Quick(NamedTuple):
    """Three items."""

    one: int
    two: str = "b"
    three: tuple[int, ...] = ()

    def both(self) -> str:
        """Return two of them."""
        return f"{self.one}{self.two}"


class Known(typing.NamedTuple):
    """As `Quick`."""

    one: int
    two: str = "b"
    three: tuple[int, ...] = ()

    def both(self) -> str:
        """Return two of them."""
        return f"{self.one}{self.two}"


@pytest.mark.parametrize(
    ("values", "named"),
    [((1,), {}), ((1, "x"), {}), ((1, "x", (2,)), {}), ((), {"one": 1, "three": (3,)})],
)
def test_it_is_made_and_seen_alike(values: Any, named: Any) -> None:
    """Values come in order, by name or from defaults; items, text and copies are the same."""
    quick, known = Quick(*values, **named), Known(*values, **named)

    assert quick == known == tuple(quick)
    assert (quick.one, quick.two, quick.three) == (known.one, known.two, known.three)
    assert repr(quick) == repr(known).replace("Known", "Quick")
    assert quick.both() == known.both()
    assert quick._fields == known._fields
    assert quick._field_defaults == known._field_defaults
    assert quick._asdict() == known._asdict()
    assert quick._replace(two="z") == known._replace(two="z")
    assert type(quick._replace(two="z")) is Quick
    assert Quick._make([1, "x", ()]) == Known._make([1, "x", ()])
    assert pickle.loads(pickle.dumps(quick)) == quick
    assert hash(quick) == hash(known)


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, "b", (), 4), {}), ((1,), {"one": 2}), ((1,), {"four": 2})]
)
def test_other_values_are_refused_alike(values: Any, named: Any) -> None:
    """Too few, too many, twice, or of no known name."""
    for kind in (Quick, Known):
        with pytest.raises(TypeError):
            kind(*values, **named)
