"""Compile commands of which it is known what of a source's text shows in what they make.

Of two sources with equal form (`source_form`) such a command makes the same
object, byte for byte, and says nothing of one if it said nothing of the other.
Where no debug information is made, the same holds of forms that are equal
when packed, as long as nothing asks for the number of a line: the code that gcc
makes without optimisation depends on which tokens share a line, and that packing
keeps.

What is known to heed more than a form:

* clang writes a digest of each file into debug information from DWARF 5 on, its
  default since clang 14;
* in C90 `//` is no comment, or one to be warned of;
* warnings about comments: `-Wdocumentation`, `-Weverything`, white space at a
  line's ends, and `-Wimplicit-fallthrough=1`, for which any comment will do.
  (-Wcomment and the other levels of -Wimplicit-fallthrough are heeded by forms.)

The rule: an option is accepted because it is known to leave all this true.

Does not know what the source holds.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.function_command import options_of
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple, Union

    from incremental_tool.model.compile_command import CompileCommand
else:
    from incremental_tool.base.named_tuple import NamedTuple


_C90 = lazily(r"-ansi|--?std=(?:\w+:)?(?:c89|c90|gnu89|gnu90|1990|199409)")
_HEEDING = lazily(
    r"-W(?:everything|documentation.*|(?:leading|trailing)-whitespace.*|implicit-fallthrough=1"
    r"|c90-c99-compat|traditional)|-Werror=(?:documentation.*|implicit-fallthrough=1"
    r"|(?:leading|trailing)-whitespace.*)"
)
_DEBUG = lazily(r"-g(?:[123]|gdb[123]?|dwarf(?:-[2345])?)?")
_OLD_DWARF = lazily(r"-gdwarf-[234]")
_ACCEPTED = lazily(
    r"-w|-W(?![alp],).*|-Wa,--noexecstack|-Wl,.*|--?std=[\w+:]+|-ansi|-pedantic"
    r"|-pedantic-errors|-pipe|-pthread|-undef|-trigraphs|-c|-p|-pg|-[DUIO].*|-MM?D|-MP|-M[FTQ].+"
    r"|-i(?:quote|system|dirafter).+|-x.+|-nostdinc(?:\+\+)?|--?sysroot=.*|--?stdlib=.*"
    r"|--param=[\w-]+=[\w-]+|-m[a-z0-9].*|--?target=.*|-f(?:no-)?(?:PIC|pic|PIE|pie|common"
    r"|builtin(?:-\w+)?|strict-aliasing|strict-overflow|wrapv|trapv|signed-char|unsigned-char"
    r"|short-enums|omit-frame-pointer|stack-protector(?:-\w+)?|freestanding|hosted|plt|exceptions"
    r"|rtti|threadsafe-statics|asynchronous-unwind-tables|unwind-tables|math-errno|fast-math"
    r"|unsafe-math-optimizations|finite-math-only|associative-math|signed-zeros|trapping-math"
    r"|delete-null-pointer-checks|semantic-interposition|stack-clash-protection|gnu89-inline"
    r"|function-sections|data-sections|zero-initialized-in-bss|jump-tables|ident|permissive"
    r"|dollars-in-identifiers|cf-protection|inline|inline-functions|inline-small-functions"
    r"|unroll-loops|tree-vectorize|tree-slp-vectorize|merge-constants|ipa-[\w-]+|tree-[\w-]+"
    r"|vect-cost-model|reorder-functions|reorder-blocks|sized-deallocation|char8_t"
    r"|visibility-inlines-hidden|color-diagnostics|diagnostics-\S+|integrated-as)"
    r"|-fno-lto|-fvisibility=\w+|-fcf-protection=\w+|-ftls-model=[\w-]+|-ftabstop=\d+"
    r"|-fmax-errors=\d+|-fdiagnostics-\S+|-fmessage-length=\d+|-ftemplate-(?:depth|backtrace-limit)"
    r"=\d+|-fconstexpr-\w[\w-]*=\d+|-ffp-contract=\w+|-fexcess-precision=\w+|-frandom-seed=.*"
    r"|-f(?:file|macro|debug)-prefix-map=.*|-falign-\w+=[\d:]+|-fabi-version=\d+"
)
# The word that follows belongs to these.
_ACCEPTED_NEXT = frozenset(
    (
        *("-o", "-x", "-D", "-U", "-I", "-iquote", "-isystem", "-idirafter", "--param"),
        *("-include", "-imacros", "-MF", "-MT", "-MQ", "-target", "-isysroot", "--sysroot", "-B"),
    )
)
# They add options, programs or folders to look for headers in.
_STEERING = (
    *("CCC_OVERRIDE_OPTIONS", "GCC_COMPARE_DEBUG", "COMPILER_PATH", "GCC_EXEC_PREFIX"),
    *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"),
)


class TokenCommand(NamedTuple):
    """What of the text shows in a command's object: forms, or packed ones alone (`packed`).

    `macros` are the values of its options `-D`, `folders` where it looks for headers, `forced` the
    headers that it includes without being told to by a source.
    """

    family: str
    cxx: bool
    packed: bool
    macros: tuple[str, ...]
    folders: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()


def token_command(
    command: CompileCommand, family: str, environment: Mapping[str, str]
) -> Union[TokenCommand, Reason]:
    """Return what of a source's text shows in a command's object, or why that is not known.

    `family` is gcc or clang.
    """
    if command.language not in ("c", "c++") or command.mode != "-c":
        return Reason("tokens.refuse.language", f"{command.language} {command.mode}")
    if family not in ("gcc", "clang"):
        return Reason("tokens.refuse.language", family)
    if any(path != command.depfile for path in command.extra_outputs):
        return Reason("tokens.refuse.option", "it writes other files beside the object")
    steered = [*command.identity_files, *(name for name in _STEERING if name in environment)]
    if steered:
        return Reason("tokens.refuse.option", steered[0])
    cxx = command.language == "c++"
    debug, dwarf, macros = False, "", []
    for word, value in options_of(command):
        if word.startswith("-g") and _DEBUG.fullmatch(word):
            debug, dwarf = True, word if word.startswith("-gdwarf-") else dwarf
        elif word == "-g0":
            debug = False
        elif (
            _HEEDING.fullmatch(word)
            or (not cxx and _C90.fullmatch(word))
            or not (word in _ACCEPTED_NEXT if value else _ACCEPTED.fullmatch(word))
        ):
            return Reason("tokens.refuse.option", word)
        if word.startswith("-D"):
            macros.append(value or word[2:])
    if debug and family == "clang" and not _OLD_DWARF.fullmatch(dwarf):
        return Reason("tokens.refuse.debug")
    packed = not debug and not (cxx and family == "clang")
    folders = (
        *command.quote_dirs,
        *command.bracket_dirs,
        *command.system_dirs,
        *command.after_dirs,
    )
    return TokenCommand(family, cxx, packed, tuple(macros), folders, command.forced_includes)
