"""Compile commands for single functions: when they are sound, and the words they are made of.

A *base* is a whole unit compiled by the user's command with a few words added
(`BASE_WORDS`): every function has a section of its own, and nothing in one
function's code follows from another's body. Only then can one function of the
object be replaced. What was measured, with one small program for each way in
which an optimiser lets a body reach its callers (gcc 12, clang 14):

* gcc -O0 has one: a caller does not align the stack for a callee that is seen not to need
  it. `-fno-ipa-stack-alignment` ends that, and costs a few bytes of stack.
* clang -O0 has none.
* -Og is not -O0: gcc shows nine leaks, clang fourteen.
* From -O1 on there are more. gcc 12 has words that end all but two of them (`CONTAINED`), at a
  price: nothing is inlined that need not be. Only whoever asks for that gets it, in each of
  the unit's compiles. What is left: whether a static variable's address is taken
  (`model.address_taken`), and whether a function always comes to something unlikely
  (`model.elf_object.placed_functions`). clang has no such words.

The rule: an option is accepted because it is known to leave all this true.
Anything else is refused, and the unit is compiled whole.

Does not know what the source holds.
"""

from __future__ import annotations

from incremental_tool.base.pattern import lazily
from incremental_tool.model.compiler_options import option_of
from incremental_tool.model.option import NEXT_ADD, NEXT_PLAIN, NEXT_SET
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple, Union

    from incremental_tool.model.compile_command import CompileCommand
else:
    from incremental_tool.base.named_tuple import NamedTuple


SECTIONS = "-ffunction-sections"
_LEVELS = frozenset(("1", "2", "3", "g", "s", "z"))
CONTAINED = (
    "-fno-inline",
    "-fno-partial-inlining",
    "-fno-toplevel-reorder",
    "-freorder-functions",
    "-fno-ipa-bit-cp",
    "-fno-ipa-cp",
    "-fno-ipa-icf",
    "-fno-ipa-modref",
    "-fno-ipa-profile",
    "-fno-ipa-pta",
    "-fno-ipa-pure-const",
    "-fno-ipa-ra",
    "-fno-ipa-reference",
    "-fno-ipa-reference-addressable",
    "-fno-ipa-sra",
    "-fno-ipa-stack-alignment",
    "-fno-ipa-strict-aliasing",
    "-fno-ipa-vrp",
)
"""Words by which gcc 12 optimises each function by itself.

`-fno-inline` leaves alone what must be inlined. `-fno-toplevel-reorder` keeps static functions and
variables as they are, whoever uses them, and no anchors in sections. `-freorder-functions`, which
-O1 lacks, puts functions that are unlikely to run where they can be told by.
"""
_THROWS = {"-fexceptions": True, "-fno-exceptions": False}
"""With exceptions both compilers find out, without optimisation too, which functions throw nothing,
and leave out what their callers would do if they did. No word ends that."""

_OPTIMISING = lazily(r"-O(.*)")
_DEBUG = lazily(r"-g(?:[12]|gdb[12]?|dwarf(?:-[45])?)?")

# Beside -O, -g and what the preprocessor alone reads.
_ACCEPTED = lazily(
    r"-w|-W(?![alp],).*|-std=.*|-ansi|-pedantic(?:-errors)?|-pipe|-pthread|-undef|-trigraphs"
    r"|-c|-[DUI].*|-MM?D|-MP|-nostdinc|-f(?:no-)?(?:PIC|pic|PIE|pie|common|builtin(?:-\w+)?"
    r"|strict-aliasing|strict-overflow|wrapv|trapv|signed-char|unsigned-char|short-enums"
    r"|omit-frame-pointer|stack-protector(?:-\w+)?|freestanding|hosted|plt"
    r"|asynchronous-unwind-tables|unwind-tables|math-errno|fast-math|diagnostics-\S+"
    r"|delete-null-pointer-checks|semantic-interposition|stack-clash-protection|gnu89-inline"
    r"|function-sections|data-sections|zero-initialized-in-bss|jump-tables|ident|dollars-in-identifiers"
    r"|cf-protection)|-fvisibility=\w+|-fcf-protection=\w+|-ftls-model=[\w-]+|-fmax-errors=\d+"
    r"|-fdiagnostics-\S+|-fmessage-length=\d+"
    r"|-m(?:arch|tune|cpu|fpu|float-abi|cmodel|abi)=[\w.+-]+|-m(?:no-)?(?:sse|avx|fma|bmi|aes|pclmul"
    r"|popcnt|mmx|lzcnt|f16c|red-zone|omit-leaf-frame-pointer|outline-atomics)[\w.]*|-m64"
)
_ACCEPTED_OF_CPP = lazily(
    r"-nostdinc\+\+|-f(?:no-)?(?:rtti|threadsafe-statics|char8_t|sized-deallocation|aligned-new"
    r"|operator-names|permissive|access-control|visibility-inlines-hidden|strict-enums)"
    r"|-ftemplate-depth=\d+|-fabi-version=\d+"
)
# The word that follows belongs to these.
_ACCEPTED_NEXT = frozenset(
    (
        *("-o", "-x", "-D", "-U", "-I", "-iquote", "-isystem", "-idirafter"),
        *("-include", "-imacros", "-MF", "-MT", "-MQ"),
    )
)
_NO_SECTIONS = frozenset(("-fno-function-sections", "-fno-data-sections"))
INCLUDING = frozenset(("-include", "-imacros"))
"""Options by which more than the source is preprocessed."""

# What the dependency file is asked for by: a thin unit writes none.
_DROPPED_NEXT = frozenset(("-o", "-MF", "-MT", "-MQ"))
_DROPPED = frozenset(("-c", "-MD", "-MMD", "-MP", "-save-temps"))


class FunctionCommand(NamedTuple):
    """How one unit's functions are compiled; `language` is as `-x` has it.

    `words` are the driver and the options for thin units; `base_words` what is added to the user's
    own words for a base; `contained` what is added to each compile of the unit, which makes every
    one a base. `debug` says whether positions reach the object.
    """

    family: str
    source: str
    words: tuple[str, ...]
    base_words: tuple[str, ...]
    debug: bool
    contained: tuple[str, ...] = ()
    language: str = "c"


def function_command(
    command: CompileCommand, family: str, *, contain: bool = False
) -> Union[FunctionCommand, Reason]:
    """Return how functions of this unit are compiled, or why they cannot be one by one.

    `family` is gcc or clang. With `contain`, optimised units may be, by gcc 12.
    """
    known = ("c", "c++") if family == "gcc" else ("c",)
    if command.language not in known or command.mode != "-c" or family not in ("gcc", "clang"):
        return Reason("function.refuse.language", f"{command.language} by {family}")
    if any(path != command.depfile for path in command.extra_outputs):
        return Reason("function.refuse.option", "it writes other files beside the object")
    level, debug, kept = "0", False, [command.driver]
    throws = command.language == "c++"
    for word, value in options_of(command):
        if value and word not in _ACCEPTED_NEXT:
            return Reason("function.refuse.option", word)
        if word in _NO_SECTIONS:
            return Reason("function.refuse.option", word)
        optimising = _OPTIMISING.fullmatch(word)
        if optimising is not None:
            level = optimising[1] or "1"
        elif word.startswith("-g"):
            if word != "-g0" and _DEBUG.fullmatch(word) is None:
                return Reason("function.refuse.option", word)
            debug = word != "-g0"
        elif word in _THROWS:
            throws = _THROWS[word]
        elif not value and _ACCEPTED.fullmatch(word) is None:
            of_cpp = command.language == "c++" and _ACCEPTED_OF_CPP.fullmatch(word)
            if not of_cpp:
                return Reason("function.refuse.option", word)
        if word in _DROPPED or word in _DROPPED_NEXT or word.startswith("-Wp,"):
            continue
        kept += [word, value] if value else [word]
    if throws:
        return Reason("function.refuse.exceptions")
    if level != "0":
        if not contain or level not in _LEVELS or command.language != "c":
            return Reason("function.refuse.optimised", f"-O{level}")
        if debug:
            return Reason("function.refuse.optimised", f"-O{level} with -g")
        contained = (SECTIONS, *CONTAINED)
        words = (*kept, *contained, *tolerant_words(family))
        return FunctionCommand(family, command.source, words, (), debug, contained)
    added = (SECTIONS, "-fno-ipa-stack-alignment") if family == "gcc" else (SECTIONS,)
    words = (*kept, *added, *tolerant_words(family))
    return FunctionCommand(family, command.source, words, added, debug, (), command.language)


def options_of(command: CompileCommand) -> Iterator[tuple[str, str]]:
    """Yield each option with the word that belongs to it, the source left out."""
    rest = iter(command.words[1:])
    for word in rest:
        if word[:1] != "-":
            continue  # there is one such word: the source
        takes = option_of(word).action in (NEXT_SET, NEXT_ADD, NEXT_PLAIN)
        yield word, next(rest, "") if takes else ""


def preprocess_words(command: FunctionCommand, unit: str, place: str) -> list[str]:
    """Return a command that preprocesses the text in the file `unit` into the file `place`."""
    return [*_located(command, unit), "-E", "-x", command.language, unit, "-o", place]


def compile_words(command: FunctionCommand, unit: str, place: str) -> list[str]:
    """Return a command that compiles the thin unit in the file `unit` into the object `place`."""
    return [
        *_located(command, unit),
        *_PIECE[command.family],
        "-c",
        "-x",
        command.language,
        unit,
        "-o",
        place,
    ]


def whole_words(command: FunctionCommand, place: str) -> list[str]:
    """Return a command that compiles the source itself as a base is compiled."""
    return [*command.words, "-c", "-x", command.language, command.source, "-o", place]


_PIECE = {
    "gcc": ("-fdata-sections", "-fno-diagnostics-show-caret", "-fdiagnostics-color=never"),
    "clang": ("-fdata-sections", "-fno-caret-diagnostics", "-fdiagnostics-color=never"),
}


def _located(command: FunctionCommand, unit: str) -> list[str]:
    """Return words that let the text in the file `unit` seem to be the user's source.

    What it includes by quotes is looked for beside the source first, and every name of it in
    macros and debug information is the one that the user's command writes.
    """
    driver, *words = command.words
    folder = command.source.rpartition("/")[0] or ("/" if command.source[:1] == "/" else ".")
    return [driver, "-iquote", folder, f"-ffile-prefix-map={unit}={command.source}", *words]


SPURIOUS = (
    "unused-function",
    "unused-variable",
    "unused-const-variable",
    "unused-parameter",
    "return-type",
)
"""Warnings that a thin unit raises because bodies are missing: no errors there."""


def tolerant_words(family: str) -> list[str]:
    """Return words by which missing bodies are no errors, whatever `-Werror` says."""
    more = ("undefined-internal",) if family == "clang" else ()
    return ["-Wno-error", *(f"-Wno-error={name}" for name in (*SPURIOUS, *more))]
