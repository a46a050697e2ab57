"""Notes where SCons's scanner for C looks for each action, and which files commands name.

SCons asks an action's executor for the folders that a scanner is to search, once
for each source; and for the files that its commands name. Both are noted there.

Knows nothing of what becomes of the notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import SCons.Executor
import SCons.Tool

if TYPE_CHECKING:
    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

Folders = tuple[Any, ...]


class SearchNotes:
    """What was noted."""

    def __init__(self, observed: Observations) -> None:
        self._observed = observed
        self._known: dict[Folders, Folders] = {}
        self.paths: dict[Any, Optional[Folders]] = {}
        """An action's first target -> the folders searched; None where that is not known.

        Actions for whose sources no scanner was asked are not in it.
        """
        self.commands: set[Any] = set()

    def observe(self, replacements: Replacements) -> None:
        """Note what executors are asked, until `replacements` are restored."""
        executor = SCons.Executor.Executor
        replacements.replace(executor, "get_build_scanner_path", self._make_path)
        replacements.replace(executor, "get_implicit_deps", self._make_commands)

    def _make_path(self, original: Any) -> Any:
        def get_build_scanner_path(executor: Any, scanner: Any) -> Any:
            path = original(executor, scanner)
            try:
                self._note_path(executor, scanner, path)
            except Exception as error:
                self._observed.failed("get_build_scanner_path", error)
            return path

        return get_build_scanner_path

    def _note_path(self, executor: Any, scanner: Any, path: Any) -> None:
        first = executor.get_all_targets()[0]
        if scanner is SCons.Tool.ProgramScanner and first.builder.target_scanner is scanner:
            return  # it finds libraries, and looks at no content
        usual = scanner is SCons.Tool.CScanner and type(path) is tuple
        if not usual or executor.get_build_env().get("SCANNERS") != [SCons.Tool.SourceFileScanner]:
            self.paths[first] = None
            return
        path = self._known.setdefault(path, path)
        if self.paths.setdefault(first, path) is not path:
            self.paths[first] = None

    def _make_commands(self, original: Any) -> Any:
        def get_implicit_deps(executor: Any) -> Any:
            found = original(executor)
            self.commands.update(found)
            return found

        return get_implicit_deps
