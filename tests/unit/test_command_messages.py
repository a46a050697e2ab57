"""A restored command says what it said when it ran: the same bytes, on the same streams."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from command_bench import Bench

SAYING = r"printf 'out\377\n\0'; printf 'err\n\033[1mbold\033[0m' >&2; : >out"


def test_messages_are_replayed_byte_for_byte(
    bench: Bench, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A hit says what the command said, on the same streams, whatever the bytes."""
    bench.script(SAYING, outputs=["out"])
    first = capfdbinary.readouterr()
    bench.open()
    bench.script(SAYING, outputs=["out"])

    assert first == (b"out\xff\n\0", b"err\n\x1b[1mbold\x1b[0m")
    assert capfdbinary.readouterr() == first
    assert bench.counts() == {"commands": 1, "hits": 1}


def test_messages_stay_with_their_command(
    bench: Bench, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A command that says little behind one that said much, or failed, says only that."""
    scripts = ["echo much more; echo long >&2; : >a", "echo fails; exit 1", "echo x; : >b", ": >c"]
    said = []
    for script in scripts * 2:
        bench.script(script, outputs=[script[-1]] if script[-1] in "abc" else ["d"])
        said.append(capfdbinary.readouterr())

    assert (
        said
        == [
            (b"much more\n", b"long\n"),
            (b"fails\n", b""),
            (b"x\n", b""),
            (b"", b""),
        ]
        * 2
    )
    assert bench.counts() == {"commands": 8, "hits": 3, "stored": 3, "not_stored": 2}


@pytest.mark.parametrize(
    ("colored", "terminal", "said"),
    [
        (True, True, b"\x1b[01;31merror\x1b[m\x1b[K: \x1b]8;;x"),
        (True, False, b"error: \x1b]8;;x"),
        (False, False, b"\x1b[01;31merror\x1b[m\x1b[K: \x1b]8;;x"),
    ],
)
def test_colors_are_for_terminals(
    bench: Bench,
    capfdbinary: pytest.CaptureFixture[bytes],
    colored: bool,
    terminal: bool,
    said: bytes,
) -> None:
    """Colors that this tool asked for are taken out where no terminal shows them."""
    script = r"printf '\033[01;31merror\033[m\033[K: \033]8;;x' >&2; : >out"
    bench.script(script, outputs=["out"], colored=colored, terminal=True)
    capfdbinary.readouterr()
    bench.open()
    bench.script(script, outputs=["out"], colored=colored, terminal=terminal)

    assert capfdbinary.readouterr() == (b"", said)


def test_messages_go_where_python_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that a project replaced, without a buffer of bytes, get text."""

    class Lines:
        def __init__(self) -> None:
            self.text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            pass

    lines = Lines()
    monkeypatch.setattr("sys.stdout", lines)
    bench.script(r"printf 'a\377b\n'; : >out", outputs=["out"])

    assert lines.text == "a\ufffdb\n"


def test_threads_do_not_mix_what_their_commands_say(bench: Bench) -> None:
    """Commands that run at once have streams and outputs of their own."""
    said: dict[int, tuple[bytes, bytes]] = {}

    def run(number: int) -> None:
        for turn in range(3):
            text = f"echo {number}-{turn}; echo {number}-{turn} >&2; echo {number} >out{number}"
            assert bench.script(text, outputs=[f"out{number}"]) == 0
            record = bench.last(f"out{number}")
            assert record is not None
            known = bench.cache.zir.manifest(record.action)
            assert known is not None
            said[number * 10 + turn] = known.results[0].stdout, known.results[0].stderr

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == {
        number * 10 + turn: (b"%d-%d\n" % (number, turn),) * 2
        for number in range(4)
        for turn in range(3)
    }
    assert bench.counts() == {"commands": 12, "stored": 12}
