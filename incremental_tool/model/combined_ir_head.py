"""What stands before the sections of LLVM text: what the module says once.

The target, what no section defines, attribute groups and shared metadata, the module's flags
(merged as LLVM's linker merges them), the symbols of which several sections have a definition, and
the lists that all sections add to, in the order of the sections.

Reads no section: what it knows of them is in their needs.
"""

from __future__ import annotations

import re

from incremental_tool.model.combined_needs import (
    FIELD,
    clash_of,
    content_number,
    defined_twice,
    first_of_each,
    largest_common,
    read_all,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional, Union

    from incremental_tool.model.combined_needs import Needs

_FACTS = (
    "the data layout",
    "the target",
    "the kind of pointers (clang 15 and later write others than clang 14)",
)
_FLAG = re.compile(rb'i32 ([0-9]+), !"([^"]*)", (?:i32 (-?[0-9]+)|.*)')
_ERROR, _WARNING, _OVERRIDE, _LARGEST, _LEAST = b"1", b"2", b"4", b"7", b"8"


def head(needs: Sequence[bytes]) -> Union[bytes, str]:
    """Return what stands before the sections with these needs, or why nothing can."""
    if not needs:
        return b""
    every = read_all(needs)
    refused = _disagreement(every) or clash_of(needs)
    named = [*every.strong, *every.outside]
    if not refused and len(set(named)) < len(named):
        refused = defined_twice(needs, named)
    if refused:
        return refused
    shared = first_of_each(every.shared)
    if len(shared) < len(set(every.shared)):
        return "two contents have one number; no choice of paths changes that"
    flags = _flags(every.flags)
    if isinstance(flags, str):
        return flags
    lines = [fact for fact in every.facts[0].split(FIELD)[:2] if fact]
    defined = set(every.strong)
    weak = first_of_each(every.weak)
    lines += [line for name, line in weak.items() if name not in defined]
    defined.update(weak)
    for name, (size, alignment, line) in largest_common(every.common).items():
        if name not in defined:
            # Sections refer to it by casts, so what it is there for is said to the assembler.
            said = name.strip(b'"')
            lines += [b'module asm ".comm %s,%d,%d"' % (said, size, alignment), line]
            defined.add(name)
    undefined = _undefined(every.undefined, defined)
    appended = _appended(every.appending)
    if isinstance(undefined, str):
        return undefined
    if isinstance(appended, str):
        return appended
    lines += undefined
    lines += appended
    idents = [line for name, line in shared.items() if name.startswith(b"ident")]
    for name, line in shared.items():
        if name.startswith(b"#"):
            lines.append(b"attributes %s = %s" % (name, line))
        elif name.startswith(b"!"):
            lines.append(b"%s = %s" % (name, line))
    for name, contents in (b"!llvm.module.flags", flags), (b"!llvm.ident", idents):
        numbers = []
        for content in contents:
            number = b"!%d" % content_number(content)
            numbers.append(number)
            if shared.setdefault(number, content) != content:
                return "two contents have one number; no choice of paths changes that"
            line = b"%s = %s" % (number, content)
            if line not in lines:
                lines.append(line)
        if numbers:
            lines.append(b"%s = !{%s}" % (name, b", ".join(numbers)))
    return b"\n".join([*lines, b""])


def _disagreement(every: Needs) -> Optional[str]:
    facts = [fact.split(FIELD) for fact in set(every.facts)]
    if len(facts) < 2:  # noqa: PLR2004  # one of a kind agrees with itself
        return None
    for what, said in zip(_FACTS, zip(*facts)):
        if len(set(said)) > 1:
            return f"the sections disagree on {what}"
    return None


def _undefined(items: list[bytes], defined: set[bytes]) -> Union[list[bytes], str]:
    """Return one declaration for each name: one that insists on the name, if any does."""
    found: dict[bytes, bytes] = {}
    for item in dict.fromkeys(items):
        name, _, line = item.partition(FIELD)
        old = found.get(name)
        if old is not None and old.startswith(b"declare") != line.startswith(b"declare"):
            said = name.decode("utf-8", "backslashreplace")
            return f"{said} handles exceptions in one section, and is a plain name in another"
        if old is None or b" extern_weak " in old:
            found[name] = line
    return [line for name, line in found.items() if name not in defined]


def _flags(items: list[bytes]) -> Union[list[bytes], str]:
    found: dict[bytes, tuple[bytes, bytes, bytes]] = {}
    for item in dict.fromkeys(items):
        match = _FLAG.fullmatch(item)
        if match is None:
            return f"a flag of the module is not known: {item!r}"
        rule, name, value = match.groups(b"")
        rule_old, value_old, line_old = found.get(name, (rule, value, item))
        said = name.decode("utf-8", "backslashreplace")
        if line_old == item or rule == _OVERRIDE != rule_old:
            found[name] = rule, value, item
        elif rule_old == _OVERRIDE != rule:
            continue
        elif rule != rule_old or not (value and value_old):
            return f"the sections disagree on the module's flag {said}"
        elif rule in {_LARGEST, _LEAST}:
            larger = int(value) > int(value_old)
            if larger == (rule == _LARGEST):
                found[name] = rule, value, item
        elif rule != _WARNING:
            return f"the sections disagree on the module's flag {said}"
    return [b"!{" + line + b"}" for _, _, line in found.values()]


def _appended(items: list[bytes]) -> Union[list[bytes], str]:
    found: dict[bytes, tuple[bytes, bytes, int, list[bytes]]] = {}
    for item in items:
        name, type_, section, count, elements = item.split(FIELD)
        old = found.setdefault(name, (type_, section, 0, []))
        if old[:2] != (type_, section):
            return f"the sections disagree on the type of {name.decode()}"
        old[3].append(elements)
        found[name] = *old[:2], old[2] + int(count), old[3]
    return [
        b"@%s = appending global [%d x %s] [%s]%s"
        % (name, count, type_, b", ".join(parts), b', section "%s"' % section if section else b"")
        for name, (type_, section, count, parts) in found.items()
    ]
