"""A step of SCons's own that works on files, with arguments that are literal.

`Copy`, `Delete` and their like with what their arguments were after substitution, and
the writing of a text file from literal texts and files. As a step of a recipe it is
JSON behind LITERAL, for its texts may hold anything.

Knows nothing of what such a step does.
"""

from __future__ import annotations

from incremental_tool.model.recipe import FUNCTION

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any

LITERAL = FUNCTION + b"SCons.literal "
COMBINE = "combine"
"""The name of the step that writes a combined file of its sources; its arguments are those of
`model.combination.combination_of`."""
TEXTFILE = "textfile"
"""The name of the step that writes a text file; its arguments are keywords:

`separator` stands between the parts, `replaced` are pairs of texts, `encoding` is that of the
target; each of the `parts` is (True, a file's path) or (False, a text).
"""


class FileAction:
    """One step: the function's name, and its arguments."""

    __slots__ = ("arguments", "keywords", "name")

    def __init__(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> None:
        self.name = name
        self.arguments = arguments
        self.keywords = keywords

    def as_step(self) -> bytes:
        """Return the step. Raises TypeError for arguments that are not literal."""
        import json

        return LITERAL + json.dumps([self.name, self.arguments, self.keywords]).encode()

    @classmethod
    def of_step(cls, step: bytes) -> FileAction:
        """Return what `as_step` made a step of."""
        import json

        return cls(*json.loads(step[len(LITERAL) :]))
