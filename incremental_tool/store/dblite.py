r"""The outer layer of SCons's database: folder -> the pickle of the folder's entries.

`.sconsign.dblite` is the pickle, in protocol 4, of one dictionary of byte strings. It holds
megabytes of which an edit concerns thousands of bytes, so it is not unpickled: the few opcodes
that such a pickle is made of are walked over, and the byte strings stay where they are. What
is written is a pickle of the same dictionary, without frames (which a reader does not need).

Opcodes and their arguments: Python's `pickletools`. Knows nothing of what a folder's bytes mean.
"""

from __future__ import annotations

import struct
from struct import pack, unpack_from

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Optional, Union


_PROTO, _FRAME, _EMPTY_DICT, _MARK, _MEMOIZE, _SETITEM, _SETITEMS, _STOP = b"\x80\x95}(\x94su."
_TEXTS = {0x8C: ("<B", 1), ord("X"): ("<I", 4), 0x8D: ("<Q", 8)}
"""SHORT_BINUNICODE, BINUNICODE, BINUNICODE8: how the size that follows is packed, in bytes."""
_STRINGS = {ord("C"): ("<B", 1), ord("B"): ("<I", 4), 0x8E: ("<Q", 8)}
"""SHORT_BINBYTES, BINBYTES, BINBYTES8."""


def folders_of(content: bytes) -> Optional[dict[str, memoryview]]:
    """Return the bytes of each folder; None for a pickle that is made of other opcodes."""
    try:
        return _walk(content)
    except (IndexError, struct.error, UnicodeDecodeError):
        return None


def _walk(content: bytes) -> Optional[dict[str, memoryview]]:
    view = memoryview(content)
    if content[:2] != b"\x80\x04":
        return None
    found: dict[str, memoryview] = {}
    at, begun = 2, False
    folder: Optional[str] = None
    while True:
        opcode = content[at]
        at += 1
        if opcode == _FRAME:
            at += 8
        elif opcode == _EMPTY_DICT:
            if begun:
                return None
            begun = True
        elif opcode in _TEXTS and folder is None:
            code, width = _TEXTS[opcode]
            end = at + width + unpack_from(code, content, at)[0]
            folder = content[at + width : end].decode("utf-8", "surrogatepass")
            at = end
        elif opcode in _STRINGS and folder is not None:
            code, width = _STRINGS[opcode]
            end = at + width + unpack_from(code, content, at)[0]
            found[folder] = view[at + width : end]
            folder, at = None, end
        elif opcode == _STOP:
            return found if begun and folder is None and at == len(content) else None
        elif opcode not in (_MARK, _MEMOIZE, _SETITEM, _SETITEMS):
            return None


def pieces_of(folders: Mapping[str, Union[bytes, memoryview]]) -> list[Union[bytes, memoryview]]:
    """Return the pieces that make up the pickle of the folders."""
    pieces: list[Union[bytes, memoryview]] = [b"\x80\x04}("]
    for folder, entries in folders.items():
        name = folder.encode("utf-8", "surrogatepass")
        head = b"X" + pack("<I", len(name)) + name
        pieces.append(head + b"\x8e" + pack("<Q", len(entries)))
        pieces.append(entries)
    pieces.append(b"u.")
    return pieces
