"""The line tables of an object's debug information: which address is of which line.

A table is a header with names of files, and a program for a small machine. It begins anew with
every sequence, of which there is one for each section of code: an operation sets the address
(a relocation tells the section), and the following ones add to address and line and emit rows.

So lines move by putting one operation more before the first row of those that move alike.

Knows versions 2 to 5 of DWARF of 32 bits; others are refused.
"""

from __future__ import annotations

import struct

from incremental_tool.model.elf_object import VALUE, RefusedObject

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence as Several
    from typing import NamedTuple, Union

    from incremental_tool.model.elf_object import ElfObject

    Row = tuple[int, int, int, int, bool, int]
else:
    from incremental_tool.base.named_tuple import NamedTuple

_LONG = 0xFFFFFFF0
_FIRST, _LATEST, _WITH_FORMS = 2, 5, 5
_PATH, _FOLDER = 1, 2
_TEXT, _LINE_TEXT, _OTHER_TEXT, _NUMBER, _BLOCK = 0x08, 0x1F, 0x0E, 0x0F, 0x09
_FIXED = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
ADVANCE_LINE = 3


class DebugSection:
    """A section, and what its relocations say in place of its numbers."""

    def __init__(self, read: ElfObject, name: bytes) -> None:
        index = read.section_named(name)
        self.content = b"" if index is None else read.bytes_of(index)
        self.relocations: dict[int, tuple[int, int]] = {}
        if index is not None:
            symbols = read.symbols
            self.relocations = {
                row[0]: (row[2], row[3] + symbols[row[2]][VALUE])
                for row in read.relocations(index)
                if row[1]
            }

    def number(self, at: int, size: int = 4) -> int:
        """Return a number, an offset into another section for one."""
        found = self.relocations.get(at)
        if found is not None:
            return found[1]
        return int.from_bytes(self.content[at : at + size], "little")

    def text(self, at: int) -> bytes:
        """Return what is at an offset, up to a NUL."""
        return self.content[at : self.content.index(b"\0", at)]


class Sequence(NamedTuple):
    """Where a sequence's address is set; and its rows.

    A row is an address, a file, a line, a column, whether a statement begins, and which operation
    emits it. The last one ends the sequence and is of file -1.
    """

    address_at: int
    rows: Several[Row]


class Table(NamedTuple):
    """One table: where it begins, its files' paths by number, and its sequences."""

    start: int
    files: dict[int, bytes]
    sequences: Several[Sequence]


def unsigned(content: Union[bytes, bytearray], at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004 - the last byte
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004 - more bits than numbers have
            raise ValueError("a number is too long")


def signed(content: Union[bytes, bytearray], at: int) -> tuple[int, int]:
    """Return a signed number of seven bits a byte, and where it ends."""
    value, end = unsigned(content, at)
    bits = 7 * (end - at)
    return value - (1 << bits) if value >> (bits - 1) else value, end


def written(value: int) -> bytes:
    """Return a signed number in seven bits a byte."""
    found = bytearray()
    while not -64 <= value < 64:  # noqa: PLR2004 - what the last byte holds
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value & 127)
    return bytes(found)


def tables(read: ElfObject) -> list[Table]:
    """Return all tables of an object."""
    lines = DebugSection(read, b".debug_line")
    texts = {
        _LINE_TEXT: DebugSection(read, b".debug_line_str"),
        _OTHER_TEXT: DebugSection(read, b".debug_str"),
    }
    found: list[Table] = []
    at, end = 0, len(lines.content)
    while at < end:
        length, version = struct.unpack_from("<IH", lines.content, at)
        if length >= _LONG or not _FIRST <= version <= _LATEST or at + 4 + length > end:
            raise RefusedObject("function.refuse.debug-lines", "the table is odd")
        found.append(_table(lines, texts, at, version, at + 4 + length))
        at += 4 + length
    return found


def _table(
    lines: DebugSection, texts: dict[int, DebugSection], start: int, version: int, end: int
) -> Table:
    content = lines.content
    at = start + (8 if version >= _WITH_FORMS else 6)
    (header,) = struct.unpack_from("<I", content, at)
    at += 4
    begin = at + header
    least = content[at]
    at += 2 if version > 3 else 1  # noqa: PLR2004 - where several operations share an instruction
    statement, base, span, first = struct.unpack_from("<BbBB", content, at)
    lengths = content[at + 4 : at + 3 + first]
    at += 3 + first
    if not span or first < 10 or begin > end:  # noqa: PLR2004 - the operations of version 2
        raise RefusedObject("function.refuse.debug-lines", "the table is odd")
    by_form = version >= _WITH_FORMS
    files = _files_with_forms(lines, texts, at) if by_form else _files(content, at)
    sequences = _run(content, begin, end, (least, bool(statement), base, span, first, lengths))
    return Table(start, files, sequences)


def _files(content: bytes, at: int) -> dict[int, bytes]:
    folders = [b""]
    while content[at]:
        end = content.index(b"\0", at)
        folders.append(content[at:end])
        at = end + 1
    at += 1
    files: dict[int, bytes] = {}
    while content[at]:
        end = content.index(b"\0", at)
        folder, after = unsigned(content, end + 1)
        files[len(files) + 1] = _joined(folders[folder], content[at:end])
        _, after = unsigned(content, after)
        _, at = unsigned(content, after)
    return files


def _joined(folder: bytes, name: bytes) -> bytes:
    return name if not folder or name.startswith(b"/") else folder + b"/" + name


def _files_with_forms(
    lines: DebugSection, texts: dict[int, DebugSection], at: int
) -> dict[int, bytes]:
    folders, at = _entries(lines, texts, at)
    names, _ = _entries(lines, texts, at)
    found: dict[int, bytes] = {}
    for number, (name, folder) in enumerate(names):
        found[number] = _joined(folders[folder][0] if folder else b"", name)
    return found


def _entries(
    lines: DebugSection, texts: dict[int, DebugSection], at: int
) -> tuple[list[tuple[bytes, int]], int]:
    content = lines.content
    forms: list[tuple[int, int]] = []
    count = content[at]
    at += 1
    for _ in range(count):
        what, at = unsigned(content, at)
        form, at = unsigned(content, at)
        forms.append((what, form))
    count, at = unsigned(content, at)
    if count > len(content):
        raise RefusedObject("function.refuse.debug-lines", "the table is odd")
    found: list[tuple[bytes, int]] = []
    for _ in range(count):
        name, folder = b"", 0
        for what, form in forms:
            number, text = 0, b""
            if form == _TEXT:
                text = lines.text(at)
                at += len(text) + 1
            elif form in texts:
                text = texts[form].text(lines.number(at))
                at += 4
            elif form == _NUMBER:
                number, at = unsigned(content, at)
            elif form == _BLOCK:
                size, at = unsigned(content, at)
                at += size
            else:
                size = _FIXED[form] if form in _FIXED else len(content)
                number = lines.number(at, size)
                at += size
            if what == _PATH:
                name = text
            elif what == _FOLDER:
                folder = number
        found.append((name, folder))
    return found, at


def _run(
    content: bytes, at: int, end: int, setting: tuple[int, bool, int, int, int, bytes]
) -> list[Sequence]:
    """Run a program and return its sequences."""
    least, at_first, base, span, first, lengths = setting
    found: list[Sequence] = []
    rows: list[Row] = []
    address, file, line, column, statement, address_at = 0, 1, 1, 0, at_first, -1
    by_constant = (255 - first) // span * least
    while at < end:
        code = content[at]
        begin = at
        at += 1
        if code >= first:
            code -= first
            address += code // span * least
            line += base + code % span
            rows.append((address, file, line, column, statement, begin))
        elif code == 1:
            rows.append((address, file, line, column, statement, begin))
        elif code == 2:  # noqa: PLR2004 - operations have numbers, here and below
            step, at = unsigned(content, at)
            address += step * least
        elif code == ADVANCE_LINE:
            step, at = signed(content, at)
            line += step
        elif code == 4:  # noqa: PLR2004
            file, at = unsigned(content, at)
        elif code == 5:  # noqa: PLR2004
            column, at = unsigned(content, at)
        elif code == 6:  # noqa: PLR2004
            statement = not statement
        elif code == 8:  # noqa: PLR2004
            address += by_constant
        elif code == 9:  # noqa: PLR2004
            address += content[at] | content[at + 1] << 8
            at += 2
        elif code:
            for _ in range(lengths[code - 1]):
                _, at = unsigned(content, at)
        else:
            size, at = unsigned(content, at)
            what = content[at]
            if what == 1:
                rows.append((address, -1, 0, 0, False, begin))
                found.append(Sequence(address_at, rows))
                rows = []
                address, file, line, column, statement, address_at = 0, 1, 1, 0, at_first, -1
            elif what == 2:  # noqa: PLR2004
                if address_at >= 0 or rows:
                    raise RefusedObject("function.refuse.debug-lines", "sequences are shared")
                address_at = at + 1
            at += max(size, 1)
    return found
