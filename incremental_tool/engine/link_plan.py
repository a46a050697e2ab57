"""Plans for archives and links.

An archive's inputs are the words of its command. A link's come from the
linker's own dependency output (`--dependency-file`, GNU ld 2.35 and newer, gold,
lld, mold), which names start files, libraries and scripts too; where the linker
has no such option nothing is cached.
"""

from __future__ import annotations

import os

from incremental_tool.base.digest import digest_of
from incremental_tool.engine.compile_plan import read_depfile
from incremental_tool.engine.plan import Archiving, Found, Plan, Request, Standing
from incremental_tool.engine.toolchain_key import command_fields, driver_fields
from incremental_tool.model.archive_command import is_composable
from incremental_tool.model.link_command import LinkCommand, absent_libraries, link_dependency_words
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.toolchain import Toolchain
    from incremental_tool.model.archive_command import ArchiveCommand


_LIBRARY_MISSING = b"not found (try using -rpath"


def plan_archive(
    command: ArchiveCommand, words: Sequence[str], request: Request, cache: MultiLevelCache
) -> Union[Plan, Standing, Reason]:
    """Return the plan for `ar` making an archive, or for `ranlib`."""
    output = os.fsencode(command.output)
    if command.index_only and output in request.removable:
        return Reason("zir.refuse.outside-input", command.output)
    if not command.index_only and output not in request.removable and cache.disk.exists(output):
        return Reason("zir.refuse.updates-output", command.output)
    toolchain = cache.toolchains.binutil(words[0], request.environment)
    if isinstance(toolchain, Reason):
        return toolchain
    members = [os.fsencode(member) for member in command.members]
    archiving = _archiving(command, members, toolchain, request)
    kind = "index" if command.index_only else "archive"
    fields = command_fields(kind, words, toolchain, request)
    if command.index_only:
        if cache.archives.stands(output, archiving):
            return Standing(kind)
        # What ranlib reads it also writes, so its content is part of the key itself.
        cache.files.forget(output)
        before = cache.files.digest(output)
        if before is None:
            return Reason("zir.refuse.outside-input", command.output)
        fields.append(("archive", before))
    found = Found(members, [])
    return Plan(kind, fields, [output], words, None, False, lambda _: found, archiving)


def _archiving(
    command: ArchiveCommand, members: list[bytes], toolchain: Toolchain, request: Request
) -> Archiving:
    """Return what has to be known to bring a library up to date without its command."""
    if command.index_only:
        words = b"\0".join(map(os.fsencode, command.words))
        return Archiving(
            indexing=True, tool=digest_of(toolchain.digest + words), members=[], refusal=None
        )
    refusal = None
    if toolchain.family != "gnu" or "GNUTARGET" in request.environment:
        refusal = Reason("archive.patch.program", command.driver)
    elif not is_composable(command):
        refusal = Reason("archive.patch.option", command.words[1])
    return Archiving(indexing=False, tool=toolchain.digest, members=members, refusal=refusal)


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
    fields = driver_fields("link", command, words, toolchain, request, cache)
    if isinstance(fields, Reason):
        return fields
    depfile = cache.scratch.path("ld")
    argv = [*words, *link_dependency_words(command, os.fsdecode(depfile))]
    folders = [*map(os.fsencode, command.library_dirs), *toolchain.library_dirs]
    needed = [os.fsencode(folder) for folder in command.needed_dirs]
    given = [os.fsencode(name) for name in command.inputs]

    def collect(stderr: bytes) -> Union[Found, Reason]:
        if _LIBRARY_MISSING in stderr:
            # It was looked for in places that are not known here, and may come up in any of them.
            return Reason("zir.refuse.library-missing")
        read = read_depfile(depfile, remove=True)
        if isinstance(read, Reason):
            return read
        for path in read:
            if not cache.disk.exists(path):
                # a temporary object: some input held code for link-time optimisation
                return Reason("zir.refuse.lto-link", os.fsdecode(path))
        return Found(read, sorted(absent_libraries(folders, needed, read, given)))

    return Plan("link", fields, [os.fsencode(command.output)], argv, None, False, collect)
