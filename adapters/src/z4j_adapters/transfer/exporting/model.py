"""What an exporter is given, and what it makes of it."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Found, Note, Refused

if TYPE_CHECKING:
    from z4j_adapters.transfer.exporting.zones import OneZone

__all__ = ["Cron", "Exporter", "NotHeld", "Target", "Wanted", "Written"]


class NotHeld(Exception):
    """The target cannot hold the schedule as it is; nothing of it is written."""

    def __init__(self, reason: str, remedy: str, code: str = "R9_NOT_HELD") -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron spec as sets; a field that does not restrict holds all its values."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    """Of the month, 1..31; empty if only the special ones below match."""
    weekdays: frozenset[int]
    """0..6, 0 is Sunday; empty if only the special ones below match."""
    years: frozenset[int]
    """1970..2199."""
    iso_weeks: frozenset[int]
    """1..53."""
    days_before_last: frozenset[int] = frozenset()
    """"L" is 0, "L-3" is 3."""
    nearest_weekdays: frozenset[int] = frozenset()
    """"15W" is 15."""
    last_weekday_of_month: bool = False
    """"LW"."""
    nth_weekdays: frozenset[tuple[int, int]] = frozenset()
    """"5#2", the second Friday, is (5, 2)."""
    last_weekdays: frozenset[int] = frozenset()
    """"5L", the last Friday, is 5."""
    either_day: bool = False
    """Day of month or day of week suffices; otherwise both must match."""
    microsecond: int = 0

    @property
    def has_special_days(self) -> bool:
        """Something of L, W or # is among the days."""
        return bool(
            self.days_before_last
            or self.nearest_weekdays
            or self.last_weekday_of_month
            or self.nth_weekdays
            or self.last_weekdays
        )

    @property
    def any_day(self) -> bool:
        """Every day of the month matches."""
        return len(self.days) == 31

    @property
    def any_weekday(self) -> bool:
        """Every day of the week matches."""
        return len(self.weekdays) == 7

    @property
    def any_year(self) -> bool:
        """Every year matches."""
        return len(self.years) == 230

    @property
    def any_iso_week(self) -> bool:
        """Every ISO week matches."""
        return len(self.iso_weeks) == 53


@dataclass(frozen=True, slots=True)
class Wanted:
    """One schedule, with the defaults resolved."""

    id: str
    json: Mapping[str, Any]
    """JSON of z4j.scheduler.v1.Schedule, without what --drop leaves out."""
    engine: str
    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    queue: str
    """Empty: the engine's default."""
    priority: int
    expires: timedelta | None
    options: Mapping[str, Any]
    """Engine options, parsed."""
    kind: str
    """cron, interval, oneShot, solar, calendarInterval: the key in `spec`."""
    spec: Mapping[str, Any]
    """JSON of that kind."""
    time_zone: str
    gap: str
    """NEXT_VALID, SHIFT or SKIP."""
    fold: str
    """FIRST, SECOND or BOTH; AUTO is resolved."""
    start: datetime | None
    """None also if it is past."""
    end: datetime | None
    fires_left: int
    """Of max_fires; 0: no end."""
    next_due: datetime | None
    """None: it never comes due again."""
    cron: Cron | None
    """Of the kind cron."""
    after: tuple[datetime, ...]
    """The due times after each of these are asked for in the proof."""
    count: int
    """So many after each."""

    @property
    def is_paused(self) -> bool:
        """It does not fire until someone resumes it."""
        return self.json.get("state") == "STATE_PAUSED"


@dataclass(frozen=True, slots=True)
class Written:
    """What a schedule becomes in the target."""

    wanted: Wanted
    keys: tuple[str, ...]
    """Of the definitions there, as `Found.key` has them when they are read back."""
    entry: Any
    """For the exporter's own `write`."""
    becomes: str
    """In short: "crontab(0, 5)"."""
    notes: tuple[Note, ...] = ()
    """What is to be known."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the output is for."""

    kind: str
    """The name in --to."""
    version: str
    """Of the library that read it back."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    ends: datetime | None = None
    """From then on the library knows no due times, or not to the microsecond; None: it does until
    our calendar ends."""


class Exporter(ABC):
    """Writes one kind of target.  Its module loads without the target's library."""

    summary: ClassVar[str]
    """A line in the list of targets."""
    help: ClassVar[str]
    """Teaches: examples, what is written, how it is loaded, what is refused."""
    packages: ClassVar[Mapping[str, str]] = {}
    """Module → what pip installs it."""
    engine: ClassVar[str | None]
    """The engine whose schedules it takes; None: those of any."""
    calendar_intervals: ClassVar[bool] = False
    """The target has them; to others, those that are crons are given as such."""
    zone: OneZone | None = None
    """That of all crons there, which `target` sets; None: each has its own."""

    @classmethod  # noqa: B027  # Most targets have none.
    def arguments(cls, parser: Parser) -> None:
        """Add the options of this target."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Keep the options: those of `arguments`, and `at` (an aware datetime in UTC), `any_phase`
        and `timezone` (a text or None)."""
        self.options = options

    @abstractmethod
    def target(self) -> Target:
        """Say what is written for.  Called once, first.

        Raises:
            SourceError: The options are wrong.
            ImportError: A module of `packages` is missing.
        """

    @abstractmethod
    def add(self, wanted: Wanted) -> Written:
        """Translate one schedule.

        Raises:
            NotHeld: The target has no such thing.
        """

    @abstractmethod
    def write(self, written: Sequence[Written], to: Path) -> None:
        """Write the output, of these alone; called again with fewer if some do not read back."""

    @abstractmethod
    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        """Load what was written with the target's own library, and read it as its importer does."""
