"""Which of SCons's own functions on files an action runs, with what literal arguments.

Only SCons's functions, as they are in SCons, and this tool's own that combines files, with
arguments that are texts, numbers, nodes or lists of these after substitution. Knows nothing of
what the functions do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import SCons.Action
import SCons.Defaults
import SCons.Node.FS
import SCons.Node.Python
import SCons.Util

from incremental_tool.engine.file_actions import operations_of
from incremental_tool.model.file_action import COMBINE, TEXTFILE, FileAction
from incremental_tool.scons.combined import arguments_of, combine

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = ("copy_func", "delete_func", "mkdir_func", "move_func", "touch_func", "chmod_func")
_FUNCTIONS = {getattr(SCons.Defaults, name): name for name in _NAMES}


class _NotLiteral(Exception):  # noqa: N818 - it names what was found
    """An argument is not what it will be the next time, for all that can be told."""


def step_of(
    action: Any, targets: Sequence[Any], sources: Sequence[Any], env: Any
) -> Optional[bytes]:
    """Return the step for a function action that is about to run; None for any other."""
    if action.exitstatfunc is not SCons.Action.default_exitstatfunc:
        return None
    function = action.execfunction
    try:
        if type(function) is SCons.Action.ActionCaller:
            name = _FUNCTIONS.get(function.parent.actfunc)
            if name is None:
                return None
            arguments = _literal(function.subst_args(targets, sources, env))
            keywords = _literal(function.subst_kw(targets, sources, env))
            _check_mode(name, arguments, keywords)
            return FileAction(name, arguments, keywords).as_step()
        if function is combine:
            return FileAction(COMBINE, [], arguments_of(sources, env)).as_step()
        if getattr(function, "__module__", "") == "SCons.Tool.textfile":
            return _textfile(sources, env).as_step()
    except (_NotLiteral, TypeError):
        pass
    return None


def _literal(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, SCons.Node.FS.Base) or SCons.Util.is_String(value):
        return str(value)
    if SCons.Util.is_List(value):
        return [_literal(one) for one in value]
    if type(value) is dict:
        return {str(key): _literal(one) for key, one in value.items()}
    raise _NotLiteral


def _check_mode(name: str, arguments: list[Any], keywords: dict[str, Any]) -> None:
    """Raise for a mode that SCons would not understand."""
    mode = keywords.get("mode", arguments[1] if len(arguments) > 1 else None)
    if name != "chmod_func" or isinstance(mode, int):
        return
    try:
        if not str(mode).isdecimal():
            operations_of(str(mode))
    except (ValueError, KeyError):
        raise _NotLiteral from None


def _textfile(sources: Sequence[Any], env: Any) -> FileAction:
    separator = env["LINESEPARATOR"]
    if separator is None:
        separator = "\n"
    elif not SCons.Util.is_String(separator):
        raise _NotLiteral
    replaced: Any = env.get("SUBST_DICT") or ()
    if SCons.Util.is_Dict(replaced):
        replaced = list(replaced.items())
    pairs = []
    for key, value in replaced:
        if SCons.Util.is_String(value):
            pairs.append((_text(key), str(env.subst(value, raw=1))))
        elif value is None or type(value) in (bool, int, float):
            pairs.append((_text(key), str(value)))
        else:
            raise _NotLiteral
    return FileAction(
        TEXTFILE,
        [],
        {
            "separator": str(separator),
            "replaced": pairs,
            "encoding": str(env.get("FILE_ENCODING", "utf-8")),
            "parts": [_part(source) for source in sources],
        },
    )


def _text(value: Any) -> str:
    if not SCons.Util.is_String(value):
        raise _NotLiteral
    return str(value)


def _part(source: Any) -> tuple[bool, str]:
    if isinstance(source, SCons.Node.FS.File):
        return True, str(source.rfile().get_internal_path())
    plain = isinstance(source, SCons.Node.Python.Value) and not source.has_builder()
    if not plain or source.children(scan=False):
        raise _NotLiteral
    return False, str(source.get_text_contents())
