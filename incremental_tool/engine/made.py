"""What a command that has been run read and made, as manifests have it.

Rule kept: what may have changed while the command ran has no digest here, but a reason not to
store the result. Times are nanoseconds of the file system's clock, sampled before the command.

Knows nothing of how the command was run.
"""

from __future__ import annotations

import os
import stat as stat_module

from incremental_tool.base.digest import digest_of
from incremental_tool.model.reason import Reason
from incremental_tool.store.manifest import Output
from incremental_tool.store.objects import MAX_OBJECT
from incremental_tool.store.zir_cache import stands

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Union

    from incremental_tool.engine.multi_level_cache import MultiLevelCache
    from incremental_tool.store.file_hash_cache import FileHashCache


def digests_of(
    paths: Iterable[bytes], files: FileHashCache, began_ns: int
) -> Union[list[bytes], Reason]:
    """Return the digest of each input, or `zir.skip.input-moved` for one that may have changed."""
    digests = []
    for path in paths:
        if files.moved_since(path, began_ns):
            return Reason("zir.skip.input-moved", os.fsdecode(path))
        digest = files.digest(path)
        if digest is None:
            return Reason("zir.skip.input-moved", os.fsdecode(path))
        digests.append(digest)
    return digests


def absent_of(
    paths: Iterable[bytes], cache: MultiLevelCache, began_ns: int
) -> Union[list[bytes], Reason]:
    """Return where a command looked in vain.

    What stands there now stood there before, for an import that was not carried out, or it
    came up while the command ran: then which of the two the command saw is not known.
    """
    absent = []
    for path in paths:
        if not stands(path, cache.disk):
            absent.append(path)
        elif cache.files.moved_since(path, began_ns):
            return Reason("zir.skip.input-moved", os.fsdecode(path))
    return absent


def output_at(path: bytes, cache: MultiLevelCache) -> Union[tuple[Output, bytes], Reason]:
    """Return what describes an output, and its content; or why it cannot be stored."""
    try:
        status = os.lstat(path)
        if not stat_module.S_ISREG(status.st_mode):
            return Reason("zir.skip.output-missing", os.fsdecode(path))
        if status.st_size > MAX_OBJECT:
            return Reason("zir.skip.output-too-large", os.fsdecode(path))
        content = cache.disk.read(path)
    except OSError:
        return Reason("zir.skip.output-missing", os.fsdecode(path))
    permissions = status.st_mode & 0o777
    full = 0o777 if permissions & 0o111 else 0o666
    lessened = permissions == full & ~cache.umask
    digest = digest_of(content)
    output = Output(path, full if lessened else permissions, lessened, digest, len(content))
    return output, content
