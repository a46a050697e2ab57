"""The key of a command that a known toolchain carries out: what all such plans put into it.

Rule kept: whatever steers the command is a field of its own, so that `explain`
can name what changed; the project's own folder is one only where an output may
name it, so that a second checkout finds what the first has stored.

Knows nothing of what a command reads: its inputs are no part of the key.
"""

from __future__ import annotations

import os

from incremental_tool.model.action import Fields, environment_fields
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.engine.plan import Request
    from incremental_tool.engine.toolchain import Toolchain
    from incremental_tool.model.assembler_command import AssembleCommand
    from incremental_tool.model.compile_command import CompileCommand
    from incremental_tool.model.link_command import LinkCommand


def command_fields(
    kind: str, words: Sequence[str], toolchain: Toolchain, request: Request
) -> Fields:
    """Return the fields that every command has; the project's folder is written `<top>`."""
    text = b"\0".join(map(os.fsencode, words))
    if request.directory in text:
        text = text.replace(request.directory, b"<top>")
    return [
        ("kind", kind.encode()),
        ("command", text),
        ("toolchain", toolchain.digest),
        *environment_fields(request.environment, compiler=True),
    ]


def driver_fields(
    kind: str,
    command: Union[CompileCommand, LinkCommand],
    words: Sequence[str],
    toolchain: Toolchain,
    request: Request,
    cache: MultiLevelCache,
) -> Union[Fields, Reason]:
    """Return the fields of a compiler driver's command, with the files that steer it."""
    fields = command_fields(kind, words, toolchain, request)
    for name in command.identity_files:
        digest = cache.files.digest(os.fsencode(name))
        if digest is None:
            return Reason("zir.refuse.option", f"{name} cannot be read")
        fields.append((f"file {name}", digest))
    return fields + directory_fields(command, request)


def directory_fields(
    command: Union[CompileCommand, AssembleCommand, LinkCommand], request: Request
) -> Fields:
    """Return a field for the project's folder, where what is made depends on it."""
    if command.names_directory or _names_project(command.absolute_paths, request.directory):
        return [("directory", request.directory)]
    return []


def _names_project(paths: Sequence[str], directory: bytes) -> bool:
    top = os.fsdecode(directory)
    return any(path == top or path.startswith(top + os.sep) for path in paths)
