"""What an engine adds to the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._options import Parser

__all__ = ["EngineCommand"]


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """`z4j-adapter NAME`; the module that holds it must not need the engine's library."""

    summary: str
    """A line in the list of engines."""
    usage: str
    """What follows the engine's name."""
    help: str
    """Teaches: examples, and what one gets."""
    add_options: Callable[[Parser], None]
    make: Callable[[argparse.Namespace], EngineAdapter]
    """May raise ImportError if the engine's library is not installed."""
