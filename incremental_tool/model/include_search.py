"""Which files the compiler looked for in vain before it found the ones it read.

The rule: a file that, were it there, would be read in place of a known input
is in the answer. The answer may hold more than that, never less.

How it is found: the compiler tries the folders for a name in a fixed order and
stops at the first file. So where an import leads to a dependency, the earlier
candidates were absent. Where none of its candidates is a dependency, the
import was not carried out (or its name was found to be missing, and then the
compile failed). The order, which gcc 12 and clang 14 share (seen with strace,
and tried file by file in the tests):

    "name"          folder of the includer, -iquote, then as for <name>
    <name>          -I and CPATH, -isystem, *_INCLUDE_PATH and the compiler's
                    own folders, -idirafter
    -include name   working directory, then as for "name"
    #include_next   as for <name>, from behind the folder of the includer

An -I or -iquote folder that is a system folder, too, counts in its later place.

Three kinds of answer, because "absent" means three things:

* `absent`: no file there. A folder of that name is passed over, so it counts
  as absent. A candidate that does exist belongs to an import that was not
  carried out, and is to be dropped, unless it came up while the compiler ran.
* `precompiled`: nothing at all there. gcc takes `name.gch` for the first file
  that it reads, even from folders without `name`, and a folder `name.gch`
  serves as well; clang takes `name.pch` and `name.gch` for -include.
* `probes`: lists of candidates for a __has_include; the place of the first
  that exists decides the answer.

Does not know which files exist: the dependencies are all it has. Folders that
are the same by a symbolic link are the same only if `resolve` says so.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Callable, NamedTuple

    from incremental_tool.model.imports import Imports
else:
    from incremental_tool.base.named_tuple import NamedTuple


class SearchDirs(NamedTuple):
    """The folders that the compiler searches, each group in its order."""

    quote: tuple[bytes, ...] = ()  # -iquote
    bracket: tuple[bytes, ...] = ()  # -I, then CPATH
    system: tuple[bytes, ...] = ()  # -isystem, then *_INCLUDE_PATH, then the compiler's own
    after: tuple[bytes, ...] = ()  # -idirafter


class AbsentPaths(NamedTuple):
    """What must stay as it is for the compiler to find the same files again."""

    absent: set[bytes]
    precompiled: set[bytes]
    probes: list[tuple[bytes, ...]]


def normalised(path: bytes) -> bytes:
    """Return a path without empty and `.` parts; `..` stays, for links may make it matter."""
    if b"//" not in path and b"./" not in path and path[-2:] != b"/.":
        return path
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    return (b"/" if path[:1] == b"/" else b"") + b"/".join(parts)


def absent_candidates(
    search: SearchDirs,
    source: bytes,
    dependencies: Sequence[bytes],
    imports: Mapping[bytes, Imports],
    forced: Iterable[bytes] = (),
    resolve: Callable[[bytes], bytes] = normalised,
) -> AbsentPaths:
    """Return every path that the compiler looked for in vain.

    `dependencies` are the inputs in the order of the compiler's list, and
    `imports` maps each of them (and the source) to what was found in it.
    `forced` are the names given by -include and -imacros, in order. `resolve`
    follows the symbolic links of a folder.
    """
    walk = _Walk(search, dependencies, resolve)
    walk.forced(source, tuple(forced))
    for path in dict.fromkeys((source, *dependencies)):
        found = imports.get(path)
        if found is not None and (found.entries or found.computed):
            walk.imports_of(path, found)
    walk.unexplained(source)
    absent = {path for path in walk.absent if normalised(path) not in walk.known}
    return AbsentPaths(absent, walk.precompiled, list(walk.probes))


def assembler_absent(
    include_dirs: Iterable[bytes],
    source: bytes,
    dependencies: Sequence[bytes],
    imports: Mapping[bytes, Imports],
    resolve: Callable[[bytes], bytes] = normalised,
) -> set[bytes]:
    """Return every path that the assembler looked for in vain.

    It looks in the working directory, then in the -I folders, for names in
    .include and .incbin alike, wherever the including file lies.
    """
    walk = _Walk(SearchDirs(bracket=(b".", *include_dirs)), dependencies, resolve)
    for path in dict.fromkeys((source, *dependencies)):
        found = imports.get(path)
        if found is not None:
            walk.assembler_imports(found)
    walk.unexplained(source)
    return {path for path in walk.absent if normalised(path) not in walk.known}


def _prefix(folder: bytes) -> bytes:
    """Return a folder as the compiler writes it in front of a name."""
    return folder if folder[-1:] in (b"/", b"") else folder + b"/"


def _folder_of(path: bytes) -> bytes:
    """Return what stands in front of the last part of a path, slash included."""
    return path[: path.rfind(b"/") + 1]


def chain_of(
    search: SearchDirs,
    resolve: Callable[[bytes], bytes] = normalised,
) -> tuple[list[bytes], list[bytes]]:
    """Return the quote folders and the folders behind them, as they are really searched."""
    system: dict[bytes, bytes] = {}
    for folder in (*search.system, *search.after):
        system.setdefault(resolve(folder), folder)
    bracket: dict[bytes, bytes] = {}
    for folder in search.bracket:
        real = resolve(folder)
        if real not in system:
            bracket.setdefault(real, folder)
    quote: dict[bytes, bytes] = {}
    for folder in search.quote:
        # clang keeps an -iquote folder that is a system folder; without it
        # more candidates are reported, which is never wrong.
        real = resolve(folder)
        if real not in system:
            quote.setdefault(real, folder)
    return list(quote.values()), [*bracket.values(), *system.values()]


class _Walk:
    """One command's search, retold from its dependencies."""

    def __init__(
        self,
        search: SearchDirs,
        dependencies: Sequence[bytes],
        resolve: Callable[[bytes], bytes],
    ) -> None:
        self.known = {normalised(path): path for path in dependencies}
        self.dependencies = dependencies
        self.resolve = resolve
        quote, chain = chain_of(search, resolve)
        self.quote = [_prefix(folder) for folder in quote]
        self.chain = [_prefix(folder) for folder in chain]
        self.absent: set[bytes] = set()
        self.precompiled: set[bytes] = set()
        self.probes: dict[tuple[bytes, ...], None] = {}
        self.explained: set[bytes] = set()
        self.computing: set[bytes] = set()  # folders of files with computed includes
        self.folders: set[bytes] = set()
        # What a name in brackets, or behind the includer's folder, came to.
        self._angled: dict[bytes, tuple[list[bytes], bool]] = {}
        self._quoted: dict[bytes, tuple[list[bytes], bool]] = {}

    def _first(self, prefixes: Iterable[bytes], name: bytes) -> tuple[list[bytes], bool]:
        """Return the candidates tried in vain, and whether the next one was found."""
        vain: list[bytes] = []
        for prefix in prefixes:
            candidate = prefix + name
            path = normalised(candidate)
            if path in self.known:
                self.explained.add(path)
                return vain, True
            vain.append(candidate)
        return vain, False

    def angled(self, name: bytes) -> tuple[list[bytes], bool]:
        """Search a name as if in angle brackets."""
        answer = self._angled.get(name)
        if answer is None:
            answer = self._angled[name] = self._first(self.chain, name)
        return answer

    def quoted(self, name: bytes) -> tuple[list[bytes], bool]:
        """Search a name as if in quotes, the includer's folder left out."""
        answer = self._quoted.get(name)
        if answer is None:
            vain, found = self._first(self.quote, name)
            if not found:
                more, found = self.angled(name)
                vain = vain + more
            answer = self._quoted[name] = vain, found
        return answer

    def candidates(self, folder: bytes, name: bytes) -> tuple[bytes, ...]:
        """Return all places where a name in quotes may be found, in order."""
        return (folder + name, *(prefix + name for prefix in (*self.quote, *self.chain)))

    def imports_of(self, includer: bytes, imports: Imports) -> None:
        """Search all that one file imports."""
        folder = _folder_of(includer)
        self.folders.add(folder)
        if imports.computed:
            self.computing.add(folder)
        for entry in imports.entries:
            kind, name = entry[:1], entry[1:]
            if name[:1] == b"/":
                self._absolute(kind, name)
            elif kind == b"<":
                vain, found = self.angled(name)
                if found:
                    self.absent.update(vain)
            elif kind == b'"':
                self._from(folder, name)
            elif kind == b"n":
                self._next(folder, name)
            elif kind == b"a":
                self.probes[tuple(prefix + name for prefix in self.chain)] = None
            elif kind == b"q":
                self.probes[self.candidates(folder, name)] = None
            elif kind == b"x":
                # Where the search begins depends on the includer's own place,
                # so each candidate's being there counts by itself.
                for candidate in self.candidates(folder, name):
                    self.probes[(candidate,)] = None

    def assembler_imports(self, imports: Imports) -> None:
        """Search all that one file tells the assembler to read."""
        if imports.computed:
            self.computing.add(b"")
        for entry in imports.entries:
            if entry[:1] in (b"i", b"b"):
                if entry[1:2] == b"/":
                    self.explained.add(normalised(entry[1:]))
                    continue
                vain, found = self.angled(entry[1:])
                if found:
                    self.absent.update(vain)

    def _absolute(self, kind: bytes, name: bytes) -> None:
        if kind in (b"a", b"q", b"x"):
            self.probes[(name,)] = None
        else:
            self.explained.add(normalised(name))

    def _from(self, folder: bytes, name: bytes) -> None:
        """Search a name in quotes from one folder."""
        beside = folder + name
        path = normalised(beside)
        if path in self.known:
            self.explained.add(path)
            return
        vain, found = self.quoted(name)
        if found:
            self.absent.add(beside)
            self.absent.update(vain)

    def _next(self, folder: bytes, name: bytes) -> None:
        """Search for #include_next: candidates that are dependencies do not end the search."""
        pending: list[bytes] = []
        for candidate in self.candidates(folder, name):
            path = normalised(candidate)
            if path in self.known:
                self.explained.add(path)
                self.absent.update(pending)
                pending = []
            else:
                pending.append(candidate)

    def forced(self, source: bytes, names: tuple[bytes, ...]) -> None:
        """Search what is read before the source, and precompiled forms of what is read first."""
        for name in names:
            self.precompiled.update((name + b".gch", name + b".pch"))
            if name[:1] == b"/":
                self.explained.add(normalised(name))
            else:
                self._from(b"", name)
        # gcc looks for it on its own, and goes on without it if there is none.
        predefined = b"stdc-predef.h"
        vain, found = self.angled(predefined)
        self.absent.update(vain)
        self._precompiled(vain, found, predefined)
        self.precompiled.add(source + b".gch")
        if names and names[0][:1] != b"/":
            vain, found = self.quoted(names[0])
            self._precompiled(vain, found, names[0])
        elif not names:
            self._first_include(source)

    def _first_include(self, source: bytes) -> None:
        """Add precompiled forms of the file that the source includes first."""
        for path in self.dependencies[1:3]:
            if path.endswith(b"/stdc-predef.h"):
                continue
            self.precompiled.add(path + b".gch")
            plain = normalised(path)
            for prefix in (*self.quote, *self.chain):
                start = normalised(prefix + b"x")[:-1]
                if plain.startswith(start):
                    name = plain[len(start) :]
                    self.precompiled.add(_folder_of(source) + name + b".gch")
                    vain, found = self.quoted(name)
                    self._precompiled(vain, found, name)
            return

    def _precompiled(self, vain: list[bytes], found: bool, name: bytes) -> None:
        self.precompiled.update(candidate + b".gch" for candidate in vain)
        if found:
            prefixes = (*self.quote, *self.chain)
            self.precompiled.update(
                prefix + name + b".gch"
                for prefix in prefixes
                if normalised(prefix + name) in self.known
            )

    def unexplained(self, source: bytes) -> None:
        """Search the dependencies that no literal import leads to by its spelling.

        Their names come from macros, or the compiler wrote them with links
        followed: gcc does so for system folders where that is shorter.
        """
        rest = self.known.keys() - {normalised(source)}
        if not self.computing:
            rest -= self.explained
        if not rest:
            return
        folders = self.computing or self.folders
        prefixes = (*self.quote, *self.chain)
        starts = []
        for number, prefix in enumerate(prefixes):
            real = _prefix(self.resolve(prefix.rstrip(b"/") or prefix))
            starts += [(normalised(start + b"x")[:-1], number) for start in {prefix, real}]
        for path in rest:
            for start, number in starts:
                if path.startswith(start):
                    name = path[len(start) :]
                    self.absent.update(earlier + name for earlier in prefixes[:number])
                    self.absent.update(folder + name for folder in folders)
                    if path[:1] != b"/":
                        self.absent.add(name)
