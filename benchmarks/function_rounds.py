"""One round of a campaign: a C or C++ source with one to five of its functions edited at random.

Rule kept: the same random generator, compiler and source give the same edits.

Knows nothing of the tool's caches, nor of what is done with the edited source.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import cpp_edits
from function_edits import KINDS, Place, edit
from function_lab import ENVIRONMENT

from incremental_tool.model.reason import Reason
from incremental_tool.model.source_regions import regions_of
from incremental_tool.model.translation_unit import cut

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


def places_of(compiler: str, source: str, text: bytes, options: Sequence[str] = ()) -> list[Place]:
    """Return the plain functions of a source, as the tool finds them."""
    argv = [compiler, *(word for word in options if word[:2] == "-D"), "-E", "-I.", source]
    full = subprocess.run(argv, check=True, stdout=subprocess.PIPE, env=ENVIRONMENT).stdout
    items = cut(full)
    if isinstance(items, Reason):
        sys.exit(items.sentence)
    regions = regions_of(text, full, items, os.fsencode(source))
    if isinstance(regions, Reason):
        sys.exit(regions.sentence)
    return [
        Place(region.name, region.start, region.opened, region.closed, items[region.item].static)
        for region in regions
        if region.opened >= 0
    ]


def edited(
    rng: random.Random,
    text: bytes,
    compiler: str,
    name: str,
    wanted: Sequence[str] = KINDS,
    options: Sequence[str] = (),
) -> tuple[bytes, list[str]]:
    """Return the source with one to five functions edited, and the kinds of the edits.

    There are no kinds where no such edit could be made, or one does not compile.
    """
    kinds = []
    of_cpp = name.endswith(".cc")
    if of_cpp and wanted is KINDS:
        wanted = cpp_edits.KINDS
    with open(name, "wb") as file:
        file.write(text)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = cpp_edits.cpp_places(text) if of_cpp else places_of(compiler, name, text)
        kind = rng.choice(wanted)
        change = cpp_edits.cpp_edit if of_cpp else edit
        new = change(rng, text, places, rng.choice(places), kind) if places else None
        if new is not None:
            text = new
            kinds.append(kind)
            with open(name, "wb") as file:
                file.write(text)
            check = [compiler, *options, "-w", "-fsyntax-only", name]
            if subprocess.run(
                check, check=False, env=ENVIRONMENT, stderr=subprocess.DEVNULL
            ).returncode:
                return text, []
    return text, kinds
