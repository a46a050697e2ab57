"""`NamedTuple` as of `typing`, without what that costs a run of tens of milliseconds.

Importing `typing` takes two milliseconds, and each class that it makes a fifth of one, because it
compiles a constructor for it. A class that derives from this one is the same to its users:
a tuple whose items have names, made from values in order, by name, or left to their
defaults. Type checkers are shown `typing.NamedTuple` in its place.

Knows nothing of types: annotations are names.
"""

from __future__ import annotations

from _collections import _tuplegetter  # type: ignore[import-not-found]  # in no stub

TYPE_CHECKING = False  # read by type checkers alone
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar


class NamedTuple(tuple):  # type: ignore[type-arg]  # the items have many types
    """The base of a class with one annotation for each item, in their order."""

    __slots__ = ()

    _fields: ClassVar[tuple[str, ...]] = ()
    _size: ClassVar[int] = 0
    _field_defaults: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Give the items their names."""
        names: Mapping[str, Any] = vars(cls).get("__annotations__", {})
        fields = tuple(names)
        cls._fields = fields
        cls._size = len(fields)
        cls._field_defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}
        for at, name in enumerate(fields):
            setattr(cls, name, _tuplegetter(at, None))

    def __new__(cls, *values: Any, **named: Any) -> Any:
        """Make one from values in order, by name, or left to their defaults."""
        if named or len(values) != cls._size:
            fields = cls._fields
            found = {**cls._field_defaults, **dict(zip(fields, values)), **named}
            twice = set(fields[: len(values)]).intersection(named)
            if len(values) > len(fields) or twice or found.keys() != set(fields):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(fields)}")
            values = tuple(found[name] for name in fields)
        return tuple.__new__(cls, values)

    @classmethod
    def _make(cls, values: Any) -> Any:
        """Return one with all its items from any iterable: quicker than to call the class."""
        made = tuple.__new__(cls, values)
        if len(made) != cls._size:
            raise TypeError(f"{cls.__name__} has {cls._size} items, not {len(made)}")
        return made

    def _replace(self, **named: Any) -> Any:
        """Return one with other items in place of those that are named."""
        values = list(self)
        fields = self._fields
        for name, value in named.items():
            if name not in fields:
                raise TypeError(f"{type(self).__name__} has no field {name}")
            values[fields.index(name)] = value
        return tuple.__new__(type(self), values)

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self))

    def __repr__(self) -> str:
        items = ", ".join(f"{name}={item!r}" for name, item in zip(self._fields, self))
        return f"{type(self).__name__}({items})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)
