"""Every option that gcc and clang list of themselves is either vouched for or refused."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from incremental_tool.model.compiler_options import option_of
from incremental_tool.model.driver import driver_of, split_launcher
from incremental_tool.model.flag_options import flag_option
from incremental_tool.model.option import PLAIN, REFUSE, SET, Option, absolute_paths
from incremental_tool.model.reason import REASONS

# Parts of names, and words of the compilers' own descriptions, that tell of files.
WRITES = re.compile(r"dump|trace|report|file\b|\bdir\b|record|save|module|pch", re.IGNORECASE)
LISTS = {
    "gcc": ["--help=common", "--help=optimizers", "--help=c", "--help=c++", "--help=target"],
    "clang": ["--help-hidden"],
}
COMPILERS = [name for name in LISTS if shutil.which(name)]
# Looked at one by one: the name sounds of files, and none is read or written.
HARMLESS = re.compile(
    r"-W.*|-mxsave.*|-mno-save-restore|-msave-restore|-m(?:no-)?record-(?:mcount|return)"
    r"|-fcall-saved-.*|-fcaller-saves|-finstrument-functions-exclude-file-list=.*|-fipa-profile"
    r"|-fno-modules|-fprofile-prefix-map=|-ftemplate-backtrace-limit=|-ftracer"
    r"|-fdebug-info-for-profiling|-fno-(?:temp-file|record-\w+-\w+|crash-diagnostics)"
    r"|-fcrash-diagnostics-dir=",
)


def own_options(compiler: str) -> set[str]:
    """Return the words that begin with a minus sign in a compiler's own help."""
    words: set[str] = set()
    for page in LISTS[compiler]:
        text = subprocess.run([compiler, page], capture_output=True, check=True, text=True).stdout
        words.update(re.findall(r"^ +(-[^ ,\[<\n]+)", text, re.MULTILINE))
    return words


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_option_that_sounds_of_files_is_plain(compiler: str) -> None:
    """Of the options a compiler lists, none that dumps, saves or records is plain."""
    words = own_options(compiler)
    plain = {word for word in words if option_of(word).action is PLAIN}

    assert len(plain) > 300
    assert [word for word in plain if WRITES.search(word) and not HARMLESS.fullmatch(word)] == []


@pytest.mark.parametrize("compiler", COMPILERS)
def test_refusals_name_a_reason_of_the_catalogue(compiler: str) -> None:
    """Each refused option carries a known reason and itself as the detail."""
    refused = {word: option_of(word) for word in own_options(compiler)}
    refused = {word: option for word, option in refused.items() if option.action is REFUSE}

    assert len(refused) > 50
    for word, option in refused.items():
        assert option.field in REASONS
        assert option.value.endswith(word.removeprefix("-Wa,"))


def test_the_memory_of_options_does_not_grow_without_end() -> None:
    """A build with endless -D words is understood word for word."""
    for number in range(25_000):
        assert option_of(f"-DX={number}") == Option(PLAIN)
    assert option_of("-g").action is SET


@pytest.mark.parametrize(
    ("word", "paths"),
    [
        ("-I/a/b", ("/a/b",)),
        ("/a", ("/a",)),
        ("-Wl,-rpath,/a:/b", ("/a", "/b")),
        ("-DX='/a b'", ("/a",)),
        ("-DX=f(/a)", ("/a",)),
        ("a/b", ()),
        ("-Ia/b", ()),
        ("-DX=a/b", ()),
    ],
)
def test_absolute_paths_inside_words_are_found(word: str, paths: tuple[str, ...]) -> None:
    """A path counts as absolute where a word, an option or a value can begin."""
    assert absolute_paths(word) == paths


def test_flags_are_known_by_the_whole_of_their_names() -> None:
    """A known beginning does not vouch for a part that speaks of files."""
    assert flag_option("-fstack-protector").action is PLAIN
    assert flag_option("-fstack-dump").action is REFUSE
    assert flag_option("-ftls-model=local-exec").action is PLAIN
    assert flag_option("-ftls-model=/etc/x").action is REFUSE
    assert flag_option("-fsurprise").action is REFUSE


def test_launchers_are_counted_and_drivers_remembered() -> None:
    """Launchers in front are skipped, by base name, in any number."""
    words = ["/usr/bin/ccache", "distcc", "gcc", "ccache"]

    assert split_launcher(words) == 2
    assert split_launcher(["ccache"]) == 1
    assert split_launcher([]) == 0
    assert driver_of("clang++-14") is driver_of("clang++-14")
    for number in range(2_000):
        assert driver_of(f"tool{number}") is None
