"""The words that a compiler driver hands to the linker, by -Wl, and -Xlinker.

The rule is that of `compiler_options`: a word is accepted because it is known
to change nothing but the linked file. The names are those of GNU ld 2.40, gold
and lld; long ones may be written with one dash or two.

Knows nothing of the driver's own words.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.reason import Reason

_FLAG_LIST = """
    ( ) start-group end-group as-needed no-as-needed whole-archive no-whole-archive
    add-needed no-add-needed copy-dt-needed-entries no-copy-dt-needed-entries
    gc-sections no-gc-sections print-gc-sections no-print-gc-sections gc-keep-exported
    no-undefined allow-shlib-undefined no-allow-shlib-undefined undefined-version
    no-undefined-version allow-multiple-definition noinhibit-exec no-define-common
    export-dynamic no-export-dynamic eh-frame-hdr no-eh-frame-hdr enable-new-dtags
    disable-new-dtags Bsymbolic Bsymbolic-functions Bno-symbolic Bgroup
    Bsymbolic-non-weak-functions dynamic-list-data dynamic-list-cpp-new
    dynamic-list-cpp-typeinfo strip-all strip-debug strip-discarded no-strip-discarded
    discard-all discard-locals discard-none fatal-warnings no-fatal-warnings no-warnings
    no-keep-memory reduce-memory-overheads relax no-relax no-dynamic-linker shared pie
    pic-executable no-pie relocatable emit-relocs omagic nmagic no-omagic demangle no-demangle
    gdb-index no-gdb-index check-sections no-check-sections sort-common build-id
    no-ld-generated-unwind-info ld-generated-unwind-info traditional-format threads no-threads
    print-memory-usage rosegment no-rosegment long-plt be8 nostdlib color-diagnostics
    no-color-diagnostics default-symver default-imported-symver accept-unknown-input-arch
    no-accept-unknown-input-arch disable-multiple-abs-defs no-wchar-size-warning
    no-enum-size-warning fix-cortex-a8 no-fix-cortex-a8 fix-cortex-a53-835769
    fix-cortex-a53-843419 no-fix-cortex-a53-843419 ctf-variables
    no-ctf-variables detect-odr-violations warn-shared-textrel
    E s S x X n N d r i q w EB EL O O0 O1 O2 O3
"""
_FLAGS = frozenset(_FLAG_LIST.split())
_WARN = lazily(r"(?:no-)?warn-[a-z-]+")
_STATIC = frozenset(("Bstatic", "dn", "non_shared", "static"))
_DYNAMIC = frozenset(("Bdynamic", "dy", "call_shared"))
# Values that are words, numbers or symbols.
_VALUED_LIST = """
    soname h z undefined u require-defined entry e defsym wrap export-dynamic-symbol
    init fini dynamic-linker I m section-start Ttext Tdata Tbss Ttext-segment
    Trodata-segment Tldata-segment hash-style exclude-libs sort-section sort-common
    unresolved-symbols orphan-handling compress-debug-sections oformat format b auxiliary f
    filter F max-cache-size spare-dynamic-tags package-metadata audit depaudit P image-base
    icf threads thread-count error-limit color-diagnostics pack-dyn-relocs target2 demangle
    version-exports-section ignore-unresolved-symbol stack-size G hash-size O
    ctf-share-types compress-debug-level
"""
_VALUED = frozenset(_VALUED_LIST.split())
# These take a value only behind `=`: without it the next word is another option.
_ONLY_EQUALS = frozenset(
    ("sort-common", "color-diagnostics", "demangle", "threads", "icf", "O", "compress-debug-level"),
)
# Files that the linker's dependency file lists (checked with GNU ld and gold).
_LISTED = frozenset(("version-script", "dynamic-list", "script", "T", "default-script", "dT"))
# Files that it does not list.
_UNLISTED = frozenset(("retain-symbols-file",))
_LIBRARY = {"l": "l", "library": "l", "L": "L", "library-path": "L"}
_NEEDED = frozenset(("rpath", "rpath-link"))
# Letters with their value in the same word. Not -e, -h, -m and -u: long names
# with one dash begin with them, too; nor -lto-..., which lld would read as one.
_JOINED = lazily(r"-([lLzT])(?!to-)(.+)", re.DOTALL)
_BUILD_ID = lazily(r"sha1|md5|tree|fast|none|0x[0-9a-fA-F]+")


class LinkerWords:
    """What the linker is told, taken word by word in the order of the command line."""

    def __init__(self, static: bool) -> None:
        self.static = static  # libraries named from here on are archives only
        self.inputs: list[str] = []
        self.library_dirs: list[str] = []
        self.libraries: list[tuple[str, bool]] = []
        self.needed_dirs: list[str] = []
        self.identity_files: list[str] = []
        self.values: list[str] = []  # every value, for whoever asks for absolute paths
        self.shared = False
        self._pending = ""
        self._pushed: list[bool] = []

    def finish(self) -> Reason | None:
        """Return why the words end too early, or None."""
        return Reason("zir.refuse.option", "-Wl," + self._pending) if self._pending else None

    def take(self, word: str) -> Reason | None:
        """Take one word for the linker; return why it is refused, or None."""
        if word[:1] == "@":
            return Reason("zir.refuse.response-file", word)
        if self._pending:
            name, self._pending = self._pending, ""
            return self._value(name, word)
        if not word.startswith("-") or word == "-":
            if not word or word == "-":
                return Reason("zir.refuse.option", "-Wl," + word)
            self.inputs.append(word)
            return None
        name, equals, value = word.lstrip("-").partition("=")
        if not equals and self._flag(name):
            return None
        if name == "build-id" and _BUILD_ID.fullmatch(value):
            return None
        if name in _VALUED or name in _LISTED or name in _UNLISTED or name in _NEEDED:
            if equals:
                return self._value(name, value)
            if name not in _ONLY_EQUALS:
                self._pending = name
                return None
        if name in _LIBRARY and not (equals and len(name) == 1):  # -L=x is below the sysroot
            if equals:
                return self._value(_LIBRARY[name], value)
            self._pending = _LIBRARY[name]
            return None
        match = _JOINED.fullmatch(word)
        if match:
            return self._value(match[1], match[2])
        return Reason("zir.refuse.option", "-Wl," + word)

    def _flag(self, name: str) -> bool:
        """Take an option without a value, if it is one."""
        if name in _STATIC:
            self.static = True
        elif name in _DYNAMIC:
            self.static = False
        elif name == "push-state":
            self._pushed.append(self.static)
        elif name == "pop-state":
            self.static = self._pushed.pop() if self._pushed else self.static
        elif name not in _FLAGS and not _WARN.fullmatch(name):
            return False
        if name == "shared":
            self.shared = True
        return True

    def _value(self, name: str, value: str) -> Reason | None:
        """Take the value of an option."""
        if not value or value[0] == "@":
            return Reason("zir.refuse.option", "-Wl," + name)
        self.values.append(value)
        if name == "l":
            self.libraries.append((value, self.static))
        elif name == "L":
            if value.startswith(("=", "$")):
                return Reason("zir.refuse.option", "-L" + value)
            self.library_dirs.append(value)
        elif name in _NEEDED:
            self.needed_dirs += value.split(":")
        elif name in _UNLISTED:
            self.identity_files.append(value)
        return None
