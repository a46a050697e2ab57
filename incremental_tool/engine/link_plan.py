"""Plans for archives and links.

An archive's inputs are the words of its command. A link's come from the
linker's own dependency output (`--dependency-file`, GNU ld 2.35 and newer, gold,
lld, mold), which names start files, libraries and scripts too; where the linker
has no such option nothing is cached.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Union

from incremental_tool.engine.compile_plan import command_field, names_project, read_depfile
from incremental_tool.engine.plan import Found, Plan, Request
from incremental_tool.model.action import Fields, environment_fields
from incremental_tool.model.link_command import LinkCommand, library_candidates
from incremental_tool.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.toolchain import Toolchain
    from incremental_tool.model.archive_command import ArchiveCommand


def plan_archive(
    command: ArchiveCommand, words: Sequence[str], request: Request, cache: MultiLevelCache
) -> Union[Plan, Reason]:
    """Return the plan for `ar` making an archive, or for `ranlib`."""
    output = os.fsencode(command.output)
    if not command.index_only and output not in request.removable and cache.disk.exists(output):
        return Reason("zir.refuse.updates-output", command.output)
    toolchain = cache.toolchains.binutil(words[0], request.environment)
    if isinstance(toolchain, Reason):
        return toolchain
    members = [os.fsencode(member) for member in command.members]
    inputs = members
    fields: Fields = [
        ("kind", b"index" if command.index_only else b"archive"),
        ("command", command_field(words, request.directory)),
        ("toolchain", toolchain.digest),
        *environment_fields(request.environment, compiler=True),
    ]
    if command.index_only:
        # What ranlib reads it also writes, so its content is part of the key itself.
        cache.files.forget(output)
        before = cache.files.digest(output)
        if before is None:
            return Reason("zir.refuse.outside-input", command.output)
        fields.append(("archive", before))
    return Plan(
        "archive",
        fields,
        [output],
        words,
        None,
        False,
        lambda: Found(inputs, []),
    )


def plan_link(
    command: LinkCommand, words: Sequence[str], request: Request, cache: MultiLevelCache
) -> Union[Plan, Reason]:
    """Return the plan for a driver that links a program or a shared library."""
    toolchain = cache.toolchains.compiler(
        command.driver, command.probe_words, "c", request.environment, linking=True
    )
    if isinstance(toolchain, Reason):
        return toolchain
    if not toolchain.link_depfile:
        return Reason("zir.refuse.no-depfile", "the linker cannot list its inputs")
    fields: Fields = [
        ("kind", b"link"),
        ("command", command_field(words, request.directory)),
        ("toolchain", toolchain.digest),
        *environment_fields(request.environment, compiler=True),
    ]
    if command.names_directory or names_project(command.absolute_paths, request.directory):
        fields.append(("directory", request.directory))
    depfile = cache.scratch_path("ld")
    argv = [*words, f"-Wl,--dependency-file={os.fsdecode(depfile)}"]

    def collect() -> Union[Found, Reason]:
        read = read_depfile(depfile, remove=True)
        if isinstance(read, Reason):
            return read
        inputs = [path for path in read if not _is_temporary(path)]
        return Found(inputs, _absent_libraries(command, toolchain, inputs, cache))

    return Plan("link", fields, [os.fsencode(command.output)], argv, None, False, collect)


def _is_temporary(path: bytes) -> bool:
    """Tell whether an input was a temporary file of the driver's own, gone by now."""
    return os.path.basename(path).startswith(b"cc") and not os.path.exists(path)


def _absent_libraries(
    command: LinkCommand, toolchain: Toolchain, inputs: list[bytes], cache: MultiLevelCache
) -> list[bytes]:
    """Return every path at which the linker looked for a library before it found it."""
    folders = [*map(os.fsencode, command.library_dirs), *toolchain.library_dirs]
    real = {os.path.realpath(path) for path in inputs}
    absent = []
    for library in command.libraries:
        names = [os.fsencode(name) for name in library_candidates(library)]
        earlier: list[bytes] = []
        for candidate in (os.path.join(folder, name) for folder in folders for name in names):
            if not cache.disk.exists(candidate):
                earlier.append(candidate)
            elif os.path.realpath(candidate) in real:
                break
        absent += earlier
    return sorted(set(absent))
