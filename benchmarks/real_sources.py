"""Real C sources for benchmarks and campaigns, fetched when they are asked for.

* lua: from the source distribution of `lupa` on the Python package index (`examples/lua`);
* sqlite: the amalgamation, from the npm package `better-sqlite3`;
* zlib: from Debian's source package, by `apt-get` with lists of its own.

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
ZLIB = "zlib=1:1.2.13.dfsg-1"
_SHA256 = {
    "better-sqlite3-12.11.1.tgz": (
        "ebf0ed75a7a59dbcb3b24bbd014ef49d9f15bc328e4adcbf516f2a8fadfa2835"
    ),
    "zlib_1.2.13.dfsg.orig.tar.bz2": (
        "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"
    ),
}
_DEBIAN = (
    "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    " http://deb.debian.org/debian bookworm main\n"
)
_KEPT = (".c", ".h")


def fetch(name: str) -> str:
    """Return a folder with the C sources of lua, sqlite or zlib. Raises what goes wrong."""
    if name == "lua":
        return fetch_lua.fetch()
    folder = os.path.join(SOURCES, name)
    if not os.path.isdir(folder):
        os.makedirs(SOURCES, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SOURCES) as scratch:
            archive = {"sqlite": _sqlite, "zlib": _zlib}[name](scratch)
            _check(archive)
            unpacked = os.path.join(scratch, "unpacked")
            _unpack(archive, unpacked)
            os.rename(unpacked, folder)
    return folder


def _sqlite(scratch: str) -> str:
    subprocess.run(["npm", "pack", "--silent", SQLITE], cwd=scratch, check=True, stdout=sys.stderr)
    return os.path.join(scratch, "better-sqlite3-12.11.1.tgz")


def _zlib(scratch: str) -> str:
    os.makedirs(os.path.join(scratch, "lists", "partial"))
    listed = os.path.join(scratch, "sources.list")
    with open(listed, "w", encoding="ascii") as file:
        file.write(_DEBIAN)
    options = [
        *("-o", f"Dir::Etc::sourcelist={listed}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={scratch}/lists", "-qq"),
    ]
    for command in (["update"], ["source", "--download-only", ZLIB]):
        subprocess.run(
            ["apt-get", *options, *command], cwd=scratch, check=True, stderr=subprocess.DEVNULL
        )
    return os.path.join(scratch, "zlib_1.2.13.dfsg.orig.tar.bz2")


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
