"""In what two objects of one unit differ for whoever links, runs or debugs them.

One is the whole unit's, fresh from the compiler; the other was composed of parts. Their
bytes differ (another order, other offsets), so they are compared by meaning: function by
function and variable by variable, where every relocation stands for what it points to.

* What has a name is compared by name, wherever it lies.
* What is private (a static inside a function, a string, a jump table) is compared by content, along
  with whatever it points to, and one static of one object is one static of the other.
* Code may read an address from a table that the linker fills where the full object's computes
  it: the address is the same. It may not compute what the full object's reads, which another
  library may have replaced.
* The composed object may hold more of what is private, or static and unused: nothing that is
  compared refers to it, so nothing can come of it.

Knows nothing of how objects are composed.
"""

from __future__ import annotations

import struct
from collections import Counter

from incremental_tool.model import unwind_entries
from incremental_tool.model.elf_object import (
    ALIGNMENT,
    COMMON,
    ENTRY,
    EXECUTABLE,
    EXTENT,
    FLAGS,
    FUNCTION,
    KIND,
    LOCAL,
    MERGED,
    OF_FILE,
    OF_SECTION,
    OF_STRINGS,
    PLACE,
    SIZE,
    TOLD,
    TYPE,
    UNDEFINED,
    VALUE,
    ElfObject,
    RefusedObject,
)
from incremental_tool.model.group_import import groups_of
from incremental_tool.model.known_alignment import KnownAlignment
from incremental_tool.model.object_view import View
from incremental_tool.model.piece_import import stem_of
from incremental_tool.model.relocation_kind import directly, is_relative, meaning, short_by

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Union

    from incremental_tool.model.elf_object import Relocation

    Target = tuple[Union[bytes, int, None], int]

_MOST = 200
"""More differences than these are not told."""

_LINKERS = b"_GLOBAL_OFFSET_TABLE_"
"""The assembler writes this name down or not; every program has it."""

_SAME = (b".comment", b".note.GNU-stack", b".note.gnu.property")
_ON_ITS_OWN_ACCOUNT = (14, 15, 16)


def differences(full: bytes, made: bytes) -> list[str]:
    """Return in what the second object differs from the first; nothing where it does not."""
    try:
        found = _Comparison(View(full), View(made))
        found.run()
        if not found.told:
            from incremental_tool.model.debug_comparison import debug_differences

            found.told += debug_differences(found.full, found.made)
    except RefusedObject as refused:
        return [refused.reason.sentence]
    except (struct.error, LookupError, ValueError, OverflowError):
        return ["an object is damaged"]
    return found.told[:_MOST]


class _Comparison:
    def __init__(self, full: View, made: View) -> None:
        self.full, self.made = full, made
        self.alignment = KnownAlignment(full.read)
        self.told: list[str] = []
        self.pairs: dict[tuple[int, int], tuple[int, int]] = {}
        """Statics of the full object, and which each is in the other."""
        self.back: dict[tuple[int, int], tuple[int, int]] = {}
        self.seen: set[tuple[int, int, int, int, int]] = set()
        self.waiting: list[tuple[int, int, int, int, int, str]] = []

    def tell(self, text: str) -> None:
        """Note a difference."""
        if len(self.told) < _MOST:
            self.told.append(text)

    def run(self) -> None:
        """Compare everything."""
        self._compare_heads()
        ours, theirs = self._named(self.full), self._named(self.made)
        for name in sorted(ours.keys() - theirs.keys()):
            self.tell(f"{_text(name)} is missing")
        for name in sorted(theirs.keys() - ours.keys()):
            if not self._is_left_over(theirs[name]):
                self.tell(f"{_text(name)} is too much")
        for name in sorted(ours.keys() & theirs.keys()):
            self._compare_symbols(name, ours[name], theirs[name])
        self._compare_clones()
        self._compare_lists()
        while self.waiting and len(self.told) < _MOST:
            self._compare_content(*self.waiting.pop())
        self._compare_unwinding()

    def _named(self, view: View) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for symbol, row in enumerate(view.read.symbols):
            name = view.name(symbol)
            if name and row[TYPE] & 15 not in (OF_SECTION, OF_FILE) and name[:1] != b"$":
                if (row[PLACE] and b"." in name) or name == _LINKERS:
                    continue
                if name in found:
                    self.tell(f"{_text(name)} is there twice")
                found[name] = symbol
        return found

    def _is_left_over(self, symbol: int) -> bool:
        """Return whether a symbol is static data that nothing which is compared refers to.

        What refers to it by name is found different, since the full object has no such name.
        """
        row = self.made.read.symbols[symbol]
        section = self.made.read.section_of(symbol)
        return (
            row[TYPE] >> 4 == LOCAL
            and section is not None
            and not self.made.read.sections[section][FLAGS] & EXECUTABLE
        )

    def _compare_heads(self) -> None:
        full, made = self.full.read, self.made.read
        if (full.machine, full.flags) != (made.machine, made.flags):
            self.tell("the machine is another")
        for name in _SAME:
            ours, theirs = full.section_named(name), made.section_named(name)
            if (ours is None) != (theirs is None) or (
                ours is not None
                and theirs is not None
                and (full.bytes_of(ours), full.sections[ours][1:3])
                != (made.bytes_of(theirs), made.sections[theirs][1:3])
            ):
                self.tell(f"{_text(name)} differs")
        ours_, theirs_ = _groups(full), _groups(made)
        for name in sorted(ours_.keys() | theirs_.keys()):
            if ours_.get(name) != theirs_.get(name):
                self.tell(f"the group {_text(name)} has other sections")

    def _compare_symbols(self, name: bytes, ours: int, theirs: int) -> None:
        full, made = self.full, self.made
        row, other = full.read.symbols[ours], made.read.symbols[theirs]
        what = _text(name)
        if row[1:3] != other[1:3]:
            self.tell(f"{what} is bound, seen or typed in another way")
        section, there = full.read.section_of(ours), made.read.section_of(theirs)
        if section is None or there is None:
            if row[PLACE] != other[PLACE] or (row[PLACE] == COMMON and row[3:] != other[3:]):
                self.tell(f"{what} is elsewhere")
            return
        if row[EXTENT] != other[EXTENT]:
            self.tell(f"{what} is {other[EXTENT]} bytes long and not {row[EXTENT]}")
            return
        if full.sort(section) != made.sort(there):
            self.tell(f"{what} is in another sort of section")
        self._compare_alignment(what, section, there, row, other)
        self._meet(section, row[VALUE], there, other[VALUE], row[EXTENT], what)

    def _compare_alignment(
        self, what: str, section: int, there: int, row: tuple[int, ...], other: tuple[int, ...]
    ) -> None:
        """Check alignment as far as it is known."""
        theirs = self.made.read.sections[there][ALIGNMENT] or 1
        if row[TYPE] & 15 == FUNCTION:
            ours = self.full.read.sections[section][ALIGNMENT] or 1
            wanted = ours if not row[VALUE] else 1
        else:
            wanted = self.alignment.of(section, row)
        if min(theirs, (other[VALUE] | theirs) & -(other[VALUE] | theirs)) < wanted:
            self.tell(f"{what} is aligned to less than {wanted} bytes")

    def _meet(self, section: int, start: int, there: int, place: int, size: int, what: str) -> None:
        key = (section, start, there, place, size)
        if key not in self.seen:
            self.seen.add(key)
            self.waiting.append((*key, what))

    def _compare_content(
        self, section: int, start: int, there: int, place: int, size: int, what: str
    ) -> None:
        full, made = self.full, self.made
        rows, others = full.within(section, start, size), made.within(there, place, size)
        content = made.content(there, place, size)
        if full.content(section, start, size) != content:
            others, content = self._computed(rows, others, place, content)
            if full.content(section, start, size) != content:
                self.tell(f"{what} has another content")
        if len(rows) != len(others):
            self.tell(f"{what} has {len(others)} relocations and not {len(rows)}")
            return
        for row, other in zip(rows, others):
            self._compare_relocations(section, start, there, place, row, other, what)

    def _computed(
        self, rows: list[Relocation], others: list[Relocation], place: int, content: bytes
    ) -> tuple[list[Relocation], bytes]:
        """Let code compute addresses that it reads from a table, where the other's does."""
        machine = self.made.read.machine
        code = bytearray(content)
        found: list[Relocation] = []
        for row, other in zip(rows, others):
            kind = other[1]
            if meaning(machine, row[1]) != meaning(machine, kind):
                kind = directly(machine, kind, code, other[0] - place)
            found.append((other[0], kind, *other[2:]))
        return found + others[len(found) :], bytes(code)

    def _compare_relocations(
        self,
        section: int,
        start: int,
        there: int,
        place: int,
        row: Relocation,
        other: Relocation,
        what: str,
    ) -> None:
        full, made = self.full, self.made
        where = f"{what} at {row[0] - start}"
        machine = full.read.machine
        if row[0] - start != other[0] - place or meaning(machine, row[1]) != meaning(
            machine, other[1]
        ):
            self.tell(f"{where}: another kind of relocation")
            return
        ours = self._target(full, section, start, row)
        theirs = self._target(made, there, place, other)
        if not self._same(ours, theirs, what):
            self.tell(f"{where}: {self._say(full, ours)} and not {self._say(made, theirs)}")

    def _target(self, view: View, section: int, start: int, row: Relocation) -> Target:
        """Return what a relocation points to: a name or a section, and an offset."""
        offset, kind, symbol, addend = row
        read = view.read
        place = read.section_of(symbol)
        if place is None:
            return view.name(symbol) or None, addend
        addend += read.symbols[symbol][VALUE]
        if read.sections[section][FLAGS] & EXECUTABLE:
            addend += short_by(read.machine, kind, read.bytes_of(section), offset)
        elif is_relative(read.machine, kind) or (kind == 261 and read.machine != 62):  # noqa: PLR2004 - PREL32, x86-64
            addend -= offset - start
        return place, addend

    def _same(self, ours: Target, theirs: Target, what: str) -> bool:
        full, made = self.full, self.made
        if not isinstance(ours[0], int) or not isinstance(theirs[0], int):
            return ours == theirs
        section, offset = ours[0], ours[1]
        there, place = theirs[0], theirs[1]
        flags = full.read.sections[section][FLAGS]
        if full.sort(section)[2] != made.sort(there)[2]:
            return False
        if flags & MERGED:
            mine, its = self._literal(full, section, offset), self._literal(made, there, place)
            return mine == its or (not flags & OF_STRINGS and _overlap(mine, its))
        item, other = full.item_at(section, offset), made.item_at(there, place)
        if item is None:
            if flags & EXECUTABLE:
                return False
            return self._same_stretch(section, offset, there, place, what)
        if other is None or offset - item[0] != place - other[0]:
            return False
        name, known = full.name(item[2]), made.name(other[2])
        if not full.is_private(item[2]):
            return name == known
        if stem_of(name) != stem_of(known) or item[1] != other[1]:
            return False
        if flags & EXECUTABLE:
            return True
        one, two = (section, item[0]), (there, other[0])
        if self.pairs.setdefault(one, two) != two or self.back.setdefault(two, one) != one:
            return False
        if full.sort(section) != made.sort(there):
            return False
        self._meet(section, item[0], there, other[0], item[1], f"{what}, {_text(name)}")
        return True

    def _same_stretch(self, section: int, offset: int, there: int, place: int, what: str) -> bool:
        """Compare what has no name; only in the full object does it end where the next begins."""
        end = self.full.end_of(section, offset)
        content = self.full.content(section, offset, end - offset)
        size = len(content.rstrip(b"\0"))  # the zeros behind it align the next thing
        for row in self.full.within(section, offset, end - offset)[-1:]:
            size = max(size, row[0] + 4 - offset)
        if not 0 <= place <= self.made.read.sections[there][SIZE]:
            return False
        self._meet(section, offset, there, place, size, f"{what}, constants")
        return True

    @staticmethod
    def _literal(view: View, section: int, offset: int) -> tuple[bytes, int]:
        row = view.read.sections[section]
        content = view.read.bytes_of(section)
        width = max(row[ENTRY], 1)
        if not row[FLAGS] & OF_STRINGS:
            start = offset - offset % width
            return content[start : start + width], offset % width
        end = offset
        while 0 <= end < len(content) and content[end : end + width] != bytes(width):
            end += width
        return (content[offset:end], 0) if 0 <= offset < len(content) else (b"", -1)

    @staticmethod
    def _say(view: View, target: Target) -> str:
        if not isinstance(target[0], int):
            return f"{_text(target[0] or b'nothing')}+{target[1]}"
        item = view.item_at(target[0], target[1])
        if item is not None:
            return f"{_text(view.name(item[2]))}+{target[1] - item[0]}"
        return f"{_text(view.read.section_names[target[0]])}+{target[1]}"

    def _compare_clones(self) -> None:
        """Compare functions whose names the compiler has made up."""
        ours, theirs = self._clones(self.full), self._clones(self.made)
        counts = {key: len(found) for key, found in ours.items()}
        if counts != {key: len(found) for key, found in theirs.items()}:
            self.tell("functions made from others differ")
            return
        for key, found in ours.items():
            for one, two in zip(sorted(found), sorted(theirs[key])):
                self._compare_symbols(key, one, two)

    @staticmethod
    def _clones(view: View) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = {}
        for symbol, row in enumerate(view.read.symbols):
            if row[PLACE] != UNDEFINED and row[TYPE] & 15 == FUNCTION and view.is_private(symbol):
                found.setdefault(stem_of(view.name(symbol)), []).append(symbol)
        return found

    def _compare_lists(self) -> None:
        """Compare what is called before and after a program."""
        ours, theirs = self._lists(self.full), self._lists(self.made)
        for name in sorted(ours.keys() | theirs.keys()):
            one, two = ours.get(name), theirs.get(name)
            if one is None or two is None:
                self.tell(f"{_text(name)} is only in one")
                continue
            size = self.full.read.sections[one][SIZE]
            if size != self.made.read.sections[two][SIZE]:
                self.tell(f"{_text(name)} has another length")
            self._meet(one, 0, two, 0, size, _text(name))

    @staticmethod
    def _lists(view: View) -> dict[bytes, int]:
        return {
            name: index
            for index, name in enumerate(view.read.section_names)
            if view.read.sections[index][KIND] in _ON_ITS_OWN_ACCOUNT
            or name.startswith((b".ctors", b".dtors"))
        }

    def _compare_unwinding(self) -> None:
        ours, theirs = _unwinding(self.full), _unwinding(self.made)
        if ours != theirs:
            odd = sorted(_text(name) for name, _ in (ours - theirs) + (theirs - ours))
            self.tell("unwind entries differ: " + ", ".join(odd[:5]))


def _unwinding(view: View) -> Counter[tuple[bytes, bytes]]:
    """Return the unwind entries: the function, and what the entry and its shared part say."""
    found: Counter[tuple[bytes, bytes]] = Counter()
    read = view.read
    for index, name in enumerate(read.section_names):
        if name != unwind_entries.NAME:
            continue
        content = read.bytes_of(index)
        rows = {row[0]: row for row in read.relocations(index) if row[1]}
        for record in unwind_entries.records(content):
            if record.shared is None:
                continue
            row = rows.pop(record.start + unwind_entries.TO_FUNCTION, None)
            item = None
            if row is not None:
                section = read.section_of(row[2])
                if section is not None:
                    item = view.item_at(section, read.symbols[row[2]][VALUE] + row[3])
            (length,) = memoryview(content)[record.shared : record.shared + 4].cast("I")
            shared = content[record.shared + 8 : record.shared + 4 + length].rstrip(b"\0")
            entry = content[record.start + 12 : record.start + record.size].rstrip(b"\0")
            what = b"nothing" if item is None else stem_of(view.name(item[2]))
            found[what, shared + b"|" + entry] += 1
        if rows:
            found[b"those of exceptions", b""] += len(rows)
    return found


def _groups(read: ElfObject) -> dict[bytes, list[bytes]]:
    """Return the names of the sections of each group, by its name; no tables of relocations."""
    return {
        read.symbol_names[read.sections[index][TOLD]]: sorted(
            read.section_names[each] for each in members
        )
        for index, members in groups_of(read).items()
    }


def _overlap(one: tuple[bytes, int], two: tuple[bytes, int]) -> bool:
    """Return whether a constant is a part of a longer one: so gcc saves itself the shorter."""
    ours, theirs = one[0][one[1] :], two[0][two[1] :]
    size = min(len(ours), len(theirs))
    return len(one[0]) != len(two[0]) and size > 0 and ours[:size] == theirs[:size]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
