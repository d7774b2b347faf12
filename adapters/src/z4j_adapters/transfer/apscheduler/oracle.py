"""APScheduler's own triggers, made anew from plain values, say when they fire.

Nothing of a user's pickle reaches the library: its objects are filled here with numbers, dates and
zones that have been read and checked.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from z4j_adapters.transfer.apscheduler.triggers import (
    All,
    Calendar,
    Combined,
    Cron,
    Date,
    Expression,
    Interval,
    Last,
    Nth,
    Span,
    Trigger,
)
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros

__all__ = ["fires_3", "fires_of"]

MICROSECOND = timedelta(microseconds=1)
FIELD_CLASSES = {
    "month": "MonthField",
    "week": "WeekField",
    "day": "DayOfMonthField",
    "day_of_week": "DayOfWeekField",
}


def fires_3(trigger: Trigger, zone: tzinfo) -> Fires:
    """The due times of a trigger of APScheduler 3, without jitter.

    Raises:
        ImportError: The library is not installed, or is another major version.
    """
    library = _library_3(trigger)

    def times(after: datetime, count: int) -> Iterator[datetime]:
        # The scheduler asks with the run before and a clock that is a little ahead of it.
        previous = None
        now = (after + MICROSECOND).astimezone(zone)
        while count > 0:
            at = library.get_next_fire_time(previous, now)
            if at is None:
                return
            previous, now = at, at.astimezone(timezone.utc) + timedelta(milliseconds=1)
            if at > after:
                count -= 1
                yield at

    return fires_of(times)


def fires_of(times: Any) -> Fires:
    """Due times as microseconds, equal ones once."""

    def fires(after: datetime, count: int) -> list[int]:
        found: list[int] = []
        for at in times(after, count + 2 if count < 100 else count + 50):
            us = micros(at)
            if not found or us > found[-1]:
                found.append(us)
            if len(found) == count:
                break
        return found

    return fires


def _library_3(trigger: Trigger) -> Any:
    match trigger:
        case Cron():
            state = {
                "version": 2,
                "timezone": trigger.zone,
                "start_date": trigger.start,
                "end_date": trigger.end,
                "fields": [_field_3(name, trigger.fields[name]) for name in trigger.fields],
                "jitter": None,
            }
            return _made("cron", "CronTrigger", state)
        case Interval():
            state = {
                "version": 2,
                "timezone": trigger.zone,
                "start_date": trigger.start,
                "end_date": trigger.end,
                "interval": trigger.period,
                "jitter": None,
            }
            return _made("interval", "IntervalTrigger", state)
        case Calendar():
            state = {
                "version": 1,
                "interval": [trigger.years, trigger.months, trigger.weeks, trigger.days],
                "time": [trigger.at.hour, trigger.at.minute, trigger.at.second],
                "start_date": trigger.start,
                "end_date": trigger.end,
                "timezone": trigger.zone,
                "jitter": None,
            }
            return _made("calendarinterval", "CalendarIntervalTrigger", state)
        case Date():
            return _made("date", "DateTrigger", {"version": 1, "run_date": trigger.at})
        case Combined():
            module = importlib.import_module("apscheduler.triggers.combining")
            kind = module.AndTrigger if trigger.kind == "AND" else module.OrTrigger
            return kind([_library_3(child) for child in trigger.triggers])
    raise TypeError(trigger)


def _made(module: str, name: str, state: dict[str, Any]) -> Any:
    kind = getattr(importlib.import_module(f"apscheduler.triggers.{module}"), name)
    made = kind.__new__(kind)
    made.__setstate__(state)
    return made


def _field_3(name: str, expressions: tuple[Expression, ...]) -> Any:
    fields = importlib.import_module("apscheduler.triggers.cron.fields")
    field = object.__new__(getattr(fields, FIELD_CLASSES.get(name, "BaseField")))
    field.name, field.is_default = name, False
    field.expressions = [_expression_3(each) for each in expressions]
    return field


def _expression_3(expression: Expression) -> Any:
    module = importlib.import_module("apscheduler.triggers.cron.expressions")
    match expression:
        case All(step):
            return _filled(module.AllExpression, step=step)
        case Last():
            return _filled(module.LastDayOfMonthExpression, step=None)
        case Nth(n, weekday):
            kind = module.WeekdayPositionExpression
            return _filled(kind, step=None, option_num=n, weekday=weekday)
        case Span(first, last, step, kind):
            return _filled(getattr(module, kind), step=step, first=first, last=last)
    raise TypeError(expression)


def _filled(kind: Any, **attributes: Any) -> Any:
    made = object.__new__(kind)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made
