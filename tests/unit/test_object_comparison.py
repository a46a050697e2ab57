"""A comparison of objects by meaning sees what is planted, and nothing else."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from spliced_units import UNIT, edited, maker

from incremental_tool.model.elf_object import KIND, OFFSET, RELOCATION, SIZE, ElfObject
from incremental_tool.model.object_comparison import differences

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = {
    "literal": (edited(UNIT, "other", "{ return x * 3; }"), "other"),
    "string": (UNIT.replace('"two"', '"tow"'), "names"),
    "format": (UNIT.replace('"%d %s %d', '"%d %s %x'), "main"),
    "case": (UNIT.replace("case 2: return 16", "case 2: return 9"), "later"),
    "callee": (UNIT.replace("return helper(x)", "return other(x)"), "wanted"),
    "variable": (UNIT.replace("counter++;", "shared++; "), "wanted"),
    "pointers": (UNIT.replace("{wanted, later,", "{later, wanted,"), "pointers"),
    "static's content": (UNIT.replace("calls = 50", "calls = 51"), "other"),
    "static's name": (
        UNIT.replace("static int calls;", "static int callx;")
        .replace("calls += x", "callx += x")
        .replace("return calls +", "return callx +"),
        "helper",
    ),
    "linkage": (UNIT.replace("int shared", "static int shared"), "shared"),
    "weakness": (UNIT.replace("int shared", "__attribute__((weak)) int shared"), "shared"),
    "alignment": (UNIT.replace("int shared", "char before; int shared"), "before"),
    "constness": (UNIT.replace("static int table", "static const int table"), "table"),
    "thread": (UNIT.replace("per_thread = 7", "per_thread = 8"), "per_thread"),
}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_an_object_is_like_itself(tmp_path: Path, compiler: str) -> None:
    """Two compiles of one text do not differ, with variables in one section or each in its own."""
    make = maker(tmp_path, compiler, "-O0")

    assert differences(make.compile(UNIT), make.compile(UNIT, "-fdata-sections")) == []


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_text_is_seen(tmp_path: Path, compiler: str, what: str) -> None:
    """What a change of the text changes in the object is told, with the name of what it is in."""
    make = maker(tmp_path, compiler, "-O0")
    text, name = CHANGES[what]

    told = differences(make.compile(UNIT), make.compile(text))

    assert any(name in each for each in told), told


def test_a_flipped_byte_is_seen(tmp_path: Path) -> None:
    """No byte of code and of constants in use can change unseen."""
    content = maker(tmp_path, "gcc", "-O0").compile(UNIT)
    read = ElfObject(content)
    relocated = {
        (owner, row[0] + each)
        for owner in read.relocated_by
        for row in read.relocations(owner)
        for each in range(8 if row[1] == 1 else 4)
    }

    for name in (b".text.wanted", b".text.later", b".text.main", b".data.rel.local"):
        section = read.section_names.index(name)
        row = read.sections[section]
        for at in range(0, row[SIZE], 3):
            if (section, at) in relocated:
                continue
            hurt = bytearray(content)
            hurt[row[OFFSET] + at] ^= 1
            assert differences(content, bytes(hurt)) != [], (name, at)


def test_a_turned_relocation_is_seen(tmp_path: Path) -> None:
    """Every relocation of code counts: its offset, its kind, its symbol and its addend."""
    content = maker(tmp_path, "gcc", "-O0").compile(UNIT)
    read = ElfObject(content)
    turned = 0

    for owner, table in read.relocated_by.items():
        if not read.section_names[owner].startswith((b".text", b".data")):
            continue
        start = read.sections[table][OFFSET]
        for entry, (offset, kind, symbol, addend) in enumerate(read.relocations(owner)):
            for other in (
                (offset + 1, kind, symbol, addend),
                (offset, 10, symbol, addend),
                (offset, kind, 0, addend),
                (offset, kind, symbol, addend + 4),
            ):
                hurt = bytearray(content)
                RELOCATION.pack_into(hurt, start + entry * RELOCATION.size, *other)
                assert differences(content, bytes(hurt)) != [], (owner, entry, other)
                turned += 1

    assert turned > 100


def test_an_address_may_be_read_but_not_computed_instead(tmp_path: Path) -> None:
    """Code that reads an address is as good as code that computes it, not the other way round."""
    make = maker(tmp_path, "gcc", "-O0")
    text = edited(UNIT, "wanted", "{ int (*volatile f)(int) = later; return f ? helper(x) : 0; }")
    reads, computes = make.compile(text, "-fPIC"), make.compile(text, "-fPIE")

    assert not any(each.startswith("wanted") for each in differences(computes, reads))
    assert any(each.startswith("wanted") for each in differences(reads, computes))


def test_a_changed_unwind_entry_is_seen(tmp_path: Path) -> None:
    """An entry that says another length of its function is told, with the function's name."""
    content = maker(tmp_path, "gcc", "-O0").compile(UNIT)
    read = ElfObject(content)
    section = read.section_names.index(b".eh_frame")
    (offset, _, symbol, _) = read.relocations(section)[0]
    assert read.sections[section][KIND] == 1
    hurt = bytearray(content)
    place = read.sections[section][OFFSET] + offset + 4
    struct.pack_into("<I", hurt, place, struct.unpack_from("<I", hurt, place)[0] + 1)

    (told,) = differences(content, bytes(hurt))

    assert told.startswith("unwind entries differ: ")
    assert symbol
