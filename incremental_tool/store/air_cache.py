"""`AirCache`: compiled functions, so that what has been compiled is not compiled again.

Three kinds of files in the cache folder, `air/ab/cdef...`. A *base* is one unit compiled
whole, with its source and the digests of all that it read: the last one for each
object that has been built again after its source had been edited; its name is made of the
project and the object's path. A *cut* is what was derived from a base, beside it. A *piece*
is the object of a thin unit (`engine.function_compile`) and says which of its functions
are meant; its key covers the base and the text of the functions.

All are sealed records (`base.records`) of msgpack::

    base   "IFNB"  [action 16, source path, [input path, ...], digests, [absent path, ...],
                    [[extra output, digest], ...], source text, object]
    cut    "IFNC"  [base's identity 16, ...], as `engine.function_base` has it
    piece  "IAIR"  [key 16, [function, ...], [[old first, old end, new first, new end], ...],
                    codec (0 plain, 1 zlib), object]

The four numbers are the edit between the base's source and the text that the piece was
compiled from: lines from 0, ends excluded.

Rule kept: nothing is handed out that is not whole and of this very key. Whatever is
damaged is set aside, counted, and none. Failing to write is told once, and costs
a compile later.

Knows nothing of C, nor of when a base or a piece holds.
"""

from __future__ import annotations

import os
import zlib

import msgpack

from incremental_tool.base.digest import DIGEST_SIZE, digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal
from incremental_tool.model.reason import Reason
from incremental_tool.store.objects import publish, quarantine, read_regular, touch

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, Callable, NamedTuple, Optional

    Report = Callable[[Reason], None]
    Window = tuple[int, int, int, int]
else:
    from incremental_tool.base.named_tuple import NamedTuple

BASE_MAGIC, CUT_MAGIC, PIECE_MAGIC = b"IFNB", b"IFNC", b"IAIR"
VERSION = 1

MAX_PIECE = 64 << 20
"""Bytes of a piece's object at most: one function takes thousands."""


class Base(NamedTuple):
    """One unit, compiled whole; `digests` are those of `inputs`, end to end."""

    action: bytes
    source: bytes
    inputs: list[bytes]
    digests: bytes
    absent: list[bytes]
    extra: list[tuple[bytes, bytes]]
    text: bytes
    content: bytes

    @property
    def identity(self) -> bytes:
        """A digest of all that the object was made from, and of the object."""
        parts = [self.action, self.digests, digest_of(self.text), digest_of(self.content)]
        return digest_of(b"".join([*parts, b"\0".join(self.inputs)]))


class Piece(NamedTuple):
    """The object of a thin unit: the functions meant, and the edit that its text is."""

    functions: list[bytes]
    windows: list[Window]
    content: bytes


class AirCache:
    """The units of one project, and the functions of all projects that share a cache folder."""

    def __init__(self, project: bytes, folder: bytes, report: Report) -> None:
        self._project = project
        self._folder = folder
        self._report = report
        self._unwritable = False
        self.bytes_written = 0

    def path_of(self, key: bytes) -> bytes:
        """Return where what has that key lies, stored or not."""
        name = key.hex().encode()
        return os.path.join(self._folder, b"air", name[:2], name[2:])

    # --- bases ----------------------------------------------------------------

    def base(self, output: bytes) -> Optional[Base]:
        """Return the unit that an object was last compiled whole from; None without."""
        found: Optional[Base] = self._load(self._name(b"base", output), BASE_MAGIC, _base)
        return found

    def put_base(self, output: bytes, base: Base) -> None:
        """Remember a unit compiled whole. Never raises OSError."""
        body = [*base[:5], [list(each) for each in base.extra], base.text, base.content]
        self._save(self._name(b"base", output), BASE_MAGIC, body)

    def forget_base(self, output: bytes) -> None:
        """Forget a unit: there is nothing to take functions out of until it is compiled again."""
        for kind in (b"base", b"cut"):
            try:
                os.unlink(self.path_of(self._name(kind, output)))
            except OSError:
                continue  # there was none, or it is told when it is written

    def cut(self, output: bytes) -> Optional[list[Any]]:
        """Return what was derived from a base; None without."""
        found: Optional[list[Any]] = self._load(self._name(b"cut", output), CUT_MAGIC, _cut)
        return found

    def put_cut(self, output: bytes, body: list[Any]) -> None:
        """Remember what was derived from a base. Never raises OSError."""
        self._save(self._name(b"cut", output), CUT_MAGIC, body)

    def _name(self, kind: bytes, output: bytes) -> bytes:
        return digest_of(b"\0".join([kind, self._project, output]))

    # --- pieces ---------------------------------------------------------------

    def piece(self, key: bytes) -> Optional[Piece]:
        """Return the piece of that key, verified; None when it is absent or damaged."""
        found: Optional[Piece] = self._load(key, PIECE_MAGIC, lambda *body: _piece(key, *body))
        return found

    def put_piece(self, key: bytes, piece: Piece) -> None:
        """Remember a piece. Never raises OSError."""
        packed = zlib.compress(piece.content, 1)
        body = [key, piece.functions, [list(each) for each in piece.windows], 1, packed]
        self._save(key, PIECE_MAGIC, body)

    # --- files ----------------------------------------------------------------

    def _load(self, key: bytes, magic: bytes, shape: Callable[..., Any]) -> Any:
        path = self.path_of(key)
        try:
            found = _decode(read_regular(path), magic, shape)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._report(Reason("store.unreadable", str(error)))
            return None
        except CorruptRecord as error:
            quarantine(path, os.path.join(self._folder, b"quarantine"))
            self._report(Reason("store.corrupt.function", f"{key.hex()}: {error}"))
            return None
        touch(path)
        return found

    def _save(self, key: bytes, magic: bytes, body: list[Any]) -> None:
        content = seal(magic, VERSION, msgpack.packb(body, use_bin_type=True))
        try:
            publish(self.path_of(key), content)
        except OSError as error:
            if not self._unwritable:
                self._unwritable = True
                self._report(Reason("store.unwritable", error.strerror or str(error)))
        else:
            self.bytes_written += len(content)


def check(content: bytes, key: bytes) -> None:
    """Raise CorruptRecord unless a file's content is what a file of that name can hold.

    Whose a base or a cut is, its name tells and its content does not.
    """
    if content.startswith(BASE_MAGIC):
        _decode(content, BASE_MAGIC, _base)
    elif content.startswith(CUT_MAGIC):
        _decode(content, CUT_MAGIC, _cut)
    else:
        _decode(content, PIECE_MAGIC, lambda *body: _piece(key, *body))


def _decode(content: bytes, magic: bytes, shape: Callable[..., Any]) -> Any:
    payload = unseal(magic, VERSION, content)
    try:
        return shape(*msgpack.unpackb(payload, raw=False, strict_map_key=True))
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise CorruptRecord(f"unexpected shape: {error}") from error


def _base(
    action: Any,
    source: Any,
    inputs: Any,
    digests: Any,
    absent: Any,
    extra: Any,
    text: Any,
    content: Any,
) -> Base:
    if len(_of(bytes, digests)) != len(_of(list, inputs)) * DIGEST_SIZE:
        raise ValueError("digests do not match inputs")
    return Base(
        _of(bytes, action),
        _of(bytes, source),
        [_of(bytes, path) for path in inputs],
        digests,
        [_of(bytes, path) for path in _of(list, absent)],
        [(_of(bytes, path), _of(bytes, digest)) for path, digest in _of(list, extra)],
        _of(bytes, text),
        _of(bytes, content),
    )


def _cut(identity: Any, *rest: Any) -> list[Any]:
    return [_of(bytes, identity), *rest]


def _piece(key: bytes, named: Any, functions: Any, windows: Any, codec: Any, content: Any) -> Piece:
    if named != key or codec != 1:
        raise ValueError("it is another key's")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(_of(bytes, content), MAX_PIECE)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the object is cut off, lengthened or too large")
    return Piece(
        [_of(bytes, name) for name in _of(list, functions)],
        [_window(*_of(list, each)) for each in _of(list, windows)],
        plain,
    )


def _window(*numbers: Any) -> Window:
    first, end, new_first, new_end = (_of(int, number) for number in numbers)
    if not 0 <= first <= end or not 0 <= new_first <= new_end:
        raise ValueError("impossible edit")
    return first, end, new_first, new_end


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is expected")
    return value
