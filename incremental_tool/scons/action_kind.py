"""What kind of work an action of SCons's is: a compile, an archive, a link, a function.

Told by the construction variable that holds the command, as SCons's own tools
name them. Knows nothing of what commands say.
"""

from __future__ import annotations

from typing import Any

import SCons.Action
import SCons.Builder

_KINDS = {
    **dict.fromkeys(("CCCOM", "SHCCCOM", "CXXCOM", "SHCXXCOM", "ASCOM", "ASPPCOM"), b"compile"),
    **dict.fromkeys(
        ("COMBINEDIRCOM", "COMBINEDIRCXXCOM", "COMBINEDASCOM", "COMBINEDASCXXCOM"), b"compile"
    ),
    **dict.fromkeys(("ARCOM", "RANLIBCOM"), b"archive"),
    **dict.fromkeys(("LINKCOM", "SHLINKCOM", "LDMODULECOM"), b"link"),
}

Chosen = dict[tuple[int, str], tuple[object, bytes]]
"""For builders that choose their action by the source's suffix: who chose, and what kind."""


def kind_of(executor: Any, known: Chosen) -> bytes:
    """Return the kind of an executor's action, as `model.recipe.Action` names them.

    `known` holds what builders that choose their action by the source's suffix have chosen.
    """
    kind = b""
    for action in executor.get_action_list():
        kind = _joined(kind, _kind_of_action(action, executor, known))
    return kind or b"command"


def _kind_of_action(action: Any, executor: Any, known: Chosen) -> bytes:
    generate = getattr(action, "generator", None)
    if isinstance(generate, SCons.Builder.DictCmdGenerator):
        sources = executor.get_all_sources()
        suffix = sources[0].get_suffix() if sources else ""
        key = (object.__hash__(generate), suffix)  # a dictionary has no hash of its own
        if key not in known:
            chosen = generate(executor.get_all_targets(), sources, executor.get_build_env(), 0)
            known[key] = (generate, _kind_of_action(chosen, executor, known))
        return known[key][1]
    if isinstance(action, SCons.Action.ListAction):
        kind = b""
        for one in action.list:
            kind = _joined(kind, _kind_of_action(one, executor, known))
        return kind
    if isinstance(action, SCons.Action.FunctionAction):
        return b"function"
    return _KINDS.get(getattr(action, "var", ""), b"command")


def _joined(one: bytes, other: bytes) -> bytes:
    """Return the kind of two actions in a row: a function is the hardest to replay."""
    if not one or one == other:
        return other
    return b"function" if b"function" in (one, other) else b"command"
