"""What kinds of relocations mean: how far from its target a relocation's addend is.

On x86-64 what is named relative to the place in the code is counted from the end of the
instruction, and what the assembler writes as the addend is short of the target by the bytes
between. These are the four of the relocated field, and those of a constant that follows it.

Knows nothing of symbols and sections.
"""

from __future__ import annotations

from incremental_tool.model.elf_object import X86_64

_RELATIVE = frozenset({2, 4, 9, 19, 20, 22, 26, 34, 41, 42})
"""PC32, PLT32, GOTPCREL, TLSGD, TLSLD, GOTTPOFF, GOTPC32, GOTPC32_TLSDESC and the relaxed ones."""

_INDIRECT = frozenset({9, 41, 42})
_RELAXED = frozenset({41, 42})
_LOAD, _ADDRESS = 0x8B, 0x8D
_TABLE_PAGE, _IN_TABLE, _PAGE, _IN_PAGE = 311, 312, 275, 277
_CALL = frozenset({2, 4})

_WITH_BYTE = frozenset({0x6B, 0x80, 0x82, 0x83, 0xC0, 0xC1, 0xC6})
_WITH_WORD = frozenset({0x69, 0x81, 0xC7})
_TEST_BYTE, _TEST_WORD = 0xF6, 0xF7
_LONG_WITH_BYTE = frozenset({0x70, 0x71, 0x72, 0x73, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6})
_LONG, _LONGEST, _OPERAND_SIZE = 0x0F, 0x3A, 0x66
_TEST_OPERATION = 0x38  # in the byte after the operation: the first two test, with a constant
_FROM_HERE, _FROM_HERE_MASK = 0x05, 0xC7  # that byte, where the address is relative to the code


def is_relative(machine: int, kind: int) -> bool:
    """Return whether an addend may be short of its target by a few bytes."""
    return machine == X86_64 and kind in _RELATIVE


def meaning(machine: int, kind: int) -> int:
    """Return one number for all kinds that mean the same to a program."""
    if machine == X86_64 and kind in _CALL:
        return 2
    return 9 if machine == X86_64 and kind in _INDIRECT else kind


def short_by(machine: int, kind: int, code: bytes, at: int) -> int:
    """Return what to add to the addend of a relocation in code to get its target."""
    if not is_relative(machine, kind):
        return 0
    if not 2 <= at < len(code) or code[at - 1] & _FROM_HERE_MASK != _FROM_HERE:  # noqa: PLR2004 - two bytes before it
        return 4
    operation = code[at - 2]
    before = code[at - 3] if at > 2 else 0  # noqa: PLR2004 - a third byte
    if before == _LONG:
        return 5 if operation in _LONG_WITH_BYTE else 4
    if before == _LONGEST and at > 3 and code[at - 4] == _LONG:  # noqa: PLR2004 - and a fourth
        return 5
    tests = not code[at - 1] & (_TEST_OPERATION & ~8)
    if operation in _WITH_BYTE or (operation == _TEST_BYTE and tests):
        return 5
    if operation in _WITH_WORD or (operation == _TEST_WORD and tests):
        small = before == _OPERAND_SIZE or (
            at > 3 and code[at - 4] == _OPERAND_SIZE and 0x40 <= before <= 0x4F  # noqa: PLR2004 - REX
        )
        return 6 if small else 8
    return 4


def directly(machine: int, kind: int, code: bytearray, at: int) -> int:
    """Let code that reads a local symbol's address from a table compute it, and return the kind.

    A static function without a body looks like another unit's to the compiler. With the body it
    would have written what this makes of it, as does a linker. What is no plain load stays.
    """
    if machine == X86_64 and kind in _RELAXED and at > 1 and code[at - 2] == _LOAD:
        code[at - 2] = _ADDRESS
        return 2
    if machine != X86_64 and kind == _TABLE_PAGE:
        return _PAGE
    if machine != X86_64 and kind == _IN_TABLE and at + 4 <= len(code):
        word = int.from_bytes(code[at : at + 4], "little")
        if word & 0xFFC00000 == 0xF9400000:  # noqa: PLR2004 - ldr becomes add
            code[at : at + 4] = (word & 0x3FF | 0x91000000).to_bytes(4, "little")
            return _IN_PAGE
    return kind


def is_start(machine: int, kind: int, addend: int) -> bool:
    """Return whether a relocation against a function's section names the function's start."""
    return addend == (-4 if is_relative(machine, kind) else 0)
