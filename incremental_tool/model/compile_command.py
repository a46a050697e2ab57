"""Read one compile command of gcc or clang: its source, outputs, folders and options.

The rule: the answer names every file that the compiler writes when it succeeds
and everything that, beside the text it reads, decides what it writes. Where
that cannot be said the command is refused by name, and then runs as it is.

What gcc 12 and clang 14 really write (the tests run both):

* Files that go with the output carry its name with the last suffix replaced:
  `-o d/x.y.o` gives `d/x.y.d`, `.dwo`, `.gcno`, `.su`. The two differ for names
  like `.h`, and these are refused.
* `-gsplit-dwarf` writes a .dwo with gcc in any case, with clang only if debug
  information is on; without `-g`, with `-S` or `-flto` it is refused.
* A `.s` source is not preprocessed: no dependency file is written, and `.su`
  and `.gcno` are not either.
* gcc writes the working directory into objects for `-flto`, whatever prefix
  maps say; clang, in spite of them, into those of assembler sources with `-g`;
  and GNU as even without `-g` where the source holds a `.loc` of its own. So
  it always counts for `-flto` and for assembler sources.

Does not know whether files exist, nor which compiler `cc` is.
"""

from __future__ import annotations

from incremental_tool.model.compiler_options import assembler_words, option_of
from incremental_tool.model.driver import driver_of, split_launcher
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
    from collections.abc import Sequence
    from typing import NamedTuple, Union

    Parsed = Union["CompileCommand", Reason]
else:
    from incremental_tool.base.named_tuple import NamedTuple


class CompileCommand(NamedTuple):
    """One understood compile command; paths are as the command writes them."""

    launcher: tuple[str, ...]  # ccache and the like, in front of the driver
    driver: str
    words: tuple[str, ...]  # from the driver on
    source: str
    output: str
    language: str  # "c", "c++", "assembler" (not preprocessed) or "assembler-with-cpp"
    mode: str  # "-c" or "-S"
    quote_dirs: tuple[str, ...]  # -iquote
    bracket_dirs: tuple[str, ...]  # -I
    system_dirs: tuple[str, ...]  # -isystem
    after_dirs: tuple[str, ...]  # -idirafter
    forced_includes: tuple[str, ...]  # -include and -imacros
    extra_outputs: tuple[str, ...]  # written beside the output, the depfile among them
    depfile: str  # the dependency file that the user's own options write, or ""
    depfile_is_complete: bool  # it lists system headers, too
    probe_words: tuple[str, ...]  # options that change which programs and folders the driver uses
    identity_files: tuple[str, ...]  # files that steer the compiler and that no depfile lists
    native: bool  # code is made for the processor at hand
    names_directory: bool  # outputs contain the working directory
    absolute_paths: tuple[str, ...]  # absolute paths among the words, prefix maps left out
    dependencies: str  # "-MD", "-MMD" or "": what the user's own options ask for

    @property
    def absolute_words(self) -> bool:
        """Whether any word but a prefix map names an absolute path."""
        return bool(self.absolute_paths)


_SUFFIXES = {
    "c": "c",
    **dict.fromkeys(("cc", "cp", "cxx", "cpp", "CPP", "c++", "C"), "c++"),
    "s": "assembler",
    "S": "assembler-with-cpp",
    **dict.fromkeys(("h", "hh", "H", "hp", "hxx", "hpp", "HPP", "h++", "tcc", "gch", "pch"), "pch"),
    **dict.fromkeys(("cppm", "ixx", "ccm", "cxxm", "c++m", "mpp", "pcm"), "modules"),
}
_LANGUAGES = frozenset(("c", "c++", "assembler", "assembler-with-cpp"))
_PREPROCESSED = frozenset(("c", "c++", "assembler-with-cpp"))


def parse_compile(words: Sequence[str], directory: str) -> Parsed:
    """Return what a compile command reads and writes, or why it cannot be cached.

    `directory` is the absolute working directory: prefix maps are judged by it.
    """
    first = split_launcher(words)
    driver = driver_of(words[first]) if first < len(words) else None
    if driver is None:
        return Reason("zir.refuse.not-recognised", words[first] if first < len(words) else "")
    state: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    probe_words: list[str] = []
    absolute: list[str] = []
    source = source_language = ""
    rest = iter(words[first + 1 :])
    for word in rest:
        if word[:1] != "-":
            if source or not word or word[0] == "@":
                return _odd_word(word)
            source, source_language = word, state.get("language", "none")
            continue
        if word == "-":
            return Reason("zir.refuse.stdin")
        action, field, value, probe, paths = option_of(word)
        if probe:
            probe_words.append(word)
        if paths:
            absolute += paths
        if action is PLAIN:
            continue
        if action is REFUSE:
            return Reason(field, value)
        if action is NEXT_SET or action is NEXT_ADD or action is NEXT_PLAIN:
            value = next(rest, "")
            if not value or value[0] in "@=$" or (value == "-" and action is NEXT_ADD):
                return _odd_word(value or word)
            if probe:
                probe_words.append(value)
            if action is NEXT_PLAIN:
                absolute += absolute_paths(value)
                continue
        if action is ADD or action is NEXT_ADD:
            if field != "prefix_maps" and value[0] == "/":
                absolute.append(value)
            lists.setdefault(field, []).append(value)
        elif field == "output" and "output" in state:
            return Reason("zir.refuse.option", "-o " + value)
        elif field == "assembler_word":
            option = assembler_words([value])
            if option.action is REFUSE:
                return Reason(option.field, option.value)
            if option.field:
                state[option.field] = option.value
        elif field in _TWICE and state.get(field, value) != value:
            return Reason("zir.refuse.option", word)
        else:
            state[field] = value

    if not source:
        return Reason("zir.refuse.not-recognised", "no source")
    language = _language(source, source_language, driver.cxx)
    if language not in _LANGUAGES:
        return Reason("zir.refuse." + language, source)
    output = state.get("output", "")
    reason = _check_settings(state, output, language)
    if reason:
        return reason
    for path in (
        source,
        output,
        state.get("dependency_file", ""),
        state.get("directory_named", ""),
    ):
        if path[:1] == "/":
            absolute.append(path)
    depfile, dependencies = _depfile(state, output, language)
    extra_outputs = _extra_outputs(state, output, language, depfile)
    if isinstance(extra_outputs, Reason):
        return extra_outputs
    return CompileCommand(
        launcher=tuple(words[:first]),
        driver=words[first],
        words=tuple(words[first:]),
        source=source,
        output=output,
        language=language,
        mode=state["mode"],
        quote_dirs=tuple(lists.get("quote_dirs", ())),
        bracket_dirs=tuple(lists.get("bracket_dirs", ())),
        system_dirs=tuple(lists.get("system_dirs", ())),
        after_dirs=tuple(lists.get("after_dirs", ())),
        forced_includes=tuple(lists.get("forced_includes", ())),
        extra_outputs=extra_outputs,
        depfile=depfile,
        depfile_is_complete=bool(depfile) and dependencies == "-MD",
        probe_words=tuple(probe_words),
        identity_files=tuple(lists.get("identity_files", ())),
        native="native" in state,
        names_directory=_names_directory(state, lists.get("prefix_maps", ()), language, directory),
        absolute_paths=tuple(absolute),
        dependencies=dependencies,
    )


# Settings whose second, different value means something that we do not follow.
_TWICE = frozenset(("mode", "dependencies", "preprocessor_dependencies"))


def _odd_word(word: str) -> Reason:
    if word[:1] == "@":
        return Reason("zir.refuse.response-file", word)
    if word[:1] in ("", "=", "$", "-"):
        return Reason("zir.refuse.option", word)
    return Reason("zir.refuse.several-sources", word)


def _language(source: str, named: str, cxx: bool) -> str:
    """Return the language of the source, or the last part of a reason's id."""
    if named in ("", "none"):
        base = source.rpartition("/")[2]
        stem, dot, suffix = base.rpartition(".")
        language = _SUFFIXES.get(suffix, "not-recognised") if dot and stem else "not-recognised"
        return "c++" if cxx and language == "c" else language
    if named in _LANGUAGES:
        return named
    return "pch" if "header" in named else "modules" if "module" in named else "not-recognised"


def _check_settings(state: dict[str, str], output: str, language: str) -> Reason | None:
    """Return why the settings of a whole command cannot be followed, or None."""
    if "mode" not in state:
        return Reason("zir.refuse.not-compiling")
    if not output:
        return Reason("zir.refuse.no-output")
    if output == "-" or output.startswith("/dev/"):
        return Reason("zir.refuse.stdout", output)
    if language == "assembler" and state["mode"] == "-S":
        return Reason("zir.refuse.not-compiling", "-S")
    asked = "dependencies" in state
    own = "preprocessor_dependencies" in state
    details = "dependency_file" in state or "dependency_target" in state
    if own and (asked or details):
        return Reason("zir.refuse.option", "-Wp," + state["preprocessor_dependencies"])
    if details and not asked:
        # gcc fails and clang warns; with the words we add both would not.
        return Reason("zir.refuse.option", "-MF, -MT, -MQ or -MP without -MD")
    path = (
        state.get("dependency_file") or state.get("preprocessor_dependencies", "").partition(" ")[2]
    )
    if path == "-" or path.startswith("/dev/"):
        return Reason("zir.refuse.stdout", "-MF " + path)
    if "split_dwarf" in state and (
        not state.get("debug") or state.get("lto") or state["mode"] == "-S"
    ):
        return Reason("zir.refuse.option", "-gsplit-dwarf")
    if "stack_usage" in state and state.get("lto"):
        return Reason("zir.refuse.option", "-fstack-usage")
    return None


def _depfile(state: dict[str, str], output: str, language: str) -> tuple[str, str]:
    """Return the user's own dependency file and the option that asks for it."""
    if language not in _PREPROCESSED:
        return "", ""
    if "preprocessor_dependencies" in state:
        option, _, path = state["preprocessor_dependencies"].partition(" ")
        return path, option
    if "dependencies" in state:
        return state.get("dependency_file") or _beside(output, ".d"), state["dependencies"]
    return "", ""


def _beside(output: str, suffix: str) -> str:
    """Return the output's path with its last suffix replaced."""
    folder, slash, base = output.rpartition("/")
    stem = base.rpartition(".")[0] if "." in base else base
    return folder + slash + stem + suffix


def _extra_outputs(
    state: dict[str, str],
    output: str,
    language: str,
    depfile: str,
) -> tuple[str, ...] | Reason:
    """Return the files written beside the output."""
    suffixes = []
    if "split_dwarf" in state:
        suffixes.append(".dwo")
    if not language.startswith("assembler"):
        if "notes" in state:
            suffixes.append(".gcno")
        if "stack_usage" in state:
            suffixes.append(".su")
    if not suffixes:
        return (depfile,) if depfile else ()
    if not output.rpartition("/")[2].strip(".").count(".") and output.rpartition("/")[2][0] == ".":
        return Reason("zir.refuse.option", "-o " + output)
    beside = [_beside(output, suffix) for suffix in suffixes]
    return (depfile, *beside) if depfile else tuple(beside)


def _names_directory(
    state: dict[str, str],
    prefix_maps: Sequence[str],
    language: str,
    directory: str,
) -> bool:
    """Whether the outputs contain the working directory."""
    if state.get("lto") or "profile" in state or "notes" in state or "assembler_debug" in state:
        return True
    if language.startswith("assembler"):
        return True
    if not state.get("debug"):
        return False
    if "directory_named" in state:
        return False
    # gcc and clang differ in which of several maps wins, so one that maps the
    # directory whole counts only if none maps a part of it.
    mapped = False
    for prefix_map in prefix_maps:
        old = prefix_map.rpartition("=")[0]
        if old == directory:
            mapped = True
        elif directory.startswith(old):
            return True
    return not mapped


def dependency_words(command: CompileCommand, depfile: str) -> tuple[str, ...] | None:
    """Return the words to append so that all inputs come to be listed in `depfile`.

    Nothing needs appending when the user's own dependency file is complete, nor
    when the source is not preprocessed: then it is the only input, unless it
    names others by `.include` or `.incbin`, which `imports` tells. None means
    that the command lists user headers only, and `dependency_query` must ask.
    """
    if command.language not in _PREPROCESSED or command.depfile_is_complete:
        return ()
    if command.dependencies:
        return None
    return ("-MD", "-MF", depfile)


def dependency_query(command: CompileCommand, depfile: str) -> list[str]:
    """Return a command that lists the inputs in `depfile` and writes nothing else."""
    query = [command.driver]
    rest = iter(command.words[1:])
    for word in rest:
        if word in ("-o", "-MF", "-MT", "-MQ"):
            next(rest, None)
        elif not (word in ("-c", "-S") or word.startswith(("-M", "-Wp,-M"))):
            query.append(word)
            if word[0] == "-" and option_of(word).action in (NEXT_SET, NEXT_ADD, NEXT_PLAIN):
                query.append(next(rest, ""))
    return [*query, "-M", "-MF", depfile]
