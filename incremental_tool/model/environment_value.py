"""Digests of environment variables: what a snapshot may keep of a value.

Values hold secrets, and state files are copied about (caches of CI services
are read by forks). So a value is never stored: only a digest keyed with a random
salt of the snapshot, by a cryptographic hash. xxh3 would not do: what it makes of
a short text can be turned back.

Knows nothing of which variables were read.
"""

from __future__ import annotations

try:  # the module that hashlib is built on; hashlib itself imports ten others
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

TYPE_CHECKING = False  # read by type checkers alone: importing typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping

SALT_SIZE = 16
DIGEST_SIZE = 16

LISTED = b"L"
"""In front of the digests of a list's elements, which are put together of what is at hand: the
project adds folders of its own to the path of programs."""

VOLATILE = frozenset(
    {
        b"_",
        b"SHLVL",
        b"OLDPWD",
        b"INCREMENTAL_AUDIT",
        b"INCREMENTAL_EXPLAIN",
        b"INCREMENTAL_FAST",
        b"INCREMENTAL_STATS",
        b"INCREMENTAL_TRACE",
    }
)
"""Left out when the whole environment is read: set anew by the shell for each command, or ours and
without influence on a build. Read by name, these count as any other."""


def digest_of_value(salt: bytes, name: bytes, value: bytes | None) -> bytes:
    """Return the keyed digest of a variable's value; b"" for one that is unset."""
    if value is None:
        return b""
    return blake2b(name + b"=" + value, digest_size=DIGEST_SIZE, key=salt).digest()


def digests_of_list(salt: bytes, name: bytes, value: bytes) -> bytes:
    """Return a variable's keyed digest, or one for each element of a list of folders, behind L."""
    if not name.endswith(b"PATH"):
        return digest_of_value(salt, name, value)
    digests = [digest_of_value(salt, name, element) for element in value.split(b":")]
    return LISTED + b"".join(digests)


def digests_of_all(salt: bytes, environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the digest of every variable that counts when the environment is read as a whole."""
    return {
        name: digest_of_value(salt, name, value)
        for name, value in environment.items()
        if name not in VOLATILE
    }
