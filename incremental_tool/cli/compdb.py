"""`incremental-tool compdb`: write `compile_commands.json` from what was recorded.

Knows nothing of what stands in an entry (`model.compilation_database`).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple, Optional

from incremental_tool.base.atomic import replace_file
from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.answer import answer_for
from incremental_tool.model.compilation_database import database_of
from incremental_tool.model.reason import REASONS, Reason
from incremental_tool.store import last_answer, snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from incremental_tool.engine.settings import Settings

NAME = "compile_commands.json"


class _Place(NamedTuple):
    """Where a snapshot lies, and the folder that its paths are from."""

    folder: bytes
    key: str
    top: str


def compdb(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the compilation database of the last run's answer, or of some arguments' answer."""
    top = os.path.abspath(arguments.top)
    place = _of_last_run(top, settings) if arguments.rest is None else _of(arguments.rest, top)
    if place is None:
        return _nothing("nothing is recorded here for these arguments: build with the tool first")
    try:
        files = snapshot.load_files(place.folder, place.key)
        recipe = snapshot.load_recipe(place.folder, place.key)
        if files is None or recipe is None:
            return _nothing("the last run was not recorded: `incremental-tool explain` says why")
        refused = _refusal(place)
        if refused or not len(recipe.actions):
            return _nothing(f"no command is recorded: {refused or 'nothing is made'}")
        database = database_of(recipe.actions, files[0], place.top)
    except (CorruptRecord, IndexError) as error:
        return _nothing(f"the record is damaged or of another version of this tool: {error}")
    path = os.fsencode(arguments.output or os.path.join(place.top, NAME))
    content = database.as_json()
    if content != _read(path):
        replace_file(path, content)
    print(f"{os.fsdecode(path)}: {len(database.entries)} entries")
    if database.unknown:
        print(
            f"incremental-tool: warning: {database.unknown} compiles are left out, for their "
            "commands are not known (see docs/outlets.md)",
            file=sys.stderr,
        )
    return 0


def _nothing(sentence: str) -> int:
    print(f"incremental-tool: {sentence}", file=sys.stderr)
    return 1


def _read(path: bytes) -> Optional[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _of_last_run(top: str, settings: Settings) -> Optional[_Place]:
    state = os.fsdecode(settings.state_dir)
    noted = [last_answer.read(state, name) for name in (last_answer.ANSWERED, last_answer.RECORDED)]
    runs = [run for run in noted if run is not None and run.key]
    if not runs:
        return None
    newest = max(runs, key=lambda run: run.when_ns)
    return _Place(os.path.join(settings.state_dir, b"fresh"), newest.key, top)


def _of(words: Sequence[str], top: str) -> Optional[_Place]:
    """Return the newest snapshot of an answer, whichever way SCons was started.

    What Python puts in front of its module path is the folder of the script, or the working
    directory after `python -m`.
    """
    firsts = {sys.path[0], os.path.dirname(os.path.abspath(sys.argv[0])), top}
    firsts.add(os.path.dirname(sys.executable))
    found = []
    for first in firsts:
        path = [first, *sys.path[1:]]
        answer = answer_for(words, os.environ, top, path, os.path.isfile)
        if isinstance(answer, tuple):
            continue
        file = os.path.join(answer.folder, answer.key.encode())
        if os.path.exists(file):
            place = _Place(answer.folder, answer.key, answer.top)
            found.append((os.stat(file).st_mtime_ns, place))
    return max(found)[1] if found else None


def _refusal(place: _Place) -> str:
    """Return why a snapshot does not tell what was done, or an empty text. Raises CorruptRecord."""
    kept = snapshot.load(place.folder, place.key)
    if kept is None or not kept.refusals:
        return ""
    reason, detail = kept.refusals[0]
    return f"{Reason(reason, detail).sentence} [{reason}]" if reason in REASONS else reason
