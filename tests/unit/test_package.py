"""The package as it is installed: what it names, what importing it costs, what it ships."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
from typing import Any

import pytest

import incremental_tool
from incremental_tool.model.reason import REASONS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_importing_the_package_imports_nothing_else() -> None:
    """`import incremental_tool` adds itself to the loaded modules, and nothing more."""
    script = (
        f"import sys; sys.path = {sys.path!r}; import __future__; before = set(sys.modules);"
        "import incremental_tool; print(sorted(set(sys.modules) - before))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "['incremental_tool']\n"


def test_every_public_name_exists() -> None:
    """`__all__` lists what is there, and nothing public is left out of it."""
    defined = {name for name, value in vars(incremental_tool).items() if callable(value)}

    assert {*defined, "__version__"} == set(incremental_tool.__all__)


def test_the_version_is_the_installed_one() -> None:
    """`__version__` is what pip shows for the package."""
    try:
        installed = importlib.metadata.version("scons-incremental")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is on the path but not installed")

    assert installed == incremental_tool.__version__


LAYER_BELOW = {
    "generate": "scons.tool",
    "exists": "scons.tool",
    "enable_everywhere": "scons.everywhere",
    "decide": "scons.decider",
    "pure": "engine.process_rules",
    "cheap": "engine.process_rules",
}


@pytest.mark.parametrize("name", sorted(LAYER_BELOW))
def test_a_public_name_has_its_layer_below(name: str) -> None:
    """What the doors lead to is really there, under the same name."""
    below = importlib.import_module(f"incremental_tool.{LAYER_BELOW[name]}")

    assert callable(getattr(below, name))


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("generate", ("env",), {"option": 3}),
        ("exists", ("env",), {}),
        ("enable_everywhere", (), {}),
        ("decide", ("dependency", "target", "before", "repository"), {}),
        ("pure", ("one", "two"), {}),
        ("cheap", ("git",), {}),
    ],
)
def test_a_public_name_hands_over_what_it_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str, arguments: tuple[str, ...], keywords: dict[str, int]
) -> None:
    """Each door passes its arguments, all of them, to the layer below."""
    called: list[Any] = []
    below = importlib.import_module(f"incremental_tool.{LAYER_BELOW[name]}")
    monkeypatch.setattr(below, name, lambda *args, **kw: called.append((args, kw)))

    getattr(incremental_tool, name)(*arguments, **keywords)

    assert called == [(arguments, keywords)]


def test_the_package_is_marked_as_typed() -> None:
    """Type checkers read the annotations of an installed copy."""
    assert os.path.exists(os.path.join(os.path.dirname(incremental_tool.__file__), "py.typed"))


def test_no_file_of_the_drop_in_folder_hides_the_package() -> None:
    """SCons registers a tool under its file's name: none may be the package's."""
    names = [
        os.path.splitext(file)[0]
        for _, folders, files in os.walk(os.path.join(ROOT, "site_scons"))
        for file in [*files, *folders]
    ]

    assert "incremental" in names
    assert incremental_tool.__name__ not in names


def test_every_reason_is_documented() -> None:
    """docs/statistics.md lists every reason with its sentence, and no other."""
    with open(os.path.join(ROOT, "docs", "statistics.md"), encoding="utf-8") as file:
        rows = [line.strip("|\n ").split(" | ") for line in file if line.startswith("| `")]
    documented = {name.strip("`"): text for name, text in rows if "." in name}

    assert documented == REASONS


def test_every_refusal_stands_on_the_front_page() -> None:
    """README.md lists when the tool refuses, complete and in the catalogue's words."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read()
    refusals = {name: said for name, said in REASONS.items() if name.startswith("zir.refuse.")}

    assert [name for name, said in refusals.items() if f"| `{name}` | {said} |" not in text] == []
