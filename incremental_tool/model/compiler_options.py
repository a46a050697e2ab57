"""What each option of gcc and clang means to a cache: nothing, a path, a setting, or no.

The rule: an option is accepted because it belongs to a family known to change
nothing but the named output. Whatever is not known is refused, so an option
invented tomorrow costs a cache hit and never a wrong object.

What was checked against gcc 12 and clang 14 stands beside the entry.

Knows nothing of whole commands: `compile_command` and `link_command` put the
options together.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.flag_options import flag_option
from incremental_tool.model.option import (
    ADD,
    NEXT_ADD,
    NEXT_PLAIN,
    NEXT_SET,
    PLAIN,
    REFUSE,
    SET,
    Option,
    absolute_paths,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable


def _refuse(reason: str, *names: str) -> dict[str, Option]:
    return {name: Option(REFUSE, reason) for name in names}


def _each(option: Option, *names: str) -> dict[str, Option]:
    return dict.fromkeys(names, option)


_ON = "1"

_EXACT: dict[str, Option] = {
    "-c": Option(SET, "mode", "-c"),
    "-S": Option(SET, "mode", "-S"),
    "-o": Option(NEXT_SET, "output"),
    "-x": Option(NEXT_SET, "language"),
    **_each(Option(NEXT_PLAIN), "-D", "-U", "--param"),
    **_each(Option(NEXT_PLAIN, probe=True), "-B", "--sysroot", "-isysroot", "-target"),
    **_each(Option(NEXT_PLAIN, probe=True), "-resource-dir"),
    "-I": Option(NEXT_ADD, "bracket_dirs"),
    "-iquote": Option(NEXT_ADD, "quote_dirs"),
    "-isystem": Option(NEXT_ADD, "system_dirs"),
    "-idirafter": Option(NEXT_ADD, "after_dirs"),
    "-include": Option(NEXT_ADD, "forced_includes"),
    "-imacros": Option(NEXT_ADD, "forced_includes"),
    "-Xassembler": Option(NEXT_SET, "assembler_word"),
    "-MD": Option(SET, "dependencies", "-MD"),
    "-MMD": Option(SET, "dependencies", "-MMD"),
    "-MF": Option(NEXT_SET, "dependency_file"),
    "-MT": Option(NEXT_SET, "dependency_target"),
    "-MQ": Option(NEXT_SET, "dependency_target"),
    "-MP": Option(SET, "dependency_target", _ON),
    **_each(Option(SET, "notes", _ON), "--coverage", "-coverage", "-ftest-coverage"),
    "-fstack-usage": Option(SET, "stack_usage", _ON),
    "-gsplit-dwarf": Option(SET, "split_dwarf", _ON),
    "-fno-lto": Option(SET, "lto", ""),
    **_each(
        Option(PLAIN),
        *("-w", "-pipe", "-ansi", "-pedantic", "-pedantic-errors", "-pass-exit-codes"),
        *("-pthread", "-undef", "-trigraphs", "-traditional", "-traditional-cpp", "-p", "-pg"),
        *("-Qunused-arguments", "-emit-llvm", "-Qn", "-Qy", "-Rpass", "-rdynamic", "-s", "-r"),
        *("-static", "-static-libgcc", "-static-libstdc++", "-static-pie", "-shared", "-pie"),
        *("-shared-libgcc", "-no-pie", "-nopie", "-nostdlib", "-nodefaultlibs", "-nostartfiles"),
        *("-nolibc", "-nostdlib++", "-static-libsan", "-shared-libsan", "-static-libasan"),
        *("-static-libubsan", "-static-libtsan", "-static-liblsan"),
        # These would trip over the words barred from -f names below.
        *("-fdebug-info-for-profiling", "-fno-debug-info-for-profiling", "-fno-temp-file"),
        *("-fno-crash-diagnostics", "-fno-record-gcc-switches", "-fno-record-command-line"),
        *("-fno-plugin", "-fdiagnostics-show-path-depths", "-ffile-reproducible"),
        *("-fno-modules", "-fno-modules-ts", "-fno-implicit-modules", "-fuse-linker-plugin"),
        *("-fembed-bitcode", "-fembed-bitcode-marker", "-fcompare-elim", "-fipa-profile"),
        *("-fdiagnostics-plain-output", "-fno-diagnostics-fixit-info"),
        *(
            "-fversion-loops-for-strides",
            "-frerun-cse-after-loop",
            "-fno-profile-reorder-functions",
        ),
        *("-fdirect-access-external-data", "-fno-direct-access-external-data"),
    ),
    **_each(
        Option(PLAIN, probe=True),
        *("-nostdinc", "-nostdinc++", "-nostdlibinc", "-nobuiltininc", "-ibuiltininc"),
        *("-no-canonical-prefixes", "-canonical-prefixes"),
        *("-fintegrated-as", "-fno-integrated-as", "-no-integrated-as", "-integrated-as"),
        *("-fintegrated-cc1", "-fno-integrated-cc1"),
    ),
    **_refuse(
        "zir.refuse.not-compiling",
        *("-E", "-M", "-MM", "-fsyntax-only", "-###", "--version", "--help", "-dumpversion"),
        *("-dumpmachine", "-dumpspecs", "-dumpfullversion", "--target-help", "--analyze"),
        *("-verify-pch", "-help", "--help-hidden", "-emit-ast", "-module-file-info"),
    ),
    **_refuse(
        "zir.refuse.pch",
        *("-include-pch", "-emit-pch", "-relocatable-pch", "--precompile"),
    ),
    **_refuse("zir.refuse.save-temps", "-save-temps", "--save-temps"),
}

# -g options -------------------------------------------------------------------

_G_LEVEL = lazily(
    r"-g(?:[0-9]|gdb[0-9]?|dwarf(?:-[0-9]|32|64)?|stabs\+?[0-9]?|line-tables-only|mlt|lldb|sce"
    r"|line-directives-only|codeview|full|used|btf|ctf[0-9]?)?",
)
# -grecord-gcc-switches is not here: clang then stores the whole command line,
# and with it the words that ask for the dependency list (checked).
_G_DETAIL = lazily(
    r"-g(?:no-)?(?:column-info|strict-dwarf|inline-points|statement-frontiers|pubnames"
    r"|gnu-pubnames|variable-location-views(?:=incompat5)?|as-loc-support|as-locview-support"
    r"|describe-dies|internal-reset-location-views|z(?:=[\w-]+)?|inline-line-tables"
    r"|simple-template-names|embed-source|codeview-ghash)|-gno-record-(?:gcc-switches|command-line)",
)


def _g_option(word: str) -> Option:
    if _G_LEVEL.fullmatch(word):
        return Option(SET, "debug", "" if word.endswith("0") else _ON)
    if _G_DETAIL.fullmatch(word):
        return Option(PLAIN)
    return Option(
        REFUSE, "zir.refuse.modules" if word == "-gmodules" else "zir.refuse.option", word
    )


# -W, -m and the rest ----------------------------------------------------------

_WARNING = lazily(r"-W[A-Za-z0-9+_=.-]*")
# Words for the assembler: no listings, no include folders, no files.
_WA_PART = lazily(
    r"--(?:no)?execstack|--fatal-warnings|--(?:no-)?warn|-W|--no-pad-sections|--keep-locals|-L|-K|-R"
    r"|--compress-debug-sections(?:=[\w-]+)?|--(?:no)?compress-debug-sections|--64|--32|--x32|-Z"
    r"|-m(?!.*native)[\w.+=-]+|--strip-local-absolute|--generate-missing-build-notes=\w+"
    r"|--elf-stt-common=\w+|--sectname-subst",
)
_WA_DEBUG = lazily(r"-g|--g(?:en-debug|dwarf-[0-9]|stabs\+?)|-gdwarf-[0-9]")
_WP_MACROS = lazily(r"-Wp(?:,-[DU]\w[^,]*)+")
_WP_DEPENDENCIES = lazily(r"-Wp,(-MM?D),([^,]+)")


def assembler_words(parts: list[str]) -> Option:
    """Say what words passed on to the assembler (by -Wa or -Xassembler) mean."""
    debug = False
    for part in parts:
        if _WA_DEBUG.fullmatch(part):
            debug = True
        elif not _WA_PART.fullmatch(part):
            return Option(REFUSE, "zir.refuse.option", "-Wa," + part)
    return Option(SET, "assembler_debug", _ON) if debug else Option(PLAIN)


def _w_option(word: str) -> Option:
    start = word[:4]
    if start == "-Wl,":
        return Option(PLAIN, absolute=absolute_paths(word))  # for a linker that does not run
    if start == "-Wa,":
        return assembler_words(word[4:].split(","))
    if start == "-Wp,":
        match = _WP_DEPENDENCIES.fullmatch(word)
        if match:
            return Option(SET, "preprocessor_dependencies", f"{match[1]} {match[2]}")
        if _WP_MACROS.fullmatch(word):
            return Option(PLAIN, absolute=absolute_paths(word))
    elif _WARNING.fullmatch(word):
        return Option(PLAIN)
    return Option(REFUSE, "zir.refuse.option", word)


_MACHINE = lazily(r"-m(?!llvm|odule|dump|debug|thread-model|linker)[a-z0-9][\w.+=,:-]*")
_NATIVE = lazily(r"=native\b")


def _m_option(word: str) -> Option:
    if not _MACHINE.fullmatch(word):
        return Option(REFUSE, "zir.refuse.option", word)
    if _NATIVE.search(word):
        return Option(SET, "native", _ON, probe=True)
    return Option(PLAIN, probe=True)


def _folder(field: str, path: str, word: str) -> Option:
    """Return the option for a search folder written in one word with it."""
    # `-I-` splits the search path; `=` and $SYSROOT stand for the sysroot.
    if not path or path == "-" or path.startswith(("=", "$")):
        return Option(REFUSE, "zir.refuse.option", word)
    return Option(ADD, field, path)


def _bracket_folder(word: str) -> Option:
    return _folder("bracket_dirs", word[2:], word)


def _language_option(word: str) -> Option:
    return Option(SET, "language", word[2:])


def _i_option(word: str) -> Option:
    for name, field in (
        ("-isystem", "system_dirs"),
        ("-iquote", "quote_dirs"),
        ("-idirafter", "after_dirs"),
    ):
        if word.startswith(name):
            return _folder(field, word[len(name) :], word)
    return Option(REFUSE, "zir.refuse.pch" if "pch" in word else "zir.refuse.option", word)


def _dependency_option(word: str) -> Option:
    if word[:3] == "-MF":
        return Option(SET, "dependency_file", word[3:])
    if word[:3] in ("-MT", "-MQ"):
        return Option(SET, "dependency_target", _ON)
    return Option(REFUSE, "zir.refuse.option", word)


_PROBED = lazily(
    r"(?:--sysroot|--target|-target|-stdlib|--stdlib|--gcc-toolchain|--gcc-install-dir"
    r"|--gcc-triple|-resource-dir|-rtlib|--rtlib|-unwindlib|--unwindlib)=.+",
    re.DOTALL,
)
_SPECS = lazily(r"--?specs=(.+)", re.DOTALL)
_OTHER = lazily(
    r"--?std=[\w+:.]+|-O(?:[0-9]|s|z|g|fast)?|--param=[\w-]+=[\w-]+"
    r"|-Rpass(?:-missed|-analysis)?=[^/]*",
)
_REFUSED = lazily(r"-print-.*|--print-.*|(-save-temps.*|--save-temps.*)", re.DOTALL)


def _other_option(word: str) -> Option:
    if _OTHER.fullmatch(word):
        return Option(PLAIN)
    if _PROBED.fullmatch(word):
        return Option(PLAIN, probe=True, absolute=absolute_paths(word))
    match = _SPECS.fullmatch(word)
    if match:
        return Option(ADD, "identity_files", match[1], probe=True)
    match = _REFUSED.fullmatch(word)
    if match:
        return Option(
            REFUSE, "zir.refuse.save-temps" if match[1] else "zir.refuse.not-compiling", word
        )
    return Option(REFUSE, "zir.refuse.option", word)


def _macro_option(word: str) -> Option:
    return Option(PLAIN, absolute=absolute_paths(word))


def _tool_folder(word: str) -> Option:
    return Option(PLAIN, probe=True, absolute=absolute_paths(word))


_BY_LETTER: dict[str, Callable[[str], Option]] = {
    "-D": _macro_option,
    "-U": _macro_option,
    "-L": _macro_option,  # for a linker that does not run
    "-l": _macro_option,
    "-B": _tool_folder,
    "-I": _bracket_folder,
    "-i": _i_option,
    "-f": flag_option,
    "-g": _g_option,
    "-m": _m_option,
    "-W": _w_option,
    "-M": _dependency_option,
    "-x": _language_option,
}

# The same few hundred words come back in every compile of a build: each is
# understood once. The bound keeps generated -D words from filling memory.
_known: dict[str, Option] = {}
_KNOWN_LIMIT = 20_000


def option_of(word: str) -> Option:
    """Return the meaning of a word that begins with a minus sign."""
    option = _known.get(word)
    if option is None:
        option = _EXACT.get(word) or _BY_LETTER.get(word[:2], _other_option)(word)
        if option.action is REFUSE and not option.value:
            option = Option(REFUSE, option.field, word)
        if len(_known) >= _KNOWN_LIMIT:
            _known.clear()
        _known[word] = option
    return option
