"""A combination: of which sections a combined file is made, how, and when it is only patched.

Knows nothing of files.
"""

from __future__ import annotations

from incremental_tool.base.digest import digest_of
from incremental_tool.model.combined_form import FORMS
from incremental_tool.model.markers import Leader, leader_of, unfit
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple

COVERAGE, CHANGE, MOST = 50, 50, 100
"""Shares in hundredths and a number: how much must be known, and how much may have changed."""


class Cannot(Exception):  # noqa: N818 - it names what was found
    """There is no file of these sections: the build fails, with a reason `combine.refuse.*`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.sentence)
        self.reason = reason


class Combination(NamedTuple):
    """What a file is made of.

    `form` is one of `model.combined_form`; `paths` are what markers name the sections by. Patched
    is a file of which `coverage` hundredths of the sections are known, of which no more than
    `change` hundredths and no more than `most` are changed or new.
    """

    form: str
    leader: Leader
    paths: Sequence[bytes]
    coverage: int = COVERAGE
    change: int = CHANGE
    most: int = MOST

    def as_arguments(self) -> dict[str, Any]:
        """Return this as plain values."""
        words = [self.leader.opening, self.leader.closing]
        return {
            "form": self.form,
            "leader": b" ".join(words).decode(),
            "paths": [path.decode("utf-8", "surrogateescape") for path in self.paths],
            "limits": [self.coverage, self.change, self.most],
        }


def combination_of(
    form: str, leader: str, paths: Sequence[str], limits: Sequence[int]
) -> Combination:
    """Return the combination that these values describe. Raises Cannot."""
    found = leader_of(leader)
    if isinstance(found, str):
        raise Cannot(Reason("combine.refuse.leader", found))
    if form not in FORMS:
        raise Cannot(Reason("combine.refuse.form", form))
    names = [path.encode("utf-8", "surrogateescape") for path in paths]
    for name in names:
        if unfit(name, found):
            raise Cannot(Reason("combine.refuse.path", name.decode("utf-8", "replace")))
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise Cannot(Reason("combine.refuse.twice", twice.decode("utf-8", "replace")))
    return Combination(form, found, names, *limits)


def way_of(combination: Combination, *, seeded: bool = False) -> bytes:
    """Return a digest of all that a section's bytes depend on besides its text and path.

    `seeded` says that they depend on the other sections, too.
    """
    form, leader = FORMS[combination.form], combination.leader
    parts = [form.name.encode(), b"%d" % form.version, leader.opening, leader.closing]
    if seeded:
        parts.append(b"seeded")
    return digest_of(b"\0".join(parts))


def too_much(combination: Combination, known: int, changed: int) -> Optional[Reason]:
    """Return why a file is written whole of which so many sections are known, or None."""
    total = len(combination.paths)
    if known * 100 < combination.coverage * total:
        detail = f"{known} of {total}, below {combination.coverage} %"
        return Reason("combine.whole.coverage", detail)
    if changed * 100 > combination.change * total:
        detail = f"{changed} of {total}, above {combination.change} %"
        return Reason("combine.whole.change", detail)
    if changed > combination.most:
        return Reason("combine.whole.many", f"{changed}, above {combination.most}")
    return None
