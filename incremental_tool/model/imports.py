r"""Find in source text what it can make the compiler look for, without preprocessing.

The rule: a directive that the compiler could carry out is either found or
makes its flag true. More may be found than is carried out: directives in
comments, in strings, and under conditions that do not hold. So directives are
not required to begin a line, and before looking, continued lines are joined
and digraphs and trigraphs replaced. What names the flags below speak of may
then be asked of the compiler's own list of inputs.

One entry is a kind byte and a name:

    "    #include "name" and #import "name"
    <    #include <name> and #import <name>
    n    #include_next, quoted or not
    q    __has_include("name")
    a    __has_include(<name>)
    x    __has_include_next, quoted or not
    i    .include "name" of the assembler
    b    .incbin "name" of the assembler

Packed, the flags' letters are the first line and each entry is one more line.

Does not know which directives are carried out, nor where files are.
"""

from __future__ import annotations

import re

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Imports(NamedTuple):
    """What one file can make the compiler look for, and what else makes its result vary."""

    entries: tuple[bytes, ...] = ()
    computed: bool = False  # an #include takes its name from a macro
    computed_probe: bool = False  # a __has_include may take its name from a macro
    time_macro: bool = False  # __DATE__ or __TIME__
    timestamp_macro: bool = False  # __TIMESTAMP__, the time of this very file
    incbin: bool = False  # the assembler is told to read a file (.incbin, .include)
    embed: bool = False  # #embed or __has_embed

    def pack(self) -> bytes:
        """Return the bytes that `unpack` reads."""
        flags = b"".join(letter for letter, value in zip(_FLAG_LETTERS, self[1:]) if value)
        return b"\n".join((flags, *self.entries))

    @classmethod
    def unpack(cls, packed: bytes) -> Imports:
        """Read what `pack` returned; raise `CorruptRecord` on anything else."""
        flags, *entries = packed.split(b"\n")
        values = [letter in flags for letter in _FLAG_LETTERS]
        known = b"".join(letter for letter, value in zip(_FLAG_LETTERS, values) if value)
        if known != flags or not all(_ENTRY.match(entry) for entry in entries):
            raise CorruptRecord("packed imports are not what pack writes")
        return cls(tuple(entries), *values)


_FLAG_LETTERS = (b"c", b"p", b"t", b"s", b"i", b"e")
_ENTRY = lazily(rb'["<nqaxib].', re.DOTALL)

# Blanks and comments, which may stand between any two tokens of a directive.
_GAP = rb"(?:[ \t\f\v\r]|/\*(?:[^*]|\*(?!/))*\*/)*"
_NAMED = rb'(?:"([^"\n]*)"|<([^>\n]*)>)'
_DIRECTIVE = lazily(
    rb"#" + _GAP + rb"(include_next|include|import|embed)(?![A-Za-z0-9_$])" + _GAP + _NAMED + rb"?",
)
_PROBE = lazily(rb"__has_include(_next)?(?:__)?(?![A-Za-z0-9_$])(" + _GAP + rb"\(" + _GAP + rb")?")
_PROBED_NAME = lazily(_NAMED)
_MACRO = lazily(rb"[A-Za-z_$\\\x80-\xff]")
# The directives that can carry out a __has_include, then or later.
_EVALUATING = lazily(rb"#" + _GAP + rb"(?:if|elif|define)(?![A-Za-z0-9_$])")
# Ways to ask whether __has_include exists, or to stand in for it where it does not.
_ABOUT_PROBE = lazily(
    rb"(?:\bdefined"
    + _GAP
    + rb"\(?|#"
    + _GAP
    + rb"(?:ifdef|ifndef|undef|define|elifdef|elifndef))"
    + _GAP
    + rb"\Z",
)
# What these patterns begin with is a literal: only so do they search faster than `in` and
# `replace` do, which are slow where the last byte looked for is a common one.
_SPLICE = lazily(rb"\\[ \t\f\v\r]*\n")
_TRIGRAPH = lazily(rb"\?\?[=/]")
_DIGRAPH = lazily(rb"%:")
_ASKING = lazily(rb"__(?:has_include|has_embed|DATE__|TIME)")
_TIME = lazily(rb"__(?<![A-Za-z0-9_$]__)(DATE|TIME|TIMESTAMP)__(?![A-Za-z0-9_$])")
_EMBED = lazily(rb"__has_embed(?![A-Za-z0-9_$])")
# The assembler knows its directives in any case. In C they stand in strings,
# where the quote has a backslash.
_READ = lazily(
    rb"\.([iI][nN][cC](?:[lL][uU][dD][eE]|[bB][iI][nN]))(?![A-Za-z0-9_.$])",
)
_READ_NAME = lazily(rb'[ \t]*\\?"(?:([^"\n]*)")?')
# Compares the time of another file with that of the source.
_PRAGMA = lazily(rb"GCC\s+dependency\b")


def find_imports(content: bytes, assembler: bool = False) -> Imports:
    """Return what a file's text can make the compiler look for.

    With `assembler`, entries tell the names in `.include` and `.incbin`, too;
    the flag `incbin` tells of them in any case.
    """
    if b"??" in content and _TRIGRAPH.search(content):
        content = content.replace(b"??=", b"#").replace(b"??/", b"\\")
    if b"\\" in content:
        content = _SPLICE.sub(b"", content)
    if b"%" in content and _DIGRAPH.search(content):
        content = content.replace(b"%:", b"#")
    found: dict[bytes, None] = {}
    computed = computed_probe = time_macro = timestamp_macro = incbin = False
    asks = _ASKING.search(content) is not None
    embed = asks and _EMBED.search(content) is not None
    for match in _DIRECTIVE.finditer(content):
        directive, quoted, angled = match.groups()
        if directive == b"embed":
            embed = embed or _begins_line(content, match.start())
        elif quoted or angled:
            if directive == b"include_next":
                found[b"n" + (quoted or angled)] = None
            else:
                found[b'"' + quoted if quoted else b"<" + angled] = None
        elif not computed and _MACRO.match(content, match.end()):
            computed = _begins_line(content, match.start())
    if asks and b"__has_include" in content:
        computed_probe = _find_probes(content, found)
    if b"dependency" in content and _PRAGMA.search(content):
        computed_probe = True
    if asks:
        names = set(_TIME.findall(content))
        timestamp_macro = b"TIMESTAMP" in names
        time_macro = len(names) > timestamp_macro
    for match in _READ.finditer(content):
        named = _READ_NAME.match(content, match.end())
        kind = match[1].lower()
        incbin = incbin or assembler or kind == b"incbin" or named is not None
        if assembler:
            name = named[1] if named else None
            if not name or b"\\" in name:
                computed = True
            else:
                found[(b"i" if kind == b"include" else b"b") + name] = None
    return Imports(
        tuple(found),
        computed,
        computed_probe,
        time_macro,
        timestamp_macro,
        incbin,
        embed,
    )


def _begins_line(content: bytes, start: int) -> bool:
    """Whether only blanks, or at least the end of a comment, stand before a place in its line."""
    before = content[content.rfind(b"\n", 0, start) + 1 : start]
    return not before.strip() or b"*/" in before


def _find_probes(content: bytes, found: dict[bytes, None]) -> bool:
    """Add the names that __has_include asks for; whether one may be computed."""
    computed = False
    for match in _PROBE.finditer(content):
        start, end = match.span()
        line = content[content.rfind(b"\n", 0, start) + 1 : start]
        if match[2]:
            named = _PROBED_NAME.match(content, end)
            if named:
                name = named[1] or named[2]
                kind = b"x" if match[1] else b"q" if named[1] else b"a"
                if name:
                    found[kind + name] = None
                continue
        if _may_evaluate(line) and not _ABOUT_PROBE.search(line):
            computed = True
    return computed


def _may_evaluate(before: bytes) -> bool:
    """Whether a directive may carry out a __has_include behind this beginning of a line."""
    if not _EVALUATING.search(before):
        return b"*/" in before  # the directive may have begun lines above, before a comment
    if b'"' in before:
        return True
    in_comment = before.rfind(b"/*") > before.rfind(b"*/")
    return not in_comment and not (b"//" in before and b"/*" not in before)
