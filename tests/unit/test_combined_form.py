"""The forms of combined files keep what they promise of each other and of text."""

from __future__ import annotations

import pickle

import pytest

from incremental_tool.model.combined_form import FORMS, Clash, Prepared


def test_text_stays_as_it_is() -> None:
    """The plain form has no head, asks nothing, and refuses nothing."""
    text = FORMS["text"]
    assert text.prepare(b"any", b"\x1d\xff\n") == Prepared(b"\x1d\xff\n", b"")
    assert text.head([b"", b""]) == b""


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_known_by_its_name(name: str) -> None:
    """Its version is a number, its leader what begins a comment, and nothing makes nothing."""
    form = FORMS[name]
    assert form.name == name
    assert form.version >= 1
    assert form.leader in {"#", ";"}
    assert form.head([]) == b""
    made = form.prepare(b"path", b"")
    assert isinstance(made, Prepared)
    assert isinstance(form.head([made.needs]), bytes)


def test_a_clash_is_a_sentence_with_a_place() -> None:
    """Who knows sentences alone can print it."""
    clash = Clash("two of them", 4)
    assert isinstance(clash, str)
    assert (clash, clash.section) == ("two of them", 4)
    assert pickle.dumps(str(clash)) == pickle.dumps("two of them")
