"""What importers of Celery's schedules pass around: timings, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone, tzinfo
from typing import Any

from z4j_adapters.transfer.model import EXACT, Fires, Note

__all__ = ["Clock", "Timing", "Unfit", "utc_or_zone", "zone_of_clock"]


class Unfit(Exception):
    """It cannot be represented; the fields are those of Refused."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True, slots=True)
class Clock:
    """What a schedule object does not say itself."""

    at: datetime
    """Due times are counted from here; in UTC."""
    zone: tzinfo | None
    """The zone in which it is evaluated; None: the host's, which nobody named."""
    zone_name: str
    version: tuple[int, ...]
    """Of Celery."""
    last_run: datetime | None = None
    no_zone: str = "it follows the host of beat: enable_utc is off, and no timezone is set"
    """Why there is none."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One schedule here."""

    fields: dict[str, Any]
    """spec, timeZone, gap, fold, startTime of Schedule."""
    becomes: str
    exactness: str = EXACT
    reasons: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    fires: Fires | None = field(default=None, compare=False)
    first: datetime | None = None
    """Of an interval: its first due time."""


def zone_of_clock(clock: Clock) -> tzinfo:
    """The zone, which must be known here."""
    if clock.zone is None:
        raise Unfit("R4_UNKNOWN_ZONE", clock.no_zone, "name the zone: --timezone Europe/Berlin")
    return clock.zone


def utc_or_zone(clock: Clock) -> tzinfo:
    """The zone, for what does not depend on it."""
    return clock.zone or timezone.utc
