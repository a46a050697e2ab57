"""`ZirCache` hands a result out only for the very inputs it came from, and never a damaged one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Optional, Union

import pytest

from incremental_tool.base.digest import digest_of
from incremental_tool.model.action import action_digest
from incremental_tool.model.reason import Reason
from incremental_tool.store import manifest as manifests
from incremental_tool.store import objects, zir_cache
from incremental_tool.store.manifest import MAX_ENTRIES, KnownResult, Output
from incremental_tool.store.zir_cache import Hit, Miss, ZirCache, stands

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeDisk

FIELDS = [("kind", b"compile")]
ACTION = action_digest(FIELDS)


class Files:
    """Files as they are now, by path; notes which of them are asked for."""

    def __init__(self, **contents: str) -> None:
        self.contents = contents
        self.asked: list[bytes] = []

    def digest(self, path: bytes) -> Optional[bytes]:
        """Return the digest of a file, or None where there is none."""
        self.asked.append(path)
        content = self.contents.get(path.decode())
        return None if content is None else digest_of(content.encode())

    def exists(self, path: bytes) -> bool:
        """Tell whether a file is there."""
        return path.decode() in self.contents


def result_of(
    inputs: dict[str, str], *contents: bytes, absent: tuple[bytes, ...] = ()
) -> KnownResult:
    """Return the result of a command that read these inputs and wrote these contents."""
    outputs = [
        Output(b"out %d" % number, 0o644, False, digest_of(content), len(content))
        for number, content in enumerate(contents)
    ]
    digests = b"".join(digest_of(content.encode()) for content in inputs.values())
    paths = [path.encode() for path in inputs]
    return KnownResult(paths, digests, list(absent), outputs, b"said", b"warned", False, 7)


def remember(
    cache: ZirCache, inputs: dict[str, str], *contents: bytes, **more: Any
) -> Optional[Reason]:
    """Store the result of a command."""
    return cache.store(ACTION, FIELDS, result_of(inputs, *contents, **more), list(contents))


def look(cache: ZirCache, files: Files, outputs: int = 1) -> Union[Hit, Miss]:
    """Look the action up for the files as they are."""
    return cache.lookup(ACTION, outputs, files.digest, files.exists)


def missed(cache: ZirCache, files: Files, outputs: int = 1) -> tuple[str, str]:
    """Return the id and the detail of the reason for a miss."""
    found = look(cache, files, outputs)
    assert isinstance(found, Miss), found
    return found.reason


def restored(cache: ZirCache, files: Files, outputs: int = 1) -> list[bytes]:
    """Return the contents that a hit hands out."""
    found = look(cache, files, outputs)
    assert isinstance(found, Hit), found
    return found.contents


@pytest.fixture
def cache(tmp_path: Path, reports: list[Reason]) -> ZirCache:
    """Return an empty cache."""
    return ZirCache(os.fsencode(tmp_path), reports.append)


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


def test_a_manifest_under_another_name_is_set_aside(
    cache: ZirCache, reports: list[Reason]
) -> None:
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


# --- writing ---------------------------------------------------------------------


def test_objects_are_written_before_what_names_them(
    cache: ZirCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between two writes can leave only objects that nothing refers to."""
    paths: list[bytes] = []
    publish = objects.publish

    def note(path: bytes, content: bytes) -> None:
        paths.append(path)
        publish(path, content)

    for module in (objects, zir_cache):
        monkeypatch.setattr(module, "publish", note)
    remember(cache, {"a.c": "one"}, b"object", b"debug")

    stored = [cache.objects.path_of(digest_of(content)) for content in (b"object", b"debug")]
    assert paths == [*stored, cache.path_of(ACTION)]


def test_a_store_that_is_interrupted_keeps_the_old_results(
    cache: ZirCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the objects written and the manifest not, the cache is as it was before."""
    remember(cache, {"a.c": "one"}, b"first")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(zir_cache, "publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remember(cache, {"a.c": "two"}, b"second")

    assert restored(cache, Files(**{"a.c": "one"})) == [b"first"]
    assert missed(cache, Files(**{"a.c": "two"}))[0] == "zir.miss.input-changed"
    remember(cache, {"a.c": "two"}, b"second")
    assert restored(cache, Files(**{"a.c": "two"})) == [b"second"]


@pytest.mark.parametrize("failing", ["objects", "manifests"])
def test_a_cache_that_cannot_be_written_is_only_read(
    cache: ZirCache, reports: list[Reason], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """The first failure is reported, once; after it nothing is tried, and hits still work."""
    remember(cache, {"a.c": "one"}, b"first")
    tries: list[bytes] = []

    def no_room(path: bytes, _: bytes) -> None:
        tries.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(objects if failing == "objects" else zir_cache, "publish", no_room)
        skipped = remember(cache, {"a.c": "two"}, b"second")
    assert skipped == ("zir.skip.store-unwritable", "No space left on device")
    assert remember(cache, {"a.c": "three"}, b"third") == ("zir.skip.store-unwritable", "")

    assert len(tries) == 1
    assert reports == [("store.unwritable", "No space left on device")]
    assert not cache.writable
    assert restored(cache, Files(**{"a.c": "one"})) == [b"first"]
    assert missed(cache, Files(**{"a.c": "two"}))[0] == "zir.miss.input-changed"


def test_threads_that_fail_at_once_report_once(
    cache: ZirCache, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk that several commands run into at the same time is one report."""
    together = threading.Barrier(3, timeout=20)

    def no_room(*_: Any) -> None:
        together.wait()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(objects, "publish", no_room)
    threads = [
        threading.Thread(target=remember, args=(cache, {"a.c": name}, name.encode()))
        for name in ("one", "two", "three")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reports == [("store.unwritable", "No space left on device")]


def test_all_that_is_written_is_counted(cache: ZirCache) -> None:
    """Manifests count as written, too: else a store of many would grow beyond its limit."""
    remember(cache, {"a.c": "one"}, b"object")
    paths = [cache.path_of(ACTION), cache.objects.path_of(digest_of(b"object"))]

    assert cache.objects.bytes_written == sum(map(os.path.getsize, paths))


def test_a_result_without_room_is_not_stored(
    cache: ZirCache, reports: list[Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of inputs beyond the limit is refused by name, and the cache goes on."""
    monkeypatch.setattr(manifests, "MAX_MANIFEST", 1000)
    absent = (b"x" * 2000,)

    assert remember(cache, {"a.c": "one"}, b"object", absent=absent) == (
        "zir.skip.output-too-large",
        "the list of its inputs",
    )
    assert cache.writable
    assert reports == []
    assert remember(cache, {"a.c": "one"}, b"object") is None


def test_threads_lose_no_result(cache: ZirCache, reports: list[Reason]) -> None:
    """Results of one action, stored by several threads at once, are all kept."""
    failed: list[BaseException] = []

    def store_some(worker: int) -> None:
        try:
            for number in range(6):
                name = f"{worker} {number}"
                assert remember(cache, {"a.c": name}, name.encode()) is None
                assert restored(cache, Files(**{"a.c": name})) == [name.encode()]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=store_some, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == reports == []
    for worker in range(4):
        for number in range(6):
            name = f"{worker} {number}"
            assert restored(cache, Files(**{"a.c": name})) == [name.encode()]


WORKER = """
import os, sys
from incremental_tool.base.digest import digest_of
from incremental_tool.model.action import action_digest
from incremental_tool.store.manifest import KnownResult, Output
from incremental_tool.store.zir_cache import Hit, ZirCache

reports = []
cache = ZirCache(os.fsencode(sys.argv[1]), reports.append)
for turn in range(15):
    for action in range(3):
        name = b"%s %d %d" % (sys.argv[2].encode(), turn % 4, action)
        output = Output(b"out", 0o644, False, digest_of(name), len(name))
        result = KnownResult([b"a.c"], digest_of(name), [], [output], b"", b"", False, 1)
        fields = [("action", bytes([action]))]
        key = action_digest(fields)
        assert cache.store(key, fields, result, [name]) is None
        found = cache.lookup(key, 1, lambda _: digest_of(name), lambda _: False)
        assert not isinstance(found, Hit) or found.contents == [name], found
assert reports == [], reports
"""


def test_processes_never_see_half_a_store(tmp_path: Path, reports: list[Reason]) -> None:
    """Builds that store and look up the same actions at once see whole results, or none."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, os.fspath(tmp_path), name],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for name in ("one", "two", "three")
    ]
    said = [worker.communicate()[1] for worker in workers]

    assert said == [b"", b"", b""]
    cache = ZirCache(os.fsencode(tmp_path), reports.append)
    for action in range(3):
        known = cache.manifest(action_digest([("action", bytes([action]))]))
        assert known is not None
        for result in known.results:
            content = cache.objects.get(result.outputs[0].digest)
            assert content is not None
            assert digest_of(content) == result.digests
    assert reports == []


# --- what stands where a compiler looks ---------------------------------------------


def test_a_folder_stands_in_no_ones_way(disk: FakeDisk) -> None:
    """A compiler passes folders over where it looks for a file, except as precompiled headers."""
    disk.write("file.h", "")
    for name in ("folder.h", "folder.gch", "folder.pch"):
        disk.place(name, 0o040000)
    names = [b"file.h", b"folder.h", b"folder.gch", b"folder.pch", b"missing.h", b"missing.gch"]

    assert [stands(name, disk) for name in names] == [True, False, True, True, False, False]
