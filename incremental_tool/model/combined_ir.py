"""One source's text of LLVM (`clang -S -emit-llvm`) as a section among those of other sources.

What only the source uses gets the source's suffix: types, functions and variables with internal
linkage. What several sources may name stays one symbol:

* A definition that others may define too (weak, inline, of a template) becomes the source's own,
  and its symbol an alias, which the head lets stand for the first section's. No section refers to
  its own but through the alias, so all have the same address, and what is not chosen is dead.
* With typed pointers (clang before 15) the types of one symbol differ between sources: a name
  with the suffix is part of them. So every symbol is an `i8` to those who refer to it, and they
  cast it; who defines it does so under an own name, and the symbol is an alias of that.
* What a source only declares, the head declares, unless a section defines it.
* Attribute groups have the number that their content has, and stand in the head, once each.

Comments, `source_filename` and comdats are left out: which one of several stands is decided here.

Does not know instructions: names are replaced wherever they are, and strings are passed over.
"""

from __future__ import annotations

import re

from incremental_tool.base.pattern import lazily
from incremental_tool.model.combined_ir_metadata import Nodes
from incremental_tool.model.combined_ir_types import NAME, count_of, function_of, size_of, type_end
from incremental_tool.model.combined_needs import (
    FIELD,
    Prepared,
    content_number,
    is_unfit,
    no_needs,
    shown,
    suffix_of,
)

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from typing import NamedTuple, Optional, Union

    from incremental_tool.model.combined_ir_types import Function
else:
    from incremental_tool.base.named_tuple import NamedTuple

_TOKEN = lazily(
    rb'(["@!#%](?:(?<=@)(?:[-\w$.]+|"[^"]*")|(?<=[!#])[0-9]+|(?<=")[^"]*"'
    rb'|(?<=%)(?:(?:struct|class|union|enum)\.[-\w$.]+|"[^"]*")))'
)
"""One set of bytes to look for, then what each begins: half again as fast as alternatives."""
_TOP = lazily(rb"\n(?=[@$%adstmu^]|![a-zA-Z])([^\n]*)")
_TUPLE = lazily(rb"\n!([0-9]+) = (?:distinct )?!\{[^\n]*")
_COMMENT = lazily(rb"\n;[^\n]*")
_VARIABLE = lazily(
    rb"@(" + NAME + rb") = (?:(private|internal|available_externally|linkonce|weak|common|appending"
    rb"|extern_weak|linkonce_odr|weak_odr|external) )?"
    rb"((?:(?:dso_local|dso_preemptable|default|hidden|protected|dllimport|dllexport"
    rb"|thread_local(?:\([a-z]+\))?|unnamed_addr|local_unnamed_addr|addrspace\([0-9]+\)"
    rb"|externally_initialized) )*)(global|constant|alias|ifunc) (.*)",
    re.DOTALL,
)
_AFTER_VALUE = lazily(
    rb'(?:, (?:(?:section|partition) "[^"]*"|comdat(?:\(\$' + NAME + rb"\))?|align [0-9]+"
    rb"|![\w.]+ ![0-9]+|no_sanitize_[a-z]+|sanitize_[a-z_]+))*(?: #[0-9]+)?$"
)
_TYPE = lazily(rb"%(" + NAME + rb") = type (.*)")
_CLANG_TYPE = lazily(rb'(?:struct|class|union|enum)\.[-\w$.]+|"[^"]*"')
_APPENDING = lazily(
    rb'\[[0-9]+ x (.*?)\] (?:\[(.*)\]|zeroinitializer|undef)(?:, section "([^"]*)")?'
)
_CONSTRUCTOR_KEY = lazily(
    rb"(\{ i32 [0-9]+, [^{}]*, )(i8\*|ptr) (?:bitcast \([^{}]*\)|@[^{} ]*) \}"
)
_PERSONALITY = lazily(rb" personality .*?@(" + NAME + rb")")
_COMDAT_WORD = lazily(rb" comdat(?:\(\$" + NAME + rb"\))?(?= |$)")
_NATIVE_STRUCT = lazily(rb"@llvm\.[\w.]*(?:s_|sl_)[\w.]*")
_VERSION = lazily(rb'clang version ([0-9]+)\.[^"\n]*"\}')
_POINTER = lazily(rb"ptr(?<=[ (]ptr)(?=[] ,)}>])")
_ASSEMBLER = lazily(rb'(?: asm [a-z ]*|\nmodule asm )"([^"]*)"')
_ASSEMBLER_NAME = lazily(rb"[A-Za-z_.][\w.$]*")
_ASSEMBLER_LABEL = lazily(
    rb'\nmodule asm "[ \t]*(?:([A-Za-z_][\w.$]*):|([A-Za-z_][\w.$]*)[ \t]*=|\.set[ \t]+([\w.$]+)'
    rb"|\.symver[ \t]+[\w.$]+,[ \t]*([\w.$@]+))"
)
_ASSEMBLER_MODE = lazily(
    rb'\nmodule asm "[^"]*\.(macro|altmacro|include|intel_syntax|code16|code32|irp|rept)\b'
)
_SEVERAL = frozenset({b"linkonce", b"weak", b"linkonce_odr", b"weak_odr"})
_LOCAL = frozenset({b"private", b"internal"})
_LINKAGES = _SEVERAL | _LOCAL | {b"available_externally", b"extern_weak", b"external"}
_VISIBLE = frozenset({b"dso_local", b"dso_preemptable", b"default", b"hidden", b"protected"})
_WITH_TYPE = _SEVERAL | {b"available_externally"}
_NOT_INSIDE = _LINKAGES | _VISIBLE
"""What is said of a symbol, and not of what the source alone can see."""

_OPAQUE_SINCE = 15
"""The first clang that writes `ptr`, also in texts in which no pointer stands."""


class _RefusedTextError(Exception):
    """This text cannot be a section."""


def prepare(path: bytes, text: bytes) -> Union[Prepared, str]:
    """Return the section that a text becomes, or why it cannot be one."""
    if is_unfit(text):
        return "the text holds control characters that separate what the head reads"
    try:
        return _Section(path, b"\n" + text).prepared()
    except _RefusedTextError as refusal:
        return str(refusal)
    except ValueError as unread:
        shown = unread.args[0] if unread.args else b""
        return f"a type is not as clang writes it: {shown!r}"


class _Global(NamedTuple):
    """A symbol that the text names at the top."""

    linkage: bytes
    words: bytes
    type: bytes


class _Section:
    """A text on its way to a section."""

    def __init__(self, path: bytes, text: bytes) -> None:
        self.path, self.suffix = path, suffix_of(path)
        text = _COMMENT.sub(b"", text)
        if b'@"\\01' in text:
            text = _plainly_named(text)
        self.text = text
        version = _VERSION.search(text)
        opaque = version is not None and int(version.group(1)) >= _OPAQUE_SINCE
        self.typed = not (opaque or _POINTER.search(text))
        self.nodes = Nodes(path, text)
        self.needs = no_needs()
        self.names: dict[bytes, bytes] = dict(self.nodes.names)
        self.types: dict[bytes, bytes] = {}
        self.globals: dict[bytes, _Global] = {}
        self.functions: dict[bytes, Optional[Function]] = {}
        self.inner: dict[bytes, bytes] = {}
        """What the source itself calls what it defines and does not leave its name."""
        self.natives: set[bytes] = set()
        """Names that even typed pointers leave their types."""
        self.facts = [b"", b"", b"typed" if self.typed else b"opaque"]
        self.behind: list[bytes] = []
        """Lines of the body in which all names are as they stay."""

    def prepared(self) -> Prepared:
        tops = _TOP.findall(self.text)
        self._read(tops)
        self._refuse_assembler()
        self._name_all()
        replaced = iter([self._top(line) for line in tops])
        text = _TOP.sub(lambda _: next(replaced), self.text)
        text = _TUPLE.sub(self._own_tuple, text)
        if b"\n\x01" in text:
            text = re.sub(rb"\n\x01.*?\n\}", b"", text, flags=re.DOTALL)
        if b"blockaddress(" in text:
            text = re.sub(rb"(?<=blockaddress\()@" + NAME, self._block_owner, text)
        if self.text.find(b"\nmodule asm ") >= 0:
            text = b'\nmodule asm ".text"' + text
        body = self._renamed(text).strip(b"\n")
        body = b"\n".join([*filter(None, [body]), *self.behind, b""])
        nodes, needs = self.nodes, self.needs
        needs.facts.append(FIELD.join(self.facts))
        seed = self.suffix, b"%d" % nodes.first, b"%d" % nodes.count, self.path
        needs.seed.append(FIELD.join(seed))
        needs.shared.extend(name + FIELD + line for name, line in sorted(nodes.lines.items()))
        return Prepared(body, needs.packed())

    # What stands at the top.

    def _read(self, tops: list[bytes]) -> None:
        for line in tops:
            start = line[:1]
            if start == b"@":
                self._read_variable(line)
            elif start == b"d":
                self._read_function(line)
            elif start == b"%":
                self._read_type(line)
            elif start == b"a" and line.startswith(b"attributes #"):
                self._read_attributes(line)
            elif start == b"u" and line.startswith(b"uselistorder"):
                raise _RefusedTextError("the text holds the order of uses, which others change")
            elif start == b"^":
                raise _RefusedTextError("the text holds a summary for ThinLTO, one for each module")
        for line in tops:
            if line.startswith(b"define "):
                match = _PERSONALITY.search(line)
                if match is not None:
                    self.natives.add(match.group(1))
        for name, found in self.globals.items():
            if name.startswith(b"llvm.") and found.linkage not in _LOCAL:
                self.natives.add(name)
                if self.types and _NATIVE_STRUCT.fullmatch(b"@" + name):
                    raise _RefusedTextError(f"{shown(name)} has a type in its name")

    def _read_variable(self, line: bytes) -> None:
        match = _VARIABLE.fullmatch(line)
        if match is None:
            raise _RefusedTextError(f"a global is not as clang writes it: {shown(line[:60])}")
        name, linkage, words, kind, rest = match.groups()
        if b"addrspace(" in words:
            raise _RefusedTextError(f"{shown(name)} is in an address space of its own")
        type_ = rest[: type_end(rest, 0)]
        if kind == b"ifunc" and self.typed:
            raise _RefusedTextError(
                f"{shown(name)} is an ifunc, which typed pointers cannot share: clang 15 can"
            )
        if linkage == b"common" and b"thread_local" in words:
            raise _RefusedTextError(f"{shown(name)} is common and thread-local")
        words = words.replace(b"externally_initialized ", b"")  # no word of aliases
        self._add(name, _Global(linkage or b"", words, type_))

    def _read_function(self, line: bytes) -> None:
        if not line.startswith((b"define ", b"declare ")):
            return
        read = function_of(line)
        self.functions[line] = read
        if read is None:
            raise _RefusedTextError(f"a function is not as clang writes it: {shown(line[:60])}")
        words = read.words.split()
        linkage = next((word for word in words if word in _LINKAGES), b"")
        if line.startswith(b"declare "):
            linkage = linkage or b"external"
        kept = b"".join(word + b" " for word in words if word in _VISIBLE)
        # Telling types costs most of the time of what is declared, and only casts need them.
        type_ = read.type() if self.typed or linkage in _WITH_TYPE else b""
        self._add(read.name, _Global(linkage, kept, type_))

    def _add(self, name: bytes, found: _Global) -> None:
        if name.isdigit() and found.linkage not in _LOCAL:
            raise _RefusedTextError("a global without a name is not the source's own")
        self.globals[name] = found

    def _read_type(self, line: bytes) -> None:
        match = _TYPE.fullmatch(line)
        if match is None or not _CLANG_TYPE.fullmatch(match.group(1)):
            raise _RefusedTextError(f"a type is not named as clang does: {shown(line[:60])}")
        name, content = match.groups()
        self.types[b"%" + name] = content
        self.names[b"%" + name] = b"%" + self._own(name)

    def _read_attributes(self, line: bytes) -> None:
        name, _, content = line[len(b"attributes ") :].partition(b" = ")
        number = b"#%d" % content_number(content)
        self.names[name] = number
        self.needs.shared.append(number + FIELD + content)

    def _refuse_assembler(self) -> None:
        """Refuse assembler that names what is renamed, or that changes how others are read."""
        if b" asm " not in self.text:
            return
        mode = _ASSEMBLER_MODE.search(self.text)
        if mode is not None:
            raise _RefusedTextError(f"assembler of the module holds .{shown(mode.group(1))}")
        own = {name for name, found in self.globals.items() if found.linkage in _LOCAL}
        for written in _ASSEMBLER.findall(self.text):
            said = re.sub(rb"\\[0-9A-F]{2}", b" ", written)
            for name in own.intersection(_ASSEMBLER_NAME.findall(said)):
                raise _RefusedTextError(f"assembler names {shown(name)}, which is renamed")
        for names in _ASSEMBLER_LABEL.findall(self.text):
            self.needs.outside.extend(filter(None, names))

    # What each symbol is called.

    def _own(self, name: bytes) -> bytes:
        if name.startswith(b'"'):
            return name[:-1] + b"." + self.suffix + b'"'
        if name.isdigit():
            return b".unnamed." + name + b"." + self.suffix
        return name + b"." + self.suffix

    def _name_all(self) -> None:
        for name, (linkage, words, type_) in self.globals.items():
            if name in self.natives:
                if linkage not in {b"external", b"appending"}:
                    raise _RefusedTextError(f"{shown(name)} is defined and handles exceptions")
                continue
            if linkage in _LOCAL:
                self.names[b"@" + name] = self.inner[name] = b"@" + self._own(name)
                continue
            defined = linkage in _SEVERAL or linkage == b""
            if defined and (self.typed or linkage):
                self.inner[name] = b"@" + self._own(name)
            if not self.typed:
                continue
            if not linkage and b"dso_local" in words:
                # Nobody can put another in its place: the source may use its own.
                self.names[b"@" + name] = self.inner[name]
            else:
                said = self._renamed(type_)
                self.names[b"@" + name] = b"bitcast (i8* @%s to %s*)" % (name, said)

    def _renamed(self, text: bytes) -> bytes:
        parts = _TOKEN.split(text)
        tokens = parts[1::2]
        parts[1::2] = map(self.names.get, tokens, tokens)
        return b"".join(parts)

    def _block_owner(self, match: re.Match[bytes]) -> bytes:
        found = match.group()
        return self.inner.get(found[1:], found)

    # What becomes of what stands at the top.

    def _top(self, line: bytes) -> bytes:
        start = line[:1]
        if start == b"@":
            return self._variable(line)
        if start == b"!":
            return self._metadata(line)
        if line.startswith(b"define "):
            return self._definition(line)
        if line.startswith(b"declare "):
            return self._declaration(line)
        if line.startswith(b"target datalayout"):
            self.facts[0] = line
        elif line.startswith(b"target triple"):
            self.facts[1] = line
        elif not (start == b"$" or line.startswith((b"source_filename ", b"attributes #"))):
            return b"\n" + line
        return b""

    def _metadata(self, line: bytes) -> bytes:
        name, _, rest = line.partition(b" = ")
        numbers = re.findall(rb"!([0-9]+)", rest)
        if name in {b"!llvm.module.flags", b"!llvm.ident"}:
            for number in numbers:
                content = self.nodes.content_of(number)
                if content is None or re.search(rb"!\d", content):
                    raise _RefusedTextError(f"{shown(name)} holds more than plain values")
                if name == b"!llvm.ident":
                    self.needs.shared.append(b"ident" + content + FIELD + content)
                else:
                    self.needs.flags.append(content[2:-1])
            return b""
        # Lists of the module take numbers alone, and those of several sections are one list.
        kept = re.sub(rb"!([0-9]+)", lambda found: self.nodes.number_of(found.group(1)), rest)
        self.behind.append(name + b" = " + kept)
        return b""

    def _declaration(self, line: bytes) -> bytes:
        read = self.functions.get(line)
        if read is not None:
            name = read.name
            self._ask(name, line if name in self.natives or not self.typed else None)
        return b""

    def _ask(self, name: bytes, line: Optional[bytes]) -> None:
        """Let the head declare a symbol: by a line, or for those who cast it."""
        found = self.globals[name]
        said = self._as_byte(name, found) if line is None else self._renamed(line)
        self.needs.undefined.append(name + FIELD + said)

    def _as_byte(self, name: bytes, found: _Global) -> bytes:
        linkage = b"extern_weak" if found.linkage == b"extern_weak" else b"external"
        return b"@%s = %s %sglobal i8" % (name, linkage, found.words)

    def _definition(self, line: bytes) -> bytes:
        read = self.functions.get(line)
        if read is None:
            return b""
        name = read.name
        found = self.globals[name]
        rest = _COMDAT_WORD.sub(b"", read.rest)
        if found.linkage == b"available_externally":
            # Inlined where it was worth it; its symbol is another's.
            if b"blockaddress(" in self.text:
                raise _RefusedTextError(f"{shown(name)} is defined elsewhere, and labels are used")
            result, _, parameters = found.type.partition(b" (")
            if found.type.count(b" (") > 1:
                result, parameters = read.result, found.type[len(read.result) + 2 :]
            self._ask(
                name,
                None
                if self.typed
                else b"declare %s%s @%s(%s" % (found.words, result, name, parameters),
            )
            return b"\n\x01"
        words = read.words
        called = b"@" + name
        if name in self.inner and found.linkage not in _LOCAL:
            called = self.inner[name]
            kept = [word for word in words.split() if word not in _NOT_INSIDE]
            words = b" ".join([b"internal", *kept, b""])
            self._publish(name)
        elif not found.linkage:
            self.needs.strong.append(name)
        return b"\ndefine %s%s %s(%s)%s" % (words, read.result, called, read.parameters, rest)

    def _publish(self, name: bytes) -> None:
        """Make a symbol the alias of what the source defines under an own name."""
        linkage, words, type_ = self.globals[name]
        type_ = self._renamed(type_)
        said = linkage + b" " + words if linkage else words
        if self.typed:
            value = b"i8, bitcast (%s* %s to i8*)" % (type_, self.inner[name])
        else:
            value = b"%s, ptr %s" % (type_, self.inner[name])
        line = b"@%s = %salias %s" % (name, said, value)
        if linkage:
            self.needs.weak.append(name + FIELD + line)
        else:
            self.needs.strong.append(name)
            self.behind.append(line)

    def _variable(self, line: bytes) -> bytes:
        match = _VARIABLE.fullmatch(line)
        if match is None:
            return b""
        name, _, words, kind, rest = match.groups()
        found = self.globals[name]
        linkage = found.linkage
        if linkage == b"appending":
            self._append(name, rest)
            return b""
        after = _AFTER_VALUE.search(rest)
        if after is not None and after.group():
            cut = re.sub(rb", comdat(?:\(\$" + NAME + rb"\))?", b"", after.group())
            rest = rest[: after.start()] + cut
        if linkage in {b"external", b"extern_weak", b"available_externally"}:
            self._ask(name, self._undefined(name, rest, kind))
            return b""
        if linkage == b"common":
            self._share(name, rest)
            return b""
        if kind == b"alias":
            rest = re.sub(rb"@(" + NAME + rb")", self._aliased, rest)
        if linkage in _LOCAL:
            return b"\n@%s = %s %s%s %s" % (name, linkage, words, kind, rest)
        if name not in self.inner:
            self.needs.strong.append(name)
            return b"\n@%s = %s%s %s" % (name, words, kind, rest)
        if kind == b"ifunc":
            raise _RefusedTextError(f"{shown(name)} is a weak ifunc")
        self._publish(name)
        inside = b"".join(word + b" " for word in words.split() if word not in _NOT_INSIDE)
        return b"\n%s = internal %s%s %s" % (self.inner[name], inside, kind, rest)

    def _own_tuple(self, match: re.Match[bytes]) -> bytes:
        return match.group() if self.nodes.content_of(match.group(1)) is None else b""

    def _aliased(self, match: re.Match[bytes]) -> bytes:
        return self.inner.get(match.group(1), match.group())

    def _undefined(self, name: bytes, rest: bytes, kind: bytes) -> Optional[bytes]:
        if self.typed:
            return None
        found = self.globals[name]
        linkage = b"extern_weak" if found.linkage == b"extern_weak" else b"external"
        alignment = re.search(rb", align [0-9]+", rest[len(found.type) :])
        return b"@%s = %s %s%s %s%s" % (
            name,
            linkage,
            found.words,
            kind,
            found.type,
            alignment.group() if alignment else b"",
        )

    def _share(self, name: bytes, rest: bytes) -> None:
        found = self.globals[name]
        size = size_of(found.type, self.types)
        if size is None:
            raise _RefusedTextError(f"{shown(name)} is common, and its size is not known")
        alignment = re.search(rb", align ([0-9]+)", rest)
        aligned = alignment.group(1) if alignment else b"%d" % size[1]
        said = name, b"%d" % size[0], aligned, self._as_byte(name, found)
        self.needs.common.append(FIELD.join(said))

    def _append(self, name: bytes, rest: bytes) -> None:
        match = _APPENDING.match(rest)
        if match is None:
            raise _RefusedTextError(f"{shown(name)} is not as clang writes it")
        type_, elements, section = match.groups()
        if not elements:
            return
        if name in {b"llvm.global_ctors", b"llvm.global_dtors"}:
            # The key is the comdat that the constructor goes with; its guard is asked anyway.
            elements = _CONSTRUCTOR_KEY.sub(rb"\1\2 null }", elements)
        count = b"%d" % count_of(elements)
        said = name, type_, section or b"", count, elements
        self.needs.appending.append(
            FIELD.join(map(self._renamed, said[1:])).join([name + FIELD, b""])
        )


def _plainly_named(text: bytes) -> bytes:
    """Spell names as others do that were given in the source for the assembler (`asm("f")`)."""
    given = re.findall(rb'@"\\01([-\w$.]+)"', text)
    for name in set(given):
        if re.search(rb"@" + re.escape(name) + rb"(?![-\w$.])", text):
            raise _RefusedTextError(f"{shown(name)} stands for one symbol in two spellings")
    return re.sub(rb'@"\\01([-\w$.]+)"', rb"@\1", text)
