"""Expressions that are compiled when they are first used."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import incremental_tool
from incremental_tool.base.pattern import Lazy, lazily


def test_it_does_what_a_compiled_expression_does() -> None:
    """Every question is answered as by `re.compile`, and a module's global costs no call twice."""
    expression = lazily(r"(\w+)=(\d)", re.IGNORECASE)

    assert [match.group(1) for match in expression.finditer("a=1 B=2")] == ["a", "B"]
    assert expression.fullmatch("a=12") is None
    assert expression.sub("x", "a=1 c") == "x c"
    assert expression.match.__self__ is expression.search.__self__  # type: ignore[attr-defined]
    assert "match" in vars(expression)


def test_nothing_is_compiled_before_it_is_used() -> None:
    """A wrong expression is told of when it is used."""
    expression = lazily("(")

    with pytest.raises(re.error):
        expression.match("x")


def test_every_expression_of_the_package_is_a_right_one() -> None:
    """No expression that stands in a module waits with an error for its first use."""
    found = 0
    for module in pkgutil.walk_packages(incremental_tool.__path__, "incremental_tool."):
        if ".scons" in module.name or ".site_scons" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Lazy):
                assert value.pattern
                found += 1
    assert found > 40
