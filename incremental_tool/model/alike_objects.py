"""Which objects functions can be exchanged between: plain ones that one compiler has made alike.

Knows nothing of single functions.
"""

from __future__ import annotations

from incremental_tool.model.elf_object import (
    ALIGNMENT,
    COMPRESSED,
    FLAGS,
    GROUP,
    GROUPED,
    KIND,
    LINK,
    ORDERED,
    RefusedObject,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from incremental_tool.model.elf_object import ElfObject

_FOREIGN_SECTIONS = (
    b".gnu.lto_",
    b".gnu.debuglto_",
    b".llvm.lto",
    b".llvmbc",
    b".llvmcmd",
    b".stack_sizes",
    b".llvm_bb_addr_map",
    b".llvm.call-graph",
    b"__patchable_function",
    b"__mcount_loc",
    b"__llvm_",
    b"__sancov",
    b"asan_",
    b"xray_",
    b".kcfi",
)
"""How sections begin that go by functions in ways that nobody here knows."""

_FOREIGN_NAMES = (
    b"__gcov_",
    b"__llvm_profile",
    b"__asan_",
    b"__hwasan_",
    b"__tsan_",
    b"__msan_",
    b"__ubsan_",
    b"__sanitizer_",
    b"__gnu_lto",
)
"""How symbols begin that stand for such ways."""

_SAME = (b".comment", b".note.GNU-stack", b".note.gnu.property")
"""Sections that two objects of one compiler and one set of flags have alike."""


def check(read: ElfObject, *, grouped: bool = False) -> None:
    """Refuse an object with anything that goes by functions in a way nobody here knows.

    With `grouped`, groups of sections are known.
    """
    odd = COMPRESSED if grouped else GROUPED | COMPRESSED
    for row, name in zip(read.sections, read.section_names):
        if (row[KIND] == GROUP and not grouped) or row[FLAGS] & odd:
            raise RefusedObject("function.refuse.section", name or "a group")
        if name.startswith(_FOREIGN_SECTIONS) or name.endswith(b".dwo"):
            raise RefusedObject("function.refuse.section", name)
        if row[FLAGS] & ORDERED and row[LINK]:
            raise RefusedObject("function.refuse.section", name)
    for name in read.symbol_names:
        if name[:2] == b"__" and name.startswith(_FOREIGN_NAMES):
            raise RefusedObject("function.refuse.section", name)


def check_alike(base: ElfObject, piece: ElfObject) -> None:
    """Refuse a piece that another compiler made, or other flags."""
    alike = (base.machine, base.flags) == (piece.machine, piece.flags)
    for name in _SAME:
        ours, theirs = base.section_named(name), piece.section_named(name)
        if ours is None or theirs is None:
            alike = alike and ours is theirs
        else:
            alike = alike and base.bytes_of(ours) == piece.bytes_of(theirs)
            alike = alike and base.sections[ours][1:3] == piece.sections[theirs][1:3]
            alike = alike and base.sections[ours][ALIGNMENT] == piece.sections[theirs][ALIGNMENT]
    if not alike:
        raise RefusedObject("function.refuse.other-compiler")
