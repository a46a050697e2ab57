"""What variables are aligned to is told from padding, and from nothing that chance may do."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from incremental_tool.model.elf_object import ElfObject
from incremental_tool.model.known_alignment import KnownAlignment

if TYPE_CHECKING:
    from pathlib import Path


def told(folder: Path, text: str) -> dict[str, int]:
    """Assemble a text; return what its variables are known to be aligned to."""
    made = folder / "a.o"
    subprocess.run(["as", "-o", str(made), "-"], input=text.encode(), check=True)
    read = ElfObject(made.read_bytes())
    known = KnownAlignment(read)
    found = {}
    for symbol, row in enumerate(read.symbols):
        section = read.section_of(symbol)
        name = read.symbol_names[symbol]
        if section is not None and name:
            found[name.decode()] = known.of(section, row)
    return found


def variable(name: str, size: int, align: int) -> str:
    """Return a variable's definition."""
    return f".balign {align}\n.type {name},@object\n.size {name},{size}\n{name}: .skip {size}\n"


def test_padding_tells(tmp_path: Path) -> None:
    """A gap before a variable tells the least alignment that makes it; no gap tells nothing."""
    text = ".data\n" + "".join(
        variable(*one)
        for one in (("a", 3, 1), ("b", 4, 4), ("c", 1, 1), ("d", 8, 8), ("e", 16, 8), ("f", 16, 16))
    )
    known = told(tmp_path, text)
    assert known == {"a": 1, "b": 2, "c": 1, "d": 8, "e": 1, "f": 16}


def test_a_section_of_its_own_tells(tmp_path: Path) -> None:
    """A lone variable is aligned as its section is, as far as its length allows."""
    assert told(tmp_path, ".data\n" + variable("a", 32, 16)) == {"a": 16}
    assert told(tmp_path, ".data\n" + variable("a", 12, 16)) == {"a": 4}


def test_what_has_no_name_may_lie_between(tmp_path: Path) -> None:
    """A gap that no alignment makes is not padding."""
    text = ".data\n.balign 16\n" + variable("a", 3, 1) + ".skip 21\n" + variable("b", 4, 1)
    assert told(tmp_path, text)["b"] == 1
