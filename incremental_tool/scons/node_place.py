"""Where nodes lie, asked so that SCons does not keep the answers.

When a build ends SCons has dropped what it remembered of most nodes. To ask each
of them once more for its status or its text would bring a dictionary and a
stat result of each back: 10 MB for 10,000 sources.

What holds for all files of a folder alike is found out once for the folder.
Knows nothing of why it is asked.
"""

from __future__ import annotations

from typing import Any, Optional

from incremental_tool.scons.observations import Row, real_stat, row_of


def text_of(node: Any) -> str:
    """Return `str(node)`."""
    known = node._memo.get("_save_str")  # noqa: SLF001 - where SCons keeps it
    if known is not None:
        return str(known)
    if node.duplicate or node.is_derived():
        return str(node.get_path())
    return str(node)  # in a variant folder without copies it depends on what is there


def status_of(node: Any) -> Row:
    """Return the row of the status that SCons has, or would take now."""
    known = node._memo.get("stat")  # noqa: SLF001 - where SCons keeps it
    if known is not None:
        return row_of(known)
    try:
        return row_of(real_stat(node.get_abspath()))
    except (OSError, ValueError):
        return None


class Folders:
    """Which folders are ordinary: below `top`, under one name, alone, and no variant of another.

    A file in an ordinary folder is its own `rfile()` and `srcnode()`. SCons knows it by its path
    relative to `top` wherever it keeps it.
    """

    def __init__(self, top: str) -> None:
        self._top = top
        self._known: dict[Any, bool] = {}

    def is_ordinary(self, folder: Any) -> bool:
        """Tell whether a folder is ordinary."""
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = self._look(folder)
        return known

    def _look(self, folder: Any) -> bool:
        path = folder.get_abspath()
        if path == self._top:
            name = "."
            above = folder.up()
            while above is not None:
                if above.srcdir is not None:
                    return False
                above = above.up()
        elif path.startswith(self._top + "/"):
            name = path[len(self._top) + 1 :]
            if not self.is_ordinary(folder.up()):
                return False
        else:
            return False
        return (
            folder.srcdir is None
            and folder.get_all_rdirs() == [folder]
            and folder.get_path() == name
            and folder.get_internal_path() == name
        )


class RealFiles:
    """Which file a node stands for: itself, unless its folder has repositories."""

    def __init__(self) -> None:
        self._alone: dict[Any, bool] = {}

    def of(self, node: Any) -> Any:
        """Return `node.rfile()`."""
        folder = node.dir
        alone: Optional[bool] = self._alone.get(folder)
        if alone is None:
            alone = self._alone[folder] = folder.get_all_rdirs() == [folder]
        return node if alone else node.rfile()
