"""`ZirCache` hands a result out only for the very inputs it came from, and never a damaged one."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from remembered_results import ACTION, FIELDS, Files, look, missed, remember, restored, result_of

from incremental_tool.base.digest import digest_of
from incremental_tool.model.action import action_digest
from incremental_tool.model.reason import Reason
from incremental_tool.store import zir_cache
from incremental_tool.store.manifest import MAX_ENTRIES
from incremental_tool.store.zir_cache import Hit, Miss, ZirCache, stands

if TYPE_CHECKING:
    from pathlib import Path

    from fake_disk import FakeDisk


# --- hits and misses -------------------------------------------------------------


def test_equal_inputs_hit(tmp_path: Path, cache: ZirCache, reports: list[Reason]) -> None:
    """With every input as recorded, outputs and messages come back, also in another process."""
    inputs = {"a.c": "one", "a.h": "two"}
    assert remember(cache, inputs, b"object", b"debug") is None

    for each in (cache, ZirCache(os.fsencode(tmp_path), reports.append)):
        found = look(each, Files(**inputs), 2)
        assert isinstance(found, Hit)
        assert found.contents == [b"object", b"debug"]
        assert found.result == result_of(inputs, b"object", b"debug")
    assert reports == []


def test_a_manifest_under_another_name_is_set_aside(cache: ZirCache, reports: list[Reason]) -> None:
    """A whole manifest that lies under another action's name is damage, not an answer."""
    inputs = {"a.c": "one"}
    remember(cache, inputs, b"object")
    other = action_digest([("kind", b"link")])
    os.makedirs(os.path.dirname(cache.path_of(other)), exist_ok=True)
    os.rename(cache.path_of(ACTION), cache.path_of(other))

    found = cache.lookup(other, 1, Files(**inputs).digest, Files().exists)

    assert isinstance(found, Miss)
    assert found.reason.id == "zir.miss.manifest-corrupt"
    assert [reason.id for reason in reports] == ["store.corrupt.manifest"]


def test_an_unknown_action_is_new(cache: ZirCache, reports: list[Reason]) -> None:
    """An action without a manifest is a miss without a nearest result."""
    assert look(cache, Files()) == Miss(Reason("zir.miss.new"), None)
    assert reports == []


def test_a_changed_input_is_named(cache: ZirCache) -> None:
    """The reason names the input with its old and its new digest; the nearest result is told."""
    remember(cache, {"a.c": "one", "a.h": "two"}, b"object")
    found = look(cache, Files(**{"a.c": "one", "a.h": "new"}))

    assert isinstance(found, Miss)
    old, new = (digest_of(content).hex() for content in (b"two", b"new"))
    assert found.reason == ("zir.miss.input-changed", f"a.h ({old} -> {new})")
    assert found.nearest == result_of({"a.c": "one", "a.h": "two"}, b"object")


def test_a_vanished_input_is_named(cache: ZirCache) -> None:
    """An input that is gone is another reason than one that changed."""
    remember(cache, {"a.c": "one", "a.h": "two"}, b"object")

    assert missed(cache, Files(**{"a.c": "one"})) == ("zir.miss.input-vanished", "a.h")


def test_a_file_that_appeared_is_named(cache: ZirCache) -> None:
    """A file where the command looked in vain is a miss, though every input is as recorded."""
    inputs = {"a.c": "one", "sys/a.h": "two"}
    remember(cache, inputs, b"object", absent=(b"inc/a.h",))

    assert restored(cache, Files(**inputs)) == [b"object"]
    appeared = Files(**inputs, **{"inc/a.h": ""})
    assert missed(cache, appeared) == ("zir.miss.input-appeared", "inc/a.h")


def test_names_that_are_no_text_are_told(cache: ZirCache) -> None:
    """A reason can be about a file with any bytes in its name."""
    known = result_of({"a": "x"}, b"object")._replace(paths=[b"\xff.h"])
    cache.store(ACTION, FIELDS, known, [b"object"])
    found = cache.lookup(ACTION, 1, lambda _: None, lambda _: False)

    assert isinstance(found, Miss)
    assert os.fsencode(found.reason.detail) == b"\xff.h"


def test_a_result_with_another_number_of_outputs_is_not_used(cache: ZirCache) -> None:
    """What does not fit the present command is foreign, whatever its inputs."""
    remember(cache, {"a.c": "one"}, b"object", b"debug")

    assert missed(cache, Files(**{"a.c": "one"}), 1) == ("zir.miss.new", "")


def test_the_newest_result_is_compared_first(cache: ZirCache) -> None:
    """Going back to an older state hits again; the miss of a new state is told by the newest."""
    remember(cache, {"a.c": "one", "old.h": "1"}, b"first")
    remember(cache, {"a.c": "two", "new.h": "2"}, b"second")

    files = Files(**{"a.c": "two", "new.h": "2"})
    assert restored(cache, files) == [b"second"]
    assert files.asked == [b"a.c", b"new.h"]
    files = Files(**{"a.c": "one", "old.h": "1"})
    assert restored(cache, files) == [b"first"]
    assert files.asked == [b"a.c", b"a.c", b"old.h"]
    found = look(cache, Files(**{"a.c": "two", "old.h": "1"}))
    assert isinstance(found, Miss)
    assert found.reason == ("zir.miss.input-vanished", "new.h")
    assert found.nearest == result_of({"a.c": "two", "new.h": "2"}, b"second")


def test_a_result_for_the_same_inputs_replaces_the_old(cache: ZirCache) -> None:
    """One set of inputs has one result: the one stored last."""
    remember(cache, {"a.c": "one"}, b"first", absent=(b"gone.h",))
    remember(cache, {"a.c": "one"}, b"second")
    known = cache.manifest(ACTION)

    assert known is not None
    assert known.results == [result_of({"a.c": "one"}, b"second")]
    assert known.fields == FIELDS


def test_only_so_many_results_are_kept(cache: ZirCache) -> None:
    """The oldest result goes when there are too many."""
    for number in range(MAX_ENTRIES + 1):
        remember(cache, {"a.c": str(number)}, b"%d" % number)

    assert restored(cache, Files(**{"a.c": str(MAX_ENTRIES)})) == [b"%d" % MAX_ENTRIES]
    assert restored(cache, Files(**{"a.c": "1"})) == [b"1"]
    assert missed(cache, Files(**{"a.c": "0"}))[0] == "zir.miss.input-changed"


def test_a_hit_marks_manifest_and_objects_as_used(cache: ZirCache) -> None:
    """What is restored is not trimmed next: old entries get a new time."""
    remember(cache, {"a.c": "one"}, b"object")
    paths = [cache.path_of(ACTION), cache.objects.path_of(digest_of(b"object"))]
    for path in paths:
        os.utime(path, (1000, 1000))
    restored(cache, Files(**{"a.c": "one"}))

    assert [os.stat(path).st_mtime > 1000 for path in paths] == [True, True]


# --- damage ----------------------------------------------------------------------


def damage(path: bytes) -> None:
    """Overwrite a file in place."""
    with open(path, "r+b") as file:
        file.seek(10)
        file.write(b"\xff\xff\xff\xff")


def test_a_trimmed_object_is_a_miss(cache: ZirCache, reports: list[Reason]) -> None:
    """A result whose output was trimmed is missed without a report, and can be stored again."""
    inputs = {"a.c": "one"}
    remember(cache, inputs, b"object")
    os.unlink(cache.objects.path_of(digest_of(b"object")))

    assert missed(cache, Files(**inputs)) == ("zir.miss.object-gone", "out 0")
    assert reports == []
    assert remember(cache, inputs, b"object") is None
    assert restored(cache, Files(**inputs)) == [b"object"]


def test_a_damaged_object_is_a_miss(cache: ZirCache, reports: list[Reason]) -> None:
    """A damaged output is told apart, counted once, and can be stored again."""
    inputs = {"a.c": "one"}
    remember(cache, inputs, b"good", b"bad")
    damage(cache.objects.path_of(digest_of(b"bad")))

    assert missed(cache, Files(**inputs), 2) == ("zir.miss.object-corrupt", "out 1")
    assert [reason.id for reason in reports] == ["store.corrupt.object"]
    assert missed(cache, Files(**inputs), 2) == ("zir.miss.object-gone", "out 1")
    assert len(reports) == 1
    remember(cache, inputs, b"good", b"bad")
    assert restored(cache, Files(**inputs), 2) == [b"good", b"bad"]


def test_an_older_result_serves_when_the_newest_lost_its_output(cache: ZirCache) -> None:
    """Every result that fits is tried."""
    remember(cache, {"a.c": "one"}, b"older")
    remember(cache, {"a.c": "one", "a.h": "two"}, b"newer")
    files = Files(**{"a.c": "one", "a.h": "two"})
    assert restored(cache, files) == [b"newer"]
    os.unlink(cache.objects.path_of(digest_of(b"newer")))

    assert restored(cache, files) == [b"older"]


@pytest.mark.parametrize("kind", ["flipped", "truncated", "empty", "link", "fifo", "folder"])
def test_a_damaged_manifest_is_a_miss(cache: ZirCache, reports: list[Reason], kind: str) -> None:
    """Whatever stands in a manifest's place is set aside and counted once; storing heals it."""
    inputs = {"a.c": "one"}
    remember(cache, inputs, b"object")
    path = cache.path_of(ACTION)
    if kind == "flipped":
        damage(path)
    elif kind in ("truncated", "empty"):
        os.truncate(path, 30 if kind == "truncated" else 0)
    else:
        os.rename(path, path + b".moved")
        if kind == "link":
            os.symlink(path + b".moved", path)
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            os.mkdir(path)

    assert missed(cache, Files(**inputs)) == ("zir.miss.manifest-corrupt", "")
    assert [reason.id for reason in reports] == ["store.corrupt.manifest"]
    assert missed(cache, Files(**inputs)) == ("zir.miss.new", "")
    assert remember(cache, inputs, b"object") is None
    assert restored(cache, Files(**inputs)) == [b"object"]
    assert len(reports) == 1


def test_an_unreadable_manifest_is_a_miss(
    cache: ZirCache, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's unreadable manifest is reported, and stays where it is."""
    remember(cache, {"a.c": "one"}, b"object")

    def deny(_: bytes) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(zir_cache, "read_regular", deny)
        assert missed(cache, Files(**{"a.c": "one"})) == ("zir.miss.new", "")

    assert [reason.id for reason in reports] == ["store.unreadable"]
    assert restored(cache, Files(**{"a.c": "one"})) == [b"object"]


# --- what stands where a compiler looks ---------------------------------------------


def test_a_folder_stands_in_no_ones_way(disk: FakeDisk) -> None:
    """A compiler passes folders over where it looks for a file, except as precompiled headers."""
    disk.write("file.h", "")
    for name in ("folder.h", "folder.gch", "folder.pch"):
        disk.place(name, 0o040000)
    names = [b"file.h", b"folder.h", b"folder.gch", b"folder.pch", b"missing.h", b"missing.gch"]

    assert [stands(name, disk) for name in names] == [True, False, True, True, False, False]
