"""A random C project that changes at random: sources, headers, flags and the way files are written.

The model is a few small Python values; texts are made from it, so that any
state can be gone back to and the same seed gives the same history. Sources
include nothing of the system's and outputs name no folder: a build of it costs
little, and two folders give equal bytes.

Knows nothing of how it is built.
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

FOLDERS = ["app", "lib0", "lib1"]
HEADER_FOLDERS = ["inc", "alt", "deep/er"]
VARIANTS = ["", "", ', variant_dir="build", duplicate=0']
"""With copies in the variant folder plain SCons itself goes by sources that are gone."""

OLD = 1_000_000_000
"""Seconds since 1970: long before SCons's max_drift."""

SCONSTRUCT = """\
import os
tools = ["gcc", "gnulink", "ar"]
if not os.environ.get("PLAIN"):
    import incremental_tool
    tools.append(incremental_tool.generate)
Export("tools")
SConscript("src/SConscript"{variant})
"""

SCONSCRIPT = """\
Import("tools")
env = Environment(tools=tools, CPPPATH={path}, CCFLAGS={flags})
env.Command("inc/made.h", "made.in", "sed s/VALUE/1/ $SOURCE > $TARGET")
libs = [env.StaticLibrary(folder + "/all", sources) for folder, sources in {libs}]
env.Program("app/program", {sources}, LIBS=libs + libs)
"""


class Model:
    """One state of the project."""

    def __init__(self) -> None:
        self.sources: dict[str, tuple[int, list[str]]] = {}
        self.headers: dict[str, tuple[int, list[str]]] = {}
        self.made = 1
        self.path = ["inc", "alt"]
        self.flags = ["-O0"]
        self.variant = ""

    def texts(self) -> dict[str, str]:
        """Return the content of every file."""
        texts = {}
        for name, (value, includes) in self.sources.items():
            lines = [f'#include "{header}"' for header in includes]
            words = [str(value), *(macro(header) for header in includes)]
            lines.append(f"int {function(name)}(void) {{ return {' + '.join(words)}; }}")
            if name == "app/main.c":
                others = [function(other) for other in self.sources if other != name]
                lines += [f"int {other}(void);" for other in others]
                calls = " + ".join(f"{other}()" for other in [function(name), *others])
                lines.append(f"int main(void) {{ return ({calls}) & 127; }}")
            texts["src/" + name] = "\n".join(lines) + "\n"
        for name, (value, includes) in self.headers.items():
            own = macro(os.path.basename(name))
            lines = [f"#ifndef {own}", *(f'#include "{header}"' for header in includes)]
            lines += [f"#define {own} {value}", "#endif"]
            texts["src/" + name] = "\n".join(lines) + "\n"
        texts["src/made.in"] = f"#define MADE (VALUE + {self.made})\n"
        libs = [
            (folder, sorted(name for name in self.sources if name.startswith(folder + "/")))
            for folder in FOLDERS[1:]
        ]
        texts["src/SConscript"] = SCONSCRIPT.format(
            path=self.path,
            flags=self.flags,
            libs=[(folder, names) for folder, names in libs if names],
            sources=sorted(name for name in self.sources if name.startswith("app/")),
        )
        texts["SConstruct"] = SCONSTRUCT.format(variant=self.variant)
        return texts


def function(source: str) -> str:
    """Return the name of the function that a source defines."""
    return source.replace("/", "_")[:-2]


def macro(header: str) -> str:
    """Return the name of the macro that a header defines."""
    return header[:-2].upper()


class RandomProject:
    """The project and its history."""

    def __init__(self, noise: random.Random) -> None:
        self._noise = noise
        self._serial = 0
        self.model = Model()
        self._history: list[Model] = []
        names = [f"h{number}.h" for number in range(4)]
        for number, name in enumerate(names):
            folder = noise.choice(["inc", "inc", "alt"])
            deeper = noise.sample(names[number + 1 :], min(1, len(names) - number - 1))
            self.model.headers[f"{folder}/{name}"] = (noise.randrange(10), deeper)
        self._add_source("app/main.c")
        for _ in range(noise.randrange(2, 5)):
            self._add_source()
        self.model.variant = noise.choice(VARIANTS)

    # --- edits ------------------------------------------------------------------

    def _headers(self) -> list[str]:
        return sorted({os.path.basename(name) for name in self.model.headers})

    def _add_source(self, name: str = "") -> None:
        self._serial += 1
        name = name or f"{self._noise.choice(FOLDERS)}/s{self._serial}.c"
        choice = [*self._headers(), "made.h"]
        includes = self._noise.sample(choice, self._noise.randrange(len(choice)))
        self.model.sources[name] = (self._noise.randrange(10), includes)

    def _some_source(self) -> str:
        return self._noise.choice(sorted(self.model.sources))

    def _remove_source(self) -> None:
        name = self._some_source()
        if name != "app/main.c":
            del self.model.sources[name]

    def _rename_source(self) -> None:
        name = self._some_source()
        if name != "app/main.c":
            self._serial += 1
            new = f"{os.path.dirname(name)}/s{self._serial}.c"
            self.model.sources[new] = self.model.sources.pop(name)

    def _edit_source(self) -> None:
        name = self._some_source()
        value, includes = self.model.sources[name]
        self.model.sources[name] = ((value + 1) % 10, includes)

    def _swap_sources(self) -> None:
        one, other = self._some_source(), self._some_source()
        sources = self.model.sources
        sources[one], sources[other] = sources[other], sources[one]

    def _edit_includes(self) -> None:
        name = self._some_source()
        value, includes = self.model.sources[name]
        header = self._noise.choice([*self._headers(), "made.h"])
        if header in includes:
            includes = [other for other in includes if other != header]
        else:
            includes = [header, *includes]
        self.model.sources[name] = (value, includes)

    def _edit_header(self) -> None:
        name = self._noise.choice(sorted(self.model.headers))
        value, includes = self.model.headers[name]
        self.model.headers[name] = ((value + 1) % 10, includes)

    def _swap_headers(self) -> None:
        one, other = (self._noise.choice(sorted(self.model.headers)) for _ in range(2))
        if os.path.basename(one) == os.path.basename(other):
            headers = self.model.headers
            headers[one], headers[other] = headers[other], headers[one]

    def _shadow_header(self) -> None:
        header = self._noise.choice(self._headers())
        name = f"{self._noise.choice(['inc', 'alt', 'app', 'lib0'])}/{header}"
        elsewhere = [other for other in self.model.headers if other != name]
        if name in self.model.headers:
            if any(
                os.path.basename(other) == header and os.path.dirname(other) in self.model.path
                for other in elsewhere
            ):
                del self.model.headers[name]
        else:
            self.model.headers[name] = (self._noise.randrange(10), [])

    def _edit_made(self) -> None:
        self.model.made = (self.model.made + 1) % 10

    def _edit_flags(self) -> None:
        self.model.flags = self._noise.choice(
            [["-O0"], ["-O1"], ["-O0", "-DUNUSED"], ["-O0", "-w"]]
        )

    def _edit_path(self) -> None:
        self.model.path = self.model.path[::-1]

    def _edit_variant(self) -> None:
        self.model.variant = self._noise.choice(VARIANTS)

    def _go_back(self) -> None:
        if self._history:
            self.model = copy.deepcopy(self._noise.choice(self._history))

    def change(self) -> list[str]:
        """Make one to three edits; return their names."""
        self._history.append(copy.deepcopy(self.model))
        edits = [
            self._add_source,
            self._remove_source,
            self._rename_source,
            *[self._edit_source] * 3,
            self._swap_sources,
            *[self._edit_includes] * 2,
            *[self._edit_header] * 3,
            self._swap_headers,
            *[self._shadow_header] * 3,
            *[self._edit_made] * 2,
            self._edit_flags,
            self._edit_path,
            self._edit_variant,
            *[self._go_back] * 2,
        ]
        chosen = self._noise.choices(edits, k=self._noise.randrange(1, 4))
        for edit in chosen:
            edit()
        return [edit.__name__.strip("_") for edit in chosen]

    # --- on disk ------------------------------------------------------------------

    def write_new(self, folder: Path) -> None:
        """Write every file of the project into a folder that has none."""
        for name, text in self.model.texts().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def write_changes(self, folder: Path) -> list[str]:
        """Bring the sources in a folder up to date, each changed file in some way of writing.

        Returns what was done. No two files ever get the same old time.
        """
        done = []
        texts = self.model.texts()
        # What an earlier build left among the sources is a source to a build in a variant folder:
        # SCons itself takes it for the file that is still to be built there.
        kinds = "*" if self.model.variant else "*.[ch]"
        for path in sorted(folder.glob(f"src/*/{kinds}")):
            name = str(path.relative_to(folder))
            if name not in texts and (self.model.variant or not name.endswith("made.h")):
                path.unlink()
                done.append(f"removed {name}")
        for name, text in texts.items():
            path = folder / name
            if path.exists() and path.read_text() == text:
                if self._noise.random() < 0.02:
                    os.utime(path)
                    done.append(f"touched {name}")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            way = self._noise.choice(["in place", "in place", "keeping times", "renamed", "older"])
            self._write(path, text, way)
            done.append(f"wrote {name} {way}")
        return done

    def _write(self, path: Path, text: str, way: str) -> None:
        self._serial += 1
        if way == "keeping times" and path.exists():
            status = path.stat()
            path.write_text(text)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        elif way in ("renamed", "older"):
            fresh = path.with_name("fresh.tmp")
            fresh.write_text(text)
            if way == "older":
                os.utime(fresh, (OLD + self._serial, OLD + self._serial))
            fresh.replace(path)
        else:
            path.write_text(text)
