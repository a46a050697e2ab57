"""`incremental-tool explain [TARGET]`: why SCons read its scripts, or a target was made again."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from incremental_tool.base.errors import CorruptRecord, UserError
from incremental_tool.engine.command_cache import PATCHED, result_digest
from incremental_tool.engine.function_compile import known_result
from incremental_tool.engine.multi_level_cache import MultiLevelCache
from incremental_tool.model.reason import REASONS, Reason
from incremental_tool.store import last_answer, snapshot
from incremental_tool.store.zir_cache import compare, stands

if TYPE_CHECKING:
    import argparse
    from typing import Optional

    from incremental_tool.engine.settings import Settings
    from incremental_tool.store.action_log import ActionRecord
    from incremental_tool.store.air_cache import Base
    from incremental_tool.store.last_answer import LastAnswer
    from incremental_tool.store.manifest import KnownResult, Manifest

_TELLING_INPUTS = 5
_AGAIN = "it would be made again"


def explain(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what became of a target at its last build, and what would be different now.

    Without a target: how the last run was answered, and whether it was recorded for the next.
    """
    if not os.path.isdir(settings.state_dir):
        raise UserError(
            f"there is no {os.fsdecode(settings.state_dir)}: build here with the tool first, "
            "or give the folder of the SConstruct with --top"
        )
    if arguments.target is None:
        return _explain_run(os.fsdecode(settings.state_dir))
    os.chdir(os.path.abspath(arguments.top))
    cache = MultiLevelCache(settings)
    target = os.fsencode(os.path.normpath(arguments.target))
    record = cache.log.last(target)
    if record is None:
        print(f"{arguments.target}: no command for it has come to this tool.")
        print(_nearest(arguments.target, cache))
        return 1
    print(f"{arguments.target}: {_what_happened(record)}")
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.when))
    print(f"  at {when}, the command took {record.milliseconds} ms")
    manifest = cache.zir.manifest(record.action)
    if manifest is None or record.outcome == PATCHED:
        return 0  # what is stored tells of an earlier library
    for name, value in manifest.fields:
        if name == "command":
            print("  command: " + os.fsdecode(value.replace(b"\0", b" ")))
    base = _base(record, manifest, cache)
    if base is not None:
        return _explain_base(base, manifest, cache, inputs=arguments.inputs)
    if not manifest.results:
        return 0
    newest = manifest.results[0]
    lines = _differences(newest, cache)
    outlook = _outlook(manifest, cache)
    if lines:
        lines.append(outlook)
    else:
        lines.append(f"all {len(newest.paths)} inputs are as they were; {outlook}")
    _print_now(lines, newest, inputs=arguments.inputs)
    return 0


def _base(record: ActionRecord, manifest: Manifest, cache: MultiLevelCache) -> Optional[Base]:
    """Return the whole compile that a target's functions are taken from.

    None where the last command's own result is stored: then that tells of the target.
    """
    if any(result_digest(result) == record.result for result in manifest.results):
        return None
    base = cache.functions.air.base(record.target)
    return base if base is not None and base.action == record.action else None


def _explain_base(base: Base, manifest: Manifest, cache: MultiLevelCache, *, inputs: bool) -> int:
    known = known_result(base)
    lines = _differences(known, cache, but=base.source)
    outlook = _outlook(manifest, cache)
    if outlook == _AGAIN:
        outlook = "it would be compiled whole" if lines else "it would be made of functions"
    if not lines:
        same = cache.files.digest(base.source) == dict(known.inputs())[base.source]
        which = f"all {len(base.inputs)} inputs are" if same else "all inputs but its source are"
        lines = [f"{which} as they were when it was last compiled whole; {outlook}"]
    else:
        lines.append(outlook)
    _print_now(lines, known, inputs=inputs)
    return 0


def _differences(newest: KnownResult, cache: MultiLevelCache, but: bytes = b"") -> list[str]:
    """Return lines that tell what is not as it was, a few of each kind."""
    changes = []
    for path, digest in newest.inputs():
        now = cache.files.digest(path)
        if now != digest and path != but:
            found = now.hex() if now else "gone"
            changes.append(f"{os.fsdecode(path)} ({digest.hex()} -> {found})")
    appeared = [os.fsdecode(path) for path in newest.absent if stands(path, cache.disk)]
    lines = [f"changed {change}" for change in changes[:_TELLING_INPUTS]]
    lines += [f"appeared {name}" for name in appeared[:_TELLING_INPUTS]]
    left = len(changes) + len(appeared) - len(lines)
    if left:
        lines.append(f"and {left} more")
    return lines


def _print_now(lines: list[str], newest: KnownResult, *, inputs: bool) -> None:
    for line in lines:
        print(f"  now: {line}")
    if inputs:
        for path, digest in newest.inputs():
            print(f"  input {digest.hex()} {os.fsdecode(path)}")


def _explain_run(state: str) -> int:
    answered = last_answer.read(state, last_answer.ANSWERED)
    recorded = last_answer.read(state, last_answer.RECORDED)
    if answered is None and recorded is None:
        print("No run has been asked about here: the fast path is off, or the tool is new here.")
        return 1
    if answered is not None:
        print(f"{_run(answered)} {_answered(answered)}")
    if recorded is not None and (answered is None or recorded.when_ns >= answered.when_ns):
        if answered is None:
            print(f"{_run(recorded)} SCons read its scripts: nothing had been recorded before.")
        print(_recorded(recorded, state))
    return 0


def _run(answered: LastAnswer) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(answered.when_ns / 1e9))
    return " ".join(["scons", *answered.arguments]) + f", at {when}:"


def _answered(answered: LastAnswer) -> str:
    if answered.reason == last_answer.FRESH:
        return "fresh; no script was read: everything that the answer depended on was as recorded."
    if answered.reason == last_answer.REPLAYED:
        return (
            f"no script was read: what the changed inputs touch was replayed ({answered.detail})."
        )
    return f"SCons read its scripts: {_sentence(answered)} [{answered.reason}]"


def _recorded(recorded: LastAnswer, state: str) -> str:
    if recorded.reason != last_answer.KEPT:
        return f"  nor is its build recorded: {_sentence(recorded)} [{recorded.reason}]"
    try:
        kept = snapshot.load(os.fsencode(os.path.join(state, "fresh")), recorded.key)
    except (CorruptRecord, OSError):
        kept = None
    if kept is None:
        return "  its build was recorded, and the record is gone or damaged since."
    if kept.refusals:
        reason, detail = kept.refusals[0]
        sentence = Reason(reason, detail).sentence if reason in REASONS else reason
        return f"  nor can the next run be answered without SCons: {sentence} [{reason}]"
    return "  recorded: the next run with these arguments can be answered without SCons."


def _sentence(answered: LastAnswer) -> str:
    if answered.reason not in REASONS:
        return "a reason of another version of this tool"
    return Reason(answered.reason, answered.detail).sentence


def _outlook(manifest: Manifest, cache: MultiLevelCache) -> str:
    """Say what the same command would do now."""

    def exists(path: bytes) -> bool:
        return stands(path, cache.disk)

    fits = [
        result for result in manifest.results if compare(result, cache.files.digest, exists) is None
    ]
    if not fits:
        alike = any(cache.tokens.seems_alike(result) for result in manifest.results)
        return "only comments and blanks are others: it may be restored" if alike else _AGAIN
    for result in fits:
        if all(os.path.exists(cache.zir.objects.path_of(each.digest)) for each in result.outputs):
            newest = result is manifest.results[0]
            return "it would be restored" if newest else "another stored result fits"
    return f"{_AGAIN}: its stored output is gone"


def _what_happened(record: ActionRecord) -> str:
    if record.outcome == "hit":
        return "restored from the cache; its command did not run."
    if record.outcome == PATCHED:
        return "a library brought up to date by its changed members; its command did not run."
    if record.outcome not in REASONS:
        return f"{record.outcome} (from another version of this tool)"
    said = Reason(record.outcome, record.detail).sentence
    if record.outcome == "zir.hit.tokens":
        return f"its command did not run: {said} [{record.outcome}]"
    if record.outcome in ("function.made", "function.same"):
        return f"made of functions; its command did not run: {said} [{record.outcome}]"
    if record.outcome.startswith("combine."):
        return f"put together: {said} [{record.outcome}]"
    if record.outcome == "preamble.made":
        return f"made without its command: {said} [{record.outcome}]"
    if record.outcome.startswith("zir.refuse."):
        return f"made by its command, not cacheable: {said} [{record.outcome}]"
    if record.outcome.startswith("zir.skip."):
        return f"made by its command, and not stored: {said} [{record.outcome}]"
    return f"made by its command: {said} [{record.outcome}]"


def _nearest(name: str, cache: MultiLevelCache) -> str:
    base = os.path.basename(name)
    similar = [
        path for path in map(os.fsdecode, cache.log.targets()) if os.path.basename(path) == base
    ]
    if similar:
        return "Known targets of that name: " + ", ".join(similar[:_TELLING_INPUTS])
    return "scons --debug=explain tells why SCons itself finds a target out of date."
