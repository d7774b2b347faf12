"""Celery's own due times: its schedule objects, asked in simulated time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

from celery import Celery
from celery.schedules import crontab

from z4j_adapters.engines.celery.importing.gaps import Sets, before_changes
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros

__all__ = ["crontab_fires", "first_due", "once", "preceded", "schedule_fires", "within"]

YEAR_END = 2199
LATENCY = timedelta(minutes=1)  # Beat is never so exact that it finds the same event of the sun.


class _Clock:
    """The time that a schedule object is told."""

    now = datetime(1970, 1, 1, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now


@lru_cache(maxsize=256)
def _app(zone: tzinfo) -> Any:
    """An app of which nothing but the zone and the default settings count."""
    app = Celery("z4j_import", set_as_current=False)
    app.conf.timezone = zone
    return app


def _clone(schedule: Any, zone: tzinfo) -> tuple[Any, _Clock]:
    """The same schedule, with a clock and a zone of ours; nothing is parsed again."""
    clock = _Clock()
    clone = object.__new__(type(schedule))
    clone.__dict__.update(schedule.__dict__)
    clone.__dict__.pop("utc_enabled", None)
    clone.nowfun = clock
    clone.app = _app(zone)
    clone.__dict__["tz"] = zone
    return clone, clock


def _next(schedule: Any, clock: _Clock, last: datetime, zone: tzinfo) -> datetime:
    """When beat runs it after a run at `last`, both in UTC; beat remembers local times."""
    clock.now = last.astimezone(zone)
    due: datetime = last + schedule.remaining_estimate(clock.now)
    return due


def crontab_fires(schedule: Any, sets: Sets, zone: tzinfo) -> Fires:
    """Due times of a crontab under a beat that has been running for a while."""
    return lambda after, n: list(_crontab(_Same(schedule, sets, zone), after, n))


class _Same:
    """Makes equal crontabs one key of the cache."""

    def __init__(self, schedule: Any, sets: Sets, zone: tzinfo) -> None:
        # Celery walks another way where these two are written as stars.
        stars = schedule._orig_day_of_month == "*", schedule._orig_month_of_year == "*"
        self.schedule = schedule
        self.zone = zone
        self.key = sets, str(zone), stars

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.key == other.key


@lru_cache(maxsize=64)
def _crontab(same: _Same, after: datetime, n: int) -> tuple[int, ...]:
    # A TzAwareCrontab is a crontab with a zone of its own; so is the clone.
    plain = crontab.__new__(crontab)
    plain.__dict__.update(same.schedule.__dict__)
    schedule, clock = _clone(plain, same.zone)
    last = before_changes(after, same.zone)
    found: list[int] = []
    while len(found) < n:
        last = _next(schedule, clock, last, same.zone)
        if last.year > YEAR_END:
            break
        if last > after:
            found.append(micros(last))
    return tuple(found)


def schedule_fires(
    schedule: Any,
    zone: tzinfo,
    last_run: datetime,
    *,
    latency: timedelta = timedelta(0),
    leap: timedelta | None = None,
) -> Fires:
    """Due times of an interval or of the sun, counted from `last_run`.

    `leap` is the period of an interval that adds nothing but elapsed time: runs long before the
    instant that is asked about are then passed over.
    """

    def fires(after: datetime, n: int) -> list[int]:
        clone, clock = _clone(schedule, zone)
        found: list[int] = []
        last = last_run
        if leap is not None and after > last:
            last += max(0, (after - last) // leap - 1) * leap
        while len(found) < n:
            last = _next(clone, clock, last + latency, zone)
            if last.year > YEAR_END:
                break
            if last > after:
                found.append(micros(last))
        return found

    return fires


def first_due(schedule: Any, zone: tzinfo, last_run: datetime) -> datetime:
    """The first due time after a run at `last_run`."""
    clone, clock = _clone(schedule, zone)
    return _next(clone, clock, last_run, zone)


def within(
    fires: Fires,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    most: int = 0,
) -> Fires:
    """Those after `start` and before `end`, and at most `most` (0: any number)."""

    def cut(after: datetime, n: int) -> list[int]:
        begin = after if start is None else max(after, start)
        found = fires(begin, min(n, most) if most else n)
        return [t for t in found if end is None or t < micros(end)]

    return cut


def once(at: datetime) -> Fires:
    """At one instant."""
    return lambda after, n: [micros(at)] if at > after and n > 0 else []


def preceded(first: datetime, fires: Fires) -> Fires:
    """At `first`, and then as `fires`, which are all later."""
    return lambda after, n: (once(first)(after, n) + fires(max(after, first), n))[:n]
