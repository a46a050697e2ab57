"""Real C and C++ sources for benchmarks and campaigns, fetched when they are asked for.

* lua: from the source distribution of `lupa` on the Python package index (`examples/lua`);
* sqlite: the amalgamation, from the npm package `better-sqlite3`;
* zlib and re2 (C++): from Debian's source packages, by `apt-get` with lists of its own.

Each archive is checked against a digest written down here, only its C sources are
unpacked, nothing in it is run, and nothing of it is ever committed. They lie in
`benchmarks/.sources`, or where `REAL_SOURCES` says.

Knows nothing of what is done with them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.environ.get("REAL_SOURCES") or os.path.join(HERE, ".sources")
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "examples", "lua"))

import fetch_lua  # noqa: E402 - found through the line above

SQLITE = "better-sqlite3@12.11.1"
ZLIB = "zlib"
RE2 = "re2=20220601+dfsg-1"
_SHA256 = {
    "better-sqlite3-12.11.1.tgz": (
        "ebf0ed75a7a59dbcb3b24bbd014ef49d9f15bc328e4adcbf516f2a8fadfa2835"
    ),
    "zlib_1.3.dfsg+really1.3.1.orig.tar.gz": (
        "60dd315c07f616887caa029408308a018ace66e3d142726a97db164b3b8f69fb"
    ),
    "re2_20220601+dfsg.orig.tar.xz": (
        "3bc61251da3b0b97be40a8a127818c517c62516e4eda11fc901d29496663df54"
    ),
}
_DEBIAN = (
    "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    " http://deb.debian.org/debian %s main\n"
)
_KEPT = (".c", ".h")
_RE2 = ("re2", "util")
"""The folders of re2 that its library is made of."""


def fetch(name: str) -> str:
    """Return a folder with the sources of lua, sqlite, zlib or re2. Raises what goes wrong."""
    if name == "lua":
        return fetch_lua.fetch()
    folder = os.path.join(SOURCES, name)
    if not os.path.isdir(folder):
        os.makedirs(SOURCES, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SOURCES) as scratch:
            archive = {"sqlite": _sqlite, "zlib": _zlib, "re2": _re2}[name](scratch)
            _check(archive)
            unpacked = os.path.join(scratch, "unpacked")
            (_unpack_re2 if name == "re2" else _unpack)(archive, unpacked)
            os.rename(unpacked, folder)
    return folder


def _sqlite(scratch: str) -> str:
    subprocess.run(["npm", "pack", "--silent", SQLITE], cwd=scratch, check=True, stdout=sys.stderr)
    return os.path.join(scratch, "better-sqlite3-12.11.1.tgz")


def _zlib(scratch: str) -> str:
    _debian(scratch, ZLIB, "trixie")
    return os.path.join(scratch, "zlib_1.3.dfsg+really1.3.1.orig.tar.gz")


def _re2(scratch: str) -> str:
    _debian(scratch, RE2, "bookworm")
    return os.path.join(scratch, "re2_20220601+dfsg.orig.tar.xz")


def _debian(scratch: str, package: str, release: str) -> None:
    os.makedirs(os.path.join(scratch, "lists", "partial"))
    listed = os.path.join(scratch, "sources.list")
    with open(listed, "w", encoding="ascii") as file:
        file.write(_DEBIAN % release)
    options = [
        *("-o", f"Dir::Etc::sourcelist={listed}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={scratch}/lists", "-qq"),
    ]
    for command in (["update"], ["source", "--tar-only", "--download-only", package]):
        subprocess.run(
            ["apt-get", *options, *command], cwd=scratch, check=True, stderr=subprocess.DEVNULL
        )


def _check(archive: str) -> None:
    with open(archive, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != _SHA256[os.path.basename(archive)]:
        sys.exit(f"{os.path.basename(archive)} is not the archive that this was written for")


def _unpack(archive: str, folder: str) -> None:
    """Unpack the C sources of one folder: that of the amalgamation, or the archive's top."""
    os.mkdir(folder)
    with tarfile.open(archive) as tar:
        for member in tar:
            inner = os.path.dirname(member.name)
            wanted = inner == "package/deps/sqlite3" or "/" not in inner
            source = tar.extractfile(member) if member.isfile() and wanted else None
            if source is not None and member.name.endswith(_KEPT):
                with open(os.path.join(folder, os.path.basename(member.name)), "wb") as file:
                    shutil.copyfileobj(source, file)


def _unpack_re2(archive: str, folder: str) -> None:
    """Unpack the C++ sources of re2 as they lie there."""
    with tarfile.open(archive) as tar:
        for member in tar:
            inner, _, name = member.name.partition("/")[2].rpartition("/")
            source = tar.extractfile(member) if member.isfile() and inner in _RE2 else None
            if source is not None and name.endswith((".cc", ".h")):
                os.makedirs(os.path.join(folder, inner), exist_ok=True)
                with open(os.path.join(folder, inner, name), "wb") as file:
                    shutil.copyfileobj(source, file)
