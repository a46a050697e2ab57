"""Read one command by which gcc or clang links: inputs, libraries and where they are sought.

The rule is that of `compile_command`: everything read is known beforehand or
told by the linker's own dependency file, or the command is refused by name.

What GNU ld 2.40 does (the tests run it):

* `--dependency-file` lists objects, archives, shared libraries (those that
  other ones need, too), start files, linker scripts, version scripts and
  dynamic lists; not the file of `--retain-symbols-file`. The output does not
  change by it. gold leaves out what shared libraries need.
* -l tries libX.so, then libX.a, folder by folder, in all -L folders whatever
  their place on the command line, then in the driver's own.
* Objects that hold code for link-time optimisation are compiled even without
  -flto. The list then names temporary files, which are gone: whoever takes
  stock of the inputs must give up on such a list.

Does not know the driver's own folders and libraries, nor whether the linker
knows `--dependency-file`.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.compiler_options import option_of
from incremental_tool.model.driver import driver_of, split_launcher
from incremental_tool.model.linker_words import LinkerWords
from incremental_tool.model.option import (
    ADD,
    NEXT_ADD,
    NEXT_PLAIN,
    NEXT_SET,
    PLAIN,
    REFUSE,
    absolute_paths,
)
from incremental_tool.model.reason import Reason

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


class LinkCommand(NamedTuple):
    """One understood link command; paths are as the command writes them."""

    launcher: tuple[str, ...]
    driver: str
    words: tuple[str, ...]  # from the driver on
    output: str
    inputs: tuple[str, ...]  # files named as such: objects, archives, shared libraries, scripts
    library_dirs: tuple[str, ...]  # -L
    libraries: tuple[tuple[str, bool], ...]  # -l: name, and whether only an archive will do
    needed_dirs: tuple[str, ...]  # -rpath and -rpath-link: for what shared libraries need
    shared: bool
    probe_words: tuple[
        str, ...
    ]  # options that change which programs, folders and start files serve
    identity_files: tuple[str, ...]  # files that steer the link and that no list names
    names_directory: bool
    absolute_paths: tuple[str, ...]


_INPUT = lazily(r".*[^/]\.(?:o|os|lo|obj|a|so(?:\.[0-9.]+)?|ld|lds)", re.DOTALL)
_BITCODE = lazily(r".*\.(?:bc|ll)", re.DOTALL)
# Words of the driver that matter when linking and mean nothing when compiling.
_PROBED = frozenset(
    (
        *(
            "-shared",
            "-static",
            "-static-pie",
            "-pie",
            "-no-pie",
            "-nopie",
            "-r",
            "-rdynamic",
            "-pg",
        ),
        *(
            "-p",
            "-pthread",
            "-nostdlib",
            "-nodefaultlibs",
            "-nostartfiles",
            "-nolibc",
            "-nostdlib++",
        ),
        *("-static-libgcc", "-shared-libgcc", "-static-libstdc++", "-static-libasan", "-coverage"),
        *("-static-libtsan", "-static-liblsan", "-static-libubsan", "-static-libsan", "--coverage"),
        *("-shared-libsan", "-fprofile-arcs", "-fprofile-generate", "-ftest-coverage", "-fopenmp"),
    ),
)
_PROBED_FAMILY = lazily(r"-fuse-ld=.+|-fsanitize.*|-fopenmp=.*|-O.*|-fprofile-.*|-f(?:no-)?lto.*")
_NEXT_LINKER = {"-z": "-z", "-u": "-u", "-e": "-e", "-T": "-T"}


def parse_link(words: Sequence[str]) -> LinkCommand | Reason:
    """Return what a link command reads and writes, or why it cannot be cached."""
    first = split_launcher(words)
    driver = driver_of(words[first]) if first < len(words) else None
    if driver is None:
        return Reason("zir.refuse.not-recognised", words[first] if first < len(words) else "")
    rest = list(words[first + 1 :])
    linker = LinkerWords(static="-static" in rest or "-static-pie" in rest)
    linker.shared = "-shared" in rest
    output = ""
    probe_words: list[str] = []
    identity_files: list[str] = []
    absolute: list[str] = []
    queue = iter(rest)
    for word in queue:
        reason = None
        if word[:1] != "-":
            reason = _check_input(word)
            linker.inputs.append(word)
            absolute += absolute_paths(word)
        elif word[:4] == "-Wl,":
            for part in word[4:].split(","):
                reason = reason or linker.take(part)
        elif word == "-Xlinker":
            reason = linker.take(next(queue, "@"))
        elif word[:2] in ("-l", "-L"):
            value = word[2:] or next(queue, "")
            reason = linker.take(f"{word[:2]}{value}" if value else "@")
        elif word in _NEXT_LINKER:
            reason = linker.take(word) or linker.take(next(queue, "@"))
        elif word[:2] in ("-u", "-z", "-T"):
            reason = linker.take(word)
        elif word == "-o":
            value = next(queue, "")
            if output or value[:1] == "@":
                reason = Reason("zir.refuse.option", "-o " + value)
            output = value
            absolute += absolute_paths(value)
        elif word == "-":
            reason = Reason("zir.refuse.stdin")
        else:
            option = option_of(word)
            action = option.action
            if option.probe or word in _PROBED or _PROBED_FAMILY.fullmatch(word):
                probe_words.append(word)
            absolute += option.absolute
            if action in (NEXT_ADD, NEXT_SET, NEXT_PLAIN):
                value = next(queue, "")
                if not value or value[0] == "@":
                    reason = Reason("zir.refuse.option", word)
                if option.probe:
                    probe_words.append(value)
                absolute += absolute_paths(value)
            if action is ADD and option.field == "identity_files":
                identity_files.append(option.value)
            elif action is not PLAIN:
                reason = reason or _check_option(action, option.field, option.value, word)
        if reason:
            return reason
    reason = linker.finish()
    if reason:
        return reason
    if not output:
        return Reason("zir.refuse.no-output")
    if output.startswith("/dev/") or output == "-":
        return Reason("zir.refuse.stdout", output)
    if not linker.inputs and not linker.libraries:
        return Reason("zir.refuse.not-recognised", "no input")
    for value in linker.values:
        absolute += absolute_paths(value)
    return LinkCommand(
        launcher=tuple(words[:first]),
        driver=words[first],
        words=tuple(words[first:]),
        output=output,
        inputs=tuple(linker.inputs),
        library_dirs=tuple(linker.library_dirs),
        libraries=tuple(linker.libraries),
        needed_dirs=tuple(linker.needed_dirs),
        shared=linker.shared,
        probe_words=tuple(probe_words),
        identity_files=(*identity_files, *linker.identity_files),
        names_directory=False,
        absolute_paths=tuple(absolute),
    )


def _check_input(word: str) -> Reason | None:
    """Return why a file cannot be an input of a link that only links, or None."""
    if word[:1] == "@":
        return Reason("zir.refuse.response-file", word)
    if _BITCODE.fullmatch(word):
        return Reason("zir.refuse.lto-link", word)
    if not _INPUT.fullmatch(word):
        return Reason("zir.refuse.not-recognised", word)
    return None


def _check_option(action: str, field: str, value: str, word: str) -> Reason | None:
    """Return why an option that is no plain one cannot be followed in a link, or None."""
    if action is REFUSE:
        return Reason(field, value)
    if field == "mode":
        return Reason("zir.refuse.not-recognised", word)
    if field == "lto" and value:
        return Reason("zir.refuse.lto-link", word)
    if field.startswith(("dependenc", "preprocessor")) or field in ("language", "assembler_word"):
        return Reason("zir.refuse.option", word)
    return None  # folders for headers, debug levels and the like do nothing in a link


def link_dependency_words(command: LinkCommand, depfile: str) -> tuple[str, ...]:
    """Return the words to append so that all inputs come to be listed in `depfile`."""
    del command  # every link is asked alike
    if "," in depfile:
        return ("-Xlinker", f"--dependency-file={depfile}")
    return (f"-Wl,--dependency-file={depfile}",)


def library_candidates(library: str, static: bool) -> tuple[str, ...]:
    """Return the file names that -l tries in each folder, in order."""
    if library[:1] == ":":
        return (library[1:],)
    archive = f"lib{library}.a"
    return (archive,) if static else (f"lib{library}.so", archive)


_LIBRARY = lazily(rb"(lib.+)\.(so|a)", re.DOTALL)


def absent_libraries(
    folders: Iterable[bytes],
    needed_folders: Iterable[bytes],
    dependencies: Sequence[bytes],
    inputs: Iterable[bytes],
) -> set[bytes]:
    """Return every path that the linker may have looked for in vain.

    `folders` are all library folders in order, the driver's own behind those
    of -L; `needed_folders` serve what shared libraries need. `dependencies` is
    the linker's list, and `inputs` are the files named on the command line,
    which are not searched for. Names that the driver adds (-lc, -lgcc) and
    those in linker scripts come out of the list by themselves. More is
    reported than was tried; what exists is to be dropped.
    """
    absent: set[bytes] = set()
    named = set(inputs)
    prefixes = [*folders]
    for path in dependencies:
        if path in named:
            continue
        folder, _, base = path.rpartition(b"/")
        match = _LIBRARY.fullmatch(base)
        names = (match[1] + b".so", match[1] + b".a") if match else (base,)
        tried = prefixes if match else [*needed_folders, *prefixes, b"."]
        for place in tried:
            here = place.rstrip(b"/") == folder
            for name in names:
                candidate = place.rstrip(b"/") + b"/" + name
                if here and name == base:
                    break
                absent.add(candidate)
            if here:
                break
    return absent - set(dependencies)
