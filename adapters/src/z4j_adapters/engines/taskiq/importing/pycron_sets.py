"""What a cron text means to the installed pycron, found by asking it.

pycron has no parsed form, and its versions differ: in steps, in weekdays, and in how the two day
fields combine.  So each field is asked for each of its values, by pycron's own `is_now`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.wall import day_exists

__all__ = ["Crontab", "Never", "read_cron"]

JANUARY = datetime(2029, 1, 1)  # A Monday; the month has every day of the month and of the week.
DAY = timedelta(days=1)


class Never(ValueError):
    """It never comes due; the message says why."""


@dataclass(frozen=True, slots=True)
class Crontab:
    """The numbers that match; 0 is Sunday."""

    minute: frozenset[int]
    hour: frozenset[int]
    day: frozenset[int]
    month: frozenset[int]
    weekday: frozenset[int]
    either_day: bool
    """A day matches by either day field; else by both."""

    def spec(self) -> tuple[dict[str, Any], str]:
        """The CronSpec's JSON, and what people read."""
        return cron(
            minute=self.minute,
            hour=self.hour,
            day_of_month=self.day,
            month=self.month,
            day_of_week=self.weekday,
            day_match="OR" if self.either_day else "AND",
        )


def read_cron(text: str) -> Crontab:
    """Ask pycron what `text` means.

    Raises:
        Never: It never comes due.
    """
    fields = text.split(" ")  # As pycron does: it wants single blanks.
    if len(fields) != 5:
        raise Never(
            f"pycron wants five fields with one blank between them, and here are {len(fields)}: "
            "TaskIQ logs a warning every second, and never sends it"
        )
    minute, hour, day, month, weekday = map(_matching, range(5), fields)
    found = Crontab(minute, hour, day, month, weekday, either_day=False)
    for name in ("minute", "hour", "month"):
        if not getattr(found, name):
            raise Never(f"no {name} matches {text!r}")
    return _with_days(found, fields[2], fields[4])


def _with_days(found: Crontab, day: str, weekday: str) -> Crontab:
    """Find out how the day fields combine, by a day that only one of them matches."""
    either = False
    for number in range(31):
        at = JANUARY + number * DAY
        by_day, by_weekday = at.day in found.day, at.isoweekday() % 7 in found.weekday
        if by_day != by_weekday:
            either = _is_now(f"* * {day} * {weekday}", at)
            break
    days, weekdays = found.day, found.weekday
    if either and not (days and weekdays):
        every = frozenset(range(1, 32)), frozenset(range(7))
        days, weekdays = (days, every[1]) if days else (every[0], weekdays)
        either = False
    real = day_exists(days, found.month)
    if not ((real or weekdays) if either else (real and weekdays)):
        raise Never(f"no day matches {day!r} and {weekday!r}")
    return Crontab(found.minute, found.hour, days, found.month, weekdays, either)


# By field: its values, each with a time that has it.
_PROBES: tuple[dict[int, datetime], ...] = (
    {minute: JANUARY.replace(minute=minute) for minute in range(60)},
    {hour: JANUARY.replace(hour=hour) for hour in range(24)},
    {day: JANUARY.replace(day=day) for day in range(1, 32)},
    {month: JANUARY.replace(month=month) for month in range(1, 13)},
    {(day + 1) % 7: JANUARY + day * DAY for day in range(7)},
)


@lru_cache(maxsize=10_000)
def _matching(index: int, field: str) -> frozenset[int]:
    """The values of a field that match; the other fields are "*"."""
    text = " ".join(field if other == index else "*" for other in range(5))
    return frozenset(value for value, at in _PROBES[index].items() if _is_now(text, at))


def _is_now(text: str, at: datetime) -> bool:
    """As TaskIQ's scheduler asks.

    Raises:
        Never: pycron cannot read it; the scheduler would log that each second, or end.
    """
    import pycron

    try:
        return bool(pycron.is_now(text, at))
    except Exception as error:
        raise Never(f"pycron cannot read it: {type(error).__name__}: {error}") from error
