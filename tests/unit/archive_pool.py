"""Object files of many kinds, assembled once, and names for them.

Real `as` makes everything here; nothing knows how the tool reads it.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable
    from pathlib import Path

_SYMBOLS = (
    ".globl {n}\n{n}: .byte 1\n",
    ".weak {n}\n{n}: .byte 2\n",
    ".comm {n}, 8, 8\n",
    ".lcomm {n}, 16\n",
    "{n}: .byte 3\n",
    ".globl {n}\n.hidden {n}\n{n}: .byte 4\n",
    ".globl {n}\n.set {n}, 0x1234\n",
    ".weak {n}\n.quad {n}\n",
    ".globl {n}\n.quad {n}\n",
    '.section .tdata,"awT",@progbits\n.globl {n}\n.type {n}, @object\n{n}: .quad 1\n.data\n',
    ".globl {n}\n.type {n}, @gnu_indirect_function\n{n}: .byte 5\n",
    ".globl {n}\n.type {n}, @gnu_unique_object\n{n}: .quad 6\n",
    '.section .text.{n},"axG",@progbits,{n},comdat\n.weak {n}\n{n}: .byte 7\n.data\n',
)
"""Global, weak, common (also of one file), local, hidden, absolute, undefined twice, thread-local,
indirect, unique, grouped."""

ENDINGS = (b"", b"\0", b"\0\0\0")
"""What may follow an object, so that some are of odd lengths."""


def assemble(path: Path, source: str, *options: str) -> bytes:
    """Return an object."""
    subprocess.run(["as", *options, "-o", path, "-"], input=source.encode(), check=True)
    return path.read_bytes()


def families(folder: Path, noise: random.Random, count: int) -> list[list[bytes]]:
    """Return groups of objects; those of one group list the same symbols, most in one length."""
    groups = [[assemble(folder / "o", ".data\n"), assemble(folder / "o", ".data\n.byte 1\n")]]
    while len(groups) < count:
        source = ".data\n"
        for number in range(noise.randrange(6)):
            name = noise.choice("fgh") * noise.randrange(1, 30) + str(number)
            source += noise.choice(_SYMBOLS).format(n=name)
        group = []
        for value in range(3):
            skip = noise.choice((16, 16, 16, noise.randrange(90)))
            text = f"{source}.byte {value}\n.skip {skip}\n"
            group.append(assemble(folder / "o", text) + noise.choice(ENDINGS))
        groups.append(group)
    return groups


def names(noise: random.Random, count: int) -> list[str]:
    """Return file names of members: short and long ones, in folders."""
    found: list[str] = []
    while len(found) < count:
        length = noise.choice((1, 5, 11, 12, 13, 14, 15, 16, 17, 40))
        base = "".join(noise.choice("abcxyz-.+_") for _ in range(length)).strip(".+-")
        name = f"n{base}{len(found)}.o"
        found.append(name if noise.random() < 0.7 else f"sub/{name}")
    return found


def quoted(words: Iterable[str]) -> str:
    """Return words as the text of a command."""
    return " ".join(map(shlex.quote, words))
