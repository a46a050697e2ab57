"""The environment of a recorded command, put together again without its values being stored.

A value is taken from the present process, or is what SCons itself gives where a
project says nothing; it must have the recorded digest. A list of folders is put
together element by element: of those of the present process, of SCons's, and of
the folders that the snapshot names, where programs were looked for.

Knows nothing of what the variables mean.
"""

from __future__ import annotations

import os

from incremental_tool.model.environment_value import DIGEST_SIZE, LISTED, digest_of_value

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental_tool.model.recipe import Setting
    from incremental_tool.model.snapshot import Snapshot


KNOWN_VALUES = {
    b"PATH": (
        b"/usr/local/bin:/opt/bin:/bin:/usr/bin:/snap/bin",
        b"/usr/local/bin:/opt/bin:/bin:/usr/bin",
    ),
}
"""What SCons itself gives to commands, by its versions."""


def environment_of(
    setting: Setting, present: Mapping[bytes, bytes], snapshot: Snapshot
) -> dict[str, str]:
    """Return a setting's environment. Raises LookupError with a variable's name."""
    found = {}
    for name, digest in setting.variables:
        listed = digest.startswith(LISTED) and len(digest) % DIGEST_SIZE == len(LISTED)
        look_for = _list if listed else _value
        value = look_for(setting.salt, name, digest, present, snapshot)
        if value is None:
            raise LookupError(os.fsdecode(name))
        found[os.fsdecode(name)] = os.fsdecode(value)
    return found


def _values(name: bytes, present: Mapping[bytes, bytes]) -> Iterator[bytes]:
    if name in present:
        yield present[name]
    yield from KNOWN_VALUES.get(name, ())


def _value(
    salt: bytes,
    name: bytes,
    digest: bytes,
    present: Mapping[bytes, bytes],
    snapshot: Snapshot,  # noqa: ARG001 - as `_list`
) -> bytes | None:
    for value in _values(name, present):
        if not digest or digest_of_value(salt, name, value) == digest:
            return value
    return None


def _list(
    salt: bytes, name: bytes, digest: bytes, present: Mapping[bytes, bytes], snapshot: Snapshot
) -> bytes | None:
    start = len(LISTED)
    wanted = [digest[at : at + DIGEST_SIZE] for at in range(start, len(digest), DIGEST_SIZE)]
    known: dict[bytes, bytes] = {}
    for elements in _elements(name, present, snapshot):
        known.update((digest_of_value(salt, name, element), element) for element in elements)
        if all(one in known for one in wanted):
            return b":".join([known[one] for one in wanted])
    return None


def _elements(
    name: bytes, present: Mapping[bytes, bytes], snapshot: Snapshot
) -> Iterator[list[bytes]]:
    """Yield folders that may be in a list, the likelier ones first."""
    yield [element for value in _values(name, present) for element in value.split(b":")]
    top = os.getcwdb()
    yield [os.path.normpath(os.path.join(top, folder)) for folder in snapshot.folders.paths]
    yield [os.path.normpath(os.path.join(top, path)) for path in snapshot.present]
    yield [os.path.dirname(os.path.join(top, path)) for path in snapshot.files.paths]
