"""rq-scheduler's cron, as the installed crontab package (parse-crontab) understands it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from z4j_adapters.engines.rq.importing.stored import Unfit
from z4j_adapters.transfer.boxes import EVERY_DAY, LAST_WEEK, Box
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros

__all__ = ["box_of", "table_fires", "table_of"]

UTC = timezone.utc
LOWEST = (0, 0, 0, 1, 1, 0, 1970)
HIGHEST = (59, 59, 23, 31, 12, 6, 2099)
# Which of its matchers is which; it begins with the second.
SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR = range(7)


def table_of(expression: str) -> Any:
    """The library's own CronTab.

    Raises:
        Unfit: It refuses the expression.
        ImportError: The package crontab is missing, or another one has its name.
    """
    import crontab

    if not hasattr(crontab, "CronTab") or hasattr(crontab, "CronItem"):
        raise ModuleNotFoundError("python-crontab has the name of crontab", name="crontab")
    try:
        return crontab.CronTab(expression)
    except ValueError as error:
        raise Unfit(
            "R5_BAD_CRON", f"crontab refuses {expression!r}: {error}", "correct the expression"
        ) from None


def box_of(table: Any) -> Box:
    """The library's matchers as a product of sets, in which all parts must match.

    Raises:
        Unfit: The last weekdays of a month stand beside days of the month.
    """
    matchers = tuple(table.matchers)
    sets = [_plain(matchers[which], which) for which in range(7)]
    days = _days(matchers[DAY])
    weekdays, last = sets[WEEKDAY], _last_weekdays(matchers[WEEKDAY])
    by_weekday = []
    for monday_first in range(7):
        number = (monday_first + 1) % 7
        if number in weekdays:
            by_weekday.append(days)
        elif number not in last:
            by_weekday.append(frozenset[int]())
        elif days >= EVERY_DAY:
            by_weekday.append(LAST_WEEK)
        else:
            raise Unfit(
                "R5_MIXED_DAYS", "it counts some days from the front and some from the end of the "
                "month", "write two cron jobs",
            )  # fmt: skip
    return Box(
        year=sets[YEAR],
        month=sets[MONTH],
        week=frozenset(range(1, 54)),
        days=tuple(by_weekday),
        hour=sets[HOUR],
        minute=sets[MINUTE],
        second=sets[SECOND],
    )


def _plain(matcher: Any, which: int) -> frozenset[int]:
    if matcher.any:
        # Without a year of its own it has no end.
        return frozenset(range(LOWEST[which], 2200 if which == YEAR else HIGHEST[which] + 1))
    return frozenset(matcher.allowed)


def _days(matcher: Any) -> frozenset[int]:
    """Days of the month; 0 and less count from its end."""
    found: set[int] = set()
    for item in matcher.split:
        if item == "l":
            found.add(0)
        elif item.startswith("z"):
            first, _, last = item[1:].partition("-")
            if not last:  # The library looks no further.
                return frozenset({*found, -int(first)})
            found |= {-number for number in range(int(first), int(last) + 1)}
    if matcher.any:
        return EVERY_DAY
    return frozenset(found | matcher.allowed)


def _last_weekdays(matcher: Any) -> set[int]:
    found: set[int] = set()
    for item in matcher.split:
        if item.startswith("l"):
            first, _, last = item[1:].partition("-")
            found |= {number % 7 for number in range(int(first), int(last or first) + 1)}
    return found


def table_fires(table: Any, zone: tzinfo) -> Fires:
    """The due times of a host whose clock is that of `zone`, asked right after each run."""

    def fires(after: datetime, count: int) -> list[int]:
        return [micros(at) for at in _times(table, zone, after, count)]

    return fires


def _times(table: Any, zone: tzinfo, after: datetime, count: int) -> Iterator[datetime]:
    now = last = after
    while count > 0:
        wall = now.astimezone(zone).replace(tzinfo=None, fold=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            following = table.next(now=wall, return_datetime=True)
        if following is None:
            return
        at = _resolved(following, zone)
        if at <= last:  # In a gap: it is enqueued again at each look, every minute.
            now += timedelta(minutes=1)
            continue
        now = last = at
        count -= 1
        yield at


def _resolved(wall: datetime, zone: tzinfo) -> datetime:
    """What `naive.astimezone(…)` makes of a wall time: of two instants the first, and of one that
    is missing the instant that it would be by the clock after the change."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return first
    return wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
