"""How crontabs cross the hours that a DST change removes, in Celery and here.

Celery walks on the wall clock: a time that does not exist runs as much later as the clock moved,
and the walk goes on from the wall time that is then shown.  So of several times in one gap only the
first one runs, and a time that it passed over is lost.  None of our policies does the same for
every crontab, but for nearly every crontab one of them does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

__all__ = [
    "Gap",
    "Gaps",
    "Sets",
    "before_changes",
    "changes_by_hours",
    "gaps_of",
    "policies_of",
    "split_fits",
]

YEAR_END = 2199  # The scheduler's calendar ends there.
STEP = timedelta(days=7)  # No zone changes its clock and back within a week.
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sets:
    """A crontab, expanded; all of it must match."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""

    def on(self, day: date) -> bool:
        """Whether it runs on that day at all."""
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """Wall times from `start` on, for `length`, that do not exist."""

    start: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps of a zone."""

    all: tuple[Gap, ...]
    hours: frozenset[int]
    """Those of the wall clock that one of them touches."""

    def __bool__(self) -> bool:
        return bool(self.all)


@lru_cache(maxsize=256)
def gaps_of(zone: tzinfo, after: datetime) -> Gaps:
    """The gaps of a zone from a day before `after` (in UTC) on."""
    found = []
    at = after - timedelta(days=1)
    offset = _offset(at, zone)
    while at.year <= YEAR_END:
        later = at + STEP
        moved = _offset(later, zone)
        if moved != offset:
            instant = _bisect(at, later, zone)
            if moved > offset:
                found.append(Gap((instant + offset).replace(tzinfo=None), moved - offset))
        at, offset = later, moved
    hours = {
        (gap.start + minutes * MINUTE).hour
        for gap in found
        for minutes in range(gap.length // MINUTE)
    }
    return Gaps(tuple(found), frozenset(hours))


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _bisect(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    before = _offset(low, zone)
    low, high = low.replace(second=0, microsecond=0), high.replace(second=0, microsecond=0)
    while high - low > MINUTE:
        middle = low + (high - low) // MINUTE // 2 * MINUTE
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def policies_of(sets: Sets, gaps: Gaps) -> list[str]:
    """The gap policies under which ours and Celery's times are the same; SHIFT first, if it is."""
    fits = ["SHIFT", "NEXT_VALID", "SKIP"]
    for gap, removed, after in _hits(sets, gaps):
        theirs = _celery(removed, after, gap.length)
        ours = {
            "SHIFT": {t + gap.length for t in removed} | after,
            "NEXT_VALID": {gap.start + gap.length} | after,
            "SKIP": after,
        }
        fits = [policy for policy in fits if ours[policy] == theirs]
    return fits


def split_fits(sets: Sets, gaps: Gaps) -> bool:
    """Whether two schedules are the same as Celery's one: the first minute with SHIFT, the others
    with SKIP; never both at one instant."""
    first = min(sets.minutes)
    for gap, removed, after in _hits(sets, gaps):
        ones = {t + gap.length for t in removed if t.minute == first}
        ones |= {t for t in after if t.minute == first}
        others = {t for t in after if t.minute != first}
        if ones & others or ones | others != _celery(removed, after, gap.length):
            return False
    return True


def _celery(removed: list[datetime], after: set[datetime], length: timedelta) -> set[datetime]:
    """The runs from the end of a gap on, for as long as it was."""
    first = removed[0] + length
    return {first} | {t for t in after if t > first}


def _hits(sets: Sets, gaps: Gaps) -> Iterator[tuple[Gap, list[datetime], set[datetime]]]:
    """The gaps that remove times of the crontab: those times, and the ones that follow the gap for
    as long as it is.  Gaps that differ in nothing but the date come once."""
    known = set()
    for gap in gaps.all if gaps.hours & sets.hours else ():
        end = gap.start + 2 * gap.length
        span = (end.date() - gap.start.date()).days + 1
        days = [gap.start.date() + timedelta(days=n) for n in range(span)]
        runs = tuple(sets.on(day) for day in days)
        kind = gap.start.time(), gap.length, runs
        if kind in known or not any(runs):
            continue
        known.add(kind)
        times = [
            at
            for day, is_on in zip(days, runs, strict=True)
            if is_on
            for hour in sorted(sets.hours)
            if day != gap.start.date() or hour >= gap.start.hour
            for minute in sorted(sets.minutes)
            if gap.start <= (at := datetime.combine(day, time(hour, minute))) < end
        ]
        removed = [t for t in times if t < gap.start + gap.length]
        if removed:
            yield gap, removed, {t for t in times if t >= gap.start + gap.length}


def changes_by_hours(zone: tzinfo, after: datetime) -> bool:
    """Whether the zone's clock is only ever moved by whole hours."""
    offset = _offset(after, zone)
    at = after
    while at.year <= YEAR_END:
        at += STEP
        moved = _offset(at, zone)
        if (moved - offset) % timedelta(hours=1):
            return False
        offset = moved
    return True


def before_changes(at: datetime, zone: tzinfo) -> datetime:
    """`at`, or an hour before a change of the zone's clock that lies within the day before it."""
    day_before = at - timedelta(hours=26)
    if _offset(day_before, zone) == _offset(at, zone):
        return at
    return _bisect(day_before, at.astimezone(timezone.utc), zone) - timedelta(hours=1)
