"""Whether two ways to cross changes of the clock are the same for a cron."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from z4j_adapters.transfer.exporting.model import Cron, NotHeld
from z4j_adapters.transfer.nominal import changes

__all__ = ["Crossing", "differs_at", "is_on", "meets_at", "not_held"]

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
    for met in _met(cron, zone, at):
        if met.is_gap:
            differs = _over(ours.gap, met) != _over(theirs.gap, met)
        else:
            differs = ours.fold != theirs.fold
        if differs:
            return met.times[0]
    return None


def meets_at(cron: Cron, zone: tzinfo, at: datetime) -> datetime | None:
    """The first wall time that is left out and comes together with another one when the clock is
    put forward; None if each is alone."""
    for met in _met(cron, zone, at):
        if met.is_gap and (len(met.times) > 1 or met.end in met.after):
            return met.times[0]
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


@dataclass(frozen=True, slots=True)
class _Met:
    """A change of the clock that leaves out, or repeats, some times of a cron."""

    is_gap: bool
    start: datetime
    end: datetime
    """Wall times from `start` to `end` are left out, or repeated."""
    times: list[datetime]
    """Those of the cron."""
    after: set[datetime]
    """Of a gap: its times after it, for as long as the gap is."""


def _met(cron: Cron, zone: tzinfo, at: datetime) -> Iterator[_Met]:
    """The changes from the day of `at` on, once of each kind."""
    known = set()
    for change in changes(zone, at.date(), (YEAR_END - at.date()).days):
        offsets = [instant.astimezone(zone).utcoffset() for instant in (change - SECOND, change)]
        before, after = (offset or timedelta(0) for offset in offsets)
        low = (change + min(before, after)).replace(tzinfo=None)
        high = (change + max(before, after)).replace(tzinfo=None)
        is_gap = after > before
        end = high + (high - low) if is_gap else high
        days = _days(cron, low, end)
        kind = low.time(), high - low, is_gap, tuple(days)
        if kind in known:
            continue
        known.add(kind)
        times = list(_times(cron, low, end, days))
        if times and times[0] < high:
            removed = [wall for wall in times if wall < high]
            yield _Met(is_gap, low, high, removed, set(times) - set(removed))


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


def _over(gap: str, met: _Met) -> set[datetime]:
    """The times from the gap on, by the clock after it."""
    if gap == "SKIP":
        return met.after
    length = met.end - met.start
    late = {met.end} if gap == "NEXT_VALID" else {wall + length for wall in met.times}
    return late | met.after
