"""A manifest comes back as it was; anything else is CorruptRecord, in bounded memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal
from incremental_tool.store import manifest
from incremental_tool.store.manifest import (
    COMPRESS_FROM,
    MAGIC,
    MAX_ENTRIES,
    MAX_MANIFEST,
    VERSION,
    KnownResult,
    Manifest,
    Output,
    decode,
    encode,
)

DIGESTS = st.binary(min_size=16, max_size=16)
NAMES = st.binary(min_size=1, max_size=20)
OUTPUTS = st.builds(
    Output, NAMES, st.integers(0, 0o777), st.booleans(), DIGESTS, st.integers(0, 2**40)
)
RESULTS = st.lists(st.tuples(NAMES, DIGESTS), max_size=4).flatmap(
    lambda inputs: st.builds(
        KnownResult,
        st.just([path for path, _ in inputs]),
        st.just(b"".join(digest for _, digest in inputs)),
        st.lists(NAMES, max_size=3),
        st.lists(OUTPUTS, max_size=3),
        st.binary(max_size=20),
        st.binary(max_size=20),
        st.booleans(),
        st.integers(0, 2**40),
        st.just(tuple(range(len(inputs)))),
        st.sampled_from([16, 32]).map(lambda size: bytes(size * len(inputs))),
    )
)
MANIFESTS = st.builds(
    Manifest,
    st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), max_size=3),
    st.lists(RESULTS, max_size=3),
)
RESULT = KnownResult(
    [b"a.c", b"a.h"],
    bytes(range(32)),
    [b"inc/a.h"],
    [Output(b"a.o", 0o666, True, bytes(16), 1000)],
    b"",
    b"a.c:1: warning\n",
    False,
    1234,
)
FIELDS = [("kind", b"compile"), ("command", b"gcc\0-c\0a.c")]


def sealed(body: Any) -> bytes:
    """Return a manifest file around any value, with a right checksum."""
    return seal(MAGIC, VERSION, b"\0" + msgpack.packb(body, use_bin_type=True))


def result_of(size: int) -> KnownResult:
    """Return a result that takes about so many bytes."""
    return RESULT._replace(absent=[b"x" * 1000] * (size // 1000))


# --- round trips ------------------------------------------------------------------


@given(known=MANIFESTS)
def test_what_is_encoded_is_decoded(known: Manifest) -> None:
    """Any manifest comes back as it was."""
    assert decode(encode(known)) == known


@pytest.mark.parametrize("size", [0, COMPRESS_FROM - 400, COMPRESS_FROM, 300_000])
def test_a_manifest_of_any_size_comes_back(size: int) -> None:
    """Small manifests are stored as they are, large ones compressed."""
    known = Manifest(FIELDS, [result_of(size)])
    content = encode(known)

    assert decode(content) == known
    assert len(content) < COMPRESS_FROM + 100


def test_names_that_are_no_text_come_back() -> None:
    """Fields may be named after files and variables with any bytes in their names."""
    known = Manifest([("folder \udcff\udc80", b"")], [])

    assert decode(encode(known)) == known


def test_inputs_pair_paths_with_digests() -> None:
    """Each path goes with its sixteen bytes."""
    assert RESULT.inputs() == [(b"a.c", bytes(range(16))), (b"a.h", bytes(range(16, 32)))]


def test_only_the_newest_results_are_kept() -> None:
    """Beyond the limit the last of the list, which are the oldest, go."""
    results = [RESULT._replace(milliseconds=number) for number in range(MAX_ENTRIES + 5)]

    assert decode(encode(Manifest(FIELDS, results))).results == results[:MAX_ENTRIES]


def test_as_many_results_are_kept_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is encoded can be decoded: large results leave room for fewer of them."""
    monkeypatch.setattr(manifest, "MAX_MANIFEST", 100_000)
    results = [result_of(30_000)._replace(milliseconds=number) for number in range(5)]

    assert decode(encode(Manifest(FIELDS, results))).results == results[:3]


def test_a_result_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that alone is larger than a manifest may be raises instead of being cut."""
    monkeypatch.setattr(manifest, "MAX_MANIFEST", 100_000)

    with pytest.raises(ValueError, match="larger"):
        encode(Manifest(FIELDS, [result_of(110_000)]))


# --- damage -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 20_000], ids=["plain", "compressed"])
def test_every_flip_and_truncation_is_noticed(size: int) -> None:
    """No flipped byte and no first part of a manifest is taken for one."""
    content = encode(Manifest(FIELDS, [result_of(size)]))
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        for bad in (bytes(damaged), content[:at]):
            with pytest.raises(CorruptRecord):
                decode(bad)
    with pytest.raises(CorruptRecord):
        decode(content + b"\0")


@pytest.mark.parametrize("version", [0, VERSION + 1, 2**32 - 1])
def test_another_version_is_refused(version: int) -> None:
    """What an older or a newer tool wrote is not read."""
    payload = encode(Manifest(FIELDS, [RESULT]))[24:]

    with pytest.raises(CorruptRecord, match="format version"):
        decode(seal(MAGIC, version, payload))


def test_a_foreign_file_is_refused() -> None:
    """A sealed file of another kind is no manifest."""
    with pytest.raises(CorruptRecord, match="kind"):
        decode(seal(b"ELSE", VERSION, b""))


# --- hostile content behind a right checksum ------------------------------------------

OUTPUT = [b"a.o", 0o644, False, bytes(16), 5]
ENTRY: list[Any] = [[b"a.c"], bytes(16), [], [OUTPUT], b"", b"", False, 1, [0], bytes(16)]


def entry(**changed: Any) -> list[Any]:
    """Return a good entry with other values in some places."""
    names = ("paths", "digests", "absent", "outputs", "stdout", "stderr", "colored", "ms")
    names += ("files", "codes")
    return [changed.get(name, value) for name, value in zip(names, ENTRY)]


def output(**changed: Any) -> list[Any]:
    """Return an entry whose one output has other values in some places."""
    names = ("name", "permissions", "lessened", "digest", "size")
    values = [changed.get(name, value) for name, value in zip(names, OUTPUT)]
    return entry(outputs=[values])


SHAPES: dict[str, Any] = {
    "a number": 5,
    "nothing": None,
    "text": "ab",
    "bytes": b"ab",
    "one part": [[]],
    "three parts": [[], [], []],
    "a map": {"a": [], "b": []},
    "an extension": msgpack.ExtType(5, b"ab"),
    "a timestamp": msgpack.Timestamp(5, 5),
    "fields that are text": ["ab", []],
    "a field without a value": [[["name"]], []],
    "a field with a number for a name": [[[5, b""]], []],
    "a field with text for a value": [[["name", "text"]], []],
    "a field named by a map": [[[{}, b""]], []],
    "an entry that is a number": [[], [5]],
    "an entry that is too short": [[], [ENTRY[:-1]]],
    "an entry that is too long": [[], [[*ENTRY, 1]]],
    "an entry that is text": [[], ["abcdefgh"]],
    "an entry that is a map": [[], [dict.fromkeys("abcdefgh")]],
    "paths that are text": [[], [entry(paths="a")]],
    "a path that is text": [[], [entry(paths=["a.c"])]],
    "fewer digests than paths": [[], [entry(digests=b"")]],
    "more digests than paths": [[], [entry(digests=bytes(32))]],
    "a digest too short": [[], [entry(digests=bytes(15))]],
    "digests that are text": [[], [entry(digests="sixteen letters!")]],
    "absent that is a map": [[], [entry(absent={b"a": 1})]],
    "absent that is a number": [[], [entry(absent=[5])]],
    "outputs that are bytes": [[], [entry(outputs=b"")]],
    "an output that is a number": [[], [entry(outputs=[5])]],
    "stdout that is text": [[], [entry(stdout="")]],
    "stderr that is nothing": [[], [entry(stderr=None)]],
    "colored that is a number": [[], [entry(colored=1)]],
    "milliseconds that are a fraction": [[], [entry(ms=1.5)]],
    "milliseconds that are true": [[], [entry(ms=True)]],
    "files that are a number": [[], [entry(files=0)]],
    "a file that is text": [[], [entry(files=["0"])]],
    "a file that is true": [[], [entry(files=[True])]],
    "a code of no input": [[], [entry(files=[1])]],
    "a code of an input before the first": [[], [entry(files=[-1])]],
    "a code too short": [[], [entry(codes=bytes(15))]],
    "a code too long": [[], [entry(codes=bytes(33))]],
    "more codes than files": [[], [entry(files=[], codes=bytes(16))]],
    "codes that are text": [[], [entry(codes="sixteen letters!")]],
    "an output named by text": [[], [output(name="a.o")]],
    "a set-user-id output": [[], [output(permissions=0o4755)]],
    "an output with negative permissions": [[], [output(permissions=-1)]],
    "an output with true permissions": [[], [output(permissions=True)]],
    "an output lessened by a number": [[], [output(lessened=1)]],
    "an output with a short digest": [[], [output(digest=bytes(15))]],
    "an output with a long digest": [[], [output(digest=bytes(17))]],
    "an output with a path for a digest": [[], [output(digest="../../../../etc/")]],
    "an output of an unknown size": [[], [output(size=None)]],
}


def test_the_pattern_of_the_shapes_is_good() -> None:
    """Unchanged, what the next test changes is a manifest: so each change is what is refused."""
    assert len(decode(sealed([[["name", b""]], [entry(), output()]])).results) == 2


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_another_shape_is_refused(shape: str) -> None:
    """Every value must be of its very type and in its bounds."""
    with pytest.raises(CorruptRecord):
        decode(sealed(SHAPES[shape]))


BYTES: dict[str, bytes] = {
    "nothing": b"",
    "an endless nesting": b"\x91" * 100_000,
    "an endless nesting of maps": b"\x81\x00" * 100_000,
    "a list longer than any file": b"\xdd\xff\xff\xff\xff",
    "a map longer than any file": b"\xdf\xff\xff\xff\xff",
    "bytes longer than any file": b"\xc6\xff\xff\xff\xff",
    "text longer than any file": b"\xdb\xff\xff\xff\xff",
    "an extension longer than any file": b"\xc9\xff\xff\xff\xff\x05",
    "a reserved byte": b"\xc1",
    "text that is no text, as a key": b"\x81\xa1\xff\x00",
    "a key that is a list": b"\x81\x90\x00",
    "the same key twice": b"\x82\xa1a\x90\xa1a\x90",
    "a timestamp of the wrong size": b"\xc7\x03\xff\x00\x00\x00",
    "a timestamp with too many nanoseconds": b"\xc7\x0c\xff\xff\xff\xff\xff" + bytes(8),
    "bytes behind the value": b"\x92\x90\x90\x00",
}


@pytest.mark.parametrize("name", sorted(BYTES))
@pytest.mark.parametrize("codec", [b"\0", b"\1"])
def test_hostile_bytes_are_refused(name: str, codec: bytes) -> None:
    """Nesting, lengths beyond the file and odd types raise CorruptRecord, nothing else."""
    body = zlib.compress(BYTES[name]) if codec == b"\1" else BYTES[name]

    with pytest.raises(CorruptRecord):
        decode(seal(MAGIC, VERSION, codec + body))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\2\x92\x90\x90",
        b"\1",
        b"\1not compressed",
        b"\1" + zlib.compress(b"\x92\x90\x90")[:-1],
        b"\1" + zlib.compress(b"\x92\x90\x90") + b"x",
    ],
    ids=["empty", "unknown codec", "no stream", "no zlib", "cut off", "lengthened"],
)
def test_a_bad_compression_is_refused(payload: bytes) -> None:
    """Every part of the compressed form is checked."""
    with pytest.raises(CorruptRecord):
        decode(seal(MAGIC, VERSION, payload))


def test_a_bomb_is_refused_in_bounded_memory() -> None:
    """Half a megabyte that expands to twice the limit takes no more than the limit."""
    bomb = zlib.compress(bytes(2 * MAX_MANIFEST), 9)
    assert len(bomb) < 500_000
    tracemalloc.start()
    try:
        with pytest.raises(CorruptRecord, match="too large"):
            decode(seal(MAGIC, VERSION, b"\1" + bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2.5 * MAX_MANIFEST


def test_a_file_beyond_the_limit_is_not_even_checked() -> None:
    """A file that is larger than any manifest is refused by its size."""
    head = struct.pack("<4sIQQ", MAGIC, VERSION, MAX_MANIFEST, 0)

    with pytest.raises(CorruptRecord, match="too large"):
        decode(head + bytes(MAX_MANIFEST))


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.binary(max_size=17),
        st.text(max_size=8),
        st.just(bytes(16)),
        st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=5)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=8), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(body=st.one_of(VALUES, st.tuples(st.just([]), st.lists(VALUES, max_size=2)).map(list)))
def test_any_value_is_a_manifest_or_refused(body: Any) -> None:
    """Whatever msgpack can say: a manifest or CorruptRecord."""
    try:
        known = decode(sealed(body))
    except CorruptRecord:
        return
    assert decode(encode(known)) == known


@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_refused(content: bytes) -> None:
    """Whatever stands behind a right checksum: a manifest or CorruptRecord."""
    for payload in (content, b"\0" + content, b"\0\x92\x90" + content, b"\1" + content):
        for hostile in (content, seal(MAGIC, VERSION, payload)):
            try:
                assert isinstance(decode(hostile), Manifest)
            except CorruptRecord:
                continue
