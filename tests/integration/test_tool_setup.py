"""Every way to switch the tool on, and what it leaves alone."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scons_project import Project, Run

DROP_IN = Path(__file__).resolve().parents[2] / "site_scons"

RESTORED = (2, 0, 0, 0)
STORED = (0, 2, 0, 0)

IMPORT = "import incremental_tool\n"


def write(project: Project, sconstruct: str) -> None:
    """Write a project of one program, with an SConstruct of its own."""
    project.write("SConstruct", sconstruct)
    project.write("main.c", "int main(void) { return 0; }\n")


def build_twice(project: Project) -> tuple[Run, Run]:
    """Build, clean, and build again."""
    first = project.build()
    project.build("-c")
    return first, project.build()


def assert_cached(project: Project) -> None:
    """Check that the program's two commands run once."""
    first, second = build_twice(project)
    assert first.work() == STORED
    assert second.work() == RESTORED
    assert second.ran() == []


def copy_drop_in(to: Path, *, switch: bool, tool: bool) -> None:
    """Copy the drop-in folder, or a part of it."""
    shutil.copytree(DROP_IN, to, ignore=shutil.ignore_patterns("__pycache__"))
    if not switch:
        (to / "site_init.py").unlink()
    if not tool:
        shutil.rmtree(to / "site_tools")


@pytest.mark.parametrize(
    "tools",
    [
        '["default", incremental_tool.generate]',
        '[incremental_tool.generate, "default"]',
        '["gcc", incremental_tool.generate, "link"]',
        '["default", incremental_tool.generate, incremental_tool.generate]',
        '["default", "textfile", incremental_tool.generate, "zip"]',
    ],
)
def test_generate_is_a_tool_at_any_place_in_the_list(project: Project, tools: str) -> None:
    """The callable works before, after and between other tools, and twice."""
    write(project, f'{IMPORT}env = Environment(tools={tools})\nenv.Program("main.c")\n')

    assert_cached(project)


def test_generate_may_be_called_on_an_environment(project: Project) -> None:
    """`generate(env)` sets up an environment that is there; a second call changes nothing."""
    write(
        project,
        f"{IMPORT}env = Environment()\n"
        "incremental_tool.generate(env)\nspawn = env['SPAWN']\n"
        "incremental_tool.generate(env)\nassert env['SPAWN'] is spawn\n"
        'env.Program("main.c")\n',
    )

    assert_cached(project)


def test_the_tool_is_found_by_name(project: Project) -> None:
    """With the stub in site_scons/site_tools, "incremental" is a tool like any other."""
    copy_drop_in(project.folder / "site_scons", switch=False, tool=True)
    write(
        project,
        'env = Environment(tools=["default", "incremental"])\n'
        'assert "incremental" in env["TOOLS"]\nenv.Program("main.c")\n',
    )

    assert_cached(project)


def test_the_tool_is_found_on_a_toolpath(project: Project, tmp_path: Path) -> None:
    """The stub's folder may be given as a toolpath instead."""
    copy_drop_in(tmp_path / "elsewhere", switch=False, tool=True)
    write(
        project,
        f'env = Environment(tools=["default", "incremental"],\n'
        f'                  toolpath=["{tmp_path}/elsewhere/site_tools"])\n'
        'env.Program("main.c")\n',
    )

    assert_cached(project)


def test_the_tool_takes_parameters(project: Project, tmp_path: Path) -> None:
    """Parameters in the list of tools become construction variables."""
    copy_drop_in(project.folder / "site_scons", switch=False, tool=True)
    write(
        project,
        'env = Environment(tools=["default",\n'
        f'    ("incremental", {{"INCREMENTAL_CACHE_DIR": "{tmp_path}/store"}})])\n'
        f'assert env["INCREMENTAL_CACHE_DIR"] == "{tmp_path}/store"\n'
        'env.Program("main.c")\n',
    )

    assert_cached(project)
    assert (tmp_path / "store" / "objects").is_dir()
    assert not project.exists(".incremental/cache")


def test_clones_are_set_up_too(project: Project) -> None:
    """A Clone goes through the caches, with the tool named again or not."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n'
        'one = env.Clone(CCFLAGS=["-O1"])\n'
        'two = env.Clone(tools=[incremental_tool.generate], CCFLAGS=["-O2"])\n'
        'one.Object("one.o", "main.c")\ntwo.Object("two.o", "main.c")\n',
    )

    assert_cached(project)


def test_overrides_in_builder_calls_are_set_up_too(project: Project) -> None:
    """Variables given to one builder call do not lead around the caches."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n'
        'env.Program("main", "main.c", CCFLAGS=["-O1"], LINKFLAGS=["-s"])\n',
    )

    assert_cached(project)


def test_environments_without_the_tool_are_left_alone(project: Project) -> None:
    """Beside an environment with the tool, another one builds as plain SCons does."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n'
        'other = Environment()\nenv.Object("env.o", "main.c")\nother.Object("other.o", "main.c")\n',
    )

    _, second = build_twice(project)

    assert second.made() == ["other.o"]
    assert second.work() == (1, 0, 0, 0)


def test_several_environments_share_one_state(project: Project) -> None:
    """All environments with the tool count as one build."""
    write(
        project,
        f"{IMPORT}for number in range(3):\n"
        '    env = Environment(tools=["default", incremental_tool.generate],\n'
        '                      CPPDEFINES={"N": number})\n'
        '    env.Object(f"main{number}.o", "main.c")\n',
    )

    first, second = build_twice(project)

    assert first.work() == (0, 3, 0, 0)
    assert second.work() == (3, 0, 0, 0)


UNMODIFIED = {
    "Environment": 'Environment().Program("main.c")\n',
    "tools of its own": 'Environment(tools=["gcc", "gnulink"]).Program("main.c")\n',
    "DefaultEnvironment": 'DefaultEnvironment().Program("main.c")\n',
    "global builder": 'Program("main.c")\n',
    "Clone": 'Environment().Clone().Program("main.c")\n',
    "Tool": 'env = Environment(tools=[])\nfor tool in ("gcc", "gnulink", "cc", "link"):\n'
    '    Tool(tool)(env)\nenv.Program("main.c")\n',
    "SConscript with variant_dir": 'SConscript("sub/SConscript", variant_dir="build")\n',
}


@pytest.mark.parametrize("sconstruct", UNMODIFIED.values(), ids=UNMODIFIED)
def test_site_init_switches_every_environment_on(project: Project, sconstruct: str) -> None:
    """With the drop-in folder, whatever way an SConstruct makes environments is served."""
    copy_drop_in(project.folder / "site_scons", switch=True, tool=False)
    write(project, sconstruct)
    project.write("sub/SConscript", 'Environment().Program("main.c")\n')
    project.write("sub/main.c", "int main(void) { return 0; }\n")

    assert_cached(project)
    assert project.differing() == []


def test_site_init_of_the_user_serves_every_project(project: Project, tmp_path: Path) -> None:
    """The drop-in folder in ~/.scons needs nothing in the project."""
    copy_drop_in(tmp_path / "home" / ".scons" / "site_scons", switch=True, tool=True)
    write(project, 'Program("main.c")\n')
    project.environment["HOME"] = str(tmp_path / "home")

    assert_cached(project)


def test_a_site_folder_may_be_named_on_the_command_line(project: Project, tmp_path: Path) -> None:
    """`--site-dir` names the drop-in folder for one run."""
    copy_drop_in(tmp_path / "drop-in", switch=True, tool=True)
    write(project, 'Program("main.c")\n')

    run = project.build(f"--site-dir={tmp_path}/drop-in")

    assert run.work() == STORED


def test_switched_on_twice_is_switched_on_once(project: Project) -> None:
    """The drop-in folder and a line in SConstruct do not get in each other's way."""
    copy_drop_in(project.folder / "site_scons", switch=True, tool=True)
    write(
        project,
        'env = Environment(tools=["default", "incremental"])\n'
        f'{IMPORT}incremental_tool.enable_everywhere()\nenv.Program("main.c")\n',
    )

    assert_cached(project)


def test_incremental_0_switches_every_way_off(project: Project) -> None:
    """INCREMENTAL=0 wins over the drop-in folder and over a line in SConstruct."""
    copy_drop_in(project.folder / "site_scons", switch=True, tool=True)
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", "incremental"])\n'
        'incremental_tool.generate(env)\nenv.Program("main.c")\n'
        'env.CachedCommand("copy", "main.c", "cp $SOURCE $TARGET")\n',
    )

    run = project.build(INCREMENTAL="0")

    assert run.figures == {}
    assert len(run.ran()) == 3
    assert not project.exists(".incremental")


def test_incremental_off_for_one_environment(project: Project) -> None:
    """The construction variable INCREMENTAL_CACHE="off" concerns one environment."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n'
        'off = env.Clone(INCREMENTAL_CACHE="off")\n'
        'env.Object("on.o", "main.c")\noff.Object("off.o", "main.c")\n',
    )

    _, second = build_twice(project)

    assert second.made() == ["off.o"]
    assert second.work() == (1, 0, 0, 1)


# --- settings ---------------------------------------------------------------------


def test_what_the_project_set_is_not_overwritten(project: Project) -> None:
    """The tool gives variables a value only where they have none."""
    write(
        project,
        f'{IMPORT}env = Environment(INCREMENTAL_CACHE="declared", INCREMENTAL_CACHE_SIZE="1G",\n'
        '                  tools=["default", incremental_tool.generate])\n'
        'assert env["INCREMENTAL_CACHE"] == "declared"\n'
        'assert env["INCREMENTAL_CACHE_SIZE"] == "1G"\nenv.Program("main.c")\n',
    )

    assert_cached(project)


def test_state_and_store_go_where_they_are_told(project: Project, tmp_path: Path) -> None:
    """INCREMENTAL_DIR and INCREMENTAL_CACHE_DIR name folders; the environment's word wins."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate],\n'
        '                  INCREMENTAL_DIR="state", INCREMENTAL_CACHE_DIR="unused")\n'
        'env.Program("main.c")\n',
    )
    project.environment["INCREMENTAL_CACHE_DIR"] = str(tmp_path / "store")

    assert_cached(project)

    assert project.exists("state/stats.json")
    assert (tmp_path / "store" / "objects").is_dir()
    assert not project.exists("unused")
    assert not project.exists(".incremental")


def test_a_home_folder_is_expanded(project: Project, tmp_path: Path) -> None:
    """`~` in INCREMENTAL_CACHE_DIR is the user's home folder."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n'
        'env.Program("main.c")\n',
    )
    project.environment.update(HOME=str(tmp_path / "home"), INCREMENTAL_CACHE_DIR="~/store")

    assert_cached(project)

    assert (tmp_path / "home" / "store" / "objects").is_dir()


@pytest.mark.parametrize(
    ("name", "value"),
    [("INCREMENTAL_CACHE_SIZE", "lots"), ("INCREMENTAL_CACHE_AGE", "-1")],
)
def test_a_wrong_setting_is_one_line(project: Project, name: str, value: str) -> None:
    """A value that makes no sense is told in one line, and the build goes on as plain SCons."""
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n'
        'env.Program("main.c")\n',
    )

    run = project.build(**{name: value})

    lines = run.err.splitlines()
    assert len(lines) == 1
    assert name in lines[0]
    assert value in lines[0]
    assert len(run.ran()) == 2
    assert not project.exists(".incremental")


def test_a_full_store_is_trimmed(project: Project) -> None:
    """INCREMENTAL_CACHE_SIZE is kept: what was used longest ago goes first."""
    body = "".join(f'env.Object("m{number}.c")\n' for number in range(8))
    write(
        project,
        f'{IMPORT}env = Environment(tools=["default", incremental_tool.generate])\n{body}',
    )
    noise = random.Random(1)
    for number in range(8):
        table = ", ".join(str(noise.getrandbits(31)) for _ in range(10_000))  # 40 kB, not packable
        project.write(f"m{number}.c", f"int m{number}[] = {{{table}}};\n")
    project.build("m0.o", "m1.o", "m2.o", "m3.o")
    old = {*project.stored(), *project.stored("zir")}
    for path in old:
        os.utime(path, (1_000_000_000, 1_000_000_000))

    project.build(INCREMENTAL_CACHE_SIZE="250K")

    left = {*project.stored(), *project.stored("zir")}
    assert 0 < len(left & old) < len(old)
    assert len(left - old) == 8
    assert sum(path.stat().st_blocks * 512 for path in left) <= 250 * 1024


@pytest.mark.parametrize("signatures", ['SConsignFile("database")', "SConsignFile(None)"])
def test_the_signature_file_may_lie_anywhere(project: Project, signatures: str) -> None:
    """Where SCons keeps its own signatures makes no difference."""
    write(
        project,
        f'{IMPORT}{signatures}\nenv = Environment(tools=["default", incremental_tool.generate])\n'
        # Or SCons writes the signature of the compiler into a file in the compiler's folder.
        'env["IMPLICIT_COMMAND_DEPENDENCIES"] = 0\nenv.Program("main.c")\n',
    )

    assert_cached(project)

    assert project.build().reads == 0
    assert project.exists(".incremental/file_hashes.bin")
