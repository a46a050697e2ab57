"""Attributes of modules and classes that observers replace for a while, and put back.

Each replacement calls what was there. Putting back touches only what is still
ours: if someone has wrapped an observer meanwhile, it stays where it is, and
passes everything on because observing is over.

Knows nothing of what is observed.
"""

from __future__ import annotations

from typing import Any, Callable

_NOTHING = object()


class Replacements:
    """What has been replaced, in order."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> bool:
        """Put `make(original)` in place of `owner.name`; False where there is no such name.

        Of a class only its own attributes are replaced, not inherited ones.
        """
        original = vars(owner).get(name)
        if original is None:
            return False
        replacement = make(original)
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
            try:
                setattr(replacement, attribute, getattr(original, attribute))
            except (AttributeError, TypeError):
                pass  # a class or an instance: its own say more
        setattr(owner, name, replacement)
        self._done.append((owner, name, original, replacement))
        return True

    def add(self, owner: Any, name: str, value: Any) -> None:
        """Give `owner` a name that it has not got."""
        if name not in vars(owner):
            setattr(owner, name, value)
            self._done.append((owner, name, _NOTHING, value))

    def restore(self) -> None:
        """Put back what was there, the newest replacement first."""
        while self._done:
            owner, name, original, replacement = self._done.pop()
            if vars(owner).get(name) is not replacement:
                continue
            if original is _NOTHING:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
