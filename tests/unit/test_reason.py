"""The catalogue of reasons and the package's source name the same ids."""

from __future__ import annotations

import os
import re

import pytest

import incremental_tool
from incremental_tool.model import reason
from incremental_tool.model.reason import REASONS, Reason

PACKAGE = os.path.dirname(incremental_tool.__file__)
CATALOGUE = os.path.abspath(reason.__file__)
FAMILIES = sorted({name.split(".")[0] for name in REASONS})
_LITERAL = re.compile(rf"""["']((?:{"|".join(FAMILIES)})\.[a-z0-9.-]*[a-z0-9])["']""")


def ids_in_source() -> dict[str, str]:
    """Return every id that the package's source writes out, and the file that does."""
    found = {}
    for folder, _, names in os.walk(PACKAGE):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(".py") and path != CATALOGUE:
                with open(path, encoding="utf-8") as file:
                    for written in _LITERAL.findall(file.read()):
                        found[written] = os.path.relpath(path, PACKAGE)
    return found


def test_every_id_in_use_is_in_the_catalogue() -> None:
    """No code reports a reason that has no sentence."""
    unknown = {name: where for name, where in ids_in_source().items() if name not in REASONS}

    assert unknown == {}


def test_every_id_in_the_catalogue_is_in_use() -> None:
    """The catalogue promises nothing that no code reports."""
    assert set(REASONS) - set(ids_in_source()) == set()


@pytest.mark.parametrize("name", sorted(REASONS))
def test_ids_are_well_formed(name: str) -> None:
    """An id is words of lower-case letters joined by hyphens, two or three of them by dots."""
    assert re.fullmatch(r"[a-z]+(?:\.[a-z]+(?:-[a-z]+)*){1,2}", name)


@pytest.mark.parametrize("name", sorted(REASONS))
def test_sentences_read_on(name: str) -> None:
    """A sentence fits behind a colon: one line, no capital first letter, no full stop."""
    text = REASONS[name]

    assert text == text.strip()
    assert "\n" not in text
    assert not text.endswith((".", ":"))
    assert text[0].islower() or re.match(r"(?:[A-Z+]{2,}|C\+\+|SCons)", text)


def test_no_two_reasons_say_the_same() -> None:
    """Whoever reads a sentence can tell which reason it is."""
    assert len(set(REASONS.values())) == len(REASONS)


def test_the_detail_stands_behind_the_sentence() -> None:
    """With a detail the sentence ends with it, without one it is the catalogue's own."""
    assert Reason("zir.miss.input-changed").sentence == "an input changed"
    assert Reason("zir.miss.input-changed", "a.h").sentence == "an input changed: a.h"


def test_a_reason_outside_the_catalogue_is_an_error() -> None:
    """Asking an unknown reason for its sentence fails instead of inventing one."""
    with pytest.raises(KeyError):
        _ = Reason("zir.miss.unheard-of").sentence
