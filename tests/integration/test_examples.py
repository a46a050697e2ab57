"""The examples and the drop-in folder, used as their reader would use them."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from scons_project import Project

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the examples need gcc")


def copy_of(source: str, folder: Path) -> Project:
    """Give a copy of a folder as a checkout has it: nothing built, no state."""
    leave = shutil.ignore_patterns("build", ".incremental", ".sconsign*", "__pycache__")
    shutil.copytree(source, folder, ignore=leave)
    return Project(folder)


@pytest.fixture
def quickstart(tmp_path: Path) -> Project:
    """Give the quickstart example."""
    return copy_of(os.path.join(ROOT, "examples", "quickstart"), tmp_path / "quickstart")


@pytest.fixture
def dropped_in(project: Project) -> Project:
    """Give a project of one program that carries the whole drop-in folder."""
    shutil.copytree(os.path.join(ROOT, "site_scons"), project.folder / "site_scons")
    project.write("main.c", "int main(void) { return 0; }\n")
    project.write("SConstruct", 'Environment().Program("build/main", "main.c")\n')
    return project


def scons_alone(project: Project, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run SCons where the package is not installed."""
    script = (
        "import sys; sys.modules['incremental_tool'] = None; import SCons.Script as s; s.main()"
    )
    clean = {name: value for name, value in os.environ.items() if "INCREMENTAL" not in name}
    return subprocess.run(
        [sys.executable, "-c", script, "-Q"],
        cwd=project.folder,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- quickstart ---------------------------------------------------------------


def test_quickstart_rebuilds_without_running_a_command(quickstart: Project) -> None:
    """With its outputs deleted, the example is restored, byte for byte, and nothing is run."""
    first = quickstart.build()
    made = quickstart.outputs()
    assert first.work() == (0, 6, 0, 0)
    assert len(first.ran()) == 6
    quickstart.remove("build")

    second = quickstart.build()

    assert second.work() == (6, 0, 0, 0)
    assert second.ran() == []
    assert quickstart.outputs() == made


def test_quickstart_makes_what_plain_scons_makes(quickstart: Project) -> None:
    """What the tool builds and what SCons prints is the same as without it."""
    run = quickstart.build()

    assert quickstart.differing() == []
    quickstart.remove("build", ".incremental", ".sconsign.dblite")
    plain = quickstart.build(INCREMENTAL="0")
    assert plain.commands() == run.commands()
    assert not quickstart.exists(".incremental")


def test_quickstart_counts_words(quickstart: Project) -> None:
    """The program that was restored does its work."""
    quickstart.build()
    quickstart.remove("build")
    quickstart.build()

    ended = subprocess.run(
        [quickstart.folder / "build" / "topwords", "2"],
        input="To be, or not to be: that is the question; to be.\n",
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.split() == ["3", "be", "3", "to"]


def test_quickstart_compiles_again_what_an_edit_touches(quickstart: Project) -> None:
    """An edited header runs the compiles that include it and what follows from them."""
    quickstart.build()
    quickstart.replace("src/text/words.h", "= 63", "= 31")

    run = quickstart.build()

    made = {name for name in run.made() if name.endswith(".o")}
    assert made == {"build/main.o", "build/text/words.o"}


# --- the drop-in folder -------------------------------------------------------


def test_the_drop_in_folder_switches_the_tool_on(dropped_in: Project) -> None:
    """A copied folder is enough: a SConstruct that does not know the tool is served."""
    dropped_in.build()
    dropped_in.remove("build", "main.o")

    run = dropped_in.build()

    assert run.work() == (2, 0, 0, 0)
    assert run.ran() == []


def test_the_named_tool_is_found(dropped_in: Project) -> None:
    """Without site_init.py, `tools=["default", "incremental"]` switches the tool on."""
    dropped_in.remove("site_scons/site_init.py")
    assert dropped_in.build().figures == {}
    dropped_in.remove("build", "main.o")
    name_the_tool(dropped_in)

    assert dropped_in.build().work() == (0, 2, 0, 0)


def test_named_and_switched_on_is_the_same_as_either(dropped_in: Project) -> None:
    """Both ways in at once do the work of one."""
    name_the_tool(dropped_in)

    run = dropped_in.build()

    assert run.work() == (0, 2, 0, 0)
    assert len(run.ran()) == 2


def test_the_drop_in_folder_adds_no_name_to_scripts(dropped_in: Project) -> None:
    """What site_init.py needs for itself does not become a global name in SConstruct."""
    dropped_in.write("SConstruct", "print(sorted(globals()))\n")

    names = dropped_in.build().commands()[0]

    assert "'Environment'" in names
    assert names == dropped_in.build("--no-site-dir").commands()[0]


def test_without_the_package_the_drop_in_folder_warns_in_one_line(dropped_in: Project) -> None:
    """A missing package costs one line; the build goes on as plain SCons."""
    ended = scons_alone(dropped_in)

    assert ended.returncode == 0
    assert dropped_in.exists("build/main")
    warned = "scons: warning: building without the tool 'incremental': the package "
    missing = f"{warned}scons-incremental is not installed for {sys.executable}"
    assert ended.stderr.splitlines() == [missing]


def test_without_the_package_the_named_tool_stops_in_one_line(dropped_in: Project) -> None:
    """A project that asks for the tool by name is told what to install, without a traceback."""
    dropped_in.remove("site_scons/site_init.py")
    name_the_tool(dropped_in)

    ended = scons_alone(dropped_in)

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("scons: *** the tool 'incremental' needs the Python package ")
    assert f"install it with pip for {sys.executable}" in ended.stderr


@pytest.mark.parametrize("value", ["0", "off", "No", ""])
def test_switched_off_the_drop_in_folder_needs_no_package(dropped_in: Project, value: str) -> None:
    """With INCREMENTAL=0 the package is not looked for, and scripts that use the tool still run."""
    name_the_tool(dropped_in)
    with (dropped_in.folder / "SConstruct").open("a") as script:
        script.write(
            'env = Environment(tools=["default", "incremental"])\n'
            'env.CachedCommand("build/copy", "main.c", "cp $SOURCE $TARGET")\n'
        )

    ended = scons_alone(dropped_in, INCREMENTAL=value)

    assert ended.returncode == 0
    assert not ended.stderr
    assert dropped_in.exists("build/main")
    assert dropped_in.exists("build/copy")


def test_a_tool_that_cannot_start_does_not_stop_the_build(dropped_in: Project) -> None:
    """A package that is there and broken is one warning line, too."""
    dropped_in.write(
        "site_scons/incremental_tool.py",
        "def enable_everywhere():\n    raise RuntimeError('no such place')\n",
    )

    run = dropped_in.build()

    assert dropped_in.exists("build/main")
    assert run.err.splitlines() == [
        "scons: warning: building without the tool 'incremental': RuntimeError: no such place"
    ]


def name_the_tool(project: Project) -> None:
    """Make the SConstruct ask for the tool by name."""
    project.replace("SConstruct", "Environment()", 'Environment(tools=["default", "incremental"])')


# --- Lua ----------------------------------------------------------------------


def load(path: str) -> Any:
    """Give a script as a module."""
    spec = importlib.util.spec_from_file_location("script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_plain_lua_sources_are_unpacked(tmp_path: Path) -> None:
    """Whatever else an archive holds, and however it is named, stays in it."""
    fetch_lua = load(os.path.join(ROOT, "examples", "lua", "fetch_lua.py"))
    inside = f"lupa-{fetch_lua.VERSION}/third-party/lua54/"
    names = {
        inside + "lapi.c": True,
        inside + "lua.h": True,
        inside + "ltests.h": False,
        inside + "onelua.c": False,
        inside + "makefile": False,
        inside + "../lua.h": False,
        inside + "sub/lua.h": False,
        "lupa-9.9/third-party/lua54/lzio.c": False,
        "/" + inside + "lzio.c": False,
        "../" + inside + "lzio.c": False,
    }
    archive = tmp_path / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in names:
            packed.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo(inside + "llex.c")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        packed.addfile(link)

    fetch_lua._unpack(str(archive), str(tmp_path / "unpacked"))

    wanted = {os.path.basename(name) for name, unpacked in names.items() if unpacked}
    assert set(os.listdir(tmp_path / "unpacked")) == wanted


def test_lua_is_restored_and_runs(tmp_path: Path) -> None:
    """The interpreter is built, deleted, restored without a compile, and solves its problem."""
    lua = copy_of(os.path.join(ROOT, "examples", "lua"), tmp_path / "lua")
    first = lua.scons("-Q")
    if "fetch_lua: " in first.err:
        pytest.skip(first.err.splitlines()[-1])
    assert first.status == 0, first.err
    made = lua.outputs()
    lua.remove("build")

    second = lua.build()

    commands = first.count("commands")
    assert commands > 30
    assert first.work() == (0, commands, 0, 0)
    assert second.work() == (commands, 0, 0, 0)
    assert second.ran() == []
    assert lua.outputs() == made
    assert b"8 queens: 92\n" in lua.read("build/queens.txt")


def test_combined_programs_agree(tmp_path: Path) -> None:
    """The programs of one file and that of objects print the same, before and after an edit."""
    combined = copy_of(os.path.join(ROOT, "examples", "combined"), tmp_path / "combined")
    for expected in ("area 12, border 14\n", "area 13, border 14\n"):
        combined.build()
        programs = sorted(combined.folder.glob("build/from_*"))
        assert {combined.run_program(f"build/{path.name}") for path in programs} == {expected}
        kept = combined.scons("-Q").out
        assert kept.count("up to date") == 1
        if expected.startswith("area 12"):
            combined.replace("src/area.c", "* count;", "* count + 1;")
    assert len(programs) == (3 if shutil.which("clang") else 2)
