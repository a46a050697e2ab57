"""Gives memory that is free back to the operating system.

When SCons has written its databases, what it pickled lies in the heap as holes of
some 100 kB, each too small for what a recorder builds next: the heap would grow
although a tenth of it is free. The C library of Linux gives such holes back when
it is told to; others have no such function, and nothing is done.

Knows nothing of who holds what.
"""

from __future__ import annotations


def give_back() -> None:
    """Give back what is free, where that can be done. Never raises."""
    try:
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
    except (ImportError, OSError, AttributeError):
        pass  # it costs memory, nothing else
