"""One action whose results a test stores and looks up, with input files that are only told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Union

from incremental_tool.base.digest import digest_of
from incremental_tool.model.action import action_digest
from incremental_tool.store.manifest import KnownResult, Output
from incremental_tool.store.zir_cache import Hit, Miss

if TYPE_CHECKING:
    from incremental_tool.model.reason import Reason
    from incremental_tool.store.zir_cache import ZirCache

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
