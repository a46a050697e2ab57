"""Plans for compiling and assembling.

What a compile read comes from the compiler's own dependency output, asked for
by words that are appended to what is executed, not to what SCons signs. Where
it looked in vain follows from the include directives in those files and the
search path (`model.include_search`).
"""

from __future__ import annotations

import os

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.base.pattern import lazily
from incremental_tool.engine.function_compile import is_large
from incremental_tool.engine.plan import Found, Plan, Request
from incremental_tool.engine.settings import NONE
from incremental_tool.engine.toolchain_key import command_fields, directory_fields, driver_fields
from incremental_tool.model.assembler_command import (
    assembler_dependency_words,
)
from incremental_tool.model.compile_command import (
    CompileCommand,
    dependency_query,
    dependency_words,
)
from incremental_tool.model.depfile import parse_depfile
from incremental_tool.model.function_command import FunctionCommand, function_command
from incremental_tool.model.include_search import SearchDirs, absent_candidates, assembler_absent
from incremental_tool.model.preamble_command import preamble_command
from incremental_tool.model.reason import Reason
from incremental_tool.model.token_command import token_command
from incremental_tool.store.zir_cache import stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional, Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.toolchain import Toolchain
    from incremental_tool.model.assembler_command import (
        AssembleCommand,
    )
    from incremental_tool.model.imports import Imports
    from incremental_tool.model.preamble_command import PreambleCommand


_MEASURED = lazily(rb"/gcc/x86_64-[^/]*/12(?:\.[0-9.]+)?/include")
"""gcc's own headers, where it is the one whose optimisations are known: others have others."""

_PREPROCESSED_WITHOUT_DEPFILE = "assembler"


def plan_compile(
    command: CompileCommand, request: Request, cache: MultiLevelCache
) -> Union[Plan, Reason]:
    """Return the plan for one compile by a gcc or clang driver."""
    for name in ("DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"):
        if name in request.environment:
            return Reason("zir.refuse.option", name)  # they make gcc append to a file of their own
    toolchain = cache.toolchains.compiler(
        command.driver, command.probe_words, command.language, request.environment
    )
    if isinstance(toolchain, Reason):
        return toolchain
    functions = _functions(command, toolchain, cache)
    words = command.words
    if isinstance(functions, FunctionCommand):
        words = (*words, *functions.contained)
    fields = driver_fields("compile", command, words, toolchain, request, cache)
    if isinstance(fields, Reason):
        return fields
    depfile = cache.scratch.path("d")
    extra = dependency_words(command, os.fsdecode(depfile))
    argv = [*command.launcher, *words]
    after = None
    if extra is None:
        after = dependency_query(command, os.fsdecode(depfile))
    elif extra:
        argv += extra
    listing: Optional[bytes] = depfile
    if extra == ():
        listing = os.fsencode(command.depfile) if command.depfile else None
    colored = request.terminal and _may_color(command.words, request)
    if colored:
        argv.append("-fdiagnostics-color=always")
    dated = toolchain.family == "gcc" and "SOURCE_DATE_EPOCH" in request.environment
    search = search_path(command, request, toolchain)

    def collect(_: bytes) -> Union[Found, Reason]:
        source = os.fsencode(command.source)
        if listing is None:
            inputs = [source]
        else:
            read = read_depfile(listing, remove=listing == depfile)
            if isinstance(read, Reason):
                return read
            inputs = read
        if command.language == _PREPROCESSED_WITHOUT_DEPFILE:
            return _plain_assembly(source, cache)
        return examine(inputs, source, command.forced_includes, search, cache, dated=dated)

    return Plan(
        "compile",
        fields,
        [os.fsencode(command.output), *map(os.fsencode, command.extra_outputs)],
        argv,
        after,
        colored,
        collect,
        functions=functions,
        tokens=token_command(command, toolchain.family, request.environment)
        if cache.settings.tokens and command.mode == "-c"
        else None,
        preamble=None
        if words != command.words
        else _preamble(command, toolchain, cache, functions),
        source=command.source,
    )


def _functions(
    command: CompileCommand, toolchain: Toolchain, cache: MultiLevelCache
) -> Union[FunctionCommand, Reason, None]:
    """Return how single functions of a unit are compiled; None for one too small to gain by it."""
    if cache.settings.functions == NONE or not is_large(command.source):
        return None
    contain = cache.settings.optimised and any(map(_MEASURED.search, toolchain.standard_dirs))
    return function_command(command, toolchain.family, contain=contain)


def _preamble(
    command: CompileCommand,
    toolchain: Toolchain,
    cache: MultiLevelCache,
    functions: Union[FunctionCommand, Reason, None],
) -> Union[PreambleCommand, Reason, None]:
    """Return how a unit is compiled with its preamble precompiled, or why it cannot be.

    Where its functions are compiled one by one, its whole compiles are such that they can be.
    """
    if cache.settings.preamble == NONE or command.language not in ("c", "c++"):
        return None
    made = preamble_command(command, toolchain.family)
    if isinstance(functions, FunctionCommand) and not isinstance(made, Reason):
        if functions.language == "c":
            return None
        made = made._replace(words=(*made.words, *functions.base_words))
    return made


def plan_assembly(
    command: AssembleCommand, words: Sequence[str], request: Request, cache: MultiLevelCache
) -> Union[Plan, Reason]:
    """Return the plan for one run of the GNU assembler."""
    toolchain = cache.toolchains.binutil(words[0], request.environment)
    if isinstance(toolchain, Reason):
        return toolchain
    if toolchain.family != "gnu":
        return Reason("zir.refuse.unknown-compiler", words[0])
    fields = command_fields("assemble", words, toolchain, request)
    fields += directory_fields(command, request)
    own = os.fsencode(command.depfile)
    depfile = own or cache.scratch.path("d")
    argv = [*words, *assembler_dependency_words(command, os.fsdecode(depfile))]
    include_dirs = [os.fsencode(folder) for folder in command.include_dirs]

    def collect(_: bytes) -> Union[Found, Reason]:
        read = read_depfile(depfile, remove=not own)
        if isinstance(read, Reason):
            return read
        found = {path: cache.files.imports(path) for path in read}
        imports = {path: known for path, known in found.items() if known is not None}
        source = os.fsencode(command.source)
        absent = assembler_absent(include_dirs, source, read, imports, cache.real_folder)
        return Found(read, sorted(absent))

    outputs = [os.fsencode(name) for name in (command.output, *command.extra_outputs)]
    return Plan("assemble", fields, outputs, argv, None, False, collect)


def read_depfile(path: bytes, *, remove: bool) -> Union[list[bytes], Reason]:
    """Return the inputs that a dependency file lists; removes the file when it is ours."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        if remove:
            os.unlink(path)
        inputs = parse_depfile(content)
    except (OSError, CorruptRecord) as error:
        return Reason("zir.refuse.no-depfile", str(error))
    return inputs or Reason("zir.refuse.no-depfile", "it is empty")


def search_path(command: CompileCommand, request: Request, toolchain: Toolchain) -> SearchDirs:
    """Return the folders in which a compile looks for included files, in order."""
    environment = request.environment

    def listed(name: str) -> list[bytes]:
        value = environment.get(name)
        return [os.fsencode(folder or ".") for folder in value.split(os.pathsep)] if value else []

    by_language = "CPLUS_INCLUDE_PATH" if command.language == "c++" else "C_INCLUDE_PATH"
    return SearchDirs(
        quote=tuple(map(os.fsencode, command.quote_dirs)),
        bracket=(*map(os.fsencode, command.bracket_dirs), *listed("CPATH")),
        system=(
            *map(os.fsencode, command.system_dirs),
            *listed(by_language),
            *toolchain.standard_dirs,
        ),
        after=tuple(map(os.fsencode, command.after_dirs)),
    )


def examine(
    inputs: list[bytes],
    source: bytes,
    forced: Sequence[str],
    search: SearchDirs,
    cache: MultiLevelCache,
    *,
    dated: bool,
) -> Union[Found, Reason]:
    """Return a compile's inputs and vain look-ups, or why its result must not be stored."""
    imports: dict[bytes, Imports] = {}
    for path in inputs:
        if path.endswith((b".gch", b".pch")):
            return Reason("zir.refuse.pch", os.fsdecode(path))
        found = cache.files.imports(path)
        if found is None:
            return Reason("zir.refuse.not-text", os.fsdecode(path))
        if found.timestamp_macro or (found.time_macro and not dated):
            return Reason("zir.refuse.time-macro", os.fsdecode(path))
        if found.incbin:
            return Reason("zir.refuse.incbin", os.fsdecode(path))
        if found.computed_probe or found.embed:
            return Reason("zir.refuse.computed-probe", os.fsdecode(path))
        imports[path] = found
    looked = absent_candidates(
        search,
        source,
        inputs,
        imports,
        [os.fsencode(name) for name in forced],
        cache.real_folder,
    )
    # A precompiled header in use hides the very header from the compiler's list, so its place
    # follows from the source's own words.
    for path in looked.precompiled | precompiled_places(search, source, imports.get(source)):
        if cache.disk.exists(path):
            return Reason("zir.refuse.pch", os.fsdecode(path))
    absent = looked.absent | looked.precompiled
    extra: set[bytes] = set()
    for candidates in looked.probes:
        for candidate in candidates:
            if stands(candidate, cache.disk):
                if candidate not in imports:
                    extra.add(candidate)
                break
            absent.add(candidate)
    return Found([*inputs, *sorted(extra)], sorted(absent))


def precompiled_places(search: SearchDirs, source: bytes, imports: Optional[Imports]) -> set[bytes]:
    """Return where a precompiled form of a header that the source itself includes may lie."""
    if imports is None:
        return set()
    beside = source[: source.rfind(b"/") + 1]
    folders = [*search.quote, *search.bracket, *search.system, *search.after]
    starts = [beside, *(folder.rstrip(b"/") + b"/" for folder in folders)]
    return {
        start + entry[1:] + b".gch"
        for entry in imports.entries
        if entry[:1] in (b'"', b"<")
        for start in starts
    }


def _plain_assembly(source: bytes, cache: MultiLevelCache) -> Union[Found, Reason]:
    """Return the input of a `.s` file that a driver assembles: itself, if it names no other."""
    found = cache.files.imports(source)
    if found is None:
        return Reason("zir.refuse.not-text", os.fsdecode(source))
    if found.incbin:
        return Reason("zir.refuse.incbin", os.fsdecode(source))
    return Found([source], [])


def _may_color(words: Sequence[str], request: Request) -> bool:
    environment = request.environment
    if environment.get("TERM", "dumb") == "dumb" or "NO_COLOR" in environment:
        return False
    return not any("diagnostics-color" in word or "color-diagnostics" in word for word in words)
