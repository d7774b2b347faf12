"""A cron's days by weekday, however it says them."""

from __future__ import annotations

from z4j_adapters.transfer.boxes import EVERY_DAY, LAST_WEEK, YEARS, Box
from z4j_adapters.transfer.exporting.model import Cron, NotHeld

__all__ = ["Days", "box_of", "days_of_box", "week_of"]

Days = tuple[frozenset[int], frozenset[int]]
"""Days of the month, 0 and less counted from its end, and weekdays, 0 is Sunday: both match."""


def week_of(nth: int) -> frozenset[int]:
    """The days on which the n-th of any weekday falls."""
    return frozenset(range(7 * nth - 6, min(7 * nth, 31) + 1))


def box_of(cron: Cron) -> Box:
    """A cron as a product of sets.

    Raises:
        NotHeld: It has a nearest weekday, or the last Friday within some days of the month only.
    """
    if cron.nearest_weekdays or cron.last_weekday_of_month:
        raise NotHeld(
            "the nearest or the last working day of a month (W) has no place there",
            "write days of the month, or let the task look at the date",
        )
    dates = cron.days | {-back for back in cron.days_before_last}
    by_weekday = [_days_on(cron, dates, weekday) for weekday in (1, 2, 3, 4, 5, 6, 0)]
    return Box(
        year=YEARS if cron.any_year else cron.years,
        month=cron.months,
        week=cron.iso_weeks,
        days=tuple(EVERY_DAY if days >= EVERY_DAY else days for days in by_weekday),
        hour=cron.hours,
        minute=cron.minutes,
        second=cron.seconds,
    )


def _days_on(cron: Cron, dates: frozenset[int], weekday: int) -> frozenset[int]:
    if weekday in cron.weekdays:
        return EVERY_DAY if cron.either_day else dates
    found = frozenset[int]()
    for each, nth in cron.nth_weekdays:
        if each == weekday:
            found |= week_of(nth)
    if cron.either_day:
        return dates | found | (LAST_WEEK if weekday in cron.last_weekdays else frozenset())
    if dates >= EVERY_DAY:
        return found | (LAST_WEEK if weekday in cron.last_weekdays else frozenset())
    if weekday in cron.last_weekdays or (found and min(dates) <= 0):
        raise NotHeld(
            "it has days of the month beside an n-th or last weekday, and both must match",
            "make two schedules, or let the task look at the date",
        )
    return found & dates


def days_of_box(box: Box) -> list[Days]:
    """Products of days and weekdays that share no date."""
    shared: dict[frozenset[int], set[int]] = {}
    for monday_first, days in enumerate(box.days):
        if days:
            shared.setdefault(days, set()).add((monday_first + 1) % 7)
    return [(days, frozenset(weekdays)) for days, weekdays in shared.items()]
