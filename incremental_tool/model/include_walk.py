"""The implicit dependencies that SCons's scanner for C finds, in its order.

As `SCons.Node.get_implicit_deps` and `SCons.Scanner.ClassicCPP`, 4.5 to 4.11: from each
source breadth first; what one file includes sorted by the directives' text, found or
not in one order; each dependency once, where it is first met.

Knows nothing of disks: what a file includes is asked of whoever knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Directive = tuple[str, ...]
"""What `model.directives.find_directives` finds: a bracket, a name, a bracket."""


def find_includes(
    directives: Iterable[Directive], find: Callable[[Directive], Optional[bytes]]
) -> list[bytes]:
    """Return the files that a file's directives lead to, in SCons's order."""
    found = []
    for directive in sorted(directives, key=" ".join):
        path = find(directive)
        if path is not None:
            found.append(path)
    return found


def walk_includes(
    sources: Iterable[bytes], includes_of: Callable[[bytes], Sequence[bytes]]
) -> list[bytes]:
    """Return all that the sources include, directly or not."""
    dependencies: dict[bytes, None] = {}
    for source in sources:
        seen = {source}
        waiting = [source]
        for file in waiting:  # it grows meanwhile
            found = [path for path in includes_of(file) if path not in seen]
            dependencies.update(dict.fromkeys(found))
            seen.update(found)
            waiting.extend(dict.fromkeys(found))
    return list(dependencies)
