"""Commands that no run was seen to run are substituted, or stay unknown: never guessed wrong."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from replay_twins import HEAD, Twins

from incremental_tool.store import snapshot as store

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.recipe import Action

PROJECT = {
    "SConstruct": HEAD
    + """
env.Append(CPPPATH=["#include"], CPPDEFINES={"ONE": 1, "TEXT": "two words"})
SConscript("src/SConscript", exports="env")
env.Command("copy.txt", "in.txt", ["cp $SOURCE $TARGET", "@echo '$$x' >> $TARGET"])
env.Command("named.txt", "in.txt", Action("cp $SOURCE $TARGET", cmdstr="COPY $TARGET"))
""",
    "src/SConscript": """
Import("env")
library = env.StaticLibrary("f", ["a.c"])
env.Program("p", ["m.c"], LIBS=[library], CCFLAGS=["-O1"])
env.SharedLibrary("s", "w.c")
""",
    "src/a.c": '#include "h.h"\nint a(void) { return NUMBER; }\n',
    "src/m.c": "int a(void);\nint main(void) { return a(); }\n",
    "src/w.c": "int w;\n",
    "include/h.h": "#define NUMBER 0\n",
    "in.txt": "text\n",
}

UNUSUAL = {
    "SConstruct": HEAD
    + """
def loud(target, source, env, for_signature):
    return "cp"
def python(target, source, env):
    open(str(target[0]), "w").write("text")
env["LOUD"] = loud
env.Command("called", "in.txt", "$LOUD $SOURCE $TARGET")
env.Command("python", "in.txt", python)
env.Command(["one", "two"], "in.txt", "tee ${TARGETS[0]} ${TARGETS[1]} < $SOURCE > /dev/null")
env.Command("more", "in.txt", "cp $SOURCE $TARGET")
env.AddPostAction("more", "$( chmod 600 $TARGET $)")
env.Command("failing", "in.txt", "-cp $SOURCE $TARGET")
env.Command("plain", "in.txt", "cp $SOURCE $TARGET")
""",
    "in.txt": "text\n",
}


def actions(twins: Twins) -> dict[bytes, Action]:
    """Return what the only snapshot says of each action, by its first output."""
    folder = os.fsencode(twins.ours / ".incremental" / "fresh")
    (key,) = (name.decode() for name in os.listdir(folder))
    snapshot, recipe = store.load(folder, key), store.load_recipe(folder, key)
    assert snapshot is not None
    assert recipe is not None
    return {snapshot.files.paths[action.outputs[0]]: action for action in recipe.actions}


def forget(twins: Twins) -> None:
    """Remove the state folder, and let SCons find that nothing is to be done."""
    shutil.rmtree(twins.ours / ".incremental")
    twins.iscons()


def test_what_is_substituted_is_what_ran(tmp_path: Path) -> None:
    """After the state folder was removed the recipe is what it was, and edits are replayed."""
    twins = Twins(tmp_path, PROJECT)
    twins.settle()
    before = actions(twins)
    forget(twins)
    after = actions(twins)

    assert len(after) == 8
    for name, action in before.items():
        assert after[name].steps == action.steps, name
        assert (after[name].kind, after[name].flags) == (action.kind, action.flags), name
    twins.replace("include/h.h", "0", "7")
    twins.write("in.txt", "other\n")
    assert twins.both().replayed
    assert twins.both().fresh


@pytest.mark.parametrize("name", ["called", "python", "one", "more", "failing"])
def test_what_is_unusual_stays_unknown(name: str, unusual: dict[bytes, Action]) -> None:
    """Functions, several targets, further actions and tolerated failures are not substituted."""
    assert b"unknown" in unusual[name.encode()].flags
    assert unusual[name.encode()].steps == []


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, Action]:
    """Return the actions of a project whose state folder was removed, one of them known."""
    twins = Twins(tmp_path_factory.mktemp("unusual"), UNUSUAL)
    twins.iscons()
    twins.iscons()
    forget(twins)
    found = actions(twins)
    assert b"unknown" not in found[b"plain"].flags
    return found
