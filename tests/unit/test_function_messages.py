"""Which messages of a thin unit a full compile would not give."""

from __future__ import annotations

import pytest

from incremental_tool.engine.function_messages import message_of_note

OWN = [(10, 20), (40, 45)]

GCC = """\
/tmp/1-2-unit:5:13: warning: 'helper' used but never defined
/tmp/1-2-unit: At top level:
/tmp/1-2-unit:7:13: warning: 'other' declared 'static' but never defined [-Wunused-function]
/tmp/1-2-unit:8:12: warning: 'table' defined but not used [-Wunused-variable]
"""
CLANG = """\
/tmp/1-2-unit:5:13: warning: function 'helper' has internal linkage but is not defined \
[-Wundefined-internal]
/tmp/1-2-unit:15:3: note: used here
1 warning generated.
"""


def test_what_missing_bodies_cause_is_passed_over() -> None:
    """Unused and undefined static names outside the changed functions mean nothing."""
    assert message_of_note(GCC.encode(), OWN) is None
    assert message_of_note(CLANG.encode(), OWN) is None
    assert message_of_note(b"", OWN) is None


@pytest.mark.parametrize(
    "said",
    [
        "/tmp/1-2-unit:12:3: warning: unused variable 'x' [-Wunused-variable]",
        "/tmp/1-2-unit:45:3: warning: 'y' defined but not used [-Wunused-variable]",
        "/tmp/1-2-unit:5:3: warning: comparison is always false [-Wtype-limits]",
        "cc1: warning: something about the command",
        "/usr/include/x.h:3:1: error: no",
        "In file that nobody knows",
    ],
)
def test_anything_else_is_for_a_full_compile_to_say(said: str) -> None:
    """A message about a changed function, or of another kind, is not passed over."""
    assert message_of_note((GCC + said + "\n").encode(), OWN) is not None
