"""Random edits of C++ functions, as text: those of C that are C++ as well, and some more.

Rule kept: the same random generator gives the same edit. An edit always compiles where the text
before it did, or is told apart by the compiler's exit status.

Knows nothing of objects and caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from function_edits import BODIES as BODIES_OF_C
from function_edits import HEADS as HEADS_OF_C
from function_edits import Place, insert

from incremental_tool.model.cpp_regions import definitions_of
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_NOT_IN_CPP = frozenset(("nested", "call", "goto"))

BODIES: dict[str, Callable[..., bytes | None]] = {
    **{kind: made for kind, made in BODIES_OF_C.items() if kind not in _NOT_IN_CPP},
    "lambda": insert(
        b"{ static volatile int fc_s; int fc_k = @; auto fc_f = [&fc_k](int a) { fc_k += a;"
        b' return fc_k ? "one @" : "other"; }; fc_s += *fc_f(fc_s); }'
    ),
    "vector": insert(
        b"{ struct FcLocal { int a; short b; }; static volatile int fc_s; std::vector<FcLocal>"
        b" fc_v; fc_v.push_back(FcLocal{@, 2}); fc_s += fc_v[0].a; }"
    ),
    "map": insert(
        b"{ static volatile int fc_s; static std::map<int, std::string> fc_m; fc_m[fc_s] ="
        b' "text @"; fc_s += static_cast<int>(fc_m.size()); }'
    ),
    "virtual": insert(
        b"{ struct FcBase { virtual ~FcBase() {} virtual int f(int a) { return a + @; } };"
        b" struct FcDerived : FcBase { int f(int a) override { return a - @; } };"
        b" static volatile int fc_s; FcDerived fc_d; FcBase* fc_b = &fc_d; fc_s = fc_b->f(fc_s); }"
    ),
    "generic": insert(
        b"{ static volatile int fc_s; auto fc_f = [](auto a, auto b) { return a < b ? b : a; };"
        b" fc_s = fc_f(fc_s + 0, @); fc_s = static_cast<int>(fc_f(1.5, fc_s + 0.5)); }"
    ),
    "sort": insert(
        b"{ static volatile int fc_s; int fc_a[] = {3, fc_s, @}; std::sort(fc_a, fc_a + 3,"
        b" [](int a, int b) { return a > b; }); fc_s = fc_a[0]; }"
    ),
    "local thread": insert(b"{ static thread_local std::string fc_t; fc_t.append(1, 'a'); }"),
    "made once": insert(b"{ static const std::string fc_o(@ % 7, 'x'); (void)fc_o.size(); }"),
}
KINDS = (*BODIES, *HEADS_OF_C)

INCLUDES = b"#include <algorithm>\n#include <map>\n#include <string>\n#include <vector>\n"
"""What the edits need."""


def cpp_places(text: bytes) -> list[Place]:
    """Return the definitions of a source, as the tool finds them."""
    found = definitions_of(text)
    if isinstance(found, Reason):
        return []
    return [
        Place(each.name, each.start, each.opened, each.stop, text[each.start :][:7] == b"static ")
        for each in found
    ]


def cpp_edit(
    rng: random.Random, text: bytes, places: Sequence[Place], chosen: Place, kind: str
) -> bytes | None:
    """Return the source with one function edited in that way; None where it cannot be."""
    if kind in HEADS_OF_C:
        if b"::" in chosen.name:
            return None
        return HEADS_OF_C[kind](rng, text, chosen)
    body = text[chosen.body : chosen.end]
    new = BODIES[kind](rng, body, places, chosen)
    if new is None or new == body:
        return None
    return text[: chosen.body] + new + text[chosen.end :]
