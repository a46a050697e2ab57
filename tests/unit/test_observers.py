"""Observers in this very process: what each notes, and that all is put back."""

from __future__ import annotations

import datetime as dt
import glob
import io
import os
import pickle
import random
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from incremental_tool.model.snapshot import ENTRIES, GLOB, NAMES
from incremental_tool.scons import (
    audit_observer,
    call_site,
    clock_observer,
    environment_observer,
    file_observer,
    process_observer,
)
from incremental_tool.scons.observations import BUSY, FILE, FOLDER, Observations
from incremental_tool.scons.process_judgement import judge
from incremental_tool.scons.replacement import Replacements

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def observing() -> Iterator[Observations]:
    """Observe everything for a while."""
    observations = Observations(environment_observer.values())
    replacements, classes = Replacements(), clock_observer.Classes()
    file_observer.observe(observations, replacements)
    clock_observer.observe(observations, replacements, classes)
    process_observer.observe(observations, replacements)
    environment_observer.observe(observations)
    audit_observer.observe(observations, replacements)
    try:
        yield observations
    finally:
        observations.active = False
        audit_observer.stop()
        environment_observer.stop()
        classes.restore()
        replacements.restore()


@pytest.fixture
def observed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observations]:
    """Observe everything, as if this file were a script of a project in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(call_site._known, __file__, True)
    with observing() as observations:
        yield observations


def test_questions_tell_how_much_of_the_answer_counts(
    observed: Observations, tmp_path: Path
) -> None:
    """`exists` and its like ask for the kind, `stat` and `open` for everything."""
    for name in ("kind", "full", "opened"):
        (tmp_path / name).write_text("x")
    observed.written.clear()
    observed.asked.clear()
    os.path.isfile("kind")
    Path("kind").exists()
    os.path.isdir(tmp_path)
    os.stat("full")
    with open("opened", encoding="utf-8") as file:
        file.read()
    os.path.exists("missing")
    with pytest.raises(FileNotFoundError):
        os.stat("not there")

    folder = str(tmp_path)
    assert observed.kinds[f"{folder}/kind"] == FILE
    assert observed.kinds[folder] == FOLDER
    assert observed.kinds[f"{folder}/missing"] == 0
    assert {f"{folder}/full", f"{folder}/opened"} <= observed.asked.keys()
    assert observed.asked[f"{folder}/not there"] is None
    assert f"{folder}/kind" not in observed.asked


def test_the_first_answer_is_kept(observed: Observations, tmp_path: Path) -> None:
    """What a script went by is what it was told first."""
    path = tmp_path / "file"
    os.path.exists(path)
    path.write_text("x")
    os.path.exists(path)

    assert observed.kinds[str(path)] == 0
    assert not observed.written[str(path)].by_scons


def test_listings_tell_what_of_them_counts(observed: Observations, tmp_path: Path) -> None:
    """Names, names with kinds, or the names that match."""
    os.listdir(".")
    list(os.scandir("."))
    glob.glob("*.c")

    kinds = {(kind, pattern) for folder, kind, pattern in observed.views if folder == str(tmp_path)}
    assert kinds == {(NAMES, b""), (ENTRIES, b""), (GLOB, b"*.c")}


def test_links_are_noted_with_where_they_lead(observed: Observations, tmp_path: Path) -> None:
    """A path that is no link is noted as none."""
    (tmp_path / "link").symlink_to("file")
    os.readlink("link")
    os.path.islink(tmp_path)

    assert observed.links == {str(tmp_path / "link"): "file", str(tmp_path): None}


def test_nothing_is_noted_while_busy(observed: Observations, tmp_path: Path) -> None:
    """What actions do, and what the tool does itself, is no question of a script's."""
    with BUSY:
        os.stat(tmp_path)
        os.listdir(".")
        os.environ.get("HOME")

    assert not observed.asked
    assert not observed.views
    assert b"HOME" not in observed.variables


def test_variables_are_noted_by_name_or_as_a_whole(
    observed: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that the script has set itself is not read from outside."""
    os.environ.get("ONE")
    os.getenv("TWO")
    with pytest.raises(KeyError):
        os.environ["THREE"]
    monkeypatch.setenv("FOUR", "x")
    assert os.environ["FOUR"] == "x"

    assert {b"ONE", b"TWO", b"THREE"} <= observed.variables
    assert b"FOUR" in observed.variables  # monkeypatch itself looked what was there before
    assert not observed.whole_environment

    os.environ["FIVE"] = "x"
    try:
        assert os.environ["FIVE"] == "x"
        assert b"FIVE" not in observed.variables
        dict(os.environ)
        assert observed.whole_environment
    finally:
        del os.environ["FIVE"]


READINGS = {
    "time": lambda: int(time.time()),
    "gmtime": lambda: time.gmtime().tm_year,
    "uuid4": lambda: str(uuid.uuid4()),
    "urandom": lambda: os.urandom(1),
}


@pytest.mark.parametrize("name", READINGS)
def test_the_projects_readings_of_clock_and_chance_are_refused(
    observed: Observations, name: str
) -> None:
    """Directly or through a module that hands them on; the line is told."""
    READINGS[name]()

    ((reason, detail),) = {(reason, where) for reason, where in observed.refusals}
    assert reason in ("fresh.refuse.clock", "fresh.refuse.random")
    assert os.path.basename(__file__) in detail


def test_pythons_own_readings_do_not_count(observed: Observations) -> None:
    """A library that takes the time for its own ends tells the script nothing."""
    subprocess.run([sys.executable, "-S", "-c", ""], check=True, timeout=60)
    random.Random(3).random()

    assert not [reason for reason, _ in observed.refusals if "clock" in reason]


def test_observed_classes_pass_for_the_real_ones() -> None:
    """Objects, `isinstance`, subclasses and arithmetic are those of the real class."""
    watch: Any = clock_observer._Watch(Observations({}))
    watch.observed.active = False
    day = clock_observer._observed_class(dt.date, watch)
    moment = clock_observer._observed_class(dt.datetime, watch)

    assert type(moment(2020, 1, 1)) is dt.datetime
    assert isinstance(moment(2020, 1, 1), moment)
    assert isinstance(moment.now(), dt.datetime)
    assert isinstance(day.today(), day)
    assert not isinstance(3, day)
    assert issubclass(dt.datetime, moment)
    assert pickle.loads(pickle.dumps(moment(2020, 1, 1))) == moment(2020, 1, 1)

    class Mine(moment):  # type: ignore[misc, valid-type] # made at run time
        pass

    assert type(Mine.now()) is Mine
    assert not isinstance(moment.now(), Mine)


def test_a_process_is_noted_with_what_it_told(observed: Observations) -> None:
    """However the script reads it: by `run`, by the pipe, or line by line."""
    ask = [sys.executable, "-S", "-c", "print('one'); print('two')"]
    subprocess.run(ask, capture_output=True, check=True)
    subprocess.run(ask, capture_output=True, text=True, check=True)
    with subprocess.Popen(ask, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readlines() == [b"one\n", b"two\n"]
    with os.popen("echo one; echo two") as pipe:  # noqa: S605 - what scripts do
        assert pipe.read() == "one\ntwo\n"

    told = [started.output() for started in observed.processes]
    assert told == [b"one\ntwo\n", "one\ntwo\n", b"one\ntwo\n", b"one\ntwo\n"]
    assert [started.status for started in observed.processes] == [0, 0, 0, 0]


def test_a_process_read_in_part_told_an_unknown_part(observed: Observations) -> None:
    """What a script did not read to the end cannot be compared."""
    many = [sys.executable, "-S", "-c", "print('x' * 100000)"]
    with subprocess.Popen(many, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.kill()

    assert observed.processes[0].output() is None


def test_cheap_processes_are_run_again_and_others_refused(observed: Observations) -> None:
    """The rule decides, and the line of the script is told."""
    observed.environment = environment_observer.values()  # pytest has told of the test in it
    environment_observer.observe(observed)
    subprocess.run(["uname"], capture_output=True, check=True)
    subprocess.run(["cat", "/dev/null"], capture_output=True, check=True)
    subprocess.run(["uname"], capture_output=True, check=True, env={"SECRET": "x"})
    with BUSY:
        again = judge(observed)

    assert [os.path.basename(process.argv[0]) for process in again] == [b"uname"]
    reasons = [detail for reason, detail in observed.refusals if reason == "fresh.refuse.process"]
    assert any(detail.startswith("cat /dev/null (") for detail in reasons)
    assert any("SECRET" in detail for detail in reasons)


def replaced() -> list[object]:
    """Return what observers replace."""
    functions = [os.stat, os.lstat, os.access, os.readlink, os.scandir, os.urandom]
    classes = [dt.datetime, dt.date, type(os.environ)]
    methods = [vars(subprocess.Popen)[name] for name in ("__init__", "communicate")]
    return [*functions, *classes, *methods, time.time, time.gmtime, random.random]


def test_everything_is_put_back() -> None:
    """Once observing is over no function, class or mapping is another than before."""
    before = replaced()
    with observing() as observations:
        for names in list(observations.on_names):
            observations.on_names.pop(names)()  # as if the project's code used them
        meanwhile = replaced()

    assert not [one for one, other in zip(before, meanwhile) if one is other]
    assert before == replaced()


def test_replacements_leave_alone_what_others_have_wrapped() -> None:
    """Only what is still ours is put back, the newest first."""

    class Owner:
        one = 1
        two = 2

    replacements = Replacements()
    assert replacements.replace(Owner, "one", lambda one: one + 10)
    assert replacements.replace(Owner, "one", lambda one: one + 100)
    assert replacements.replace(Owner, "two", lambda two: two + 10)
    assert not replacements.replace(Owner, "three", lambda three: three)
    assert Owner.one == 111
    Owner.two = 7

    replacements.restore()

    assert (Owner.one, Owner.two) == (1, 7)


def test_a_kept_stream_reads_as_the_stream_behind_it() -> None:
    """What is read through it is there, and kept; its end is known."""
    kept = process_observer.Kept(io.BytesIO(b"one\ntwo\n"))

    assert io.BufferedReader(kept).read() == b"one\ntwo\n"
    assert bytes(kept.content) == b"one\ntwo\n"
    assert kept.complete
