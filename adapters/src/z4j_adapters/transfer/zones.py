"""Time zones by name, and which data Python's zoneinfo reads."""

from __future__ import annotations

import re
import zoneinfo
from datetime import datetime, timedelta, timezone, tzinfo
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["fixed_zone_name", "tzdata_version", "zone_of", "zone_rules"]

_FIXED = re.compile(r"UTC([+-])(\d\d):(\d\d)")
OFFSET_MAX = timedelta(hours=14)
RULES_SPAN = timedelta(days=3653)
RULES_MAX = 20  # Changes told of a zone; ten years have twenty where there are two a year.
RULES_STEP = timedelta(days=7)  # No zone of today changes twice within.


def zone_of(name: str) -> tzinfo:
    """The zone called `name`: "Europe/Berlin", or of fixed offset, "UTC+05:30".

    Raises:
        ValueError: There is none; the message says what to write.
    """
    fixed = _FIXED.fullmatch(name)
    if fixed:
        offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        if int(fixed[3]) < 60 and offset <= OFFSET_MAX:
            return timezone(-offset if fixed[1] == "-" else offset, name)
    else:
        try:
            return zoneinfo.ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise ValueError(f"{name!r} is no time zone such as Europe/Berlin or UTC+05:30")


def fixed_zone_name(offset: timedelta) -> str:
    """The name of the zone that is always so far ahead of UTC: "UTC+05:30", "UTC".

    Raises:
        ValueError: It is no whole number of minutes within 14 hours.
    """
    minutes, rest = divmod(abs(offset), timedelta(minutes=1))
    if rest or abs(offset) > OFFSET_MAX:
        raise ValueError(f"an offset of {offset} is no whole number of minutes within 14 hours")
    if minutes == 0:
        return "UTC"
    sign = "-" if offset < timedelta(0) else "+"
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def zone_rules(name: str, at: datetime) -> tuple[list[tuple[datetime, timedelta]], datetime] | None:
    """The offsets from UTC of a zone that changes them, as zoneinfo has it: the one that holds at
    `at`, and each with the instant from which on it does; all before the instant returned second.

    Returns:
        None for a fixed offset, and for a zone that there is not.
    """
    if _FIXED.fullmatch(name):
        return None
    try:
        zone = zone_of(name)
    except ValueError:
        return None
    begin = at.astimezone(timezone.utc).replace(microsecond=0)
    until = begin + RULES_SPAN
    rules = [(begin, _offset(begin, zone))]
    while begin < until and len(rules) <= RULES_MAX:
        after = begin + RULES_STEP
        if _offset(after, zone) != rules[-1][1]:
            change = _change(begin, after, zone)
            rules.append((change, _offset(change, zone)))
        begin = after
    return rules, begin


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The second from which on the offset is that of `after`."""
    low, high, new = 0, int((after - before).total_seconds()), _offset(after, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == new:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)


def tzdata_version() -> str:
    """The version of the zone data: "2025b", "2026.5 (PyPI)", or "unknown".

    zoneinfo takes a zone from the folders of its TZPATH first, else from the package `tzdata`.
    """
    for folder in zoneinfo.TZPATH:
        for name in ("+VERSION", "tzdata.zi", "version"):
            path = Path(folder, name)
            if path.is_file():
                with path.open(encoding="utf-8", errors="replace") as file:
                    line = file.readline().strip()
                return line.removeprefix("# version ") or "unknown"
        if Path(folder, "Europe/Berlin").is_file():
            return "unknown"
    try:
        return f"{version('tzdata')} (PyPI)"
    except PackageNotFoundError:
        return "unknown"
