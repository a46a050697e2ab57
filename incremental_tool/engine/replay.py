"""Replay: run what a changed input touches, from the recipe, without reading a script.

When only the *contents* of known inputs have changed, SCons's graph is what it
was: its actions, in their order, are in the recipe. Those that the change can reach
are run through the caches, an output that comes out equal ends the way upward,
and SCons's own database is brought forward, so that plain SCons has nothing to do.

Rules:

* Nothing is changed on disk before it is known that all that may have to be done
  can be done; until then every doubt is a reason for a full run (`Refused`).
* An action runs when SCons would run it: when a signature that its target was built
  from is another than that of the file now, or a target is not there.
* The database is written when the commands are over, also after a failure or an
  interruption: what was finished is finished.
* The snapshot is renewed only when all went well and the inputs are as they were
  hashed; otherwise the next run asks SCons.

Knows nothing of SCons itself, nor of what led to the question.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import digest_of
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.engine.command_environment import environment_of
from incremental_tool.engine.cone import RAN, SKIPPED, Job, find_cone, folders_below, why_not
from incremental_tool.engine.freshness import Stale, changed_process
from incremental_tool.engine.replay_work import (
    CLOSING,
    FAILED_BUILD,
    FAILED_GOING_ON,
    OPENING,
    Replaying,
)
from incremental_tool.engine.schedule import Interruption, run_jobs
from incremental_tool.engine.settings import settings_for
from incremental_tool.model.directives import digest_of_directives, find_directives
from incremental_tool.model.recipe import (
    NEVER_SCANNED,
    OTHER_ROLE,
    REFUSED,
    SCANNED_OTHERWISE,
)
from incremental_tool.model.snapshot import BUILDING, HIDDEN_NO_PROGRESS, HIDDEN_SILENT
from incremental_tool.store import snapshot as snapshots
from incremental_tool.store.sconsign import Sconsign
from incremental_tool.store.signature import Signature, Unexpected

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NamedTuple, Optional

    from incremental_tool.engine.freshness import Look
    from incremental_tool.engine.lessons import Lessons
    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.model.answer import Answer
    from incremental_tool.model.recipe import Recipe
    from incremental_tool.model.snapshot import Snapshot
else:
    from incremental_tool.base.named_tuple import NamedTuple


_PROGRESS = HIDDEN_NO_PROGRESS | HIDDEN_SILENT
_HASHES = {b"md5": ("_md5", "md5"), b"sha1": ("_sha1", "sha1"), b"sha256": ("_sha256", "sha256")}


_WORTH_LOADING = 100
"""Files or actions from which on the memory of files is loaded: reading fewer anew is quicker."""

_WORTH_SAVING = 300
"""Files from which on their digests are saved: writing the memory of 20,000 takes as long as
reading hundreds anew, and the next run that reads scripts saves what it learns."""


class Refused(Exception):  # noqa: N818 - it names a verdict
    """Why SCons must run: a reason's id and detail."""


class Input(NamedTuple):
    """A changed input: its status when it was read, and what SCons keeps of its content."""

    status: os.stat_result
    signature: Signature


class Replay:
    """One replay; made by `prepare`."""

    def __init__(self, answer: Answer, snapshot: Snapshot, recipe: Recipe) -> None:
        self.answer = answer
        self.snapshot = snapshot
        self.recipe = recipe
        self.inputs: dict[int, Input] = {}
        """Files that have changed: mostly inputs, and what a run that failed has made."""
        self.source_of = dict(recipe.duplicates)
        self.links: list[tuple[int, int]] = []
        """Links in variant folders, and what they lead to: to be made anew if they do not."""
        self.missing: set[int] = set()
        """Files that are made, and are not there."""
        self.jobs: list[Job] = []
        self.touched: list[Job] = []
        """Actions that depend on files which were merely touched."""
        self.recorded: dict[int, dict[bytes, Optional[str]]] = {}
        """A job's number -> what its target was built from, as the database has it."""
        self.environments: dict[int, dict[str, str]] = {}
        self.lessons: Optional[Lessons] = None
        """What is learnt where include directives are others."""
        self.escalation: Optional[tuple[str, str]] = None
        """Why SCons must go on from where the replay ended: a reason's id and detail."""
        self.opened = ""
        """What was printed before the first job, of SCons's words about its progress."""
        self.told: set[str] = set()
        """What of targets was told, or is not to be told, when SCons goes on."""
        self.database: Sconsign
        self.cache: MultiLevelCache

    # --- before anything is done ------------------------------------------------

    def prepare(
        self, changed: Sequence[int], environment: Mapping[bytes, bytes], look: Look
    ) -> None:
        """Find out what is to be done, and that it can be. Raises Refused."""
        paths, directives = self.snapshot.files.paths, self.recipe.directives
        index = self.recipe.index
        if index is None or len(index.makers) != len(paths):
            raise CorruptRecord("its recipe is one of other files")
        changed = self._with_duplicates(changed)
        made = {at for at in changed if index.is_made(at)}
        self._check_recipe()
        for at in changed:
            if directives[8 * at : 8 * at + 8] in (OTHER_ROLE, b"") and at not in made:
                raise Refused("replay.refuse.file", os.fsdecode(paths[at]))
        if below := folders_below(self.recipe.folders, (paths[at] for at in changed)):
            raise Refused("replay.refuse.folder", os.fsdecode(below))
        stale = changed_process(self.snapshot, self.answer, look)
        if stale is not None:
            raise Refused(stale.reason, stale.detail)
        try:
            places = os.path.join(self.answer.state, "sconsign_places.bin")
            self.database = Sconsign(self.recipe.database, os.fsencode(places))
            self._look_at_files(changed, look, made)
            self._find_jobs(made)
        except (Unexpected, OSError) as error:
            raise Refused("replay.refuse.sconsign", str(error)) from None
        self._check_jobs()
        for job in self.jobs:
            number = job.action.setting
            if number not in self.environments:
                setting = self.recipe.settings[number]
                try:
                    self.environments[number] = environment_of(setting, environment, self.snapshot)
                except LookupError as name:
                    raise Refused("replay.refuse.environment", str(name.args[0])) from None

    def _with_duplicates(self, changed: Sequence[int]) -> list[int]:
        """Return what has changed, and the links in variant folders that lead to it."""
        found = dict.fromkeys(changed)
        for copy, source in self.recipe.duplicates:
            if copy in found or source in found:
                found[copy] = None
                self.links.append((copy, source))
        return list(found)

    def _link(self) -> None:
        """Link changed sources into variant folders, as SCons does before it uses them."""
        paths = self.snapshot.files.paths
        for copy, source in self.links:
            try:
                there = os.lstat(paths[copy])
                wanted = os.lstat(paths[source])
                if (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino):
                    continue
                os.unlink(paths[copy])
            except FileNotFoundError:
                pass  # the link is to be made, or fails as SCons's would
            os.link(paths[source], paths[copy])
        for at in {at for pair in self.links for at in pair}:
            if at in self.inputs:
                status = os.stat(paths[at])
                same = self.inputs[at].status
                if (status.st_mtime_ns, status.st_size) == (same.st_mtime_ns, same.st_size):
                    self.inputs[at] = Input(status, self.inputs[at].signature)

    def _check_recipe(self) -> None:
        recipe, neutral = self.recipe, self.answer.line.neutral
        if recipe.refusal[0]:
            raise Refused(*recipe.refusal)
        for name in ("no_exec", "question"):
            if neutral.get(name) and self.links:
                raise Refused("replay.refuse.option", f"{name} (files are linked)")
        if recipe.algorithm not in _HASHES:
            raise Refused("replay.refuse.sconsign", f"hash {os.fsdecode(recipe.algorithm)}")
        tops = [(top.hidden_by, top.text) for top in recipe.tops]
        expected = _merged([(_PROGRESS, OPENING), *tops, (_PROGRESS, CLOSING)])
        building = [said for said in self.snapshot.said if said.when == BUILDING]
        if _merged([(said.hidden_by, said.text) for said in building]) != expected:
            raise Refused("replay.refuse.printed", "")

    def _look_at_files(self, changed: Sequence[int], look: Look, made: set[int]) -> None:
        """Sign what has changed; of what was made only that which the database vouches for."""
        from incremental_tool.engine.multi_level_cache import MultiLevelCache

        algorithm = self.recipe.algorithm
        settings = settings_for(self.answer.top, os.environ, dict(self.recipe.variables))
        self.cache = MultiLevelCache(settings, _signer(algorithm), algorithm, load=False)
        self.cache.files.aging = False  # a replay asks for little of what is in use
        if len(changed) > _WORTH_LOADING:
            self.cache.files.load()
        for at in changed:
            path = self.snapshot.files.paths[self.source_of.get(at, at)]
            try:
                status = look.stat(path)
            except OSError:
                if at not in made:
                    raise Refused("fresh.stale.file-gone", os.fsdecode(path)) from None
                self.missing.add(at)
                continue
            signature = self.cache.signature(path, status)
            known = self.database.signature(path) if at in made else None
            if signature is None or (at in made and (known is None or known.csig != signature)):
                raise Refused("replay.refuse.file", os.fsdecode(path))
            self.inputs[at] = Input(status, _signature(signature, status))

    def signed(self, path: bytes) -> Input:
        """Look at a file of which nothing is known, and sign it. Raises Refused or OSError."""
        status = self.cache.disk.stat(path)
        signature = self.cache.signature(path, status)
        if signature is None:
            raise Refused("replay.refuse.file", os.fsdecode(path))
        return Input(status, _signature(signature, status))

    def _find_jobs(self, made: set[int]) -> None:
        """Find the cone of what has another content, and what depends on merely touched files."""
        paths = self.snapshot.files.paths
        other: set[int] = set()
        cone = find_cone(self.recipe, self.inputs, set())
        for job in cone:
            direct = job.changed & self.inputs.keys()
            if not direct or not job.action.outputs:
                continue  # what is no file is made only after something that was made
            recorded = self._recorded(job)
            different = {
                at for at in direct if recorded[paths[at]] != self.inputs[at].signature.csig
            }
            other |= different
            if not different:
                self.touched.append(job)
        directives = self._changed_directives(other, made)
        other |= directives.keys()
        if other != self.inputs.keys() or self.missing:
            cone = find_cone(self.recipe, other, self.missing)
        self.jobs = cone
        if len(self.jobs) > _WORTH_LOADING:
            self.cache.files.load()
        numbers = {job.number for job in self.jobs}
        self.touched = [job for job in self.touched if job.number not in numbers]
        for job in self.jobs:
            job.changed |= self.inputs.keys() & set(job.inputs)
            self._recorded(job)
        if directives:
            self._learn(directives)

    def _learn(self, directives: dict[int, bytes]) -> None:
        """Find the dependencies where include directives are others."""
        from incremental_tool.engine.lessons import Lessons
        from incremental_tool.engine.rescan import Unfound

        try:
            self.lessons = Lessons(self, directives)
        except Unfound as why:
            raise Refused(*why.args) from None
        except OSError as error:
            raise Refused("replay.refuse.includes", str(error)) from None

    def _recorded(self, job: Job) -> dict[bytes, Optional[str]]:
        known = self.recorded.get(job.number)
        if known is None:
            paths = self.snapshot.files.paths
            known = self.recorded[job.number] = {}
            for output in job.action.outputs:
                found = self.database.sources_of(paths[output])
                for at in job.changed:
                    if paths[at] not in found:
                        raise Unexpected(
                            f"{os.fsdecode(paths[at])} is no source of {os.fsdecode(paths[output])}"
                        )
                for name, csig in found.items():
                    if known.setdefault(name, csig) != csig:
                        known[name] = None
        return known

    def _changed_directives(self, other: set[int], made: set[int]) -> dict[int, bytes]:
        """Return the changed files in which SCons's scanner would find something else."""
        changed = {}
        for at in sorted(self.inputs):
            path = self.snapshot.files.paths[self.source_of.get(at, at)]
            known = self.recipe.directives[8 * at : 8 * at + 8]
            if known in (NEVER_SCANNED, OTHER_ROLE):
                continue
            if known == SCANNED_OTHERWISE:
                if at not in other:
                    continue
                raise Refused("replay.refuse.scanner", os.fsdecode(path))
            content = self.cache.disk.read(path)
            if digest_of(content) != self.cache.files.digest(path):
                raise Refused("replay.refuse.moved", os.fsdecode(path))
            found = find_directives(content)
            if found is None:
                raise Refused("replay.refuse.includes", os.fsdecode(path))
            digest = digest_of_directives(found)
            if digest == known:
                continue
            if at in made or at in self.source_of:
                raise Refused("replay.refuse.includes", os.fsdecode(path))
            changed[at] = digest
        return changed

    def _check_jobs(self) -> None:
        paths = self.snapshot.files.paths
        for job in self.touched:
            if b"decider" in job.action.flags:  # a new time may be enough for it
                name = os.fsdecode(paths[job.action.outputs[0]])
                raise Refused("replay.refuse.action", f"{name}: {REFUSED[b'decider']}")
        silent = bool(self.answer.line.neutral.get("silent"))
        for job in self.jobs:
            why = why_not(job, silent=silent)
            names = [paths[at] for at in job.action.outputs]
            if why is None and self._is_vouched_for_in_part(job):
                why = "replay.refuse.action", "not all that was declared for it are files"
            if why is not None:
                what = os.fsdecode(names[0]) if names else "a folder or a name"
                raise Refused(why[0], f"{what}: {why[1]}")
            for at in job.action.outputs:
                role = self.recipe.directives[8 * at : 8 * at + 8]
                if role == OTHER_ROLE:
                    raise Refused("replay.refuse.file", os.fsdecode(paths[at]))
                if role == SCANNED_OTHERWISE:
                    raise Refused("replay.refuse.scanner", os.fsdecode(paths[at]))
            below = folders_below(self.recipe.folders, names)
            if below is not None:
                raise Refused("replay.refuse.folder", os.fsdecode(below))

    def _is_vouched_for_in_part(self, job: Job) -> bool:
        """Tell whether a command's inputs are those declared, and not all of them are known."""
        if b"more-inputs" not in job.action.flags:
            return False
        return self.recipe.settings[job.action.setting].mode == b"declared"

    # --- doing it -----------------------------------------------------------------

    def run(self) -> Optional[int]:
        """Run the jobs, after what is printed before building; return the exit status.

        None when SCons must go on, because of `escalation`.
        """
        if any(self.answer.line.neutral.get(name) for name in ("no_exec", "question")):
            from incremental_tool.engine.rehearsal import rehearse

            return rehearse(self)
        from incremental_tool.engine.command_cache import CommandCache
        from incremental_tool.engine.planner import Planner

        neutral, cache = self.answer.line.neutral, self.cache
        cache.open_for_commands()
        commands = CommandCache(cache, Planner(cache, os.fsencode(self.answer.top)))
        work = Replaying(self, commands)
        with Interruption() as interruption:
            self.opened = work.progress(OPENING)
            try:
                self._link()
            except OSError as error:
                work.escalation = ("replay.refuse.link", str(error))
            well = run_jobs(
                self.jobs,
                work,
                int(neutral.get("num_jobs") or self.recipe.jobs),
                interruption,
                keep_going=bool(neutral.get("keep_going")),
            )
            if interruption.happened:
                work.tell_interrupted()
            if work.escalation is not None:
                pass  # SCons tells how it ends
            elif well:
                work.progress(CLOSING)
            elif neutral.get("keep_going"):
                work.progress(FAILED_GOING_ON)
            else:
                work.progress(FAILED_BUILD)
            if interruption.happened:
                work.progress(b"scons: writing .sconsign file.\n")
            written = self._write_database(work.signatures)
            cache.commit(learned=len(self.inputs) + len(work.statuses) > _WORTH_SAVING)
            self._renew_snapshot(work, written, well=well)
            cache.close()
        if work.escalation is not None:
            self.escalation = work.escalation
            self.told = work.told()
            return None
        return 0 if well else 2

    def _write_database(self, signatures: dict[int, Signature]) -> list[bytes]:
        """Bring SCons's database forward by what was done; return the files written."""
        paths, database = self.snapshot.files.paths, self.database
        places: dict[int, list[bytes]] = {}
        for at, folder, name in self.recipe.places:
            places.setdefault(at, []).append(os.path.join(folder, name))
        for at, signature in signatures.items():
            for path in (paths[at], *places.get(at, ())):
                database.renew(path, signature)
        for job in (*self.jobs, *self.touched):
            if job.state in (RAN, SKIPPED) or job in self.touched:
                renewed = {paths[at]: signatures[at] for at in job.inputs if at in signatures}
                for output in job.action.outputs:
                    database.renew_sources(paths[output], renewed)
        if self.lessons is not None:
            self.lessons.write(database, signatures)
        return database.write()

    def _renew_snapshot(self, work: Replaying, written: Sequence[bytes], *, well: bool) -> None:
        """Let the snapshot say what is there now, if the inputs are as they were hashed.

        What a failed job depends on, or one that had to wait for it, stays another than recorded.
        """
        from incremental_tool.engine.renewal import renew

        statuses = {at: one.status for at, one in self.inputs.items()}
        statuses.update(work.statuses)
        for job in self.jobs:
            if job.state not in (RAN, SKIPPED):
                for at in job.inputs:
                    statuses.pop(at, None)
        recipe = None
        if self.lessons is not None and well:
            self.lessons.teach()
            recipe = self.recipe
        elif self.lessons is not None:
            self.lessons.forget(statuses)
        try:
            renew(self.answer, self.snapshot, statuses, written, self.cache.disk, recipe)
        except (OSError, ValueError):
            pass  # the next run asks SCons


def prepare(
    answer: Answer,
    snapshot: Snapshot,
    changed: Sequence[int],
    environment: Mapping[bytes, bytes],
    look: Look,
) -> Replay | Stale:
    """Return a replay that is ready to run, or why SCons must run. Call in the top folder."""
    recipe = snapshots.load_recipe(answer.folder, answer.key)
    if recipe is None:
        return Stale("fresh.new")
    replay = Replay(answer, snapshot, recipe)
    try:
        replay.prepare(changed, environment, look)
    except Refused as why:
        return Stale(*why.args)
    except CorruptRecord:
        raise
    except Exception as error:  # nothing has been done yet: SCons can do all of it
        return Stale("replay.failed", f"{type(error).__name__}: {error}")
    return replay


def _merged(texts: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    merged: list[tuple[int, bytes]] = []
    for hidden, text in texts:
        if merged and merged[-1][0] == hidden:
            merged[-1] = (hidden, merged[-1][1] + text)
        else:
            merged.append((hidden, text))
    return merged


def _signer(algorithm: bytes) -> Callable[[bytes], bytes]:
    module, name = _HASHES[algorithm]
    try:  # the module that hashlib falls back on; hashlib itself loads OpenSSL
        new = getattr(__import__(module), name)
    except (ImportError, AttributeError):
        new = getattr(__import__("hashlib"), name)
    return lambda content: new(content, usedforsecurity=False).digest()


def _signature(csig: str, status: os.stat_result) -> Signature:
    return Signature(csig, int(status.st_mtime), status.st_size)
