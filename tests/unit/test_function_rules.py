"""What an edit may change for the rest of a unit to stay as it was compiled."""

from __future__ import annotations

import pytest

from incremental_tool.engine.function_base import text_of
from incremental_tool.engine.function_rules import (
    KEEPER,
    Text,
    changed_functions,
    evaluated,
    judge,
    kept,
    mentioned,
    own_names,
    without_comments,
    without_keeper,
)
from incremental_tool.model.reason import Reason

BASE = b"""\
struct s { int a; };
static int helper(int a);
static int counter = 3;
static int (*const pointed)(int) = helper;
static const int sizes[] = { 1, 2 };
extern int other(int);
int global(int a) { return helper(a) + (int)sizeof(sizes); }
static int helper(int a) { return a + counter; }
int plain(int a) { return global(a) + other(a); }
static inline int quick(int a) { return a; }
"""


def text(source: bytes) -> Text:
    """Return a text with its items."""
    found = text_of(source)
    assert isinstance(found, Text), found
    return found


def number(name: bytes) -> int:
    """Return which item of the base a function is."""
    return next(at for at, item in enumerate(text(BASE).items) if item.name == name)


def compared(now: bytes, *touched: bytes) -> dict[int, bytes] | Reason:
    """Return what the rules say of a text in which some functions are touched."""
    return changed_functions(text(BASE), text(now), {}, [number(name) for name in touched])


def test_a_changed_body_is_all_that_changed() -> None:
    """The touched function's new text comes back, and no other."""
    now = BASE.replace(b"a + counter", b"a - counter")
    found = compared(now, b"helper")
    assert found == {number(b"helper"): b"static int helper(int a) { return a - counter; }"}
    assert judge(text(BASE), found) is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"int a; };", b"int a, b; };", "function.refuse.outside"),
        (b"counter = 3", b"counter = 4", "function.refuse.outside"),
        (b"int plain(int a)", b"int plain(long a)", "function.refuse.kind"),
        (b"int plain(", b"int renamed(", "function.refuse.outside"),
        (b"extern int other(int);", b"", "function.refuse.outside"),
        (b"{ return global(a)", b'{ __asm__(".data"); return global(a)', "function.refuse.kind"),
    ],
)
def test_more_than_a_body_is_refused(old: bytes, new: bytes, reason: str) -> None:
    """A type, a variable, a head, a name or a declaration that is another is a reason."""
    assert old in BASE
    found = compared(BASE.replace(old, new), b"plain")
    assert isinstance(found, Reason)
    assert found.id == reason


def test_an_inline_function_is_refused() -> None:
    """Callers hold what is inline, so its body is theirs."""
    found = compared(BASE.replace(b"{ return a; }", b"{ return -a; }"), b"quick")
    assert isinstance(found, Reason)
    assert found.id == "function.refuse.kind"


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (b"return a + counter;", b"return a;", "counter"),
        (b"return helper(a) + (int)sizeof(sizes);", b"return a + (int)sizeof(sizes);", None),
        (b"return a + counter;", b"return a + counter * 2;", None),
        (b"return a + counter;", b"return a + (int)sizeof(counter);", "counter"),
    ],
)
def test_what_is_used_no_more_is_seen(old: bytes, new: bytes, lost: str | None) -> None:
    """A static that nobody uses now is named; one that others use, or a pointer holds, is not."""
    base = BASE + b"int uses(int a) { return pointed(a); }\n"
    name = b"helper" if b"counter" in old else b"global"
    changed = changed_functions(text(base), text(base.replace(old, new)), {}, [number(name)])
    assert isinstance(changed, dict)
    found = judge(text(base), changed)
    assert (found.detail if found else None) == lost


def test_a_prototype_is_no_use() -> None:
    """A declaration of a static function does not keep it."""
    base = BASE.replace(b"static int (*const pointed)(int) = helper;\n", b"")
    now = base.replace(b"return helper(a) +", b"return a +")
    at = next(at for at, item in enumerate(text(base).items) if item.name == b"global")
    changed = changed_functions(text(base), text(now), {}, [at])
    assert isinstance(changed, dict)
    found = judge(text(base), changed)
    assert found is not None
    assert (found.id, found.detail) == ("function.refuse.static", "counter")


def test_a_keeper_is_found_and_left_out() -> None:
    """The function at a thin unit's end is no item of the unit."""
    whole = kept(BASE.rstrip(b"\n"), [b"helper"]).replace(b"__COUNTER__", b"0")
    assert KEEPER in whole
    found = without_keeper(text(whole))
    assert isinstance(found, Text)
    assert len(found.items) == len(text(BASE).items)


@pytest.mark.parametrize("end", [b"0", b"3"])
def test_what_counts_is_refused(end: bytes) -> None:
    """A unit in which `__COUNTER__` has been used, or whose end is missing, is refused."""
    whole = kept(BASE, []).replace(b"__COUNTER__", end)
    found = without_keeper(text(whole if end == b"3" else BASE))
    assert isinstance(found, Reason)
    assert found.id == "function.refuse.outside"


def test_functions_that_are_mentioned_keep_a_body() -> None:
    """A function of the unit is found in a changed one's text, and that one itself is not."""
    base = text(BASE)
    found = mentioned(base, [number(b"plain")], [b"{ return global(plain(1)) + nobody(); }"])
    assert found == {number(b"global")}


def test_own_names_are_those_that_the_unit_defines() -> None:
    """Functions and static variables are its own; what is declared elsewhere is not."""
    names = own_names(text(BASE))
    assert {b"helper", b"plain", b"counter", b"pointed", b"sizes"} <= names
    assert b"other" not in names


def test_only_what_is_evaluated_counts_as_used() -> None:
    """Operands of sizeof and typeof name things without using them."""
    assert evaluated(b"return sizeof(a[b]) + sizeof c + d;") == {b"return", b"d"}
    assert evaluated(b"__typeof__(x) y = z;") == {b"y", b"z"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"f(); /* one */\n", b"f(); /* two and three */\n", True),
        (b"f(); // one\n", b"f();\n", True),
        (b"f(); /* one */ g();", b"f(); /* longer */ g();", False),
        (b'f("/* one */");', b'f("/* two */");', False),
        (b"f();\n", b"f();\n\n", False),
        (b"f(); // a \\\n b\n", b"f(); // c \\\n b\n", False),
    ],
)
def test_comments_count_by_the_room_they_take(one: bytes, other: bytes, same: bool) -> None:
    """What stands behind a comment is elsewhere if that is longer; what stands before is not."""
    assert (without_comments(one) == without_comments(other)) is same
