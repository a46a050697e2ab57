r"""Assembly of many sources in one file: what each becomes, and what stands before all of them.

Names that one source has for itself would be another's, too: labels (`.L...`) and symbols that are
defined and neither global nor weak. In a section each carries a suffix that follows from the
section's path.

Functions and variables in comdat groups may be defined by several sources. There each definition
carries the suffix, too, and the name itself is a weak alias, in the head, of the first section's,
as a linker would choose. The others stay, for tables of their sections speak of them, unused.

What a section needs (msgpack)::

    [suffix, strong, weak, frames, grouped]
    strong, weak   symbols that it defines for others
    frames         what it says in `.cfi_sections`
    grouped        [symbol, type] of each that it defines in a group

Rule kept: a section is a function of its path and text; a text of which not every name can be told
is refused. The syntax is the AT&T one of GNU as for x86-64 (GNU as 2.40, "Using as", chapters 3, 5
and 7), as gcc and clang write it.

Knows nothing of what the instructions do.
"""

from __future__ import annotations

from incremental_tool.base.digest import digest_of
from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from typing import Union

VERSION = 1

_FIRST = rb"[A-Za-z_.\x80-\xff]"
_NAME = _FIRST + rb"[\w.$\x80-\xff]*"
_END = rb"(?![\w.$\x80-\xff])"
_DEFINED = lazily(
    rb"(?:^|;)[ \t]*(?:(" + _NAME + rb")[ \t]*(?::|=(?!=))"
    rb"|\.(?:set|equ|equiv|eqv|weakref|lcomm)[ \t]+(" + _NAME + rb"))",
    8,  # re.MULTILINE
)
_DECLARED = lazily(rb"(?:^|;)[ \t]*\.(globl|global|weak|local|comm)[ \t]+([^\n#;]*)", 8)
_FRAMES = lazily(rb"^[ \t]*\.cfi_sections[ \t]+([^\n]*)\n", 8)
_FILE = lazily(rb"^[ \t]*\.file[ \t]+\"[^\n]*\n", 8)
_ONE_NAME = lazily(_NAME)

# All words, in strings and comments, too, and what begins a statement: these are no names.
_WORDS = lazily(
    rb"(\"(?:[^\"\\\n]|\\.)*\"|#[^\n]*"
    rb"|[\n;][ \t]*(?:\.(?:push)?section\b[^\n]*|" + _NAME + _END + rb"(?![ \t]*[:=]))"
    rb"|[%@]?[\w.\x80-\xff][\w.$\x80-\xff]*)",
    16,  # re.DOTALL
)
_SWITCH = lazily(rb"^[ \t]*\.(?:text|data|bss|section)\b[^\n]*\n", 8)
_GROUP = lazily(rb"[ \t]*\.section\b[^\n]*,[ \t]*comdat\b")
_DEFINING = lazily(
    rb"^((?:[ \t]*\.(?:set|type|size)[ \t]+)?)(" + _NAME + rb")([ \t]*[:,][^\n]*)", 8
)

_REFUSED = (
    (rb"\.intel_syntax|\.att_syntax[ \t]+noprefix", "it has Intel's syntax"),
    (rb"\.(?:arch|cpu|thumb|arm|option|machine|set[ \t]+noreorder)\b", "it is not for x86-64"),
    (rb"\.(?:macro|altmacro|purgem|irpc?|rept|include|incbin)\b", "it has macros or includes"),
    (rb"\.symver\b", "it gives versions to symbols"),
    (rb"\.section\b[^\n]*\.gnu\.lto_", "it is for link-time optimisation"),
    (
        rb"\.(?:push)?section\b[^\n,]*,[ \t]*\"[^\"\n]*o",
        "it has sections that are linked to others",
    ),
    (
        rb"\.(?:file[ \t]+[0-9]|loc)\b",
        "the assembler is to number its lines (gcc -g needs -gno-as-loc-support, clang has none)",
    ),
)
_REFUSING = lazily(
    rb"(?:^|;)[ \t]*(?:" + b"|".join(b"(" + what + b")" for what, _ in _REFUSED) + b")", 8
)
_FILLING = tuple(
    b"\t.%s\t" % word
    for word in b"long byte uleb128 sleb128 string ascii quad value zero cfi_offset "
    b"cfi_def_cfa_offset cfi_def_cfa_register cfi_remember_state cfi_restore".split()
)
_STACKED = lazily(rb"(?:^|;)[ \t]*\.(?:pushsection|popsection|previous|subsection)\b", 8)


def suffix_of(path: bytes) -> bytes:
    """Return what names of a section end in."""
    return b"." + digest_of(path)[:6].hex().encode()


def prepare(path: bytes, text: bytes) -> Union[tuple[bytes, bytes], str]:
    """Return a section's body and needs, or in a sentence why there is none."""
    text = text.replace(b"\r\n", b"\n")
    said = _directives(text)
    found = _REFUSING.search(said)
    if found is not None:
        (at,) = [number for number, group in enumerate(found.groups()) if group is not None][:1]
        return _REFUSED[at][1]
    if b'\t.file\t"' in said:
        text = _FILE.sub(b"", text)
    if text and not text.endswith(b"\n"):
        text += b"\n"
    strong, weak, own = _symbols(said)
    suffix = suffix_of(path)
    renamed = _renamed(text, own, suffix)
    frames = _FRAMES.findall(said)
    if frames:
        renamed = _FRAMES.sub(b"", renamed)
    grouped: dict[bytes, bytes] = {}
    if b"comdat" in said:
        if _STACKED.search(said) is not None:
            return "it has comdat groups, and goes back to earlier sections"
        renamed, grouped = _regrouped(renamed, strong | weak, suffix)
        strong, weak = strong - grouped.keys(), weak - grouped.keys()
    import msgpack

    needs = [suffix, sorted(strong), sorted(weak), sorted(set(frames)), sorted(grouped.items())]
    return b"\t.text\n" + renamed, msgpack.packb(needs)


def head(needs: Sequence[bytes]) -> Union[bytes, str]:
    """Return what stands before all sections, or why they cannot stand in one file."""
    import msgpack

    suffixes: set[bytes] = set()
    defined: set[bytes] = set()
    aliases: dict[bytes, bytes] = {}
    frames: set[tuple[bytes, ...]] = set()
    for need in needs:
        suffix, strong, weak, said, grouped = msgpack.unpackb(need, raw=True)
        if suffix in suffixes:
            return "two paths have one suffix"
        suffixes.add(suffix)
        for name in (*strong, *weak):
            if name in defined:
                return f"{name.decode('utf-8', 'replace')} is defined in two of them"
            defined.add(name)
        frames.add(tuple(said))
        for name, kind in grouped:
            if name not in aliases:
                aliases[name] = b"\t.weak\t%s\n%s\t.set\t%s, %s%s\n" % (
                    name,
                    b"\t.type\t%s, %s\n" % (name, kind) if kind else b"",
                    name,
                    name,
                    suffix,
                )
    if len(frames) > 1:
        return "they say different things in .cfi_sections"
    twice = defined.intersection(aliases)
    if twice:
        return f"{min(twice).decode('utf-8', 'replace')} is defined in two of them"
    said = [b"\t.cfi_sections %s\n" % line for one in frames for line in one]
    return b"".join([*said, *aliases.values()])


def _directives(text: bytes) -> bytes:
    """Return the lines that are not plainly an instruction or contents, each once, in any order.

    What users write into a text (`#APP`) may have several statements on a line: it is all returned.
    """
    if b"#APP" in text:
        return text
    lines = [line for line in text.split(b"\n") if line[:1] != b"\t" or line[1:2] == b"."]
    return b"\n".join([line for line in set(lines) if not line.startswith(_FILLING)])


def _labels(text: bytes) -> set[bytes]:
    return {label or other for label, other in _DEFINED.findall(text)}


def _symbols(text: bytes) -> tuple[set[bytes], set[bytes], set[bytes]]:
    """Return the symbols that a text defines: for others, weakly for others, and for itself."""
    defined = _labels(text)
    declared: dict[bytes, set[bytes]] = {}
    for kind, names in _DECLARED.findall(text):
        listed = names.split(b",")[:1] if kind == b"comm" else names.split(b",")
        declared.setdefault(kind, set()).update(
            name.group() for one in listed if (name := _ONE_NAME.match(one.strip()))
        )
    weak = declared.get(b"weak", set())
    shared = declared.get(b"globl", set()) | declared.get(b"global", set()) | weak
    local = declared.get(b"local", set())
    common = declared.get(b"comm", set()) - local
    own = {name for name in defined - shared - common if name != b"."} | local
    return (defined & shared) - weak, defined & weak, own


def _renamed(text: bytes, own: set[bytes], suffix: bytes) -> bytes:
    """Return a text in which its own names have a suffix."""
    lines = text.split(b"\n")
    different = list(set(lines))  # compilers repeat themselves: less than half are
    parts = _WORDS.split(b"\n" + b"\n".join(different))
    words = parts[1::2]
    parts[1::2] = map({name: name + suffix for name in own}.get, words, words)
    renamed = b"".join(parts)[1:].split(b"\n")
    return b"\n".join(map(dict(zip(different, renamed)).__getitem__, lines))


def _regrouped(text: bytes, shared: set[bytes], suffix: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Return a text in which what comdat groups define has the suffix, and that, with its type."""
    parts: list[bytes] = []
    grouped: dict[bytes, bytes] = {}

    def define(match: re.Match[bytes]) -> bytes:
        before, name, after = match.groups()
        if name not in shared:
            return match.group()
        if before.strip() == b".type":
            grouped[name] = after.lstrip(b", \t")
        else:
            grouped.setdefault(name, b"")
        if before.strip() == b".size":
            after = after.replace(b".-" + name, b".-" + name + suffix)
        return b"%s%s%s%s" % (before, name, suffix, after)

    place, inside = 0, False
    for match in [*_SWITCH.finditer(text), None]:
        end = len(text) if match is None else match.start()
        piece = text[place:end]
        parts.append(_DEFINING.sub(define, piece) if inside else piece)
        if match is not None:
            place, inside = end, _GROUP.match(match.group()) is not None
    return b"".join(parts), grouped
