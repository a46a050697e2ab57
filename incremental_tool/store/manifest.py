"""A manifest: the known input sets of one action, and the result of each.

The two-step key of ccache's direct mode and of Zig's cache: an action's digest
(its command, environment, toolchain) names the manifest; the manifest lists, for
each set of inputs seen so far, every file read with its digest, every path
looked for in vain, and what came out. Looking an action up costs digests of
files that are mostly known already, and no process.

Stored as a sealed record (magic "IZIR") around one codec byte (0 plain, 1 zlib: C++ manifests
hold thousands of paths and shrink to a tenth) and msgpack::

    [fields, entries]
    fields:  [[name, bytes], ...]                        the action's described key
    entries: [[paths, digests, absent, outputs, stdout, stderr, colored, milliseconds,
               files, codes], ...]
    paths:   [bytes, ...]    digests: bytes, 16 each, in the order of paths
    outputs: [[name, permissions, lessened, digest, size], ...]
    files: [int, ...]   codes: bytes, 16 or 32 for each of these places in paths

newest entry first. Names of outputs are for explaining only: where outputs are
put follows from the present command, never from what a cache says.

Codes are what `engine.token_key` tells texts by that a compiler cannot tell apart.

Version history: 1 first; 2 has codes. Knows nothing of the disk.
"""

from __future__ import annotations

import zlib

import msgpack

from incremental_tool.base.digest import DIGEST_SIZE
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


MAGIC = b"IZIR"
VERSION = 2

MAX_ENTRIES = 32
"""Input sets kept for one action; a branch switch needs two, a bisection about ten."""

_ALL_PERMISSIONS = 0o777
COMPRESS_FROM = 4096
"""Bytes below which compressing saves no disk block."""

MAX_MANIFEST = 32 * 1024 * 1024
"""Bytes of a manifest, unpacked; 100,000 vain look-ups of one large C++ unit take about 8 MB."""

MAX_STREAM = 4 * 1024 * 1024
"""Bytes of stdout or of stderr at most; a compile that says more is not cached."""


class Output(NamedTuple):
    """One file that an action wrote.

    `permissions` are its mode bits; `lessened` says that they are what 0666 or 0777 becomes under
    a umask, so that another umask may apply at the next place.
    """

    name: bytes
    permissions: int
    lessened: bool
    digest: bytes
    size: int


class KnownResult(NamedTuple):
    """What one set of inputs led to.

    `codes` are those of the inputs whose places in `paths` are in `files`.
    """

    paths: list[bytes]
    digests: bytes
    absent: list[bytes]
    outputs: list[Output]
    stdout: bytes
    stderr: bytes
    colored: bool
    milliseconds: int
    files: tuple[int, ...] = ()
    codes: bytes = b""

    def coded(self) -> list[tuple[int, bytes]]:
        """Return (place in `paths`, code) of every input that has a code."""
        size = len(self.codes) // (len(self.files) or 1)
        return [
            (at, self.codes[number * size : (number + 1) * size])
            for number, at in enumerate(self.files)
        ]

    def inputs(self) -> list[tuple[bytes, bytes]]:
        """Return (path, digest) of every input."""
        size = DIGEST_SIZE
        return [
            (path, self.digests[at * size : (at + 1) * size]) for at, path in enumerate(self.paths)
        ]


class Manifest(NamedTuple):
    """The described key of an action and its known results, newest first."""

    fields: list[tuple[str, bytes]]
    results: list[KnownResult]


def encode(manifest: Manifest) -> bytes:
    """Return the manifest's file content: the newest results, as many as there is room for.

    Raises ValueError when there is no room for one.
    """
    packer = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape")
    fields: bytes = packer.pack([[name, value] for name, value in manifest.fields])
    parts: list[bytes] = []
    room = MAX_MANIFEST - len(fields) - 16
    for result in manifest.results[:MAX_ENTRIES]:
        part = packer.pack(
            [
                result.paths,
                result.digests,
                result.absent,
                [list(output) for output in result.outputs],
                result.stdout,
                result.stderr,
                result.colored,
                result.milliseconds,
                list(result.files),
                result.codes,
            ]
        )
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    if manifest.results and not parts:
        raise ValueError("the newest result is larger than a manifest may be")
    counts = packer.pack_array_header(2), packer.pack_array_header(len(parts))
    packed = b"".join([counts[0], fields, counts[1], *parts])
    if len(packed) < COMPRESS_FROM:
        return seal(MAGIC, VERSION, b"\0" + packed)
    return seal(MAGIC, VERSION, b"\1" + zlib.compress(packed, 1))


def decode(content: bytes) -> Manifest:
    """Return the manifest in a file's content. Raises CorruptRecord; never anything else."""
    if len(content) > MAX_MANIFEST:
        raise CorruptRecord("too large")
    payload = unseal(MAGIC, VERSION, content)
    packed = _unpacked(payload)
    try:
        body = msgpack.unpackb(
            packed, raw=False, strict_map_key=True, unicode_errors="surrogateescape"
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise CorruptRecord(f"not msgpack: {error}") from error
    try:
        fields, entries = body
        return Manifest(
            [(_of(str, name), _of(bytes, value)) for name, value in fields],
            [_result(*entry) for entry in entries],
        )
    except (TypeError, ValueError) as error:
        raise CorruptRecord(f"unexpected shape: {error}") from error


def _unpacked(payload: memoryview) -> bytes:
    codec, body = bytes(payload[:1]), payload[1:]
    if codec == b"\0":
        return bytes(body)
    if codec != b"\1":
        raise CorruptRecord("unknown codec")
    inflater = zlib.decompressobj()
    try:
        packed = inflater.decompress(body, MAX_MANIFEST)
    except zlib.error as error:
        raise CorruptRecord(str(error)) from error
    if not inflater.eof or inflater.unused_data:
        raise CorruptRecord("compressed content is cut off, lengthened or too large")
    return packed


def _result(
    paths: Any,
    digests: Any,
    absent: Any,
    outputs: Any,
    stdout: Any,
    stderr: Any,
    colored: Any,
    milliseconds: Any,
    files: Any,
    codes: Any,
) -> KnownResult:
    if len(_of(bytes, digests)) != len(_of(list, paths)) * DIGEST_SIZE:
        raise ValueError("digests do not match paths")
    if len(_of(bytes, codes)) not in (DIGEST_SIZE * len(_of(list, files)), 32 * len(files)):
        raise ValueError("codes do not match files")
    if not all(0 <= _of(int, at) < len(paths) for at in files):
        raise ValueError("a code is that of no input")
    return KnownResult(
        [_of(bytes, path) for path in paths],
        digests,
        [_of(bytes, path) for path in _of(list, absent)],
        [_output(*output) for output in _of(list, outputs)],
        _of(bytes, stdout),
        _of(bytes, stderr),
        _of(bool, colored),
        _of(int, milliseconds),
        tuple(files),
        codes,
    )


def _output(name: Any, permissions: Any, lessened: Any, digest: Any, size: Any) -> Output:
    if len(_of(bytes, digest)) != DIGEST_SIZE or not 0 <= _of(int, permissions) <= _ALL_PERMISSIONS:
        raise ValueError("impossible output")
    return Output(_of(bytes, name), permissions, _of(bool, lessened), digest, _of(int, size))


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is expected")
    return value
