"""Wall clocks and calendars: what importers ask of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache

__all__ = ["changes_clock", "day_exists", "first_shown"]

_DAYS_OF = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
SECOND = timedelta(seconds=1)


def day_exists(days: Collection[int], months: Collection[int]) -> bool:
    """Whether any of `days` is in any of `months`, in leap years at least."""
    return any(day <= _DAYS_OF.get(month, 31) for day in days for month in months)


@lru_cache
def changes_clock(zone: tzinfo, at: datetime) -> bool:
    """Whether the clock of `zone` is changed within two years after the instant `at`."""
    weeks = (at + timedelta(weeks=week) for week in range(105))
    return len({week.astimezone(zone).utcoffset() for week in weeks}) > 1


def first_shown(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant, in UTC, at which the clock of `zone` shows the naive `wall` or more.

    Of a time that is repeated it is the first; for one that is left out, when the clock is put
    forward.
    """
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # By the offset after the change it would be before it.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(timezone.utc).replace(microsecond=0)
    low, high = 0, (instant - before) // SECOND + 1
    while high - low > 1:
        middle = (low + high) // 2
        shown = (before + middle * SECOND).astimezone(zone).replace(tzinfo=None)
        low, high = (low, middle) if shown >= wall else (middle, high)
    return before + high * SECOND
