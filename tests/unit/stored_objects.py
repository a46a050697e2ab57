"""Contents for an object store, and the files in which they lie there."""

from __future__ import annotations

import os
import random
import struct
from typing import TYPE_CHECKING

from incremental_tool.store.objects import COMPRESS_FROM

if TYPE_CHECKING:
    from incremental_tool.store.objects import ObjectStore

HEAD = struct.Struct("<4sBBHQ")
PLAIN = b"what a compiler made"
COMPRESSED = bytes(random.Random(1).choices([0] * 60 + [1, 2], k=COMPRESS_FROM))


def set_aside(store: ObjectStore) -> list[bytes]:
    """Return the names in quarantine."""
    return sorted(os.listdir(store._quarantine)) if os.path.isdir(store._quarantine) else []


def overwrite(store: ObjectStore, digest: bytes, content: bytes) -> None:
    """Put other bytes in an object's place."""
    with open(store.path_of(digest), "wb") as file:
        file.write(content)


def stored(store: ObjectStore, digest: bytes) -> bytes:
    """Return an object's file content."""
    with open(store.path_of(digest), "rb") as file:
        return file.read()
