"""Command lines: read as SCons reads them, keyed by what decides the answer, refused otherwise."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

import pytest
import SCons.Script
import SCons.Script.Main
from hypothesis import given, settings
from hypothesis import strategies as st
from SCons.Script import SConsOptions

from incremental_tool.model.answer import NEUTRAL, Answer, CommandLine, answer_for, parse

if TYPE_CHECKING:
    from pathlib import Path

TOP = "/p"
FILES = {"/p/SConstruct", "/p/other.py", "/p/sub/deep/x.c", "/q/sconstruct", "/rep/SConstruct"}
PATH = ["/bin", "/lib/python"]


def ask(
    *words: str,
    start: str = TOP,
    files: Optional[set[str]] = None,
    path: Optional[list[str]] = None,
    **environment: str,
) -> Answer:
    """Return the answer asked for; there must be one."""
    found = answer_for(words, environment, start, path or PATH, (files or FILES).__contains__)
    assert isinstance(found, Answer), found
    return found


def refused(*words: str, start: str = TOP, **environment: str) -> tuple[str, str]:
    """Return the reason why SCons must run; there must be one."""
    found = answer_for(words, environment, start, PATH, FILES.__contains__)
    assert isinstance(found, tuple), found
    return found


# --- the key


@pytest.mark.parametrize(
    "words",
    [
        ["-Q"],
        ["-s"],
        ["--silent"],
        ["--quiet"],
        ["-k"],
        ["--keep-going"],
        ["-q"],
        ["--question"],
        ["-n"],
        ["--dry-run"],
        ["-j4"],
        ["-j", "4"],
        ["--jobs=4"],
        ["--jobs", "4"],
        ["-kj4"],
        ["-sQkj", "3"],
        ["-C", "."],
        ["-C", "sub", "-C", ".."],
        ["--directory=/p"],
    ],
    ids=" ".join,
)
def test_neutral_options_and_ways_to_the_same_place_have_one_key(words: list[str]) -> None:
    """What does not change the decision does not change the key, on the line or in SCONSFLAGS."""
    assert ask("target", *words).key == ask("target").key
    assert ask(*words, "target").key == ask("target").key
    assert ask("target", SCONSFLAGS=" ".join(words)).key == ask("target").key


DIFFERENT = [
    [],
    ["all"],
    ["all", "test"],
    ["test", "all"],
    ["debug=1"],
    ["debug=0"],
    ["debug=1", "all"],
    ["--prefix=/usr"],
    ["--prefix", "/usr"],
    ["/usr", "--prefix"],
    ["-f", "other.py"],
    ["--site-dir=tools"],
    ["--no-site-dir"],
    ["-u"],
    ["-U"],
    ["-D"],
    ["-Y", "/rep"],
    ["-C", "/q"],
]


def test_whatever_decides_makes_a_key_of_its_own() -> None:
    """Targets, their order, variables, the project's options and places all count."""
    keys = [ask(*words).key for words in DIFFERENT]

    assert len(DIFFERENT) == len(set(keys))


def test_the_key_is_a_file_name() -> None:
    """Whatever stands on the line, the key is 32 hexadecimal digits."""
    assert set(ask("../../etc/passwd", "a=\udcff\n").key) <= set("0123456789abcdef")
    assert len(ask().key) == 32


def test_climbing_options_count_with_the_place_they_start_from() -> None:
    """-u builds what lies below the start: two starts have two keys, and one top folder."""
    here, deep = ask("-u"), ask("-u", start="/p/sub/deep")

    assert (here.top, deep.top) == (TOP, TOP)
    assert here.key != deep.key


def test_the_module_path_counts_without_what_scons_puts_before_it() -> None:
    """The site folders that SCons adds do not change the key; another PYTHONPATH does."""
    assert ask(path=["/p/site_scons", "/home/u/.scons/site_scons", *PATH]).key == ask().key
    assert ask("--site-dir", "x", path=["/p/x", *PATH]).key == ask("--site-dir", "x").key
    assert ask(path=["/elsewhere", *PATH]).key != ask().key


def test_a_moved_project_keeps_its_keys() -> None:
    """The top folder is no part of the key, so that a move is noticed and named, not guessed."""
    moved = ask(start="/m", files={"/m/SConstruct"}, path=["/m", *PATH])

    assert moved.key == ask(path=["/p", *PATH]).key


def test_projects_that_share_a_state_folder_have_their_own_keys() -> None:
    """An absolute INCREMENTAL_DIR may serve two projects."""
    shared = {"INCREMENTAL_DIR": "/state"}
    one, two = ask(**shared), ask(start="/m", files={"/m/SConstruct"}, **shared)

    assert (one.state, two.state) == ("/state", "/state")
    assert one.key != two.key


# --- places


def test_the_state_lies_in_the_top_folder() -> None:
    """`.incremental` beside the SConstruct, or what INCREMENTAL_DIR says."""
    assert ask("-C", TOP, start="/").state == "/p/.incremental"
    assert ask(INCREMENTAL_DIR="state").state == "/p/state"
    assert ask().folder == b"/p/.incremental/fresh"


SCRIPTS = ["SConstruct", "Sconstruct", "sconstruct"]
SCRIPTS += [name + ".py" for name in SCRIPTS]


def test_the_script_is_the_one_that_scons_would_take(tmp_path: Path) -> None:
    """Of several names SCons takes the first of its list; taken away, the next."""
    for name in SCRIPTS:
        (tmp_path / name).write_text("")
    for name in SCRIPTS:
        chosen = SCons.Script.Main._SConstruct_exists(str(tmp_path), [], [])
        found = answer_for([], {}, str(tmp_path), PATH, os.path.isfile)

        assert isinstance(found, Answer)
        assert found.scripts == [os.path.basename(chosen)] == [name]
        (tmp_path / name).unlink()


def test_a_script_in_a_repository_is_found() -> None:
    """Without a script of its own a project takes the repository's."""
    assert ask("-Y", "/rep", start="/empty").scripts == ["/rep/SConstruct"]
    assert ask("-Y", "/rep").scripts == ["SConstruct"]


def test_without_a_script_scons_says_so() -> None:
    """Where SCons would end with an error, it does."""
    assert refused(start="/nothing") == ("fresh.no-script", "")
    assert refused("-u", start="/nothing/here") == ("fresh.no-script", "")


# --- what is handed to SCons


@pytest.mark.parametrize(
    "words",
    [
        ["-c"],
        ["--clean"],
        ["-h"],
        ["-H"],
        ["-v"],
        ["-i"],
        ["-I", "dir"],
        ["--tree=all"],
        ["--debug=explain"],
        ["--interactive"],
        ["--config=force"],
        ["--max-drift=1"],
        ["--implicit-cache"],
        ["--hash-format=sha256"],
        ["--cache-disable"],
        ["--random"],
        ["--warn=all"],
        ["-kc"],
        ["-z"],
        ["-j"],
        ["-j0"],
        ["-jx"],
        ["-j", "-1"],
        ["--jobs"],
        ["--jobs="],
        ["--silent=yes"],
        ["--no-site-dir=1"],
        ["-f", "-"],
        ["-f"],
        ["-C"],
        ["--"],
        ["--", "x"],
        ["-"],
    ],
    ids=" ".join,
)
def test_what_asks_for_more_goes_to_scons(words: list[str]) -> None:
    """Options that print, clean, change the rules or are mistaken are SCons's to answer."""
    assert refused(*words)[0] == "fresh.option"
    assert refused(SCONSFLAGS=" ".join(words))[0] == "fresh.option"


def test_the_option_is_named() -> None:
    """The reason's detail is the word as it stands on the line."""
    assert refused("-Q", "--tree=all") == ("fresh.option", "--tree=all")


# --- what scripts are told


def test_what_a_script_is_told_is_told_again() -> None:
    """`option_text` follows the neutral options, and sys.argv word for word."""
    plain, told = ask(), ask("-j8", "-k", "x")

    assert [plain.option_text(name) for name in NEUTRAL] == [b"0", b"0", b"0", b"1", b"0", b"0"]
    assert told.option_text("num_jobs") == b"8"
    assert told.option_text("keep_going") == b"1"
    assert told.option_text("argv") == b"-j8\0-k\0x"


# --- SCons itself as the judge

WORDS = """
    -Q -s -k -q -n -j3 -j --jobs=2 --jobs 4 5x -u -U -D -C -Cdir dir --directory=a -f -fS file
    --file=F -Y --repository=r --srcdir --site-dir=s --site-dir --no-site-dir target VAR=1 --own
    --own=3 -sQ -kj2 -nqf -uk a/b --quiet --question --up --search-up -kC --sil --jo=3
"""


def by_scons(words: list[str]) -> Any:
    """Return SCons's options and left-over words after its first reading; None for an error."""
    parser = SConsOptions.Parser("version")
    values = SConsOptions.SConsValues(parser.get_default_values())
    try:
        options, _ = parser.parse_args(words, values)
    except SystemExit:
        return None
    return options, parser.largs


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS.split()), max_size=6))
def test_what_is_taken_is_read_as_scons_reads_it(words: list[str]) -> None:
    """For any line that is not handed over, SCons finds the same options and words."""
    line = parse(words, "")
    if not isinstance(line, CommandLine):
        return
    options, left = by_scons(words)

    assert {name: int(getattr(options, name)) for name in NEUTRAL} == {
        name: line.neutral.get(name, 1 if name == "num_jobs" else 0) for name in NEUTRAL
    }
    assert (options.directory, options.file, options.repository) == (
        line.directories,
        line.scripts,
        line.repositories,
    )
    assert (options.climb_up, options.site_dir) == (line.climb, line.site_dir)
    assert left == line.words


def test_no_option_of_scons_is_taken_for_the_projects_own() -> None:
    """Every long option that this SCons knows is either understood or handed over."""
    known = [name for name in SConsOptions.Parser("version")._long_opt if name != "--"]
    lines = [parse([name, "1"], "") for name in known]
    own = [line.words for line in lines if isinstance(line, CommandLine)]

    assert len(known) > 60
    assert [words for words in own if any(word.startswith("--") for word in words)] == []


def test_the_top_folder_is_found_as_scons_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-C chains and climbing end in the folder that SCons's own steps end in."""
    top = os.path.realpath(tmp_path)
    os.makedirs(os.path.join(top, "a", "b"))
    open(os.path.join(top, "a", "SConstruct"), "w").close()
    for words, start in ([], "a"), (["-C", "a"], "."), (["-u"], "a/b"), (["-C", "b", "-D"], "a"):
        monkeypatch.chdir(os.path.join(top, start))
        found = answer_for(words, {}, os.getcwd(), PATH, os.path.isfile)

        assert isinstance(found, Answer)
        assert found.top == os.path.join(top, "a")
