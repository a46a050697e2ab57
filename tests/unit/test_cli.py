"""`incremental-tool` tells what is there, finds what is wrong, and removes what it was told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from command_bench import StandIn

import incremental_tool
from incremental_tool.base.digest import digest_of
from incremental_tool.model.reason import Reason
from incremental_tool.store.trim import entries

if TYPE_CHECKING:
    from pathlib import Path

    from command_bench import Bench
    from conftest import Ran


def store_of(bench: Bench) -> list[bytes]:
    """Return the files of a project's store."""
    return sorted(entry.path for entry in entries(bench.cache.settings.cache_dir))


def object_of(content: bytes) -> str:
    """Return where an object lies."""
    name = digest_of(content).hex()
    return f".incremental/cache/objects/{name[:2]}/{name[2:]}"


# --- stats -------------------------------------------------------------------------


def test_stats_tell_the_last_and_all_builds(built: Bench, tool: Any) -> None:
    """Both blocks, and how large the store is of what it may be."""
    ran = tool("stats")
    lines = ran.out.splitlines()

    assert ran.status == 0
    assert lines[0] == "=== Last build ==="
    assert lines[1].startswith("commands:   1 total, 1 restored, 0 run and stored")
    assert "=== All 2 builds ===" in lines
    assert "commands:   3 total, 1 restored, 1 run and stored, 1 run and not stored" in ran.out
    assert lines[-1].startswith(f"store:      {len(store_of(built))} files, ")
    assert lines[-1].endswith(f"of at most 5369 MB in {built.folder}/.incremental/cache")


@pytest.mark.usefixtures("built")
def test_stats_are_told_to_programs(tool: Any) -> None:
    """The same figures as JSON."""
    figures = json.loads(tool("stats", "--json").out)

    assert figures["last"]["counts"]["hits"] == 1
    assert figures["lifetime"]["counts"]["commands"] == 3
    assert figures["lifetime"]["builds"] == 2
    assert figures["lifetime"]["reasons"]["zir.skip.failed"] == 1


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"version": 1, "last": {"counts": 5}}'])
def test_without_figures_there_are_none(tool: Any, tmp_path: Path, content: Any) -> None:
    """Before the first build, and with a damaged file, the command says so and succeeds."""
    (tmp_path / ".incremental").mkdir()
    if content is not None:
        (tmp_path / ".incremental" / "stats.json").write_bytes(content)
    ran = tool("--top", str(tmp_path), "stats")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"No build with the tool is recorded in {tmp_path}/.incremental.\n"


# --- explain ------------------------------------------------------------------------


def told(ran: Ran) -> list[str]:
    """Return what is said of the present, without what always begins its lines."""
    return [line[len("  now: ") :] for line in ran.out.splitlines() if line.startswith("  now: ")]


@pytest.mark.usefixtures("built")
def test_explain_tells_a_hit(tool: Any) -> None:
    """What happened, when, by which command, and that it would happen again."""
    ran = tool("explain", "./out")

    assert ran.status == 0
    assert ran.out.splitlines()[0] == ("./out: restored from the cache; its command did not run.")
    assert "  command: echo ran >>log; cat in >out" in ran.out.splitlines()
    assert told(ran) == ["all 1 inputs are as they were; it would be restored"]


@pytest.mark.usefixtures("built")
def test_explain_tells_a_failure(tool: Any) -> None:
    """A command that was not stored is told with its reason."""
    ran = tool("explain", "broken")

    assert ran.status == 0
    assert "made by its command, and not stored: the command failed: status 3" in ran.out
    assert "[zir.skip.failed]" in ran.out


def test_explain_tells_a_refusal(bench: Bench, tool: Any) -> None:
    """A command that the cache does not know is told with its reason, and with nothing more."""
    bench.run(bench.request("cmd", ["out"]), StandIn(lambda _: Reason("zir.refuse.pch", "a.gch")))
    ran = tool("explain", "out")

    assert ran.status == 0
    assert "out: made by its command, not cacheable: " in ran.out
    assert ran.out.splitlines()[0].endswith(": a.gch [zir.refuse.pch]")
    assert len(ran.out.splitlines()) == 2


def test_explain_tells_what_another_version_logged(bench: Bench, tool: Any) -> None:
    """An outcome that this version does not know is shown as it is."""
    bench.cache.log_outcome([b"out"], b"a" * 16, b"r" * 16, "zir.miss.once", 5)
    ran = tool("explain", "out")

    assert ran.status == 0
    assert ran.out.splitlines()[0] == "out: zir.miss.once (from another version of this tool)"


@pytest.mark.usefixtures("built")
def test_explain_tells_without_a_manifest(tool: Any) -> None:
    """Where the store is gone, what the log says is still told."""
    for folder, _, names in os.walk(".incremental/cache/zir"):
        for name in names:
            os.unlink(os.path.join(folder, name))
    ran = tool("explain", "out")

    assert ran.status == 0
    assert ran.out.splitlines()[0].startswith("out: restored from the cache")
    assert told(ran) == []


def test_explain_tells_what_is_different_now(built: Bench, tool: Any) -> None:
    """Changed and vanished inputs and files that came up are named with their digests."""
    built.write("in", "two\n")
    old, new = digest_of(b"one\n").hex(), digest_of(b"two\n").hex()
    assert told(tool("explain", "out")) == [
        f"changed in ({old} -> {new})",
        "it would be made again",
    ]
    os.unlink("in")
    assert told(tool("explain", "out")) == [f"changed in ({old} -> gone)", "it would be made again"]


def test_explain_tells_what_came_up(bench: Bench, tool: Any) -> None:
    """A file where the command looked in vain is named; a folder there is none."""
    bench.copy(absent=["early/in", "early/folder"])
    bench.open()
    os.makedirs("early/folder")
    assert told(tool("explain", "out")) == ["all 1 inputs are as they were; it would be restored"]
    bench.write("early/in", "")

    assert told(tool("explain", "out")) == ["appeared early/in", "it would be made again"]


def test_explain_tells_of_a_result_that_fits_again(bench: Bench, tool: Any) -> None:
    """Where the newest result does not fit, an older one may."""
    bench.copy()
    bench.write("in", "two\n")
    bench.open()
    bench.copy()
    bench.write("in", "one\n")
    bench.open()

    assert told(tool("explain", "out"))[-1] == "another stored result fits"


@pytest.mark.usefixtures("built")
def test_explain_tells_of_a_trimmed_output(tool: Any) -> None:
    """With equal inputs but without the stored output, nothing can be restored."""
    os.unlink(object_of(b"one\n"))

    assert told(tool("explain", "out")) == [
        "all 1 inputs are as they were; it would be made again: its stored output is gone"
    ]


@pytest.mark.parametrize("gone", [7, 0])
def test_explain_tells_how_much_more_there_is(bench: Bench, tool: Any, gone: int) -> None:
    """Of many differences the first few are told, and how many are left."""
    inputs = [f"in{number}" for number in range(7)]
    absent = [f"no{number}" for number in range(8)]
    for name in inputs:
        bench.write(name, "x")
    bench.script(": >out", inputs=inputs, outputs=["out"], absent=absent)
    bench.open()
    for name in inputs[:gone]:
        os.unlink(name)
    for name in absent:
        bench.write(name, "")
    lines = told(tool("explain", "out"))

    assert len([line for line in lines if line.startswith("changed")]) == min(gone, 5)
    assert len([line for line in lines if line.startswith("appeared")]) == 5
    assert lines[-2:] == [f"and {max(gone - 5, 0) + 3} more", "it would be made again"]


@pytest.mark.usefixtures("built")
def test_explain_lists_inputs(tool: Any) -> None:
    """On request every input is listed with its digest."""
    lines = tool("explain", "out", "--inputs").out.splitlines()

    assert lines[-1] == f"  input {digest_of(b'one' + bytes([10])).hex()} in"


@pytest.mark.usefixtures("built")
def test_explain_does_not_know_every_target(tool: Any) -> None:
    """An unknown target is status 1, with known targets of its name where there are any."""
    ran = tool("explain", "nothing")
    assert ran.status == 1
    assert ran.out.startswith("nothing: no command for it has come to this tool.\n")
    ran = tool("explain", "build/out")

    assert ran.status == 1
    assert "Known targets of that name: out" in ran.out


def test_explain_needs_a_build(tool: Any, tmp_path: Path) -> None:
    """Without any state one line says what to do, and nothing is made."""
    ran = tool("--top", str(tmp_path), "explain", "out")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert f"there is no {tmp_path}/.incremental" in ran.err
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("built")
def test_explain_looks_at_the_project_from_elsewhere(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --top, targets and inputs are those of that folder."""
    monkeypatch.chdir("/")
    ran = tool("--top", str(tmp_path), "explain", "out")

    assert told(ran) == ["all 1 inputs are as they were; it would be restored"]


def test_explain_changes_nothing(built: Bench, tool: Any) -> None:
    """Asking leaves the state as it is."""
    state = [".incremental/file_hashes.bin", ".incremental/zir_index.bin"]
    before = [built.read(name) for name in state]
    built.write("in", "two\n")
    tool("explain", "out")

    assert [built.read(name) for name in state] == before


# --- the command line -------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [[], ["no-such-command"], ["explain", "a.o", "b.o"], ["stats", "--no-such-option"]]
)
def test_wrong_usage_is_status_2(tool: Any, arguments: list[str]) -> None:
    """What cannot be understood is told on stderr."""
    ran = tool(*arguments)

    assert (ran.status, ran.out) == (2, "")
    assert "usage: incremental-tool" in ran.err


def test_version_and_help(tool: Any) -> None:
    """Both are told, and are no error."""
    ran = tool("--version")
    assert (ran.status, ran.out) == (0, f"incremental-tool {incremental_tool.__version__}\n")
    ran = tool("--help")

    assert ran.status == 0
    for command in ("stats", "explain", "verify", "trim", "clean", "doctor"):
        assert f"    {command} " in ran.out


def test_a_folder_that_is_not_there_is_one_line(tool: Any) -> None:
    """An error of the disk is told without a traceback."""
    ran = tool("--top", "/missing/folder", "explain", "x")

    assert ran.status == 2
    assert ran.err.count("\n") == 1


def as_process(*arguments: str, out: int) -> tuple[int, bytes]:
    """Run the command as its users do, as a process of its own; return status and stderr."""
    python = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(
        [sys.executable, "-m", "incremental_tool", *arguments],
        env={**os.environ, **python, "PYTHONUNBUFFERED": ""},  # buffered, as it usually is
        stdout=out,
        stderr=subprocess.PIPE,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_names_that_are_no_text_are_told(bench: Bench) -> None:
    """A file name that the terminal cannot show is shown in part, without a traceback."""
    name = os.fsdecode(b"\xff\xc3\xa9")
    bench.write(name, "x")
    bench.script(f"cat {name} >out", inputs=[name], outputs=["out"])
    bench.cache.commit()
    bench.cache.close()
    bench.write(name, "y")
    with open("said", "wb") as said:
        ended = as_process("explain", "out", out=said.fileno())

    assert ended == (0, b"")
    assert rb"changed \udcff\xe9 (" in bench.read("said")


@pytest.mark.usefixtures("built")
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`| head` ends the command quietly: writing to nobody is no failure."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = as_process("stats", "--json", out=writer)
    os.close(writer)

    assert ended == (0, b"")
