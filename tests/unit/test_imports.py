"""What a file can make the compiler look for is found, or a flag says that it may be missed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental_tool.base.errors import CorruptRecord
from incremental_tool.model.depfile import parse_depfile
from incremental_tool.model.imports import Imports, find_imports

if TYPE_CHECKING:
    from pathlib import Path

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def entries(text: str, assembler: bool = False) -> list[str]:
    """Return the entries found in a text, and none of its flags true but incbin."""
    found = find_imports(text.encode(), assembler=assembler)
    assert (found.computed, found.computed_probe, found.embed) == (False, False, False)
    return [entry.decode() for entry in found.entries]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('#include "a.h"\n', ['"a.h']),
        ("#include <a/b.h>\n", ["<a/b.h"]),
        ('#include"a.h"', ['"a.h']),
        ('  #  include\t<a.h>\n\v#import "b.h"\r\n', ["<a.h", '"b.h']),
        ("#include_next <a.h>\n", ["na.h"]),
        ('/* x */ #include "a.h"', ['"a.h']),
        ('#/* x */include/* y\n * z */"a.h"', ['"a.h']),
        ("int x; /*\n*/ # /**/ include /***/ <a.h> // more", ["<a.h"]),
        ('%:include "a.h"', ['"a.h']),
        ('??=include "a.h"', ['"a.h']),
        ('#inc\\\nlude "a\\\n.h"', ['"a.h']),
        ('#inc\\  \r\nlude "a.h"', ['"a.h']),
        ('#inc??/\nlude "a.h"', ['"a.h']),
        ('#include "a.h"\n#include "a.h"\n#include <a.h>\n', ['"a.h', "<a.h"]),
        ('#include "a b/ü.h"', ['"a b/ü.h']),
        ('#include "/abs/x.h"', ['"/abs/x.h']),
        ('#if __has_include(<a.h>) || __has_include ( "b.h" )\n', ["aa.h", "qb.h"]),
        ("#elif defined(X) && __has_include_next(<a.h>)\n", ["xa.h"]),
        ("#if 0\n#include <off.h>\n#endif\n", ["<off.h"]),
        ("#define include_x 1\n#include_x\n#pragma once\n#includes\n", []),
        ("x = include; // see #include below\n", []),
        (" * the #include's of this file\n   #include's do no harm\n", []),
        ("", []),
        ("#", []),
        ('#include ""\n#include <>\n', []),
    ],
)
def test_directives_are_found_in_every_spelling(text: str, found: list[str]) -> None:
    """Literal names are found through blanks, comments, splices, digraphs and trigraphs."""
    assert entries(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "#include MACRO\n",
            "#  include MACRO(x)",
            "/* x */ #include M",
            "#include/**/M",
            "#import M",
        ),
        *(
            "#inc\\\nlude M",
            "%:include M",
            "#include_next M",
            "x\n/*\n*/ #include M",
            "#include \\u00e4",
        ),
    ],
)
def test_names_from_macros_are_flagged(text: str) -> None:
    """An include whose name is a macro makes `computed` true."""
    assert find_imports(text.encode()) == Imports(computed=True)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "#if __has_include(MACRO)",
            "#define HAS(x) __has_include(x)",
            "#define HAS __has_include",
        ),
        *(
            "#if 1 && \\\n __has_include(M)",
            "#if /*\n*/ __has_include(M)",
            "#elif __has_include_next(M)",
        ),
        *(
            "%:if __has_include(M)",
            "/**/#if __has_include(M)",
            "#if X /* // */ && __has_include(M)",
        ),
        *(
            '#define X "//" __has_include(M)',
            "#if __has_include__(M)",
            "#if defined(X) && __has_include",
        ),
        *('#pragma GCC dependency "x.y"', '_Pragma("GCC  dependency \\"x\\"")'),
    ],
)
def test_probes_for_computed_names_are_flagged(text: str) -> None:
    """A __has_include that may ask for a name out of a macro is flagged."""
    found = find_imports(text.encode())

    assert found.computed_probe
    assert not found.computed


@pytest.mark.parametrize(
    "text",
    [
        *("#ifdef __has_include\n", "#ifndef __has_include", "# if defined(__has_include) && X"),
        *("#if defined __has_include", "#undef __has_include", "#define __has_include(x) 0"),
        *("#endif // __has_include", "// __has_include(M)", "/* the __has_include of\n gcc */"),
        *(
            "#if X // see __has_include(M)",
            "#if X /* __has_include(M) */",
            "#error no __has_include",
        ),
        *(
            "#else /* __has_include */",
            "#if has_include(M)",
            "#if my__has_include_x(M)",
            "dependency",
        ),
        *("#if defined(__has_include_next)", "#if !defined /* ? */ (__has_include)"),
    ],
)
def test_asking_whether_probes_exist_is_harmless(text: str) -> None:
    """Mentions, definitions and existence checks of __has_include are no probes."""
    assert find_imports(text.encode()) == Imports()


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ('char *t = __DATE__ " " __TIME__;', {"time_macro"}),
        ("__DATE__", {"time_macro"}),
        ("x=__TIME__;", {"time_macro"}),
        ("__TI\\\nME__", {"time_macro"}),
        ("f(__TIMESTAMP__)", {"timestamp_macro"}),
        ("__TIMESTAMP__ __TIME__", {"time_macro", "timestamp_macro"}),
        ("MY__DATE__ __DATE__X __TIMEX__ __TIME __DATE_ _TIME__", set()),
        ('asm(".incbin \\"x\\"");', {"incbin"}),
        ('asm(".include \\"x\\"");', {"incbin"}),
        ('.INCBIN "x"', {"incbin"}),
        ("x.include = 1; y.incbin_size(); z.included", set()),
        ("#embed <x>\n", {"embed"}),
        ("# embed MACRO\n", {"embed"}),
        ("#if __has_embed(<x>)\n", {"embed"}),
        ("// #embed x\nint embed;", set()),
    ],
)
def test_what_makes_results_vary_is_flagged(text: str, flags: set[str]) -> None:
    """Time macros, assembler reads and #embed are flagged as whole words only."""
    found = find_imports(text.encode())

    assert {name for name in Imports._fields if getattr(found, name) is True} == flags


def test_an_assembler_source_names_what_it_reads() -> None:
    """With `assembler`, .include and .incbin are entries and odd operands are flagged."""
    text = '.include "a.inc"\nl: .INCBIN "b.bin", 4\n#include <c.h>\n'
    assert entries(text, assembler=True) == ["<c.h", "ia.inc", "bb.bin"]
    assert find_imports(text.encode(), assembler=True).incbin

    for odd in ('.include "\\name"', ".include name", ".incbin"):
        assert find_imports(odd.encode(), assembler=True).computed


NAMES = st.binary(min_size=1, max_size=8).filter(lambda name: b"\n" not in name)
ENTRIES = st.tuples(st.sampled_from([b'"', b"<", b"n", b"q", b"a", b"x", b"i", b"b"]), NAMES)
IMPORTS = st.builds(
    Imports,
    st.lists(ENTRIES.map(b"".join), max_size=4).map(tuple),
    *[st.booleans()] * 6,
)


@given(imports=IMPORTS)
def test_packing_loses_nothing(imports: Imports) -> None:
    """What is packed comes back equal."""
    assert Imports.unpack(imports.pack()) == imports


@pytest.mark.parametrize(
    "packed", [b"?", b"pc", b"cc", b"\n", b"\nz.h", b"c\n<", b"\n<a\n", b'"a.h']
)
def test_foreign_bytes_are_corrupt(packed: bytes) -> None:
    """Bytes that `pack` never writes are not read as imports."""
    with pytest.raises(CorruptRecord):
        Imports.unpack(packed)


# Texts of tokens that are directives, or nearly; the compiler's own list of
# inputs is the judge of what must have been found.
PIECES = st.sampled_from(
    [
        *(
            "#",
            "%:",
            "include",
            "include_next",
            "import",
            " ",
            "\t",
            "/**/",
            "/* \n */",
            "\\\n",
            "//",
        ),
        *(
            '"h0.h"',
            "<h1.h>",
            '"h2.h"',
            "\n",
            "\n",
            "\n#include ",
            "\n # include",
            "inc\\\nlude",
            "x",
        ),
        *(
            "\n#if __has_include(<h1.h>)\n",
            "\n#endif\n",
            "/*",
            "*/",
            '"',
            "\\ \n",
            "\r\n",
            "M",
            "??=",
        ),
    ],
)


@pytest.mark.skipif(not COMPILERS, reason="needs a compiler")
@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECES, max_size=14))
def test_no_include_that_a_compiler_carries_out_is_missed(
    pieces: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each header in the compiler's list was found, or `computed` is true."""
    folder: Path = tmp_path_factory.mktemp("t", numbered=True)
    for name in ("h0.h", "h1.h", "h2.h"):
        (folder / name).write_text("")
    text = "#define M <h1.h>\n" + "".join(pieces)
    (folder / "a.c").write_bytes(text.encode())
    found = find_imports((folder / "a.c").read_bytes())
    names = {entry[1:] for entry in found.entries}
    for compiler in COMPILERS:
        words = [compiler, "-E", "-I.", "-w", "-trigraphs", "-MD", "-MF", "d", "-o", "i", "a.c"]
        done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
        if done.returncode == 0:
            inputs = parse_depfile((folder / "d").read_bytes())
            opened = {name for name in inputs if name.startswith(b"h")}
            assert opened <= names or found.computed
    shutil.rmtree(folder)
