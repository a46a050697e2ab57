"""The order in which SCons's scanner finds what files include, on graphs written by hand."""

from __future__ import annotations

from incremental_tool.model.include_walk import find_includes, walk_includes

GRAPH = {
    b"a.c": [b"x.h", b"y.h", b"x.h"],
    b"b.c": [b"z.h", b"a.c", b"b.c"],
    b"x.h": [b"deep.h", b"a.c"],
    b"y.h": [b"x.h", b"z.h"],
}


def walked(*sources: bytes) -> list[bytes]:
    """Walk the graph."""
    return walk_includes(sources, lambda file: GRAPH.get(file, []))


def test_breadth_comes_first() -> None:
    """What a source includes comes before what its headers include, each file once."""
    assert walked(b"a.c") == [b"x.h", b"y.h", b"deep.h", b"z.h"]


def test_one_source_may_be_a_dependency_of_another() -> None:
    """A source is none of its own dependencies, but another source may include it."""
    assert walked(b"a.c", b"b.c") == [b"x.h", b"y.h", b"deep.h", b"z.h", b"a.c"]


def test_directives_are_sorted_by_their_text() -> None:
    """Quotes come before angles, then names count; what is not found is left out."""
    directives = [("<", "b.h", ">"), ('"', "z.h", '"'), ("<", "a.h", ">"), ('"', "gone.h", '"')]

    found = find_includes(directives, lambda one: None if one[1] == "gone.h" else one[1].encode())

    assert found == [b"z.h", b"a.h", b"b.h"]
