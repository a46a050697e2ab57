"""Environments of commands are put together from what is at hand, or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from incremental_tool.engine.command_environment import KNOWN_VALUES, environment_of
from incremental_tool.model.environment_value import digests_of_list
from incremental_tool.model.recipe import Setting
from incremental_tool.model.snapshot import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

SALT = b"s" * 16


def setting(values: dict[bytes, bytes]) -> Setting:
    """Return a setting as it is recorded."""
    variables = [(name, digests_of_list(SALT, name, value)) for name, value in values.items()]
    return Setting(b"sh", b"auto", SALT, variables)


def test_values_of_the_present_process_are_taken() -> None:
    """A value that is as it was is found."""
    values = {b"LANG": b"C", b"PATH": b"/a:/b", b"EMPTY": b""}

    assert environment_of(setting(values), values, Snapshot()) == {
        "LANG": "C",
        "PATH": "/a:/b",
        "EMPTY": "",
    }


@pytest.mark.parametrize("name", [b"LANG", b"PATH", b"MISSING"])
def test_another_value_is_not_taken(name: bytes) -> None:
    """Whatever cannot be had by its digest is named."""
    values = {b"LANG": b"C", b"PATH": b"/a:/b"}
    with pytest.raises(LookupError, match=name.decode()):
        environment_of(setting({**values, name: b"/another"}), values, Snapshot())


def test_sconss_own_path_is_known() -> None:
    """What SCons gives where a project says nothing needs no value of the process."""
    path = KNOWN_VALUES[b"PATH"][0]

    assert environment_of(setting({b"PATH": path}), {}, Snapshot()) == {"PATH": path.decode()}


def test_a_list_is_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the project, of the process and of SCons make one path, in the recorded order."""
    monkeypatch.chdir(tmp_path)
    snapshot = Snapshot()
    snapshot.folders.paths = [b"tools/bin"]
    own = os.fsencode(tmp_path / "tools/bin")
    path = b":".join([own, b"/opt/mine", KNOWN_VALUES[b"PATH"][0]])

    found = environment_of(setting({b"PATH": path}), {b"PATH": b"/opt/mine"}, snapshot)

    assert found == {"PATH": os.fsdecode(path)}


def test_no_value_can_be_read_from_a_setting() -> None:
    """Neither a value nor an element of a list is in what is recorded."""
    variables = setting({b"TOKEN": b"secret", b"MY_PATH": b"/secret:/more"}).variables

    assert b"secret" not in b"".join(digest for _, digest in variables)


def test_what_shells_set_anew_is_taken_as_it_is() -> None:
    """A variable without a digest has the value that it has now."""
    inherited = Setting(b"sh", b"auto", SALT, [(b"SHLVL", b"")])

    assert environment_of(inherited, {b"SHLVL": b"7"}, Snapshot()) == {"SHLVL": "7"}
