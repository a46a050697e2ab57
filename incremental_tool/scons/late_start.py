"""Whether anything ran before the recorder that it should have seen.

Started from `site_init.py` the recorder is there before any script. Started by
`import incremental_tool` in an SConstruct it is late, but nothing is lost if what
ran before can depend on nothing but the script itself and the command line:
imports of Python's own modules, literals, definitions, and questions for
arguments, options and variables, which are told here so that they can be noted.

The script's text is judged, not its run: whatever is not known to be harmless
counts as unseen. Knows nothing of what is recorded afterwards.
"""

from __future__ import annotations
import __future__

import ast
import os
import sys
from types import CodeType
from typing import TYPE_CHECKING, Optional

import SCons.Script
from SCons.Script import _SConscript as _script

from incremental_tool.scons import call_site

if TYPE_CHECKING:
    from types import FrameType

_SITE_FILES = ("/usr/share/scons/site_scons/site_init.py", "~/.scons/site_scons/site_init.py")
_STATEMENTS = frozenset({"EnsureSConsVersion", "EnsurePythonVersion", "SetOption"})
"""SCons's functions that a script may call before: they ask and print nothing."""

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag

_FUNCTIONS = frozenset({"int", "str", "bool", "len", "float"})
_PATH_FUNCTIONS = frozenset({"join", "dirname", "basename", "normpath"})
_TEXT_METHODS = frozenset(
    {"split", "strip", "lower", "upper", "format", "startswith", "endswith", "replace", "join"}
)


class Before:
    """What ran before: where something ran unseen (or ""), variables and options asked for."""

    def __init__(self) -> None:
        self.unseen = ""
        self.variables: set[bytes] = set()
        self.options: set[str] = set()


class _Harmful(Exception):  # noqa: N818 - it names what was found
    """A node of the syntax tree that may depend on something unseen."""


def what_ran_before() -> Before:
    """Judge what ran before the caller's script came here."""
    before = Before()
    frame = _script_frame()
    if frame is None:
        before.unseen = "site_init.py"
        return before
    path = str(frame.f_globals.get("__file__") or frame.f_code.co_filename)
    if frame.f_code.co_filename != "site_init":
        path = frame.f_code.co_filename
    others = _earlier_site_files(path)
    if others:
        before.unseen = others[0]
        return before
    try:
        with open(path, "rb") as file:
            text = file.read()
        if not _is_text_of(text, frame.f_code):
            before.unseen = f"{os.path.relpath(path)} (has changed)"
            return before
        tree = ast.parse(text)
        _Judge(before, _lines_in(frame.f_code.co_filename)).judge_body(tree.body, frame.f_lineno)
    except _Harmful as found:
        line = getattr(found.args[0], "lineno", 1)
        before.unseen = f"{os.path.relpath(path)}:{line}"
    except (OSError, SyntaxError, ValueError) as error:
        before.unseen = f"{path}: {error}"
    return before


def _is_text_of(text: bytes, code: CodeType) -> bool:
    """Tell whether a script's text on disk is the one that is being run."""
    present = compile(text, code.co_filename, "exec", code.co_flags & _FUTURE, dont_inherit=True)
    return _same(present, code)


def _same(one: CodeType, other: CodeType) -> bool:
    if one.co_code != other.co_code or one.co_names != other.co_names:
        return False
    return len(one.co_consts) == len(other.co_consts) and all(
        _same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else repr(a) == repr(b)
        for a, b in zip(one.co_consts, other.co_consts)
    )


def _script_frame() -> Optional[FrameType]:
    """Return the frame of the one script that is being run; None when there is not just one."""
    found: Optional[FrameType] = None
    frame: Optional[FrameType] = sys._getframe(1)  # noqa: SLF001 - the one way to see who calls
    while frame is not None:
        code = frame.f_code
        if call_site.is_project(code.co_filename) and code.co_name == "<module>":
            if found is not None:
                return None  # a module that a script imported, or a script that another reads
            found = frame
        frame = frame.f_back
    if SCons.Script.sconscript_reading > 1 or len(_script.SConscriptNodes) > 1:
        return None
    return found


def _lines_in(filename: str) -> dict[str, int]:
    """Return, for each function of a script that is being run, the line it has come to."""
    lines: dict[str, int] = {}
    frame: Optional[FrameType] = sys._getframe(1)  # noqa: SLF001 - as above
    while frame is not None:
        if frame.f_code.co_filename == filename:
            lines.setdefault(frame.f_code.co_name, frame.f_lineno)
        frame = frame.f_back
    return lines


def _earlier_site_files(path: str) -> list[str]:
    """Return the site_init.py files that SCons has run before the script at `path`."""
    reading = bool(SCons.Script.sconscript_reading)
    places = [os.path.expanduser(file) for file in _SITE_FILES]
    places.append(os.path.join(os.getcwd(), "site_scons", "site_init.py"))
    earlier = []
    for place in places:
        if not reading and os.path.realpath(place) == os.path.realpath(path):
            break
        if os.path.exists(place):
            earlier.append(place)
    return earlier


class _Judge:
    """Walks over what ran up to a line, and raises _Harmful."""

    def __init__(self, before: Before, lines: dict[str, int]) -> None:
        self._before = before
        self._lines = lines
        """Name of a function of the script -> the line it has come to."""
        self._functions: dict[str, ast.FunctionDef] = {}

    def judge_body(self, body: list[ast.stmt], line: int) -> None:
        """Judge the statements up to the one at `line`, and what of that ran before."""
        for statement in body:
            if (statement.end_lineno or statement.lineno) < line:
                self._statement(statement)
            elif statement.lineno <= line:
                self._last(statement, line)
                return
            else:
                return

    def _last(self, statement: ast.stmt, line: int) -> None:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            self._import(statement)
        elif isinstance(statement, ast.If):
            self._expression(statement.test)
            self.judge_body(statement.body, line)
            self.judge_body(statement.orelse, line)
        elif isinstance(statement, ast.Try):
            self.judge_body([*statement.body, *statement.orelse], line)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            self._last_call(statement.value)
        else:
            raise _Harmful(statement)

    def _last_call(self, call: ast.Call) -> None:
        """Judge a call that led here: of the tool itself, or of a function of the script."""
        name = ast.unparse(call.func)
        if call.args or call.keywords:
            raise _Harmful(call)
        if name in ("incremental_tool.enable_everywhere", "enable_everywhere"):
            return
        line = self._lines.get(name)
        function = self._functions.get(name)
        if line is None or function is None:
            raise _Harmful(call)
        self.judge_body(function.body, line)

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            self._import(statement)
        elif isinstance(statement, ast.FunctionDef):
            if statement.decorator_list:
                raise _Harmful(statement)
            self._functions[statement.name] = statement
            defaults = statement.args.defaults + statement.args.kw_defaults
            for default in defaults:
                if default is not None:
                    self._expression(default)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                self._target(target)
            if statement.value is not None:
                self._expression(statement.value)
        elif isinstance(statement, ast.If):
            self._expression(statement.test)
            for inner in (*statement.body, *statement.orelse):
                self._statement(inner)
        elif isinstance(statement, ast.Expr):
            self._call_or_text(statement.value)
        elif not isinstance(statement, (ast.Pass, ast.Return)):
            raise _Harmful(statement)
        elif isinstance(statement, ast.Return) and statement.value is not None:
            self._expression(statement.value)

    def _import(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ImportFrom):
            names = [statement.module or ""] if not statement.level else [""]
        elif isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            names = []
        for name in names:
            if name.split(".", 1)[0] in ("incremental_tool", "SCons"):
                continue
            spec = getattr(sys.modules.get(name), "__spec__", None)
            origin = getattr(spec, "origin", None)
            if not isinstance(origin, str) or not (
                origin in ("built-in", "frozen") or call_site.is_python(origin)
            ):
                raise _Harmful(statement)

    def _target(self, target: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            for element in target.elts:
                self._target(element)
        elif not isinstance(target, ast.Name):
            raise _Harmful(target)

    def _call_or_text(self, value: ast.expr) -> None:
        if isinstance(value, ast.Constant):
            return
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Name)
            and value.func.id in _STATEMENTS
        ):
            for argument in (*value.args, *(keyword.value for keyword in value.keywords)):
                self._expression(argument)
            return
        self._expression(value)

    def _expression(self, value: ast.expr) -> None:
        text = ast.unparse(value)
        if text in ("os.environ", "sys.argv"):
            if text == "os.environ":
                raise _Harmful(value)
            self._before.options.add("argv")
        elif isinstance(value, ast.Call):
            self._call(value)
        elif isinstance(value, ast.Subscript) and ast.unparse(value.value) == "os.environ":
            self._variable(value.slice, value)
        elif isinstance(value, ast.Compare) and ast.unparse(value.comparators[-1]) == "os.environ":
            self._variable(value.left, value)
        elif isinstance(
            value,
            (
                *(ast.Constant, ast.Name, ast.Attribute, ast.List, ast.Tuple, ast.Set, ast.Dict),
                *(ast.JoinedStr, ast.FormattedValue, ast.BoolOp, ast.UnaryOp, ast.BinOp),
                *(ast.Compare, ast.IfExp, ast.Subscript, ast.Starred),
            ),
        ):
            for child in ast.iter_child_nodes(value):
                if isinstance(child, ast.expr):
                    self._expression(child)
        else:
            raise _Harmful(value)

    def _call(self, call: ast.Call) -> None:
        name = ast.unparse(call.func)
        first = call.args[0] if call.args else None
        rest = call.args[1:] if name in ("os.environ.get", "os.getenv", "GetOption") else call.args
        if name in ("os.environ.get", "os.getenv"):
            self._variable(first, call)
        elif name == "GetOption":
            if not isinstance(first, ast.Constant):
                raise _Harmful(call)
            self._before.options.add(str(first.value))
        elif name == "ARGUMENTS.get" or name in _FUNCTIONS:
            pass
        elif isinstance(call.func, ast.Attribute) and (
            call.func.attr in _TEXT_METHODS
            or (name == f"os.path.{call.func.attr}" and call.func.attr in _PATH_FUNCTIONS)
        ):
            self._expression(call.func.value)
        else:
            raise _Harmful(call)
        for argument in (*rest, *(keyword.value for keyword in call.keywords)):
            self._expression(argument)

    def _variable(self, name: Optional[ast.AST], where: ast.expr) -> None:
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            raise _Harmful(where)
        self._before.variables.add(os.fsencode(name.value))
