"""`python -m z4j_adapters` is `z4j-adapter`."""

from __future__ import annotations

import sys

from z4j_adapters.cli import main

if __name__ == "__main__":
    sys.exit(main())
