"""What drivers resolved to, on disk: a damaged file costs a question and nothing else."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from incremental_tool.base.records import seal
from incremental_tool.engine import toolchain
from incremental_tool.engine.toolchain import MAGIC, VERSION, Toolchain

if TYPE_CHECKING:
    from made_up_compiler import Machine


def test_nothing_is_written_when_nothing_was_learned(machine: Machine) -> None:
    """A build that asked nothing leaves the file alone; one without compilers makes none."""
    path = machine.folder / "toolchains.bin"
    machine.open().save()
    assert not path.exists()
    first = machine.open()
    machine.ask(first)
    first.save()
    before = path.stat().st_ino
    first.save()
    second = machine.open()
    machine.ask(second)
    second.save()

    assert path.stat().st_ino == before


def test_a_file_that_cannot_be_written_is_written_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed save raises OSError, and the next one tries again."""

    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    chains = machine.open()
    machine.ask(chains)
    with monkeypatch.context() as patched:
        patched.setattr(toolchain, "replace_file", no_room)
        with pytest.raises(OSError, match="No space"):
            chains.save()
    chains.save()
    machine.ask(machine.open())

    assert len(machine.probes) == 1


def assert_empty_and_right(machine: Machine, expected: Toolchain) -> None:
    """Check that a damaged file is reported once, and that the driver is asked instead."""
    machine.reports.clear()
    machine.probes.clear()
    chains = machine.open()

    assert machine.ask(chains) == expected
    assert machine.ask(chains, LANG="C") == expected
    assert [reason.id for reason in machine.reports] == ["store.corrupt.index"]
    assert len(machine.probes) == 2


def test_every_flip_and_truncation_is_an_empty_file(machine: Machine) -> None:
    """Whatever byte is flipped or missing, nothing of the file is believed."""
    machine.saved()
    path = machine.folder / "toolchains.bin"
    whole = path.read_bytes()
    expected = machine.ask(machine.open())
    assert isinstance(expected, Toolchain)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert_empty_and_right(machine, expected)
        path.write_bytes(whole[:at])
        assert_empty_and_right(machine, expected)


def test_a_damaged_file_is_replaced(machine: Machine) -> None:
    """One build after the damage the driver is known again."""
    (machine.folder / "toolchains.bin").write_bytes(b"garbage")
    chains = machine.saved()
    machine.ask(chains)

    assert machine.probes == []


FIELDS: list[Any] = ["gcc", b"v", [["driver", b"/gcc"]], [b"/as"], [b"/usr"], [b"/lib"], True]


def changed(at: int, value: Any) -> dict[bytes, Any]:
    """Return a file's content with one field of another value."""
    fields = [*FIELDS]
    fields[at] = value
    return {b"k" * 16: [fields, [b"d" * 16]]}


SHAPES: dict[str, Any] = {
    "a list": [1],
    "nothing": None,
    "bytes": b"abc",
    "a record that is a number": {b"k": 5},
    "a record that is too short": {b"k": [FIELDS]},
    "a text for a key": {"k": [FIELDS, [b"d"]]},
    "too few fields": {b"k": [FIELDS[:-1], [b"d"]]},
    "too many fields": {b"k": [[*FIELDS, 1], [b"d"]]},
    "fewer digests than parts": {b"k": [FIELDS, []]},
    "more digests than parts": {b"k": [FIELDS, [b"d", b"d"]]},
    "a digest that is a number": {b"k": [FIELDS, [5]]},
    "digests that are text": {b"k": [FIELDS, "d"]},
    "a family that is bytes": changed(0, b"gcc"),
    "a version that is a number of bytes": changed(1, 2**62),
    "a version that is text": changed(1, "v"),
    "parts that are a number": changed(2, 5),
    "a part without a path": changed(2, [["driver"]]),
    "a part with a number for a path": changed(2, [["driver", 2**62]]),
    "a part with bytes for a role": changed(2, [[b"driver", b"/gcc"]]),
    "absent that is bytes": changed(3, b"/as"),
    "an absent that is a number": changed(3, [2**62]),
    "folders that are nothing": changed(4, None),
    "a folder that is a list": changed(5, [[1]]),
    "a switch that is a number": changed(6, 1),
    "an extension": msgpack.ExtType(1, b""),
}


def test_the_pattern_of_the_shapes_is_good() -> None:
    """Unchanged, what the next test changes is a record: so each change is what is refused."""
    good = msgpack.packb(changed(0, "gcc"), use_bin_type=True)

    assert len(toolchain._decode(seal(MAGIC, VERSION, good))) == 1


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_hostile_file_is_an_empty_file(machine: Machine, shape: str) -> None:
    """Values of other types, huge numbers among them, are refused though the checksum is right."""
    expected = machine.ask(machine.open())
    assert isinstance(expected, Toolchain)
    packed = msgpack.packb(SHAPES[shape], use_bin_type=True)
    (machine.folder / "toolchains.bin").write_bytes(seal(MAGIC, VERSION, packed))

    assert_empty_and_right(machine, expected)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x81" * 100_000, b"\xdf\xff\xff\xff\xff", b"\x81\xa1\xff\x00", b"\xc1"],
    ids=["nothing", "endless nesting", "a huge map", "no text", "a reserved byte"],
)
def test_hostile_bytes_are_an_empty_file(machine: Machine, payload: bytes) -> None:
    """So are bytes that are no msgpack."""
    expected = machine.ask(machine.open())
    assert isinstance(expected, Toolchain)
    (machine.folder / "toolchains.bin").write_bytes(seal(MAGIC, VERSION, payload))

    assert_empty_and_right(machine, expected)


def test_another_version_or_kind_is_an_empty_file(machine: Machine) -> None:
    """What another version of the tool wrote, or what lies there by mistake, is not read."""
    machine.saved()
    path = machine.folder / "toolchains.bin"
    payload = path.read_bytes()[24:]
    expected = machine.ask(machine.open())
    assert isinstance(expected, Toolchain)
    for content in (seal(MAGIC, VERSION + 1, payload), seal(b"ELSE", VERSION, payload)):
        path.write_bytes(content)
        assert_empty_and_right(machine, expected)
    path.unlink()
    path.mkdir()
    assert_empty_and_right(machine, expected)
