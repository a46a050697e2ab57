"""The include directives that SCons's scanner for C finds in a file, and a digest of them.

When the directives of a file are the same before and after an edit, SCons finds
the same implicit dependencies, for its scanner looks at nothing else. So this
must be that scanner's own way to read: its expression, on text decoded as it
decodes it. A scanner with another expression is another scanner.

Knows nothing of where included files are.
"""

from __future__ import annotations

import re

from incremental_tool.base.digest import digest_of
from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Optional


PATTERN = r'^[ \t]*#[ \t]*(?:include|import)[ \t]*(<|")([^>"]+)(>|")'
"""`SCons.Scanner.C.CScanner`, 4.5 to 4.11."""

_DIRECTIVE = lazily(PATTERN, re.MULTILINE)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Byte order marks: SCons versions decode what follows in different ways."""


def find_directives(content: bytes) -> Optional[list[tuple[str, ...]]]:
    """Return what the scanner finds in a file's bytes; None where that is not known."""
    if content.startswith(_MARKS):
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return _DIRECTIVE.findall(text)


def digest_of_directives(found: object) -> bytes:
    """Return eight bytes that stand for a list of directives, and for none of the special marks."""
    return b"\3" + digest_of(repr(found).encode("utf-8", "surrogatepass"))[:7]
