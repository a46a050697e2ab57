"""`python -m incremental_tool` is the `incremental-tool` command."""

from __future__ import annotations

import sys

from incremental_tool.cli import main

if __name__ == "__main__":
    sys.exit(main())
