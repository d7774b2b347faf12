"""Debian's cron in simulated time: its minute loop, its jumps of the clock, its two kinds of jobs.

There is no library to ask, so this is written after cron.c's main loop, independently of the
importer's mapping: it knows nothing of gap and fold policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CAUGHT_UP_MAX = 600  # Runs at one instant, and those of the hours before the start.
CLOCK_EPOCH = datetime(1970, 1, 1)
EPOCH = CLOCK_EPOCH.replace(tzinfo=timezone.utc)
BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


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
    """The first instants after `start`, up to `end`, at which a cron that is up runs a job."""
    return sorted(set(run_each(job, zone, start, end, most)))[:most]


def run_each(
    job: Job, zone: tzinfo, start: datetime, end: datetime, most: int = 10**9
) -> list[datetime]:
    """`run`, with an instant for each run: several that cron makes seconds after one another, to
    catch up, are at the same instant.  It ends soon after `most`."""
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
    return sorted(at for at in ran if start < at <= end)


def _clock(instant: datetime, offset: timedelta) -> int:
    """Minutes that a clock shows which is so far ahead of UTC."""
    return (instant - EPOCH + offset) // MINUTE


def job_of(text: str) -> Job:
    """The job of five fields or a macro, read by patterns: not as the importer does it."""
    macros = {"hourly": "0 * * * *", "daily": "0 0 * * *", "midnight": "0 0 * * *"}
    macros |= {"weekly": "0 0 * * 0", "monthly": "0 0 1 * *"}
    fields = (macros[text[1:]] if text.startswith("@") else text).split()
    sets = [_numbers(field, index) for index, field in enumerate(fields)]
    sets[4] = {day % 7 for day in sets[4]}
    star_day = fields[2].startswith("*") or fields[4].startswith("*")

    def may_run(hour: datetime) -> bool:
        day, weekday = hour.day in sets[2], hour.isoweekday() % 7 in sets[4]
        return (
            hour.hour in sets[1]
            and hour.month in sets[3]
            and ((day and weekday) if star_day else (day or weekday))
        )

    def matches(at: datetime) -> bool:
        return at.minute in sets[0] and may_run(at)

    is_wild = fields[0].startswith("*") or fields[1].startswith("*")
    return Job(matches, is_wild, may_run)


def _numbers(field: str, index: int) -> set[int]:
    low, high = BOUNDS[index]
    found: set[int] = set()
    for part in field.split(","):
        read = re.match(r"(\*|(\w+?)(?:-(\w+))?)(?:/(\d+))?(?=$|[#?-])", part)
        assert read is not None, part
        if read[1] == "*":
            first, last = low, high
        else:
            first = _number(read[2], index)
            last = _number(read[3], index) if read[3] else first
        found |= {n for n in range(first, last + 1, int(read[4] or 1))}
        if read.end() < len(part):
            break
    return found


def _number(text: str, index: int) -> int:
    names = NAMES.get(index, [])
    lower = text.lower()
    return names.index(lower) + BOUNDS[index][0] if lower in names else int(text)
