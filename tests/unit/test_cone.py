"""The cone of a change, from recipes written by hand."""

from __future__ import annotations

import pytest

from incremental_tool.engine.cone import find_cone, folders_below, why_not
from incremental_tool.model.recipe import AFTER, FUNCTION, REFUSED, RUN, Action, Recipe
from incremental_tool.store.recipe import pack_recipe, unpack_recipe

A_C, B_C, A_O, B_O, PROGRAM, TEXT, OTHER, HEADER = range(8)


def indexed(made: Recipe) -> Recipe:
    """Return the recipe as it is loaded."""
    made.directives = bytes(8 * 8)
    return unpack_recipe(b"".join(pack_recipe(made)))


def recipe() -> Recipe:
    """Return two compiles, the link of both, and a command of its own."""
    made = Recipe()
    made.actions = [
        Action(b"compile", [RUN + b"cc a"], [], [A_O], [A_C], [HEADER]),
        Action(b"compile", [RUN + b"cc b"], [], [B_O], [B_C], []),
        Action(b"link", [RUN + b"cc"], [], [PROGRAM], [A_O, B_O], []),
        Action(b"command", [RUN + b"cp"], [], [OTHER], [TEXT], []),
    ]
    return made


@pytest.mark.parametrize(
    ("changed", "missing", "numbers"),
    [
        ([B_C], [], [1, 2]),
        ([HEADER], [], [0, 2]),
        ([TEXT], [], [3]),
        ([], [], []),
        ([], [A_O], [0, 2]),
        ([TEXT], [PROGRAM], [2, 3]),
    ],
)
def test_the_cone_is_what_a_change_can_reach(
    changed: list[int], missing: list[int], numbers: list[int]
) -> None:
    """It holds users of what changed, makers of what is missing, and users of what those make."""
    jobs = find_cone(indexed(recipe()), changed, set(missing))

    assert [job.number for job in jobs] == numbers
    assert [job.forced for job in jobs] == [
        any(at in missing for at in job.action.outputs) for job in jobs
    ]


def test_a_job_waits_for_those_that_make_what_it_uses() -> None:
    """A link waits for the compiles in the cone, and for no others."""
    compile_b, link = find_cone(indexed(recipe()), [B_C], set())

    assert compile_b.waits == []
    assert link.waits == [compile_b]
    assert link.changed == {B_O}


def test_a_job_waits_for_what_must_only_be_made_before() -> None:
    """It is no reason to run, but where both run it comes first."""
    made = recipe()
    made.actions[3].flags = [AFTER + b"%d" % PROGRAM]

    assert [job.number for job in find_cone(indexed(made), [B_C], set())] == [1, 2]

    *_, link, copy = find_cone(indexed(made), [B_C, TEXT], set())
    assert copy.waits == [link]
    assert copy.changed == {TEXT}


@pytest.mark.parametrize("flag", sorted(REFUSED))
def test_flags_that_forbid_a_replay(flag: bytes) -> None:
    """Each of the flags is a reason of its own."""
    made = recipe()
    made.actions[3].flags = [flag]
    (job,) = find_cone(indexed(made), [TEXT], set())

    assert why_not(job, silent=False) == ("replay.refuse.action", REFUSED[flag])


def test_functions_are_not_replayed() -> None:
    """A Python function among the steps is named."""
    made = recipe()
    made.actions[3].steps = [RUN + b"cp", FUNCTION + b"install"]
    (job,) = find_cone(indexed(made), [TEXT], set())

    assert why_not(job, silent=False) == ("replay.refuse.function", "install")


def test_what_was_recorded_in_silence_is_replayed_in_silence() -> None:
    """Where the text for a command is not known, only -s can do without."""
    made = recipe()
    made.actions[3].flags = [b"unshown"]
    (job,) = find_cone(indexed(made), [TEXT], set())

    assert why_not(job, silent=True) is None
    assert why_not(job, silent=False) is not None


@pytest.mark.parametrize(
    ("folders", "paths", "found"),
    [
        ([b"data"], [b"data/a"], b"data/a"),
        ([b"data"], [b"database"], None),
        ([b"."], [b"x/y"], b"x/y"),
        ([b"."], [b"/usr/x"], None),
        ([b"/usr"], [b"a", b"/usr/x"], b"/usr/x"),
        ([], [b"a"], None),
    ],
)
def test_paths_in_folders(folders: list[bytes], paths: list[bytes], found: bytes | None) -> None:
    """A path is in a folder when it lies below it, at any depth."""
    assert folders_below(folders, paths) == found
