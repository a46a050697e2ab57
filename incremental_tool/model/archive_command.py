"""Read one command of ar or ranlib: which archive it writes, and from what.

The rule is that of `compile_command`: what the output depends on is known, or
the command is refused by name. An archive that is already there counts among
the inputs, since ar changes it in place (`updates`).

What GNU ar 2.40 does (the tests run it): it stores the base names and contents
of the members and, with `D`, which is the default, no times and owners.

Does not know whether the archive exists, nor how this ar was configured.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


class ArchiveCommand(NamedTuple):
    """One understood command of ar or ranlib; paths are as the command writes them."""

    driver: str
    words: tuple[str, ...]
    output: str
    members: tuple[str, ...]
    index_only: bool  # ranlib, or ar s: only the index of a finished archive is written
    updates: bool  # an archive that is already there is read and changed
    absolute_paths: tuple[str, ...]


_PROGRAM = lazily(r"(?:.*/)?(?:[\w.+-]+-)?(ar|ranlib)(?:-[0-9][0-9.]*)?", re.DOTALL)
# r or q, made quiet, indexed or not, deterministic, verbose.
_WRITE = lazily(r"-?(?=[cDfPsSv]*[rq][cDfPsSv]*$)[rqcDfPsSv]+")
# r or q with nothing but an index and no messages: what is made follows from the members.
_COMPOSABLE = lazily(r"-?(?=[csD]*[rq])[rqcsD]+")
_INDEX = lazily(r"-?(?=[Dv]*s[Dv]*$)[sDv]+")
_INFORMATION = lazily(r"-?[tpxcDfvVoO]*[tpx][tpxcDfvVoO]*|-V|--version|--help|-h|-H")
_IN_PLACE = lazily(r"-?[a-zA-Z]*[dmu][a-zA-Z]*")
_RANLIB_OPTION = lazily(r"-[Dv]")


def is_archiver(word: str) -> bool:
    """Whether a program's name is one of ar or ranlib."""
    return ("ar" in word or "ranlib" in word) and _PROGRAM.fullmatch(word) is not None


def parse_archive(words: Sequence[str]) -> ArchiveCommand | Reason:
    """Return what a command of ar or ranlib reads and writes, or why it cannot be cached."""
    match = _PROGRAM.fullmatch(words[0]) if words else None
    if match is None:
        return Reason("zir.refuse.not-recognised", words[0] if words else "")
    for word in words[1:]:
        if word[:1] == "@":
            return Reason("zir.refuse.response-file", word)
    if match[1] == "ranlib":
        paths = [word for word in words[1:] if not _RANLIB_OPTION.fullmatch(word)]
        index_only = True
    else:
        operation = words[1] if len(words) > 1 else ""
        index_only = _INDEX.fullmatch(operation) is not None
        if not index_only and not _WRITE.fullmatch(operation):
            return _refuse_operation(operation)
        paths = list(words[2:])
    for path in paths:
        if path[:1] == "-" or not path:
            return Reason("zir.refuse.option", path)
    if not paths or (not index_only and len(paths) == 1):
        return Reason("zir.refuse.no-output")
    if index_only and len(paths) > 1:
        return Reason("zir.refuse.several-sources", paths[1])
    return ArchiveCommand(
        driver=words[0],
        words=tuple(words),
        output=paths[0],
        members=tuple(paths[1:]),
        index_only=index_only,
        updates=True,
        absolute_paths=tuple(path for path in paths if path[0] == "/"),
    )


def is_composable(command: ArchiveCommand) -> bool:
    """Whether ar makes the library in its plain form: names without folders, an index, no words."""
    return not command.index_only and _COMPOSABLE.fullmatch(command.words[1]) is not None


def _refuse_operation(operation: str) -> Reason:
    """Return why ar's first word is not one that makes an archive from its members alone."""
    if _INFORMATION.fullmatch(operation):
        return Reason("zir.refuse.not-compiling", operation)
    if not operation.startswith("--") and _IN_PLACE.fullmatch(operation):
        return Reason("zir.refuse.updates-output", operation)
    return Reason("zir.refuse.option", operation)
