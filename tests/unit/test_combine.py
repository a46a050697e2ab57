"""Combined files are written whole or patched, and hold the same bytes either way."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from command_bench import Bench

from incremental_tool.engine.combine import combine_plainly
from incremental_tool.engine.section_layout import Arrangement, in_place, parts_of
from incremental_tool.model import combined_form
from incremental_tool.model.combination import Cannot, combination_of
from incremental_tool.model.combined_form import Clash, Form, Prepared
from incremental_tool.model.markers import Leader, parse
from incremental_tool.store import combined_record
from incremental_tool.store.archive_writing import Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from incremental_tool.model.combination import Combination

OUT = b"out"
LIMITS = (0, 100, 1000)


def _prepare(path: bytes, text: bytes) -> Any:
    """Stand for a form: first lines that begin with `need` are the head's."""
    if b"refused" in text:
        return "it is refused"
    lines = text.splitlines(keepends=True)
    needs = b"".join(line for line in lines if line.startswith(b"need"))
    if text.startswith(b"seeded "):
        seed = path if b"#" in path else text[len(b"seeded ") :].strip()
        return Prepared(b"of " + path + b"\n", b"seed " + seed)
    return Prepared(b"".join(line for line in lines if not line.startswith(b"need")), needs)


def _head(needs: Sequence[bytes]) -> Any:
    seeds = [need.partition(b"seed ")[2] for need in needs]
    for at, seed in enumerate(seeds):
        if seed and seed in seeds[:at]:
            return Clash("two seeds meet", at)
    found = sorted({line for need in needs for line in need.splitlines()})
    if b"need clash" in found:
        return "two of them clash"
    return b"".join(line + b"\n" for line in found)


@pytest.fixture(autouse=True)
def form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a form known whose head is made of what sections need."""
    monkeypatch.setitem(combined_form.FORMS, "needing", Form("needing", "#", 1, _prepare, _head))


class Files:
    """Texts in the working directory, and the file that is made of them."""

    def __init__(self, folder: Path, count: int, **variables: str) -> None:
        os.chdir(folder)
        self.bench = Bench(folder, **variables)
        self.order: list[str] = []
        for number in range(count):
            self.write(f"s{number}", f"text of {number}\n")

    def write(self, name: str, text: str) -> None:
        """Write one text; a new one comes last."""
        with open(name, "w") as file:
            file.write(text)
        if name not in self.order:
            self.order.append(name)
        self.bench.cache.files.forget(name.encode())

    def combination(self, limits: Sequence[int] = LIMITS, form: str = "needing") -> Combination:
        """Return what the file is made of."""
        return combination_of(form, "#", self.order, limits)

    def combine(self, limits: Sequence[int] = LIMITS, form: str = "needing") -> str:
        """Write the file, in a build of its own; return the reason's id that it was done for."""
        files = [name.encode() for name in self.order]
        combination = self.combination(limits, form)
        self.bench.cache.combining.prepare(OUT, combination, files)()
        (reason,) = self.bench.cache.statistics.reasons
        self.counts = dict(self.bench.cache.statistics.counts)
        self.bench.open()
        combine_plainly(b"plain", combination, files)
        with open("plain", "rb") as plain, open(OUT, "rb") as ours:
            assert plain.read() == ours.read()
        return str(reason)

    def log(self) -> str:
        """Return what the action log says of the file."""
        record = self.bench.cache.log.last(OUT)
        assert record is not None
        return record.detail


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Return eight texts, combined once."""
    monkeypatch.chdir(tmp_path)
    made = Files(tmp_path, 8)
    assert made.combine() == "combine.whole.first"
    return made


def test_a_changed_section_alone_is_read_and_written(files: Files) -> None:
    """One text of the same length: its section is written in place, and nothing else."""
    before = os.stat(OUT)
    files.write("s3", "TEXT of 3\n")
    assert files.combine() == "combine.patched"
    assert files.log() == "s3 (changed); 7 of 8 sections kept"
    assert (files.counts["sections_made"], files.counts["sections_total"]) == (1, 8)
    assert files.counts["combined_bytes_written"] < 150
    assert os.stat(OUT).st_ino == before.st_ino


def test_a_longer_section_moves_the_others(files: Files) -> None:
    """The others are copied by the kernel: what is written is the one section."""
    before = os.stat(OUT)
    files.write("s3", "text of 3\nand more\n")
    assert files.combine() == "combine.patched"
    assert files.counts["combined_bytes_written"] < 150
    assert os.stat(OUT).st_ino != before.st_ino


def test_what_comes_out_the_same_is_not_touched(files: Files) -> None:
    """Neither patched nor written whole: the same inode, the same times."""
    before = os.stat(OUT)
    assert files.combine() == "combine.same"
    os.utime("s2")
    assert files.combine() == "combine.same"
    os.remove(".incremental/combined/" + os.listdir(".incremental/combined")[0])
    assert files.combine() == "combine.whole.unknown"
    assert os.stat(OUT).st_mtime_ns == before.st_mtime_ns
    assert os.stat(OUT).st_ino == before.st_ino


def test_new_removed_and_moved_sections(files: Files) -> None:
    """Sections stand in the order of their sources, whatever it was."""
    files.write("new", "new\n")
    assert files.combine() == "combine.patched"
    assert files.log() == "new (new); 8 of 9 sections kept"
    files.order.remove("s0")
    assert files.combine() == "combine.patched"
    assert files.log() == "s0 (removed); 8 of 8 sections kept"
    files.order.reverse()
    assert files.combine() == "combine.patched"
    assert files.log() == "the order; 8 of 8 sections kept"


def test_the_head_is_made_again_when_needs_change(files: Files) -> None:
    """What a section needs stands in the head, once."""
    files.write("s1", "need printf\ntext of 1\n")
    assert files.combine() == "combine.patched"
    assert files.log() == "s1 (changed), the head; 7 of 8 sections kept"
    files.write("s2", "need printf\ntext of 2\n")
    assert files.combine() == "combine.patched"
    assert files.log() == "s2 (changed); 7 of 8 sections kept"


def test_sections_whose_numbers_meet(files: Files) -> None:
    """One is prepared under another path, and the file is written whole until they part."""
    files.write("s1", "seeded 7\n")
    assert files.combine() == "combine.patched"
    files.write("s4", "seeded 7\n")
    files.write("s5", "seeded 7\n")
    assert files.combine() == "combine.whole.clash"
    with open(OUT, "rb") as file:
        content = file.read()
    assert [name in content for name in (b"of s1\n", b"of s4#1\n", b"of s5#1\n")] == [True] * 3
    files.write("s2", "edited\n")
    assert files.combine() == "combine.whole.clash"
    files.write("s4", "seeded 8\n")
    files.write("s5", "seeded 9\n")
    assert files.combine() == "combine.whole.clash"
    files.write("s2", "edited again\n")
    assert files.combine() == "combine.patched"


def test_random_edits_against_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty random edits: each patched file holds what one written whole holds."""
    monkeypatch.chdir(tmp_path)
    chance = random.Random(7)
    files, patched = Files(tmp_path, 10), 0
    files.combine()
    for step in range(60):
        for _ in range(chance.randint(1, 3)):
            kind = chance.randint(0, 5)
            if kind == 0:
                chance.shuffle(files.order)
            elif kind == 1 and len(files.order) > 2:
                files.order.remove(chance.choice(files.order))
            else:
                name = f"n{step}" if kind == 2 else chance.choice(files.order)
                lines = ["need a\n", "need b\n", "x\n", "# ==== FILE: s1:0x0123456789abcdef ====\n"]
                files.write(name, "".join(chance.choices(lines, k=chance.randint(0, 5))))
        patched += files.combine() == "combine.patched"
        sections = parse(files.bench.cache.disk.read(OUT), Leader(b"#"))
        assert [one.path.decode() for one in sections if not isinstance(one, str)] == files.order
    assert patched > 50


@pytest.mark.parametrize(
    ("limits", "reason", "detail"),
    [
        ((50, 50, 1), "combine.whole.many", "2, above 1"),
        ((50, 10, 9), "combine.whole.change", "2 of 8, above 10 %"),
    ],
)
def test_limits(files: Files, limits: tuple[int, int, int], reason: str, detail: str) -> None:
    """Too much has changed: all is read, and the reason has the numbers."""
    files.write("s1", "a\n")
    files.write("s2", "b\n")
    assert files.combine(limits) == reason
    assert files.log() == detail
    assert files.counts["sections_made"] == 8


def test_coverage(files: Files) -> None:
    """Too little is known: all is read."""
    for number in range(10):
        files.write(f"t{number}", "t\n")
    assert files.combine((50, 100, 100)) == "combine.whole.coverage"
    assert files.log() == "8 of 18, below 50 %"


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (lambda text: text.replace(b"text of 3", b"edit of 3"), "the section s3 is not as it was"),
        (lambda text: text[:-5], "the section s7 is not as it was written, or cut off"),
        (lambda _: b"", "it has no sections"),
        (lambda text: text + text, "s0 is there twice"),
        (lambda text: text, "it was written anew"),
    ],
)
def test_an_edited_file_is_written_whole(files: Files, edit: Any, detail: str) -> None:
    """What somebody else has written is not built upon, and what is wrong with it is told."""
    with open(OUT, "rb") as file:
        text = file.read()
    os.remove(OUT)
    with open(OUT, "wb") as file:
        file.write(edit(text))
    assert files.combine() == "combine.whole.edited"
    assert detail in files.log()


def test_sections_out_of_order_are_told(files: Files) -> None:
    """A file whose sections somebody has swapped is written whole."""
    with open(OUT, "rb") as file:
        text = file.read()
    at = text.index(b"# ==== FILE: s1")
    with open(OUT, "wb") as file:
        file.write(text[at:] + text[:at])
    assert files.combine() == "combine.whole.edited"
    assert files.log() == "its sections are others, or in another order"


def test_other_names_and_kinds_of_files(files: Files) -> None:
    """A link, a second name or other permissions: a new file takes the place."""
    os.link(OUT, "second")
    files.write("s1", "edited\n")
    assert files.combine() == "combine.whole.place"
    with open("second", "rb") as file:
        assert b"edited" not in file.read()
    os.rename(OUT, "there")
    os.symlink("there", OUT)
    files.write("s1", "edited again\n")
    assert files.combine() == "combine.whole.place"
    assert not os.path.islink(OUT)


def test_another_form_or_leader(files: Files) -> None:
    """What was made in another way is not mixed with what is made now."""
    assert files.combine(form="text") == "combine.whole.form"


def test_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With INCREMENTAL_COMBINED=0 every file is written whole."""
    monkeypatch.chdir(tmp_path)
    files = Files(tmp_path, 3, INCREMENTAL_COMBINED="0")
    assert files.combine() == "combine.whole.off"


@pytest.mark.parametrize("length", [0, 10, 60, -1])
def test_a_damaged_record_is_none(files: Files, length: int) -> None:
    """Cut off or with other bytes: the file is written whole."""
    (name,) = os.listdir(".incremental/combined")
    with open(f".incremental/combined/{name}", "r+b") as file:
        content = file.read()
        file.truncate(length if length >= 0 else len(content) - 1)
    assert files.combine() == "combine.whole.unknown"


def test_records_come_back(tmp_path: Path) -> None:
    """What is saved is loaded, needs and all."""
    from array import array

    record = combined_record.CombinedRecord(
        bytes(44), bytes(16), 7, b"a\0b", bytes(32), array("I", [4, 5]), [b"", b"xyz"]
    )
    folder = os.fsencode(tmp_path / "records")
    combined_record.save(folder, b"out", record)
    assert combined_record.load(folder, b"out") == record
    assert combined_record.load(folder, b"other") is None


def test_what_cannot_be_combined_leaves_the_old_file(files: Files) -> None:
    """A form's refusal names the section; a clash of sections is told; nothing is written."""
    with open(OUT, "rb") as file:
        before = file.read()
    for text, reason in (("refused\n", "refuse.text"), ("need clash\n", "refuse.together")):
        files.write("s2", text)
        with pytest.raises(Cannot) as told:
            files.combine()
        assert told.value.reason.id == f"combine.{reason}"
    with open(OUT, "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("none", "#", ["a"]), "form"),
        (("text", "a b c", ["a"]), "leader"),
        (("text", "#", ["a\nb"]), "path"),
        (("text", "/* */", ["a*/b"]), "path"),
        (("text", "#", ["a", "b", "a"]), "twice"),
    ],
)
def test_combinations_that_make_no_file(arguments: Any, reason: str) -> None:
    """Each has its reason."""
    with pytest.raises(Cannot) as told:
        combination_of(*arguments, LIMITS)
    assert told.value.reason.id == f"combine.refuse.{reason}"


def test_arguments_come_back() -> None:
    """What a recipe keeps of a combination is that combination."""
    one = combination_of("text", "/* */", ["a", "\udcff"], (1, 2, 3))
    other = combination_of(**one.as_arguments())
    assert other._replace(leader=one.leader) == one
    assert other.leader.end == one.leader.end


def test_layout() -> None:
    """Neighbours are one stretch; what keeps its length stays in place."""
    new = Arrangement(2, [3, 4, 5], None, {1: b"abcd"})
    assert parts_of(new) == [Stretch(0, 5), b"abcd", Stretch(9, 14)]
    assert in_place(new) == [(5, b"abcd")]
    assert in_place(new._replace(contents={1: b"abc"})) is None
    moved = Arrangement(2, [3, 4, 5], [2, 0, 1], {}, b"new head")
    assert parts_of(moved) == [b"new head", Stretch(9, 14), Stretch(2, 9)]
    assert in_place(moved) is None
    assert in_place(Arrangement(2, [3], None, {}, b"ab")) == [(0, b"ab")]
    assert Arrangement(2, [3], None, {}).is_same
