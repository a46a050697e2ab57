"""Include directives are found exactly as SCons's scanner for C finds them."""

from __future__ import annotations

import SCons.Scanner.C
from hypothesis import example, given
from hypothesis import strategies as st

from incremental_tool.model.directives import PATTERN, digest_of_directives, find_directives
from incremental_tool.model.recipe import NEVER_SCANNED, OTHER_ROLE, SCANNED_OTHERWISE

SCANNER = SCons.Scanner.C.CScanner()
PIECES = st.sampled_from(
    [b"#", b" ", b"\t", b"include", b"import", b"<a.h>", b'"b.h"', b'"c\nd"', b"\n", b"\r\n", b"//",
     b"/*", b"*/", b"\xc3\xa9", b"\xff", b"x", b'"', b"<", b">", b"# include <e.h"]
)  # fmt: skip


class Node:
    """What the scanner asks of a node."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get_text_contents(self) -> str:
        """Return the text as SCons decodes it where there is no byte order mark."""
        try:
            return self._content.decode("utf-8")
        except UnicodeDecodeError:
            return self._content.decode("latin-1")


def test_the_expression_is_that_of_scons() -> None:
    """Where SCons has another expression nothing may be replayed by this one."""
    assert SCANNER.cre.pattern == PATTERN


@given(st.lists(PIECES, max_size=20).map(b"".join))
@example(b'#include <a.h>\n  # import\t"b.h"\n/* #include <c.h> */\n\r#include <d.h>\n')
def test_the_same_is_found(content: bytes) -> None:
    """In any text the same directives are found, in the same order."""
    assert SCANNER.cre.findall(Node(content).get_text_contents()) == find_directives(content)


def test_byte_order_marks_are_left_to_scons() -> None:
    """How what follows is decoded differs between versions."""
    assert find_directives(b"\xef\xbb\xbf#include <a.h>\n") is None
    assert find_directives(b"\xff\xfe#\0") is None


def test_digests_differ_and_are_none_of_the_marks() -> None:
    """Other directives, or another order of them, are another digest."""
    one, other = [("<", "a", ">"), ("<", "b", ">")], [("<", "b", ">"), ("<", "a", ">")]
    digests = {digest_of_directives(found) for found in (one, other, [])}

    assert len(digests | {NEVER_SCANNED, OTHER_ROLE, SCANNED_OTHERWISE}) == 6
    assert {len(digest) for digest in digests} == {8}
