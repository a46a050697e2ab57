"""A plan: how one command is run through the cache.

`engine.planner` makes plans from commands; `engine.command_cache` carries them
out. A plan names the described key, the outputs, what is executed on a miss and
how the inputs are found afterwards. Plans are values: making one runs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable, NamedTuple, Optional, Union

    from incremental_tool.model.action import Fields
    from incremental_tool.model.function_command import FunctionCommand
    from incremental_tool.model.preamble_command import PreambleCommand
    from incremental_tool.model.reason import Reason
    from incremental_tool.model.token_command import TokenCommand

    Collect = Callable[[bytes], Union["Found", Reason]]
    """Finds what the command read, once it has succeeded; it is given what it said on stderr."""
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Found(NamedTuple):
    """What a command read, and where it looked in vain; paths as the command uses them."""

    inputs: list[bytes]
    absent: list[bytes]


class Archiving(NamedTuple):
    """What a command of ar or ranlib makes a library of, for `engine.archive_patch`.

    `tool` is the digest of the program; with `indexing`, of the whole command of ranlib. `refusal`
    is why the library's bytes cannot be told beforehand.
    """

    indexing: bool
    tool: bytes
    members: list[bytes]
    refusal: Optional[Reason]


class Standing(NamedTuple):
    """In place of a plan: the command would leave its outputs as they are."""

    kind: str


class Plan(NamedTuple):
    """How to run one command through the cache.

    `argv` is executed on a miss; where it is None the command's text goes to the shell as SCons
    would pass it. `colored` says that `argv` asks for colors because a terminal shows them.
    `after` is run behind a successful `argv` (a separate dependency query). `archiving` is set for
    ar and ranlib. `functions` tells how single functions of a unit are compiled, or why they cannot
    be; None where they are not wanted. `tokens` tells what of a unit's text counts, likewise, and
    `preamble` how a unit is compiled with its preamble precompiled; `source` is the unit's source.
    """

    kind: str
    fields: Fields
    outputs: list[bytes]
    argv: Optional[Sequence[str]]
    after: Optional[Sequence[str]]
    colored: bool
    collect: Collect
    archiving: Optional[Archiving] = None
    functions: Union[FunctionCommand, Reason, None] = None
    tokens: Union[TokenCommand, Reason, None] = None
    preamble: Union[PreambleCommand, Reason, None] = None
    source: str = ""


class Declared(NamedTuple):
    """What a command reads by the user's word: files by path, other dependencies by value."""

    files: list[bytes]
    values: list[tuple[str, bytes]]


class Request(NamedTuple):
    """One command as SCons hands it over.

    Paths are relative to the project's top; `directory` is the working directory, absolute.
    `removable` are targets that SCons would have removed before now. `fresh_inputs` are
    dependencies that this run has built, or linked into a variant folder. `declared` finds every
    declared dependency, for commands whose inputs are what the user says. `refusal` is why SCons's
    side cannot vouch for the rest. `terminal` says that messages go to a terminal; `rewrite` that
    outputs are to be written even where they are there already, because time stamps are decided by.
    """

    text: str
    shell: str
    environment: Mapping[str, str]
    targets: list[bytes]
    side_effects: list[bytes]
    removable: list[bytes]
    fresh_inputs: list[bytes]
    directory: bytes
    mode: str
    declared: Callable[[], Union[Declared, Reason]]
    refusal: Optional[Reason]
    terminal: bool
    rewrite: bool = False
