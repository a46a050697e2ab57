"""A command's result is restored or made, and never stored where it may be wrong."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from command_bench import COPY

from incremental_tool.base.digest import digest_of
from incremental_tool.engine import command_cache, made
from incremental_tool.engine.plan import Found
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from command_bench import Bench

# --- misses and hits ---------------------------------------------------------------


def test_the_second_time_nothing_runs(bench: Bench) -> None:
    """A command runs once; after that its output is restored, also in another build."""
    assert bench.copy() == 0
    assert bench.counts() == {"commands": 1, "stored": 1}
    for _ in range(2):
        (bench.folder / "out").unlink()
        bench.open()
        assert bench.copy() == 0
        assert bench.read("out") == b"one\n"
        assert bench.counts() == {"commands": 1, "hits": 1}

    assert bench.lines("log") == 1
    assert bench.plain_runs == 0


def test_a_changed_input_runs_the_command(bench: Bench) -> None:
    """Other bytes in an input are a miss; the old bytes are a hit again."""
    bench.copy()
    bench.write("in", "two\n")
    bench.open()
    assert bench.copy() == 0
    assert bench.read("out") == b"two\n"
    assert list(bench.reasons()) == ["zir.miss.input-changed"]
    bench.write("in", "one\n")
    bench.open()
    assert bench.copy() == 0

    assert bench.read("out") == b"one\n"
    assert bench.counts() == {"commands": 1, "hits": 1}
    assert bench.lines("log") == 2


def test_a_file_that_comes_up_where_none_was_runs_the_command(bench: Bench) -> None:
    """A header that would be found first is a miss, though no input changed."""
    bench.copy(absent=["early/in"])
    bench.open()
    assert bench.copy(absent=["early/in"]) == 0
    assert bench.counts() == {"commands": 1, "hits": 1}
    bench.write("early/in", "")
    bench.open()
    bench.copy()

    assert bench.counts() == {"commands": 1, "stored": 1}
    assert bench.reasons() == {"zir.miss.input-appeared": 1}


def test_a_changed_command_is_told_by_its_words(bench: Bench) -> None:
    """A miss is explained by what was different at the target's last build."""
    fields = [("kind", b"compile"), ("command", b"cc\0-O1"), ("environment LANG", b"x")]
    bench.copy(fields=fields)
    seen = []
    for at, (name, value) in enumerate(
        [("command", b"cc\0-O2"), ("environment LANG", b"y"), ("toolchain", b"z")]
    ):
        bench.open()
        bench.copy(fields=[*fields[: at + 1], (name, value)])
        seen += list(bench.reasons())
        bench.copy(fields=fields)

    assert seen == [
        "zir.miss.command-changed",
        "zir.miss.environment-changed",
        "zir.miss.toolchain-changed",
    ]


def test_an_output_that_is_right_already_is_left_alone(bench: Bench) -> None:
    """A hit does not touch a file that has its bytes, though SCons would have removed it."""
    bench.copy()
    before = os.stat("out")
    bench.open()
    bench.copy(removable=[b"out"])

    assert os.stat("out").st_ino == before.st_ino
    assert os.stat("out").st_mtime_ns == before.st_mtime_ns
    assert bench.cache.statistics.counts["outputs_kept"] == 1
    assert bench.lines("log") == 1


def test_what_scons_would_have_removed_is_gone_before_a_command_runs(bench: Bench) -> None:
    """On a miss a command finds no old output."""
    bench.write("out", "old")

    assert bench.script("test ! -e out && touch out", outputs=["out"], removable=[b"out"]) == 0
    assert bench.read("out") == b""


@pytest.mark.parametrize(
    ("made", "umask", "restored"),
    [
        (0o644, 0o077, 0o600),
        (0o755, 0o077, 0o700),
        (0o644, 0o002, 0o664),
        (0o640, 0o077, 0o640),
        (0o444, 0o000, 0o444),
    ],
)
def test_modes_follow_the_umask_where_they_came_from_it(
    bench: Bench, made: int, umask: int, restored: int
) -> None:
    """A mode that the umask 022 leaves is made for the present umask; another one is exact."""
    bench.cache.umask = 0o022
    script = f"echo x >out; chmod {made:o} out"
    bench.script(script, outputs=["out"])
    os.unlink("out")
    bench.open()
    bench.cache.umask = umask
    bench.script(script, outputs=["out"])

    assert bench.counts() == {"commands": 1, "hits": 1}
    assert stat.S_IMODE(os.stat("out").st_mode) == restored


def test_outputs_are_looked_at_anew(bench: Bench) -> None:
    """What a command or a hit wrote is not answered from an earlier look."""
    seen = []
    for text in ("one\n", "two\n", "one\n"):
        bench.write("in", text)
        bench.cache.files.forget(b"in")
        bench.copy()
        seen.append(bench.cache.files.digest(b"out"))

    assert bench.counts() == {"commands": 3, "hits": 1, "stored": 2}
    assert seen == [digest_of(b"one\n"), digest_of(b"two\n"), digest_of(b"one\n")]


def test_every_output_is_restored(bench: Bench) -> None:
    """All that a command writes comes back, in folders that are gone, too."""
    script = "mkdir -p sub; echo 1 >out; echo 2 >sub/out; : >empty"
    outputs = ["out", "sub/out", "empty"]
    bench.script(script, outputs=outputs)
    for name in outputs:
        os.unlink(name)
    os.rmdir("sub")
    bench.open()
    bench.script(script, outputs=outputs)

    assert [bench.read(name) for name in outputs] == [b"1\n", b"2\n", b""]
    assert bench.counts() == {"commands": 1, "hits": 1}


def test_a_script_without_words_goes_to_the_shell(bench: Bench) -> None:
    """A plan without words runs the command's text as SCons passes it."""
    assert bench.copy(argv=None) == 0
    bench.open()
    assert bench.copy(argv=None) == 0

    assert bench.lines("log") == 1


def test_commands_get_the_builds_environment(bench: Bench) -> None:
    """The environment is the request's and nothing of the tool's own."""
    environment = {"PATH": os.environ["PATH"], "MINE": "my value"}
    script = "env | grep -v '^_=\\|^PWD=\\|^SHLVL=' | sort >out"
    bench.script(script, outputs=["out"], environment=environment)

    assert bench.read("out").decode() == "".join(
        f"{name}={value}\n" for name, value in sorted(environment.items())
    )


# --- commands that fail ---------------------------------------------------------------------


def test_a_failing_command_fails_each_time(
    bench: Bench, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Its status and its messages are passed on, and nothing of it is stored."""
    for _ in range(2):
        bench.open()
        assert bench.script("echo no >&2; : >out; echo x >>log; exit 3", outputs=["out"]) == 3
        assert bench.counts() == {"commands": 1, "not_stored": 1}
        assert bench.reasons()["zir.skip.failed"] == 1
        assert capfdbinary.readouterr().err == b"no\n"

    assert bench.lines("log") == 2
    record = bench.last("out")
    assert record is not None
    assert (record.outcome, record.detail) == ("zir.skip.failed", "status 3")


@pytest.mark.parametrize(("number", "status"), [("KILL", 137), ("TERM", 143), ("SEGV", 139)])
def test_a_killed_command_ends_as_under_the_shell(bench: Bench, number: str, status: int) -> None:
    """A signal becomes the status that a shell would have given."""
    assert bench.script(f"kill -{number} $$", outputs=["out"]) == status


def test_a_program_that_is_not_there_is_left_to_the_shell(bench: Bench) -> None:
    """SCons's own way says what is wrong, in its own words."""
    bench.plain_status = 127

    assert bench.script("", argv=["/missing/program"], outputs=["out"]) == 127
    assert bench.plain_runs == 1


# --- inputs that move --------------------------------------------------------------------------


MOVES = {
    "edited": "echo two >in",
    "edited to equal size": "echo ONE >in",
    "replaced by an older file": "echo ONE >new; touch -d 2001-01-01 new; mv new in",
    "touched": "touch in",
    "removed": "rm in",
    "made a folder": "rm in; mkdir in",
}


@pytest.mark.parametrize("move", sorted(MOVES))
def test_an_input_that_moves_while_the_command_runs_is_not_stored(bench: Bench, move: str) -> None:
    """The output stays and the status is kept, but the next build makes the output again."""
    assert bench.script(f"{COPY}; {MOVES[move]}", inputs=["in"], outputs=["out"]) == 0
    assert bench.read("out") == b"one\n"
    assert bench.counts() == {"commands": 1, "not_stored": 1}
    assert bench.reasons() == {"zir.miss.new": 1, "zir.skip.input-moved": 1}

    if os.path.isdir("in"):
        os.rmdir("in")
    bench.write("in", "two\n")
    bench.open()
    assert bench.script(f"{COPY}; {MOVES[move]}", inputs=["in"], outputs=["out"]) == 0
    assert bench.counts() == {"commands": 1, "not_stored": 1}
    assert bench.read("out") == b"two\n"
    assert bench.lines("log") == 2


def test_a_file_that_comes_up_while_the_command_runs_is_not_stored(bench: Bench) -> None:
    """Whether the command saw it is not known."""
    script = f"{COPY}; mkdir -p early; echo >early/in"
    bench.script(script, inputs=["in"], outputs=["out"], absent=["early/in"])

    assert bench.counts() == {"commands": 1, "not_stored": 1}
    assert "zir.skip.input-moved" in bench.reasons()


def test_what_stood_there_all_the_time_was_not_looked_for(bench: Bench) -> None:
    """A file at an absent place from before the command does not forbid the result."""
    bench.write("early/in", "")
    bench.copy(absent=["early/in"])
    bench.open()
    bench.copy()

    assert bench.counts() == {"commands": 1, "hits": 1}


def test_an_input_built_just_now_does_not_keep_a_result_from_being_stored(bench: Bench) -> None:
    """The command waits for the clock to pass a built input, and is stored then."""
    for number in range(5):
        name = f"made{number}"
        with open(name, "w", encoding="ascii") as file:
            file.write("text")
        bench.script(
            f"cat {name} >out{number}",
            inputs=[name],
            outputs=[f"out{number}"],
            fresh_inputs=[name.encode(), b"missing"],
        )

    assert bench.counts() == {"commands": 5, "stored": 5}


# --- outputs that are not as planned --------------------------------------------------------------


@pytest.mark.parametrize(
    "script", ["true", "mkdir out", "ln -s in out", "mkfifo out", "ln -s nowhere out"]
)
def test_an_output_that_is_no_file_is_not_stored(bench: Bench, script: str) -> None:
    """A missing output, a folder, a link or a FIFO stays as the command left it."""
    assert bench.script(script, outputs=["out"]) == 0

    assert bench.counts() == {"commands": 1, "not_stored": 1}
    assert bench.reasons()["zir.skip.output-missing"] == 1


def test_what_is_too_large_is_not_stored(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs and messages beyond their limits are kept, and not remembered."""
    monkeypatch.setattr(made, "MAX_OBJECT", 100)
    bench.script("head -c 101 /dev/zero >out", outputs=["out"])
    assert os.path.getsize("out") == 101
    monkeypatch.setattr(command_cache, "MAX_STREAM", 100)
    bench.script("head -c 101 /dev/zero >&2; : >out", outputs=["out"])

    assert bench.counts() == {"commands": 2, "not_stored": 2}
    assert bench.reasons()["zir.skip.output-too-large"] == 2


def test_what_the_plan_cannot_vouch_for_is_not_stored(bench: Bench) -> None:
    """A reason from behind the command counts as a refusal or as a skip, by its id."""
    bench.copy(collect=lambda _: Reason("zir.refuse.time-macro", "in"))
    assert bench.counts() == {"commands": 1, "refused": 1}
    bench.copy(collect=lambda _: Reason("zir.skip.input-moved", "in"))
    assert bench.counts() == {"commands": 2, "refused": 1, "not_stored": 1}

    assert bench.lines("log") == 2


def test_the_plan_is_given_what_the_command_said(bench: Bench) -> None:
    """A list of inputs may stand in the command's messages."""
    given: list[bytes] = []

    def collect(said: bytes) -> Found:
        given.append(said)
        return Found([], [])

    bench.script("echo out; echo err >&2; : >out", outputs=["out"], collect=collect)

    assert given == [b"err\n"]


def test_a_second_command_asks_behind_a_good_one(bench: Bench) -> None:
    """A dependency query runs after success only, silently, and cannot fail the command."""
    bench.copy(after=["sh", "-c", "echo asked >>query; echo noise; echo noise >&2; exit 1"])
    assert bench.lines("query") == 1
    bench.script("exit 1", outputs=["out"], after=["sh", "-c", "echo asked >>query"])

    assert bench.lines("query") == 1
    assert bench.counts() == {"commands": 2, "stored": 1, "not_stored": 1}
