"""A toolchain's identity follows the content of all that it resolves to, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Callable, Union

import pytest
from made_up_compiler import Machine, content_digest

from incremental_tool.engine import probe, toolchain
from incremental_tool.engine.probe import UNKNOWN, Probed
from incremental_tool.engine.toolchain import ASK_AGAIN_SECONDS, Toolchain, Toolchains
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def identity(answer: Union[Toolchain, Reason]) -> bytes:
    """Return the identity of a toolchain that must be known."""
    assert isinstance(answer, Toolchain), answer
    return answer.digest


# --- one run ---------------------------------------------------------------------


def test_a_driver_is_asked_once_a_run(machine: Machine) -> None:
    """However many commands use it, the driver runs once; it is told with all it found."""
    chains = machine.open()
    answers = [machine.ask(chains) for _ in range(5)]
    driver = os.fsencode(machine.folder / "bin" / "gcc")

    assert len(machine.probes) == 1
    assert answers[1:] == answers[:-1]
    first = answers[0]
    assert isinstance(first, Toolchain)
    assert first[1:] == ("gcc", driver, [b"/usr/include"], [b"/lib"], False)


def test_what_changes_the_answer_is_asked_anew(machine: Machine) -> None:
    """Other words, languages, variables that compilers read, and linking are other questions."""
    chains = machine.open()
    environment = machine.environment
    machine.ask(chains)
    machine.ask(chains, "gcc", "-m32")
    machine.ask(chains, LANG="C")
    machine.ask(chains, CPATH="inc")
    machine.ask(chains, str(machine.folder / "bin" / "gcc"))
    chains.compiler("gcc", [], "c++", environment)
    chains.compiler("gcc", [], "c", environment, linking=True)
    machine.ask(chains, PATH=f"{environment['PATH']}{os.pathsep}/more")
    assert len(machine.probes) == 8

    machine.ask(chains, HOME="/elsewhere", EDITOR="vi")
    assert len(machine.probes) == 8


def test_threads_wait_for_one_question(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that start at once do not each run the driver: the others wait for the first."""
    chains = machine.open()
    waited: list[bool] = []

    def ask(*question: Any) -> Any:
        waited.append(chains._mutex.locked())
        return machine.probe(*question)

    monkeypatch.setattr(toolchain, "probe_driver", ask)
    answers: list[Union[Toolchain, Reason]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(machine.ask(chains))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert waited == [True]
    assert len({identity(answer) for answer in answers}) == 1
    assert len(answers) == 6


# --- what cannot be identified -----------------------------------------------------


def refusal(answer: Union[Toolchain, Reason]) -> str:
    """Return the detail of a refusal."""
    assert isinstance(answer, Reason), answer
    assert answer.id == "zir.refuse.unknown-compiler"
    return answer.detail


def test_a_driver_that_is_not_found_is_refused(machine: Machine) -> None:
    """A program that is not on the build's PATH is named."""
    assert refusal(machine.ask(machine.open(), "icc")) == "icc is not found"
    assert refusal(machine.ask(machine.open(), PATH="/missing")) == "gcc is not found"
    assert machine.probes == []


def test_a_script_is_refused(machine: Machine) -> None:
    """What a wrapper runs cannot be told from its content."""
    path = machine.install("bin/gcc", "#!/bin/sh\nexec real-gcc\n")

    assert refusal(machine.ask(machine.open())) == f"{os.fsdecode(path)} is a script"
    assert machine.probes == []


def test_a_driver_that_says_something_else_is_refused(machine: Machine) -> None:
    """What is neither gcc nor clang is named, and asked once a run."""
    machine.known = False
    chains = machine.open()

    path = os.fspath(machine.folder / "bin" / "gcc")
    assert [refusal(machine.ask(chains)) for _ in range(3)] == [path] * 3
    assert len(machine.probes) == 1
    chains.begin_run()
    machine.known = True
    assert isinstance(machine.ask(chains), Toolchain)


def test_a_part_that_cannot_be_read_is_refused(machine: Machine) -> None:
    """A toolchain of which a part has no digest has no identity."""
    (machine.folder / "bin" / "libc.so").unlink()
    chains = machine.open()

    assert refusal(machine.ask(chains)) == "a part of it cannot be read"
    chains.save()
    assert not (machine.folder / "toolchains.bin").exists()


# --- what the identity is made of ----------------------------------------------------


def test_paths_do_not_count(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same compiler in another folder has the same identity."""
    other = Machine(tmp_path / "elsewhere", [])
    here = identity(machine.ask(machine.open()))
    monkeypatch.setattr(toolchain, "probe_driver", other.probe)

    assert identity(other.ask(other.open())) == here
    assert len(other.probes) == 1


@pytest.mark.parametrize("name", ["gcc", "cc1", "as", "libc.so"])
def test_the_content_of_every_part_counts(machine: Machine, name: str) -> None:
    """A change in one part of the compiler, wherever it is, is another toolchain."""
    before = identity(machine.ask(machine.open()))
    machine.install(f"bin/{name}", "upgraded")

    assert identity(machine.ask(machine.open())) != before


def test_the_version_counts(machine: Machine) -> None:
    """What the driver says of itself is part of it: `-march=native` is told there."""
    before = identity(machine.ask(machine.open()))
    machine.version += b" for another processor"

    assert identity(machine.ask(machine.open())) != before


def test_roles_count() -> None:
    """The same file as a specs file and as a library makes two toolchains."""
    seen = set()
    for role in ("specs", "library"):
        probed = Probed("gcc", b"", [(role, b"/file")], [], [], [], link_depfile=False)
        seen.add(toolchain._toolchain(b"/gcc", toolchain._Record(probed, [b"d" * 16])).digest)

    assert len(seen) == 2


# --- from one build to the next ---------------------------------------------------------


def test_the_next_build_asks_nothing(machine: Machine) -> None:
    """All that a driver resolved to is remembered while its parts are as they were."""
    first = machine.ask(machine.open())
    chains = machine.saved()

    assert machine.ask(chains) == first
    chains.begin_run()
    assert machine.ask(chains) == first
    assert machine.probes == []


@pytest.mark.parametrize("name", ["gcc", "cc1", "as", "libc.so"])
def test_a_changed_part_is_noticed(machine: Machine, name: str) -> None:
    """With any part upgraded in place the driver is asked again, and the identity is another."""
    before = identity(machine.ask(machine.open()))
    chains = machine.saved()
    machine.install(f"bin/{name}", "upgraded")

    assert identity(machine.ask(chains)) != before
    assert len(machine.probes) == 1
    chains.save()
    assert identity(machine.ask(machine.open())) != before
    assert len(machine.probes) == 1


def test_a_part_changed_during_a_run_is_noticed_in_the_next(machine: Machine) -> None:
    """A process that builds again and again looks at the parts anew for each build."""
    chains = machine.open()
    before = identity(machine.ask(chains))
    machine.install("bin/cc1", "upgraded")
    assert identity(machine.ask(chains)) == before
    chains.begin_run()

    assert identity(machine.ask(chains)) != before
    assert len(machine.probes) == 2


def test_a_vanished_part_is_noticed(machine: Machine) -> None:
    """A part that is gone makes the driver be asked again."""
    chains = machine.saved()
    (machine.folder / "bin" / "libc.so").unlink()

    refusal(machine.ask(chains))
    assert len(machine.probes) == 1


def test_a_file_that_would_be_used_instead_is_noticed(machine: Machine) -> None:
    """An assembler that comes up where it is found first takes over, though no part changed."""
    before = identity(machine.ask(machine.open()))
    chains = machine.saved()
    machine.install("bin/own-as", "another assembler")

    assert identity(machine.ask(chains)) != before
    assert len(machine.probes) == 1


def test_a_driver_earlier_on_the_path_is_noticed(machine: Machine) -> None:
    """A compiler installed in an earlier folder is the one that commands would run."""
    early = machine.folder / "early"
    path = f"{early}{os.pathsep}{machine.environment['PATH']}"
    machine.environment["PATH"] = path
    chains = machine.saved()
    driver = machine.install("early/gcc", "another gcc")
    answer = machine.ask(chains)

    assert isinstance(answer, Toolchain)
    assert answer.driver == driver
    assert len(machine.probes) == 1


def test_another_path_is_another_question(machine: Machine) -> None:
    """A changed PATH may lead to other tools: the driver is asked, and both answers are kept."""
    chains = machine.saved()
    other = f"{machine.environment['PATH']}{os.pathsep}/more"
    machine.ask(chains, PATH=other)
    assert len(machine.probes) == 1
    chains.save()
    chains = machine.open()
    machine.ask(chains, PATH=other)
    machine.ask(chains)

    assert len(machine.probes) == 1


def test_native_is_asked_in_every_run(machine: Machine) -> None:
    """What `-march=native` means depends on the processor: it is never remembered."""
    chains = machine.saved()
    for _ in range(2):
        machine.ask(chains, "gcc", "-march=native")
    assert len(machine.probes) == 1
    chains.save()
    chains.begin_run()
    machine.ask(chains, "gcc", "-march=native")
    machine.ask(machine.open(), "gcc", "-march=native")

    assert len(machine.probes) == 3


# --- other programs ----------------------------------------------------------------------------


def test_a_program_is_known_by_its_content(machine: Machine) -> None:
    """A program that the user vouches for is not asked anything; a script is one, too."""
    path = machine.install("bin/generate", "#!/bin/sh\n")
    chains = machine.open()
    first = chains.program("generate", machine.environment)
    machine.install("bin/generate", "#!/bin/sh\nexit 1\n")
    chains.begin_run()
    second = chains.program("generate", machine.environment)

    assert isinstance(first, Toolchain)
    assert first.driver == path
    assert identity(first) != identity(second)
    refusal(chains.program("missing", machine.environment))
    chains.save()
    assert not (machine.folder / "toolchains.bin").exists()


# --- real compilers ---------------------------------------------------------------------


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that fills with the words of every process that a probe runs."""
    started: list[Any] = []
    run = subprocess.run

    def note(words: Any, **options: Any) -> Any:
        started.append(words)
        return run(words, **options)

    monkeypatch.setattr(subprocess, "run", note)
    return started


@pytest.fixture
def real(tmp_path: Path, reports: list[Reason]) -> Callable[[], Toolchains]:
    """Return what begins a build with the real compilers."""
    path = os.fsencode(tmp_path / "toolchains.bin")
    return lambda: Toolchains(path, reports.append, content_digest, os.path.lexists)


def real_identity(chains: Toolchains, word: str, *words: str, **options: Any) -> bytes:
    """Return the identity of a real compiler."""
    return identity(chains.compiler(word, words, "c", {"PATH": os.environ["PATH"]}, **options))


@pytest.mark.parametrize("word", COMPILERS)
def test_the_second_build_runs_no_process(
    real: Callable[[], Toolchains], processes: list[Any], word: str
) -> None:
    """A real compiler is asked in the first build, and only looked at in the next."""
    chains = real()
    first = [real_identity(chains, word), real_identity(chains, word, linking=True)]
    assert processes
    chains.save()
    processes.clear()
    chains = real()

    assert [real_identity(chains, word), real_identity(chains, word, linking=True)] == first
    assert processes == []


@pytest.mark.parametrize("word", COMPILERS)
def test_an_upgraded_assembler_is_noticed(
    real: Callable[[], Toolchains], processes: list[Any], tmp_path: Path, word: str
) -> None:
    """A real driver's own assembler that comes up, changes and goes again is another each time."""
    option = f"-B{tmp_path}"
    found = probe.find_program("as", os.environ["PATH"])
    assert found is not None
    chains = real()
    seen = [real_identity(chains, word, option)]
    own = tmp_path / "as"
    shutil.copy2(found, own)
    chains.begin_run()
    seen.append(real_identity(chains, word, option))
    with open(own, "ab") as file:
        file.write(b"patched")
    chains.begin_run()
    processes.clear()
    seen.append(real_identity(chains, word, option))
    assert processes
    own.unlink()
    chains.begin_run()
    seen.append(real_identity(chains, word, option))

    # The copy has the bytes of the usual one: where tools lie does not count.
    assert seen[0] == seen[1] == seen[3] != seen[2]


@pytest.mark.skipif(COMPILERS != ["gcc", "clang"], reason="needs both compilers")
def test_two_compilers_are_two(real: Callable[[], Toolchains]) -> None:
    """Gcc and clang, compiling and linking, have identities of their own."""
    chains = real()
    seen = {
        real_identity(chains, word, linking=linking)
        for word in COMPILERS
        for linking in (False, True)
    }

    assert len(seen) == 4


@pytest.mark.skipif(not shutil.which("ar"), reason="needs binutils")
def test_archivers_are_known(real: Callable[[], Toolchains], processes: list[Any]) -> None:
    """`ar` is asked once, and remembered."""
    environment = {"PATH": os.environ["PATH"]}
    chains = real()
    first = chains.binutil("ar", environment)
    assert isinstance(first, Toolchain)
    assert processes
    chains.save()
    processes.clear()

    assert real().binutil("ar", environment) == first
    assert processes == []
    refusal(chains.binutil("ls", environment))


def test_a_program_that_is_no_compiler_is_not_asked_in_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again when its content changes, and after an hour: it may launch one by then."""
    program = tmp_path / "cc"
    program.write_bytes(b"\x7fELF one")
    program.chmod(0o755)
    asked: list[bytes] = []
    now = [1e9]

    def probe_other(path: bytes, *_: Any) -> Probed:
        asked.append(path)
        return Probed(UNKNOWN, b"", [("driver", path)], [], [], [], link_depfile=False)

    def ask() -> Union[Toolchain, Reason]:
        state = os.fsencode(tmp_path / "toolchains.bin")
        chains = Toolchains(state, lambda _: None, content_digest, os.path.lexists, lambda: now[0])
        answer = chains.compiler(str(program), [], "c", {"PATH": ""})
        chains.save()
        return answer

    monkeypatch.setattr(toolchain, "probe_driver", probe_other)
    for change in (lambda: None, lambda: program.write_bytes(b"\x7fELF two"), None, None):
        if change is None:
            now[0] += ASK_AGAIN_SECONDS
        else:
            change()
        asked.clear()
        first, second = ask(), ask()
        assert asked == [os.fsencode(program)]
        assert first == second == Reason("zir.refuse.unknown-compiler", str(program))
    now[0] -= 10  # a clock that was set back
    ask()
    assert len(asked) == 2
