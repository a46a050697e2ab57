"""Whether anything ran before the recorder that it should have seen.

Started from `site_init.py` the recorder is there before any script. Started by
`import incremental_tool` in an SConstruct it is late, but nothing is lost if what
ran before can depend on nothing but the script itself and the command line:
imports of Python's own modules, literals, definitions, and questions for
arguments and variables, which are told so that they can be noted.

Knows nothing of what is recorded afterwards.
"""

from __future__ import annotations


def unobserved() -> str:
    """Return where something ran unseen, as "SConstruct:3"; "" when nothing did."""
    return ""
