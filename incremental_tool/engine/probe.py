"""Ask a compiler driver what it resolves to: its parts, its search paths, its libraries.

Watching the driver alone is not enough: it calls cc1, as, collect2, reads specs
and plugins and is linked with libraries that do the work (clang's code
generator is in libLLVM). This module finds those files; `engine.toolchain`
hashes and remembers them.

Only options that print are used, with the execution environment that the
build's commands get. Each process is bounded in time; whatever fails leaves the
toolchain unidentified, and then nothing is cached.
"""

from __future__ import annotations

import os
import re
import stat as stat_module

from incremental_tool.base.pattern import lazily

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NamedTuple, Optional
else:
    from incremental_tool.base.named_tuple import NamedTuple


TIMEOUT_SECONDS = 20

# They change the words that are looked for in what is printed, or make gcc write a file.
_SIDE_EFFECTS = ("LANGUAGE", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES")

_GCC_VERSION = lazily(rb"^gcc version .*$", re.MULTILINE)
_CLANG_VERSION = lazily(rb"^.*clang version .*$", re.MULTILINE)
_TARGET = lazily(rb"^Target: .*$", re.MULTILINE)
_NONEXISTENT = lazily(rb'ignoring nonexistent directory "([^"\n]+)"')
_SEARCH = lazily(rb"#include <\.\.\.> search starts here:\n((?: .*\n)*)End of search list")
_COMPILER = lazily(
    rb'^\s*"?([^"\n]*?/(?:cc1(?:plus)?|clang[^/"\s]*|[^/"\s]+(?="?\s-cc1\s)))"?\s.*$', re.MULTILINE
)
_DIRECTORY_OPTION = lazily(rb"-f(?:debug|coverage)-compilation-dir=\S+")
_LIBRARY = lazily(rb"(?:=>\s*|^\s*)(/\S+)\s+\(0x", re.MULTILINE)
_STATIC = lazily(rb"not a (?:valid )?dynamic ")
_CONFIGURATION = lazily(rb"^Configuration file: (.+)$", re.MULTILINE)
_CONFIGURATION_DIR = lazily(rb"^(?:System|User) configuration file directory: (.+)$", re.MULTILINE)


UNKNOWN = ""
"""The family of a program that is none of those known here, and told so by itself."""

_NOT_RUN = 126


class Probed(NamedTuple):
    """What a driver resolves to, before anything is hashed.

    `parts` are (role, path) of files that decide what the driver makes; `absent` are paths at
    which a file would be used instead of one of them; `standard_dirs` are the include directories
    behind the user's own, existing or not.
    """

    family: str
    version: bytes
    parts: list[tuple[str, bytes]]
    absent: list[bytes]
    standard_dirs: list[bytes]
    library_dirs: list[bytes]
    link_depfile: bool


def find_program(name: str, path: str) -> Optional[bytes]:
    """Return the file that a shell with that PATH would run for `name`, or None."""
    if os.sep in name:
        return os.fsencode(name) if _is_program(name) else None
    for folder in path.split(os.pathsep):
        candidate = os.path.join(folder or ".", name)
        if _is_program(candidate):
            return os.fsencode(candidate)
    return None


def _is_program(path: str) -> bool:
    try:
        return stat_module.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
    except (OSError, ValueError):
        return False


def is_script(path: bytes) -> bool:
    """Tell whether a program is a script: what it does cannot be told from its own content."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def ask(words: Sequence[str], environment: Mapping[str, str]) -> Optional[bytes]:
    """Run a printing command; return its stdout and stderr as one, or None when it fails."""
    done = _run(words, environment)
    return done.stdout if done is not None and done.returncode == 0 else None


def _run(
    words: Sequence[str], environment: Mapping[str, str]
) -> Optional[subprocess.CompletedProcess[bytes]]:
    plain = {**environment, "LC_ALL": "C"}
    for name in _SIDE_EFFECTS:
        plain.pop(name, None)
    import subprocess

    try:
        return subprocess.run(
            words,
            env=plain,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def libraries_of(program: bytes, environment: Mapping[str, str]) -> Optional[list[bytes]]:
    """Return the shared libraries that a program is linked with, as the loader finds them.

    None when they cannot be told.
    """
    ldd = find_program("ldd", environment.get("PATH", "")) or find_program("ldd", os.defpath)
    done = _run([os.fsdecode(ldd), os.fsdecode(program)], environment) if ldd else None
    if done is None:
        return None
    if done.returncode == 0:
        return sorted(set(_LIBRARY.findall(done.stdout)))
    return [] if _STATIC.search(done.stdout) else None


def probe_driver(
    driver: bytes,
    probe_words: Sequence[str],
    language: str,
    environment: Mapping[str, str],
    linking: bool,
) -> Optional[Probed]:
    """Identify a gcc or clang driver for one language (or for linking).

    None where it cannot be told; a `Probed` of the family UNKNOWN for what is certainly neither.
    """
    start = [os.fsdecode(driver), *probe_words]
    if language == "assembler":
        language = "assembler-with-cpp"  # for the other, -E would run nothing
    done = _run([*start, "-v", "-E", "-x", language, os.devnull, "-o", os.devnull], environment)
    if done is None or done.returncode != 0:
        return _other(driver, done, b"gcc version", b"clang version")
    said = done.stdout
    versions = _GCC_VERSION.findall(said) or _CLANG_VERSION.findall(said)
    compilers = _COMPILER.findall(said)
    if not versions or not compilers:
        return _other(driver, done, b"gcc version", b"clang version")
    family = "gcc" if versions[0].startswith(b"gcc version") else "clang"
    roots = ask([*start, "-print-search-dirs"], environment)
    if roots is None:
        return None
    program_dirs, library_dirs = _colon_list(roots, b"programs"), _colon_list(roots, b"libraries")
    programs: list[tuple[str, bytes]] = [("driver", driver), ("compiler", compilers[0])]
    absent = _before(program_dirs, os.path.basename(compilers[0]), compilers[0])
    tools = ["as"] if not linking else ["collect2", "ld", "lto-wrapper"]
    for tool in tools:
        found = ask([*start, f"-print-prog-name={tool}"], environment)
        if found is None:
            return None
        name = os.path.basename(found.strip())
        path = find_program(os.fsdecode(found.strip()), environment.get("PATH", ""))
        searched = [*program_dirs, *_dirs(environment.get("PATH", ""))]
        if path is None:
            absent += [os.path.join(folder, name) for folder in searched]
        else:
            programs.append((tool, path))
            absent += _before(searched, name, path)
    libraries = _all_libraries([path for _, path in programs], environment)
    if libraries is None:
        return None
    target = _TARGET.findall(said)[:1]
    steering, unsteered = _configuration(said, driver, target)
    specs = (ask([*start, "-print-file-name=specs"], environment) or b"specs").strip()
    if os.path.isabs(specs):
        steering.append(("specs", specs))
    elif family == "gcc":
        absent += [os.path.join(folder, b"specs") for folder in library_dirs]
    version = b"\n".join([versions[0], *target])
    if any("native" in word for word in probe_words):
        # What -march=native stands for here: the expanded options of the compiler proper.
        line = next(m.group(0) for m in _COMPILER.finditer(said))
        version += b"\n" + _DIRECTORY_OPTION.sub(b"", line)
    standard = _SEARCH.search(said)
    search = [line.strip() for line in standard.group(1).splitlines()] if standard else []
    helps = ask([*start, "-Wl,--help"], environment) if linking else None
    return Probed(
        family,
        version,
        [*programs, *steering, *libraries],
        sorted({*absent, *unsteered}),
        [*_NONEXISTENT.findall(said), *search],
        library_dirs,
        b"--dependency-file" in (helps or b""),
    )


def _other(
    program: bytes, done: Optional[subprocess.CompletedProcess[bytes]], *marks: bytes
) -> Optional[Probed]:
    """Tell a program that answered, and is none of those wanted, from one that could not answer.

    None for the latter: killed, too slow, not loaded (the shell's 126 and 127), or of that kind.
    """
    if done is None or not 0 <= done.returncode < _NOT_RUN or any(m in done.stdout for m in marks):
        return None
    return Probed(UNKNOWN, b"", [("driver", program)], [], [], [], link_depfile=False)


def _all_libraries(
    programs: Sequence[bytes], environment: Mapping[str, str]
) -> Optional[list[tuple[str, bytes]]]:
    """Return all that programs are linked with, as parts; None when one cannot be told.

    A script cannot be told: what it runs is not seen from here.
    """
    found: set[bytes] = set()
    for program in programs:
        libraries = None if is_script(program) else libraries_of(program, environment)
        if libraries is None:
            return None
        found.update(libraries)
    return [("library", path) for path in sorted(found, key=lambda path: path.split(b"/")[::-1])]


def _configuration(
    said: bytes, driver: bytes, target: Sequence[bytes]
) -> tuple[list[tuple[str, bytes]], list[bytes]]:
    """Return clang's configuration files, as parts, and where another would be looked for."""
    used = _CONFIGURATION.findall(said)
    if not _CLANG_VERSION.search(said):
        return [], []
    folders = {os.path.dirname(driver), os.path.dirname(os.path.realpath(driver))}
    folders.update(_CONFIGURATION_DIR.findall(said))
    names = [os.path.basename(driver), b"clang", b"clang++"]
    for triple in [line.split()[-1] for line in target]:
        names += [triple, triple + b"-clang", triple + b"-clang++"]
    places = [os.path.join(folder, name + b".cfg") for folder in folders for name in names]
    absent = [place for place in places if not os.path.lexists(place)]
    return [("configuration", path) for path in used], absent


def probe_binutil(program: bytes, environment: Mapping[str, str]) -> Optional[Probed]:
    """Identify `as`, `ar` or `ranlib` of GNU binutils or LLVM; else as `probe_driver`."""
    done = _run([os.fsdecode(program), "--version"], environment)
    if done is None or done.returncode != 0:
        return _other(program, done, b"Binutils", b"LLVM")
    said = done.stdout
    version = said.split(b"\n", 1)[0]
    if version.startswith(b"GNU "):
        family = "gnu"
    elif b"LLVM" in said:
        family = "llvm"
    else:
        return _other(program, done, b"Binutils", b"LLVM")
    libraries = _all_libraries([program], environment)
    if libraries is None:
        return None
    return Probed(
        family, version, [("program", program), *libraries], [], [], [], link_depfile=False
    )


def _colon_list(said: bytes, name: bytes) -> list[bytes]:
    for line in said.splitlines():
        if line.startswith(name + b": ="):
            return line[len(name) + 3 :].split(b":")
    return []


def _dirs(path: str) -> list[bytes]:
    return [os.fsencode(folder or ".") for folder in path.split(os.pathsep)]


def _before(folders: Iterable[bytes], name: bytes, found: bytes) -> list[bytes]:
    """Return the places searched before `found`; none when it was found in none of them."""
    target = os.path.realpath(found)
    earlier: list[bytes] = []
    for folder in folders:
        candidate = os.path.join(folder, name)
        if os.path.realpath(candidate) == target:
            return earlier
        if not os.path.lexists(candidate):
            earlier.append(candidate)
    return []
