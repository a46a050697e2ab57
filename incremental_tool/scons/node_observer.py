"""Observes SCons's own questions to the file system, and the project's to SCons's nodes.

SCons looks at a file once, through its node, and keeps the answer; at names
along search paths it looks in a folder's listing, which it keeps, too. Both are
noted where SCons asks the operating system.

The project's code may ask a node (`node.exists()`), and get an answer that was
taken long before. While scripts are read such questions are noted as well: what
SCons does by itself may change meanwhile (it makes folders for targets), what a
script went by may not.

Knows nothing of what becomes of the answers.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import SCons.Node.FS
import SCons.Scanner
import SCons.SConf
import SCons.Tool

from incremental_tool.model.snapshot import GLOB, packed_identity
from incremental_tool.scons.call_site import file_of, is_project
from incremental_tool.scons.observations import BUSY, real_stat

if TYPE_CHECKING:
    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

_FS = SCons.Node.FS
_OF_NODES = vars(_FS)

_KIND_QUESTIONS = (
    (_FS.Base, "exists"),
    (_FS.Entry, "exists"),
    (_FS.File, "exists"),
    (_FS.Base, "rexists"),
    (_FS.Base, "isdir"),
    (_FS.Base, "isfile"),
)
_FULL_QUESTIONS = (
    (_FS.Base, "stat"),
    (_FS.Base, "getmtime"),
    (_FS.Base, "getsize"),
    (_FS.File, "get_timestamp"),
    (_FS.File, "get_size"),
    (_FS.File, "get_csig"),
    (_FS.File, "get_content_hash"),
)


def observe(observed: Observations, replacements: Replacements) -> None:
    """Note what SCons asks, until `replacements` are restored."""
    nodes = observed.nodes
    looked = observed.looked

    def make_stat(original: Any) -> Any:  # noqa: ARG001 - it calls os.stat, which others observe
        def stat(self: Any, path: Any) -> Any:  # noqa: ARG001 - the class's signature
            # The hottest place of all: SCons asks for each file of the project, many times.
            try:
                status = real_stat(path)
            except OSError:
                if not BUSY.depth:
                    nodes.setdefault(path if path[:1] == "/" else observed.absolute(path))
                raise
            if path in nodes or BUSY.depth:
                return status
            name = path if path[:1] == "/" else observed.absolute(path)
            if name not in nodes:
                nodes[name] = packed_identity(status)
            return status

        return stat

    def make_lookup(original: Any) -> Any:
        def entry_exists_on_disk(self: Any, name: Any) -> Any:
            found = original(self, name)
            if not BUSY.depth:
                names = looked.get(self._abspath)
                if names is None:
                    names = looked[self._abspath] = {}
                names.setdefault(name, found)
            return found

        return entry_exists_on_disk

    def make_glob(original: Any) -> Any:
        def _glob1(self: Any, pattern: Any, ondisk: Any = True, *more: Any, **options: Any) -> Any:
            if ondisk and not BUSY.depth:
                try:
                    for folder in _searched(self):
                        observed.note_listing(folder.get_abspath(), GLOB, os.fsencode(pattern))
                except Exception as error:
                    observed.failed("Glob", error)
            return original(self, pattern, ondisk, *more, **options)

        return _glob1

    def make_build_nodes(original: Any) -> Any:
        def build_nodes(self: Any, nodes: Any) -> Any:
            observed.configured = True
            return original(self, nodes)

        return build_nodes

    def make_scan(original: Any) -> Any:
        known = SCons.Tool.CScanner
        libraries = SCons.Tool.ProgramScanner  # looks at no content

        def scan(self: Any, node: Any, *arguments: Any, **more: Any) -> Any:
            if self is known:
                observed.scanned[node] = None
            elif self is not libraries:
                observed.scanned_otherwise[node] = None
            return original(self, node, *arguments, **more)

        return scan

    replacements.replace(SCons.Scanner.ScannerBase, "__call__", make_scan)
    replacements.replace(_FS.LocalFS, "stat", make_stat)
    replacements.replace(_FS.Dir, "entry_exists_on_disk", make_lookup)
    replacements.replace(_FS.Dir, "_glob1", make_glob)
    replacements.replace(SCons.SConf.SConfBase, "BuildNodes", make_build_nodes)


def _searched(folder: Any) -> list[Any]:
    """Return the folders that a Glob lists, as `Dir._glob1` does."""
    folders = folder.get_all_rdirs()
    for source in folder.srcdir_list():
        folders.extend(source.get_all_rdirs())
    return list(folders)


def observe_scripts(observed: Observations, replacements: Replacements) -> None:
    """Note what the project's code asks nodes for, until `replacements` are restored."""

    def note(node: Any, *, only_kind: bool) -> None:
        try:
            path = node.get_abspath()
            if only_kind:
                observed.note_kind(path, observed.look(path))
            else:
                observed.note_asked(path, observed.look(path))
        except Exception as error:
            observed.failed("Node", error)

    def make(only_kind: bool) -> Any:
        def make_question(original: Any) -> Any:
            def question(self: Any, *arguments: Any) -> Any:
                asking = sys._getframe(1)  # noqa: SLF001 - the one way to see who calls
                inside = asking.f_globals is _OF_NODES or BUSY.depth
                if not inside and is_project(file_of(asking)):
                    note(self, only_kind=only_kind)
                return original(self, *arguments)

            return question

        return make_question

    for owner, name in _KIND_QUESTIONS:
        replacements.replace(owner, name, make(True))
    for owner, name in _FULL_QUESTIONS:
        replacements.replace(owner, name, make(False))
