"""A failure inside the tool, anywhere, is a correct build and one line that says so."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from sample import COMMANDS, write_sample
from scons_project import Project

if TYPE_CHECKING:
    from pathlib import Path

# Module, and what in it is broken.
HOOKS = [
    ("scons.decider", "_known_signature"),
    ("scons.spawn", "CachingSpawn._request"),
    ("scons.spawn", "_path"),
    ("scons.session", "settings_for"),
    ("scons.session", "MultiLevelCache"),
    ("engine.command_cache", "CommandCache.__init__"),
    ("scons.session", "Session.note_built"),
    ("scons.session", "Session.cache"),
    ("scons.session", "Session.commands"),
    ("scons.session", "Session.end_of_build"),
    ("scons.patches", "_keeps"),
    ("engine.planner", "Planner.__init__"),
    ("engine.planner", "Planner.plan"),
    ("engine.planner", "parse_compile"),
    ("engine.planner", "split_words"),
    ("engine.compile_plan", "read_depfile"),
    ("engine.compile_plan", "examine"),
    ("engine.compile_plan", "dependency_words"),
    ("engine.command_cache", "CommandCache._lookup"),
    ("engine.command_cache", "CommandCache._restore"),
    ("engine.command_cache", "CommandCache._explain"),
    ("engine.command_cache", "CommandCache._begin"),
    ("engine.command_cache", "CommandCache._start"),
    ("engine.command_cache", "nameless_file"),
    ("engine.command_cache", "CommandCache._store"),
    ("engine.command_cache", "output_at"),
    ("engine.command_cache", "digests_of"),
    ("engine.command_cache", "CommandCache._say"),
    ("engine.command_cache", "CommandCache._not_stored"),
    ("engine.command_cache", "result_digest"),
    ("engine.command_cache", "put_in_place"),
    ("engine.multi_level_cache", "MultiLevelCache.log_outcome"),
    ("engine.multi_level_cache", "MultiLevelCache.commit"),
    ("engine.multi_level_cache", "MultiLevelCache.snapshot"),
    ("engine.multi_level_cache", "MultiLevelCache._make_folders"),
    ("store.trim", "note_usage"),
    ("engine.toolchain", "Toolchains.compiler"),
    ("engine.toolchain", "Toolchains.save"),
    ("engine.toolchain", "Toolchains.begin_run"),
    ("engine.toolchain", "probe_driver"),
    ("engine.statistics", "save"),
    ("store.action_log", "ActionLog.append"),
    ("store.action_log", "ActionLog.commit"),
    ("store.action_log", "ActionLog.last"),
    ("store.file_hash_cache", "FileHashCache.observe"),
    ("store.file_hash_cache", "FileHashCache.digest"),
    ("store.file_hash_cache", "FileHashCache.imports"),
    ("store.file_hash_cache", "FileHashCache.moved_since"),
    ("store.file_hash_cache", "FileHashCache.settle"),
    ("store.file_hash_cache", "FileHashCache.save"),
    ("store.file_hash_cache", "FileHashCache.begin_run"),
    ("store.file_hash_cache", "find_imports"),
    ("store.zir_cache", "ZirCache.lookup"),
    ("store.zir_cache", "ZirCache.store"),
    ("store.zir_cache", "decode"),
    ("store.objects", "ObjectStore.get"),
    ("store.objects", "ObjectStore.put"),
]

BREAK = """
import incremental_tool.{module} as broken
def fail(*arguments, **named):
    raise {error}
broken.{name}  # or the test would break nothing
broken.{name} = fail
"""


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Return a project with work of each kind, and what plain SCons makes of it.

    There are results to restore, an edited source, and a new one.
    """
    project = Project(tmp_path_factory.mktemp("prepared") / "project")
    write_sample(project)
    project.build()
    project.build("-c")
    project.replace("calc/mul.c", "a * b", "b * a * 1")
    project.write("calc/neg.c", "int neg(int a) { return -a; }\n")
    project.replace("SConstruct", '"calc/mul.c"', '"calc/mul.c", "calc/neg.c"')
    return project.folder, project.clean_plain_outputs()


@pytest.mark.parametrize(
    "error",
    [
        'RuntimeError("injected")',
        pytest.param("OSError(5, 'injected')", marks=pytest.mark.campaign),
    ],
)
@pytest.mark.parametrize(("module", "name"), HOOKS, ids=[".".join(hook) for hook in HOOKS])
def test_a_failing_hook_is_plain_scons_and_a_warning(
    prepared: tuple[Path, dict[str, bytes]], tmp_path: Path, module: str, name: str, error: str
) -> None:
    """Whatever breaks: the build succeeds, its outputs are right, and at most one line tells it.

    Each command is counted under exactly one of the four ends that a command can come to.
    """
    shutil.copytree(prepared[0], tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    whole = project.read("SConstruct").decode()
    head, env, rest = whole.partition("env = Environment(")
    lines = BREAK.format(module=module, name=name, error=error).strip().splitlines()
    project.write("SConstruct", head + "".join(line + "\n" for line in lines) + env + rest)

    run = project.build()

    warnings = [line for line in run.err.splitlines() if line.startswith("incremental: ")]
    assert warnings == run.err.splitlines()
    assert len(warnings) <= 1, warnings
    assert sum(run.work()) == run.count("commands")
    project.write("SConstruct", whole)
    assert project.outputs() == prepared[1]

    healed = project.build()

    assert healed.err == ""
    assert healed.out.startswith("scons: `.' is up to date.")


def test_a_hook_that_is_not_there_is_left_out(project: Project) -> None:
    """On an SCons without the places that the tool hooks into, the rest goes on working."""
    write_sample(project)
    project.injected = """
import SCons.Action
import SCons.Node.FS

_execute = SCons.Action.CommandAction.execute
_prepare = SCons.Node.FS.File.prepare
SCons.Action.CommandAction.execute = lambda *a, **k: _execute(*a, **k)
SCons.Node.FS.File.prepare = lambda *a: _prepare(*a)
"""
    first = project.build()
    project.build("-c")

    run = project.build()

    assert first.count("stored") == COMMANDS
    assert run.ran() == []
    assert project.differing() == []
