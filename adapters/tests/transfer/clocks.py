"""Where random tests of importers begin: at changes of clocks, zone by zone."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from functools import cache

from transfer.instants import EPOCH
from z4j_adapters.transfer.zones import zone_of

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=timezone.utc)

# Changes by night and at midnight, of an hour and of half of one, and zones without any.
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "America/Santiago",
    "America/St_Johns",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "UTC+05:30",
    "UTC-03:00",
]


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


def shown(us: list[int], zone: str) -> list[str]:
    """Due times as the zone's clock has them, for messages."""
    tz = zone_of(zone)
    return [(EPOCH + timedelta(microseconds=u)).astimezone(tz).isoformat() for u in us]
