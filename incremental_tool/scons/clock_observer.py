"""Observes the clock and random numbers, as far as the project's code reads them.

What depends on the moment can never be taken as fresh. SCons and Python read
the clock for their own ends (old time stamps, temporary names); only a reading
by the project's code counts, directly or through the few modules of Python's
library that hand the moment or chance on (`uuid`, `secrets`, `random`,
`datetime`, `time`).

`datetime.datetime` and `datetime.date` are classes in C, which cannot be
changed. When code of the project mentions `now`, `utcnow` or `today`, the
module's names lead to subclasses for a while, which make objects of the real
classes and count as those in `isinstance`. Actions never meet them, for
`pickle`, as one, insists on the real class under its name; `Classes` puts the real
ones back while actions run.

A generator that the project seeds itself tells nothing that was not told to it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable, Optional

import SCons.Node.FS

from incremental_tool.scons import call_site
from incremental_tool.scons.observations import BUSY

if TYPE_CHECKING:
    from types import FrameType

    from incremental_tool.scons.observations import Observations
    from incremental_tool.scons.replacement import Replacements

_CLOCK = (
    "time",
    "time_ns",
    "ctime",
    "localtime",
    "gmtime",
    "strftime",
    "asctime",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "process_time_ns",
    "clock_gettime",
    "clock_gettime_ns",
)
_GIVEN_MOMENT = {"ctime": 1, "localtime": 1, "gmtime": 1, "strftime": 2, "asctime": 1}
"""How many arguments name the moment: then the clock is not read."""

_READERS = ("now", "utcnow", "today")

_CHANCE = frozenset({"random", "secrets", "uuid"})
"""Modules without which no code draws random numbers; importing them is not free."""

_HANDING_ON = frozenset(
    {"uuid", "secrets", "random", "datetime", "_pydatetime", "time", "calendar"}
)


def _by_project(depth: int) -> bool:
    frame: Optional[FrameType] = sys._getframe(depth + 1)  # noqa: SLF001 - the one way to see who calls
    while frame is not None:
        name = frame.f_code.co_filename
        if call_site.is_project(name):
            return True
        if not call_site.is_python(name):
            return False
        module = str(frame.f_globals.get("__name__")).split(".", 1)[0]
        if module not in _HANDING_ON:
            return False
        frame = frame.f_back
    return False


class _Watch:
    """Refuses when the project reads what changes by itself."""

    def __init__(self, observed: Observations) -> None:
        self.observed = observed
        self.seeded = False
        self._others: set[str] = set()
        """Files of neither the project nor Python that read the clock: SCons does for each node."""

    def note(self, reason: str, what: str) -> None:
        """Note a reading; called by the function that the reader called."""
        if BUSY.depth or not self.observed.active:
            return
        reader = sys._getframe(2).f_code.co_filename  # noqa: SLF001 - the one way to see who calls
        if reader in self._others:
            return
        if _by_project(2):
            self.observed.refuse(reason, f"{what} ({call_site.site(2)})")
        elif not call_site.is_python(reader):
            self._others.add(reader)


def _clock(watch: _Watch, name: str) -> Callable[[Any], Any]:
    given = _GIVEN_MOMENT.get(name)

    def make(original: Any) -> Any:
        def read(*arguments: Any, **options: Any) -> Any:
            if given is None or len(arguments) < given or arguments[given - 1] is None:
                watch.note("fresh.refuse.clock", f"time.{name}")
            return original(*arguments, **options)

        return read

    return make


def _random(watch: _Watch, name: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def draw(*arguments: Any, **options: Any) -> Any:
            if not watch.seeded:
                watch.note("fresh.refuse.random", name)
            return original(*arguments, **options)

        return draw

    return make


def _seed(watch: _Watch) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def seed(*arguments: Any, **options: Any) -> Any:
            given = arguments[0] if arguments else options.get("a")
            watch.seeded = given is not None
            return original(*arguments, **options)

        return seed

    return make


def _instance_seed(watch: _Watch) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def seed(self: Any, a: Any = None, *more: Any, **options: Any) -> Any:
            if a is None:
                watch.note("fresh.refuse.random", "random.Random")
            return original(self, a, *more, **options)

        return seed

    return make


class Classes:
    """The classes of `datetime`: observed ones, and the real ones while any action runs."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._running = 0
        self._classes: list[tuple[str, Any, Any]] = []

    @property
    def used(self) -> bool:
        """Whether the project's code mentions what reads the clock through them."""
        return bool(self._classes)

    def observe(self, watch: _Watch) -> None:
        """Put the observed classes in place."""
        import datetime as dt

        for name in ("datetime", "date"):
            real = getattr(dt, name)
            self._classes.append((name, real, _observed_class(real, watch)))
        self._put(real=False)

    def _put(self, *, real: bool) -> None:
        import datetime as dt

        for name, original, observed in self._classes:
            setattr(dt, name, original if real else observed)

    def __enter__(self) -> None:
        if self._classes:
            with self._mutex:
                self._running += 1
                self._put(real=True)

    def __exit__(self, *_: object) -> None:
        if self._classes:
            with self._mutex:
                self._running -= 1
                if not self._running:
                    self._put(real=False)

    def restore(self) -> None:
        """Put the real classes back for good."""
        if self._classes:
            self._put(real=True)
            self._classes = []


def observe(observed: Observations, replacements: Replacements, classes: Classes) -> None:
    """Replace the functions, until `replacements` are restored; the classes have their own end."""
    watch = _Watch(observed)
    observed.on_names[frozenset(_READERS)] = lambda: classes.observe(watch)
    observed.on_names[_CHANCE] = lambda: _observe_chance(watch, replacements)
    # SCons compares the age of each file with a limit: that is its own business, and quicker so.
    replacements.replace(SCons.Node.FS, "time", lambda module: SimpleNamespace(**vars(module)))
    for name in _CLOCK:
        replacements.replace(time, name, _clock(watch, name))
    replacements.replace(os, "urandom", _random(watch, "os.urandom"))
    replacements.replace(os, "getrandom", _random(watch, "os.getrandom"))


def _observe_chance(watch: _Watch, replacements: Replacements) -> None:
    import random

    generator = getattr(random, "_inst", None)
    for name in list(vars(random)):
        function = getattr(random, name)
        if (
            name != "seed"
            and generator is not None
            and getattr(function, "__self__", 0) is generator
        ):
            replacements.replace(random, name, _random(watch, f"random.{name}"))
    replacements.replace(random, "seed", _seed(watch))
    replacements.replace(random.Random, "seed", _instance_seed(watch))
    replacements.replace(random, "_urandom", _random(watch, "random.SystemRandom"))


def _observed_class(real: Any, watch: _Watch) -> Any:
    """Return a class that passes for `real` (datetime.datetime or date) and notes now and today."""

    class Passing(type(real)):  # type: ignore[misc] # the metaclass is known at run time only
        def __instancecheck__(cls, instance: object) -> bool:
            if cls is observed_class:
                return isinstance(instance, real)
            return bool(type.__instancecheck__(cls, instance))

        def __subclasscheck__(cls, subclass: type) -> bool:
            if cls is observed_class:
                return issubclass(subclass, real)
            return bool(type.__subclasscheck__(cls, subclass))

    def _make(cls: Any, *arguments: Any, **options: Any) -> Any:
        if cls is observed_class:
            return real(*arguments, **options)
        return real.__new__(cls, *arguments, **options)

    def _reader(name: str) -> Any:
        def read(cls: Any, *arguments: Any, **options: Any) -> Any:
            watch.note("fresh.refuse.clock", f"{real.__name__}.{name}")
            owner = real if cls is observed_class else super(observed_class, cls)
            return getattr(owner, name)(*arguments, **options)

        return classmethod(read)

    body = {name: _reader(name) for name in _READERS if hasattr(real, name)}
    observed_class = Passing(real.__name__, (real,), {"__new__": _make, "__slots__": (), **body})
    observed_class.__module__ = "datetime"
    return observed_class
