"""Figures are counted once, add up over builds, and survive a damaged file."""

from __future__ import annotations

import errno
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.engine import statistics
from incremental_tool.engine.statistics import VERSION, Statistics, load, render, save
from incremental_tool.model.reason import REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path

EMPTY: dict[str, Any] = {"version": VERSION, "last": {}, "lifetime": {}}
BUILD: dict[str, Any] = {
    "counts": {
        "commands": 10,
        "hits": 5,
        "stored": 3,
        "not_stored": 1,
        "refused": 1,
        "outputs_restored": 4,
        "outputs_kept": 2,
        "command_ms_saved": 12_340,
        "bytes_written": 2_500_000,
        "bytes_read": 1_000_000,
        "us_lookup": 1500,
    },
    "reasons": {"zir.miss.new": 3, "zir.refuse.pch": 1, "hook.failed": 3},
    "files": {"stats": 20, "stat_seconds": 0.0015, "reads": 2, "hits": 40},
}


def at(path: Path) -> bytes:
    """Return the figures' path."""
    return os.fsencode(path / "stats.json")


# --- counting ----------------------------------------------------------------------


def test_figures_add_up() -> None:
    """Each addition counts, and the snapshot is a copy."""
    figures = Statistics()
    figures.add("hits")
    figures.add("hits")
    figures.add("command_ms_saved", 250)
    taken = figures.snapshot()
    figures.add("hits")

    assert taken == {"counts": {"hits": 2, "command_ms_saved": 250}, "reasons": {}}


def test_a_reason_is_new_once() -> None:
    """Every reason is counted; only the first of an id is news, whatever its detail."""
    figures = Statistics()
    news = [figures.note(Reason("zir.miss.new", detail)) for detail in ("a", "b")]
    news.append(figures.note(Reason("hook.failed", "a")))

    assert news == [True, False, True]
    assert figures.snapshot()["reasons"] == {"zir.miss.new": 2, "hook.failed": 1}


def test_threads_lose_no_count() -> None:
    """Threads that count at once lose nothing, and one of them gets the news."""
    figures = Statistics()
    news: list[bool] = []

    def count() -> None:
        for _ in range(500):
            figures.add("hits")
            news.append(figures.note(Reason("zir.miss.new")))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert figures.snapshot() == {"counts": {"hits": 2000}, "reasons": {"zir.miss.new": 2000}}
    assert news.count(True) == 1


# --- on disk ------------------------------------------------------------------------


def test_builds_add_up(tmp_path: Path) -> None:
    """The file holds the last build's figures and the sums over all builds."""
    save(at(tmp_path), BUILD)
    second = {"counts": {"hits": 7, "new": 1}, "reasons": {"zir.miss.new": 1}}
    save(at(tmp_path), second)
    figures = load(at(tmp_path))

    assert figures["last"] == second
    assert figures["lifetime"]["builds"] == 2
    assert figures["lifetime"]["counts"] == {**BUILD["counts"], "hits": 12, "new": 1}
    assert figures["lifetime"]["reasons"] == {**BUILD["reasons"], "zir.miss.new": 4}
    assert os.listdir(tmp_path) == ["stats.json"]


def test_without_a_file_there_are_no_figures(tmp_path: Path) -> None:
    """Before the first build everything is empty."""
    assert load(at(tmp_path)) == EMPTY


def with_part(**parts: Any) -> dict[str, Any]:
    """Return the file's figures with other parts."""
    return {"version": VERSION, "last": BUILD, "lifetime": {"builds": 1}, **parts}


DAMAGED: dict[str, Any] = {
    "a list": [1, 2],
    "a number": 5,
    "another version": with_part(version=2),
    "no version": {"last": {}, "lifetime": {}},
    "no last build": {"version": VERSION, "lifetime": {}},
    "no sums": {"version": VERSION, "last": {}},
    "a last build that is a list": with_part(last=[]),
    "sums that are text": with_part(lifetime="x"),
    "counts that are a list": with_part(last={"counts": [1]}),
    "reasons that are text": with_part(lifetime={"reasons": "x"}),
    "files that are a number": with_part(last={"files": 5}),
    "a count that is text": with_part(last={"counts": {"hits": "5"}}),
    "a count that is true": with_part(last={"counts": {"hits": True}}),
    "a count that is nothing": with_part(lifetime={"counts": {"hits": None}}),
    "a negative count": with_part(lifetime={"counts": {"hits": -1}}),
    "a count beyond all numbers": with_part(last={"counts": {"hits": 10**400}}),
    "an endless count": with_part(last={"files": {"stat_seconds": float("inf")}}),
    "a count that is no number": with_part(last={"files": {"stat_seconds": float("nan")}}),
    "builds that are text": with_part(lifetime={"builds": "many"}),
}


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_another_shape_counts_as_absent(tmp_path: Path, kind: str) -> None:
    """A file of another shape gives no figures, stops nothing, and is replaced by the next save."""
    (tmp_path / "stats.json").write_text(json.dumps(DAMAGED[kind]))

    assert load(at(tmp_path)) == EMPTY
    save(at(tmp_path), BUILD)
    assert load(at(tmp_path))["lifetime"]["builds"] == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"\0" * 50, b"[" * 100_000, b"9" * 100_000, b'{"version": 1'],
    ids=["empty", "cut off", "no text", "zeros", "endless nesting", "endless number", "cut later"],
)
def test_what_is_no_json_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    """Bytes that no JSON reader takes give no figures."""
    (tmp_path / "stats.json").write_bytes(content)

    assert load(at(tmp_path)) == EMPTY


def test_every_truncation_is_whole_or_absent(tmp_path: Path) -> None:
    """Cut at any byte, the file gives no figures, or, without its last line end, all of them."""
    save(at(tmp_path), {"counts": {"hits": 1}})
    whole = (tmp_path / "stats.json").read_bytes()
    figures = load(at(tmp_path))
    for size in range(len(whole)):
        (tmp_path / "stats.json").write_bytes(whole[:size])
        assert load(at(tmp_path)) == (figures if size == len(whole) - 1 else EMPTY)


def test_figures_that_cannot_be_written_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk raises OSError and keeps the old figures."""
    save(at(tmp_path), BUILD)

    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(statistics, "replace_file", no_room)
    with pytest.raises(OSError, match="No space"):
        save(at(tmp_path), BUILD)

    assert load(at(tmp_path))["lifetime"]["builds"] == 1


# --- as people read them -----------------------------------------------------------------


def test_the_block_tells_every_figure() -> None:
    """The block has the figures in words, and the reasons by how often they came."""
    assert render(BUILD, "Build statistics").splitlines() == [
        "=== Build statistics ===",
        "commands:   10 total, 5 restored, 3 run and stored, 1 run and not stored, 1 not cacheable",
        "outputs:    4 written, 2 left as they were, 12.3 s of commands not run",
        (
            "files:      20 stat calls (0.002 s), 2 reads (0.000 s, hashing 0.000 s), "
            "40 answered from memory"
        ),
        "store:      2.5 MB written, 1.0 MB read",
        "time:       lookup 0.002 s",
        f"       3  hook.failed: {REASONS['hook.failed']}",
        f"       3  zir.miss.new: {REASONS['zir.miss.new']}",
        f"       1  zir.refuse.pch: {REASONS['zir.refuse.pch']}",
    ]


def test_commands_that_were_done_by_parts_are_told() -> None:
    """Libraries, functions and preambles are part of the sum; combined files have a line."""
    counts = {"commands": 4, "hits": 1, "patched": 1, "by_function": 1, "by_preamble": 1}
    sections = {"combined": 1, "sections_total": 9, "sections_made": 2}
    lines = render({"counts": {**counts, **sections}}, "Build").splitlines()
    assert lines[1].startswith("commands:   4 total, 1 restored, ")
    assert lines[1].endswith(", 0 not cacheable, 3 done by parts")
    (combined,) = [line for line in lines if line.startswith("combined:")]
    assert "1 files of 9 sections, 7 kept, 2 made again" in combined


def test_a_build_without_work_has_a_block() -> None:
    """Figures that are not there are zero."""
    assert render({}, "Build").splitlines() == [
        "=== Build ===",
        "commands:   0 total, 0 restored, 0 run and stored, 0 run and not stored, 0 not cacheable",
        "outputs:    0 written, 0 left as they were, 0.0 s of commands not run",
        "store:      0.0 MB written, 0.0 MB read",
    ]


def test_patched_libraries_have_a_line() -> None:
    """What was read, written and moved for changed members is told where there were any."""
    counts = {
        "patched": 4,
        "archive_bytes_read": 3_000,
        "archive_bytes_written": 1_500_000,
        "archive_bytes_moved": 20_000_000,
    }
    block = render({"counts": counts}, "Build").splitlines()

    assert block[3] == (
        "libraries:  4 commands not run for changed members, "
        "0.003 MB read, 1.500 MB written, 20.000 MB moved"
    )


def test_a_reason_of_another_version_is_told() -> None:
    """An id that this version does not know is shown without a sentence."""
    assert "2  zir.miss.once: (from another version)" in render(
        {"reasons": {"zir.miss.once": 2}}, "Build"
    )


PARTS = st.dictionaries(
    st.sampled_from(["counts", "reasons", "files", "builds"]),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)
        ),
        max_leaves=5,
    ),
)


@given(last=PARTS, lifetime=PARTS)
def test_whatever_was_loaded_can_be_shown_and_added_to(
    tmp_path_factory: pytest.TempPathFactory, last: Any, lifetime: Any
) -> None:
    """No content of the file makes a later save or the block fail."""
    path = tmp_path_factory.mktemp("figures")
    (path / "stats.json").write_text(json.dumps(with_part(last=last, lifetime=lifetime)))
    figures = load(at(path))

    assert render(figures["last"], "Last build").startswith("=== Last build ===")
    assert render(figures["lifetime"], "All builds").startswith("=== All builds ===")
    save(at(path), BUILD)
    assert load(at(path))["last"] == BUILD
