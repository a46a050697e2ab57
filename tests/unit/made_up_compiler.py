"""A machine with a compiler that is made up: what it resolves to are files that a test can change.

Knows nothing of real compilers: it stands in for `probe_driver`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, Union

from incremental_tool.base.digest import digest_of
from incremental_tool.engine.probe import Probed
from incremental_tool.engine.toolchain import Toolchain, Toolchains

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason


def content_digest(path: bytes) -> Optional[bytes]:
    """Return the digest of a real file."""
    try:
        with open(path, "rb") as file:
            return digest_of(file.read())
    except OSError:
        return None


class Machine:
    """A folder with a made-up compiler in it, and what was asked of it."""

    def __init__(self, folder: Path, reports: list[Reason]) -> None:
        self.folder = folder
        self.reports = reports
        self.probes: list[tuple[bytes, ...]] = []
        self.version = b"gcc version 99"
        self.known = True
        self.environment = {"PATH": str(folder / "bin"), "HOME": "/home/someone"}
        for name in ("gcc", "cc1", "as", "libc.so"):
            self.install(f"bin/{name}", f"the content of {name}")

    def install(self, name: str, content: str) -> bytes:
        """Write a program."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
        return os.fsencode(path)

    def probe(
        self, driver: bytes, words: Any, language: str, environment: Any, linking: bool
    ) -> Optional[Probed]:
        """Stand in for `probe_driver`."""
        assert environment["PATH"]
        self.probes.append((driver, *map(os.fsencode, words), language.encode(), b"%d" % linking))
        if not self.known:
            return None
        places = [os.path.dirname(driver), os.fsencode(self.folder / "bin")]
        assembler = next(p for f in places if os.path.exists(p := os.path.join(f, b"as")))
        own = os.path.join(os.path.dirname(driver), b"own-as")
        parts = [("driver", driver), ("compiler", os.path.join(places[1], b"cc1"))]
        parts.append(("as", own if os.path.exists(own) else assembler))
        parts.append(("library", os.path.join(places[1], b"libc.so")))
        absent = [] if os.path.exists(own) else [own]
        return Probed("gcc", self.version, parts, absent, [b"/usr/include"], [b"/lib"], linking)

    def open(self) -> Toolchains:
        """Begin a build in a new process."""
        path = os.fsencode(self.folder / "toolchains.bin")
        return Toolchains(path, self.reports.append, content_digest, os.path.lexists)

    def saved(self) -> Toolchains:
        """Identify the compiler in one build and begin another."""
        chains = self.open()
        assert isinstance(self.ask(chains), Toolchain)
        chains.save()
        self.probes.clear()
        return self.open()

    def ask(
        self, chains: Toolchains, word: str = "gcc", *words: str, **environment: str
    ) -> Union[Toolchain, Reason]:
        """Identify the compiler for C."""
        return chains.compiler(word, words, "c", {**self.environment, **environment})
