r"""Read the input files out of a dependency list as gcc, clang, as or ld write it.

The rule: every name on the right of any rule is returned once, in order, as
the bytes the program opened. What is no such list raises `CorruptRecord`;
a list cut off in its last line is recognised by the missing line end.

How the writers quote, tried with gcc 12, clang 14 and binutils 2.40:

    =================  ===========  ===========  =========  =======
    in the name        gcc          clang        as         ld
    =================  ===========  ===========  =========  =======
    blank              `\ `         `\ `         `\ `       as it is
    tab                `\` tab      as it is     `\` tab    as it is
    `\` before blank   doubled      becomes `/`  doubled    as it is
    `\` elsewhere      as it is     becomes `/`  as it is   as it is
    `#`                `\#`         `\#`         as it is   as it is
    `$`                `$$`         `$$`         `$$`       as it is
    =================  ===========  ===========  =========  =======

So names with blanks in a list of ld, and names with tabs or backslashes in one
of clang, come out wrong. They then name files that are not there, and whoever
takes stock of the inputs must give up on a list that names missing files.

Does not know whether the files exist.
"""

from __future__ import annotations

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import re


# A name: anything but blanks, or a blank behind an odd number of backslashes.
_NAME = lazily(rb"(?:[^ \t\\]+|(?<!\\)(?:\\\\)*\\[ \t]|\\)+")
_QUOTED = lazily(rb"(\\+)([ \t#:])|\$\$")
_SEPARATOR = lazily(rb":(?=[ \t]|$)")


def parse_depfile(content: bytes) -> list[bytes]:
    """Return the inputs that a dependency list names, without doubles, in order."""
    if content[-1:] != b"\n" or b"\0" in content:
        raise CorruptRecord("dependency list is cut off or no text")
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    content = content.replace(b"\\\n", b" ")
    quoted = b"\\" in content or b"$" in content
    inputs: list[bytes] = []
    rules = 0
    for line in content.split(b"\n"):
        if line[-1:] == b":" and b": " not in line:
            rules += 1  # a rule without inputs, as -MP adds them
            continue
        match = _SEPARATOR.search(line)
        if match is None:
            if line.strip():
                raise CorruptRecord("dependency list has a line that is no rule")
            continue
        rules += 1
        names = line[match.end() :]
        if quoted:
            inputs += [_QUOTED.sub(_unquote, name) for name in _NAME.findall(names)]
        else:
            inputs += names.split()
    if not rules:
        raise CorruptRecord("dependency list has no rule")
    return list(dict.fromkeys(inputs))


def _unquote(match: re.Match[bytes]) -> bytes:
    """Return the bytes of a name that one quoted sequence stands for."""
    slashes, quoted = match.groups()
    if slashes is None:
        return b"$"
    if quoted in (b"#", b":"):
        return bytes(slashes[1:] + quoted)
    return bytes(slashes[: len(slashes) // 2] + quoted)
