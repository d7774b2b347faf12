"""Debian's cron in simulated time: its minute loop, its jumps of the clock, its two kinds of jobs.

There is no library to ask, so this is written after cron.c's main loop, independently of the
importer's mapping: it knows nothing of gap and fold policies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CAUGHT_UP_MAX = 600  # Runs at one instant, and those of the hours before the start.
CLOCK_EPOCH = datetime(1970, 1, 1)
EPOCH = CLOCK_EPOCH.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Job:
    """A line of a crontab."""

    matches: Callable[[datetime], bool]
    """Whether its fields match what the clock shows."""
    is_wild: bool
    """Its minute or hour begins with *."""
    may_run: Callable[[datetime], bool]
    """Whether its fields match some minute of the hour that begins then."""


def run(job: Job, zone: tzinfo, start: datetime, end: datetime, most: int) -> list[datetime]:
    """The first instants after `start`, up to `end`, at which a cron that runs already runs a job.

    Runs that cron makes seconds after one another, to catch up, are at the same instant here.
    """
    ran: list[datetime] = []
    now = start.replace(second=0, microsecond=0) - timedelta(hours=6)
    offset = now.astimezone(zone).utcoffset() or timedelta(0)
    virtual = _clock(now, offset)

    def find_jobs(shown: int, at: datetime, *, wild: bool, fixed: bool) -> None:
        wanted = wild if job.is_wild else fixed
        if wanted and job.matches(CLOCK_EPOCH + shown * MINUTE):
            ran.append(at)

    while now < end and len(ran) < most + CAUGHT_UP_MAX:
        steady = virtual == _clock(now, offset) and virtual % 60 == 59
        if steady and not job.may_run(CLOCK_EPOCH + (virtual + 1) * MINUTE):
            later = (now + 2 * HOUR).astimezone(zone).utcoffset() or timedelta(0)
            if later == offset:  # Nothing happens in this hour of the clock.
                now, virtual = now + HOUR, virtual + 60
                continue
        now += MINUTE
        if now.minute % 15 == 0:  # No clock is changed at other times.
            offset = now.astimezone(zone).utcoffset() or timedelta(0)
        running = _clock(now, offset)
        ahead = running - virtual
        if ahead == 1:
            virtual = running
            find_jobs(virtual, now, wild=True, fixed=True)
        elif 0 < ahead <= 5:  # Woke up late.
            while virtual < running:
                virtual += 1
                find_jobs(virtual, now, wild=True, fixed=True)
        elif 5 < ahead <= 180:  # The clock was put forward.
            find_jobs(running, now, wild=True, fixed=False)
            while virtual < running:
                virtual += 1
                find_jobs(virtual, now, wild=False, fixed=True)
        elif -180 < ahead <= 0:  # The clock was put back.
            find_jobs(running, now, wild=True, fixed=False)
        else:  # It was set.
            virtual = running
            find_jobs(running, now, wild=True, fixed=True)
    return sorted({at for at in ran if start < at <= end})[:most]


def _clock(instant: datetime, offset: timedelta) -> int:
    """Minutes that a clock shows which is so far ahead of UTC."""
    return (instant - EPOCH + offset) // MINUTE
