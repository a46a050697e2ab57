"""Sources of LLVM text stand in one module, which runs as what is compiled separately."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from combined_texts import CXX, C, combined, compiled, head_of, needs_program, run

from incremental_tool.model.combined_form import FORMS, Clash
from incremental_tool.model.combined_needs import suffix_of

if TYPE_CHECKING:
    from pathlib import Path

IR = FORMS["ir"]
OPTIONS = ["-O0", "-O1", "-O2", "-O2 -g", "-O0 -g", "-O1 -fPIC", "-O2 -fcommon -DCOMMON"]
TARGET = b'target datalayout = "e"\ntarget triple = "x86_64-pc-linux-gnu"\n'


@pytest.mark.parametrize("options", OPTIONS)
def test_c_runs_as_when_compiled_separately(tmp_path: Path, options: str) -> None:
    """Colliding statics, strings, types, weak, common, thread-local symbols: all find their own."""
    needs_program("clang")
    command = ["clang", "-w", *options.split()]
    _agrees(tmp_path, command, C)


@pytest.mark.parametrize("options", ["-O0", "-O1", "-O2 -g", "-O2 -fPIC"])
def test_cxx_runs_as_when_compiled_separately(tmp_path: Path, options: str) -> None:
    """Inline functions, templates, their statics and type information stay one thing for all."""
    needs_program("clang++")
    _agrees(tmp_path, ["clang++", "-std=c++17", "-w", *options.split()], CXX)


def _agrees(folder: Path, command: list[str], sources: dict[str, str]) -> None:
    text = combined("ir", compiled(folder, [*command, "-emit-llvm"], sources))
    _runs(folder, command, sources, text)
    if shutil.which("llvm-as"):
        run("llvm-as", "app.ll", "-o", "app.bc", folder=folder)
        run("opt", "-verify", "-O2", "app.ll", "-o", "app.bc", folder=folder)
        run(*command, "app.bc", "-o", "again", folder=folder)
        assert run("./again", folder=folder) == run("./one", folder=folder)


def _runs(folder: Path, command: list[str], sources: dict[str, str], text: bytes) -> None:
    (folder / "app.ll").write_bytes(text)
    run(*command, "app.ll", "-o", "one", folder=folder)
    run(*command, *sources, "-o", "separate", folder=folder)
    assert run("./separate", folder=folder) == run("./one", folder=folder)


@pytest.mark.parametrize("options", ["-O0", "-O1", "-O2 -g", "-O2 -fPIC -fcommon -DCOMMON"])
def test_opaque_pointers_need_no_casts(tmp_path: Path, options: str) -> None:
    """Text as clang 15 writes it runs as well, and keeps the names of what is defined once."""
    compiler = _opaque_clang()
    command = [compiler, "-w", *options.split()]
    text = combined("ir", compiled(tmp_path, [*command, "-emit-llvm"], C))
    assert b"i8*" not in text
    assert b" @later(" in text
    _runs(tmp_path, command, C, text)
    command = [compiler.replace("clang", "clang++"), "-std=c++17", "-w", *options.split()[:2]]
    text = combined("ir", compiled(tmp_path, [*command, "-emit-llvm"], CXX))
    _runs(tmp_path, command, CXX, text)


def _opaque_clang() -> str:
    found = next((name for name in _OPAQUE if shutil.which(name)), None)
    if found is None:
        pytest.skip("no clang with opaque pointers")
    return found


_OPAQUE = [f"clang-{version}" for version in range(15, 24)]


def test_a_body_follows_from_its_own_text(tmp_path: Path) -> None:
    """Neither other sources nor the order of work change a section; an edit changes one."""
    needs_program("clang")
    texts = compiled(tmp_path, ["clang", "-O1", "-g", "-S", "-emit-llvm", "-w"], C)
    once = {path: IR.prepare(path, text) for path, text in texts.items()}
    again = {path: IR.prepare(path, texts[path]) for path in reversed(texts)}
    assert once == again
    edited = {**C, "second.c": C["second.c"].replace("return 990", "return 991")}
    changed = compiled(tmp_path, ["clang", "-O1", "-g", "-S", "-emit-llvm", "-w"], edited)
    after = {path: IR.prepare(path, text) for path, text in changed.items()}
    assert once[b"first.c"] == after[b"first.c"]
    assert once[b"second.c"].body != after[b"second.c"].body
    assert head_of("ir", texts) == head_of("ir", changed)


def test_shared_metadata_stands_once() -> None:
    """Equal types of accesses are one node, and loops' names too; a debugger's nodes are apart."""
    text = (
        TARGET + b"define void @%s() {\n  br label %%1, !llvm.loop !3, !dbg !5, !tbaa !0\n}\n"
        b'!0 = !{!1, !1, i64 0}\n!1 = !{!"' + b"x" * 90 + b'", !2, i64 0}\n!2 = !{!"root"}\n'
        b'!3 = distinct !{!3, !4}\n!4 = !{!"llvm.loop.mustprogress"}\n'
        b"!5 = !DILocation(line: 1, scope: !6)\n!6 = distinct !DISubprogram(scope: !5)\n"
    )
    one = combined("ir", {b"a": text.replace(b"%s", b"f"), b"b": text.replace(b"%s", b"g")})
    assert one.count(b"x" * 90) == 1
    assert one.count(b"llvm.loop.mustprogress") == 1
    assert len(set(re.findall(rb"\n!([0-9]+) = distinct !DISubprogram", one))) == 2
    assert one.count(b", !tbaa !{!") == 2


REFUSED = {
    "the order of uses": b"define void @f() {\n}\nuselistorder i32* @x, { 1, 0 }\n",
    "a summary for ThinLTO": b'^0 = module: (path: "x")\n',
    "a type is not named as clang does": b"%0 = type { i32 }\n",
    "is in an address space": b"@x = addrspace(1) global i32 0\n",
    "ifunc, which typed pointers": b"@f = ifunc void (), void ()* ()* @r\n",
    "common and thread-local": b"@x = common thread_local global i32 0, align 4\n",
    "x is common, and its size": b"@x = common global %struct.s zeroinitializer\n",
    "a global is not as clang": b"@x = strange global i32 0\n",
    "a function is not as clang": b"define strange\n",
    "a type is not as clang": b"@x = global strange 0\n",
    "without a name is not": b"@0 = global i32 0\n",
    "assembler names own": (
        b'define internal void @own() {\n  call void asm sideeffect "\\09call own", ""()\n}\n'
    ),
    "assembler of the module holds .macro": b'module asm ".macro m"\n',
    "has a type in its name": (
        b"%struct.s = type { i32 }\ndeclare void @llvm.launder.p0s_struct.s(%struct.s*)\n"
    ),
    "handles exceptions": (b"define i32 @p() {\n}\ndefine void @f() personality i32 ()* @p {\n}\n"),
    "is defined elsewhere, and labels": (
        b"define available_externally void @f() {\n}\n"
        b"@t = internal global i8* blockaddress(@f, %1)\n"
    ),
    "holds more than plain values": b'!llvm.module.flags = !{!0}\n!0 = !{i32 5, !"x", !1}\n',
    "is not as clang writes it": b"@llvm.used = appending global strange\n",
    "two spellings": b'@"\\01x" = global i32 0\n@x = external global i32\n',
    "control characters": b"; \x1d\n",
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_a_section_is_refused(sentence: str) -> None:
    """A text of which something would be lost is refused in a sentence."""
    found = IR.prepare(b"a", TARGET + REFUSED[sentence])
    assert isinstance(found, str), found
    assert sentence in found


def test_a_weak_ifunc_is_refused() -> None:
    """An alias cannot stand for one."""
    found = IR.prepare(b"a", TARGET + b"@f = weak ifunc void (), ptr @r\ndeclare ptr @r( ptr )\n")
    assert found == "f is a weak ifunc"


CONFLICTS = {
    "x is defined by a and by b": [b"@x = global i32 0\n", b"@x = global i8 0\n"],
    "disagree on the data layout": [b"", b'target datalayout = "E"\n'],
    "disagree on the kind of pointers": [b"@x = global i32 0\n", b"@y = global i32 add (ptr @z)\n"],
    "module's flag wide": [
        b'!llvm.module.flags = !{!0}\n!0 = !{i32 1, !"wide", i32 4}\n',
        b'!llvm.module.flags = !{!0}\n!0 = !{i32 1, !"wide", i32 2}\n',
    ],
    "a flag of the module is not known": [b"!llvm.module.flags = !{!0}\n!0 = !{i32 1}\n", b""],
    "type of llvm.used": [
        b'@llvm.used = appending global [1 x i8*] [i8* null], section "llvm.metadata"\n',
        b'@llvm.used = appending global [1 x i8*] [i8* null], section "other"\n',
    ],
    "label is defined by a and by b": [b'module asm "label:"\n', b'module asm "label: nop"\n'],
    "p handles exceptions in one section": [
        b"declare i32 @p(...)\ndefine void @f() personality i32 (...)* @p {\n}\n",
        b"declare i32 @p(...)\n",
    ],
}


@pytest.mark.parametrize("sentence", CONFLICTS)
def test_what_cannot_stand_together_is_refused(sentence: str) -> None:
    """Sections that contradict each other get a sentence that names on what."""
    first, second = CONFLICTS[sentence]
    target = TARGET if b"datalayout" not in second else b""
    found = head_of("ir", {b"a": TARGET + first, b"b": target + second})
    assert isinstance(found, str), found
    assert sentence in found


def test_flags_of_the_module_are_merged() -> None:
    """The largest, the least, the first of a warning; and what overrides."""
    texts = {}
    for path, values in (b"a", (7, 8, 2, 1)), (b"b", (9, 6, 3, 2)):
        rows = [
            b'!%d = !{i32 %d, !"f%d", i32 %d}\n' % (at, rule, rule, value)
            for at, (rule, value) in enumerate(zip((7, 8, 2, 4), values))
        ]
        if path == b"a":
            rows[3] = b'!3 = !{i32 1, !"f4", i32 1}\n'
        texts[path] = TARGET + b"!llvm.module.flags = !{!0, !1, !2, !3}\n" + b"".join(rows)
    found = head_of("ir", texts)
    assert isinstance(found, bytes)
    for line in b'7, !"f7", i32 9', b'8, !"f8", i32 6', b'2, !"f2", i32 2', b'4, !"f4", i32 2':
        assert b"!{i32 " + line + b"}" in found


def test_a_clash_says_which_section_to_seed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two paths with one suffix, or with numbers in common, clash until one is another."""
    text = TARGET + b"!0 = distinct !{}\n"
    twice = IR.head([IR.prepare(b"a", text).needs] * 2)
    assert isinstance(twice, Clash)
    assert twice.section == 1
    assert twice == "a and a have one suffix of names"
    monkeypatch.setattr(
        "incremental_tool.model.combined_ir_metadata.first_number", lambda _path, _count: 4
    )
    clash = IR.head([IR.prepare(path, text).needs for path in (b"a", b"b")])
    assert isinstance(clash, Clash)
    assert clash == "a and b have numbers in common"


def test_assembler_of_modules_starts_in_text() -> None:
    """What one source's assembler ends in does not hold what another's begins with."""
    text = TARGET + b'module asm ".data"\nmodule asm "x: .long 1"\n'
    one = combined("ir", {b"a": text, b"b": text.replace(b"x:", b"y:")})
    assert one.count(b'module asm ".text"') == 2


def test_symbols_named_for_the_assembler_are_those_symbols() -> None:
    """`asm("f")` in one source is `f` of another."""
    first = TARGET + b'declare void @"\\01f"()\n'
    one = combined("ir", {b"a": first, b"b": TARGET + b"define dso_local void @f() {\n}\n"})
    assert b"01f" not in one
    assert b"\n@f = dso_local alias i8, bitcast (void ()* @f." + suffix_of(b"b") in one


def test_a_head_of_ten_thousand_sections_takes_a_moment() -> None:
    """Half a second is far above what it takes (60 ms)."""
    text = TARGET + (
        b"@v = dso_local global i32 5\n@w = external global i32\ndeclare i32 @printf(i8*, ...) #0\n"
        b'attributes #0 = { nounwind "cpu" }\n!llvm.ident = !{!0}\n!0 = !{!"clang"}\n'
    )
    needs = []
    for each in range(10000):
        made = IR.prepare(b"f%d" % each, text.replace(b"@v", b"@v%d" % each))
        needs.append(made.needs)
    start = time.process_time()
    found = IR.head(needs)
    assert isinstance(found, bytes)
    assert time.process_time() - start < 0.5
