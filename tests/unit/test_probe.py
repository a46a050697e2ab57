"""What a driver resolves to is found out from real drivers, completely, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Optional

import pytest

from incremental_tool.engine import probe
from incremental_tool.engine.probe import (
    UNKNOWN,
    Probed,
    ask,
    find_program,
    is_script,
    libraries_of,
    probe_binutil,
    probe_driver,
)

if TYPE_CHECKING:
    from pathlib import Path

PATH = os.environ["PATH"]
ENVIRONMENT = {"PATH": PATH}
DRIVERS = [name for name in ("gcc", "g++", "clang", "clang++") if shutil.which(name)]
COMPILERS = [name for name in DRIVERS if not name.endswith("++")]


def executable(path: Path, content: bytes = b"\x7fELF") -> Path:
    """Make a program that is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def probed(
    name: str, *words: str, language: str = "c", linking: bool = False, **environment: str
) -> Probed:
    """Return what a driver that must be known resolves to."""
    found = find_program(name, PATH)
    assert found is not None
    known = probe_driver(found, words, language, {**ENVIRONMENT, **environment}, linking)
    assert known is not None
    return known


def parts(known: Probed, role: str) -> list[bytes]:
    """Return the paths of all parts with a role."""
    return [path for found, path in known.parts if found == role]


# --- finding a program -----------------------------------------------------------


def test_the_first_program_on_the_path_is_found(tmp_path: Path) -> None:
    """Folders are searched in order; what is no executable file is passed over."""
    (tmp_path / "a" / "tool").mkdir(parents=True)
    executable(tmp_path / "b" / "tool").chmod(0o644)
    right = executable(tmp_path / "c" / "tool")
    executable(tmp_path / "d" / "tool")
    path = os.pathsep.join(str(tmp_path / name) for name in ("missing", "a", "b", "c", "d"))

    assert find_program("tool", path) == os.fsencode(right)
    assert find_program("other", path) is None
    assert find_program("tool", "") is None


def test_a_name_with_a_slash_is_not_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is taken as it is, relative to the working directory."""
    executable(tmp_path / "bin" / "tool")
    monkeypatch.chdir(tmp_path)

    assert find_program("bin/tool", PATH) == b"bin/tool"
    assert find_program("./tool", str(tmp_path / "bin")) is None


def test_an_empty_folder_on_the_path_is_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So shells have it."""
    executable(tmp_path / "tool")
    monkeypatch.chdir(tmp_path)

    assert find_program("tool", "/missing::/bin") == b"./tool"


def test_odd_names_are_not_found() -> None:
    """A name that no disk can hold is no program."""
    assert find_program("a\0b", PATH) is None
    assert find_program("", PATH) is None
    assert find_program("a\0/b", PATH) is None


@pytest.mark.parametrize(
    ("content", "script"),
    [(b"#!/bin/sh\n", True), (b"#", False), (b"\x7fELF", False), (b"", False), (None, True)],
)
def test_scripts_are_told_from_programs(
    tmp_path: Path, content: Optional[bytes], script: bool
) -> None:
    """A script begins with `#!`; what cannot be read may be one."""
    path = tmp_path / "tool"
    if content is not None:
        path.write_bytes(content)

    assert is_script(os.fsencode(path)) == script


# --- asking -----------------------------------------------------------------------


def test_programs_answer_in_english() -> None:
    """The environment is the build's, but for the language of messages."""
    said = ask(["sh", "-c", "echo $LC_ALL-$LANGUAGE-$MINE"], {"LANGUAGE": "de", "MINE": "x"})

    assert said == b"C--x\n"


@pytest.mark.parametrize(
    "words", [["sh", "-c", "exit 1"], ["/missing/program"], ["sh", "-c", "kill $$"], ["a\0b"]]
)
def test_what_fails_has_no_answer(words: list[str]) -> None:
    """A program that fails, is missing, is killed or cannot be named gives None."""
    assert ask(words, ENVIRONMENT) is None


def test_a_program_that_hangs_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is bounded in time."""
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.05)

    assert ask(["sleep", "30"], ENVIRONMENT) is None


def test_a_program_that_reads_gets_nothing() -> None:
    """Standard input is empty: nothing waits for a terminal."""
    assert ask(["cat"], ENVIRONMENT) == b""


@pytest.mark.parametrize("name", ["DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_asking_writes_no_file(tmp_path: Path, compiler: str, name: str) -> None:
    """A build whose compiler is told to write dependency files gets none from a question."""
    probed(compiler, **{name: str(tmp_path / "deps")})

    assert os.listdir(tmp_path) == []


# --- libraries ---------------------------------------------------------------------


def test_a_programs_libraries_are_found() -> None:
    """What the loader would load is listed, by absolute paths of files that are there."""
    shell = find_program("bash", PATH)
    assert shell is not None
    libraries = libraries_of(shell, ENVIRONMENT)

    assert libraries
    assert any(b"libc" in os.path.basename(path) for path in libraries)
    assert all(os.path.isfile(path) for path in libraries)


def test_a_program_without_libraries_has_none(tmp_path: Path) -> None:
    """What the loader does not take part in has no libraries; that is known."""
    path = executable(tmp_path / "tool", b"no program at all")

    assert libraries_of(os.fsencode(path), ENVIRONMENT) == []


def test_libraries_that_cannot_be_told_are_not_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing program, and a missing ldd, give no answer rather than an empty one."""
    archiver = find_program("ar", PATH)
    assert archiver is not None
    assert libraries_of(os.fsencode(tmp_path / "missing"), ENVIRONMENT) is None
    assert libraries_of(archiver, {"PATH": "/missing"}) is not None  # by the system's own ldd
    monkeypatch.setattr(os, "defpath", "/missing")
    assert libraries_of(archiver, {"PATH": "/missing"}) is None
    assert probe_binutil(archiver, {"PATH": "/missing"}) is None


# --- real drivers ---------------------------------------------------------------------


@pytest.mark.parametrize("linking", [False, True], ids=["compiling", "linking"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_resolves_to_its_parts(driver: str, linking: bool) -> None:
    """The compiler proper, the tools and their libraries are named by absolute paths."""
    language = "c++" if driver.endswith("++") else "c"
    known = probed(driver, language=language, linking=linking)
    (compiler,) = parts(known, "compiler")

    assert known.family == ("clang" if "clang" in driver else "gcc")
    assert known.family.encode() in known.version
    assert b"Target: " in known.version
    assert os.path.basename(compiler).startswith(
        b"clang" if "clang" in driver else b"cc1plus" if language == "c++" else b"cc1"
    )
    assert all(os.path.isabs(path) and os.path.isfile(path) for _, path in known.parts)
    assert any(b"libc." in path for path in parts(known, "library"))
    assert len(parts(known, "ld" if linking else "as")) == 1
    assert b"/usr/include" in known.standard_dirs
    assert known.library_dirs
    assert known.link_depfile == (linking and _linker_lists_inputs())


def _linker_lists_inputs() -> bool:
    helps = subprocess.run(["ld", "--help"], capture_output=True, check=True)
    return b"--dependency-file" in helps.stdout


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_stands_where_a_part_would_be_found_first(driver: str) -> None:
    """The paths to watch are absolute and empty now, and there are some."""
    known = probed(driver)

    assert known.absent
    assert not any(os.path.lexists(path) for path in known.absent)


@pytest.mark.parametrize("driver", COMPILERS)
@pytest.mark.parametrize("language", ["c", "c++", "assembler", "assembler-with-cpp"])
def test_every_language_has_a_compiler(driver: str, language: str) -> None:
    """Sources that are not preprocessed are identified, too."""
    assert len(parts(probed(driver, language=language), "compiler")) == 1


@pytest.mark.parametrize("driver", COMPILERS)
def test_libraries_of_the_tools_count(driver: str) -> None:
    """The linker's own libraries do its work: they are parts as the compiler's are."""
    linker = parts(probed(driver, linking=True), "ld")
    libraries = libraries_of(linker[0], ENVIRONMENT)

    assert libraries
    assert set(libraries) <= set(parts(probed(driver, linking=True), "library"))


@pytest.mark.parametrize("driver", COMPILERS)
def test_a_tool_in_an_earlier_folder_takes_over(tmp_path: Path, driver: str) -> None:
    """The place of an own assembler is watched while it is empty; then that one is the part."""
    option = f"-B{tmp_path}"
    own = os.fsencode(tmp_path / "as")
    before = probed(driver, option)
    assert own in before.absent

    assembler = find_program("as", PATH)
    assert assembler is not None
    shutil.copy2(assembler, own)
    after = probed(driver, option)
    assert parts(after, "as") == [own]
    assert own not in after.absent
    assert parts(before, "as") != [own]


@pytest.mark.skipif("gcc" not in DRIVERS, reason="needs gcc")
def test_a_specs_file_is_a_part(tmp_path: Path) -> None:
    """Gcc's specs are watched for where there are none, and are a part where there are."""
    option = f"-B{tmp_path}"
    own = os.fsencode(tmp_path / "specs")
    assert any(path.endswith(b"/specs") for path in probed("gcc").absent)

    specs = ask(["gcc", "-dumpspecs"], ENVIRONMENT)
    assert specs
    (tmp_path / "specs").write_bytes(specs)
    assert parts(probed("gcc", option), "specs") == [own]


@pytest.mark.skipif("clang" not in DRIVERS, reason="needs clang")
def test_a_configuration_file_of_clang_is_a_part(tmp_path: Path) -> None:
    """Its place is watched while it is empty; once it is read, it is a part."""
    (compiler,) = parts(probed("clang"), "compiler")
    own = tmp_path / "x86_64-linux-gnu-clang"
    shutil.copy2(compiler, own)
    configuration = os.fsencode(own) + b".cfg"

    before = probe_driver(os.fsencode(own), [], "c", ENVIRONMENT, linking=False)
    if before is None:
        pytest.skip("this clang does not run elsewhere")
    assert configuration in before.absent
    (tmp_path / "x86_64-linux-gnu-clang.cfg").write_text("-DCONFIGURED\n")
    after = probe_driver(os.fsencode(own), [], "c", ENVIRONMENT, linking=False)
    assert after is not None
    assert parts(after, "configuration") == [configuration]
    assert configuration not in after.absent


@pytest.mark.parametrize("driver", COMPILERS)
def test_what_native_means_is_part_of_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    """`-march=native` adds the expanded options, and nothing of the working directory."""
    plain = probed(driver).version
    here = probed(driver, "-march=native").version
    monkeypatch.chdir(tmp_path)
    there = probed(driver, "-march=native").version

    assert here.startswith(plain)
    assert len(here) > len(plain)
    assert here == there


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_option_that_a_driver_refuses_leaves_it_unknown(driver: str) -> None:
    """A driver that fails is not identified."""
    found = find_program(driver, PATH)
    assert found is not None
    words = ["-x", "no-such-language"]

    assert probe_driver(found, words, "no-such-language", ENVIRONMENT, linking=False) is None


@pytest.mark.parametrize("program", ["true", "false", "ls", "echo", "sleep"])
def test_other_programs_are_no_drivers(program: str) -> None:
    """What answers in another way is certainly neither gcc nor clang."""
    found = find_program(program, PATH)
    assert found is not None
    known = probe_driver(found, [], "c", ENVIRONMENT, linking=False)

    assert known is not None
    assert (known.family, known.parts) == (UNKNOWN, [("driver", found)])


@pytest.mark.parametrize("ending", ["exit 127", "kill -9 $$", "echo gcc version 99; exit 1"])
def test_a_driver_that_could_not_answer_may_be_one(tmp_path: Path, ending: str) -> None:
    """A driver that did not get as far as answering is not taken for something else."""
    program = tmp_path / "cc"
    program.write_text(f"#!/bin/sh\n{ending}\n")
    program.chmod(0o755)

    found = os.fsencode(program)
    assert probe_driver(found, [], "c", ENVIRONMENT, linking=False) is None
    assert probe_driver(b"/missing/cc", [], "c", ENVIRONMENT, linking=False) is None


# --- drivers that are not here ------------------------------------------------------------


class Answers:
    """Stands for a driver and ldd: answers by the word that is asked with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        for name in ("gcc", "cc1", "as"):
            executable(self.bin / name)
        self.said = {
            "-v": f"gcc version 99.0\nTarget: moon\n {self.bin}/cc1 -E -quiet /dev/null\n",
            "-print-search-dirs": f"programs: ={self.bin}\nlibraries: =/lib\n",
            "-print-prog-name=as": f"{self.bin}/as\n",
            "-print-file-name=specs": "specs\n",
            "ldd": "\tlinux-vdso.so.1 (0x1)\n\tlibc.so => /lib/libc.so (0x2)\n\t/lib/ld.so (0x3)\n",
        }

    def __call__(self, words: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        """Stand in for `subprocess.run`."""
        keys = [key for key in self.said if key in words or words[0].endswith(f"/{key}")]
        assert keys, words
        said = self.said[keys[0]]
        return subprocess.CompletedProcess(words, said == "", stdout=said.encode())

    def probe(self) -> Optional[Probed]:
        """Return what the driver resolves to."""
        return probe_driver(
            os.fsencode(self.bin / "gcc"), [], "c", {"PATH": str(self.bin)}, linking=False
        )


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Return the answers of a driver that is known."""
    given = Answers(tmp_path)
    monkeypatch.setattr(subprocess, "run", given)
    return given


def test_the_answers_are_those_of_a_known_driver(answers: Answers) -> None:
    """With all its answers the driver is identified: so each change below is what is refused."""
    known = answers.probe()

    assert known is not None
    assert known.family == "gcc"
    assert known.version == b"gcc version 99.0\nTarget: moon"
    assert [os.path.basename(path) for _, path in known.parts] == [
        b"gcc",
        b"cc1",
        b"as",
        b"ld.so",
        b"libc.so",
    ]
    assert known.absent == [b"/lib/specs"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("-v", ""),
        ("-v", "gcc version 99.0\n"),
        ("-v", " /usr/lib/cc1 -E\n"),
        ("-v", "icc version 9\n /usr/lib/mcpcom -E\n"),
        ("-print-search-dirs", ""),
        ("-print-prog-name=as", ""),
        ("ldd", ""),
    ],
)
def test_a_missing_answer_leaves_a_driver_unknown(answers: Answers, key: str, said: str) -> None:
    """Whatever fails or says something else: nothing is identified."""
    answers.said[key] = said
    known = answers.probe()

    assert known is None or (known.family == UNKNOWN and "gcc version" not in said)


@pytest.mark.parametrize("name", ["cc1", "as", "gcc"])
def test_a_part_that_is_a_script_leaves_a_driver_unknown(answers: Answers, name: str) -> None:
    """What a script runs cannot be told from its content."""
    executable(answers.bin / name, b"#!/bin/sh\n")

    assert answers.probe() is None


def test_a_tool_that_is_not_there_is_watched_for(answers: Answers) -> None:
    """Where no assembler is found, one that comes up anywhere would be used."""
    (answers.bin / "as").unlink()
    answers.said["-print-prog-name=as"] = "as\n"
    known = answers.probe()

    assert known is not None
    assert parts(known, "as") == []
    assert os.fsencode(answers.bin / "as") in known.absent


def test_a_clang_under_another_name_is_known(answers: Answers) -> None:
    """The compiler proper is told by `-cc1`, whatever the file is called."""
    executable(answers.bin / "moon-cc")
    answers.said["-v"] = (
        "moon clang version 99.0\nTarget: moon\n"
        f'Configuration file: {answers.bin}/moon.cfg\n "{answers.bin}/moon-cc" -cc1 -E "x"\n'
    )
    known = answers.probe()

    assert known is not None
    assert known.family == "clang"
    assert parts(known, "compiler") == [os.fsencode(answers.bin / "moon-cc")]
    assert parts(known, "configuration") == [os.fsencode(answers.bin / "moon.cfg")]
    assert os.fsencode(answers.bin / "gcc.cfg") in known.absent
    assert b"/lib/specs" not in known.absent


# --- binutils --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ar", "ranlib", "as"])
def test_a_binutil_resolves_to_itself_and_its_libraries(name: str) -> None:
    """The program and what it is linked with are its parts."""
    found = find_program(name, PATH)
    assert found is not None
    known = probe_binutil(found, ENVIRONMENT)

    assert known is not None
    assert known.family in ("gnu", "llvm")
    assert known.parts[0] == ("program", found)
    assert len(known.parts) > 1


@pytest.mark.parametrize("program", ["true", "false", "ls", "sh"])
def test_other_programs_are_no_binutils(program: str) -> None:
    """GNU's other programs say so in another way."""
    found = find_program(program, PATH)
    assert found is not None
    known = probe_binutil(found, ENVIRONMENT)

    assert known is not None
    assert known.family == UNKNOWN
