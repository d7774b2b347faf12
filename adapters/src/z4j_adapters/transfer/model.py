"""What an importer finds: schedules in our terms, and what cannot be one."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from z4j_adapters._errors import AdapterError
from z4j_adapters._options import Parser

__all__ = [
    "APPROXIMATE",
    "EQUAL_SET",
    "EXACT",
    "Fires",
    "Found",
    "Importer",
    "Note",
    "Refused",
    "Source",
    "SourceError",
]

EXACT = "EXACT"
"""The same instants and the same call."""
EQUAL_SET = "EQUAL_SET"
"""One definition there is several here; together they have the same instants."""
APPROXIMATE = "APPROXIMATE"
"""Not the same; `Found.reasons` say in what."""

Fires = Callable[[datetime, int], list[int]]
"""The next n due times strictly after an instant, in microseconds since the epoch, as the source
library's own code computes them; fewer if there are no more."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was read."""

    kind: str
    """The name in --from."""
    version: str
    """Of the library whose meaning holds."""
    locator: str
    """App, file, table or server, without passwords."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions of all that decide when something fires."""
    ends: datetime | None = None
    """From then on the library knows no due times, or not to the microsecond; None: it does until
    our calendar ends."""


@dataclass(frozen=True, slots=True)
class Note:
    """A reason or a warning."""

    code: str
    """UPPER_CASE, for machines."""
    message: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Found:
    """One definition there, or one of the several that it becomes here."""

    key: str
    """Names the definition there; the schedule's id is made of it."""
    schedule: Mapping[str, Any]
    """JSON of z4j.scheduler.v1.Schedule, without name and source."""
    becomes: str
    """In short: "cron 0 5 * * *"."""
    exactness: str = EXACT
    reasons: tuple[Note, ...] = ()
    """Why it is not EXACT, and what of it is told rather than carried."""
    warnings: tuple[Note, ...] = ()
    """Exact, but to be known."""
    raw: str = ""
    """As it stands there."""
    finished: bool = False
    """It will never fire again; nothing is to be created."""
    member: int | None = None
    """1, 2, … if `key` becomes several schedules; the first one has the `fires` of all."""
    fires: Fires | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be represented."""

    object: str
    """Names it there, for people."""
    code: str
    """R1_OPAQUE and the like."""
    reason: str
    remedy: str
    key: str = ""
    """As in Found; empty if it has none."""
    raw: str = ""


class SourceError(AdapterError):
    """The source as a whole cannot be read; nothing was imported."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class Importer(ABC):
    """Reads one kind of source.  Its module loads without the source's library."""

    summary: ClassVar[str]
    """A line in the list of sources."""
    help: ClassVar[str]
    """Teaches: examples, what is read, what is refused."""
    packages: ClassVar[Mapping[str, str]] = {}
    """Module → what pip installs it, for those that may be missing."""

    @classmethod
    @abstractmethod
    def arguments(cls, parser: Parser) -> None:
        """Add the options that say where the source is."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Keep the options: those of `arguments`, and `at` (an aware datetime in UTC), `fires`
        (how many are asked for, or 0), `timezone` and `engine` (texts or None)."""
        self.options = options

    @abstractmethod
    def source(self) -> Source:
        """Open the source.  Called once, before `read`.

        Raises:
            SourceError: It cannot be read.
            ImportError: A module of `packages` is missing.
        """

    @abstractmethod
    def read(self) -> Iterator[Found | Refused]:
        """Yield everything there is; what is wrong with one never ends it.

        Raises:
            SourceError: The source as a whole turned out unreadable.
        """

    def total(self) -> int | None:
        """How many `read` will yield, roughly; None if that is unknown."""
        return None
