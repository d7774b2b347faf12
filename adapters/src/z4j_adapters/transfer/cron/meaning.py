"""What the times of a crontab line become: fields, refusals, and what is to be known of them."""

from __future__ import annotations

from typing import Any

from z4j_adapters.transfer.cron.fields import Flavour, Times
from z4j_adapters.transfer.cron.table import Line
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.wall import day_exists

__all__ = [
    "DUPLICATES",
    "HOLE",
    "RANDOM_DELAY",
    "delay_minutes",
    "may_meet",
    "never",
    "spec_of",
    "warnings_of",
]

DELAY_MAX_MINUTES = 24 * 60  # As much jitter as a schedule may have.

RANDOM_DELAY = (
    "RANDOM_DELAY: cronie delays all jobs by the same 0 to {delay} min, drawn when it starts; here "
    "each has a delay of its own in that range, always the same"
)
DUPLICATES = Note(
    "R10_DUPLICATES",
    "times of the hour that the clock leaves out all run when it is put forward: in cron each of "
    "them, seconds apart, here once",
)
HOLE = (
    "CRON_TZ: cronie leaves out such a job in the hour that the host's own clock repeats; here it "
    "runs (name the host's zone with --timezone: without clock changes there is no such hour)"
)


def spec_of(times: Times) -> tuple[dict[str, Any], str]:
    """Make the spec.  Where either day field suffices, one with every day leaves nothing to choose,
    and one without any leaves the choice to the other."""
    days: frozenset[int] | None = times.day_of_month
    weekdays: frozenset[int] | None = times.day_of_week
    either = not times.both_days
    if either and (len(times.day_of_month) == 31 or len(times.day_of_week) == 7):
        days = weekdays = None
    elif either and not (days and weekdays):
        days, weekdays = days or None, weekdays or None
    return cron(
        minute=times.minute,
        hour=times.hour,
        day_of_month=days,
        month=times.month,
        day_of_week=weekdays,
        day_match="OR" if either and days and weekdays else "AND",
    )


def never(times: Times) -> str:
    """Why it never runs; empty if it does."""
    for name, values in (
        ("minute", times.minute),
        ("hour", times.hour),
        ("month", times.month),
    ):
        if not values:
            return f"no {name} matches: {_backwards(times)}"
    has_day, has_weekday = day_exists(times.day_of_month, times.month), bool(times.day_of_week)
    if (has_day and has_weekday) if times.both_days else (has_day or has_weekday):
        return ""
    if times.backwards:
        return f"no day matches: {_backwards(times)}"
    return "no day matches: there is no such day in any of its months"


def may_meet(times: Times) -> bool:
    """Whether an hour that the clock leaves out may bring two times of it to one instant."""
    return len(times.minute) > 1 or any(hour + 1 in times.hour for hour in times.hour)


def _backwards(times: Times) -> str:
    return f"a range that runs backwards ({', '.join(times.backwards)}) is empty to Debian's cron"


def warnings_of(line: Line, flavour: Flavour) -> list[Note]:
    assert line.times is not None
    notes = [
        Note("JUNK_IGNORED", f"cron passes over {text}, without a word; so does the import")
        for text in line.times.junk
    ]
    if line.times.backwards:
        notes.append(Note("EMPTY_RANGE", f"part of it never matches: {_backwards(line.times)}"))
    if flavour == "debian" and "CRON_TZ" in (line.env or {}):
        notes.append(
            Note(
                "CRON_TZ_IGNORED",
                "Debian's cron takes CRON_TZ for a setting like any other, and runs by the host's "
                "clock; if cronie reads this table, give --cron-flavour cronie",
            )
        )
    return notes


def delay_minutes(line: Line, flavour: Flavour) -> int:
    text = (line.env or {}).get("RANDOM_DELAY", "") if flavour == "cronie" else ""
    return min(int(text[:6]), DELAY_MAX_MINUTES) if text.isdecimal() else 0
