"""The planner: what kind of command this is, and the plan to run it by.

Tries, in this order, what the user declared, a compile, an assembly, an archive
and a link. Each kind has its own key fields, its own way to learn what was
read, and its own refusals; whatever fits none is refused by name and runs as
plain SCons runs it.

A key never contains an absolute path into the project unless the outputs could
contain it too: then the working directory is a field of its own, and two
checkouts do not share that result.
"""

from __future__ import annotations

import os

from incremental_tool.engine.compile_plan import plan_assembly, plan_compile
from incremental_tool.engine.link_plan import plan_archive, plan_link
from incremental_tool.engine.plan import Declared, Found, Plan, Request, Standing
from incremental_tool.model.action import Fields, environment_fields
from incremental_tool.model.archive_command import is_archiver, parse_archive
from incremental_tool.model.assembler_command import is_assembler, parse_assemble
from incremental_tool.model.command_line import split_words
from incremental_tool.model.compile_command import parse_compile
from incremental_tool.model.link_command import parse_link
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache


_COMPILING = frozenset({"-c", "-S", "-E"})
_SHELLS = frozenset({"sh", "/bin/sh", "bash", "/bin/bash", "/usr/bin/bash", "dash", "/bin/dash"})


class Planner:
    """Makes plans for the commands of one project."""

    def __init__(self, cache: MultiLevelCache, top: bytes) -> None:
        self._cache = cache
        self._top = top

    def plan(self, request: Request) -> Union[Plan, Standing, Reason]:
        """Return how to run a command through the cache, or why it cannot be, or need not."""
        if request.refusal is not None:
            return request.refusal
        if request.mode == "off":
            return Reason("zir.refuse.switched-off")
        if request.shell not in _SHELLS:
            return Reason("zir.refuse.custom-shell", request.shell)
        if request.directory != self._top:
            return Reason("zir.refuse.directory", os.fsdecode(request.directory))
        words = split_words(request.text)
        plan = self._recognised(words, request)
        if isinstance(plan, Standing):
            return plan
        if isinstance(plan, Reason):
            if request.mode != "declared":
                return plan
            plan = self._declared(words, request)
            if isinstance(plan, Reason):
                return plan
        outputs = set(map(_plain_path, plan.outputs))
        for path in request.targets:
            if _plain_path(path) not in outputs:
                return Reason("zir.refuse.unknown-output", os.fsdecode(path))
        for path in request.side_effects:
            if _plain_path(path) not in outputs:
                return Reason("zir.refuse.side-effect", os.fsdecode(path))
        return plan

    def _recognised(
        self, words: Union[list[str], Reason], request: Request
    ) -> Union[Plan, Standing, Reason]:
        if isinstance(words, Reason):
            return words
        if not words:
            return Reason("zir.refuse.not-recognised", "an empty command")
        if is_archiver(words[0]):
            archiving = parse_archive(words)
            if isinstance(archiving, Reason):
                return archiving
            return plan_archive(archiving, words, request, self._cache)
        if is_assembler(words[0]):
            assembling = parse_assemble(words)
            if isinstance(assembling, Reason):
                return assembling
            return plan_assembly(assembling, words, request, self._cache)
        compiling = parse_compile(words, os.fsdecode(request.directory))
        if not isinstance(compiling, Reason):
            return plan_compile(compiling, request, self._cache)
        if not _COMPILING.isdisjoint(words):
            return compiling
        linking = parse_link(words)
        if not isinstance(linking, Reason):
            return plan_link(linking, words, request, self._cache)
        return compiling if linking.id == "zir.refuse.not-recognised" else linking

    def _declared(self, words: Union[list[str], Reason], request: Request) -> Union[Plan, Reason]:
        declared = request.declared()
        if isinstance(declared, Reason):
            return declared
        assert isinstance(declared, Declared)  # noqa: S101 - narrows a Union for the type checker
        fields: Fields = [
            ("kind", b"declared"),
            ("command", os.fsencode(request.text)),
            ("inputs", b"\0".join(declared.files)),
            ("outputs", b"\0".join(request.targets)),
            *environment_fields(request.environment, compiler=False),
            *declared.values,
        ]
        if not isinstance(words, Reason):
            # The program itself, where it is one: SCons names it as a dependency, too, but only
            # if IMPLICIT_COMMAND_DEPENDENCIES is on.
            program = self._cache.toolchains.program(words[0], request.environment)
            if not isinstance(program, Reason):
                fields.append(("toolchain", program.digest))
        if self._top in os.fsencode(request.text):
            fields.append(("directory", request.directory))
        return Plan(
            kind="declared",
            fields=fields,
            outputs=request.targets,
            argv=None,
            after=None,
            colored=False,
            collect=lambda _: Found(declared.files, []),
        )


def _plain_path(path: bytes) -> bytes:
    return os.path.normpath(path)
