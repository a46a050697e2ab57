"""Toolchain identity: by content, of everything that a driver resolves to.

The identity of a toolchain is the digest of its version text and of the content
of each of its parts; their paths do not count, so that two machines with the
same compiler in different places share results. What the driver resolved to is
remembered in `toolchains.bin` and trusted only while every part has the same
content and no file has appeared where it would be used instead; otherwise the
driver is asked again. With `-march=native` it is asked in every run.

Format: a sealed record (magic "ITCH") around msgpack {key: record}. A damaged
or foreign file counts as empty.
"""

from __future__ import annotations

import os
import threading
import time

import msgpack

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.digest import FieldHasher
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.records import seal, unseal
from incremental_tool.engine.probe import (
    UNKNOWN,
    Probed,
    find_program,
    is_script,
    probe_binutil,
    probe_driver,
)
from incremental_tool.model.action import COMPILER_VARIABLES
from incremental_tool.model.reason import Reason
from incremental_tool.store.objects import read_regular

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Callable, NamedTuple, Optional, Union

    Report = Callable[[Reason], None]

    DigestOf = Callable[[bytes], Optional[bytes]]

    Exists = Callable[[bytes], bool]
else:
    from incremental_tool.base.named_tuple import NamedTuple


MAGIC = b"ITCH"
VERSION = 1


class Toolchain(NamedTuple):
    """An identified toolchain; `digest` is its identity."""

    digest: bytes
    family: str
    driver: bytes
    standard_dirs: list[bytes]
    library_dirs: list[bytes]
    link_depfile: bool


class _Record(NamedTuple):
    probed: Probed
    digests: list[bytes]


ASK_AGAIN_SECONDS = 3600
"""After which a program that was no compiler is asked again: it may be a launcher of one."""


class Toolchains:
    """Every toolchain met in this project."""

    def __init__(
        self,
        path: bytes,
        report: Report,
        digest: DigestOf,
        exists: Exists,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` tells seconds since 1970."""
        self._path = path
        self._report = report
        self._digest = digest
        self._exists = exists
        self._clock = clock
        self._mutex = threading.Lock()
        self._known: dict[tuple[Any, ...], Union[Toolchain, Reason]] = {}
        self._records: Optional[dict[bytes, _Record]] = None
        self._dirty = False

    def begin_run(self) -> None:
        """Verify every toolchain anew when it is next asked for."""
        with self._mutex:
            self._known.clear()

    def compiler(
        self,
        word: str,
        probe_words: Sequence[str],
        language: str,
        environment: Mapping[str, str],
        *,
        linking: bool = False,
    ) -> Union[Toolchain, Reason]:
        """Identify a gcc or clang driver as the build's commands would find and use it."""
        return self._identify(
            ("driver", word, tuple(probe_words), language, linking),
            word,
            environment,
            lambda path: probe_driver(path, probe_words, language, environment, linking),
            lasting=not any("native" in option for option in probe_words),
        )

    def binutil(self, word: str, environment: Mapping[str, str]) -> Union[Toolchain, Reason]:
        """Identify `as`, `ar` or `ranlib`."""
        return self._identify(
            ("binutil", word),
            word,
            environment,
            lambda path: probe_binutil(path, environment),
            lasting=True,
        )

    def program(self, word: str, environment: Mapping[str, str]) -> Union[Toolchain, Reason]:
        """Identify any program by its own content alone, for commands that the user vouches for."""

        def as_it_is(path: bytes) -> Probed:
            return Probed("program", b"", [("program", path)], [], [], [], link_depfile=False)

        return self._identify(("program", word), word, environment, as_it_is, lasting=False)

    def _identify(
        self,
        what: tuple[Any, ...],
        word: str,
        environment: Mapping[str, str],
        probe: Callable[[bytes], Optional[Probed]],
        *,
        lasting: bool,
    ) -> Union[Toolchain, Reason]:
        path = environment.get("PATH", "")
        relevant = tuple(
            (name, environment[name])
            for name in sorted(COMPILER_VARIABLES.intersection(environment))
        )
        memo = (*what, path, relevant)
        with self._mutex:
            known = self._known.get(memo)
            if known is None:
                known = self._resolve(what, word, path, relevant, probe, lasting=lasting)
                self._known[memo] = known
        return known

    def _resolve(
        self,
        what: tuple[Any, ...],
        word: str,
        path: str,
        relevant: tuple[tuple[str, str], ...],
        probe: Callable[[bytes], Optional[Probed]],
        *,
        lasting: bool,
    ) -> Union[Toolchain, Reason]:
        driver = find_program(word, path)
        if driver is None:
            return Reason("zir.refuse.unknown-compiler", f"{word} is not found")
        if what[0] != "program" and is_script(driver):
            return Reason("zir.refuse.unknown-compiler", f"{os.fsdecode(driver)} is a script")
        hasher = FieldHasher()
        for field in (repr(what), path, repr(relevant), os.fsdecode(driver)):
            hasher.add(field.encode("utf-8", "surrogateescape"))
        key = hasher.digest()
        records = self._load()
        record = records.get(key)
        if record is None or not self._still_true(record):
            probed = probe(driver)
            if probed is None:
                return Reason("zir.refuse.unknown-compiler", os.fsdecode(driver))
            digests = [self._digest(part) for _, part in probed.parts]
            if None in digests:
                return Reason("zir.refuse.unknown-compiler", "a part of it cannot be read")
            if probed.family == UNKNOWN:
                probed = probed._replace(version=b"%d" % self._clock())
            record = _Record(probed, [digest for digest in digests if digest is not None])
            if lasting:
                records[key] = record
                self._dirty = True
        if record.probed.family == UNKNOWN:
            return Reason("zir.refuse.unknown-compiler", os.fsdecode(driver))
        return _toolchain(driver, record)

    def _still_true(self, record: _Record) -> bool:
        if record.probed.family == UNKNOWN and not (
            record.probed.version.isdigit()
            and 0 <= self._clock() - int(record.probed.version) < ASK_AGAIN_SECONDS
        ):
            return False
        parts = zip(record.probed.parts, record.digests)
        return all(self._digest(path) == digest for (_, path), digest in parts) and not any(
            self._exists(path) for path in record.probed.absent
        )

    # --- persistence ----------------------------------------------------------

    def _load(self) -> dict[bytes, _Record]:
        if self._records is None:
            self._records = {}
            try:
                self._records = _decode(read_regular(self._path))
            except (FileNotFoundError, NotADirectoryError):
                pass  # the first build here
            except (OSError, CorruptRecord) as error:
                self._report(Reason("store.corrupt.index", f"toolchains.bin: {error}"))
        return self._records

    def save(self) -> None:
        """Write what drivers resolve to, if that changed. Raises OSError."""
        if self._dirty and self._records is not None:
            body = {
                key: [list(record.probed), record.digests] for key, record in self._records.items()
            }
            replace_file(self._path, seal(MAGIC, VERSION, msgpack.packb(body, use_bin_type=True)))
            self._dirty = False


def _toolchain(driver: bytes, record: _Record) -> Toolchain:
    hasher = FieldHasher()
    hasher.add(record.probed.family.encode())
    hasher.add(record.probed.version)
    for (role, _), digest in zip(record.probed.parts, record.digests):
        hasher.add(role.encode())
        hasher.add(digest)
    probed = record.probed
    return Toolchain(
        hasher.digest(),
        probed.family,
        driver,
        probed.standard_dirs,
        probed.library_dirs,
        probed.link_depfile,
    )


def _decode(content: bytes) -> dict[bytes, _Record]:
    payload = unseal(MAGIC, VERSION, content)
    try:
        body = msgpack.unpackb(payload, raw=False, strict_map_key=True)
        records = {}
        for key, (fields, digests) in body.items():
            family, version, parts, absent, standard, libraries, link_depfile = fields
            probed = Probed(
                _of(str, family),
                _of(bytes, version),
                [(_of(str, role), _of(bytes, path)) for role, path in parts],
                _paths(absent),
                _paths(standard),
                _paths(libraries),
                _of(bool, link_depfile),
            )
            if len(_paths(digests)) != len(probed.parts):
                raise CorruptRecord("digests do not match parts")
            records[_of(bytes, key)] = _Record(probed, digests)
    except (ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:
        raise CorruptRecord(f"unexpected shape: {error}") from error
    return records


def _paths(values: Any) -> list[bytes]:
    return [_of(bytes, value) for value in _of(list, values)]


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is expected")
    return value
