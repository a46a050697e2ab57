"""The -f options of gcc and clang, the broadest family of all.

The rule: an -f option is accepted when the first part of its name is known, no
part of it speaks of files, dumps or reports, and, if it takes a value, the
whole name is known and the value is no path. Everything else is refused.

The names come from the lists that gcc 12 and clang 14 print of themselves.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.option import (
    ADD,
    NEXT_SET,
    PLAIN,
    REFUSE,
    SET,
    Option,
    absolute_paths,
)

# First parts of the names of -f options that change code, diagnostics or
# checks only, from the lists that gcc 12 and clang 14 print of themselves.
_F_STEM_LIST = """
    PIC PIE aapcs access addrsig aggressive align aligned allocation allow altivec analyzer ansi
    approx argument asan asm assembler associative assume async asynchronous auto autolink bit
    blocks borland bounds branch btr builtin c++ call caller canon canonical caret cf char8
    char8_t check checking cilkplus clang code color combine comment common complete complex
    concepts cond conserve constant constexpr convergent coroutines cprop crossjumping cse cx
    cxx data dbg dce debug declone declspec deduce default defer delayed delete dependent
    devirtualize diagnostics digraphs disable discard dollars double dse dwarf dwarf2 early elide
    eliminate emit emulated enforce enum errno escaping exceptions excess expensive ext extend
    extended extern external fast fat fine finite fixed float fold for force forward fp free
    freestanding friend function functions gcse global gnu gnu89 graphite guess gcc guard
    handle hardened harden hoist honor hosted huge ident if ignore implement implicit
    indirect inhibit init inline instrument integrated ipa ira isolate ivar ivopts jump keep
    large lax leading legacy lifetime limit live loop lra macro math max merge minimize
    modulo move ms named new no non nonansi nonnull nothrow omit openmp operator optimize
    optional order pack partial pascal patchable pcc peel peephole peephole2 permissive pic pie
    plan9 plt pointer post pre predictive prefetch preserve pretty printf protect range
    reciprocal ree reg register relaxed rename reorder reroll reschedule ropi rounding rtti
    rwpi sanitize sched sched2 schedule section see seh sel selective semantic separate short
    show shrink signaling signed simd single sized sjlj slp spell split ssa sso stack standalone
    stdarg store strength strict strong struct sync template thread threadsafe tls toplevel
    tracer track trampolines trap trapping trapv tree trigraphs trivial unconstrained unique
    unit unroll unsafe unsigned unswitch unwind use validate var variable vect vectorize
    verbose virtual visibility vpt vtable weak web whole wrapv working writable xl xray zero zvector
"""
_F_STEMS = frozenset(_F_STEM_LIST.split())
# Parts that speak of files and reports, wherever they stand in a name.
_F_BARRED = lazily(
    r"(?:^|-)(?:files?|dump|traces?|dir|path|record|reports?|usage|pch|modules?|plugin|list|info"
    r"|output|save|temps?|import|json|sarif|cache|wrapper|logs?|print|profile|offload|cuid)(?:-|$)",
)
# -fNAME=VALUE is accepted for these names, and for values without a slash.
_F_VALUED_LIST = """
    abi-compat-version abi-version align-functions align-jumps align-labels align-loops
    aligned-new analyzer-checker analyzer-verbosity asan-shadow-offset basic-block-sections
    binutils-version c++-abi cf-protection checking clang-abi-compat complex-arithmetic
    concepts-diagnostics-depth constexpr-backtrace-limit constexpr-cache-depth constexpr-depth
    constexpr-loop-limit constexpr-ops-limit constexpr-steps bracket-depth
    crash-diagnostics-dir
    debug-default-version denormal-fp-math denormal-fp-math-f32 diagnostics-color
    diagnostics-column-origin diagnostics-column-unit diagnostics-escape-format
    diagnostics-format diagnostics-hotness-threshold diagnostics-minimum-margin-width
    diagnostics-path-format diagnostics-show-category diagnostics-show-location
    diagnostics-text-art-charset diagnostics-urls emit-struct-debug-baseonly
    emit-struct-debug-detailed embed-bitcode error-limit excess-precision exec-charset
    extend-arguments extended-identifiers fp-contract fp-eval-method fp-exception-behavior
    fp-model gnuc-version hardcfr-check-noreturn-calls inline-limit input-charset
    instrument-functions-exclude-file-list instrument-functions-exclude-function-list
    ira-algorithm ira-region lax-vector-conversions lifetime-dse live-patching
    lto-compression-level lto-jobs lto-partition macro-backtrace-limit max-errors
    max-include-depth max-tokens max-type-align memory-tagging message-length
    ms-compatibility-version msc-version new-alignment openmp openmp-version pack-struct
    patchable-function-entry permitted-flt-eval-methods random-seed reorder-blocks-algorithm
    sanitize sanitize-address-destructor sanitize-address-field-padding
    sanitize-address-use-after-return sanitize-coverage sanitize-hwaddress-abi
    sanitize-memory-track-origins sanitize-recover sanitize-sections sanitize-trap
    sanitize-undefined-strip-path-components sched-stalled-insns sched-stalled-insns-dep
    show-overloads simd-cost-model spell-checking-limit sso-struct stack-check
    stack-clash-protection stack-limit-register stack-limit-symbol stack-reuse strict-flex-arrays
    strict-volatile-bitfields strong-eval-order swift-async-fp tabstop template-backtrace-limit
    template-depth tls-model track-macro-expansion trap-function trapv-handler
    tree-parallelize-loops trivial-auto-var-init trivial-auto-var-init-stop-after use-ld
    vect-cost-model veclib visibility visibility-dllexport visibility-externs-dllimport
    visibility-externs-nodllstorageclass visibility-nodllstorageclass vtable-verify
    wide-exec-charset xray-function-groups xray-instruction-threshold xray-instrumentation-bundle
    xray-modes xray-selected-function-group zero-call-used-regs
"""
_F_VALUED = frozenset(_F_VALUED_LIST.split())
# Values of these are words, patterns to compare with, or places of no account.
_F_FREE = frozenset(
    (
        *("random-seed", "instrument-functions-exclude-file-list"),
        "instrument-functions-exclude-function-list",
        "crash-diagnostics-dir",  # written when the compiler crashes; that is never stored
    ),
)
_F_TO_STDERR = frozenset(("text", "json", "json-stderr", "sarif-stderr", "clang", "msvc", "vi"))
_F_PREFIX_MAP = lazily(r"-f(?:file|debug|macro|coverage|profile)-prefix-map=(.*)", re.DOTALL)
# Names a file whose content steers the compiler and that no depfile of gcc lists.
_F_IDENTITY = lazily(
    r"-f(?:sanitize-(?:coverage-|system-)?(?:blacklist|whitelist|ignorelist|allowlist)"
    r"|profile-list|xray-(?:always-instrument|never-instrument|attr-list)"
    r"|plugin|pass-plugin)=(.+)",
    re.DOTALL,
)
# Instrumentation that writes the name of a run-time data file, and with it the
# working directory, into the object (checked for --coverage, -fprofile-arcs,
# -fprofile-generate, -fcoverage-mapping).
_F_PROFILE = lazily(
    r"-f(?:profile-(?:arcs|generate|instr-generate|dir|update|abs-path|values|filter-files"
    r"|exclude-files|reorder-functions|correction|prefix-path|info-section|reproducible)"
    r"|cs-profile-generate|coverage-mapping|memory-profile|pseudo-probe-for-profiling)(?:=.*)?",
    re.DOTALL,
)
_F_REFUSED = (
    (
        "zir.refuse.profile-use",
        lazily(
            r"(?:profile|profile-instr|cs-profile)-use|profile-(?:sample|remap)|auto-profile"
            r"|branch-probabilities",
        ),
    ),
    (
        "zir.refuse.modules",
        lazily(r"(?:\w+-)?modules?\b|header-unit|cxx-modules|build-session"),
    ),
    ("zir.refuse.pch", lazily(r"pch\b")),
)


def flag_option(word: str) -> Option:
    """Return the meaning of one -f option that has no entry of its own."""
    match = _F_PREFIX_MAP.fullmatch(word)
    if match:
        macros_only = word.startswith(("-fmacro", "-fcoverage", "-fprofile"))
        return Option(PLAIN) if macros_only else Option(ADD, "prefix_maps", match[1])
    match = _F_IDENTITY.fullmatch(word)
    if match:
        # A plugin without a slash is looked up in the compiler's own folder.
        if "plugin=" in word and "/" not in match[1]:
            return Option(REFUSE, "zir.refuse.option", word)
        return Option(ADD, "identity_files", match[1], probe="plugin=" in word)
    if _F_PROFILE.fullmatch(word):
        return Option(SET, "profile", "1", absolute=absolute_paths(word))
    name, equals, value = word[2:].partition("=")
    positive = name.removeprefix("no-")
    for reason, pattern in _F_REFUSED:
        if pattern.match(positive):
            return Option(REFUSE, reason, word)
    if name == "lto" or (name.startswith("lto-") and not equals):
        return Option(SET, "lto", "1")
    if name in ("debug-compilation-dir", "file-compilation-dir"):
        if equals:
            return Option(SET, "directory_named", "1", absolute=absolute_paths(word))
        return Option(NEXT_SET, "directory_named")
    if name.startswith("plugin-arg-"):
        harmless = "/" not in value
    elif name.startswith("opt-info"):
        harmless = not equals  # to stderr; with a value, to a file
    elif equals:
        harmless = positive in _F_VALUED and ("/" not in value or name in _F_FREE)
        harmless = harmless and (name != "diagnostics-format" or value in _F_TO_STDERR)
        harmless = harmless and not value.startswith("list=")  # -fbasic-block-sections=list=FILE
    else:
        harmless = positive.split("-", 1)[0] in _F_STEMS and not _F_BARRED.search(positive)
    if harmless:
        return Option(PLAIN, absolute=absolute_paths(word))
    return Option(REFUSE, "zir.refuse.option", word)
