"""The examples and the drop-in folder, used as their reader would use them."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DROP_IN = os.path.join(ROOT, "site_scons")

SCONS = [sys.executable, "-m", "SCons", "-Q"]
# SCons where the package is not installed.
SCONS_ALONE = [
    sys.executable,
    "-c",
    "import sys; sys.modules['incremental_tool'] = None; import SCons.Script.Main as m; m.main()",
    "-Q",
]

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the examples need gcc")


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run in a folder, with no setting of the tool but those given."""
    clean = {name: value for name, value in os.environ.items() if "INCREMENTAL" not in name}
    return subprocess.run(
        command,
        cwd=folder,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def build(folder: Path, **environment: str) -> str:
    """Build with the tool installed; give what SCons printed."""
    ended = run(SCONS, folder, **environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def work(folder: Path) -> dict[str, int]:
    """Give the figures of the last build that say what was run and what was not."""
    last = json.loads((folder / ".incremental" / "stats.json").read_text())["last"]
    return {name: last["counts"].get(name, 0) for name in ("commands", "hits", "stored", "refused")}


def built(folder: Path) -> dict[str, bytes]:
    """Give everything in the build folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "build").rglob("*")
        if path.is_file()
    }


@pytest.fixture
def quickstart(tmp_path: Path) -> Path:
    """Give a copy of the quickstart example that was never built."""
    folder = tmp_path / "quickstart"
    shutil.copytree(
        os.path.join(ROOT, "examples", "quickstart"),
        folder,
        ignore=shutil.ignore_patterns("build", ".incremental", ".sconsign*"),
    )
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of one program that carries the whole drop-in folder."""
    folder = tmp_path / "project"
    shutil.copytree(DROP_IN, folder / "site_scons")
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    (folder / "SConstruct").write_text('Environment().Program("build/main", "main.c")\n')
    return folder


# --- quickstart ---------------------------------------------------------------


def test_quickstart_rebuilds_without_running_a_command(quickstart: Path) -> None:
    """With its outputs deleted, the example is restored, byte for byte, and nothing is run."""
    build(quickstart)
    first, ran = built(quickstart), work(quickstart)
    shutil.rmtree(quickstart / "build")

    build(quickstart)

    commands = ran["commands"]
    assert commands > 0
    assert ran == {"commands": commands, "hits": 0, "stored": commands, "refused": 0}
    assert work(quickstart) == {"commands": commands, "hits": commands, "stored": 0, "refused": 0}
    assert built(quickstart) == first


def test_quickstart_makes_what_plain_scons_makes(quickstart: Path) -> None:
    """Switched off, the tool leaves no trace, and what is built is the same."""
    plain_output = build(quickstart, INCREMENTAL="0")
    plain = built(quickstart)
    assert not (quickstart / ".incremental").exists()
    shutil.rmtree(quickstart / "build")

    output = build(quickstart)

    assert output == plain_output
    assert built(quickstart) == plain


def test_quickstart_counts_words(quickstart: Path) -> None:
    """The program that was restored does its work."""
    build(quickstart)
    shutil.rmtree(quickstart / "build")
    build(quickstart)

    ended = subprocess.run(
        [quickstart / "build" / "topwords", "2"],
        input="To be, or not to be: that is the question; to be.\n",
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.split() == ["3", "be", "3", "to"]


def test_quickstart_compiles_again_what_an_edit_touches(quickstart: Path) -> None:
    """An edited header runs the compiles that include it, and no others."""
    build(quickstart)
    header = quickstart / "src" / "text" / "words.h"
    header.write_text(header.read_text().replace("= 63", "= 31"))

    output = build(quickstart)

    compiled = {line.split()[-1] for line in output.splitlines() if " -c " in line}
    assert compiled == {"src/main.c", "src/text/words.c"}
    assert work(quickstart)["hits"] == 0


# --- the drop-in folder -------------------------------------------------------


def test_the_drop_in_folder_switches_the_tool_on(project: Path) -> None:
    """A copied folder is enough: a SConstruct that does not know the tool is served."""
    build(project)
    shutil.rmtree(project / "build")

    build(project)

    assert work(project) == {"commands": 2, "hits": 2, "stored": 0, "refused": 0}


def test_the_named_tool_is_found(project: Path) -> None:
    """Without site_init.py, `tools=["default", "incremental"]` switches the tool on."""
    (project / "site_scons" / "site_init.py").unlink()
    build(project)
    assert not (project / ".incremental").exists()
    script = project / "SConstruct"
    script.write_text(
        script.read_text().replace("Environment()", 'Environment(tools=["default", "incremental"])')
    )
    shutil.rmtree(project / "build")

    build(project)

    assert work(project)["stored"] == 2


def test_the_drop_in_folder_adds_no_name_to_scripts(project: Path) -> None:
    """What site_init.py needs for itself does not become a global name in SConstruct."""
    script = project / "SConstruct"
    script.write_text(script.read_text() + "print(sorted(globals()))\n")

    with_folder = run(SCONS, project).stdout
    without = run([*SCONS, "--no-site-dir"], project).stdout

    assert "'Environment'" in without
    assert with_folder.splitlines()[0] == without.splitlines()[0]


def test_without_the_package_the_drop_in_folder_warns_in_one_line(project: Path) -> None:
    """A missing package costs one line; the build goes on as plain SCons."""
    ended = run(SCONS_ALONE, project)

    assert ended.returncode == 0
    assert (project / "build" / "main").exists()
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("scons: warning: building without the tool 'incremental': ")
    assert f"scons-incremental is not installed for {sys.executable}" in ended.stderr


def test_without_the_package_the_named_tool_stops_in_one_line(project: Path) -> None:
    """A project that asks for the tool by name is told what to install, without a traceback."""
    (project / "site_scons" / "site_init.py").unlink()
    (project / "SConstruct").write_text('Environment(tools=["default", "incremental"])\n')

    ended = run(SCONS_ALONE, project)

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("scons: *** the tool 'incremental' needs the Python package ")
    assert f"install it with pip for {sys.executable}" in ended.stderr


@pytest.mark.parametrize("value", ["0", "off", "No", ""])
def test_switched_off_the_drop_in_folder_needs_no_package(project: Path, value: str) -> None:
    """With INCREMENTAL=0 the package is not looked for, by neither way in."""
    script = project / "SConstruct"
    script.write_text(
        script.read_text().replace("Environment()", 'Environment(tools=["default", "incremental"])')
    )

    ended = run(SCONS_ALONE, project, INCREMENTAL=value)

    assert ended.returncode == 0
    assert not ended.stderr
    assert (project / "build" / "main").exists()


def test_a_tool_that_cannot_start_does_not_stop_the_build(project: Path, tmp_path: Path) -> None:
    """A package that is there and broken is one warning line, too."""
    broken = tmp_path / "broken"
    (broken / "incremental_tool").mkdir(parents=True)
    (broken / "incremental_tool" / "__init__.py").write_text(
        "def enable_everywhere():\n    raise RuntimeError('no such place')\n"
    )

    ended = run(SCONS, project, PYTHONPATH=str(broken))

    assert ended.returncode == 0
    assert ended.stderr.splitlines() == [
        "scons: warning: building without the tool 'incremental': RuntimeError: no such place"
    ]


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
    folder = tmp_path / "lua"
    shutil.copytree(
        os.path.join(ROOT, "examples", "lua"),
        folder,
        ignore=shutil.ignore_patterns("build", ".incremental", ".sconsign*", "__pycache__"),
    )
    ended = run(SCONS, folder)
    if "fetch_lua: " in ended.stderr:
        pytest.skip(ended.stderr.splitlines()[-1])
    assert ended.returncode == 0, ended.stderr
    first, ran = built(folder), work(folder)
    shutil.rmtree(folder / "build")

    build(folder)

    assert ran["commands"] > 30
    assert ran["stored"] == ran["commands"]
    assert work(folder)["hits"] == ran["commands"]
    assert built(folder) == first
    assert "8 queens: 92" in (folder / "build" / "queens.txt").read_text()
