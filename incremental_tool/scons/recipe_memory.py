"""The commands of earlier runs: taken over where nothing can have changed them.

A snapshot's recipe is believed when SCons's databases are those that it was
written with: then no run in between, of which this tool knows nothing, has
changed a command.

A run that fails leaves no picture to compare with, but the commands that it ran
are as good as any. They are added to what was known, in a snapshot that says why
it is never fresh; else the first run after an error would have to do without.

Knows nothing of the graph.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.environment_value import SALT_SIZE, VOLATILE, digests_of_list
from incremental_tool.model.recipe import Action, Recipe, Setting
from incremental_tool.model.snapshot import Marks, Snapshot, identity
from incremental_tool.store import snapshot as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental_tool.model.answer import Answer
    from incremental_tool.scons.action_notes import ActionNotes, Surroundings
    from incremental_tool.scons.observations import Observations


class Last(NamedTuple):
    """What an earlier run has left: its recipe, and known actions by sorted names of outputs."""

    recipe: Recipe
    actions: dict[tuple[bytes, ...], Action]


def load(answer: Answer, observed: Observations) -> Optional[Last]:
    """Return what the last snapshot tells of actions, if it can be believed."""
    try:
        last = store.load(answer.folder, answer.key)
        recipe = store.load_recipe(answer.folder, answer.key) if last is not None else None
    except (CorruptRecord, OSError):
        return None
    if last is None or recipe is None or not observed.signature_files:
        return None
    files = last.files
    rows = dict(zip(files.paths, files.rows()))
    top = answer.top + "/"
    for name, status in observed.signature_files.items():
        path = os.fsencode(name.removeprefix(top))
        if status is None or rows.get(path) != identity(status):
            return None
    actions = {
        tuple(sorted(files.paths[index] for index in action.outputs)): action
        for action in recipe.actions
        if b"unknown" not in action.flags and action.outputs
    }
    return Last(recipe, actions)


def setting_of(surroundings: Surroundings, present: Mapping[bytes, bytes]) -> Setting:
    """Return what commands run in, with digests in place of values; `present` is SCons's own."""
    shell, mode, environment = surroundings
    salt = os.urandom(SALT_SIZE)
    variables = []
    for key, text in sorted(environment):
        name, value = os.fsencode(key), os.fsencode(text)
        inherited = name in VOLATILE and present.get(name) == value
        variables.append((name, b"" if inherited else digests_of_list(salt, name, value)))
    return Setting(os.fsencode(shell), mode.encode(), salt, variables)


def remembered(answer: Answer, observed: Observations, notes: ActionNotes) -> Optional[Snapshot]:
    """Return a snapshot that holds nothing but actions: those known before, and those noted."""
    last = load(answer, observed)
    known = dict(last.actions) if last is not None else {}
    settings = list(last.recipe.settings) if last is not None else []
    numbers: dict[Surroundings, int] = {}
    top = answer.top + "/"
    for first, steps in notes.steps.items():
        surroundings = notes.surroundings.get(first)
        kind = next((notes.kinds[t] for t in (first, *_peers(first)) if t in notes.kinds), None)
        if kind is None or not steps:
            continue
        surroundings = surroundings or ("", "", frozenset())
        if surroundings not in numbers:
            numbers[surroundings] = len(settings)
            settings.append(setting_of(surroundings, observed.environment))
        targets = [first, *_peers(first)]
        names = tuple(sorted(os.fsencode(t.get_abspath().removeprefix(top)) for t in targets))
        flags = sorted(notes.flags.get(first, set()))
        known[names] = Action(kind, steps, flags, [], [], [], numbers[surroundings])
    if not known:
        return None
    kept = Snapshot()
    kept.recipe.settings = settings
    databases = _databases(observed, top)
    if databases is None:
        return None
    kept.files = databases
    for names, action in known.items():
        outputs = []
        for name in names:
            outputs.append(len(kept.files.paths))
            kept.files.paths.append(name)
            for column in kept.files.columns:
                column.append(0)
        kept.recipe.actions.append(
            Action(action.kind, action.steps, action.flags, outputs, [], [], action.setting)
        )
    return kept


def _peers(target: Any) -> list[Any]:
    peers = getattr(target, "target_peers", None) or ()
    return [peer for peer in peers if peer is not target]


def _databases(observed: Observations, top: str) -> Optional[Marks]:
    """Return SCons's databases as this run has left them; None when one is not there."""
    marks = Marks()
    for name in observed.signature_files:
        status = observed.look(name)
        if status is None:
            return None
        marks.add(os.fsencode(name.removeprefix(top)), status)
    return marks if marks.paths else None
