"""What `ZirCache` stores is whole, in whatever order, by whomever and on whatever disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from remembered_results import ACTION, Files, missed, remember, restored

from incremental_tool.base.digest import digest_of
from incremental_tool.model.action import action_digest
from incremental_tool.store import manifest as manifests
from incremental_tool.store import objects, zir_cache
from incremental_tool.store.zir_cache import ZirCache

if TYPE_CHECKING:
    from pathlib import Path

    from incremental_tool.model.reason import Reason


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
