"""Whether SCons's database, as SCons would write it, says what the file on disk says.

The file is read one folder at a time: the whole of it, held beside what it is
compared with, would be the peak of a run's memory. The same entries are written as
other bytes when their texts are shared between them in another way, as those
are that a run has only loaded; then what they say is compared.

Knows nothing of why it is asked.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

_SKIPPED = {b"\x80": 1, b"\x95": 8, b"}": 0, b"\x94": 0, b"(": 0, b"q": 1, b"r": 4, b"u": 0}
"""Operations of a pickle that hold no text, and the bytes behind each: protocol, frame, an empty
dictionary, three that number what was read, mark, and "put into the dictionary"."""
_TEXT = {b"\x8c": 1, b"X": 4}
"""Operations that are a text; the bytes of its length."""
_BYTES = {b"C": 1, b"B": 4, b"\x8e": 8}


class _Unusual(Exception):  # noqa: N818 - it names what was found
    """The file is a pickle of another shape."""


def says_the_same(database: Any) -> bool:
    """Tell whether a database of SCons's says what it says on disk. Raises what reading raises."""
    present: dict[str, bytes] = database._dict  # noqa: SLF001 - SCons's own attribute
    with open(database._file_name, "rb") as file:  # noqa: SLF001 - as above
        try:
            return _same(present, _folders(file))
        except _Unusual:
            file.seek(0)
            stored = pickle.load(file, encoding="bytes")  # noqa: S301 - SCons has loaded it so
            return _same(present, stored.items())


def _same(present: dict[str, bytes], stored: Any) -> bool:
    seen = set()
    for folder, content in stored:
        there = present.get(folder)
        if there is None or (there != content and _canonical(there) != _canonical(content)):
            return False
        seen.add(folder)
    return len(seen) == len(present)


def _folders(file: Any) -> Iterator[tuple[str, bytes]]:
    """Yield what a pickled dictionary of bytes by text holds, one at a time. Raises _Unusual."""
    folder: Optional[str] = None
    while True:
        operation = file.read(1)
        if operation in _SKIPPED:
            file.read(_SKIPPED[operation])
        elif operation in _TEXT and folder is None:
            folder = _sized(file, _TEXT[operation]).decode("utf-8", "surrogatepass")
        elif operation in _BYTES and folder is not None:
            yield folder, _sized(file, _BYTES[operation])
            folder = None
        elif operation == b"." and folder is None:
            return
        else:
            raise _Unusual


def _sized(file: Any, width: int) -> bytes:
    """Read a length of so many bytes, and what has this length."""
    size = int.from_bytes(file.read(width), "little")
    content: bytes = file.read(size)
    if len(content) != size:
        raise _Unusual
    return content


def _canonical(content: bytes) -> bytes:
    """Return the entries of a folder as bytes that depend on nothing but what they say."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
    pickler.fast = True  # write each text where it stands
    pickler.dump(sorted(pickle.loads(content).items()))  # noqa: S301 - as SCons loads it
    return written.getvalue()
