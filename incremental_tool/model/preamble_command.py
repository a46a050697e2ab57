"""Compile commands with a precompiled preamble: when they are sound, and their words.

gcc compiles a copy of the source whose preamble is blank, behind `-include` of a header
of which only the precompiled form is there; the copy has the source's base name, and
`-ffile-prefix-map` gives it the source's name in macros and debug information. clang
compiles the source itself, and passes its first bytes over.

What was measured (gcc 12, clang 14; 142 edits of RE2, objects compared by byte):

* gcc: equal without debug information at any level, and with it at -O0. Optimised with
  debug information, location lists come out otherwise.
* clang: equal without debug information. With it, precompiled `using` declarations are
  left out, and names of files are written otherwise.

The rule: an option is accepted because it is known to leave all this true. Anything
else is refused.

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
    from typing import NamedTuple, Optional, Union

    from incremental_tool.model.compile_command import CompileCommand
else:
    from incremental_tool.base.named_tuple import NamedTuple


_OPTIMISING = lazily(r"-O(?:[0-3sgz]|fast)?")
_DEBUG = lazily(r"-g(?:[12]|gdb[12]?|dwarf(?:-[45])?)?")
_ACCEPTED = lazily(
    r"-w|-W(?![alp],).*|-std=.*|-stdlib=.*|-ansi|-pedantic(?:-errors)?|-pipe|-pthread|-undef"
    r"|-c|-[DUI].*|-MM?D|-MP|-nostdinc(?:\+\+)?|-f(?:no-)?(?:PIC|pic|PIE|pie|common"
    r"|builtin(?:-\w+)?|strict-aliasing|strict-overflow|wrapv|trapv|signed-char|unsigned-char"
    r"|short-enums|omit-frame-pointer|stack-protector(?:-\w+)?|freestanding|hosted|plt|exceptions"
    r"|rtti|threadsafe-statics|char8_t|sized-deallocation|aligned-new|operator-names|permissive"
    r"|access-control|elide-constructors|enforce-eh-specs|visibility-inlines-hidden"
    r"|asynchronous-unwind-tables|unwind-tables|math-errno|fast-math|diagnostics-\S+"
    r"|delete-null-pointer-checks|semantic-interposition|stack-clash-protection|gnu89-inline"
    r"|function-sections|data-sections|zero-initialized-in-bss|jump-tables|ident"
    r"|dollars-in-identifiers|cf-protection|inline|inline-functions|unroll-loops|tree-vectorize"
    r"|vectorize|slp-vectorize|strict-enums)|-fvisibility=\w+|-fcf-protection=\w+"
    r"|-ftls-model=[\w-]+|-fmax-errors=\d+|-ftemplate-depth=\d+|-fabi-version=\d+"
    r"|-fdiagnostics-\S+|-fmessage-length=\d+"
    r"|-m(?:arch|tune|cpu|fpu|float-abi|cmodel|abi)=[\w.+-]+|-m(?:no-)?(?:sse|avx|fma|bmi|aes|pclmul"
    r"|popcnt|mmx|lzcnt|f16c|red-zone|omit-leaf-frame-pointer|outline-atomics)[\w.]*|-m64"
)
# The word that follows belongs to these.
_ACCEPTED_NEXT = frozenset(
    ("-o", "-x", "-D", "-U", "-I", "-iquote", "-isystem", "-idirafter", "-MF", "-MT", "-MQ")
)
# What names files of the user's, or how the source is read: said anew.
_DROPPED = frozenset(("-c", "-MD", "-MMD", "-MP", "-o", "-x", "-MF", "-MT", "-MQ"))


class PreambleCommand(NamedTuple):
    """How one unit is compiled with a precompiled preamble; `words` are driver and options."""

    family: str
    source: str
    language: str
    words: tuple[str, ...]
    depfile: str


def preamble_command(command: CompileCommand, family: str) -> Union[PreambleCommand, Reason]:
    """Return how this unit is compiled with its preamble precompiled, or why it cannot be.

    `family` is gcc or clang.
    """
    if command.language not in ("c", "c++") or command.mode != "-c":
        return Reason("preamble.refuse.option", command.language)
    if family not in ("gcc", "clang"):
        return Reason("preamble.refuse.option", family)
    if any(path != command.depfile for path in command.extra_outputs):
        return Reason("preamble.refuse.option", "it writes other files beside the object")
    level, debug, kept = "-O0", "", [command.driver]
    for word, value in _options(command):
        if value and word not in _ACCEPTED_NEXT:
            return Reason("preamble.refuse.option", word)
        if _OPTIMISING.fullmatch(word) is not None:
            level = word
        elif word.startswith("-g"):
            if word != "-g0" and _DEBUG.fullmatch(word) is None:
                return Reason("preamble.refuse.option", word)
            debug = "" if word == "-g0" else word
        elif not value and _ACCEPTED.fullmatch(word) is None:
            return Reason("preamble.refuse.option", word)
        if word not in _DROPPED:
            kept += [word, value] if value else [word]
    if debug and family == "clang":
        return Reason("preamble.refuse.debug", f"clang {debug}")
    if debug and level != "-O0":
        return Reason("preamble.refuse.debug", f"{debug} {level}")
    return PreambleCommand(family, command.source, command.language, tuple(kept), command.depfile)


def _options(command: CompileCommand) -> Iterator[tuple[str, str]]:
    """Yield each option with the word that belongs to it, the source left out."""
    rest = iter(command.words[1:])
    for word in rest:
        if word[:1] != "-":
            continue  # there is one such word: the source
        takes = option_of(word).action in (NEXT_SET, NEXT_ADD, NEXT_PLAIN)
        yield word, next(rest, "") if takes else ""


def precompiled_name(family: str, header: str) -> str:
    """Return the file that a header's precompiled form lies in."""
    return header + (".gch" if family == "gcc" else ".pch")


def making_words(command: PreambleCommand, header: str, place: str) -> list[str]:
    """Return a command that precompiles the text in the file `header` into the file `place`.

    What it includes by quotes is looked for beside the source first.
    """
    driver, *words = command.words
    folder = command.source.rpartition("/")[0] or ("/" if command.source[:1] == "/" else ".")
    timeless = ["-Xclang", "-fno-pch-timestamp"] if command.family == "clang" else []
    kind = command.language + "-header"
    return [driver, "-iquote", folder, *words, *timeless, "-x", kind, header, "-o", place]


def using_words(
    command: PreambleCommand, header: str, preamble_bytes: int, unit: str, place: str
) -> list[str]:
    """Return a command that compiles the unit into `place` with its preamble precompiled.

    `header` is what gcc is told to include, or what clang's precompiled form lies in; `unit` is
    the blanked copy of the source, which clang does not need.
    """
    target = ["-c", "-o", place, "-x", command.language]
    if command.family == "gcc":
        mapped = f"-ffile-prefix-map={unit}={command.source}"
        return [*command.words, mapped, "-include", header, *target, unit]
    passed_over = f"-preamble-bytes={preamble_bytes},1"
    use = ["-Xclang", "-include-pch", "-Xclang", header, "-Xclang", passed_over]
    return [*command.words, *use, *target, command.source]


_PRETTY = b"__PRETTY_FUNCTION__"
_UNNAMED = b" at /"


def places_told(command: PreambleCommand, text: bytes) -> bool:
    """Tell whether a text of the user's may tell where a type without a name stands.

    clang does so by the header's name, which is absolute once it is precompiled.
    """
    return command.family == "clang" and _PRETTY in text


def names_absolute_place(command: PreambleCommand, content: bytes) -> bool:
    """Tell whether an object may hold such a place: "(lambda at /work/x.h:1:2)".

    `assert` in a function template tells it, too, and none of the user's texts says so.
    """
    return command.family == "clang" and _UNNAMED in content


def obstacle_in_paths(
    command: PreambleCommand, inputs: list[bytes], folder: bytes
) -> Optional[Reason]:
    """Return why names of files would come out otherwise, if they would.

    `folder` is where the precompiled header and the copy of the source lie. gcc writes a header
    beside a source in the working directory as `x.h`, and as `./x.h` once it is precompiled.
    """
    if any(byte in folder for byte in b"=\n"):
        return Reason("preamble.refuse.place", "the name of the state folder")
    if command.family == "gcc":
        for path in inputs:
            if b"/" not in path and path != command.source.encode("utf-8", "surrogateescape"):
                return Reason("preamble.refuse.place", path.decode("utf-8", "replace"))
    return None
