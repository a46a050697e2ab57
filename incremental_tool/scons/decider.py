"""The Decider: SCons's content decisions, from `FileHashCache` instead of reading.

For a file the question is SCons's own: is its content signature the one stored
with the target? The signature comes from the index when the file's stat says
that the file is as it was, by the stat that SCons has already taken; otherwise
the file is read once, and SCons finds the signature in place. For everything
that is not a plain file (values, aliases, folders, missing files) SCons's own
code answers.

Where SCons trusts a time stamp (`--max-drift`: a file older than two days whose
whole-second mtime is as stored), this Decider asks the full stat identity: it
sees what SCons sees, and a replaced file with an old mtime besides.

`decide` always decides by content. `decide_unless_chosen` is what the tool
installs: it steps aside when the project chose another decider globally.
"""

from __future__ import annotations

import os
from typing import Any

import SCons.Defaults
import SCons.Environment
import SCons.Node
import SCons.Node.FS

from incremental_tool.scons.session import SESSION

_EXECUTED = SCons.Node.executed
_File = SCons.Node.FS.File
_signed = SESSION.signed
_approved: Any = None  # the default environment's decider, once it is known to go by content


def decide(dependency: Any, target: Any, prev_ni: Any, repo_node: Any = None) -> bool:  # noqa: ARG001 - SCons's signature
    """Tell whether a dependency's content is another than when the target was built."""
    # A signature that SCons found itself is taken only from a file built in this run: for others
    # it may have trusted a time stamp (`File.visited` and max_drift).
    csig = getattr(dependency.ninfo, "csig", None) if dependency in SESSION.signed else None
    if csig is not None:
        pass  # the usual case: found for an earlier target
    elif dependency.state == _EXECUTED:
        csig = dependency.get_csig()
        try:
            if type(dependency) is _File:
                SESSION.note_built(dependency)
        except Exception as error:
            SESSION.failed("decider", error)
    else:
        csig = content_signature(dependency, target)
    try:
        return bool(csig != prev_ni.csig)
    except AttributeError:
        return True


def content_signature(dependency: Any, target: Any) -> Any:
    """Return SCons's content signature of a dependency, reading only if need be."""
    csig = ""
    # max_drift 0: the user asked SCons to trust stored signatures blindly
    if type(dependency) is _File and dependency.fs.max_drift != 0:
        try:
            cache = SESSION.cache(target.get_build_env())
            if cache is not None:
                csig = _known_signature(dependency, cache)
        except Exception as error:
            SESSION.failed("decider", error)
    return csig or dependency.get_csig()


def _known_signature(dependency: Any, cache: Any) -> str:
    if not dependency.rexists():
        return ""
    node = dependency.rfile()
    path = os.fsencode(node.get_internal_path())
    if node.state == _EXECUTED:
        SESSION.note_built(node)
    entry = cache.files.observe(path, node.stat())
    if entry is None or not entry.signature:
        return ""
    csig: str = entry.signature.hex()
    dependency.get_ninfo().csig = csig
    SESSION.signed[dependency] = None
    _correct_drift(dependency, csig)
    return csig


def _correct_drift(dependency: Any, csig: str) -> None:
    """Keep SCons from storing an old signature for a replaced file with an old mtime.

    `File.visited` copies the stored signature over ours when the whole-second mtime is as stored
    and older than max_drift; then this file would look changed at every build.
    """
    stored = dependency.get_stored_info().ninfo
    if getattr(stored, "csig", csig) != csig:
        stored.csig = csig


def is_content_decider(function: Any) -> bool:
    """Tell whether an environment's decider is SCons's content decider, or ours."""
    if function is decide:
        return True
    # A method up to SCons 4.10, a static method since.
    content = SCons.Environment.Base._changed_content  # noqa: SLF001 - how SCons names it
    return getattr(function, "__func__", function) is content


def decides_by_content(env: Any) -> bool:
    """Tell whether an environment's built files are decided on by content."""
    return _goes_by_content(env, "decide_target")


def decides_all_by_content(env: Any) -> bool:
    """Tell whether an environment's files, sources and built ones, are decided on by content."""
    return _goes_by_content(env, "decide_source") and _goes_by_content(env, "decide_target")


def _goes_by_content(env: Any, name: str) -> bool:
    chosen = getattr(env, name)
    if chosen is decide_unless_chosen:
        default = SCons.Defaults._default_env  # noqa: SLF001 - asking for it would create it
        chosen = decide if default is None else getattr(default, name)
    return is_content_decider(chosen)


def decide_unless_chosen(dependency: Any, target: Any, prev_ni: Any, repo_node: Any = None) -> bool:
    """Decide by content, unless the project set another decider for all environments."""
    global _approved  # noqa: PLW0603 - one default environment a process, as in SCons
    default = SCons.Defaults._default_env  # noqa: SLF001 - asking for it would create it
    if default is not None:
        chosen = default.decide_source
        if chosen is not _approved:
            if not is_content_decider(chosen):
                return bool(chosen(dependency, target, prev_ni, repo_node))
            _approved = chosen
    # Called for every edge of the graph, 170,000 times for 10,000 files: the usual case first.
    if dependency in _signed:
        try:
            return bool(dependency.ninfo.csig != prev_ni.csig)
        except AttributeError:
            pass  # no earlier signature, or the node was cleared meanwhile
    return decide(dependency, target, prev_ni, repo_node)
