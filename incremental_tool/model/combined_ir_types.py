"""The types of symbols in LLVM's text: where a type ends, what a function's is, its size.

Types are read as they are printed: one blank between words, none before a comma. Typed pointers
(`%struct.S*`) and opaque ones (`ptr`) are both read.

Knows nothing of symbols beyond the line that declares or defines one.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple

NAME = rb'(?:[-\w$.]+|"[^"]*")'

_WORD = (
    rb"(?:void|i[0-9]+|half|bfloat|float|double|x86_fp80|fp128|ppc_fp128|x86_mmx|x86_amx"
    rb"|ptr|token|metadata|label|opaque)(?![\w.])"
)
_BASE = lazily(rb"%" + NAME + rb"|" + _WORD)
_STARS = lazily(rb"(?:(?: addrspace\([0-9]+\))?\*)*")
_BRACKET = lazily(rb'"[^"]*"|[][(){}<>]')
_FUNCTION = lazily(rb"(?:define|declare) (.*?)@(" + NAME + rb")\(")
_RESULT = lazily(rb"(?:^|(?<= ))(?=" + _WORD + rb"|[%\[{<])")

_CLOSING = b")]}>"


class Function(NamedTuple):
    """What the first line of a function says."""

    words: bytes
    """What stands before its result's type: linkage and the like."""
    result: bytes
    name: bytes
    parameters: bytes
    """All between the brackets."""
    rest: bytes
    """What follows the closing bracket."""

    def type(self) -> bytes:
        """Return the function's type."""
        types = [
            b"..." if each == b"..." else each[: type_end(each, 0)]
            for each in _list_of(self.parameters)
        ]
        return self.result + b" (" + b", ".join(types) + b")"


def function_of(line: bytes) -> Optional[Function]:
    """Read a line that begins with `define` or `declare`; None if it is no such line."""
    match = _FUNCTION.match(line)
    if match is None:
        return None
    before, name = match.groups()
    result = _RESULT.search(before)
    if result is None:
        return None
    end = type_end(before, result.start())
    close = _closed(line, match.end() - 1)
    return Function(
        before[: result.start()],
        before[result.start() : end],
        name,
        line[match.end() : close - 1],
        line[close:],
    )


def type_end(text: bytes, at: int) -> int:
    """Return the place behind the type that begins at a place."""
    match = _BASE.match(text, at)
    if match is not None:
        at = match.end()
    elif text[at : at + 1] in {b"[", b"{", b"<"}:
        at = _closed(text, at)
    else:
        raise ValueError(text[at : at + 40])
    while True:
        stars = _STARS.match(text, at)
        at = stars.end() if stars else at
        # A function's type goes on with its parameters; nothing else does with a bracket.
        if text[at : at + 2] != b" (":
            return at
        at = _closed(text, at + 1)


def _closed(text: bytes, at: int) -> int:
    """Return the place behind the bracket that closes the one at a place."""
    depth = 0
    for match in _BRACKET.finditer(text, at):
        found = match.group()
        if found.startswith(b'"'):  # a quoted name
            continue
        depth += -1 if found in _CLOSING else 1
        if not depth:
            return match.end()
    raise ValueError(text[at : at + 40])


def _list_of(text: bytes) -> list[bytes]:
    """Cut at commas that no bracket holds."""
    if not re.search(rb'[][(){}<>"]', text):
        return text.split(b", ") if text else []
    found, start, depth = [], 0, 0
    for match in re.finditer(rb'"[^"]*"|[][(){}<>]|, ', text):
        piece = match.group()
        if piece == b", ":
            if not depth:
                found.append(text[start : match.start()])
                start = match.end()
        elif not piece.startswith(b'"'):
            depth += -1 if piece in _CLOSING else 1
    found.append(text[start:])
    return found


def count_of(elements: bytes) -> int:
    """Return how many values a list has: its commas that no bracket and no string holds."""
    depth, count = 0, 1
    for found in re.findall(rb'"[^"]*"|[][(){}<>]|, ', elements):
        if found == b", ":
            count += not depth
        elif found in b"([{<":
            depth += 1
        elif found in b")]}>":
            depth -= 1
    return count


_SIZES = {
    b"half": (2, 2),
    b"bfloat": (2, 2),
    b"float": (4, 4),
    b"double": (8, 8),
    b"x86_fp80": (16, 16),
    b"fp128": (16, 16),
}
"""Sizes and alignments; a `long double` of x86 has 16 bytes in all that LLVM's 64-bit ABIs know."""

_LARGEST_WHOLE = 8
"""Integers above this many bytes are aligned as the processor has it: only their sizes matter."""


def size_of(text: bytes, types: Mapping[bytes, bytes]) -> Optional[tuple[int, int]]:
    """Return size and alignment of a type on 64-bit machines; None if they are not known."""
    if text.endswith(b"*") or text == b"ptr":
        return 8, 8
    if text in _SIZES:
        return _SIZES[text]
    if re.fullmatch(rb"i[0-9]+", text):
        bits = int(text[1:])
        size = 1
        while size * 8 < bits:
            size *= 2
        return size, min(size, _LARGEST_WHOLE)
    if text.startswith(b"%"):
        return size_of(types[text], types) if types.get(text, b"opaque") != b"opaque" else None
    array = re.fullmatch(rb"\[([0-9]+) x (.*)\]", text, re.DOTALL)
    if array is not None:
        item = size_of(array.group(2), types)
        return item and (int(array.group(1)) * item[0], item[1])
    packed = text.startswith(b"<{")
    if not text.startswith((b"{", b"<{")):
        return None
    place, alignment = 0, 1
    for member in _list_of(text[2 if packed else 1 : -2 if packed else -1].strip()):
        found = size_of(member, types)
        if found is None:
            return None
        size, each = found[0], 1 if packed else found[1]
        place = -(-place // each) * each + size
        alignment = max(alignment, each)
    return -(-place // alignment) * alignment, alignment
