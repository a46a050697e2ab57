"""What debuggers read of a composed object.

Knows nothing yet: objects with such sections are refused.
"""

from __future__ import annotations

from incremental_tool.model.elf_object import RefusedObject

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

    from incremental_tool.model.elf_draft import Draft
    from incremental_tool.model.line_moves import Move
    from incremental_tool.model.piece_import import PieceImport


class DebugSplice:
    """The sections of a draft that debuggers read."""

    def __init__(self, draft: Draft, moves: Sequence[Move], index: Optional[bytes]) -> None:
        self.draft, self.moves, self.index = draft, moves, index

    def add(self, coming: PieceImport, moves: Sequence[Move]) -> None:
        """Put a piece's sections behind the draft's."""
        if moves:
            raise RefusedObject("function.refuse.debug-lines")
        for name in coming.piece.section_names:
            if name.startswith(b".debug_"):
                raise RefusedObject("function.refuse.debug-section", name)

    def finish(self, gone: set[int], entries: list[tuple[int, int]]) -> None:
        """Take out what goes."""
        if entries:
            raise RefusedObject("function.refuse.debug-section", str(len(gone)))
