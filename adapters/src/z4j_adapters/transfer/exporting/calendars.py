"""Calendar intervals that a cron says as well, for targets that have no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from z4j_adapters.transfer.exporting.model import Cron, Wanted
from z4j_adapters.transfer.zones import zone_of

__all__ = ["as_cron"]

_MONTHS = range(1, 13)
_DAYS = frozenset(range(1, 32))
_WEEKDAYS = frozenset(range(7))


def as_cron(wanted: Wanted, at: datetime) -> Wanted:
    """A calendar interval as the cron with the same due times, from its first date on.

    Such are every day, every week, and every month, 2, 3, 4, 6 or 12 months, or year; those months
    begin anew each year.  Its `spec` and anything else stay as they are.
    """
    if wanted.kind != "calendarInterval":
        return wanted
    first = date.fromisoformat(wanted.spec["startDate"])
    dates = _dates(wanted.spec, first)
    if dates is None:
        return wanted
    clock = time.fromisoformat(wanted.spec.get("atTime") or "00:00:00")
    begin = datetime.combine(first, clock, zone_of(wanted.time_zone))
    months, days, weekdays = dates
    cron = Cron(
        seconds=frozenset({clock.second}),
        minutes=frozenset({clock.minute}),
        hours=frozenset({clock.hour}),
        months=months,
        days=days,
        weekdays=weekdays,
        years=frozenset(range(1970, 2200)),
        iso_weeks=frozenset(range(1, 54)),
    )
    start = wanted.next_due if begin > at else wanted.start
    return replace(wanted, kind="cron", cron=cron, start=start)


def _dates(
    spec: Mapping[str, Any], first: date
) -> tuple[frozenset[int], frozenset[int], frozenset[int]] | None:
    """Months, days and weekdays, all of which must match; None if no cron has those dates."""
    months = 12 * spec.get("years", 0) + spec.get("months", 0)
    days = 7 * spec.get("weeks", 0) + spec.get("days", 0)
    if months and not days and 12 % months == 0:
        matching = frozenset(month for month in _MONTHS if (month - first.month) % months == 0)
        return matching, frozenset({first.day}), _WEEKDAYS
    if months or days not in (1, 7):
        return None
    weekdays = _WEEKDAYS if days == 1 else frozenset({first.isoweekday() % 7})
    return frozenset(_MONTHS), _DAYS, weekdays
