"""Whether two ways to cross changes of the clock are the same for a cron."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from z4j_adapters.transfer.exporting.model import Cron, NotHeld
from z4j_adapters.transfer.nominal import changes

__all__ = ["Crossing", "differs_at", "is_on", "not_held"]

YEAR_END = date(2199, 12, 31)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Crossing(NamedTuple):
    """What becomes of wall times that a change of the clock leaves out, or repeats."""

    gap: str
    """NEXT_VALID, SHIFT or SKIP."""
    fold: str
    """FIRST, SECOND or BOTH."""


def differs_at(
    cron: Cron, zone: tzinfo, at: datetime, ours: Crossing, theirs: Crossing
) -> datetime | None:
    """The first wall time, from the day of `at` on, of which the two make different instants; None
    if they are the same for this cron in this zone."""
    known = set()
    for change in changes(zone, at.date(), (YEAR_END - at.date()).days):
        before, after = _offsets(change, zone)
        is_gap = after > before
        if ours.gap == theirs.gap if is_gap else ours.fold == theirs.fold:
            continue
        low = (change + min(before, after)).replace(tzinfo=None)
        high = (change + max(before, after)).replace(tzinfo=None)
        end = high + (high - low) if is_gap else high
        days = _days(cron, low, end)
        kind = low.time(), high - low, is_gap, tuple(days)
        if kind in known:  # Its like was looked at.
            continue
        known.add(kind)
        times = [wall for wall in _times(cron, low, end, days)]
        removed = [wall for wall in times if wall < high]
        if not removed:
            continue
        if not is_gap:
            return removed[0]
        length, follow = high - low, {wall for wall in times if wall >= high}
        if _over(ours.gap, removed, high, length) | follow != (
            _over(theirs.gap, removed, high, length) | follow
        ):
            return removed[0]
    return None


def not_held(wall: datetime, zone: str, ours: Crossing, theirs: Crossing) -> NotHeld:
    """The refusal for a time at which `differs_at`."""
    return NotHeld(
        f"at {wall:%Y-%m-%d %H:%M} in {zone}, when the clock is changed, gap {ours.gap} and fold "
        f"{ours.fold} hold here, and gap {theirs.gap} and fold {theirs.fold} there",
        "set gap and fold to what holds there, or choose times at which no clock is changed",
        "R9_DST",
    )


def is_on(cron: Cron, day: date) -> bool:
    """Whether the cron has times on that day."""
    if day.month not in cron.months or day.year not in cron.years:
        return False
    if not cron.any_iso_week and day.isocalendar()[1] not in cron.iso_weeks:
        return False
    weekday, length = day.isoweekday() % 7, monthrange(day.year, day.month)[1]
    by_weekday = (
        weekday in cron.weekdays
        or (weekday, (day.day + 6) // 7) in cron.nth_weekdays
        or (weekday in cron.last_weekdays and day.day + 7 > length)
    )
    by_date = (
        day.day in cron.days
        or length - day.day in cron.days_before_last
        or any(day == _nearest(day, n) for n in cron.nearest_weekdays if n <= length)
        or (cron.last_weekday_of_month and day == _nearest(day, length))
    )
    return by_weekday or by_date if cron.either_day else by_weekday and by_date


def _nearest(of: date, number: int) -> date:
    """The weekday of the month that is nearest to a day of it."""
    day = of.replace(day=number)
    if day.isoweekday() == 6:
        return day - DAY if number > 1 else day + 2 * DAY
    if day.isoweekday() == 7:
        return day + DAY if (day + DAY).month == day.month else day - 2 * DAY
    return day


def _offsets(change: datetime, zone: tzinfo) -> tuple[timedelta, timedelta]:
    before = (change - SECOND).astimezone(zone).utcoffset()
    after = change.astimezone(zone).utcoffset()
    assert before is not None and after is not None
    return before, after


def _days(cron: Cron, low: datetime, end: datetime) -> list[int]:
    """Those of the days from `low` to `end` that have times, counted from the first."""
    first = low.date()
    return [n for n in range((end.date() - first).days + 1) if is_on(cron, first + n * DAY)]


def _times(cron: Cron, low: datetime, end: datetime, days: list[int]) -> Iterator[datetime]:
    for n in days:
        day = low.date() + n * DAY
        for hour in sorted(cron.hours):
            if not low - timedelta(hours=1) < datetime.combine(day, time(hour)) < end:
                continue
            for minute in sorted(cron.minutes):
                for second in sorted(cron.seconds):
                    wall = datetime.combine(day, time(hour, minute, second))
                    if low <= wall < end:
                        yield wall


def _over(gap: str, removed: list[datetime], end: datetime, length: timedelta) -> set[datetime]:
    """What becomes of the times that are left out, by the clock after the change."""
    if gap == "SKIP":
        return set()
    return {end} if gap == "NEXT_VALID" else {wall + length for wall in removed}
