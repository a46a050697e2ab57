"""Where nodes lie, asked so that SCons does not keep the answers.

When a build ends SCons has dropped what it remembered of most nodes. To ask each
of them once more for its status or its text would bring a dictionary and a
stat result of each back: 10 MB for 10,000 sources.

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
