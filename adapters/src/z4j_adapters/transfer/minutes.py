"""Due times of libraries that are asked every minute whether it is time, by asking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros

__all__ = ["YEAR_MAX", "asked_every_minute"]

DAY = timedelta(days=1)
YEAR_MAX = 2199  # The scheduler's calendar ends with it.


def asked_every_minute(
    is_time: Callable[[datetime], bool], zone: tzinfo, time_of_day: tuple[int, int]
) -> Fires:
    """Due times of a loop that asks `is_time` at each minute what the clock of `zone` shows then.

    Asking for each minute of many years takes too long.  A library that judges minute, hour and day
    each for itself gives for a day the same answer at all its times, so each day is asked about
    once, and each hour and minute once.

    Args:
        is_time: Of the library; takes a naive wall time.
        time_of_day: Hour and minute at which it fires on some day.
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
    times: list[time] = []
    day = after.astimezone(zone).date()
    while day.year <= YEAR_MAX:
        at = datetime.combine(day, probe)
        if is_time(at):
            times = times or _times(is_time, at)
            for instant in _shown(zone, day, times):
                if instant > after:
                    yield instant
        day += DAY


def _times(is_time: Callable[[datetime], bool], at: datetime) -> list[time]:
    """The times of a day; `at` is one that fires."""
    hours = [hour for hour in range(24) if is_time(at.replace(hour=hour))]
    minutes = [minute for minute in range(60) if is_time(at.replace(minute=minute))]
    return [time(hour, minute) for hour in hours for minute in minutes]


def _shown(zone: tzinfo, day: date, times: list[time]) -> Iterator[datetime]:
    """The instants at which the zone's clock shows these times of a day: of one that it leaves out
    none, of one that it repeats two."""
    offset = _offset_all_day(zone, day)
    if offset is not None:
        own = timezone(offset)
        yield from (datetime.combine(day, each, own).astimezone(timezone.utc) for each in times)
        return
    found = set()
    for each in times:
        for fold in (0, 1):
            wall = datetime.combine(day, each, zone).replace(fold=fold)
            instant = wall.astimezone(timezone.utc)
            if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None, fold=0):
                found.add(instant)
    yield from sorted(found)


@lru_cache(maxsize=100_000)  # Many schedules ask about the same days.
def _offset_all_day(zone: tzinfo, day: date) -> timedelta | None:
    """The offset of the zone; None if the clock is changed on this day."""
    edges = [datetime.combine(each, time(), zone) for each in (day, day + DAY)]
    offsets = {edge.replace(fold=fold).utcoffset() for edge in edges for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None
