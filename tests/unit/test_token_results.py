"""Whatever is taken for a text that was never compiled is what a real compile of it makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from random import Random

import commented_units
import pytest
from command_bench import ENVIRONMENT, Bench
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

LINES = [
    "gcc -O0 -c -o unit.o unit.c",
    "gcc -O2 -Wall -Wextra -Werror -c -o unit.o unit.c",
    "gcc -O0 -g3 -c -o unit.o unit.c",
    "g++ -O0 -c -o unit.o unit.c",
    "g++ -O2 -g -Wall -c -o unit.o unit.c",
    "clang -O0 -Wall -c -o unit.o unit.c",
    "clang -O1 -gdwarf-4 -c -o unit.o unit.c",
    "clang++ -O0 -x c++ -c -o unit.o unit.c",
]
EXAMPLES = int(os.environ.get("TOKEN_EXAMPLES", "12"))
EDITS = 4


@pytest.mark.parametrize("line", LINES)
def test_what_is_taken_is_what_a_compile_makes(line: str) -> None:
    """After random edits of comments and lines a result is taken only if a compile equals it."""
    compiler = line.partition(" ")[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    taken = []

    @rounds(max_examples=EXAMPLES, deadline=None, database=None)
    @given(seed=st.integers(0, 2**32))
    def look(seed: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            taken.append(_taken(Path(folder), line, Random(seed)))

    home = os.getcwd()
    try:
        look()
    finally:
        os.chdir(home)
    assert sum(taken) > EXAMPLES // 3


def _taken(folder: Path, line: str, random: Random) -> int:
    """Compile a unit, edit it a few times; return how often a result was taken."""
    bench = Bench(folder)
    texts = commented_units.unit(random, cxx="++" in line)
    for name, text in texts.items():
        bench.write(name, text)
    assert bench.command(line, "unit.o") == 0
    count = 0
    for _ in range(EDITS):
        name = random.choice(sorted(texts))
        after = commented_units.edited(texts[name], random)
        bench.write(name, after)
        bench.open()
        status = bench.command(line, "unit.o")
        if "zir.hit.tokens" in bench.reasons():
            plain = line.replace("-o unit.o", "-o plain.o").split()
            done = subprocess.run(
                plain,
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            assert (done.returncode, done.stdout) == (0, b"")
            assert bench.read("unit.o") == bench.read("plain.o")
            count += 1
        if status == 0:
            texts[name] = after
    bench.cache.close()
    return count
