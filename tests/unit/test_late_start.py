"""What a script may have done before the tool was set up: what is harmless, what is unseen."""

from __future__ import annotations

import ast

import pytest

from incremental_tool.scons.late_start import Before, _Harmful, _is_text_of, _Judge


def judge(text: str, line: int = 0, lines: dict[str, int] | None = None) -> Before:
    """Judge a script that has come to a line, by default its last."""
    before = Before()
    _Judge(before, lines or {}).judge_body(ast.parse(text).body, line or text.count("\n") + 1)
    return before


HARMLESS = [
    "'''What this is.'''",
    "import os, sys",
    "from os import path",
    "tools = ['default']",
    "a, b = 1, ('x', {'y': [2]})",
    "if ARGUMENTS.get('TOOL'): tools = []",
    "name = 'lib' + str(int(ARGUMENTS.get('n', 0))).strip()",
    "EnsureSConsVersion(4, 0)",
    "SetOption('num_jobs', 4)",
    "path = os.path.join('a', os.path.dirname('b'))",
    "def f(x=3):\n    return open('anything')",
    "x: int = 3",
    "pass",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_depends_on_nothing_is_harmless(text: str) -> None:
    """Literals, definitions, Python's own modules and arguments need not have been seen."""
    judge(f"{text}\nimport incremental_tool")


HARMFUL = [
    "open('VERSION').read()",
    "x = open('VERSION')",
    "import no_module_of_pythons",
    "from . import sibling",
    "env = Environment()",
    "x = os.listdir('.')",
    "if os.path.exists('flag'): pass",
    "x = [name for name in os.environ]",
    "x = dict(os.environ)",
    "x = os.environ",
    "x = os.environ[name]",
    "for x in 'ab': pass",
    "print('hello')",
    "with open('x') as f: pass",
    "@decorated\ndef f(): pass",
    "def f(x=open('y')): pass",
    "x.y = 3",
    "class A: x = open('y')",
]


@pytest.mark.parametrize("text", HARMFUL)
def test_what_may_depend_on_anything_counts_as_unseen(text: str) -> None:
    """Whatever is not known to be harmless is told with its line."""
    with pytest.raises(_Harmful):
        judge(f"{text}\nimport incremental_tool")


def test_questions_for_variables_and_options_are_noted() -> None:
    """They need not have been seen to be compared."""
    before = judge(
        "import os, sys\n"
        "a = os.environ.get('ONE', '')\n"
        "b = os.environ['TWO']\n"
        "c = 'THREE' in os.environ\n"
        "d = os.getenv('FOUR')\n"
        "e = GetOption('num_jobs')\n"
        "f = sys.argv\n"
        "import incremental_tool"
    )

    assert before.variables == {b"ONE", b"TWO", b"THREE", b"FOUR"}
    assert before.options == {"num_jobs", "argv"}


def test_only_what_ran_is_judged() -> None:
    """What stands behind the import, or in another branch, has not run yet."""
    text = "import os\nif ARGUMENTS.get('T'):\n    import incremental_tool\nopen('VERSION')\n"

    judge(text, line=3)


def test_what_stands_before_the_import_in_its_own_block_is_judged() -> None:
    """A block is entered as far as the import."""
    with pytest.raises(_Harmful):
        judge("if 1:\n    open('VERSION')\n    import incremental_tool\n", line=3)


def test_a_condition_is_judged_before_its_block() -> None:
    """The test of an `if` has run when the import does."""
    with pytest.raises(_Harmful):
        judge("if open('flag'):\n    import incremental_tool\n", line=2)


def test_a_function_of_the_script_is_followed_as_far_as_it_has_run() -> None:
    """The drop-in site_init.py sets the tool up in a function."""
    text = "def on():\n    import os\n    import incremental_tool\n    open('x')\non()\n"

    judge(text, line=5, lines={"on": 3})

    with pytest.raises(_Harmful):
        judge(text.replace("import os", "open('VERSION')"), line=5, lines={"on": 3})


def test_a_tool_set_up_late_in_a_statement_is_late() -> None:
    """Other tools of the same Environment have looked for programs before."""
    with pytest.raises(_Harmful):
        judge("env = Environment(tools=['default', 'incremental'])", line=1)


def test_a_script_that_changed_meanwhile_is_told_from_the_one_that_runs() -> None:
    """Its text on disk must compile to the code that is being run."""
    text = b"x = 3\ndef f():\n    return 'one'\n"
    code = compile(text, "SConstruct", "exec", dont_inherit=True)

    assert _is_text_of(text, code)
    assert not _is_text_of(text.replace(b"one", b"two"), code)
    assert not _is_text_of(text + b"y = 4\n", code)
