"""The days of a cron, for targets in which both day fields must match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from z4j_adapters.transfer.exporting.model import Cron, NotHeld
from z4j_adapters.transfer.wall import day_exists

__all__ = ["Days", "days_of"]

_ALL_DAYS = frozenset(range(1, 32))
_ALL_WEEKDAYS = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Days:
    """Days that are among both of these."""

    days: frozenset[int]
    """Of the month, 1..31."""
    weekdays: frozenset[int]
    """0..6, 0 is Sunday."""


def days_of(cron: Cron) -> tuple[Days, ...]:
    """The days of a cron as sets of which both must match; no day is in two of them.

    Most crons need one.  Where either day suffices, there are two: the days of the month, and the
    weekdays of all others.  The second Friday is a Friday from the 8th to the 14th.

    Raises:
        NotHeld: L, W or 5L: which days those are depends on the length of the month.
    """
    if (
        cron.days_before_last
        or cron.nearest_weekdays
        or cron.last_weekday_of_month
        or cron.last_weekdays
    ):
        raise NotHeld(
            "it has L or W among its days, which the target does not know",
            "write days of the month, or let the task look at the date",
        )
    found = [
        part
        for part in _parts(cron)
        if part.weekdays and part.days and day_exists(part.days, cron.months)
    ]
    return tuple(found)


def _parts(cron: Cron) -> Iterator[Days]:
    days = cron.days
    if cron.either_day:
        yield Days(cron.days, _ALL_WEEKDAYS)
        days = _ALL_DAYS - cron.days
    yield Days(days, cron.weekdays)
    for nth in range(1, 6):
        week = frozenset(range(7 * nth - 6, min(7 * nth, 31) + 1))
        weekdays = frozenset(day for day, n in cron.nth_weekdays if n == nth)
        yield Days(days & week, weekdays - cron.weekdays)
