"""Due times of libraries that are asked every minute whether it is time, by asking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros

__all__ = ["YEAR_MAX", "asked_every_minute"]

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
YEAR_MAX = 2199  # The scheduler's calendar ends with it.


def asked_every_minute(
    is_time: Callable[[datetime], bool], zone: tzinfo, time_of_day: tuple[int, int]
) -> Fires:
    """Due times of a loop that asks `is_time` at each minute what the clock of `zone` shows then.

    Asking for each minute of many years takes too long.  The library's answer for a day holds for
    all its times, so each day is asked about once, at `time_of_day` (hour, minute), a time at which
    it fires on some day; and the times of a day are asked once, all 1440.  Only days on which the
    clock is changed are walked through minute by minute.

    Args:
        is_time: Of the library; takes a naive wall time.
    """

    def fires(after: datetime, n: int) -> list[int]:
        found: list[int] = []
        for instant in _instants(is_time, zone, time(*time_of_day), after):
            if len(found) == n:
                break
            found.append(micros(instant))
        return found

    return fires


def _instants(
    is_time: Callable[[datetime], bool], zone: tzinfo, probe: time, after: datetime
) -> Iterator[datetime]:
    """Instants after `after`, in order."""
    times: list[timedelta] | None = None
    day = after.astimezone(zone).date()
    while day.year <= YEAR_MAX:
        offset = _offset_all_day(zone, day)
        if offset is None:
            for instant in _walked(is_time, zone, day):
                if instant > after:
                    yield instant
        elif is_time(datetime.combine(day, probe)):
            midnight = datetime.combine(day, time())
            if times is None:
                clock = (midnight + minute * MINUTE for minute in range(1440))
                times = [shown - midnight for shown in clock if is_time(shown)]
            start = (midnight - offset).replace(tzinfo=timezone.utc)
            for later in times:
                if start + later > after:
                    yield start + later
        day += DAY


def _offset_all_day(zone: tzinfo, day: date) -> timedelta | None:
    """The offset of the zone; None if the clock is changed on this day."""
    edges = [datetime.combine(each, time(), zone) for each in (day, day + DAY)]
    offsets = {edge.replace(fold=fold).utcoffset() for edge in edges for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def _walked(is_time: Callable[[datetime], bool], zone: tzinfo, day: date) -> Iterator[datetime]:
    instant = datetime.combine(day, time(), timezone.utc) - DAY
    for _ in range(4 * 1440):
        shown = instant.astimezone(zone)
        if shown.date() == day and is_time(shown.replace(tzinfo=None, fold=0)):
            yield instant
        instant += MINUTE
