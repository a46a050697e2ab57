"""Random edits of C functions, as text: what people do to a function's body, and to its head.

Rule kept: the same random generator gives the same edit. An edit always compiles
where the text before it did, or is told apart by the compiler's exit status.

Knows nothing of objects and caches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_NUMBER = re.compile(rb"(?<![\w.'\"$])([1-9]\d{0,4})(?![\w.'\"])")
_STRING = re.compile(rb'"([A-Za-z ][^"\\%\n]*)"')
_STATEMENT = re.compile(
    rb"\n[ \t]+(?!return|break|continue|goto|case|default|else|if|for|while|switch|do|static|const"
    rb"|int|char|struct|unsigned|void|double|size_t)[\w>.\-\[\]]+\s*"
    rb"(?:=(?!=)[^;{}#\"']*|\([^;{}#\"']*\));[ \t]*(?=\n)"
)


class Place(NamedTuple):
    """A function in a source: its name, where its text and its body begin, and where it ends."""

    name: bytes
    start: int
    body: int
    end: int
    static: bool


def edit(
    rng: random.Random, source: bytes, places: Sequence[Place], chosen: Place, kind: str
) -> bytes | None:
    """Return the source with one function edited in that way; None where it cannot be."""
    body = source[chosen.body : chosen.end]
    if kind in HEADS:
        return HEADS[kind](rng, source, chosen)
    new = BODIES[kind](rng, body, places, chosen)
    if new is None or new == body:
        return None
    return source[: chosen.body] + new + source[chosen.end :]


def insert(code: bytes) -> Callable[..., bytes]:
    """Return an edit that puts code at the beginning of a body; `@` is a random number."""

    def inserted(
        rng: random.Random,
        body: bytes,
        places: Sequence[Place],  # noqa: ARG001 - one shape for all edits
        chosen: Place,  # noqa: ARG001
    ) -> bytes:
        return b"{ " + code.replace(b"@", b"%d" % rng.randrange(1, 30000)) + body[1:]

    return inserted


def _literal(
    rng: random.Random,
    body: bytes,
    places: Sequence[Place],  # noqa: ARG001
    chosen: Place,  # noqa: ARG001
) -> bytes | None:
    found = [
        match
        for match in _NUMBER.finditer(body)
        if b"case" not in body[max(0, match.start() - 12) : match.start()]
        and body[match.start() - 1 : match.start()] not in (b"[", b"#")
        and b"#" not in body[body.rfind(b"\n", 0, match.start()) + 1 : match.start()]
    ]
    if not found:
        return None
    match = rng.choice(found)
    return body[: match.start()] + b"%d" % (int(match[1]) + 1) + body[match.end() :]


def _string(
    rng: random.Random,
    body: bytes,
    places: Sequence[Place],  # noqa: ARG001
    chosen: Place,  # noqa: ARG001
) -> bytes | None:
    found = [
        match
        for match in _STRING.finditer(body)
        if b"#" not in body[body.rfind(b"\n", 0, match.start()) + 1 : match.start()]
    ]
    if not found:
        return None
    match = rng.choice(found)
    return body[: match.end() - 1] + b" %d" % rng.randrange(1000) + body[match.end() - 1 :]


def _remove_statement(
    rng: random.Random,
    body: bytes,
    places: Sequence[Place],  # noqa: ARG001
    chosen: Place,  # noqa: ARG001
) -> bytes | None:
    found = list(_STATEMENT.finditer(body))
    if not found:
        return None
    match = rng.choice(found)
    return body[: match.start()] + re.sub(rb"[^\n]", b"", match[0]) + b" ;" + body[match.end() :]


def _call(
    rng: random.Random,
    body: bytes,
    places: Sequence[Place],
    chosen: Place,
) -> bytes | None:
    before = [place for place in places if place.end <= chosen.start]
    if not before:
        return None
    name = rng.choice(before).name
    return b"{ { void *volatile fc_p; fc_p = (void *)&" + name + b"; } " + body[1:]


BODIES: dict[str, Callable[..., bytes | None]] = {
    "literal": _literal,
    "string": _string,
    "remove": _remove_statement,
    "call": _call,
    "local": insert(b"volatile int fc_l = @; fc_l++;"),
    "line": insert(b"\n\n\n  { volatile int fc_v = @; fc_v++; }\n"),
    "comment": insert(b"/* a word: @ */"),
    "static": insert(
        b"{ static int fc_n = @; fc_n += 2; if (fc_n == -1) __builtin_printf"
        b'("edit @ %s\\n", __func__); }'
    ),
    "switch": insert(
        b"{ static volatile int fc_s; int fc_r = 0; switch (fc_s) { case 0: fc_r = 3; break;"
        b" case 1: fc_r = 11; break; case 2: fc_r = fc_s * 2; break; case 3: fc_r = -1; break;"
        b" case 4: fc_r = fc_s - 9; break; case 5: fc_r = 77; break; case 6: fc_s = 1; break;"
        b" case 7: fc_s += 4; break; case 8: fc_r = 1; } fc_s += fc_r * 0; }"
    ),
    "float": insert(
        b"{ static volatile double fc_q = 1.5; fc_q = fc_q * 1.2345 + @.5; static const double"
        b" fc_tab[] = {1.0, 2.5, 3.75}; fc_q += fc_tab[((int)fc_q) & 1]; }"
    ),
    "goto": insert(
        b"{ static void *const fc_t[] = {&&fc_a, &&fc_b}; static volatile int fc_z;"
        b" goto *fc_t[fc_z & 1]; fc_a:; fc_z++; fc_b:; }"
    ),
    "asm": insert(b'{ __asm__ volatile("nop"); }'),
    "thread": insert(b"{ static __thread int fc_k = @; fc_k++; }"),
    "return": insert(b"{ static volatile int fc_g; if (fc_g) __builtin_abort(); }"),
    "nested": insert(
        b"{ int fc_k = 2; int fc_nest(int a) { return a + fc_k; } static volatile int fc_w;"
        b" fc_w = fc_nest(3); }"
    ),
}


def _add_function(rng: random.Random, source: bytes, chosen: Place) -> bytes:
    name = b"fc_added_%d" % rng.randrange(1_000_000)
    use = b"{ (void)" + name + b"(2);"
    return (
        source[: chosen.start]
        + b"\nstatic int " + name + b"(int a)\n{\n  return a + 1;\n}\n"
        + source[chosen.start : chosen.body] + use + source[chosen.body + 1 :]
    )  # fmt: skip


def _extern(
    rng: random.Random,  # noqa: ARG001
    source: bytes,
    chosen: Place,
) -> bytes | None:
    head = source[chosen.start : chosen.body]
    at = head.find(b"static ")
    if at < 0:
        return None
    return source[: chosen.start + at] + b"       " + source[chosen.start + at + 7 :]


def _parameter(
    rng: random.Random,  # noqa: ARG001
    source: bytes,
    chosen: Place,
) -> bytes | None:
    head = source[chosen.start : chosen.body]
    at = head.rfind(b")")
    if at < 0 or head.rstrip().endswith(b"(void)") or chosen.static:
        return None
    return source[: chosen.start + at] + b", int fc_more" + source[chosen.start + at :]


HEADS: dict[str, Callable[..., bytes | None]] = {
    "add": _add_function,
    "extern": _extern,
    "parameter": _parameter,
}
KINDS = (*BODIES, *HEADS)
