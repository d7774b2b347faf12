"""Time zones by name, and which data Python's zoneinfo reads."""

from __future__ import annotations

import re
import zoneinfo
from datetime import timedelta, timezone, tzinfo
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["fixed_zone_name", "tzdata_version", "zone_of"]

_FIXED = re.compile(r"UTC([+-])(\d\d):(\d\d)")
OFFSET_MAX = timedelta(hours=14)


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
