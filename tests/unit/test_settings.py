"""What variables say is understood, or refused in one line that names the variable."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental_tool.base.errors import UserError
from incremental_tool.engine.settings import (
    BEHIND,
    DEFAULT_SIZE,
    NAMES,
    NO_LIMIT,
    NONE,
    SAMPLE,
    WAIT,
    Settings,
    parse_behind,
    parse_days,
    parse_size,
    settings_for,
)
from incremental_tool.model.switch import is_on, switched_off

TOP = "/home/someone/project"


def settings(construction: Any = None, **environment: str) -> Settings:
    """Return the settings for environment variables, given without their common prefix."""
    named = {f"INCREMENTAL_{name}": value for name, value in environment.items()}
    return settings_for(TOP, named, construction or {})


def test_without_variables_everything_lies_in_the_project() -> None:
    """The defaults: state beside SConstruct, the store in it, 5 GiB, no age limit, silence."""
    assert settings() == Settings(
        os.fsencode(f"{TOP}/.incremental"),
        os.fsencode(f"{TOP}/.incremental/cache"),
        DEFAULT_SIZE,
        0,
        "0",
        explain=False,
        verify=SAMPLE,
        verify_later=True,
    )


def test_construction_variables_are_heeded() -> None:
    """What SConstruct sets counts, whatever type of value it used."""
    chosen = {
        "INCREMENTAL_DIR": "state",
        "INCREMENTAL_CACHE_DIR": "/var/cache/build",
        "INCREMENTAL_CACHE_SIZE": 1_000_000,
        "INCREMENTAL_CACHE_AGE": 7,
        "INCREMENTAL_STATS": True,
        "INCREMENTAL_EXPLAIN": 1,
    }

    assert settings(chosen) == Settings(
        os.fsencode(f"{TOP}/state"), b"/var/cache/build", 1_000_000, 7, "true", explain=True
    )._replace(verify=SAMPLE, verify_later=True)


def test_environment_variables_win() -> None:
    """A CI job redirects a project's cache without an edit."""
    chosen = {"INCREMENTAL_CACHE_DIR": "/one", "INCREMENTAL_CACHE_SIZE": "1G"}

    assert settings(chosen, CACHE_DIR="/two", CACHE_SIZE="2G")[1:3] == (b"/two", 2 << 30)


def test_the_store_moves_with_the_state() -> None:
    """Where only the state folder is chosen, the store is in it."""
    assert settings(DIR="/state")[:2] == (b"/state", b"/state/cache")


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("state", f"{TOP}/state"),
        ("./a//b/", f"{TOP}/a/b"),
        ("../beside", "/home/someone/beside"),
        ("/absolute/", "/absolute"),
        (".", TOP),
        ("", f"{TOP}/.incremental"),
        ("~/x", "/home/other/x"),
        ("a b\n'", f"{TOP}/a b\n'"),
        ("\udcff", f"{TOP}/\udcff"),
    ],
    ids=repr,
)
def test_folders_are_absolute_and_plain(
    monkeypatch: pytest.MonkeyPatch, text: str, folder: str
) -> None:
    """A folder is relative to SConstruct; `~` is expanded; no slash is left at its end."""
    monkeypatch.setenv("HOME", "/home/other")

    assert os.fsdecode(settings(DIR=text).state_dir) == folder


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", NO_LIMIT),
        ("1000000", 1_000_000),
        ("5G", 5 << 30),
        ("5g", 5 << 30),
        ("5GB", 5 << 30),
        ("5GiB", 5 << 30),
        (" 500 MB ", 500 << 20),
        ("1.5k", 1536),
        ("2T", 2 << 40),
        ("100B", 100),
        ("", DEFAULT_SIZE),
    ],
)
def test_sizes_are_understood(text: str, size: int) -> None:
    """A size is a number with an optional unit, in powers of 1024; empty is the default."""
    assert settings(CACHE_SIZE=text).cache_size == size


@pytest.mark.parametrize(
    "text", ["five", "-1", "5X", "G", "1e9", "5 G B", "0x10", "inf", "nan", "9" * 400, "9999999T"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    """Anything else is a UserError of one line that names the variable and the value."""
    with pytest.raises(UserError) as raised:
        settings(CACHE_SIZE=text)

    assert f"INCREMENTAL_CACHE_SIZE={text!r}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "days"), [("0", 0), ("7", 7), ("0.5", 0.5), (" 30 ", 30), ("", 0), ("1e3", 1000)]
)
def test_days_are_understood(text: str, days: float) -> None:
    """An age is a number of days; empty and 0 are no limit."""
    assert settings(CACHE_AGE=text).cache_age_days == days


@pytest.mark.parametrize("text", ["week", "-1", "nan", "inf", "-inf", "1e9", "7d", "9" * 400])
def test_what_is_no_number_of_days_is_refused(text: str) -> None:
    """Anything else is a UserError of one line that names the variable and the value."""
    with pytest.raises(UserError) as raised:
        settings(CACHE_AGE=text)

    assert f"INCREMENTAL_CACHE_AGE={text!r}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_preambles_are_made_behind_a_build_before_its_end_or_never() -> None:
    """Three ways to say it; anything else is refused."""
    assert [
        parse_behind(text, "INCREMENTAL_PREAMBLE") for text in ("1", "", "off", " Wait ", "yes")
    ] == [*(BEHIND, NONE, NONE, WAIT, BEHIND)]
    with pytest.raises(UserError, match="INCREMENTAL_PREAMBLE='now'"):
        parse_behind("now", "INCREMENTAL_PREAMBLE")


@given(text=st.text(max_size=12))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Parsing raises UserError and nothing else, and gives numbers in their bounds."""
    for parse in (parse_size, parse_days):
        try:
            number = parse(text, "NAME")
        except UserError:
            continue
        assert 0 <= number < 1 << 63


@pytest.mark.parametrize("value", ["", "0", "no", "No", "OFF", "false", "none", " 0 ", 0, False])
def test_these_mean_off(value: Any) -> None:
    """A switch is off for these values, in any case and with blanks around."""
    assert not is_on(value)


@pytest.mark.parametrize("value", ["1", "yes", "on", "true", "json", "2", 1, True])
def test_anything_else_means_on(value: Any) -> None:
    """A switch is on for any other value."""
    assert is_on(value)


def test_one_variable_switches_everything_off() -> None:
    """INCREMENTAL turns the tool off; unset it is on; other variables do not count."""
    assert switched_off({"INCREMENTAL": "0"})
    assert switched_off({"INCREMENTAL": "off"})
    assert not switched_off({"INCREMENTAL": "1"})
    assert not switched_off({"INCREMENTAL_CACHE": "off"})


@pytest.mark.parametrize(
    ("text", "stats", "explain"),
    [("1", "1", True), (" JSON ", "json", True), ("off", "off", False), ("", "", False)],
)
def test_what_is_told_is_chosen(text: str, stats: str, explain: bool) -> None:
    """Both ways of telling are switches, and statistics can be JSON."""
    assert settings(STATS=text, EXPLAIN=text)[4:6] == (stats, explain)


def test_every_variable_has_the_prefix() -> None:
    """No variable of the tool can be taken for another program's."""
    assert all(name == "INCREMENTAL" or name.startswith("INCREMENTAL_") for name in NAMES)
    assert list(NAMES) == sorted(NAMES)


def test_a_trace_is_asked_for_by_a_run() -> None:
    """The file is named from the folder of SConstruct; no project can ask for it."""
    assert settings(TRACE="t.json").trace == os.fsencode(f"{TOP}/t.json")
    assert settings(TRACE="/tmp/t.json").trace == b"/tmp/t.json"
    assert settings({"INCREMENTAL_TRACE": "t.json"}).trace == b""
