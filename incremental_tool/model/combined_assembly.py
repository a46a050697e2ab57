r"""Assembly of many sources in one file: what each becomes, and what stands before all of them.

Names that one source has for itself would be another's, too: labels (`.L...`) and symbols that are
defined and neither global nor weak. In a section each carries a suffix that follows from the
section's path.

Functions and variables in comdat groups may be defined by several sources. There each definition
carries the suffix, too, and the name itself is a weak alias, in the head, of the first section's,
as a linker would choose. The others stay, for tables of their sections speak of them, unused.

What a section needs (msgpack)::

    [suffix, path, strong, absent, frames, several, common, stack]
    strong         symbols that it alone defines for others
    absent         symbols that are 0 where no section defines them
    frames         what it says in `.cfi_sections`
    several        [symbol, type] of each that others may define, too
    common         [symbol, size, alignment] of each tentative definition
    stack          `x` if its stack is to be executable

Rule kept: a section is a function of its path and text; a text of which not every name can be told
is refused. The syntax is that of GNU as for x86-64 (AT&T's) and AArch64 (GNU as 2.40, "Using as",
chapters 3, 5 and 7), as gcc and clang write it.

Knows nothing of what the instructions do.
"""

from __future__ import annotations

from incremental_tool.base.digest import digest_of
from incremental_tool.base.pattern import lazily
from incremental_tool.model.combined_needs import Clash, Prepared, shown

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from typing import Optional, Union

VERSION = 1

_FIRST = rb"[A-Za-z_.\x80-\xff]"
_NAME = _FIRST + rb"[\w.$\x80-\xff]*"
_END = rb"(?![\w.$\x80-\xff])"
_DEFINED = lazily(
    rb"(?:^|;)[ \t]*(?:(" + _NAME + rb")[ \t]*(?::|=(?!=))"
    rb"|\.(?:set|equ|equiv|eqv|weakref|lcomm)[ \t]+(" + _NAME + rb"))",
    8,  # re.MULTILINE
)
_LABEL = lazily(rb"^[ \t]*(" + _NAME + rb")[ \t]*:", 8)
_DECLARED = lazily(rb"(?:^|;)[ \t]*\.(globl|global|weak|local|comm)[ \t]+([^\n#;]*)", 8)
# These begin with a line feed: where the next one is found as fast as memory is read.
_WEAK = lazily(rb"\n[ \t]*\.weak[ \t]+" + _NAME + rb"[ \t]*(?:#[^\n]*|//[^\n]*)?$", 8)
_COMMON = lazily(
    rb"\n[ \t]*\.comm[ \t]+(" + _NAME + rb")[ \t]*,[ \t]*([0-9]+)(?:[ \t]*,[ \t]*([0-9]+))?"
    rb"[ \t]*(?:#[^\n]*|//[^\n]*)?$",
    8,
)
_STACK = lazily(rb'\n[ \t]*\.section[ \t]+"?\.note\.GNU-stack"?,[ \t]*"(x?)"[^\n]*$', 8)
_FRAMES = lazily(rb"\n[ \t]*\.cfi_sections[ \t]+([^\n]*)$", 8)
_FILE = lazily(rb"\n[ \t]*\.file[ \t]+\"[^\n]*$", 8)
_ONE_NAME = lazily(_NAME)

# All words, in strings and comments, too, and what begins a statement: these are no names.
_COMMENTS = {False: rb"#[^\n]*", True: rb"//[^\n]*|\n[ \t]*#[^\n]*"}
"""For x86-64 and for AArch64, where `#` within a line is before a number."""
_WORDS = {
    other: lazily(
        rb"(\"(?:[^\"\\\n]|\\.)*\"|"
        + comment
        + rb"|[\n;][ \t]*(?:\.(?:push)?section\b[^\n]*|"
        + _NAME
        + _END
        + rb"(?![ \t]*[:=]))|[%@]?[\w.\x80-\xff][\w.$\x80-\xff]*)",
        16,  # re.DOTALL
    )
    for other, comment in _COMMENTS.items()
}
_AARCH64 = lazily(rb"\n[ \t]*\.arch[ \t]+armv[89]|// (?:-- (?:Begin|End) function|@|%bb\.)")
_SIGNIFICANT = lazily(rb"\n[ \t]*\.addrsig(?:_sym[^\n]*)?$", 8)
"""Hints of clang for linkers, which GNU as does not read."""
_SWITCH = lazily(rb"^[ \t]*\.(?:text|data|bss|section)\b[^\n]*\n", 8)
_GROUP = lazily(rb"[ \t]*\.section\b[^\n]*,[ \t]*comdat\b")
_DEFINING = lazily(
    rb"^((?:[ \t]*\.(?:set|type|size)[ \t]+)?)(" + _NAME + rb")([ \t]*[:,][^\n]*)", 8
)

_REFUSED = (
    (rb"\.intel_syntax|\.att_syntax[ \t]+noprefix", "it has Intel's syntax"),
    (
        rb"\.(?:thumb|arm|option|machine|set[ \t]+noreorder)\b",
        "it is neither for x86-64 nor for AArch64",
    ),
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


def prepare(path: bytes, text: bytes) -> Union[Prepared, str]:
    """Return a section, or in a sentence why there is none."""
    text = b"\n" + text.replace(b"\r\n", b"\n")
    if not text.endswith(b"\n"):
        text += b"\n"
    lines = text.split(b"\n")
    different = list(dict.fromkeys(lines))  # compilers repeat themselves: often less than half are
    said = b"\n" + _directives(text, different)
    found = _REFUSING.search(said)
    if found is not None:
        (at,) = [number for number, group in enumerate(found.groups()) if group is not None][:1]
        return _REFUSED[at][1]
    strong, weak, absent, own = _symbols(said)
    suffix = suffix_of(path)
    renamed = _renamed(lines, different, own, suffix, other=_AARCH64.search(said) is not None)
    if b'\t.file\t"' in said:
        renamed = _FILE.sub(b"", renamed)
    if b".addrsig" in said:
        renamed = _SIGNIFICANT.sub(b"", renamed)
    frames = _FRAMES.findall(said)
    if frames:
        renamed = _FRAMES.sub(b"", renamed)
    several: dict[bytes, bytes] = {}
    if b"comdat" in said or weak:
        if b"comdat" in said and _STACKED.search(said) is not None:
            return "it has comdat groups, and goes back to earlier sections"
        renamed, several = _of_several(renamed, strong, weak, suffix)
        strong -= several.keys()
    if weak or absent:
        renamed = _WEAK.sub(b"", renamed)
    common = [
        [name, int(size), int(alignment or b"1")]
        for name, size, alignment in _COMMON.findall(said)
        if name not in own
    ]
    if common:
        renamed = _COMMON.sub(lambda match: _without(match, common), renamed)
    stack = _STACK.findall(said)
    if stack:
        renamed = _STACK.sub(b"", renamed)
    import msgpack

    needs = [
        suffix,
        path,
        sorted(strong),
        sorted(absent),
        sorted(set(frames)),
        sorted(several.items()),
        common,
        max(stack, default=None),
    ]
    return Prepared(b"\t.text" + renamed, msgpack.packb(needs))


def head(needs: Sequence[bytes]) -> Union[bytes, str]:
    """Return what stands before all sections, or why they cannot stand in one file."""
    import msgpack

    suffixes: dict[bytes, bytes] = {}
    defined: dict[bytes, bytes] = {}
    aliases: dict[bytes, bytes] = {}
    absent: dict[bytes, None] = {}
    common: dict[bytes, tuple[int, int]] = {}
    frames: set[tuple[bytes, ...]] = set()
    stacks: set[Optional[bytes]] = set()
    for place, need in enumerate(needs):
        suffix, path, strong, missing, said, several, tentative, stack = msgpack.unpackb(
            need, raw=True
        )
        if suffix in suffixes:
            both = f"{shown(suffixes[suffix])} and {shown(path)}"
            return Clash(f"{both} have one suffix of names", place)
        suffixes[suffix] = path
        for name in strong:
            if name in defined:
                return f"{shown(name)} is defined by {shown(defined[name])} and by {shown(path)}"
            defined[name] = path
        absent.update(dict.fromkeys(missing))
        frames.add(tuple(said))
        stacks.add(stack)
        for name, kind in several:
            if name not in aliases:
                aliases[name] = b"\t.weak\t%s\n%s\t.set\t%s, %s%s\n" % (
                    name,
                    b"\t.type\t%s, %s\n" % (name, kind) if kind else b"",
                    name,
                    name,
                    suffix,
                )
        for name, size, alignment in tentative:
            old = common.get(name, (0, 1))
            common[name] = max(old[0], size), max(old[1], alignment)
    if len(frames) > 1:
        return "they say different things in .cfi_sections"
    parts = [b"\t.cfi_sections %s\n" % line for one in frames for line in one]
    stacks.discard(None)
    if stacks:
        # One section with an executable stack gives the program one, as a linker has it.
        parts.append(b'\t.section\t.note.GNU-stack,"%s"\n' % max(filter(None, stacks), default=b""))
    parts += [line for name, line in aliases.items() if name not in defined]
    parts += [
        b"\t.comm\t%s,%d,%d\n" % (name, *sizes)
        for name, sizes in common.items()
        if name not in defined and name not in aliases
    ]
    taken = defined.keys() | aliases.keys() | common.keys()
    parts += [b"\t.weak\t%s\n" % name for name in absent if name not in taken]
    return b"".join(parts)


def _without(match: re.Match[bytes], common: list[list[object]]) -> bytes:
    return b"" if any(match.group(1) == name for name, _, _ in common) else match.group()


def _directives(text: bytes, different: list[bytes]) -> bytes:
    """Return the lines that are not plainly an instruction or contents, each once, in any order.

    What users write into a text (`#APP`) may have several statements on a line: it is all returned.
    """
    if b"APP\n" in text:
        return text
    return b"\n".join(
        [
            line
            for line in different
            if (line[:1] != b"\t" or line[1:2] == b".") and not line.startswith(_FILLING)
        ]
    )


def _labels(text: bytes) -> set[bytes]:
    return {label or other for label, other in _DEFINED.findall(text)}


def _symbols(text: bytes) -> tuple[set[bytes], set[bytes], set[bytes], set[bytes]]:
    """Return what a text defines for others, what weakly, what may be absent, what is its own."""
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
    return (defined & shared) - weak, defined & weak, weak - defined, own


def _renamed(
    lines: list[bytes], different: list[bytes], own: set[bytes], suffix: bytes, *, other: bool
) -> bytes:
    """Return a text of these lines in which its own names have a suffix."""
    parts = _WORDS[other].split(b"\n" + b"\n".join(different))
    words = parts[1::2]
    parts[1::2] = map({name: name + suffix for name in own}.get, words, words)
    renamed = b"".join(parts)[1:].split(b"\n")
    return b"\n".join(map(dict(zip(different, renamed)).__getitem__, lines))


def _of_several(
    text: bytes, strong: set[bytes], weak: set[bytes], suffix: bytes
) -> tuple[bytes, dict[bytes, bytes]]:
    """Return a text in which what others may define, too, has the suffix, and that, with its type.

    That is what is weak, and what stands in a comdat group: its label does, while its type may be
    said before.
    """
    several: dict[bytes, bytes] = {}
    names = weak | (strong & _in_groups(text))

    def define(match: re.Match[bytes]) -> bytes:
        before, name, after = match.groups()
        if name not in names:
            return match.group()
        if before.strip() == b".type":
            several[name] = after.lstrip(b", \t").split(b"#")[0].split(b"//")[0].strip()
        else:
            several.setdefault(name, b"")
        if before.strip() == b".size":
            after = after.replace(b".-" + name, b".-" + name + suffix)
        return b"%s%s%s%s" % (before, name, suffix, after)

    return _DEFINING.sub(define, text), several


def _in_groups(text: bytes) -> set[bytes]:
    found: set[bytes] = set()
    place, inside = 0, False
    for match in [*_SWITCH.finditer(text), None] if b"comdat" in text else ():
        if inside:
            end = len(text) if match is None else match.start()
            found.update(_LABEL.findall(text, place, end))
        if match is not None:
            place, inside = match.start(), _GROUP.match(match.group()) is not None
    return found
