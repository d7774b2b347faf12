"""When sets of wall times come due by the rules that they are imported under.

This is not how schedules are evaluated: it looks at the few days around a change of the clocks, to
find out whether the library does there what its sets say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from z4j_adapters.transfer.boxes import Box

__all__ = ["END", "Nominal", "changes"]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
UTC = timezone.utc
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(2199, 12, 30, tzinfo=UTC)  # In no zone the years that a schedule can have are over.
STEP = 3 * DAY  # No zone changes its clocks twice within it.


class Nominal:
    """The instants of boxes in a zone."""

    def __init__(self, boxes: Collection[Box], zone: tzinfo, *, gap: str, fold: str) -> None:
        """`gap` is SHIFT, NEXT_VALID or SKIP, `fold` FIRST or BOTH."""
        self._boxes = boxes
        self._zone = zone
        years = frozenset[int]().union(*(box.year for box in boxes))
        self._first_year, self._last_year = (min(years), max(years)) if years else (1, 0)
        self._months = frozenset[int]().union(*(box.month for box in boxes))
        self._gap = gap
        self._both = fold == "BOTH"
        self._seconds = [
            [h * 3600 + m * 60 + s for h in sorted(box.hour) for m in sorted(box.minute)
             for s in sorted(box.second)]
            for box in boxes
        ]  # fmt: skip

    def per_day(self) -> int:
        """Instants of a day that matches."""
        return sum(map(len, self._seconds))

    def days(self, first: date, step: int = 1) -> Iterator[date]:
        """Dates that match, from `first` on, forward or backward."""
        if step > 0:
            day = max(first, date(self._first_year, 1, 1))
        else:
            day = min(first, date(max(self._last_year, 1), 12, 31))
        while self._first_year <= day.year <= self._last_year:
            if day.month not in self._months:  # To the first day that way of the next month.
                day = day.replace(day=1)
                day = day - DAY if step < 0 else (day + 31 * DAY).replace(day=1)
                continue
            for box in self._boxes:
                if box.has_day(day):
                    yield day
                    break
            day += step * DAY

    def after(self, at: datetime) -> Iterator[datetime]:
        """Instants in UTC strictly after `at`, in order, each once."""
        last = at
        for day in self.days((at.astimezone(self._zone) - DAY).date()):
            for instant in self._on(day):
                if instant > last:
                    yield instant
                    last = instant

    def before(self, at: datetime) -> datetime | None:
        """The newest instant before `at`; None if there was none in 30 years."""
        oldest = (at - 30 * 366 * DAY).date()
        for day in self.days((at.astimezone(self._zone) + DAY).date(), -1):
            earlier = [instant for instant in self._on(day) if instant < at]
            if earlier:
                return earlier[-1]
            if day < oldest:
                return None
        return None

    def in_gap(self, change: datetime) -> bool:
        """Whether some wall time that a change of the clocks leaves out would match."""
        before = (change - timedelta(seconds=1)).astimezone(self._zone).replace(tzinfo=None)
        low = before + timedelta(seconds=1)
        high = change.astimezone(self._zone).replace(tzinfo=None)
        for day in {low.date(), high.date()} if low < high else ():
            midnight = datetime.combine(day, time())
            for box, seconds in zip(self._boxes, self._seconds, strict=True):
                if box.has_day(day) and any(
                    low <= midnight + timedelta(seconds=s) < high for s in seconds
                ):
                    return True
        return False

    def _on(self, day: date) -> Iterator[datetime]:
        seconds = [
            of_box
            for box, of_box in zip(self._boxes, self._seconds, strict=True)
            if box.has_day(day)
        ]
        merged = seconds[0] if len(seconds) == 1 else sorted({s for each in seconds for s in each})
        midnight = datetime.combine(day, time(), UTC)
        # From before the day begins anywhere until after it has ended everywhere.
        offset = (midnight - 15 * HOUR).astimezone(self._zone).utcoffset()
        if offset == (midnight + 39 * HOUR).astimezone(self._zone).utcoffset():
            assert offset is not None
            yield from (midnight - offset + timedelta(seconds=s) for s in merged)
            return
        walls = (datetime.combine(day, time()) + timedelta(seconds=s) for s in merged)
        yield from sorted({instant for wall in walls for instant in self._instants(wall)})

    def _instants(self, wall: datetime) -> Iterator[datetime]:
        first = wall.replace(tzinfo=self._zone).astimezone(UTC)
        if first.astimezone(self._zone).replace(tzinfo=None, fold=0) != wall:  # In a gap.
            if self._gap == "SHIFT":
                yield first
            elif self._gap == "NEXT_VALID":
                yield from (at for at in changes(self._zone, wall.date() - DAY, 3)
                            if first - DAY / 2 < at <= first)  # fmt: skip
            return
        yield first
        if self._both:
            second = wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
            if second != first:
                yield second


def changes(zone: tzinfo, first: date, days: int) -> tuple[datetime, ...]:
    """The instants at which the clocks of a zone change, to the second."""
    all_of_it = _changes(zone)
    start = datetime.combine(first, time(), UTC)
    low, high = bisect_right(all_of_it, start), bisect_right(all_of_it, start + days * DAY)
    return all_of_it[low:high]


@lru_cache(maxsize=1024)
def _changes(zone: tzinfo) -> tuple[datetime, ...]:
    found = []
    at = BEGIN
    offset = at.astimezone(zone).utcoffset()
    while at < END:
        following = at + STEP
        new = following.astimezone(zone).utcoffset()
        if new != offset:
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                if middle.astimezone(zone).utcoffset() == offset:
                    low = middle
                else:
                    high = middle
            found.append(high.replace(microsecond=0))
            offset = new
        at = following
    return tuple(found)
