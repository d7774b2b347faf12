"""Where random tests of importers begin: at changes of clocks, zone by zone; crontabs at night."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache

from z4j_adapters.transfer.values import EPOCH
from z4j_adapters.transfer.zones import zone_of

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=timezone.utc)

# Changes at 1, 2, 3 and 0 o'clock, by half an hour, across midnight, around a month, and none.
NAMED_ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "Europe/Dublin", "Europe/Lisbon"),
    *("Australia/Lord_Howe", "Australia/Sydney", "America/Santiago", "America/Havana"),
    *("America/St_Johns", "Asia/Beirut", "Africa/Cairo", "Asia/Jerusalem", "America/Nuuk"),
    *("Africa/Casablanca", "Pacific/Chatham", "Asia/Kolkata", "Asia/Tokyo"),
)
ZONES = (*NAMED_ZONES, "UTC+05:30", "UTC-03:00")


EVERYDAY = (
    *("* * * * *", "*/5 * * * *", "*/10 * * * *", "*/15 * * * *", "*/30 * * * *"),
    *("0 * * * *", "30 * * * *", "0 */2 * * *", "0 */6 * * *", "0 */12 * * *"),
    *("0 0 * * *", "30 0 * * *", "0 1 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *"),
    *("0 3 * * *", "0 4 * * *", "0 6 * * *", "0 12 * * *", "0 22 * * *"),
    *("0 8 * * MON-FRI", "30 9 * * MON-FRI", "*/10 8-18 * * MON-FRI"),
    *("0 0 * * SUN", "0 3 * * SUN", "0 0 * * MON", "0 0 1 * *", "0 6 1 * *", "0 0 1 1 *"),
)
"""Crons that teams write, in words that every source takes."""


@cache
def changes(zone: str) -> list[datetime]:
    """The hours from 2024 to 2029 within which the zone's offset changes, in UTC."""
    tz = zone_of(zone)
    hours = (datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(hours=h) for h in range(43_824))
    found = []
    last = None
    for hour in hours:
        offset = hour.astimezone(tz).utcoffset()
        if last is not None and offset != last:
            found.append(hour)
        last = offset
    return found


def draw_start(rng: random.Random, zone: str) -> datetime:
    """Shortly before a change of the clock, a leap day or the end of a year, or anywhere."""
    kind = rng.random()
    if changes(zone) and kind < 0.65:
        at = rng.choice(changes(zone))
    elif kind < 0.75:
        at = datetime(rng.choice([2024, 2028, 2032]), 2, 29, tzinfo=timezone.utc)
    elif kind < 0.85:
        at = datetime(rng.randint(2024, 2030), 12, 31, 23, tzinfo=timezone.utc)
    else:
        at = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=3000) * rng.random()
    start = at - rng.choice([timedelta(hours=5), timedelta(days=2)]) * rng.random()
    return start if rng.random() < 0.3 else start.replace(second=0, microsecond=0)


def draw_crontab_text(rng: random.Random, piece: Callable[[random.Random, int], str]) -> str:
    """Five fields, about half of them at night, made of what `piece` draws for a field."""
    at_night = rng.random() < 0.5
    fields = []
    for index, star in enumerate([0.2, 0.3, 0.5, 0.7, 0.5]):
        if at_night and index == 1:
            fields.append(rng.choice(["*", "0-3", "1", "2", "1,2", "2,3", "0", "*/2"]))
        elif (at_night and index in (2, 3)) or rng.random() < star:
            fields.append("*")
        else:
            fields.append(",".join(piece(rng, index) for _ in range(rng.choice([1, 1, 2, 3]))))
    return " ".join(fields)


def shown(us: list[int], zone: str) -> list[str]:
    """Due times as the zone's clock has them, for messages."""
    tz = zone_of(zone)
    return [(EPOCH + timedelta(microseconds=u)).astimezone(tz).isoformat() for u in us]
