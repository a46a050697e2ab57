"""Forms of text in which what was made of many sources can stand in one file.

Each source's text becomes the body of its section, by itself: `prepare` sees one text and the
path that tells its names from those of other sources, so that an edit of one source changes the
body of one section. What bodies cannot say alone (what is declared once, who of several wins) is
said by `head`, which sees only their needs. The head, then all bodies in order, are one valid
file; lines that begin with the form's leader may stand between.

A refusal is a sentence in place of what was asked for. A `Clash` among them goes away when one
source is prepared under another path: the path is only a seed of names and numbers.

Knows nothing of files, of compilers and of when a section is made anew.
"""

from __future__ import annotations

from incremental_tool.model.combined_needs import Clash, Prepared

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple


__all__ = ["FORMS", "Clash", "Form", "Prepared"]


class Form(NamedTuple):
    """One form of text, and how sections of it are made."""

    name: str
    leader: str
    """What begins a comment that is a line of its own."""
    version: int
    """Counts up when the same text is prepared differently: what was prepared before is stale."""
    prepare: Callable[[bytes, bytes], Union[Prepared, str]]
    """prepare(path, text) -> the section's body and its needs, or why it cannot be one."""
    head: Callable[[Sequence[bytes]], Union[bytes, str]]
    """head(needs of all sections, in order) -> what stands before them, or why nothing can."""


def _plain(path: bytes, text: bytes) -> Union[Prepared, str]:
    del path
    return Prepared(text, b"")


def _no_head(needs: Sequence[bytes]) -> Union[bytes, str]:
    del needs
    return b""


# The modules of a form are imported when it is first used: most builds combine nothing.
def _prepare_ir(path: bytes, text: bytes) -> Union[Prepared, str]:
    from incremental_tool.model.combined_ir import prepare

    return prepare(path, text)


def _head_ir(needs: Sequence[bytes]) -> Union[bytes, str]:
    from incremental_tool.model.combined_ir_head import head

    return head(needs)


def _prepare_assembly(path: bytes, text: bytes) -> Union[Prepared, str]:
    from incremental_tool.model.combined_assembly import prepare

    return prepare(path, text)


def _head_assembly(needs: Sequence[bytes]) -> Union[bytes, str]:
    from incremental_tool.model.combined_assembly import head

    return head(needs)


FORMS = {
    form.name: form
    for form in (
        Form("text", "#", 1, _plain, _no_head),
        Form("ir", ";", 1, _prepare_ir, _head_ir),
        Form("assembly", "#", 1, _prepare_assembly, _head_assembly),
    )
}
