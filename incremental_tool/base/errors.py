"""The two error families, defined by who catches them.

`UserError` reaches the command line and is printed as one line.
`CorruptRecord` never leaves the store: a damaged, foreign or future state file
is an empty one plus a warning.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user asked for cannot be done; the text says what to do."""


class CorruptRecord(ValueError):  # noqa: N818 - it names what was found, as FileNotFoundError does
    """Bytes on disk are not what their format says; the catcher goes on without them."""
