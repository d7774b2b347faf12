"""An rrule that counts in steps and has BY... parts: the schedules that together have its instants.

RedBeat keeps an rrule with a fixed offset.  So one that counts months or years follows those of the
calendar alone, and any other repeats after a number of seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import islice
from math import gcd, lcm
from typing import Any

from dateutil.rrule import DAILY, HOURLY, MINUTELY, SECONDLY, WEEKLY, YEARLY
from dateutil.rrule import rrule as DateutilRule

from z4j_adapters.engines.celery.importing.intervals import PERIOD_MAX
from z4j_adapters.engines.celery.importing.shapes import Unfit
from z4j_adapters.transfer.cron_fields import BOUNDS

__all__ = ["SECONDS", "cron_parts", "grids"]

DAY = 86_400
SECONDS = {WEEKLY: 7 * DAY, DAILY: DAY, HOURLY: 3600, MINUTELY: 60, SECONDLY: 1}
"""Of a step of each frequency but months and years."""
CYCLES = {"byweekday": 7 * DAY, "byhour": DAY, "byminute": 3600, "bysecond": 60}
OF_DATES = ("bymonth", "bymonthday", "byweekno")
YEAR_MIN, YEAR_MAX = BOUNDS["year"]
SEVERAL_MAX = 24  # Schedules that one rrule may become.


def cron_parts(rule: Any, given: Collection[str]) -> list[dict[str, Any]] | None:
    """What each of several crons has in the place of the rule's own sets; None: no crons are it.

    `given` are the BY... parts that the rule was made with.

    Raises:
        ValueError: It would be too many.
        Unfit: It never comes due.
    """
    if rule._freq not in SECONDS:
        return _few(_years(rule))
    if not _has_a_day(rule, rule._bymonth, max(rule._dtstart.year, YEAR_MIN), 1):
        raise _never()
    if rule._interval == 1:
        return [{}]
    step = rule._interval * SECONDS[rule._freq]
    if DAY % _turn(step, [name for name in given if name != "byweekday"]) == 0:
        return _few(_hours(rule))
    return None


def grids(rule: Any, given: Collection[str]) -> tuple[timedelta, list[datetime]]:
    """The period after which the rule repeats, and its instants in the first one.

    Raises:
        ValueError: It does not repeat, or it has too many.
        Unfit: It never comes due, or repeats too late.
    """
    if dates := [name for name in OF_DATES if name in given]:
        raise ValueError(f"counts every {rule._interval} and has {', '.join(dates)}")
    period = timedelta(seconds=_turn(rule._interval * SECONDS[rule._freq], given))
    if period > PERIOD_MAX:
        raise Unfit("PERIOD_TOO_LONG", f"it repeats every {period}", "use at most 3653 days")
    until = rule._dtstart + period - timedelta(seconds=1)
    return period, _few(list(islice(rule.replace(count=None, until=until), SEVERAL_MAX + 1)))


def _turn(step: int, given: Collection[str]) -> int:
    """The seconds after which steps and BY... parts meet again as they did."""
    return lcm(step, *(CYCLES[name] for name in given if name in CYCLES))


def _years(rule: Any) -> list[dict[str, Any]]:
    """The months that are counted, by the years in which they are."""
    unit = 12 if rule._freq == YEARLY else 1
    step = rule._interval * unit
    cycle = step // gcd(step, 12)
    start = rule._dtstart
    begin = (12 * start.year + start.month - 1) // unit
    first = max(start.year, YEAR_MIN)
    parts: list[dict[str, Any]] = []
    for year in range(first, min(first + cycle, YEAR_MAX + 1)):
        months = {
            month
            for month in rule._bymonth or range(1, 13)
            if ((12 * year + month - 1) // unit - begin) % rule._interval == 0
        }
        if months and _has_a_day(rule, months, year, cycle):
            years = {} if cycle == 1 else {"year": f"{year}-{YEAR_MAX}/{cycle}"}
            parts.append({"month": months, **years})
    return parts


def _has_a_day(rule: Any, months: Collection[int] | None, first: int, every: int) -> bool:
    """Whether one of the rule's dates lies in these months of every so many years."""
    days = DateutilRule(
        YEARLY,
        interval=every,
        dtstart=datetime(first, 1, 1),
        until=datetime(YEAR_MAX, 12, 31),
        bymonth=months or range(1, 13),
        bymonthday=[*(rule._bymonthday or ()), *(rule._bynmonthday or ())] or None,
        byweekday=rule._byweekday,
        byweekno=rule._byweekno,
    )
    return next(iter(days), None) is not None


def _hours(rule: Any) -> list[dict[str, Any]]:
    """The minutes and seconds of a day that are counted, by the hours in which they are."""
    unit = SECONDS[rule._freq]
    start = rule._dtstart
    begin = (3600 * start.hour + 60 * start.minute + start.second) // unit
    hours: dict[tuple[frozenset[int], frozenset[int]], set[int]] = defaultdict(set)
    for hour in rule._byhour or range(24):
        minutes: dict[frozenset[int], set[int]] = defaultdict(set)
        for minute in rule._byminute or range(60):
            at = 3600 * hour + 60 * minute
            seconds = frozenset(
                second
                for second in rule._bysecond or range(60)
                if ((at + second) // unit - begin) % rule._interval == 0
            )
            if seconds:
                minutes[seconds].add(minute)
        for seconds, of_hour in minutes.items():
            hours[frozenset(of_hour), seconds].add(hour)
    return [
        {"hour": of_day, "minute": minute, "second": second}
        for (minute, second), of_day in hours.items()
    ]


def _few(found: list[Any]) -> list[Any]:
    if not found:
        raise _never()
    if len(found) > SEVERAL_MAX:
        raise ValueError(f"would be more than {SEVERAL_MAX} schedules")
    return found


def _never() -> Unfit:
    return Unfit("R6_NEVER_FIRES", "the rrule matches no date", "leave it out")
