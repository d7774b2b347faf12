"""What a watcher sees: the jobs that another scheduler sends, as they appear."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Note, Source

__all__ = ["Lost", "Seen", "Sight", "Watcher"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A job was sent."""

    task: str
    at: int
    """When it was sent, as far as that is known; microseconds since the epoch."""
    id: str = ""
    """The engine's own id."""
    args: Sequence[Any] | None = None
    """As far as they are visible, and JSON."""
    kwargs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing is known of what was sent in a span."""

    begin: int
    """Microseconds since the epoch, as `end`."""
    end: int


Sight = Seen | Lost | Note
"""A Note warns of what makes the watch worth less."""


class Watcher(ABC):
    """Watches one engine.  It never takes nor changes what workers need.

    Its module loads without the engine's library.
    """

    summary: ClassVar[str]
    """A line in the list of watchers."""
    help: ClassVar[str]
    """Teaches: examples, what has to be turned on, what is not seen."""
    packages: ClassVar[Mapping[str, str]] = {}
    """Module → what pip installs it, for those that may be missing."""

    @classmethod
    @abstractmethod
    def arguments(cls, parser: Parser) -> None:
        """Add the options that say where to watch."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Keep the options."""
        self.options = options

    @abstractmethod
    def open(self) -> Source:
        """Connect.  From its return on nothing is missed; what was sent before is not seen.

        Raises:
            SourceError: It cannot be watched.
            ImportError: A module of `packages` is missing.
        """

    @abstractmethod
    def look(self, wait_s: float) -> Iterator[Sight]:
        """Yield what appeared since the last look; waits up to `wait_s` for more.

        Raises:
            SourceError: It cannot be watched any more.
        """

    def close(self) -> Iterator[Sight]:
        """Let go of everything; yield what there is still to say of the whole watch."""
        return iter(())
