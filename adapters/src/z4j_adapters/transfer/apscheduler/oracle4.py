"""The triggers of APScheduler 4, made anew from plain values, say when they fire."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from z4j_adapters.transfer.apscheduler.oracle import fires_of
from z4j_adapters.transfer.apscheduler.triggers import (
    FIELDS,
    Calendar,
    Cron,
    Date,
    Expression,
    Interval,
    Span,
    Trigger,
    expression_text,
)
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import EPOCH

__all__ = ["cron_4", "fires_4"]

UTC = timezone.utc
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
FRACTION_FOLLOWED = timedelta(hours=1)
"""For how long it is worked out which fraction of a second a trigger still has."""


def cron_4(
    texts: list[str], zone: tzinfo, start: datetime, end: datetime | None, last: datetime | None
) -> Any:
    """The library's own cron trigger, of the texts of its fields."""
    kind = importlib.import_module("apscheduler.triggers.cron").CronTrigger
    made = kind.__new__(kind)
    state = {"version": 1, "timezone": zone, "fields": texts, "start_time": start, "end_time": end}
    made.__setstate__({**state, "last_fire_time": last})
    return made


def fires_4(trigger: Trigger, zone: tzinfo) -> Fires:
    """The due times of a trigger of APScheduler 4.

    Raises:
        ImportError: The library is not installed.
    """

    def times(after: datetime, count: int) -> Iterator[datetime]:
        library = _asked(trigger, zone, after)
        while count > 0:
            at = library.next()
            if at is None:
                return
            if at.astimezone(UTC) > after:
                count -= 1
                yield at.astimezone(UTC)

    return fires_of(times)


def _asked(trigger: Trigger, zone: tzinfo, after: datetime) -> Any:
    """The library's trigger, ready to be asked for what follows `after`."""
    match trigger:
        case Cron():
            texts = [_field_text(name, trigger.fields[name]) for name in FIELDS]
            start, last = EPOCH, after.replace(microsecond=0).astimezone(zone)
            if trigger.last is not None and after - trigger.last < FRACTION_FOLLOWED:
                return cron_4(texts, zone, start, trigger.end, trigger.last.astimezone(zone))
            if trigger.start is not None and trigger.start > after:
                start = trigger.start.astimezone(zone)
                if start.microsecond:
                    start = (start.astimezone(UTC).replace(microsecond=0) + SECOND).astimezone(zone)
                return cron_4(texts, zone, start, trigger.end, None)
            return cron_4(texts, zone, start, trigger.end, last)
        case Interval():
            kind = importlib.import_module("apscheduler.triggers.interval").IntervalTrigger
            start = trigger.start or after
            # The grid may be long.  Its sum is that of the wall clock, as the library's own, which
            # elapsed time leaves by an hour or two.
            past = (after - start - 3 * HOUR) // trigger.period
            start += trigger.period * max(0, past)
            return kind(
                seconds=trigger.period // SECOND,
                microseconds=(trigger.period % SECOND).microseconds,
                start_time=start,
                end_time=trigger.end,
            )
        case Calendar():
            kind = importlib.import_module(
                "apscheduler.triggers.calendarinterval"
            ).CalendarIntervalTrigger
            return kind(
                years=trigger.years,
                months=trigger.months,
                weeks=trigger.weeks,
                days=trigger.days,
                hour=trigger.at.hour,
                minute=trigger.at.minute,
                second=trigger.at.second,
                start_date=trigger.start,
                end_date=trigger.end,
                timezone=trigger.zone,
            )
        case Date():
            return importlib.import_module("apscheduler.triggers.date").DateTrigger(trigger.at)
    raise TypeError(trigger)


def _field_text(name: str, expressions: tuple[Expression, ...]) -> str:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    texts = []
    for each in expressions:
        if name == "day_of_week" and isinstance(each, Span):
            last = each.first if each.last is None else each.last
            texts.append(f"{days[each.first]}-{days[last]}")
        else:
            texts.append(expression_text(each))
    return ",".join(texts)
