"""Reasons: why something was missed, refused, fallen back on or thrown away.

Every reason has a stable id (`zir.miss.input-changed`), a sentence and, in the
statistics, a count. The ids are an interface: scripts grep for them, so an id
is never reused for another meaning. `REASONS` is the whole catalogue; using an
id outside it is an error that the tests catch.

Knows nothing of where reasons are counted or shown.
"""

from __future__ import annotations

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from incremental_tool.base.named_tuple import NamedTuple


REASONS: dict[str, str] = {
    # --- refused: the command is run as plain SCons would, nothing is stored
    "zir.refuse.shell-syntax": "the command uses shell syntax, so its words are not known",
    "zir.refuse.not-recognised": "the command is no compile, archive or link that the cache knows",
    "zir.refuse.unknown-compiler": "the program could not be identified as gcc, clang or as",
    "zir.refuse.option": "an option makes inputs or outputs that the cache does not follow",
    "zir.refuse.response-file": "a response file may vanish or change behind the command",
    "zir.refuse.several-sources": "the command compiles several sources at once",
    "zir.refuse.no-output": "the command names no output file",
    "zir.refuse.stdin": "the command reads its source from standard input",
    "zir.refuse.stdout": "the command writes its result to standard output",
    "zir.refuse.not-compiling": "the command preprocesses or asks for information only",
    "zir.refuse.pch": "a precompiled header is made or used",
    "zir.refuse.modules": "C++ or clang modules are in use",
    "zir.refuse.profile-use": "the compiler reads a profile",
    "zir.refuse.save-temps": "the compiler leaves intermediate files behind",
    "zir.refuse.lto-link": "link-time optimisation reads and writes files of its own",
    "zir.refuse.library-missing": "the linker found no library that a shared library needs",
    "zir.refuse.time-macro": "an input names __DATE__, __TIME__ or __TIMESTAMP__",
    "zir.refuse.incbin": "an input includes a binary file through the assembler",
    "zir.refuse.computed-probe": "an input asks __has_include for a name that macros compute",
    "zir.refuse.not-text": "an input is not text, so what it includes cannot be told",
    "zir.refuse.no-depfile": "the compiler wrote no usable list of its inputs",
    "zir.refuse.unknown-output": "the target is not among the files the command is known to write",
    "zir.refuse.side-effect": "the target has side effects that the cache does not hold",
    "zir.refuse.custom-spawn": "SPAWN is not SCons's own, so how commands run is not known",
    "zir.refuse.custom-shell": "SHELL is not sh, so how commands are read is not known",
    "zir.refuse.no-context": "the command arrived without its target and environment",
    "zir.refuse.several-commands": "the action runs more than one command",
    "zir.refuse.updates-output": "the command changes a file that is already there",
    "zir.refuse.directory": "the command runs in another folder than the project's top",
    "zir.refuse.switched-off": "INCREMENTAL_CACHE is off for this target",
    "zir.refuse.outside-input": "a declared input cannot be read as a file, folder or value",
    # --- hit, although inputs are others
    "zir.hit.tokens": "restored, for what has changed is no more than comments and blanks",
    # --- tokens: why a result was not taken for texts that differ in comments and blanks alone
    "tokens.refuse.language": "what of the text shows in an object is known of gcc and clang only",
    "tokens.refuse.option": "an option may let more of the text count than its tokens",
    "tokens.refuse.debug": "debug information holds digests of the files",
    "tokens.refuse.line": "lines have moved, and something names the line that it stands on",
    "tokens.refuse.copy": "a changed file is or was the copy of another",
    "tokens.refuse.large": "the unit has more places than gcc can tell apart",
    # --- missed: the command ran and its result was stored
    "zir.miss.new": "no result is known for this target",
    "zir.miss.command-changed": "the command is another than at the last build",
    "zir.miss.environment-changed": "an environment variable is another than at the last build",
    "zir.miss.toolchain-changed": "a part of the compiler is another than at the last build",
    "zir.miss.directory-changed": "the output names the working directory, and that is another",
    "zir.miss.input-changed": "an input changed",
    "zir.miss.input-appeared": "a file now exists where the compiler looked for one in vain",
    "zir.miss.input-vanished": "an input is gone",
    "zir.miss.object-gone": "a stored output was trimmed or lost",
    "zir.miss.object-corrupt": "a stored output was damaged",
    "zir.miss.manifest-corrupt": "a stored manifest was damaged",
    # --- not stored: the command ran and its result was kept, but not remembered
    "zir.skip.failed": "the command failed",
    "zir.skip.input-moved": "an input changed while the command ran",
    "zir.skip.output-missing": "the command did not write all its outputs",
    "zir.skip.output-too-large": "an output is larger than the cache takes",
    "zir.skip.store-unwritable": "the cache directory cannot be written",
    # --- archive: why a library was made by its command and not by its changed members
    "archive.patch.unknown": "the library is there, and it is not known what it was made of",
    "archive.patch.changed": "the library is not as this tool has left it",
    "archive.patch.place": "the library has other names or permissions, or lies on another disk",
    "archive.patch.program": "the library was not made by this very ar, or that is not GNU's",
    "archive.patch.option": "ar has an option that the library's bytes depend on",
    "archive.patch.members": "the list of the library's members is another",
    "archive.patch.format": "the library is not laid out as ar does by default",
    "archive.patch.object": "it cannot be told which symbols of a member ar would list",
    "archive.patch.large": "the library or the changed members are too large",
    "archive.patch.failed": "the library could not be read or written",
    # --- combine: how a combined file was written, why whole, and why it cannot be
    "combine.patched": "sections of the combined file were made again",
    "combine.same": "the combined file is as it was",
    "combine.whole.first": "the combined file was written whole: it was not there",
    "combine.whole.off": "the combined file was written whole, as the settings ask",
    "combine.whole.unknown": "the combined file was written whole: nothing is known of the old one",
    "combine.whole.edited": "the combined file was written whole: the old one was changed",
    "combine.whole.place": "the combined file was written whole: the old one is no plain file",
    "combine.whole.form": "the combined file was written whole: its form or leader is another",
    "combine.whole.clash": "the combined file was written whole: numbers of two sections met",
    "combine.whole.coverage": "the combined file was written whole: too few sections are known",
    "combine.whole.change": "the combined file was written whole: too large a share has changed",
    "combine.whole.many": "the combined file was written whole: too many sections have changed",
    "combine.whole.failed": "the combined file was written whole: the old one cannot be patched",
    "combine.refuse.form": "no form of this name is known",
    "combine.refuse.leader": "the comment leader cannot be used",
    "combine.refuse.path": "a path cannot stand in the line that begins a section",
    "combine.refuse.twice": "two sections have one path",
    "combine.refuse.text": "a text cannot become a section",
    "combine.refuse.together": "the sections cannot stand in one file",
    # --- function: why a unit was compiled whole, and not its changed functions alone
    "function.refuse.language": "functions are compiled one by one in C, and in C++ by gcc",
    "function.refuse.option": "an option may carry more from one function to another than is known",
    "function.refuse.exceptions": "callers go by what functions throw: -fno-exceptions is needed",
    "function.refuse.optimised": "the optimiser carries what it knows of a function to its callers",
    "function.refuse.command": "the last whole compile was another command's or compiler's",
    "function.refuse.input": "more than the source has changed since the last whole compile",
    "function.refuse.output": "a file that the compiler writes beside the object is not as it was",
    "function.refuse.cut": "the unit cannot be cut into functions with certainty",
    "function.refuse.uncut": "the unit has not been cut into functions yet",
    "function.refuse.directive": "the edit changes preprocessor directives",
    "function.refuse.declaration": "the edit changes more than comments outside functions",
    "function.refuse.outside": "the edit changes more than the bodies of functions",
    "function.refuse.kind": "a changed function is not a plain one",
    "function.refuse.many": "too many functions have changed",
    "function.refuse.static": "the edit changes which static functions or variables are used",
    "function.refuse.line": "lines have moved, and functions name the line that they stand on",
    "function.refuse.messages": "the compiler has something to say, and says all of it only then",
    "function.refuse.failed": "the changed functions could not be compiled by themselves",
    "function.refuse.disabled": "an object made of functions was wrong once: see functions.off",
    "function.refuse.moved": "an input changed while the functions were compiled",
    "function.refuse.source": "where the source's functions are cannot be told for certain",
    "function.refuse.object": "an object is not one that functions can be replaced in",
    "function.refuse.other-compiler": "the objects were not made by one compiler with equal flags",
    "function.refuse.not-in-base": "the unit's object does not hold what a function refers to",
    "function.refuse.not-in-piece": "the compiler left a function out",
    "function.refuse.ambiguous-name": "the object has several symbols of one name",
    "function.refuse.shared-section": "a function or variable has no section of its own",
    "function.refuse.linkage": "how a function is linked or called has changed",
    "function.refuse.section": "the object has a section that cannot be placed",
    "function.refuse.variable-differs": "a variable is not as it was",
    "function.refuse.local-static": "it cannot be told whose a static inside a function is",
    "function.refuse.nested": "a function inside or made from another is in use",
    "function.refuse.reference": "something refers to the inside of a function",
    "function.refuse.unreferenced": "nothing refers to a static function, before or after the edit",
    "function.refuse.unwind": "unwind entries are of a kind that cannot be replaced",
    "function.refuse.debug-section": "debug information is of a kind that cannot be replaced",
    "function.refuse.debug-lines": "line numbers of debug information cannot be moved",
    "function.refuse.address": "an optimised function uses a variable whose address may be taken",
    "function.differs": "an object made of functions was not what a whole compile gives",
    "function.made": "only the changed functions were compiled",
    "function.header.failed": "a changed function could not be compiled from its header",
    "function.outline.failed": "a function was compiled with all declarations of its unit, as with"
    " those that it seemed to need it did not compile",
    "function.same": "the source changed, and no function did",
    # --- preamble: why a unit was compiled without a precompiled preamble
    "preamble.refuse.option": "an option may change what a precompiled preamble is compiled to",
    "preamble.refuse.debug": "debug information would not be that of a plain compile",
    "preamble.refuse.source": "the source or a header rules a precompiled preamble out",
    "preamble.refuse.place": "where a header lies would be told otherwise",
    "preamble.refuse.input": "the preamble or what it includes is not as it was",
    "preamble.refuse.messages": "the compiler has something to say, and all of it is to be said",
    "preamble.refuse.failed": "the unit could not be compiled with its precompiled preamble",
    "preamble.refuse.differs": "the object was not that of a plain compile when this was tried",
    "preamble.refuse.slow": "a precompiled preamble is not worth it for this unit",
    "preamble.refuse.damaged": "the precompiled preamble is not as it was made",
    "preamble.refuse.disabled": "an object was not a plain compile's once: see preambles.off",
    "preamble.refuse.moved": "an input changed while the unit was compiled",
    "preamble.differs": "an object made with a precompiled preamble was not a plain compile's",
    "preamble.made": "the unit was compiled with its preamble precompiled",
    # --- fresh: why a run was not answered without SCons; first the run itself
    "fresh.option": "an option asks for more than whether all is up to date",
    "fresh.no-script": "no SConstruct was found where SCons would look",
    "fresh.new": "no successful build with these arguments is recorded",
    "fresh.damaged": "the snapshot was damaged, foreign or of another version and is not used",
    "fresh.unreadable": "the snapshot or what it names cannot be read",
    "fresh.circumstances": "the snapshot was made under other circumstances",
    "fresh.printed": "the scripts printed before this tool was asked",
    # --- fresh: what is not as it was
    "fresh.stale.file-changed": "a file is not as it was",
    "fresh.stale.file-gone": "a file is gone",
    "fresh.stale.appeared": "something now exists that was looked for in vain",
    "fresh.stale.link-changed": "a symbolic link leads elsewhere",
    "fresh.stale.folder-changed": "a folder's entries are not as they were",
    "fresh.stale.environment": "an environment variable is not as it was",
    "fresh.stale.process": "a process run by the scripts tells something else",
    "fresh.stale.option": "a script asked for an option that is now another",
    # --- fresh: recorded, and never taken as fresh
    "fresh.refuse.process": "the scripts run a process whose inputs are not known",
    "fresh.refuse.configure": "not all results of Configure checks were remembered",
    "fresh.refuse.network": "the scripts use the network",
    "fresh.refuse.clock": "the scripts read the clock",
    "fresh.refuse.random": "the scripts read random numbers",
    "fresh.refuse.input": "the scripts read standard input, a device or a pipe",
    "fresh.refuse.written": "the scripts write files",
    "fresh.refuse.always-build": "a target is always built",
    "fresh.refuse.alias-action": "an alias or other name without a file has an action",
    "fresh.refuse.function": "a Python function decides what SCons cannot tell beforehand",
    "fresh.refuse.outside": "a node is neither a file, a folder, a value nor an alias",
    "fresh.refuse.hook": "the scripts registered something that runs during or after the build",
    "fresh.refuse.not-up-to-date": "SCons would run something again although nothing changed",
    # --- fresh: not recorded
    "fresh.skip.failed": "the build failed or was interrupted",
    "fresh.skip.not-built": "the run was not to build",
    "fresh.skip.input-moved": "an input changed while the build ran",
    "fresh.skip.late": "the tool was set up after scripts had been read",
    "fresh.skip.elsewhere": "a script sets INCREMENTAL_DIR; set the environment variable instead",
    "fresh.skip.unwritable": "the snapshot could not be written",
    "fresh.skip.too-large": "the snapshot would be larger than one may be",
    "fresh.skip.unsupported": "this SCons offers no place to record what the scripts read",
    # --- replay: why SCons was asked although only files had changed
    "replay.refuse.option": "an option asks for more than a replay gives",
    "replay.refuse.file": "a file has changed that is more than an input of actions",
    "replay.refuse.moved": "a file changes while it is being read",
    "replay.refuse.includes": "a file's include directives are not as they were",
    "replay.refuse.scanner": "another scanner than SCons's for C reads a changed file",
    "replay.refuse.action": "an affected action cannot be replayed",
    "replay.refuse.function": "an affected action runs a Python function",
    "replay.refuse.environment": "a variable of a command's environment cannot be had",
    "replay.refuse.folder": "something is made from a folder in which a file has changed",
    "replay.refuse.sconsign": "SCons's database is not as this tool knows it",
    "replay.refuse.printed": "more is printed while the graph is walked than a replay knows of",
    "replay.refuse.link": "a source could not be linked into a variant folder",
    "replay.failed": "preparing a replay failed",
    # --- damage and fallback
    "store.corrupt.object": "a stored object did not match its digest and was set aside",
    "store.corrupt.manifest": "a stored manifest was damaged and was set aside",
    "store.corrupt.function": "a stored function or unit was damaged and was set aside",
    "store.corrupt.index": "an index was damaged, foreign or of another version and is not used",
    "store.corrupt.journal": "the end of a journal was cut off or damaged and was dropped",
    "store.unwritable": "the cache directory cannot be written; going on without storing",
    "store.unreadable": "a cache file cannot be read",
    "state.locked": "another build holds this project's state; it is read but not written",
    "hook.failed": "a hook of this tool failed; SCons's own way was used instead",
    "scons.unsupported": "this SCons offers no place for a hook; the named feature is off",
}


class Reason(NamedTuple):
    """One reason: an id from `REASONS` and what it is about (a file, an option, a variable)."""

    id: str
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The catalogue's sentence, with the detail behind it."""
        text = REASONS[self.id]
        return f"{text}: {self.detail}" if self.detail else text
