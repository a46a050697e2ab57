"""What SCons's substitution finds as `eval` while a recording lasts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import SCons.Environment
import SCons.Subst

from incremental_tool.scons import evaluation
from incremental_tool.scons.replacement import Replacements

if TYPE_CHECKING:
    from collections.abc import Iterator

_compiled: list[str] = []
_listening = False


def _hook(event: str, arguments: Any) -> None:
    if _listening and event == "compile" and isinstance(arguments[0], (str, bytes)):
        text = arguments[0]
        _compiled.append(text if isinstance(text, str) else text.decode())


sys.addaudithook(_hook)


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """Evaluate through the replacement; return what is compiled meanwhile."""
    global _listening  # noqa: PLW0603 - an audit hook stays for good
    replacements = Replacements()
    evaluation.observe(replacements)
    _compiled.clear()
    _listening = True
    yield _compiled
    _listening = False
    replacements.restore()
    assert "eval" not in vars(SCons.Subst)


def test_a_text_is_compiled_once(compiled: list[str]) -> None:
    """However often SCons substitutes an expression, in whatever environment."""
    for number in range(5):
        env = SCons.Environment.Base(WORDS=["a", "b", str(number)])
        for _ in range(3):
            assert env.subst("${WORDS[2]}") == str(number)
            assert env.subst_list("${WORDS[0]} ${WORDS[2]}") == [["a", str(number)]]
    assert sorted(text for text in compiled if "WORDS" in text) == ["WORDS[0]", "WORDS[2]"]


@pytest.mark.parametrize("text", ["WORDS[", "WORDS[9]", "1/0", "missing.name", "\0", "a b", ""])
@pytest.mark.usefixtures("compiled")
def test_errors_are_pythons_own(text: str) -> None:
    """What cannot be compiled or evaluated fails as it does without the replacement."""
    evaluate = vars(SCons.Subst)["eval"]
    names = {"WORDS": ["a"]}
    told = []
    for function in (eval, evaluate, evaluate):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - its type and words are compared
            function(text, dict(names), {})
        told.append((type(raised.value), str(raised.value)))
    assert told[1:] == told[:1] * 2


@pytest.mark.parametrize(
    "text", [" 1 + 1", "\tnames", b"1 + 1", "(yes := 2)", "[n for n in names]"]
)
@pytest.mark.usefixtures("compiled")
def test_answers_are_pythons_own(text: Any) -> None:
    """Blanks before a text, bytes, assignments and comprehensions mean what they mean to `eval`."""
    evaluate = vars(SCons.Subst)["eval"]
    ours: list[Any] = []
    for function in (eval, evaluate, evaluate):
        names: dict[str, Any] = {"names": [1, 2]}
        more: dict[str, Any] = {}
        ours.append((function(text, names, more), more, names.pop("__builtins__") is not None))
    assert ours[1:] == ours[:1] * 2


def test_no_more_texts_are_held_than_allowed(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first texts stay compiled; each further one is compiled anew."""
    monkeypatch.setattr(evaluation, "MOST", 2)
    evaluate = vars(SCons.Subst)["eval"]
    for _ in range(2):
        assert [evaluate(f"{n} + 100", {}, {}) for n in range(4)] == [100, 101, 102, 103]
    assert compiled == ["0 + 100", "1 + 100", "2 + 100", "3 + 100", "2 + 100", "3 + 100"]
