"""In what two objects differ for a debugger: the rows of lines of every function.

Does not compare entries of types and variables.
"""

from __future__ import annotations

from incremental_tool.model.dwarf_lines import DebugSection, tables

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from incremental_tool.model.object_comparison import View

    Rows = tuple[tuple[int, bytes, int, int, bool], ...]


def debug_differences(full: View, made: View) -> list[str]:
    """Return in what the second object's debug information differs from the first's."""
    ours, theirs = _rows(full), _rows(made)
    told: list[str] = []
    for name in sorted(ours.keys() | theirs.keys()):
        one, two = ours.get(name, []), theirs.get(name, [])
        if sorted(one) == sorted(two):
            continue
        text = name.decode("utf-8", "replace")
        if len(one) != len(two):
            told.append(f"{text} has {len(two)} sequences of lines and not {len(one)}")
            continue
        for rows, others in zip(sorted(one), sorted(two)):
            odd = [pair for pair in zip(rows, others) if pair[0] != pair[1]][:1]
            told.append(f"{text} has other lines: {odd or (len(rows), len(others))}")
    return told


def _rows(view: View) -> dict[bytes, list[Rows]]:
    """Return the rows of lines of every function that is there."""
    read = view.read
    lines = DebugSection(read, b".debug_line")
    found: dict[bytes, list[Rows]] = {}
    for table in tables(read):
        for sequence in table.sequences:
            target = lines.relocations.get(sequence.address_at)
            section = None if target is None else read.section_of(target[0])
            if target is None or section is None:
                continue
            item = view.item_at(section, target[1])
            if item is None:
                continue
            rows = tuple(
                (at, table.files.get(file, b""), line, column, statement)
                for at, file, line, column, statement, _ in sequence.rows
            )
            found.setdefault(view.name(item[2]), []).append(rows)
    return found
