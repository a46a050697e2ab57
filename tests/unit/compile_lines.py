"""Compile lines that a test gives in one piece, and what becomes of them."""

from __future__ import annotations

from incremental_tool.model.compile_command import CompileCommand, parse_compile
from incremental_tool.model.reason import REASONS, Reason

WHERE = "/home/someone/project"


def parse(line: str, directory: str = WHERE) -> CompileCommand:
    """Return the command of a line that must be understood."""
    answer = parse_compile(line.split(), directory)
    assert isinstance(answer, CompileCommand), answer
    return answer


def refusal(line: str) -> str:
    """Return the reason's id of a line that must be refused, without its common part."""
    answer = parse_compile(line.split(), WHERE)
    assert isinstance(answer, Reason), answer
    assert answer.id in REASONS
    assert answer.id.startswith("zir.refuse.")
    return answer.id[len("zir.refuse.") :]
