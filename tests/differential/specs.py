"""Cron specs drawn at random, in the grammar that croniter or Celery shares with us."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

# With DST or with a history of offset changes: half hours, negative DST, a skipped day.
ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Tehran",
    "Africa/Cairo",
]

# Ours know no later times; both sides are compared up to here.
END = datetime(2199, 1, 1, tzinfo=timezone.utc)

BOUNDS = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month": (1, 12),
    "day_of_week": (0, 6),
}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@dataclass(frozen=True)
class Spec:
    """Six fields in our own grammar; `second` is "0" for what has five."""

    second: str
    minute: str
    hour: str
    day_of_month: str
    month: str
    day_of_week: str
    day_match: str = "OR"

    def __str__(self) -> str:
        five = f"{self.minute} {self.hour} {self.day_of_month} {self.month} {self.day_of_week}"
        return five if self.second == "0" else f"{self.second} {five}"

    def with_field(self, name: str, value: str) -> Spec:
        """The same spec with another value of one field."""
        return replace(self, **{name: value})


@dataclass(frozen=True)
class Case:
    """One question: the next `count` due times strictly after `after`."""

    spec: Spec
    zone: str
    after: datetime
    count: int = 40


@cache
def transitions(zone: str) -> list[datetime]:
    """The instants from 1971 to 2037 at which the zone's offset changes, in UTC."""
    tz = ZoneInfo(zone)
    found = []
    at = datetime(1971, 1, 1, tzinfo=timezone.utc)
    while at.year < 2037:
        after = at + timedelta(days=1)
        if at.astimezone(tz).utcoffset() != after.astimezone(tz).utcoffset():
            low, high = 0, 86_400
            while high - low > 1:
                middle = (low + high) // 2
                moved = (at + timedelta(seconds=middle)).astimezone(tz).utcoffset()
                if moved == at.astimezone(tz).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(at + timedelta(seconds=high))
        at = after
    return found


def _named(rng: random.Random, field: str, value: int) -> str:
    if field == "month" and rng.random() < 0.3:
        return rng.choice([MONTHS[value - 1], MONTHS[value - 1].upper()])
    if field == "day_of_week" and rng.random() < 0.3:
        return rng.choice([WEEKDAYS[value], WEEKDAYS[value].upper()])
    return str(value)


def _term(rng: random.Random, field: str, *, open_steps: bool) -> str:
    low, high = BOUNDS[field]
    a, b = rng.randint(low, high), rng.randint(low, high)
    kind = rng.random()
    if kind < 0.15:
        return f"*/{rng.randint(1, high - low + 1)}"
    if kind < 0.35:
        return f"{_named(rng, field, a)}-{_named(rng, field, b)}"
    if kind < 0.5:
        first, last = (a, b) if rng.random() < 0.2 else (min(a, b), max(a, b))
        return f"{first}-{last}/{rng.randint(1, min(7, high - low))}"
    if kind < 0.6 and open_steps:
        return f"{a}/{rng.randint(1, high - low)}"
    return _named(rng, field, a)


def _field(rng: random.Random, field: str, star: float, *, open_steps: bool) -> str:
    if rng.random() < star:
        return "*"
    terms = rng.choice([1, 1, 1, 2, 3])
    return ",".join(_term(rng, field, open_steps=open_steps) for _ in range(terms))


def croniter_spec(rng: random.Random) -> Spec:
    """Everything that both grammars have; a fifth of the specs have seconds."""
    spec = Spec(
        second=_field(rng, "second", 0.3, open_steps=True) if rng.random() < 0.2 else "0",
        minute=_field(rng, "minute", 0.2, open_steps=True),
        hour=_field(rng, "hour", 0.35, open_steps=True),
        day_of_month=_field(rng, "day_of_month", 0.5, open_steps=True),
        month=_field(rng, "month", 0.6, open_steps=True),
        day_of_week=_field(rng, "day_of_week", 0.5, open_steps=True),
    )
    kind = rng.random()
    if kind < 0.05:
        spec = spec.with_field("day_of_month", rng.choice(["L", "1,L", "15,L"]))
    elif kind < 0.1:
        spec = spec.with_field("day_of_month", f"{rng.randint(1, 31)}W")
    elif kind < 0.12:
        spec = spec.with_field("day_of_month", "?")
    kind = rng.random()
    if kind < 0.07:
        spec = spec.with_field("day_of_week", f"{rng.randint(0, 6)}#{rng.randint(1, 5)}")
    elif kind < 0.12:
        spec = spec.with_field("day_of_week", f"{rng.randint(0, 6)}L")
    elif kind < 0.17:
        spec = spec.with_field("day_of_week", rng.choice(["7", "5-7", "0-7", "1-7", "7,3"]))
    return spec


def celery_spec(rng: random.Random) -> Spec:
    """What Celery's crontab has: five fields, no "n/s", no special days, no weekday 7."""
    return Spec(
        second="0",
        minute=_field(rng, "minute", 0.2, open_steps=False),
        hour=_field(rng, "hour", 0.35, open_steps=False),
        day_of_month=_field(rng, "day_of_month", 0.5, open_steps=False),
        month=_field(rng, "month", 0.6, open_steps=False),
        day_of_week=_field(rng, "day_of_week", 0.5, open_steps=False),
        day_match="AND",
    )


def at_night(rng: random.Random, spec: Spec) -> Spec:
    """The spec made to run on most days, in the hours in which clocks are changed."""
    hours = ["*", "*/2", "0-3", "1", "2", "1,2", "2,3", "0", "23,0", "1-4/2", "*/1", "0-12/2"]
    spec = replace(spec, hour=rng.choice(hours), day_of_month="*", month="*")
    return spec if rng.random() < 0.3 else spec.with_field("day_of_week", "*")


def draw_start(rng: random.Random, zone: str) -> datetime:
    """Anywhere from 1971 to 2090, or, more often, shortly before a change of the offset."""
    if zone != "UTC" and rng.random() < 0.85:
        before = rng.choice([timedelta(hours=4), timedelta(hours=4), timedelta(days=2)])
        start = rng.choice(transitions(zone)) - before * rng.random()
    else:
        start = datetime(1971, 1, 1, tzinfo=timezone.utc) + timedelta(days=43_000) * rng.random()
    # Fractions of a second, whole minutes and what lies between.
    kind = rng.random()
    if kind < 0.3:
        return start.replace(second=0, microsecond=0)
    return start if kind < 0.6 else start.replace(microsecond=0)
