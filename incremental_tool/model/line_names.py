r"""The names in C that stand for the line they are written on: `__LINE__`, `assert` and the like.

A macro is one of them if its definition names one. So is every macro that puts
names together (`##`): it can make any name. Definitions are looked for as words,
whatever comments and conditions they stand in: more are found than hold.

In C++ a default argument can ask for the line of its call, where no name tells
of it: `asks_for_callers_line` says whether a text may do that.

Knows nothing of where such names are used.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Optional

    Definition = tuple[bytes, bytes]
    """A macro's name, and what stands behind it on its line."""


LINE = (b"__LINE__", b"__builtin_LINE", b"__builtin_COLUMN", b"__builtin_source_location")
PRETTY = (b"__PRETTY_FUNCTION__", b"__builtin_dump_struct")
"""Names by which clang tells types, and those without a name by their lines."""

_NAME = rb"[A-Za-z_$\x80-\xff][0-9A-Za-z_$\x80-\xff]*"
_WORD = lazily(_NAME)
_DEFINITION = lazily(rb"define[ \t\f\v]+(" + _NAME + rb")([^\n]*)")
_HIDDEN_NAME = lazily(rb"define[ \t\f\v]*/\*")
_SPLICE = lazily(rb"\\[ \t\f\v]*\n")
_DEFINING_LINE = lazily(rb"\n[ \t\f\v]*(?:#|%:)[ \t\f\v]*define[ \t\f\v][^\n]*")
_CALLERS_LINE = lazily(
    rb"source_location(?<![0-9A-Za-z_]source_location)"
    rb"|__builtin_(?:LINE|COLUMN|source_location)"
)
_IMPORT = lazily(rb"(?:#|%:|\?\?=|\*/)[ \t\f\v]*import(?![0-9A-Za-z_])")
_NAMELESS = lazily(
    rb"(?:struct|union|enum)(?![0-9A-Za-z_])\s*(?:__attribute|__declspec|_*[aA]lignas"
    rb"|(?![0-9A-Za-z_\s]))"
)


def definitions_of(text: bytes) -> Optional[list[Definition]]:
    """Return the macros that a text may define; None where a comment may hide a name."""
    text = _joined(text)
    if _HIDDEN_NAME.search(text):
        return None
    found: list[Definition] = _DEFINITION.findall(text)
    return found


def definition_of_word(word: str) -> Definition:
    """Return the macro that the value of an option `-D` defines."""
    name, _, body = word.encode("utf-8", "surrogateescape").partition(b"=")
    return name.partition(b"(")[0], body


def line_names(
    files: Iterable[Sequence[Definition]], first: Sequence[bytes] = LINE
) -> frozenset[bytes]:
    """Return the names of `first`, and of all macros that lead to one of them."""
    known = set(first)
    users: dict[bytes, list[bytes]] = {}
    for definitions in files:
        for name, body in definitions:
            if b"##" in body or b"%:%:" in body or body.rfind(b"/*") > body.rfind(b"*/"):
                known.add(name)  # where a comment goes on, the definition may, too
            else:
                for word in _WORD.findall(body):
                    users.setdefault(word, []).append(name)
    waiting = list(known)
    while waiting:
        for name in users.get(waiting.pop(), ()):
            if name not in known:
                known.add(name)
                waiting.append(name)
    return frozenset(known)


def names_outside_definitions(text: bytes) -> set[bytes]:
    """Return all names in a text, but for those in lines that define a macro."""
    return set(_WORD.findall(_DEFINING_LINE.sub(b"", b"\n" + _joined(text))))


def asks_for_callers_line(text: bytes) -> bool:
    """Tell whether C++ text may ask for the line of a call that does not show it."""
    return _CALLERS_LINE.search(text) is not None


def reads_once(text: bytes) -> bool:
    """Tell whether a text may hold `#import`, which reads no file twice, nor its copy."""
    return b"import" in text and _IMPORT.search(_joined(text)) is not None


def has_nameless_types(text: bytes) -> bool:
    """Tell whether a text may declare a structure, union or enumeration without a name."""
    return _NAMELESS.search(text) is not None


def _joined(text: bytes) -> bytes:
    """Return a text with joined lines as one."""
    text = text.replace(b"\r\n", b"\n").replace(b"??/", b"\\")
    return _SPLICE.sub(b"", text) if b"\\" in text else text
