"""Fixtures: a project in a folder of its own, with gcc, and with each compiler installed."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from scons_project import Project

if TYPE_CHECKING:
    from pathlib import Path

# A shell has it ignored by what it starts in the background, and by all that that starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

COMPILERS = [pair for pair in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(pair[1])]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave campaigns out unless `-m` asks for them."""
    if "campaign" in config.getoption("markexpr", ""):
        return
    left_out = [item for item in items if item.get_closest_marker("campaign")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a new project."""
    return Project(tmp_path / "project")


@pytest.fixture(params=COMPILERS, ids=lambda pair: pair[0])
def each_project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """Return a new project for each compiler that is installed."""
    return Project(tmp_path / "project", request.param)
