"""Builders of combined files: `env.Combined`, `env.CombinedIR`, `env.CombinedAssembly`.

Each gives SCons one node for each section, made by a command of its own, and one for the file that
is made of them by a Python function: so SCons's graph, its scanners, `-j` and the caches work with
sections as with objects. The file is *precious* to SCons: it is there when the function runs, which
then writes as little as it can (`engine.combine`).

Rule kept: what is made is a function of the sections alone. With `INCREMENTAL=0` the same
file is written whole.

Knows nothing of how sections become one file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import SCons.Action
import SCons.Builder
import SCons.Errors
import SCons.Tool
import SCons.Tool.cxx

from incremental_tool.engine.combine import combine_plainly
from incremental_tool.model.combination import CHANGE, COVERAGE, MOST, Cannot, combination_of
from incremental_tool.model.combined_form import FORMS
from incremental_tool.model.switch import is_on, switched_off
from incremental_tool.scons.decider import decides_by_content
from incremental_tool.scons.session import SESSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

    from incremental_tool.model.combination import Combination

_LEADERS = {
    **dict.fromkeys((".ll", ".asm", ".lisp", ".scm", ".ini"), ";"),
    **dict.fromkeys((".lua", ".sql", ".hs", ".adb", ".vhd"), "--"),
    **dict.fromkeys((".css", ".ld"), "/* */"),
    **dict.fromkeys((".html", ".xml", ".svg", ".md"), "<!-- -->"),
    **dict.fromkeys((".s", ".py", ".sh", ".rb", ".pl", ".mk", ".yml", ".yaml", ".toml"), "#"),
}
_LEADER = "//"
"""For suffixes that are not listed: C and all that took its comments from there."""

_C_FLAGS = "$CFLAGS $CCFLAGS $_CCCOMCOM"
_CXX_FLAGS = "$CXXFLAGS $CCFLAGS $_CCCOMCOM"
_VARIABLES = {
    "COMBINEDIRCC": "clang",
    "COMBINEDIRCXX": "clang++",
    "COMBINEDIRFLAGS": "",
    "COMBINEDIRCOM": f"$COMBINEDIRCC -o $TARGET -S -emit-llvm {_C_FLAGS} $COMBINEDIRFLAGS $SOURCES",
    "COMBINEDIRCXXCOM": (
        f"$COMBINEDIRCXX -o $TARGET -S -emit-llvm {_CXX_FLAGS} $COMBINEDIRFLAGS $SOURCES"
    ),
    "COMBINEDASFLAGS": "",
    "COMBINEDASCOM": f"$CC -o $TARGET -S {_C_FLAGS} $_COMBINEDASLINES $COMBINEDASFLAGS $SOURCES",
    "COMBINEDASCXXCOM": (
        f"$CXX -o $TARGET -S {_CXX_FLAGS} $_COMBINEDASCXXLINES $COMBINEDASFLAGS $SOURCES"
    ),
    "COMBINEDCOVERAGE": COVERAGE,
    "COMBINEDCHANGE": CHANGE,
    "COMBINEDMOST": MOST,
    "COMBINESTR": "Combining $TARGET",
}


def add_builders(env: Any) -> None:
    """Give an environment the builders, and the variables that they read."""
    env.SetDefault(**_VARIABLES)
    env.AddMethod(combined, "Combined")
    env.AddMethod(combined_ir, "CombinedIR")
    env.AddMethod(combined_assembly, "CombinedAssembly")


# --- what the script calls --------------------------------------------------------


def combined(env: Any, target: Any, source: Any, **kw: Any) -> Any:
    """Make one file of many: of each source what COMBINEDCOM makes of it, or the source itself.

    COMBINEDCOM's results are cached, as those of `env.CachedCommand`: the user vouches that each
    depends on nothing but what is declared.
    """
    command = kw.get("COMBINEDCOM", env.get("COMBINEDCOM"))
    if not command:
        return _combined(env, target, source, "text", {}, kw)
    kw.setdefault("INCREMENTAL_CACHE", "declared")
    builder = _section_builder("$COMBINEDCOM", "$COMBINEDCOMSTR")
    return _combined(env, target, source, "text", {"": builder}, kw)


def combined_ir(env: Any, target: Any, source: Any, **kw: Any) -> Any:
    """Make one LLVM module of C and C++ sources."""
    return _combined(env, target, source, "ir", _compilers("COMBINEDIR"), kw)


def combined_assembly(env: Any, target: Any, source: Any, **kw: Any) -> Any:
    """Make one assembly file of C and C++ sources."""
    for name, compiler, flags in (("", "$CC", "$CFLAGS"), ("CXX", "$CXX", "$CXXFLAGS")):
        words = str(env.subst(f"{compiler} {flags} $CCFLAGS", overrides=kw)).split()
        debug = any(word.startswith("-g") and word != "-g0" for word in words[1:])
        # gcc otherwise leaves the table of lines to the assembler, which has one for all of a file.
        if debug and "clang" not in os.path.basename(words[0]):
            kw[f"_COMBINEDAS{name}LINES"] = "-gno-as-loc-support"
    return _combined(env, target, source, "assembly", _compilers("COMBINEDAS"), kw)


def _compilers(name: str) -> dict[str, Any]:
    """Return the builders of sections, by the source's suffix."""
    c = _section_builder(f"${name}COM", f"${name}COMSTR")
    cxx = _section_builder(f"${name}CXXCOM", f"${name}CXXCOMSTR")
    return {"": c, **dict.fromkeys(SCons.Tool.cxx.CXXSuffixes, cxx)}


_BUILDERS: dict[str, Any] = {}


def _section_builder(command: str, shown: str) -> Any:
    builder = _BUILDERS.get(command)
    if builder is None:
        action = SCons.Action.Action(command, shown)
        builder = _BUILDERS[command] = SCons.Builder.Builder(
            action=action, single_source=True, source_scanner=SCons.Tool.SourceFileScanner
        )
    return builder


def _combined(
    env: Any, target: Any, source: Any, form: str, builders: dict[str, Any], kw: dict[str, Any]
) -> Any:
    (node,) = env.arg2nodes(target, env.fs.File)
    sources = env.arg2nodes(source, env.fs.File, target=node)
    labels = [_label(one) for one in sources]
    suffix = node.get_suffix()
    usual = _LEADERS.get(suffix, _LEADER) if form == "text" else FORMS[form].leader
    kw.update(
        COMBINEDFORM=form,
        COMBINEDVERSION=FORMS[form].version,
        COMBINEDLEADER=kw.get("COMBINEDLEADER") or env.get("COMBINEDLEADER") or usual,
    )
    sections = sources
    if builders:
        folder = node.dir.Dir(node.name + ".sections")
        sections = []
        for one, label in zip(sources, labels):
            builder = builders.get(one.get_suffix(), builders[""])
            place = folder.File(_place_of(label) + suffix)
            (made,) = builder(env, target=[place], source=[one], **kw)
            sections.append(made)
    for section, label in zip(sections, labels):
        section.attributes.combined_path = label
    made = _COMBINER(env, target=[node], source=sections, **kw)
    env.Precious(made)
    return made


def _label(node: Any) -> str:
    """Return a source's path from the project's top, as its section is named."""
    return str(node.get_internal_path())


def _place_of(label: str) -> str:
    """Return where a source's section lies in the folder of sections."""
    parts = ["__" if part == ".." else part for part in label.split(os.sep)]
    return os.sep.join(part or "_root" for part in parts)


# --- what SCons runs --------------------------------------------------------------


def arguments_of(sources: Sequence[Any], env: Any) -> dict[str, Any]:
    """Return what `model.combination.combination_of` is to be given."""
    return {
        "form": str(env["COMBINEDFORM"]),
        "leader": str(env["COMBINEDLEADER"]),
        "paths": [_name_of(one) for one in sources],
        "limits": [
            int(env.get(name, usual))
            for name, usual in (
                ("COMBINEDCOVERAGE", COVERAGE),
                ("COMBINEDCHANGE", CHANGE),
                ("COMBINEDMOST", MOST),
            )
        ],
    }


def _name_of(section: Any) -> str:
    return str(getattr(section.attributes, "combined_path", None) or _label(section))


def combine(target: Sequence[Any], source: Sequence[Any], env: Any) -> Optional[int]:
    """Write a combined file: the action of these builders."""
    try:
        combination = combination_of(**arguments_of(source, env))
        output = os.fsencode(target[0].get_internal_path())
        files = [os.fsencode(one.rfile().get_internal_path()) for one in source]
        _write(output, combination, files, source, env)
    except (Cannot, ValueError) as why:
        raise SCons.Errors.BuildError(node=list(target), errstr=str(why)) from None
    return None


def _write(
    output: bytes,
    combination: Combination,
    files: Sequence[bytes],
    source: Sequence[Any],
    env: Any,
) -> None:
    by_content, cache = decides_by_content(env), None
    wanted = by_content and not switched_off(os.environ) and is_on(env.get("INCREMENTAL", "1"))
    if wanted and SESSION.commands(env) is not None:
        cache = SESSION.cache(env)
    if cache is None:
        combine_plainly(output, combination, files)
        if not by_content:
            os.utime(output)  # an older time would make it out of date
        return
    for one in source:
        if one.state == SCons.Node.executed:
            SESSION.note_built(one)
    cache.combining.prepare(output, combination, files)()


_COMBINER = SCons.Builder.Builder(
    action=SCons.Action.Action(
        combine, "$COMBINESTR", varlist=["COMBINEDFORM", "COMBINEDVERSION", "COMBINEDLEADER"]
    ),
)
