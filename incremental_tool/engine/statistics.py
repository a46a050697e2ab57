"""What was done and what was not, as counts: one build's and all builds'.

Every command that reaches the tool ends as exactly one of: hit, patched (a library
brought up to date without it), made by function, made by preamble, stored, refused (run as plain
SCons would), or run without being stored. Every miss, refusal, fallback and damage is counted once
under its reason's id.

Format of `stats.json`: {"version": 1, "last": {...}, "lifetime": {...}} with the
figures of `snapshot`. A damaged or foreign file counts as absent.

Knows nothing of how figures come about.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter

from incremental_tool.base.atomic import replace_file
from incremental_tool.model.reason import REASONS, Reason
from incremental_tool.store.objects import read_regular

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Any


VERSION = 1

_LARGEST = 1 << 62  # no figure of a real build comes near


class Statistics:
    """Counts of one process; safe to use from several threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.warned: set[str] = set()

    def add(self, name: str, amount: int = 1) -> None:
        """Add to a figure."""
        with self._mutex:
            self.counts[name] += amount

    def note(self, reason: Reason) -> bool:
        """Count a reason; returns True the first time that its id is seen."""
        with self._mutex:
            self.reasons[reason.id] += 1
            first = reason.id not in self.warned
            self.warned.add(reason.id)
        return first

    def snapshot(self) -> dict[str, Any]:
        """Return all figures."""
        with self._mutex:
            return {"counts": dict(self.counts), "reasons": dict(self.reasons)}


def load(path: bytes) -> dict[str, Any]:
    """Return the file's figures; empty ones when it is absent, damaged or foreign."""
    empty: dict[str, Any] = {"version": VERSION, "last": {}, "lifetime": {}}
    try:
        figures = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return empty
    if not isinstance(figures, dict) or figures.get("version") != VERSION:
        return empty
    if not all(_is_part(figures.get(part)) for part in ("last", "lifetime")):
        return empty
    return figures


def _is_part(part: Any) -> bool:
    """Tell whether a value is shaped as `snapshot` makes it: groups of figures to add up."""
    if not isinstance(part, dict) or not _is_number(part.get("builds", 0)):
        return False
    groups = [part.get(group, {}) for group in ("counts", "reasons", "files")]
    return all(isinstance(group, dict) and all(map(_is_number, group.values())) for group in groups)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _LARGEST


def save(path: bytes, last: dict[str, Any]) -> None:
    """Write one build's figures, and add them to all builds'. Raises OSError."""
    lifetime = load(path)["lifetime"]
    for group in ("counts", "reasons"):
        total = Counter(lifetime.get(group, {}))
        total.update(last.get(group, {}))
        lifetime[group] = dict(total)
    lifetime["builds"] = lifetime.get("builds", 0) + 1
    text = json.dumps({"version": VERSION, "last": last, "lifetime": lifetime}, indent=1)
    replace_file(path, os.fsencode(text + "\n"))


def render(figures: dict[str, Any], title: str) -> str:
    """Return one build's figures as the block that people read."""
    counts: dict[str, Any] = figures.get("counts", {})
    reasons: dict[str, Any] = figures.get("reasons", {})
    files: dict[str, Any] = figures.get("files", {})

    def count(name: str) -> int:
        return int(counts.get(name, 0))

    def seconds(name: str) -> str:
        return f"{float(files.get(name, 0)):.3f} s"

    total = count("commands")
    spared = sum(map(count, ("patched", "by_function", "by_preamble")))
    lines = [f"=== {title} ==="]
    lines.append(
        f"commands:   {total} total, {count('hits')} restored, {count('stored')} run and stored, "
        f"{count('not_stored')} run and not stored, {count('refused')} not cacheable"
        + (f", {spared} done by parts" if spared else "")
    )
    lines.append(
        f"outputs:    {count('outputs_restored')} written, "
        f"{count('outputs_kept')} left as they were, "
        f"{count('command_ms_saved') / 1000:.1f} s of commands not run"
    )
    if count("patched"):
        lines.append(
            f"libraries:  {count('patched')} commands not run for changed members, "
            f"{count('archive_bytes_read') / 1e6:.3f} MB read, "
            f"{count('archive_bytes_written') / 1e6:.3f} MB written, "
            f"{count('archive_bytes_moved') / 1e6:.3f} MB moved"
        )
    if count("combined"):
        total, made = count("sections_total"), count("sections_made")
        lines.append(
            f"combined:   {count('combined')} files of {total} sections, "
            f"{total - made} kept, {made} made again, "
            f"{count('combined_bytes_written') / 1e6:.3f} MB written"
        )
    if count("by_function"):
        lines.append(
            f"functions:  {count('by_function')} files not compiled whole: "
            f"{count('functions_total')} functions total, {count('functions_cached')} cached, "
            f"{count('functions_compiled')} compiled, "
            f"{count('functions_verified')} files compared with a full compile"
        )
    if count("by_preamble") or count("preambles_begun"):
        lines.append(
            f"preambles:  {count('by_preamble')} files compiled with a precompiled preamble, "
            f"{count('preamble_cpu_ms_saved') / 1000:.1f} s of CPU saved, "
            f"{count('preambles_begun')} begun, "
            f"{count('preambles_verified')} files compared with a plain compile"
        )
    if files:
        lines.append(
            f"files:      {int(files.get('stats', 0))} stat calls ({seconds('stat_seconds')}), "
            f"{int(files.get('reads', 0))} reads ({seconds('read_seconds')}, "
            f"hashing {seconds('hash_seconds')}), {int(files.get('hits', 0))} answered from memory"
        )
    lines.append(
        f"store:      {count('bytes_written') / 1e6:.1f} MB written, "
        f"{count('bytes_read') / 1e6:.1f} MB read"
    )
    phases = [
        f"{name[len('us_') :]} {value / 1e6:.3f} s"
        for name, value in sorted(counts.items())
        if name.startswith("us_")
    ]
    if phases:
        lines.append("time:       " + ", ".join(phases))
    for name, value in sorted(reasons.items(), key=lambda item: (-int(item[1]), item[0])):
        lines.append(f"  {value:>6}  {name}: {REASONS.get(name, '(from another version)')}")
    return "\n".join(lines)
