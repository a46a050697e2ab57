"""The preamble of a C or C++ source: the directives and comments before its first other token.

What a compiler has read up to there is the same for every text that has this
preamble and includes the same files, so it can be kept as a precompiled header.
The rest of the source is then compiled with the preamble's lines left blank.

The rules:

* The preamble ends behind a directive, where no condition is open; what a
  condition leaves open to the end of the source is no part of it.
* It ends before what may act on the rest by position: `#pragma`, `#line`, and
  any directive that is not named here.
* It includes something, by a name that no macro computes.
* The rest includes nothing and asks for no file: so all files that a compile
  reads are read in the preamble.
* Nothing counts, tells the time, or tells how deep it is included.

A text that a directive seems to stand in (a comment, a string) counts as if the
directive were one, as in `imports`.

Knows nothing of what is included, but for `obstacle_in` of one such text.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.imports import find_imports
from incremental_tool.model.raw_source import directive_name, scan, trouble_of
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Preamble(NamedTuple):
    """Where a source's preamble ends, in bytes and in lines; a line's beginning."""

    end: int
    lines: int


_OPENING = frozenset((b"if", b"ifdef", b"ifndef"))
_CLOSING = b"endif"
_INCLUDING = frozenset((b"include", b"import"))
_OTHERS = frozenset((b"define", b"undef", b"else", b"elif", b"error", b"warning"))
_SLASH = b"/"

_POSITIONAL = lazily(
    rb"(?:__COUNTER__|__INCLUDE_LEVEL__|__BASE_FILE__|__DATE__|__TIME__|__TIMESTAMP__)"
    rb"(?![A-Za-z0-9_$])"
)
# What an included file may not say. (`__COUNTER__` it may: both compilers go on counting.)
_DEPTH = lazily(
    rb"(?:__INCLUDE_LEVEL__|__BASE_FILE__|__builtin_(?:FILE|source_location))(?![A-Za-z0-9_$])"
)
# gcc forgets what a pragma has said of warnings once it is precompiled; what asks for none can
# only make it say more than it would, and then its object is not used.
_ASKING = lazily(rb"\bdiagnostic[ \t]+(?:warning|error)\b")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def preamble_of(source: bytes) -> Union[Preamble, Reason]:
    """Return the extent of a source's preamble, or why it has none that can be kept."""
    if source.startswith(_BYTE_ORDER_MARK):
        return _refused("it begins with a byte order mark")
    end = _end_of(source)
    head, rest = source[:end], source[end:]
    trouble = trouble_of(head)
    if trouble:
        return _refused(trouble)
    included = find_imports(head)
    if not any(entry[:1] in (b'"', b"<") for entry in included.entries):
        return _refused("it includes nothing before its first declaration")
    if included.computed or included.computed_probe or included.embed:
        return _refused("a macro computes what it includes")
    later = find_imports(rest)
    if later.entries or any(later[1:]):
        return _refused("it includes or asks for files behind its first declaration")
    told = _POSITIONAL.search(source)
    if told is not None:
        return _refused("it names " + told[0].decode("ascii"))
    return Preamble(end, head.count(b"\n"))


def _end_of(source: bytes) -> int:
    """Return where the preamble ends; 0 if there is none."""
    found = scan(source)
    directives = set(found.directives)
    at = end = depth = 0
    for start, stop in zip(found.starts, found.ends):
        if source[at:start].strip():
            break
        at = stop
        if (start, stop) not in directives:
            if source[start : start + 1] != _SLASH:
                break
            continue
        name = directive_name(source, start)
        if name in _OPENING:
            depth += 1
        elif name == _CLOSING:
            depth -= 1
        elif name not in _INCLUDING and name not in _OTHERS:
            break
        if depth < 0:
            break
        if depth == 0:
            if source[stop : stop + 1] != b"\n":
                break
            end = stop + 1
    return end


def blanked(source: bytes, preamble: Preamble) -> bytes:
    """Return a source with its preamble's lines left blank: every line stays where it is."""
    return b"\n" * preamble.lines + source[preamble.end :]


def header_of(source: bytes, preamble: Preamble, name: bytes) -> Optional[bytes]:
    """Return the text of a header that is a source's preamble and seems to stand in it.

    None for a name that a `#line` cannot give as it is.
    """
    if any(byte in name for byte in b'"\\\n\r\0'):
        return None
    return b'#line 1 "' + name + b'"\n' + source[: preamble.end]


def obstacle_in(content: bytes) -> str:
    """Return what in an included file keeps it from being precompiled; "" if nothing does."""
    told = _DEPTH.search(content)
    if told is not None:
        return told[0].decode("ascii")
    return "a pragma that asks for warnings" if _ASKING.search(content) else ""


def _refused(why: str) -> Reason:
    return Reason("preamble.refuse.source", why)
